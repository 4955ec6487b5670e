"""Equations of the literature whose blow-up times are known, as data; run as a script under Triton's interpreter.

The script prints the errors of T, and of tokens at one time, as one line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from s6flow.symbolic.equation import Equation

x, h, t, p = sp.symbols("x h t p")
#: A cascade whose partial sums S_l obey S' = S^2, whatever came before: x_l' = x_l (x_l + 2 S_{l-1}).
CASCADE = Equation(x * (x + 2 * h), scan=h + x)


@dataclass(frozen=True)
class Case:
    """An equation, its start, and the blow-up time that the literature or a quadrature by hand gives."""

    equation: Equation
    start: Sequence[float]
    time: float
    source: str
    parameters: Mapping[Any, float] = field(default_factory=dict)
    token: int = 1


def meet(case: Case, backend: str) -> None:
    """Assert that a run by a backend blows up when the literature says, by that token."""
    from s6flow.numeric.flow import Status, integrate
    from s6flow.numeric.flow.equation import flow_of

    run = integrate(case.start, flow_of(case.equation, case.parameters), backend=backend)
    assert run.status == Status.BLOW_UP
    assert abs(run.blow_up_time / case.time - 1.0) <= 1e-10
    assert run.blow_up_token == case.token


def airy_zero() -> float:
    """Of x' = t + x^2, x(0) = 0: x = -y'/y with y'' = -t y and y'(0) = 0, so y = sqrt(3) Ai(-t) + Bi(-t)."""
    return float(mpmath.findroot(lambda s: mpmath.sqrt(3) * mpmath.airyai(-s) + mpmath.airybi(-s), 2.0))


CASES = {
    "power": Case(Equation(x**p), [2.0], 2.0**-2.5 / 2.5, "Fujita 1966, without diffusion", {p: 3.5}),
    "thermal runaway": Case(Equation(sp.exp(x)), [-5.0], float(np.exp(5.0)), "Frank-Kamenetskii 1955, adiabatic"),
    "tangent": Case(
        Equation(1 + x**2), [-3.0], float(np.pi / 2 + np.arctan(3.0)), "Riccati's, with constant coefficients"
    ),
    "Airy": Case(Equation(t + x**2), [0.0], airy_zero(), "Riccati's with a zero of Airy functions, DLMF 9"),
    "Osgood": Case(Equation(x * sp.log(x) ** 2, chart="log"), [2.0], 1 / float(np.log(2.0)), "Osgood 1898"),
    "cascade": Case(
        CASCADE, [0.5, 0.3, 0.2], 1.0, "partial sums obey S' = S^2, as mass does in Jaeger and Luckhaus 1992", token=3
    ),
}


def main() -> None:
    """The cascade at the rate 2 t, S' = 2 t S^2 with T = 1: time, a scan and a letter in one interpreted kernel; a scan of numbers."""
    from s6flow.numeric.flow import integrate
    from s6flow.numeric.flow.backends.triton.backend import solve
    from s6flow.numeric.flow.equation import flow_of

    start, half = CASES["cascade"].start, 0.5
    flow = flow_of(Equation(p * t * CASCADE.rate, scan=CASCADE.scan), {p: 2.0})
    run = integrate(start, flow, times=[half], log_horizon=3.0, rtol=1e-4, x_limit=1e10, backend=solve)
    sums = np.cumsum(start)
    exact = np.diff(sums / (1 - half**2 * sums), prepend=0.0)
    found = {"time": float(run.blow_up_time) - 1.0, "token": int(run.blow_up_token)}
    counted = integrate(np.ones(3), flow_of(Equation(x * h, scan=h + 1), None), times=[half], rtol=1e-4, backend=solve)
    errors = {"tokens": run.x[0] - exact, "counted": counted.x[0] - np.exp(half * np.arange(3))}
    print(json.dumps(found | {key: float(np.abs(error).max()) for key, error in errors.items()}))


if __name__ == "__main__":
    main()
