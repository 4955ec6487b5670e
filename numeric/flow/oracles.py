"""Independent answers that the integrator is tested against: quadratures for token 1, a closed form at s = 0.

Token 1 alone is separable in w = ln|x|: dt = dw / F_1(e^w). The quadratures call the generated F, with one token;
only the way of integrating differs from `integrate`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError
from s6flow.numeric.flow.parameters import finite_array
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.flows import log_program

if TYPE_CHECKING:
    import sympy as sp

__all__ = [
    "QUADRATURE_RTOL",
    "blow_up_quadrature",
    "closed_form_s0",
    "closed_form_s0_expression",
    "duration",
    "token_one",
    "token_one_rate",
]

Float = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
#: A quadrature rests when twice the panels change it by no more than this share.
QUADRATURE_RTOL = 1e-13
_MOST_PANELS = 1 << 14
#: dt/dw falls at least like e^{-2w} towards the blow-up: what lies 20 further is below 1e-17 of the integral.
_REACH = 20.0


def token_one_rate(w: Float, sign: float, mu: float, s: float, b: float, floor: float) -> Float:
    """F_1 at x = sign e^w [1/depth-time]; one state suffices, since a_n does not act on token 1.

    Args:
        w: ln|x_1|, any shape; sign: of x_1.
        mu: sum of mu_n; s, b, floor: of the step.
    Returns: F_1, shape of w.
    Source: symbolic.coordinates.log_program.
    """
    f = generate(log_program(), "numpy")
    one = np.ones(1)
    return np.asarray(f(w[..., None], sign * one, 0.0, mu * one, one, s, b, floor))[..., 0]


def duration(low: float, high: float, sign: float, mu: float, s: float, b: float, floor: float) -> float:
    """int_low^high dw / F_1, by composite Gauss-Legendre with as many panels as it takes."""
    panels, previous = 32, np.inf
    while True:
        edges = np.linspace(low, high, panels + 1)
        half = 0.5 * np.diff(edges)
        w = (0.5 * (edges[1:] + edges[:-1]))[:, None] + half[:, None] * _NODES
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            total = float((half[:, None] * _WEIGHTS / token_one_rate(w, sign, mu, s, b, floor)).sum())
        if abs(total - previous) <= QUADRATURE_RTOL * abs(total) or panels >= _MOST_PANELS or not np.isfinite(total):
            return total
        panels, previous = 2 * panels, total


def blow_up_quadrature(x0: ArrayLike, mu: ArrayLike, s: ArrayLike, b: ArrayLike, floor: ArrayLike = 0.0) -> Float:
    """Blow-up time T_1 of token 1 alone (theory 6).

    Args:
        x0: token 1 at depth-time 0; mu: sum of mu_n; s, b, floor: of the step. All broadcast.
    Returns: T_1, inf where the token does not blow up (mu <= 0, x0 = 0, or s x0 < 0 without a floor).
    Raises: AssumptionError: NaN or Inf.
    Numerics: substitution w = ln|x|, 20 e-folds, adaptive Gauss-Legendre; 1e-12 relative for |x0| in 1e-8..1e3.
    Source: theory 6; symbolic.coordinates.log_program.
    """
    args = [finite_array(v, n) for v, n in zip((x0, mu, s, b, floor), ("x0", "mu", "s", "b", "floor"), strict=True)]
    broadcast = np.broadcast_arrays(*args)
    out = np.full(broadcast[0].shape, np.inf)
    for where in np.ndindex(out.shape):
        x, m, slope, bias, low = (float(v[where]) for v in broadcast)
        if m > 0 and x != 0 and (slope * x >= 0 or low > 0):
            w = float(np.log(abs(x)))
            out[where] = duration(w, w + _REACH, float(np.sign(x)), m, slope, bias, low)
    return out


def token_one(t: float, x0: float, mu: float, s: float, b: float, floor: float = 0.0) -> float:
    """ln|x_1(t)| from the implicit quadrature t = int dw / F_1.

    Args:
        t: depth-time, before the blow-up.
        x0, mu, s, b, floor: of token 1.
    Raises: AssumptionError: t <= 0, or not reached before the blow-up.
    Numerics: bisection and Newton on ln of the quadrature; about 1e-12.
    Source: theory 4.
    """
    if not (np.isfinite(t) and t > 0):
        raise AssumptionError("t must be positive", t, "t", "Depth-time starts at 0 with x0.")
    if x0 == 0 or mu == 0:
        return float(np.log(abs(x0))) if x0 else -np.inf
    start, sign = float(np.log(abs(x0))), float(np.sign(x0))
    law = (sign, mu, s, b, floor)

    def excess(distance: float) -> float:
        took = duration(start, start + np.sign(mu) * distance, *law)
        if took == 0:
            return -1e4  # distance below the spacing of float64
        return float(np.log(took) - np.log(t)) if np.isfinite(took) else 1e4  # F underflows: far beyond t

    near, far = 0.0, 1e-3
    while excess(far) < 0:
        near, far = far, 2 * far
        if far > 2000:
            raise AssumptionError("t must lie before the blow-up", t, "t")
    from scipy.optimize import brentq

    distance = brentq(excess, near, far, xtol=1e-15, rtol=1e-14) if near else _small(excess, far)
    # an edge of float64 and no root: all that double precision holds takes less time; near the start it holds few steps
    if abs(excess(distance)) > (1e-6 if near else 1.0):
        raise AssumptionError("t must lie before the blow-up", t, "t")
    return float(start + np.sign(mu) * distance)


def _small(excess: Any, far: float) -> float:
    """Root below 1e-3: in ln of the distance, since any power of ten may hold it."""
    from scipy.optimize import brentq

    return float(np.exp(brentq(lambda y: excess(float(np.exp(y))), -700.0, np.log(far), xtol=1e-14)))


@cache
def closed_form_s0_expression() -> tuple[sp.Expr, sp.Expr]:
    """1/x_1^2 and 1/x_2^2 at s = 0 for one decay rate, in t, mu, a, delta0 and the starts x0[1], x0[2] (theory 4).

    A linear equation for z_2 in zeta = z_1; tests reduce its residual in the flow to literal zero.
    """
    import sympy as sp  # only tests and pages ask for this closed form

    from s6flow.symbolic import notation as nt

    mu, a, delta0 = sp.Symbol("mu", real=True), sp.Symbol("a", positive=True), sp.Symbol("delta0", positive=True)
    q = sp.exp(-a * delta0)
    start = [1 / nt.x0[i] ** 2 for i in (1, 2)]
    zeta = start[0] - 2 * mu * delta0 * nt.t
    constant = (start[1] - start[0] / (1 - q)) / start[0] ** q
    return zeta, zeta / (1 - q) + constant * zeta**q


def closed_form_s0(t: ArrayLike, x0: ArrayLike, mu: float, a: float, delta0: float) -> Float:
    """Two tokens at s = 0 with one decay rate.

    Args:
        t: depth-times, shape (time).
        x0: two nonzero tokens, shape (2).
        mu, a, delta0: delta0 = softplus(b) + floor.
    Returns: x, shape (time, 2).
    Raises: AssumptionError: a zero token, or a time beyond the blow-up.
    Source: theory 4; `closed_form_s0_expression`.
    """
    start, times = finite_array(x0, "x0"), np.atleast_1d(finite_array(t, "t"))
    if start.shape != (2,) or (start == 0).any():
        raise AssumptionError("the closed form needs two nonzero tokens", start.tolist(), "x0")
    names = {"mu": mu, "a": a, "delta0": delta0}
    import sympy as sp

    from s6flow.symbolic import notation as nt

    numbers = {nt.x0[1]: start[0], nt.x0[2]: start[1]}
    z = []
    for expression in closed_form_s0_expression():
        values = {
            symbol: names[symbol.name] for symbol in expression.free_symbols if getattr(symbol, "name", "") in names
        }
        f = sp.lambdify(nt.t, expression.subs({**numbers, **values}), "numpy")
        z.append(np.broadcast_to(f(times), times.shape))
    inverse_squares = np.stack(z, axis=-1)
    if not (inverse_squares > 0).all():
        raise AssumptionError("t must lie before the blow-up", times.max(), "t")
    return np.asarray(np.sign(start) / np.sqrt(inverse_squares))
