"""Damaged files, and what is wrong with a model, its graph, or its stored tensors. See bad_models.py."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

from bad_model_parts import F32, Bad, Layer, case, good, info, init, model, node, one


@case
def not_a_protobuf() -> Bad:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x06\x00\x00\x00\x1f\xf3\xffa"


@case
def empty_file() -> Bad:
    return b""


@case
def truncated_file() -> Bad:
    whole = Layer("Conv").model().SerializeToString()
    return whole[: len(whole) * 2 // 3]


@case
def git_lfs_pointer() -> Bad:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 12345\n"


@case
def safetensors_file() -> Bad:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + b"\x00\x00\x80\x3f"


@case
def html_page() -> Bad:
    return b"<!DOCTYPE html><html><head><title>404: Not Found</title></head><body></body></html>"


@case
def zeros_at_the_end() -> Bad:
    return good().SerializeToString() + bytes(64)

@case
def no_graph() -> Bad:
    bad = good()
    bad.ClearField("graph")
    return bad


@case
def no_opset() -> Bad:
    bad = good()
    del bad.opset_import[:]
    return bad


@case
def opset_too_old() -> Bad:
    return Layer(opset=9).model()


@case
def opset_too_new() -> Bad:
    return Layer(opset=27).model()


@case
def no_outputs() -> Bad:
    bad = good()
    del bad.graph.output[:]
    return bad


@case
def sparse_initializer() -> Bad:
    bad = good()
    values, indices = init("sparse", [1.0, 2.0]), init("sparse_indices", [0, 3], np.int64)
    bad.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [8]))
    return bad


@case
def undefined_value() -> Bad:
    layer = Layer()
    del layer.inits["w_scale"]
    return layer.model()


@case
def undefined_output() -> Bad:
    bad = good()
    bad.graph.output[0].name = "logits"
    return bad


@case
def defined_twice() -> Bad:
    layer = Layer()
    layer.nodes["wd"].output[0] = "xd"
    return layer.model()


@case
def initializer_twice() -> Bad:
    bad = good()
    bad.graph.initializer.append(init("w_scale", 0.5))
    return bad


@case
def cycle() -> Bad:
    nodes = [node("Add", ["x", "b"], ["a"], "/Add"), node("Relu", ["a"], ["b"], "/Relu"), node("Neg", ["b"], ["y"], "/Neg")]
    return model(nodes, [], ["batch", 4])


@case
def sequence_input() -> Bad:
    x = helper.make_tensor_sequence_value_info("x", F32, ["batch", 4])
    return model([node("SequenceAt", ["x", "i"], ["y"])], [init("i", 0, np.int64)], x)


@case
def float16_input() -> Bad:
    return model([node("Relu", ["x"], ["y"])], [], info("x", ["batch", 4], TensorProto.FLOAT16))


@case
def string_input() -> Bad:
    return model([node("Identity", ["x"], ["y"])], [], info("x", ["batch"], TensorProto.STRING))


@case
def bool_input() -> Bad:
    return model([node("Identity", ["x"], ["y"])], [], info("x", ["batch"], TensorProto.BOOL))


@case
def input_of_many_dimensions() -> Bad:
    return one("Relu", shape=[1] * 17)

@case
def external_data() -> Bad:
    bad = good()
    weights = next(each for each in bad.graph.initializer if each.name == "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="model.onnx.data")
    return bad


@case
def too_little_data() -> Bad:
    bad = good()
    weights = next(each for each in bad.graph.initializer if each.name == "w")
    weights.raw_data = weights.raw_data[:-3]
    return bad


@case
def partial_element() -> Bad:
    bad = good()
    bias = next(each for each in bad.graph.initializer if each.name == "b")
    bias.raw_data = bias.raw_data[:-1]
    return bad


@case
def negative_dimension() -> Bad:
    bad = good()
    next(each for each in bad.graph.initializer if each.name == "w").dims[0] = -4
    return bad


@case
def dimensions_that_overflow() -> Bad:
    bad = good()
    weights = next(each for each in bad.graph.initializer if each.name == "w")
    weights.dims[:] = [1 << 40, 1 << 40]
    return bad


@case
def float8_weights() -> Bad:
    layer = Layer()
    values = np.ones((4, 8), ml_dtypes.float8_e4m3fn)
    layer.inits["w"] = helper.make_tensor("w", TensorProto.FLOAT8E4M3FN, [4, 8], values.tobytes(), raw=True)
    layer.inits["w_zero"] = helper.make_tensor("w_zero", TensorProto.FLOAT8E4M3FN, [], b"\x00", raw=True)
    return layer.model()


@case
def bool_initializer() -> Bad:
    return model([node("Where", ["c", "x", "x"], ["y"])], [init("c", [True, False, True, True], np.bool_)], ["batch", 4])


@case
def string_constant() -> Bad:
    value = helper.make_tensor("labels", TensorProto.STRING, [2], [b"cat", b"dog"])
    return model([node("Constant", [], ["y"], value=value)], [], ["batch", 4])


@case
def constant_of_strings() -> Bad:
    return model([node("Constant", [], ["y"], value_strings=["cat", "dog"])], [], ["batch", 4])


@case
def int4_of_wrong_length() -> Bad:
    layer = Layer()
    layer.inits["w"] = TensorProto(name="w", data_type=TensorProto.INT4, dims=[4, 8], raw_data=bytes(32))
    layer.inits["w_zero"] = helper.make_tensor("w_zero", TensorProto.INT4, [], b"\x00", raw=True)
    return layer.model()


@case
def constant_of_many_dimensions() -> Bad:
    bad = one("Add", init("c", [1.0]))
    bad.graph.initializer[0].dims[:] = [1] * 40
    return bad
