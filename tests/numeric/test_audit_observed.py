"""How a simulated run ended, on planted runs: roots ahead, several tokens, and runs that lie on a threshold itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.audit.simulation import observed
from s6flow.numeric.flow import FlowResult
from s6flow.numeric.flow.fates import Fates
from s6flow.numeric.flow.problem import Run, Status
from s6flow.numeric.thresholds import GROWN, MOVE, SMALL
from s6flow.symbolic.ends import End, word


def made(kind: type, **values: Any) -> Any:
    """An instance of a class, of which only these attributes are set."""
    held = {name: staticmethod(value) if callable(value) else value for name, value in values.items()}
    return object.__new__(type(kind.__name__, (kind,), held))


def ended(late: Any, roots: Any, x: Any = None, **changes: Any) -> str:
    """The end of a run at ln t = 600, given ln|x| of its tokens (last axis) a unit of ln t before the end, and there."""
    late = np.array(late, dtype=float)[None]
    size = late[:, -1, :]
    known = {
        "final_log_abs": size, "settled": np.zeros(1, bool), "log_abs": late, "status": np.full(1, Status.HORIZON),
        "reached": np.ones((1, 2), bool), "final_log_time": np.array([600.0]), "x0": np.full(size.shape, 0.1),
        "final_x": np.exp(size) if x is None else np.array([[x]]),
    }  # fmt: skip
    roots = None if roots is None else np.array(roots, dtype=float)[:, None]
    return str(observed.axis_fates(made(FlowResult, **{**known, **changes}), roots)[0])  # type: ignore[arg-type]


GROWS, DECAYS, RESTS = [[-1 / 600], [0.0]], [[0.5], [0.0]], {"settled": np.ones(1, bool)}
NAN = float("nan")


@pytest.mark.parametrize(
    ("late", "roots", "changes", "end"),
    [
        (GROWS, [NAN, NAN], {}, End.SLOW), (GROWS, [2.0, NAN], {}, End.UNDECIDED), (GROWS, [NAN, 2.0], {}, End.UNDECIDED),
        (GROWS, [0.5, NAN], {}, End.SLOW), (GROWS, [-2.0, NAN], {}, End.SLOW), (GROWS, [-2.0, 2.0], {}, End.UNDECIDED), (GROWS, None, {}, End.UNDECIDED),
        (DECAYS, [NAN, NAN], {}, End.CONVERGENT), (DECAYS, [0.5, NAN], {}, End.UNDECIDED), (DECAYS, [NAN, 0.5], {}, End.UNDECIDED), (DECAYS, [2.0, NAN], {}, End.CONVERGENT),
        (DECAYS, [-0.5, NAN], {}, End.CONVERGENT), (DECAYS, [0.0, NAN], {}, End.CONVERGENT), (DECAYS, [1.0, NAN], {}, End.CONVERGENT), (DECAYS, None, {}, End.UNDECIDED),
        ([[0.0], [-11.0]], None, {"settled": np.ones(1, bool), "status": np.full(1, Status.STEP_LIMIT)}, End.UNDECIDED),
        ([[-10.7], [-11.0]], [NAN], {}, End.UNDECIDED),  # smaller than what is gone, and not at rest
        ([[9.0], [0.5], [0.0]], [NAN], {}, End.CONVERGENT), ([[9.0], [0.1], [0.0]], [NAN], {}, End.UNDECIDED),  # the last unit of ln t alone counts
        (GROWS, [NAN], {"x0": np.ones((1, 1))}, End.UNDECIDED), (GROWS, [NAN], {"x0": np.full((1, 1), 1 - 1e-9)}, End.SLOW),  # grown, since its start
        (GROWS, [NAN], {"status": np.full(1, Status.STEP_LIMIT)}, End.UNDECIDED), (GROWS, [NAN], {"reached": np.array([[True, False]])}, End.UNDECIDED),
        ([[0.0], [0.0]], [1000 / 1001], RESTS, End.ROOT), ([[0.0], [0.0]], [NAN, 1.0], RESTS, End.ROOT), ([[0.0], [0.0]], [1.1, NAN], RESTS, End.ELSEWHERE), ([[0.0], [0.0]], None, RESTS, End.ROOT),
    ],
)  # fmt: skip
def test_a_root_ahead_holds_an_end_open(late: Any, roots: Any, changes: dict[str, Any], end: End) -> None:
    assert ended(late, roots, **changes) == word(end)


@pytest.mark.parametrize(
    ("late", "roots", "changes", "end"),
    [
        ([[0.5, 0.5], [0.0, 0.0]], [NAN], {}, End.CONVERGENT), ([[0.5, 0.1], [0.0, 0.0]], [NAN], {}, End.UNDECIDED), ([[0.1, 0.5], [0.0, 0.0]], [NAN], {}, End.UNDECIDED),
        ([[-1 / 600, -1 / 600], [0.0, 0.0]], [NAN], {}, End.SLOW), ([[-1 / 600, 0.0], [0.0, 0.0]], [NAN], {}, End.UNDECIDED), ([[0.0, -1 / 600], [0.0, 0.0]], [NAN], {}, End.UNDECIDED),
        ([[-1 / 600, -1 / 600], [0.0, 0.0]], [NAN], {"x0": np.array([[0.1, 2.0]])}, End.UNDECIDED),
        ([[0.0, 0.0], [-11.0, -11.0]], None, RESTS, End.CONVERGENT), ([[0.0, 0.0], [-11.0, -9.0]], None, RESTS, End.ROOT), ([[0.0, 0.0], [-9.0, -11.0]], None, RESTS, End.ROOT),
    ],
)  # fmt: skip
def test_an_end_is_that_of_all_tokens(late: Any, roots: Any, changes: dict[str, Any], end: End) -> None:
    assert ended(late, roots, **changes) == word(end)


@pytest.mark.parametrize(
    ("seen", "x", "end"),
    [
        (End.FAST, 1001.0, End.LIMIT), (End.FAST, 999.0, End.LIMIT), (End.FAST, 1001.1, End.FAST), (End.FAST, 998.9, End.UNDECIDED),
        (End.LIMIT, 500.0, End.ELSEWHERE), (End.LIMIT, 1000.0, End.LIMIT), (End.COEXISTENCE, 500.0, End.COEXISTENCE), (End.COEXISTENCE, 1000.5, End.LIMIT),
    ],
)  # fmt: skip
def test_a_follower_is_at_a_root_within_a_thousandth(
    monkeypatch: pytest.MonkeyPatch, seen: End, x: float, end: End
) -> None:
    monkeypatch.setattr(observed, "classify", lambda *_: made(Fates, systems=np.array([seen])))
    result = made(
        FlowResult, final_x=np.array([[0.0, x]]), status=np.array([Status.BLOW_UP]), blow_up_token=np.array([1])
    )
    blur = np.zeros((1, 1))
    assert observed.pair_fates(result, np.array([1000.0]), blur).tolist() == [word(end)]  # type: ignore[arg-type]
    assert observed.pair_fates(result, np.array([NAN]), blur).tolist() == [word(seen)]  # type: ignore[arg-type]


def test_whole_layers_on_a_threshold_itself() -> None:
    """Gone, at rest and grown mean beyond it: each run lies exactly there, and one unit in the last place within."""

    def at(size: float) -> float:
        near = np.arcsinh(size) + np.arange(-400, 401) * 2.0**-60
        return float(near[np.flatnonzero(np.sinh(near) == size)[0]])

    run = Run.empty(3, 1, 1)
    run.status[:], run.log_pace[:] = Status.HORIZON, 1.0
    run.end[:, 0] = at(SMALL), 1.0, 1.0
    run.log_pace[1] = np.log(MOVE)
    start = np.array([1.0, 1.0, np.sinh(1.0) / GROWN])
    assert GROWN * start[2] == np.sinh(1.0)
    expected = {"converged": 0, "diverged": 0, "settled_elsewhere": 0, "undecided": 3, "undecided_but_grown": 0}
    assert observed.layer_fates(run, start) == expected
    run.end[0], run.log_pace[1], start[2] = (
        np.nextafter(at(SMALL), 0) - 1e-16,
        np.nextafter(np.log(MOVE), -9),
        start[2] * (1 - 1e-15),
    )
    expected |= {"converged": 1, "settled_elsewhere": 1, "undecided": 1, "undecided_but_grown": 1}
    assert observed.layer_fates(run, start) == expected
