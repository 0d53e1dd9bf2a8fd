"""QONNX graphs (Quant, BipolarQuant, Trunc) with the outputs of the package `qonnx` 1.0.0.

    python qonnx_cases.py OUT_DIR

A case has model.onnx, input_0.npy and output_<i>.npy. Four kinds:

* `qonnx_node_*`: single Quant nodes, every rounding, width 1 to 8, signedness, range and some zero points, on a grid of
  quarters of a step, near zero also on both neighbours of each value, and beyond both ends; one model holds the widths and
  zero points.
* `qonnx_conv_*`, `qonnx_mlp_*`: networks with weights of 8 to 1 bits and activations of 8 to 2 bits. In `pow2` every scale is a
  power of two and sums stay below 2^24 units, so that the float32 products of the package's executor are exact, and its outputs
  are expected. In `wide` scales are arbitrary, and float32 products depend on the order of summation; there the expected output
  has exact sums of integers, rounded to float32 once and scaled once (`qonnx_graph.exact`), with the quantizers of the package,
  and the executor's is only close to it. For `pow2` both are required to be the same.
* `qonnx_graph_*`: other graphs around these nodes, by the executor.
* `refused_qonnx_*`: models that must be refused; model.onnx only.

case.json of a network says how many layers end in a Quant that the requantizer computes ("fused").
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

import common
from qonnx_graph import DOMAINS, Builder, exact, executor

ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
WEIGHT_BITS, ACTIVATION_BITS = (8, 4, 3, 2, 1), (8, 4, 2)


def grid(scale: np.float32) -> np.ndarray:
    """Values around every integer of 8 bits with either sign, infinities and denormals among them."""
    steps = np.arange(-140 * 4, 265 * 4, dtype=np.float32) / np.float32(4)
    fine = np.arange(-80, 81, dtype=np.float32) / np.float32(8)
    values = np.concatenate([steps, fine]).astype(np.float32) * scale
    near = values[np.abs(values) < 12 * scale]
    beyond = np.float32([1e30, -1e30, np.inf, -np.inf, 1e-45, -1e-45, 0.0, -0.0])
    values = np.concatenate([values, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf)), beyond])
    return values.astype(np.float32)


def node_case(folder: Path, rounding: str, signed: bool, narrow: bool, scale: float, index: int) -> str:
    """One rounding, signedness and range: a Quant for each width and zero point."""
    x = grid(np.float32(scale))
    graph = Builder(x.shape, DOMAINS[index % 3], constant_nodes=index % 2 == 1)
    outputs = []
    # One unsigned bit of a narrow range is always 0.
    for bits in range(2 if narrow and not signed else 1, 9):
        top = 1 if bits == 1 else 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        for zero in sorted({0, 1, top} | ({-1, -(2 ** (bits - 1))} if signed else set())):
            name = rounding.lower() if index % 4 == 2 else rounding
            default = rounding == "ROUND" and bits % 2 == 0
            operator = "IntQuant" if bits == 5 else "Quant"
            outputs.append(graph.quant("x", scale, bits, signed, narrow, zero, None if default else name, operator))
    return write(folder, graph.model(*outputs), x)


def write(folder: Path, model: onnx.ModelProto, x: np.ndarray, outputs: list[np.ndarray] | None = None, **facts) -> str:
    """Writes a case with the executor's outputs, or with these; returns its line."""
    expected = executor(model, x) if outputs is None else outputs
    for values in expected:
        assert np.unique(values).size > 1, f"{folder.name}: an output is constant"
    common.write_case(folder, model, [x], expected, facts)
    return f"{folder.name}: {len(expected)} outputs"


class Network:
    """Scales, weights and activations of a small network, pow2 or wide."""

    def __init__(self, seed: int, weight_bits: int, activation_bits: int, wide: bool, shape: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng(seed)
        self.weight_bits, self.activation_bits, self.wide = weight_bits, activation_bits, wide
        self.graph = Builder(shape, DOMAINS[seed % 3], constant_nodes=seed % 2 == 0)
        self.seed, self.fused = seed, 0

    def scale(self, low: float, high: float, shape: tuple[int, ...] = ()) -> np.ndarray:
        """Scales between 2^low and 2^high."""
        exponent = self.rng.uniform(low, high, shape)
        return np.float32(2.0) ** np.asarray(exponent if self.wide else np.rint(exponent), np.float32)

    def input(self, shape: tuple[int, ...], bits: int = 8) -> tuple[np.ndarray, np.ndarray, str]:
        """The input's values and its quantizer: scale and name."""
        scale = self.scale(-6, -5)
        x = self.rng.normal(0, 40 * scale, shape).astype(np.float32)
        return x, scale, self.graph.quant("x", scale, bits, signed=True, narrow=self.seed % 3 == 0)

    def weights(self, shape: tuple[int, ...], axis: int | None) -> tuple[str, np.ndarray]:
        """Quantized weights with a scale a channel, or one; their name and scales."""
        count = 1 if axis is None else shape[axis]
        along = [1] * len(shape)
        if axis is not None:
            along[axis] = count
        scale = self.scale(-6, -4, tuple(along) if axis is not None else ())
        if self.weight_bits == 1:
            values = self.rng.normal(0, 1, shape).astype(np.float32)
            return self.graph.bipolar(self.graph.weight(values), scale), scale
        top = 2 ** (self.weight_bits - 1) - 1
        integers = np.clip(np.rint(self.rng.normal(0, 0.5 * (top + 0.5), shape)), -top, top)
        values = (integers + self.rng.uniform(-0.4, 0.4, shape)).astype(np.float32) * scale
        return self.graph.quant(self.graph.weight(values), scale, self.weight_bits, True, narrow=True), scale

    def bias(self, unit: np.ndarray, count: int) -> str:
        """A bias in units of the sums, at 16 bits."""
        integers = self.rng.integers(-300, 301, count)
        unit = np.asarray(unit, np.float32).reshape(-1)
        stored = self.graph.weight(integers.astype(np.float32) * unit)
        return self.graph.quant(stored, unit if unit.size > 1 else unit[0], 16, True, narrow=True)

    def activation(self, x: str, spread: float) -> tuple[str, np.ndarray]:
        """Relu and an unsigned Quant that clips some of what is spread so; its name and scale."""
        step = spread * 2.0 / (2**self.activation_bits - 1)
        scale = np.float32(step if self.wide else 2.0 ** np.rint(np.log2(step)))
        self.fused += not self.wide
        return self.graph.quant(self.graph.add("Relu", [x]), scale, self.activation_bits, signed=False), scale


def spread(network: Network, x: np.ndarray, name: str) -> float:
    """The standard deviation of a value."""
    return float(np.std(exact(network.graph.model(name), x)[0]))


def convolutional(seed: int, weight_bits: int, activation_bits: int, wide: bool) -> tuple[onnx.ModelProto, np.ndarray, int]:
    """Three convolutions (plain, depthwise, strided), a max pool and a Gemm."""
    shape = (2, 3, 8, 8)
    net = Network(seed, weight_bits, activation_bits, wide, shape)
    g = net.graph
    x, scale, q = net.input(shape)
    w, unit = net.weights((6, 3, 3, 3), 0)
    y = g.add("Conv", [q, w, net.bias(scale * unit, 6)], pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    q, scale = net.activation(y, spread(net, x, y))
    w, unit = net.weights((6, 1, 3, 3), 0)
    y = g.add("Conv", [q, w], pads=[1, 1, 1, 1], kernel_shape=[3, 3], group=6)
    q, scale = net.activation(y, spread(net, x, y))
    q = g.add("MaxPool", [q], kernel_shape=[2, 2], strides=[2, 2])
    w, unit = net.weights((8, 6, 2, 2), None)
    y = g.add("Conv", [q, w, net.bias(np.full(8, scale * unit), 8)], strides=[2, 2], kernel_shape=[2, 2])
    q, scale = net.activation(y, spread(net, x, y))
    q = g.add("Flatten", [q], axis=1)
    w, unit = net.weights((5, 32), 0)
    y = g.add("Gemm", [q, w, net.bias(scale * unit, 5)], transB=1)
    return g.model(y), x, net.fused


def perceptron(seed: int, weight_bits: int, activation_bits: int, wide: bool) -> tuple[onnx.ModelProto, np.ndarray, int]:
    """MatMul with [in, out] weights, MatMul with transposed weights, Gemm; the output behind a signed Quant."""
    shape = (7, 20)
    net = Network(seed, weight_bits, activation_bits, wide, shape)
    g = net.graph
    x, scale, q = net.input(shape)
    w, unit = net.weights((20, 16), 1)
    y = g.add("MatMul", [q, w])
    q, scale = net.activation(y, spread(net, x, y))
    w, unit = net.weights((12, 16), 0)
    y = g.add("MatMul", [q, g.add("Transpose", [w], perm=[1, 0])])
    q, scale = net.activation(y, spread(net, x, y))
    w, unit = net.weights((6, 12), 0)
    y = g.add("Gemm", [q, w, net.bias(scale * unit, 6)], transB=1)
    step = spread(net, x, y) / 20
    scale = step if wide else 2.0 ** np.rint(np.log2(step))
    return g.model(g.quant(y, scale, 8, signed=True)), x, net.fused


def networks(out: Path) -> list[str]:
    """Every pair of widths, with scales of both kinds."""
    lines, seed = [], 0
    for name, make in (("conv", convolutional), ("mlp", perceptron)):
        for weight_bits in WEIGHT_BITS:
            for activation_bits in ACTIVATION_BITS:
                for wide in (False, True):
                    model, x, fused = make(seed, weight_bits, activation_bits, wide)
                    seed += 1
                    expected, other = exact(model, x), executor(model, x)
                    for a, b in zip(expected, other):
                        if not wide:
                            assert np.array_equal(a, b), f"{name}: the executor's sums are inexact"
                        # A value beside a tie may fall to the other side, so most are close, not all.
                        close = np.isclose(a, b, rtol=1e-4, atol=1e-5 * np.std(a))
                        assert np.mean(close) > 0.8, f"{name}: far from the executor"
                    folder = out / f"qonnx_{name}_w{weight_bits}_a{activation_bits}_{'wide' if wide else 'pow2'}"
                    lines.append(write(folder, model, x, expected if wide else other, fused=fused))
    return lines


def small(seed: int, shape: tuple[int, ...], **options) -> tuple[Builder, np.ndarray, np.random.Generator]:
    """A builder, an input in eighths around it, and random numbers."""
    rng = np.random.default_rng(seed)
    return Builder(shape, **options), (rng.integers(-90, 91, shape) / 8).astype(np.float32), rng


def zero_points(out: Path) -> str:
    """Activations and unsigned weights with zero points, one for each channel."""
    g, x, rng = small(1, (2, 3, 6, 6))
    q = g.quant("x", 0.125, 8, signed=False, zero=100)
    zero = rng.integers(0, 16, (4, 1, 1, 1))
    scale = np.float32(2.0) ** rng.integers(-4, -1, (4, 1, 1, 1))
    w = (rng.integers(0, 16, (4, 3, 3, 3)) - zero) * scale
    w = g.quant(g.weight(w), scale, 4, signed=False, zero=zero)
    y = g.add("Conv", [q, w], pads=[1, 1, 1, 1])
    return write(out / "qonnx_graph_zero_points", g.model(g.quant(y, 2.0, 6, signed=True, zero=-3), y), x, fused=0)


def binary(out: Path) -> str:
    """Weights and activations of one bit, by BipolarQuant and by Quant."""
    g, x, rng = small(2, (5, 24), constant_nodes=True, domain=DOMAINS[1])
    w = g.bipolar(g.weight(rng.normal(0, 1, (24, 16))), 0.25)
    y = g.add("MatMul", [g.bipolar("x", 0.5), w])
    w = g.quant(g.weight(rng.normal(0, 1, (16, 9))), 0.5, 1, signed=True)
    z = g.add("MatMul", [g.quant(y, 1.0, 1, signed=True), w])
    return write(out / "qonnx_graph_binary", g.model(z, g.bipolar(z, 1.0)), x, fused=0)


def residual(out: Path) -> str:
    """A sum of quantized values, whose zeros have signs, and batch normalisation behind a layer."""
    g, x, rng = small(3, (1, 4, 5, 5), domain=DOMAINS[1])
    q = g.quant("x", 0.25, 5, signed=True, narrow=True)
    w = g.quant(g.weight(rng.integers(-3, 4, (4, 4, 1, 1)) / 4), 0.25, 3, signed=True, narrow=True)
    y = g.add("Conv", [q, w])
    statistics = [g.weight(v) for v in (2.0 ** rng.integers(-1, 2, 4), rng.integers(-3, 4, 4), rng.integers(-3, 4, 4))]
    # A variance of 1 without epsilon: the package's executor and any other get the same.
    y = g.add("BatchNormalization", [y, *statistics, g.weight(np.ones(4))], epsilon=0.0)
    y = g.quant(y, 0.5, 8, signed=True, rounding="HALF_UP")
    return write(out / "qonnx_graph_residual", g.model(g.add("Add", [q, y]), y, q), x, fused=0)


def float_bias(out: Path) -> str:
    """A bias that is no whole number of the sums' units, and one that is."""
    g, x, rng = small(4, (2, 3, 5, 5))
    q = g.quant("x", 0.125, 8, signed=True)
    w = g.quant(g.weight(rng.integers(-7, 8, (4, 3, 2, 2)) / 4), np.full((4, 1, 1, 1), 0.25), 4, signed=True, narrow=True)
    y = g.add("Conv", [q, w, g.weight(rng.integers(-900, 901, 4) / 1024)])
    q = g.quant(g.add("Relu", [y]), 0.5, 4, signed=False)
    w = g.quant(g.weight(rng.integers(-7, 8, (5, 64)) / 4), 0.25, 4, signed=True, narrow=True)
    z = g.add("Gemm", [g.add("Flatten", [q]), w, g.weight(rng.integers(-9, 10, 5) / 8)], transB=1)
    return write(out / "qonnx_graph_float_bias", g.model(z, y), x, fused=0)


def fusions(out: Path) -> list[str]:
    """Which Quant the requantizer computes: signed ones if no zero's sign is seen; Clip, rounding, scale, zero point, range."""
    lines = []
    for name, fused, rounding, scale, zero, clip, seen in (
        ("signed", 1, "HALF_EVEN", 0.5, 0, None, False), ("signed_seen", 0, "ROUND", 0.5, 0, None, True),
        ("clip", 1, "ROUND", 0.5, 0, (-2.3, 3.8), False), ("clip_seen", 1, "ROUND", 0.5, 0, (0.0, 3.25), True),
        ("floor", 0, "FLOOR", 0.5, 0, None, False), ("zero_point", 0, "ROUND", 0.5, 2, None, False),
        ("scale", 0, "ROUND", 0.75, 0, None, False), ("narrow", 1, "ROUND", 0.125, 0, None, False),
    ):
        g, x, rng = small(5, (16, 12), constant_nodes=len(lines) % 2 == 1)
        w = g.quant(g.weight(rng.integers(-7, 8, (12, 10)) / 16), 0.0625, 4, signed=True, narrow=True)
        y = g.add("MatMul", [g.quant("x", 0.125, 8, signed=True), w])
        if clip is not None:
            y = g.add("Clip", [y, *(g.constant(f"bound_{i}", v) for i, v in enumerate(clip))])
        q = g.quant(y, scale, 6, signed=True, narrow=name == "narrow", zero=zero, rounding=rounding)
        w = g.quant(g.weight(rng.integers(-1, 2, (10, 8))), 1.0, 2, signed=True, narrow=True)
        z = g.add("MatMul", [q, w])
        lines.append(write(out / f"qonnx_graph_fuse_{name}", g.model(z, *([q] if seen else [])), x, fused=fused))
    return lines


def truncations(out: Path) -> list[str]:
    """Trunc of both versions behind an average pool's sum."""
    lines = []
    for rounding in ROUNDINGS:
        g, x, _ = small(6, (2, 3, 4, 4))
        outputs = [g.trunc("x", [0.125, z, 10.0, b], rounding_mode=rounding) for z in (0.0, 3.0) for b in (8.0, 6.0)]
        lines.append(write(out / f"qonnx_graph_trunc1_{rounding.lower()}", g.model(*outputs), x))
        g, x, _ = small(7, (2, 3, 4, 4), version=2)
        outputs = [
            g.trunc("x", [0.125, z, 10.0, s, b], rounding_mode=rounding, signed=signed, narrow=int(b == 4))
            for z in (0.0, 3.0) for s, b in ((0.5, 6.0), (1.0, 4.0)) for signed in (0, 1)
        ]
        lines.append(write(out / f"qonnx_graph_trunc2_{rounding.lower()}", g.model(*outputs), x))
    return lines


def scalars(g: Builder, **values: float) -> list[str]:
    """Scalar constants by their names."""
    return [g.constant(name, value) for name, value in values.items()]


def eye(g: Builder, factor: float = 1.0) -> str:
    """Weights of 4 x 4."""
    return g.weight(np.eye(4) * factor)


def refused(out: Path) -> list[str]:
    """Models that are refused, each with one fault."""
    faults: dict[str, Callable[[Builder], str]] = {
        "wide_activation": lambda g: g.quant("x", 1.0, 9, signed=True),
        "wide_weight": lambda g: g.add("MatMul", [g.quant("x", 1.0, 8, True), g.quant(eye(g), 1.0, 12, True)]),
        "broken_width": lambda g: g.quant("x", 1.0, 3.5, signed=True),
        "zero_width": lambda g: g.quant("x", 1.0, 0, signed=True),
        "zero_point": lambda g: g.quant("x", 1.0, 8, signed=True, zero=0.5),
        "zero_point_range": lambda g: g.quant("x", 1.0, 4, signed=False, zero=16),
        "scale": lambda g: g.quant("x", 0.0, 8, signed=True),
        "scale_shape": lambda g: g.quant("x", np.ones((4, 4)), 8, signed=True),
        "scale_count": lambda g: g.quant(eye(g), np.ones(3), 8, signed=True),
        "rounding": lambda g: g.quant("x", 1.0, 8, signed=True, rounding="ROUND_TO_ZERO"),
        "flag": lambda g: g.add("Quant", ["x", *scalars(g, s=1, z=0, b=8)], g.domain, narrow=0),
        "computed_scale": lambda g: g.add("Quant", ["x", "x", *scalars(g, z=0, b=8)], g.domain, signed=1, narrow=0),
        "attribute": lambda g: g.add("BipolarQuant", ["x", g.constant("s", 1)], g.domain, narrow=0),
        "float_weight": lambda g: g.add("MatMul", [g.quant("x", 1.0, 8, True), eye(g)]),
        "trunc_scale": lambda g: g.trunc("x", [0.125, 0.0, 10.0, 0.375, 6.0], rounding_mode="FLOOR"),
        "not_a_number": lambda g: g.add("MatMul", [g.quant("x", 1.0, 8, True), g.quant(eye(g, np.nan), 1.0, 8, True)]),
    }
    for name, fault in faults.items():
        graph = Builder((4, 4))
        output = fault(graph)
        given, result = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, (4, 4)) for n in ("x", output))
        opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid(graph.domain, 2)]
        body = onnx.helper.make_graph(graph.nodes, "refused", [given], [result], graph.stored)
        common.write_case(out / f"refused_qonnx_{name}", onnx.helper.make_model(body, opset_imports=opsets), [], [], {})
    return [f"refused_qonnx_{name}: refused" for name in faults]


def main(out: Path) -> list[str]:
    """Writes the cases and returns their lines."""
    lines, index = [], 0
    for rounding in ROUNDINGS:
        for signed in (False, True):
            for narrow in (False, True):
                kind = f"{rounding.lower()}_{'signed' if signed else 'unsigned'}{'_narrow' if narrow else ''}"
                lines.append(node_case(out / f"qonnx_node_{kind}", rounding, signed, narrow, (0.25, 0.3)[index % 2], index))
                index += 1
    lines += networks(out)
    lines += [zero_points(out), binary(out), residual(out), float_bias(out), *fusions(out), *truncations(out), *refused(out)]
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(main(Path(sys.argv[1]))))
