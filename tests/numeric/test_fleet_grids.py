"""Grids of flows by index, and work that cannot be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fleet_made import Here

pa = pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

from s6flow.errors import AssumptionError, FormatError, S6FlowError  # noqa: E402
from s6flow.numeric.fleet import flows  # noqa: E402
from s6flow.numeric.fleet.pool import Failed, Task  # noqa: E402
from s6flow.numeric.fleet.store import open_run, read_tables  # noqa: E402

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
