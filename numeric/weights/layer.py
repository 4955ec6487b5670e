"""One S6 layer as the theory sees it: decay rates, projections, step, and nothing else of the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from s6flow.errors import AssumptionError, FormatError
from s6flow.text import shown

__all__ = ["Flag", "S6Layer", "WithheldLayer"]


@dataclass(frozen=True)
class Flag:
    """Something about a layer that a reader of its verdicts should know.

    Args:
        kind: a stable slug: at-initialisation, subnormal, zero-projection, bidirectional, step-bias-twice,
            no-config, reordered.
        text: one sentence with the tensor and the numbers.
    """

    kind: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", shown(self.text))  # it quotes names of tensors

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class WithheldLayer:
    """A layer that was found but that the theory or its own values do not allow to be read.

    Args:
        name: the tensor-name prefix.
        kind: a stable slug: mamba-2, scalar-decay, normed-projections, parametrised, missing-tensor, dtype, shape,
            values, and the verdicts of health after which no scenario is given: dead, not-finite.
        reason: one line that says why.
    """

    name: str
    kind: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", shown(self.reason))  # it quotes names of tensors

    @property
    def damaged(self) -> bool:
        """Whether its tensors are not what a layer needs, rather than a layer of another theory."""
        return self.kind in ("missing-tensor", "dtype", "shape", "values", "not-finite")


@dataclass(frozen=True, eq=False)
class S6Layer:
    """The weights of one S6 layer in the letters of the theory; every array is float64 and read-only.

    The step is Delta(x) = softplus(dt_out @ dt_in @ x + b) + floor, B = S_B x + beta_B, C = S_C x + beta_C,
    A = -a, and channel d scans h = exp(-a_d Delta_d) h + Delta_d B x_d, y_d = C^T h (+ D_d x_d).

    Args:
        name: the tensor-name prefix (``backbone.layers.3.mixer``), with a head or direction in brackets.
        a: decay rates exp(A_log) > 0 [1/time of the scan].
        S_B, S_C: input projections of B and C.
        beta_B, beta_C: their biases; zeros when the checkpoint has none.
        dt_in, dt_out: the two factors of S_Delta = dt_out @ dt_in, which is never formed.
        b: bias of the step, with the x_proj bias carried through dt_out folded in.
        floor: constant >= 0 added to the step after the softplus.
        D: skip coefficients, or None when the layer has none.
        flags: what a reader of the verdicts should know.
    Raises: FormatError: on inconsistent shapes or NaN/Inf; AssumptionError: on an a_n <= 0 or a floor < 0.
    """

    name: str
    a: Float64[np.ndarray, "channel state"]
    S_B: Float64[np.ndarray, "state channel"]
    S_C: Float64[np.ndarray, "state channel"]
    beta_B: Float64[np.ndarray, " state"]
    beta_C: Float64[np.ndarray, " state"]
    dt_in: Float64[np.ndarray, "rank channel"]
    dt_out: Float64[np.ndarray, "channel rank"]
    b: Float64[np.ndarray, " channel"]
    floor: float = 0.0
    D: Float64[np.ndarray, " channel"] | None = None
    flags: tuple[Flag, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.a.ndim != 2 or self.dt_in.ndim != 2:
            raise FormatError("a and dt_in need two axes", (self.a.shape, self.dt_in.shape), self.name)
        wanted: dict[str, tuple[int, ...]] = {
            "a": (self.channels, self.states),
            "S_B": (self.states, self.channels),
            "S_C": (self.states, self.channels),
            "beta_B": (self.states,),
            "beta_C": (self.states,),
            "dt_in": (self.rank, self.channels),
            "dt_out": (self.channels, self.rank),
            "b": (self.channels,),
            "D": (self.channels,),
        }
        for key, shape in wanted.items():
            array = getattr(self, key)
            if array is None:
                continue
            if array.shape != shape or array.dtype != np.float64:
                got = f"{array.dtype} {array.shape}"
                raise FormatError(f"{key} must be float64 of shape {shape}", got, self.name)
            if 0 in shape:
                raise FormatError(f"{key} must not be empty", shape, self.name)
            # One pass: a NaN or Inf always reaches the sum, so only an unusual sum pays for the exact test.
            with np.errstate(over="ignore", invalid="ignore"):
                if not np.isfinite(array.sum()) and not np.isfinite(array).all():
                    bad = np.argwhere(~np.isfinite(array))[0]
                    where = f"{self.name} {key}[{', '.join(map(str, bad))}]"
                    raise FormatError("weights must be finite", f"{array[tuple(bad)]}", where)
            array.setflags(write=False)
        if not (self.a > 0).all():
            channel, state = np.argwhere(~(self.a > 0))[0]
            where = f"{self.name} channel {channel} state {state}"
            raise AssumptionError("decay rates must satisfy a_n > 0", self.a[channel, state], where)
        if not (np.isfinite(self.floor) and self.floor >= 0):
            raise AssumptionError("the step floor must be >= 0", self.floor, self.name)

    @property
    def channels(self) -> int:
        """Number of channels, each of which carries one 1-D system (theory 3)."""
        return int(self.a.shape[0])

    @property
    def states(self) -> int:
        """State size N."""
        return int(self.a.shape[1])

    @property
    def rank(self) -> int:
        """Rank of S_Delta = dt_out @ dt_in."""
        return int(self.dt_in.shape[0])

    @cached_property
    def s(self) -> Float64[np.ndarray, " channel"]:
        """Diagonal of S_Delta: the slope of each channel's step on its own axis (theory 3)."""
        slope: Float64[np.ndarray, " channel"] = np.einsum("cr,rc->c", self.dt_out, self.dt_in)
        return slope

    @cached_property
    def mu_n(self) -> Float64[np.ndarray, "channel state"]:
        """mu_n = (S_C)_n (S_B)_n per channel (theory 0 and 3); mu is its sum over states."""
        return np.ascontiguousarray((self.S_C * self.S_B).T)

    @property
    def affine(self) -> bool:
        """Whether B or C carries a bias, in which case mu alone does not decide a verdict (theory 8b)."""
        return bool(self.beta_B.any() or self.beta_C.any())
