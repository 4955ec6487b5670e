"""How long commands take as cold processes, against importing SymPy and starting Python in the same run.

    python benchmarks/commands.py [--repeat 3] [--figures] [--json benchmarks/results/commands.json]

Each command runs in a process of its own, the best of several. Processor time (user and system, of the process and its
children) is what counts: on a machine that others use the clock on the wall says little. Beside it stand the seconds
that the command was promised to take on an idle core. Byte code is kept in a folder of the run, as a user's is beside
the package, whatever the environment says; that of what draws is written before a command is measured, as an installation
writes it, since all figures are drawn but once. A run with --json that is ended goes on where it was: the same command, on the
same commit, measures what is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s6flow.errors import S6FlowError
from s6flow.files import write_atomic
from s6flow.numeric.evidence import evidence_of
from s6flow.provenance import package_root

RESULT = Path(__file__).parent / "results" / "commands.json"
MODEL = str(package_root() / "numeric" / "experiments" / "checkpoints" / "negative.safetensors")
#: (name, words of the command line, promised seconds, whether what it writes is removed before each run). A command that
#: is `unchanged` runs behind the one that wrote.
CASES: tuple[tuple[str, tuple[str, ...], float, bool], ...] = (
    ("theorems", ("theorems",), 1.0, False),
    ("theorem ID", ("theorem", "convergence-rate"), 1.0, False),
    ("simulate", ("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--b", "1", "--x0", "1,0.5"), 1.5, False),
    ("audit of a small checkpoint", ("audit", MODEL), 2.0, False),
    ("check ID", ("check", "convergence-rate"), 2.0, False),
    ("derive from nothing", ("derive", "--out", "out/derivation"), 10.0, True),
    ("derive unchanged", ("derive", "--out", "out/derivation"), 1.0, False),
    ("all figures from nothing", ("figures", "--out", "out/figures"), 30.0, True),
    ("all figures unchanged", ("figures", "--out", "out/figures"), 2.0, False),
)
#: What every command is compared with.
PEERS = {"python -c pass": "pass", "python -c 'import sympy'": "import sympy"}
#: Imports all that draws figures.
DRAWING = """import importlib, s6flow.paper_figures.preloaded, matplotlib.backends.backend_pdf, matplotlib.backends.backend_svg
from s6flow.paper_figures.catalogue import FIGURES
for figure in FIGURES.values(): importlib.import_module(figure.path)"""
#: figures skips one whose data need a package that is not there.
_FINE = (0, 3)


def cold(command: list[str], folder: Path) -> dict[str, float]:
    """Seconds of one process, by the processor and by the clock.

    Raises: S6FlowError: it failed.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    kept = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | kept
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in _FINE:
        raise S6FlowError("a measured command must succeed", done.stderr.strip()[-300:], " ".join(command[1:]))
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"cpu_seconds": cpu, "wall_seconds": wall}


def best(command: list[str], folder: Path, repeat: int, anew: bool = False) -> dict[str, float]:
    """The run with the least processor time; the first, which fills caches, does not count where there are others."""
    runs = []
    for _ in range(repeat + 1):
        if anew:
            for path in sorted((folder / "out").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        runs.append(cold(command, folder))
        if anew and repeat == 1:
            break
    return min(runs[1:] or runs, key=lambda run: run["cpu_seconds"])


def measure(repeat: int, long: bool, known: dict[str, Any], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Every case with its ratios to the peers.

    Args:
        long: whether to draw all figures, which takes minutes on a busy machine.
        known: what an earlier run has measured; only the rest is.
        keep: called with what is there after each case.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "out").mkdir()
        if long:
            cold([sys.executable, "-c", DRAWING], folder)
        peers = known.get("peers") or {
            peer: best([sys.executable, "-c", code], folder, repeat) for peer, code in PEERS.items()
        }
        found: dict[str, Any] = dict(known.get("commands", {}))
        for place, (case, words, promised, anew) in enumerate(CASES):
            if words[0] == "figures" and not long:
                continue
            if case not in found:
                command = [sys.executable, "-m", "s6flow", *words]
                if not anew and place and CASES[place - 1][1] == words and not (folder / words[-1]).exists():
                    cold(command, folder)  # what an earlier run wrote is gone
                run = best(command, folder, 1 if anew else repeat, anew)
                ratios = {peer: run["cpu_seconds"] / seconds["cpu_seconds"] for peer, seconds in peers.items()}
                shown = " ".join(Path(word).name if word == MODEL else word for word in words)
                found[case] = {**run, "command": f"s6flow {shown}", "promised_seconds": promised, "ratios": ratios}
                keep({"peers": peers, "commands": found})
            run = found[case]
            spent = f"{run['cpu_seconds']:6.2f} s of the processor, {run['wall_seconds']:6.2f} s, of {promised:g}"
            print(f"{case:28} {spent}", *(f"{ratio:6.1f}" for ratio in run["ratios"].values()), flush=True)
    return {"peers": peers, "commands": found}


def _provenance(repeat: int, long: bool) -> dict[str, Any]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return {
        "command": f"python benchmarks/commands.py --repeat {repeat}{' --figures' if long else ''}",
        "code": evidence_of(RESULT).digest(),
        "commit": commit.stdout.strip() or None,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpu": model[0].split(":", 1)[1].strip() if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    """Run the benchmark, print seconds and ratios, and keep them if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--figures", action="store_true", help="draw all figures, too")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    provenance = _provenance(arguments.repeat, arguments.figures)
    part = arguments.json and arguments.json.with_suffix(".part")
    known = _begun(part, provenance) if part else {}

    def keep(found: dict[str, Any]) -> None:
        if part:
            write_atomic(part, json.dumps({"provenance": provenance, **found}) + "\n")

    result = {"provenance": provenance, **measure(arguments.repeat, arguments.figures, known, keep)}
    if part:
        write_atomic(arguments.json, json.dumps(result, indent=1) + "\n")
        part.unlink(missing_ok=True)


def _begun(part: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    """What an ended run has measured, if it was this one."""
    found: dict[str, Any] = json.loads(part.read_text()) if part.exists() else {}
    same = ("command", "code", "commit", "python", "cpu", "cores")
    old = found.pop("provenance", {})
    return found if all(old.get(key) == provenance[key] for key in same) else {}


if __name__ == "__main__":
    main()
