"""A campaign of hostile inputs: python tests/fuzz/campaign.py --count 100000 --json report.json

Every input must end in an answer or in one line of `S6FlowError`: no other exception, no end of the process, no more than
5 s of the processor and 60 s on the clock, no more than 1 GB, no code run, no document outside of its schema. Inputs are
numbered, and a failure is shown again by --first NUMBER --count 1. Workers are processes of their own, so that one that dies
is a finding and not an end.

One long file: what a worker may do, and what is counted, is one protocol.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import math
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import case, imported  # noqa: E402
from containers import CANARY  # noqa: E402

#: Seconds of the processor of one input, and bytes beyond what the imports take.
SECONDS, BYTES = 5, 1 << 30
#: Seconds on the clock in which it must have ended: what sleeps or waits takes none of the processor's, and what computes gets
#: less of a busy machine than it asks for, so that these are many more.
WAITS = 60
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
#: Inputs of a piece: what its worker's start and warming take is little beside them.
PIECE = 2_000
#: Inputs that are run before anything is counted, so that generated code and libraries are there.
_WARM = 40


class Hang(BaseException):
    """More seconds than an input may take."""


class Deed(BaseException):
    """Something was done that no reading of a file does."""


class Watch:
    """Counts deeds while an input is judged."""

    def __init__(self) -> None:
        self.on, self.seen = False, list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in _DEEDS:
            self.seen.append(event)


def _late(number: int, frame: Any) -> None:
    raise Hang


def _set_clocks() -> None:
    for clock in (signal.SIGVTALRM, signal.SIGALRM):
        signal.signal(clock, _late)


def judged(number: int, folder: Path, watch: Watch, longest: int) -> tuple[str, str, str]:
    """Kind, outcome and detail of one input; an outcome that begins with ! is a finding."""
    from s6flow.errors import S6FlowError

    one = case(number, folder, longest)
    watch.seen.clear()
    watch.on = True
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WAITS)
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
        signal.setitimer(signal.ITIMER_REAL, 0)
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
    watch, out = Watch(), sys.stdout
    imported()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        folder = Path(name, "case")
        for number in range(10**9, 10**9 + _WARM):
            signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            judged(number, folder, watch, 100)
        _set_clocks()
        size, begun = (
            int(pages) * resource.getpagesize() for pages in Path("/proc/self/statm").read_text().split()[:2]
        )
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
        print(
            json.dumps({"peak_kb": peak, "begun_kb": begun // 1024, "cpu": time.process_time()}), file=out, flush=True
        )


class Tally:
    """What became of the inputs."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.findings: list[dict[str, Any]] = []
        self.slowest = 0.0
        self.peak = self.beyond = 0
        self.cpu = 0.0

    def hear(self, row: dict[str, Any]) -> None:
        """A line of a worker: an input, or what the worker took."""
        if "peak_kb" in row:
            self.peak, self.cpu = max(self.peak, row["peak_kb"]), self.cpu + row["cpu"]
            self.beyond = max(self.beyond, row["peak_kb"] - row.get("begun_kb", 0))
        else:
            self.add(row)

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
            "limits": {"seconds": SECONDS, "seconds_on_the_clock": WAITS, "bytes": BYTES},
            "inputs": sum(sum(found.values()) for found in self.counts.values()),
            "outcomes": {kind: dict(sorted(found.items())) for kind, found in sorted(self.counts.items())},
            "slowest_seconds": round(self.slowest, 2),
            "peak_bytes": self.peak * 1024,
            "peak_bytes_beyond_imports": self.beyond * 1024,
            "processor_seconds": round(self.cpu, 1),
            "seconds": round(seconds, 1),
            "findings": self.findings[:200],
        }  # fmt: skip


def run(options: argparse.Namespace) -> Tally:
    """All inputs, in pieces that as many workers as asked for take by turns; one that dies is begun anew behind its input.

    With --folder every finished piece is a file there, and is not done again.
    """
    end = options.first + options.count
    pieces = [range(first, min(first + PIECE, end)) for first in range(options.first, end, PIECE)]
    last = time.monotonic() + 60 * options.minutes
    tally = Tally()
    with ThreadPoolExecutor(options.processes) as threads:  # each waits for a process
        for rows in threads.map(lambda numbers: _piece(numbers, options, last), pieces):
            for row in rows:
                tally.hear(row)
    return tally


def _piece(numbers: range, options: argparse.Namespace, last: float) -> list[dict[str, Any]]:
    """Rows of a piece: those of the folder, or of a worker; none if the time is up."""
    kept = None if options.folder is None else options.folder / f"{numbers.start}-{numbers.stop}-{options.longest}.json"
    with suppress(OSError, ValueError):
        if kept is not None:
            return list(json.loads(kept.read_text()))
    if time.monotonic() >= last:
        return []
    rows = list(_heard(numbers, options))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = kept.with_suffix(".new")
        temporary.write_text(json.dumps(rows))
        temporary.replace(kept)
    return rows


def _started(numbers: range, options: argparse.Namespace) -> subprocess.Popen[str]:
    words = ("--work", "--first", numbers.start, "--count", len(numbers), "--longest", options.longest)
    return subprocess.Popen([sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, text=True)


def _heard(numbers: range, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows of a worker; of one that died the input it died of, and then those of its successor."""
    while True:
        current, whole = numbers.start - 1, False
        process = _started(numbers, options)
        assert process.stdout is not None, "its output is a pipe"
        for line in process.stdout:
            row = json.loads(line)
            if "begins" in row:
                current = row["begins"]
                continue
            whole = whole or "peak_kb" in row
            yield row
        status = process.wait()
        if whole:
            return
        kind = "start" if current < numbers.start else "process"
        yield {"number": current, "kind": kind, "outcome": "!died", "detail": f"status {status}", "seconds": 0.0}
        numbers = range(current + 1, numbers.stop)
        if kind == "start" or not len(numbers):
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--longest", type=int, default=1_000, help="tokens of the longest flows; a fifth of it are steps, at most 200"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="of finished pieces: the same command goes on")
    parser.add_argument("--minutes", type=float, default=math.inf, help="no piece is begun after these")
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
    if report["inputs"] < options.count:
        print(f"{options.count - report['inputs']} inputs are left; the same command goes on", file=sys.stderr)
        return 3
    return 1 if tally.findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
