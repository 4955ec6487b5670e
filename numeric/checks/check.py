"""check: a theorem on many systems, outside pytest; a verdict with the smallest margin and where it was found."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.checks.engines import Engine, applicable, engine, evaluate, tolerance
from s6flow.numeric.checks.measurements import MEASUREMENTS, moments
from s6flow.proofs.construct import Shape, construct, dimension
from s6flow.proofs.registry import get
from s6flow.symbolic.assumptions import predicate
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.errors import AssumptionError, TheoremError
from s6flow.symbolic.margin import IDLE, margin_program
from s6flow.symbolic.theorem import Theorem

__all__ = ["CheckReport", "Judgement", "Verdict", "check", "judge_data", "plan", "satisfied"]

Data = Mapping[str, Any]
#: More undecided systems than this share make a verdict inconclusive.
UNDECIDED_SHARE = 0.1


class Verdict(Enum):
    """HOLDS speaks of these data only; CONSISTENT is a limit seen at finite time; the last two never pass."""

    HOLDS = "HOLDS"
    CONSISTENT = "CONSISTENT"
    VIOLATED = "VIOLATED"
    VACUOUS = "VACUOUS"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def passes(self) -> bool:
        """Whether a test may count it as success."""
        return self in (Verdict.HOLDS, Verdict.CONSISTENT)


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


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Args:
        margin: smallest signed margin over the decided systems, NaN if there is none; negative violates.
        where: the inputs of the system with the smallest margin.
        examples: systems that met the assumptions and were decided.
        undecided: systems whose end was not settled within the horizon or the precision.
        idle: systems that the claim said nothing about.
        real: how many of the examples are channels of trained weights.
    """

    id: str
    backend: str
    verdict: Verdict
    margin: float
    where: dict[str, Any]
    examples: int
    undecided: int
    idle: int
    real: int
    seconds: float

    def line(self) -> str:
        """One line for a terminal."""
        return (
            f"{self.id:26} {self.backend:8} {self.verdict.value:12} margin {self.margin:+.3e}  "
            f"{self.examples} examples ({self.real} real), {self.undecided} undecided, {self.seconds:.1f} s"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            "id": self.id,
            "backend": self.backend,
            "verdict": self.verdict.value,
            "margin": self.margin if math.isfinite(self.margin) else None,
            "where": {key: np.asarray(value).tolist() for key, value in self.where.items()},
            "examples": self.examples,
            "undecided": self.undecided,
            "idle": self.idle,
            "real": self.real,
            "seconds": round(self.seconds, 3),
        }


#: (share of the examples, shape); token counts up to 64, states up to 16.
_FLOW_SHAPES = (
    (0.2, Shape(1, 1)), (0.2, Shape(2, 2)), (0.2, Shape(3, 2)), (0.2, Shape(6, 4)), (0.1, Shape(16, 8)), (0.1, Shape(64, 16)),
)  # fmt: skip
_MATRIX_SHAPES = ((0.4, Shape(3, 2, 4, 2)), (0.3, Shape(5, 3, 8, 2)), (0.3, Shape(2, 4, 16, 3)))


def plan(theorem: Theorem, target: Engine, examples: int) -> Iterator[tuple[Shape, int]]:
    """Batches (shape, systems) that add up to `examples`."""
    shapes: Any = theorem.options.get("shapes")
    if shapes is not None:
        table = tuple((1 / len(shapes), Shape(*shape)) for shape in shapes)
    elif "S_dt_in" in theorem.variables:
        table = _MATRIX_SHAPES
    else:
        table = _FLOW_SHAPES
    if target.backend == "flint":  # a ball costs a microsecond an operation
        table = tuple((share, Shape(min(s.token, 8), min(s.state, 4), min(s.channel, 6), s.rank)) for share, s in table)
    left = examples
    for index, (share, shape) in enumerate(table):
        count = left if index == len(table) - 1 else min(left, max(1, round(share * examples)))
        left -= count
        while count > 0:
            size = min(count, int(theorem.options.get("batch", 500)))
            yield shape, size
            count -= size


def satisfied(theorem: Theorem, data: Data, observed: Mapping[str, Any] | None = None) -> NDArray[np.bool_]:
    """Which systems of a batch meet every assumption, by the generated predicates."""
    count = _count(data)
    ok = np.ones(count, dtype=bool)
    for key in theorem.assumptions:
        function = generate(predicate(key))
        values = [
            np.asarray((observed or {})[name])[:, 0] if name in (observed or {}) and name not in data else data[name]
            for name in function.inputs
        ]
        held = np.asarray(function(*values))
        held = np.broadcast_to(held, (count, *held.shape[1:])) if held.ndim else np.full(count, bool(held))
        ok &= held.reshape(count, -1).all(axis=1)
    return ok


def _count(data: Data) -> int:
    return max((len(value) for value in data.values() if np.ndim(value) > 0), default=1)


def judge_data(
    theorem: Theorem, data: Data, backend: str = "numpy", factor: Any = 1, observed: Mapping[str, Any] | None = None
) -> Judgement:
    """Margins of a batch of systems.

    Args:
        data: letter -> array with the batch axis first.
        factor: of the sharp constant; anything but 1 is a negative control.
        observed: observables already measured on these data.
    """
    import sympy as sp

    target = engine(backend)
    if not applicable(theorem, backend):
        raise TheoremError(f"{theorem.id} speaks of trajectories, which {backend} cannot judge", None, "", "Use numpy.")
    count = _count(data)
    pointwise_only = target.backend == "flint" and theorem.measurement != "pointwise"
    if observed is None:
        needs = not pointwise_only or any("eig" in key or "form" in key for key in theorem.assumptions)
        observed = MEASUREMENTS[theorem.measurement](theorem, data) if needs else {}
    ok = satisfied(theorem, data, observed)
    parts = []
    if not pointwise_only:
        program = margin_program(theorem, False, sp.nsimplify(factor))
        slack = tolerance(theorem, target, theorem.measurement == "pointwise")
        parts.append(
            _margins(
                program,
                target,
                data,
                observed,
                slack if theorem.tolerance is None else tolerance(theorem, target, False),
            )
        )
    if theorem.core is not None and factor == 1:
        parts.append(_margins(margin_program(theorem, True), target, data, {}, tolerance(theorem, target, True)))
    margins = np.full(count, np.inf)
    where = np.zeros(count, dtype=np.int64)
    for values in parts:
        smallest, index = _smallest(values, count)
        with np.errstate(invalid="ignore"):
            lower = np.isnan(smallest) | (smallest < margins)
        where = np.where(lower, index, where)
        margins = np.where(lower, smallest, margins)
    return Judgement(margins, ok, where)


def _margins(
    program: Any, target: Engine, data: Data, observed: Mapping[str, Any], slack: float
) -> NDArray[np.float64]:
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
            values[name] = moments(data[name], steps)
    result = evaluate(program, target, values)
    if valid is not None:
        result = np.where(valid.reshape(valid.shape + (1,) * (result.ndim - 2)), result, float(IDLE))
    return result


def _smallest(values: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Per system: NaN if any part is undecided and none is negative, +inf if nothing was claimed, else the minimum."""
    if values.ndim == 0:
        values = np.full((count, 1), float(values))
    values = np.broadcast_to(values, (count, *values.shape[1:]))
    flat = values.reshape(count, values.shape[1] if values.ndim > 1 else 1, -1)
    active = np.where(flat > float(IDLE) - 0.5, np.inf, flat)
    undecided = np.isnan(active).any(axis=(1, 2))
    lowest = np.where(np.isnan(active), np.inf, active)
    index = lowest.min(axis=2).argmin(axis=1)
    smallest = lowest.min(axis=(1, 2))
    return np.where(undecided & ~(smallest < 0), np.nan, smallest), index


def check(
    key: str | Theorem,
    backend: str = "numpy",
    examples: int = 100,
    seed: int = 0,
    real_weights: bool = True,
) -> CheckReport:
    """Check a theorem on random systems that meet its assumptions, its witness, and channels of trained weights.

    Args:
        key: theorem id, or a theorem value.
        backend: a key of `ENGINES`.
        examples: random systems.
        seed: of the generator; the same seed gives the same systems on every backend.
    Raises: TheoremError: unknown id, or a backend that cannot judge it. AssumptionError: examples < 0.
    """
    theorem = get(key) if isinstance(key, str) else key
    if examples < 0:
        raise AssumptionError("a check needs a nonnegative number of examples", examples)
    target = engine(backend)
    start = time.perf_counter()
    batches: list[tuple[Data, Judgement]] = []
    for index, (shape, count) in enumerate(plan(theorem, target, examples)):
        points = np.random.default_rng((seed, index)).random((count, dimension(theorem, shape)))
        batches.append(_judged(theorem, construct(theorem, shape, corners(points, seed + index)), backend))
    if theorem.witness is not None and examples > 0:
        batches.append(_judged(theorem, batch_of(theorem, theorem.witness), backend))
    real = 0
    if real_weights and examples > 0:
        from s6flow.numeric.checks.channels import trained_channels

        channels = trained_channels(theorem, max(4, examples // 20))
        if channels is not None:
            batches.append(_judged(theorem, channels, backend))
            real = int(batches[-1][1].decided.sum())
    return _report(theorem, backend, batches, real, time.perf_counter() - start)


def corners(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A tenth of the coordinates moved to the ends of their ranges, where inequalities tend to be tight."""
    generator = np.random.default_rng((seed, 7))
    which = generator.random(points.shape)
    return np.where(which < 0.05, 0.0, np.where(which > 0.95, 1.0, points))


def batch_of(theorem: Theorem, data: Data) -> dict[str, Any]:
    """One system's data as a batch of one."""
    batch: dict[str, Any] = {key: np.asarray(value, dtype=np.float64)[None] for key, value in data.items()}
    for axis, name, where in (("N", "a", -1), ("N", "S_B", 0), ("L", "x0", -1), ("D", "S_B", 1)):
        if name in batch and batch[name][0].ndim > (where if where >= 0 else 0) and axis not in batch:
            batch[axis] = float(batch[name][0].shape[where])
    return batch


def _judged(theorem: Theorem, data: Data, backend: str) -> tuple[Data, Judgement]:
    return data, judge_data(theorem, data, backend)


def _report(
    theorem: Theorem, backend: str, batches: list[tuple[Data, Judgement]], real: int, seconds: float
) -> CheckReport:
    margin, where = math.nan, {}
    decided = undecided = idle = 0
    for data, judged in batches:
        mask = judged.decided
        decided += int(mask.sum())
        undecided += int((judged.satisfied & np.isnan(judged.margins)).sum())
        idle += int((judged.satisfied & np.isposinf(judged.margins)).sum())
        if mask.any():
            index = int(np.where(mask, judged.margins, np.inf).argmin())
            if not judged.margins[index] >= margin:
                margin = float(judged.margins[index])
                where = {name: np.asarray(value)[index] for name, value in data.items() if np.ndim(value) > 0} | {
                    "moment": int(judged.moments[index])
                }
    if decided == 0:
        verdict = Verdict.INCONCLUSIVE if undecided else Verdict.VACUOUS
    elif margin < 0:
        verdict = Verdict.VIOLATED
    elif undecided > UNDECIDED_SHARE * (decided + undecided):
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.CONSISTENT if theorem.options.get("bare_limit") else Verdict.HOLDS
    return CheckReport(theorem.id, backend, verdict, margin, where, decided, undecided, idle, real, seconds)
