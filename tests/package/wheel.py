"""Tries what a user installs: builds the source distribution and from it the wheel, installs the wheel into a fresh
environment and runs every command outside of the checkout.

python tests/package/wheel.py [--out DIR]   keeps what was built in DIR; exits with 1 and says what failed
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The package index's own limit is far above; more would make people wait.
LARGEST_WHEEL = 16 * 2**20
#: Commands without an extra, each with the exit status that it must have: 1 where an extra is needed, which one line names;
#: 3 where without an extra some figures are not checked.
COMMANDS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--version",), 0),
    (("--help",), 0),
    (("theorems",), 0),
    (("theorem", "convergence-rate"), 0),
    (("check", "convergence-rate", "--examples", "50"), 0),
    (("audit",), 0),
    (("audit", "--json", "audit.json", "--csv", "audit.csv", "--html", "audit.html"), 0),
    (("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--b", "1", "--x0", "1,0.5"), 0),
    (("diff", "positive.safetensors", "negative.safetensors", "--json", "diff.json"), 0),
    (("derive", "--out", "paper"), 0),
    (("figures", "--list"), 0),
    (("figures", "--check"), 3),
    (("figures", "performance", "--out", "figures"), 0),
    (("audit", "no-such-file"), 1),
    (("theorem", "no-such-theorem"), 1),
    (("trace",), 1),
    (("fleet", "audit", "positive.safetensors", "--out", "fleet"), 1),
    (("new-theorem", "convergence-rate", "--group", "flow"), 1),
    (("new-theorem", "some-new-theorem", "--group", "flow"), 1),
    (("experiment", "--help"), 0),
    (("prove", "--help"), 0),
)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder, its output kept."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def must(command: list[str], folder: Path) -> None:
    """Run a command that has to succeed."""
    done = run(command, folder)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def wrong(s6flow: Path, arguments: tuple[str, ...], status: int, folder: Path) -> str | None:
    """What is wrong with a command's end, if anything."""
    done = run([str(s6flow), *arguments], folder)
    name = "s6flow " + " ".join(arguments)
    if done.returncode != status:
        return f"{name}: exit status {done.returncode} instead of {status}: {done.stderr.strip()[-300:]}"
    if "Traceback" in done.stderr:
        return f"{name}: a traceback"
    if status == 1 and len(done.stderr.strip().splitlines()) != 1:
        return f"{name}: an error must be one line"
    return None


def main() -> None:
    """Build, install, run; say what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="keep the wheel and the source distribution here")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="s6flow-wheel-") as name:
        folder = Path(name)
        must([sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)], folder)
        (wheel,) = (folder / "dist").glob("*.whl")
        venv.create(folder / "env", with_pip=True)
        binaries = folder / "env" / "bin"
        pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        must([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], folder)
        work = folder / "work"
        work.mkdir()
        for shipped in (folder / "env").glob(
            "lib/python*/site-packages/s6flow/numeric/experiments/checkpoints/*.safetensors"
        ):
            shutil.copy(shipped, work)
        found = [line for words, status in COMMANDS if (line := wrong(binaries / "s6flow", words, status, work))]
        if wheel.stat().st_size > LARGEST_WHEEL:
            found.append(f"the wheel has {wheel.stat().st_size} bytes, more than {LARGEST_WHEEL}")
        if found:
            raise SystemExit("\n".join(found))
        print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB, {len(COMMANDS)} commands as they should be")
        if out is not None:
            shutil.copytree(folder / "dist", out, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
