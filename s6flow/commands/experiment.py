"""s6flow experiment: the training experiments on the two refinements."""

from __future__ import annotations

import click

__all__ = ["experiment"]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def experiment(arguments: tuple[str, ...]) -> int:
    """Train and measure: lm (language modelling) or reorder (classification); prepare writes data for another machine."""
    from s6flow.numeric.experiments.__main__ import main

    return main(arguments or ("--help",))
