"""s6flow theorems, theorem and new-theorem: the library, one theorem, and the file of a new one."""

from __future__ import annotations

import click

from s6flow.commands.completion import complete_theorems
from s6flow.commands.outputs import say, say_json, say_note, say_page, say_table
from s6flow.errors import TheoremError
from s6flow.text import counted

__all__ = ["new_theorem", "theorem", "theorems"]


@click.command()
@click.option("--status", "wanted", help="Only theorems with this status.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def theorems(wanted: str | None, as_json: bool) -> None:
    """List every theorem with its status and source, and below them the claims that were refuted."""
    from s6flow.api.library import theorems as library
    from s6flow.proofs import index

    rows = library(wanted)
    say_note(index.note())
    if as_json:
        say_json(rows.to_json(), indent=1)
        return
    say_table(
        ("theorem", "status", "source", "says"),
        [(row["id"], row["status"], row["source"].split(" ")[0], row["title"]) for row in rows],
    )
    say(
        "kernel-checked: Coq accepted a proof of the formal statement; `s6flow theorem ID` says where that says more or less than the printed one."
    )
    for row in rows:
        if row["status"] not in ("kernel-checked", "refuted"):
            say(f"{row['id']}, {row['status']}. {index.content(row['id'])['reached']}")
    counts = rows.counts()
    if false := counts.pop("refuted", 0):
        say(f"refuted: {counted(false, 'claim')} once stated, no theorem; s6flow theorem ID shows the counterexample.")
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    say(f"{counted(sum(counts.values()), 'theorem')}{': ' * bool(told)}{told}")


@click.command()
@click.argument("identifier", shell_complete=complete_theorems)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def theorem(identifier: str, as_json: bool) -> None:
    """Show one theorem: statement, assumptions, proof, witness, counterexamples and generated code.

    Formulas are shown in Unicode; --json has them in LaTeX. Of a number of the audit, as K0, it says what that rests on.
    """
    from s6flow.api.library import rests_on
    from s6flow.api.library import theorem as page
    from s6flow.formula import readable
    from s6flow.proofs import index

    try:
        found = page(identifier)
    except TheoremError:
        if as_json or not (source := rests_on(identifier)):
            raise
        say(f"{identifier} is a number of the audit. It rests on {source}.")
        return
    say_note(index.note())
    if as_json:
        say_json(found.to_json(), indent=1)
        return
    say_page(readable(found.markdown()))


@click.command("new-theorem")
@click.argument("identifier")
@click.option(
    "--group", required=True, help="The folder of proofs/theorems that it belongs to; a wrong name lists them."
)
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
    click.echo(
        f"then: pytest tests/properties tests/quality -k {identifier}, make generated, and the rest of CONTRIBUTING.md"
    )
    click.echo(f"CHANGELOG.md: {changelog_line(identifier)}")
