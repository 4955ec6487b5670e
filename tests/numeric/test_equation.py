"""A user's own right-hand side: known blow-up times on every backend, tokens against closed forms, and refusals.

One long file: each case meets every backend that runs here, by one fixture.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from representatives import sweep
from scipy.integrate import solve_ivp

import s6flow as sf
from s6flow.errors import AssumptionError, FormatError, S6FlowError
from s6flow.numeric.flow import EquationFlow, FlowParameters, Status, integrate
from s6flow.numeric.flow.equation import flow_of
from s6flow.symbolic import notation as nt
from s6flow.symbolic.equation import Equation
from tests.numeric.equation_cases import CASCADE, CASES, h, meet, p, t, x

CPU = ("numpy", "numba", "torch")
letter, index, q = sp.IndexedBase("c"), sp.Symbol("l"), sp.Symbol("q")


@pytest.fixture(params=CPU)
def backend(request: pytest.FixtureRequest) -> str:
    if request.param != "numpy":
        pytest.importorskip(request.param)
    return str(request.param)


#: A power with a parameter, a rate that reads time, the chart log, a scan.
KEPT = ["power", "Airy", "Osgood", "cascade"]


@pytest.mark.parametrize("name", sweep(CASES, KEPT, mark=pytest.mark.nightly))
def test_blow_up_times_of_the_literature(name: str, backend: str) -> None:
    meet(CASES[name], backend)


@pytest.mark.parametrize("name", sweep(CASES, KEPT, mark=pytest.mark.nightly))
def test_the_stated_error_of_a_blow_up_time_covers_the_true_one(name: str) -> None:
    case = CASES[name]
    flow = sf.integrate(case.start, case.equation, parameters=case.parameters, points=20)
    assert flow.ended == "blow-up"
    assert abs(float(flow.blow_up_time) - case.time) <= float(flow.blow_up_time_error) <= 1e-9 * case.time


@pytest.mark.nightly
def test_interpreted_kernels_find_the_same_times() -> None:
    pytest.importorskip("triton")
    script = Path(__file__).with_name("equation_cases.py")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), environment.get("PYTHONPATH", "")])
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert abs(found["time"]) <= 1e-3
    assert found["token"] == 3
    assert found["tokens"] <= 1e-3
    assert found["counted"] <= 1e-5


def test_partial_sums_of_the_cascade_blow_up_alone() -> None:
    """That the cascade's sums obey S' = S^2, in letters."""
    tokens = sp.symbols("x1:4")
    sums = [sum(tokens[: place + 1]) for place in range(3)]
    rates = [CASCADE.rate.subs({x: token, h: total - token}) for token, total in zip(tokens, sums, strict=True)]
    assert all(sp.expand(sum(rates[: place + 1]) - total**2) == 0 for place, total in enumerate(sums))


def test_tokens_of_the_cascade_follow_the_closed_form(backend: str) -> None:
    start, times = np.array([[0.5, 0.3, 0.2], [-0.7, 0.1, 0.3]]), np.array([0.25, 0.5, 0.9])
    run = integrate(start, EquationFlow(CASCADE), times=times, backend=backend)
    sums = np.cumsum(start, axis=1)[:, None, :]
    exact = np.diff(sums / (1 - times[:, None] * sums), prepend=0.0, axis=2)
    # PyTorch lands on an output to 1e-7 of its time
    np.testing.assert_allclose(np.ma.filled(run.x, np.nan), exact, rtol=3e-6 if backend == "torch" else 1e-8, atol=1e-9)


#: Scans that leave one number a system, whatever the token, and the state h before each of three tokens.
COUNTED = {
    "count": (h + 1, {}, [0.0, 1.0, 2.0]),
    "numbers": (h / 2 + 1, {}, [0.0, 1.0, 1.5]),
    "letters": (p * h + q, {p: [0.5, -1.0], q: [1.0, 0.3]}, [[0.0, 1.0, 1.5], [0.0, 0.3, 0.0]]),
    "no gate": (q, {q: 0.4}, [0.0, 0.4, 0.4]),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_scan_of_numbers_has_a_step_for_every_token(name: str, backend: str) -> None:
    scan, values, states = COUNTED[name]
    run = integrate(np.ones((2, 3)), flow_of(Equation(x * h, scan=scan), values), times=[0.5], backend=backend)
    exact = np.broadcast_to(np.exp(0.5 * np.array(states)), (2, 3))
    np.testing.assert_allclose(run.x.data[:, 0], exact, rtol=1e-7 if backend == "torch" else 1e-9)


@pytest.mark.parametrize("gate", [h * sp.tanh(x), (h**2 - 1) / (h - 1) * sp.tanh(x) - sp.tanh(x)])
def test_a_gate_may_be_any_function_that_a_rate_may_be(gate: sp.Expr, backend: str) -> None:
    """x_1 rests, x_2 = x_2(0) + x_1 t, and x_3' = tanh(x_2) x_1 + x_2."""
    first, second, third = start = np.array([0.7, -0.4, 0.2])
    run = integrate(start, flow_of(Equation(h, scan=gate + x), None), times=[2.0], backend=backend)
    moved = second + 2 * first
    last = third + np.log(np.cosh(moved) / np.cosh(second)) + 2 * second + 2 * first
    np.testing.assert_allclose(run.x.data[0], [first, moved, last], rtol=1e-6 if backend == "torch" else 1e-8)


def test_the_logistic_equation_does_not_blow_up(backend: str) -> None:
    run = integrate([0.1], flow_of(x * (1 - x), None), times=[1.0, 2.0], log_horizon=20.0, backend=backend)
    grown = 0.1 * np.exp([1.0, 2.0])
    assert run.status == Status.HORIZON
    assert run.settled
    np.testing.assert_allclose(run.x.data[:, 0], grown / (0.9 + grown), atol=1e-6)
    assert abs(run.final_x[0] - 1.0) < 1e-8


@pytest.mark.parametrize(("power", "end"), [(1, Status.OVERFLOW), (2, Status.BLOW_UP)])
def test_osgood_condition_decides_in_the_chart_log(power: int, end: Status, backend: str) -> None:
    """x ln(x)^p reaches infinity in finite time for p > 1 alone."""
    run = integrate([2.0], flow_of(Equation(x * sp.log(x) ** power, chart="log"), None), backend=backend)
    assert run.status == end


def test_what_the_asinh_chart_cannot_follow_is_no_blow_up() -> None:
    assert integrate([2.0], flow_of(x * sp.log(x) ** 2, None)).status == Status.OVERFLOW


#: Right-hand sides whose exponentials of ln x cancel, and x0 = 2; T by quadrature.
CANCELLING = [x**p, x * sp.log(1 + x) ** 2, sp.sqrt(x**3 + 1), x * (1 + x) ** sp.Rational(1, 5), x ** (p + 1) / (1 + x)]


@pytest.mark.parametrize("rate", CANCELLING)
def test_the_chart_log_follows_what_cancels(rate: sp.Expr) -> None:
    rate, values = (rate, {p: 1.5}) if rate.has(p) else (rate, {})
    with mpmath.workdps(25):
        slope = sp.lambdify(x, rate.subs(values), "mpmath")
        known = mpmath.quad(lambda y: mpmath.exp(y) / slope(mpmath.exp(y)), [mpmath.log(2), 5, 50, 500, mpmath.inf])
    run = integrate([2.0], flow_of(Equation(rate, chart="log"), values))
    assert run.status == Status.BLOW_UP
    assert abs(run.blow_up_time / float(known) - 1.0) <= 1e-8


@pytest.mark.parametrize("rate", [sp.Integer(-1), -1 / x, -sp.sqrt(x), -x * sp.log(x) ** 2])
def test_a_token_that_reaches_zero_is_no_blow_up_in_the_chart_log(rate: sp.Expr, backend: str) -> None:
    run = integrate([0.5], flow_of(Equation(rate, chart="log"), None), backend=backend)
    known = {sp.Integer(-1): 0.5, -1 / x: 0.125, -sp.sqrt(x): 2**0.5, -x * sp.log(x) ** 2: 1 / np.log(2)}[rate]
    assert run.status == Status.UNDERFLOW
    assert abs(run.final_log_time - np.log(known)) <= 1e-6
    assert run.final_log_abs[0] < -100


def test_poles_are_those_that_are_written_and_may_be_met() -> None:
    assert Equation(-(x**-2.0)).denominators == Equation(-(x**-2)).denominators != ()
    assert Equation(sp.tanh(x * sp.log(x))).denominators == ()
    assert Equation((sp.exp(x) - 1) / x).denominators == ()
    assert len(Equation(1 / (x * sp.log(x) ** 2 + 2)).denominators) == 1


@pytest.mark.parametrize("unit", [1e-100, 1e50])
def test_units_at_the_ends_of_their_range_integrate(unit: float) -> None:
    """Below a unit errors are absolute, so that the larger one says little of T; the error says so."""
    flow = sf.integrate([1.0], Equation(x**2, unit=unit))
    assert flow.ended == "blow-up"
    assert abs(float(flow.blow_up_time) - 1.0) <= max(2 * float(flow.blow_up_time_error), 1e-9)


def test_decay_has_no_end_in_the_chart_log(backend: str) -> None:
    run = integrate([0.1], flow_of(Equation(-x, chart="log"), None), times=[3.0, 500.0, 1e5], backend=backend)
    np.testing.assert_allclose(run.log_abs[:, 0], np.log(0.1) - np.array([3.0, 500.0, 1e5]), rtol=1e-6)


def test_the_paper_s_flow_written_as_an_equation(backend: str) -> None:
    """One state: h_l = exp(-a Delta) h_{l-1} + mu x^2 Delta, x_l' = x_l h_l."""
    mu, a, s, b = sp.symbols("mu a s b")
    step = nt.softplus(s * x + b)
    left = sp.exp(-a * step) * h + mu * x**2 * step
    letters = {"mu": [-1.0, 0.7], "a": [0.5, 2.0], "s": [1.0, 0.8], "b": [0.1, -0.5]}
    start = np.array([[0.9, 0.3, -0.4], [0.8, 1.2, 0.5]])
    run = integrate(
        start, flow_of(Equation(x * left, scan=left), letters), times=[0.1, 0.3], log_horizon=2.0, backend=backend
    )
    columns = {name: np.array(value)[:, None] if name in ("mu", "a") else value for name, value in letters.items()}
    known = integrate(start, FlowParameters(**columns), times=[0.1, 0.3], log_horizon=2.0)
    np.testing.assert_array_equal(run.status, known.status)
    np.testing.assert_allclose(
        np.ma.filled(run.x, 0), np.ma.filled(known.x, 0), atol=1e-6 if backend == "torch" else 1e-9
    )
    np.testing.assert_allclose(run.blow_up_time, known.blow_up_time, rtol=1e-9)


def test_time_letters_along_tokens_and_a_gate_against_scipy(backend: str) -> None:
    """Everything at once: a parameter of every token, one of the system, depth-time in the rate and in the gate."""
    equation = Equation(letter[index] * x + sp.tanh(h) - p * x**3 + t / 5, scan=sp.exp(-(x**2) - t) * h + x)
    along, damping = np.array([[0.5, -0.3, 0.2], [-1.0, 0.4, 0.1]]), np.array([0.3, 0.7])
    start = np.array([[0.4, -0.6, 0.2], [1.5, 0.0, -0.8]])

    def rate(system: int, time: float, tokens: np.ndarray) -> np.ndarray:
        state, out = 0.0, np.empty(3)
        for place, token in enumerate(tokens):
            out[place] = along[system, place] * token + np.tanh(state) - damping[system] * token**3 + time / 5
            state = np.exp(-(token**2) - time) * state + token
        return out

    run = integrate(start, flow_of(equation, {"c": along, p: damping}), times=[0.7, 2.5], backend=backend)
    for system in range(2):
        known = solve_ivp(
            lambda s, y, k=system: rate(k, s, y), (0, 2.5), start[system], "DOP853", [0.7, 2.5], rtol=1e-12, atol=1e-13
        )
        np.testing.assert_allclose(run.x.data[system], known.y.T, atol=1e-6 if backend == "torch" else 1e-8)


def test_every_letter_along_the_tokens_has_its_own_row(backend: str) -> None:
    """x' = c x + d, whose tokens are (x0 + d/c) e^(c t) - d/c."""
    c, d, start = np.array([0.5, -0.3, 0.2]), np.array([1.0, 2.0, -0.7]), np.array([[0.4, -0.6, 0.2], [1.5, 0.1, -0.8]])
    offset = sp.IndexedBase("d")
    run = integrate(
        start, flow_of(letter[index] * x + offset[index], {"c": c, "d": d}), times=[0.5, 2.0], backend=backend
    )
    known = [(start + d / c) * np.exp(c * time) - d / c for time in (0.5, 2.0)]
    np.testing.assert_allclose(run.x.data, np.stack(known, axis=1), rtol=1e-6 if backend == "torch" else 1e-8)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_limit_is_one_of_sizes_on_either_side(side: float, backend: str) -> None:
    """A step beyond 1e6 ends a run, which at the largest rate alone would go on to 1e75."""
    run = integrate([side], flow_of(side * x**2, None), x_limit=1e6, backend=backend)
    assert run.status == Status.BLOW_UP
    assert 6.0 <= run.final_log_abs[0] / np.log(10.0) < 6.0 + 30.0


def test_what_is_held_to_a_moving_place_does_not_rest(backend: str) -> None:
    """Token 2 is held to a slowly decaying token 1, on either side of 0, by a rate that takes many steps to every tenth of the time."""
    slow, fast, times, sides = 0.5, 1500.0, np.array([0.5, 1.0, 2.0]), np.array([1.0, -1.0])
    equation = Equation(letter[index] * (h - x), scan=x)
    start = np.stack([sides, sides], axis=1)
    run = integrate(start, flow_of(equation, {"c": [slow, fast]}), times=times, rtol=1e-7, backend=backend)
    assert not np.any(run.settled)
    known = sides[:, None] * np.exp(-slow * times)
    np.testing.assert_allclose(run.x.data, np.stack([known, fast / (fast - slow) * known], axis=2), rtol=1e-4)


def test_dense_outputs_do_not_make_a_system_rest(backend: str) -> None:
    """Slow at first, so that each of sixty steps that end at outputs moves it by nothing: it blows up at 1000."""
    run = integrate(
        [1e-3], flow_of(x**2, None), times=[*np.expm1(np.linspace(0.005, 0.3, 60)), 1e9], rtol=1e-6, backend=backend
    )
    assert run.status == Status.BLOW_UP
    assert run.reached[:60].all()
    np.testing.assert_allclose(run.blow_up_time, 1e3, rtol=1e-4)


@pytest.mark.parametrize(("rtol", "rests"), [(1e-7, True), (1e-8, False)])
def test_what_is_slower_than_the_tolerance_times_the_fastest_rate_rests(rtol: float, rests: bool) -> None:
    """Token 1 relaxes at the rate 1e4, token 2 moves at 1e-3 and blows up at 1000: the page on equations says from where on it is followed."""
    index = sp.Symbol("l", integer=True)
    c, d = (sp.IndexedBase(name)[index] for name in "cd")
    letters = {"c": [1e4, 0.0], "d": [0.0, 1e-3]}
    run = integrate([2.0, 1.0], flow_of(c * (1 - x) + d * x**2, letters), rtol=rtol, log_horizon=60.0)
    assert run.settled == rests
    assert run.status == (Status.HORIZON if rests else Status.STEP_LIMIT)


def test_a_system_of_a_batch_is_an_equation_again() -> None:
    flow = sf.integrate(
        [[0.0, 1.0], [1.0, 2.0]], t + letter[index] * x**2, parameters={"c": [[1.0, 0.5], [0.1, 0.2]]}, points=4
    )
    alone = sf.integrate([1.0, 2.0], t + letter[index] * x**2, parameters={"c": [0.1, 0.2]}, points=4)
    assert isinstance(flow[1].params, EquationFlow)
    np.testing.assert_array_equal(flow[1].params.values["c"], [0.1, 0.2])
    assert abs(flow[1].blow_up_time / alone.blow_up_time - 1) < 1e-11
    assert flow[1].ending() == alone.ending()


@pytest.mark.parametrize(("scale", "time"), [(1e-6, 1e6), (1e6, 1e-6)])
def test_units_follow_the_start(scale: float, time: float) -> None:
    assert abs(integrate([scale], flow_of(x**2, None)).blow_up_time / time - 1) < 1e-9


Refused = type[S6FlowError]


@pytest.mark.parametrize(
    ("equation", "options", "error", "rule"),
    [
        (x + p, {}, FormatError, "every letter must be x, h, t or a parameter with a value; got p"),
        (x, {"parameters": {p: 1.0}}, FormatError, "every parameter must be a letter of the equation; got p"),
        (sp.Abs(x) ** 3, {}, FormatError, "must be analytic"),
        (sp.Piecewise((x, x > 0), (0, True)), {}, FormatError, "must be analytic"),
        (sp.Function("f")(x), {}, FormatError, "every function must be defined"),
        (sp.sin(x), {}, FormatError, "functions must be powers or one of exp, log"),
        (sp.I * x, {}, FormatError, "must be real and finite"),
        ((-2) ** p * x, {"parameters": {p: 2.0}}, FormatError, "must be real and finite"),
        ((-2) ** x, {}, FormatError, "must be real and finite"),
        (sp.cbrt(-1) * x, {}, FormatError, "must be real and finite"),
        (x * sp.zoo, {}, FormatError, "must be real and finite"),
        (sp.IndexedBase("x")[index - 1], {}, FormatError, "reads other tokens through the scan alone"),
        (letter[index] * letter[sp.Symbol("k")] * x, {}, FormatError, "through the scan alone; got the indices k, l"),
        (sp.Sum(sp.IndexedBase("x")[index], (index, 1, 3)), {}, FormatError, "reads other tokens through the scan alone"),
        (sp.Function("f")(x).diff(x), {}, FormatError, "no derivatives"),
        (x + h, {}, FormatError, "the equation has no scan"),
        (lambda: Equation(x, scan=h + x), {}, FormatError, "a scan must be read"),
        (lambda: Equation(x + h, scan=h**2 + x), {}, AssumptionError, "the scan must be affine in h"),
        (lambda: Equation(x + h, scan=sp.exp(h) + x), {}, AssumptionError, "the scan must be affine in h"),
        (lambda: Equation(x, chart="square"), {}, FormatError, "a chart must be one of asinh, log"),
        (lambda: Equation(x, chart=["log"]), {}, FormatError, "a chart must be one of asinh, log"),  # type: ignore[arg-type]
        (lambda: Equation(x, unit=1.01e50), {}, AssumptionError, "the unit must be a number in 1e-100..1e\\+50"),
        (lambda: Equation(x, unit=0.99e-100), {}, AssumptionError, "the unit must be a number in"),
        (lambda: Equation(x, unit=0.0), {}, AssumptionError, "the unit must be a number in"),
        (lambda: Equation(x, unit=[1.0, 2.0]), {}, AssumptionError, "the unit must be a number in"),  # type: ignore[arg-type]
        (p * x, {"parameters": [1.0]}, FormatError, "parameters must be a mapping of letters to numbers; got list"),
        (p * x, {"parameters": {p: 1.0, "p": 2.0}}, FormatError, "a parameter is given once; got p"),
        (p * x, {"parameters": {p: 1.0}, "a": 2.0}, FormatError, "letters of a flow given by mu; got a"),
        (x > 1, {}, FormatError, "must be a SymPy expression"),
        ("x**2", {}, FormatError, "by its parameters or by a SymPy expression"),
        (sp.log(x), {"x0": [-1.0]}, AssumptionError, "must be a number at the start"),
        (sp.exp(x), {"x0": [400.0]}, AssumptionError, "at a rate below 1e150"),
        (Equation(x, chart="log"), {"x0": [-1.0]}, AssumptionError, "the chart log needs tokens x0 > 0"),
        (Equation(x, chart="log"), {"x_limit": 1e10}, FormatError, "no limit of"),
        (letter[index] * x, {"parameters": {"c": [1.0, 2.0]}}, FormatError, "agree on the token axis"),
        (letter[index] * x, {"parameters": {"c": 1.0}}, FormatError, "needs a token axis"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_rule(
    equation: Any, options: dict[str, Any], error: Refused, rule: str
) -> None:
    with pytest.raises(error, match=rule):
        sf.integrate(
            options.pop("x0", [1.0]),
            equation() if callable(equation) and not isinstance(equation, sp.Basic) else equation,
            **options,
        )


#: Right-hand side, start -> where x runs into a pole, and when; the first two keep their sign behind it.
POLES = {
    (-(x**-2), 1.0): (0.0, 1 / 3),
    (x / (1 - x) ** 2, 0.5): (1.0, np.log(2) - 0.625),
    (x / (1 - x), 0.5): (1.0, np.log(2) - 0.5),
    (-1 / x, 1.0): (0.0, 0.5),
    (x / (2 - x), 1.0): (2.0, 2 * np.log(2) - 1),
}


@pytest.mark.parametrize(("case", "end"), POLES.items())
def test_a_run_ends_at_a_pole_whatever_sign_the_rate_has_behind_it(
    case: tuple[sp.Expr, float], end: tuple[float, float], backend: str
) -> None:
    rate, start = case
    run = integrate([start], flow_of(rate, {}), times=[0.01, 3.0], backend=backend)
    assert run.status == Status.UNDERFLOW
    found = float(run.final_sign[0] * np.exp(run.final_log_abs[0]))
    assert (found, float(np.exp(run.final_log_time))) == pytest.approx(end, abs=1e-5)
    assert run.reached.tolist() == [True, False]


def test_a_denominator_that_keeps_its_sign_or_has_a_limit_ends_nothing(backend: str) -> None:
    """(e^x - 1) / x passes 0: it has a limit there."""
    for rate, start in (((sp.exp(x) - 1) / x, -1.0), (x / (1 + x**2), 1.0), (1 / x, 1.0), (-1 / x**3, -1.0)):
        falling = start < 0 and rate == -1 / x**3
        run = integrate([start], flow_of(rate, {}), times=[0.1, 0.2 if falling else 2.5], backend=backend)
        assert run.status == Status.HORIZON, rate
    assert Equation((sp.exp(x) - 1) / x).denominators == ()
    assert Equation(x / (1 + x**2) + sp.tanh(x)).denominators == ()
    named = Equation(x / (p - x) + x ** sp.Rational(-1, 2) + p / (1 + p)).denominators
    assert [str(one) for one in named] == ["p - x"]


def test_a_pole_in_the_scanned_state_or_in_the_time_ends_a_run(backend: str) -> None:
    """Token 1 is e^t / 2, and token 2 meets a pole where that is 1; the other rate has one at t = 1."""
    scanned = Equation(x + 1 / (1 - h) - 1, scan=h + x)
    for equation, start, end in ((scanned, [0.5, 0.1], np.log(2)), (Equation(x + x / (t - 1)), [1.0], 1.0)):
        run = integrate(start, flow_of(equation, {}), times=[0.01, 3.0], backend=backend)
        assert run.status in (Status.UNDERFLOW, Status.STEP_LIMIT)  # the latter where x has no limit there
        assert float(np.exp(run.final_log_time)) == pytest.approx(end, abs=1e-5)
        assert run.reached.tolist() == [True, False]
