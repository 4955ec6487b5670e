"""A campaign of faults: commands that write are ended by signals at random moments, and what they leave is looked at.

python tests/faults/campaign.py --each 200 --json report.json

After every run the outputs are the old ones or whole new ones, no temporary file is left (SIGKILL alone may leave one), the
exit status tells how the run ended, and stderr has no traceback. Disturbances besides signals are a table, too.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial
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


def jobs(each: int, commands: Sequence[str], seed: int) -> list[tuple[str, str, float | None]]:
    """What is run: a command, a fault and the share of an undisturbed run at which a signal comes; the seed decides."""
    draw, found = random.Random(seed), list[tuple[str, str, float | None]]()
    for name in commands:
        found += [(name, number.name, draw.uniform(0.02, 1.05)) for number in SIGNALS for _ in range(each)]
        found += [(name, fault, None) for fault in DISTURBANCES]
    return found


def _one(job: tuple[str, str, float | None], length: float) -> dict[str, Any]:
    name, fault, share = job
    how, wrong = disturbed(name, fault) if share is None else ended(name, signal.Signals[fault], share * length)
    return {"command": name, "fault": fault, "moment": share, "how": how, "wrong": wrong}


def campaign(options: argparse.Namespace) -> dict[str, Any]:
    """Signals at moments drawn over the length of an undisturbed run, `each` of every kind; every disturbance once.

    Many run at a time, so the length is that of a run among as many others. With a folder every row is kept in it.
    """
    last = time.monotonic() + 60 * options.minutes
    todo = jobs(options.each, options.commands, options.seed)
    kept = None if options.folder is None else options.folder / f"{options.each}-{options.seed}.jsonl"
    rows: dict[int, dict[str, Any]] = {}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            for line in kept.read_text().splitlines():
                with suppress(ValueError, KeyError):  # the last line of a run that was killed
                    row = json.loads(line)
                    if todo[row["number"]] == (row["command"], row["fault"], row["moment"]):
                        rows[row["number"]] = row
    left = [number for number in range(len(todo)) if number not in rows]
    random.Random(0).shuffle(left)  # a campaign that is ended has seen all kinds
    with ThreadPoolExecutor(options.processes) as threads:
        length = dict(
            zip(options.commands, threads.map(partial(_length, options.processes), options.commands), strict=True)
        )

        def run(number: int) -> tuple[int, dict[str, Any] | None]:
            return number, None if time.monotonic() >= last else _one(todo[number], length[todo[number][0]])

        for number, row in threads.map(run, left):
            if row is None:
                continue
            rows[number] = {"number": number, **row}
            if kept is not None:
                with kept.open("a") as lines:
                    lines.write(json.dumps(rows[number]) + "\n")
    return report(options, [rows[number] for number in sorted(rows)], len(todo))


def _length(processes: int, name: str) -> float:
    """Seconds of an undisturbed run: the second of two, whose caches are there, beside as many others as there will be."""
    ended(name, signal.SIGTERM, 600.0)
    start = time.monotonic()
    with ThreadPoolExecutor(max(1, processes // len(COMMANDS))) as threads:
        list(threads.map(lambda _: ended(name, signal.SIGTERM, 600.0), range(max(1, processes // len(COMMANDS)))))
    return time.monotonic() - start


def report(options: argparse.Namespace, rows: Sequence[dict[str, Any]], wanted: int) -> dict[str, Any]:
    """The document of a campaign."""
    outcomes: dict[str, Counter[str]] = {}
    for row in rows:
        outcomes.setdefault(f"{row['command']}, {row['fault']}", Counter())[row["how"]] += 1
    return {
        "schema": "s6flow-faults/1",
        "command": f"python tests/faults/campaign.py --each {options.each} --seed {options.seed}",
        "date": date.today().isoformat(),
        "versions": {"python": platform.python_version(), "system": platform.system()},
        "processes": options.processes,
        "runs": len(rows),
        "left": wanted - len(rows),
        "outcomes": {name: dict(sorted(found.items())) for name, found in outcomes.items()},
        "findings": [
            {key: row[key] for key in ("command", "fault", "moment")} | {"wrong": what}
            for row in rows
            for what in row["wrong"]
        ],
    }


def main() -> int:
    """Run a campaign; 0 if nothing was found, 1 if something was, 3 if runs are left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="runs of every command with every signal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--folder", type=Path, help="of finished runs: the same command goes on")
    parser.add_argument("--minutes", type=float, default=math.inf, help="no run is begun after these")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = campaign(options)
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if options.json:
        options.json.write_text(text)
    return 1 if found["findings"] else 3 if found["left"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
