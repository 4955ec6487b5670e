"""What shells complete besides commands, options and names of tables: ids of theorems."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_theorems"]


def complete_theorems(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of theorems with their titles; for the command that shows one, those of refuted claims, too."""
    from s6flow.proofs import index

    rows = [row for row in index.rows() if context.command.name == "theorem" or row["status"] != "refuted"]
    return [CompletionItem(row["id"], help=row["title"]) for row in rows if row["id"].startswith(incomplete)]
