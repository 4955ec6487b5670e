"""What a check refuses of others: a witness that is no system of its theorem, a backend that loses runs."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError, TheoremError
from s6flow.numeric.checks import examples
from s6flow.numeric.checks.check import check
from s6flow.numeric.checks.data.construct import letters
from s6flow.numeric.checks.engines import ENGINES
from s6flow.numeric.checks.shared import integrate
from s6flow.numeric.flow import BACKENDS, FlowParameters, Problem, Run, Status, load_backend
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.observables import LETTERS

Data = dict[str, Any]


@pytest.mark.parametrize(
    ("key", "letters_changed", "said"),
    [
        ("linear-recursion", {"mu": [1.0]}, "must agree on the state axis; got 2 in a and 1 in mu at linear-recursion: witness."),
        ("linear-recursion", {"mu": 1.0}, "got shape () at linear-recursion: witness, mu. Give lists with the axes (state)."),
        ("linear-recursion", {"x0": [[1.0, 2.0]]}, "got shape (1, 2) at linear-recursion: witness, x0."),
        ("linear-recursion", {"x0": []}, "got shape (0,)"),
        ("linear-recursion", {"s": [1.0]}, "Give one number."),
        ("linear-recursion", {"a": [[1.0], [1.0, 2.0]]}, "a letter must be a number, or lists of numbers of one length; got [[1.0]"),
        ("linear-recursion", {"a": ["one", 2.0]}, "got ['one', 2.0] at linear-recursion: witness, a."),
        ("linear-recursion", {"mu": [math.nan, 1.0]}, "a letter must be finite; got nan at linear-recursion: witness, mu."),
        ("linear-recursion", {"b": math.inf}, "got inf"),
        ("linear-recursion", {"a": [1.0, 0.0]}, "a is positive; got 0.0 at linear-recursion: witness, a."),
        ("linear-recursion", {"floor": -0.5}, "floor is nonnegative; got -0.5"),
        ("linear-recursion", {"mun": 1.0}, "got mun at linear-recursion: witness. Near: mu."),
        ("linear-recursion", {"s": None}, "got no s at linear-recursion: witness."),
        ("sign-invariance", {"S_C": None}, "got no S_C at sign-invariance: witness."),
        ("attention-decay", {"m": 5.0}, "m must be the number of one of 4 tokens; got 5.0"),
        ("attention-decay", {"m": 1.5}, "got 1.5"),
        ("attention-decay", {"m": 0.0}, "m is natural; got 0.0"),
        ("attention-decay", {"mu": [1.0]}, "got one that breaks mu-negative at attention-decay: witness."),
        ("follower-threshold", {"x0": [1.0]}, "got one that breaks two-tokens, second-token-fast"),
        ("definite-converges", {"S_C": [[1.0, 0.0], [0.0, 1.0]]}, "got one that breaks form-negative"),
    ],
)  # fmt: skip
def test_a_witness_that_is_none_is_one_line(key: str, letters_changed: Data, said: str) -> None:
    """Letters that are None are left out."""
    form = checked(key)
    given = {name: value for name, value in {**(form.witness or {}), **letters_changed}.items() if value is not None}
    with pytest.raises(TheoremError) as caught:
        check(replace(form, witness=given), examples=1, real_weights=False, integrator="numpy")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_witness_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    form = replace(checked("linear-recursion"), witness=[1.0])  # type: ignore[arg-type]
    monkeypatch.setattr(examples, "construct", None)
    with pytest.raises(TheoremError, match="must map letters to numbers; got list at linear-recursion: witness"):
        check(form)
    assert list(examples.examples_of(form, ENGINES["numpy"], 0, 0)) == [], "no example is asked for"


def test_the_first_and_the_last_token_and_ends_of_domains_are_a_witness() -> None:
    for key, changed in (
        ("attention-decay", {"m": 1.0}),
        ("attention-decay", {"m": 4.0}),
        ("linear-recursion", {"floor": 0.0}),
    ):
        given = {**(checked(key).witness or {}), **changed}
        assert examples.given_system(checked(key), given, key)["L"] == len(given["x0"])


def test_draws_say_the_axes_and_signs_of_letters() -> None:
    """As the table of letters has them; in a layer a, b and x have a channel axis, too."""
    layer = letters(checked("definite-converges"))
    assert {name: layer[name].axes for name in ("S_B", "S_dt_in", "S_dt_out", "beta_C", "a", "b", "x", "floor")} == {
        "S_B": ("state", "channel"), "S_dt_in": ("rank", "channel"), "S_dt_out": ("channel", "rank"), "beta_C": ("state",),
        "a": ("channel", "state"), "b": ("channel",), "x": ("token", "channel"), "floor": (),
    }  # fmt: skip
    for key in REGISTRY:
        for name, drawn in letters(checked(key)).items():
            domain = LETTERS[name].domain
            assert (drawn.least > 0) == (domain in ("positive", "natural")), name
            assert domain != "nonnegative" or drawn.least == 0
            if key == "linear-recursion":
                assert drawn.axes == LETTERS[name].axes


def losing(part: str, status: Status) -> Any:
    """A backend that loses a part of system 1's run, and says that it ended so."""

    def solve(problem: Problem) -> Run:
        run = load_backend("numpy")(problem)
        run.status[1] = status
        getattr(run, part)[1] = math.nan
        return run

    return solve


@pytest.mark.parametrize(
    ("part", "status"), [("states", Status.HORIZON), ("end", Status.HORIZON), ("end_log_time", Status.BLOW_UP)]
)
def test_a_backend_that_loses_a_run_must_say_so(part: str, status: Status) -> None:
    params = FlowParameters([-1.0], [1.0], 1.0, 0.0, 0.0)
    options: Data = {"x0": np.ones((3, 2)), "params": params, "log_times": [-1.0, 0.0]}
    assert integrate(**options, backend=losing(part, Status.UNDERFLOW)).ended_well.tolist() == [True, False, True]
    with pytest.raises(FormatError, match=r"states or times are NaN; got 1 of 3 runs, first that of system 1 at "):
        integrate(**options, backend=losing(part, status))


def test_a_check_refuses_what_a_backend_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few systems without a number would pass as undecided."""
    mine = ModuleType("backend_of_a_test")
    mine.solve = losing("states", Status.HORIZON)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, mine.__name__, mine)
    monkeypatch.setitem(BACKENDS, "mine", f"{mine.__name__}:solve")
    with pytest.raises(FormatError, match=r"NaN; got 1 of \d+ runs, first that of system 1 at mine"):
        check("convergence-monotone", examples=10, real_weights=False, integrator="mine")
