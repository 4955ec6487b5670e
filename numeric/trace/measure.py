"""Numbers of one layer on one part of a batch, from what hooks saw; sums that parts of a batch are added up with.

The scan is computed anew in float64 from its own input and weights, a few tokens at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from s6flow.numeric.health.numbers import FORMATS
from s6flow.numeric.refinements.layers import s6_shape, split_rows
from s6flow.numeric.trace.places import BESIDE
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.module import generate

__all__ = [
    "ABOVE",
    "FILLS",
    "SUMS",
    "add",
    "doubled",
    "in_turn",
    "quantity",
    "residual_sums",
    "scan_sums",
    "scan_weights",
]

Sums = dict[str, np.ndarray]
_DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
#: a Delta beyond this many times 2^-(p+1) does not round to one: the 1.01 (1 + 2^-(p+1)) of `gate-rounding`, rounded up.
ABOVE = 1.02
#: A number of every format, so that no gate up to here rounds to more than it, and none to one.
_FAR = 1 - 2.0**-7
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
    **dict.fromkeys(("full_max", "early", "late", "recomputed"), np.maximum),
    **dict.fromkeys(("tokens", "step_sum", "half_full", "fills", "sequences", "lives", "older"), np.add),
    **dict.fromkeys(("rounded", "rounded_low", "rounded_high", "gates"), np.add),
    **dict.fromkeys(("own_positive", "own_sum", "own_size", "own_second", "written_sum", "read_sum"), np.add),
}


def add(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> Sums:
    """The sums of two parts of a batch."""
    assert first.keys() == second.keys(), "parts of one layer have the same sums"
    return {name: np.asarray(SUMS[name](first[name], second[name])) for name in first}


def quantity(name: str, **values: Any) -> np.ndarray:
    """A number of `symbolic.state`, in float64."""
    function = generate(st.quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)), dtype=np.float64)


def residual_sums(x: Float[Tensor, "batch token model"], update: Float[Tensor, "batch token model"]) -> Sums:
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
    found = {name: torch.cat(parts).cpu().numpy() for name, parts in rows.items()}
    return {**found, "stream_max": stream.cpu().numpy(), "update_max": added.cpu().numpy()}


def _angle(one: Tensor, two: Tensor) -> Tensor:
    """Angle in [0, pi]; by both half angles, so that small ones keep their digits."""
    a, b = one / one.norm(dim=-1, keepdim=True), two / two.norm(dim=-1, keepdim=True)
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def scan_weights(mixer: Any) -> dict[str, Tensor | None]:
    """A mixer's scan in float64: rates a, the rows of x_proj and its bias, the step's way out and bias, the skip."""
    shape = s6_shape(mixer)
    dt_in, S_B, S_C = split_rows(mixer.x_proj.weight.detach().double(), shape)
    bias = getattr(mixer.x_proj, "bias", None)
    step = mixer.dt_proj.bias
    times = 2 if hasattr(mixer, BESIDE) else 1  # MambaVision's code adds it in dt_proj and again in the scan
    return {
        "a": mixer.A_log.detach().double().exp(),
        "dt_in": dt_in,
        "S_B": S_B,
        "S_C": S_C,
        "x_bias": None if bias is None else bias.detach().double(),
        "dt_out": mixer.dt_proj.weight.detach().double(),
        "b": None if step is None else times * step.detach().double(),
        "D": mixer.D.detach().double(),
    }


def scan_sums(u: Float[Tensor, "batch token channel"], weights: Mapping[str, Any], limit: int) -> Sums:
    """The scan of `u`: inputs, steps, states, outputs, gates, half-lives and the own term.

    Args:
        weights: of `scan_weights`.
        limit: numbers of a (token, batch, channel, state) array, at most, if more than one token.
    """
    x = u.double()
    bias = weights["x_bias"]
    rows = torch.cat([weights["dt_in"], weights["S_B"], weights["S_C"]])
    sizes = [len(weights[name]) for name in ("dt_in", "S_B", "S_C")]
    low, written, read = torch.nn.functional.linear(x, rows, bias).split(sizes, dim=-1)
    step = softplus(torch.nn.functional.linear(low, weights["dt_out"], weights["b"]))
    found = {
        "tokens": np.array(float(x.shape[0] * x.shape[1])),
        "u_max": _numpy(x.abs().amax((0, 1))),
        "step_max": _numpy(step.amax((0, 1))),
        "step_min": _numpy(step.amin((0, 1))),
        "step_sum": _numpy(step.sum((0, 1))),
    }
    return {
        **found,
        **_states(x, step, written, read, weights, limit),
        **_rounding(step, weights["a"]),
        **_half_lives(step, weights["a"]),
        **_own_term(x, written, read, weights),
    }


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


def _states(x: Tensor, step: Tensor, written: Tensor, read: Tensor, weights: Mapping[str, Any], limit: int) -> Sums:
    """States and outputs, a chunk of tokens at a time; only the state at a chunk's end is kept."""
    a = weights["a"]
    state = x.new_zeros(x.shape[0], *a.shape)
    largest, input_max = torch.zeros_like(state), torch.zeros_like(state)
    y_max = x.new_zeros(x.shape[2])
    rounded = torch.zeros(len(_DTYPES), dtype=torch.float64, device=x.device)
    tokens = max(1, limit // state.numel())
    for parts in zip(*(part.transpose(0, 1).split(tokens) for part in (x, step, written, read)), strict=True):
        u, width, b, c = parts
        gates = torch.exp(-width.unsqueeze(-1) * a)
        near = gates[gates > _FAR]
        for place, dtype in enumerate(_DTYPES.values()):
            rounded[place] += (near.to(dtype) == 1).sum()
        states = u.unsqueeze(-1) * b.unsqueeze(-2)
        input_max = torch.maximum(input_max, torch.maximum(states.amax(0), -states.amin(0)))
        states *= width.unsqueeze(-1)
        (doubled if states.is_cuda else in_turn)(gates, states, state)
        state = states[-1].clone()
        largest = torch.maximum(largest, torch.maximum(states.amax(0), -states.amin(0)))
        y = (states @ c.unsqueeze(-1)).squeeze(-1) + weights["D"] * u
        y_max = torch.maximum(y_max, y.abs().amax((0, 1)))
    full = _fullness(*map(_numpy, (largest, input_max, a, step.amax(1), step.sum(1))))
    return {
        "h_max": _numpy(largest.amax((0, 2))),
        "y_max": _numpy(y_max),
        "rounded": _numpy(rounded),
        "full_max": np.array(full.max()),
        "half_full": np.array(float((full > 0.5).sum())),
        "fills": np.bincount(np.ceil(FILLS * full.clip(0, 1)).astype(int).ravel(), minlength=FILLS + 1).astype(float),
        "sequences": np.array(float(full.size)),
    }


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


def _rounding(step: Tensor, a: Tensor) -> Sums:
    """How many gates `gate-rounding` says round to one, at least and at most, by format."""
    channels, states = a.shape
    ordered = step.reshape(-1, channels).T.contiguous().sort(dim=-1).values
    thresholds = [float(quantity("rounding_threshold", bits=float(FORMATS[key].bits))) for key in _DTYPES]
    counts = []
    for factor in (1.0, ABOVE):
        ends = torch.cat([factor * value / a for value in thresholds], dim=-1)
        below = torch.searchsorted(ordered, ends, right=True).reshape(channels, len(thresholds), states)
        counts.append(_numpy(below.sum((0, 2))).astype(float))
    gates = np.array(float(ordered.numel() * states))
    return {"rounded_low": counts[0], "rounded_high": counts[1], "gates": gates}


def _half_lives(step: Tensor, a: Tensor) -> Sums:
    """Tokens after which half of what a token wrote is gone, counted; `older` did not reach it within the sequence.

    `early` and `late` are the largest ratios to the half-lives at the largest and the smallest step of the channel in the sequence.
    """
    length = step.shape[1]
    total = step.cumsum(1).transpose(1, 2).contiguous()
    lives = torch.as_tensor(quantity("half_life", decay=_numpy(a), width=1.0), device=step.device)
    starts = torch.linspace(0, (length - 1) // 2, min(_STARTS, (length + 1) // 2), device=step.device).long().unique()
    histogram = torch.zeros(length + 1, dtype=torch.float64, device=step.device)
    longest, shortest = lives / step.amin(1).unsqueeze(-1), lives / step.amax(1).unsqueeze(-1)
    early, late, older = 0.0, 0.0, 0
    for start in starts.tolist():
        ends = total[:, :, start, None] + lives
        age = torch.searchsorted(total, ends.contiguous()) - start
        gone = age < length - start
        histogram += torch.bincount(age[gone], minlength=length + 1)
        older += int((~gone).sum())
        early = max(early, float(torch.where(gone, shortest / age, 0.0).max()))
        late = max(late, float(((age - 1) / longest).max()))
    return {
        "lives": _numpy(histogram),
        "older": np.array(float(older)),
        "early": np.array(early),
        "late": np.array(late),
    }


def _own_term(x: Tensor, written: Tensor, read: Tensor, weights: Mapping[str, Any]) -> Sums:
    """C.B of every token, and its mean by moments of the inputs: tr(M Sigma) + m^T M m, M = S_C^T S_B."""
    S_B, S_C = weights["S_B"], weights["S_C"]
    own = (written * read).sum(-1)
    flat = x.reshape(-1, x.shape[-1])
    mean = flat.mean(0)
    centred = flat - mean
    covariance = centred.T @ centred / len(flat)
    trace = ((S_B @ covariance) * S_C).sum()
    large = ((flat.abs() @ S_B.abs().T) * (flat.abs() @ S_C.abs().T)).sum()
    return {
        "own_positive": np.array(float((own > 0).sum())),
        "own_sum": _numpy(own.sum()),
        "own_size": _numpy(large),
        "own_second": _numpy(len(flat) * (trace + (S_B @ mean) @ (S_C @ mean))),
        "written_sum": _numpy(len(flat) * (S_B @ mean)),
        "read_sum": _numpy(len(flat) * (S_C @ mean)),
    }
