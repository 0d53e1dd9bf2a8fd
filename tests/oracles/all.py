"""All cases of the importer's tests, in four folders.

    python all.py OUT_DIR --wheels FOLDER

`OUT_DIR/cases`: the folder of each case begins with where it comes from: `node_`, `low_`, or its network: `cnn_`, `residual_`,
`mixed_`, `transformer_`, `tokens_`. `OUT_DIR/float_operators` and `OUT_DIR/quantized_operators`: single operators. `OUT_DIR/qonnx`: models of
brevitas and qonnx. FOLDER holds the wheel of onnx 1.22, which still ships the node tests. `resnet18.py` is not among them, because of its size.
"""

import argparse
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import bad_models
import float_operators
import low_bits
import neighbours
import networks
import node_tests
import qonnx_cases
import quantized_operators


def count_by_group(folders: Iterable[Path]) -> list[str]:
    """A line for each group of cases, and one for the networks whose outputs do not depend on onnxruntime's options."""
    groups, networks, independent = Counter(), 0, 0
    for case in (case for folder in folders for case in folder.iterdir() if case.is_dir()):
        if not (case / "case.json").exists():
            groups[case.parent.name] += 1
            continue
        groups[case.name.split("_")[0]] += 1
        facts = json.loads((case / "case.json").read_text())
        if "default_options_differ" in facts:
            networks += 1
            independent += facts["default_options_differ"] == 0
    lines = [f"{count:4} {group}" for group, count in groups.items()]
    return [*lines, f"{independent} of {networks} networks have the same outputs under onnxruntime's default options"]


def main() -> None:
    """Runs every script and prints the number of cases of each group."""
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
    node_tests.main(cases, wheels[0])
    networks.main(cases)
    low_bits.main(cases)
    qonnx_cases.main(qonnx)
    float_operators.write_all(operators[0])
    quantized_operators.write_all(operators[1])
    neighbours.write_all(around)
    bad = bad_models.write_all(arguments.out / "bad_models")
    folders = (cases, *operators, around, qonnx)
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    print("\n".join(count_by_group(folders)))
    print(f"{bad:4} bad models; {size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
