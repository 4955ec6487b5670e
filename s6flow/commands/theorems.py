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
    from s6flow.api.library import theorems as library

    rows = library(wanted)
    if as_json:
        say_json(rows.to_json(), indent=1)
        return
    from rich.table import Table

    table = Table("theorem", "status", "source", "says", box=None)
    for row in rows:
        table.add_row(row["id"], row["status"], row["source"].split(" ")[0], row["title"])
    console(soft_wrap=True).print(table)
    click.echo("kernel-checked: Coq accepted a proof of the printed formal statement, which has no step floor.")
    counts = rows.counts()
    if false := counts.pop("refuted", 0):
        click.echo(f"refuted: {false} claim once stated, no theorem; s6flow theorem ID shows the counterexample.")
    total = sum(counts.values())
    click.echo(f"{total} theorems: " + ", ".join(f"{count} {status}" for status, count in counts.items()))


@click.command()
@click.argument("identifier")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def theorem(identifier: str, as_json: bool) -> None:
    """Show one theorem: statement, assumptions, proof, witness, counterexamples and generated code."""
    from s6flow.api.library import theorem as page

    found = page(identifier)
    if as_json:
        say_json(found.to_json(), indent=1)
        return
    click.echo(found.markdown())


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
    from s6flow.api.library import check as run
    from s6flow.files import write_atomic
    from s6flow.progress import bar

    printed = json_path == STDOUT
    with bar("check") as progress:

        def say(done: int, total: int, report: CheckReport) -> None:
            progress(done, total, report.id)
            if not printed:
                click.echo(report.line())

        found = run(*identifiers, backend=backend, examples=examples, seed=seed, integrator=integrator, progress=say)
    failed, left = found.failed, list(found.not_run)
    text = json.dumps(found.to_json(), indent=1) + "\n"
    if printed:
        click.echo(text, nl=False)
    else:
        _summary(list(found), failed, left if identifiers else [], len(left), backend)
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
