"""What is refused of a witness that is no system of its theorem, before a check begins."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

import s6flow as sf
from s6flow.cli import main
from s6flow.errors import TheoremError
from s6flow.numeric.checks import given
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.engines import ENGINES, applicable
from s6flow.numeric.checks.given import refuse_bad_witness
from s6flow.proofs.checked import checked
from s6flow.proofs.listing import as_json
from s6flow.proofs.registry import REGISTRY, get
from s6flow.symbolic.observables import LETTERS
from s6flow.symbolic.programs.checked import Checked

Data = dict[str, Any]
SMALL = Shape(2, 3, 4, 2)
#: A value of every number of axes.
DEEP = (2.0, [2.0], [[2.0]], [[[2.0]]])


def changed(key: str, letters: dict[Any, Any]) -> Checked:
    """A theorem whose witness has other values for some letters; those that are None are left out."""
    form = checked(key)
    whole = {**(form.witness or {}), **letters}
    return replace(form, witness={name: value for name, value in whole.items() if value is not None})


@pytest.mark.parametrize(
    ("key", "letters", "said"),
    [
        ("linear-recursion", {"mu": [1.0]}, "must agree on the state axis; got 2 in a and 1 in mu at linear-recursion: witness."),
        ("linear-recursion", {"mu": 1.0}, "got shape () at linear-recursion: witness, mu. Give lists with the axes (state)."),
        ("linear-recursion", {"x0": [[1.0, 2.0]]}, "got shape (1, 2) at linear-recursion: witness, x0."),
        ("linear-recursion", {"x0": []}, "got shape (0,)"),
        ("linear-recursion", {"s": [1.0]}, "Give one number."),
        ("linear-recursion", {"a": [[1.0], [1.0, 2.0]]}, "a letter must be a number, or lists of numbers of one length; got [[1.0]"),
        ("linear-recursion", {"a": ["one", 2.0]}, "got ['one', 2.0] at linear-recursion: witness, a."),
        ("linear-recursion", {"s": "1.0"}, "got '1.0' at linear-recursion: witness, s."),
        ("linear-recursion", {"s": b"1"}, "got b'1' at"),
        ("linear-recursion", {"s": np.datetime64("2020")}, "a letter must be a number"),
        ("linear-recursion", {"s": 10**400}, f"got 1{'0' * 59} at"),
        ("linear-recursion", {"mu": [None, 1.0]}, "got [None, 1.0] at linear-recursion: witness, mu."),
        ("linear-recursion", {"mu": np.array([1j, 1.0])}, "a letter must be a number"),
        ("linear-recursion", {"mu": [np.complex128(1), Fraction(1)]}, "a letter must be a number"),
        ("linear-recursion", {"s": sp.Symbol("q")}, "got q at"),
        ("attention-decay", {"x0": [1e308] * 4}, "got ln|x0| = 709.196 at attention-decay: witness, x0. Give tokens in"),
        ("linear-recursion", {None: 1.0}, "got None at linear-recursion: witness. Near"),
        ("linear-recursion", {"mu": [math.nan, 1.0]}, "a letter must be finite; got nan at linear-recursion: witness, mu."),
        ("linear-recursion", {"b": math.inf}, "got inf"),
        ("linear-recursion", {"a": [1.0, 0.0]}, "a is positive; got 0.0 at linear-recursion: witness, a."),
        ("linear-recursion", {"floor": -0.5}, "floor is nonnegative; got -0.5"),
        ("linear-recursion", {"mun": 1.0}, "got mun at linear-recursion: witness. Near: mu."),
        ("linear-recursion", {"s": None}, "got no s at linear-recursion: witness."),
        ("sign-invariance", {"S_C": None}, "got no S_C at sign-invariance: witness."),
        ("attention-decay", {"m": 5.0}, "m must be the number of one of 4 tokens; got 5.0"),
        ("attention-decay", {"m": 1.5}, "got 1.5"),
        ("attention-decay", {"m": 2.0, "x0": [1.0]}, "m must be the number of one of 1 token; got 2.0"),
        ("attention-decay", {"m": 2.0, "x0": None}, "got no x0 at attention-decay: witness."),
        ("attention-decay", {"m": 0.0}, "m is natural; got 0.0"),
        ("attention-decay", {"mu": [1.0]}, "got one that breaks mu-negative at attention-decay: witness."),
        ("coexistence", {"s": None}, "got no s at coexistence: witness."),
        ("convergence-rate", {"mu": None, "t": None}, "got no mu"),
        ("linear-recursion", {"a": None, "mu": None}, "got no a at"),
        ("follower-threshold", {"x0": [1.0]}, "got one that breaks two-tokens, second-token-fast"),
        ("slowest-channel", {"b": [0.0, 0.0]}, "got one that breaks slowest-unique at slowest-channel: witness."),
        ("definite-converges", {"S_C": [[1.0, 0.0], [0.0, 1.0]]}, "got one that breaks form-negative"),
    ],
)  # fmt: skip
def test_a_witness_that_is_none_is_one_line(key: str, letters: Data, said: str) -> None:
    with pytest.raises(TheoremError) as caught:
        refuse_bad_witness(changed(key, letters))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_claim_about_a_second_token_asks_for_one() -> None:
    form = changed("coexistence", {"x0": [1.0]})
    with pytest.raises(TheoremError, match="must have the second token that its theorem speaks of; got one token at "):
        refuse_bad_witness(replace(form, assumptions=("mu-positive",)))


@pytest.mark.parametrize("witness", [[1.0], "mu", 2.0])
def test_a_witness_is_letters(witness: Any) -> None:
    with pytest.raises(TheoremError, match=r"must map letters to numbers; got \w+ at linear-recursion: witness"):
        refuse_bad_witness(replace(checked("linear-recursion"), witness=witness))


@pytest.mark.parametrize(
    ("key", "letters"),
    [
        ("attention-decay", {"m": 1.0}),
        ("attention-decay", {"m": 4.0}),
        ("linear-recursion", {"floor": 0.0}),
        ("attention-decay", {"t": 2.0}),
        ("linear-recursion", {"s": Fraction(1, 2), "mu": (2**70, np.float32(1)), "a": np.array([1, 2]), "b": sp.Rational(1, 3)}),
    ],
)  # fmt: skip
def test_ends_of_domains_and_letters_that_need_not_be_are_a_witness(key: str, letters: Data) -> None:
    refuse_bad_witness(changed(key, letters))


@pytest.mark.parametrize("backend", ENGINES)
def test_every_witness_of_the_registry_is_one(backend: str) -> None:
    forms = [form for form in map(checked, REGISTRY) if applicable(form, backend)]
    assert sum(form.witness is not None for form in forms) >= 9
    for form in forms:
        refuse_bad_witness(form, backend)


def test_every_letter_is_asked_for_its_axes_and_its_domain() -> None:
    """As the table of letters has them; in a layer some have a channel axis, too, so one number of axes is right."""
    for key in REGISTRY:
        form = checked(key)
        for name in form.variables:
            axes = [f"got shape {(1,) * depth} at" for depth in range(len(DEEP))]
            said = [refusal(replace(form, witness={name: value})) for value in DEEP]
            fits = [number for number, words in enumerate(axes) if words not in said[number]]
            assert len(fits) == 1, (key, name)
            assert "S_dt_in" in form.variables or fits == [len(LETTERS[name].axes)]
            domain, value = LETTERS[name].domain, DEEP[fits[0]]
            for number, bad in ((0.0, ("positive", "natural")), (-1.0, ("positive", "natural", "nonnegative"))):
                given_one: Any = number
                for _ in range(fits[0]):
                    given_one = [given_one]
                refused = f"{name} is {domain}; got {number}" in refusal(replace(form, witness={name: given_one}))
                assert refused == (domain in bad), (key, name, value)


def refusal(form: Checked) -> str:
    """What is said of a witness; "" if it is fine."""
    try:
        refuse_bad_witness(form)
    except TheoremError as said:
        return str(said)
    return ""


def test_a_long_run_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In full a witness is measured only to say what it breaks."""
    seen, observe = [], given.observe
    monkeypatch.setattr(given, "observe", lambda form, *rest: seen.append(form.options) or observe(form, *rest))
    form = checked("slowest-channel")
    refuse_bad_witness(form)
    assert [options["max_steps"] for options in seen] == [1]
    seen.clear()
    refuse_bad_witness(checked("linear-recursion"))
    assert seen == [], "every letter is given, and every assumption is one in letters"
    with pytest.raises(TheoremError, match="slowest-unique"):
        refuse_bad_witness(changed("slowest-channel", {"b": [0.0, 0.0]}))
    assert [options["max_steps"] for options in seen] == [1, form.options["max_steps"]]


def test_an_assumption_about_a_run_is_judged_on_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    form, observe = checked("slowest-channel"), given.observe

    def late(one: Checked, *rest: Any) -> Any:
        found = observe(one, *rest)
        return {**found, "step_gap": found["step_gap"] * math.nan} if one.options["max_steps"] == 1 else found

    monkeypatch.setattr(given, "observe", late)
    refuse_bad_witness(form)


def test_a_check_with_a_bad_witness_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = changed("linear-recursion", {"mu": [1.0]})
    monkeypatch.setattr("s6flow.proofs.checked.checked", lambda key: bad)
    told: list[Any] = []
    with pytest.raises(TheoremError, match="must agree on the state axis"):
        sf.check("linear-recursion", progress=lambda *what: told.append(what))
    assert told == []
    assert sf.check("linear-recursion", examples=0)[0].examples == 0, "then no witness is judged either"
    with pytest.raises(SystemExit) as stop:
        main(["check", "linear-recursion", "--examples", "1"])
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (1, "")
    assert err.strip().count("\n") == 0
    assert "must agree on the state axis; got 2 in a and 1 in mu at linear-recursion: witness" in err


def test_a_witness_that_a_run_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every letter is of its domain, and no assumption asks for a run."""
    form = checked("closed-form-first-token")
    drawn = construct(form, SMALL, np.full((1, dimension(form, SMALL)), 0.3))
    witness = {letter: np.asarray(drawn[letter])[0] for letter in form.variables}
    bad = replace(form, witness={**witness, "x0": [1e308] * SMALL.token})
    refuse_bad_witness(bad)
    monkeypatch.setattr("s6flow.proofs.checked.checked", lambda key: bad)
    with pytest.raises(
        TheoremError, match=r"got ln\|x0\| = 709.196 at closed-form-first-token: witness, x0. Give tokens"
    ):
        sf.check(form.id, examples=1)


@pytest.mark.parametrize("error", [np.linalg.LinAlgError("no\neigenvalue"), RecursionError("no\neigenvalue")])
def test_a_witness_that_ends_a_measurement_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def ends(*what: Any) -> Any:
        raise error

    form = checked("slowest-channel")
    monkeypatch.setattr(given, "observe", ends)
    rule = "a witness must have numbers with which it can be judged"
    said = f"{rule}; got {type(error).__name__}: no eigenvalue at slowest-channel: witness. Choose a system of moderate size."
    assert refusal(form) == said
    with pytest.raises(TheoremError) as caught, given.witness_named(form):
        raise error
    assert str(caught.value) == said


@pytest.mark.parametrize("witness", [None, checked("linear-recursion").witness])
def test_an_error_that_is_not_the_witness_s_stays_what_it_is(witness: Data | None) -> None:
    with pytest.raises(ZeroDivisionError), given.witness_named(replace(checked("linear-recursion"), witness=witness)):
        raise ZeroDivisionError


@pytest.mark.parametrize("witness", [[1.0], {"mu": [math.nan]}])
def test_the_page_of_a_theorem_says_it_too(monkeypatch: pytest.MonkeyPatch, witness: Any) -> None:
    key = "linear-recursion"
    bad, whole = replace(checked(key), witness=witness), replace(get(key), witness=witness)
    monkeypatch.setattr("s6flow.proofs.checked.checked", lambda key: bad)
    monkeypatch.setattr("s6flow.proofs.listing.get", lambda key: whole)
    monkeypatch.setattr("s6flow.proofs.index.content", lambda key: json.dumps(as_json(key), allow_nan=False))
    with pytest.raises(TheoremError, match="linear-recursion: witness"):
        _ = sf.theorem(key).content


def test_a_good_witness_needs_no_sympy() -> None:
    code = """
import sys
from s6flow.numeric.checks.given import refuse_bad_witness
from s6flow.proofs.checked import checked
for key in ("linear-recursion", "attention-decay", "slowest-channel"):
    refuse_bad_witness(checked(key), integrator="numpy")
print("sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
