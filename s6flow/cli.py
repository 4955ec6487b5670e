"""The command line. Each command lives in `s6flow.commands`; errors are one line and a nonzero exit."""

from __future__ import annotations

import _thread
import atexit
import enum
import errno
import gc
import importlib
import io
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from s6flow import __version__
from s6flow.errors import S6FlowError
from s6flow.streams import open_streams, silence
from s6flow.text import shown

__all__ = ["COMMANDS", "EXIT_STATUSES", "RESEND_AFTER", "cli", "ended_by_signal", "main", "run"]

#: Command -> (module of s6flow.commands, what it does). Modules are imported when their command runs.
COMMANDS: dict[str, tuple[str, str]] = {
    "derive": ("derive", "Regenerate the derivation (Markdown, LaTeX, HTML) with its residuals."),
    "theorems": ("theorems", "List the theorems with status and source."),
    "theorem": ("theorems", "Show one theorem: statement, assumptions, proof, witness, generated code."),
    "new-theorem": ("theorems", "Write the file of a new theorem; list what is at hand for it."),
    "check": ("check", "Test theorems on a backend: verdict, smallest margin and where."),
    "audit": ("audit", "Diagnose a Mamba checkpoint, layer by layer and channel by channel."),
    "diff": ("diff", "Compare two checkpoints: health, signs of mu, memory, weights."),
    "trace": ("trace", "Run a network on a text; measure its layers beside the theorems."),
    "simulate": ("simulate", "Integrate one flow and print, save or plot it."),
    "figures": ("figures", "Draw the paper's figures."),
    "prove": ("prove", "Check the formal proofs with Coq's kernel."),
    "fleet": ("fleet", "Audit many checkpoints, check with a million examples, sweep flows; on a cluster."),
    "experiment": ("experiment", "Train and measure the two refinements."),
}


#: Exit status -> when; `s6flow --help` and docs/terminal.md print it.
EXIT_STATUSES: dict[int, str] = {
    0: "all went well; also where the reader of the output has gone, as in s6flow theorems | head",
    1: "an error, in one line on stderr; check: a verdict does not pass; trace: a theorem's bound is exceeded, its name on stderr",
    2: "wrong usage: an unknown command or option, a value that is not of its type",
    3: "not whole: audit withheld damaged layers, simulate failed before its end, figures skipped one, "
    "check could not judge a theorem that was named, fleet could not audit some, experiment ran out of time",
    4: "figures --check: a committed result that a figure shows is stale",
    130: "interrupted (Ctrl-C); no file was left half written",
    143: "terminated; no file was left half written",
}
#: Library that whole commands are built on -> the extra that brings it.
_EXTRAS = {"torch": "torch", "transformers": "transformers"}
#: Set by the shell while it completes a command.
_COMPLETE = "_S6FLOW_COMPLETE"


class _Lazy(click.Group):
    """A group that imports a command's module only when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"s6flow.commands.{COMMANDS[name][0]}")
        command = getattr(module, name.replace("-", "_"))
        assert isinstance(command, click.Command), "commands are click commands"
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by the table, so that none is imported, and options."""
        names = [CompletionItem(name, help=row[1]) for name, row in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), when) for status, when in EXIT_STATUSES.items()])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[1]) for name, row in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="s6flow")
def cli() -> None:
    """Theory toolkit for selective state-space models (Mamba): derive, prove, check, audit, draw."""


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the command line; returns only by SystemExit."""
    streams = sys.stdout, sys.stderr
    open_streams()
    gc.set_threshold(50_000, 20, 50)  # imports make half a million objects, none of them rubbish: less looking for it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Unicode gets escapes, not a traceback
    try:
        with ended_by_signal():
            status = run(arguments)
            sys.stdout.flush()
    except S6FlowError as error:
        _fail(f"{type(error).__name__}: {error}", 1)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        remedy = f"Run pip install 's6flow[{_EXTRAS[library]}]'."
        _fail(f"MissingDependencyError: this command needs {library}; got no {library}. {remedy}", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        raise SystemExit(0) from None
    except click.UsageError as error:
        hint = f" Try {error.ctx.command_path} --help." if error.ctx and error.ctx.parent else " Try s6flow --help."
        _fail(f"UsageError: {error.format_message().rstrip('.')}.{hint}", 2)
    except click.ClickException as error:
        _fail(f"Error: {error.format_message()}", 1)
    except (_Ended, KeyboardInterrupt, click.Abort) as error:
        number = error.number if isinstance(error, _Ended) else signal.SIGINT
        if arguments is None:
            silence()  # what is not written yet would be waited for until somebody reads
        _fail(f"{_ENDS[number]}: no file was left half written.", 128 + number)
    except BrokenPipeError:
        silence()  # the reader has gone, as in s6flow ... | head
        raise SystemExit(0) from None
    except EOFError:
        _fail("FormatError: a file must be whole; its end came too early.", 1)
    except MemoryError:
        _fail("MemoryError: this needs more memory than there is. Choose fewer systems, layers or examples.", 1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EBADF, errno.EAGAIN):
            raise
        silence()
        _fail(f"FormatError: the output must be written whole; {error.strerror}.", 1)
    finally:
        if arguments is None:  # what is left is Python's own end, which Ctrl-C would fill with tracebacks
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
            gc.freeze()  # and which would look through all objects again: a fifth of the time of a command
        else:  # a host's own
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            sys.stdout, sys.stderr = streams
    raise SystemExit(status if isinstance(status, int) else 0)


def run(arguments: Sequence[str] | None) -> Any:
    """Parse and run, as click's own `main`, which would take a closed pipe for a failure and a short file for Ctrl-C."""
    instruction = os.environ.get(_COMPLETE)
    if instruction:
        raise SystemExit(shell_complete(cli, {}, "s6flow", _COMPLETE, instruction))
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with cli.make_context("s6flow", words) as context:
            return cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code


class _Ended(BaseException):
    """A signal came, of that number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Terminated(_Ended):
    """SIGTERM, so that temporary files go and the status says so."""


class _Interrupted(_Ended, KeyboardInterrupt):
    """SIGINT, which libraries know by the name of Ctrl-C."""


_ENDS: dict[int, str] = {signal.SIGTERM: "Terminated", signal.SIGINT: "Interrupted"}
#: Python code that C calls and that must not fail: NumPy asks a member of an enumeration for attributes, pybind11 makes
#: enumerations while it is imported.
_CALLED_FROM_C = enum.__file__
#: Seconds after which a signal that came to nothing is sent again.
RESEND_AFTER = 0.01


class _Signals:
    """SIGTERM and SIGINT as exceptions that are not lost.

    C code that calls Python clears what is raised there, an optional import takes it for a missing library, and what ends an
    object's life raises nothing. An exception that was swallowed is freed: then its signal is sent again. One that was
    replaced by another exception lives on as that one's context, and the end of the run asks what came.
    """

    def __init__(self) -> None:
        #: The last signal that came, and whether there is a run that it ends.
        self.came: int | None = None
        self.on = False
        self._raised: weakref.ref[_Ended] | None = None
        self._told = sys.unraisablehook

    def answer(self, number: int, frame: FrameType | None) -> None:
        """The handler of both."""
        under_way = self._raised is not None and self._raised() is not None
        if number == signal.SIGTERM and under_way:
            return  # the end is being made; a second Ctrl-C cuts that short
        self.came = number
        if frame is not None and frame.f_code.co_filename == _CALLED_FROM_C:
            self._send(number)
            return
        raise self._watched(number)

    def _watched(self, number: int) -> _Ended:
        """What is raised; no frame of its traceback holds it, so that it is freed as soon as nobody cares for it."""
        error = _Terminated(number) if number == signal.SIGTERM else _Interrupted(number)
        self._raised = weakref.ref(error, lambda _: self._send(number))
        return error

    def _send(self, number: int) -> None:
        """Once more, a moment later."""
        if self.on:
            _thread.start_new_thread(self._come, (number,))  # takes no lock that what was interrupted may hold

    def _come(self, number: int) -> None:
        time.sleep(RESEND_AFTER)
        if self.on:
            os.kill(os.getpid(), number)

    def unraisable(self, told: Any) -> None:
        """In place of `sys.unraisablehook`: what comes again needs no traceback where it could not be raised."""
        if not isinstance(told.exc_value, _Ended):
            self._told(told)


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """SIGTERM, and SIGINT unless it is ignored, end what is inside; a thread that is not the main one is left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = _Signals()
    # a shell may have set it to be ignored
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    numbers = (signal.SIGTERM, signal.SIGINT) if interruptible else (signal.SIGTERM,)
    before = {number: signal.signal(number, signals.answer) for number in numbers}
    hook, sys.unraisablehook = sys.unraisablehook, signals.unraisable
    signals.on = True
    try:
        yield
    except _Ended:
        raise
    except BaseException as error:
        if signals.came is not None:  # it stands behind this one, or is about to come again
            raise _Ended(signals.came) from error
        raise
    else:
        if signals.came is not None:
            raise _Ended(signals.came)
    finally:
        signals.on = False
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(line: str, status: int) -> None:
    with suppress(OSError):
        click.echo(shown(" ".join(line.split())), err=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
