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
from jaxtyping import Float64, Int64

from s6flow.numeric.audit.labels import Labels
from s6flow.numeric.audit.phase import FATES, fate_of
from s6flow.numeric.audit.verdict import SIGNS
from s6flow.numeric.flow import AxisParameters, Fate, FlowParameters, FlowResult, Status, classify, integrate
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.coordinates import asinh_axis_program
from s6flow.symbolic.errors import AssumptionError, MissingDependencyError

__all__ = [
    "OBSERVED",
    "SIMULATORS",
    "Disagreement",
    "Engine",
    "Simulation",
    "TokenStates",
    "agrees",
    "s6_reference",
    "simulate_layer",
    "simulator",
]

#: Observed fates. "elsewhere": at rest, but at no equilibrium of the phase line.
OBSERVED = ("convergent", "stationary", "slow", "fast", "coexistence", "root", "exponential", "elsewhere", "undecided")
TOKENS = 4
#: Tokens of the runs of which nothing is predicted.
AFFINE_TOKENS = 3
STARTS = 2
LOG_HORIZON, AFFINE_LOG_HORIZON = 600.0, float(np.log(1e12))
#: Sizes of the starts: |x| is log-uniform between e^-SPREAD and e^SPREAD.
SPREAD = 1.5
REFERENCE_CHANNELS = 8
#: A later token that moves like a power of the blow-up token below this one is shrinking (see flow.fates).
_SHRINKING = -1e-7
#: ln|x| below which a run at rest counts as gone to zero.
_GONE = -10.0

Columns = dict[str, "np.ndarray | Labels"]
#: Starts (start, channel, token), and the predicted and observed words (start, channel).
_Outcome = tuple[np.ndarray, np.ndarray, np.ndarray]


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
    """

    name: str
    solver: Callable[[S6Layer, np.ndarray], str | Callable[[Problem], Run]]
    rtol: float
    together: int
    max_steps: int
    noise: float


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
        kernel: on a GPU: constants, blow-up times and whole-layer flows, see `numeric.gpu.simulate`.
    """

    confusion: dict[tuple[str, str], int]
    disagreements: tuple[Disagreement, ...]
    starts: int
    log_horizon: float
    reference_error: float
    reference_channels: int
    engine: str = CPU.name
    kernel: dict[str, Any] | None = None


def agrees(predicted: str, observed: str) -> bool | None:
    """Whether a prediction came true; None where there was no prediction or the run decided nothing."""
    if predicted == "not predicted" or observed == "undecided":
        return None
    return observed == predicted or (predicted == "coexistence" and observed == "fast")


#: Device -> "module:function" that makes what is called as `simulate_layer`; imported when asked for.
SIMULATORS: dict[str, str] = {
    "cpu": "s6flow.numeric.audit.simulate:on_cpu",
    "cuda": "s6flow.numeric.gpu.simulate:on_cuda",
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
        *_reference_error(layer, rng),
        engine.name,
    )


def _sizes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.exp(rng.uniform(-SPREAD, SPREAD, shape))


def _in_parts(
    engine: Engine,
    layer: S6Layer,
    starts: Float64[np.ndarray, "start channel token"],
    params: Callable[[slice], AxisParameters | FlowParameters],
    log_horizon: float,
    read: Callable[[FlowResult, slice], np.ndarray],
) -> np.ndarray:
    """`read` of the integrated starts, some channels at a time, so that memory does not grow with the layer."""
    width = max(engine.together // len(starts), 1)
    parts = []
    for first in range(0, starts.shape[1], width):
        part = slice(first, first + width)
        outputs = [log_horizon - 1.0, log_horizon]
        channels = np.tile(np.arange(layer.channels)[part], len(starts))
        result = integrate(
            starts[:, part], params(part), log_times=outputs, rtol=engine.rtol, max_steps=engine.max_steps,
            backend=engine.solver(layer, channels),
        )  # fmt: skip
        parts.append(read(result, part))
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

    def params(part: slice) -> FlowParameters:
        return FlowParameters(layer.mu_n[part], layer.a[part], layer.s[part], layer.b[part], layer.floor)

    tokens = np.concatenate(starts)
    mu = np.maximum(np.abs(layer.mu_n.sum(axis=1)), np.finfo(float).tiny)
    blur = engine.noise * (np.abs(layer.mu_n).sum(axis=1) / mu)
    observed = _in_parts(
        engine, layer, tokens, params, LOG_HORIZON, lambda result, part: _fates(result, blur[part, None])
    )
    return [(tokens, np.array(predicted), observed)]


def _fates(result: FlowResult, blur: Float64[np.ndarray, "channel 1"]) -> np.ndarray:
    """Observed fates of whole systems, as words; `blur` is the rounding error of a token's share of the motion."""
    word = {
        Fate.CONVERGENT: "convergent",
        Fate.SLOW: "slow",
        Fate.FAST: "fast",
        Fate.STATIONARY: "stationary",
        Fate.SETTLED: "elsewhere",
        Fate.UNDECIDED: "undecided",
    }
    names = np.array([word[fate] for fate in Fate])[classify(result).systems]
    token = np.arange(1, result.x0.shape[-1] + 1)
    shrinking = ((result.final_share < _SHRINKING - blur) & (token > result.blow_up_token[..., None])).any(axis=-1)
    return np.where((names == "fast") & shrinking, "coexistence", names)


def _affine(layer: S6Layer, columns: Columns, rng: np.random.Generator, engine: Engine) -> list[_Outcome]:
    numbers = {key: value for key, value in columns.items() if isinstance(value, np.ndarray)}

    def params(part: slice) -> AxisParameters:
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
        engine, layer, first, params, AFFINE_LOG_HORIZON, lambda r, part: _axis_fates(r, roots[:, part])
    )
    several = _sizes(rng, (1, layer.channels, AFFINE_TOKENS)) * rng.choice(
        [-1.0, 1.0], (1, layer.channels, AFFINE_TOKENS)
    )
    later = _in_parts(engine, layer, several, params, AFFINE_LOG_HORIZON, lambda r, part: _axis_fates(r, None))
    nothing = np.full(later.shape, "not predicted")
    return [(first, predicted, observed), (several, nothing, later)]


def _axis_fates(result: FlowResult, roots: Float64[np.ndarray, "root channel"] | None) -> np.ndarray:
    """Observed fates of runs in asinh tokens.

    A run at rest is compared with the `roots`. A run on the move counts as convergent or slow only if no root lies
    ahead, where it might still come to rest (a far root is approached like ln t); without `roots` it is undecided.
    """
    size, still = result.final_log_abs, result.settled
    late = np.ma.getdata(result.log_abs)
    with np.errstate(invalid="ignore"):
        slope = late[..., -1, :] - late[..., -2, :]  # d ln|x| / d ln t over the last unit of ln t
    ran = (result.status == Status.HORIZON) & result.reached.all(axis=-1)
    moves = ran & ~still & (roots is not None)
    rest = np.full(still.shape, "root", dtype=object)
    outside = inside = np.zeros(still.shape, dtype=bool)
    if roots is not None:
        x = result.final_x[..., 0]
        with np.errstate(invalid="ignore"):
            near = np.abs(x - roots[:, None]) <= 1e-3 * np.abs(roots[:, None])
            same = roots[:, None] * x > 0
            outside = (same & (np.abs(roots[:, None]) > np.abs(x))).any(axis=0)
            inside = (same & (np.abs(roots[:, None]) < np.abs(x))).any(axis=0)
        rest[~near.any(axis=0)] = "elsewhere"
    decays = moves & ~inside & (slope <= -0.4).all(axis=-1)
    log_paced = slope * result.final_log_time[..., None]
    grows = moves & ~outside & ((log_paced >= 0.5) & (log_paced <= 2.0)).all(axis=-1)
    grows &= (size > np.log(np.abs(result.x0))).all(axis=-1)
    word = np.select(
        [
            result.status == Status.BLOW_UP,
            result.status == Status.OVERFLOW,
            ran & still & (size < _GONE).all(axis=-1),
            ran & still,
            decays,
            grows,
        ],
        ["fast", "exponential", "convergent", rest, "convergent", "slow"],
        "undecided",
    )
    return word.astype(str)


def s6_reference(layer: S6Layer, tokens: Float64[np.ndarray, "token channel"]) -> Float64[np.ndarray, "token channel"]:
    """Output of the S6 recurrence on every channel, one token at a time (theory 1): the slow, obvious form."""
    state = np.zeros_like(layer.a)
    outputs = []
    for x in tokens:
        step = np.logaddexp(0.0, layer.dt_out @ (layer.dt_in @ x) + layer.b) + layer.floor
        state = np.exp(-layer.a * step[:, None]) * state
        state = state + (step * x)[:, None] * (layer.S_B @ x + layer.beta_B)
        outputs.append(state @ (layer.S_C @ x + layer.beta_C))
    return np.array(outputs)


def _reference_error(layer: S6Layer, rng: np.random.Generator) -> tuple[float, int]:
    """Largest relative difference between the generated flow and `s6_reference`, on a few channels."""
    chosen: Int64[np.ndarray, " chosen"] = rng.permutation(layer.channels)[:REFERENCE_CHANNELS]
    velocity, worst = generate(asinh_axis_program()), 0.0
    for channel in chosen:
        x = rng.choice([-1.0, 1.0], TOKENS) * _sizes(rng, (TOKENS,))
        tokens = np.zeros((TOKENS, layer.channels))
        tokens[:, channel] = x
        expected = s6_reference(layer, tokens)
        v = np.arcsinh(x)
        values = {
            "v": v,
            "S_B": layer.S_B[:, channel],
            "S_C": layer.S_C[:, channel],
            "beta_B": layer.beta_B,
            "beta_C": layer.beta_C,
            "a": layer.a[channel],
            "s": layer.s[channel],
            "b": layer.b[channel],
            "floor": layer.floor,
        }
        actual = np.zeros_like(expected)
        actual[:, channel] = np.cosh(v) * velocity(*(values[key] for key in velocity.inputs))
        largest = np.abs(expected).max()
        worst = max(worst, float(np.abs(actual - expected).max() / largest) if largest > 0 else 0.0)
    return worst, len(chosen)
