"""All cases of the importer's tests, in four folders.

    python all.py OUT_DIR --wheels FOLDER

`OUT_DIR/cases`: the folder of each case begins with where it comes from: `node_`, `low_`, or its network: `cnn_`, `residual_`,
`mixed_`, `transformer_`, `tokens_`. `OUT_DIR/float_operators` and `OUT_DIR/quantized_operators`: single operators. `OUT_DIR/qonnx`: models of
brevitas and qonnx. FOLDER holds the wheel of onnx 1.22, which still ships the node tests. `resnet18.py` is not among them, because of its size.
"""

import argparse
import shutil
import time
from pathlib import Path

import bad_models
import float_operators
import low_bits
import neighbours
import networks
import node_tests
import qonnx_cases
import quantized_operators


def main() -> None:
    """Runs every script and prints one line a case, and the total."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheels", type=Path, required=True, help="a folder with the wheel of onnx 1.22")
    arguments = parser.parse_args()
    start = time.monotonic()
    cases, operators = arguments.out / "cases", [arguments.out / name for name in ("float_operators", "quantized_operators")]
    qonnx, around = arguments.out / "qonnx", arguments.out / "neighbours"
    for folder in (cases, qonnx, around, *operators):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    wheels = sorted(arguments.wheels.glob("onnx-1.22*.whl"))
    if not wheels:
        parser.error(f"no onnx-1.22*.whl in {arguments.wheels}: pip download onnx==1.22.0 --no-deps")
    lines = node_tests.main(cases, wheels[0])
    lines += networks.main(cases)
    lines += low_bits.main(cases)
    lines += qonnx_cases.main(qonnx)
    count = len(lines) + float_operators.write_all(operators[0]) + quantized_operators.write_all(operators[1])
    count += neighbours.write_all(around)
    count += bad_models.write_all(arguments.out / "bad_models")
    size = sum(path.stat().st_size for folder in (cases, qonnx, around, *operators) for path in folder.rglob("*") if path.is_file())
    print(f"{count} cases, {size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
