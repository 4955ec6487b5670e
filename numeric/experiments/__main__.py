"""python -m s6flow.numeric.experiments {lm,reorder,prepare} ...: the command `experiment` by itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from s6flow.errors import S6FlowError
from s6flow.numeric.experiments.command import experiment

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status, 1 for an error and 2 for bad arguments, which are one line."""
    words = None if arguments is None else list(arguments)
    try:
        return int(experiment.main(words, prog_name="s6flow experiment", standalone_mode=False) or 0)
    except S6FlowError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        return 1
    except click.ClickException as error:
        click.echo(f"UsageError: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: the same command resumes.", err=True)
        return 130


if __name__ == "__main__":
    sys.exit(main())
