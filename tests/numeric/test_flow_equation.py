"""An equation with its numbers as the integrators see it: starts, sizes, rates and readings, against mpmath and in NumPy and PyTorch."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow import EquationFlow, integrate
from s6flow.numeric.flow.backends.numba.equation import equation_text, own_loop_text
from s6flow.numeric.flow.equation import NO_LIMIT, flow_of
from s6flow.numeric.flow.integrate import batched
from s6flow.symbolic.equation import Equation

x, h, t, p = sp.symbols("x h t p")
c, index = sp.IndexedBase("c"), sp.Symbol("l")
TIMED = Equation(c[index] * x + h / 3 + p * t, scan=sp.exp(-t) * h + x)
ALONG, FLAT = np.array([[0.5, -0.3, 0.2], [-1.0, 0.4, 0.1]]), np.array([0.3, 0.7])


def timed() -> EquationFlow:
    return flow_of(TIMED, {"c": ALONG, p: FLAT})


def test_a_letter_that_is_no_symbol_is_refused() -> None:
    with pytest.raises(FormatError, match="by its parameters or by a SymPy expression"):
        flow_of(3.0, None)
    assert flow_of(Equation(x), None).equation == flow_of(x, {}).equation


def test_shapes_of_the_batch() -> None:
    assert timed().batch_shape == (2,)
    assert flow_of(c[index] * x + p, {"c": np.ones((4, 1, 3)), p: np.ones(5)}).batch_shape == (4, 5)
    assert flow_of(c[index] * x, {"c": np.ones(3)}).batch_shape == ()
    with pytest.raises(FormatError, match="batch axes of the parameters must broadcast"):
        flow_of(c[index] * x + p, {"c": np.ones((4, 3)), p: np.ones(5)})


def test_arrays_have_an_entry_of_the_time_and_give_it_back() -> None:
    flow = timed()
    arrays = flow.arrays()
    assert [flow.own_axes(name) for name in arrays] == [1, 0]
    np.testing.assert_array_equal(arrays["letter0"], [[0.5, 0.5, -0.3, 0.2], [-1.0, -1.0, 0.4, 0.1]])
    np.testing.assert_array_equal(arrays["letter1"], FLAT)
    again = flow.with_arrays({name: 2 * value for name, value in arrays.items()})
    np.testing.assert_array_equal(again.values["c"], 2 * ALONG)
    np.testing.assert_array_equal(again.values["p"], 2 * FLAT)
    plain = flow_of(c[index] * x, {"c": ALONG})
    np.testing.assert_array_equal(plain.arrays()["letter0"], ALONG)
    np.testing.assert_array_equal(plain.with_arrays({"letter0": ALONG + 1}).values["c"], ALONG + 1)


def test_limits_of_the_charts() -> None:
    assert flow_of(x**2, None).x_limit == 1e60
    assert flow_of(Equation(x**2, chart="log"), None).x_limit == np.inf
    seen = flow_of(x**2, None).coordinates()
    assert seen.log_limit == pytest.approx(float(60 * mp.log(10)), rel=1e-15)
    tokens = np.array([[0.0, 1e-300, -0.5], [1e-5, 3.0, -700.0]])
    assert not (seen.size(tokens) < seen.least).any()  # no component acts on nothing
    assert not seen.extinct(tokens, {}).any()
    np.testing.assert_array_equal(seen.size(tokens), np.abs(tokens))
    assert (seen.relative, seen.token_axes, seen.name) == (True, 1, "equation-asinh")


@pytest.mark.parametrize("equation", [x**2, Equation(x**2 + t)])
def test_units_are_the_starts_up_to_one(equation: Any) -> None:
    start = np.array([[0.5, -3.0, 0.0], [-1e-9, 0.0, 1e-5], [0.0, 0.0, 0.0], [-0.25, 1e-120, 0.125], [2.0, 0.0, 4.0]])
    units = np.array([[0.5, 1.0, 1.0], [1e-9, 1e-5, 1e-5], [1.0] * 3, [0.25, 1e-100, 0.125], [1.0] * 3])
    flow = flow_of(equation, None)
    state, arrays = flow.coordinates().encode(start)
    first = int(flow.equation.timed)
    assert state.shape == (5, 3 + first)
    np.testing.assert_array_equal(arrays["unit"][:, first:], units)
    np.testing.assert_array_equal(arrays["log_unit"][:, first:], np.log(units))
    np.testing.assert_array_equal(arrays["log_scale"], np.zeros(5))
    np.testing.assert_allclose(units * np.sinh(state[:, first:]), start, rtol=1e-15)
    if first:
        np.testing.assert_array_equal(state[:, 0], np.zeros(5))
        np.testing.assert_array_equal(arrays["unit"][:, 0], np.ones(5))
        np.testing.assert_array_equal(arrays["log_unit"][:, 0], [NO_LIMIT] * 5)


def test_a_unit_that_is_given_is_taken() -> None:
    state, arrays = flow_of(Equation(x**2, unit=1e-3), None).coordinates().encode(np.array([[1.0, 0.0]]))
    np.testing.assert_array_equal(arrays["unit"], [[1e-3, 1e-3]])
    np.testing.assert_array_equal(state, np.arcsinh([[1e3, 0.0]]))


def test_the_chart_log_takes_positive_tokens_alone() -> None:
    flow = flow_of(Equation(-x, chart="log"), None)
    state, arrays = flow.coordinates().encode(np.array([[0.5, 1.0, 20.0]]))
    np.testing.assert_allclose(arrays["unit"] * np.sinh(state), np.log([[0.5, 1.0, 20.0]]), rtol=1e-15)
    timed_flow = flow_of(Equation(p * t - x, chart="log", unit=0.5), {p: FLAT})
    state, arrays = timed_flow.coordinates().encode(np.array([[0.5, 1.0, 20.0], [3.0, 2.0, 0.1]]))
    logs, signs = timed_flow.coordinates().decode(state, arrays)
    np.testing.assert_allclose(logs, np.log([[0.5, 1.0, 20.0], [3.0, 2.0, 0.1]]), rtol=1e-14)
    np.testing.assert_array_equal(signs, np.ones((2, 3)))
    for wrong in (0.0, -1e-300):
        with pytest.raises(AssumptionError, match="the chart log needs tokens x0 > 0"):
            flow.coordinates().encode(np.array([[0.5, wrong]]))
    assert flow_of(-x, None).coordinates().encode(np.array([[0.0, -1.0]]))[0][0, 0] == 0.0


@pytest.mark.parametrize("time", [False, True])
def test_readings_are_logarithms_to_the_last_digits(time: bool) -> None:
    sizes = np.array([0.0, 1e-300, 1e-20, 0.3, 0.99, 1.0, 1.01, 1.5, 1.99, 2.5, 19.0, 400.0, 1e5])
    unit = np.geomspace(1e-100, 1.0, len(sizes))
    w = np.concatenate([sizes, -sizes])[None]
    arrays = {"unit": np.tile(unit, 2)[None], "log_unit": np.log(np.tile(unit, 2))[None]}
    flow = flow_of(x + t if time else x, None)
    if time:
        w = np.concatenate([[[3.0]], w], axis=1)
        arrays = {name: np.concatenate([[[5.0]], value], axis=1) for name, value in arrays.items()}
    found, sign = flow.coordinates().decode(w, arrays)
    with mp.workdps(40):
        exact = [float(mp.log(mp.sinh(mp.mpf(one)))) if one else -np.inf for one in sizes]
    expected = np.log(unit) + np.array(exact)
    np.testing.assert_allclose(found[0], np.tile(expected, 2), rtol=1e-15, atol=2e-16)
    np.testing.assert_array_equal(sign[0], np.concatenate([np.sign(sizes), -np.sign(sizes)]))


def test_readings_in_the_chart_log_are_the_coordinate() -> None:
    w = np.array([[-3.0, 0.0, 5.0]])
    arrays = {"unit": np.array([[0.5, 1.0, 0.25]]), "log_unit": np.log([[0.5, 1.0, 0.25]])}
    found, sign = flow_of(Equation(-x, chart="log"), None).coordinates().decode(w, arrays)
    np.testing.assert_allclose(found, arrays["unit"] * np.sinh(w), rtol=1e-15)
    assert (sign == 1).all()


def torch_flow(flow: EquationFlow, state: np.ndarray, arrays: dict[str, np.ndarray]) -> Any:
    torch = pytest.importorskip("torch")
    from s6flow.numeric.flow.backends.torch.backend import systems_flow

    per_system = frozenset(name for name, value in arrays.items() if len(value) == len(state))
    problem = SimpleNamespace(
        coordinates=flow.coordinates(), arrays=arrays, per_system=per_system, log_limit=flow.coordinates().log_limit
    )
    return systems_flow(problem, slice(1, len(state)), torch.device("cpu"))  # type: ignore[arg-type]


def both_sizes(flow: EquationFlow, state: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """By NumPy, after PyTorch has said the same of all but the first."""
    torch = pytest.importorskip("torch")
    own = torch_flow(flow, state, arrays)
    w, rows = torch.from_numpy(state[1:]), torch.arange(len(state) - 1)
    with np.errstate(all="ignore"):
        sizes, velocity = flow.coordinates().log_size(state, arrays), flow.velocity(state, arrays)[0]
        np.testing.assert_allclose(own.log_size(w, rows), sizes[1:], rtol=1e-14)
        np.testing.assert_allclose(own.velocity(w, rows), velocity[1:], rtol=1e-12, atol=1e-300)
        flipped = own.velocity(w.flip(0), rows.flip(0))
    np.testing.assert_allclose(flipped, own.velocity(w, rows).flip(0), rtol=1e-14)
    assert (own.log_limit, own.relative) == (flow.coordinates().log_limit, True)
    return sizes


def test_sizes_are_those_of_the_largest_token() -> None:
    state = np.array([[30.0, -40.0, 1.0], [-50.0, 20.0, 0.0], [1.0, 2.0, 25.0], [3.0, -60.0, 10.0]])
    unit = np.array([[1.0, 1e-3, 1.0], [1.0, 1e9, 1.0], [1.0, 1.0, 1e-8], [1.0, 1.0, 1.0]])
    arrays = {"unit": unit, "log_unit": np.log(unit), "log_scale": np.zeros(4)}
    largest = np.log(np.abs(unit * np.sinh(state)).max(axis=1))
    np.testing.assert_allclose(both_sizes(flow_of(x / 7, None), state, arrays), largest, rtol=1e-12)
    falls = flow_of(Equation(-x, chart="log"), None)  # of ln x, which may fall for ever
    np.testing.assert_allclose(both_sizes(falls, state, arrays), np.log((unit * np.sinh(state)).max(axis=1)), rtol=1e-9)


def test_the_time_counts_for_no_size() -> None:
    flow = timed()
    state, arrays = flow.coordinates().encode(np.array([[0.5, -30.0, 0.1], [0.3, 0.2, 7.0]]))
    state[:, 0] = [55.0, 0.4]
    whole = {**arrays, **flow.arrays()}
    np.testing.assert_allclose(both_sizes(flow, state, whole), [np.log(30.0), np.log(7.0)], rtol=3e-3)


def test_velocities_are_those_of_the_written_equation() -> None:
    flow = timed()
    start = np.array([[0.5, -0.8, 0.1], [0.3, 0.2, 0.7]])
    state, arrays = flow.coordinates().encode(start)
    state[:, 0] = np.arcsinh([1.5, 0.25])
    times, gate = np.array([1.5, 0.25]), np.exp([-1.5, -0.25])
    left = np.zeros((2, 3))
    for token in (1, 2):
        left[:, token] = gate * left[:, token - 1] + start[:, token - 1]
    rate = ALONG * start + left / 3 + (FLAT * times)[:, None]
    expected = np.column_stack([1 / np.sqrt(1 + times**2), rate / np.sqrt(np.abs(start) ** 2 + start**2)])
    found, scale = flow.velocity(state, {**arrays, **flow.arrays()})
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(scale, [0.0, 0.0])


@pytest.mark.parametrize(("rate", "blown"), [(0.999e150, False), (1.001e150, True), (-1.001e150, True)])
def test_a_rate_beyond_1e150_is_a_blow_up(rate: float, blown: bool) -> None:
    flow = flow_of(sp.Symbol("p") + 0 * x, {"p": [1.0, 1.0, rate]})
    state, arrays = flow.coordinates().encode(np.zeros((3, 1)))
    whole = {**arrays, **flow.arrays()}
    assert list(np.isinf(both_sizes(flow, state, whole))) == [False, False, blown]
    if blown:
        with pytest.raises(AssumptionError, match=r"below 1e150.*at x0 of system 2"):
            flow.require_start(state, whole)
    else:
        flow.require_start(state, whole)


def test_a_rate_at_the_limit_itself_is_refused() -> None:
    """Equal to rounding: the first double at which the norm reaches the limit, and the last below it."""
    low, high = 0.9e150, 1.1e150
    flow = flow_of(p + 0 * x, {p: 1.0})
    state, arrays = flow.coordinates().encode(np.zeros((1, 1)))

    def refused(rate: float) -> bool:
        try:
            flow.require_start(state, {**arrays, "letter0": np.array([rate])})
        except AssumptionError:
            return True
        return False

    while np.nextafter(low, high) < high:
        middle = low + (high - low) / 2
        low, high = (low, middle) if refused(middle) else (middle, high)
    assert high == pytest.approx(1e150, rel=1e-12)
    assert np.log(high) >= float(150 * mp.log(10)) - 1e-13


def test_a_start_that_is_no_number_names_its_system() -> None:
    flow = flow_of(sp.log(x), None)
    state, arrays = flow.coordinates().encode(np.array([[1.0], [2.0], [-1.0]]))
    with pytest.raises(AssumptionError, match=r"a rate of e\^nan at x0 of system 2"):
        flow.require_start(state, arrays)


def test_runs_are_stripped_of_the_time() -> None:
    found = integrate([[0.5, 0.1, 0.2]] * 2, timed(), times=[0.5])
    assert found.final_share.shape == (2, 3)
    assert found.x.shape == (2, 1, 3)
    assert (np.abs(found.final_share) <= 1).all()


def test_the_compiled_text_has_every_letter_in_its_row() -> None:
    flow = timed()
    text = equation_text(flow.equation.program)
    tree = ast.parse(text)
    rows = {ast.unparse(one.targets[0]): ast.unparse(one.value) for one in tree.body if isinstance(one, ast.Assign)}
    assert rows["(FLAT_LETTERS, LETTERS_ALONG)"] == "(('letter1',), ('letter0',))"
    assert int(rows["ROWS"]) >= 1
    assert "letters[0]" in text
    assert "along[0]" in text
    assert "unit[0] * math.sinh(y[0])" in text
    assert "types.float64[::1]" in text
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("_one")]
    orders = [[ast.unparse(argument) for argument in one.args] for one in calls]
    order = next(one for one in orders if one[0] == "y")
    assert order[:4] == ["y", "unit", "unit[0] * math.sinh(y[0])", "0.0"]
    assert order[4:6] == ["along[0]", "letters[0]"]
    loop = own_loop_text()
    ast.parse(loop)
    assert repr(float(150 * np.log(10.0))) in loop
    assert "types.float64[::1]" in loop


def test_batch_axes_of_letters_and_starts_meet() -> None:
    flow = timed()
    batch, inner, start, arrays, per_system = batched(np.array([0.1, 0.2, 0.3]), flow, flow.coordinates())
    assert (batch, inner, start.shape) == ((2,), (3,), (2, 3))
    assert {name: value.shape for name, value in arrays.items()} == {"letter0": (2, 4), "letter1": (2,)}
    assert per_system == {"letter0", "letter1"}
