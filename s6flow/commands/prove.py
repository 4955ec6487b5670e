"""s6flow prove: the formal proofs, from printed statements to Coq's own account of their axioms."""

from __future__ import annotations

import json
from pathlib import Path

import click

from s6flow.commands.outputs import say_table
from s6flow.files import write_atomic

__all__ = ["prove"]


@click.command()
@click.option("--write", is_flag=True, help="Regenerate the printed Coq files before checking them.")
@click.option("--record", is_flag=True, help="Keep the result as the record that the registry's statuses come from.")
@click.option("--coqchk", is_flag=True, help="Re-check the compiled files with the separate checker (minutes).")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Files built at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prove(write: bool, record: bool, coqchk: bool, jobs: int, as_json: bool) -> None:
    """Regenerate the statements, build every proof from nothing, and read the axioms of every theorem.

    Fails if a committed statement differs from the printed one, a proof has a gap, or an axiom is not one of the four
    of the standard library's real numbers.
    """
    from s6flow.proofs import prove as gate
    from s6flow.proofs.formal import formal_statements, generated_files

    files = generated_files()
    if write:
        for name, text in files.items():
            path = gate.COQ / name
            if not path.exists() or path.read_text() != text:
                write_atomic(path, text)
                click.echo(f"wrote {_shown(path)}", err=True)
    statements = formal_statements()
    report = gate.prove(
        statements, generated=files, coqchk=coqchk, jobs=jobs, say=lambda line: click.echo(line, err=True)
    )
    if record:
        write_atomic(gate.RECORD, json.dumps(report.as_json(), indent=1) + "\n")
        click.echo(f"wrote {_shown(gate.RECORD)}", err=True)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
        return
    _table({name: (statements[name][0], axioms) for name, axioms in report.theorems.items()})
    standard = "the standard library's four axioms of the real numbers, or fewer"
    click.echo(f"Coq {report.versions['coq']}: every theorem rests on {standard}.")
    click.echo(f"{len(report.theorems)} passed, 0 failed")


def _table(rows: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    say_table(
        ("formal theorem", "theorem", "axioms"),
        [(name, identifier, str(len(axioms))) for name, (identifier, axioms) in rows.items()],
    )


def _shown(path: Path) -> str:
    return f"proofs/coq/{path.name}"
