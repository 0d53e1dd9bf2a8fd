"""All cases of the importer's tests, in one folder.

    python all.py OUT_DIR --wheel ONNX_WHEEL

ONNX_WHEEL is a wheel of onnx <= 1.22, which still ships the node tests. The folder of each case begins with where it comes
from: `node_`, `low_`, or its network: `cnn_`, `residual_`, `mixed_`, `transformer_`, `tokens_`. `resnet18.py` is not among
them, because of its size.
"""

import argparse
import time
from pathlib import Path

import low_bits
import networks
import node_tests


def main() -> None:
    """Runs every script and prints one line a case, and the total."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, required=True, help="a wheel of onnx <= 1.22")
    arguments = parser.parse_args()
    start = time.monotonic()
    lines = node_tests.main(arguments.out, arguments.wheel)
    lines += networks.main(arguments.out)
    lines += low_bits.main(arguments.out)
    print("\n".join(lines))
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{len(lines)} cases, {size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
