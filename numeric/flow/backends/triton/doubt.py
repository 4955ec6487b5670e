"""Which float32 runs are in doubt: those that a rounding of their inputs, or another tolerance, ends elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.problem import Problem, Run, Status

__all__ = ["doubted", "jolted"]

#: Tolerances by which ln|x| or ln T of two runs may differ.
_RTOLS = 20.0
#: One unit in the last place of float32, relative.
_UNIT = float(np.finfo(np.float32).eps)


def jolted(problem: Problem) -> Problem:
    """The problem at twice the tolerance, with all tokens and parameters moved by one unit in float32's last place.

    Its run has roundings and step errors of the same size, but other ones. Short exponentials, which both runs have from a tolerance
    of `SHORT_RTOL` on, err to the same side in both: what they add (`fused.SHORT_RTOL`) is not seen by a comparison.
    """
    rng = np.random.default_rng(0)

    def units(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return _UNIT * rng.choice([-1.0, 1.0], value.shape)

    arrays = {k: v if k == "sigma" else v * (1.0 + units(v)) for k, v in problem.arrays.items()}
    return replace(problem, start=problem.start + units(problem.start), arrays=arrays, rtol=2 * problem.rtol)


def doubted(one: Run, other: Run, rtol: float) -> NDArray[np.bool_]:
    """Systems of which two runs disagree, shape (system).

    They do in fate, in the outputs they reach, in ln|x| there or in ln T, by more than `_RTOLS` tolerances; ln|x| has
    a rounding of its own in float32 besides.
    """
    both = (one.reached & other.reached)[..., None]
    with np.errstate(invalid="ignore"):
        apart = np.abs(one.states - other.states)
    near = ~both | (apart <= _RTOLS * rtol + _UNIT * np.abs(one.states))
    blown = one.status == Status.BLOW_UP
    first, second = (np.where(blown, np.logaddexp(run.end_log_time, run.log_remaining), 0.0) for run in (one, other))
    same = (one.status == other.status) & (one.reached == other.reached).all(axis=1)
    return ~(same & near.all(axis=(1, 2)) & (np.abs(first - second) <= _RTOLS * rtol))
