"""Numbers of one layer on one part of a batch, from what hooks saw; sums that parts of a batch are added up with.

The scan is computed anew in float64 from its own input and weights, a few tokens at a time. Sums stay on the model's device until
`finished` brings all of a layer home at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from s6flow.numeric.trace.gates import ROUNDED, count_from, least_ones, quantity, rounding_sums
from s6flow.numeric.trace.scans import Inputs
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.module import generate

__all__ = [
    "FILLS",
    "SUMS",
    "add",
    "doubled",
    "filled",
    "finished",
    "in_turn",
    "residual_sums",
    "scan_sums",
]

Sums = dict[str, np.ndarray]
#: Sums that may lie on a device.
Partial = dict[str, Tensor | float]
#: What the shares of `state-bound` are made of: by sequence, channel and state, or by channel.
_RAW = ("states_max", "inputs_max", "rates", "steps_max", "steps_total")
#: Tokens whose half-lives are counted, evenly spaced over the first half of every sequence.
_STARTS = 16
#: a Delta below it is no normal number of float64, with room for digits; the bound hardly changes down there.
_LEAST = 1e-290
#: Parts of 1 that shares of a bound are counted in, rounded up.
FILLS = 512
#: Tokens of the residual stream that are measured at a time.
_TOKENS = 4096


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second])


#: Name -> how two parts are joined. Arrays are over tokens (joined), channels, tokens of age (half-lives) or formats.
SUMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    **dict.fromkeys(("rms", "rms_after", "ratio", "turn", "sideways", "alignment", "top", "participation"), _joined),
    **dict.fromkeys(("stream_max", "update_max", "u_max", "step_max", "h_max", "y_max"), np.maximum),
    "step_min": np.minimum,
    **dict.fromkeys(
        ("full_max", "early", "late", "recomputed", "rates"), np.maximum
    ),  # rates are the same in all parts
    **dict.fromkeys(("tokens", "step_sum", "half_full", "fills", "sequences", "lives", "older"), np.add),
    **dict.fromkeys(("rounded", "rounded_low", "rounded_high", "gates"), np.add),
    **dict.fromkeys(("own_positive", "own_sum", "own_size", "own_second", "written_sum", "read_sum"), np.add),
}


def add(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> Sums:
    """The sums of two parts of a batch."""
    assert first.keys() == second.keys(), "parts of one layer have the same sums"
    return {name: np.asarray(SUMS[name](first[name], second[name])) for name in first}


def residual_sums(x: Float[Tensor, "*batch token model"], update: Float[Tensor, "*batch token model"]) -> Partial:
    """The residual stream in front of a block and what the block adds, token by token; NaN where x = 0."""
    width = x.shape[-1]
    rows: dict[str, list[Tensor]] = {name: [] for name in ("rms", "rms_after", "ratio", "turn", "sideways", "alignment", "top", "participation")}  # fmt: skip
    stream, added = x.new_zeros((), dtype=torch.float64), x.new_zeros((), dtype=torch.float64)
    for before, change in zip(
        x.reshape(-1, width).split(_TOKENS), update.reshape(-1, width).split(_TOKENS), strict=True
    ):
        one, two = before.double(), change.double()
        after = one + two
        stream, added = torch.maximum(stream, one.abs().max()), torch.maximum(added, two.abs().max())
        squares = one.square()
        size, power = one.norm(dim=-1), squares.sum(-1)
        rows["rms"].append(size / math.sqrt(width))
        rows["rms_after"].append(after.norm(dim=-1) / math.sqrt(width))
        rows["ratio"].append(torch.where(size > 0, two.norm(dim=-1) / size, math.nan))
        rows["turn"].append(_angle(one, after))
        along = (one * two).sum(-1, keepdim=True) / power.unsqueeze(-1)
        rows["sideways"].append((two - along * one).norm(dim=-1) / math.sqrt(width))
        rows["alignment"].append((one * two).sum(-1) / (size * two.norm(dim=-1)))
        rows["top"].append(squares.max(-1).values / power)
        rows["participation"].append(power.square() / squares.square().sum(-1))
    return {**{name: torch.cat(parts) for name, parts in rows.items()}, "stream_max": stream, "update_max": added}


def _angle(one: Tensor, two: Tensor) -> Tensor:
    """Angle in [0, pi]; by both half angles, so that small ones keep their digits."""
    a, b = one / one.norm(dim=-1, keepdim=True), two / two.norm(dim=-1, keepdim=True)
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def scan_sums(given: Inputs, limit: int) -> Partial:
    """The scan: inputs, steps, states, outputs, gates, half-lives and the own term.

    Args:
        limit: numbers of a (token, batch, channel, state) array, at most, if more than one token.
    Returns: sums that lie where the model is; `finished` brings them home.
    """
    x, step = given.x, given.step
    return {
        "tokens": float(x.shape[0] * x.shape[1]),
        "u_max": x.abs().amax((0, 1)),
        "step_max": step.amax((0, 1)),
        "step_min": step.amin((0, 1)),
        "step_sum": step.sum((0, 1)),
        **_states(given, limit),
        **rounding_sums(step, given.a),
        **_half_lives(step, given.a),
        **_own_term(given),
    }


def finished(sums: Partial) -> Sums:
    """The sums of a layer in the host's memory, by one transfer."""
    tensors = {name: value.double() for name, value in sums.items() if isinstance(value, Tensor)}
    flat = torch.cat([value.flatten() for value in tensors.values()]).cpu() if tensors else torch.zeros(0)
    parts = flat.split([value.numel() for value in tensors.values()])
    found: Sums = {
        name: part.reshape(value.shape).numpy() for (name, value), part in zip(tensors.items(), parts, strict=True)
    }
    return found | {name: np.array(value) for name, value in sums.items() if not isinstance(value, Tensor)}


def filled(sums: Sums) -> Sums:
    """Shares of `state-bound`, in place of what they are made of."""
    raw = [sums[name] for name in _RAW]
    full = _fullness(*raw)
    counted = np.bincount(np.ceil(FILLS * full.clip(0, 1)).astype(int).ravel(), minlength=FILLS + 1)
    shares = {
        "full_max": np.array(full.max()),
        "half_full": np.array(float((full > 0.5).sum())),
        "fills": counted.astype(float),
        "sequences": np.array(float(full.size)),
    }
    return {name: value for name, value in sums.items() if name not in _RAW or name == "rates"} | shares


def _states(given: Inputs, limit: int) -> Partial:
    """States and outputs, a chunk of tokens at a time; only the state at a chunk's end is kept."""
    a, x = given.a, given.x
    channels = x.shape[2]
    groups, states = given.written.shape[2:]
    state = x.new_zeros(x.shape[0], channels, states)
    largest, input_max = torch.zeros_like(state), torch.zeros_like(state)
    y_max = x.new_zeros(channels)
    rounded, ones = x.new_zeros(len(ROUNDED)), least_ones(x.device.type)
    tokens = max(1, limit // state.numel())
    # new memory for each chunk would take half of the time
    rooms = tuple(x.new_empty(min(tokens, x.shape[1]), *state.shape[:2], last) for last in (a.shape[1], states))
    whole = (given.x, given.step, given.written, given.read)
    for parts in zip(*(part.transpose(0, 1).split(tokens) for part in whole), strict=True):
        u, width, b, c = parts
        gates = torch.mul(width.unsqueeze(-1), -a, out=rooms[0][: len(u)]).exp_()
        for place, least in enumerate(ones):
            rounded[place] += count_from(gates, least)
        b, c = (part.repeat_interleave(channels // groups, dim=-2) if groups > 1 else part for part in (b, c))
        written = torch.mul(u.unsqueeze(-1), b, out=rooms[1][: len(u)])
        input_max = torch.maximum(input_max, torch.maximum(written.amax(0), -written.amin(0)))
        written *= width.unsqueeze(-1)
        (doubled if written.is_cuda else in_turn)(gates, written, state)
        state = written[-1].clone()
        largest = torch.maximum(largest, torch.maximum(written.amax(0), -written.amin(0)))
        y = (written * c).sum(-1) if groups > 1 else (written @ c.mT).squeeze(-1)
        y_max = torch.maximum(y_max, (y + given.skip * u).abs().amax((0, 1)))
    raw = dict(zip(_RAW, (largest, input_max, a, given.step.amax(1), given.step.sum(1)), strict=True))
    return {"h_max": largest.amax((0, 2)), "y_max": y_max, "rounded": rounded, **raw}


def in_turn(gates: Tensor, states: Tensor, state: Tensor) -> None:
    """h_t = gate_t h_(t-1) + v_t along axis 0, from v in place: least work, one small step after the other."""
    for gate, now in zip(gates, states, strict=True):
        state = now.addcmul_(gate, state)


def doubled(gates: Tensor, states: Tensor, state: Tensor) -> None:
    """What `in_turn` does in log2 of the tokens' number passes over all of them, which a GPU does sooner; gates are lost."""
    states[0].addcmul_(gates[0], state)
    shift = 1
    while shift < len(states):
        states[shift:] += gates[shift:] * states[:-shift]
        gates[shift:] *= gates[:-shift].clone()
        shift *= 2


def _fullness(h: np.ndarray, v: np.ndarray, a: np.ndarray, largest: np.ndarray, total: np.ndarray) -> np.ndarray:
    """max |h| over its bound by `state-bound`, for every sequence, channel and state; 0 where nothing was written."""
    with np.errstate(divide="ignore"):
        a = np.maximum(a, _LEAST / largest[..., None])
    gain = quantity("state_gain", decay=a, delta_max=largest[..., None])
    filled = 1 / quantity("growth_beyond", decay=a, age=1.0, width=total[..., None])
    bound = v * gain * filled
    return np.divide(h, bound, out=np.where(h > 0, np.inf, 0.0), where=bound > 0)


def _half_lives(step: Tensor, a: Tensor) -> Partial:
    """Tokens after which half of what a token wrote is gone, counted; `older` did not reach it within the sequence.

    `early` and `late` are the largest ratios to the half-lives at the largest and the smallest step of the channel in the sequence.
    """
    length = step.shape[1]
    total = step.cumsum(1).transpose(1, 2).contiguous()
    half_life = generate(st.quantity("half_life"), "torch")
    given = {"decay": a, "width": torch.ones_like(a)}
    lives = half_life(*(given[key] for key in half_life.inputs))
    starts = np.unique(np.linspace(0, (length - 1) // 2, min(_STARTS, (length + 1) // 2)).astype(int)).tolist()
    histogram = step.new_zeros(length + 1)
    longest, shortest = lives / step.amin(1).unsqueeze(-1), lives / step.amax(1).unsqueeze(-1)
    early, late, older = step.new_zeros(()), step.new_zeros(()), step.new_zeros(())
    for start in starts:
        ends = total[:, :, start, None] + lives
        age = torch.searchsorted(total, ends.contiguous()) - start
        gone = age < length - start
        # counts are whole numbers, so that the order in which a device adds them does not matter
        histogram.scatter_add_(0, age.clamp(0, length).flatten(), gone.to(histogram.dtype).flatten())
        older += (~gone).sum()
        early = torch.maximum(early, torch.where(gone, shortest / age, 0.0).max())
        late = torch.maximum(late, ((age - 1) / longest).max())
    return {"lives": histogram, "older": older, "early": early, "late": late}


def _own_term(given: Inputs) -> Partial:
    """C.B of every token, mean over groups, and its mean by moments of the inputs: tr(M Sigma) + m^T M m, M = S_C^T S_B."""
    own = (given.written * given.read).sum(-1)
    found: Partial = {"own_positive": (own > 0).double().mean(-1).sum(), "own_sum": own.mean(-1).sum()}
    if given.maps is None:
        return found
    S_B, S_C = given.maps
    flat = given.x.reshape(-1, given.x.shape[-1])
    mean = flat.mean(0)
    centred = flat - mean
    # Sigma S_C^T from right to left: Sigma itself, channels by channels, would cost more than the scan
    spread = centred.T @ (centred @ S_C.T) / len(flat)
    trace = (S_B.T * spread).sum()
    sizes = (flat.abs() @ torch.cat([S_B, S_C]).abs().T).tensor_split(2, dim=-1)
    return found | {
        "own_size": (sizes[0] * sizes[1]).sum(),
        "own_second": len(flat) * (trace + (S_B @ mean) @ (S_C @ mean)),
        "written_sum": len(flat) * (S_B @ mean),
        "read_sum": len(flat) * (S_C @ mean),
    }
