"""Graphs as Brevitas and qonnx write them, and two ways to run them: the executor of `qonnx`, and exact sums.

Not run by itself: `qonnx_cases.py` uses it. Weights are float32 initializers behind Quant; scales, zero points and widths are
Constant nodes or initializers.
"""

import functools
import warnings
from unittest import mock

import numpy as np
import onnx
import qonnx.core.onnx_exec
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.quant import quant
from qonnx.transformation.infer_shapes import InferShapes

import common

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")


class Builder:
    """A graph with one float32 input `x`, grown node by node; every method returns the name of its output."""

    def __init__(
        self, shape: tuple[int, ...], domain: str = DOMAINS[0], constant_nodes: bool = False, version: int = 1
    ) -> None:
        self.shape, self.domain, self.constant_nodes, self.version = shape, domain, constant_nodes, version
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray | float, node: bool | None = None) -> str:
        """A float32 constant; a node of its own if the graph is written so, and not an initializer."""
        values = np.asarray(values, np.float32)
        if self.constant_nodes if node is None else node:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values, name)))
        else:
            self.stored.append(common.tensor(name, values))
        return name

    def add(self, operator: str, inputs: list[str], domain: str = "", **attributes) -> str:
        """A node; its output is named by its place."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def weight(self, values: np.ndarray) -> str:
        """Float32 weights: an initializer always."""
        return self.constant(f"w_{len(self.stored)}", values, node=False)

    def quant(
        self, x: str, scale: np.ndarray | float, bits: float, signed: bool, narrow: bool = False, zero: np.ndarray | float = 0,
        rounding: str | None = "ROUND", operator: str = "Quant",
    ) -> str:
        """Quant or IntQuant."""
        place = len(self.nodes)
        operands = [self.constant(f"{n}_{place}", v) for n, v in (("scale", scale), ("zero", zero), ("bits", bits))]
        mode = {} if rounding is None else {"rounding_mode": rounding}
        return self.add(operator, [x, *operands], self.domain, signed=int(signed), narrow=int(narrow), **mode)

    def bipolar(self, x: str, scale: np.ndarray | float) -> str:
        """BipolarQuant."""
        return self.add("BipolarQuant", [x, self.constant(f"scale_{len(self.nodes)}", scale)], self.domain)

    def trunc(self, x: str, operands: list[float], **attributes) -> str:
        """Trunc: scale, zero point, bits, (output scale,) output bits."""
        names = [self.constant(f"trunc_{len(self.nodes)}_{i}", v) for i, v in enumerate(operands)]
        return self.add("Trunc", [x, *names], self.domain, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The model, every shape inferred."""
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "qonnx", [given], results, self.stored)
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(self.domain, self.version)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        # The package infers shapes in domains that it has; FINN's old one is its own under another name.
        renamed = ModelWrapper(rename(model)).transform(InferShapes()).model
        shapes = {v.name: v for v in [*renamed.graph.value_info, *renamed.graph.output]}
        del model.graph.output[:]
        model.graph.output.extend(shapes[name] for name in outputs)
        return model


def rename(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in the domain that the package knows."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for item in [*copy.graph.node, *copy.opset_import]:
        if item.domain in DOMAINS:
            item.domain = DOMAINS[0]
    return copy


def executor(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    """Outputs by the executor of `qonnx`: custom operators in NumPy, the others by onnxruntime, one by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = ModelWrapper(rename(model)).transform(InferShapes())
        # It runs each of ONNX's nodes as a model of its own, written with an IR version that onnxruntime does not read.
        made = functools.partial(qonnx.core.onnx_exec.qonnx_make_model, ir_version=8)
        with mock.patch.object(qonnx.core.onnx_exec, "qonnx_make_model", made):
            found = execute_onnx(wrapped, {"x": x})
    return [np.asarray(found[v.name], np.float32) for v in model.graph.output]


def exact(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    """Outputs with quantizers of the package, and products as exact sums of integers, rounded to float32 once and scaled once.

    A product's operands must be activations of one scale and weights, with zero points of 0; a bias must be float32(n * unit)
    of whole numbers n, which join the sum.
    """
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer} | {"x": x}
    steps: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        a = [values[name] for name in node.input]
        attributes = {k.name: helper.get_attribute_value(k) for k in node.attribute}
        unit = None
        if node.op_type == "Constant":
            result = numpy_helper.to_array(attributes["value"])
        elif node.op_type in ("Quant", "IntQuant"):
            mode = attributes.get("rounding_mode", b"ROUND").decode()
            result, unit = quant(*a, attributes["signed"], attributes["narrow"], mode), a[1]
        elif node.op_type == "BipolarQuant":
            result, unit = binary_quant(*a), a[1]
        elif node.op_type in ("Conv", "Gemm", "MatMul"):
            result = product(node, attributes, a, [steps[name] for name in node.input[:2]])
        elif node.op_type == "Transpose":
            result, unit = np.transpose(a[0], attributes["perm"]), np.transpose(steps[node.input[0]], attributes["perm"])
        else:
            result = onnxruntime_node(node, a)
            unit = steps.get(node.input[0]) if node.op_type in ("MaxPool", "Flatten", "Relu") else None
        values[node.output[0]] = np.asarray(result, np.asarray(result).dtype)
        if unit is not None:
            steps[node.output[0]] = unit
    return [values[v.name] for v in model.graph.output]


def onnxruntime_node(node: onnx.NodeProto, operands: list[np.ndarray]) -> np.ndarray:
    """One node by onnxruntime."""
    kinds = [helper.np_dtype_to_tensor_dtype(v.dtype) for v in operands]
    given = [helper.make_tensor_value_info(n, k, v.shape) for n, k, v in zip(node.input, kinds, operands)]
    result = [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "one", given, result)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return common.run(model, operands, level="none")[0]


def product(node: onnx.NodeProto, attributes: dict, operands: list[np.ndarray], units: list[np.ndarray]) -> np.ndarray:
    """Conv, Gemm or MatMul in integers."""
    left, right = (np.rint(v / u).astype(np.int64) for v, u in zip(operands, units))
    for v, u, q in zip(operands, units, (left, right)):
        assert np.array_equal((q.astype(np.float32) * u).astype(np.float32), v), f"{node.name}: an operand is no integer"
    weight_unit = np.asarray(units[1], np.float32).reshape(-1)
    if node.op_type == "Conv":
        sums, shape = convolution(left, right, attributes), (1, -1, 1, 1)
    else:
        right = right.T if attributes.get("transB") else right
        sums, shape = left @ right, (1, -1)
    unit = (np.asarray(units[0], np.float32).reshape(()) * weight_unit).astype(np.float32)
    if len(operands) > 2:
        whole = np.rint(operands[2].astype(np.float64) / unit.astype(np.float64))
        assert np.array_equal(whole.astype(np.float32) * unit, operands[2]), f"{node.name}: the bias is no integer"
        sums = sums + whole.astype(np.int64).reshape(shape)
    return sums.astype(np.float32) * unit.reshape(shape)


def convolution(x: np.ndarray, w: np.ndarray, attributes: dict) -> np.ndarray:
    """A convolution in two dimensions in integers: pads, strides, group."""
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    down, across = attributes.get("strides", [1, 1])
    group = attributes.get("group", 1)
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kernel = w.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::down, ::across]
    parts = zip(np.split(windows, group, axis=1), np.split(w, group, axis=0))
    return np.concatenate([np.einsum("nchwij,ocij->nohw", a, b) for a, b in parts], axis=1)
