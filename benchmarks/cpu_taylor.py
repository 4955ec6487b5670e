"""heyoka's adaptive Taylor integrator on the same cell, where heyoka is installed: a peer, and a judge with 34 digits.

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

__all__ = ["available", "exact_log_abs", "taylor_final"]

_EXACT_RTOL = 1e-28


def _flow(tokens: int, states: int, floor: Any) -> list[Any]:
    """The equations of one system; heyoka's parameters are every mu, every a, s, b and, if not fixed, the floor."""
    import heyoka as hy

    cell = flow_cell()
    plain = sp.symbols("mu a s b floor", real=True)
    token = sp.Symbol("token", real=True)
    table = dict(zip((nt.mu[nt.n], nt.a[nt.n], nt.s, nt.b, nt.floor), plain, strict=True)) | {nt.x[nt.l]: token}
    if floor is not None:
        table[nt.floor] = floor

    def part(expression: sp.Expr, given: dict[sp.Symbol, Any]) -> Any:
        plainly = expression.xreplace(table).replace(nt.softplus, lambda z: sp.log(1 + sp.exp(z)))
        return hy.from_sympy(plainly, given)

    flow, rates = [], [hy.expression(0.0)] * states
    for at in range(tokens):
        x = hy.expression(f"x{at}")
        for n in range(states):
            places = (n, states + n, 2 * states, 2 * states + 1, 2 * states + 2)
            given = {**{symbol: hy.par[k] for symbol, k in zip(plain, places, strict=True)}, token: x}
            rates[n] = part(cell.gate, given) * rates[n] + part(cell.increment, given)
        flow.append((x, x * sum(rates[1:], rates[0])))
    return flow


@cache
def _integrator(tokens: int, rtol: float) -> Any:
    """heyoka's integrator of one system of one state without a floor."""
    import heyoka as hy

    flow = _flow(tokens, 1, sp.Integer(0))
    return hy.taylor_adaptive(flow, [0.0] * tokens, pars=[0.0] * 4, tol=rtol, compact_mode=True)


def exact_log_abs(system: dict[str, np.ndarray], t: float) -> Any:
    """ln|x| of one system at depth-time t to some 28 digits, as numbers of 34 digits."""
    import heyoka as hy

    wide = hy.real128
    values = [*system["mu"], *system["a"], system["s"], system["b"], system["floor"]]
    run = hy.taylor_adaptive(
        _flow(len(system["x"]), len(system["mu"]), None),
        [wide(float(value)) for value in system["x"]],
        pars=[wide(float(value)) for value in values],
        tol=wide(_EXACT_RTOL),
        compact_mode=True,
        fp_type=wide,
    )
    run.propagate_until(wide(t))
    with np.errstate(divide="ignore"):
        return np.log(np.abs(run.state))


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
