"""The nightly report: complete, of the present statements, and resumed without computing anything twice.

One long file: all of it is about one report and the command that writes it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from s6flow.errors import FormatError
from s6flow.numeric.checks import ENGINES, applicable, nightly
from s6flow.numeric.checks.check import Verdict
from s6flow.numeric.evidence import awaiting
from s6flow.numeric.fleet.checks import FASTEST
from s6flow.proofs.registry import REGISTRY

ROOT = Path(__file__).parents[2]
LEAST = 20_000


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "s6flow" / "proofs" / "nightly.json").read_text())
    return document


@pytest.fixture
def current(report: dict[str, Any]) -> dict[str, Any]:
    """The report where it must be of the present statements: it need not while it is declared to await renewal."""
    declared = awaiting(ROOT / "s6flow" / "proofs" / "nightly.json")
    if declared is not None:
        pytest.skip(f"proofs/nightly.json awaits renewal: {declared}")
    return report


def test_every_theorem_ran_on_every_backend_that_was_asked_for_and_can_judge_it(current: dict[str, Any]) -> None:
    assert current["not_run"] == []
    asked = set(current.get("backends", ENGINES))
    judged = {row["id"]: set(row["backends"]) for row in current["theorems"]}
    if asked == {FASTEST}:
        assert set(judged) == set(REGISTRY)
        assert all(len(found) == 1 for found in judged.values())
        assert all(found <= {"numpy", "torch"} for found in judged.values())
    else:
        able = {key: {name for name in asked if applicable(theorem, name)} for key, theorem in REGISTRY.items()}
        assert all(able.values())
        assert judged == able
    assert all(row.get("drawn", current.get("examples", 0)) >= LEAST for row in current["theorems"])


def test_the_statements_are_the_present_ones(current: dict[str, Any]) -> None:
    stale = [
        row["id"] for row in current["theorems"] if row["statement"] != nightly.statement_digest(REGISTRY[row["id"]])
    ]
    assert not stale, "run make nightly: it computes only these again"


def test_every_verdict_passes_on_as_many_systems_as_were_drawn(report: dict[str, Any]) -> None:
    for row in report["theorems"]:
        for name, found in row["backends"].items():
            assert Verdict(found["verdict"]).passes, f"{row['id']} on {name}"
            assert found["margin"] >= 0
            # a construction that rounding takes off its assumption is not counted, and may not be common
            drawn = row.get("drawn", LEAST)
            assert found["examples"] + found["undecided"] + found["idle"] >= 0.999 * drawn, f"{row['id']} on {name}"
            assert found["examples"] >= drawn / 10


def test_the_report_says_where_it_comes_from_and_stays_small(report: dict[str, Any]) -> None:
    assert report["command"].startswith(
        ("python -m s6flow.numeric.checks.nightly --examples ", "s6flow fleet check --ex")
    )
    assert report["date"]
    assert report["device"].startswith("CPU")
    assert {"python", "numpy", "torch", "python-flint", "numba"} <= set(report["versions"])
    assert (ROOT / "s6flow" / "proofs" / "nightly.json").stat().st_size < 200_000


def at_once(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Jobs run in this process as they are submitted; what the pool was made with, and every job, are listed."""
    submitted: list[Any] = []

    class Pool:
        def __init__(self, *given: Any, **options: Any) -> None:
            submitted.append((given[0], options["initializer"]))

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *error: object) -> None:
            return None

        def submit(self, function: Any, *given: Any) -> Future[Any]:
            submitted.append((os.environ.get("NUMBA_NUM_THREADS"), os.environ.get("OMP_NUM_THREADS"), *given))
            done: Future[Any] = Future()
            done.set_result(function(*given))
            return done

    monkeypatch.setattr(nightly, "ProcessPoolExecutor", Pool)
    return submitted


def test_an_interrupted_run_goes_on_and_computes_no_row_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "nightly.json"
    arguments = [
        "--examples",
        "30",
        "--backends",
        "numpy",
        "--processes",
        "1",
        "--integrator",
        "numpy",
        "--out",
        str(out),
    ]
    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in ("stationary", "carried-limits")})
    before = dict(os.environ)
    assert nightly.main(arguments) == 0
    assert dict(os.environ) == before, "the workers' single thread must not become this process's"
    at_once(monkeypatch)  # the first run had workers of its own
    first = json.loads(out.read_text())
    assert [row["id"] for row in first["theorems"]] == ["stationary", "carried-limits"]
    for row in first["theorems"]:
        row["processor_seconds"] = 1234.5  # the mark of a row that was kept
    first["theorems"][1]["statement"] = "another"
    out.write_text(json.dumps(first))
    assert nightly.main(arguments) == 0
    kept, again = json.loads(out.read_text())["theorems"]
    assert kept["processor_seconds"] == 1234.5
    assert again["processor_seconds"] < 1234.5
    assert nightly.main([*arguments, "--fresh"]) == 0
    assert all(row["processor_seconds"] < 1234.5 for row in json.loads(out.read_text())["theorems"])


def planted(key: str, margin: float = 1.0, verdict: str = "HOLDS") -> dict[str, Any]:
    """A row as a run writes it."""
    found = {
        "verdict": verdict,
        "margin": margin,
        "place": ["0", 0, 0],
        "examples": 30,
        "undecided": 0,
        "idle": 0,
        "real": 0,
    }
    row = {
        "id": key, "status": "symbolic", "statement": nightly.statement_digest(REGISTRY[key]), "integrator": None,
        "processor_seconds": 1.25, "backends": {name: found for name in ENGINES if applicable(REGISTRY[key], name)},
    }  # fmt: skip
    return {**row, "seal": nightly.seal(row)}


TWO = ("stationary", "carried-limits")


def test_the_command_by_its_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What is asked of a run, and what of its rows is written and told; a verdict that does not pass is the exit status."""
    asked: list[tuple[Any, ...]] = []
    rows = [planted("carried-limits"), planted("stationary", -0.5, "VIOLATED")]

    def run(*given: Any) -> Any:
        asked.append(given)
        return iter(rows[: len(rows) - len(asked) % 2])

    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in TWO})
    monkeypatch.setattr(nightly, "nightly", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proofs").mkdir()
    monkeypatch.setattr("sys.argv", ["nightly"])
    assert nightly.main() == 0
    assert asked[0] == (20_000, tuple(ENGINES), 1, nightly.fastest_on_cpu(), 2, {})
    first = json.loads((tmp_path / "proofs" / "nightly.json").read_text())
    assert first["not_run"] == ["stationary"]
    assert [row["id"] for row in first["theorems"]] == ["carried-limits"]
    assert first["processor_seconds"] == 1.2
    assert (first["examples"], first["seed"]) == (20_000, 1)
    assert capsys.readouterr().err.count("carried-limits") == 1
    assert nightly.main([]) == 1, "one that is violated among those that hold"
    assert set(asked[1][-1]) == {"carried-limits"}, "what the first run wrote is kept"
    told = capsys.readouterr().err
    assert "carried-limits" not in told
    assert "VIOLATED -5.00e-01" in told
    second = json.loads((tmp_path / "proofs" / "nightly.json").read_text())
    assert second["not_run"] == []
    assert [row["id"] for row in second["theorems"]] == list(TWO), "in the order of the registry"
    nightly.main(["--fresh"])
    assert asked[2][-1] == {}
    assert (second["processor_seconds"], second["command"].split()[-1]) == (2.5, "s6flow.numeric.checks.nightly")


def test_which_rows_of_an_earlier_report_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in TWO})
    header = {"command": "one", "examples": 30, "seed": 1}
    out = tmp_path / "report.json"

    def kept(document: dict[str, Any], backends: tuple[str, ...] = tuple(ENGINES)) -> set[str]:
        out.write_text(json.dumps(document))
        found = nightly.kept_rows(out, header, backends)
        assert all(row["status"] == nightly.status(REGISTRY[key]) for key, row in found.items())
        return set(found)

    assert nightly.kept_rows(tmp_path / "none.json", header, tuple(ENGINES)) == {}
    rows = [planted(key) for key in TWO]
    whole = {**header, "theorems": rows}
    assert kept(whole) == set(TWO)
    assert kept({**whole, "command": "another"}) == set(TWO)
    assert kept({**whole, "seed": 2}) == set()
    here = header | {"device": "CPU: here", "versions": {"numpy": "2"}}
    there = {"device": "CPU: there", "versions": {"numpy": "1"}}
    out.write_text(json.dumps({**whole, **there}))
    found = nightly.kept_rows(out, here, tuple(ENGINES))
    assert all(there.items() <= row.items() and row["seal"] == nightly.seal(row) for row in found.values())
    out.write_text(json.dumps({**whole, **here, "theorems": list(found.values())}))
    assert nightly.kept_rows(out, here, tuple(ENGINES)) == found, "a row goes on saying where it ran"
    out.write_text(json.dumps({**whole, **here}))
    assert not any("device" in row for row in nightly.kept_rows(out, here, tuple(ENGINES)).values())
    edited = {**rows[0], "integrator": "numpy"}
    assert kept({**whole, "theorems": [edited, rows[1]]}) == {TWO[1]}, "edited by hand"
    stale = {**rows[0], "statement": "0" * 16}
    stale["seal"] = nightly.seal(stale)
    assert kept({**whole, "theorems": [stale, rows[1]]}) == {TWO[1]}, "of another statement"
    gone = {**rows[0], "id": "gone"}
    gone["seal"] = nightly.seal(gone)
    assert kept({**whole, "theorems": [gone, rows[1]]}) == {TWO[1]}, "of a theorem that is no more"
    assert kept(whole, ("numpy",)) == set(), "of other backends"


def test_jobs_are_shared_by_processes_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a pool that runs each job at once."""
    submitted = at_once(monkeypatch)
    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in (*TWO, "fisher")})
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(nightly.time, "process_time", iter([10.0, 12.34, 20.0, 20.0]).__next__)
    old = planted("carried-limits")
    rows = {row["id"]: row for row in nightly.nightly(25, ("numpy", "flint"), 7, "numpy", 4, {old["id"]: old})}
    assert submitted == [
        (4, nightly.end_with_parent),
        ("1", "3", "stationary", ("numpy", "flint"), 25, 7, "numpy"),
        ("1", "3", "fisher", ("numpy",), 25, 7, "numpy"),
    ]
    assert "NUMBA_NUM_THREADS" not in os.environ
    assert rows["carried-limits"] == old
    assert rows["stationary"]["processor_seconds"] == 2.3
    assert (rows["stationary"]["integrator"], set(rows["stationary"]["backends"])) == (None, {"numpy", "flint"})
    assert rows["stationary"]["seal"] == nightly.seal(rows["stationary"])


def test_the_processor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self: "vendor: none\nmodel name\t: A 1\nmodel name\t: B 2\n")
    assert nightly.processor() == f"CPU: A 1, {os.cpu_count()} cores"


def test_the_results_page_says_how_much_was_judged(report: dict[str, Any]) -> None:
    text = " ".join((ROOT / "docs" / "results.md").read_text().split())
    verdicts = Counter(
        found["verdict"] for row in report["theorems"] for found in [next(iter(row["backends"].values()))]
    )
    assert f"{verdicts['HOLDS']} HOLDS and {verdicts['CONSISTENT']} CONSISTENT" in text
    idle = {row["id"]: max(found["idle"] for found in row["backends"].values()) for row in report["theorems"]}
    drawn = {row["id"]: row.get("drawn", LEAST) for row in report["theorems"]}
    assert f"That is so of {sum(map(bool, idle.values()))} theorems" in text
    most = [name for name, count in idle.items() if count > drawn[name] / 2]
    assert most
    assert all(f"`{name}` ({idle[name]:,} of {drawn[name]:,})" in text for name in most)
    undecided = {row["id"]: max(found["undecided"] for found in row["backends"].values()) for row in report["theorems"]}
    assert f"Of {sum(map(bool, undecided.values()))} theorems some systems stayed undecided" in text
    first, second = sorted(undecided, key=undecided.__getitem__)[:-3:-1]
    told = [f"`{name}` ({undecided[name]:,} of {drawn[name]:,})" for name in (first, second)]
    assert f"most of {' and '.join(told)}" in text
    assert f"({report['processor_seconds']:,.0f} s of processors" in text


def test_rows_that_were_edited_and_reports_that_were_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "nightly.json"
    arguments = [
        "--examples",
        "30",
        "--backends",
        "numpy",
        "--processes",
        "1",
        "--integrator",
        "numpy",
        "--out",
        str(out),
    ]
    monkeypatch.setattr(nightly, "REGISTRY", {"stationary": REGISTRY["stationary"]})
    at_once(monkeypatch)
    monkeypatch.setattr("sys.argv", ["nightly", *arguments])
    assert nightly.main() == 0
    first = json.loads(out.read_text())
    assert first["command"].endswith("--integrator numpy --out nightly.json"), "no path of a machine"
    (row,) = first["theorems"]
    margin = row["backends"]["numpy"]["margin"]
    row["backends"]["numpy"]["margin"] = 12345.0  # better than it was
    out.write_text(json.dumps(first))
    assert nightly.main(arguments) == 0
    assert json.loads(out.read_text())["theorems"][0]["backends"]["numpy"]["margin"] == margin
    for torn in ("", "[1]", '{"theorems": [3]}', out.read_text()[:200]):
        out.write_text(torn)
        with pytest.raises(FormatError, match="whole"):
            nightly.main(arguments)
        assert out.read_text() == torn


def test_digests_speak_of_what_is_claimed_and_measured_whatever_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 letters each, of the whole claim and of its core; another measured number is another one, another order is not."""
    with_core = next(theorem for theorem in REGISTRY.values() if theorem.core is not None)
    asked: list[bool] = []
    lowered = nightly.margin_program

    def recorded(theorem: Any, core: bool = False) -> Any:
        asked.append(core)
        return lowered(theorem, core)

    monkeypatch.setattr(nightly, "margin_program", recorded)
    digest = nightly.statement_digest(with_core)
    assert asked == [False, True]
    assert (len(digest), int(digest, 16) >= 0) == (16, True)
    assert nightly.statement_digest(replace(with_core, core=None)) != digest
    row = planted("stationary")
    assert nightly.seal(dict(reversed(row.items()))) == row["seal"]
    assert len(row["seal"]) == 16
    assert nightly.seal({**row, "status": "conjecture", "processor_seconds": 9.0}) == row["seal"]
    assert nightly.seal({**row, "integrator": "numba"}) != row["seal"]


def test_the_command_as_it_is_told_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in TWO})
    monkeypatch.setattr(nightly, "nightly", lambda *given: iter([planted(TWO[0])]))
    out = tmp_path / "deep.json"
    monkeypatch.setattr("sys.argv", ["nightly", "--examples", "7", "--out", str(out)])
    assert nightly.main() == 0
    told = json.loads(out.read_text())
    assert told["command"] == "python -m s6flow.numeric.checks.nightly --examples 7 --out deep.json"
    assert (told["examples"], told["not_run"]) == (7, [TWO[1]])
    assert out.read_text().startswith('{\n "command"'), "one space a level: the file is read by people, and is long"
