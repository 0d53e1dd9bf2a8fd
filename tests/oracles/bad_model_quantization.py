"""Scales, zero points and element types that are not supported. See bad_models.py."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

from bad_model_parts import I64, U8, Bad, Layer, case, info, init, model, node


@case
def scale_of_zero() -> Bad:
    return Layer().with_init("x_scale", 0.0).model()


@case
def scale_of_nan() -> Bad:
    return Layer().with_init("w_scale", np.nan).model()


@case
def scale_below_zero() -> Bad:
    return Layer().with_init("y_scale", -0.05).model()


@case
def scale_of_infinity() -> Bad:
    return Layer().with_init("w_scale", np.inf).model()


@case
def scale_of_float64() -> Bad:
    return Layer().with_init("x_scale", 0.02, np.float64).model()


@case
def scale_of_bfloat16() -> Bad:
    return Layer().with_init("x_scale", 0.02, ml_dtypes.bfloat16).model()


@case
def scale_that_is_computed() -> Bad:
    layer = Layer()
    layer.nodes = {"range": node("ReduceMax", ["x"], ["x_scale"], "/ReduceMax", keepdims=0), **layer.nodes}
    del layer.inits["x_scale"]
    return layer.model()


@case
def zero_point_that_is_an_input() -> Bad:
    layer = Layer()
    del layer.inits["x_zero"]
    bad = layer.model()
    bad.graph.input.append(info("x_zero", [], U8))
    return bad


@case
def zero_point_of_another_type() -> Bad:
    layer = Layer().with_init("w_zero", 0, np.uint8)
    return layer.model()


@case
def zero_points_of_another_number() -> Bad:
    return Layer().with_init("w_scale", [0.01] * 4).with_init("w_zero", [0, 0, 0], np.int8).model()


@case
def scales_of_another_number() -> Bad:
    layer = Layer().with_init("w_scale", [0.01] * 3).with_init("w_zero", [0] * 3, np.int8)
    layer.nodes["wd"].attribute.append(helper.make_attribute("axis", 0))
    return layer.model()


@case
def scales_along_an_axis_that_is_not_there() -> Bad:
    layer = Layer().with_init("w_scale", [0.01] * 4).with_init("w_zero", [0] * 4, np.int8)
    layer.nodes["wd"].attribute.append(helper.make_attribute("axis", 2))
    return layer.model()


@case
def scales_along_the_inputs() -> Bad:
    layer = Layer().with_init("w_scale", [0.01] * 8).with_init("w_zero", [0] * 8, np.int8)
    return layer.model()


@case
def activations_per_channel() -> Bad:
    layer = Layer("Conv").with_init("x_scale", [0.02] * 3).with_init("x_zero", [128] * 3, np.uint8)
    return layer.model()


@case
def blocked_quantization() -> Bad:
    layer = Layer().with_init("w_scale", np.full((4, 2), 0.01)).with_init("w_zero", np.zeros((4, 2)), np.int8)
    layer.nodes["wd"].attribute.extend([helper.make_attribute("axis", 1), helper.make_attribute("block_size", 4)])
    return layer.model()


@case
def sixteen_bits() -> Bad:
    return Layer().with_init("x_zero", 32768, np.uint16).model()


@case
def sixteen_bits_by_attribute() -> Bad:
    layer = Layer()
    layer.nodes["xq"] = node("QuantizeLinear", ["x", "x_scale"], ["xq"], "x_QuantizeLinear", output_dtype=TensorProto.INT16)
    return layer.model()


@case
def output_of_float8() -> Bad:
    layer = Layer()
    float8 = TensorProto.FLOAT8E4M3FN
    layer.nodes["yq"] = node("QuantizeLinear", ["s", "y_scale"], ["yq"], "y_QuantizeLinear", output_dtype=float8)
    return layer.model()


@case
def dequantized_to_float16() -> Bad:
    layer = Layer(opset=23)
    layer.nodes["xd"].attribute.append(helper.make_attribute("output_dtype", TensorProto.FLOAT16))
    return layer.model()


@case
def int4_activations_of_a_qoperator() -> Bad:
    nodes = [node("QLinearMatMul", ["x", "s", "z", "w", "s", "wz", "s", "z"], ["y"])]
    inits = [init("s", 0.1), init("z", 0, np.uint8), init("w", np.ones((4, 4)), np.int8), init("wz", 0, np.int8)]
    return model(nodes, inits, info("x", ["batch", 4], TensorProto.UINT4))


@case
def scale_too_small_for_int4() -> Bad:
    layer = Layer().with_init("w_scale", 1e-38)
    layer.inits["w"] = helper.make_tensor("w", TensorProto.INT4, [4, 8], bytes(16), raw=True)
    layer.inits["w_zero"] = helper.make_tensor("w_zero", TensorProto.INT4, [], b"\x00", raw=True)
    return layer.model()


@case
def scales_of_two_dimensions() -> Bad:
    return Layer().with_init("x_scale", [[0.02]]).model()


@case
def scales_along_an_axis_before_opset_13() -> Bad:
    layer = Layer(opset=12).with_init("w_scale", [0.01] * 4).with_init("w_zero", [0] * 4, np.int8)
    return layer.model()


@case
def quantized_to_int32() -> Bad:
    return Layer().with_init("x_zero", 0, np.int32).model()


@case
def dynamically_quantized_integers() -> Bad:
    return model([node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])], [], info("x", ["batch", 4], I64))
