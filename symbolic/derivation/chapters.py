"""The chapters of the derivation, its numbered steps, and all of it as document blocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from s6flow.symbolic.derivation import attention, axis, limit, scenarios
from s6flow.symbolic.derivation.blocks import Block, Display, Heading, Paragraph, Statement, Table
from s6flow.symbolic.derivation.latex import display
from s6flow.symbolic.derivation.step import Section, Step
from s6flow.symbolic.notation import NOTATION
from s6flow.text import counted

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
    blocks: list[Block] = [Heading("Notation", anchor="notation"), Paragraph(LETTERS), _notation()]
    last: Section | None = None
    for number, section, step in all_steps():
        if section is not last:
            blocks.append(Heading(section.title, anchor=f"section-{number.split('.')[0]}", numbered=True))
            blocks += [Paragraph(section.opening)] if section.opening else []
            last = section
        blocks.append(Statement("Step", step.title, step.id, (Display(step.statement),)))
        blocks += [Paragraph(step.because, "proof"), Paragraph(_residual(step), "residual")]
    return blocks


def _residual(step: Step) -> str:
    zeros = step.verify()
    shown = [display(residual) for residual in step.residuals if residual != 0]
    example = min(shown, key=len, default="")
    formula = f", for example ${example} = 0$" if example and len(example) < 120 else ""
    theorems = ", ".join(f"`{theorem}`" for theorem in step.theorems)
    used = f" Used by {theorems}." if theorems else ""
    return f"{counted(len(zeros), 'residual')} reduced to 0{formula}.{used}"


def _notation() -> Table:
    rows = tuple(
        (f"${row.latex}$", row.meaning, ", ".join(row.axes) or "one number", row.domain) for row in NOTATION.values()
    )
    return Table(("letter", "meaning", "axes", "values"), rows, "Letters of the theory.", "table-notation")


LETTERS = (
    "The letters are the paper's [[cite:vo2025]] and are collected in Table [[table-notation]]. Tokens are counted from 1 and indexed by "
    "$l$, $j$ or $k$, states by $n$, channels by $d$ or $e$. A step is $\\Delta(x) = \\varepsilon + \\operatorname{softplus}(s x + b)$, "
    "and $\\mu = \\sum_n \\mu_n$ throughout."
)
