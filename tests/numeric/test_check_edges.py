"""Measurements and constructions of checks at their edges, each beside its definition written out.

One long file: small cases of one room, that share their drawn systems.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies
import numpy as np
import pytest
from scipy.integrate import quad

from s6flow.errors import TheoremError
from s6flow.numeric.checks import blowup, channels, judge, measurements, normalised, vectors
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.checks.data import strategies
from s6flow.numeric.checks.data.adjust import ADJUST
from s6flow.numeric.checks.data.construct import Shape, UnitCube, construct, dimension
from s6flow.numeric.checks.orbits import axis_far, orbit
from s6flow.numeric.checks.reach import carried_sign
from s6flow.numeric.checks.skip import skip
from s6flow.numeric.flow import Status
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.margin import IDLE, margin_program

Data = dict[str, Any]
RNG = np.random.default_rng(8)


def drawn(key: str, count: int, shape: Shape) -> Data:
    theorem = REGISTRY[key]
    return construct(theorem, shape, np.random.default_rng(1).random((count, dimension(theorem, shape))))


# ---- boxes


def growing(box: Any, second: Any = 1.0) -> Data:
    """Letters for which |x| grows, so that no box of them meets `convergence-monotone`."""
    return {"mu": [1.0, 1.0], "a": [1.0, 2.0], "s": second, "b": 0.0, "floor": 0.0, "x0": [box, 1.0]}


@pytest.mark.parametrize(
    ("box", "middle"),
    [((1.0, 16.0), 4.0), ((1.0, 4.0), 2.5), ((1.0, 4.1), math.sqrt(4.1)), ((2.0, 7.0), 4.5), ((0.0, 8.0), 4.0), ((-1.0, 3.0), 1.0)],
)  # fmt: skip
def test_a_box_is_cut_in_the_geometric_middle_where_it_spans_magnitudes(
    box: tuple[float, float], middle: float
) -> None:
    found = certify_box("convergence-monotone", growing(box), max_boxes=1)
    assert [part["x0[0]"] for part in found.undecided] == [(box[0], middle), (middle, box[1])]
    assert (found.boxes, found.certified, found.margin) == (1, False, math.inf)


def test_boxes_are_cut_along_their_widest_letter_down_to_the_smallest_share() -> None:
    found = certify_box("convergence-monotone", growing((-1.0, 3.0), (0.5, 0.6)), max_boxes=2)
    assert [(cell["x0[0]"], cell["s"]) for cell in found.undecided[1:]] == [
        ((1.0, 3.0), (0.5, 0.55)),
        ((1.0, 3.0), (0.55, 0.6)),
    ] or [(cell["x0[0]"], cell["s"]) for cell in found.undecided[1:]] == [
        ((-1.0, 1.0), (0.55, 0.6)),
        ((1.0, 3.0), (0.55, 0.6)),
    ]
    found = certify_box("convergence-monotone", growing((-1.0, 3.0)), smallest=0.25)
    assert found.boxes == 7
    assert sorted(cell["x0[0]"] for cell in found.undecided) == [(-1.0, 0.0), (0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]


@pytest.mark.parametrize("second", [3.0, 0.1])
def test_the_margin_of_a_point_is_the_least_of_the_claim(second: float) -> None:
    point = {"mu": [-2.0, -1.0], "a": [1.0, 2.0], "s": 0.5, "b": 0.0, "floor": 0.0, "x0": [0.5, second]}
    theorem = REGISTRY["convergence-monotone"]
    function = generate(margin_program(theorem, theorem.measurement != "pointwise", relative=False))
    letters = {name: np.array([value]) for name, value in point.items()}
    values = [np.float64(1e-9) if name == "tolerance" else letters[name] for name in function.inputs]
    margins = np.asarray(function(*values)).ravel()
    claimed = margins[margins < float(IDLE) - 0.5]
    assert len(claimed) > 0
    found = certify_box(theorem, point)
    assert found.certified
    assert found.margin == pytest.approx(claimed.min(), rel=1e-12)
    assert certify_box(theorem, {**point, "x0": [(0.4, 0.6), second]}).margin <= found.margin


# ---- blow-ups


def test_the_token_before_is_the_last_that_is_not_zero() -> None:
    nonzero = np.array([[True, False, True, True], [False, False, True, False]])
    np.testing.assert_array_equal(blowup.predecessor(nonzero), [[-1, 0, 0, 2], [-1, -1, -1, 2]])
    data = {"a": np.array([[0.7, 0.7]] * 2), "b": np.array([0.3, -1.0]), "floor": np.array([0.0, 0.2])}
    gate = np.exp(-0.7 * (np.logaddexp(0.0, data["b"]) + data["floor"]))[:, None]
    between = [[0, 0, 1, 0], [0, 1, 2, 0]]
    np.testing.assert_allclose(blowup.predecessor_weights(data, nonzero), gate ** np.array(between), rtol=1e-13)


def test_the_change_of_the_gate_integral_is_quadratures() -> None:
    data = {"x0": [[2.0, -1.0, 0.0]], "a": [[0.8, 0.8]], "s": [0.9], "b": [-0.4], "floor": [0.1]}
    low, high = np.array([[[0.2, -1.0, -np.inf]]]), np.array([[[2.5, 1.5, -np.inf]]])
    found = blowup.gate_integral_change(data, low, high)[0, 0]

    def gate(v: float, sign: float) -> float:
        return math.exp(0.8 * (np.logaddexp(0.0, 0.9 * sign * math.exp(v) - 0.4) + 0.1))

    wanted = [quad(gate, low[0, 0, k], high[0, 0, k], (sign,), epsabs=0, epsrel=1e-12)[0] for k, sign in ((0, 1.0), (1, -1.0))]  # fmt: skip
    np.testing.assert_allclose(found, [*wanted, 0.0], rtol=1e-10)


def test_without_gating_the_time_of_a_blow_up_is_in_closed_form() -> None:
    data = {"x0": [[2.0], [-0.5]], "mu": [[1.5, -0.4]] * 2, "s": [0.0, 0.0], "b": [0.3, 0.3], "floor": [0.0, 0.4]}
    step = np.logaddexp(0.0, 0.3) + np.array([0.0, 0.4])
    wanted = 1 / (2 * 1.1 * step * np.array([4.0, 0.25]))
    np.testing.assert_allclose(blowup.blow_up_time_first(data), wanted, rtol=1e-11)
    states = blowup.IN_CACHE // 1000  # more numbers a system than are worked on at a time: each has its turn
    many = data | {"mu": np.array([[1.5], [1.1]]) * np.eye(1, states), "s": [0.0, 0.7], "floor": [0.0, 0.4]}
    few = many | {"mu": [[1.5], [1.1]]}
    np.testing.assert_allclose(blowup.blow_up_time_first(many), blowup.blow_up_time_first(few), rtol=1e-13)


def run_of(**letters: Any) -> Any:
    return SimpleNamespace(**{name: np.array(value) for name, value in letters.items()})


def test_a_leader_is_the_first_that_takes_part_and_the_fastest() -> None:
    share = [[1.0, 0.5], [0.5, 1.0], [1.0, 1.0 + 5e-10], [1.0, 1.0 + 2e-9], [1.0, 0.5]]
    result = run_of(final_share=share, blow_up_token=[1, 1, 1, 1, 2])
    np.testing.assert_array_equal(blowup.leads(result, np.ones(5, dtype=int)), [True, False, True, False, False])
    ends = run_of(
        status=[Status.BLOW_UP, Status.BLOW_UP, Status.HORIZON, Status.STEP_LIMIT], blow_up_time=[2.0, 1e31, 3.0, 3.0],
        log_blow_up_time=[0.5, 0.6, 0.7, 0.8], ended_well=[True, True, True, False],
    )  # fmt: skip
    np.testing.assert_array_equal(blowup.blow_up_times(ends), [2.0, 1e30, 1e30, np.nan])
    np.testing.assert_array_equal(blowup.log_remaining(ends), [0.5, 0.6, np.nan, np.nan])


@pytest.mark.parametrize("m", [1, 2])
def test_the_time_of_the_first_tokens_is_that_of_them_alone(m: int) -> None:
    """Each token is ten times the one before, and blows up a hundred times sooner."""
    flat = dict.fromkeys(("s", "b", "floor"), np.zeros(1))
    data = flat | {"mu": np.array([[1.0, 0.5]]), "a": np.array([[0.7, 2.0]]), "x0": np.array([[0.02, 0.2, 2.0]])}
    theorem = REGISTRY["causality-times"]
    found = blowup.blowup(theorem, data | {"m": np.array([float(m)])}, "numpy")
    alone = blowup.blowup(theorem, data | {"x0": data["x0"][:, :m]}, "numpy")
    np.testing.assert_allclose(found["T_prefix"], alone["T"], rtol=1e-6)
    assert found["T_prefix"] > 10 * found["T"]
    assert "T_prefix" not in alone


def test_an_integral_that_no_claim_reads_is_left_out() -> None:
    """As far as a checked form says what it reads; of a theorem that is to be lowered first all is observed."""
    flat = dict.fromkeys(("s", "b", "floor"), np.zeros(1))
    data = flat | {"mu": np.array([[1.0, 0.5]]), "a": np.full((1, 2), 0.7), "x0": np.array([[1.0, 0.2]])}
    for theorem, seen in (
        (checked("iterated-log"), True),
        (checked("blow-up-ratio"), False),
        (REGISTRY["blow-up-ratio"], True),
    ):
        assert ("gate_slope" in blowup.blowup(theorem, data, "numpy")) is seen


def test_the_approach_to_a_blow_up_by_its_definition() -> None:
    """Tokens without gating: u is ln|x| at the sizes, slopes are shares of the token before, zeros have none."""
    x0 = np.array([[1.0, 0.0, 0.1], [1e31, 0.5, 0.0], [0.0, 1.0, 0.0], [1e-3, 0.0, 0.0]])
    whole = dict.fromkeys(("s", "b", "floor"), np.zeros(4))
    data = {**whole, "x0": x0, "mu": np.array([[1.0, 0.5]] * 3 + [[-1.0, -0.5]]), "a": np.full((4, 2), 0.4)}
    found = blowup.blowup(REGISTRY["iterated-log"], data, "numpy")
    u_s, u_t = found["u_s"], found["u_t"]
    assert (found["valid"] == np.array([[True, True], [False, True], [True, True], [False, False]])).all()
    assert np.isnan(u_t[1]).all(), "what starts beyond the first size has no approach"
    sizes = np.log(blowup.APPROACH)
    for row, leader in ((0, 0), (2, 1)):
        assert (u_s[row, :, leader] >= sizes[:2]).all()
        assert (u_s[row, :, leader] <= sizes[:2] + 30).all()
        np.testing.assert_array_equal(u_s[row, 1], u_t[row, 0])
    change = np.where(x0[0] != 0, u_t[0] - np.where(x0[0] != 0, u_s[0], 0.0), 0.0)
    np.testing.assert_allclose(found["slope_of"][0][:, 2], change[:, 2] / change[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(found["slope_of"][[0, 0, 2, 2], :, [0, 1, 0, 2]], 0.0)
    step = math.log(2.0)  # s = 0: the gate integral is e^(a Delta) ln v
    np.testing.assert_allclose(found["gate_slope"][0, :, 2], math.exp(0.4 * step) * found["slope_of"][0, :, 2], rtol=1e-9)  # fmt: skip
    np.testing.assert_array_equal(found["gate_slope"][0, :, :2], 0.0)
    np.testing.assert_allclose(found["T"][[0, 2], 0], 1 / (2 * 1.5 * step), rtol=1e-6)
    assert (found["T"][3] == blowup.NEVER).all()
    np.testing.assert_array_equal(np.isnan(found["log_remaining"][:, 0]), [False, True, False, True])


# ---- outputs and what came before them


def test_an_output_stands_beside_the_one_before_with_its_own_sign() -> None:
    sign = np.array([[[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0]]] * 2)
    size = np.log([[[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]] * 2)
    result = SimpleNamespace(
        log_abs=SimpleNamespace(data=size), sign=SimpleNamespace(data=sign), ended_well=np.array([True, False]),
        log_times=np.array([0.0, 1.0, 2.0]), reached=np.array([[True, True, False], [False, False, False]]),
        status=np.array([Status.BLOW_UP, Status.STEP_LIMIT]),
    )  # fmt: skip
    found = measurements.observed_tokens(result, {"x0": [[-9.0, 8.0], [1.0, 0.0]]})
    np.testing.assert_allclose(found["x_t"][0], [[2, -3], [-4, -5], [6, 7]])
    np.testing.assert_allclose(found["x_s"][0], [[-9, 8], [2, -3], [-4, -5]])
    np.testing.assert_allclose(found["u_s"][0, 0], np.log([9, 8]))
    np.testing.assert_allclose(found["t"][0], np.exp([0.0, 1.0, 2.0]))
    np.testing.assert_array_equal(found["valid"], [[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(found["blown_up"], [True, False])
    assert np.isnan(found["x_t"][1]).all()


@pytest.mark.parametrize("y", [0.7, -3.0, 1e9, -1e-6])
def test_token_one_with_skip_and_no_gating_is_bernoullis(y: float) -> None:
    """y' = -d y + k y^3 with k = mu Delta(0): y^-2 = (y(0)^-2 - k/d) e^(2 d t) + k/d."""
    data = {"d_skip": [2.0], "mu": [[-0.5, -0.1]], "s": [0.0], "b": [0.4], "floor": [0.1], "y": [y]}
    k, d = -0.6 * (np.logaddexp(0.0, 0.4) + 0.1), -skip_rate(data, 1e-12)
    found = skip(REGISTRY["skip-equilibria"], {key: np.array(value) for key, value in data.items()}, "numpy")
    t = found["t"][0]
    exact = np.sign(y) * ((y**-2 - k / d) * np.exp(2 * d * t) + k / d) ** -0.5
    np.testing.assert_allclose(found["y_t"][0], exact, rtol=1e-8)


def test_the_first_output_may_serve_as_the_one_before() -> None:
    key = "state-convergence"
    theorem = REGISTRY[key]
    found = measurements.MEASUREMENTS[theorem.measurement](theorem, drawn(key, 1, Shape(2, 1)))
    assert not found["valid"][:, 0].any()
    assert found["valid"][:, 1:].all()


def test_a_stack_of_layers_is_compared_where_more_than_rounding_is_seen() -> None:
    """Halving the step halves the error, at any size of the tokens; of a system at rest nothing is compared."""
    letters = {"a": [[1.0, 2.0]] * 3, "s": [0.0] * 3, "b": [0.2] * 3, "floor": [0.0] * 3}
    data = {"x0": [[1e-6, 2e-6], [1e3, -3e3], [1.0, 2.0]], "mu": [[-1.0, -2.0], [-1.0, -2.0], [0.0, 0.0]], **letters}
    found = measurements.MEASUREMENTS["stack"](REGISTRY["euler-consistency"], {key: np.array(value) for key, value in data.items()}, "numpy")  # fmt: skip
    np.testing.assert_array_equal(found["valid"][:, 0], [True, True, False])
    np.testing.assert_allclose(found["error_h"][:2] / found["error_half"][:2], 2.0, rtol=0.02)


def skip_rate(data: Data, y: float) -> float:
    from s6flow.numeric.checks.shared import quantity

    return float(quantity("skip_rate", y=np.array([y]), **{k: np.array(v) for k, v in data.items() if k != "y"})[0])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_direction_is_followed_until_any_token_moves_roughly() -> None:
    theorem = REGISTRY["direction-clock"]
    data = drawn(theorem.id, 1, Shape(2, 2, 3, 1))
    data["x"][:, 1] *= 1e4 / np.linalg.norm(data["x"][:, 1])
    data["x"][:, 0] *= 1.0 / np.linalg.norm(data["x"][:, 0])
    short, long = ({**data, "t": np.array([t])} for t in (0.05, 1e4))
    assert normalised.prenorm_turn(theorem, short, "numpy")["later"][0, 0] > 0
    assert normalised.prenorm_turn(theorem, long, "numpy")["later"][0, 0] == 0


def test_what_moves_roughly_stops_alone() -> None:
    """Some systems stop at once, some amid their run and some never: each ends as if it were the only one."""
    theorem = REGISTRY["direction-clock"]
    data = {**drawn(theorem.id, 40, Shape(2, 2, 3, 1)), "t": np.full(40, 11.0)}
    found = normalised.prenorm_turn(theorem, data, "numpy")
    whole = 11.0 * normalised.prenorm_turn(theorem, {**data, "t": np.full(40, 1.0)}, "numpy")["later"]
    share = (found["later"] / whole)[:, 0]
    kinds = (share == 0, (share > 0.1) & (share < 0.9), share > 0.999)
    for row in [int(np.flatnonzero(kind)[0]) for kind in kinds]:
        one = {key: value[row : row + 1] if np.ndim(value) else value for key, value in data.items()}
        for name, value in normalised.prenorm_turn(theorem, one, "numpy").items():
            np.testing.assert_allclose(found[name][row], value[0], rtol=1e-12, err_msg=name)


# ---- forms, spectra and orbits


def test_eigenvalues_and_ranks_are_counted_beyond_rounding() -> None:
    M = np.array([np.diag([1.0, 2e-10, -0.5e-10]), 1e-3 * np.diag([1.0, 0.5e-10, -2e-10])])
    one = np.broadcast_to(np.eye(3), M.shape)
    found = vectors.spectra(REGISTRY["symmetric-signature"], {"S_B": one, "S_C": M}, "numpy")
    np.testing.assert_array_equal(found["count_positive"], [[2], [1]])
    np.testing.assert_array_equal(found["count_negative"], [[0], [1]])
    np.testing.assert_array_equal(found["matrix_rank"], [[2], [2]])


def test_the_constants_of_later_tokens_add_up_over_those_before() -> None:
    from s6flow.numeric.checks.shared import quantity

    theorem = REGISTRY["definite-all-tokens"]
    data = drawn(theorem.id, 2, Shape(3, 2, 2, 1))
    found = vectors.vector_tokens(theorem, data, "numpy")
    square = (data["x"] ** 2).sum(axis=2)
    names = ("eig_max", "size_B", "size_C", "delta_low", "delta_high")
    before = np.zeros(found["constants_before"].shape[:2])
    for token in range(1, 3):
        assert np.allclose(found["constants_before"][:, :, token - 1], before)
        start = np.broadcast_to(square[:, [token - 1]], before.shape)
        before = before + quantity("all_tokens_constant", square=start, before=before, **{name: found[name] for name in names})  # fmt: skip
    np.testing.assert_allclose(found["constants_before"][:, :, 2], before, rtol=1e-12)
    np.testing.assert_allclose(found["square_0"][:, 0], square)


def test_the_way_along_an_orbit_is_read_on_a_channel_that_is_used() -> None:
    theorem = REGISTRY["orbit-trichotomy"]
    theorem = replace(theorem, options=REGISTRY["orbit-sum"].options | dict(theorem.options))  # whose measurement it is
    data = drawn(theorem.id, 2, Shape(1, 2, 3, 1))
    steps = np.logaddexp(0.0, data["b"]) + data["floor"][:, None]
    rows, unused = np.arange(2), steps.argmax(axis=1)
    data["x"][rows, 0, unused] = 0.0
    data["S_dt_in"] = np.zeros_like(data["S_dt_in"])
    found = orbit(theorem, data, "numpy")
    start, end = data["x"][:, 0], found["entry_t"][:, 0]
    np.testing.assert_array_equal(end[rows, unused], 0.0)
    for row in rows:
        for channel in np.flatnonzero(start[row]):
            moved = math.log(abs(end[row, channel] / start[row, channel])) / steps[row, channel]
            assert found["along"][row, 0] == pytest.approx(moved, rel=1e-3, abs=1e-9)
    form = np.einsum("bd,bnd,bne,be->b", start, data["S_C"], data["S_B"], start) / (start**2).sum(axis=1)
    np.testing.assert_allclose(found["form_0"][:, 0], form, rtol=1e-12)


def test_what_is_seen_near_an_axis_does_not_depend_on_the_unit_of_tokens() -> None:
    """Tokens a billion times smaller, read a billion times as strongly: shares are the same, however small the entries are."""
    theorem, unit = REGISTRY["axis-at-infinity"], 2.0**-30
    data = drawn(theorem.id, 2, Shape(1, 2, 2, 1))
    small = data | {name: data[name] / unit for name in ("S_B", "S_C", "S_dt_in")} | {"x": data["x"] * unit}
    plain, found = (axis_far(theorem, one, "numpy") for one in (data, small))
    assert (found["own_t"][:, 0] < 1).all()
    np.testing.assert_allclose(found["excess_t"][:, :3], plain["excess_t"][:, :3], rtol=1e-6)
    np.testing.assert_allclose(found["own_t"][:, :3], unit * plain["own_t"][:, :3], rtol=1e-6)


def test_a_zero_token_goes_no_way_and_an_entry_of_one_is_as_any_other() -> None:
    theorem = REGISTRY["orbit-trichotomy"]
    theorem = replace(theorem, options=REGISTRY["orbit-sum"].options | dict(theorem.options))
    data = drawn(theorem.id, 2, Shape(1, 2, 3, 1))
    steps = np.logaddexp(0.0, data["b"]) + data["floor"][:, None]
    lead = int(steps[1].argmax())
    data["x"][0] = 0.0
    data["x"][1] /= data["x"][1, 0, lead]
    data["S_dt_in"] = np.zeros_like(data["S_dt_in"])
    found = orbit(theorem, data, "numpy")
    moved = math.log(abs(found["entry_t"][1, 0, lead])) / steps[1, lead]
    assert found["along"][:, 0] == pytest.approx([0.0, moved], rel=1e-12)
    assert abs(moved) > 1e-3


def test_an_orbit_is_that_of_token_one_alone() -> None:
    theorem = REGISTRY["orbit-trichotomy"]
    theorem = replace(theorem, options=REGISTRY["orbit-sum"].options | dict(theorem.options))
    data = drawn(theorem.id, 2, Shape(2, 2, 3, 1))
    beside, alone = (orbit(theorem, {**data, "x": data["x"][:, :count]}, "numpy") for count in (2, 1))
    for name, value in alone.items():
        np.testing.assert_array_equal(beside[name], value, err_msg=name)


@pytest.mark.parametrize(("negative", "wanted"), [((2.27, 2.5), -1.0), ((1.3, 1.5), 1.0)])
def test_without_gating_the_reach_is_the_multiples_of_one_step(negative: tuple[float, float], wanted: float) -> None:
    """K = q (q - q_1)(q - q_2) below zero between two steps; Delta(0) = ln 2 + 0.5, twice which is 2.386."""
    q = np.exp(-np.array(negative))
    data = {
        "mu": [[q.prod(), -q.sum(), 1.0]], "a": [[1.0, 2.0, 3.0]], "s": [0.0], "b": [0.0], "floor": [0.5], "x0": [[1.0, 1.0]],
    }  # fmt: skip
    assert carried_sign({key: np.array(value) for key, value in data.items()}).tolist() == [wanted]


# ---- constructions


def test_the_ends_of_a_cube() -> None:
    ends = UnitCube(np.array([[1.0, 0.0, 0.5]]))
    assert not ends.rare(0.0), "a share of zero is never"
    assert ends.rare(0.0, 1).tolist() == [[False]]
    assert ends.sign(1).tolist() == [[-1.0]]


def test_two_states_are_needed_for_both_signs_of_K() -> None:
    one = {"mu": [[1.0]], "a": [[1.0]], "s": [1.0], "b": [0.0], "floor": [0.0], "x0": [[1.0, 1.0]], "low": [1.0], "high": [1.0]}  # fmt: skip
    for assumption in ("second-token-held", "second-token-between"):
        with pytest.raises(TheoremError, match="at least two states"):
            ADJUST[assumption]({key: np.array(value) for key, value in one.items()})


@pytest.mark.parametrize(("excess", "kept"), [(1.15e-5, True), (2.9e-6, False)])
def test_a_held_token_needs_K_clearly_negative(excess: float, kept: bool) -> None:
    """mu = (1, -1 - e) with one decay rate: mu K(0) is -e / 2, times Delta(0) over |mu| it is -0.173 e, against -1e-6."""
    data = {
        "mu": np.array([[1.0, -1.0 - excess]] * 2), "a": np.ones((2, 2)), "s": np.zeros(2), "b": np.zeros(2), "floor": np.zeros(2),
        "x0": np.array([[3.0, 0.5], [0.0, -0.5]]),
    }  # fmt: skip
    before = {key: value.copy() for key, value in data.items()}
    ADJUST["second-token-held"](data)
    assert (data["mu"] == before["mu"]).all() == kept
    assert (data["a"] == before["a"]).all() == kept
    np.testing.assert_array_equal(data["x0"][:, 0], [3.0, 1.0])
    np.testing.assert_array_equal(np.sign(data["x0"][:, 1]), [1.0, -1.0])
    gates = np.exp(-data["a"] * math.log(2.0))
    held = (data["mu"] * gates).sum(axis=1) * data["x0"][:, 0] ** 2 + data["mu"].sum(axis=1) * data["x0"][:, 1] ** 2
    assert (held < 0).all(), "s = 0: every step is Delta(0)"
    if not kept:
        assert (data["mu"].sum(axis=1) > 0).all()
        assert ((data["mu"] * gates).sum(axis=1) < 0).all()
        assert (np.abs(data["mu"]).max(axis=1) == 1.0 + excess).all()


@pytest.mark.parametrize(
    ("theorem", "largest", "ranges"),
    [
        ("convergence-rate", None, [(1, 64), (1, 16), (2, 4), (1, 2)]),
        ("layer-bound", None, [(1, 6), (1, 4), (2, 8), (1, 3)]),
        ("convergence-rate", Shape(5, 3, 1, 2), [(1, 5), (1, 3), (2, 2), (1, 2)]),
    ],
)
def test_shapes_are_drawn_up_to_the_largest(
    theorem: str, largest: Shape | None, ranges: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 tokens and 16 states, as the documentation says; fewer for theorems of whole layers."""
    planted = SimpleNamespace(integers=lambda *ends: ends, builds=lambda make, **axes: axes, sampled_from=list)
    monkeypatch.setattr(hypothesis, "strategies", planted)
    found = strategies.shapes(REGISTRY[theorem], largest)
    assert found == dict(zip(("token", "state", "channel", "rank"), ranges, strict=True))
    own = REGISTRY["slow-ratios"]
    assert strategies.shapes(own) == [Shape(*row) for row in own.options["shapes"]]


@pytest.mark.parametrize(("count", "size"), [(2, 3), (1, 0)])
def test_cubes_are_random_with_a_few_drawn_entries(count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: list[tuple[int, int]] = []
    planted = SimpleNamespace(
        integers=lambda low, high: ranges.append((low, high)), tuples=lambda *_: None, floats=lambda *_, **__: 0, sampled_from=lambda _: 0,
        lists=lambda *_, **__: None, builds=lambda build, *_: build,
    )  # fmt: skip
    monkeypatch.setattr(hypothesis, "strategies", planted)
    build = strategies.unit_cubes(count, size)
    assert ranges[0] == (0, max(count * size - 1, 0)), "every entry may be drawn"
    plain = np.random.default_rng(3).random((count, size))
    np.testing.assert_array_equal(build(3, []), plain)
    if size:
        plain[1, 2] = 0.25
        np.testing.assert_array_equal(build(3, [(5, 1.0), (5, 0.25)]), plain)


@pytest.fixture
def planted_channels(monkeypatch: pytest.MonkeyPatch) -> Data:
    size = 8
    everything = {
        "mu": np.abs(RNG.normal(size=(size, 2))) + 0.1, "a": np.exp(RNG.normal(size=(size, 2))), "s": RNG.choice([-1.0, 1.0], size) * np.exp(RNG.normal(size=size)),
        "b": RNG.normal(size=size), "floor": np.zeros(size),
    }  # fmt: skip
    monkeypatch.setattr(channels, "package_channels", lambda: everything)
    return everything


def test_tokens_of_trained_channels_take_the_signs_that_assumptions_ask_for(planted_channels: Data) -> None:
    theorem = REGISTRY["blow-up-profile"]
    found = channels.trained_channels(theorem, 8)
    assert found is not None
    assert (judge.satisfied(theorem, found)).all()
    np.testing.assert_array_equal(np.sort(found["s"]), np.sort(planted_channels["s"]))
    assert len(channels.trained_channels(theorem, 3)["s"]) == 3
    planted_channels["mu"][:] = -planted_channels["mu"]
    planted_channels["mu"][0] *= -1
    assert len(channels.trained_channels(theorem, 8)["s"]) == 1
    planted_channels["mu"][0] *= -1
    assert channels.trained_channels(theorem, 8) is None


# ---- what a backend needs


@pytest.mark.parametrize(("assumptions", "seen"), [(("eig-x",), True), (("form-x",), True), (("one", "a-form"), True), (("one",), False)])  # fmt: skip
def test_balls_need_what_assumptions_about_forms_are_made_of(
    assumptions: tuple[str, ...], seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(judge.MEASUREMENTS, "planted", lambda *_: {"seen": 1})
    theorem: Any = SimpleNamespace(measurement="planted", assumptions=assumptions)
    assert judge.observe(theorem, {}, "flint") == ({"seen": 1} if seen else {})
    assert judge.observe(theorem, {}) == {"seen": 1}
