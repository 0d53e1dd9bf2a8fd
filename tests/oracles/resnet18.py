"""A network of the shape of ResNet-18 with random int8 weights, in QDQ form, for measurements of speed.

    python resnet18.py OUT.onnx [--size 224]

Beside OUT.onnx it writes OUT.input_0.npy (float32 [1, 3, size, size]) and OUT.output_0.npy (onnxruntime's). Nothing is
calibrated: the scales follow from He initialisation, and the script checks on onnxruntime that no layer saturates or dies.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import common
import float_networks

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, stride of the first block
CLASSES = 1000
CODE_SIGMA = 36.0  # of the int8 weights: 127 is at 3.5 sigma
HEADROOM = 4.5  # largest activation code, in standard deviations of the sums


class Writer:
    """A QDQ graph under construction. A tensor is its name, and the root mean square of its values that theory expects."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes, self.initializers, self.codes = [], [], []

    def constant(self, name: str, values: np.ndarray) -> str:
        """An initializer."""
        self.initializers.append(common.tensor(name, values))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        """A node with one output, which gives it its name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def quantized(self, x: str, low: float, high: float) -> str:
        """QuantizeLinear to uint8 for [low, high] and DequantizeLinear."""
        scale = np.float32((high - low) / 255)
        parameters = [self.constant(x + ".scale", scale), self.constant(x + ".zero", np.uint8(np.rint(-low / scale)))]
        self.codes.append(self.node("QuantizeLinear", [x, *parameters], x + ".codes"))
        return self.node("DequantizeLinear", [x + ".codes", *parameters], x + ".real")

    def product(self, kind: str, name: str, x: str, shape: tuple[int, ...], gain: float, **attributes) -> str:
        """Conv or Gemm with weights of variance gain / fan-in, one scale an output channel, and a small bias."""
        codes = np.clip(np.rint(self.rng.normal(0, CODE_SIGMA, shape)), -127, 127).astype(np.int8)
        fan_in = int(np.prod(shape[1:]))
        spread = self.rng.uniform(0.8, 1.2, shape[0])
        scale = (np.sqrt(gain / fan_in) / CODE_SIGMA * spread).astype(np.float32)
        bias_scale = (self.scale_of(x) * scale).astype(np.float32)
        bias = np.rint(self.rng.normal(0, 0.05, shape[0]) / bias_scale).astype(np.int32)
        operands = [x]
        for part, values, step in (("weight", codes, scale), ("bias", bias, bias_scale)):
            key = f"{name}.{part}"
            zero = self.constant(key + ".zero", np.zeros(shape[0], values.dtype))
            inputs = [self.constant(key, values), self.constant(key + ".scale", step), zero]
            operands.append(self.node("DequantizeLinear", inputs, key + ".real", axis=0))
        return self.node(kind, operands, name, **attributes)

    def scale_of(self, x: str) -> np.float32:
        """The scale of a dequantized tensor."""
        name = x.removesuffix(".real") + ".scale"
        return next(onnx.numpy_helper.to_array(t) for t in self.initializers if t.name == name)[()]

    def conv(self, name: str, x: str, rms: float, channels: tuple[int, int], kernel: int, stride: int, relu: bool, gain: float):
        """Conv; a Relu after it is the quantizer's lower bound. Returns the tensor and its root mean square."""
        pads = [kernel // 2] * 4
        shape = (channels[1], channels[0], kernel, kernel)
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads}
        y = self.product("Conv", name, x, shape, gain, **attributes)
        sigma = np.sqrt(gain) * rms
        y = self.quantized(y, 0.0 if relu else -HEADROOM * sigma, HEADROOM * sigma)
        return y, sigma / np.sqrt(2) if relu else sigma

    def block(self, name: str, x: str, rms: float, channels: tuple[int, int], stride: int):
        """Basic block: two 3x3 convolutions, and a 1x1 convolution on the shortcut where the shape changes."""
        y, level = self.conv(name + ".conv1", x, rms, channels, 3, stride, True, 2.0)
        y, level = self.conv(name + ".conv2", y, level, (channels[1], channels[1]), 3, 1, False, 0.5)
        total = np.hypot(rms, level)
        if channels[0] != channels[1]:
            x, rms = self.conv(name + ".shortcut", x, rms, channels, 1, stride, False, 1.0)
            total = np.hypot(rms, level) / np.sqrt(2)  # both sides are signed, and the quantizer keeps the positive half
        return self.quantized(self.node("Add", [x, y], name + ".add"), 0.0, 1.4 * HEADROOM * total), total


def build(size: int) -> tuple[onnx.ModelProto, np.ndarray, list[str]]:
    """The model, its input, and the names of all activation codes."""
    w = Writer(seed=18)
    x = 4 * (float_networks.images(np.random.default_rng(19), 1, 3, size) - np.float32(0.5))
    rms = float(np.sqrt((x**2).mean()))
    y, rms = w.conv("stem", w.quantized("x", -2.0, 2.0), rms, (3, 64), 7, 2, True, 2.0)
    peak = w.node("MaxPool", [y], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    # The largest of nine neighbours: about 1.6 times the root mean square, since neighbours are alike.
    y, rms = w.quantized(peak, 0.0, 1.4 * HEADROOM * rms), 1.6 * rms
    before = 64
    for i, (channels, stride) in enumerate(STAGES):
        for j in range(2):
            y, rms = w.block(f"stage{i + 1}.{j}", y, rms, (before, channels), stride if j == 0 else 1)
            before = channels
    y = w.quantized(w.node("GlobalAveragePool", [y], "mean"), 0.0, HEADROOM * rms)
    y = w.quantized(w.node("Flatten", [y], "flat", axis=1), 0.0, HEADROOM * rms)
    logits = w.product("Gemm", "logits", y, (CLASSES, before), 1.0, transB=1)
    y = w.quantized(logits, -HEADROOM * rms, HEADROOM * rms)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    result = helper.make_tensor_value_info(y, TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(w.nodes, "resnet18", [given], [result], w.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    return model, x, w.codes


def check_range(model: onnx.ModelProto, x: np.ndarray, names: list[str]) -> tuple[float, float]:
    """The largest shares of codes at an upper bound and at zero activation in any layer, from onnxruntime."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    scalars = [t for t in model.graph.initializer if not t.dims and t.name.endswith(".zero")]
    zeros = {t.name: int(onnx.numpy_helper.to_array(t)) for t in scalars}
    probe.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.UINT8, None) for n in names)
    full, still = {}, {}
    for name, codes in zip(names, common.run(probe, [x])[1:]):
        full[name] = float(np.mean(codes == 255))
        still[name] = float(np.mean(codes == zeros[name.removesuffix(".codes") + ".zero"]))
        assert full[name] < 0.02, f"{name}: {full[name]:.1%} at the upper bound"
        assert still[name] < 0.8, f"{name}: {still[name]:.1%} are zero"
        assert np.unique(codes).size > 24, f"{name}: {np.unique(codes).size} codes"
    return max(full.values()), max(still.values())


def main(out: Path, size: int) -> str:
    """Writes the three files and returns a line."""
    model, x, names = build(size)
    full, still = check_range(model, x, names)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(model.SerializeToString())
    np.save(out.with_suffix(".input_0.npy"), x)
    y = common.run(model, [x])[0]
    np.save(out.with_suffix(".output_0.npy"), y)
    used = np.unique(y).size
    share = f"at most {full:.2%} of a layer's codes at 255 and {still:.0%} zero"
    return f"{out.name}: {out.stat().st_size} bytes, {share}, {used} different logits"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=224, help="side of the image, a multiple of 32")
    parser.add_argument("--check", type=Path, metavar="Y.npy", help="compare this output with onnxruntime's and make nothing")
    arguments = parser.parse_args()
    if arguments.check:
        found, expected = np.load(arguments.check), np.load(arguments.out.with_suffix(".output_0.npy"))
        same = found.shape == expected.shape and found.dtype == expected.dtype and found.tobytes() == expected.tobytes()
        print("equal to onnxruntime, bit for bit" if same else f"{(found != expected).sum()} of {expected.size} outputs differ")
        raise SystemExit(0 if same else 1)
    print(main(arguments.out, arguments.size))
