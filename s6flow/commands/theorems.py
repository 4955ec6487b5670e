"""s6flow theorems, theorem and check: the library, one theorem, and tests outside pytest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from s6flow.commands.outputs import STDOUT, OutputFile, console, say_json, say_written
from s6flow.numeric.checks.engines import ENGINES
from s6flow.numeric.flow.backends import BACKENDS

if TYPE_CHECKING:
    from s6flow.numeric.checks.check import CheckReport

__all__ = ["check", "new_theorem", "theorem", "theorems"]


@click.command()
@click.option("--status", "wanted", help="Only theorems with this status.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def theorems(wanted: str | None, as_json: bool) -> None:
    """List every theorem with its status and source, and below them the claims that were refuted."""
    from s6flow.errors import FormatError
    from s6flow.proofs.pages import listing
    from s6flow.proofs.refuted import refuted_listing
    from s6flow.proofs.status import STATUSES

    if wanted is not None and wanted not in (*STATUSES, "refuted"):
        raise FormatError("--status must be one of " + ", ".join((*STATUSES, "refuted")), wanted)
    stated = [row for row in listing() if wanted in (None, row["status"])]
    false = [row for row in refuted_listing() if wanted in (None, row["status"])]
    rows = stated + false
    if as_json:
        say_json(rows, indent=1)
        return
    from rich.table import Table

    table = Table("theorem", "status", "source", "says", box=None)
    for row in rows:
        table.add_row(row["id"], row["status"], row["source"].split(" ")[0], row["title"])
    console(soft_wrap=True).print(table)
    click.echo("kernel-checked: Coq accepted a proof of the printed formal statement, which has no step floor.")
    counts = {status: sum(row["status"] == status for row in stated) for status in STATUSES}
    if false:
        click.echo(f"refuted: {len(false)} claim once stated, no theorem; s6flow theorem ID shows the counterexample.")
    click.echo(
        f"{len(stated)} theorems: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    )


@click.command()
@click.argument("identifier")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def theorem(identifier: str, as_json: bool) -> None:
    """Show one theorem: statement, assumptions, proof, witness, counterexamples and generated code."""
    from s6flow.proofs import pages
    from s6flow.proofs.refuted import REFUTED, refuted_blocks
    from s6flow.proofs.registry import get
    from s6flow.symbolic.derivation.document import render

    if identifier in REFUTED and not as_json:
        click.echo(render(identifier, refuted_blocks(REFUTED[identifier]), "markdown"))
        return
    found = get(identifier)
    figures = _figures(identifier)
    if as_json:
        say_json({**pages.as_json(identifier), "figures": figures}, indent=1)
        return
    click.echo(render(found.id, pages.theorem_blocks(found, figures=figures), "markdown"))


def _figures(identifier: str) -> list[str]:
    """Ids of the figures that show a theorem; figures of the whole registry are not among them."""
    from s6flow.paper_figures.catalogue import FIGURES

    return [name for name, figure in FIGURES.items() if identifier in figure.theorems]


@click.command("new-theorem")
@click.argument("identifier")
@click.option("--group", required=True, help="The folder of proofs/theorems that it belongs to.")
def new_theorem(identifier: str, group: str) -> None:
    """Write proofs/theorems/GROUP/ID.py, and print what is at hand for it and the line for CHANGELOG.md.

    The file loads and states a conjecture that its own check refutes; replace its parts one by one.
    """
    from s6flow.numeric.checks.measurements import MEASUREMENTS
    from s6flow.proofs.drafts import at_hand, changelog_line, write_draft

    path = write_draft(identifier, group)
    click.echo(at_hand(MEASUREMENTS))
    click.echo(
        f"wrote proofs/theorems/{group}/{path.name}; next: s6flow check {identifier}, s6flow theorem {identifier}"
    )
    click.echo(f"CHANGELOG.md: {changelog_line(identifier)}")


@click.command()
@click.argument("identifiers", nargs=-1)
@click.option("--backend", default="numpy", show_default=True, help=f"One of {', '.join(ENGINES)}.")
@click.option(
    "--integrator", help=f"For trajectories, one of {', '.join(BACKENDS)}; numba by default where it is installed."
)
@click.option(
    "--examples", type=click.IntRange(0, 10**8), default=200, show_default=True, help="Random systems a theorem."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--json", "json_path", type=OutputFile(), is_flag=False, flag_value=STDOUT, help="Write JSON; alone: print it."
)
def check(
    identifiers: tuple[str, ...], backend: str, integrator: str | None, examples: int, seed: int, json_path: Path | None
) -> int:
    """Test theorems on random systems that meet their assumptions.

    HOLDS: nothing violated the claim on these data. CONSISTENT: the same where the claim is a limit, of which only a
    finite horizon can be seen. Exit status: 0 every verdict passes, 1 one does not, 3 a theorem that was named was not
    run, because this backend cannot judge it.
    """
    from s6flow.files import write_atomic
    from s6flow.numeric.checks.check import check as run
    from s6flow.numeric.checks.engines import applicable, require
    from s6flow.progress import bar
    from s6flow.proofs.registry import REGISTRY, get

    require(backend)
    chosen = [get(identifier) for identifier in identifiers] or list(REGISTRY.values())
    able = [found for found in chosen if applicable(found, backend)]
    left = [found.id for found in chosen if found not in able]
    printed = json_path == STDOUT
    reports = []
    with bar("check") as progress:
        for index, found in enumerate(able):
            reports.append(run(found, backend, examples, seed, integrator=integrator))
            progress(index + 1, len(able), found.id)
            if not printed:
                click.echo(reports[-1].line())
    failed = [report for report in reports if not report.verdict.passes]
    document = {"schema": "s6flow-check/1", "backend": backend, "examples": examples, "seed": seed, "not_run": left}
    text = json.dumps({**document, "reports": [report.as_json() for report in reports]}, indent=1) + "\n"
    if printed:
        click.echo(text, nl=False)
    else:
        _summary(reports, failed, left if identifiers else [], len(left), backend)
    if json_path is not None and not printed:
        say_written([write_atomic(json_path, text)])
    return 1 if failed else 3 if identifiers and left else 0


def _summary(
    reports: list[CheckReport], failed: list[CheckReport], named: list[str], not_run: int, backend: str
) -> None:
    """What was not run, how many passed, and of those that did not the worst system."""
    why = f"it speaks of trajectories, which {backend} cannot judge; use --backend numpy"
    for identifier in named:
        click.echo(f"{identifier:26} {backend:8} not run: {why}")
    note = f", {not_run} not run ({backend} cannot judge trajectories)" if not_run else ""
    click.echo(f"{len(reports) - len(failed)} pass, {len(failed)} do not{note}")
    for report in failed:
        worst = f", worst at {json.dumps(report.as_json()['where'])[:300]}" if report.where else ""
        click.echo(f"  {report.id}: {report.verdict.value}{worst}")
