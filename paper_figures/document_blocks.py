"""The figures as blocks of a document."""

from __future__ import annotations

from pathlib import Path

from s6flow.paper_figures.draw import draw_figures
from s6flow.paper_figures.record import read_record
from s6flow.symbolic.derivation.blocks import Block, Heading, Paragraph
from s6flow.symbolic.derivation.blocks import Figure as Picture

__all__ = ["figure_blocks"]


def figure_blocks(out: Path) -> list[Block]:
    """The figures as blocks of a document whose files lie in `out`; draws there what is not up to date.

    Figures in the neighbouring folder `figures` are taken from it where they are up to date.
    """
    report = draw_figures(out=out, reuse=[out.parent / "figures"])
    blocks: list[Block] = [Heading("Figures", anchor="section-figures", numbered=True)]
    for outcome in report.outcomes:
        figure = outcome.figure
        record = read_record(figure.name, out)
        if record is None:
            blocks.append(Paragraph(f"{figure.title}: not shown. {outcome.reason}"))
            continue
        blocks.append(Picture(out / figure.name, f"{record['title']}. {record['caption']}"))
    return blocks
