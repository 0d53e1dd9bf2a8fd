"""Train one small network on the 8x8 digits that runs at 8, 4 and 2 bits from one int8 copy of its weights.

The trainer is plain numpy (forward, backward, Adam), single-threaded and seeded: the same machine and the
same package versions give the same files. It writes digits.onnx, biases.toml, images.npy and labels.npy
(test images), calibration.npy and calibration_labels.npy (the first training images).

    python train.py
"""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 1
BATCH = 64
FLOAT_EPOCHS, QUANT_EPOCHS = 30, 200
CALIBRATION = 256
WIDTHS = (8, 4, 2)
INPUT_SCALE = 2.0**-8  # the float input is pixel / 16, so the 8-bit code is min(16 * pixel, 255)

# name, input channels, output channels, input side, stride (all 3x3, pad 1); then one Gemm.
CONVS = (("conv1", 1, 16, 8, 1), ("conv2", 16, 32, 8, 2), ("conv3", 32, 32, 4, 2))
NAMES = [c[0] for c in CONVS] + ["fc"]
CLASSES, FC_IN = 10, 128


def split():
    """The 1,347 training and 450 test images (raw pixels 0..16) with their labels."""
    digits = load_digits()
    return train_test_split(
        digits.images.astype(np.uint8), digits.target.astype(np.uint8),
        test_size=450, stratify=digits.target, random_state=0,
    )


# ---------------------------------------------------------------- fake quantization

def weight_scale(name, w):
    """Scale per output channel; the classifier shares one, so that its int32 sums compare directly."""
    peak = np.abs(w).max(axis=0)
    return np.maximum(peak.max() if name == "fc" else peak, 1e-8) / 127 * np.ones_like(peak)


def weight_codes(w, scale, bits):
    """int8 codes, rounded a second time (half-even) to `bits`, in units of the int8 code."""
    q = np.clip(np.rint(w / scale), -127, 127)
    step, top = 1 << (8 - bits), 1 << (bits - 1)
    return np.clip(np.rint(q / step), -top, top - 1) * step


def quantize_act(y, scale, bits):
    """ReLU and unsigned quantization; returns the value, the pass-through mask and d value / d log scale."""
    step, top = scale * (1 << (8 - bits)), (1 << bits) - 1
    v = np.maximum(y, 0) / step
    k = np.minimum(np.rint(v), top)
    inside = v < top + 0.5
    return k * step, inside & (y > 0), np.where(inside, k - v, top) * step


# ---------------------------------------------------------------- network (NHWC, im2col)

def unfold(x, stride):
    """3x3 patches of x (zero pad 1) as rows, ordered (ky, kx, channel)."""
    n, side, _, c = x.shape
    out = side // stride
    p = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    end = stride * (out - 1) + 1
    taps = [p[:, i:i + end:stride, j:j + end:stride] for i in range(3) for j in range(3)]
    return np.concatenate(taps, axis=3).reshape(n * out * out, 9 * c)


def fold(g, n, side, c, stride):
    """Adjoint of unfold."""
    out = side // stride
    end = stride * (out - 1) + 1
    g = g.reshape(n, out, out, 9, c)
    p = np.zeros((n, side + 2, side + 2, c), np.float32)
    for t in range(9):
        i, j = divmod(t, 3)
        p[:, i:i + end:stride, j:j + end:stride] += g[:, :, :, t]
    return p[:, 1:-1, 1:-1]


def pass_once(params, images, labels, plan, grads):
    """Forward and backward at one plan, a list of (act_bits, weight_bits) per layer or None for float.

    Adds to `grads` and returns the loss. Gradients pass straight through both roundings.
    """
    n = len(images)
    x = images.astype(np.float32)[..., None] / 16
    if plan:
        x = quantize_act(x, np.float32(INPUT_SCALE), plan[0][0])[0]
    tape = []
    for i, name in enumerate(NAMES):
        w = params[name + ".w"]
        bits = plan[i][1] if plan else 8
        if plan:
            s = weight_scale(name, w)
            w = weight_codes(w, s, bits) * s
        cols = unfold(x, CONVS[i][4]) if i < 3 else x.reshape(n, FC_IN)
        y = cols @ w + params[f"{name}.b{bits}"]
        mask = dlog = None
        if i < 3:
            side = CONVS[i][3] // CONVS[i][4]
            if plan:
                x, mask, dlog = quantize_act(y, np.exp(params[name + ".log_scale"]), plan[i + 1][0])
            else:
                x, mask = np.maximum(y, 0), y > 0
            x = x.reshape(n, side, side, -1)
        tape.append((name, bits, cols, w, mask, dlog))
    z = y - y.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), labels] + 1e-12).mean()
    g = p
    g[np.arange(n), labels] -= 1
    g /= n
    for i in range(3, -1, -1):
        name, bits, cols, w, mask, dlog = tape[i]
        if i < 3:
            g = g.reshape(-1, CONVS[i][2])
            if dlog is not None:
                grads[name + ".log_scale"] += (g * dlog).sum()
            g = g * mask
        grads[name + ".w"] += cols.T @ g
        grads[f"{name}.b{bits}"] += g.sum(axis=0)
        if i:
            g = g @ w.T
            if i < 3:
                g = fold(g, n, CONVS[i][3], CONVS[i][1], CONVS[i][4])
    return loss


def initial(rng):
    """He-normal weights (rows: inputs, columns: output channels), a bias per weight width, activation scales."""
    params = {}
    for name, fan_in, out in [(n, 9 * ci, co) for n, ci, co, _, _ in CONVS] + [("fc", FC_IN, CLASSES)]:
        params[name + ".w"] = (rng.standard_normal((fan_in, out)) * np.sqrt(2 / fan_in)).astype(np.float32)
        for bits in WIDTHS:
            params[f"{name}.b{bits}"] = np.zeros(out, np.float32)
        if name != "fc":
            params[name + ".log_scale"] = np.zeros((), np.float32)
    return params


def calibrate(params, images):
    """Set each activation scale from the float network's 99.9th percentile; copy the biases."""
    x = images.astype(np.float32)[..., None] / 16
    for i, (name, _, out, side, stride) in enumerate(CONVS):
        y = np.maximum(unfold(x, stride) @ params[name + ".w"] + params[name + ".b8"], 0)
        params[name + ".log_scale"] = np.float32(np.log(np.percentile(y, 99.9) / 255))
        x = y.reshape(len(images), side // stride, side // stride, out)
    for name in NAMES:
        for bits in WIDTHS[1:]:
            params[f"{name}.b{bits}"] = params[f"{name}.b8"].copy()


def plans(rng):
    """The plans of one step: the two corners, A8 at W4 or W2, a uniform pair, and a random mix per layer."""
    def pick():
        return int(rng.choice(WIDTHS)), int(rng.choice(WIDTHS))

    yield [(8, 8)] * 4
    yield [(2, 2)] * 4
    yield [(8, int(rng.choice((4, 2))))] * 4
    yield [pick()] * 4
    yield [pick() for _ in NAMES]


def train(images, labels, log=print):
    """Float warm-up, calibration, then joint training at all widths; Adam with a cosine rate."""
    rng = np.random.default_rng(SEED)
    params = initial(rng)
    for phase, epochs, rate in (("float", FLOAT_EPOCHS, 3e-3), ("joint", QUANT_EPOCHS, 2e-3)):
        first = {k: np.zeros_like(v) for k, v in params.items()}
        second = {k: np.zeros_like(v) for k, v in params.items()}
        steps_per_epoch, step = len(images) // BATCH, 0
        for epoch in range(epochs):
            order, loss = rng.permutation(len(images)), 0.0
            for b in range(steps_per_epoch):
                pick = order[b * BATCH:(b + 1) * BATCH]
                grads = {k: np.zeros_like(v) for k, v in params.items()}
                for plan in [None] if phase == "float" else plans(rng):
                    loss += pass_once(params, images[pick], labels[pick], plan, grads)
                lr = rate * 0.5 * (1 + np.cos(np.pi * step / (epochs * steps_per_epoch)))
                step += 1
                for k, g in grads.items():
                    first[k] = 0.9 * first[k] + 0.1 * g
                    second[k] = 0.999 * second[k] + 0.001 * g * g
                    m, v = first[k] / (1 - 0.9**step), second[k] / (1 - 0.999**step)
                    params[k] = (params[k] - lr * m / (np.sqrt(v) + 1e-8)).astype(np.float32)
            if epoch % 20 == 19 or epoch == epochs - 1:
                log(f"{phase} epoch {epoch + 1}/{epochs}: summed loss {loss / steps_per_epoch:.4f}", flush=True)
        if phase == "float":
            calibrate(params, images)
    return params


# ---------------------------------------------------------------- export

def integers(params):
    """Integer network: per layer the int8 weights (ONNX order), float32 scales, and int32 biases per width."""
    layers, sx = [], np.float32(INPUT_SCALE)
    for i, name in enumerate(NAMES):
        w = params[name + ".w"]
        sw = weight_scale(name, w).astype(np.float32)
        q = np.clip(np.rint(w / sw), -127, 127).astype(np.int8)
        if i < 3:
            q = q.reshape(3, 3, CONVS[i][1], CONVS[i][2]).transpose(3, 2, 0, 1)
        else:  # trained on rows, columns, channels; ONNX flattens channels, rows, columns
            q = q.reshape(2, 2, 32, CLASSES).transpose(3, 2, 0, 1).reshape(CLASSES, FC_IN)
        unit = sx * sw
        bias = {b: np.rint(params[f"{name}.b{b}"].astype(np.float64) / unit).astype(np.int32) for b in WIDTHS}
        sy = np.float32(np.exp(params[name + ".log_scale"])) if i < 3 else None
        layers.append(dict(name=name, weight=q, sx=sx, sw=sw, unit=unit, bias=bias, sy=sy))
        sx = sy
    return layers


def build_onnx(layers):
    """Standard QDQ graph: opset 17, IR 8, float input [N,1,8,8], float logits [N,10]."""
    nodes, inits = [], []

    def const(name, value, dtype):
        inits.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(op, inputs, name, **attributes):
        out = "logits" if name == "fc" else name + "_out"
        nodes.append(helper.make_node(op, inputs, [out], name=name, **attributes))
        return out

    def pair(x, name, scale):
        qp = [const(name + ".scale", scale, np.float32), const(name + ".zero_point", 0, np.uint8)]
        return add("DequantizeLinear", [add("QuantizeLinear", [x] + qp, name + ".quantize")] + qp, name + ".dequantize")

    x = pair("image", "input", layers[0]["sx"])
    for i, layer in enumerate(layers):
        name, zeros = layer["name"], np.zeros(len(layer["sw"]))
        w, b = (
            add("DequantizeLinear", [
                const(f"{name}.{part}", value, dtype), const(f"{name}.{part}_scale", scale, np.float32),
                const(f"{name}.{part}_zero_point", zeros, dtype)], f"{name}.{part}.dequantize", axis=0)
            for part, value, scale, dtype in (("weight", layer["weight"], layer["sw"], np.int8),
                                              ("bias", layer["bias"][8], layer["unit"], np.int32)))
        if i == 3:
            add("Gemm", [add("Flatten", [x], "flatten", axis=1), w, b], name, transB=1)
            break
        x = add("Conv", [x, w, b], name, kernel_shape=[3, 3], pads=[1] * 4, strides=[CONVS[i][4]] * 2)
        x = pair(add("Relu", [x], name + ".relu"), name + ".output", layer["sy"])
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])], inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="crumb")
    onnx.checker.check_model(model, full_check=True)
    return model


def biases_toml(layers):
    """The biases of the 4- and 2-bit weights, in the units of the 8-bit bias."""
    lines = ["# int32 biases that replace those of digits.onnx at 4- and 2-bit weights, in the same units (input",
             "# scale * weight scale): (acc << (8 - W) << (8 - A)) + bias. The 8-bit biases stand in digits.onnx."]
    for bits in (4, 2):
        lines += ["", f"[bias.w{bits}]"]
        lines += [f"{l['name']} = [{', '.join(map(str, l['bias'][bits]))}]" for l in layers]
    return "\n".join(lines) + "\n"


def main():
    """Train and write every file the trainer owns."""
    train_x, test_x, train_y, test_y = split()
    layers = integers(train(train_x, train_y))
    onnx.save(build_onnx(layers), str(HERE / "digits.onnx"))
    (HERE / "biases.toml").write_text(biases_toml(layers))
    np.save(HERE / "images.npy", test_x)
    np.save(HERE / "labels.npy", test_y)
    np.save(HERE / "calibration.npy", train_x[:CALIBRATION])
    np.save(HERE / "calibration_labels.npy", train_y[:CALIBRATION])


if __name__ == "__main__":
    main()
