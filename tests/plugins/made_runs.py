"""Results of `integrate` that nothing was integrated for: what reads them is tested on ends that are planted."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.numeric.flow import FlowParameters, FlowResult, Status

__all__ = ["made_result"]


def made_result(final: Any, late: Any = (), **changes: Any) -> FlowResult:
    """One system that reached its horizon ln t = 20 without coming to rest.

    Args:
        final: x at the end, one a token.
        late: ln|x| at the outputs before the last, one row an output.
        changes: fields in place of these.
    """
    x = np.asarray(final, dtype=float)
    size, tokens = np.log(np.abs(x)), len(x)
    outputs = np.array([*late, size])
    count, one, none = len(outputs), np.zeros(1, dtype=np.int64), np.full(1, np.inf)
    known: dict[str, Any] = {
        "status": one + Status.HORIZON, "blow_up_time": none, "log_blow_up_time": none, "blow_up_token": one, "log_times": 20.0 - np.arange(count)[::-1],
        "log_abs": np.ma.MaskedArray(outputs[None]), "sign": np.ma.MaskedArray(np.ones((1, count, tokens)) * np.sign(x)),
        "reached": np.ones((1, count), dtype=bool), "final_log_abs": size[None], "final_sign": np.sign(x)[None], "final_log_time": np.array([20.0]),
        "final_pace": np.zeros((1, tokens)), "final_share": np.zeros((1, tokens)), "rates_known": np.array([True]), "settled": np.array([False]),
        "steps": one, "evaluations": one, "x0": np.ones((1, tokens)), "params": FlowParameters([1.0], [1.0], 1.0, 0.0, 0.0),
    }  # fmt: skip
    return FlowResult(**known | changes)
