"""s6flow derive: the derivation as Markdown, LaTeX and HTML."""

from __future__ import annotations

from pathlib import Path

import click

from s6flow.quiet import without_notice_of_folder
from s6flow.text import shown

__all__ = ["derive"]


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/derivation"),
    show_default=True,
    help="Folder, made if need be.",
)
@click.option("--figures/--no-figures", default=None, help="Include the figures; by default if they have been drawn.")
@click.option("--theorems/--no-theorems", default=True, help="Include the theorem library with statuses.")
def derive(out: Path, figures: bool | None, theorems: bool) -> None:
    """Regenerate the derivation: numbered steps, each with its justification and a residual reduced to zero."""
    without_notice_of_folder()
    from s6flow.api.documents import derive as written

    for line in written(out=out, figures=figures, theorems=theorems).lines():
        click.echo(shown(line))
