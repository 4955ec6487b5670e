"""Fleets without processes: rows, resumption, refusals. Workers are in test_fleet_workers.py.

One long file: its cases share one fleet, made once.
"""

from __future__ import annotations

import errno
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fleet_made import Here, made

pa = pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

from s6flow.errors import AssumptionError, FormatError, S6FlowError  # noqa: E402
from s6flow.numeric.checks.check import check_together  # noqa: E402
from s6flow.numeric.checks.nightly import short_report  # noqa: E402
from s6flow.numeric.fleet import audits, checks, flows, sources  # noqa: E402
from s6flow.numeric.fleet.pool import Failed, Lost, Task  # noqa: E402
from s6flow.numeric.fleet.report import fleet_report, write_page  # noqa: E402
from s6flow.numeric.fleet.store import Store, open_run, read_tables  # noqa: E402
from s6flow.proofs.registry import get  # noqa: E402

OPTIONS = audits.AuditOptions(shuffles=10, channels=True)


@pytest.fixture
def fleet(tmp_path: Path) -> list[str]:
    """Two runs of three snapshots, one of them damaged, and a name that would be a formula or a tag."""
    for run in ("a", "b"):
        for step in (1, 2, 3):
            made(tmp_path / "in" / run / f"step-{step}.safetensors", 5, rates=0.5**step)
    broken = tmp_path / "in" / "b" / "step-2.safetensors"
    broken.write_bytes(broken.read_bytes()[:-7])
    made(tmp_path / "in" / "=<script>.safetensors", 9)
    return [str(tmp_path / "in")]


def _run(words: list[str], out: Path, pool: Any = None, options: audits.AuditOptions = OPTIONS) -> dict[str, int]:
    listed = list(sources.expand(words))
    with open_run(out, "audit", audits.as_options(options), audits.tables(options), lambda: "code") as store:
        return audits.audit_all(listed, store, pool or Here(), options)


def _tables(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table, sorted, without what a clock says."""
    found = {}
    for table in audits.tables(OPTIONS):
        rows = read_tables(Store(out, audits.tables(OPTIONS)).parts(table)).to_pylist()
        for row in rows:
            row.pop("seconds", None)
        found[table] = sorted(
            rows,
            key=lambda row: (row["source"], row.get("position") or 0, row.get("layer") or "", row.get("channel") or 0),
        )
    return found


def test_every_checkpoint_is_a_row_and_a_broken_one_says_why(fleet: list[str], tmp_path: Path) -> None:
    from s6flow.numeric.audit import audit

    found = _run(fleet, tmp_path / "out")
    assert {key: count for key, count in found.items() if count} == {"audited": 6, "broken": 1}
    rows = _tables(tmp_path / "out")
    assert len(rows["checkpoints"]) == 7
    assert len(rows["layers"]) == 6
    assert len(rows["channels"]) == 6 * 8
    (bad,) = (row for row in rows["checkpoints"] if row["status"] == "broken")
    assert bad["source"].endswith("b/step-2.safetensors")
    assert bad["reason"].startswith("FormatError: ")
    # a row says what the audit of that checkpoint says
    layer = rows["layers"][-1]
    own = audit(layer["source"], shuffles=10)
    assert layer["mu_negative_fraction"] == own.layers[0].control.fraction
    assert layer["half_life_median"] == own.health.layers[0].numbers["half_life_median"]
    assert layer["verdicts"] == [row.name for row in own.health.layers[0].verdicts]
    channels = [row["mu"] for row in rows["channels"] if row["identity"] == layer["identity"]]
    assert channels == own.layers[0].numbers("mu").tolist()
    counted = own.totals("scenario_positive")
    assert {word: layer[f"positive_{word.replace(' ', '_')}"] for word in counted} == counted


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_killed_run_goes_on_and_counts_nothing_twice(
    after: int, fleet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    monkeypatch.setattr(audits, "batches", lambda left: sources.batches(left, 2))
    _run(fleet, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _run(fleet, tmp_path / "out", Here(after))
    # a kill between the tables of a part leaves the first ones
    orphan = tmp_path / "out" / "layers" / "orphan.parquet"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(next((tmp_path / "whole" / "layers").glob("*.parquet")).read_bytes())
    (tmp_path / "out" / "layers" / ".s6flow-half.parquet").write_bytes(b"half")
    second = Here()
    _run(fleet, tmp_path / "out", second)
    assert second.called == 4 - after
    assert _tables(tmp_path / "out") == _tables(tmp_path / "whole")
    assert not list((tmp_path / "out").rglob(".s6flow-*"))
    assert not orphan.exists()
    third = Here()
    _run(fleet, tmp_path / "out", third)
    assert third.called == 0


def test_a_full_disk_is_one_line_and_tears_nothing(
    fleet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "batches", lambda left: sources.batches(left, 2))
    _run(fleet, tmp_path / "whole")
    real, left = Path.write_bytes, [7]  # run.json, two parts of three tables; then the disk is full

    def full(self: Path, data: Any) -> int:
        if left[0] == 0:
            real(self, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        return real(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(FormatError, match="No space left") as said:
            _run(fleet, tmp_path / "out")
    assert "\n" not in str(said.value)
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 4
    _run(fleet, tmp_path / "out")
    assert _tables(tmp_path / "out") == _tables(tmp_path / "whole")


def test_retry_takes_up_what_was_not_audited_alone(fleet: list[str], tmp_path: Path) -> None:
    _run(fleet, tmp_path / "out")
    with open_run(
        tmp_path / "out", "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"
    ) as store:
        assert audits.forget(store) == 1
        assert len(audits.done(store)) == 6
    assert _run(fleet, tmp_path / "out")["broken"] == 1
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 7


def test_a_checkpoint_that_changes_meanwhile_is_no_audit(fleet: list[str], tmp_path: Path) -> None:
    listed = list(sources.expand(fleet))
    made(Path(listed[1].name), 77, layers=2)
    with open_run(
        tmp_path / "out", "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"
    ) as store:
        assert audits.audit_all(listed, store, Here(), OPTIONS)["changed"] == 1
    assert _run(fleet, tmp_path / "out")["audited"] == 1  # under its new identity
    assert fleet_report(tmp_path / "out").statuses["changed"] == 0


class _Deadly(Here):
    """A batch with `name` in it ends every worker."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.lost = name, list[int]()

    def results(self, function: Callable[..., Any], tasks: Any) -> Any:
        for task in tasks:
            if any(self.name in source.name for source in task.arguments[0]):
                self.lost.append(len(task.arguments[0]))
                yield task, Lost("ended every worker that it was given to, 2 in all")
            else:
                yield task, function(*task.arguments)


def test_what_ends_its_workers_is_found_and_the_others_of_its_batch_are_audited(
    fleet: list[str], tmp_path: Path
) -> None:
    pool = _Deadly("a/step-2")
    found = _run(fleet, tmp_path / "out", pool)
    assert (found["killed"], found["audited"], found["broken"]) == (1, 5, 1)
    assert pool.lost == [7, 1]
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 7


def test_a_folder_holds_one_kind_of_run(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(fleet, out)
    for options in (audits.AuditOptions(context=99, shuffles=10, channels=True), audits.AuditOptions(shuffles=10)):
        with pytest.raises(FormatError, match="Choose another --out") as said:
            _run(fleet, out, options=options)
        assert "\n" not in str(said.value)
    with pytest.raises(FormatError, match="fleet flow"), open_run(out, "flow", {}, ("flows",), lambda: "code"):
        pass
    with pytest.raises(FormatError, match="other code"), open_run(out, "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "new"):  # fmt: skip
        pass
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with (
        pytest.raises(FormatError, match=r"thesis\.tex"),
        open_run(tmp_path / "mine", "flow", {}, ("flows",), lambda: ""),
    ):
        pass
    with pytest.raises(FormatError, match="can be written"), open_run(tmp_path / "mine" / "thesis.tex", "flow", {}, ("flows",), lambda: ""):  # fmt: skip
        pass
    with open_run(out, "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"):  # noqa: SIM117
        with pytest.raises(FormatError, match="one run at a time"):
            _run(fleet, out)


def test_the_page_ranks_compares_and_trends(fleet: list[str], tmp_path: Path) -> None:
    _run(fleet, tmp_path / "out")
    found = fleet_report(tmp_path / "out")
    assert [run.steps for run in found.runs] == [[1, 2, 3], [1, 3]]
    lives = found.runs[0].numbers["half_life_median"]
    assert np.allclose(np.array(lives[1:]) / np.array(lives[:-1]), 2, rtol=1e-5)  # rates halve from step to step
    assert found.runs[0].line("half_life_median").count(",") == 3
    grades = [("critical", "warning", "healthy").index(row["severity"]) for row in found.ranked]
    assert grades == sorted(grades)
    assert len(found.ranked) == 6
    assert sum(found.families.values()) == 6
    page = write_page(found, tmp_path / "page.html").read_text()
    assert "&lt;script&gt;.safetensors" in page
    assert "<script" not in page
    assert "step-2.safetensors" in page
    assert page.count("<polyline") >= 11


def test_a_report_needs_a_run(tmp_path: Path) -> None:
    for text in (None, "[]", "{", '{"schema": "s6flow-fleet/1"}'):
        if text is not None:
            (tmp_path / "run.json").write_text(text)
        with pytest.raises(FormatError, match=r"run\.json"):
            fleet_report(tmp_path)


CHECKED = checks.CheckOptions(examples=101, shards=4, seed=3, backends=("numpy", "flint"), integrator="numpy")


def _check(
    out: Path, options: checks.CheckOptions = CHECKED, pool: Any = None, key: str = "cone-equilibria"
) -> dict[str, Any]:
    with open_run(out, "check", options.as_json(), (checks.SHARDS,), lambda: "code", ".json") as store:
        assert checks.check_all([key], store, pool or Here(), options) == {}
    _, report = checks.write_report(out)
    return next(row for row in report["theorems"] if row["id"] == key)


KEY = "affine-phase-line"  # letters alone, and channels of trained weights among its examples


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("processor_seconds",)}


def test_a_check_is_the_same_whatever_kills_it_and_in_whatever_order(tmp_path: Path) -> None:
    class Backwards(Here):
        def results(self, function: Any, tasks: Any, gpu: bool = False) -> Any:
            return super().results(function, reversed(list(tasks)))

    whole = _check(tmp_path / "whole", pool=Backwards(), key=KEY)
    with pytest.raises(KeyboardInterrupt):
        _check(tmp_path / "out", pool=Here(2), key=KEY)
    (part,) = checks.write_report(tmp_path / "out")[1]["theorems"]  # of the first two shards, and it says so
    assert part["drawn"] == part["backends"]["numpy"]["examples"] - part["backends"]["numpy"]["real"] == 51
    assert checks.unfinished(checks.write_report(tmp_path / "out")[1]) == [KEY]
    (tmp_path / "out" / "shards" / f"{KEY}.000000.json").rename(tmp_path / "first")
    assert checks.write_report(tmp_path / "out")[1]["theorems"] == []  # no verdict without the first one
    (tmp_path / "first").rename(tmp_path / "out" / "shards" / f"{KEY}.000000.json")
    second = Here()
    assert _measured(_check(tmp_path / "out", pool=second, key=KEY)) == _measured(whole)
    assert second.called == 2
    # a row that was edited by hand is computed again
    path = next((tmp_path / "out" / "shards").glob(f"{KEY}.000001.json"))
    path.write_text(path.read_text().replace('"undecided": 0', '"undecided": 5', 1))
    third = Here()
    assert _measured(_check(tmp_path / "out", pool=third, key=KEY)) == _measured(whole)
    assert third.called == 1


def test_the_fastest_backend_is_one_a_theorem(tmp_path: Path) -> None:
    fastest = {
        integrator: {
            key: checks.judging(get(key), checks.CheckOptions(40, 2, 1, (checks.FASTEST,), integrator))
            for key in ("scaling", "radial", "slow-log-rate")
        }
        for integrator in ("triton", "numba")
    }
    assert fastest["numba"] == {key: ["numpy"] for key in ("scaling", "radial", "slow-log-rate")}
    assert fastest["triton"] == {"scaling": ["torch"], "radial": ["numpy"], "slow-log-rate": ["numpy"]}
    with_numpy = checks.CheckOptions(40, 2, 1, ("numpy",), "numpy")
    row = _check(tmp_path / "out", checks.CheckOptions(40, 2, 1, (checks.FASTEST,), "numpy"), key="stationary")
    assert _measured(row) == _measured(_check(tmp_path / "numpy", with_numpy, key="stationary"))


def test_a_gpu_judges_where_there_is_one_and_what_does_not_fit_is_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    expected, sent = check_together("stationary", ["torch"], 40, 1)[0], list[int]()

    def cuda(tensor: Any) -> Any:
        sent.append(tensor.numel())
        if len(sent) > 12:
            raise torch.OutOfMemoryError("as a device says it")
        return tensor

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "cuda", cuda)
    found = check_together("stationary", ["torch"], 40, 1)[0]
    assert len(sent) > 12
    assert {**found.as_json(), "seconds": 0} == {**expected.as_json(), "seconds": 0}


def test_shards_add_up_and_the_worst_system_is_found_again(tmp_path: Path) -> None:
    from s6flow.numeric.checks.engines import engine
    from s6flow.numeric.checks.examples import examples_of
    from s6flow.numeric.checks.judge import judge_data, observe

    row = _check(tmp_path / "out", key=KEY)["backends"]["numpy"]
    theorem, counts = get(KEY), [26, 25, 25, 25]
    parts = [
        check_together(theorem, ["numpy"], count, checks.shard_seed(3, shard), shard == 0, "numpy", shard == 0)[0]
        for shard, count in enumerate(counts)
    ]
    assert row["examples"] == sum(part.examples for part in parts)
    assert row["real"] == parts[0].real
    assert row["margin"] == min(part.margin for part in parts)
    assert [one["margin"] for one in row["worst"]] == sorted(part.margin for part in parts)
    shard, batch = row["place"][0].split("/")
    number = int(shard)
    drawn = dict(
        examples_of(theorem, engine("numpy"), counts[number], checks.shard_seed(3, number), number == 0, number == 0)
    )
    judged = judge_data(theorem, drawn[batch], observed=observe(theorem, drawn[batch]))
    assert judged.margins[row["place"][1]] == row["margin"]


def test_one_violated_shard_violates_the_whole(tmp_path: Path) -> None:
    with open_run(tmp_path / "out", "check", CHECKED.as_json(), (checks.SHARDS,), lambda: "code", ".json") as store:
        checks.check_all([KEY], store, Here(), CHECKED)
        path = store.path(checks.SHARDS, f"{KEY}.000002")
        row = json.loads(path.read_text())
        row["backends"]["numpy"] |= {"margin": -0.5}
        path.write_text(json.dumps({**row, "seal": checks.seal(row)}))
    _, report = checks.write_report(tmp_path / "out")
    assert report["theorems"][0]["backends"]["numpy"]["verdict"] == "VIOLATED"
    assert report["theorems"][0]["backends"]["numpy"]["place"][0].startswith("2/")
    assert "where" in report["theorems"][0]["backends"]["numpy"]
    assert checks.failed(report) == [KEY]


def test_first_shards_come_first_and_then_the_cheapest_theorem() -> None:
    left = {"dear": deque([0, 1, 2]), "cheap": deque([0, 1]), "begun": deque([3])}
    cost = {"begun": 5.0}
    taken = checks._in_turn(left, cost)
    assert [next(taken), next(taken)] == [("dear", 0), ("cheap", 0)]
    cost |= {"dear": 9.0, "cheap": 1.0}
    assert list(taken) == [("cheap", 1), ("begun", 3), ("dear", 1), ("dear", 2)]


def test_no_shard_is_empty_and_seeds_differ() -> None:
    assert (checks.shards(10**6), checks.shards(10), checks.shards(3, 8), checks.shards(8, 3)) == (50, 1, 3, 3)
    assert len({checks.shard_seed(1, shard) for shard in range(1000)} | {checks.shard_seed(2, 0)}) == 1001
    assert short_report.__doc__


GRID = """
mu = ["m", 1.5]
a = [0.2, 4]
x0 = [1.0, "x"]
b = 1
[axes]
m = { linspace = [-1, 1, 3] }
x = { logspace = [0.5, 2, 2] }
[run]
backend = "numpy"
predict = true
"""


def _flow(grid: Path, out: Path, chunk: int = 4, pool: Any = None) -> list[dict[str, Any]]:
    found = flows.read_grid(grid)
    with open_run(out, "flow", {**found.as_json(), "chunk": chunk}, (flows.FLOWS,), lambda: "code") as store:
        flows.flow_all(found, store, pool or Here(), chunk)
        return list(read_tables(store.parts(flows.FLOWS)).to_pylist())


def test_a_grid_of_flows_is_that_of_its_flows_and_goes_on(tmp_path: Path) -> None:
    from s6flow.numeric.flow import FlowParameters, integrate

    grid = tmp_path / "grid.toml"
    grid.write_text(GRID)
    rows = _flow(grid, tmp_path / "whole")
    assert [(row["index"], row["m"], round(row["x"], 12)) for row in rows] == [
        (index, m, x) for index, (m, x) in enumerate((m, x) for m in (-1, 0, 1) for x in (0.5, 2))
    ]
    own = integrate([1.0, 0.5], FlowParameters([-1, 1.5], [0.2, 4], 1, 1, 0), log_horizon=27.6)
    assert rows[0]["blow_up_time"] == pytest.approx(float(own.blow_up_time), rel=1e-9)
    assert (rows[0]["end"], rows[0]["predicted"], rows[0]["blow_up_token"]) == ("coexistence", "coexistence", 1)
    with pytest.raises(KeyboardInterrupt):
        _flow(grid, tmp_path / "out", pool=Here(1))
    second = Here()
    assert _flow(grid, tmp_path / "out", pool=second) == rows
    assert second.called == 1
    with pytest.raises(FormatError, match="chunk"):
        _flow(grid, tmp_path / "out", chunk=5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b = 1", "b = nan"), ("b = 1", "c = 1"), ("b = 1", 'b = "q"'), ("b = 1", "b = [1]"), ("b = 1", "b = true"),
        ("a = [0.2, 4]", "a = [0.2]"), ('mu = ["m", 1.5]', "mu = 1"), ('mu = ["m", 1.5]', "mu = [1, 1.5]"),
        ("[-1, 1, 3]", "[-1, 1]"), ("[-1, 1, 3]", "[-1, 1, 0]"), ("[0.5, 2, 2]", "[0, 2, 2]"), ("predict", "predicts"),
        ('"numpy"', '"nothing"'), ("true", "1"), ("[axes]", "[axes"), ("linspace", "space"), ("[-1, 1, 3]", '["a", 1, 3]'),
    ],
)  # fmt: skip
def test_a_grid_that_is_none_is_one_line(old: str, new: str, tmp_path: Path) -> None:
    grid = tmp_path / "grid.toml"
    assert old in GRID
    grid.write_text(GRID.replace(old, new))
    with pytest.raises((FormatError, AssumptionError)) as said:
        flows.read_grid(grid)
    assert "\n" not in str(said.value)


def test_a_grid_of_any_size_is_walked_by_index() -> None:
    axes = {name: tuple(float(i) for i in range(1000)) for name in "abcd"}
    grid = flows.Grid(axes, {"mu": ["a"], "a": ["b"], "x0": ["c"], "s": "d", "b": 0.0, "floor": 0.0}, {})
    assert grid.size == 10**12
    point = grid.points(123_456_789_012, 123_456_789_013)
    assert [float(point[name][0]) for name in "abcd"] == [123, 456, 789, 12]


def test_work_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    class Broken:
        def results(self, function: Any, tasks: Any, gpu: bool = False) -> Any:
            for task in tasks:
                yield task, Failed(ModuleNotFoundError("No module named 's6flow'"))

    grid = tmp_path / "grid.toml"
    grid.write_text(GRID)
    with pytest.raises(S6FlowError, match="Install it there"):
        _flow(grid, tmp_path / "out", pool=Broken())
    with pytest.raises(FormatError, match="version"):
        flows.flow_chunk(flows.read_grid(grid), 0, 1, "0.0")
    assert Task("x", ()).name == "x"
