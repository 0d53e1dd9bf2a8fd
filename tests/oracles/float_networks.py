"""Small networks in float32 with seeded random weights (He initialisation), to be quantized by `networks.py`.

Each function returns an ONNX model, a batch of two inputs and a list of calibration inputs. Nothing is trained: a random
network with realistic scales has the same operators, shapes and value ranges as a trained one.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BATCH = 2
CALIBRATION = 24


@dataclass
class Graph:
    """A graph under construction; every method adds one node, or a few, and returns the name of the output."""

    seed: int
    nodes: list = field(default_factory=list)
    initializers: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def constant(self, name: str, values: np.ndarray) -> str:
        """An initializer."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def shape(self, values: list[int]) -> str:
        """A Constant node, as exporters write shapes and axes."""
        return self.op("Constant", [], value=numpy_helper.from_array(np.array(values, np.int64)))

    def op(self, kind: str, inputs: list[str], **attributes) -> str:
        """A node with one output; nodes are numbered by kind."""
        name = f"{kind.lower()}_{sum(n.op_type == kind for n in self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name + ".out"], name=name, **attributes))
        return name + ".out"

    def weight(self, name: str, shape: tuple[int, ...], fan_in: int, gain: float = 2.0) -> str:
        """Normal weights of variance gain / fan_in; gain 2 is He's, 1 keeps the variance of a layer without ReLU.

        The output channels (the last axis of matrices, axis 0 of others) get scales within a factor of four, so that one scale
        a tensor and one scale a channel are different things.
        """
        values = self.rng.normal(0, np.sqrt(gain / fan_in), shape)
        axis = 1 if len(shape) == 2 else 0
        spread = 2.0 ** self.rng.uniform(-1, 1, shape[axis])
        values *= spread.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        return self.constant(name, values.astype(np.float32))

    def bias(self, name: str, size: int) -> str:
        """Small normal biases."""
        return self.constant(name, self.rng.normal(0, 0.1, size).astype(np.float32))

    def conv(
        self, x: str, ci: int, co: int, kernel: int, bias: bool = True, group: int = 1, gain: float = 2.0, rank: int = 2,
        **attributes,
    ) -> str:
        """Conv with `ci` input and `co` output channels in `rank` dimensions; pads are zero unless given."""
        n = sum(node.op_type == "Conv" for node in self.nodes)
        inputs = [x, self.weight(f"conv_{n}.weight", (co, ci // group, *[kernel] * rank), ci // group * kernel**rank, gain)]
        if bias:
            inputs.append(self.bias(f"conv_{n}.bias", co))
        return self.op("Conv", inputs, kernel_shape=[kernel] * rank, group=group, **attributes)

    def batch_norm(self, x: str, channels: int) -> str:
        """BatchNormalization with statistics that are not trivial."""
        n = sum(node.op_type == "BatchNormalization" for node in self.nodes)
        values = {
            "scale": self.rng.uniform(0.7, 1.3, channels), "bias": self.rng.normal(0, 0.2, channels),
            "mean": self.rng.normal(0, 0.2, channels), "var": self.rng.uniform(0.5, 1.5, channels),
        }
        names = [self.constant(f"bn_{n}.{k}", v.astype(np.float32)) for k, v in values.items()]
        return self.op("BatchNormalization", [x, *names], epsilon=1e-5)

    def clip(self, x: str, low: float, high: float) -> str:
        """Clip with bounds as initializers (Relu6)."""
        n = sum(node.op_type == "Clip" for node in self.nodes)
        bounds = [self.constant(f"clip_{n}.{k}", np.array(v, np.float32)) for k, v in (("min", low), ("max", high))]
        return self.op("Clip", [x, *bounds])

    def gemm(self, x: str, ci: int, co: int, transposed: bool = True, **attributes) -> str:
        """Gemm with bias; the weight is [co, ci] with transB = 1, or [ci, co]."""
        w = self.weight("gemm.weight", (ci, co), ci, 1.0)
        if transposed:
            held = self.initializers.pop()
            self.constant(w, numpy_helper.to_array(held).T)
        return self.op("Gemm", [x, w, self.bias("gemm.bias", co)], transB=int(transposed), **attributes)

    def model(self, x: onnx.ValueInfoProto, output: str, classes: int, opset: int) -> onnx.ModelProto:
        """The finished model, checked."""
        y = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", classes])
        graph = helper.make_graph(self.nodes, "network", [x], [y], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


def images(rng: np.random.Generator, count: int, channels: int, side: int) -> np.ndarray:
    """Smooth random images in [0, 1]: a few plane waves a channel, with an offset an image."""
    grid = np.arange(side) / side
    out = np.zeros((count, channels, side, side))
    for _ in range(4):
        fy, fx, phase = (rng.uniform(a, b, (count, channels, 1, 1)) for a, b in ((0, 3), (0, 3), (0, 1)))
        out += np.sin(2 * np.pi * (fy * grid[:, None] + fx * grid + phase)) * rng.uniform(0.2, 1, (count, 1, 1, 1))
    return (1 / (1 + np.exp(-1.5 * out - rng.normal(0, 0.7, (count, 1, 1, 1))))).astype(np.float32)


def cnn() -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Three convolutions and a classifier: 4,968 weights, 74 thousand MACs an image."""
    g = Graph(seed=11)
    x = g.op("Relu", [g.conv("x", 1, 8, 3, pads=[1, 1, 1, 1])])
    x = g.op("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = g.op("Relu", [g.conv(x, 8, 16, 3, pads=[1, 1, 1, 1])])
    x = g.conv(x, 16, 16, 3, pads=[1, 1, 1, 1], strides=[2, 2], gain=1.0)
    y = g.gemm(g.op("Flatten", [x], axis=1), 144, 10)
    data = images(np.random.default_rng(12), BATCH + CALIBRATION, 1, 12)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 12, 12])
    return g.model(info, y, 10, opset=17), data[:BATCH], data[BATCH:]


def residual() -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Inverted residual with squeeze-and-excite, dilated, grouped and depthwise convolutions, two pooled branches."""
    g = Graph(seed=21)
    # "SAME" padding of a strided convolution as TensorFlow writes it: nothing at the start, one at the end.
    x = g.conv("x", 3, 16, 3, bias=False, pads=[0, 0, 1, 1], strides=[2, 2])
    stem = g.clip(g.batch_norm(x, 16), 0.0, 6.0)

    x = g.clip(g.batch_norm(g.conv(stem, 16, 48, 1, bias=False), 48), 0.0, 6.0)
    x = g.clip(g.batch_norm(g.conv(x, 48, 48, 3, bias=False, group=48, pads=[1, 1, 1, 1]), 48), 0.0, 6.0)
    gate = g.op("Relu", [g.conv(g.op("GlobalAveragePool", [x]), 48, 12, 1)])
    x = g.op("Mul", [x, g.op("Sigmoid", [g.conv(gate, 12, 48, 1)])])
    x = g.batch_norm(g.conv(x, 48, 16, 1, bias=False), 16)
    x = g.op("Add", [stem, x])

    x = g.op("Relu", [g.conv(x, 16, 24, 3, pads=[2, 2, 2, 2], dilations=[2, 2])])
    mean = g.op("AveragePool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    mean = g.conv(mean, 24, 16, 1)
    peak = g.op("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    peak = g.op("Relu", [g.conv(peak, 24, 32, 3, group=4, pads=[1, 1, 1, 1])])
    x = g.op("Concat", [mean, peak], axis=1)
    x = g.op("Relu", [g.conv(x, 48, 32, 3, pads=[0, 1, 2, 1], strides=[1, 2])])
    x = g.op("Flatten", [g.op("GlobalAveragePool", [x])])
    y = g.gemm(x, 32, 10, transposed=False)
    data = images(np.random.default_rng(22), BATCH + CALIBRATION, 3, 16)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 16, 16])
    return g.model(info, y, 10, opset=17), data[:BATCH], data[BATCH:]


def mixed() -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Operators that the others lack: among them a 1-D convolution, `auto_pad`, and Constant nodes."""
    g = Graph(seed=41)
    x = g.op("Pad", ["x", g.shape([0, 0, 1, 1, 0, 0, 2, 2])], mode="constant")
    x = g.conv(x, 4, 12, 3, bias=False, auto_pad="SAME_UPPER", strides=[2, 2])
    x = g.op("LeakyRelu", [x], alpha=0.1)
    halves = ["split_0.left", "split_0.right"]
    g.nodes.append(helper.make_node("Split", [x, g.shape([6, 6])], halves, name="split_0", axis=1))
    mean = g.op("HardSwish", [halves[0]])
    mean = g.op("AveragePool", [mean], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    peak = g.op("MaxPool", [halves[1]], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = g.op("Slice", [g.op("Concat", [mean, peak], axis=1), g.shape([2]), g.shape([12]), g.shape([1])])
    x = g.op("Tanh", [g.conv(x, 10, 16, 1)])
    x = g.op("Squeeze", [g.op("ReduceMean", [x], axes=[2, 3], keepdims=1), g.shape([2, 3])])
    x = g.op("Unsqueeze", [x, g.shape([1])])
    x = g.op("Relu", [g.conv(x, 1, 8, 3, rank=1, pads=[1, 1])])
    x = g.op("Reshape", [x, g.shape([0, -1])])
    x = g.op("MatMul", [x, g.weight("linear.weight", (128, 32), 128)])
    x = g.op("Sub", [g.bias("linear.bias", 32), x])
    y = g.gemm(x, 32, 10)
    data = 2 * images(np.random.default_rng(42), BATCH + CALIBRATION, 4, 9) - np.float32(1)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 9, 9])
    return g.model(info, y, 10, opset=17), data[:BATCH], data[BATCH:]


TOKENS, WIDTH, HEADS, HIDDEN, WORDS = 8, 32, 2, 64, 50


def transformer(ids: bool) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Two pre-norm layers and a classifier.

    With `ids`: token numbers through an embedding table, shapes computed from the batch, scores divided by a constant, Gelu
    written with Erf (opset 17). Without: float vectors, constant shapes, scores multiplied, the operator Gelu (opset 20).
    """
    g = Graph(seed=31 + ids)
    unique = iter(range(1000))

    def number(value: float) -> str:
        return g.constant(f"number_{next(unique)}", np.array(value, np.float32))

    def linear(x: str, ci: int, co: int, gain: float = 1.0) -> str:
        name = f"linear_{next(unique)}"
        x = g.op("MatMul", [x, g.weight(name + ".weight", (ci, co), ci, gain)])
        return g.op("Add", [x, g.bias(name + ".bias", co)])

    def norm(x: str) -> str:
        name = f"norm_{next(unique)}"
        scale = g.constant(name + ".scale", g.rng.uniform(0.7, 1.3, WIDTH).astype(np.float32))
        return g.op("LayerNormalization", [x, scale, g.bias(name + ".bias", WIDTH)], axis=-1, epsilon=1e-5)

    def reshape(x: str, tail: list[int]) -> str:
        name = f"shape_{next(unique)}"
        if not ids:
            return g.op("Reshape", [x, g.constant(name, np.array([0, -1, *tail], np.int64))])
        zero = g.constant(name + ".zero", np.array([0], np.int64))
        size = g.op("Gather", [g.op("Shape", [x]), zero], axis=0)
        rest = g.constant(name + ".rest", np.array([TOKENS, *tail], np.int64))
        return g.op("Reshape", [x, g.op("Concat", [size, rest], axis=0)])

    def heads(x: str, perm: list[int]) -> str:
        return g.op("Transpose", [reshape(x, [HEADS, WIDTH // HEADS])], perm=perm)

    def gelu(x: str) -> str:
        if not ids:
            return g.op("Gelu", [x])
        half = g.op("Erf", [g.op("Div", [x, number(np.sqrt(2))])])
        return g.op("Mul", [g.op("Mul", [x, g.op("Add", [half, number(1)])]), number(0.5)])

    x = "x"
    if ids:
        table = g.constant("embedding", g.rng.normal(0, 1, (WORDS, WIDTH)).astype(np.float32))
        x = g.op("Gather", [table, "x"], axis=0)
    for _ in range(2):
        h = norm(x)
        query, key, value = (linear(h, WIDTH, WIDTH) for _ in range(3))
        scores = g.op("MatMul", [heads(query, [0, 2, 1, 3]), heads(key, [0, 2, 3, 1])])
        size = float(np.sqrt(WIDTH / HEADS))
        scores = g.op("Div", [scores, number(size)]) if ids else g.op("Mul", [scores, number(1 / size)])
        context = g.op("MatMul", [g.op("Softmax", [scores], axis=-1), heads(value, [0, 2, 1, 3])])
        context = reshape(g.op("Transpose", [context], perm=[0, 2, 1, 3]), [WIDTH])
        x = g.op("Add", [x, linear(context, WIDTH, WIDTH)])
        x = g.op("Add", [x, linear(gelu(linear(norm(x), WIDTH, HIDDEN, 2.0)), HIDDEN, WIDTH)])
    x = norm(x)
    if ids:  # opset 18 moved the axes of ReduceMean from an attribute to an input
        x = g.op("ReduceMean", [x], axes=[1], keepdims=0)
    else:
        x = g.op("ReduceMean", [x, g.constant("axes", np.array([1], np.int64))], keepdims=0)
    y = g.gemm(x, WIDTH, 10, transposed=ids)

    rng, count = np.random.default_rng(33), BATCH + CALIBRATION
    if ids:
        data = rng.integers(0, WORDS, (count, TOKENS), dtype=np.int64)
        info = helper.make_tensor_value_info("x", TensorProto.INT64, ["batch", TOKENS])
        return g.model(info, y, 10, opset=17), data[:BATCH], data[BATCH:]
    data = rng.normal(0, 1, (count, TOKENS, WIDTH)).astype(np.float32)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", TOKENS, WIDTH])
    return g.model(info, y, 10, opset=20), data[:BATCH], data[BATCH:]
