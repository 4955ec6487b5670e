"""Checks in shards: the same whatever kills them and in whatever order, and their worst system found again."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fleet_made import Here

pa = pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

from s6flow.cli import main  # noqa: E402
from s6flow.numeric.checks.check import check_together  # noqa: E402
from s6flow.numeric.checks.nightly import short_report  # noqa: E402
from s6flow.numeric.fleet import checks  # noqa: E402
from s6flow.numeric.fleet.store import open_run  # noqa: E402
from s6flow.proofs.checked import checked  # noqa: E402
from s6flow.proofs.registry import get  # noqa: E402

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
    taken = checks.in_turn(left, cost)
    assert [next(taken), next(taken)] == [("dear", 0), ("cheap", 0)]
    cost |= {"dear": 9.0, "cheap": 1.0}
    assert list(taken) == [("cheap", 1), ("begun", 3), ("dear", 1), ("dear", 2)]


def test_no_shard_is_empty_and_seeds_differ() -> None:
    assert (checks.shards(10**6), checks.shards(10), checks.shards(3, 8), checks.shards(8, 3)) == (50, 1, 3, 3)
    assert len({checks.shard_seed(1, shard) for shard in range(1000)} | {checks.shard_seed(2, 0)}) == 1001
    assert short_report.__doc__


def test_a_bad_witness_is_refused_before_workers_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = replace(checked(KEY), witness={"x0": [0.0, None]})
    monkeypatch.setattr("s6flow.proofs.checked.checked", lambda key: bad)
    with pytest.raises(SystemExit) as stop:
        main(["fleet", "check", KEY, "--examples", "1", "--integrator", "numpy", "--out", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, (tmp_path / "out").exists()) == (1, "", False)
    assert f"at {KEY}: witness" in err
    assert err.strip().count("\n") == 0
