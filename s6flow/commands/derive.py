"""s6flow derive: the derivation as Markdown, LaTeX and HTML."""

from __future__ import annotations

from pathlib import Path

import click

from s6flow.files import refuse_clashes, write_atomic
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
    from s6flow.paper import paper_blocks
    from s6flow.symbolic.derivation import TITLE, all_steps
    from s6flow.symbolic.derivation.document import RENDERERS, render

    if figures is None:
        figures = theorems and (out.parent / "figures" / "index.html").exists()
    targets = {form: out / f"derivation{suffix}" for form, (suffix, *_) in RENDERERS.items()}
    refuse_clashes({"page": list(targets.values())}, {})
    blocks = paper_blocks(theorems=theorems, figures=out if figures else None)
    pages = {path: render(TITLE, blocks, form) for form, path in targets.items()}
    for path, text in pages.items():
        write_atomic(path, text)
        click.echo(f"wrote {shown(path)}")
    steps = list(all_steps())
    residuals = sum(len(step.residuals) for _, _, step in steps)
    click.echo(f"{len(steps)} steps, {residuals} residuals, all reduced to 0")
