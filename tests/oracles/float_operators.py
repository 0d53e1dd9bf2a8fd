"""Writes small ONNX models of float operators with the outputs that onnxruntime gives for them.

Usage: python float_operators.py OUT_DIR

Every case is a folder OUT_DIR/<case>/ with model.onnx, input_0.npy, input_1.npy, ... in the order of the graph's inputs, and
output_0.npy, ... in the order of its outputs. The models have one operator or a few. The outputs come from onnxruntime on the
CPU with graph optimisation disabled, so that each operator's own kernel is what is measured, and with one thread, because some
sums depend on the number of threads. A NaN may have any payload. The seeds are fixed: two runs on one machine write the same
bytes.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10
SPECIALS = np.array(
    [
        0.0,
        -0.0,
        np.nan,
        np.inf,
        -np.inf,
        1e-45,
        -1e-45,
        1e-39,
        -1e-39,
        1.1754944e-38,
        3.4028235e38,
        -3.4028235e38,
        1.0,
        -1.0,
        0.5,
        -0.5,
        88.7,
        -88.7,
        -104.0,
        9.0,
        -9.0,
        18.0,
        -18.0,
        3.925,
        0.921875,
    ],
    dtype=np.float32,
)
ELEMENT = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.bool_): TensorProto.BOOL,
}


class Writer:
    """Writes the cases into one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.count = 0

    def graph(
        self,
        name: str,
        nodes: list[onnx.NodeProto],
        inputs: list[np.ndarray],
        outputs: int = 1,
        constants: dict[str, np.ndarray | onnx.TensorProto] | None = None,
        opset: int = OPSET,
        batch: bool = True,
    ) -> None:
        """Writes a case. The graph's inputs are x0, x1, ..., its outputs y0, y1, ...

        With `batch` the first dimension of x0 is named "batch".
        """
        values = []
        for index, array in enumerate(inputs):
            shape: list[int | str] = list(array.shape)
            if batch and index == 0 and shape:
                shape[0] = "batch"
            values.append(helper.make_tensor_value_info(f"x{index}", ELEMENT[array.dtype], shape))
        tensors = []
        for key, value in (constants or {}).items():
            if isinstance(value, onnx.TensorProto):
                value.name = key
                tensors.append(value)
            else:
                tensors.append(numpy_helper.from_array(value, key))
        results = [helper.make_empty_tensor_value_info(f"y{index}") for index in range(outputs)]
        model = helper.make_model(
            helper.make_graph(nodes, name, values, results, tensors),
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=IR_VERSION if opset < 25 else 13,
            producer_name="float_operators",
        )
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.output}
        del model.graph.output[:]
        model.graph.output.extend(
            helper.make_tensor_value_info(f"y{index}", kinds[f"y{index}"], None) for index in range(outputs)
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        expected = session.run(None, {f"x{index}": array for index, array in enumerate(inputs)})
        for value, array in zip(model.graph.output, expected, strict=True):
            value.CopyFrom(helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, [None] * np.ndim(array)))
        onnx.checker.check_model(model)
        folder = self.folder / name
        folder.mkdir(parents=True)
        onnx.save(model, folder / "model.onnx")
        for index, array in enumerate(inputs):
            np.save(folder / f"input_{index}.npy", array)
        for index, array in enumerate(expected):
            np.save(folder / f"output_{index}.npy", np.asarray(array))
        self.count += 1

    def node(
        self,
        name: str,
        operator: str,
        inputs: list[np.ndarray],
        constants: dict[str, np.ndarray | onnx.TensorProto] | None = None,
        order: list[str] | None = None,
        outputs: int = 1,
        opset: int = OPSET,
        batch: bool = True,
        **attributes: object,
    ) -> None:
        """Writes a case of one node: its inputs are x0, x1, ... and then the constants, or those named in `order`."""
        names = order or [f"x{index}" for index in range(len(inputs))] + list(constants or {})
        made = helper.make_node(operator, names, [f"y{index}" for index in range(outputs)], **attributes)
        self.graph(name, [made], inputs, outputs, constants, opset, batch)


def normal(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Normally distributed floats."""
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def wide(seed: int, *shape: int) -> np.ndarray:
    """Floats over many exponents."""
    generator = np.random.default_rng(seed)
    return (generator.normal(size=shape) * np.exp(generator.normal(size=shape) * 4)).astype(np.float32)


def bits(seed: int, count: int) -> np.ndarray:
    """The special values and uniformly random bit patterns."""
    random = np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    return np.concatenate([SPECIALS, random])


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of some special values."""
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -1.5, 1e-40, 3e38], dtype=np.float32)
    left, right = np.meshgrid(values, values, indexing="ij")
    return left.copy(), right.copy()


def integers(*values: int) -> np.ndarray:
    """A vector of int64."""
    return np.array(values, dtype=np.int64)


def unary(write: Writer) -> None:
    """Operators of one element."""
    values = np.concatenate([bits(1, 500), normal(2, 483, scale=4.0)]).reshape(12, 84)
    for operator in ["Sigmoid", "Tanh", "Erf", "Exp", "Sqrt", "Neg", "Abs", "Relu", "Reciprocal"]:
        write.node(operator.lower(), operator, [values])
        write.node(f"{operator.lower()}_odd", operator, [normal(3, 7, 11, scale=3.0)])
    for kind in ["none", "tanh"]:
        write.node(f"gelu_{kind}", "Gelu", [values], approximate=kind)
        write.node(f"gelu_{kind}_odd", "Gelu", [normal(4, 5, 13, scale=2.0)], approximate=kind)
    write.node("leaky_relu", "LeakyRelu", [values])
    write.node("leaky_relu_alpha", "LeakyRelu", [values], alpha=0.3)
    write.node("hard_sigmoid", "HardSigmoid", [values], alpha=0.25, beta=0.4)
    bound = {"low": np.array(-1.0, np.float32), "high": np.array(6.0, np.float32)}
    write.node("clip", "Clip", [values], bound)
    write.node("clip_low", "Clip", [values], {"low": bound["low"]})
    write.node("clip_high", "Clip", [values], {"high": bound["high"]}, order=["x0", "", "high"])
    write.node("clip_unbounded", "Clip", [values])
    write.node("identity", "Identity", [values])
    write.node("dropout", "Dropout", [values])


def binary(write: Writer) -> None:
    """Operators of two elements, with broadcasting."""
    left, right = pairs()
    for operator in ["Add", "Sub", "Mul", "Div", "Min", "Max"]:
        name = operator.lower()
        write.node(f"{name}_special", operator, [left, right])
        write.node(f"{name}_row", operator, [wide(10, 3, 4, 5)], {"c": wide(11, 5)})
        write.node(f"{name}_both", operator, [wide(12, 4, 1, 5), wide(13, 3, 1)])
        write.node(f"{name}_scalar", operator, [wide(14, 2, 33)], {"c": np.array(-0.75, np.float32)})
        write.node(f"{name}_scalar_left", operator, [wide(15, 2, 33)], {"c": np.array(-0.75, np.float32)}, order=["c", "x0"])
    write.node("add_integers", "Add", [np.arange(12, dtype=np.int64).reshape(3, 4)], {"c": integers(1, -2, 3, 2**40)})
    write.node("mul_int32", "Mul", [np.arange(12, dtype=np.int32).reshape(3, 4)], {"c": np.array([3], np.int32)})
    write.node("min_three", "Min", [wide(16, 3, 4), wide(17, 4), wide(18, 3, 1)])
    write.node("max_one", "Max", [wide(19, 3, 4)])
    values = np.concatenate([SPECIALS, wide(20, 75)]).reshape(10, 10)
    for exponent in [2.0, 3.0]:
        write.node(f"pow_{int(exponent)}", "Pow", [values], {"e": np.array(exponent, np.float32)})
    write.node("pow_2_vector", "Pow", [values], {"e": np.array([2.0], np.float32)})
    exponents = np.array([[2.0], [3.0], [0.5], [-1.0]], np.float32)
    write.node("pow_columns", "Pow", [np.abs(wide(25, 4, 9))], {"e": exponents})
    write.node("pow_rows", "Pow", [np.abs(wide(26, 9, 4))], {"e": exponents.reshape(4)})


def normalisation(write: Writer) -> None:
    """Softmax and the normalisations."""
    for opset in [11, 13]:
        for axis in [-1, 1]:
            name = f"softmax_opset{opset}_axis{'_last' if axis < 0 else axis}"
            write.node(name, "Softmax", [normal(30, 2, 3, 7, 5, scale=3.0)], opset=opset, axis=axis)
    write.node("softmax_default_opset11", "Softmax", [normal(31, 3, 4, 5)], opset=11)
    write.node("softmax_default", "Softmax", [normal(32, 2, 6, 197, scale=2.0)])
    write.node("softmax_long", "Softmax", [wide(33, 3, 1000)])
    special = normal(34, 6, 19)
    special[0, 3], special[1, 5], special[2, 7], special[3, :], special[4, 2] = np.nan, np.inf, -np.inf, -np.inf, 1e30
    write.node("log_softmax", "LogSoftmax", [normal(29, 3, 45, scale=3.0)])
    write.node("softmax_special", "Softmax", [special])
    for size in [3, 7, 8, 12, 13, 21, 197, 384]:
        scale, bias = normal(35, size), normal(36, size)
        write.node(
            f"layer_norm_{size}", "LayerNormalization", [normal(37, 5, size) + np.float32(0.5)], {"scale": scale, "bias": bias}
        )
    write.node("layer_norm_no_bias", "LayerNormalization", [wide(38, 2, 3, 30)], {"scale": normal(39, 30)}, epsilon=1e-3)
    write.node(
        "layer_norm_axis",
        "LayerNormalization",
        [normal(40, 2, 3, 4, 5)],
        {"scale": normal(41, 4, 5), "bias": normal(42, 4, 5)},
        axis=2,
    )
    for size in [6, 15, 16, 45]:
        write.node(f"rms_norm_{size}", "RMSNormalization", [normal(43, 4, size)], {"scale": normal(44, size)}, opset=23)
    statistics = {"scale": normal(45, 6), "bias": normal(46, 6), "mean": normal(47, 6), "variance": np.abs(normal(48, 6))}
    write.node("batch_norm", "BatchNormalization", [normal(49, 2, 6, 5, 7)], statistics, epsilon=1e-3)
    write.node("batch_norm_flat", "BatchNormalization", [normal(50, 3, 6)], statistics)


def reductions(write: Writer) -> None:
    """Reductions over one and several axes."""
    for operator in ["ReduceMean", "ReduceSum", "ReduceMax"]:
        name = operator[6:].lower()
        for axes in [[1], [-1], [2, 3], [1, 3], [0], [0, 1, 2, 3]]:
            label = "_".join(str(axis % 4) for axis in axes)
            write.node(
                f"reduce_{name}_{label}", operator, [normal(60, 3, 5, 6, 11)], {"axes": integers(*axes)}, keepdims=len(axes) % 2
            )
        write.node(f"reduce_{name}_all", operator, [normal(61, 4, 33)], keepdims=0)
    write.node("reduce_mean_attribute", "ReduceMean", [normal(62, 2, 7, 9)], opset=13, axes=[1], keepdims=1)
    write.node("reduce_mean_attribute_drop", "ReduceMean", [normal(63, 2, 7, 9)], opset=13, axes=[-1], keepdims=0)
    write.node("reduce_mean_noop", "ReduceMean", [normal(64, 2, 7)], noop_with_empty_axes=1)
    write.node("reduce_mean_tokens", "ReduceMean", [normal(65, 1, 50, 48)], {"axes": integers(1)}, keepdims=0)
    write.node("reduce_mean_large", "ReduceMean", [normal(66, 2, 24, 14, 14)], {"axes": integers(2, 3)}, keepdims=1)
    write.node("reduce_max_special", "ReduceMax", list(pairs()[:1]), {"axes": integers(1)})


def pooling(write: Writer) -> None:
    """Pooling."""
    image, rest = normal(70, 2, 3, 11, 10), {"kernel_shape": [3, 3]}
    for opset in [11, 21, 22]:
        write.node(f"average_pool_opset{opset}", "AveragePool", [image], opset=opset, strides=[2, 2], **rest)
        write.node(f"average_pool_padded_opset{opset}", "AveragePool", [image], opset=opset, pads=[1, 1, 1, 1], **rest)
        for include in [0, 1]:
            name = f"average_pool_ceil_{'include' if include else 'exclude'}_opset{opset}"
            write.node(
                name,
                "AveragePool",
                [image],
                opset=opset,
                strides=[2, 3],
                pads=[1, 0, 1, 1],
                ceil_mode=1,
                count_include_pad=include,
                **rest,
            )
        write.node(
            f"average_pool_include_opset{opset}",
            "AveragePool",
            [image],
            opset=opset,
            pads=[1, 1, 1, 1],
            count_include_pad=1,
            **rest,
        )
        write.node(
            f"average_pool_same_opset{opset}", "AveragePool", [image], opset=opset, strides=[3, 2], auto_pad="SAME_UPPER", **rest
        )
        write.node(f"average_pool_whole_opset{opset}", "AveragePool", [image], opset=opset, kernel_shape=[11, 10])
    write.node("average_pool_dilated", "AveragePool", [image], dilations=[2, 1], **rest)
    write.node("global_average_pool", "GlobalAveragePool", [image])
    write.node("global_average_pool_49", "GlobalAveragePool", [normal(71, 1, 40, 7, 7)])
    special = image.copy()
    special[0, 0] = -np.inf
    special[0, 1, 4, 4] = np.nan
    special[1, 0] = -0.0
    write.node("max_pool", "MaxPool", [image], kernel_shape=[2, 2], strides=[2, 2])
    write.node("max_pool_padded", "MaxPool", [special], strides=[2, 2], pads=[1, 1, 1, 1], **rest)
    write.node("max_pool_stride3", "MaxPool", [special], strides=[3, 3], pads=[1, 1, 1, 1], **rest)
    write.node("max_pool_dilated", "MaxPool", [special], dilations=[2, 3], pads=[1, 1, 1, 1], **rest)
    write.node("max_pool_ceil", "MaxPool", [image], kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1)
    write.node("max_pool_same_lower", "MaxPool", [image], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
    write.node("max_pool_opset11", "MaxPool", [image], opset=11, strides=[1, 1], **rest)


def movement(write: Writer) -> None:
    """Operators that move elements."""
    x = normal(80, 2, 3, 4, 5)
    write.node("concat", "Concat", [x, normal(81, 2, 2, 4, 5)], axis=1)
    write.node("concat_last", "Concat", [x, normal(82, 2, 3, 4, 1), x], axis=-1)
    write.node(
        "slice",
        "Slice",
        [x],
        {"starts": integers(1, 0), "ends": integers(3, 2**62), "axes": integers(1, 3), "steps": integers(1, 2)},
    )
    write.node(
        "slice_negative",
        "Slice",
        [x],
        {"starts": integers(-1, -2), "ends": integers(-(2**62), 4), "axes": integers(3, -2), "steps": integers(-2, 1)},
    )
    write.node("slice_no_axes", "Slice", [x], {"starts": integers(0, 1), "ends": integers(2, 3)})
    write.node("slice_empty", "Slice", [x], {"starts": integers(3), "ends": integers(2), "axes": integers(2)})
    write.node("split", "Split", [x], {"sizes": integers(1, 3)}, outputs=2, axis=2)
    write.node("split_outputs", "Split", [x], outputs=2, axis=3, num_outputs=2)
    write.node("split_opset13", "Split", [x], outputs=2, opset=13, axis=2)
    write.node("split_attributes", "Split", [x], outputs=2, opset=11, axis=1, split=[2, 1])
    write.node("reshape", "Reshape", [x], {"shape": integers(0, -1, 5)})
    write.node("reshape_zero", "Reshape", [np.zeros((0, 3), np.float32)], {"shape": integers(3, 0)}, allowzero=1)
    write.node("transpose", "Transpose", [x], perm=[0, 2, 3, 1])
    write.node("transpose_default", "Transpose", [x], batch=False)
    write.node("flatten", "Flatten", [x])
    write.node("flatten_axis", "Flatten", [x], axis=-1)
    write.node("flatten_zero", "Flatten", [x], axis=0)
    write.node("squeeze", "Squeeze", [normal(83, 2, 1, 3, 1)], {"axes": integers(1, -1)})
    write.node("squeeze_all", "Squeeze", [normal(84, 1, 3, 1)], batch=False)
    write.node("squeeze_attribute", "Squeeze", [normal(85, 2, 1, 3)], opset=11, axes=[1])
    write.node("unsqueeze", "Unsqueeze", [normal(86, 2, 3)], {"axes": integers(0, -1)})
    write.node("unsqueeze_attribute", "Unsqueeze", [normal(87, 2, 3)], opset=11, axes=[1, 3])
    write.node("gather", "Gather", [x], {"i": np.array([[0, 2], [-1, 1]], np.int64)}, axis=1)
    write.node("gather_scalar", "Gather", [x], {"i": np.array(1, np.int64)}, axis=2)
    write.node("gather_rows", "Gather", [np.array([[3, 0, 1]], np.int64)], {"table": normal(88, 4, 6)}, order=["table", "x0"])
    write.node("gather_int32", "Gather", [x], {"i": np.array([1, -3], np.int32)}, axis=1)
    pads = integers(0, 0, 1, 2, 0, 0, 3, 1)
    for mode in ["constant", "edge", "reflect"]:
        write.node(f"pad_{mode}", "Pad", [x], {"pads": pads}, mode=mode)
    write.node("pad_value", "Pad", [x], {"pads": pads, "value": np.array(-1.5, np.float32)})
    write.node("pad_axes", "Pad", [x], {"pads": integers(1, 2), "axes": integers(-1)}, order=["x0", "pads", "", "axes"])
    write.node("pad_negative", "Pad", [x], {"pads": integers(0, 0, -1, 1, 0, 0, 0, -2)})
    write.node("expand", "Expand", [normal(89, 2, 1, 3)], {"shape": integers(2, 4, 1)})
    write.node("expand_rank", "Expand", [normal(90, 3, 1)], {"shape": integers(2, 1, 4)})
    write.node("shape", "Shape", [x])
    write.node("shape_range", "Shape", [x], start=1, end=-1)
    nodes = [
        helper.make_node("Shape", ["x0"], ["s"]),
        helper.make_node("Gather", ["s", "i"], ["n"]),
        helper.make_node("Concat", ["n", "r"], ["t"], axis=0),
        helper.make_node("Reshape", ["x0", "t"], ["y0"]),
    ]
    write.graph("shape_gather_concat_reshape", nodes, [x], constants={"i": integers(0), "r": integers(-1)})
    write.graph(
        "constant_of_shape",
        [
            helper.make_node("Shape", ["x0"], ["s"]),
            helper.make_node("ConstantOfShape", ["s"], ["y0"], value=numpy_helper.from_array(np.array([2.5], np.float32))),
        ],
        [x],
    )
    write.graph(
        "constant_of_shape_default",
        [helper.make_node("Shape", ["x0"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["y0"])],
        [x],
    )
    for label, attributes in {
        "value": {"value": numpy_helper.from_array(normal(91, 5))},
        "floats": {"value_floats": [0.5, 1.5, -2.0, 0.1, 3.0]},
        "float": {"value_float": 0.1},
    }.items():
        nodes = [helper.make_node("Constant", [], ["c"], **attributes), helper.make_node("Add", ["x0", "c"], ["y0"])]
        write.graph(f"constant_{label}", nodes, [x])


def resizing(write: Writer) -> None:
    """Resize by nearest neighbours."""
    x = normal(95, 1, 2, 5, 7)
    empty = np.zeros(0, np.float32)
    for coordinates in ["asymmetric", "half_pixel", "align_corners"]:
        for nearest in ["floor", "round_prefer_floor", "ceil", "round_prefer_ceil"]:
            common = {"mode": "nearest", "coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
            label = f"resize_{coordinates}_{nearest}"
            write.node(
                f"{label}_scales",
                "Resize",
                [x],
                {"scales": np.array([1, 1, 2.3, 1.5], np.float32)},
                order=["x0", "", "scales"],
                **common,
            )
            write.node(f"{label}_sizes", "Resize", [x], {"sizes": integers(1, 2, 8, 4)}, order=["x0", "", "", "sizes"], **common)
            write.node(
                f"{label}_double",
                "Resize",
                [x],
                {"scales": np.array([1, 1, 2, 2], np.float32)},
                order=["x0", "", "scales"],
                **common,
            )
    write.node(
        "resize_down",
        "Resize",
        [x],
        {"scales": np.array([1, 1, 0.6, 0.5], np.float32)},
        order=["x0", "", "scales"],
        mode="nearest",
    )
    write.node(
        "resize_opset11",
        "Resize",
        [x],
        {"roi": empty, "scales": np.array([1, 1, 2, 2], np.float32)},
        opset=11,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    write.node(
        "resize_opset13_sizes",
        "Resize",
        [x],
        {"roi": empty, "scales": empty, "sizes": integers(1, 2, 10, 14)},
        opset=13,
        mode="nearest",
    )


def conversions(write: Writer) -> None:
    """Casts and quantization."""
    inside = np.array([0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 100.7, 126.99, -127.9, 3.0], np.float32)
    outside = np.array([[255.5, 256.0, -1.0, 300.0, -129.0, 1e9, 3e9, -3e9, 1e19, -1e19, np.nan, np.inf, -np.inf]], np.float32)
    integer_values = np.array([[0, 1, -1, 127, -128, 255, 256, 16777217, -16777219, 2147483647, -2147483648]], np.int64)
    for label, kind in {"int32": np.int32, "int64": np.int64, "uint8": np.uint8, "int8": np.int8}.items():
        element = ELEMENT[np.dtype(kind)]
        write.node(f"cast_float_{label}", "Cast", [inside], to=element)
        write.node(f"cast_float_{label}_outside", "Cast", [outside], to=element)
        write.node(f"cast_{label}_float", "Cast", [integer_values.astype(kind)], to=TensorProto.FLOAT)
    write.node("cast_int64_int32", "Cast", [integer_values * 3], to=TensorProto.INT32)
    x = np.concatenate([SPECIALS, np.arange(-20, 20, dtype=np.float32) * np.float32(0.5), normal(100, 35, scale=90.0)]).reshape(
        4, 25
    )
    for label, kind, zero in [("int8", np.int8, -5), ("uint8", np.uint8, 130)]:
        scale, point = np.array(0.75, np.float32), np.array(zero, kind)
        write.node(f"quantize_{label}", "QuantizeLinear", [x], {"s": scale, "z": point})
        write.node(f"quantize_{label}_halves", "QuantizeLinear", [x], {"s": np.array(1.0, np.float32), "z": point})
        scales, points = np.array([0.1, 0.7, 2.0, 0.013], np.float32), np.array([0, 3, 1, 100], kind)
        write.node(f"quantize_{label}_axis", "QuantizeLinear", [x.T.copy()], {"s": scales, "z": points}, axis=-1)
        q = np.arange(256).astype(np.uint8).view(kind).reshape(4, 64)
        write.node(f"dequantize_{label}", "DequantizeLinear", [q], {"s": scale, "z": point})
        write.node(f"dequantize_{label}_axis", "DequantizeLinear", [q.T.copy()], {"s": scales, "z": points})
        nodes = [
            helper.make_node("QuantizeLinear", ["x0", "s", "z"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y0"]),
        ]
        write.graph(f"quantize_dequantize_{label}", nodes, [x], constants={"s": scale, "z": point})
    write.node("quantize_default", "QuantizeLinear", [x], {"s": np.array(0.9, np.float32)})
    write.node("quantize_opset10", "QuantizeLinear", [x], {"s": np.array(0.9, np.float32), "z": np.array(7, np.uint8)}, opset=10)
    write.node(
        "dequantize_int32",
        "DequantizeLinear",
        [np.array([[0, 1, -1, 16777217, 2147483647, -2147483648]], np.int32)],
        {"s": np.array(0.3, np.float32)},
    )
    for label, element, zero in [("int4", TensorProto.INT4, -2), ("uint4", TensorProto.UINT4, 9)]:
        constants = {"s": np.array(6.5, np.float32), "z": helper.make_tensor("z", element, [], [zero])}
        nodes = [
            helper.make_node("QuantizeLinear", ["x0", "s", "z"], ["q"]),
            helper.make_node("Cast", ["q"], ["y0"], to=TensorProto.INT32),
        ]
        write.graph(f"quantize_{label}", nodes, [x], constants=constants)
        write.graph(f"quantize_{label}_odd", nodes, [x[:1, :7].copy() * np.float32(3)], constants=constants)
    for label, element, zero in [("int2", TensorProto.INT2, -1), ("uint2", TensorProto.UINT2, 2)]:
        constants = {"s": np.array(20.0, np.float32), "z": helper.make_tensor("z", element, [], [zero])}
        nodes = [
            helper.make_node("QuantizeLinear", ["x0", "s", "z"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y0"]),
        ]
        write.graph(f"quantize_dequantize_{label}", nodes, [x], constants=constants, opset=25)
    for label, values in {
        "normal": normal(101, 3, 40),
        "positive": np.abs(normal(102, 2, 9)),
        "negative": -np.abs(normal(103, 2, 9)),
        "zero": np.zeros((2, 3), np.float32),
        "infinite": np.array([[1.0, np.inf, -2.0]], np.float32),
        "tiny": normal(104, 2, 8, scale=1e-42),
    }.items():
        write.node(f"dynamic_quantize_{label}", "DynamicQuantizeLinear", [values], outputs=3)


def write_all(folder: Path) -> int:
    """Writes all cases and returns their number."""
    write = Writer(folder)
    for group in [unary, binary, normalisation, reductions, pooling, movement, resizing, conversions]:
        group(write)
    return write.count


def main() -> None:
    """Writes all cases into the folder that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{write_all(folder)} cases")


if __name__ == "__main__":
    main()
