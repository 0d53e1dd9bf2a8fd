"""Models that the importer must refuse: what exporters write that is not supported, and files that were damaged.

    python bad_models.py OUT_DIR

Makes OUT_DIR/bad_models/NAME.onnx. The message that each must be refused with stands in bad_models.toml, next to this file;
tests/tests/bad_models.rs compares. Most models are a quantized Gemm or Conv, as onnxruntime's quantizer writes them, with one
thing changed. They need not pass the checker of ONNX: some are bad because they do not.
"""

import pathlib
import shutil
import sys

import bad_model_files
import bad_model_layers
import bad_model_operators
import bad_model_quantization
from bad_model_parts import CASES

# Importing a module registers its models.
MODULES = (bad_model_files, bad_model_operators, bad_model_quantization, bad_model_layers)


def write_all(folder: pathlib.Path) -> int:
    """Writes every model into `folder` and gives their number."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, make in CASES.items():
        bad = make()
        (folder / f"{name}.onnx").write_bytes(bad if isinstance(bad, bytes) else bad.SerializeToString(deterministic=True))
    return len(CASES)


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1]) / "bad_models"
    print(f"{write_all(out)} models in {out}")
