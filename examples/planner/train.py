"""Train a residual network on cluttered digits, quantize it to int8, and write what `crumb plan` needs to plan it.

    python train.py OUT_DIR

It writes cluttered.onnx (QDQ, uint8 activations, int8 weights, one scale an output channel), calibration.npy with
calibration_labels.npy, and test.npy with test_labels.npy. The images are 16 x 16: a digit of scikit-learn's 8 x 8 ones, turned,
stretched and moved at random, over noise and pieces of other digits. Sources of test images are in no other set, and calibration
images are made from sources of the training set, which quantization saw no more of than their ranges.

The trainer is plain NumPy, single-threaded and seeded: the same machine and the same package versions give the same files. Three
minutes on one slow core. Packages: requirements.txt of host/digits.
"""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

logging.disable(logging.WARNING)

SEED, SIDE, CLASSES = 7, 16, 10
COPIES, EPOCHS, BATCH, RATE = 6, 12, 64, 3e-3
CALIBRATION, TEST = 256, 600

# name, input, input channels, output channels, kernel, stride, whether a ReLU follows at once.
CONVS = [
    ("stem", "image", 1, 12, 3, 1, True),
    ("block1.conv1", "stem", 12, 12, 3, 1, True),
    ("block1.conv2", "block1.conv1", 12, 12, 3, 1, False),
    ("block2.conv1", "block1", 12, 24, 3, 2, True),
    ("block2.conv2", "block2.conv1", 24, 24, 3, 1, False),
    ("block2.shortcut", "block1", 12, 24, 1, 2, False),
    ("block3.conv1", "block2", 24, 48, 3, 2, True),
    ("block3.conv2", "block3.conv1", 48, 48, 3, 1, False),
    ("block3.shortcut", "block2", 24, 48, 1, 2, False),
]
# Sums of a block, each with a ReLU, after the convolution that is computed last.
SUMS = {
    "block1.conv2": ("block1", "block1.conv2", "stem"),
    "block2.shortcut": ("block2", "block2.conv2", "block2.shortcut"),
    "block3.shortcut": ("block3", "block3.conv2", "block3.shortcut"),
}
WIDTH = 48


# ---------------------------------------------------------------- data

def sampled(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image, 0 outside."""
    padded = np.pad(image, 2)
    y, x = np.clip(y + 2, 0, 9.999 + 1), np.clip(x + 2, 0, 9.999 + 1)
    i, j = y.astype(int), x.astype(int)
    v, u = y - i, x - j
    top = padded[i, j] * (1 - u) + padded[i, j + 1] * u
    return top * (1 - v) + (padded[i + 1, j] * (1 - u) + padded[i + 1, j + 1] * u) * v


def cluttered(digits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One cluttered image of each digit, [N, SIDE, SIDE] float32 in 0..1."""
    grid_y, grid_x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    images = np.zeros((len(digits), SIDE, SIDE), np.float32)
    for out, digit in zip(images, digits):
        angle, stretch = rng.uniform(-0.3, 0.3), rng.uniform(1.1, 1.7)
        y, x = grid_y - rng.uniform(-2.5, 2.5), grid_x - rng.uniform(-2.5, 2.5)
        c, s = np.cos(angle) / stretch, np.sin(angle) / stretch
        out += sampled(digit, c * y - s * x + 3.5, s * y + c * x + 3.5)
        for _ in range(2):
            piece = digits[rng.integers(len(digits))]
            i, j = rng.integers(0, 5, 2)
            top, left = rng.integers(0, SIDE - 4), rng.choice([0, SIDE - 4])
            out[top:top + 4, left:left + 4] += 0.7 * piece[i:i + 4, j:j + 4]
        out += rng.normal(0, 0.12, out.shape)
    return np.clip(images, 0, 1)


def datasets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images [N, 1, SIDE, SIDE] and labels of the three sets."""
    rng = np.random.default_rng(SEED)
    source = load_digits()
    pixels = (source.images / 16).astype(np.float32)
    train, test, train_labels, test_labels = train_test_split(
        pixels, source.target, test_size=TEST, stratify=source.target, random_state=0
    )
    sets = {
        "train": (np.concatenate([cluttered(train, rng) for _ in range(COPIES)]), np.tile(train_labels, COPIES)),
        "calibration": (cluttered(train, rng)[:CALIBRATION], train_labels[:CALIBRATION]),
        "test": (cluttered(test, rng), test_labels),
    }
    return {name: (images[:, None], labels.astype(np.int64)) for name, (images, labels) in sets.items()}


# ---------------------------------------------------------------- network (NHWC, im2col)

def unfold(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """Patches of x (zero pad kernel // 2) as rows, ordered (ky, kx, channel)."""
    n, side, _, c = x.shape
    out, pad = side // stride, kernel // 2
    p = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    end = stride * (out - 1) + 1
    taps = [p[:, i:i + end:stride, j:j + end:stride] for i in range(kernel) for j in range(kernel)]
    return np.concatenate(taps, axis=3).reshape(n * out * out, kernel * kernel * c)


def fold(g: np.ndarray, shape: tuple[int, ...], kernel: int, stride: int) -> np.ndarray:
    """Adjoint of unfold."""
    n, side, _, c = shape
    out, pad = side // stride, kernel // 2
    end = stride * (out - 1) + 1
    g = g.reshape(n, out, out, kernel * kernel, c)
    p = np.zeros((n, side + 2 * pad, side + 2 * pad, c), np.float32)
    for t in range(kernel * kernel):
        i, j = divmod(t, kernel)
        p[:, i:i + end:stride, j:j + end:stride] += g[:, :, :, t]
    return p[:, pad:pad + side, pad:pad + side]


def initial(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """He initialisation; the last convolution of a block begins small, as there is no normalization."""
    params = {}
    for name, _, inputs, outputs, kernel, _, relu in CONVS:
        fan = kernel * kernel * inputs
        gain = 2.0 if relu else (1.0 if kernel == 1 else 0.1)
        params[name + ".w"] = rng.normal(0, np.sqrt(gain / fan), (fan, outputs)).astype(np.float32)
        params[name + ".b"] = np.zeros(outputs, np.float32)
    params["logits.w"] = rng.normal(0, np.sqrt(1 / WIDTH), (WIDTH, CLASSES)).astype(np.float32)
    params["logits.b"] = np.zeros(CLASSES, np.float32)
    return params


def loss_and_gradients(params: dict, images: np.ndarray, labels: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Mean cross-entropy of a batch, and its gradients."""
    n = len(images)
    values, columns, grads = {"image": images.transpose(0, 2, 3, 1)}, {}, {}
    for name, source, _, _, kernel, stride, relu in CONVS:
        x = values[source]
        columns[name] = unfold(x, kernel, stride)
        y = columns[name] @ params[name + ".w"] + params[name + ".b"]
        side = x.shape[1] // stride
        values[name] = (np.maximum(y, 0) if relu else y).reshape(n, side, side, -1)
        if name in SUMS:
            total, a, b = SUMS[name]
            values[total] = np.maximum(values[a] + values[b], 0)
    mean = values["block3"].mean(axis=(1, 2))
    y = mean @ params["logits.w"] + params["logits.b"]
    p = np.exp(y - y.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = float(-np.log(p[np.arange(n), labels] + 1e-12).mean())
    p[np.arange(n), labels] -= 1
    g = p / n
    grads["logits.w"], grads["logits.b"] = mean.T @ g, g.sum(axis=0)
    shape = values["block3"].shape
    flow = {"block3": np.broadcast_to((g @ params["logits.w"].T)[:, None, None] / (shape[1] * shape[2]), shape)}

    def add(name: str, g: np.ndarray) -> None:
        flow[name] = flow[name] + g if name in flow else g

    for name, source, _, _, kernel, stride, relu in reversed(CONVS):
        if name in SUMS:
            total, a, b = SUMS[name]
            g = flow[total] * (values[total] > 0)
            add(a, g)
            add(b, g)
        g = flow[name] * (values[name] > 0) if relu else flow[name]
        g = np.ascontiguousarray(g).reshape(-1, g.shape[-1])
        grads[name + ".w"], grads[name + ".b"] = columns[name].T @ g, g.sum(axis=0)
        if source != "image":
            add(source, fold(g @ params[name + ".w"].T, values[source].shape, kernel, stride))
    return loss, grads


def trained(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Adam with a cosine schedule."""
    rng = np.random.default_rng(SEED + 1)
    params = initial(rng)
    first = {k: np.zeros_like(v) for k, v in params.items()}
    second = {k: np.zeros_like(v) for k, v in params.items()}
    steps, step = EPOCHS * (len(images) // BATCH), 0
    for epoch in range(EPOCHS):
        order, losses = rng.permutation(len(images)), []
        for at in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[at:at + BATCH]
            loss, grads = loss_and_gradients(params, images[batch], labels[batch])
            losses.append(loss)
            step += 1
            rate = RATE * min(1.0, step / 100) * 0.5 * (1 + np.cos(np.pi * step / steps))
            for k, g in grads.items():
                first[k] = 0.9 * first[k] + 0.1 * g
                second[k] = 0.999 * second[k] + 0.001 * g * g
                change = first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
                params[k] = (params[k] - rate * change).astype(np.float32)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {np.mean(losses):.3f}", file=sys.stderr)
    return params


# ---------------------------------------------------------------- ONNX

def exported(params: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The float network."""
    nodes, tensors = [], []

    def constant(name: str, values: np.ndarray) -> str:
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def rectified(name: str) -> None:
        nodes.append(helper.make_node("Relu", [name + ".sum"], [name], name=name + ".relu"))

    for name, source, inputs, outputs, kernel, stride, relu in CONVS:
        w = params[name + ".w"].reshape(kernel, kernel, inputs, outputs).transpose(3, 2, 0, 1)
        operands = [source, constant(name + ".w", w), constant(name + ".b", params[name + ".b"])]
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        nodes.append(helper.make_node("Conv", operands, [name + ".sum" if relu else name], name=name, **sizes))
        if relu:
            rectified(name)
        if name in SUMS:
            total, a, b = SUMS[name]
            nodes.append(helper.make_node("Add", [a, b], [total + ".sum"], name=total + ".add"))
            rectified(total)
    nodes.append(helper.make_node("GlobalAveragePool", ["block3"], ["mean"], name="mean"))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"], name="flat", axis=1))
    operands = ["flat", constant("logits.w", params["logits.w"].T), constant("logits.b", params["logits.b"])]
    nodes.append(helper.make_node("Gemm", operands, ["logits"], name="logits", transB=1))
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
    graph = helper.make_graph(nodes, "cluttered", [given], [result], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


class Images(CalibrationDataReader):
    """Images, one at a time."""

    def __init__(self, images: np.ndarray) -> None:
        self.rows: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next image, or None."""
        row = next(self.rows, None)
        return None if row is None else {"image": row[None]}


def quantized(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """onnxruntime's static quantization; the logits stay float."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_static(
            source, target, Images(images), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        return onnx.load(target)


def accuracy(model: onnx.ModelProto, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose largest logit is their label's, with onnxruntime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return float(np.mean(session.run(None, {"image": images})[0].argmax(axis=1) == labels))


def main(out: Path) -> str:
    """Writes the files and returns a line."""
    out.mkdir(parents=True, exist_ok=True)
    sets = datasets()
    model = exported(trained(*sets.pop("train")))
    int8 = quantized(model, sets["calibration"][0])
    (out / "cluttered.onnx").write_bytes(int8.SerializeToString())
    for name, (images, labels) in sets.items():
        np.save(out / f"{name}.npy", images)
        np.save(out / f"{name}_labels.npy", labels)
    found = [f"{accuracy(m, *sets['test']):.3f}" for m in (model, int8)]
    return f"cluttered.onnx: {(out / 'cluttered.onnx').stat().st_size} bytes, accuracy in float {found[0]}, at int8 {found[1]}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(main(Path(sys.argv[1])))
