"""One scan with what stands around it in its block, as far as bounds need it; weights may be damaged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.weights.stored import StoredTensor

__all__ = ["Block", "Path"]

Channel = Float64[np.ndarray, " channel"]


@dataclass(frozen=True, eq=False)
class Path:
    """How large a linear map of a normalised token gets: sqrt(width) norm + offset, then the convolution's taps.

    Args:
        norm: L2 norm of each row times the norm's gain.
        offset: |row . norm's bias| + |bias| of each row.
        taps: sum of the convolution's absolute taps, 1 where there is no convolution.
        shift: absolute bias of the convolution.
    """

    norm: Channel
    offset: Channel
    taps: Channel
    shift: Channel


@dataclass(frozen=True, eq=False)
class Block:
    """What health reads of one layer; every array is float64 and may hold NaN or Inf.

    Args:
        name: as in the audit, with a head or direction in brackets.
        kind: S6, normed S6 (B, C and the step normalised), Mamba-2, or gated scan.
        a: decay rates; one state where the layer has one rate a channel.
        step_bias: constant part of the step's argument, without x_proj's own bias.
        floor: floor of the step.
        low, high: limits that the scan keeps the step in, after the floor.
        skip: D, or None.
        S_B, S_C, beta_B, beta_C, dt_in, dt_out: as in `S6Layer`; None where B, C or the step are no maps of u.
        writes, reads: largest |B_n|, |C_n| where they do not follow from u (normalised, or from another vector).
        reach: largest |step's argument - step_bias| where it does not follow from u.
        inputs, gate: path of u and of the gate's branch; None where unknown.
        width: of the residual stream that the norm sees.
        out: out_proj, stored (model, column), or the other way where `out_flipped`; this layer's columns begin at `out_first`.
        out_gain, out_shift: of a norm between the scan and out_proj, or None.
        norm_first: whether that norm comes before the gate.
        epsilon: what that norm adds to the mean square.
        added: factor of what the block adds to the residual stream.
        decay_spread: whether a channel's rates are drawn apart (1..N), so that their spread says something.
        scans: how often these weights scan, 2 where the reversed sequence is added.
        parameters, subnormal: numbers read, and those below the smallest normal number of their format.
        damage: the first NaN or Inf of each tensor that holds one, in words.
        assumed: what was not found and what stands for it.
        used: what was found beside the weights, in config.json or in the module, and is not the family's plain form.
    """

    name: str
    kind: str
    a: Float64[np.ndarray, "channel state"]
    step_bias: Channel
    floor: float = 0.0
    low: float = 0.0
    high: float = math.inf
    skip: Channel | None = None
    S_B: Float64[np.ndarray, "state channel"] | None = None
    S_C: Float64[np.ndarray, "state channel"] | None = None
    beta_B: Float64[np.ndarray, " state"] | None = None
    beta_C: Float64[np.ndarray, " state"] | None = None
    dt_in: Float64[np.ndarray, "rank channel"] | None = None
    dt_out: Float64[np.ndarray, "channel rank"] | None = None
    writes: Float64[np.ndarray, " entry"] | None = None
    reads: Float64[np.ndarray, " entry"] | None = None
    reach: Channel | None = None
    inputs: Path | None = None
    gate: Path | None = None
    width: int = 0
    out: StoredTensor | None = None
    out_flipped: bool = False
    out_first: int = 0
    out_gain: Channel | None = None
    out_shift: Channel | None = None
    norm_first: bool = True
    epsilon: float = 1e-5
    added: float = 1.0
    scans: int = 1
    decay_spread: bool = True
    parameters: int = 0
    subnormal: int = 0
    damage: tuple[str, ...] = field(default=())
    assumed: tuple[str, ...] = field(default=())
    used: tuple[str, ...] = field(default=())

    @property
    def channels(self) -> int:
        """Channels that are scanned."""
        return int(self.a.shape[0])

    @property
    def states(self) -> int:
        """Decay rates of a channel."""
        return int(self.a.shape[1])

    @property
    def shut(self) -> bool:
        """Whether out_proj is there, fits, and is zero throughout, for these channels."""
        if self.out is None or self.out.bits.ndim < 2 or self.out.bits.size != np.prod(self.out.bits.shape[:2]):
            return False
        return not any(rows.any() for rows in self.out_rows())

    def out_rows(self, rows: int = 256) -> list[Float64[np.ndarray, "model channel"]]:
        """|out_proj| in blocks of rows, so that a large one is never whole in float64."""
        assert self.out is not None, "asked for where there is one"
        bits = self.out.bits.reshape(self.out.bits.shape[:2])
        bits = bits.T if self.out_flipped else bits
        parts = range(0, len(bits), rows)
        blocks = (StoredTensor(np.ascontiguousarray(bits[start : start + rows]), self.out.dtype) for start in parts)
        return [np.abs(block.float64()[:, self.out_first : self.out_first + self.channels]) for block in blocks]

    def misfit(self) -> str:
        """Which array has a shape that does not go with that of the decay rates, or an empty string."""
        channels = self.a.shape[0]
        states = self.a.shape[1] if self.S_B is None or self.S_B.ndim != 2 else self.S_B.shape[0]
        rank = self.dt_in.shape[0] if self.dt_in is not None and self.dt_in.ndim else 0
        state = dict.fromkeys(("beta_B", "beta_C"), (states,))
        channel = dict.fromkeys(("step_bias", "skip", "reach", "out_gain", "out_shift"), (channels,))
        maps = {
            "S_B": (states, channels),
            "S_C": (states, channels),
            "dt_in": (rank, channels),
            "dt_out": (channels, rank),
        }
        for name, shape in (state | channel | maps).items():
            array = getattr(self, name)
            if array is not None and (array.shape != shape or 0 in shape):
                return f"{name} has shape {array.shape}, not {shape}"
        return "no channel or no state" if 0 in self.a.shape else ""
