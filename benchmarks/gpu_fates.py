"""Systems of every fate on a GPU, converging, slow and fast divergence and all three mixed, and our run of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from gpu_cases import NO_FLOOR, drawn
from gpu_peers import TIME, Arrays

from s6flow.numeric.flow.backends.triton.fused import flow_tensors
from s6flow.numeric.flow.problem import Status

__all__ = ["FATES", "Batch", "fate_systems"]

#: Fates of ensembles, and the share of its blow-up time at which a system is compared.
FATES, SHARE = ("converging", "slow", "fast", "mixed"), 0.9
#: Growth in ln|x| that squares of tokens survive in float32, and attempted steps of a system.
GROWTH, MOST_STEPS = 30.0, 2000


def fate_systems(fate: str, systems: int, tokens: int) -> tuple[torch.Tensor, Arrays]:
    """Systems of one fate; those that blow up do so after TIME: at TIME / SHARE, by a factor in mu, the unit of depth-time.

    Of those that diverge slowly the ones are kept that our kernel brings to TIME at 1e-4 and of which no token grows by GROWTH
    in ln|x| until then: late tokens can grow beyond float32, in which every solver here computes.
    """
    many = 2 * systems
    x, p = drawn(3, many, tokens)
    kind = torch.arange(many, device="cuda") % 3
    kind = {"converging": 0 * kind, "slow": 0 * kind + 1, "fast": 0 * kind + 2, "mixed": kind}[fate]
    grows = kind > 0
    x = torch.where(kind[:, None] == 1, -x.abs() * p["s"].sign()[:, None], x)  # steps shrink as tokens grow
    mu = torch.where(grows[:, None], p["mu"].abs(), p["mu"])
    fast = torch.nonzero(kind == 2)[:, 0]
    if len(fast):
        some = {k: v[fast].double().contiguous() for k, v in {**p, "mu": mu}.items()}
        mu[fast] *= (blow_up_times(x[fast].double(), some) * SHARE / TIME).float()[:, None]
    p = {**p, "mu": mu}
    keep = torch.ones_like(grows)
    slow = torch.nonzero(kind == 1)[:, 0]
    if len(slow):
        own = {k: v[slow].contiguous() for k, v in p.items()} | {"sigma": x[slow]}
        run = flow_tensors(None, own, _aims(x), rtol=1e-4, zero=NO_FLOOR, moving=True)
        keep[slow] = (run.counts[:, 0] == Status.HORIZON) & (run.end.amax(1) < GROWTH)
    rows = torch.nonzero(keep)[:systems, 0]
    assert len(rows) == systems, f"{len(rows)} of {systems} systems stay within float32"
    return x[rows].contiguous(), {k: v[rows].contiguous() for k, v in p.items()}


def _aims(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([np.log(TIME)], dtype=x.dtype, device="cuda")


def blow_up_times(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """T of every system, float64."""
    aims = torch.tensor([60.0], dtype=x.dtype, device=x.device)
    run = flow_tensors(None, {**p, "sigma": x}, aims, rtol=1e-9, zero=NO_FLOOR, moving=True)
    assert bool((run.counts[:, 0] == Status.BLOW_UP).all()), "all of these systems blow up"
    theta, left, _, log_t0 = run.numbers.T
    return torch.expm1(theta) * log_t0.exp() + left.exp()


@dataclass(frozen=True, eq=False)
class Batch:
    """Systems by their independent variable, as the backend sends them at rtol >= 1e-5: log time where no token grows, else work time.

    Args:
        x, p: tokens and letters.
        clock: one independent variable for all systems instead.
    """

    x: torch.Tensor
    p: Arrays
    clock: str | None = None

    @cached_property
    def parts(self) -> dict[str, torch.Tensor]:
        """Rows of each clock."""
        if self.clock:
            return {self.clock: torch.arange(len(self.x), device="cuda")}
        grows = (self.p["mu"] > 0).any(1)
        found = {"log": torch.nonzero(~grows)[:, 0], "work": torch.nonzero(grows)[:, 0]}
        return {clock: rows for clock, rows in found.items() if len(rows)}

    @cached_property
    def aims(self) -> torch.Tensor:
        """ln of the horizon."""
        return _aims(self.x)

    def run(self, rtol: float, max_steps: int = MOST_STEPS) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """ln|x / x(0)| at the horizon, and the status of the systems of each part."""
        end, ends = torch.empty_like(self.x), []
        for clock, rows in self.parts.items():
            whole = len(self.parts) == 1
            own = {"sigma": self.x, **self.p}
            own = own if whole else {k: v[rows] for k, v in own.items()}
            options: dict[str, Any] = {"rtol": rtol, "clock": clock, "max_steps": max_steps, "whole": False}
            found = flow_tensors(None, own, self.aims, **options, zero=NO_FLOOR, moving=True)
            ends.append(found.counts[:, 0])
            if whole:
                return found.end, ends
            end[rows] = found.end
        return end, ends

    def exact(self, few: int) -> torch.Tensor:
        """The same of the first systems, in float64 at a tolerance of 1e-10."""
        some = Batch(self.x[:few].double(), {k: v[:few].double() for k, v in self.p.items()})
        end, ends = some.run(1e-10, 100 * MOST_STEPS)
        assert all(bool((status == Status.HORIZON).all()) for status in ends), "the yardstick reaches the horizon"
        return end
