"""Ensembles of a user's own equations against SciPy on the same SymPy expressions: at equal final error, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import sympy as sp
from cpu_cases import measure
from scipy.integrate import solve_ivp

from s6flow.numeric.flow import integrate
from s6flow.numeric.flow.equation import flow_of
from s6flow.symbolic.equation import Equation

__all__ = ["equations"]

x, h, t = sp.symbols("x h t")
#: Final error that every solver must reach, relative in x, and the tolerances it may use.
ERROR, LADDER = 1e-8, tuple(10.0**-k for k in range(5, 14))
#: Share of the first blow-up time at which all stop: solvers in x itself do not get past it.
SHARE = 0.9


@dataclass(frozen=True)
class Case:
    """An equation with random starts.

    Args:
        equation: as a user hands it to `integrate`.
        tokens: of a system.
        first: the first blow-up time of starts, shape (system, token).
        carried: what SciPy's form makes of the tokens before the scan is read; SymPy has no word for it.
    """

    equation: Equation
    tokens: int
    starts: Callable[[np.random.Generator, int, int], np.ndarray]
    first: Callable[[np.ndarray], float]
    carried: Callable[[np.ndarray], np.ndarray]


def _nothing(tokens: np.ndarray) -> np.ndarray:
    return np.zeros_like(tokens)


def _sum_before(tokens: np.ndarray) -> np.ndarray:
    return np.asarray(np.cumsum(tokens, axis=-1) - tokens)


CASES = {
    "x' = 1 + x^2": Case(
        Equation(1 + x**2), 1, lambda rng, n, m: rng.uniform(-2.0, 1.0, (n, m)),
        lambda start: float(np.pi / 2 - np.arctan(start.max())), _nothing,
    ),
    "x' = x (x + 2 h), h = sum of the tokens before, 32 tokens": Case(
        Equation(x * (x + 2 * h), scan=h + x), 32, lambda rng, n, m: rng.uniform(0.2, 1.0, (n, m)) / m,
        lambda start: float(1 / start.sum(axis=1).max()), _sum_before,
    ),
}  # fmt: skip


def _own(case: Case, start: np.ndarray, end: float, backend: str, rtol: float) -> np.ndarray:
    return np.asarray(integrate(start, flow_of(case.equation, None), times=[end], rtol=rtol, backend=backend).x[:, 0])


def _scipy(case: Case, start: np.ndarray, end: float, method: str, together: bool, rtol: float) -> np.ndarray:
    """One solve_ivp a system, or one for all, which then share their steps."""
    rate = sp.lambdify((x, h), case.equation.rate, "numpy")

    def flat(_: float, y: np.ndarray) -> np.ndarray:
        tokens = y.reshape(-1, case.tokens)
        return np.asarray(rate(tokens, case.carried(tokens))).ravel()

    parts = [start] if together else start[:, None]
    runs = [solve_ivp(flat, (0.0, end), part.ravel(), method=method, rtol=rtol, atol=1e-3 * rtol) for part in parts]
    return np.concatenate([run.y[:, -1] for run in runs]).reshape(start.shape)


def _loosest(final: Callable[[float], np.ndarray], exact: np.ndarray) -> tuple[float, float]:
    for rtol in LADDER:
        error = float(np.abs(final(rtol) / exact - 1).max())
        if error <= ERROR:
            break
    return rtol, error


def _rows(case: Case, systems: int, few: int, repeats: int) -> dict[str, Any]:
    sets = [case.starts(np.random.default_rng(seed), systems, case.tokens) for seed in range(3)]
    end = SHARE * min(map(case.first, sets))
    exact = _own(case, sets[0][:few], end, "numpy", 1e-13)
    runs: dict[str, tuple[int, Callable[[Any, float], np.ndarray]]] = {
        name: (systems, lambda v, r, name=name: _own(case, v, end, name, r)) for name in ("numba", "numpy")
    }
    for method in ("DOP853", "LSODA"):
        runs[f"solve_ivp {method}, a system at a time"] = (
            few, lambda v, r, m=method: _scipy(case, v, end, m, False, r),
        )  # fmt: skip
        if method != "LSODA":  # it would form the Jacobian of the whole batch
            runs[f"solve_ivp {method}, all systems at once"] = (
                systems, lambda v, r, m=method: _scipy(case, v, end, m, True, r),
            )  # fmt: skip
    found: dict[str, Any] = {"systems": systems, "tokens": case.tokens, "horizon": end, "error_asked": ERROR}
    solvers: dict[str, Any] = {}
    for name, (count, run) in runs.items():
        rtol, error = _loosest(lambda r, run=run: run(sets[0][:few], r), exact)
        timing = measure(lambda v, run=run, r=rtol, n=count: run(v[:n], r), sets, repeats)
        solvers[name] = {
            "seconds": timing, "systems_run": count, "seconds_for_all": timing["median"] * systems / count,
            "scaled": count != systems, "rtol": rtol, "error": error,
        }  # fmt: skip
    own = solvers["numba"]["seconds_for_all"]
    times = {name: row["seconds_for_all"] / own for name, row in solvers.items()}
    return {**found, "solvers": solvers, "times_numba": times}


def equations(quick: bool, repeats: int, names: Sequence[str] = tuple(CASES)) -> dict[str, Any]:
    """Each equation's solvers with their times over the compiled loop's; everything on one thread."""
    systems, few = (64, 4) if quick else (4096, 16)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        found = {name: _rows(CASES[name], systems, few, min(repeats, 3)) for name in names}
    finally:
        numba.set_num_threads(threads)
    for name, row in found.items():
        print(
            f"{name}: " + ", ".join(f"{k} x{v:.3g}" for k, v in row["times_numba"].items() if k != "numba"), flush=True
        )
    return found
