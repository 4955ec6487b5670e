"""Systems that once were found to break a check: kept with what was wrong, so that it stays found.

One long file: a kept system for each fault that was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import check, judge_data
from s6flow.numeric.checks.check import batch_of
from s6flow.numeric.checks.data.adjust import ADJUST
from s6flow.numeric.checks.engines import engine
from s6flow.numeric.checks.examples import examples_of
from s6flow.numeric.checks.judge import measures, observe
from s6flow.numeric.checks.normalised import OFF_CENTRE, uneven
from s6flow.numeric.checks.orbits import passed_over
from s6flow.numeric.criteria.exponential_sums import OrbitCertificate
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.proofs.checked import checked

#: s = 0 and gates near one: tokens 8 to 14 lead up to |x| = 1e35, then token 16 overtakes them for good.
OVERTAKEN = {
    "mu": [
        0.00019210435687117572, 4.310719975443928e-06, 3.0759326986107733e-06, 0.0004440901664905891,
        0.0010254192214374572, 0.000269761638863892, 1.7665871290331554e-05, 0.0003433148855760457,
    ],
    "a": [
        0.363637190612813, 0.15263909151617253, 2.0, 0.01927483839527354,
        0.11712150480197098, 0.9306527680215605, 0.09560164693620744, 0.1921188711873694,
    ],
    "s": 0.0, "b": -4.0, "floor": 0.0,
    "x0": [
        -20.467498061907705, -16.601114584919454, -0.010000000000000004, -4.84384061498506, 0.010000000000000004,
        5.359064982383512, -0.04210032865398385, -29.99999999999999, -0.17074450081610465, 0.06427046665540835, 0.0,
        -3.9979403532496995, -0.3097132802614294, -0.13477029490361397, -2.5193720650920888, -0.6405486904061569,
    ],
}  # fmt: skip
#: Steps of 1e3 and more, then small ones: in single precision the small ones are lost in their running sum.
LONG_STEPS = {
    "mu": [250.4, 1.474, -1.449, 908.3, 153.5, -180.4, -3.758, -49.04],
    "a": [16.15, 0.01152, 1.698, 0.3673, 0.1309, 0.9862, 0.01, 0.02306],
    "s": -9.12, "b": -6.219, "floor": 0.0,
    "x0": [-1e-8, 0.0, 0.044, 0.0, 1000.0, 1.7e-4, 0.444, -1000.0, 1e-5, -129.3, -233.3, -1.6e-6, 0.0364, -0.00219, -579.2, 1.9e-8],
}  # fmt: skip
#: The third output lies on a root of p to seven digits, where the sign of p is rounding in single precision.
ON_A_ROOT = {
    "S_B": [0.10000000000000002, -0.36263638717050933, 1.012728217703334, 0.13378745117468793,
            0.10203983002336861, -0.8007871808678286, 0.6170763329402421, 0.695744500223027],
    "S_C": [0.1659303080952463, -0.21330021568883079, 0.3047000343311509, 2.0,
            -0.2181694795561626, 0.744683035617138, 0.10000000000000002, -0.48607680195599007],
    "beta_B": [0.07407268139228364, 1.4409352005475273, 0.7542235351359627, -0.94653842144802,
               0.41616875688410465, -0.3352237898989184, -0.1276226135706526, -0.7099064355056374],
    "beta_C": [-0.3407727787695447, 0.8059851734329935, 0.24314733282694823, 1.1929309802931902,
               -1.0017894416971411, 0.13157117100637768, 0.06724524183930958, -0.7102306549729496],
    "a": [0.32190165655212977, 0.6663267475604632, 0.20378987380441085, 4.999999999999998,
          0.21377645171750703, 0.21452789925607366, 0.23470468856141236, 0.5803023987079193],
    "s": 0.12921827185129345, "b": 0.5558302753416031, "floor": 0.0, "x0": [-0.42022550830985317],
}  # fmt: skip
#: At ln t = 80 the attention over five gates is 1e-50: below the numbers of float32, but t P is not.
FAINT_ATTENTION = {
    "mu": [-1.0], "a": [3.0], "decay": 3.0, "s": 1.0, "b": 2.0, "floor": 0.0,
    "x0": [1.0, -0.5, 2.0, 0.3, 0.7, -1.0], "m": 1.0,
}  # fmt: skip
#: Beside tokens at a stiff quasi-equilibrium token 1 is integrated to 1e-8 a step, alone to 1e-10.
STIFF_COMPANY = {
    "mu": [-5.2857978014248415e-06, 0.005187624035180626, -0.0005981230356310977, -0.004631402168903339],
    "a": [0.5302613231247205, 0.017611860938715976, 16.78564432041551, 0.7924336028800418],
    "s": 0.0, "b": -1.3595790264838516, "floor": 0.0,
    "x0": [-0.004422149180609994, 0.0, -2.356017541881103, -0.002349356125777902],
}  # fmt: skip

#: On the way to T the fifth-order error estimate changes its sign: the first deceived both drivers, the second the compiled one.
ACCIDENTS = (
    {"mu": [5.557952601433075e-05], "a": [0.10964974297217997], "s": 5.480469890851408, "b": -2.126557580727905,
     "floor": 0.008557053115213766, "x0": [0.025579035511679386], "m": 1.0},
    {"mu": [0.4350643996384175, 2.2900246051067894, 0.2705463032885363], "a": [0.010000000000000004, 5.811156283609319,
     8.907043191228851], "s": -2.064697161688007, "b": -1.5226669796069263, "floor": 0.0, "x0": [-0.00012280454955931688], "m": 1.0},
)  # fmt: skip


#: Layer of two channels, S_B = 1, M = S_C; the letters that a case does not name.
_PLAIN = {
    "S_B": [[1.0, 0.0], [0.0, 1.0]], "S_dt_in": [[0.0, 0.0]], "S_dt_out": [[0.0], [0.0]], "beta_B": [0.0, 0.0], "beta_C": [0.0, 0.0],
    "a": [[1.0, 1.0], [1.0, 1.0]], "b": [0.0, 1.0], "floor": 0.0,
}  # fmt: skip
#: The form vanishes all along the orbit: it has more zeros than any count of sign changes, and the token rests.
NO_FORM = {**_PLAIN, "S_C": [[0.0, 1.0], [-1.0, 0.0]], "x": [[1.0, 1.0]], "t": 1.0}
#: M_cc = 0 on the slowest channel, of a token that dies along the other one: the constant is infinite, and nothing is said of it.
NO_CONSTANT = {**_PLAIN, "S_C": [[0.0, 0.0], [0.0, -1.0]], "x": [[1e-9, 1.0]], "t": 1.0}
#: A channel whose share falls sixty times as fast as the slowest: e^-1500 of it is left when that one is measured.
UNEQUAL_RATES = {
    **_PLAIN, "S_B": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "S_C": [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "S_dt_in": [[0.0, 0.0, 0.0]], "S_dt_out": [[0.0], [0.0], [0.0]], "beta_B": [0.0] * 3, "beta_C": [0.0] * 3,
    "a": [[1.0] * 3] * 3, "b": [0.0, 0.02, 2.0], "x": [[1.0, 2e-4, -1e-4]],
}  # fmt: skip
#: The limit is approached like t^-0.28: at ln t = 40 t x_c^2 is 1 % from it, at ln t = 80 no more.
LATE_CONSTANT = {
    "S_B": [[-0.9666667039030388, 0.3959015377576292, 0.7992265646543488], [0.41299579717871565, 0.41284703879188345, -0.3],
            [-0.5450469537672442, 0.597829314941607, 0.8073641780041905]],
    "S_C": [[0.9038654621479207, -0.3959015377576292, 0.5200612599736656], [-0.4902558120155287, -0.41284703879188345, 0.3],
            [0.6866056768992088, -0.597829314941607, -0.4548643644072965]],
    "S_dt_in": [[0.7763661288499036, 0.583224897787345, 1.0], [0.6296201761405137, -0.9225019459514303, -0.5778864259231379]],
    "S_dt_out": [[0.9695768675277701, 0.5909328507423901], [-1.0, 0.789211263060585], [-0.766103295196401, -1.0]],
    "beta_B": [0.0] * 3, "beta_C": [0.0] * 3, "a": [[1.0] * 3] * 3, "b": [0.5661711750389251, -0.08098770767565, -0.7513327174866397],
    "floor": 0.002297641673731342, "x": [[-1.9999999982304868, 0.3607645784910884, 0.0]], "t": 1.0,
}  # fmt: skip
#: A rest at |x| = 1.3e28, with the next zero of the form 1.5 steps' logarithms behind it: a run goes 13 powers of ten a step there.
FAR_REST = {
    "S_B": [[-0.7374333009931267, -0.5531191941528598], [0.39766944546354055, 0.30581514438491997]],
    "S_C": [[-0.3791527450803711, -0.8677313014981968], [0.7823670643620864, -0.5932466145383316]],
    "S_dt_in": [[0.0, 0.0]], "S_dt_out": [[0.0], [0.0]], "beta_B": [0.0, 0.0], "beta_C": [0.0, 0.0], "a": [[1.0, 1.0], [1.0, 1.0]],
    "b": [0.6535031126049164, 0.6855863139603804], "floor": 0.0, "x": [[1.393810331209864, -0.4634085026458527]], "t": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A system, the check that it broke, and why.

    Args:
        key: theorem id.
        backends: on which its margin must be at least zero.
    """

    key: str
    backends: tuple[str, ...]
    data: dict[str, Any]
    why: str


FLOATS = ("numpy", "torch", "torch32")
KEPT = (
    Kept("fast-order", FLOATS, OVERTAKEN, "a token that stays bounded led at 1e30 and was taken for the leader"),
    Kept("linear-recursion", FLOATS, LONG_STEPS, "differences of running sums lost their digits"),
    Kept("affine-phase-line", FLOATS, ON_A_ROOT, "the allowance for rounding did not know the size of p"),
    Kept("orbit-sum", FLOATS, NO_FORM, "a form that is zero everywhere has no finite number of zeros"),
    Kept("slowest-channel", FLOATS, NO_CONSTANT, "the constant was asked for where M_cc = 0"),
    Kept("slowest-channel", FLOATS, LATE_CONSTANT, "the constant was read before it had been reached"),
    Kept("sphere-sinks", FLOATS, UNEQUAL_RATES, "a rate was lost where its channel left float64"),
    Kept("attention-decay", FLOATS, FAINT_ATTENTION, "the attention was compared where float32 cannot hold it"),
)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.key)
def test_kept_system_holds_and_is_decided(kept: Kept) -> None:
    theorem = checked(kept.key)
    data = batch_of(theorem, kept.data)
    assert all(measures(theorem, backend) for backend in kept.backends), "each judges what is observed once"
    observed = observe(theorem, data)
    for backend in kept.backends:
        judged = judge_data(theorem, data, backend, observed=observed)
        assert judged.satisfied[0]
        assert judged.margins[0] >= 0, f"{backend}: {kept.why}"


@pytest.mark.parametrize(
    ("third", "meets", "decided"),
    [(1.0, False, False), (np.nextafter(1, 2), True, False), (1 + 2e-6, True, False), (1 + 3e-6, True, True)],
)  # fmt: skip
def test_a_start_at_the_centre_but_for_rounding_is_no_start_beside_it(third: float, meets: bool, decided: bool) -> None:
    """sphere-cycle: a start off the centre by 2e-16 rests as long as anybody looks."""
    start = np.array([1.0, 1.0, third])
    theorem = checked("sphere-cycle")
    system = {
        "turn": 0.16,
        "pull": 0.07,
        "floor": 0.0,
        "x": [(start / np.linalg.norm(start)).tolist()],
        "S_dt_in": [[1.0, 0.0, 0.0]],
    }
    judged = judge_data(theorem, batch_of(theorem, system))
    assert judged.satisfied[0] == meets
    assert not judged.satisfied[0] or np.isfinite(judged.margins[0]) == decided
    assert not decided or judged.margins[0] >= 0


def test_a_start_that_is_drawn_at_the_centre_is_moved_away_from_it() -> None:
    data = {"x": np.array([[[0.2, 0.2, 0.2]], [[2.0, 2.0, 2.0 + 1e-9]], [[0.2, 0.2, 0.2 + 1e-5]]])}
    before = data["x"].copy()
    ADJUST["off-centre"](data)
    assert (uneven(data["x"][:, 0]) >= OFF_CENTRE).all()
    np.testing.assert_allclose(data["x"], before, rtol=4e-6)
    np.testing.assert_array_equal(data["x"][2], before[2])


def test_a_rest_that_a_run_may_pass_over_is_undecided() -> None:
    """orbit-sum: a run of 1e-6 called a blow-up what rests at |x| = 1.3e28, with another zero of the form 13 % farther on."""
    theorem = checked("orbit-sum")
    data = batch_of(theorem, FAR_REST)
    observed = observe(theorem, data)
    assert np.isnan(observed["first_zero"]).all()
    assert np.isnan(judge_data(theorem, data, observed=observed).margins[0])
    assert (observed["norm_gain"] > 100).all(), "this is what was taken for a violation"


@pytest.mark.parametrize(
    ("start", "first", "behind", "hidden"),
    [
        (1.0, 6.3, 6.4, True),  # e^6.3 = 545: x^-2/4 below 1e-6
        (1.0, 6.1, 6.4, False),  # e^6.1 = 446: the run's coordinates bend by more than it tolerates
        (1.2, 6.1, 6.4, True),
        (1.0, 7.0, 36.9, True),  # the longest step is 30
        (1.0, 7.0, 37.1, False),
        (1.0, 7.0, math.inf, False),  # behind the zero the form keeps its sign: no run passes over that
        (1.0, -3.0, -3.1, False),
        (0.0, 7.0, 8.0, False),
    ],
)
def test_which_rests_a_run_may_pass_over(start: float, first: float, behind: float, hidden: bool) -> None:
    zeros = tuple((value, value) for value in (first, behind) if math.isfinite(value))
    certificate = OrbitCertificate(tuple(sorted(zeros)), True, 2, 1 if first > 0 else -1)
    assert certificate.ahead(3) == (first, behind, math.copysign(math.inf, first))[
        : 3 if math.isfinite(behind) else 2
    ] + (() if math.isfinite(behind) else (math.inf,))
    assert passed_over(certificate, np.array([start, 0.0]), np.array([1.0, 50.0]), 1e-6) == hidden


#: What a run of `orbit-sum` must not show: its observable, what is put there for a token that moves forwards, and that backwards.
PLANTED = (
    ("log_entry_t", 2e-3, -2e-3, "an entry off its orbit by more than rounding"),
    ("along", 2e-3, -2e-3, "past the rest"),
    ("first_zero", 0.02, -0.02, "the rest is not reached"),
    ("first_zero", -0.02, 0.02, "the rest is passed"),
    ("entry_t", math.nan, math.nan, "the sign of an entry changes"),
    ("zero_count", 5.0, 5.0, "more zeros than changes of sign"),
)


@pytest.mark.parametrize("backend", FLOATS)
@pytest.mark.parametrize(("name", "forwards", "backwards", "why"), PLANTED)
def test_an_orbit_that_is_off_is_called_so(
    name: str, forwards: float, backwards: float, why: str, backend: str
) -> None:
    theorem = checked("orbit-sum")
    data, observed = resting()
    assert (judge_data(theorem, data, backend, observed=observed).margins >= 0).all()
    step = np.where(observed["form_0"] > 0, forwards, backwards)
    large = {"torch32": 10.0 if "entry" in name or name == "along" else 1.0}.get(backend, 1.0)  # its slack is 5e-3
    value = np.asarray(observed[name])
    moved = -value if math.isnan(forwards) else value + large * step.reshape(step.shape + (1,) * (value.ndim - 2))
    judged = judge_data(theorem, data, backend, observed={**observed, name: moved})
    assert (judged.margins < 0).all(), why


@pytest.mark.parametrize(("form", "gain", "holds"), [(1.0, 69.0, False), (1.0, 69.2, True), (-1.0, -4.5, False), (-1.0, -4.7, True)])  # fmt: skip
def test_an_orbit_without_a_rest_must_grow_or_die(form: float, gain: float, holds: bool) -> None:
    """By 1e30, and by a hundredth."""
    theorem = checked("orbit-sum")
    data = batch_of(theorem, {**_PLAIN, "S_C": [[form, 0.0], [0.0, form]], "x": [[1.0, 0.5]], "t": 1.0})
    observed = observe(theorem, data)
    assert observed["first_zero"][0, 0] == form * 1e30
    judged = judge_data(theorem, data, observed={**observed, "norm_gain": np.full((1, 1), gain)})
    assert (judged.margins[0] >= 0) == holds


@cache
def resting() -> tuple[dict[str, Any], dict[str, Any]]:
    """Two tokens that come to rest on an orbit, one on either side of its start, and what is seen of them."""
    theorem = checked("orbit-sum")
    one = batch_of(theorem, {**_PLAIN, "S_C": [[1.0, 0.0], [0.0, -1.0]], "x": [[1.0, 0.5]], "t": 1.0})
    other = batch_of(theorem, {**_PLAIN, "S_C": [[1.0, 0.0], [0.0, -1.0]], "x": [[0.5, 1.0]], "t": 1.0})
    data = {key: np.concatenate([value, other[key]]) if np.ndim(value) else value for key, value in one.items()}
    return data, dict(observe(theorem, data))


def test_a_zero_token_has_no_slowest_channel() -> None:
    """M_cc > 0 and |x| = 0 for all times: without a channel that it uses the assumption does not hold."""
    theorem = checked("slowest-channel")
    system = {**_PLAIN, "S_C": [[1.0, 0.0], [0.0, 1.0]], "x": [[0.0, 0.0]], "t": 1.0}
    assert not judge_data(theorem, batch_of(theorem, system)).satisfied[0]


def test_mu_positive_does_not_keep_a_token_behind_a_norm_from_falling() -> None:
    """mu = 1, but what the first token left in the slow state pulls the second one down: prenorm-axis asks for the sign of every mu_n."""
    theorem = checked("prenorm-axis")
    system = {
        "mu": [-2.0, 3.0],
        "a": [0.1, 9.0],
        "s": 0.0,
        "b": 0.0,
        "floor": 0.0,
        "x0": [1.0] * 8,
        "radius": 2.0,
        "t": 0.01,
    }
    data = batch_of(theorem, system)
    judged = judge_data(theorem, data)
    assert judged.satisfied[0]
    assert judged.margins[0] >= 0  # the theorem as it is stated
    moved = np.abs(observe(theorem, data)["x_t"][0, 0]) - np.abs(data["x0"][0])
    assert moved[0] > 0 > moved[-1]


@pytest.mark.parametrize("integrator", ["numpy", "numba"])
@pytest.mark.parametrize("system", ACCIDENTS)
def test_a_vanishing_error_estimate_is_not_believed(system: dict[str, Any], integrator: str) -> None:
    """Both missed T by 3e-6 at a tolerance of 1e-10; see symbolic.step_control.HAIRER."""
    theorem = checked("fast-blow-up-time")
    data = batch_of(theorem, system)
    observed = observe(theorem, data, integrator=integrator)
    assert judge_data(theorem, data, observed=observed).margins[0] >= 0.99 * theorem.tolerance


def ended(data: dict[str, Any], x_limit: float) -> Any:
    params = FlowParameters(*(data[key] for key in ("mu", "a", "s", "b", "floor")))
    return integrate(data["x0"], params, log_horizon=30.0, x_limit=x_limit)


def test_the_leader_of_a_blow_up_can_change_late() -> None:
    early, late = ended(OVERTAKEN, 1e30), ended(OVERTAKEN, 1e100)
    assert early.blow_up_token == 8
    assert late.blow_up_token == 16
    assert early.final_share[7] < 0.99, "the one that led at 1e30 is not the fastest there"
    assert late.final_share[15] == 1.0


@pytest.mark.parametrize("C", [-1e-3, -1.0, -10.0])
def test_a_leader_that_is_not_settled_is_undecided(C: float) -> None:
    """s = 0, one decay rate: token 2 overtakes at zeta^(1-q) = -C (1-q), here beyond 1e80; see closed-form-two-tokens."""
    q = 2.0**-0.01
    data = {"mu": [1.0], "a": [0.01], "s": 0.0, "b": 0.0, "floor": 0.0, "x0": [1.0, (1 / (1 - q) + C) ** -0.5]}
    assert ended(data, 1e100).status == Status.BLOW_UP
    theorem = checked("fast-order")
    judged = judge_data(theorem, batch_of(theorem, data))
    assert judged.satisfied[0]
    assert np.isnan(judged.margins[0])


def test_stiff_company_costs_digits_and_no_more() -> None:
    """Source: numeric.flow.stiff.LEAST_TOLERANCE; theorem `closed-form-first-token` is checked on token 1 alone."""
    theorem = checked("closed-form-first-token")
    assert all(shape[0] == 1 for shape in theorem.options["shapes"])
    data = batch_of(theorem, STIFF_COMPANY)
    alone = {**data, "x0": data["x0"][:, :1]}
    assert judge_data(theorem, alone).margins[0] >= 0.99 * theorem.tolerance, "alone it is exact to 1e-9"
    assert judge_data(theorem, data).margins[0] >= -theorem.tolerance, "in company to 2e-7"


def test_a_place_leads_back_to_its_system() -> None:
    report = check("divergence-monotone", examples=60, seed=5)
    name, row, moment = report.place
    batches = dict(examples_of(checked(report.id), engine("numpy"), 60, 5))
    for key in ("mu", "a", "x0"):
        np.testing.assert_array_equal(batches[name][key][row], report.where[key])
    assert report.where["moment"] == moment
