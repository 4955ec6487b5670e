"""The command `figures`: for the command line of the package and for python -m s6flow.paper_figures."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from s6flow.paper_figures.catalogue import FIGURES, chosen
from s6flow.quiet import without_notice_of_folder

if TYPE_CHECKING:
    from s6flow.paper_figures.draw import Outcome

__all__ = ["figures"]


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of figures that are not on the line yet."""
    named = context.params.get("names") or ()
    rows = {name: figure.title for name, figure in FIGURES.items() if name not in named}
    return [CompletionItem(name, help=title) for name, title in rows.items() if name.startswith(incomplete)]


@click.command()
@click.argument("names", nargs=-1, shell_complete=_complete)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/figures"),
    show_default=True,
    help="Folder for the files, made if need be.",
)
@click.option("--check", is_flag=True, help="Draw nothing; exit 4 if a committed result that a figure shows is stale.")
@click.option("--list", "listed", is_flag=True, help="List the figures, or those that are named.")
@click.option("--json", "as_json", is_flag=True, help="With --list: print JSON.")
def figures(names: tuple[str, ...], out: Path, check: bool, listed: bool, as_json: bool) -> int:
    """Draw the paper's figures as PDF, SVG, PNG and CSV with an index page; NAMES picks some of them.

    Figures that are up to date are left alone. Exit status: 0 all there, 3 a figure was skipped, 4 a result is stale.
    """
    if as_json and not listed:
        raise click.UsageError("--json goes with --list")
    rows = chosen(names or None)
    if as_json:
        click.echo(json.dumps([{"name": figure.name, "title": figure.title} for figure in rows], indent=1))
        return 0
    if listed:
        for figure in rows:
            columns = shutil.get_terminal_size((80, 24)).columns
            click.echo(textwrap.fill(f"{figure.name:17} {figure.title}", columns, subsequent_indent=" " * 18))
        return 0

    without_notice_of_folder()
    from s6flow.paper_figures.draw import draw_figures

    def say(outcome: Outcome, number: int, total: int) -> None:
        click.echo(f"[{number:2}/{total}] {outcome.line()}")

    report = draw_figures(names or None, out, check=check, progress=say, processes=_processors())
    click.echo(report.lines()[-1])
    return report.exit_code


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
