"""What the CPU benchmark compares with: a loop in C, the attention matrix, and SciPy on SymPy's lambdified cell."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sympy as sp
from cpu_cases import COMPILER, NAMES
from scipy.integrate import solve_ivp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.attention import attention_program
from s6flow.symbolic.codegen.arrays.numpy import scan
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.layer import flow_cell

__all__ = ["attention", "c_peer", "lambdified", "scipy_final"]


def c_peer(folder: str) -> Callable[[dict[str, np.ndarray]], np.ndarray] | None:
    """The hand-written loop, compiled here; None without a C compiler."""
    if shutil.which(COMPILER[0]) is None:
        return None
    library = Path(folder) / "peer.so"
    subprocess.run([*COMPILER, str(Path(__file__).with_name("cpu_peer.c")), "-o", str(library), "-lm"], check=True)
    rates = ctypes.CDLL(str(library)).rates

    def call(v: dict[str, np.ndarray]) -> np.ndarray:
        out, f = np.empty_like(v["x"]), np.empty(v["mu"].shape[1])
        shape = (*v["x"].shape, v["mu"].shape[1])
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*(v[name] for name in NAMES), out, f)]
        rates(*(ctypes.c_long(size) for size in shape), *pointers)
        return out

    return call


def attention(v: dict[str, np.ndarray]) -> np.ndarray:
    """F_l x_l = sum_j P_lj x_j, as the paper writes it."""
    matrix = generate(attention_program(), "numpy", "fast")
    with np.errstate(over="ignore"):
        return np.einsum("...lj,...j->...l", matrix(*(v[name] for name in matrix.inputs)), v["x"])


def lambdified() -> dict[str, Callable[..., np.ndarray]]:
    """x' by SymPy's lambdify of the cell: through the linear scan, and through the sum over earlier tokens."""
    cell = flow_cell()
    names = [nt.x[nt.l], nt.mu[nt.n], nt.a[nt.n], nt.s, nt.b, nt.floor]
    plain = sp.symbols("x mu a s b floor", real=True)
    table = dict(zip(names, plain, strict=True))
    softplus = {"softplus": lambda z: np.logaddexp(0.0, z)}
    gate, increment = (
        sp.lambdify(plain, part.xreplace(table), [softplus, "numpy"]) for part in (cell.gate, cell.increment)
    )
    lag = sp.lambdify(plain, (-sp.log(cell.gate)).xreplace(table).simplify(), [softplus, "numpy"])

    def scanned(x: np.ndarray, mu: float, a: float, s: float, b: float) -> np.ndarray:
        return x * scan(gate(x, mu, a, s, b, 0.0), increment(x, mu, a, s, b, 0.0), 0)

    def summed(x: np.ndarray, mu: float, a: float, s: float, b: float) -> np.ndarray:
        reach = np.cumsum(lag(x, mu, a, s, b, 0.0))
        decay = np.tril(np.exp(np.minimum(reach[None, :] - reach[:, None], 0.0)))
        return x * (decay @ increment(x, mu, a, s, b, 0.0))

    return {"scan": scanned, "attention sum": summed}


def scipy_final(
    v: dict[str, np.ndarray], rows: range, form: Callable[..., np.ndarray], method: str, rtol: float, horizon: float
) -> np.ndarray:
    """Final tokens of some systems, one solve_ivp each."""
    final = []
    for i in rows:
        given = (float(v["mu"][i, 0]), float(v["a"][i, 0]), float(v["s"][i]), float(v["b"][i]))
        run = solve_ivp(
            lambda _, x, p=given: form(x, *p), (0.0, horizon), v["x"][i], method=method, rtol=rtol, atol=1e-3 * rtol
        )
        final.append(run.y[:, -1])
    return np.array(final)
