"""Formal statements hold no arithmetic of their own, and everything printed into them is what the backends compute."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp

from s6flow.proofs.formal import FOLDER, formula, proposition
from s6flow.proofs.formal.formulas import expressions
from s6flow.proofs.formal.reader import evaluate, holds
from s6flow.symbolic import notation as nt
from s6flow.symbolic.assumptions import assumption, predicate
from s6flow.symbolic.codegen.coq import FLOOR
from s6flow.symbolic.codegen.ir import AXES
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import generate

TEMPLATES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.v.j2"))}
SIZE = {"token": 4, "source": 4, "channel": 2, "state": 3, "rank": 1}
#: Lines that may stand typed, and why.
TYPED = {
    "Definition softplus (z : R) : R :=": "a name that is defined",
    "softplus ()": "the defined name, applied to what is printed",
    "| S k => sum_below k g + g k": "what a finite sum is",
    "sum_below (m - i) (fun k => g (i + k)).": "numbers of tokens, not real numbers",
    "constants_before eig_max size_B size_C delta_low delta_high square k +": "what a running sum is",
    "sum_below D (fun e => ) = alpha * p d - beta * q d": "what an eigenvector is, real part",
    "sum_below D (fun e => ) = beta * p d + alpha * q d).": "what an eigenvector is, imaginary part",
    "(forall e : nat, (e < D)  sum_below N (fun n => c n * S_B n e + c' n * S_C n e) = 0)": "what independent rows are",
    "exists m e : Z, (Z.abs m < 2 ^ Z.of_nat bits)%Z  y = IZR m * powerRZ 2 e": "what a number of so many bits is",
}
ARITHMETIC = re.compile(r"[-+*/^]|\b(?:exp|ln|softplus|sqrt|INR|Rpower|sign)\b|\b(?:mu|a) n\b|\bsum_below N (?:mu|a)\b")


def typed_arithmetic(text: str) -> list[str]:
    """Lines of a template that still hold arithmetic once holes, comments, connectives and bounds are taken out."""
    text = re.sub(r"\(\*.*?\*\)|\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.S)
    text = re.sub(r"<->|->|/\\|\\/|%nat", "", text)
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if ARITHMETIC.search(line) and line.rstrip(".") not in TYPED and line not in TYPED]


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_holds_no_arithmetic(name: str) -> None:
    assert typed_arithmetic(TEMPLATES[name]) == []


@pytest.mark.parametrize(
    "line", ["  x l 0 ^ 2 <= 1 ->", "  0 < sum_below N mu ->", "  (forall n : nat, 0 <= mu n) ->", "  y <= exp 1 /\\"]
)
def test_typed_arithmetic_would_be_seen(line: str) -> None:
    assert typed_arithmetic(f"{{{{ q('mu') }}}} (* 1 + 1 *)\n{line}\n") == [re.sub(r"->|/\\", "", line).strip()]


def printed_names(function: str) -> list[str]:
    found = re.findall(rf"\b{function}\('([\w-]+)'", "".join(TEMPLATES.values()))
    assert len(found) >= 10
    return sorted(set(found))


def draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Any:
    """Random values on which every root and logarithm of the formulas exists."""
    if name == "gap":
        return 3
    if name in ("orientation", "sign_l", "sign_j"):
        return float(rng.choice([-1.0, 1.0]))
    low, high = (2.0, 9.0) if name in ("T", "log_t") else (0.2, 0.45) if name in ("y0", "t", "mu") else (0.3, 1.8)
    return rng.uniform(low, high, shape) if shape else float(rng.uniform(low, high))


def as_name(value: Any) -> Any:
    """Arrays are functions of indices in Coq."""
    return (lambda *indices: float(value[indices])) if isinstance(value, np.ndarray) else value


def entries(name: str, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], dict[str, int]]]:
    """Every entry of a backend's array with the index letters that the printed text leaves free."""
    free = [letter for letter in nt.AXIS_OF_INDEX if letter in expressions()[name].free_symbols]
    letters = sorted(free, key=lambda letter: AXES.index(nt.AXIS_OF_INDEX[letter]))
    for index in itertools.product(*map(range, shape)):
        at = {letter.name: i for letter, i in zip(letters, index, strict=True)}
        if at.get("j", 0) <= at.get("l", 99):  # a source comes before its reader
            yield index, at


#: Formulas on two channel indices or on numbers of tokens, which the lowering keeps apart otherwise: their own reference.
OWN: dict[str, Any] = {
    "form": lambda v: v["v"] @ v["M"] @ v["v"],
    "form_matrix": lambda v: (v["S_C"].T @ v["S_B"])[0, 1],
    "small_matrix": lambda v: (v["S_B"] @ v["S_C"].T)[1, 2],
    "lowest_step": lambda v: np.logaddexp(0, v["b"] - np.abs(v["S_Delta"]) @ np.abs(v["v"]))[0] + v["eps"],
    "entry_sum": lambda v: np.abs(v["M"]).sum(),
    "bias_sum": lambda v: np.abs(v["b"]).sum(),
    "data_covariance": lambda v: np.prod(v["x"][:3] - v["mean"], axis=1).mean(),
    "attended": lambda v: v["P"][2, 1] * v["x"][1],
    "layer_attention": lambda v: v["C"] * v["B"] * v["step"] * np.exp(-v["a"][0, 1] * 1 * v["step_between"]),
    "polylog_bound": lambda v: v["c"] * np.log(v["t"]) ** 2,
    "slow_polylog": lambda v: v["x_t"][2] / np.log(v["t"]) ** 2,
}
SHAPES = {
    "v": (2,), "M": (2, 2), "S_B": (3, 2), "S_C": (3, 2), "S_Delta": (2, 2), "P": (4, 4), "x": (4,), "x_t": (4,), "a": (2, 3),
}  # fmt: skip
OWN_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {"data_covariance": {"x": (4, 2), "mean": (2,)}}


@pytest.mark.parametrize("name", sorted(set(printed_names("q")) - set(OWN)))
def test_a_printed_formula_equals_the_numeric_backend(name: str) -> None:
    function = generate(program := lower_program(name, {name: expressions()[name]}, "formal", "a printed formula"))
    rng = np.random.default_rng(sum(map(ord, name)))
    for _ in range(10):
        values = {i.name: draw(rng, i.name, tuple(SIZE[axis] for axis in i.axes)) for i in program.inputs}
        if expressions()[name].has(sp.log(nt.t)):
            values["t"] = float(rng.uniform(2.0, 5.0))  # ln ln t
        numeric = np.asarray(function(**values))
        names = {"N": 3, "D": 2, "rank": 1, **{key: as_name(value) for key, value in values.items()}}
        names[FLOOR] = values.get("floor")
        for index, at in entries(name, numeric.shape):
            expected = pytest.approx(float(numeric[index]), rel=1e-11)
            assert evaluate(formula(name), {**names, **at}) == expected, (name, at)


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_printed_formula_equals_its_reference(name: str) -> None:
    rng = np.random.default_rng(sum(map(ord, name)))
    for _ in range(10):
        values = {key: draw(rng, key, shape) for key, shape in (SHAPES | OWN_SHAPES.get(name, {})).items()}
        values |= {key: draw(rng, key, ()) for key in ("B", "C", "step", "step_between", "c", FLOOR)}
        values |= {"t": float(rng.uniform(2, 5)), "b": rng.uniform(-1, 1, 2)}
        names = {key: as_name(value) for key, value in values.items()}
        at = {"N": 3, "D": 2, "d": 0, "e": 1, "n": 1, "m": 2, "l": 2, "j": 1}
        assert evaluate(formula(name), {**names, **at}) == pytest.approx(float(OWN[name](values)), rel=1e-12)


@pytest.mark.parametrize(
    "key", [k for k in printed_names("assume") if assumption(k).letters <= {"mu", "a", "s", "b", "floor"}]
)
def test_a_printed_assumption_is_the_predicate_on_data(key: str) -> None:
    text = proposition(assumption(key).relation, key)
    program = predicate(key)
    function = generate(program)
    rng = np.random.default_rng(sum(map(ord, key)))
    seen = set()
    for trial in range(60):
        mu = (
            rng.choice([-1.0, 1.0], 3)
            * rng.uniform(0.2, 2, 3)
            * (key not in ("states-zero", "mu-nonzero") or trial % 3 != 0)
        )
        values = {
            "mu": np.abs(mu) * (-1) ** trial if trial % 2 else mu,
            "a": rng.uniform(0.1, 4, 3),
            "s": float(rng.integers(-1, 2)),
            "b": float(rng.normal()),
            "floor": float(trial % 3 == 0),
        }
        values[FLOOR] = values["floor"]
        used = {i.name: values[i.name] for i in program.inputs}
        expected = bool(np.all(np.asarray(function(**used))))
        seen.add(expected)
        assert holds(text, {"N": 3, **{name: as_name(value) for name, value in values.items()}}) is expected
    assert seen == {True, False}


@pytest.mark.parametrize("key", [k for k in printed_names("assume") if "x0" in assumption(k).letters <= {"s", "x0"}])
def test_a_printed_assumption_on_a_token_is_the_predicate(key: str) -> None:
    text = proposition(assumption(key).relation, key, x0="(x0 k)")
    relation = assumption(key).relation
    rng = np.random.default_rng(sum(map(ord, key)))
    seen = set()
    for value, s in itertools.product((-1.5, 0.0, 2.0), (-1.0, 0.0, 1.0)):
        letters = {nt.s: s, nt.x0[nt.l]: value}
        at = 2 if key.startswith("later") else 1  # a token for which the relation asks something
        expected = bool(relation.subs(letters).subs(nt.l, at).doit())
        seen.add(expected)
        assert holds(text, {"s": s, "x0": lambda k: value, "k": int(rng.integers(4))}) is expected  # noqa: B023
    assert seen == {True, False}
