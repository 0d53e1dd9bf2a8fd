"""Run digits.onnx in integers at every precision, check it against onnxruntime bit for bit, write expected.json.

The integer network is numpy on int64 (with an assertion that everything fits int32); only the requantizer's one
multiplication is float32, as onnxruntime defines it. onnxruntime runs edited copies of the same file.

    python evaluate.py            # print the table, run the checks, write expected.json
    python evaluate.py --check    # the same, but compare with expected.json instead of writing it
"""

import hashlib
import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

HERE = Path(__file__).resolve().parent
NAMES = ("conv1", "conv2", "conv3", "fc")
STRIDE = {"conv1": 1, "conv2": 2, "conv3": 2}
PAIRS = [(8, 8), (8, 4), (8, 2), (4, 4), (2, 2), (4, 8), (4, 2), (2, 8), (2, 4)]
ROUNDINGS = ("half-even", "floor")
SOURCES = ("input", "conv1.output", "conv2.output", "conv3.output")  # what is quantized before each layer


def load():
    """The ONNX model, its initialisers by name, and the replacement biases by weight width and layer."""
    model = onnx.load(str(HERE / "digits.onnx"))
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    toml = tomllib.loads((HERE / "biases.toml").read_text())["bias"]
    biases = {8: {n: tensors[n + ".bias"] for n in NAMES}}
    for bits in (4, 2):
        biases[bits] = {n: np.array(toml[f"w{bits}"][n], np.int32) for n in NAMES}
    return model, tensors, biases


def narrow(weight, bits, rounding):
    """The precision switch: `bits`-wide signed integers from int8 ones."""
    shift, top = 8 - bits, 1 << (bits - 1)
    w = weight.astype(np.int64)
    if rounding == "floor":
        return w >> shift
    return np.clip(np.rint(w / (1 << shift)).astype(np.int64), -top, top - 1)


def input_codes(images, scale, act_bits):
    """QuantizeLinear of pixel / 16 at scale * 2^(8 - A), clipped to A bits."""
    real = images.astype(np.float32)[:, None] / np.float32(16)
    return np.clip(np.rint(real / (scale * np.float32(1 << (8 - act_bits)))), 0, (1 << act_bits) - 1).astype(np.int64)


def convolve(x, w, stride):
    """Integer 3x3 convolution, pad 1, NCHW."""
    side = x.shape[2] // stride
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    end = stride * (side - 1) + 1
    return sum(np.einsum("nchw,oc->nohw", p[:, :, i:i + end:stride, j:j + end:stride], w[:, :, i, j], optimize=True)
               for i in range(3) for j in range(3))


def run_integer(tensors, biases, images, plan):
    """Integer network under `plan`, one (act_bits, weight_bits, rounding) per layer.

    Returns the int32 sums of the Gemm [N, 10] and the activation codes that enter each layer.
    """
    x, codes = input_codes(images, tensors["input.scale"], plan[0][0]), []
    for i, (name, (act, bits, rounding)) in enumerate(zip(NAMES, plan)):
        codes.append(x)
        w = narrow(tensors[name + ".weight"], bits, rounding)
        acc = x.reshape(len(x), -1) @ w.T if name == "fc" else convolve(x, w, STRIDE[name])
        bias = biases[bits][name].astype(np.int64).reshape((-1,) + (1,) * (acc.ndim - 2))
        acc = (acc << (8 - bits) << (8 - act)) + bias
        assert np.abs(acc).max() < 2**31
        if name == "fc":
            return acc.astype("<i4"), codes
        out = plan[i + 1][0]
        # the bias scale of the file is float32(sx * sw)
        m = (tensors[name + ".bias_scale"] / tensors[name + ".output.scale"]) * np.float32(2.0 ** (out - 8))
        x = np.clip(np.rint(acc.astype(np.float32) * m[:, None, None]), 0, (1 << out) - 1).astype(np.int64)


def edited(model, tensors, biases, plan):
    """A copy of the model whose onnxruntime run is the network under `plan`.

    Weights become w_l << (8 - l), which fits int8. An A-bit activation is quantized at scale * 2^(8 - A), clipped to
    A bits and shifted back up by 8 - A, so that its DequantizeLinear, and the unit of the bias, stay as they are.
    Flatten becomes the equivalent Reshape, past which onnxruntime moves a DequantizeLinear; past Flatten it does not,
    and would compute the Gemm in float32.
    """
    extra, nodes = {"flatten.shape": np.array([0, -1], np.int64)}, []
    for name, (_, bits, rounding) in zip(NAMES, plan):
        extra[name + ".weight"] = (narrow(tensors[name + ".weight"], bits, rounding) << (8 - bits)).astype(np.int8)
        extra[name + ".bias"] = biases[bits][name]
    widths = dict(zip(SOURCES, (act for act, _, _ in plan)))
    for node in model.graph.node:
        op, ins, outs = node.op_type, list(node.input), list(node.output)
        source = node.name.rsplit(".", 1)[0]
        width = widths.get(source, 8)
        if op == "Flatten":
            nodes.append(helper.make_node("Reshape", ins + ["flatten.shape"], outs, name=node.name))
        elif op == "QuantizeLinear" and width < 8:
            scale, top, shift, raw, low = (f"{source}.{part}" for part in ("low_scale", "top", "shift", "raw", "low"))
            extra[scale] = tensors[source + ".scale"] * np.float32(1 << (8 - width))
            extra[top] = np.array((1 << width) - 1, np.uint8)
            extra[shift] = np.array(8 - width, np.uint8)
            nodes += [helper.make_node(op, [ins[0], scale, ins[2]], [raw], name=node.name),
                      helper.make_node("Clip", [raw, "", top], [low], name=source + ".clip"),
                      helper.make_node("BitShift", [low, shift], outs, name=source + ".shift_up", direction="LEFT")]
        else:
            nodes.append(node)
    inits = [numpy_helper.from_array(v, k) for k, v in {**tensors, **extra}.items()]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, inits)
    copy = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def run_onnxruntime(model, images, expose=()):
    """Logits of onnxruntime on the CPU, followed by the tensors named in `expose`.

    The default optimizer stays on: it is what turns each DequantizeLinear, Conv, QuantizeLinear group into an integer
    kernel. The x64 precision key keeps int16 saturation out of the unsigned-by-signed kernels of older processors.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in expose)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)[:, None] / 16})


def check_onnxruntime(model, tensors, biases, images, plan, acc, codes):
    """Stop unless the float32 logits, and the codes that enter every layer, are onnxruntime's bit for bit."""
    copy = edited(model, tensors, biases, plan)
    logits = run_onnxruntime(copy, images)[0]
    ours = acc.astype(np.float32) * tensors["fc.bias_scale"]
    if not np.array_equal(ours.view(np.uint32), logits.view(np.uint32)):
        raise SystemExit(f"{np.sum(ours != logits)} of {ours.size} logits differ from onnxruntime at {plan}")
    stored = [n.input[0] for n in copy.graph.node if n.op_type == "DequantizeLinear" and n.input[0] not in tensors]
    seen = run_onnxruntime(copy, images, stored)[1:]
    for name, (act, _, _), mine, theirs in zip(NAMES, plan, codes, seen, strict=True):
        if not np.array_equal(mine << (8 - act), theirs):
            wrong = np.sum(mine << (8 - act) != theirs)
            raise SystemExit(f"{wrong} of {mine.size} inputs of {name} differ from onnxruntime at {plan}")


def check_shipped(model, tensors, images, acc):
    """Stop unless the unedited file, whose Gemm onnxruntime computes in float32, rounds to the same int32 sums."""
    sums = run_onnxruntime(model, images)[0].astype(np.float64) / tensors["fc.bias_scale"].astype(np.float64)
    if not np.array_equal(np.rint(sums), acc):
        raise SystemExit("digits.onnx as shipped does not round to the integer network's sums")
    return np.abs(sums - acc).max()


def main():
    """Evaluate every uniform pair and the mixed plan, check each, and write or compare expected.json."""
    model, tensors, biases = load()
    images, labels = np.load(HERE / "images.npy"), np.load(HERE / "labels.npy")

    def measure(plan):
        acc, codes = run_integer(tensors, biases, images, plan)
        check_onnxruntime(model, tensors, biases, images, plan, acc, codes)
        if plan == [(8, 8, "half-even")] * 4:
            gap = check_shipped(model, tensors, images, acc)
            print(f"digits.onnx unedited: float32 Gemm within {gap:.3f} of the int32 sums")
        correct = int((acc.argmax(axis=1) == labels).sum())
        return {"correct": correct, "sha256": hashlib.sha256(acc.tobytes()).hexdigest()}

    found = {"images": len(images), "pairs": {}}
    for act, bits in PAIRS:
        found["pairs"][f"a{act}w{bits}"] = {r: measure([(act, bits, r)] * 4) for r in ROUNDINGS}
    layers = {row["name"]: row for row in tomllib.loads((HERE / "mixed.toml").read_text())["layer"]}
    rows = [layers[name] for name in NAMES]
    found["mixed"] = measure([(row["act_bits"], row["weight_bits"], row["rounding"]) for row in rows])

    print(f"correct of {len(images)}  " + "  ".join(f"{r:>15}" for r in ROUNDINGS))
    for pair, by_rounding in found["pairs"].items():
        cells = (by_rounding[r]["correct"] for r in ROUNDINGS)
        print(f"{pair:<14}  " + "  ".join(f"{c:>8} ({c / len(images):.3f})" for c in cells))
    print(f"mixed.toml      {found['mixed']['correct']:>9} ({found['mixed']['correct'] / len(images):.3f})")
    print("onnxruntime agrees bit for bit with every line, logits and activations.")

    path = HERE / "expected.json"
    if "--check" not in sys.argv[1:]:
        path.write_text(json.dumps(found, indent=2) + "\n")
    elif json.loads(path.read_text()) != found:
        raise SystemExit("expected.json does not match; run evaluate.py to rewrite it")


if __name__ == "__main__":
    main()
