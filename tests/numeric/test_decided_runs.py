"""How runs on an axis and pairs end by the rules, and oracles of flows at their edges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_runs import made_result

from s6flow.errors import AssumptionError
from s6flow.numeric.audit.simulation import observed
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.flow.oracles import token_one
from s6flow.numeric.flow.pointwise import scaled_variables
from s6flow.numeric.thresholds import TOKEN_LOW
from s6flow.symbolic.ends import WORDS, End


def axis_result(slope: float = 0.0, **changes: Any) -> Any:
    x = changes.pop("final_x", np.exp(changes.pop("final_log_abs", -3.0)))
    shaped = {"status": np.int64, "settled": bool, "final_log_time": float}
    fields = {name: np.array([changes[name]], dtype=kind) for name, kind in shaped.items() if name in changes}
    fields |= {"x0": np.array([[changes.get("x0", 1.0)]]), "reached": np.array([[True, changes.get("reached", True)]])}
    return made_result([x], [np.log(np.abs([x])) - slope], **fields)


AXIS: list[tuple[dict[str, Any], list[float] | None, End]] = [
    ({"status": Status.BLOW_UP}, [1.0], End.FAST),
    ({"status": Status.OVERFLOW}, [1.0], End.EXPONENTIAL),
    ({"status": Status.STEP_LIMIT, "settled": True}, [1.0], End.UNDECIDED),
    ({"settled": True, "final_log_abs": -11.0}, [1.0], End.CONVERGENT),
    ({"settled": True, "final_x": 1.0009}, [1.0], End.ROOT),
    ({"settled": True, "final_x": 1.0011}, [1.0], End.ELSEWHERE),
    ({"settled": True, "final_x": -1.0}, [1.0], End.ELSEWHERE),
    ({"settled": True, "final_x": 1.0}, None, End.ROOT),
    ({"slope": -0.5}, [1.0], End.CONVERGENT),
    ({"slope": -0.39}, [1.0], End.UNDECIDED),
    ({"slope": -0.5}, [0.01], End.UNDECIDED),
    ({"slope": -0.5}, [-0.01], End.CONVERGENT),
    ({"slope": -0.5, "final_log_time": 7.9}, [1.0], End.UNDECIDED),
    ({"slope": -0.5, "final_log_time": 8.0}, [1.0], End.CONVERGENT),
    ({"slope": -0.5, "reached": False}, [1.0], End.UNDECIDED),
    ({"slope": -0.5}, None, End.UNDECIDED),
    ({"slope": 0.05, "final_x": np.e}, [1.0], End.SLOW),
    ({"slope": 0.05, "final_x": np.e}, [3.0], End.UNDECIDED),
    ({"slope": 0.05, "final_x": np.e}, [-3.0], End.SLOW),
    ({"slope": 0.024, "final_x": np.e}, [1.0], End.UNDECIDED),
    ({"slope": 0.101, "final_x": np.e}, [1.0], End.UNDECIDED),
    ({"slope": 0.05, "final_x": np.e, "x0": -4.0}, [1.0], End.UNDECIDED),
]


@pytest.mark.parametrize(("changes", "roots", "end"), AXIS)
def test_runs_on_an_axis_end_by_the_rules(changes: dict[str, Any], roots: list[float] | None, end: End) -> None:
    found = observed.axis_fates(axis_result(**changes), None if roots is None else np.array(roots)[:, None])
    assert found.tolist() == [WORDS[end]]


PAIRS = [
    (1.0009, 1.0, End.FAST, Status.BLOW_UP, 1, End.LIMIT), (1.0011, 1.0, End.FAST, Status.BLOW_UP, 1, End.FAST), (0.5, 1.0, End.FAST, Status.BLOW_UP, 1, End.UNDECIDED),
    (0.5, 1.0, End.LIMIT, Status.BLOW_UP, 1, End.ELSEWHERE), (0.5, 1.0, End.FAST, Status.BLOW_UP, 2, End.FAST), (0.5, 1.0, End.SLOW, Status.HORIZON, 0, End.SLOW),
    (0.5, np.nan, End.LIMIT, Status.BLOW_UP, 1, End.LIMIT), (2.0, 1.0, End.COEXISTENCE, Status.BLOW_UP, 1, End.COEXISTENCE), (-1.0, -1.0, End.LIMIT, Status.BLOW_UP, 1, End.LIMIT),
    (1.0, 1.0, End.FAST, Status.HORIZON, 1, End.FAST),
]  # fmt: skip


@pytest.mark.parametrize(("x", "root", "end", "status", "token", "wanted"), PAIRS)
def test_pairs_end_by_the_rules(
    x: float, root: float, end: End, status: Status, token: int, wanted: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed, "classify", lambda result, blur: SimpleNamespace(systems=np.array([end])))
    result = made_result([9.0, x], status=np.array([status], dtype=np.int64), blow_up_token=np.array([token]))
    assert observed.pair_fates(result, np.array([root]), np.zeros((1, 1))).tolist() == [WORDS[wanted]]


def test_an_absolute_tolerance_is_not_negative() -> None:
    params = FlowParameters([-1.0], [1.0], 1.0, 0.0, 0.0)
    for atol in (0.0, 0.5):
        assert integrate([0.5], params, times=[0.1], atol=atol).status == Status.HORIZON
    with pytest.raises(AssumptionError, match="atol must not be negative"):
        integrate([0.5], params, times=[0.1], atol=-1e-9)


def test_token_one_beyond_its_blow_up_is_refused() -> None:
    with pytest.raises(AssumptionError, match="before the blow-up"):
        token_one(1e9, 1.0, 1.0, 0.0, 0.0)
    exact = -0.5 * np.log1p(-2 * np.log(2) * 0.7)  # x' = x^3 ln 2 from 1
    assert token_one(0.7, 1.0, 1.0, 0.0, 0.0) == pytest.approx(exact, abs=1e-11)


def test_token_one_at_its_edges() -> None:
    assert token_one(1.0, 0.0, 1.0, 1.0, 0.0) == -np.inf
    assert token_one(1.0, -2.0, 0.0, 1.0, 0.0) == pytest.approx(np.log(2.0))
    with pytest.raises(AssumptionError, match="t must be positive"):
        token_one(0.0, 1.0, 1.0, 1.0, 0.0)
    for t in (1e-13, 1e-9, 0.1, 1.0):  # s = 0: x^-2 = x0^-2 - 2 mu Delta t
        delta = np.log(2.0) + 0.3
        for mu in (-0.7, 0.05):
            exact = -0.5 * np.log(0.25 - 2 * mu * delta * t)
            assert token_one(t, -2.0, mu, 0.0, 0.0, 0.3) == pytest.approx(exact, abs=1e-13)
            moved = -0.5 * np.log1p(-8 * mu * delta * t)
            assert token_one(t, -2.0, mu, 0.0, 0.0, 0.3) - np.log(2.0) == pytest.approx(
                moved, rel=1e-5 if t > 1e-10 else 0.02
            )


def test_scaled_variables_are_theory_4() -> None:
    params = FlowParameters([[2.0, -0.5], [-3.0, 1.0]], [[1.0, 2.0]] * 2, [-2.0, 4.0], [0.1, 0.2], [0.0, 0.3])
    x, scaled, unit = scaled_variables([[1.0, -2.0], [3.0, 0.5]], params)
    np.testing.assert_allclose(x, [[2.0, -4.0], [12.0, 2.0]])
    np.testing.assert_allclose(scaled.mu, [[4 / 3, -1 / 3], [-1.5, 0.5]])
    np.testing.assert_allclose(scaled.s, [-1.0, 1.0])
    np.testing.assert_allclose(unit, [1.5 / 4, 2 / 16])
    for mu, s in (([1.0, -1.0], 1.0), ([1.0, 1.0], 0.0)):
        with pytest.raises(AssumptionError, match="s != 0 and mu != 0"):
            scaled_variables([1.0], FlowParameters(mu, [1.0, 2.0], s, 0.0, 0.0))


def test_the_least_of_silu_is_its_minimum() -> None:
    y = np.linspace(-1.3, -1.25, 100_001)
    assert pytest.approx(float((y / (1 + np.exp(-y))).min()), abs=1e-11) == TOKEN_LOW
