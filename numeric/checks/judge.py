"""Judging a batch: which systems meet a theorem's assumptions, and the margin of its claim on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import TheoremError
from s6flow.numeric.checks.engines import Engine, applicable, engine, evaluate, tolerance
from s6flow.numeric.checks.measurements import MEASUREMENTS, moments
from s6flow.numeric.checks.reach import carried_sign
from s6flow.numeric.checks.shared import Checkable, Data, Observed, count_of
from s6flow.proofs.registry import get
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.checked import IDLE, Checked
from s6flow.symbolic.programs.quantities import predicate

__all__ = [
    "DERIVED",
    "Judgement",
    "claim_program",
    "decided",
    "judge_data",
    "least_margins",
    "measures",
    "moment_margins",
    "observe",
    "observe_together",
    "satisfied",
]


def _outward(data: Data) -> NDArray[np.float64]:
    x0 = np.asarray(data["x0"])
    return ((x0 != 0) & (np.asarray(data["s"])[:, None] * x0 >= 0)).sum(axis=1).astype(float)


#: Observables that need no measurement.
DERIVED: dict[str, Callable[[Data], NDArray[np.float64]]] = {
    "carried_sign": carried_sign,
    "x_first": lambda data: np.asarray(data["x0"])[:, 0],
    "x_second": lambda data: np.asarray(data["x0"])[:, 1],
    "fast_tokens": _outward,
}


@dataclass(frozen=True)
class Judgement:
    """Margins of one batch.

    Args:
        margins: smallest margin of every system; NaN where undecided, +inf where the claim said nothing.
        satisfied: whether the system meets the assumptions.
        moments: index of the moment (output) of the smallest margin.
    """

    margins: NDArray[np.float64]
    satisfied: NDArray[np.bool_]
    moments: NDArray[np.int64]

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Systems that the claim spoke of and that were settled."""
        return self.satisfied & np.isfinite(self.margins)


def satisfied(theorem: Checkable, data: Data, observed: Mapping[str, Any] | None = None) -> NDArray[np.bool_]:
    """Which systems of a batch meet every assumption, by the generated predicates."""
    count = count_of(data)
    ok = np.ones(count, dtype=bool)
    for key in theorem.assumptions:
        function = generate(predicate(key))
        values = [_letter(name, data, observed or {}) for name in function.inputs]
        held = np.asarray(function(*values))
        held = np.broadcast_to(held, (count, *held.shape[1:])) if held.ndim else np.full(count, bool(held))
        ok &= held.reshape(count, -1).all(axis=1)
    return ok


def _letter(name: str, data: Data, observed: Mapping[str, Any]) -> Any:
    """A given letter, else what was observed at the first moment, else what follows from the letters alone."""
    if name in data:
        return data[name]
    return np.asarray(observed[name])[:, 0] if name in observed else DERIVED[name](data)


def judge_data(
    theorem: Checkable, data: Data, backend: str = "numpy", factor: Any = 1, observed: Mapping[str, Any] | None = None
) -> Judgement:
    """Margins of a batch of systems.

    Args:
        data: letter -> array with the batch axis first.
        factor: of the sharp constant; anything but 1 is a negative control.
        observed: observables already measured on these data.
    """
    target = engine(backend)
    if not applicable(theorem, backend):
        raise TheoremError(f"{theorem.id} speaks of trajectories, which {backend} cannot judge", None, "", "Use numpy.")
    if observed is None:
        observed = observe(theorem, data, backend)
    parts = []
    if measures(theorem, backend):
        slack = tolerance(theorem, target, False)
        parts.append(moment_margins(claim_program(theorem, False, factor), target, data, observed, slack))
    if theorem.core is not None and factor == 1:
        parts.append(moment_margins(claim_program(theorem, True), target, data, {}, tolerance(theorem, target, True)))
    count = count_of(data)
    found = [least_margins(values, count) for values in parts]
    margins = decided(np.stack([smallest for smallest, _ in found], axis=1))
    first = np.nan_to_num(np.stack([smallest for smallest, _ in found]), nan=np.inf).argmin(axis=0)
    where = np.stack([index for _, index in found])[first, np.arange(count)]
    return Judgement(margins, satisfied(theorem, data, observed), where)


def claim_program(theorem: Checkable, core: bool, factor: Any = 1) -> Program:
    """The program of the margin: the one that a checked form brings along, else lowered from the theorem's relations.

    Args:
        core: of the pointwise core, which the theorem must have, instead of the claim.
        factor: of the sharp constant; anything but 1 is lowered anew.
    """
    if isinstance(theorem, Checked) and factor == 1:
        found = theorem.core if core else theorem.margin
        assert found is not None, "the core of a theorem that has one"
        return found
    import sympy as sp  # here: a check of a checked form does without it

    from s6flow.symbolic.margin import margin_program
    from s6flow.symbolic.theorem import Theorem

    whole = theorem if isinstance(theorem, Theorem) else get(theorem.id)
    return margin_program(whole, core, sp.nsimplify(factor))


def measures(theorem: Checkable, backend: str) -> bool:
    """Whether a backend judges the claim itself; balls judge only the pointwise core of a claim about trajectories."""
    return engine(backend).backend != "flint" or theorem.measurement == "pointwise"


def observe(theorem: Checkable, data: Data, backend: str = "numpy", integrator: str = "numpy") -> Observed:
    """The observables that a backend needs: the same ones for every backend that judges the claim itself."""
    if measures(theorem, backend) or any("eig" in key or "form" in key for key in theorem.assumptions):
        return MEASUREMENTS[theorem.measurement](theorem, data, integrator)
    return {}


def observe_together(
    theorem: Checkable, batches: Sequence[Data], backend: str = "numpy", integrator: str = "numpy"
) -> list[Observed]:
    """The observables of each of some batches whose systems have the same shape, measured at once."""
    if len(batches) == 1:
        return [observe(theorem, batches[0], backend, integrator)]
    first = batches[0]
    whole = {
        key: np.concatenate([data[key] for data in batches]) if np.ndim(value) else value
        for key, value in first.items()
    }
    observed = observe(theorem, whole, backend, integrator)
    ends = np.cumsum([count_of(data) for data in batches])
    return [
        {key: value[end - count_of(data) : end] for key, value in observed.items()}
        for data, end in zip(batches, ends, strict=True)
    ]


def moment_margins(
    program: Any, target: Engine, data: Data, observed: Mapping[str, Any], slack: float
) -> NDArray[np.float64]:
    """Margins of a batch at every moment, as a program says.

    Args:
        program: see `claim_program`.
        target: the engine that evaluates it.
        data: letters that are not observed.
        observed: observables, shape (system, moment, ...); `valid`, shape (system, moment), says which moments there are.
        slack: the engine's tolerance.
    Returns: shape (system, moment, ...); `IDLE` where there is no such moment.
    """
    valid = observed.get("valid")
    steps = 1 if valid is None else valid.shape[1]
    names = [inp.name for inp in program.inputs]
    values = {}
    for name in names:
        if name == "tolerance":
            values[name] = np.float64(slack)
        elif name in observed:
            values[name] = observed[name]
        else:
            values[name] = moments(_letter(name, data, {}), steps)
    result = evaluate(program, target, values)
    if valid is not None:
        result = np.where(valid.reshape(valid.shape + (1,) * (result.ndim - 2)), result, float(IDLE))
    return result


def least_margins(values: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Per system: NaN if any part is undecided and none is negative, +inf if nothing was claimed, else the minimum.

    Args:
        values: margins, shape (system, moment, ...), (system), or one for all.
        count: of systems.
    Returns: least margins, and the moments where they are, both of shape (system).
    """
    if values.ndim == 0:
        values = np.full((count, 1), float(values))
    values = np.broadcast_to(values, (count, *values.shape[1:]))
    flat = values.reshape(count, values.shape[1] if values.ndim > 1 else 1, -1)
    active = np.where(flat > float(IDLE) - 0.5, np.inf, flat)
    lowest = np.where(np.isnan(active), np.inf, active)
    return decided(active.reshape(count, -1)), lowest.min(axis=2).argmin(axis=1)


def decided(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The minimum of the parts of every system; NaN if one is undecided, unless another is violated."""
    lowest = np.where(np.isnan(parts), np.inf, parts).min(axis=1)
    return np.where(np.isnan(parts).any(axis=1) & ~(lowest < 0), np.nan, lowest)
