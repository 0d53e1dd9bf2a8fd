"""What the bad models are made of: models of one node, and a quantized layer to change one thing of. See bad_models.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Bad = ModelProto | bytes
CASES: dict[str, Callable[[], Bad]] = {}
F32, U8, I8, I64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT64


def case(make: Callable[[], Bad]) -> Callable[[], Bad]:
    """Registers a function that makes the model of its name."""
    if make.__name__ in CASES:
        raise ValueError(f"two models {make.__name__}")
    CASES[make.__name__] = make
    return make


def init(name: str, values: Any, dtype: Any = np.float32) -> TensorProto:
    """A stored tensor."""
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: str | None = None, **attributes: Any) -> NodeProto:
    """A node, by default named after its operator, as PyTorch does."""
    return helper.make_node(op, inputs, outputs, name=f"/{op}" if name is None else name, **attributes)


def info(name: str, shape: Sequence[Any] | None, kind: int = F32) -> onnx.ValueInfoProto:
    """A tensor at the graph's border; sizes are numbers, or names."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[NodeProto], inits: Sequence[TensorProto], x: Any = None, y: Any = None, opset: int = 21
) -> ModelProto:
    """A model from x to y, which are shapes of float32 or whatever `info` gave."""
    inputs = [info("x", x)] if x is None or isinstance(x, list | tuple) else [x]
    outputs = [info("y", y)] if y is None or isinstance(y, list | tuple) else [y]
    graph = helper.make_graph(nodes, "bad", inputs, outputs, inits)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def one(
    op: str,
    *inits: TensorProto,
    shape: Any = ("batch", 4),
    opset: int = 21,
    outputs: Sequence[str] = ("y",),
    **attributes: Any,
) -> ModelProto:
    """A model of one node: x, then constants."""
    return model([node(op, ["x", *(each.name for each in inits)], outputs, **attributes)], inits, list(shape), opset=opset)


class Layer:
    """x, quantized; a Gemm or Conv with quantized weights and bias; y, quantized: as quantize_static writes it."""

    def __init__(self, op: str = "Gemm", weights: Any = None, opset: int = 21) -> None:
        self.op, self.opset = op, opset
        default = (4, 3, 3, 3) if op == "Conv" else (4, 8)
        weights = np.arange(np.prod(default)).reshape(default) % 251 - 125 if weights is None else weights
        self.shape: list[Any] = ["batch", 3, 8, 8] if op == "Conv" else ["batch", 8]
        self.inits = {
            "x_scale": init("x_scale", 0.02),
            "x_zero": init("x_zero", 128, np.uint8),
            "w": init("w", weights, np.int8),
            "w_scale": init("w_scale", 0.01),
            "w_zero": init("w_zero", 0, np.int8),
            "b": init("b", [10, -20, 30, -40], np.int32),
            "b_scale": init("b_scale", np.float32(0.02) * np.float32(0.01)),
            "y_scale": init("y_scale", 0.05),
            "y_zero": init("y_zero", 100, np.uint8),
        }
        self.attributes: dict[str, Any] = {"transB": 1} if op == "Gemm" else {"kernel_shape": [3, 3]}
        self.nodes = {
            "xq": node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"], "x_QuantizeLinear"),
            "xd": node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"], "x_DequantizeLinear"),
            "wd": node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wd"], "w_DequantizeLinear"),
            "bd": node("DequantizeLinear", ["b", "b_scale"], ["bd"], "b_DequantizeLinear"),
            "layer": NodeProto(),
            "yq": node("QuantizeLinear", ["s", "y_scale", "y_zero"], ["yq"], "y_QuantizeLinear"),
            "yd": node("DequantizeLinear", ["yq", "y_scale", "y_zero"], ["y"], "y_DequantizeLinear"),
        }
        self.inputs = ["xd", "wd", "bd"]

    def with_init(self, name: str, values: Any, dtype: Any = np.float32) -> Layer:
        """Replaces a constant, or adds one."""
        self.inits[name] = init(name, values, dtype)
        return self

    def with_attributes(self, **attributes: Any) -> Layer:
        """Gives the layer attributes."""
        self.attributes |= attributes
        return self

    def model(self) -> ModelProto:
        """The model."""
        name = {"Gemm": "/fc/Gemm", "Conv": "/conv1/Conv"}.get(self.op, f"/{self.op}")
        self.nodes["layer"] = node(self.op, self.inputs, ["s"], name, **self.attributes)
        return model(list(self.nodes.values()), list(self.inits.values()), self.shape, opset=self.opset)


def good() -> ModelProto:
    """A model with nothing wrong."""
    return Layer().model()


def attribute_of(name: str, attribute: str) -> tuple[ModelProto, onnx.AttributeProto]:
    """A model with nothing wrong, and an attribute of one of its nodes."""
    bad = good()
    layer = next(each for each in bad.graph.node if each.name == name)
    return bad, next(each for each in layer.attribute if each.name == attribute)
