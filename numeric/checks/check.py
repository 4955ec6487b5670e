"""check: a theorem on many systems, outside pytest; a verdict with the smallest margin and where it was found."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any

import numpy as np

from s6flow.errors import AssumptionError, TheoremError
from s6flow.numeric.checks.engines import applicable, engine, require
from s6flow.numeric.checks.examples import TRAINED, batch_of, examples_of, plan, together
from s6flow.numeric.checks.judge import Judgement, judge_data, measures, observe_together, satisfied
from s6flow.numeric.checks.measurements import MEASUREMENTS
from s6flow.numeric.checks.shared import Checkable, Data
from s6flow.numeric.flow.backends import fastest_on_cpu, load_backend
from s6flow.proofs.checked import checked
from s6flow.text import counted

__all__ = [
    "LEAST_JUDGED",
    "CheckReport",
    "Judgement",
    "Tally",
    "Verdict",
    "batch_of",
    "check",
    "check_together",
    "examples_of",
    "judge_data",
    "plan",
    "satisfied",
]

#: More undecided systems than this share make a verdict inconclusive.
UNDECIDED_SHARE = 0.1
#: Fewer judged systems than this pass nothing: no violation among n leaves a share of 3/n of all systems that may violate
#: (95 %), and more than 3 in 20 is no evidence.
LEAST_JUDGED = 20


class Verdict(Enum):
    """HOLDS speaks of these data only, at least `LEAST_JUDGED` systems; CONSISTENT is a limit seen at finite time; the last
    two never pass.
    """

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
class CheckReport:
    """What a check found.

    Args:
        margin: smallest signed margin over the decided systems, NaN if there is none; negative violates.
        where: the inputs of the system with the smallest margin.
        place: its batch, its number there and the moment; `examples_of` builds the batch again from the seed.
        examples: systems that met the assumptions and were decided.
        undecided: systems whose end was not settled within the horizon or the precision.
        idle: systems that the claim said nothing about.
        real: how many of the examples are channels of trained weights.
        integrator: the flow backend that observed trajectories, None where there are none.
        seconds: what a measurement that backends share takes is counted for the first of them.
    """

    id: str
    backend: str
    verdict: Verdict
    margin: float
    where: dict[str, Any]
    place: tuple[str, int, int] | None
    examples: int
    undecided: int
    idle: int
    real: int
    integrator: str | None
    seconds: float

    def line(self) -> str:
        """One line for a terminal."""
        idle = f", {self.idle} idle" if self.idle else ""
        margin = f"{self.margin:+.3e}" if math.isfinite(self.margin) else "none"
        examples = counted(self.examples, "example")
        return (
            f"{self.id:26} {self.backend:8} {self.verdict.value:12} margin {margin}  "
            f"{examples} ({self.real} real), {self.undecided} undecided{idle}, {self.seconds:.1f} s"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            "id": self.id,
            "backend": self.backend,
            "verdict": self.verdict.value,
            "margin": self.margin if math.isfinite(self.margin) else None,
            "where": {key: np.asarray(value).tolist() for key, value in self.where.items()},
            "place": self.place,
            "examples": self.examples,
            "undecided": self.undecided,
            "idle": self.idle,
            "real": self.real,
            "integrator": self.integrator,
            "seconds": round(self.seconds, 3),
        }


def check(
    key: str | Checkable,
    backend: str = "numpy",
    examples: int = 100,
    seed: int = 0,
    real_weights: bool = True,
    integrator: str | None = None,
) -> CheckReport:
    """Check a theorem on random systems that meet its assumptions, its witness, and channels of trained weights.

    Args:
        key: theorem id, or a theorem value. An id is read as `proofs.checked` keeps it, with no SymPy.
        backend: a key of `ENGINES`.
        examples: random systems.
        seed: of the generator; the same seed gives the same systems on every backend but flint, whose are smaller.
        integrator: the flow backend that observes trajectories; the compiled one where it is installed by default.
    Raises: TheoremError: unknown id, or a backend that cannot judge it. AssumptionError: examples < 0.
        MissingDependencyError: the library of the backend or of the integrator is not installed.
    """
    return check_together(key, (backend,), examples, seed, real_weights, integrator)[0]


def check_together(
    key: str | Checkable,
    backends: Sequence[str],
    examples: int = 100,
    seed: int = 0,
    real_weights: bool = True,
    integrator: str | None = None,
    witness: bool = True,
) -> list[CheckReport]:
    """One report a backend, as `check`; systems that backends have in common are built and observed once.

    Args:
        witness: whether the witness is judged, too.
    """
    theorem = checked(key) if isinstance(key, str) else key
    if examples < 0:
        raise AssumptionError("a check needs a nonnegative number of examples", examples)
    for backend in backends:
        require(backend)
        if not applicable(theorem, backend):
            raise TheoremError(
                f"{theorem.id} speaks of trajectories, which {backend} cannot judge", None, "", "Use numpy."
            )
    wanted = fastest_on_cpu() if integrator is None else integrator
    if integrator is not None:  # the default one is there; a claim that needs no compiled loop does not wait for it
        load_backend(integrator)
    used = MEASUREMENTS[theorem.measurement].integrator(wanted)
    tallies = {backend: Tally() for backend in backends}
    for _, alike in groupby(backends, lambda backend: engine(backend).backend == "flint"):
        group = list(alike)
        before = time.perf_counter()
        for batches in together(examples_of(theorem, engine(group[0]), examples, seed, real_weights, witness)):
            measured = observe_together(theorem, [data for _, data in batches], group[0], wanted)
            for (name, data), observed in zip(batches, measured, strict=True):
                for backend in group:
                    tallies[backend].add(name, data, judge_data(theorem, data, backend, observed=observed))
                    tallies[backend].seconds += time.perf_counter() - before
                    before = time.perf_counter()
    return [tallies[name].report(theorem, name, used if measures(theorem, name) else None) for name in backends]


@dataclass
class Tally:
    """Counts and the worst system so far; no batch is kept, so that any number of examples fits."""

    margin: float = math.nan
    where: dict[str, Any] = field(default_factory=dict)
    place: tuple[str, int, int] | None = None
    decided: int = 0
    undecided: int = 0
    idle: int = 0
    real: int = 0
    seconds: float = 0.0

    def add(self, name: str, data: Data, judged: Judgement) -> None:
        mask = judged.decided
        self.decided += int(mask.sum())
        self.undecided += int((judged.satisfied & np.isnan(judged.margins)).sum())
        self.idle += int((judged.satisfied & np.isposinf(judged.margins)).sum())
        self.real += int(mask.sum()) if name == TRAINED else 0
        if not mask.any():
            return
        index = int(np.where(mask, judged.margins, np.inf).argmin())
        if not judged.margins[index] >= self.margin:
            self.margin = float(judged.margins[index])
            self.place = (name, index, int(judged.moments[index]))
            self.where = {key: np.asarray(value)[index] for key, value in data.items() if np.ndim(value) > 0}
            self.where["moment"] = self.place[2]

    def merge(self, name: str, found: Mapping[str, Any]) -> None:
        """Add what another run found, as `CheckReport.as_json` tells it; of equal margins the first one stays.

        Args:
            name: of that run; it stands before the batch in the place of the smallest margin.
        """
        self.decided += found["examples"]
        self.undecided += found["undecided"]
        self.idle += found["idle"]
        self.real += found["real"]
        self.seconds += found["seconds"]
        if found["margin"] is not None and not found["margin"] >= self.margin:
            batch, index, moment = found["place"]
            self.margin, self.where, self.place = found["margin"], found["where"], (f"{name}/{batch}", index, moment)

    def report(self, theorem: Checkable, backend: str, integrator: str | None) -> CheckReport:
        if self.decided == 0:
            verdict = Verdict.INCONCLUSIVE if self.undecided else Verdict.VACUOUS
        elif self.margin < 0:
            verdict = Verdict.VIOLATED
        elif self.decided < LEAST_JUDGED or self.undecided > UNDECIDED_SHARE * (self.decided + self.undecided):
            verdict = Verdict.INCONCLUSIVE
        else:
            verdict = Verdict.CONSISTENT if theorem.options.get("bare_limit") else Verdict.HOLDS
        return CheckReport(
            theorem.id,
            backend,
            verdict,
            self.margin,
            self.where,
            self.place,
            self.decided,
            self.undecided,
            self.idle,
            self.real,
            integrator,
            self.seconds,
        )
