"""Layers of the array: operands in another form than a quantizer leaves them, and shapes that do not fit. See bad_models.py."""

from __future__ import annotations

import numpy as np

from bad_model_parts import U8, Bad, Layer, case, info, init, model, node, one


@case
def float_convolution() -> Bad:
    return one("Conv", init("w", np.ones((4, 3, 3, 3))), shape=("batch", 3, 8, 8))


@case
def float_weights() -> Bad:
    layer = Layer().with_init("w", np.ones((4, 8)))
    layer.inputs[1] = "w"
    del layer.nodes["wd"]
    return layer.model()


@case
def float_bias() -> Bad:
    layer = Layer().with_init("b", [0.1, 0.2, 0.3, 0.4])
    layer.inputs[2] = "b"
    del layer.nodes["bd"]
    return layer.model()


@case
def bias_of_int8() -> Bad:
    layer = Layer().with_init("b", [1, 2, 3, 4], np.int8)
    return layer.model()


@case
def bias_scale() -> Bad:
    return Layer().with_init("b_scale", 0.02).model()


@case
def bias_zero_point() -> Bad:
    layer = Layer().with_init("b_zero", 3, np.int32)
    layer.nodes["bd"].input.append("b_zero")
    return layer.model()


@case
def bias_of_another_length() -> Bad:
    return Layer().with_init("b", [1, 2, 3], np.int32).model()


@case
def bias_that_is_computed() -> Bad:
    layer = Layer()
    layer.inputs[2] = "computed"
    del layer.nodes["bd"]
    layer.nodes = {"mean": node("ReduceMean", ["x"], ["computed"], "/ReduceMean", keepdims=0), **layer.nodes}
    return layer.model()


@case
def accumulators_beyond_int32() -> Bad:
    layer = Layer(weights=np.full((4, 8), 127)).with_init("b", [2**31 - 1] * 4, np.int32)
    return layer.model()


@case
def long_reduction() -> Bad:
    layer = Layer(weights=np.full((1, 70_000), 127))
    layer.shape = ["batch", 70_000]
    return layer.with_init("b", [0], np.int32).model()


@case
def multiplier_of_25_bits() -> Bad:
    return Layer().with_init("y_scale", 1e-12).model()


@case
def product_of_scales_underflows() -> Bad:
    return Layer().with_init("x_scale", 1e-25).with_init("w_scale", 1e-25).with_init("b_scale", 1e-40).model()


@case
def gemm_alpha() -> Bad:
    return Layer().with_attributes(alpha=0.5).model()


@case
def gemm_beta() -> Bad:
    return Layer().with_attributes(beta=0.0).model()


@case
def gemm_trans_a() -> Bad:
    return Layer().with_attributes(transA=1).model()


@case
def gemm_inner_dimension() -> Bad:
    layer = Layer()
    layer.shape = ["batch", 9]
    return layer.model()


@case
def gemm_without_trans_b() -> Bad:
    return Layer().with_attributes(transB=0).model()


@case
def gemm_of_four_dimensions() -> Bad:
    layer = Layer()
    layer.shape = ["batch", 2, 2, 2]
    return layer.model()


@case
def gemm_weights_of_three_dimensions() -> Bad:
    return Layer(weights=np.ones((2, 4, 8))).model()


@case
def gemm_of_two_activations() -> Bad:
    layer = Layer()
    layer.inputs = ["xd", "xd"]
    layer.shape = [8, 8]
    return layer.model()


@case
def matmul_inner_dimension() -> Bad:
    layer = Layer("MatMul", weights=np.ones((8, 4)))
    layer.attributes, layer.inputs, layer.shape = {}, ["xd", "wd"], ["batch", 5, 7]
    return layer.model()


@case
def conv_channels() -> Bad:
    layer = Layer("Conv")
    layer.shape = ["batch", 1, 28, 28]
    return layer.model()


@case
def conv_of_channels_last() -> Bad:
    layer = Layer("Conv")
    layer.shape = ["batch", 8, 8, 3]
    return layer.model()


@case
def conv_of_small_image() -> Bad:
    layer = Layer("Conv")
    layer.shape = ["batch", 3, 2, 2]
    return layer.model()


@case
def conv_in_three_dimensions() -> Bad:
    layer = Layer("Conv", weights=np.ones((4, 3, 3, 3, 3))).with_attributes(kernel_shape=[3, 3, 3])
    layer.shape = ["batch", 3, 8, 8, 8]
    return layer.model()


@case
def conv_kernel_shape() -> Bad:
    return Layer("Conv").with_attributes(kernel_shape=[5, 5]).model()


@case
def conv_group() -> Bad:
    return Layer("Conv").with_attributes(group=3).model()


@case
def conv_group_of_zero() -> Bad:
    return Layer("Conv").with_attributes(group=0).model()


@case
def conv_pads_and_auto_pad() -> Bad:
    return Layer("Conv").with_attributes(auto_pad="SAME_UPPER", pads=[1, 1, 1, 1]).model()


@case
def conv_two_pads() -> Bad:
    return Layer("Conv").with_attributes(pads=[1, 1]).model()


@case
def conv_negative_pads() -> Bad:
    return Layer("Conv").with_attributes(pads=[-1, -1, 0, 0]).model()


@case
def conv_strides_of_zero() -> Bad:
    return Layer("Conv").with_attributes(strides=[0, 0]).model()


@case
def conv_auto_pad() -> Bad:
    return Layer("Conv").with_attributes(auto_pad="SAME").model()


@case
def conv_kernel_that_is_computed() -> Bad:
    layer = Layer("Conv")
    layer.inputs = ["xd", "xd"]
    layer.shape = [3, 3, 3, 3]
    return layer.model()


@case
def integer_conv_zero_point_that_is_computed() -> Bad:
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("ConvInteger", ["q", "w", "z", "z"], ["y"]),
    ]
    return model(nodes, [init("w", np.ones((4, 3, 3, 3)), np.uint8)], ["batch", 3, 8, 8])


@case
def qlinear_float_operand() -> Bad:
    nodes = [node("QLinearAdd", ["x", "s", "z", "x", "s", "z", "s", "z"], ["y"], domain="com.microsoft")]
    return model(nodes, [init("s", 0.1), init("z", 0, np.uint8)], ["batch", 4])


@case
def qlinear_channels_last() -> Bad:
    nodes = [node("QLinearGlobalAveragePool", ["x", "s", "z", "s", "z"], ["y"], domain="com.microsoft", channels_last=1)]
    return model(nodes, [init("s", 0.1), init("z", 0, np.uint8)], info("x", ["batch", 8, 8, 3], U8))


@case
def weights_of_int32() -> Bad:
    return Layer().with_init("w", np.ones((4, 8)), np.int32).with_init("w_zero", 0, np.int32).model()


@case
def layer_without_outputs() -> Bad:
    layer = Layer(weights=np.ones((0, 8)))
    layer.inputs = ["xd", "wd"]
    return layer.model()


@case
def qlinear_concat_operands() -> Bad:
    nodes = [node("QLinearConcat", ["s", "z", "x", "s"], ["y"], domain="com.microsoft", axis=1)]
    return model(nodes, [init("s", 0.1), init("z", 0, np.uint8)], info("x", ["batch", 4], U8))


@case
def qlinear_output_scale_that_is_computed() -> Bad:
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
        node("QLinearMatMul", ["q", "s", "z", "w", "s", "z", "qs", "z"], ["y"]),
    ]
    return model(nodes, [init("s", 0.1), init("z", 0, np.uint8), init("w", np.ones((4, 4)), np.uint8)], ["batch", 4])
