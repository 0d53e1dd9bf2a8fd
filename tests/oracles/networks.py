"""Networks quantized by onnxruntime's own quantizer, with expected outputs at 8, 4 and 2 bits of the same weights.

    python networks.py OUT_DIR

A case has model.onnx, input_0.npy, and output_w8_0.npy, output_w4_0.npy, output_w2_0.npy: the outputs of onnxruntime for
the model, and for copies whose weights passed the precision switch (`weights.py`; round half-even, biases unchanged).
Products run in integers and everything else as the file says (`common.session`); default_w8_0.npy is there where
onnxruntime without options gives something else at 8 bits.
"""

import copy
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import common
import float_networks
import weights

logging.disable(logging.WARNING)

TYPES = {"s8": QuantType.QInt8, "u8": QuantType.QUInt8}
SCHEMES = [("s8", "s8"), ("u8", "s8"), ("u8", "u8")]  # activations, weights; onnxruntime refuses s8 with u8
MOST_MACS = {"cnn": 100_000, "residual": 1_500_000, "mixed": 100_000, "transformer": 1_500_000, "tokens": 1_500_000}
# What quantize_dynamic leaves in float: products of two computed operands (scores and context).
LEFT_IN_FLOAT = {"transformer": 2 * 2, "tokens": 2 * 2}
FLOAT_PRODUCTS = {"Conv", "Gemm", "MatMul", "FusedConv", "FusedGemm", "FusedMatMul"}
NETWORKS = {
    "cnn": float_networks.cnn,
    "residual": float_networks.residual,
    "mixed": float_networks.mixed,
    "transformer": lambda: float_networks.transformer(ids=False),
    "tokens": lambda: float_networks.transformer(ids=True),
}
# What onnxruntime makes of other operators between quantizers; their integers are those of the operators here too.
INTEGER_KERNELS = {
    "NhwcMaxPool", "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool", "QLinearLeakyRelu",
    "QLinearMul", "QLinearSigmoid", "QLinearSoftmax",
}
INTEGER_PRODUCTS = {
    "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
}


class Calibration(CalibrationDataReader):
    """Calibration inputs, one at a time."""

    def __init__(self, data: np.ndarray) -> None:
        self.rows = iter(data)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next input, or None."""
        row = next(self.rows, None)
        return None if row is None else {"x": row[None]}


def variants(network: str) -> Iterator[tuple[str, str, dict]]:
    """Name, method (QDQ, QOperator or dynamic) and the quantizer's arguments of every case of one network."""
    narrow = {"op_types_to_quantize": ["MatMul", "Gemm"]}
    chosen = narrow if network in ("transformer", "tokens") else {}
    for per_channel in (False, True):
        suffix = "pc" if per_channel else "pt"
        for a, w in SCHEMES:
            types = {"activation_type": TYPES[a], "weight_type": TYPES[w], "per_channel": per_channel}
            for form in ("QDQ", "QOperator"):
                yield f"{form.lower()}_{a}{w}_{suffix}", form, types | chosen
        for w in ("s8", "u8"):
            yield f"dynamic_u8{w}_{suffix}", "dynamic", {"weight_type": TYPES[w], "per_channel": per_channel}

    def one(a: str, w: str, per_channel: bool = True, form: str = "QDQ", **extra) -> tuple[str, dict]:
        types = {"activation_type": TYPES[a], "weight_type": TYPES[w], "per_channel": per_channel}
        return form, types | ({"extra_options": extra} if extra else {})

    if network == "cnn":
        yield "qdq_s8s8_symmetric", *one("s8", "s8", ActivationSymmetric=True)
        yield "qdq_u8s8_float_weights", *one("u8", "s8", AddQDQPairToWeight=True)
        yield "qdq_u8u8_float_weights", *one("u8", "u8", False, AddQDQPairToWeight=True)
        yield "qdq_u8s8_keep_relu", *one("u8", "s8", QDQKeepRemovableActivations=True)
        yield "qdq_s8s8_weight_zero_point", *one("s8", "s8", False, WeightSymmetric=False)
        yield "qdq_u8u8_weight_zero_point_128", *one("u8", "u8", False, WeightSymmetric=True)
        yield "qoperator_s8s8_symmetric", *one("s8", "s8", form="QOperator", ActivationSymmetric=True)
    if network == "residual":
        yield "qdq_s8s8_symmetric", *one("s8", "s8", ActivationSymmetric=True)
        yield "qdq_u8s8_dedicated_pairs", *one("u8", "s8", DedicatedQDQPair=True)
    if network in ("transformer", "tokens"):
        yield "qdq_s8s8_everything", *one("s8", "s8", False)
        yield "qdq_u8s8_everything", *one("u8", "s8", False)
        yield "qdq_u8u8_everything", *one("u8", "u8")
        yield "qoperator_u8s8_everything", *one("u8", "s8", False, "QOperator")
        form, arguments = one("u8", "s8", OpTypesToExcludeOutputQuantization=["MatMul", "Gemm"])
        yield "qdq_u8s8_float_outputs", form, arguments | narrow


def quantized(model: onnx.ModelProto, data: np.ndarray, method: str, arguments: dict) -> onnx.ModelProto:
    """The quantizer's result; it changes its argument, so it gets a copy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantized.onnx"
        if method == "dynamic":
            quantize_dynamic(copy.deepcopy(model), path, **arguments)
        else:
            form = QuantFormat[method]
            quantize_static(copy.deepcopy(model), path, Calibration(data), quant_format=form, **arguments)
        return onnx.load(path)


def preprocessed(model: onnx.ModelProto) -> onnx.ModelProto:
    """onnxruntime's recommended preparation: constants and BatchNormalization folded, shapes inferred."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, source)
        quant_pre_process(source, target, skip_symbolic_shape=True)
        return onnx.load(target)


def macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of Conv, Gemm and MatMul for a batch of one."""
    single = copy.deepcopy(model)
    single.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    single = onnx.shape_inference.infer_shapes(single, data_prop=True)
    values = [*single.graph.input, *single.graph.output, *single.graph.value_info]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    shapes |= {t.name: list(t.dims) for t in single.graph.initializer}
    total = 0
    for node in single.graph.node:
        if node.op_type == "Conv":
            total += int(np.prod(shapes[node.output[0]]) * np.prod(shapes[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul"):
            total += int(np.prod([1, *shapes[node.output[0]][1:]]) * shapes[node.input[0]][-1])
    return total


def reference(model: onnx.ModelProto, x: np.ndarray, float_products: int) -> np.ndarray:
    """onnxruntime's output, once it is sure that all but `float_products` products, and nothing else, ran in integers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        output = common.run(model, [x], saved=path)[0]
        optimised = onnx.load(path)
    ran = [n.op_type for n in optimised.graph.node]
    foreign = {n.op_type for n in optimised.graph.node if n.domain.startswith("com.m")}
    foreign -= INTEGER_PRODUCTS | INTEGER_KERNELS | {n.op_type for n in model.graph.node}
    assert not foreign, f"operators that the file does not have: {foreign}"
    in_file = sum(n.op_type in FLOAT_PRODUCTS | INTEGER_PRODUCTS for n in model.graph.node)
    in_float = sum(kind in FLOAT_PRODUCTS for kind in ran)
    in_integers = sum(kind in INTEGER_PRODUCTS for kind in ran)
    assert (in_float, in_integers) == (float_products, in_file - float_products), (in_file, in_float, in_integers)
    return output


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two outputs."""
    return round(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), 4)


def make_case(folder: Path, network: str, model: onnx.ModelProto, x: np.ndarray, original: onnx.ModelProto, facts: dict) -> str:
    """Runs, checks and writes one case; returns its line."""
    onnx.checker.check_model(model)
    float_products = LEFT_IN_FLOAT.get(network, 0) if facts["method"] == "dynamic" else 0
    outputs = {8: reference(model, x, float_products)}
    for bits in (4, 2):
        outputs[bits] = reference(weights.switched(model, bits), x, float_products)
    ideal = common.run(original, [x], level="none")[0]
    for bits, y in outputs.items():
        assert np.isfinite(y).all() and not np.allclose(y[0], y[1]), f"{folder.name} w{bits}: both images give the same"
        assert np.unique(y).size >= y.size // 2, f"{folder.name} w{bits}: {np.unique(y).size} values, saturated"
    assert not any(common.same(outputs[a], outputs[b]) for a, b in ((8, 4), (8, 2), (4, 2))), "widths change nothing"
    assert alike(outputs[8], ideal) > 0.98, f"{folder.name}: far from float"

    default, as_written = (common.run(model, [x], level=level)[0] for level in ("default", "none"))
    named = {f"output_w{bits}_0": y for bits, y in outputs.items()}
    if not common.same(default, outputs[8]):
        named["default_w8_0"] = default
    facts |= {
        "network": network,
        "macs_per_image": macs(original),
        "switched": weights.weight_names(model) or "float weights behind QuantizeLinear",
        "float_products": float_products,
        "correlation_with_float": {f"w{bits}": alike(y, ideal) for bits, y in outputs.items()},
        "default_options_differ": int(np.sum(default != outputs[8])),
        "default_options_differ_by": float(np.abs(default - outputs[8]).max()),
        "float_products_differ": int(np.sum(as_written != outputs[8])),
    }
    common.write_case(folder, model, [x], named, facts)
    close = " ".join(f"w{bits} {value:.3f}" for bits, value in zip(outputs, facts["correlation_with_float"].values()))
    unlike = f", default options differ in {facts['default_options_differ']}" if "default_w8_0" in named else ""
    return f"{folder.name}: correlation with float {close}{unlike}"


def main(out: Path) -> list[str]:
    """Writes the cases and returns their lines."""
    common.require_exact_products()
    lines = []
    for network, build in NETWORKS.items():
        model, x, data = build()
        assert macs(model) <= MOST_MACS[network], f"{network}: {macs(model)} MACs"
        prepared = preprocessed(model)
        for name, method, arguments in variants(network):
            facts = {"method": method} | {k: getattr(v, "name", v) for k, v in arguments.items()}
            made = quantized(model, data, method, arguments)
            lines.append(make_case(out / f"{network}_{name}", network, made, x, model, facts))
            if network != "cnn" and name in ("qdq_s8s8_pc", "qdq_u8u8_pt", "qoperator_u8s8_pc", "dynamic_u8s8_pt"):
                made = quantized(prepared, data, method, arguments)
                facts = {"method": method, "preprocessed": True} | {k: getattr(v, "name", v) for k, v in arguments.items()}
                lines.append(make_case(out / f"{network}_prepared_{name}", network, made, x, model, facts))
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(main(Path(sys.argv[1]))))
