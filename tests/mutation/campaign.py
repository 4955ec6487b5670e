"""One pytest session that tries mutants: it collects once, then every mutant runs in a fork, on the tests that reach it.

A mutant inside functions is put in place by exchanging the code of the functions that are loaded. One that an import
runs (a constant, a default, a table) is put in place by importing everything that depends on it anew.
Which tests reach a line is measured with every test alone in a fork, so that no cache hides a second one.

One long file: a session of pytest, its forks and what it exchanges share their state.
"""

from __future__ import annotations

import ast
import builtins
import gc
import hashlib
import importlib
import json
import math
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from s6flow.progress import bar
from tests.mutation import ROOT, module_name
from tests.mutation.forks import Outcome, forked
from tests.mutation.mutants import Changes, Mutant, probed
from tests.mutation.order import Experience
from tests.mutation.replaced import Loader

__all__ = ["Campaign"]

PACKAGE = ROOT / "s6flow"
#: What may depend on a mutant, to be imported anew after a change that an import runs.
DEPENDENT = ("s6flow.numeric", "s6flow.api", "s6flow.commands", "s6flow.cli", "s6flow.paper_figures", "tests", "test_")
#: After an import anew so many tests are collected first, and the others when these have not killed.
FIRST = 4
#: A test that takes so many times its usual CPU time, and more seconds, hangs.
PATIENCE, LEAST = 6.0, 4.0
#: One that sleeps hangs after so many times its CPU time, and more seconds, of the clock.
ASLEEP, WAITING = 4.0, 30.0
#: What tests import when they run: it is imported once, and not in the time of a test.
HEAVY = (
    "torch",
    "safetensors.torch",
    "transformers.models.mamba.modeling_mamba",
    "pandas",
    "matplotlib.pyplot",
    "numba",
)
#: A test that takes more CPU seconds under the tracer is no use here.
SLOW = 15.0
#: CPU seconds of judges that every mutant gets before any has more.
QUICK = 2.0
#: One whose own processes take more CPU seconds is none either: they know nothing of a mutant.
OTHERS = 0.3
#: How often a test that killed runs without a mutant, to see whether it fails by itself.
CONTROLS = 2
#: Tests that run before there is any fork: so many, or the cheapest of each file; none that has processes of its own.
WARM = 8
#: and none begins after so many CPU seconds of these.
EARLY = 30.0
PARENTS = ("tests/proofs/test_nightly.py",)
_CACHE = type(cache(len))
#: Of pytest: what is marked nightly judges, too; no capture (a fork writes nowhere), and nothing kept of the tests' folders.
#: Every session has a folder of its own for them (`--basetemp`): of the common ones pytest removes those of sessions before
#: the last three.
OPTIONS = [
    "-x", "-s", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-o", "tmp_path_retention_policy=none",
]  # fmt: skip
#: How lines that are reached are seen: reaches that were measured otherwise are measured anew.
PROBES = "before any other import hook"


class Campaign:
    """A plugin of pytest that runs mutants in place of tests.

    Args:
        mutants: to try.
        files: the files of all mutants, from the root of the repository.
        reach: where the reach of the tests is kept.
        done: called with each mutant and its outcome: `state` (killed, timeout, survived, unreached), `by`, `tests`.
        jobs: forks at a time.
        again: whether the reach is measured anew.
        budget: CPU seconds of tests a mutant.
        until: the time, by `time.monotonic`, at which no mutant starts and those that run are left.
    """

    def __init__(self, mutants: list[Mutant], files: list[str], reach: Path, done: Callable[[Mutant, Outcome], None],
                 jobs: int = 2, again: bool = False, budget: float = 30.0, until: float = math.inf) -> None:  # fmt: skip
        self.mutants, self.reach, self.done = mutants, reach, done
        self.jobs, self.again, self.budget, self.until = jobs, again, budget, until
        self.sources = {name: (ROOT / name).read_text() for name in files}
        self.names = {str(PACKAGE / name): name for name in files}
        self.hits: set[tuple[str, int]] = set()
        self.experience = Experience()
        self.caches: list[Any] = []
        self.control: set[str] | None = None
        self.wrong: set[str] = set()
        self.judged: dict[Mutant, set[str]] = {}
        self.kills: list[tuple[str, str, str]] = []
        self.lived: set[Mutant] = set()
        self.fresh: set[str] = set()
        self.folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        builtins.__reach__ = self.hits.add  # type: ignore[attr-defined]
        for name, source in self.sources.items():
            sys.meta_path.insert(0, Loader(name, probed(source, name, str(PACKAGE / name))))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Everything, in place of the tests."""
        for name in HEAVY:
            with suppress(ImportError):  # what a machine lacks, its tests do not need
                importlib.import_module(name)
        for name in map(module_name, self.sources):
            importlib.import_module(name)
        self.imported = set(self.hits)
        self.items = {item.nodeid: item for item in session.items if not _left(item.nodeid)}
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        self.functions = self.loaded()
        blind = sorted(name for name, source in self.sources.items() if "\ndef " in source and not self.functions[name])
        assert not blind, f"every file with functions must have some in memory: {blind}"
        self.dependents = _dependents(set(map(module_name, self.sources)))
        if not self.measure():
            print("the reach of the tests is not yet measured: the next call goes on")
            return True
        self.uses = _uses(self.sources)
        files = {one.module for one in self.mutants}
        self.changes = {name: Changes(self.sources[name], str(PACKAGE / name)) for name in files}
        gc.collect()
        gc.freeze()
        if self.control is not None:
            self.wrong = self.failing(self.control)
            return True
        with bar("mutants") as show:
            done = forked(self.tasks(), self.judge, self.jobs, self.until, self.kills, self.experience.learn)
            for number, (one, outcome) in enumerate(done):
                self.judged[one] = set(outcome.pop("names", ())) if outcome.get("left") else set()
                if outcome["state"] == "killed" and outcome["by"] in self.items:
                    self.kills.append((one.module, one.key, outcome["by"]))
                self.done(one, outcome)
                show(number + 1, len(self.mutants), one.module)
        return True

    def session(self, tests: list[str]) -> None:
        """Collect these tests, and try the mutants.

        Without checks of annotations: their import hook would stand before that of the probes, and nothing be reached.
        """
        os.environ["S6FLOW_ANNOTATIONS"] = "0"
        own = ["--continue-on-collection-errors", f"--basetemp={self.folder / 'tests'}"]
        pytest.main([*tests, *OPTIONS[1:], *own], plugins=[self])
        shutil.rmtree(self.folder, ignore_errors=True)

    def loaded(self) -> dict[str, list[FunctionType]]:
        """The functions in memory by their file."""
        gc.unfreeze()  # the tests freeze what they import, and what is frozen is not among the objects
        found: dict[str, list[FunctionType]] = defaultdict(list)
        for one in gc.get_objects():
            if type(one) is FunctionType and one.__code__.co_filename in self.names:
                found[self.names[one.__code__.co_filename]].append(one)
            elif type(one) is _CACHE and str(getattr(one, "__module__", "")).startswith(DEPENDENT):
                self.caches.append(one)
        return found

    def measure(self) -> bool:
        """Which lines each test reaches, in how much CPU time; those that fail, are skipped or take long are left out.

        Some run here: what they leave in the caches of modules that are not mutated makes every fork cheaper. Whether all
        are measured: what was until the time is over is kept.
        """
        table = json.loads(self.reach.read_text()) if self.reach.exists() and not self.again else {}
        table = {name: table[name] for name in self.items if name in table}
        # one that reached nothing may have run beside a hook of imports that took the place of the probes
        table = {
            name: row
            for name, row in table.items()
            if row["stamp"] == self.stamp(name, row["hits"]) and (row["hits"] or row["state"] != "survived")
        }
        for one in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(one, _slow)
        due = [name for name in self.items if name not in table]
        self.fresh = set(due)
        gc.collect()
        gc.freeze()
        early = due[:: max(1, len(due) // WARM)] if len(due) > WARM else _cheapest(table, set(table))
        began, start = time.process_time(), time.monotonic()
        for name in early:
            if not name.startswith(PARENTS) and time.process_time() - began < EARLY:
                table[name] = self.alone(name)
        rest = [name for name in due if name not in table]
        with bar("reach of tests") as show:
            tasks = ((name, name) for name in rest)
            for number, (name, found) in enumerate(forked(tasks, self.alone, self.jobs, self.until)):
                table[name] = {"seconds": SLOW, "hits": {}, "stamp": self.stamp(name, ())} | found
                show(number + 1, len(rest), name)
        if due:
            print(f"{len(due)} tests were measured in {time.monotonic() - start:.0f} s", flush=True)
            self.reach.write_text(json.dumps(table))
        if len(table) < len(self.items):
            return False
        _alarm(0)
        for one in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(one, signal.SIG_DFL)
        self.seconds = {name: table[name]["seconds"] for name in self.items if table[name]["state"] == "survived"}
        self.covering: dict[tuple[str, int], set[str]] = defaultdict(set)
        for name in self.seconds:
            self.experience.lines[name] = {module: len(lines) for module, lines in table[name]["hits"].items()}
            for module, lines in table[name]["hits"].items():
                for line in lines:
                    self.covering[module, line].add(name)
        return True

    def stamp(self, name: str, modules: Iterable[str]) -> str:
        """What the reach of a test was measured on: its file, those that it reached, and by which probes."""
        return _digest(
            "\n".join([PROBES, _text(name.partition("::")[0]), *(self.sources.get(one, "") for one in sorted(modules))])
        )

    def failing(self, names: set[str]) -> set[str]:
        """Which of these tests fail without any mutant, each as often as it takes to see one that fails now and then."""
        tasks = ((name, name) for _ in range(CONTROLS) for name in sorted(names & self.items.keys()))
        return {
            name
            for name, found in forked(tasks, self.alone, self.jobs)
            if found["state"] not in ("survived", "outside")
        }

    def alone(self, name: str) -> Outcome:
        """The reach of one test, with nothing cached of what is mutated."""
        self.forget(set().union(*self.dependents.values()))
        self.hits.clear()
        began, before = time.process_time(), _children()
        found = self.run([name], lambda _: SLOW)
        _alarm(0)
        if _children() - before > OTHERS:
            found = {"state": "outside"}
        hits = {module: sorted(line for one, line in self.hits if one == module) for module, _ in self.hits}
        return found | {"seconds": time.process_time() - began, "hits": hits, "stamp": self.stamp(name, hits)}

    def forget(self, modules: set[str]) -> None:
        """Empty the caches of functions of these modules, and of the tests."""
        for one in self.caches:
            if one.__module__ in modules or not one.__module__.startswith("s6flow"):
                one.cache_clear()

    def run(self, names: list[str], limit: Callable[[str], float]) -> Outcome:
        """Run tests in this process until one fails."""
        judge = _Judge()
        for name in names:
            item = self.items[name]
            item.config.pluginmanager.register(judge, "judge")
            _alarm(limit(name))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            item.config.pluginmanager.unregister(judge)
            if judge.failed or (judge.skipped and len(names) == 1):
                break
        return judge.outcome()

    def tasks(self) -> Iterator[tuple[Mutant, tuple[int, float, list[str]]]]:
        """All mutants with few judges, those that lived before with all, then those that lived now with the others.

        With each its place, CPU seconds, and the judges that it had.
        """
        every = list(enumerate(self.mutants))
        for place, one in every:
            if one not in self.lived:
                yield one, (place, min(QUICK, self.budget), [])
        for place, one in every:
            if one in self.lived:
                yield one, (place, self.budget, [])
        for place, one in every if self.budget > QUICK else ():
            if one not in self.lived and self.judged.get(one):
                yield one, (place, self.budget - QUICK, sorted(self.judged[one]))

    def judge(self, task: tuple[int, float, list[str]]) -> Outcome:
        """What the fork of a mutant does, without the judges that it had before."""
        mutant, budget, before = self.mutants[task[0]], task[1], set(task[2])
        place = mutant.module, mutant.lines[0]
        imported = mutant.top or place in self.imported
        groups = self.users(mutant) if imported else [self.covering.get(place, set())]
        groups = [group - before for group in groups]
        if before or mutant in self.lived:  # those that kill its neighbours let it live: others come first
            groups = [part for group in groups for part in self.likely(mutant, group)]
        names, left = self.experience.order(mutant, groups, self.seconds, budget)
        began = time.process_time()
        found = self.tried(mutant, names, imported) | {"seconds": round(time.process_time() - began, 3)}
        # a test that a mutant makes skip itself has noticed nothing
        if found["state"] in ("survived", "skipped"):
            spent = budget + (QUICK if before else 0.0)
            found |= {"state": "survived", "budget": spent, "left": left, "names": sorted(before.union(names))}
        return found | {"tests": len(names) + len(before)}

    def likely(self, mutant: Mutant, group: set[str]) -> list[set[str]]:
        """New tests, then those whose files name the mutant's module and what it is in there, or the module, then the others."""
        names, module = _bound(self.sources[mutant.module], mutant.line), module_name(mutant.module).rpartition(".")[2]
        new = group & self.fresh if mutant in self.lived and not self.fresh.issuperset(group) else set[str]()
        near = {one for one in group - new if module in _words(one.partition("::")[0])}
        named = {one for one in near if not names.isdisjoint(_words(one.partition("::")[0]))}
        return [new, named, near - named, group - new - near]

    def tried(self, mutant: Mutant, names: list[str], imported: bool) -> Outcome:
        """How these tests judge a mutant, one after the other."""
        if not names:
            return {"state": "unreached"}
        limit = {name: LEAST + PATIENCE * self.seconds[name] for name in names}
        changed = self.dependents[module_name(mutant.module)]
        code = self.changes[mutant.module].code(mutant.index)
        if imported or not self.exchange(mutant.module, code):
            return _anew(mutant.module, code, names, changed, self.items, sum(limit.values()) + 10, self.folder)
        self.forget(changed)
        return self.run(names, limit.__getitem__)

    def users(self, mutant: Mutant) -> list[set[str]]:
        """The tests that reach what an import makes of a mutant: functions that name it, then all of the module.

        Tests that run no line of the mutated files may read a constant: they are known by a name that stands in theirs.
        """
        names, near = _bound(self.sources[mutant.module], mutant.line), set[str]()
        for _ in range(3):
            places = [place for name in names for place in self.uses.get(name, ())]
            near = near.union(*(self.covering.get((module, line), set()) for module, line, _ in places))
            names = names | {name for _, _, bound in places for name in bound}
        every = {name for (module, _), tests in self.covering.items() if module == mutant.module for name in tests}
        direct = self.covering.get((mutant.module, mutant.lines[0]), set())
        idle = {one for one in self.seconds if not self.experience.lines[one]}
        reads = {one for one in idle if not names.isdisjoint(_words(one.partition("::")[0]))}
        return [near | direct | reads, every - near]

    def exchange(self, module: str, code: CodeType) -> bool:
        """Give every loaded function of a file its code in another version of the file."""
        table: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
        for part in _codes(code):
            table[part.co_qualname, part.co_firstlineno].append(part)
        pairs = [(one, table[one.__code__.co_qualname, one.__code__.co_firstlineno]) for one in self.functions[module]]
        if any(len(new) != 1 or new[0].co_freevars != one.__code__.co_freevars for one, new in pairs):
            return False  # gone, or nameless beside another on one line
        for one, new in pairs:
            one.__code__ = new[0]
        return True


class _Judge:
    """Notes how tests end."""

    def __init__(self) -> None:
        self.failed: str | None = None
        self.why = ""
        self.skipped = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed, self.why = report.nodeid, report.longreprtext[-300:]
        self.skipped = self.skipped or report.skipped

    def outcome(self) -> Outcome:
        if self.failed:
            return {"state": "killed", "by": self.failed, "why": self.why}
        return {"state": "skipped" if self.skipped else "survived"}


class _Chosen(_Judge):
    """Runs the named tests of a new collection, in this order; one with a new name, too."""

    def __init__(self, names: list[str], known: Iterable[str]) -> None:
        super().__init__()
        self.rank = {name: number for number, name in enumerate(names)}
        self.known = set(known)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self.rank or item.nodeid not in self.known]
        items[:] = sorted(chosen, key=lambda item: self.rank.get(item.nodeid, len(self.rank)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failed = self.failed or (report.nodeid if report.failed else None)


def _anew(
    module: str, code: CodeType, names: list[str], changed: set[str], known: Iterable[str], limit: float, folder: Path
) -> Outcome:
    """Import what depends on a file anew, with its new code, and run tests."""
    gone = {
        name
        for name in sys.modules
        if name in changed or (name.startswith(DEPENDENT) and not name.startswith("s6flow"))
    }
    # a package that is made anew would lack what is below it and stays
    gone |= {name for name in sys.modules if name.startswith(tuple(f"{one}." for one in gone))}
    for name in gone:
        parent, _, last = name.rpartition(".")
        one = sys.modules.pop(name)
        if parent in sys.modules and getattr(sys.modules[parent], last, None) is one:
            delattr(sys.modules[parent], last)
    package: ModuleType = sys.modules["s6flow"]
    for name in [key for key, value in vars(package).items() if getattr(value, "__module__", "") in gone]:
        delattr(package, name)
    sys.meta_path.insert(0, Loader(module, code))
    _alarm(limit)
    for some in (names[:FIRST], names[FIRST:]):
        paths = list(dict.fromkeys(name.partition("::")[0] for name in some))
        chosen = _Chosen(some, known)
        apart = f"--basetemp={folder / str(os.getpid())}"
        status = pytest.main([*paths, *OPTIONS, apart], plugins=[chosen]) if paths else pytest.ExitCode.OK
        if chosen.failed:
            break
        if status != pytest.ExitCode.OK:
            return {"state": "killed", "by": f"pytest, with status {int(status)}"}
    return chosen.outcome()


def _alarm(seconds: float) -> None:
    """End this process after so much CPU time; or much more time, if it sleeps."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, ASLEEP * seconds + WAITING if seconds else 0)


def _left(name: str) -> bool:
    """Whether a test is left out: the registry's properties on other backends than one repeat what is mutated here."""
    return "test_registry.py" in name and "numpy" not in name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text()


@cache
def _words(file: str) -> frozenset[str]:
    """The words of a file."""
    return frozenset(re.findall(r"\w+", _text(file)))


def _children() -> float:
    """CPU seconds of the processes that this one started, and that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _slow(*_: object) -> None:
    raise TimeoutError("no test for mutants")


def _cheapest(table: dict[str, Outcome], names: set[str]) -> set[str]:
    """For every file the cheapest test that reaches it."""
    best: dict[str, str] = {}
    for name in sorted(names, key=lambda name: table[name]["seconds"]):
        for module in table[name]["hits"] if table[name]["state"] == "survived" else ():
            best.setdefault(module, name)
    return set(best.values())


def _dependents(targets: set[str]) -> dict[str, set[str]]:
    """Module -> loaded modules of the package that import it, or that name it in a text, at whatever remove."""
    users: dict[str, set[str]] = defaultdict(set)
    for name, one in list(sys.modules.items()):
        if not (name.startswith(DEPENDENT) and name.startswith("s6flow")):
            continue
        for node in ast.walk(ast.parse(Path(str(one.__file__)).read_text())):
            words: list[object] = []
            if isinstance(node, ast.ImportFrom):
                words = [node.module, *(f"{node.module}.{part.name}" for part in node.names)]
            elif isinstance(node, ast.Import):
                words = [part.name for part in node.names]
            elif isinstance(node, ast.Constant):
                words = [node.value]
            for word in words:
                users[str(word)].add(name)
    for word in [word for word in users if word.startswith("s6flow.commands")]:
        users[word].add("s6flow.cli")
    found = {}
    for target in targets:
        found[target], new = {target}, {target}
        while new:
            new = set[str]().union(*(users.get(name, set()) for name in new)) - found[target]
            found[target] |= new
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _bound(source: str, line: int) -> set[str]:
    """The names that the outermost statement around a line gives to what it makes; of a class, the field's too."""
    for statement in ast.parse(source).body:
        if statement.lineno <= line <= (statement.end_lineno or 0) or line in _decorators(statement):
            names = _targets(statement)
            for inner in getattr(statement, "body", []) if isinstance(statement, ast.ClassDef) else []:
                if inner.lineno <= line <= inner.end_lineno:
                    names = _targets(inner) or names
            return names
    return set()


def _decorators(statement: ast.stmt) -> range:
    listed = getattr(statement, "decorator_list", [])
    return range(listed[0].lineno, statement.lineno) if listed else range(0)


def _targets(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _uses(sources: dict[str, str]) -> dict[str, list[tuple[str, int, tuple[str, ...]]]]:
    """Name -> where it stands: file, line of the statement, and the names that an import binds there."""
    found: dict[str, list[tuple[str, int, tuple[str, ...]]]] = defaultdict(list)

    def visit(node: ast.AST, module: str, line: int, bound: tuple[str, ...]) -> None:
        line = node.lineno if isinstance(node, ast.stmt) else line
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
        if isinstance(name, str):
            found[name].append((module, line, bound))
        for child in ast.iter_child_nodes(node):
            visit(child, module, line, bound)

    for module, source in sources.items():
        for statement in ast.parse(source).body:
            apart = isinstance(statement, ast.FunctionDef | ast.ClassDef)
            visit(statement, module, statement.lineno, () if apart else tuple(sorted(_targets(statement))))
    return found
