"""What the oracle scripts share: writing cases, running onnxruntime, counting operators.

A case is a folder with model.onnx, input_<i>.npy, output_<i>.npy (in the order of the graph's inputs and outputs)
and case.json. Four-bit and two-bit values are stored as int8 or uint8 arrays, one value an element.
"""

import json
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ort.set_default_logger_severity(4)

NARROW = {
    TensorProto.INT4: ml_dtypes.int4,
    TensorProto.UINT4: ml_dtypes.uint4,
    TensorProto.INT2: ml_dtypes.int2,
    TensorProto.UINT2: ml_dtypes.uint2,
}
# Smallest IR version whose format has the type; every other model is written with IR 10.
NEEDED_IR = {TensorProto.INT2: 13, TensorProto.UINT2: 13}

# Rewrites of float subgraphs into approximations, or into operators with another order of summation; and of a dynamic model's
# float arithmetic (Cast, Mul, Add), which runs as written. What stands between quantizers may still become integer kernels.
FLOAT_FUSIONS = [
    "AttentionFusion", "BiasGeluFusion", "BiasSoftmaxFusion", "ConvActivationFusion", "ConvAddActivationFusion", "ConvAddFusion",
    "ConvBNFusion", "ConvMulFusion", "DivMulFusion", "DynamicQuantizeMatMulFusion", "EmbedLayerNormFusion", "FastGeluFusion",
    "GeluFusionL1", "GeluFusionL2", "GemmActivationFusion", "GemmSumFusion", "GemmTransposeFusion", "LayerNormFusionL1",
    "LayerNormFusionL2", "MatMulAddFusion", "MatMulIntegerToFloatFusion", "MatMulScaleFusion",
    "MatMul_BatchNormalization_Fusion", "MatmulTransposeFusion", "NchwcTransformer", "Pad_Fusion",
    "QDQPropagationTransformer", "QuickGeluFusion", "SimplifiedLayerNormFusion", "SkipLayerNormFusion", "TransposeOptimizer",
    "TransposeOptimizer_CPUExecutionProvider", "WeightBiasQuantization",
]
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def unsign_conv_integer(model: onnx.ModelProto) -> None:
    """Moves int8 weights of ConvInteger, and their zero point, up by 128 into uint8: the same sums.

    u8s8 sums of pairs saturate at 16 bits on x86 processors without VNNI, and onnxruntime's own option leaves this operator
    out.
    """
    tensors = {t.name: t for t in model.graph.initializer}
    for i, node in enumerate(model.graph.node):
        stored = tensors.get(node.input[1]) if node.op_type == "ConvInteger" else None
        if stored is None or stored.data_type != TensorProto.INT8:
            continue
        weight = numpy_helper.to_array(stored).astype(np.int16) + 128
        zero = np.int16(128)
        if len(node.input) > 3 and node.input[3]:
            zero = zero + numpy_helper.to_array(tensors[node.input[3]])
        names = [f"{node.input[1]}.unsigned.{i}", f"{node.input[1]}.unsigned.{i}.zero"]
        model.graph.initializer.append(tensor(names[0], weight.astype(np.uint8)))
        model.graph.initializer.append(tensor(names[1], np.asarray(zero, np.uint8)))
        # A missing zero point of the activation stays an empty name.
        inputs = [node.input[0], names[0], node.input[2] if len(node.input) > 2 else "", names[1]]
        del node.input[:]
        node.input.extend(inputs)


def session(model: onnx.ModelProto, saved: Path | None = None, level: str = "extended") -> ort.InferenceSession:
    """The one place where onnxruntime's options are chosen; `saved` receives the optimised model.

    Level "extended" is the reference of a quantized network: what stands between quantizers runs in onnxruntime's integer kernels,
    every other operator runs as the file says. Level "none" runs the file as written, with float products between quantizers.
    Level "default" is what a user gets who sets nothing.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if saved is not None:
        options.optimized_model_filepath = str(saved)
    disabled = []
    if level == "extended":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        disabled = FLOAT_FUSIONS
        # Four-bit weights stay in float32 instead of MatMulNBits with quantized activations.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "0")
        # A QuantizeLinear behind a DequantizeLinear with another scale rounds once more; the default skips that.
        options.add_session_config_entry("session.disable_double_qdq_remover", "1")
        # On x86 the default moves int8 activations to uint8, and rounds some sums of two in the other direction.
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        unsign_conv_integer(model)
    elif level == "none":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled
    )


def require_exact_products() -> None:
    """Stops on a processor where onnxruntime's int8 sums saturate, for any file made there would be wrong."""
    depth, wide = 64, 16
    for operator, left, right in (
        ("MatMulInteger", np.int8, np.int8), ("MatMulInteger", np.uint8, np.int8), ("MatMulInteger", np.uint8, np.uint8),
        ("ConvInteger", np.uint8, np.int8), ("ConvInteger", np.uint8, np.uint8),
    ):
        conv = operator == "ConvInteger"
        a = np.full((1, depth, 4, 4) if conv else (16, depth), np.iinfo(left).max, left)
        b = np.full((wide, depth, 1, 1) if conv else (depth, wide), np.iinfo(right).max, right)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(left))
        shape = [1, wide, 4, 4] if conv else [16, wide]
        graph = helper.make_graph(
            [helper.make_node(operator, ["a", "b"], ["y"])], "product",
            [helper.make_tensor_value_info("a", kind, a.shape)],
            [helper.make_tensor_value_info("y", TensorProto.INT32, shape)], [tensor("b", b)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        level = "none" if left == np.int8 else "extended"
        exact = np.full(shape, depth * int(np.iinfo(left).max) * int(np.iinfo(right).max), np.int32)
        found = run(model, [a], level=level)[0]
        assert same(found, exact), f"{operator} of {left.__name__} and {right.__name__} saturates on this processor"


def run(model: onnx.ModelProto, inputs: list[np.ndarray], **options) -> list[np.ndarray]:
    """All outputs of `model`; inputs in the order of the graph, narrow types as int8 or uint8."""
    plain = widen_boundary(model, inputs)
    live = session(plain, **options)
    names = [v.name for v in model.graph.input if v.name in {i.name for i in live.get_inputs()}]
    values = {v.name: x for v, x in zip(model.graph.input, inputs)}
    return live.run(None, {name: values[name] for name in names})


def widen_boundary(model: onnx.ModelProto, inputs: list[np.ndarray]) -> onnx.ModelProto:
    """A copy whose narrow inputs are initializers and whose narrow outputs are cast to int8: NumPy feeds have no such types."""
    types = [v.type.tensor_type.elem_type for v in [*model.graph.input, *model.graph.output]]
    if not any(t in NARROW for t in types):
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    for value, array in zip(list(graph.input), inputs):
        kind = value.type.tensor_type.elem_type
        if kind in NARROW:
            graph.initializer.append(tensor(value.name, array, kind))
            graph.input.remove(value)
    for value in graph.output:
        kind = value.type.tensor_type.elem_type
        if kind in NARROW:
            wide = TensorProto.UINT8 if kind in (TensorProto.UINT4, TensorProto.UINT2) else TensorProto.INT8
            graph.node.append(helper.make_node("Cast", [value.name], [value.name + ".wide"], to=wide))
            value.name += ".wide"
            value.type.tensor_type.elem_type = wide
    return copy


def tensor(name: str, values: np.ndarray, kind: int | None = None) -> TensorProto:
    """An initializer; `kind` names a narrow type for int8 or uint8 values."""
    if kind in NARROW:
        return numpy_helper.from_array(np.asarray(values).astype(NARROW[kind]), name)
    return numpy_helper.from_array(np.asarray(values, order="C"), name)


def widen(values: np.ndarray) -> np.ndarray:
    """int4/int2 arrays as int8, uint4/uint2 arrays as uint8; everything else as it is."""
    if values.dtype in (ml_dtypes.int4, ml_dtypes.int2):
        return values.astype(np.int8)
    if values.dtype in (ml_dtypes.uint4, ml_dtypes.uint2):
        return values.astype(np.uint8)
    return values


def as_constants(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A copy in which the graph inputs named in `values` are initializers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in list(copy.graph.input):
        if value.name in values:
            copy.graph.initializer.append(tensor(value.name, values[value.name], value.type.tensor_type.elem_type))
            copy.graph.input.remove(value)
    return copy


def lower_ir(model: onnx.ModelProto) -> None:
    """IR 10, or what the types in the file need."""
    text = [t.data_type for t in model.graph.initializer]
    text += [v.type.tensor_type.elem_type for v in [*model.graph.input, *model.graph.output, *model.graph.value_info]]
    model.ir_version = max([10, *(NEEDED_IR.get(t, 0) for t in text)])


def write_case(
    folder: Path,
    model: onnx.ModelProto | bytes,
    inputs: list[np.ndarray],
    outputs: dict[str, np.ndarray] | list[np.ndarray],
    facts: dict,
) -> None:
    """Writes one case; outputs are numbered, or named by the stem of their file. A model in bytes is written unchanged."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, onnx.ModelProto):
        lower_ir(model)
        model = model.SerializeToString()
    (folder / "model.onnx").write_bytes(model)
    for i, values in enumerate(inputs):
        np.save(folder / f"input_{i}.npy", np.asarray(widen(values), order="C"))
    if isinstance(outputs, list):
        outputs = {f"output_{i}": values for i, values in enumerate(outputs)}
    for stem, values in outputs.items():
        np.save(folder / f"{stem}.npy", np.asarray(widen(values), order="C"))
    (folder / "case.json").write_text(json.dumps(facts, indent=1) + "\n")


def operators(model: onnx.ModelProto) -> Counter:
    """How often each operator stands in the graph, `domain::Operator` outside ONNX's own domain."""
    return Counter(qualified(n) for n in model.graph.node)


def qualified(node: onnx.NodeProto) -> str:
    """`Operator`, or `domain::Operator` outside ONNX's own domain."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equality of type, shape and bits."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
