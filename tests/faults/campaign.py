"""A campaign of faults: commands that write are ended by signals at random moments, and what they leave is looked at.

python tests/faults/campaign.py --each 200 --json report.json

After every run the outputs are the old ones or whole new ones, no temporary file and no process is left (after SIGKILL a
temporary file may be), the exit status tells how the run ended, and stderr has no traceback. Where a command goes on, it is
run again and must come to what an undisturbed run comes to. Disturbances besides signals are a table, too.

One long file: a program that runs by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [path for path in (str(HERE), str(ROOT)) if path not in sys.path]

from nursery import Nursery  # noqa: E402
from writers import COMMANDS, OLD, prepare, torn  # noqa: E402

#: A command, a fault, for a signal the share of an undisturbed run at which it comes, and whether it is run again behind it.
Job = tuple[str, str, float | None, bool]

RUN = [sys.executable, "-m", "s6flow"]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: Seconds in which a command that got a signal must have ended, and those of its processes that outlive it.
PATIENCE, AFTER = 120.0, 30.0
#: Seconds of the processor after a signal in which a command that was about to end may do so as if there had been none.
WORKED_ON = 1.0
#: One run of a kind in so many begins as Python does, the others behind the imports, where most of a new process's time goes;
#: and one in so many is run again to its end. Of 200 signals of a kind these are about 10 and 50.
ANEW, AGAIN = 20, 4
#: Seconds after which a run that got no signal counts as hung.
HANGS = 1800.0
_TICK = 1 / os.sysconf("SC_CLK_TCK")
#: Fields of /proc/PID/stat behind the name and the state: parent, session, times of the processor, moment of the start.
_PARENT, _SESSION, _TIMES, _BEGAN = 1, 3, slice(11, 15), 19
#: Name -> what is put in front of the command in a shell, and environment; the command ends by itself.
DISTURBANCES: dict[str, tuple[str, dict[str, str]]] = {
    "no home": ("unset HOME;", {"XDG_CACHE_HOME": ""}),
    "a missing home": ("", {"HOME": "/nonexistent/home", "XDG_CACHE_HOME": ""}),
    "a read-only home": ("", {"HOME": "/proc/sys", "XDG_CACHE_HOME": ""}),  # not even root makes a folder there
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
#: Letters of stderr, and names of files, that are kept beside a finding.
_TAIL, _NAMES = 2000, 40


def looked_at(folder: Path, name: str, status: int, errors: str, killed: bool, fault: str = "") -> list[str]:
    """What is wrong with what a run left."""
    command, found = COMMANDS[name], list[str]()
    for output in command.files:
        path = folder / output
        if not path.is_file():
            found.append(f"{output}: it is gone")
        elif path.read_bytes() != OLD.encode() and (what := torn(path)):
            found.append(what)
    left = [
        path for place in (folder.rglob(".s6flow-*"), (folder / "tmp").rglob("*")) for path in place if path.is_file()
    ]
    if left and not killed:
        found.append(f"temporary files are left: {', '.join(sorted(path.name for path in left))[:200]}")
    if command.folder:
        inside = [path for path in (folder / command.folder).rglob("*") if path.is_file() and path not in left]
        found += [what for path in inside if (what := torn(path))]
    said = [line for line in errors.splitlines() if not line.startswith(("wrote", "Warning", *command.notes))]
    # of a killed command only Python's own keeper of semaphores can speak
    if not killed and ("Traceback" in errors or len(said) > 1):
        found.append(f"stderr: {errors.strip().splitlines()[-1][:120]}")
    if status == 1 and fault not in REFUSED:
        found.append(f"it gave up: {errors.strip()[-200:]}")
    if status not in (0, 1, 3, 130, 143, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT):
        found.append(f"status {status}")
    return found


class _Processes:
    """What /proc says of all processes. Threads that ask at the same time share one look: each takes milliseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun, self._seen = -math.inf, dict[int, list[str]]()

    def __call__(self) -> dict[int, list[str]]:
        """Number -> the fields of its line from the state on, of all that are no zombies; as they are now or later."""
        asked = time.monotonic()
        with self._lock:
            if self._begun < asked:
                self._begun, self._seen = time.monotonic(), dict(self._look())
            return self._seen

    def _look(self) -> Iterator[tuple[int, list[str]]]:
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError):
                    fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                    if fields[0] != "Z":
                        yield int(name), fields


_processes = _Processes()


class _Family:
    """A process and all that it started, also in groups of their own.

    Args:
        number: of the process, which leads a session.
        workers: whether it starts others; if not, only it is looked at.
    """

    def __init__(self, number: int, workers: bool) -> None:
        self.number, self.workers = number, workers
        self.seen = set[tuple[int, str]]()

    def spent(self) -> float:
        """Seconds of the processor that all have taken so far, those that have ended and were waited for among them."""
        if not self.workers:
            with suppress(OSError):
                fields = Path(f"/proc/{self.number}/stat").read_text().rpartition(")")[2].split()
                return _TICK * sum(map(int, fields[_TIMES]))
            return 0.0
        there = _processes()
        family, size = {self.number}, 0
        while size < len(family):
            size = len(family)
            family |= {one for one, fields in there.items() if int(fields[_PARENT]) in family}
        self.seen |= {(one, there[one][_BEGAN]) for one in family if one in there}
        return _TICK * sum(int(value) for one in family if one in there for value in there[one][_TIMES])

    def _left(self) -> list[int]:
        return [
            one
            for one, fields in _processes().items()
            if fields[_SESSION] == str(self.number) or (one, fields[_BEGAN]) in self.seen
        ]

    def outlived(self) -> list[int]:
        """Those that are there after the time they have; they are ended."""
        end = time.monotonic() + AFTER
        while left := self._left():
            if time.monotonic() > end:
                for one in left:
                    with suppress(OSError):
                        os.kill(one, signal.SIGKILL)
                return left
            time.sleep(0.05)
        return []


@dataclass(frozen=True)
class Ended:
    """How a run ended: status (negative for a signal), stderr, seconds of the processor, and what is wrong with its end."""

    status: int
    errors: str
    spent: float
    wrong: tuple[str, ...]
    in_time: bool


def _run(
    folder: Path,
    name: str,
    number: signal.Signals | None = None,
    moment: float = math.inf,
    nursery: Nursery | None = None,
) -> Ended:
    """Run a command; it gets a signal once it has taken so many seconds of the processor.

    Ctrl-C in a terminal goes to the workers of a command, too; the other signals go to the command alone.

    Args:
        nursery: that forks the command behind its imports; without one it is a new process of Python.
    """
    command = COMMANDS[name]
    given = {**os.environ, "TMPDIR": str(folder / "tmp")}
    if command.cold:
        given |= {"XDG_CACHE_HOME": str(folder / "cache"), "S6FLOW_CACHE": ""}
    if command.rooms:
        given["PYTHONPATH"] = _first(folder / "package")
    wrong, late = list[str](), time.monotonic() + HANGS
    with tempfile.NamedTemporaryFile("w+") as errors:
        started = None
        if nursery is None:
            started = subprocess.Popen([*RUN, *command.words], cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, env=given, start_new_session=True)  # fmt: skip
            pid = started.pid
        else:
            pid = nursery.begin(command.words, folder, given, Path(errors.name))
        pause, sent = 0.1 if command.workers else 0.01, False
        family = _Family(pid, command.workers)
        while True:
            # what has ended is left unreaped until its session is empty, so that no other process gets its number
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                break
            if not sent and family.spent() >= moment:
                assert number is not None, "a moment has its signal"
                (os.killpg if number is signal.SIGINT else os.kill)(pid, number)
                sent, late = True, time.monotonic() + PATIENCE
            if time.monotonic() > late:
                wrong.append(f"it did not end within {PATIENCE if sent else HANGS:g} s")
                os.killpg(pid, signal.SIGKILL)
                late = math.inf
            time.sleep(pause)
        if left := family.outlived():
            wrong.append(f"{len(left)} processes lived on")
        _, status, usage = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if started is not None:
            started.returncode = code
        errors.seek(0)
        return Ended(code, errors.read(), usage.ru_utime + usage.ru_stime, tuple(wrong), not sent)


def _first(package: Path) -> str:
    """The path on which Python looks for packages, with one more in front."""
    return os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: seconds of the processor of a new process, and of one that is forked; what both come to."""

    anew: float
    forked: float | None
    goal: Any


class Unfit(Exception):
    """A command goes wrong with no fault at all, so that none is tried with it."""


@dataclass(frozen=True)
class Answer:
    """How a run ended, what is wrong, and where something is: the last of its stderr, and the files that it left."""

    how: str
    wrong: tuple[str, ...]
    detail: Mapping[str, Any]


def _answer(folder: Path, how: str, wrong: Sequence[str], errors: str) -> Answer:
    if not wrong:
        return Answer(how, (), {})
    named = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    left = [path for path in named if not path.startswith("package/")]
    return Answer(how, tuple(wrong), {"stderr": errors[-_TAIL:], "files": left[:_NAMES]})


@contextmanager
def _place(name: str) -> Iterator[Path]:
    # what outlived a kill may still be writing
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as place:
        prepare(Path(place), name, _began(name))
        yield Path(place)


#: Name -> what `whole` found, and who may ask for it.
WHOLES: dict[str, Whole] = {}
_LOCKS = {name: threading.RLock() for name in COMMANDS}
_BEGUN: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _began(name: str) -> Path | None:
    """A folder in which the commands that come before have run, once a campaign."""
    before = COMMANDS[name].before
    if not before:
        return None
    with _LOCKS[name]:
        if name not in _BEGUN:
            made = tempfile.TemporaryDirectory(prefix="faults-")
            prepare(Path(made.name), name)
            for words in before:
                subprocess.run([*RUN, *words], cwd=made.name, check=True, capture_output=True)
            _BEGUN[name] = made
        return Path(_BEGUN[name].name)


def _reached(folder: Path, name: str) -> Any:
    """What a run came to, as JSON has it; None where that is not looked at."""
    reached = COMMANDS[name].reached
    return None if reached is None else json.loads(json.dumps(reached(folder), default=str))


def differences(found: Any, wanted: Any, place: str = "") -> Iterator[str]:
    """Where two documents differ, in words."""
    if isinstance(found, dict) and isinstance(wanted, dict) and found.keys() == wanted.keys():
        for key in found:
            yield from differences(found[key], wanted[key], f"{place}/{key}")
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, pair in enumerate(zip(found, wanted, strict=True)):
            yield from differences(*pair, f"{place}/{number}")
    elif found != wanted:
        yield f"{place}: {str(found)[:80]} for {str(wanted)[:80]}"


@cache
def here() -> str:
    """What a run's result may rest on besides its inputs: the tree to the byte, the tools, and the processor.

    A record of `derive` names the first two, and sums of floats differ from processor to processor.
    """
    from s6flow.numeric.checks.nightly import processor, versions
    from s6flow.provenance import bytes_digest

    return hashlib.sha256(repr((bytes_digest(), versions(), processor())).encode()).hexdigest()[:12]


def whole(name: str, nursery: Nursery | None = None) -> Whole:
    """Undisturbed runs, once the caches are there; with a nursery a forked one comes to what a new process comes to."""
    kinds = [None] if nursery is None or not _forks(name) else [nursery, None]
    found, seconds = list[Any](), list[float]()
    for turn, kind in enumerate((kinds[0], *kinds)):
        if turn == 0 and COMMANDS[name].cold:
            continue  # it has a cache of its own
        with _place(name) as folder:
            done = _run(folder, name, nursery=kind)
            wrong = [*done.wrong, *looked_at(folder, name, done.status, done.errors, False)]
            if wrong:
                raise Unfit("; ".join(wrong))
            found.append(_reached(folder, name))
            seconds.append(done.spent)
    if found[-1] != found[-len(kinds)]:
        raise Unfit(f"it comes to another result behind imports: {next(differences(found[-len(kinds)], found[-1]))}")
    return Whole(seconds[-1], seconds[-2] if len(kinds) > 1 else None, found[-1])


def _forks(name: str) -> bool:
    """Whether a command may begin behind imports: it uses this package and this cache."""
    return not COMMANDS[name].rooms and not COMMANDS[name].cold


def whole_of(kept: Path | None, name: str, nursery: Nursery | None = None) -> Whole:
    """As `whole`; once a campaign, and with a folder once for a tree and a machine of a kind."""
    with _LOCKS[name]:
        if name not in WHOLES:
            path = None if kept is None else kept / f"undisturbed-{here()}-{name.replace(' ', '_')}.json"
            if path is not None and path.exists():
                WHOLES[name] = Whole(**json.loads(path.read_text()))
            else:
                WHOLES[name] = whole(name, nursery)
                if path is not None:
                    path.write_text(json.dumps(asdict(WHOLES[name])))
        return WHOLES[name]


def ended(
    name: str,
    number: signal.Signals,
    moment: float,
    goal: Any = None,
    nursery: Nursery | None = None,
    again: bool = True,
) -> Answer:
    """One run that gets a signal at a moment.

    Args:
        moment: seconds of the processor.
        goal: what an undisturbed run comes to; a run that goes on must come to the same.
        nursery: as `_run`.
        again: whether what has a goal is run again.
    """
    with _place(name) as folder:
        done = _run(folder, name, number, moment, nursery)
        how = "ended before" if done.in_time else f"status {done.status}"
        errors, said, early = done.errors, done.errors, False
        # before s6flow's first line runs, Python itself answers a signal, with its own traceback of SIGINT
        if number is signal.SIGINT and done.status in (-signal.SIGINT, 1, 130) and "KeyboardInterrupt" in errors:
            early = "s6flow/commands" not in errors and "no file was left" not in errors
        if early:
            how, errors = "interrupted while Python starts", ""
        status = -signal.SIGINT if early else done.status
        wrong = [*done.wrong, *looked_at(folder, name, status, errors, number is signal.SIGKILL)]
        if not done.in_time and done.status >= 0 and done.spent > moment + WORKED_ON and done.status < 128:
            wrong.append(f"it worked on for {done.spent - moment:.1f} s")
        if goal is not None and again and not wrong:
            more = _run(folder, name, nursery=nursery)
            killed = number is signal.SIGKILL  # what it left stays where nothing cleans
            wrong, said = [*more.wrong, *looked_at(folder, name, more.status, more.errors, killed)], more.errors
            if not wrong and (other := list(differences(_reached(folder, name), goal))):
                wrong = [f"it came to another result: {'; '.join(other[:3])}"]
            wrong = [f"run again: {what}" for what in wrong]
        return _answer(folder, how, wrong, said)


def disturbed(name: str, fault: str) -> Answer:
    """One run under a disturbance."""
    shell, environment = DISTURBANCES[fault]
    with _place(name) as folder:
        words = " ".join([*RUN, *COMMANDS[name].words])
        given = {**os.environ, "TMPDIR": str(folder / "tmp"), **environment}
        if COMMANDS[name].rooms:
            given["PYTHONPATH"] = _first(folder / "package")
        try:
            done = subprocess.run(
                ["bash", "-c", f"{shell} {words}"], cwd=folder, capture_output=True, text=True, env=given, timeout=HANGS
            )
        except subprocess.TimeoutExpired as error:
            return _answer(folder, "hung", [f"it did not end within {HANGS:g} s"], str(error.stderr))
        wrong = looked_at(folder, name, done.returncode, done.stderr, False, fault)
        return _answer(folder, f"status {done.returncode}", wrong, done.stderr)


def jobs(each: int, commands: Sequence[str], seed: int, faults: Sequence[str]) -> list[Job]:
    """What is run: a command, a fault and the share of an undisturbed run at which a signal comes.

    The seed decides; moments of a command with a signal are the first of those that a longer campaign has. They come round
    by round, so that a campaign that is ended has tried all commands and signals as often.
    """
    rounds: dict[int, list[Job]] = {
        turn: [(name, fault, None, False) for name in commands] for turn, fault in enumerate(DISTURBANCES, start=1)
    }
    for name in commands:
        for number in SIGNALS:
            draw = random.Random(f"{seed} {name} {number.name}")
            for turn in range(min(each, COMMANDS[name].most)):
                job = (name, number.name, draw.uniform(0.02, 1.05), turn % AGAIN == 0)
                rounds.setdefault(turn, []).append(job)
    for found in rounds.values():
        random.Random(0).shuffle(found)
    return [job for turn in sorted(rounds) for job in rounds[turn] if job[1] in faults]


def _begins_anew(share: float) -> bool:
    """Whether a run is a new process of Python, of those that may be forked: one in `ANEW`, by the digits of its moment."""
    return int(share * 1e9) % ANEW == 0


def _one(job: Job, kept: Path | None, nursery: Nursery | None) -> dict[str, Any]:
    name, fault, share, again = job
    row = {"command": name, "fault": fault, "moment": share, "of": here()}
    if share is None:
        found, more = disturbed(name, fault), {}
    else:
        known = whole_of(kept, name, nursery)
        length, parent = known.anew, None
        if nursery is not None and known.forked is not None and not _begins_anew(share):
            length, parent = known.forked, nursery
        found = ended(name, signal.Signals[fault], share * length, known.goal, parent, again)
        more = {"forked": parent is not None, "again": known.goal is not None and again}
    return {**row, "how": found.how, "wrong": list(found.wrong), **more, **found.detail}


def _kept(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of earlier calls; the last line of one that was killed is half a line."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and {"command", "fault", "moment"} <= set(row):
                    yield row


class _Turns:
    """What threads do by turns: first what undisturbed runs come to, then the runs whose command has one, in their order.

    Args:
        left: runs to be done.
        known: finds what a command comes to; who raises is tried no more.
        last: moment after which nothing is begun.
    """

    def __init__(self, left: Sequence[Job], known: Callable[[str], Any], last: float) -> None:
        self._known, self._last = known, last
        self._left = deque(left)
        signalled = dict.fromkeys(name for name, _, share, _ in left if share is not None)
        # what starts workers takes longest
        self._names = deque(sorted(signalled, key=lambda name: not COMMANDS[name].workers))
        self._ready, self._waited = set[str](), set(signalled)
        self._turn = threading.Condition()
        #: Command -> why none of its runs that get a signal was done.
        self.unfit: dict[str, str] = {}

    def jobs(self) -> Iterator[Job]:
        """Runs for one thread, as they can be done."""
        while time.monotonic() < self._last:
            with self._turn:
                name = self._names.popleft() if self._names else None
                job = None if name is not None else self._first()
                if name is None and job is None:
                    if not self._waited:
                        return
                    self._turn.wait(1.0)
            if name is not None:
                self._find(name)
            elif job is not None:
                yield job

    def _first(self) -> Job | None:
        for place, job in enumerate(self._left):
            if job[2] is None or job[0] in self._ready:
                del self._left[place]
                return job
        return None

    def _find(self, name: str) -> None:
        try:
            self._known(name)
            fit = True
        except Exception as error:  # of one command; the others are tried
            fit, self.unfit[name] = False, f"{type(error).__name__}: {error}"
        with self._turn:
            self._waited.discard(name)
            if fit:
                self._ready.add(name)
            self._turn.notify_all()


def campaign(options: argparse.Namespace) -> dict[str, Any]:
    """Signals at moments drawn over the length of an undisturbed run, `each` of every kind; every disturbance once.

    With a folder every row is kept in it as its run ends, and rows of other machines' folders may be laid beside it.
    """
    last = time.monotonic() + 60 * options.minutes
    todo = jobs(options.each, options.commands, options.seed, options.faults)
    kept = None if options.folder is None else options.folder / f"rows-{options.seed}.jsonl"
    rows: dict[tuple[str, str, float | None], dict[str, Any]] = {}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        for path in sorted(kept.parent.glob(f"*rows-{options.seed}.jsonl")):
            rows.update(((row["command"], row["fault"], row["moment"]), row) for row in _kept(path))
    left = [job for job in todo if job[:3] not in rows]
    nursery = Nursery(ROOT) if options.forked and left and last > time.monotonic() else None
    turns, lock = _Turns(left, lambda name: whole_of(options.folder, name, nursery), last), threading.Lock()

    def work(_: int) -> None:
        for job in turns.jobs():
            row = _one(job, options.folder, nursery)
            with lock:
                rows[job[:3]] = row
                if kept is not None:
                    with kept.open("a") as lines:
                        lines.write(json.dumps(row) + "\n")

    try:
        with ThreadPoolExecutor(options.processes) as threads:
            list(threads.map(work, range(options.processes)))
    finally:
        if nursery is not None:
            nursery.close()
    return report(options, [rows[job[:3]] for job in todo if job[:3] in rows], len(todo), turns.unfit)


def report(
    options: argparse.Namespace, rows: Sequence[dict[str, Any]], wanted: int, unfit: Mapping[str, str]
) -> dict[str, Any]:
    """The document of a campaign.

    Args:
        wanted: runs of the whole campaign.
        unfit: command -> why it is tried with no signal.
    """
    outcomes: dict[str, Counter[str]] = {}
    kinds, names = [*(number.name for number in SIGNALS), *DISTURBANCES], list(COMMANDS)
    for row in sorted(rows, key=lambda row: (names.index(row["command"]), kinds.index(row["fault"]))):
        outcomes.setdefault(f"{row['command']}, {row['fault']}", Counter())[row["how"]] += 1
    return {
        "schema": "s6flow-faults/1",
        "command": f"python tests/faults/campaign.py --each {options.each} --seed {options.seed}{' --forked' * options.forked}",
        "date": date.today().isoformat(),
        "versions": {"python": platform.python_version(), "system": platform.system()},
        "processes": options.processes,
        "runs": len(rows),
        "left": wanted - len(rows),
        "signals": _times(rows),
        "unfit": dict(unfit),
        "trees_and_machines": dict(Counter(row.get("of", "unknown") for row in rows)),
        "begun_behind_imports": sum(bool(row.get("forked")) for row in rows),
        "run_again_to_the_same": sum(bool(row.get("again")) for row in rows),
        "outcomes": {name: dict(sorted(found.items())) for name, found in outcomes.items()},
        "findings": [
            {key: row[key] for key in ("command", "fault", "moment", "how", "wrong", "stderr", "files") if key in row}
            for row in rows
            if row["wrong"]
        ],
    }


def _times(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Command -> how many signals it got."""
    found = Counter(row["command"] for row in rows if row["moment"] is not None)
    return {name: found[name] for name in COMMANDS if name in found}


def hear_interrupts() -> None:
    """A shell that runs something in the background has it ignore SIGINT, and what it starts inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> int:
    """Run a campaign; 0 if nothing was found, 1 if something was, 3 if runs are left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="runs of every command with every signal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    kinds = [*(number.name for number in SIGNALS), *DISTURBANCES]
    parser.add_argument("--faults", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--folder", type=Path, help="of finished runs: the same command goes on")
    parser.add_argument(
        "--forked", action="store_true", help="begin all but one run in twenty behind the imports of the command"
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="no run is begun after these")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    hear_interrupts()
    found = campaign(options)
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if options.json:
        options.json.write_text(text)
    return 1 if found["findings"] or found["unfit"] else 3 if found["left"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
