"""Run SCALE-Sim 3.0.0 on ResNet-18 and put its cycles and its time beside Crumb's: a table of docs/comparison.md.

    python3 examples/compare/scale_sim.py            # five minutes and 5.6 GB of memory, most of them SCALE-Sim's
    python3 examples/compare/scale_sim.py --check    # only layers with few outputs: half a minute; for a quick look

SCALE-Sim runs in a process of its own, weight-stationary, on 32 x 32 PEs, with the table resnet18.csv. Its cycles are compared with those
that `crumb estimate --model scale-sim` gives, layer by layer, and must be equal; the closed form is compared with the stored results of
128 x 128 PEs too. Times are from question to answer, measured one after the other on the same machine, which should do nothing else:
each uses the cores that it can. A virtual environment with the packages of requirements.txt is made in target/compare the first time; later
runs need no network.
"""

import argparse
import csv
import io
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "target" / "compare"
REQUIREMENTS = HERE / "requirements.txt"
TOPOLOGY = HERE / "resnet18.csv"
STORED = ROOT / "host" / "tests" / "peers" / "scalesim_resnet18.csv"
SIDE = 32
"""Rows and columns of the array: those of the configuration `huge`."""

CONFIG = f"""[general]
run_name = run
[architecture_presets]
ArrayHeight = {SIDE}
ArrayWidth = {SIDE}
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 10
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""

PROGRAM = """
import sys
from scalesim.scale_sim import scalesim
config, topology, out = sys.argv[1:]
# A table of layouts is always read, but used only with custom layouts: the topology is one with enough columns.
sim = scalesim(save_disk_space=True, verbose=False, config=config, topology=topology, layout=topology)
sim.run_scale(top_path=out)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only the layers with at most 144 output pixels")
    arguments = parser.parse_args()
    if not shutil.which("cargo"):
        sys.exit("cargo is not installed: see https://rustup.rs")
    python = environment()
    topology = FOLDER / "topology.csv"
    header, *rows = TOPOLOGY.read_text().splitlines(keepends=True)
    stored = stored_results()
    if arguments.check:
        rows = [row for row in rows if stored[row.split(",")[0]]["T"] <= 144]
    topology.write_text(header + "".join(rows))
    closed_form(stored)

    crumb = build()
    estimate = [crumb, "estimate", "--topology", str(topology), "--config", "huge", "--csv"]
    form = table([*estimate, "--model", "scale-sim"])
    ours = table([*estimate, "--act-bits", "8", "--weight-bits", "8"])
    theirs, seconds, memory = scale_sim(python, topology)
    names = [row.split(",")[0] for row in rows]
    for name, cycles in zip(names, theirs, strict=True):
        for source, found in [("crumb estimate --model scale-sim", int(form[name]["cycles"])), (STORED.name, stored[name]["cycles_32x32"])]:
            if found != cycles:
                sys.exit(f"{name}: SCALE-Sim takes {cycles} cycles, {source} says {found}")

    print(f"ResNet-18 without padding, {SIDE} x {SIDE} PEs; Crumb is 'huge' at a8w8\n")
    line = "{:<9} {:>13}  {:>10}  {:>9}  {:>6}  {:>9}  {:<7}".format
    print(line("layer", "MACs", "SCALE-Sim", "Crumb", "fewer", "all busy", "bound").rstrip())
    for name, cycles in [*zip(names, theirs), ("total", sum(theirs))]:
        macs, crumbs = int(ours[name]["macs"]), int(ours[name]["estimated_cycles"])
        numbers = [f"{macs:,}", f"{cycles:,}", f"{crumbs:,}", f"{cycles / crumbs:.2f}x", f"{macs / SIDE**2:,.0f}"]
        print(line(name, *(number.replace(",", " ") for number in numbers), ours[name]["bound"]).rstrip())
    print(f"\nequal: SCALE-Sim's {len(theirs)} layers and `--model scale-sim`; the closed form and all stored results of 32 x 32 and 128 x 128")

    command = [*estimate, "--act-bits", "8", "--weight-bits", "8"]
    process = statistics.median(run(command, subprocess.DEVNULL)[0] for _ in range(21))
    inner = answer_times(topology)
    print(f"\nto answer on {os.cpu_count()} cores: SCALE-Sim {seconds:.0f} s and {memory / 1e9:.1f} GB")
    for what, took in [
        ("Crumb's cycles, the command from start to end", process),
        ("Crumb's cycles, in a program", inner["crumb"]),
        ("SCALE-Sim's cycles in closed form, in a program", inner["scale-sim"]),
    ]:
        print(f"  {what:<48} {duration(took):>8}, {significant(seconds / took):>11} times faster")


def environment() -> Path:
    """The interpreter of the virtual environment, which is made if it is not there or holds other packages."""
    folder = FOLDER / "venv"
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"installing the packages of {REQUIREMENTS.name}", file=sys.stderr)
        FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            venv.create(folder, clear=True, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("no virtual environment could be made: install the Debian package python3-venv")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", REQUIREMENTS]
        if subprocess.run(pip, check=False).returncode:
            sys.exit(f"the packages of {REQUIREMENTS} could not be installed: the first run needs the network")
        shutil.copyfile(REQUIREMENTS, stamp)
    return python


def build() -> str:
    """Builds the command and the example that measures it, and gives the command's path."""
    for what in (["--bin", "crumb"], ["--example", "answer_time"]):
        subprocess.run(["cargo", "build", "--quiet", "--release", "--package", "crumb", *what], cwd=ROOT, check=True)
    return str(target() / "release" / "crumb")


def target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def stored_results() -> dict[str, dict[str, int]]:
    lines = [line for line in STORED.read_text().splitlines() if not line.startswith("#")]
    return {row.pop("layer"): {key: int(value) for key, value in row.items()} for row in csv.DictReader(lines)}


def closed_form(stored: dict[str, dict[str, int]]) -> None:
    """Compares ceil(K / rows) * ceil(M / columns) * (2 rows + columns + T - 2) - 1 with every stored result."""
    for name, row in stored.items():
        for side in (32, 128):
            folds = -(-row["K"] // side) * -(-row["M"] // side)
            cycles = folds * (3 * side + row["T"] - 2) - 1
            if cycles != row[f"cycles_{side}x{side}"]:
                sys.exit(f"{name} on {side} x {side}: the closed form gives {cycles}, SCALE-Sim {row[f'cycles_{side}x{side}']}")


def table(command: list[str]) -> dict[str, dict[str, str]]:
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {row["layer"]: row for row in csv.DictReader(io.StringIO(output))}


def scale_sim(python: Path, topology: Path) -> tuple[list[int], float, float]:
    """Cycles of each layer, and the seconds and bytes that it took to get them."""
    config, out = FOLDER / "scale.cfg", FOLDER / "results"
    config.write_text(CONFIG)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    log, report = FOLDER / "scale_sim.log", out / "run" / "COMPUTE_REPORT.csv"
    with log.open("w") as said:
        seconds, memory, status = run([python, "-c", PROGRAM, config, topology, out], said)
    if status or not report.exists():
        sys.exit(f"SCALE-Sim failed ({status}):\n{log.read_text()[-1000:]}")
    rows = csv.DictReader(report.read_text().splitlines(), skipinitialspace=True)
    cycles = [int(float(row["Total Cycles"])) for row in rows]
    return cycles, seconds, memory


def run(command: list[str | Path], output: IO[str] | int) -> tuple[float, float, int]:
    """Seconds and bytes of memory that a command takes, and its exit status."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    # Not `wait`, which does not tell what this child alone used.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - begun, 1024.0 * usage.ru_maxrss, process.returncode


def answer_times(topology: Path) -> dict[str, float]:
    """Seconds of an answer in a program, by model."""
    example = [target() / "release" / "examples" / "answer_time", topology]
    lines = subprocess.run(example, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {name: float(seconds) for name, seconds in (line.split() for line in lines)}


def duration(seconds: float) -> str:
    for unit, size in [("s", 1.0), ("ms", 1e-3), ("us", 1e-6)]:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def significant(ratio: float) -> str:
    """Two digits are as many as a measurement of time has."""
    digits = len(str(int(ratio)))
    return f"{round(ratio, 2 - digits):,.0f}".replace(",", " ")


if __name__ == "__main__":
    main()
