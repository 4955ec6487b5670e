"""Ensembles of every fate against other solvers on a GPU: converging, slow and fast divergence, and all three mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gpu_cases import NO_FLOOR, drawn, measure
from gpu_peers import PEERS, TIME, Arrays, ratios

from s6flow.numeric.flow.backends.triton.fused import flow_tensors
from s6flow.numeric.flow.problem import Status

__all__ = ["fates"]

#: Fates of ensembles, and the share of its blow-up time at which a system is compared.
FATES, SHARE = ("converging", "slow", "fast", "mixed"), 0.9


def fate_systems(fate: str, systems: int, tokens: int) -> tuple[torch.Tensor, Arrays]:
    """Systems of one fate; those that blow up do so after TIME: at TIME / SHARE, by a factor in mu, the unit of depth-time."""
    x, p = drawn(3, systems, tokens)
    kind = torch.arange(systems, device="cuda") % 3
    kind = {"converging": 0 * kind, "slow": 0 * kind + 1, "fast": 0 * kind + 2, "mixed": kind}[fate]
    grows = kind > 0
    x = torch.where(kind[:, None] == 1, -x.abs() * p["s"].sign()[:, None], x)  # steps shrink as tokens grow
    mu = torch.where(grows[:, None], p["mu"].abs(), p["mu"])
    fast = torch.nonzero(kind == 2)[:, 0]
    if len(fast):
        some = {k: v[fast].double().contiguous() for k, v in {**p, "mu": mu}.items()}
        mu[fast] *= (blow_up_times(x[fast].double(), some) * SHARE / TIME).float()[:, None]
    return x, {**p, "mu": mu}


def blow_up_times(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """T of every system, float64."""
    aims = torch.tensor([60.0], dtype=x.dtype, device=x.device)
    run = flow_tensors(torch.zeros_like(x), {**p, "sigma": x}, aims, rtol=1e-9, zero=NO_FLOOR, moving=True)
    assert bool((run.counts[:, 0] == Status.BLOW_UP).all()), "all of these systems blow up"
    theta, log_t0, left = run.numbers[:, 0], run.log_t0, run.numbers[:, 1]
    return torch.expm1(theta) * log_t0.exp() + left.exp()


def both_clocks(x: torch.Tensor, p: Arrays, rtol: float, decays: torch.Tensor, grows: torch.Tensor) -> torch.Tensor:
    """ln|x| at the horizon as the backend sends a batch: log time where no token grows, else work time."""
    end = torch.empty_like(x)
    aims = torch.tensor([np.log(TIME)], dtype=x.dtype, device="cuda")
    for clock, rows in (("log", decays), ("work", grows)):
        if len(rows):
            own = {k: v[rows] for k, v in p.items()} | {"sigma": x[rows]}
            options: dict[str, Any] = {
                "rtol": rtol,
                "clock": clock,
                "max_steps": 2000,
                "zero": NO_FLOOR,
                "moving": True,
            }
            end[rows] = flow_tensors(torch.zeros_like(own["sigma"]), own, aims, **options).end
    return end + x.abs().log()


def fates(save: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Ensembles of every fate to TIME, which lies at SHARE of each blow-up time; solvers in x itself do not get past it."""
    systems, tokens, few = 65536, 128, 4096
    found: dict[str, Any] = {}
    for fate in FATES:
        x, p = fate_systems(fate, systems, tokens)
        decays, grows = (torch.nonzero(part)[:, 0] for part in ((p["mu"] <= 0).all(1), (p["mu"] > 0).any(1)))
        head = slice(0, few)
        wide = {k: v[head].double() for k, v in p.items()}
        exact = both_clocks(x[head].double(), wide, 1e-10, decays[decays < few], grows[grows < few])
        rows: dict[str, Any] = {}
        for rtol in (4e-3, 2e-3, 1e-3, 2e-4, 1e-4, 1e-5):
            timing = measure(lambda i: both_clocks(x, p, rtol, decays, grows), 1, repeats=5, least=0.0)  # noqa: B023
            difference = (both_clocks(x, p, rtol, decays, grows)[head].double() - exact).abs()
            rows[f"fused {rtol:g}"] = timing | {
                "error": float(difference.max()),
                "mean_error": float(difference.mean()),
            }
            print(fate, "fused", rtol, rows[f"fused {rtol:g}"], flush=True)
        for name, rtol in (("diffrax", 1e-4), ("torchode", 1e-4), ("torchdiffeq", 1e-4)):
            rows[f"{name} {rtol:g}"] = {"failed": "did not finish within the run"}
            save({**found, fate: rows})
            try:
                timing = PEERS[name][0]([(x, p), (x, p)], rtol)
                difference = (timing.pop("end")[head].double().abs().log() - exact).abs()
                timing |= {"error": float(difference.max()), "mean_error": float(difference.mean())}
            except Exception as failure:
                timing = {"failed": repr(failure)[:300]}
            rows[f"{name} {rtol:g}"] = timing
            print(fate, name, rtol, timing, flush=True)
        rows["ratios at no larger mean error"] = ratios(rows, "fused")
        found[fate] = rows
        save(found)
    return found
