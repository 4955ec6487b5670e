"""The command line. Each command lives in `s6flow.commands`; errors are one line and a nonzero exit."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from s6flow import __version__
from s6flow.errors import S6FlowError

__all__ = ["cli", "main"]

#: Command -> (module of s6flow.commands, what it does). Modules are imported when their command runs.
COMMANDS: dict[str, tuple[str, str]] = {
    "derive": ("derive", "Regenerate the derivation (Markdown, LaTeX, HTML) with its residuals."),
    "theorems": ("theorems", "List the theorems with status and source."),
    "theorem": ("theorems", "Show one theorem: statement, assumptions, proof, witness, generated code."),
    "check": ("theorems", "Test theorems on a backend: verdict, smallest margin and where."),
    "audit": ("audit", "Diagnose a Mamba checkpoint, layer by layer and channel by channel."),
    "diff": ("diff", "Compare two checkpoints: health, signs of mu, memory, weights."),
    "simulate": ("simulate", "Integrate one flow and print, save or plot it."),
    "figures": ("figures", "Draw the paper's figures."),
    "prove": ("prove", "Check the formal proofs with Coq's kernel."),
    "experiment": ("experiment", "Train and measure the two refinements."),
}


class _Lazy(click.Group):
    """A group that imports a command's module only when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"s6flow.commands.{COMMANDS[name][0]}")
        command = getattr(module, name)
        assert isinstance(command, click.Command), "commands are click commands"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[1]) for name, row in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="s6flow")
def cli() -> None:
    """Theory toolkit for selective state-space models (Mamba): derive, prove, check, audit, draw."""


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the command line; returns only by SystemExit."""
    try:
        status = cli.main(args=arguments, prog_name="s6flow", standalone_mode=False)
    except S6FlowError as error:
        _fail(f"{type(error).__name__}: {error}", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        raise SystemExit(0) from None
    except click.UsageError as error:
        hint = f" Try s6flow {error.ctx.info_name} --help." if error.ctx and error.ctx.parent else " Try s6flow --help."
        _fail(f"UsageError: {error.format_message().rstrip('.')}.{hint}", 2)
    except click.ClickException as error:
        _fail(f"Error: {error.format_message()}", 1)
    except (KeyboardInterrupt, click.Abort):
        _fail("Interrupted: no file was left half written.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; say nothing at exit
        raise SystemExit(0) from None
    except MemoryError:
        _fail("MemoryError: this needs more memory than there is. Choose fewer systems, layers or examples.", 1)
    raise SystemExit(status if isinstance(status, int) else 0)


def _fail(line: str, status: int) -> None:
    click.echo(" ".join(line.split()), err=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
