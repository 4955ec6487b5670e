"""A campaign of faults: commands that write are ended by signals at random moments, and what they leave is looked at.

python tests/faults/campaign.py --each 200 --json report.json

After every run the outputs are the old ones or whole new ones, no temporary file is left (SIGKILL alone may leave one), the
exit status tells how the run ended, and stderr has no traceback. Disturbances besides signals are a table, too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

RUN = [sys.executable, "-m", "s6flow"]
OLD = "old content that a run may only replace whole\n"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def _json(path: Path) -> bool:
    return isinstance(json.loads(path.read_text()), dict | list)


def _csv(path: Path) -> bool:
    rows = list(csv.reader(path.read_text().splitlines()))
    return len(rows) > 1 and len({len(row) for row in rows}) == 1


def _html(path: Path) -> bool:
    return path.read_text().rstrip().endswith("</html>")


def _png(path: Path) -> bool:
    return path.read_bytes()[-8:-4] == b"IEND"


#: Name -> (words of the command, output -> whether it is whole).
COMMANDS: dict[str, tuple[tuple[str, ...], Mapping[str, Callable[[Path], bool]]]] = {
    "audit": (("audit", "m.safetensors", "--shuffles", "2", "--json", "a.json", "--csv", "a.csv", "--html", "a.html"), {"a.json": _json, "a.csv": _csv, "a.html": _html}),
    "simulate": (("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--csv", "s.csv", "--plot", "s.png"), {"s.csv": _csv, "s.png": _png}),
    "check": (("check", "scaling", "--examples", "30", "--json", "c.json"), {"c.json": _json}),
}  # fmt: skip
#: Name -> what is put in front of the command in a shell, and environment; the command ends by itself.
DISTURBANCES: dict[str, tuple[str, dict[str, str]]] = {
    "no home": ("unset HOME;", {"XDG_CACHE_HOME": ""}),
    "a missing home": ("", {"HOME": "/nonexistent/home", "XDG_CACHE_HOME": ""}),
    "a cache that is a file": ("", {"S6FLOW_CACHE": "/etc/hostname"}),
    "a shared cache": ("mkdir -p shared; chmod 1777 shared;", {"S6FLOW_CACHE": "shared"}),
    "ascii": ("", {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    "a narrow terminal": ("", {"COLUMNS": "12"}),
    "no standard output": ("exec 1>&-;", {}),
    "no standard error": ("exec 2>&-;", {}),
    "files of at most 4 kB": ("ulimit -f 4; trap '' XFSZ;", {}),
}

#: Disturbances under which an output cannot be written, so that an error is the right answer.
REFUSED = ("files of at most 4 kB",)


def prepare(folder: Path) -> None:
    """A checkpoint, and an old file in the place of every output."""
    rng = np.random.default_rng(0)
    shapes = {"A_log": (6, 4), "x_proj.weight": (10, 6), "dt_proj.weight": (6, 2), "dt_proj.bias": (6,), "D": (6,)}
    tensors = {
        f"layers.{n}.{key}": rng.normal(size=s).astype(np.float32) for n in range(4) for key, s in shapes.items()
    }
    save_file(tensors, folder / "m.safetensors")
    for _, outputs in COMMANDS.values():
        for name in outputs:
            (folder / name).write_text(OLD)


def looked_at(folder: Path, name: str, status: int, errors: str, killed: bool, fault: str = "") -> list[str]:
    """What is wrong with what a run left."""
    found = []
    for output, whole in COMMANDS[name][1].items():
        path = folder / output
        try:
            new = path.read_bytes() != OLD.encode()
            if new and not whole(path):
                found.append(f"{output} is torn")
        except (OSError, ValueError) as error:
            found.append(f"{output}: {type(error).__name__}")
    left = [path.name for path in folder.iterdir() if path.name.startswith(".s6flow-")]
    if left and not killed:
        found.append(f"{len(left)} temporary files are left")
    if (
        "Traceback" in errors
        or len([line for line in errors.splitlines() if not line.startswith(("wrote", "Warning"))]) > 1
    ):
        found.append(f"stderr: {errors.strip().splitlines()[-1][:120]}")
    if status == 1 and fault not in REFUSED:
        found.append("it gave up")
    if status not in (0, 1, 3, 130, 143, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT):
        found.append(f"status {status}")
    return found


def ended(name: str, number: signal.Signals, moment: float) -> tuple[str, list[str]]:
    """One run that gets a signal at a moment [s]; how it ended, and what is wrong."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        words = [*RUN, *COMMANDS[name][0]]
        with subprocess.Popen(
            words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                _, errors = process.communicate(timeout=moment)
                how = "ended before"
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
                how = f"status {process.returncode}"
        # before s6flow's first line runs, Python itself answers a signal, with its own traceback of SIGINT
        early = (
            number is signal.SIGINT and process.returncode in (-signal.SIGINT, 1, 130) and "KeyboardInterrupt" in errors
        )
        if early and "s6flow/commands" not in errors and "no file was left" not in errors:
            how, errors = "interrupted while Python starts", ""
        return how, looked_at(folder, name, process.returncode, errors, number is signal.SIGKILL)


def disturbed(name: str, fault: str) -> tuple[str, list[str]]:
    """One run under a disturbance."""
    shell, environment = DISTURBANCES[fault]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        words = " ".join([*RUN, *COMMANDS[name][0]])
        given = {**os.environ, **environment}
        done = subprocess.run(
            ["bash", "-c", f"{shell} {words}"], cwd=folder, capture_output=True, text=True, check=False, env=given
        )
        return f"status {done.returncode}", looked_at(folder, name, done.returncode, done.stderr, False, fault)


def campaign(each: int, commands: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Signals at moments drawn over the length of an undisturbed run, `each` of every kind; every disturbance once."""
    draw, rows, findings = random.Random(seed), {}, list[dict[str, Any]]()
    for name in commands:
        start = time.monotonic()
        ended(name, signal.SIGTERM, 600.0)
        length = time.monotonic() - start
        for number in SIGNALS:
            found: Counter[str] = Counter()
            for _ in range(each):
                moment = draw.uniform(0.02, 1.05) * length
                how, wrong = ended(name, number, moment)
                found[how] += 1
                findings += [{"command": name, "fault": number.name, "moment": moment, "wrong": what} for what in wrong]
            rows[f"{name}, {number.name}"] = dict(sorted(found.items()))
        for fault in DISTURBANCES:
            how, wrong = disturbed(name, fault)
            rows[f"{name}, {fault}"] = {how: 1}
            findings += [{"command": name, "fault": fault, "wrong": what} for what in wrong]
    return {
        "schema": "s6flow-faults/1",
        "command": f"python tests/faults/campaign.py --each {each} --seed {seed}",
        "date": date.today().isoformat(),
        "versions": {"python": platform.python_version(), "system": platform.system()},
        "runs": sum(sum(found.values()) for found in rows.values()),
        "outcomes": rows,
        "findings": findings,
    }


def main() -> int:
    """Run a campaign; 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="runs of every command with every signal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = campaign(options.each, options.commands, options.seed)
    text = json.dumps(report, indent=1) + "\n"
    print(text)
    if options.json:
        options.json.write_text(text)
    return 1 if report["findings"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
