"""What measurements share: parameters from data, moments, quantities of the criteria."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow import FlowParameters
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


def moments(value: Any, count: int = 1) -> Any:
    """Letters with a moment axis of length `count` behind the batch axis."""
    array = np.asarray(value, dtype=np.float64)
    return array if array.ndim == 0 else np.repeat(array[:, None], count, axis=1)


def quantity(name: str, **values: Any) -> Array:
    """A quantity of `criteria` in NumPy, at arrays with a batch axis."""
    function = generate(quantities.quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)))
