"""The chapters of the derivation, its numbered steps, and all of it as document blocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from s6flow.symbolic.derivation import attention, axis, limit, scenarios
from s6flow.symbolic.derivation.document import Block, Display, Heading, Paragraph, Table
from s6flow.symbolic.derivation.latex import display
from s6flow.symbolic.derivation.step import Section, Step
from s6flow.symbolic.notation import NOTATION

__all__ = ["SECTIONS", "TITLE", "all_steps", "derivation_blocks"]

TITLE = "Token dynamics of deep selective state-space models: a derivation"

SECTIONS: tuple[Section, ...] = (
    attention.SECTION,
    limit.SECTION,
    axis.SECTION,
    scenarios.CONVERGENCE,
    scenarios.DIVERGENCE,
    scenarios.STATES,
)


@cache
def all_steps() -> tuple[tuple[str, Section, Step], ...]:
    """Every step with its number, in order; built once."""
    return tuple(_all_steps())


def _all_steps() -> Iterator[tuple[str, Section, Step]]:
    for chapter, section in enumerate(SECTIONS, 1):
        for position, step in enumerate(section.build(), 1):
            yield f"{chapter}.{position}", section, step


def derivation_blocks() -> list[Block]:
    """The derivation as document blocks; every residual is reduced here, and must be 0.

    Raises: TheoremError: if a residual does not reduce to literal zero.
    """
    blocks: list[Block] = [Paragraph(INTRODUCTION), Heading("Notation"), _notation()]
    last: Section | None = None
    for number, section, step in all_steps():
        if section is not last:
            blocks.append(Heading(section.title))
            last = section
        blocks += [Heading(f"({number}) {step.title}", 3, step.id), Display(step.statement), Paragraph(step.because)]
        blocks.append(Paragraph(_residual(step), "residual"))
    return blocks


def _residual(step: Step) -> str:
    zeros = ", ".join(str(zero) for zero in step.verify())
    plural = "residual" if len(step.residuals) == 1 else "residuals"
    shown = [display(residual) for residual in step.residuals if residual != 0]
    example = min(shown, key=len, default="")
    formula = f", e.g. ${example} = 0$" if example and len(example) < 120 else ""
    theorems = ", ".join(f"`{theorem}`" for theorem in step.theorems)
    return f"{len(step.residuals)} {plural} reduced to {zeros}{formula}." + (
        f" Used by {theorems}." if theorems else ""
    )


def _notation() -> Table:
    rows = tuple(
        (f"${row.latex}$", row.meaning, ", ".join(row.axes) or "one number", row.domain) for row in NOTATION.values()
    )
    return Table(("letter", "meaning", "axes", "values"), rows)


INTRODUCTION = (
    "Source: Vo, Pham, Tong, Nguyen, Demystifying the Token Dynamics of Deep Selective State Space Models, ICLR 2025 "
    "(arXiv 2410.03292), called the paper; biases, step floors, several decay rates with mixed signs, sharp constants and "
    "corrected statements are ours. Every step carries residuals: SymPy expressions that vanish exactly when the step holds. "
    "This page was written only because all of them reduced to literal zero. Asymptotic steps check the leading-order algebra; "
    "what is proved, and by what, is the status of each theorem."
)
