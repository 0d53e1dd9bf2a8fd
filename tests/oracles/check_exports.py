"""Exported models in onnxruntime: every output is the one that `crumb` computes at the plan's precision, bit for bit.

    python check_exports.py FOLDER

Each folder in FOLDER holds exported.onnx, input_<i>.npy and expected_<i>.npy in the order of the graph's inputs and outputs.
Prints one line for each that differs and a total; the exit code is 1 if any does.
"""

import sys
from itertools import count
from pathlib import Path

import numpy as np
import onnx

import common


def tensors(folder: Path, stem: str) -> list[np.ndarray]:
    """The numbered arrays of a folder, as many as there are."""
    found = []
    for i in count():
        path = folder / f"{stem}_{i}.npy"
        if not path.is_file():
            return found
        found.append(np.load(path))


def difference(found: list[np.ndarray], expected: list[np.ndarray]) -> str:
    """What differs, in words; nothing if every bit is the same."""
    if len(found) != len(expected):
        return f"{len(found)} outputs, expected {len(expected)}"
    for i, (a, b) in enumerate(zip(found, expected)):
        if not common.same(a, b):
            if (a.shape, a.dtype) != (b.shape, b.dtype):
                return f"output {i}: {a.dtype} {list(a.shape)}, expected {b.dtype} {list(b.shape)}"
            unlike = a != b
            by = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
            return f"output {i}: {int(unlike.sum())} of {a.size} differ, by {by:g} at most"
    return ""


def check(folder: Path) -> str:
    """Checks the file's form and runs it; says what differs."""
    model = onnx.load(folder / "exported.onnx")
    onnx.checker.check_model(model)
    try:
        found = common.run(model, tensors(folder, "input"))
    except Exception as refusal:  # onnxruntime's own classes are not public.
        return f"onnxruntime: {refusal}"
    return difference([common.widen(y) for y in found], tensors(folder, "expected"))


def main(root: Path) -> int:
    """Checks every folder; the number of those that differ."""
    common.require_exact_products()
    folders = sorted(path.parent for path in root.glob("*/exported.onnx"))
    wrong = 0
    for folder in folders:
        problem = check(folder)
        if problem:
            wrong += 1
            print(f"{folder.name}: {problem}")
    print(f"{len(folders)} exports, {wrong} differ")
    return wrong


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
