"""What the GPU benchmark compares with: other forms of the right-hand side in PyTorch, and other solvers' ensembles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gpu_cases import measure

__all__ = ["PEERS", "TIME", "Arrays", "H", "as_exact", "attention_matrix", "eager_linear", "ratios", "runge_kutta"]

#: Length of a fixed step, and horizon of an adaptive run [depth-time].
H, TIME = 0.01, 100.0
#: Largest error of ln|x| that a peer may make anywhere.
SOUND = 0.1
Arrays = dict[str, torch.Tensor]


def attention_matrix(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """x_l' as the paper writes it: sum over j <= l of P_{lj} x_j, the L x L matrix formed."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    total = torch.cumsum(step, 1)
    decay = torch.exp(-p["a"][:, :, None] * (total[:, :, None] - total[:, None, :]).clamp(min=0.0))
    matrix = p["mu"][:, :, None] * x[:, :, None] * x[:, None, :] * step[:, None, :] * decay
    return (torch.tril(matrix) @ x[:, :, None])[..., 0]


def eager_linear(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """The same in O(L): f_l = e^{-A_l} sum_{j <= l} e^{A_j} mu x_j^2 Delta_j by logcumsumexp (one state)."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    decay = torch.cumsum(p["a"] * step, 1)
    terms = 2 * torch.log(x.abs()) + torch.log(step) + decay
    return x * p["mu"] * torch.exp(torch.logcumsumexp(terms, 1) - decay)


def runge_kutta(
    velocity: Callable[[torch.Tensor, Arrays], torch.Tensor], x: torch.Tensor, p: Arrays, steps: int
) -> torch.Tensor:
    """Classical steps of length H: the same method and step as the kernel, so the same error."""
    for _ in range(steps):
        k1 = velocity(x, p)
        k2 = velocity(x + H / 2 * k1, p)
        k3 = velocity(x + H / 2 * k2, p)
        x = x + H / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(x + H * k3, p))
    return x


def _torchdiffeq(cases: Any, rtol: float, velocity: Callable[[torch.Tensor, Arrays], torch.Tensor]) -> dict[str, Any]:
    from torchdiffeq import odeint

    times = torch.tensor([0.0, TIME], device="cuda")
    kept: list[torch.Tensor] = []

    def run(index: int) -> None:
        x, p = cases[index]
        kept[:] = [odeint(lambda t, y: velocity(y, p), x, times, rtol=rtol, atol=rtol * 1e-2, method="dopri5")[-1]]

    with torch.no_grad():
        timing: dict[str, Any] = measure(run, 1, repeats=2, least=0.0)
    run(0)
    return {**timing, "end": kept[0]}


def torchdiffeq_run(cases: Any, rtol: float) -> dict[str, Any]:
    """torchdiffeq's dopri5 on the eager linear form; the batch shares one step."""
    return _torchdiffeq(cases, rtol, eager_linear)


def torchdiffeq_compiled(cases: Any, rtol: float) -> dict[str, Any]:
    """The same on the compiled linear form."""
    return _torchdiffeq(cases, rtol, torch.compile(eager_linear))


def diffrax_run(cases: Any, rtol: float) -> dict[str, Any]:
    """diffrax's Dopri5 under vmap and jit, every system with its own step, the scan by lax.associative_scan.

    It chooses its first steps itself: given 0.05, it never leaves the start of a few fast systems on a GPU.
    """
    import time

    import diffrax
    import jax
    import jax.numpy as jnp

    def velocity(t: Any, x: Any, p: Any) -> Any:
        mu, a, s, b = p
        step = jax.nn.softplus(s * x + b)
        gate, increment = jnp.exp(-a * step), mu * x**2 * step
        _, f = jax.lax.associative_scan(lambda l, r: (l[0] * r[0], r[0] * l[1] + r[1]), (gate, increment))
        return x * f

    def solve(x: Any, p: Any) -> Any:
        control = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2)
        term, method = diffrax.ODETerm(velocity), diffrax.Dopri5()
        return diffrax.diffeqsolve(
            term, method, 0.0, TIME, None, x, args=p, stepsize_controller=control, max_steps=4096, throw=False
        ).ys[-1]

    run = jax.jit(jax.vmap(solve))
    inputs = []
    for x, p in cases:
        inputs.append(
            (
                jnp.asarray(x.cpu().numpy()),
                tuple(jnp.asarray(p[k].reshape(-1).cpu().numpy()) for k in ("mu", "a", "s", "b")),
            )
        )
    end = run(*inputs[0]).block_until_ready()
    seconds = []
    for index in (1, 0, 1):
        begin = time.perf_counter()
        run(*inputs[index]).block_until_ready()
        seconds.append(time.perf_counter() - begin)
    timing = {"median_s": float(np.median(seconds)), "least_s": min(seconds), "most_s": max(seconds), "repeats": 3}
    return {**timing, "end": torch.as_tensor(np.array(end)).cuda()}


def torchode_run(cases: Any, rtol: float) -> dict[str, Any]:
    """torchode's Dopri5 on the eager linear form, every system with its own step."""
    import torchode

    kept: list[torch.Tensor] = []

    def run(index: int) -> None:
        x, p = cases[index]
        term = torchode.ODETerm(lambda t, y: eager_linear(y, p))
        control = torchode.IntegralController(atol=rtol * 1e-2, rtol=rtol, term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control)
        times = torch.tensor([0.0, TIME], device="cuda").expand(len(x), 2)
        kept[:] = [solver.solve(torchode.InitialValueProblem(y0=x, t_eval=times)).ys[:, -1]]

    with torch.no_grad():
        timing: dict[str, Any] = measure(run, 1, repeats=2, least=0.0)
    run(0)
    return {**timing, "end": kept[0]}


#: Solvers of whole ensembles with the tolerances that they are run at.
PEERS: dict[str, tuple[Callable[[Any, float], dict[str, Any]], tuple[float, ...]]] = {
    "torchdiffeq": (torchdiffeq_run, (1e-4, 1e-5)),
    "torchdiffeq compiled": (torchdiffeq_compiled, (1e-5,)),
    "torchode": (torchode_run, (1e-4, 1e-5)),
    "diffrax": (diffrax_run, (1e-4, 1e-5)),
}


#: How often the interval between two of our tolerances is halved, one whose mean error is a peer's or less and one of more.
HALVINGS = 4


def as_exact(ours: Callable[[float], dict[str, Any]], found: dict[float, dict[str, Any]], aim: float) -> None:
    """Bring our mean error nearer below a peer's: a grid of tolerances would have us be more exact than the peer.

    Args:
        ours: times a run at a tolerance and finds its errors.
        found: tolerance -> such a row; more are put in.
        aim: the peer's mean error.
    """
    good = max((rtol for rtol, row in found.items() if row["mean_error"] <= aim), default=None)
    bad = min((rtol for rtol, row in found.items() if row["mean_error"] > aim), default=None)
    if good is None or bad is None or bad <= good:
        return
    for _ in range(HALVINGS):
        middle = float(np.sqrt(good * bad))
        found[middle] = ours(middle)
        good, bad = (middle, bad) if found[middle]["mean_error"] <= aim else (good, middle)


def ratios(found: dict[str, Any], ours: str) -> dict[str, float]:
    """Their time over ours, for the fastest of ours that is as exact; of their tolerances the one that favours them."""
    best: dict[str, float] = {}
    mine = [row for key, row in found.items() if key.startswith(ours)]
    for name in PEERS:
        runs = [row for key, row in found.items() if key.rsplit(" ", 1)[0] == name and row.get("error", np.nan) < SOUND]
        pairs = [
            max(
                (row["median_s"] / own["median_s"] for own in mine if own["mean_error"] <= row["mean_error"]),
                default=0.0,
            )
            for row in runs
        ]
        if pairs:
            best[name] = min(pairs)
    return best
