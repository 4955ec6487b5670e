"""Predicted against observed fates: every channel's flow integrated from random starts of both signs.

A bilinear channel starts tokens that are all positive, all negative and of both signs, and runs to ln t = 600; theory 8
(E2) has transients that last until ln t = 387, so what a horizon does not settle is undecided, never agreement. A
channel with projection biases starts token 1 alone, whose phase line predicts every start, and several tokens, of
which nothing is predicted. On some channels the velocity is compared with the S6 recurrence on the whole layer.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from s6flow.errors import AssumptionError, MissingDependencyError
from s6flow.numeric.audit.simulation.observed import agrees, axis_fates, system_fates
from s6flow.numeric.audit.simulation.reference import reference_error
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.phase_line import FATES, fate_of
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, Status, integrate
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.weights import S6Layer

__all__ = [
    "SIMULATORS",
    "Disagreement",
    "Engine",
    "Simulation",
    "TokenStates",
    "simulate_layer",
    "simulator",
]

TOKENS = 4
#: Tokens of the runs of which nothing is predicted.
AFFINE_TOKENS = 3
STARTS = 2
LOG_HORIZON, AFFINE_LOG_HORIZON = 600.0, float(np.log(1e12))
#: Sizes of the starts: |x| is log-uniform between e^-SPREAD and e^SPREAD.
SPREAD = 1.5

Columns = dict[str, "np.ndarray | Labels"]
#: Starts (start, channel, token), and the predicted and observed words (start, channel).
_Outcome = tuple[np.ndarray, np.ndarray, np.ndarray]
#: Channels that are integrated together.
Part = slice | np.ndarray


@dataclass(frozen=True)
class Disagreement:
    """A start whose observed fate is not the predicted one."""

    layer: str
    channel: int
    start: tuple[float, ...]
    predicted: str
    observed: str


@dataclass(frozen=True)
class Engine:
    """What drives the simulated flows.

    Args:
        name: for the report.
        solver: layer, channel of every system -> flow backend.
        rtol: tolerated local error.
        together: systems at a time.
        max_steps: attempts a system before its fate is undecided.
        noise: relative rounding error of a velocity against the sum of its absolute terms.
        log_range: ln t up to which slow growth stays in the range of its numbers: a run that leaves the range is made
            again to this time, and read there. None: only the step limit of float64 itself ends a run.
    """

    name: str
    solver: Callable[[S6Layer, np.ndarray], str | Callable[[Problem], Run]]
    rtol: float
    together: int
    max_steps: int
    noise: float
    log_range: float | None = None


CPU = Engine("the generated right-hand side, float64", lambda layer, channels: "numpy", 1e-6, 6144, 3000, 0.0)


@dataclass(frozen=True)
class Simulation:
    """What the simulated starts of one layer came to.

    Args:
        confusion: (predicted, observed) -> number of starts.
        disagreements: every start on which the two contradict each other.
        starts: how many.
        log_horizon: ln t at which a run stops.
        reference_error: largest difference between the flow's velocity and the S6 recurrence on all channels,
            relative to the largest velocity, over `reference_channels` channels.
        engine: what drove the flows.
        kernel: on a GPU: constants, blow-up times and whole-layer flows, see `simulation.kernel`.
    """

    confusion: dict[tuple[str, str], int]
    disagreements: tuple[Disagreement, ...]
    starts: int
    log_horizon: float
    reference_error: float
    reference_channels: int
    engine: str = CPU.name
    kernel: dict[str, Any] | None = None


#: Device -> "module:function" that makes what is called as `simulate_layer`; imported when asked for.
SIMULATORS: dict[str, str] = {
    "cpu": "s6flow.numeric.audit.simulation.integrator:on_cpu",
    "cuda": "s6flow.numeric.audit.simulation.kernel:on_cuda",
}
Simulator = Callable[[S6Layer, Columns, int], Simulation]
TokenStates = Mapping[str, np.ndarray]


def simulator(device: str, states: TokenStates | None = None) -> Simulator:
    """The function that simulates a layer on a device; `states`: see `on_cuda` there.

    Raises: AssumptionError: unknown device. MissingDependencyError: it needs what is not there.
    """
    if device not in SIMULATORS:
        raise AssumptionError("the device must be one of " + ", ".join(SIMULATORS), device, "device")
    module, name = SIMULATORS[device].split(":")
    try:
        make: Callable[[TokenStates | None], Simulator] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise MissingDependencyError(
            f"simulation on {device} needs its library", error, "device", "Leave --device out: it runs on the CPU."
        ) from None
    return make(states)


def on_cpu(states: TokenStates | None) -> Simulator:
    """The simulator that needs nothing.

    Raises: AssumptionError: token states are given, which only whole-layer flows start from.
    """
    if states is not None:
        raise AssumptionError("token states start the flows of whole layers", "cpu", "device", "Add --device cuda.")
    return simulate_layer


def simulate_layer(layer: S6Layer, columns: Columns, seed: int, engine: Engine = CPU) -> Simulation:
    """Integrate every channel of a layer and compare with its verdicts.

    Args:
        layer: the weights.
        columns: the layer's channel columns.
        seed: of the starts, which depend on the layer's name and not on which layers are audited.
        engine: what drives the flows.
    """
    rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
    run = _affine if layer.affine else _bilinear
    found: list[_Outcome] = run(layer, columns, rng, engine)
    confusion: dict[tuple[str, str], int] = {}
    wrong: list[Disagreement] = []
    for starts, predicted, observed in found:
        pairs, counts = np.unique(np.stack([predicted.ravel(), observed.ravel()]), axis=1, return_counts=True)
        for (p, o), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            confusion[p, o] = confusion.get((p, o), 0) + count
            if agrees(p, o) is False:
                for index, channel in np.argwhere((predicted == p) & (observed == o)):
                    start = tuple(starts[index, channel].tolist())
                    wrong.append(Disagreement(layer.name, int(channel), start, p, o))
    return Simulation(
        dict(sorted(confusion.items())),
        tuple(wrong),
        sum(confusion.values()),
        AFFINE_LOG_HORIZON if layer.affine else LOG_HORIZON,
        *reference_error(layer, rng, lambda: rng.choice([-1.0, 1.0], TOKENS) * _sizes(rng, (TOKENS,))),
        engine.name,
    )


def _sizes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.exp(rng.uniform(-SPREAD, SPREAD, shape))


def _in_parts(
    engine: Engine,
    layer: S6Layer,
    starts: Float64[np.ndarray, "start channel token"],
    params: Callable[[Part], AxisParameters | FlowParameters],
    log_horizon: float,
    read: Callable[[FlowResult, Part], np.ndarray],
) -> np.ndarray:
    """`read` of the integrated starts, some channels at a time, so that memory does not grow with the layer."""

    def run(x0: np.ndarray, part: Part, channels: np.ndarray, end: float) -> FlowResult:
        return integrate(
            x0, params(part), log_times=[end - 1.0, end], rtol=engine.rtol, max_steps=engine.max_steps,
            backend=engine.solver(layer, channels),
        )  # fmt: skip

    width = max(engine.together // len(starts), 1)
    parts = []
    for first in range(0, starts.shape[1], width):
        part = slice(first, first + width)
        channels = np.tile(np.arange(layer.channels)[part], len(starts))
        result = run(starts[:, part], part, channels, log_horizon)
        words = read(result, part)
        lost = result.status == Status.UNDERFLOW
        if engine.log_range is not None and lost.any():
            again = channels[lost.ravel()]
            words[lost] = read(run(starts[:, part][lost], again, again, engine.log_range), again)
        parts.append(words)
    return np.concatenate(parts, axis=1)


def _bilinear(layer: S6Layer, columns: Columns, rng: np.random.Generator, engine: Engine) -> list[_Outcome]:
    starts, predicted = [], []
    for name in SIGNS:
        sizes = _sizes(rng, (STARTS, layer.channels, TOKENS))
        if name == "mixed":
            signs = rng.choice([-1.0, 1.0], sizes.shape)
            signs[..., 1] = -signs[..., 0]
        else:
            signs = np.full(sizes.shape, 1.0 if name == "positive" else -1.0)
        starts.append(signs * sizes)
        scenario = columns[f"scenario_{name}"]
        assert isinstance(scenario, Labels), "a scenario is a word"
        predicted += [scenario.words()] * STARTS

    def params(part: Part) -> FlowParameters:
        return FlowParameters(layer.mu_n[part], layer.a[part], layer.s[part], layer.b[part], layer.floor)

    tokens = np.concatenate(starts)
    mu = np.maximum(np.abs(layer.mu_n.sum(axis=1)), np.finfo(float).tiny)
    blur = engine.noise * (np.abs(layer.mu_n).sum(axis=1) / mu)
    observed = _in_parts(
        engine, layer, tokens, params, LOG_HORIZON, lambda result, part: system_fates(result, blur[part, None])
    )
    return [(tokens, np.array(predicted), observed)]


def _affine(layer: S6Layer, columns: Columns, rng: np.random.Generator, engine: Engine) -> list[_Outcome]:
    numbers = {key: value for key, value in columns.items() if isinstance(value, np.ndarray)}

    def params(part: Part) -> AxisParameters:
        rows = layer.a[part]
        return AxisParameters(
            layer.S_B.T[part],
            layer.S_C.T[part],
            np.broadcast_to(layer.beta_B, rows.shape),
            np.broadcast_to(layer.beta_C, rows.shape),
            rows,
            layer.s[part],
            layer.b[part],
            layer.floor,
        )

    signs = np.repeat([1.0, -1.0], STARTS)[:, None, None]
    first = signs * _sizes(rng, (2 * STARTS, layer.channels, 1))
    codes = fate_of(first[..., 0], numbers, layer.floor)
    words = {"zero": "convergent", "doubtful": "not predicted"}
    predicted = np.array([words.get(name, name) for name in FATES])[codes]
    roots = np.stack([numbers["root_low"], numbers["root_high"]])
    observed = _in_parts(
        engine, layer, first, params, AFFINE_LOG_HORIZON, lambda r, part: axis_fates(r, roots[:, part])
    )
    several = _sizes(rng, (1, layer.channels, AFFINE_TOKENS)) * rng.choice(
        [-1.0, 1.0], (1, layer.channels, AFFINE_TOKENS)
    )
    later = _in_parts(engine, layer, several, params, AFFINE_LOG_HORIZON, lambda r, part: axis_fates(r, None))
    nothing = np.full(later.shape, "not predicted")
    return [(first, predicted, observed), (several, nothing, later)]
