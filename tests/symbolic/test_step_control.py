"""The rules of the step control: the same decisions in every language, on either side of every threshold."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.integrate import DOP853

from s6flow.errors import CodegenError
from s6flow.numeric.flow.problem import Status
from s6flow.numeric.flow.step_control import DRIVER, PRECISIONS, RUNNING, in_log_time, load_rules, rules_text
from s6flow.numeric.flow.tableau import PAIRS
from s6flow.symbolic import codegen
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen.scalars import SCALARS, print_rules
from s6flow.symbolic.step_control import RULES

PAIR = PAIRS["DOP853"]
BOOLEAN = {"finite", "good", "rejected", "due", "still", "finished", "exploded", "rested", "lost", "tired"}
COUNTS = {"resting", "short"}


@pytest.fixture(scope="module")
def rules() -> ModuleType:
    return load_rules("numpy", DRIVER, PAIR)


def _drawn(name: str, count: int = 4000) -> dict[str, np.ndarray]:
    """Arguments of a rule: of all sizes, with infinities and NaN, and often equal to each other or near 1."""
    rng = np.random.default_rng(sum(map(ord, name)))
    values = {}
    for argument in inspect.signature(getattr(load_rules("numpy", DRIVER, PAIR), name)).parameters:
        if argument in BOOLEAN:
            values[argument] = rng.random(count) < 0.5
        elif argument in COUNTS:
            values[argument] = rng.integers(-30, 40, count)
        else:
            value = np.where(rng.random(count) < 0.5, 1.0, 10.0 ** rng.uniform(-20, 20, count))
            value[rng.random(count) < 0.05] = np.nan
            value[rng.random(count) < 0.05] = np.inf
            values[argument] = value
    return values


def _scalar_rules() -> ModuleType:
    numba = pytest.importorskip("numba")
    from s6flow.symbolic.codegen.numba import runtime

    module = ModuleType("rules")
    vars(module).update(math=__import__("math"), np=np, njit=numba.njit, rt=runtime)
    exec(rules_text("numba", DRIVER, PAIR), vars(module))
    return module


@pytest.mark.parametrize("name", [*RULES, "error_norm"])
def test_numba_and_torch_decide_as_numpy_does(name: str, rules: ModuleType) -> None:
    torch = pytest.importorskip("torch")
    values = _drawn(name)
    with np.errstate(all="ignore"):
        expected = getattr(rules, name)(*values.values())
    in_torch = getattr(load_rules("torch", DRIVER, PAIR), name)(*map(torch.as_tensor, values.values()))
    looped = _vectorised(getattr(_scalar_rules(), name), values)
    for got in (in_torch, looped):
        for one, other in zip(_tuple(got), _tuple(expected), strict=True):
            np.testing.assert_allclose(np.asarray(one, float), np.asarray(other, float), rtol=1e-14, atol=1e-300)


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _vectorised(function: Callable[..., Any], values: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    rows = [_tuple(function(*row)) for row in zip(*(value.tolist() for value in values.values()), strict=True)]
    return tuple(np.array(column, dtype=float) for column in zip(*rows, strict=True))


def test_a_step_is_accepted_up_to_the_tolerance(rules: ModuleType) -> None:
    error = np.array([0.0, 1.0, np.nextafter(1.0, 2.0), np.inf, np.nan])
    finite = rules.is_finite(error, np.zeros(5))
    assert finite.tolist() == [True, True, True, False, False]
    assert not rules.is_finite(np.zeros(3), np.array([np.inf, -np.inf, np.nan])).any()
    good = rules.is_good(error, finite)
    assert good.tolist() == [True, True, False, False, False]
    factor = rules.step_factor(error, finite, good, np.zeros(5, bool))
    np.testing.assert_allclose(factor, [DRIVER.largest_factor, DRIVER.safety, DRIVER.safety, 0.2, 0.2])
    assert rules.step_factor(0.0, True, True, True) == 1.0, "no step grows behind a rejected one"
    assert rules.grown(1.0, 10.0) == 10.0
    assert rules.grown(4.0, 10.0) == DRIVER.longest_step


def test_the_error_norm_is_that_of_scipy_and_does_not_vanish_by_accident(rules: ModuleType) -> None:
    rng = np.random.default_rng(0)
    slopes, scale, h = rng.standard_normal((PAIR.last + 1, 1)), np.ones(1), 0.3
    fifth, third = (abs(getattr(DOP853, name) @ slopes)[0] for name in ("E5", "E3"))
    norm = DOP853._estimate_error_norm(DOP853.__new__(DOP853), slopes, h, scale)
    assert rules.error_norm(h, fifth, third, 1e-300) == pytest.approx(norm, rel=1e-13)
    assert rules.error_norm(h, 0.0, third, 1e-3) == pytest.approx(0.01 * 1e-3 * (h * third) ** 2)
    with np.errstate(invalid="ignore"):
        assert rules.error_norm(h, 0.0, 0.0, 1e-3) == 0


def test_a_cubic_takes_both_ends_and_slopes(rules: ModuleType) -> None:
    def cubic(t: float) -> float:
        return 1 + 2 * t + 3 * t**2 + 4 * t**3

    for share in (0.0, 0.3, 1.0):
        assert rules.hermite(1.0, 9.0, 2.0, 20.0, share) == pytest.approx(cubic(share))


def test_newton_stays_between_its_brackets(rules: ModuleType) -> None:
    assert rules.next_length(1.0, 0.5, 0.0, 2.0) == 1.5
    assert rules.next_length(1.0, 1.0, 0.0, 2.0) == 1.0
    assert rules.next_length(1.0, -1.0, 0.0, 2.0) == 1.0
    assert rules.closing(1.0, 0.0) == pytest.approx(1e300)
    assert rules.is_close(DRIVER.close)
    assert not rules.is_close(-1.01 * DRIVER.close)
    assert rules.is_exact(4 * DRIVER.eps, 1.0)
    assert not rules.is_exact(5 * DRIVER.eps, 1.0)


def test_a_system_rests_after_enough_steps_and_a_long_enough_stretch(rules: ModuleType) -> None:
    assert rules.is_due(True, DRIVER.resting_clock, 0.0)
    assert not rules.is_due(True, 0.99 * DRIVER.resting_clock, 0.0)
    assert rules.is_still(100.0, 1.0)
    assert not rules.is_still(100.1, 1.0)
    last = DRIVER.resting_steps - 1
    assert [rules.rest(True, True, True, count)[0] for count in (last - 1, last)] == [False, True]
    assert rules.rest(True, True, False, last) == (False, 0)
    assert rules.rest(True, False, True, last) == (False, last + 1)
    assert rules.rest(False, False, True, last) == (False, last)
    assert rules.is_gone(-1001.0, -1000.5, -1000.0)
    assert not rules.is_gone(-1001.0, -1001.5, -1000.0), "what grows again is not gone"
    assert not rules.is_gone(-999.0, -998.0, -1000.0)


def test_growth_is_a_blow_up_above_the_least_power(rules: ModuleType) -> None:
    """|x|' = |x|^(p + 1) from ln|x| = 10: the time left is e^(-10 p) / p."""
    for power in (0.51, 1.0, 3.0):
        left = rules.log_remaining(np.exp(10 * power), np.exp(9 * power), 0.0, 0.0, 1.0)
        assert left == pytest.approx(-10 * power - np.log(power))
    assert rules.log_remaining(np.exp(4.9), np.exp(4.41), 0.0, 0.0, 1.0) == -np.inf


def test_short_steps_are_counted_in_a_row_and_after_patience(rules: ModuleType) -> None:
    short, long = 0.9 * DRIVER.stiff_step, 1.1 * DRIVER.stiff_step
    assert rules.short_steps(True, short, 5) == 6
    assert rules.short_steps(True, long, 5) == 0
    assert rules.short_steps(False, short, 5) == 5
    assert rules.short_steps(True, long, -5) == rules.short_steps(False, long, -5) == -4


def test_what_comes_first_is_the_ending(rules: ModuleType) -> None:
    order = [Status.HORIZON, Status.BLOW_UP, Status.HORIZON, Status.UNDERFLOW, Status.STEP_LIMIT]
    for first, status in enumerate(order):
        finished, exploded, rested, lost, tired = (place >= first for place in range(5))
        assert rules.ending(finished, exploded, 0.0, rested, lost, tired) == status
    assert rules.ending(False, True, -np.inf, True, True, True) == Status.OVERFLOW
    assert rules.ending(False, False, 0.0, False, False, False) == RUNNING


def test_constants_of_a_control_are_in_its_text() -> None:
    text = rules_text("triton", in_log_time(PRECISIONS["float32"], "RK45"), PAIRS["RK45"])
    assert "0.6 *" in text
    assert "1e-30" in text
    assert "1e-300" not in text


def test_rules_have_no_axes() -> None:
    with pytest.raises(CodegenError, match="no axes"):
        print_rules({"growth_rate": growth_rate_program()}, {}, "numpy")
    assert set(SCALARS) == {"numpy", "torch", "numba", "triton"}


def test_code_generation_reads_no_text_back() -> None:
    """Statements are objects until they are printed: no regular expression is needed."""
    files = list(Path(codegen.__path__[0]).rglob("*.py"))
    assert len(files) > 20
    for file in files:
        imported = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import)]
        assert "re" not in [alias.name for node in imported for alias in node.names], file.name
