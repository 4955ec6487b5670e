"""A campaign of hostile inputs: python tests/fuzz/campaign.py --count 100000 --json report.json

Every input must end in an answer or in one line of `S6FlowError`: no other exception, no end of the process, no more than 5 s,
no more than 1 GB, no code run, no document outside of its schema. Inputs are numbered, and a failure is shown again by
--first NUMBER --count 1. Workers are processes of their own, so that one that dies is a finding and not an end.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import case  # noqa: E402
from containers import CANARY  # noqa: E402

#: Seconds of one input, and bytes beyond what the imports take.
SECONDS, BYTES = 5, 1 << 30
#: What no reading of a file does.
_DEEDS = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "marshal.loads",
)
#: Inputs that are run before anything is counted, so that generated code and libraries are there.
_WARM = 40


class Hang(BaseException):
    """More seconds than an input may take."""


class Deed(BaseException):
    """Something was done that no reading of a file does."""


class _Watch:
    """Counts deeds while an input is judged."""

    def __init__(self) -> None:
        self.on, self.seen = False, list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in _DEEDS:
            self.seen.append(event)


def _late(number: int, frame: Any) -> None:
    raise Hang


def judged(number: int, folder: Path, watch: _Watch, longest: int) -> tuple[str, str, str]:
    """Kind, outcome and detail of one input; an outcome that begins with ! is a finding."""
    from s6flow.errors import S6FlowError

    one = case(number, folder, longest)
    watch.seen.clear()
    watch.on = True
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome, detail = one.run(), ""
    except S6FlowError as error:
        line = str(error)
        outcome, detail = ("refused", "") if line.isprintable() and len(line) < 20_000 else ("!lines", line[:200])
    except Hang:
        outcome, detail = "!hang", _place(sys.exc_info()[2])
    except MemoryError:
        outcome, detail = "!memory", _place(sys.exc_info()[2])
    except BaseException as error:
        outcome, detail = "!crash", f"{type(error).__name__}: {str(error)[:120]} {_place(error.__traceback__)}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        watch.on = False
    if watch.seen or Path(CANARY).exists() or (folder / CANARY).exists():
        outcome, detail = "!code", ", ".join(watch.seen) or "the canary"
    return one.kind, outcome, detail


def _place(found: Any) -> str:
    """The last line of ours that a traceback goes through."""
    ours = [row for row in traceback.extract_tb(found) if "s6flow" in row.filename or HERE.as_posix() in row.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""


def work(numbers: range, longest: int) -> None:
    """Judge inputs one after the other; a line of JSON each, the number first, so that a death is known by it."""
    faulthandler.enable()
    signal.signal(signal.SIGVTALRM, _late)
    watch, out = _Watch(), sys.stdout
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        folder = Path(name, "case")
        for number in range(10**9, 10**9 + _WARM):
            signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
            judged(number, folder, watch, 100)
        signal.signal(signal.SIGVTALRM, _late)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, resource.RLIM_INFINITY))
        for number in numbers:
            print(json.dumps({"begins": number}), file=out, flush=True)
            start = time.process_time()
            kind, outcome, detail = judged(number, folder, watch, longest)
            row = {
                "number": number,
                "kind": kind,
                "outcome": outcome,
                "detail": detail,
                "seconds": time.process_time() - start,
            }
            print(json.dumps(row), file=out, flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"peak_kb": peak, "cpu": time.process_time()}), file=out, flush=True)


class Tally:
    """What became of the inputs."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.findings: list[dict[str, Any]] = []
        self.slowest = 0.0
        self.peak = 0
        self.cpu = 0.0

    def add(self, row: dict[str, Any]) -> None:
        self.counts.setdefault(row["kind"], Counter())[row["outcome"]] += 1
        self.slowest = max(self.slowest, row["seconds"])
        if row["outcome"].startswith("!"):
            self.findings.append({key: row[key] for key in ("number", "kind", "outcome", "detail")})

    def report(self, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
        """The document of a campaign."""
        words = ("--count", options.count, "--first", options.first, "--longest", options.longest)
        return {
            "schema": "s6flow-fuzz/1",
            "command": " ".join(map(str, ("python tests/fuzz/campaign.py", *words))),
            "date": date.today().isoformat(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in ("numpy", "safetensors", "numba")}},
            "limits": {"seconds": SECONDS, "bytes": BYTES},
            "inputs": sum(sum(found.values()) for found in self.counts.values()),
            "outcomes": {kind: dict(sorted(found.items())) for kind, found in sorted(self.counts.items())},
            "slowest_seconds": round(self.slowest, 2),
            "peak_bytes": self.peak * 1024,
            "processor_seconds": round(self.cpu, 1),
            "seconds": round(seconds, 1),
            "findings": self.findings[:200],
        }  # fmt: skip


def run(options: argparse.Namespace) -> Tally:
    """All inputs, by workers that are started anew where one dies."""
    tally, end = Tally(), options.first + options.count
    share = -(-options.count // options.processes)
    waiting = [range(first, min(first + share, end)) for first in range(options.first, end, share)]
    running = []
    for numbers in waiting:
        running.append((numbers, _started(numbers, options)))
    for numbers, process in running:
        _heard(numbers, process, tally, options)
    return tally


def _started(numbers: range, options: argparse.Namespace) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        __file__,
        "--work",
        "--first",
        str(numbers.start),
        "--count",
        str(len(numbers)),
        "--longest",
        str(options.longest),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _heard(numbers: range, process: subprocess.Popen[str], tally: Tally, options: argparse.Namespace) -> None:
    """The rows of a worker; of one that died the input it died of, and then those of its successor."""
    while True:
        current, whole = numbers.start - 1, False
        assert process.stdout is not None, "its output is a pipe"
        for line in process.stdout:
            row = json.loads(line)
            if "begins" in row:
                current = row["begins"]
            elif "peak_kb" in row:
                tally.peak, tally.cpu, whole = max(tally.peak, row["peak_kb"]), tally.cpu + row["cpu"], True
            else:
                tally.add(row)
        status = process.wait()
        if whole:
            return
        kind = "start" if current < numbers.start else "process"
        tally.add({"number": current, "kind": kind, "outcome": "!died", "detail": f"status {status}", "seconds": 0.0})
        numbers = range(current + 1, numbers.stop)
        if kind == "start" or not len(numbers):
            return
        process = _started(numbers, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--longest", type=int, default=1_000, help="tokens of the longest flows")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", action="store_true", help="be a worker")
    options = parser.parse_args(arguments)
    if options.work:
        work(range(options.first, options.first + options.count), options.longest)
        return 0
    start = time.monotonic()
    tally = run(options)
    report = tally.report(options, time.monotonic() - start)
    text = json.dumps(report, indent=1) + "\n"
    print(text)
    if options.json:
        from s6flow.files import write_atomic

        write_atomic(options.json, text)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
