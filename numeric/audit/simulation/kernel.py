"""The audit's simulation on a GPU: every flow driven by mamba-ssm's own kernel, on the real weights.

Beside the fates that every simulation reports: the constants t x_l^2 -> c_l, the blow-up times, and flows of whole
layers from random states and from states that a network really met.

One long file: what a flow asks of the kernel, and how its answers are read, is one protocol.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from s6flow.errors import FormatError
from s6flow.numeric.audit.simulation import integrator as audit
from s6flow.numeric.audit.simulation.mamba import (
    GRID,
    LayerOnDevice,
    axis_run,
    layer_flow,
    layer_velocity,
    selective_scan,
)
from s6flow.numeric.audit.simulation.observed import layer_fates
from s6flow.numeric.audit.simulation.reference import s6_reference
from s6flow.numeric.audit.simulation.together import Ask, side_by_side
from s6flow.numeric.flow.backends.halving import halving
from s6flow.numeric.flow.backends.torch.adaptive import integrate_batched
from s6flow.numeric.flow.oracles import blow_up_quadrature
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.triton.runtime import require_device
from s6flow.symbolic.criteria import quantity

__all__ = ["answer", "constants", "on_cuda", "simulate_layer", "simulate_layers"]

#: The kernel computes in float32 with fast exponentials: 1e-7 of the sum of absolute terms, with a margin.
RTOL, NOISE = 1e-5, 2e-6
MAX_STEPS, TOGETHER = 500, GRID
#: ln t at which slow growth is read: near ln t = 80 its steps, softplus(-80), leave float32's range.
LOG_RANGE = 40.0
#: Systems of a run whose blow-up times are compared with the quadrature, which takes milliseconds each.
TIMED = 24
#: kappa nearer to 1 than this has not settled by ln t = 600: corrections decay like t^-|1 - kappa|.
CRITICAL = 0.02
#: Whole-layer flows: starts, tokens, ln t, attempts.
STARTS, TOKENS, LOG_HORIZON, LAYER_STEPS, LAYER_RTOL = 16, 8, 20.0, 1000, 1e-3
#: Layers that are simulated at once, at most: each has a thread that waits.
LAYERS = 64

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
class Record:
    """A finished run of channel-axis flows."""

    channels: np.ndarray
    problem: Problem
    run: Run


@dataclass(frozen=True)
class AxesQuestion:
    """A question: the run of systems on some channels of a layer."""

    layer: S6Layer
    channels: np.ndarray
    problem: Problem

    @property
    def kind(self) -> Hashable:
        """What runs at once has in common."""
        problem = self.problem
        asked = (problem.coordinates.name, tuple(problem.targets), problem.rtol, problem.max_steps)
        return (self.layer.states, self.layer.floor != 0, problem.start.shape[1], *asked)

    @property
    def rank(self) -> tuple[int, int]:
        """Pairs wait until no system of more tokens has to be run again."""
        return 0, -self.problem.start.shape[1]


@dataclass(frozen=True)
class LayerQuestion:
    """A question: the run of a whole layer from starts x0, shape (start, token, channel)."""

    layer: S6Layer
    x0: np.ndarray

    @property
    def kind(self) -> Hashable:
        """What runs at once has in common."""
        return (self.layer.a.shape, self.layer.rank, self.layer.floor != 0, self.x0.shape)

    @property
    def rank(self) -> tuple[int, int]:
        """Whole layers come last."""
        return 1, 0


def answer(questions: Sequence[AxesQuestion | LayerQuestion]) -> list[Run]:
    """The runs that are asked for, those of one kind at once: a launch costs the same for one layer and for many."""
    found: dict[int, Run] = {}
    kinds = dict[Hashable, list[int]]()
    for place, question in enumerate(questions):
        kinds.setdefault((type(question), question.kind), []).append(place)
    for places in kinds.values():
        group: list[Any] = [questions[place] for place in places]
        run = _axes if isinstance(group[0], AxesQuestion) else _wholes
        found |= zip(places, run(group), strict=True)
    return [found[place] for place in range(len(questions))]


def _alone(question: AxesQuestion | LayerQuestion) -> Run:
    return answer([question])[0]


def split_run(run: Run, counts: Sequence[int]) -> list[Run]:
    """The runs of so many systems each, that stand in one."""
    cuts = np.cumsum(counts)[:-1]
    parts = zip(*(np.split(getattr(run, item.name), cuts) for item in fields(Run)), strict=True)
    return [Run(*part) for part in parts]


def _axes(questions: Sequence[AxesQuestion]) -> list[Run]:
    layers = list({id(one.layer): one.layer for one in questions}.values())
    first = dict(zip(map(id, layers), np.cumsum([0, *(layer.channels for layer in layers)]).tolist(), strict=False))
    channels = np.concatenate([one.channels + first[id(one.layer)] for one in questions])
    problems = [one.problem for one in questions]
    signs = [one.arrays["sigma"] for one in problems if "sigma" in one.arrays]
    joint = replace(
        problems[0],
        start=np.concatenate([one.start for one in problems]),
        arrays={"sigma": np.concatenate(signs)} if signs else {},
    )
    return split_run(axis_run(layers, channels, joint), [len(one.start) for one in problems])


def _wholes(questions: Sequence[LayerQuestion]) -> list[Run]:
    device = require_device()
    x0 = np.concatenate([one.x0 for one in questions])
    start = torch.asinh(torch.as_tensor(x0, device=device).double()).reshape(len(x0), -1)
    horizon = torch.tensor([LOG_HORIZON], dtype=torch.float64, device=device)
    layers, index = (
        LayerOnDevice.stacked([one.layer for one in questions], device),
        torch.arange(len(x0), device=device),
    )

    def work(part: slice) -> Run:
        flow = layer_flow(layers, (x0.shape[1], x0.shape[2]), index[part], len(x0))
        return integrate_batched(flow, start[part], horizon, LAYER_RTOL, LAYER_STEPS)

    run = halving(Run.empty(len(start), len(horizon), start.shape[1]), work)
    return split_run(run, [len(one.x0) for one in questions])


def simulate_layers(
    judged: Iterable[tuple[S6Layer, audit.Columns]], seed: int, states: audit.TokenStates | None = None
) -> Iterator[audit.Simulation]:
    """`simulate_layer` of each, in order; as many layers at once as have their channels in one launch.

    Args:
        judged: layers and their channel columns, read when their turn comes.
        seed, states: as `on_cuda`.
    """
    selective_scan()
    known = states or {}
    for group in layer_groups(judged):
        tasks: list[Callable[[Ask], audit.Simulation]] = [
            partial(simulate_layer, layer, columns, seed, known.get(layer.name)) for layer, columns in group
        ]
        yield from side_by_side(tasks, answer, lambda question: question.rank)


def layer_groups(judged: Iterable[tuple[S6Layer, audit.Columns]]) -> Iterator[list[tuple[S6Layer, audit.Columns]]]:
    """As many layers in a row as have no more channels than the kernel's grid, and no more than `LAYERS`."""
    held: list[tuple[S6Layer, audit.Columns]] = []
    for layer, columns in judged:
        if held and (len(held) == LAYERS or sum(one.channels for one, _ in held) + layer.channels > GRID):
            yield held
            held = []
        held.append((layer, columns))
    if held:
        yield held


def simulate_layer(
    layer: S6Layer,
    columns: audit.Columns,
    seed: int,
    states: np.ndarray | None = None,
    ask: Ask = _alone,
) -> audit.Simulation:
    """As `audit.simulate_layer`, by mamba-ssm's kernel, with what else the theory predicts of such a layer.

    Args:
        layer, columns, seed: as there.
        states: tokens that a network fed to the layer's scan, shape (token, channel).
        ask: whom to ask for runs, see `answer`.
    """
    if states is not None and states.shape[1] != layer.channels:
        found = f"{states.shape[1]} channels, the layer {layer.channels}"
        raise FormatError("token states need the layer's channels", found, layer.name)
    records: list[Record] = []

    def solver(layer: S6Layer, channels: np.ndarray) -> Any:
        def advance(problem: Problem) -> Run:
            run = ask(AxesQuestion(layer, channels, problem))
            records.append(Record(channels, problem, run))
            return run

        return advance

    engine = audit.Engine(driver(), solver, RTOL, TOGETHER, MAX_STEPS, NOISE, LOG_RANGE)
    simulation = audit.simulate_layer(layer, columns, seed, engine)
    rng = np.random.default_rng([seed, layer.channels])
    extra: dict[str, Any] = {
        "axis_error": axis_error(layer, rng),
        "constants": None if layer.affine else compare_constants(layer, records),
        "blow_up_times": None if layer.affine else compare_times(layer, records),
        "whole_layer": [whole_layer(layer, "random", rng.standard_normal((STARTS, TOKENS, layer.channels)), ask)],
    }
    if states is not None:
        first = rng.integers(0, max(len(states) - TOKENS, 0) + 1, STARTS)
        extra["whole_layer"].append(whole_layer(layer, "real", np.stack([states[i : i + TOKENS] for i in first]), ask))
    return replace(simulation, kernel=extra)


def axis_error(layer: S6Layer, rng: np.random.Generator) -> float:
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


def compare_constants(layer: S6Layer, records: list[Record]) -> dict[str, Any]:
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


def compare_times(layer: S6Layer, records: list[Record]) -> dict[str, Any]:
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


def whole_layer(layer: S6Layer, kind: str, x0: np.ndarray, ask: Ask = _alone) -> dict[str, Any]:
    """Ends of D-dimensional flows: what part converges, diverges, or settles elsewhere."""
    counts = layer_fates(ask(LayerQuestion(layer, x0)), np.abs(x0).max(axis=(1, 2)))
    return {"states": kind, "starts": len(x0), "tokens": x0.shape[1], **counts}
