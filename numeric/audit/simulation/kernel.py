"""The audit's simulation on a GPU: every flow driven by mamba-ssm's own kernel, on the real weights.

Beside the fates that every simulation reports: the constants t x_l^2 -> c_l, the blow-up times, and flows of whole
layers from random states and from states that a network really met.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from s6flow.errors import FormatError
from s6flow.numeric.audit.simulation import integrator as audit
from s6flow.numeric.audit.simulation.mamba import LayerOnDevice, axis_solver, layer_flow, layer_velocity, selective_scan
from s6flow.numeric.audit.simulation.observed import layer_fates
from s6flow.numeric.audit.simulation.reference import s6_reference
from s6flow.numeric.flow.backends.fitting import halving
from s6flow.numeric.flow.backends.torch.adaptive import integrate_batched
from s6flow.numeric.flow.oracles import blow_up_quadrature
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.triton.runtime import require_device
from s6flow.symbolic.criteria import quantity

__all__ = ["constants", "on_cuda", "simulate_layer"]

#: The kernel computes in float32 with fast exponentials: 1e-7 of the sum of absolute terms, with a margin.
RTOL, NOISE = 1e-5, 2e-6
MAX_STEPS, TOGETHER = 500, 65_535  # mamba-ssm's grid takes no more channels
#: ln t at which slow growth is read: near ln t = 80 its steps, softplus(-80), leave float32's range.
LOG_RANGE = 40.0
#: Systems of a run whose blow-up times are compared with the quadrature, which takes milliseconds each.
TIMED = 24
#: kappa nearer to 1 than this has not settled by ln t = 600: corrections decay like t^-|1 - kappa|.
CRITICAL = 0.02
#: Whole-layer flows: starts, tokens, ln t, attempts.
STARTS, TOKENS, LOG_HORIZON, LAYER_STEPS, LAYER_RTOL = 16, 8, 20.0, 1000, 1e-3

Quantiles = dict[str, float]


def on_cuda(states: audit.TokenStates | None) -> audit.Simulator:
    """The simulator on this machine's GPU.

    Args:
        states: layer name -> tokens that a network fed to the layer's scan, shape (token, channel).
    Raises: MissingDependencyError: no CUDA, or no mamba-ssm.
    """
    selective_scan()
    known = states or {}
    return lambda layer, columns, seed: simulate_layer(layer, columns, seed, known.get(layer.name))


def driver() -> str:
    """What drives the flows, for the report."""
    version = getattr(importlib.import_module("mamba_ssm"), "__version__", "?")
    device = require_device()
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    reading = f"slow growth that leaves its range is read at ln t = {LOG_RANGE:g}"
    return f"mamba-ssm {version} selective_scan_fn on {where}, float32 ({reading})"


@dataclass(frozen=True)
class _Record:
    """A finished run of channel-axis flows."""

    channels: np.ndarray
    problem: Problem
    run: Run


def simulate_layer(
    layer: S6Layer, columns: audit.Columns, seed: int, states: np.ndarray | None = None
) -> audit.Simulation:
    """As `audit.simulate_layer`, by mamba-ssm's kernel, with what else the theory predicts of such a layer."""
    if states is not None and states.shape[1] != layer.channels:
        found = f"{states.shape[1]} channels, the layer {layer.channels}"
        raise FormatError("token states need the layer's channels", found, layer.name)
    records: list[_Record] = []

    def solver(layer: S6Layer, channels: np.ndarray) -> Any:
        solve = axis_solver(layer, channels)

        def advance(problem: Problem) -> Run:
            run = solve(problem)
            records.append(_Record(channels, problem, run))
            return run

        return advance

    engine = audit.Engine(driver(), solver, RTOL, TOGETHER, MAX_STEPS, NOISE, LOG_RANGE)
    simulation = audit.simulate_layer(layer, columns, seed, engine)
    rng = np.random.default_rng([seed, layer.channels])
    extra: dict[str, Any] = {
        "axis_error": _axis_error(layer, rng),
        "constants": None if layer.affine else _compare_constants(layer, records),
        "blow_up_times": None if layer.affine else _compare_times(layer, records),
        "whole_layer": [_whole(layer, "random", rng.standard_normal((STARTS, TOKENS, layer.channels)))],
    }
    if states is not None:
        first = rng.integers(0, max(len(states) - TOKENS, 0) + 1, STARTS)
        extra["whole_layer"].append(_whole(layer, "real", np.stack([states[i : i + TOKENS] for i in first])))
    return replace(simulation, kernel=extra)


def _axis_error(layer: S6Layer, rng: np.random.Generator) -> float:
    """Largest difference between the kernel on the whole layer and the S6 recurrence, tokens on one axis, relative."""
    tokens = np.zeros((TOKENS, layer.channels))
    tokens[:, int(rng.integers(layer.channels))] = rng.standard_normal(TOKENS)
    exact = s6_reference(layer, tokens)
    device = require_device()
    sent = torch.as_tensor(tokens, device=device)[None]
    got = layer_velocity(LayerOnDevice.of(layer, device), sent)[0].cpu().numpy()
    return float(np.abs(got - exact).max() / max(np.abs(exact).max(), np.finfo(float).tiny))


def constants(layer: S6Layer, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Limits of t x_l^2 (theory 8, E1), shape (channel, token); NaN where there is none. And which have settled."""
    constant, share, carried = (generate(quantity(name)) for name in ("decay_constant", "share_after", "inherited"))
    phi, limits, clear = np.zeros_like(layer.mu_n), [], []
    for _ in range(tokens):
        values = {
            "phi": phi,
            "mu": layer.mu_n,
            "a": layer.a,
            "b": layer.b,
            "floor": np.full(layer.channels, layer.floor),
        }

        def number(program: Any) -> np.ndarray:
            return np.asarray(program(*(values[name] for name in program.inputs)))  # noqa: B023

        limits.append(number(constant))
        clear.append(np.abs(number(carried) - 1) > CRITICAL)
        phi = number(share)
    found = np.stack(limits, axis=1)
    limit = np.where((layer.mu_n.sum(axis=1) < 0)[:, None] & (found > 0), found, np.nan)
    return limit, np.logical_and.accumulate(np.stack(clear, axis=1), axis=1)


def _quantiles(values: np.ndarray) -> Quantiles | None:
    return {str(q): float(np.quantile(values, q)) for q in (0.5, 0.99, 1.0)} if values.size else None


def _compare_constants(layer: S6Layer, records: list[_Record]) -> dict[str, Any]:
    """t x_l^2 at the horizon over its predicted limit, for systems that got there."""
    limit, clear = constants(layer, audit.TOKENS)
    errors, critical = [], 0
    for record in records:
        run, rows = record.run, record.channels
        if record.problem.targets[-1] < audit.LOG_HORIZON:
            continue
        tokens = run.end.shape[1]  # pairs have fewer; a token's limit depends on the tokens before it alone
        due, settled = limit[rows, :tokens], clear[rows, :tokens]
        there = (run.status == Status.HORIZON)[:, None] & np.isfinite(due[:, :1]) & np.isfinite(due)
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = np.exp(run.end_log_time[:, None] + 2 * run.end) / due
        errors.append(np.abs(ratio - 1)[there & settled])
        critical += int((there & ~settled).sum())
    every = np.concatenate([np.empty(0), *errors])
    return {
        "compared": int(every.size),
        "within_1_percent": int((every < 0.01).sum()),
        "relative_error": _quantiles(every),
        "critical_not_compared": critical,
    }


def _compare_times(layer: S6Layer, records: list[_Record]) -> dict[str, Any]:
    """Blow-up times of systems whose first token leads, against the exact integral for token 1 (theory 6)."""
    mu, errors = layer.mu_n.sum(axis=1), []
    for record in records:
        run = record.run
        lead = np.abs(run.end_velocity)
        first = np.flatnonzero((run.status == Status.BLOW_UP) & (lead[:, 0] >= 1e-2 * lead.max(axis=1)))
        for row in first[:: max(1, len(first) // TIMED)][:TIMED]:
            channel, x = (
                record.channels[row],
                record.problem.arrays["sigma"][row, 0] * np.exp(record.problem.start[row, 0]),
            )
            exact = blow_up_quadrature(x, mu[channel], layer.s[channel], layer.b[channel], layer.floor)
            errors.append(abs(np.logaddexp(run.end_log_time[row], run.log_remaining[row]) - float(np.log(exact))))
    return {"compared": len(errors), "error_of_ln_T": _quantiles(np.array(errors))}


def _whole(layer: S6Layer, kind: str, x0: np.ndarray) -> dict[str, Any]:
    """Ends of D-dimensional flows: what part converges, diverges, or settles elsewhere."""
    device = require_device()
    start = torch.asinh(torch.as_tensor(x0, device=device).double()).reshape(len(x0), -1)
    horizon = torch.tensor([LOG_HORIZON], dtype=torch.float64, device=device)
    flow = layer_flow(LayerOnDevice.of(layer, device), (x0.shape[1], x0.shape[2]))

    def work(part: slice) -> Run:
        return integrate_batched(flow, start[part], horizon, LAYER_RTOL, LAYER_STEPS)

    run = halving(Run.empty(len(start), len(horizon), start.shape[1]), work)
    counts = layer_fates(run, np.abs(x0).max(axis=(1, 2)))
    return {"states": kind, "starts": len(x0), "tokens": x0.shape[1], **counts}
