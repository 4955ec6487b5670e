"""What measurements share: parameters from data, moments, quantities of the criteria."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import FormatError
from s6flow.numeric import flow
from s6flow.numeric.flow import FlowParameters, FlowResult
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs import quantities

__all__ = [
    "RTOL",
    "STEPS",
    "Array",
    "Checkable",
    "Data",
    "Observed",
    "count_of",
    "flow_parameters",
    "integrate",
    "moments",
    "quantity",
]

Array = NDArray[np.float64]
Data = Mapping[str, Any]
Observed = dict[str, Any]
#: Of a run of vector tokens, unless a theorem asks otherwise: a hundredth of what is allowed for rounding, and attempts
#: after which a run is left undecided.
RTOL, STEPS = 1e-8, 3000


@runtime_checkable
class Checkable(Protocol):
    """What a check asks of a theorem: a `Theorem`, or its `Checked` form, which holds no SymPy."""

    @property
    def id(self) -> str: ...
    @property
    def variables(self) -> tuple[str, ...]: ...
    @property
    def assumptions(self) -> tuple[str, ...]: ...
    @property
    def measurement(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]: ...
    @property
    def tolerance(self) -> float | None: ...
    @property
    def witness(self) -> Mapping[str, Any] | None: ...
    @property
    def core(self) -> object: ...


def count_of(data: Data) -> int:
    """Systems of a batch."""
    return max((len(value) for value in data.values() if np.ndim(value) > 0), default=1)


def flow_parameters(data: Data) -> FlowParameters:
    """The bilinear flow of the data."""
    return FlowParameters(data["mu"], data["a"], data["s"], data["b"], data["floor"])


def integrate(x0: Any, params: Any, **options: Any) -> FlowResult:
    """As `flow.integrate`, of systems along one axis; a run that ended well has its numbers.

    NaN is judged as undecided, which a few systems may be: a backend that lost them would pass.

    Raises: FormatError: a backend says of a run with NaN that it ended well.
    """
    result = flow.integrate(x0, params, **options)
    numbers = (result.log_abs.data, result.final_log_abs, result.log_blow_up_time)
    lost = np.stack([np.isnan(one).any(axis=tuple(range(1, one.ndim))) for one in numbers]).any(axis=0)
    wrong = np.flatnonzero(lost & result.ended_well)
    if len(wrong):
        rule = "a flow backend must not say that a run ended well whose states or times are NaN"
        found = f"{len(wrong)} of {len(result.status)} runs, first that of system {wrong[0]}"
        raise FormatError(rule, found, str(options.get("backend", "numpy")), "Give them a status such as UNDERFLOW.")
    return result


def moments(value: Any, count: int = 1) -> Any:
    """Letters with a moment axis of length `count` behind the batch axis."""
    array = np.asarray(value, dtype=np.float64)
    return array if array.ndim == 0 else np.repeat(array[:, None], count, axis=1)


def quantity(name: str, **values: Any) -> Array:
    """A quantity of `criteria` in NumPy, at arrays with a batch axis."""
    function = generate(quantities.quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)))
