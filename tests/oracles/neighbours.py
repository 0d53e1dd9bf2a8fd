"""Small models in which what stands around an operator decides in which arithmetic onnxruntime runs it.

    python neighbours.py OUT_DIR

Scales are such that many sums lie half way between two integers, so that another arithmetic shows.
"""

import sys
from pathlib import Path

import common
import numpy as np
from onnx import TensorProto, helper, numpy_helper

U8 = np.uint8


class Model:
    """A model, built node by node; each constant is given once and may be read often."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}
        self.quantizers = ""  # Their domain.

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], **attributes) -> str:
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def pair(self, x: str, scale: float, zero: int, tag: str) -> str:
        """QuantizeLinear and DequantizeLinear with constants of this name."""
        parameters = [self.constant(f"{tag}_scale", np.float32(scale)), self.constant(f"{tag}_zero", U8(zero))]
        integers = self.node("QuantizeLinear", [x, *parameters], domain=self.quantizers)
        return self.node("DequantizeLinear", [integers, *parameters], domain=self.quantizers)

    def weights(self, *shape: int) -> str:
        """Dequantized int8 weights with scale 0.3."""
        values = self.constant("weights", self.random.integers(-9, 10, shape).astype(np.int8))
        return self.node("DequantizeLinear", [values, self.constant("weight_scale", np.float32(0.3))], domain=self.quantizers)

    def product(self) -> str:
        """A MatMul of quantized operands, not yet quantized itself."""
        return self.node("MatMul", [self.pair("x", 0.1, 9, "input"), self.weights(64, 64)])


def identity(model: Model) -> list[str]:
    return [model.pair(model.node("Identity", [model.product()]), 0.06, 90, "output")]


def dropout(model: Model) -> list[str]:
    return [model.pair(model.node("Dropout", [model.product()]), 0.06, 90, "output")]


def equal_quantizers(model: Model) -> list[str]:
    """As quantize_static writes with DedicatedQDQPair: one pair for each reader."""
    y = model.product()
    return [model.pair(y, 0.06, 90, "output"), model.pair(y, 0.06, 90, "output")]


def shared_clip(model: Model) -> list[str]:
    """Bounds that a Clip of the host has read before the Clip behind the layer does."""
    bounds = [model.constant("low", np.float32(0)), model.constant("high", np.float32(15.2))]
    x = model.pair(model.node("Clip", ["x", *bounds]), 0.1, 0, "input")
    y = model.node("MatMul", [x, model.weights(64, 64)])
    return [model.pair(model.node("Clip", [y, model.constants["low"].name, model.constant("top", np.float32(60))]), 0.06, 0, "output")]


def shared_zero_point(model: Model) -> list[str]:
    """As quantize_static writes Pad in QOperator form: padded with the zero point that the next layer reads too."""
    c = model.constant
    x = model.node("QuantizeLinear", ["x", c("scale", np.float32(0.1)), c("zero", U8(7))])
    x = model.node("Reshape", [x, c("shape", np.array([4, 16, 10, 10]))])
    x = model.node("Pad", [x, c("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1])), "zero"])
    kernel = [c("kernel", model.random.integers(-9, 10, (5, 16, 3, 3)).astype(np.int8)), c("kernel_scale", np.float32(0.3))]
    kernel.append(c("kernel_zero", np.int8(0)))
    y = model.node("QLinearConv", [x, "scale", "zero", *kernel, c("y_scale", np.float32(0.6)), c("y_zero", U8(90))])
    return [model.node("DequantizeLinear", [y, "y_scale", "y_zero"])]


def weight_read_twice(model: Model) -> list[str]:
    """A float weight that another operator has read before the product does."""
    weight = model.constant("float_weight", model.random.normal(0, 0.3, (64, 33)).astype(np.float32))
    return [model.node("Abs", [weight]), model.node("MatMul", ["x", weight])]


def relu_between(model: Model) -> list[str]:
    """An Add whose operand is not dequantized directly stays in float32."""
    x = model.node("Transpose", [model.pair("x", 0.1, 9, "input")], perm=[1, 0])
    return [model.pair(model.node("Add", [x, x]), 0.06, 90, "output")]


def add_relu(model: Model) -> list[str]:
    """A Relu that the quantizer implies is removed, and the Add becomes an integer operator."""
    x = model.pair("x", 0.1, 9, "input")
    return [model.pair(model.node("Relu", [model.node("Add", [x, x])]), 0.06, 0, "output")]


def add_relu_kept(model: Model) -> list[str]:
    """A Relu that the quantizer does not imply stays, and the Add with it."""
    x = model.pair("x", 0.1, 9, "input")
    return [model.pair(model.node("Relu", [model.node("Add", [x, x])]), 0.06, 90, "output")]


def add_clip(model: Model) -> list[str]:
    """A Clip between the quantizer's ends stays; one beyond them is removed."""
    x = model.pair("x", 0.1, 9, "input")
    low = model.constant("low", np.float32(0))
    inside = model.node("Clip", [model.node("Add", [x, x]), low, model.constant("inside", np.float32(15.2))])
    beyond = model.node("Clip", [model.node("Add", [x, x]), low, model.constant("beyond", np.float32(16))])
    return [model.pair(inside, 0.06, 0, "inside_output"), model.pair(beyond, 0.06, 0, "beyond_output")]


def contrib(model: Model) -> list[str]:
    """Quantizers of onnxruntime's own domain, as quantize_static writes them with UseQDQContribOps."""
    model.quantizers = "com.microsoft"
    y = model.pair(model.product(), 0.6, 90, "output")
    return [model.pair(model.node("Add", [y, y]), 1.1, 90, "sum")]


MODELS = [contrib, add_relu, add_relu_kept, add_clip, identity, dropout, equal_quantizers, shared_clip, shared_zero_point, weight_read_twice, relu_between]


def write_all(folder: Path) -> int:
    """Writes all cases and returns their number."""
    for seed, build in enumerate(MODELS):
        model = Model(seed)
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in build(model)]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [100, 64])]
        graph = helper.make_graph(model.nodes, build.__name__, inputs, outputs, list(model.constants.values()))
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=10)
        x = model.random.normal(0, 1, (100, 64)).astype(np.float32)
        case = folder / build.__name__
        case.mkdir(parents=True, exist_ok=True)
        (case / "model.onnx").write_bytes(proto.SerializeToString())
        np.save(case / "input_0.npy", x)
        for index, y in enumerate(common.run(proto, [x], level="extended")):
            np.save(case / f"output_{index}.npy", y)
    return len(MODELS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{write_all(Path(sys.argv[1]))} cases")
