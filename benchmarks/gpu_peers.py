"""What GPU benchmarks compare with: other forms of the right-hand side in PyTorch, and other solvers' ensembles."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

__all__ = [
    "COORDINATES",
    "SOLVERS",
    "TIME",
    "Arrays",
    "Ensemble",
    "H",
    "attention_matrix",
    "eager_linear",
    "runge_kutta",
    "timed",
]

#: Length of a fixed step, and horizon of an adaptive run [depth-time].
H, TIME = 0.01, 100.0
#: What a solver may integrate: tokens, as the equation is written, or their logarithms, as our kernels do.
COORDINATES = ("x", "ln|x|")
#: Steps of a system (of the batch, where it shares them) and seconds of a run in PyTorch, after which a solver is stopped.
MOST_STEPS, MOST_SECONDS = 8192, 30.0
#: A run that takes longer [s] is timed once; a shorter one REPEATS times after it.
LONG, REPEATS = 5.0, 3
Arrays = dict[str, torch.Tensor]
#: Growth rates of tokens from the tokens, shape (system, token), and the letters.
Rates = Callable[[torch.Tensor, Arrays], torch.Tensor]


def attention_matrix(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """x_l' as the paper writes it: sum over j <= l of P_{lj} x_j, the L x L matrix formed."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    total = torch.cumsum(step, 1)
    decay = torch.exp(-p["a"][:, :, None] * (total[:, :, None] - total[:, None, :]).clamp(min=0.0))
    matrix = p["mu"][:, :, None] * x[:, :, None] * x[:, None, :] * step[:, None, :] * decay
    return (torch.tril(matrix) @ x[:, :, None])[..., 0]


def growth_rates(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """F_l = x_l' / x_l in O(L): e^{-A_l} sum_{j <= l} e^{A_j} mu x_j^2 Delta_j by logcumsumexp (one state)."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    decay = torch.cumsum(p["a"] * step, 1)
    terms = 2 * torch.log(x.abs()) + torch.log(step) + decay
    return p["mu"] * torch.exp(torch.logcumsumexp(terms, 1) - decay)


def eager_linear(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """x_l' in O(L)."""
    return x * growth_rates(x, p)


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


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What a solver is given.

    Args:
        x: tokens at depth-time 0, shape (system, token), none of them 0.
        p: mu, a, s, b of each system.
        coordinate: one of COORDINATES.
        rtol: tolerance; the absolute one is a hundredth of it in x, and the same in ln|x|, whose scale is 1.
        first_step: None for the one that the solver chooses.
    """

    x: torch.Tensor
    p: Arrays
    coordinate: str
    rtol: float
    first_step: float | None = None

    @property
    def logarithmic(self) -> bool:
        return self.coordinate != "x"

    @property
    def atol(self) -> float:
        return self.rtol if self.logarithmic else self.rtol * 1e-2

    @property
    def start(self) -> torch.Tensor:
        return self.x.abs().log() if self.logarithmic else self.x

    def field(self, rates: Rates) -> Callable[..., torch.Tensor]:
        """(t, state) -> its derivative, for MOST_SECONDS from now.

        Raises (when called): TimeoutError.
        """
        sign, end = self.x.sign(), time.perf_counter() + MOST_SECONDS

        def velocity(t: Any, y: torch.Tensor) -> torch.Tensor:
            if time.perf_counter() > end:
                raise TimeoutError(f"not finished after {MOST_SECONDS:g} s")
            return rates(sign * y.exp(), self.p) if self.logarithmic else y * rates(y, self.p)

        return velocity


#: The end in the ensemble's coordinate, and of each system whether the solver says that it got there.
End = tuple[Any, Any]
#: Makes all ready for an ensemble; what it returns solves it, and is what is timed.
Solver = Callable[[Ensemble], Callable[[], End]]


def torchdiffeq_solver(given: Ensemble, rates: Rates = growth_rates) -> Callable[[], End]:
    """torchdiffeq's dopri5 on the eager linear form; the batch shares one step."""
    from torchdiffeq import odeint

    start, times = given.start, torch.tensor([0.0, TIME], device=given.x.device)
    options: dict[str, Any] = {"max_num_steps": MOST_STEPS}
    options |= {} if given.first_step is None else {"first_step": given.first_step}
    tolerances = {"rtol": given.rtol, "atol": given.atol}

    def solve() -> End:
        with torch.no_grad():
            found = odeint(given.field(rates), start, times, **tolerances, method="dopri5", options=options)
        return found[-1], torch.ones_like(start[:, 0], dtype=torch.bool)

    return solve


def torchdiffeq_compiled(given: Ensemble) -> Callable[[], End]:
    """The same on the compiled linear form, which is compiled before."""
    rates = _compiled()
    rates(given.x, given.p)
    return torchdiffeq_solver(given, rates)


@cache
def _compiled() -> Rates:
    compiled: Rates = torch.compile(growth_rates)
    return compiled


def torchode_solver(given: Ensemble) -> Callable[[], End]:
    """torchode's Dopri5 on the eager linear form, every system with its own step."""
    import torchode

    times = torch.tensor([0.0, TIME], device=given.x.device).expand(len(given.x), 2)
    problem = torchode.InitialValueProblem(y0=given.start, t_eval=times)
    first = None if given.first_step is None else torch.full_like(given.x[:, 0], given.first_step)

    def solve() -> End:
        term = torchode.ODETerm(given.field(growth_rates))
        control = torchode.IntegralController(atol=given.atol, rtol=given.rtol, term=term)
        with torch.no_grad():
            found = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control, max_steps=MOST_STEPS).solve(
                problem, dt0=first
            )
        return found.ys[:, -1], found.status == 0

    return solve


def diffrax_solver(given: Ensemble) -> Callable[[], End]:
    """diffrax's Dopri5 under vmap and jit, every system with its own step, the scan by lax.associative_scan."""
    import jax.numpy as jnp

    def sent(value: torch.Tensor) -> Any:
        return jnp.asarray(value.cpu().numpy())

    letters = tuple(sent(given.p[k].reshape(-1)) for k in ("mu", "a", "s", "b"))
    tolerances = jnp.float32(given.rtol), jnp.float32(given.atol)
    arguments = (sent(given.start), sent(given.x.sign()), letters, *tolerances)
    solve = _diffrax(given.logarithmic, given.first_step, tuple(given.x.shape))

    def run() -> End:
        end, reached = solve(*arguments)
        return end.block_until_ready(), reached

    return run


@cache
def _diffrax(logarithmic: bool, first_step: float | None, shape: tuple[int, int]) -> Any:
    import diffrax
    import jax
    import jax.numpy as jnp

    def velocity(t: Any, y: Any, args: Any) -> Any:
        sign, (mu, a, s, b) = args
        x = sign * jnp.exp(y) if logarithmic else y
        step = jax.nn.softplus(s * x + b)
        gate, increment = jnp.exp(-a * step), mu * x**2 * step
        _, f = jax.lax.associative_scan(lambda l, r: (l[0] * r[0], r[0] * l[1] + r[1]), (gate, increment))
        return f if logarithmic else x * f

    term, method = diffrax.ODETerm(velocity), diffrax.Dopri5()

    def solve(y: Any, sign: Any, letters: Any, rtol: Any, atol: Any) -> Any:
        found = diffrax.diffeqsolve(
            term, method, 0.0, TIME, first_step, y, args=(sign, letters), max_steps=MOST_STEPS, throw=False,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        )  # fmt: skip
        return found.ys[-1], found.result == diffrax.RESULTS.successful

    tokens, letter, number = (jax.ShapeDtypeStruct(size, jnp.float32) for size in (shape, shape[:1], ()))
    batched = jax.jit(jax.vmap(solve, in_axes=(0, 0, 0, None, None)))
    return batched.lower(tokens, tokens, (letter,) * 4, number, number).compile()


#: Other solvers of whole ensembles.
SOLVERS: dict[str, Solver] = {
    "diffrax": diffrax_solver,
    "torchode": torchode_solver,
    "torchdiffeq": torchdiffeq_solver,
    "torchdiffeq compiled": torchdiffeq_compiled,
}


def timed(solver: Solver, given: Ensemble) -> tuple[torch.Tensor, dict[str, Any]]:
    """ln|x| at TIME, and seconds of a run with how many systems did not get there, or end as no finite number.

    What a first run does once counts where it takes longer than LONG: it does not matter there.

    Raises: what the solver raises.
    """
    solve = solver(given)

    def seconds() -> float:
        nonlocal end, reached
        torch.cuda.synchronize()
        begin = time.perf_counter()
        end, reached = solve()
        torch.cuda.synchronize()
        return time.perf_counter() - begin

    end: Any = None
    reached: Any = None
    taken = [seconds()]
    if taken[0] < LONG:
        taken = [seconds() for _ in range(REPEATS)]
    end, reached = (torch.as_tensor(np.array(v) if not isinstance(v, torch.Tensor) else v) for v in (end, reached))
    ends = (end if given.logarithmic else end.abs().log()).to(given.x.device, torch.float64)
    right = reached.to(given.x.device) & ends.isfinite().all(1)
    row = {"median_s": float(np.median(taken)), "least_s": min(taken), "most_s": max(taken), "repeats": len(taken)}
    return ends, {**row, "unfinished": int((~right).sum())}
