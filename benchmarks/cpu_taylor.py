"""A peer of the CPU benchmark: heyoka's adaptive Taylor integrator on the same cell, where heyoka is installed.

Its right-hand side is made from the symbolic scan cell, token by token; it is compiled once for every tolerance, and
that compilation is not in the times that are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.layer import flow_cell

__all__ = ["available", "taylor_final"]


@cache
def _integrator(tokens: int, rtol: float) -> Any:
    """heyoka's integrator of one system of one state; its parameters are mu, a, s, b."""
    import heyoka as hy

    cell = flow_cell()
    names = (nt.mu[nt.n], nt.a[nt.n], nt.s, nt.b)
    plain = sp.symbols("mu a s b", real=True)
    token = sp.Symbol("token", real=True)
    table = {**dict(zip(names, plain, strict=True)), nt.x[nt.l]: token, nt.floor: sp.Integer(0)}

    def part(expression: sp.Expr, given: dict[sp.Symbol, Any]) -> Any:
        plainly = expression.xreplace(table).replace(nt.softplus, lambda z: sp.log(1 + sp.exp(z)))
        return hy.from_sympy(plainly, given)

    flow, rate = [], hy.expression(0.0)
    for at in range(tokens):
        x = hy.expression(f"x{at}")
        given = {**{symbol: hy.par[k] for k, symbol in enumerate(plain)}, token: x}
        rate = part(cell.gate, given) * rate + part(cell.increment, given)
        flow.append((x, x * rate))
    return hy.taylor_adaptive(flow, [0.0] * tokens, pars=[0.0] * len(plain), tol=rtol, compact_mode=True)


def taylor_final(v: dict[str, np.ndarray], rows: range, horizon: float, rtol: float) -> np.ndarray:
    """Final tokens of some systems, one after the other.

    Args:
        v: systems of one state, arrays with the system first.
        horizon: depth-time at the end.
        rtol: tolerance that the integrator is compiled for.
    Returns: tokens at the horizon, shape (system, token).
    """
    run = _integrator(v["x"].shape[1], rtol)
    final = []
    for i in rows:
        run.time = 0.0
        run.state[:] = v["x"][i]
        run.pars[:] = v["mu"][i, 0], v["a"][i, 0], v["s"][i], v["b"][i]
        run.propagate_until(horizon)
        final.append(run.state.copy())
    return np.array(final)


def available() -> Callable[..., np.ndarray] | None:
    """`taylor_final` where heyoka is installed."""
    try:
        import heyoka  # noqa: F401
    except ImportError:
        return None
    return taylor_final
