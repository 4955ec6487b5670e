"""The printed Coq text means what the numerics compute, and stays what is committed."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from s6flow.errors import CodegenError, FormatError
from s6flow.numeric.flow import FlowParameters, growth_rate
from s6flow.proofs.formal import MISSING, formal_statements, formula, generated_files, reached, whole_statements
from s6flow.proofs.formal.reader import evaluate
from s6flow.proofs.prove import COQ
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.codegen.coq import FLOOR
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.criteria import QUANTITIES, quantity

#: Quantities of the theory; `test_templates` has the other formulas of statements.
PRINTED = sorted(set(QUANTITIES) - {"phase_mu", "phase_nu", "phase_lambda"})


def draw(rng: np.random.Generator, name: str) -> object:
    """A random value for a letter, as its domain asks."""
    states = 3
    table = {
        "mu": lambda: rng.uniform(0.2, 2.0, states),
        "a": lambda: rng.uniform(0.2, 3.0, states),
        "phi": lambda: rng.dirichlet(np.ones(states)),
        "floor": lambda: float(rng.choice([0.0, rng.uniform(0.1, 1.0)])),
        "gap": lambda: int(rng.integers(1, 6)),
        "orientation": lambda: float(rng.choice([-1.0, 1.0])),
        "log_t": lambda: rng.uniform(2.0, 9.0),
        "s": lambda: float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 2.0)),
        "b": lambda: rng.uniform(-2.0, 2.0),
        "t": lambda: rng.uniform(0.001, 0.01),
    }
    return table.get(name, lambda: rng.uniform(0.1, 2.0))()


def as_name(value: object) -> object:
    """Arrays are functions of an index in Coq."""
    return (lambda index: float(value[index])) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", PRINTED)
def test_printed_formula_equals_the_numeric_backend(name: str) -> None:
    text = formula(name)
    function = generate(quantity(name))
    rng = np.random.default_rng(sum(map(ord, name)))
    for _ in range(25):
        letters = {letter: draw(rng, letter) for letter in function.inputs}
        names = {"N": 3, **{key: as_name(value) for key, value in letters.items()}}
        names[FLOOR] = letters.get("floor")
        numeric = np.asarray(function(**letters))
        for state in range(numeric.size):
            assert evaluate(text, {**names, "n": state}) == pytest.approx(float(np.ravel(numeric)[state]), rel=1e-11)


def test_printed_recursion_equals_the_generated_flow() -> None:
    text = generated_files()["Definitions.v"]
    first = re.search(r"\| O => (mu n.*)\n  \| S k =>", text)
    later = re.search(r"\| S k =>\n\s+(exp.*? \* hidden a mu s b eps x k n \+ .*)\n", text)
    assert first is not None
    assert later is not None
    rng = np.random.default_rng(5)
    for _ in range(20):
        x, mu, a = rng.normal(size=6), rng.normal(size=3), rng.uniform(0.1, 2, 3)
        (s, b), floor = rng.normal(size=2), rng.uniform(0.0, 0.5)
        names = {"x": lambda l, x=x: x[l], "mu": lambda n, mu=mu: mu[n], "a": lambda n, a=a: a[n], "s": s, "b": b}
        names[FLOOR] = floor
        state = [evaluate(first.group(1), {**names, "n": n}) for n in range(3)]
        expected = growth_rate(x, FlowParameters(mu=mu, a=a, s=s, b=b, floor=floor))
        assert sum(state) == pytest.approx(expected[0], rel=1e-12, abs=1e-13)
        for k in range(5):
            names |= {"k": k, "hidden": lambda a, mu, s, b, eps, x, k, n, before=tuple(state): before[n]}
            state = [evaluate(later.group(1), {**names, "n": n}) for n in range(3)]
            assert sum(state) == pytest.approx(expected[k + 1], rel=1e-11, abs=1e-12)


def test_printed_double_sum_equals_the_recursion() -> None:
    body = formula("written")
    rng = np.random.default_rng(6)
    x, mu, a = rng.normal(size=5), rng.normal(size=2), rng.uniform(0.1, 2, 2)
    names = {"x": lambda l: x[l], "mu": lambda n: mu[n], "a": lambda n: a[n], "s": 0.7, "b": -0.3, FLOOR: 0.2}
    expected = growth_rate(x, FlowParameters(mu=mu, a=a, s=0.7, b=-0.3, floor=0.2))
    for l in range(5):
        terms = [
            evaluate(body, {**names, "j": j, "l": l, "n": n}) for j, n in itertools.product(range(l + 1), range(2))
        ]
        assert sum(terms) == pytest.approx(expected[l], rel=1e-12)


def test_reader_follows_coqs_precedences() -> None:
    assert evaluate("- 2 ^ 2 * 3", {}) == -12
    assert evaluate("/ 2 ^ 2", {}) == 0.25
    assert evaluate("6 / 2 * 3 - 1 + 2", {}) == 10
    assert evaluate("sum_below 4 (fun k => k ^ 2)", {}) == 14
    assert evaluate("sum_between (S 1) 4 (fun k => k)", {}) == 5
    with pytest.raises(FormatError):
        evaluate("exp (2", {})
    with pytest.raises(FormatError):
        evaluate("nowhere 1", {})


def test_committed_files_are_what_the_printer_gives() -> None:
    for name, text in generated_files().items():
        assert (COQ / name).read_text() == text, f"{name} differs: run s6flow prove --write"


def test_every_statement_names_a_theorem_of_the_registry() -> None:
    statements = formal_statements()
    assert len(statements) >= 25
    unknown = {identifier for identifier, _ in statements.values()} - set(REGISTRY)
    assert not unknown


def test_unknown_formula_and_letter_are_refused_by_name() -> None:
    with pytest.raises(CodegenError, match="nonsense"):
        formula("nonsense")
    with pytest.raises(CodegenError, match="zz"):
        formula("gate", zz="1")


def test_what_is_not_formal_is_said_of_every_such_theorem() -> None:
    whole = set(whole_statements().values())
    unlike = sorted(set(MISSING) ^ (set(REGISTRY) - whole))
    assert not unlike, f"MISSING of proofs/formal/__init__.py must have a row for {unlike}, or no longer have one"
    assert "Not formal: that both sets of starts are open" in reached("follower-threshold")
    assert "(a case)" in reached("blow-up-profile")
    assert not [key for key in REGISTRY if "a floor of the step" in reached(key)]
    assert reached("slow-ratios") == "Formal: `slow_ratios_statement`."
