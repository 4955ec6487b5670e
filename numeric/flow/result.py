"""What `integrate` returns: how every system ended, its tokens at the asked times, and attention on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import FormatError
from s6flow.numeric.flow.parameters import FlowParameters, Parameters
from s6flow.numeric.flow.pointwise import attention_matrix
from s6flow.numeric.flow.problem import Status

if TYPE_CHECKING:
    from s6flow.numeric.flow.equation import EquationFlow

__all__ = ["FlowResult"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class FlowResult:
    """Trajectories and ends of a batch. `*batch` is empty for a single system; layers have a channel axis behind token.

    Args:
        status: `Status` codes, shape (*batch).
        blow_up_time: T, inf where the system did not blow up, shape (*batch).
        log_blow_up_time: ln T, exact also where T itself leaves float64, shape (*batch).
        blow_up_token: first token that diverges at T, counted from 1; 0 for none, shape (*batch). It is judged by the
            rates at the end of the run: where the token is not the fastest one there (`final_share` below 1), a later
            token may still overtake it.
        log_times: ln t of the outputs, shape (time).
        log_abs: ln|x|, -inf for a zero token, shape (*batch, time, token); masked where the system had ended.
        sign: sign of x, same shape; masked alike.
        reached: which outputs exist, shape (*batch, time).
        final_log_abs, final_sign: at the end of the run, shape (*batch, token).
        final_log_time: ln t there, -inf where the run failed before its first step, shape (*batch).
        final_pace: d ln|x| / d ln t at the end (asinh flows: d asinh x / d ln t), shape (*batch, token); near 1e300
            where a system blew up.
        final_share: the same over the largest of the system, in [-1, 1].
        rates_known: whether there is a pace at the end: not where the run failed because rates left the range of float64;
            `final_pace` and `final_share` are NaN there and only there, shape (*batch).
        settled: whether the run was cut short as one at rest: nothing moved by more than 100 tolerated errors over a stretch
            of ln(1 + t/t0). What moves slower may go on (docs/equations.md, Rest). Shape (*batch).
        steps: accepted steps, shape (*batch).
        evaluations: of the right-hand side, without those for outputs, shape (*batch).
        x0: as given, broadcast, shape (*batch, token).
        params: as given.
    """

    status: NDArray[np.int64]
    blow_up_time: Float
    log_blow_up_time: Float
    blow_up_token: NDArray[np.int64]
    log_times: Float
    log_abs: np.ma.MaskedArray
    sign: np.ma.MaskedArray
    reached: NDArray[np.bool_]
    final_log_abs: Float
    final_sign: Float
    final_log_time: Float
    final_pace: Float
    final_share: Float
    rates_known: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    steps: NDArray[np.int64]
    evaluations: NDArray[np.int64]
    x0: Float = field(repr=False)
    params: Parameters | EquationFlow = field(repr=False)

    @property
    def x(self) -> np.ma.MaskedArray:
        """Tokens at the outputs, shape (*batch, time, token); 0 where |x| underflows, inf where it overflows, masked after
        the end."""
        with np.errstate(over="ignore"):  # in the chart "log" of an equation ln|x| may be 1e60
            size = np.exp(self.log_abs.data)
        return np.ma.MaskedArray(self.sign.data * size, mask=np.ma.getmaskarray(self.log_abs))

    @property
    def times(self) -> Float:
        """t of the outputs (log_times reach beyond float64's exponentials only above ln t = 709)."""
        return np.asarray(np.exp(self.log_times))

    @property
    def final_x(self) -> Float:
        """Tokens at the end of the run, shape (*batch, token)."""
        with np.errstate(over="ignore"):
            return np.asarray(self.final_sign * np.exp(self.final_log_abs))

    @property
    def ended_well(self) -> NDArray[np.bool_]:
        """Whether the run ended at the horizon or at a blow-up, and not by a failure, shape (*batch)."""
        return np.asarray((self.status == Status.HORIZON) | (self.status == Status.BLOW_UP))

    def attention(self, time_index: int) -> np.ma.MaskedArray:
        """Hidden attention P_{lj} at one output, shape (*batch, token, source); masked where not reached.

        Raises: FormatError: no such output, or a flow other than the bilinear one.
        """
        if not isinstance(self.params, FlowParameters):
            raise FormatError("attention is defined for the bilinear flow", type(self.params).__name__, "params")
        count = len(self.log_times)
        if not -count <= time_index < count:
            raise FormatError(f"time_index must lie in 0..{count - 1}", time_index, "attention")
        matrix = attention_matrix(np.asarray(self.x.data[..., time_index, :]), self.params)
        reached = np.broadcast_to(self.reached[..., time_index, None, None], matrix.shape)
        return np.ma.MaskedArray(np.where(reached, matrix, 0.0), mask=~reached)
