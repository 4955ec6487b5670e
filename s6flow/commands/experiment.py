"""s6flow experiment: see numeric.experiments.command."""

from __future__ import annotations

from typing import Any

import click

from s6flow.numeric.experiments import command
from s6flow.processes import deaf_children

__all__ = ["experiment"]


class _Training(click.Group):
    """The group of numeric.experiments, whose workers leave Ctrl-C to this process."""

    def invoke(self, ctx: click.Context) -> Any:
        with deaf_children():
            return super().invoke(ctx)


_group = command.experiment
experiment = _Training(
    _group.name,
    commands=_group.commands,
    callback=_group.callback,
    help=_group.help,
    context_settings=_group.context_settings,
)
