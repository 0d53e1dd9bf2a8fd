"""Operators and attributes that are not supported, and operators of the host whose operands do not fit. See bad_models.py."""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, TensorProto, helper

from bad_model_parts import I8, I64, Bad, Layer, attribute_of, case, info, init, model, node, one


@case
def unknown_operator() -> Bad:
    return one("NonMaxSuppression")


@case
def unknown_domain() -> Bad:
    return one("Inverse", domain="ai.onnx.contrib")


@case
def microsoft_operator() -> Bad:
    nodes = [node("DynamicQuantizeMatMul", ["x", "w", "w_scale", "w_zero"], ["y"], domain="com.microsoft")]
    inits = [init("w", np.ones((4, 4)), np.int8), init("w_scale", 0.1), init("w_zero", 0, np.int8)]
    return model(nodes, inits, ["batch", 4])


@case
def local_function() -> Bad:
    bad = one("MyRelu", domain="pkg.torch")
    body = [helper.make_node("Relu", ["X"], ["Y"])]
    function = helper.make_function("pkg.torch", "MyRelu", ["X"], ["Y"], body, [helper.make_opsetid("", 21)])
    bad.functions.append(function)
    bad.opset_import.append(helper.make_opsetid("pkg.torch", 1))
    return bad


def branch(name: str, op: str) -> GraphProto:
    return helper.make_graph([node(op, ["x"], [name])], name, [], [info(name, ["batch", 4])])


@case
def if_operator() -> Bad:
    attributes = {"then_branch": branch("a", "Relu"), "else_branch": branch("b", "Neg")}
    bad = model([node("If", ["c"], ["y"], **attributes)], [], ["batch", 4])
    bad.graph.input.append(info("c", [], TensorProto.INT64))
    return bad


@case
def loop_operator() -> Bad:
    inputs = [info("i", [], I64), info("k", [], TensorProto.BOOL), info("v", ["batch", 4])]
    outputs = [info("k2", [], TensorProto.BOOL), info("w", ["batch", 4])]
    body = helper.make_graph([node("Identity", ["k"], ["k2"]), node("Relu", ["v"], ["w"])], "body", inputs, outputs)
    return model([node("Loop", ["n", "", "x"], ["y"], body=body)], [init("n", 3, np.int64)], ["batch", 4])


@case
def unknown_attribute() -> Bad:
    return one("Softmax", axis=-1, temperature=0.5)


@case
def attribute_of_another_opset() -> Bad:
    return one("ReduceMean", shape=("batch", 4, 4), axes=[2], opset=18)


@case
def nameless_node() -> Bad:
    return one("Softmax", name="", beta=1.0)


@case
def attribute_of_wrong_type() -> Bad:
    return Layer().with_attributes(transB=1.0).model()


@case
def attribute_twice() -> Bad:
    bad, attribute = attribute_of("/fc/Gemm", "transB")
    next(each for each in bad.graph.node if each.name == "/fc/Gemm").attribute.append(attribute)
    return bad


@case
def attribute_of_a_function() -> Bad:
    bad, attribute = attribute_of("/fc/Gemm", "transB")
    attribute.ref_attr_name = "transposed"
    return bad


@case
def missing_input() -> Bad:
    return one("Reshape", shape=("batch", 4))


@case
def missing_axis() -> Bad:
    return one("Concat", init("c", [[1.0, 2.0, 3.0, 4.0]]))


@case
def second_output() -> Bad:
    return one("MaxPool", shape=("batch", 3, 8, 8), outputs=("y", "indices"), kernel_shape=[2, 2])

@case
def pool_padding() -> Bad:
    return one("MaxPool", shape=("batch", 3, 8, 8), kernel_shape=[2, 2], pads=[2, 2, 2, 2])


@case
def pool_in_three_dimensions() -> Bad:
    return one("MaxPool", shape=("batch", 3, 8, 8, 8), kernel_shape=[2, 2, 2])


@case
def training_batch_normalization() -> Bad:
    parameters = [init(name, [1.0] * 3) for name in ("scale", "bias", "mean", "variance")]
    return one("BatchNormalization", *parameters, shape=("batch", 3, 8, 8), training_mode=1)


@case
def training_dropout() -> Bad:
    return one("Dropout", init("ratio", 0.5), init("training", 1, np.int64), shape=("batch", 4))


@case
def training_dropout_bool() -> Bad:
    return one("Dropout", init("ratio", 0.5), init("training", True, np.bool_), shape=("batch", 4))


@case
def resize_linear() -> Bad:
    nodes = [node("Resize", ["x", "", "scales"], ["y"], mode="linear")]
    return model(nodes, [init("scales", [1.0, 1.0, 2.0, 2.0])], ["batch", 3, 8, 8])


@case
def resize_crop() -> Bad:
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize"}
    nodes = [node("Resize", ["x", "roi", "scales"], ["y"], **attributes)]
    return model(nodes, [init("roi", [0.0] * 4 + [1.0] * 4), init("scales", [1.0, 1.0, 2.0, 2.0])], ["batch", 3, 8, 8])


@case
def cast_to_bool() -> Bad:
    return one("Cast", to=TensorProto.BOOL)


@case
def cast_to_float16() -> Bad:
    return one("Cast", to=TensorProto.FLOAT16)


@case
def layer_normalization_stash_type() -> Bad:
    return one("LayerNormalization", init("scale", [1.0] * 4), stash_type=TensorProto.FLOAT16)


@case
def gelu_by_another_name() -> Bad:
    return one("Gelu", approximate="sigmoid")


@case
def pad_mode() -> Bad:
    return one("Pad", init("pads", [0, 1, 0, 1], np.int64), mode="symmetric")


@case
def reshape_that_does_not_fit() -> Bad:
    return one("Reshape", init("shape", [3, 5], np.int64), shape=(2, 8))


@case
def reshape_with_two_unknowns() -> Bad:
    return one("Reshape", init("shape", [-1, -1], np.int64), shape=(2, 8))


@case
def concat_that_does_not_fit() -> Bad:
    return one("Concat", init("c", np.ones((2, 3, 4))), shape=(2, 3, 5), axis=1)


@case
def concat_of_axis_that_is_not_there() -> Bad:
    return one("Concat", init("c", np.ones((2, 3))), shape=(2, 3), axis=2)


@case
def broadcast_that_does_not_fit() -> Bad:
    return one("Add", init("c", [1.0, 2.0, 3.0]), shape=("batch", 4))


@case
def transpose_axis_twice() -> Bad:
    return one("Transpose", shape=("batch", 3, 4), perm=[0, 2, 2])


@case
def split_that_does_not_fit() -> Bad:
    return one("Split", init("sizes", [2, 1], np.int64), shape=("batch", 4), outputs=("y", "rest"), axis=1)


@case
def squeeze_of_a_size() -> Bad:
    return one("Squeeze", init("axes", [1], np.int64), shape=("batch", 4))


@case
def gather_beyond_the_end() -> Bad:
    nodes = [node("Gather", ["table", "index"], ["row"], axis=0), node("Add", ["x", "row"], ["y"])]
    return model(nodes, [init("table", np.ones((3, 4))), init("index", 3, np.int64)], ["batch", 4])


@case
def constant_that_explodes() -> Bad:
    nodes = [node("ConstantOfShape", ["shape"], ["c"]), node("Add", ["x", "c"], ["y"])]
    return model(nodes, [init("shape", [1 << 14, 1 << 14, 1 << 14], np.int64)], ["batch", 4])


@case
def integers_without_a_scale() -> Bad:
    return model([node("Softmax", ["x"], ["y"])], [], info("x", ["batch", 4], I8))


@case
def names_with_control_characters() -> Bad:
    return one("Softmax", name="/layer\x1b[2J\n", temperature=1.0)


@case
def clip_of_opset_10() -> Bad:
    return one("Clip", opset=10, min=0.0, max=6.0)


@case
def pad_of_opset_10() -> Bad:
    return one("Pad", opset=10, pads=[0, 1, 0, 1])


@case
def resize_of_opset_10() -> Bad:
    return one("Resize", init("scales", [1.0, 1.0, 2.0, 2.0]), shape=("batch", 3, 8, 8), opset=10)


@case
def split_into_another_number() -> Bad:
    return one("Split", shape=("batch", 4), outputs=("y", "rest"), axis=1, num_outputs=3)


@case
def pool_without_kernel_shape() -> Bad:
    return one("AveragePool", shape=("batch", 3, 8, 8))


@case
def gather_by_floats() -> Bad:
    return one("Gather", init("index", [1.0]), axis=1)


@case
def reduction_over_an_axis_that_is_not_there() -> Bad:
    return one("ReduceMean", init("axes", [4], np.int64), shape=("batch", 3, 8, 8))


@case
def permutation_below_zero() -> Bad:
    return one("Transpose", shape=("batch", 3, 4), perm=[0, -1, 1])
