"""One-layer QDQ models with 4-bit and 2-bit weights and activations (opset 21 for int4, 25 for int2).

    python low_bits.py OUT_DIR

Each pair of element types (but 8 with 8 bits) for Conv, Gemm and MatMul, with zero points anywhere in the range of their type,
in two kinds whose expected outputs are exact; case.json says which under "exact_because":

* `pow2`: every scale is a power of two, so that float32 holds each product and sum exactly, and onnxruntime runs the file
  as written. The weight has a scale and a zero point a channel. Many outputs lie halfway between two codes.
* `wide`: any scales. onnxruntime's integer kernels run a copy with the same codes in 8-bit types, and the codes of its output
  are clipped to the narrow range. All channels share the weight's zero point, as those kernels ask; MatMul's share the
  scale too.

A case has model.onnx, input_0.npy (float32) and output_0.npy (float32, dequantized); codes_0.npy holds the output's codes.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import common
import networks

# Element type, smallest and largest code, by name.
KINDS = {
    "int8": (TensorProto.INT8, -128, 127), "uint8": (TensorProto.UINT8, 0, 255),
    "int4": (TensorProto.INT4, -8, 7), "uint4": (TensorProto.UINT4, 0, 15),
    "int2": (TensorProto.INT2, -2, 1), "uint2": (TensorProto.UINT2, 0, 3),
}
OPERATORS = ("Conv", "Gemm", "MatMul")
OUTPUTS, DEPTH = 7, 21  # odd, so that the last byte of a packed tensor is not full


class Layer:
    """One product: codes, scales and zero points, and the files that can be made of them."""

    def __init__(self, operator: str, activation: str, weight: str, power_of_two: bool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.operator, self.activation, self.weight, self.power_of_two = operator, activation, weight, power_of_two
        _, low, high = KINDS[weight]
        shape = {"Conv": (OUTPUTS, 3, 3, 3), "Gemm": (OUTPUTS, DEPTH), "MatMul": (DEPTH, OUTPUTS)}[operator]
        self.axis = 1 if operator == "MatMul" else 0
        self.codes = rng.integers(low, high + 1, shape)
        self.per_tensor = operator == "MatMul" and not power_of_two
        self.weight_zero = rng.integers(low, high + 1, OUTPUTS if power_of_two else 1) + np.zeros(OUTPUTS, int)
        self.weight_scale = self.scales(rng, -5, -4, 1 if self.per_tensor else OUTPUTS) + np.zeros(OUTPUTS, np.float32)

        _, low, high = KINDS[activation]
        self.input_zero = rng.integers(low, high + 1)
        self.input_scale = self.scales(rng, -5, -2, None)
        size = {"Conv": (2, 3, 5, 5), "Gemm": (8, DEPTH), "MatMul": (2, 4, DEPTH)}[operator]
        # Real values at the centre of a code, so that no copy depends on where the input saturates.
        steps = rng.integers(low, high + 1, size) - self.input_zero
        self.x = (steps * self.input_scale).astype(np.float32)
        self.bias_scale = (self.input_scale * self.weight_scale).astype(np.float32)
        self.bias = rng.integers(-40, 41, OUTPUTS) if operator != "MatMul" else None

        real = self.product()
        self.output_shape = real.shape
        bottom, top = min(np.quantile(real, 0.03), 0), max(np.quantile(real, 0.97), 0)
        scale = (top - bottom) / (high - low)
        self.output_scale = np.float32(2.0 ** np.rint(np.log2(scale)) if power_of_two else scale)
        self.output_zero = int(np.clip(np.rint(low - bottom / self.output_scale), low, high))
        codes = np.clip(np.rint(real / self.output_scale) + self.output_zero, low, high)
        rows = np.unique(codes.reshape(len(codes), -1), axis=0)
        self.varied = len(rows) > len(codes) // 2 and np.unique(codes).size >= min(6, high - low)

    def scales(self, rng: np.random.Generator, low: int, high: int, count: int | None) -> np.ndarray:
        """Powers of two between 2^low and 2^high, or any values there."""
        exponent = rng.integers(low, high + 1, count) if self.power_of_two else rng.uniform(low, high, count)
        return np.float32(2.0) ** np.asarray(exponent, np.float32)

    def product(self) -> np.ndarray:
        """The product in float64, for the choice of the output scale only."""
        w = (self.codes - self.along(self.weight_zero)) * self.along(self.weight_scale)
        if self.operator == "Conv":
            p = np.pad(self.x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            return sum(np.einsum("nchw,oc->nohw", p[:, :, i:i + 5, j:j + 5], w[:, :, i, j]) for i in range(3) for j in range(3))
        return self.x @ (w if self.operator == "MatMul" else w.T)

    def along(self, values: np.ndarray) -> np.ndarray:
        """Values a channel, shaped for the weight."""
        return values.reshape([-1 if i == self.axis else 1 for i in range(self.codes.ndim)])

    def model(self, wide: bool = False) -> onnx.ModelProto:
        """The file; or its copy with 8-bit types, whose output is the codes."""
        activation, weight, shift = KINDS[self.activation][0], KINDS[self.weight][0], 0
        if wide:
            # A narrow unsigned weight fits int8. A signed activation moves to uint8 if the weight is uint8: there is no s8u8.
            weight = TensorProto.UINT8 if self.weight == "uint8" else TensorProto.INT8
            shift = 128 if self.weight == "uint8" and self.activation.startswith("int") else 0
            unsigned = shift or self.activation.startswith("uint")
            activation = TensorProto.UINT8 if unsigned else TensorProto.INT8
        made, nodes = [], []

        def constant(name: str, values: np.ndarray, kind: int) -> str:
            dtype = helper.tensor_dtype_to_np_dtype(kind)
            made.append(common.tensor(name, np.asarray(values).astype(dtype), kind))
            return name

        def pair(name: str, scale: np.ndarray, zero: np.ndarray, kind: int) -> list[str]:
            return [constant(name + ".scale", scale, TensorProto.FLOAT), constant(name + ".zero", zero, kind)]

        for name, scale, zero in (("x", self.input_scale, self.input_zero), ("y", self.output_scale, self.output_zero)):
            pair(name, scale, zero + shift, activation)
        if self.per_tensor:
            channels, along = pair("w", self.weight_scale[0], self.weight_zero[0], weight), {}
        else:
            channels, along = pair("w", self.weight_scale, self.weight_zero, weight), {"axis": self.axis}
        constant("w", self.codes, weight)
        nodes.append(helper.make_node("QuantizeLinear", ["x", "x.scale", "x.zero"], ["x.codes"]))
        nodes.append(helper.make_node("DequantizeLinear", ["x.codes", "x.scale", "x.zero"], ["x.real"]))
        nodes.append(helper.make_node("DequantizeLinear", ["w", *channels], ["w.real"], **along))
        operands, attributes = ["x.real", "w.real"], {}
        if self.bias is not None:
            scale = pair("b", self.bias_scale, np.zeros(OUTPUTS), TensorProto.INT32)
            constant("b", self.bias, TensorProto.INT32)
            nodes.append(helper.make_node("DequantizeLinear", ["b", *scale], ["b.real"], axis=0))
            operands.append("b.real")
            attributes = {"pads": [1, 1, 1, 1]} if self.operator == "Conv" else {"transB": 1}
        nodes.append(helper.make_node(self.operator, operands, ["y.sum"], **attributes))
        nodes.append(helper.make_node("QuantizeLinear", ["y.sum", "y.scale", "y.zero"], ["y.codes"]))
        nodes.append(helper.make_node("DequantizeLinear", ["y.codes", "y.scale", "y.zero"], ["y"]))
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, self.output_shape)
        if wide:
            nodes.pop()
            result = helper.make_tensor_value_info("y.codes", activation, self.output_shape)
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.x.shape)
        graph = helper.make_graph(nodes, "layer", [given], [result], made)
        two_bits = "2" in self.activation + self.weight
        opset = 21 if wide or not two_bits else 25
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        common.lower_ir(model)
        onnx.checker.check_model(model, full_check=True)
        return model

    def expected_codes(self) -> np.ndarray:
        """The output's codes from the copy in 8-bit types."""
        wide = self.model(wide=True)
        codes = networks.reference(wide, self.x, 0)
        shift = 128 if codes.dtype == np.uint8 and self.activation.startswith("int") else 0
        _, low, high = KINDS[self.activation]
        narrow = np.uint8 if self.activation.startswith("uint") else np.int8
        return np.clip(codes.astype(np.int64) - shift, low, high).astype(narrow)

    def dequantized(self, codes: np.ndarray) -> np.ndarray:
        """DequantizeLinear of the output."""
        return (codes.astype(np.int32) - np.int32(self.output_zero)).astype(np.float32) * self.output_scale


def default_options(model: onnx.ModelProto, x: np.ndarray, output: np.ndarray) -> str:
    """What onnxruntime without options does with the file."""
    try:
        return f"{int(np.sum(common.run(model, [x], level='default')[0] != output))} of {output.size} differ"
    except Exception as error:  # its exceptions have no common class
        return "refused: " + str(error).rsplit("Error: ", 1)[-1]


def make_case(folder: Path, layer: Layer) -> str:
    """Runs, checks and writes one case; returns its line."""
    model = layer.model()
    if layer.power_of_two:
        output = common.run(model, [layer.x], level="none")[0]
        codes = np.rint(output / layer.output_scale).astype(np.int64) + layer.output_zero
        codes = codes.astype(np.uint8 if layer.activation.startswith("uint") else np.int8)
        reason = "scales are powers of two and sums below 2^24, so that float32 is exact; onnxruntime ran the file as written"
    else:
        codes = layer.expected_codes()
        output = layer.dequantized(codes)
        reason = "onnxruntime's integer kernels ran the same codes in 8-bit types; the output was clipped to the narrow range"
    assert common.same(output, layer.dequantized(codes))
    used, available = np.unique(codes).size, KINDS[layer.activation][2] - KINDS[layer.activation][1] + 1
    assert used >= min(5, available - 2), f"{folder.name}: {used} codes"
    assert len(np.unique(output.reshape(len(output), -1), axis=0)) > 1, f"{folder.name}: rows are equal"
    facts = {
        "operator": layer.operator, "activation": layer.activation, "weight": layer.weight, "exact_because": reason,
        "input_zero_point": int(layer.input_zero), "output_zero_point": int(layer.output_zero),
        "weight_zero_points": layer.weight_zero.tolist(),
        "default_options": default_options(model, layer.x, output),
    }
    common.write_case(folder, model, [layer.x], {"output_0": output, "codes_0": codes}, facts)
    return f"{folder.name}: {used} of {available} codes"


def main(out: Path) -> list[str]:
    """Writes the cases and returns their lines."""
    common.require_exact_products()
    lines = []
    for operator in OPERATORS:
        for activation in KINDS:
            for weight in KINDS:
                if "8" in activation and "8" in weight:
                    continue
                for kind in ("pow2", "wide"):
                    # Two-bit layers often give one code only; the first seed that does not is taken.
                    seeds = range(1000 * len(lines), 1000 * len(lines) + 1000)
                    layers = (Layer(operator, activation, weight, kind == "pow2", seed) for seed in seeds)
                    layer = next(layer for layer in layers if layer.varied)
                    name = f"low_{operator.lower()}_a_{activation}_w_{weight}_{kind}"
                    lines.append(make_case(out / name, layer))
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(main(Path(sys.argv[1]))))
