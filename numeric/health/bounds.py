"""Data-free bounds of one block: inputs, steps, states and outputs of the scan, and what the block adds.

Every formula is a quantity of `symbolic.state`, proved in theorem `layer-bound`; `certified` evaluates the same programs
in ball arithmetic and takes the upper ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.health.block import Block, Path
from s6flow.numeric.health.model_code import NONE
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.health import state_quantity

__all__ = ["Bounds", "bounds"]

Channel = Float64[np.ndarray, " channel"]
State = Float64[np.ndarray, " state"]
Array = Float64[np.ndarray, "..."]
#: More than the rounding of sums of 2^20 squares and products, relative: what lies outside of the balls is moved up by it.
_SLACK = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class Bounds:
    """Largest absolute values at any length, for tokens that a norm has scaled to root mean square 1.

    Args:
        u: inputs of the scan. gate: the gate's branch. step: steps. h: states, the largest of each channel.
        y: outputs of the scan. response: what each channel adds to one entry of the residual stream, at most.
        update: the largest entry that the block adds.
        exact: whether they were computed in ball arithmetic.
    """

    u: Channel
    gate: Channel
    step: Channel
    h: Channel
    y: Channel
    response: Channel
    update: float
    exact: bool

    @property
    def largest(self) -> float:
        """The largest number that the block can meet."""
        return float(max(np.max(part, initial=0.0) for part in (self.u, self.step, self.h, self.y, [self.update])))


def bounds(block: Block, certified: bool = False) -> Bounds | None:
    """Bounds of a block; None where its projections to B, C and the step are unknown.

    Numerics: Inf where a number is not finite or the weights are damaged.
    """
    inner = block.S_B is not None or block.writes is not None
    if not inner or block.damage:
        return None
    evaluate = _balls if certified else _floats
    one = np.ones(block.channels)
    u = one if block.inputs is None else _path(block.inputs, block.width, evaluate)
    gate = one if block.gate is None else _path(block.gate, block.width, evaluate)
    if block.reach is not None:
        reach = block.reach
    else:
        reach = evaluate("step_reach", S_dt_out=block.dt_out, S_dt_in=block.dt_in, x_max=u)
    step = evaluate("step_bound", reach=reach, b=block.step_bias, floor=block.floor)
    if (block.low, block.high) != NONE:
        step = evaluate("kept_step", step_max=step, step_low=block.low, step_high=block.high)
    writes, reads = _reads_and_writes(block, u, evaluate)
    a = np.broadcast_to(block.a, (block.channels, len(writes)))
    hidden = evaluate("hidden_bound", write_max=writes, x_max=u, a=a, step_max=step).max(axis=1)
    skip = np.zeros(block.channels) if block.skip is None else block.skip
    y = evaluate("output_bound", write_max=writes, read_max=reads, x_max=u, a=a, step_max=step, skip=skip)
    y = y * block.scans
    response, update = _added(block, y, gate)
    return Bounds(u, gate, step, hidden, y, response, update, certified)


def _path(path: Path, width: int, evaluate: Any) -> Channel:
    parts = {"row_norm": path.norm * _SLACK, "row_offset": path.offset * _SLACK, "taps": path.taps * _SLACK}
    return evaluate("input_bound", **parts, shift=path.shift, model_width=float(width))


def _reads_and_writes(block: Block, u: Channel, evaluate: Any) -> tuple[State, State]:
    if block.writes is not None and block.reads is not None:
        return block.writes, block.reads
    writes = evaluate("write_bound", S_B=block.S_B, x_max=u, beta_B=block.beta_B)
    return writes, evaluate("read_bound", S_C=block.S_C, x_max=u, beta_C=block.beta_C)


def _added(block: Block, y: Channel, gate: Channel) -> tuple[Channel, float]:
    """What each channel and the whole block can add to an entry of the residual stream; a norm on the way caps it."""
    with np.errstate(over="ignore", invalid="ignore"):
        through = y * gate
        if block.out_gain is not None and block.out_shift is not None:
            inside = y if block.norm_first else through
            # a norm that takes the mean away doubles at most what it scales
            small = 2 * np.max(inside, initial=0.0) / np.sqrt(block.epsilon)
            scaled = np.abs(block.out_gain) * min(np.sqrt(block.channels), small) + np.abs(block.out_shift)
            through = scaled * gate if block.norm_first else scaled
        through = through * block.added
        if block.out is None:
            return through, float(np.max(through, initial=0.0))
        largest, update = np.zeros(block.channels), 0.0
        beyond = ~np.isfinite(through)
        within = np.where(beyond, 0.0, through)
        for rows in block.out_rows():
            largest = np.maximum(largest, rows.max(axis=0, initial=0.0))
            # what no weight takes adds nothing, however large its bound is; 0 times infinity would hide the others;
            # `@` would start threads of BLAS for each block
            sums = np.where((rows[:, beyond] > 0).any(axis=1), np.inf, np.einsum("mc,c->m", rows, within))
            update = max(update, float(sums.max(initial=0.0)))
        return np.where(largest > 0, largest * through, 0.0), update * _SLACK


def _floats(name: str, **values: Any) -> Array:
    function = generate(state_quantity(name))
    with np.errstate(all="ignore"):
        result = np.asarray(function(*(values[key] for key in function.inputs)), dtype=np.float64)
    return np.where(np.isnan(result), np.inf, result)


def _balls(name: str, **values: Any) -> Array:
    """The same program in ball arithmetic; upper ends, rounded up."""
    from s6flow.numeric.criteria.certify import BITS, require_flint

    flint = require_flint()
    function = generate(state_quantity(name), "flint")
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        result = np.asarray(function(*(values[key] for key in function.inputs)), dtype=object)
        upper = np.frompyfunc(lambda ball: float(ball.upper()) if ball.is_finite() else np.inf, 1, 1)(result)
    finally:
        flint.ctx.prec = before
    return np.nextafter(np.asarray(upper, dtype=np.float64), np.inf)
