"""What the fused integrator does at its limits, as far as no GPU is needed to see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.errors import DeviceMemoryError, FormatError, MissingDependencyError
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.flow.backends.numpy import driver
from s6flow.numeric.flow.problem import Problem, Run

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
from s6flow.numeric.flow.backends.triton import backend as flow  # noqa: E402
from s6flow.numeric.flow.backends.triton import fused  # noqa: E402
from s6flow.symbolic.codegen.triton import runtime as triton_runtime  # noqa: E402

X0 = np.random.default_rng(0).standard_normal((10, 3))
PARAMS = FlowParameters(mu=[-1.0], a=[1.0], s=1.0, b=0.0)


def test_out_of_memory_halves_the_batch_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts: list[slice] = []

    def part(problem: Problem, rows: slice, *_: Any) -> slice:
        if rows.stop - rows.start > 3:
            raise torch.cuda.OutOfMemoryError
        return rows

    def run(rows: slice, _: Any, problem: Problem, *__: Any) -> Run:
        parts.append(rows)
        found = Run.empty(rows.stop - rows.start, len(problem.targets), X0.shape[1])
        found.status[:] = Status.HORIZON
        return found

    monkeypatch.setattr(flow, "require_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(flow, "device_run", part)
    monkeypatch.setattr(flow, "host_run", run)
    assert (integrate(X0, PARAMS, backend=flow.solve).status == Status.HORIZON).all()
    assert [(rows.start, rows.stop) for rows in parts] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert capsys.readouterr().err.count("out of device memory, going on with batches of") == 2


def test_one_system_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(flow, "require_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(flow, "device_run", part)
    with pytest.raises(DeviceMemoryError, match="must fit the GPU's memory"):
        integrate(X0, PARAMS, backend=flow.solve)


@pytest.mark.parametrize(
    ("precision", "rtol", "in_log_time"), [("float64", 1e-9, 4), ("float32", 1e-4, 4), ("float32", 1e-6, 0)]
)
def test_decaying_systems_go_in_log_time_and_all_return_to_their_places(
    monkeypatch: pytest.MonkeyPatch, precision: str, rtol: float, in_log_time: int
) -> None:
    mu = np.where(np.arange(10)[:, None] % 3 == 0, [[-1.0, 0.0]], [[-1.0, 0.5]])
    mixed = FlowParameters(mu=mu, a=[1.0, 2.0], s=1.0, b=0.0)
    clocks: dict[str, int] = {}

    def part(problem: Problem, rows: slice, *rest: Any) -> Any:
        clocks[rest[-1]] = rows.stop - rows.start
        assert ((problem.arrays["mu"] <= 0).all(axis=1) == (rest[-1] == "log")).all() or not in_log_time
        return problem.start[rows]

    def run(rows: slice, start: Any, problem: Problem, *_: Any) -> Run:
        found = Run.empty(len(start), len(problem.targets), start.shape[1])
        found.end[:] = start
        return found

    def solve(problem: Problem) -> Run:
        found = flow.on_device(problem, precision)
        assert np.array_equal(found.end, problem.start)
        return found

    monkeypatch.setattr(flow, "require_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(flow, "device_run", part)
    monkeypatch.setattr(flow, "host_run", run)
    integrate(X0, mixed, rtol=rtol, backend=solve)
    assert clocks == {clock: count for clock, count in (("work", 10 - in_log_time), ("log", in_log_time)) if count}


def test_what_the_device_gives_up_the_cpu_carries_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [2, 5, 7]

    def on_device(problem: Problem, *_: Any) -> Run:
        run = driver.solve(problem)
        run.status[lost] = (Status.STEP_LIMIT, Status.UNDERFLOW, Status.OVERFLOW)
        run.end[lost] = np.nan
        return run

    monkeypatch.setattr(flow, "on_device", on_device)
    got, exact = (integrate(X0, PARAMS, times=[1.0], backend=name) for name in (flow.solve, "numpy"))
    assert (got.status == exact.status).all()
    assert np.array_equal(got.final_log_abs, exact.final_log_abs)
    assert np.array_equal(got.log_abs, exact.log_abs)


@pytest.mark.parametrize(
    ("precision", "rtol", "runs"), [("float32", 1e-6, 3), ("float32", 1e-4, 1), ("float64", 1e-6, 1)]
)
def test_float32_runs_that_disagree_run_again_in_float64(
    monkeypatch: pytest.MonkeyPatch, precision: str, rtol: float, runs: int
) -> None:
    drawn = np.random.default_rng(1)
    flow_of = FlowParameters(mu=drawn.choice([-1.0, 1.0], (10, 1)), a=[1.0], s=1.0, b=0.0)
    calls: list[tuple[str, float, int]] = []

    def on_device(problem: Problem, precision: str = "float64", *_: Any) -> Run:
        calls.append((precision, problem.rtol, len(problem.start)))
        run = driver.solve(problem)
        if len(calls) == 2:  # what the second run disagrees in, but for system 4
            run.status[1] += 1
            run.states[3] += 50 * rtol
            run.states[4] += 5 * rtol
            run.states[5] = np.nan
            run.reached[6] = ~run.reached[6]
            run.end_log_time[run.status == Status.BLOW_UP] += 50 * rtol
        return run

    monkeypatch.setattr(flow, "on_device", on_device)

    def solve(problem: Problem) -> Run:
        run, again = flow.complete(problem, on_device(problem, precision), precision)
        assert again == {"float64": calls[2][2] if runs == 3 else 0, "cpu": 0}
        return run

    result = integrate(X0, flow_of, times=[1e-2, 3.0], rtol=rtol, backend=solve)
    assert len(calls) == runs
    blown = result.status == Status.BLOW_UP
    assert 0 < blown.sum() < 8
    if runs == 3:
        again = set(np.flatnonzero(blown)) | {1, 3, 5, 6}
        assert calls == [(precision, rtol, 10), (precision, 2 * rtol, 10), ("float64", rtol / 1000, len(again))]
        exact = integrate(X0, flow_of, times=[1e-2, 3.0], rtol=rtol / 1000)
        same = (result.log_abs.filled(0) == exact.log_abs.filled(0)).all(axis=(1, 2))
        assert set(np.flatnonzero(same)) == again


def test_an_old_gpu_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old card")
    with pytest.raises(MissingDependencyError, match=r"7\.0; got 6\.1.*an old card.*--device cpu"):
        triton_runtime.require_device()


def test_systems_that_do_not_fit_registers_are_refused_and_the_others_tiled() -> None:
    with pytest.raises(FormatError, match="4096"):
        fused.tile_of(5000, "float32")
    for tokens in (1, 3, 33, 100, 1000, 4096):
        for precision in ("float32", "float64"):
            tile = fused.tile_of(tokens, precision)
            assert tokens <= tile.lanes * tile.per_lane
            assert tile.warps * 32 >= tile.systems * tile.lanes
