"""Writes small quantized models with onnxruntime's outputs, for comparison bit by bit.

    quantized_operators.py OUT_DIR

writes OUT_DIR/<case>/{model.onnx, input_0.npy, ..., output_0.npy, ...}. The outputs are those of onnxruntime's CPU
kernels under the options of `session`: patterns of DequantizeLinear, operator, QuantizeLinear become the integer
operators, and no fusion of float operators changes their arithmetic. Inputs are random but the same in every run;
the first axis of the inputs is named "batch" where the model allows any batch.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# Each of these changes the float arithmetic of some operator, the operators that QuantizeLinear patterns are
# matched with, or the weights; what is left on folds constants, moves data and makes the integer operators.
DISABLED_OPTIMIZERS = [
    "AttentionFusion", "BiasGeluFusion", "BiasSoftmaxFusion", "ConvActivationFusion", "ConvAddActivationFusion",
    "ConvAddFusion", "ConvBNFusion", "ConvMulFusion", "DivMulFusion", "DynamicQuantizeMatMulFusion",
    "EmbedLayerNormFusion", "FastGeluFusion", "GeluFusionL1", "GeluFusionL2", "GemmActivationFusion", "GemmSumFusion",
    "GemmTransposeFusion", "LayerNormFusionL1", "LayerNormFusionL2", "MatMulAddFusion", "MatMulIntegerToFloatFusion",
    "MatMulScaleFusion", "MatMul_BatchNormalization_Fusion", "MatmulTransposeFusion", "NchwcTransformer", "Pad_Fusion",
    "QDQPropagationTransformer", "QuickGeluFusion", "SimplifiedLayerNormFusion", "SkipLayerNormFusion",
    "TransposeOptimizer", "TransposeOptimizer_CPUExecutionProvider", "WeightBiasQuantization",
]
CONFIGURATION = {
    # Signed tensors stay signed: by default they are rewritten to unsigned ones on x86-64.
    "session.qdqisint8allowed": "1",
    # Two quantizations in a row stay two.
    "session.disable_double_qdq_remover": "1",
    "session.qdq_matmulnbits_accuracy_level": "0",
}
MICROSOFT = "com.microsoft"
INTEGER = {"u8": np.uint8, "s8": np.int8}
RANGE = {"u8": (0, 256), "s8": (-128, 128)}
ELEMENT = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8,
           np.dtype(np.int8): TensorProto.INT8, np.dtype(np.int32): TensorProto.INT32, np.dtype(np.bool_): TensorProto.BOOL}


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The session whose outputs are the reference: one thread, the options above."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for key, value in CONFIGURATION.items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=DISABLED_OPTIMIZERS)


class Graph:
    """A model under construction, with the values of its inputs."""

    def __init__(self, case: str) -> None:
        self.random = np.random.default_rng(crc32(case.encode()))
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.outputs: list[str] = []
        self.values: dict[str, np.ndarray] = {}

    def input(self, value: np.ndarray, batch: bool = True) -> str:
        """A graph input that is given `value`; `batch` names its first axis."""
        name = f"input_{len(self.inputs)}"
        shape = ["batch", *value.shape[1:]] if batch and value.ndim else list(value.shape)
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT[value.dtype], shape))
        self.values[name] = value
        return name

    def constant(self, value: np.ndarray | np.generic) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], outputs: int = 1, domain: str = "", **attributes: object) -> list[str]:
        names = [f"{operator.lower()}_{len(self.nodes)}_{index}" for index in range(outputs)]
        name = f"node_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, name=name, **attributes))
        return names

    def op(self, operator: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """A node of one output."""
        return self.node(operator, inputs, 1, domain, **attributes)[0]

    def integers(self, dtype: str, *shape: int) -> np.ndarray:
        return self.random.integers(*RANGE[dtype], shape).astype(INTEGER[dtype])

    def floats(self, *shape: int) -> np.ndarray:
        return self.random.normal(0, 1, shape).astype(np.float32)

    def scale(self, low: float = 0.01, high: float = 0.05, *shape: int) -> np.ndarray:
        return np.asarray(self.random.uniform(low, high, shape), np.float32)

    def zero_point(self, dtype: str) -> np.ndarray:
        return np.asarray(self.random.integers(*RANGE[dtype]), INTEGER[dtype])

    def middle_zero(self, dtype: str) -> np.integer:
        """A zero point around the middle."""
        return INTEGER[dtype](self.random.integers(-30, 31) + (128 if dtype == "u8" else 0))

    def parameters(self, dtype: str, low: float = 0.02, high: float = 0.04) -> tuple[str, str]:
        """Names of a random scale and of a zero point around the middle, so that few results saturate."""
        return self.constant(self.scale(low, high)), self.constant(self.middle_zero(dtype))

    def quantize(self, x: str, dtype: str, parameters: tuple[str, str] | None = None) -> str:
        """QuantizeLinear and DequantizeLinear with the same, by default random, parameters."""
        parameters = parameters or self.middle(dtype)
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parameters), *parameters)

    def middle(self, dtype: str, scale: float | None = None) -> tuple[str, str]:
        """Parameters that hold normal floats, with the given or a random scale."""
        scale = self.scale(0.015, 0.03) if scale is None else scale
        return self.constant(np.float32(scale)), self.constant(self.middle_zero(dtype))

    def weights(self, dtype: str, shape: Sequence[int], axis: int | None = None) -> tuple[str, np.ndarray]:
        """A dequantized constant and its scales: one, or one for each index along `axis`."""
        scale = self.scale(0.005, 0.02) if axis is None else self.scale(0.005, 0.02, shape[axis])
        zero = np.full(scale.shape, 0 if dtype == "s8" else 120, INTEGER[dtype])
        names = self.constant(self.integers(dtype, *shape)), self.constant(scale), self.constant(zero)
        return self.op("DequantizeLinear", *names, **({} if axis is None else {"axis": axis})), scale

    def bias(self, size: int, scale: np.ndarray) -> str:
        """A dequantized int32 constant."""
        values = self.random.integers(-2000, 2000, size).astype(np.int32)
        names = self.constant(values), self.constant(scale), self.constant(np.zeros(scale.shape, np.int32))
        return self.op("DequantizeLinear", *names, **({"axis": 0} if scale.shape else {}))

    def model(self, values: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
        """The model; its outputs have types and shapes when their `values` are known."""
        batches = {self.values[info.name].shape[0] for info in self.inputs if is_batched(info)}
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        for index, value in enumerate(values):
            shape = ["batch", *value.shape[1:]] if value.ndim and value.shape[0] in batches else list(value.shape)
            outputs[index] = helper.make_tensor_value_info(self.outputs[index], ELEMENT[value.dtype], shape)
        graph = helper.make_graph(self.nodes, "case", self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def is_batched(info: onnx.ValueInfoProto) -> bool:
    """Whether the first axis is named."""
    return any(axis.dim_param for axis in info.type.tensor_type.shape.dim[:1])


CASES: dict[str, Callable[[Graph], Sequence[str] | str]] = {}


def write(folder: Path, case: str, build: Callable[[Graph], Sequence[str] | str]) -> None:
    """Runs a case and writes its folder."""
    graph = Graph(case)
    outputs = build(graph)
    graph.outputs = [outputs] if isinstance(outputs, str) else list(outputs)
    values = session(graph.model()).run(None, graph.values)
    model = graph.model(values)
    folder = folder / case
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    # The written model, with its output shapes, must load and agree.
    for first, second in zip(values, session(model).run(None, graph.values), strict=True):
        assert first.tobytes() == second.tobytes(), case
    for index, value in enumerate(graph.values.values()):
        np.save(folder / f"input_{index}.npy", value)
    for index, value in enumerate(values):
        np.save(folder / f"output_{index}.npy", value)


BROADCASTS = {
    "same": ((2, 3, 4, 5), (2, 3, 4, 5)), "scalar": ((2, 3, 4, 5), ()), "channel": ((2, 3, 4, 5), (1, 3, 1, 1)),
    "row": ((2, 3, 4, 5), (5,)), "column": ((2, 3, 4, 5), (4, 1)), "first_scalar": ((1, 1, 1, 1), (2, 3, 4, 5)),
    "first_channel": ((1, 3, 1, 1), (2, 3, 4, 5)), "both": ((2, 3, 1, 5), (1, 3, 4, 1)), "ones": ((37, 1), (1,)),
}
POOLS = {
    "plain": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "pads": {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
    "pads_counted": {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 1, 1, 0], "count_include_pad": 1},
    "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
}


def binary(operator: str, dtype: str, shapes: tuple[Sequence[int], Sequence[int]], constant: bool) -> Callable[[Graph], str]:
    """QLinearAdd or QLinearMul; the second operand may be a constant."""
    def build(g: Graph) -> str:
        batch = max(shapes[0][0], *shapes[1][:1], 1)
        a = g.input(g.integers(dtype, *shapes[0]), shapes[0][0] == batch)
        b = g.integers(dtype, *shapes[1])
        second = g.constant(b) if constant else g.input(b, len(b.shape) == len(shapes[0]) and b.shape[0] == batch)
        output = g.parameters(dtype, *((0.04, 0.06) if operator == "QLinearAdd" else (0.06, 0.1)))
        return g.op(operator, a, *g.parameters(dtype), second, *g.parameters(dtype), *output, domain=MICROSOFT)
    return build


def ends(operator: str, dtype: str) -> Callable[[Graph], str]:
    """Zero points at the two ends, and scales that give ties."""
    def build(g: Graph) -> str:
        low, high = (g.constant(INTEGER[dtype](end)) for end in (RANGE[dtype][0], RANGE[dtype][1] - 1))
        a, b = (g.input(g.integers(dtype, 3, 5, 17)) for _ in range(2))
        scales = [g.constant(np.float32(v)) for v in ((0.75, 0.25, 1.5) if operator == "QLinearAdd" else (0.5, 0.125, 16.0))]
        output = low if operator == "QLinearAdd" else high
        return g.op(operator, a, scales[0], low, b, scales[1], high, scales[2], output, domain=MICROSOFT)
    return build


def unary(operator: str, dtype: str, shape: Sequence[int], softmax: bool = False,
          **attributes: object) -> Callable[[Graph], str]:
    """An operator of one quantized input."""
    def build(g: Graph) -> str:
        output = g.parameters(dtype, *((0.01, 0.02) if "Pool" in operator else (0.02, 0.03)))
        if softmax:
            output = g.constant(np.float32(1 / 256)), g.constant(INTEGER[dtype](RANGE[dtype][0]))
        return g.op(operator, g.input(g.integers(dtype, *shape)), *g.parameters(dtype), *output, domain=MICROSOFT, **attributes)
    return build


def concat(dtype: str) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        output = g.parameters(dtype)
        parts: list[str] = []
        for channels in (2, 3, 1):
            # The last part has the output's parameters: onnxruntime copies it.
            parameters = output if channels == 1 else g.parameters(dtype)
            parts += [g.input(g.integers(dtype, 2, channels, 4, 5)), *parameters]
        return g.op("QLinearConcat", *output, *parts, domain=MICROSOFT, axis=1)
    return build


def operators() -> None:
    """The quantized operators of com.microsoft."""
    for dtype in INTEGER:
        for operator in ("QLinearAdd", "QLinearMul"):
            for name, shapes in BROADCASTS.items():
                CASES[f"{operator}_{name}_{dtype}"] = binary(operator, dtype, shapes, name in ("channel", "row", "ones"))
            # Longer than the kernels' vectors, by an odd length.
            CASES[f"{operator}_ends_{dtype}"] = ends(operator, dtype)
            CASES[f"{operator}_wide_{dtype}"] = binary(operator, dtype, ((3, 167), (3, 167)), False)
        CASES[f"QLinearSigmoid_{dtype}"] = unary("QLinearSigmoid", dtype, (2, 3, 67))
        CASES[f"QLinearLeakyRelu_{dtype}"] = unary("QLinearLeakyRelu", dtype, (2, 3, 67), alpha=0.1)
        CASES[f"QLinearGlobalAveragePool_{dtype}"] = unary("QLinearGlobalAveragePool", dtype, (2, 11, 7, 5), channels_last=0)
        for axis in (1, 2):
            CASES[f"QLinearSoftmax_axis{axis}_{dtype}"] = unary("QLinearSoftmax", dtype, (2, 5, 19), True, axis=axis, opset=13)
        CASES[f"QLinearSoftmax_opset11_{dtype}"] = unary("QLinearSoftmax", dtype, (2, 5, 3), True, axis=1, opset=11)
        CASES[f"QLinearSoftmax_one_{dtype}"] = unary("QLinearSoftmax", dtype, (3, 1), True, axis=1, opset=13)
        CASES[f"QLinearConcat_{dtype}"] = concat(dtype)
        for name, attributes in POOLS.items():
            CASES[f"QLinearAveragePool_{name}_{dtype}"] = unary("QLinearAveragePool", dtype, (2, 3, 8, 9), **attributes)
        CASES[f"QLinearAveragePool_1d_{dtype}"] = unary("QLinearAveragePool", dtype, (2, 3, 9), kernel_shape=[3], pads=[1, 1])


def qdq(operator: str, dtype: str, shapes: Sequence[Sequence[int]], extra: Sequence[np.ndarray] = (), outputs: int = 1,
        same: bool = False, low_end: bool = False, **attributes: object) -> Callable[[Graph], list[str]]:
    """The operator between DequantizeLinear and QuantizeLinear; `same`: output parameters are the input's."""
    def build(g: Graph) -> list[str]:
        parameters = g.middle(dtype)
        inputs = []
        for index, shape in enumerate(shapes):
            chosen = parameters if index == 0 else g.middle(dtype)
            inputs.append(g.quantize(g.input(g.floats(*shape)), dtype, chosen))
        results = g.node(operator, [*inputs, *(g.constant(v) for v in extra)], outputs, **attributes)
        if low_end:
            chosen = g.constant(np.float32(1 / 256)), g.constant(INTEGER[dtype](RANGE[dtype][0]))
        else:
            chosen = parameters if same else g.middle(dtype)
        return [g.quantize(result, dtype, chosen) for result in results]
    return build


def patterns() -> None:
    """What quantizing tools write: float operators between DequantizeLinear and QuantizeLinear."""
    image, rows = (2, 3, 8, 6), (2, 5, 19)
    integers = np.array
    for dtype in INTEGER:
        for operator in ("Add", "Mul", "Sub", "Div"):
            CASES[f"qdq_{operator}_{dtype}"] = qdq(operator, dtype, (image, image))
        CASES[f"qdq_Concat_{dtype}"] = qdq("Concat", dtype, (image, image), axis=1)
        CASES[f"qdq_MatMul_{dtype}"] = qdq("MatMul", dtype, ((2, 3, 5, 7), (2, 3, 7, 4)))
        CASES[f"qdq_Sigmoid_{dtype}"] = qdq("Sigmoid", dtype, (rows,), low_end=True)
        CASES[f"qdq_Softmax_{dtype}"] = qdq("Softmax", dtype, (rows,), low_end=True, axis=-1)
        CASES[f"qdq_Tanh_{dtype}"] = qdq("Tanh", dtype, (rows,))
        CASES[f"qdq_Relu_{dtype}"] = qdq("Relu", dtype, (rows,), low_end=True)
        CASES[f"qdq_LeakyRelu_{dtype}"] = qdq("LeakyRelu", dtype, (rows,), alpha=0.01)
        CASES[f"qdq_AveragePool_{dtype}"] = qdq("AveragePool", dtype, (image,), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        CASES[f"qdq_GlobalAveragePool_{dtype}"] = qdq("GlobalAveragePool", dtype, (image,))
        CASES[f"qdq_ReduceMean_{dtype}"] = qdq("ReduceMean", dtype, (image,), axes=[2, 3])
        data: list[tuple[str, list[np.ndarray], dict[str, object]]] = [
            ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Reshape", [integers([0, -1], np.int64)], {}),
            ("Transpose", [], {"perm": [0, 2, 3, 1]}),
            ("Flatten", [], {}),
            ("Unsqueeze", [integers([2], np.int64)], {}),
            ("Slice", [integers([1], np.int64), integers([7], np.int64), integers([2], np.int64)], {}),
            ("Gather", [integers([2, 0], np.int64)], {"axis": 1}),
            ("Pad", [integers([0, 0, 1, 2, 0, 0, 0, 1], np.int64)], {}),
        ]
        for operator, extra, attributes in data:
            CASES[f"qdq_{operator}_{dtype}"] = qdq(operator, dtype, (image,), extra, same=True, **attributes)
        CASES[f"qdq_Squeeze_{dtype}"] = qdq("Squeeze", dtype, ((2, 3, 1, 5),), [integers([2], np.int64)], same=True)
        CASES[f"qdq_Split_{dtype}"] = qdq("Split", dtype, (image,), [integers([3, 5], np.int64)], 2, same=True, axis=2)
        CASES[f"qdq_Resize_{dtype}"] = resize(dtype)
        CASES[f"qdq_silu_{dtype}"] = silu(dtype)
        CASES[f"qdq_Add_constant_{dtype}"] = add_constant(dtype)
        CASES[f"qdq_Add_Relu_{dtype}"] = add_relu(dtype)
    CASES["qdq_mixed_types_Add"] = mixed_add


def resize(dtype: str) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        parameters = g.middle(dtype)
        x = g.quantize(g.input(g.floats(2, 3, 4, 5)), dtype, parameters)
        scales = g.constant(np.array([1, 1, 2, 2], np.float32))
        y = g.op("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return g.quantize(y, dtype, parameters)
    return build


def silu(dtype: str) -> Callable[[Graph], str]:
    """x * sigmoid(x), each result quantized; the input has two readers."""
    def build(g: Graph) -> str:
        x = g.quantize(g.input(g.floats(2, 5, 19)), dtype)
        low_end = g.constant(np.float32(1 / 256)), g.constant(INTEGER[dtype](RANGE[dtype][0]))
        return g.quantize(g.op("Mul", x, g.quantize(g.op("Sigmoid", x), dtype, low_end)), dtype)
    return build


def add_constant(dtype: str) -> Callable[[Graph], str]:
    """A dequantized constant of the same type as second operand."""
    def build(g: Graph) -> str:
        constant = g.op("DequantizeLinear", g.constant(g.integers(dtype, 3, 1, 1)), *g.middle(dtype))
        return g.quantize(g.op("Add", g.quantize(g.input(g.floats(2, 3, 4, 5)), dtype), constant), dtype)
    return build


def add_relu(dtype: str) -> Callable[[Graph], str]:
    """A Relu whose quantizer's zero point is the low end: saturation does its work."""
    def build(g: Graph) -> str:
        x, y = (g.quantize(g.input(g.floats(2, 3, 4, 5)), dtype) for _ in range(2))
        parameters = g.constant(np.float32(0.02)), g.constant(INTEGER[dtype](RANGE[dtype][0]))
        return g.quantize(g.op("Relu", g.op("Add", x, y)), dtype, parameters)
    return build


def mixed_add(g: Graph) -> str:
    """Operands of two types: the sum stays float."""
    x = g.quantize(g.input(g.floats(2, 3, 4, 5)), "u8")
    return g.quantize(g.op("Add", x, g.quantize(g.input(g.floats(2, 3, 4, 5)), "s8")), "u8")


# Input shape, filters, kernel, then attributes.
CONVOLUTIONS: dict[str, tuple[Sequence[int], int, Sequence[int], dict[str, object]]] = {
    "plain": ((2, 3, 7, 6), 5, (3, 3), {}),
    "pads_strides": ((2, 3, 8, 7), 4, (3, 3), {"pads": [1, 0, 1, 2], "strides": [2, 1]}),
    "dilations": ((1, 3, 9, 9), 4, (3, 3), {"dilations": [2, 3], "pads": [2, 2, 2, 2]}),
    "groups": ((2, 4, 6, 6), 6, (3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ((2, 6, 7, 7), 6, (3, 3), {"group": 6, "pads": [1, 1, 1, 1], "strides": [2, 2]}),
    "pointwise": ((2, 9, 5, 5), 17, (1, 1), {}),
    "1d": ((2, 3, 15), 5, (4,), {"pads": [2, 1]}),
}


def convolution(name: str, x_type: str, w_type: str, channels: bool, bias: bool) -> Callable[[Graph], str]:
    """QLinearConv, with one weight scale or one for each filter, and zero points off zero."""
    shape, filters, kernel, attributes = CONVOLUTIONS[name]

    def build(g: Graph) -> str:
        weights = g.constant(g.integers(w_type, filters, shape[1] // int(attributes.get("group", 1)), *kernel))
        # Zero points of several filters must be equal; signed ones are zero as tools write them.
        zero = 0 if channels and w_type == "s8" else g.middle_zero(w_type)
        sizes = (filters,) if channels else ()
        w = weights, g.constant(g.scale(0.002, 0.01, *sizes)), g.constant(np.full(sizes, zero, INTEGER[w_type]))
        extra = [g.constant(g.random.integers(-3000, 3000, filters).astype(np.int32))] if bias else []
        x = g.input(g.integers(x_type, *shape)), *g.parameters(x_type)
        return g.op("QLinearConv", *x, *w, *g.parameters(x_type, 0.05, 0.15), *extra, **attributes)
    return build


def convolution_pattern(x_type: str, w_type: str, operator: str, activation: str = "",
                        channels: bool = False) -> Callable[[Graph], str]:
    """Conv or ConvTranspose between DequantizeLinear and QuantizeLinear, with an int32 bias."""
    def build(g: Graph) -> str:
        parameters = g.middle(x_type, 0.02)
        x = g.quantize(g.input(g.floats(2, 4, 6, 6)), x_type, parameters)
        shape = (8, 4, 3, 3) if operator == "Conv" else (4, 8, 3, 3)
        weights, scale = g.weights(w_type, shape, 0 if channels else None)
        bias = g.bias(8, np.asarray(np.float32(0.02) * scale, np.float32))
        y = g.op(operator, x, weights, bias, pads=[1, 1, 1, 1])
        if not activation:
            return g.quantize(y, x_type, g.middle(x_type, 0.1))
        limits = [g.constant(np.float32(v)) for v in ((0, 6) if activation == "Clip" else ())]
        output = g.constant(np.float32(6 / 255)), g.constant(INTEGER[x_type](RANGE[x_type][0]))
        return g.quantize(g.op(activation, y, *limits), x_type, output)
    return build


def convolution_integer(x_type: str, w_type: str) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        weights = g.constant(g.integers(w_type, 5, 3, 3, 3))
        zeros = g.constant(g.zero_point(x_type)), g.constant(g.zero_point(w_type))
        return g.op("ConvInteger", g.input(g.integers(x_type, 2, 3, 7, 6)), weights, *zeros, pads=[1, 1, 1, 1])
    return build


def convolutions() -> None:
    for x_type, w_type in (("u8", "s8"), ("u8", "u8"), ("s8", "s8")):
        for index, name in enumerate(CONVOLUTIONS):
            for channels in (False, True):
                kind = "channels" if channels else "tensor"
                build = convolution(name, x_type, w_type, channels, bool(index % 2) != channels)
                CASES[f"QLinearConv_{name}_{kind}_{x_type}{w_type}"] = build
        CASES[f"qdq_Conv_{x_type}{w_type}"] = convolution_pattern(x_type, w_type, "Conv")
        for activation in ("Relu", "Clip", "LeakyRelu"):
            CASES[f"qdq_Conv_{activation}_{x_type}{w_type}"] = convolution_pattern(x_type, w_type, "Conv", activation)
        CASES[f"qdq_Conv_channels_{x_type}{w_type}"] = convolution_pattern(x_type, w_type, "Conv", channels=True)
        # onnxruntime has ConvInteger for unsigned activations only.
        if x_type == "u8":
            CASES[f"ConvInteger_{x_type}{w_type}"] = convolution_integer(x_type, w_type)


def matmul(a_type: str, b_type: str, a_shape: Sequence[int], b_shape: Sequence[int], constant: bool,
           columns: bool) -> Callable[[Graph], str]:
    """QLinearMatMul, with one scale of the second operand or one for each column."""
    def build(g: Graph) -> str:
        a = g.input(g.integers(a_type, *a_shape))
        values = g.integers(b_type, *b_shape)
        b = g.constant(values) if constant else g.input(values)
        sizes = (b_shape[-1],) if columns else ()
        scale, zero = g.scale(0.002, 0.01, *sizes), np.full(sizes, g.middle_zero(b_type), INTEGER[b_type])
        output = g.parameters(a_type, 0.05, 0.1)
        return g.op("QLinearMatMul", a, *g.parameters(a_type), b, g.constant(scale), g.constant(zero), *output)
    return build


def gemm(a_type: str, b_type: str, transposed: bool, alpha: float, bias: bool, quantized: bool,
         columns: bool = False) -> Callable[[Graph], str]:
    """QGemm; without output parameters its output is float."""
    def build(g: Graph) -> str:
        a = g.input(g.integers(a_type, 3, 13)), *g.parameters(a_type)
        sizes = (9,) if columns else ()
        b = (g.constant(g.integers(b_type, *((9, 13) if transposed else (13, 9)))), g.constant(g.scale(0.002, 0.01, *sizes)),
             g.constant(np.full(sizes, g.middle_zero(b_type), INTEGER[b_type])))
        c = g.constant(g.random.integers(-3000, 3000, 9).astype(np.int32)) if bias else ""
        y = g.parameters(a_type, 0.05, 0.1) if quantized else ()
        return g.op("QGemm", *a, *b, c, *y, domain=MICROSOFT, alpha=alpha, transB=int(transposed))
    return build


def gemm_pattern(dtype: str) -> Callable[[Graph], str]:
    """A linear layer between DequantizeLinear and QuantizeLinear."""
    def build(g: Graph) -> str:
        x = g.quantize(g.input(g.floats(3, 13)), dtype, g.middle(dtype, 0.02))
        weights, scale = g.weights("s8", (9, 13))
        bias = g.bias(9, np.asarray(np.float32(0.02) * scale, np.float32))
        return g.quantize(g.op("Gemm", x, weights, bias, transB=1), dtype, g.middle(dtype, 0.05))
    return build


def matmul_pattern(dtype: str, quantized: bool, bias: bool) -> Callable[[Graph], str]:
    """MatMul with a dequantized constant; without output quantizer it becomes MatMulIntegerToFloat."""
    def build(g: Graph) -> str:
        x = g.quantize(g.input(g.floats(2, 3, 13)), dtype)
        y = g.op("MatMul", x, g.weights("s8", (13, 9))[0])
        if quantized:
            y = g.quantize(y, dtype, g.middle(dtype, 0.05))
        return g.op("Add", y, g.constant(g.floats(9))) if bias else y
    return build


def matmul_integer(a_type: str, b_type: str, a_shape: Sequence[int], b_shape: Sequence[int],
                   constant: bool) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        a, values = g.input(g.integers(a_type, *a_shape)), g.integers(b_type, *b_shape)
        zeros = g.constant(g.zero_point(a_type)), g.constant(g.zero_point(b_type))
        return g.op("MatMulInteger", a, g.constant(values) if constant else g.input(values), *zeros)
    return build


def dynamic(b_type: str, columns: bool, bias: bool) -> Callable[[Graph], str]:
    """A linear layer whose input is quantized when it runs, as quantize_dynamic writes it."""
    def build(g: Graph) -> str:
        sizes = (9,) if columns else ()
        # The operator takes its input's range over the whole tensor, batch included.
        x, weights = g.input(g.floats(2, 3, 13)), g.constant(g.integers(b_type, 13, 9))
        scale = g.scale(0.002, 0.01, *sizes)
        zero = g.constant(np.full(sizes, 0 if b_type == "s8" else 120, INTEGER[b_type]))
        quantized, x_scale, x_zero = g.node("DynamicQuantizeLinear", [x], 3)
        integer = g.op("Cast", g.op("MatMulInteger", quantized, weights, x_zero, zero), to=TensorProto.FLOAT)
        y = g.op("Mul", integer, g.op("Mul", x_scale, g.constant(scale)))
        return g.op("Add", y, g.constant(g.floats(9))) if bias else y
    return build


def products() -> None:
    for a_type, b_type in (("u8", "s8"), ("u8", "u8"), ("s8", "s8")):
        types = f"{a_type}{b_type}"
        for columns in (False, True):
            kind = "columns" if columns else "tensor"
            CASES[f"QLinearMatMul_2d_{kind}_{types}"] = matmul(a_type, b_type, (3, 21), (21, 9), True, columns)
            CASES[f"QLinearMatMul_batched_{kind}_{types}"] = matmul(a_type, b_type, (2, 3, 13), (13, 9), True, columns)
            CASES[f"QGemm_{kind}_{types}"] = gemm(a_type, b_type, True, 1.0, True, True, columns)
        CASES[f"QLinearMatMul_dynamic_{types}"] = matmul(a_type, b_type, (2, 3, 4, 13), (2, 3, 13, 5), False, False)
        CASES[f"QGemm_alpha_{types}"] = gemm(a_type, b_type, False, 0.7, True, True)
        CASES[f"QGemm_float_{types}"] = gemm(a_type, b_type, True, 1.3, True, False)
        CASES[f"QGemm_float_columns_{types}"] = gemm(a_type, b_type, True, 1.0, False, False, True)
        CASES[f"MatMulInteger_{types}"] = matmul_integer(a_type, b_type, (3, 13), (13, 9), True)
        CASES[f"MatMulInteger_batched_{types}"] = matmul_integer(a_type, b_type, (2, 3, 4, 13), (2, 3, 13, 5), False)
    for dtype in INTEGER:
        CASES[f"qdq_Gemm_{dtype}"] = gemm_pattern(dtype)
        for quantized in (False, True):
            for bias in (False, True):
                name = f"qdq_MatMul{'_quantized' if quantized else ''}{'_bias' if bias else ''}_{dtype}s8"
                CASES[name] = matmul_pattern(dtype, quantized, bias)
    for b_type in INTEGER:
        for columns in (False, True):
            for bias in (False, True):
                suffix = f"{'_columns' if columns else ''}{'_bias' if bias else ''}_{b_type}"
                CASES[f"dynamic{suffix}"] = dynamic(b_type, columns, bias)


def write_all(folder: Path) -> int:
    """Writes all cases and returns their number."""
    operators()
    patterns()
    convolutions()
    products()
    for case, build in CASES.items():
        write(folder, case, build)
    return len(CASES)


def main() -> None:
    """Writes all cases into the folder that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{write_all(Path(sys.argv[1]))} cases")


if __name__ == "__main__":
    main()
