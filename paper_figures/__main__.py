"""python -m s6flow.paper_figures: the command `figures` by itself."""

from __future__ import annotations

import sys

import click

from s6flow.errors import S6FlowError
from s6flow.paper_figures.command import figures


def main() -> int:
    """Run the command; errors are one line."""
    try:
        return int(figures.main(prog_name="s6flow figures", standalone_mode=False) or 0)
    except S6FlowError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        return 1
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: no file was left half written.", err=True)
        return 130


if __name__ == "__main__":
    sys.exit(main())
