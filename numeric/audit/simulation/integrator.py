"""Predicted against observed fates: every channel's flow integrated from random starts of both signs.

A bilinear channel starts tokens that are all positive, all negative and of both signs, and runs to ln t = 600; theory 8
(E2) has transients that last until ln t = 387, so what a horizon does not settle is undecided, never agreement. Where K
has both signs in reach theory does not decide such a start. There two tokens are started as well, the first one far on
its way to its blow-up, and integrated if the phase portrait of K decides where the second one tends
(`criteria.portrait`). A channel with projection biases starts token 1 alone, whose phase line predicts every start, and several tokens, of
which nothing is predicted. On some channels the velocity is compared with the S6 recurrence on the whole layer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from s6flow.numeric.audit.simulation.observed import agrees, axis_fates, pair_fates, system_fates
from s6flow.numeric.audit.simulation.reference import reference_error
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.phase_line import fate_of
from s6flow.numeric.criteria.portrait import followers
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, Status, integrate
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import WORDS, End, word

__all__ = ["CPU", "Disagreement", "Engine", "Simulation", "Simulator", "TokenStates", "simulate_layer"]

TOKENS = 4
#: Tokens of the runs of which nothing is predicted.
AFFINE_TOKENS = 3
STARTS = 2
LOG_HORIZON, AFFINE_LOG_HORIZON = 600.0, float(np.log(1e12))
#: Sizes of the starts: |x| is log-uniform between e^-SPREAD and e^SPREAD.
SPREAD = 1.5
#: Times so many for the first token of a pair: its own rate then outweighs that of the second one.
AHEAD = 1e3
_OPEN = word(End.NOT_DECIDED)

Columns = dict[str, "np.ndarray | Labels"]
#: Starts (start, token), the channel of each, and the predicted and observed words.
_Outcome = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


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


Simulator = Callable[[S6Layer, Columns, int], Simulation]
TokenStates = Mapping[str, np.ndarray]


def simulate_layer(layer: S6Layer, columns: Columns, seed: int, engine: Engine = CPU) -> Simulation:
    """Integrate every channel of a layer and compare with its verdicts.

    Args:
        layer: the weights.
        columns: the layer's channel columns.
        seed: of the starts, which depend on the layer's name and not on which layers are audited.
        engine: what drives the flows.
    """
    rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
    run = _affine_outcomes if layer.affine else bilinear_outcomes
    found: list[_Outcome] = run(layer, columns, rng, engine)
    confusion: dict[tuple[str, str], int] = {}
    wrong: list[Disagreement] = []
    for starts, channels, predicted, observed in found:
        pairs, counts = np.unique(np.stack([predicted, observed]), axis=1, return_counts=True)
        for (p, o), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            confusion[p, o] = confusion.get((p, o), 0) + count
            if agrees(p, o) is False:
                for index in np.flatnonzero((predicted == p) & (observed == o)):
                    start = tuple(starts[index].tolist())
                    wrong.append(Disagreement(layer.name, int(channels[index]), start, p, o))
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


def fates_in_parts(
    engine: Engine,
    layer: S6Layer,
    starts: Float64[np.ndarray, "system token"],
    channels: Int64[np.ndarray, " system"],
    params: Callable[[np.ndarray], AxisParameters | FlowParameters],
    log_horizon: float,
    read: Callable[[FlowResult, np.ndarray], np.ndarray],
) -> np.ndarray:
    """`read` of the integrated starts, some systems at a time, so that memory does not grow with the layer.

    Args:
        params: of the systems on some channels.
        read: words of a result, given which of the systems it is of.
    """

    def run(part: np.ndarray, end: float) -> FlowResult:
        return integrate(
            starts[part], params(channels[part]), log_times=[end - 1.0, end], rtol=engine.rtol,
            max_steps=engine.max_steps, backend=engine.solver(layer, channels[part]),
        )  # fmt: skip

    found = [np.empty(0, dtype=str)]
    for first in range(0, len(starts), engine.together):
        part = np.arange(first, min(first + engine.together, len(starts)))
        result = run(part, log_horizon)
        words = read(result, part)
        lost = result.status == Status.UNDERFLOW
        if engine.log_range is not None and lost.any():
            words[lost] = read(run(part[lost], engine.log_range), part[lost])
        found.append(words)
    return np.concatenate(found)


def flat_starts(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts (start, channel, token) one after another, and the channel of each."""
    return starts.reshape(-1, starts.shape[-1]), np.tile(np.arange(starts.shape[1]), len(starts))


def bilinear_outcomes(layer: S6Layer, columns: Columns, rng: np.random.Generator, engine: Engine) -> list[_Outcome]:
    """Starts of each of the three signs on every channel; then pairs, where the theory leaves such a start open."""
    drawn, predicted = [], []
    for name in SIGNS:
        sizes = _sizes(rng, (STARTS, layer.channels, TOKENS))
        if name == "mixed":
            signs = rng.choice([-1.0, 1.0], sizes.shape)
            signs[..., 1] = -signs[..., 0]
        else:
            signs = np.full(sizes.shape, 1.0 if name == "positive" else -1.0)
        drawn.append(signs * sizes)
        scenario = columns[f"scenario_{name}"]
        assert isinstance(scenario, Labels), "a scenario is a word"
        predicted.append(np.tile(np.array(scenario.words()), STARTS))

    starts, channels = flat_starts(np.concatenate(drawn))
    words = np.concatenate(predicted)
    blur = _blur(layer, engine)
    observed = fates_in_parts(
        engine, layer, starts, channels, _bilinear_parameters(layer), LOG_HORIZON,
        lambda r, part: system_fates(r, blur[channels[part]]),
    )  # fmt: skip
    return [(starts, channels, words, observed), pair_outcome(layer, np.unique(channels[words == _OPEN]), rng, engine)]


def pair_outcome(layer: S6Layer, channels: np.ndarray, rng: np.random.Generator, engine: Engine) -> _Outcome:
    """Two tokens, the first far on its way to its blow-up, where the phase portrait of K decides the second one."""
    channels = np.tile(channels[layer.mu_n[channels].sum(axis=1) > 0], 2 * STARTS)
    starts = _sizes(rng, (len(channels), 2)) * [AHEAD, 1.0]
    starts[:, 0] *= np.where(layer.s[channels] < 0, -1.0, 1.0)  # on the side where Delta grows
    starts[:, 1] *= np.where(np.arange(len(channels)) < len(channels) // 2, 1.0, -1.0)
    mu_n, a, s, b = (part[channels] for part in (layer.mu_n, layer.a, layer.s, layer.b))
    known = followers(mu_n, a, s, b, layer.floor, starts[:, 0], starts[:, 1])
    judged = np.flatnonzero(known.vanishes | known.held)
    starts, channels, roots = starts[judged], channels[judged], known.root[judged]
    predicted = np.where(known.vanishes[judged], word(End.COEXISTENCE), word(End.LIMIT))
    blur = _blur(layer, engine)
    seen = fates_in_parts(
        engine, layer, starts, channels, _bilinear_parameters(layer), LOG_HORIZON,
        lambda r, part: pair_fates(r, roots[part], blur[channels[part]]),
    )  # fmt: skip
    return starts, channels, predicted, seen


def _bilinear_parameters(layer: S6Layer) -> Callable[[np.ndarray], FlowParameters]:
    """Parameters of the systems on some channels."""
    return lambda rows: FlowParameters(layer.mu_n[rows], layer.a[rows], layer.s[rows], layer.b[rows], layer.floor)


def _blur(layer: S6Layer, engine: Engine) -> np.ndarray:
    """Rounding error of a token's share of the motion, shape (channel, 1)."""
    mu = np.maximum(np.abs(layer.mu_n.sum(axis=1)), np.finfo(float).tiny)
    return np.asarray((engine.noise * (np.abs(layer.mu_n).sum(axis=1) / mu))[:, None])


def _affine_outcomes(layer: S6Layer, columns: Columns, rng: np.random.Generator, engine: Engine) -> list[_Outcome]:
    numbers = {key: value for key, value in columns.items() if isinstance(value, np.ndarray)}

    def params(rows: np.ndarray) -> AxisParameters:
        a = layer.a[rows]
        return AxisParameters(
            layer.S_B.T[rows],
            layer.S_C.T[rows],
            np.broadcast_to(layer.beta_B, a.shape),
            np.broadcast_to(layer.beta_C, a.shape),
            a,
            layer.s[rows],
            layer.b[rows],
            layer.floor,
        )

    signs = np.repeat([1.0, -1.0], STARTS)[:, None, None]
    drawn = signs * _sizes(rng, (2 * STARTS, layer.channels, 1))
    predicted = np.array(WORDS)[fate_of(drawn[..., 0], numbers, layer.floor)].ravel()
    first, on = flat_starts(drawn)
    roots = np.stack([numbers["root_low"], numbers["root_high"]])
    observed = fates_in_parts(
        engine, layer, first, on, params, AFFINE_LOG_HORIZON, lambda r, part: axis_fates(r, roots[:, on[part]])
    )
    several, channels = flat_starts(
        _sizes(rng, (1, layer.channels, AFFINE_TOKENS)) * rng.choice([-1.0, 1.0], (1, layer.channels, AFFINE_TOKENS))
    )
    later = fates_in_parts(
        engine, layer, several, channels, params, AFFINE_LOG_HORIZON, lambda r, part: axis_fates(r, None)
    )
    nothing = np.full(later.shape, _OPEN)
    return [(first, on, predicted, observed), (several, channels, nothing, later)]
