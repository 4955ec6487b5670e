"""Systems that once seemed to violate a theorem, kept with what they turned out to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks.check import batch_of
from s6flow.numeric.checks.judge import judge_data, observe, observe_together
from s6flow.numeric.checks.measurements import CANCELLED
from s6flow.numeric.checks.vectors import AT_REST
from s6flow.numeric.flow import fastest_on_cpu
from s6flow.proofs.checked import checked

#: Found by `fleet check` among 10^6 systems a theorem: the theorem, the system, what it is, and what was wrong.
KEPT: list[dict[str, Any]] = json.loads(Path(__file__).with_name("kept_systems.json").read_text())
#: Changes of a kept system, and whether a token is held back then.
HELD: list[tuple[dict[str, Any], bool]] = [
    ({}, True), ({"mu": [-1.0, 0.5], "a": [0.2, 4.0]}, False), ({"x0": [0.0, -4.0, -0.1]}, False),
]  # fmt: skip
FASTEST = fastest_on_cpu()


@cache
def _integrated(key: str, system: str, integrator: str) -> dict[str, Any]:
    theorem = checked(key)
    return dict(observe(theorem, batch_of(theorem, json.loads(system)), "numpy", integrator))


def _alone(key: str, system: dict[str, Any]) -> dict[str, Any]:
    """What is observed of a system, integrated once for all tests that look at it."""
    return dict(_integrated(key, json.dumps(system), FASTEST))


def _judged(kept: dict[str, Any]) -> str:
    theorem, data = checked(kept["theorem"]), kept["system"]
    judged = judge_data(theorem, batch_of(theorem, data), observed=_alone(kept["theorem"], data))
    assert judged.satisfied.all()
    (margin,) = judged.margins
    return "undecided" if np.isnan(margin) else "idle" if margin == np.inf else "holds" if margin >= 0 else "violated"


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: f"{kept['theorem']}: {kept['why']}")
def test_a_system_that_was_called_a_violation_is_none(kept: dict[str, Any]) -> None:
    assert _judged(kept) == kept["now"]


def _observed(key: str, **changed: Any) -> dict[str, Any]:
    system = next(kept["system"] for kept in KEPT if kept["theorem"] == key)
    return _alone(key, {**system, **changed})


def test_what_token_one_does_before_it_rests_is_judged_and_nothing_behind() -> None:
    """The outputs of orbit-trichotomy: the first at rest is the last that is judged."""
    found = _observed("orbit-trichotomy")
    small = np.abs(found["form_t"][0]) <= AT_REST * found["form_norm"][0]
    assert small.tolist() == [False, True, True, True]
    assert found["valid"][0].tolist() == [True, True, False, False]


def test_a_closed_form_is_judged_while_its_difference_has_digits() -> None:
    found = _observed("closed-form-two-tokens")
    left = (found["zeta_t"] / found["zeta_0"])[0]
    assert left[2] > CANCELLED > left[3] > 0
    assert found["valid"][0, :4].tolist() == [True, True, True, False]


@pytest.mark.parametrize(("changed", "held"), HELD)
def test_a_token_is_held_back_only_behind_one_that_grew(changed: dict[str, Any], held: bool) -> None:
    """mixed-blow-up: what converges, or has no token of s x >= 0, is alive at the horizon, and that refutes a blow-up."""
    system = next(kept["system"] for kept in KEPT if kept["theorem"] == "mixed-blow-up" and kept["now"] == "undecided")
    end = _alone("mixed-blow-up", {**system, **changed})["log_T"][0, 0]
    assert np.isnan(end) if held else end == checked("mixed-blow-up").options["log_horizon"]


def test_a_follower_that_moves_by_less_than_float64_shows_is_undecided() -> None:
    """iterated-log: behind a token with s x < 0 token 8 at |x| = 49 moves ln|x| by e^-57 of what drives it."""
    system = {
        "mu": [0.11592217625246265, 0.19558604292743606, -0.09812808003112482],
        "a": [1.1292769688670712] * 3,
        "decay": 1.1292769688670712,
        "s": 1.0207852543644653,
        "b": 1.930560520709827,
        "floor": 0.988975886561351,
        "x0": [0.0, -0.7307130941170532, 0.1688269222679644, 0.7221481429486204, 2.844585027368625, 3.0, -0.05, 3.0],
    }
    theorem = checked("iterated-log")
    assert np.isnan(judge_data(theorem, batch_of(theorem, system)).margins).all()
    # without that token the follower moves by what can be seen, and the claim holds
    theirs = judge_data(theorem, batch_of(theorem, {**system, "x0": system["x0"][:7]}))
    assert (theirs.margins > 0).all()


def test_a_start_beyond_the_sizes_that_are_looked_at_is_undecided() -> None:
    """carried-root-attracts: the first token may start anywhere, and once started beyond 1e30, which was an error."""
    theorem = checked("carried-root-attracts")
    for first, decided in ((20.0, True), (1e35, False)):
        system = {**theorem.witness, "x0": [first, 0.5]}  # type: ignore[dict-item]
        judged = judge_data(theorem, batch_of(theorem, system))
        assert np.isfinite(judged.margins).all() == decided


def test_five_hundred_steps_are_off_by_what_five_hundred_steps_may_be() -> None:
    """orbit-sum: entries of e^-30 were off by 1.2e-4 of themselves, and a slack of 1e-4 called that a violation."""
    theorem = checked("orbit-sum")
    system = {
        "S_B": [[-0.3161568071779903, -0.5277664551926133, 0.4946875228469948], [-0.9920513864318018, 0.30558479192967675, 0.3663108442398227], [-0.9972221783094701, -0.7145976465947819, 0.5932534944718197]],
        "S_C": [[-0.5803478002854582, 0.9041238067934642, -0.48705308515410545], [-0.7731375796254675, 0.4024186754377642, 0.3], [0.6707027401464162, -0.5724898875838567, -0.42378889021416305]],
        "S_dt_in": np.zeros((2, 3)),
        "S_dt_out": [[-0.745777607619886, -0.9883627525930695], [0.3, 0.4770890698295604], [-0.35158968973225946, -0.9528578562228582]],
        "beta_B": np.zeros(3), "beta_C": np.zeros(3),
        "a": [[1.274174547393927, 1.3635255125452865, 2.0849296757664897], [1.9695035136684895, 0.9885237159757265, 2.9749621690455066], [0.35089520136939534, 1.2716705655590361, 0.1466279166880349]],
        "b": [1.0, -0.41829383261951647, -1.0], "floor": 0.0, "t": 3.2310159919334236,
        "x": [[0.629350069390661, -0.4808996725260623, 0.7133993936413509]],
    }  # fmt: skip
    assert (judge_data(theorem, batch_of(theorem, system)).margins > 0).all()


def test_of_a_batch_only_what_moved_a_zero_token_is_followed_again() -> None:
    """sign-invariance: beside the kept system another one keeps the digits that it has alone."""
    theorem = checked("sign-invariance")
    kept = next(one["system"] for one in KEPT if one["theorem"] == "sign-invariance" and "grew" in one["why"])
    other = {**kept, "x0": [0.3, 0.0, -0.2, 0.0, 0.1]}
    alone = [batch_of(theorem, system) for system in (other, kept)]
    both = {
        key: np.concatenate([one[key] for one in alone]) if np.ndim(alone[0][key]) else alone[0][key]
        for key in alone[0]
    }
    found = observe_together(theorem, [both], "numpy", FASTEST)[0]
    first, second = (_alone("sign-invariance", system) for system in (other, kept))
    for name, value in found.items():
        np.testing.assert_array_equal(value[0], first[name][0])
        np.testing.assert_array_equal(value[1], second[name][0])
    assert (found["x_t"][:, :, 1] == 0).all()


@pytest.mark.nightly
@pytest.mark.parametrize(
    "test",
    [
        *(partial(test_a_system_that_was_called_a_violation_is_none, kept) for kept in KEPT),
        test_what_token_one_does_before_it_rests_is_judged_and_nothing_behind,
        test_a_closed_form_is_judged_while_its_difference_has_digits,
        *(partial(test_a_token_is_held_back_only_behind_one_that_grew, *case) for case in HELD),
        test_of_a_batch_only_what_moved_a_zero_token_is_followed_again,
    ],
)
def test_so_it_is_by_numpy_s_integrator(test: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FASTEST", "numpy")
    test()
