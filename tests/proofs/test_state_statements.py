"""The printed statements on one state hold on data that meet their assumptions, and fail on data that do not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from s6flow.errors import CodegenError
from s6flow.proofs.formal import formal_statements, generated_files
from s6flow.proofs.formal.reader import evaluate, holds
from s6flow.symbolic import notation as nt
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.coq import print_coq

#: What a statement asks and claims: everything between `->` at its outermost level.
PART = re.compile(r" ->\n\s*")


def parts(name: str) -> list[str]:
    """Assumptions and claim of a statement, each on one line."""
    _, body = formal_statements()[name]
    return [" ".join(part.split()) for part in PART.split(body.split(",\n", 1)[1])]


def state(decay: float, Delta: Any, v: Any, l: int) -> float:
    """The recurrence, once more by hand."""
    h = 0.0
    for k in range(l + 1):
        h = h * np.exp(-decay * Delta(k)) + Delta(k) * v(k)
    return h


def letters(Delta: np.ndarray, v: np.ndarray, decay: float, v_max: float, delta_max: float) -> dict[str, Any]:
    return {
        "Delta": lambda k: Delta[k],
        "v": lambda k: v[k],
        "decay": decay,
        "v_max": v_max,
        "delta_max": delta_max,
        "L": len(v),
        "token_state": state,
    }


def test_state_bound_holds_where_its_assumptions_do() -> None:
    *asked, claim = parts("state_bound")
    rng = np.random.default_rng(18)
    for _ in range(20):
        Delta, v = rng.uniform(0.05, 1.0, 5), rng.uniform(-2.0, 2.0, 5)
        names = letters(Delta, v, float(rng.uniform(0.1, 3.0)), 2.0, 1.0)
        assert all(holds(part, names) for part in asked)
        assert holds(claim, names)


@pytest.mark.parametrize(("v", "step"), [(3.0, 0.5), (2.0, 1.5)])
def test_state_bound_fails_beyond_its_assumptions(v: float, step: float) -> None:
    """Planted: constant inputs and steps attain the bound, so that one larger input or step exceeds it."""
    *asked, claim = parts("state_bound")
    names = letters(np.full(5, step), np.full(5, v), 1.0, 2.0, 0.5)
    assert not all(holds(part, names) for part in asked)
    assert not holds(claim, names)


def test_state_saturation_is_an_equation_on_data() -> None:
    *asked, claim = parts("state_saturation")
    names = letters(np.full(4, 0.5), np.full(4, 2.0), 0.7, 2.0, 0.5)
    assert all(holds(part, names) for part in asked)
    found = re.search(r"-> (token_state.*?) = (.*?) /\\", claim)
    assert found is not None
    for l in range(4):
        left, right = (evaluate(side, {**names, "l": l}) for side in found.groups())
        assert left == pytest.approx(right, rel=1e-12)


def test_own_term_on_data_is_an_equation_on_data() -> None:
    _, claim = parts("own_term_on_data")
    rng = np.random.default_rng(22)
    x, S_B, S_C = rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    M = S_C.T @ S_B
    names: dict[str, Any] = {
        "N": 3, "D": 2, "x": lambda l, d: x[l, d], "S_B": lambda n, d: S_B[n, d], "S_C": lambda n, d: S_C[n, d],
        "beta_B": lambda n: 0.0, "beta_C": lambda n: 0.0,
        "form_matrix": lambda *i: (lambda d, e: M[d, e]) if len(i) == 3 else M[i[3], i[4]],
        "data_mean": lambda _, l: x[: l + 1].mean(axis=0),
        "data_covariance": lambda _, l, d, e: np.cov(x[: l + 1].T, bias=True)[d, e],
        "quadratic_form": lambda _, m, v: sum(m(d, e) * v[d] * v[e] for d in range(2) for e in range(2)),
        "trace": lambda size, m: sum(m(d, d) for d in range(size)),
    }  # fmt: skip
    left, right = claim.removesuffix(")").split("-> ", 1)[1].split(" = ")
    for l in range(1, 4):
        assert evaluate(left, {**names, "l": l}) == pytest.approx(evaluate(right, {**names, "l": l}), rel=1e-11)


def test_numbers_of_tokens_and_powers_of_bits() -> None:
    assert print_coq(1 / nt.l) == "/ INR (S l)"
    assert print_coq(2 ** (2 * st.bits + 2)) == "2 ^ (2 * bits + 2)"
    with pytest.raises(CodegenError, match="an index must be"):
        print_coq(2 ** (st.bits * nt.l))


def test_blow_up_and_life_for_ever_are_of_extended_numbers() -> None:
    assert parts("mixed_blow_up")[-1] == "Rbar_lt T p_infty"
    assert "T = p_infty" in generated_files()["Statements.v"]
