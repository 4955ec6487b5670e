"""The Theorem value: a statement with its assumptions, proof steps, witness and counterexamples.

Everything else is computed from it: typeset statement, predicate on data, margin of the conclusion in every
backend, tests, certificates, the table of rates. It validates itself when made.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import sympy as sp
from sympy.logic.boolalg import Boolean

from s6flow.errors import TheoremError
from s6flow.symbolic.assumptions import assumption, letters_of
from s6flow.symbolic.derivation.step import Step, reduce_to_zero
from s6flow.symbolic.observables import LETTERS, OBSERVABLES, conclusion_latex, sharp
from s6flow.symbolic.sections import resolve

__all__ = ["KINDS", "Counterexample", "Rate", "Sharpness", "Step", "StepReport", "Theorem", "check_step"]

KINDS = ("identity", "inequality", "limit", "classification", "existence", "bound", "invariance")
#: What a theorem may claim of itself; that a kernel or a certificate stands behind it is read from their records alone.
Evidence = Literal["symbolic", "numeric", "conjecture"]
Data = Mapping[str, Any]


@dataclass(frozen=True)
class StepReport:
    """What verifying a step found.

    Args:
        state: `zero`; `nonzero` if a point refutes a residual; `unknown` if reduction is inconclusive; `cited` if the step
            has no residual and rests on the lemma that it names.
        residuals: as text, before reduction.
    """

    step: Step
    state: Literal["zero", "nonzero", "unknown", "cited"]
    residuals: tuple[str, ...]
    seconds: float


def check_step(step: Step) -> StepReport:
    """Reduce every residual of a step; an inconclusive reduction is `unknown`, never success."""
    start = time.perf_counter()
    states = {_state(residual) for residual in step.residuals}
    state: Any = next((name for name in ("nonzero", "unknown", "zero") if name in states), "cited")
    return StepReport(step, state, tuple(map(str, step.residuals)), time.perf_counter() - start)


def _state(residual: sp.Expr) -> str:
    reduced = reduce_to_zero(residual)
    if reduced == 0:
        return "zero"
    symbols = sorted(reduced.free_symbols, key=lambda symbol: str(symbol))
    point = {symbol: sp.Rational(3 + 2 * index, 7 + index) for index, symbol in enumerate(symbols)}
    try:
        value = complex(sp.N(reduced.rewrite(sp.log).subs(point), 30))
    except (TypeError, ValueError):
        return "unknown"
    return "nonzero" if abs(value) > 1e-20 else "unknown"


def no_steps() -> tuple[Step, ...]:
    """No proof steps of its own."""
    return ()


@dataclass(frozen=True)
class Sharpness:
    """What cannot be improved.

    Args:
        claim: in words.
        tightened: value of the factor `sharp` that one per cent less slack means.
    """

    claim: str
    tightened: sp.Rational


@dataclass(frozen=True)
class Counterexample:
    """Data that satisfy every assumption but one and break the conclusion."""

    drops: str
    data: Data
    note: str = ""


@dataclass(frozen=True)
class Rate:
    """A row of the table of rates: scenario, condition, rate."""

    scenario: str
    condition: str
    rate: sp.Basic
    whose: Literal["paper", "ours"]


@dataclass(frozen=True)
class Theorem:
    """A statement as a value.

    Args:
        id: permanent kebab-case slug.
        title: one line.
        section: numbered headings of docs/theory, such as "5", "4, 8b" or "8, E3".
        source: "paper" or "ours", with its place.
        kind: one of `KINDS`.
        variables: names of the letters that it quantifies over; their domains are the table's.
        assumptions: keys of the vocabulary.
        conclusion: relational or Boolean in letters and observables; a limit may stand here unevaluated.
        finite: for limits, the claim at explicit time and tolerance that is checked.
        proof: makes the proof steps that the derivation does not have already.
        evidence: what the claim rests on when no kernel has checked it.
        measurement: which measurement provides the observables; "pointwise" if there are none.
        options: of the measurement.
        core: a pointwise claim in letters that carries the proof, checkable by ball arithmetic.
        ranges: of letters where the defaults are too wide for a finite check.
        tolerance: relative rounding allowance of the check in float64; `None` leaves it to the measurement.
        scale: what an equation's error is relative to; the sides' magnitudes by default.
        sharpness, witness: what is sharp, and data that attain it.
        counterexamples: one for every assumption without which the checked conclusion can fail.
        unbroken: assumption -> why no counterexample stands here: what the statement would mean without it, or that its
            necessity is open.
        rates: rows of Table 1.
        uses: ids of the theorems that its proof uses.
        notes: corrections and limits.
    Raises: TheoremError: if it contradicts itself.
    """

    id: str
    title: str
    section: str
    source: str
    kind: str
    variables: tuple[str, ...]
    assumptions: tuple[str, ...]
    conclusion: Boolean
    finite: Boolean | None = None
    proof: Callable[[], tuple[Step, ...]] = no_steps
    evidence: Evidence = "numeric"
    measurement: str = "pointwise"
    options: Data = field(default_factory=dict)
    core: Boolean | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tolerance: float | None = None
    scale: sp.Expr | None = None
    sharpness: Sharpness | None = None
    witness: Data | None = None
    counterexamples: tuple[Counterexample, ...] = ()
    unbroken: Mapping[str, str] = field(default_factory=dict)
    rates: tuple[Rate, ...] = ()
    uses: tuple[str, ...] = ()
    notes: str = ""

    def __hash__(self) -> int:
        return hash(self.id)

    def __post_init__(self) -> None:
        if isinstance(self.witness, Mapping):  # arrays do not compare as values do
            plain = {
                name: value.tolist() if hasattr(value, "tolist") else value for name, value in self.witness.items()
            }
            object.__setattr__(self, "witness", plain)
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.id):
            raise TheoremError("a theorem id must be a kebab-case slug", repr(self.id))
        if self.kind not in KINDS:
            raise TheoremError("a theorem's kind must be one of " + ", ".join(KINDS), self.kind, self.id)
        if self.evidence not in get_args(Evidence):
            rule = "evidence given by hand must be one of " + ", ".join(get_args(Evidence))
            raise TheoremError(rule, self.evidence, self.id, "Other statuses come from a record.")
        if not self.source.startswith(("paper", "ours")):
            raise TheoremError("a theorem's source must begin with paper or ours", self.source, self.id)
        resolve(self.section, self.id)
        known = set(self.variables)
        for name in self.variables:
            if name not in LETTERS:
                raise TheoremError("a variable must be a letter of the notation", name, self.id)
        for key in self.assumptions:
            self._known(letters_of(assumption(key).relation), known, f"assumption {key}")
        for label, claim in (("conclusion", self.conclusion), ("finite", self.finite), ("core", self.core)):
            if claim is None:
                continue
            if not isinstance(claim, Boolean) or claim in (sp.true, sp.false):
                raise TheoremError(f"a {label} must be a relation that is not already decided", claim, self.id)
            self._known(letters_of(claim), known, label)
        if self.kind == "limit" and self.finite is None:
            raise TheoremError("a limit must say what is checked at finite time", None, self.id, "Give `finite`.")
        if (self.sharpness is None) != (not self.claim.has(sharp)):
            raise TheoremError("a sharp theorem's checked claim must contain the factor `sharp`", None, self.id)
        if self.sharpness is not None and self.witness is None:
            raise TheoremError("a sharp theorem needs a witness", None, self.id)
        for example in self.counterexamples:
            if example.drops not in self.assumptions:
                raise TheoremError("a counterexample must drop an assumption of the theorem", example.drops, self.id)
        if self.id in self.uses or len(set(self.uses)) < len(self.uses):
            raise TheoremError("a theorem's proof uses other theorems, each named once", ", ".join(self.uses), self.id)
        for key in self.unbroken:
            if key not in self.assumptions or key in {example.drops for example in self.counterexamples}:
                raise TheoremError("a reason must be for an assumption without a counterexample", key, self.id)

    def _known(self, letters: frozenset[str], variables: set[str], where: str) -> None:
        stray = letters - variables - set(OBSERVABLES) - {"N", "D", "L"}
        if stray:
            raise TheoremError(
                "every letter must be a variable or an observable", ", ".join(sorted(stray)), f"{self.id}: {where}"
            )

    @property
    def claim(self) -> Boolean:
        """What is checked: the finite form of a limit, else the conclusion."""
        return self.conclusion if self.finite is None else self.finite

    def latex(self) -> str:
        """Assumptions and conclusion, typeset."""
        premises = r",\quad ".join(assumption(key).latex for key in self.assumptions)
        arrow = r" \;\Longrightarrow\; " if premises else ""
        return premises + arrow + conclusion_latex(self.stated)

    @property
    def stated(self) -> Boolean:
        """The conclusion as it is printed: a sharp constant's factor is one."""
        return self.conclusion.subs(sharp, 1) if self.conclusion.has(sharp) else self.conclusion

    @property
    def letters(self) -> tuple[str, ...]:
        """Every letter and observable that the printed statement and what is checked of it speak of, sorted."""
        spoken = {letter for key in self.assumptions for letter in letters_of(assumption(key).relation)}
        for claim in (self.stated, self.finite):
            spoken |= frozenset() if claim is None else letters_of(claim)
        return tuple(sorted(spoken - {"N", "D", "L"}))

    def domains(self) -> dict[str, str]:
        """Variable -> the values that it may take."""
        return {name: LETTERS[name].domain for name in self.variables}

    def steps(self) -> tuple[Step, ...]:
        """The steps of the derivation that the theorem rests on, then its own."""
        from s6flow.symbolic.derivation import all_steps

        shared = tuple(step for _, _, step in all_steps() if self.id in step.theorems)
        return shared + self.proof()

    def verify(self) -> tuple[StepReport, ...]:
        """Every proof step with what its residuals reduced to."""
        return tuple(check_step(step) for step in self.steps())
