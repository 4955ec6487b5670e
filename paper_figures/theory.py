"""What figures take from the theory: generated bounds, typeset formulas, titles and statuses of theorems."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from s6flow.errors import TheoremError
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.proofs import index
from s6flow.proofs.rates import short_latex
from s6flow.proofs.registry import get
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.criteria import QUANTITIES, quantity

__all__ = [
    "cite",
    "cited",
    "decay_constants",
    "evaluate",
    "formula",
    "rate",
    "short",
]


def evaluate(name: str, **inputs: Any) -> NDArray[np.float64]:
    """The quantity `name` of `symbolic.criteria`, by generated code, on arrays given by letter."""
    program = generate(quantity(name), "numpy")
    return np.asarray(program(*(np.asarray(inputs[letter], dtype=float) for letter in program.inputs)))


def decay_constants(mu: Any, a: Any, b: Any, floor: Any, tokens: int) -> NDArray[np.float64]:
    """lim t x_l^2 of every token by the recursion over shares, all tokens nonzero; 0 where a token decays faster.

    Args:
        mu, a: shape (*batch, state).
        b, floor: shape (*batch).
        tokens: how many.
    Returns: shape (*batch, token).
    """
    letters = {"mu": mu, "a": a, "b": b, "floor": floor}
    phi = np.zeros(np.shape(mu))
    found = []
    for _ in range(tokens):
        found.append(evaluate("decay_constant", phi=phi, **letters))
        phi = evaluate("share_after", phi=phi, **letters)
    return np.stack(found, axis=-1)


def formula(name: str) -> str:
    """LaTeX of a quantity, as it is defined, abbreviated."""
    return short_latex(QUANTITIES[name].build())


def cite(*ids: str) -> str:
    """`id` (title; status) of every theorem, as captions name them."""
    found = [index.content(key) for key in ids]
    return "; ".join(f"`{row['id']}` ({row['title']}; {row['status']})" for row in found)


def cited(figure: str) -> str:
    """What `cite` gives for the theorems of a figure."""
    return cite(*FIGURES[figure].theorems)


def short(key: str) -> str:
    """Id and status, for labels inside a picture."""
    return f"{key} ({index.status_of(key)})"


def rate(key: str, whose: str, log_t: NDArray[np.float64], token: int) -> NDArray[np.float64]:
    """A row of the table of rates as a function of ln t, constants and Landau's O left out.

    Raises: TheoremError: the theorem has no such row.
    """
    rows = [row.rate for row in get(key).rates if row.whose == whose]
    if not rows:
        raise TheoremError(f"the theorem needs a row of the table of rates by {whose}", None, key)
    expression = rows[0].replace(
        lambda e: isinstance(e, sp.Order | sp.Function) and e.func.__name__ in ("O", "Theta"), lambda e: e.args[0]
    )
    log = sp.Symbol("log_t", positive=True)
    expression = sp.expand_log(expression.subs(nt.l, token).subs(nt.t, sp.exp(log)), force=True)
    return np.asarray(sp.lambdify(log, expression, "numpy")(log_t), dtype=float)
