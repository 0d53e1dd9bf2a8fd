"""The precision switch, applied to a file: copies of a quantized model whose weights keep W of their 8 bits.

`w_l = clip(round_half_even(w / 2^(8-W)))` to W bits signed, and `w_l << (8-W)` goes back into the initializer, so that every
scale, zero point and bias stays as it is. uint8 weights are switched around 128. Only weights of Conv, Gemm and
MatMul-type operators change.
"""

import numpy as np
import onnx
from onnx import numpy_helper

# Position of the weight among the inputs, by operator.
INTEGER_WEIGHT = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3, "ConvInteger": 1, "MatMulInteger": 1}
FLOAT_WEIGHT = {"Conv": 1, "Gemm": 1, "MatMul": 1}
INT8 = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)


def narrow(values: np.ndarray, bits: int) -> np.ndarray:
    """The switched weights as values of the same type, int8 or uint8."""
    offset = 128 if values.dtype == np.uint8 else 0
    shift, top = 8 - bits, 1 << (bits - 1)
    w = values.astype(np.int64) - offset
    w = np.clip(np.rint(w / (1 << shift)).astype(np.int64), -top, top - 1) << shift
    return (w + offset).astype(values.dtype)


def quantize(values: np.ndarray, scale: np.ndarray, zero: np.ndarray, axis: int) -> np.ndarray:
    """QuantizeLinear of a float weight, per tensor or along `axis`."""
    if scale.ndim:
        shape = [-1 if i == axis % values.ndim else 1 for i in range(values.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    limits = np.iinfo(zero.dtype)
    codes = np.rint(values / scale).astype(np.int64) + zero
    return np.clip(codes, limits.min, limits.max).astype(zero.dtype)


def fold_weight_quantizers(model: onnx.ModelProto) -> None:
    """Replaces every QuantizeLinear of an initializer by its result."""
    tensors = {t.name: t for t in model.graph.initializer}
    for node in list(model.graph.node):
        if node.op_type != "QuantizeLinear" or node.input[0] not in tensors:
            continue
        values, scale, zero = (numpy_helper.to_array(tensors[name]) for name in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        model.graph.initializer.append(numpy_helper.from_array(quantize(values, scale, zero, axis), node.output[0]))
        model.graph.node.remove(node)
    live = {name for node in model.graph.node for name in node.input}
    for value in [t for t in model.graph.initializer if t.name not in live]:
        model.graph.initializer.remove(value)


def weight_names(model: onnx.ModelProto) -> list[str]:
    """Initializers that hold the 8-bit weights of Conv, Gemm and MatMul-type operators."""
    tensors = {t.name for t in model.graph.initializer if t.data_type in INT8}
    made_by = {out: node for node in model.graph.node for out in node.output}
    found = []
    for node in model.graph.node:
        name = ""
        if node.op_type in INTEGER_WEIGHT:
            name = node.input[INTEGER_WEIGHT[node.op_type]]
        elif node.op_type in FLOAT_WEIGHT:
            source = made_by.get(node.input[FLOAT_WEIGHT[node.op_type]])
            if source is not None and source.op_type == "DequantizeLinear":
                name = source.input[0]
        if name in tensors and name not in found:
            found.append(name)
    return found


def switched(model: onnx.ModelProto, bits: int) -> onnx.ModelProto:
    """A copy of `model` at `bits` bits of each weight."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    fold_weight_quantizers(copy)
    names = set(weight_names(copy))
    for i, value in enumerate(copy.graph.initializer):
        if value.name in names:
            new = numpy_helper.from_array(narrow(numpy_helper.to_array(value), bits), value.name)
            copy.graph.initializer[i].CopyFrom(new)
    return copy
