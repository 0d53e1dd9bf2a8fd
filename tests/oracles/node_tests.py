"""The ONNX project's own node tests of quantized operators, as cases.

The data ship inside the wheels of the `onnx` package up to 1.22 (`pip download onnx==1.22.0 --no-deps`); the wheel is read as
a zip file and need not be installed. Each case is also run by onnxruntime. Where the two differ, output_<i>.npy is
onnxruntime's and stored_<i>.npy is the file's: onnxruntime rounds before it adds the zero point, ONNX's reference after.

    python node_tests.py OUT_DIR --wheel ONNX_WHEEL

A case has model.onnx byte for byte, all inputs, and constant.onnx, in which every input but the first is an initializer.
"""

import argparse
import re
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

import common

ROOT = "onnx/backend/test/data/node/"
GEMM = re.compile(r"test_(qlinearmatmul|qlinearconv|matmulinteger|convinteger)")
FAMILY = re.compile(GEMM.pattern + r"|test_(quantizelinear|dequantizelinear|dynamicquantizelinear)")
# Why an element type is not among the cases; float16 is let through as the scale of a QLinearMatMul.
REFUSED = {
    TensorProto.FLOAT8E4M3FN: "float8", TensorProto.FLOAT8E5M2: "float8", TensorProto.FLOAT4E2M1: "float4",
    TensorProto.INT16: "int16", TensorProto.UINT16: "uint16", TensorProto.FLOAT16: "float16",
}


def reason_to_skip(name: str, model: onnx.ModelProto) -> str | None:
    """Why `name` is no case, or None."""
    if "blocked" in name:
        return "blocked scales"
    if name.endswith("_expanded"):
        return "the body of another test's operator, with a scale that the graph computes"
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type.elem_type
        if kind in REFUSED and not GEMM.match(name):
            return REFUSED[kind]
    return None


def read(archive: zipfile.ZipFile, folder: str, kind: str, count: int) -> list[np.ndarray]:
    """The `input` or `output` tensors of data set 0."""
    raw = (archive.read(f"{folder}/test_data_set_0/{kind}_{i}.pb") for i in range(count))
    return [common.widen(numpy_helper.to_array(TensorProto.FromString(data))) for data in raw]


def onnxruntime_outputs(model: onnx.ModelProto, inputs: list[np.ndarray]) -> tuple[list[np.ndarray] | None, str]:
    """onnxruntime's outputs and nothing, or None and the reason that it gave."""
    try:
        return common.run(model, inputs, level="none"), ""
    except Exception as error:  # its exceptions have no common class
        return None, str(error).rsplit("was false. ", 1)[-1].strip()


def main(out: Path, wheel: Path) -> list[str]:
    """Writes the cases and returns their lines."""
    lines, skipped = [], []
    with zipfile.ZipFile(wheel) as archive:
        names = sorted({n.split("/")[5] for n in archive.namelist() if n.startswith(ROOT) and n.count("/") > 5})
        for name in filter(FAMILY.match, names):
            folder = ROOT + name
            data = archive.read(folder + "/model.onnx")
            model = onnx.load_from_string(data)
            reason = reason_to_skip(name, model)
            if reason:
                skipped.append(f"skipped {name}: {reason}")
                continue
            inputs = read(archive, folder, "input", len(model.graph.input))
            stored = read(archive, folder, "output", len(model.graph.output))
            found, refusal = onnxruntime_outputs(model, inputs)
            case = out / ("node_" + name.removeprefix("test_"))
            differ = [0] * len(stored) if found is None else [int(np.sum(a != b)) for a, b in zip(stored, found)]
            facts = {
                "operator": [common.qualified(n) for n in model.graph.node],
                "inputs": [v.name for v in model.graph.input],
                "expected_from": "onnx" if found is None else "onnxruntime",
                "onnxruntime_refuses": refusal,
                "stored_elements_that_differ": differ,
            }
            common.write_case(case, data, inputs, stored if found is None else found, facts)
            for i, count in enumerate(differ):
                if count:
                    np.save(case / f"stored_{i}.npy", stored[i])
            rest = {v.name: x for v, x in zip(model.graph.input[1:], inputs[1:])}
            constant = common.as_constants(model, rest)
            onnx.checker.check_model(constant)
            (case / "constant.onnx").write_bytes(constant.SerializeToString())
            state = f"not run by onnxruntime ({refusal})" if found is None else "onnxruntime agrees"
            if any(differ):
                state = f"onnxruntime differs in {differ} of {[s.size for s in stored]} elements"
            lines.append(f"{case.name}: {state}")
    print("\n".join(skipped))
    assert sum(bool(GEMM.match("test_" + line.removeprefix("node_"))) for line in lines) == 12
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, required=True, help="a wheel of onnx <= 1.22")
    arguments = parser.parse_args()
    print("\n".join(main(arguments.out, arguments.wheel)))
