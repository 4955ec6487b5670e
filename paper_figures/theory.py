"""What figures take from the theory: generated bounds, typeset formulas, titles and statuses of theorems."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.proofs.registry import get, status
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.criteria import QUANTITIES, quantity
from s6flow.symbolic.derivation.latex import display

__all__ = ["cite", "evaluate", "formula", "rate", "short"]


def evaluate(name: str, **inputs: Any) -> NDArray[np.float64]:
    """The quantity `name` of `symbolic.criteria`, by generated code, on arrays given by letter."""
    program = generate(quantity(name), "numpy")
    return np.asarray(program(*(np.asarray(inputs[letter], dtype=float) for letter in program.inputs)))


def formula(name: str) -> str:
    """LaTeX of a quantity, as it is defined."""
    return display(QUANTITIES[name].build())


def cite(*ids: str) -> str:
    """`id` (title; status) of every theorem, as captions name them."""
    return "; ".join(f"`{key}` ({get(key).title}; {status(get(key))})" for key in ids)


def short(key: str) -> str:
    """Id and status, for labels inside a picture."""
    return f"{key} ({status(get(key))})"


def rate(key: str, whose: str, log_t: NDArray[np.float64], token: int) -> NDArray[np.float64]:
    """A row of the table of rates as a function of ln t, constants and Landau's O left out.

    Raises: TheoremError: the theorem has no such row.
    """
    import sympy as sp

    from s6flow.symbolic import notation as nt
    from s6flow.symbolic.errors import TheoremError

    rows = [row.rate for row in get(key).rates if row.whose == whose]
    if not rows:
        raise TheoremError(f"the theorem needs a row of the table of rates by {whose}", None, key)
    expression = rows[0].replace(lambda e: isinstance(e, sp.Order | sp.Function) and e.func.__name__ in "OTheta", lambda e: e.args[0])
    log = sp.Symbol("log_t", positive=True)
    expression = sp.expand_log(expression.subs(nt.l, token).subs(nt.t, sp.exp(log)), force=True)
    return np.asarray(sp.lambdify(log, expression, "numpy")(log_t), dtype=float)
