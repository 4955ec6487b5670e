"""Output of commands: files are checked before any work begins, what was written is said, and any terminal will do."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from s6flow.errors import FormatError
from s6flow.files import check_output
from s6flow.text import shown

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "STDOUT",
    "OneOf",
    "OutputFile",
    "console",
    "flow_backends",
    "say",
    "say_json",
    "say_note",
    "say_numbers",
    "say_page",
    "say_table",
    "say_written",
    "width",
]

#: What `--json` alone stands for.
STDOUT = Path("-")


#: Columns that the last cell of a row needs beside the others; with less room it stands below them.
_NARROWEST = 20


def flow_backends() -> Iterable[str]:
    """Names of the integrators of the paper's flows: that of PyTorch integrates equations of one's own alone."""
    from s6flow.numeric.flow.backends import BACKENDS

    return [name for name in BACKENDS if name != "torch"]


class OneOf(click.Option):
    """An option with a name from a table; the table is imported only when a name is given, help is shown or a shell completes.

    Args:
        names: gives the names; in the help text `{names}` stands for them.
    """

    def __init__(self, *arguments: Any, names: Callable[[], Iterable[str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.names = names

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = (self.help or "").replace("{names}", ", ".join(self.names()))
        return super().get_help_record(ctx)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        found = super().type_cast_value(ctx, value)
        for name in found if self.multiple else [found]:
            if name not in (None, self.default) and name not in (known := tuple(self.names())):
                raise FormatError(f"{self.opts[0]} must be one of " + ", ".join(known), name, self.opts[0])
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


class OutputFile(click.Path):  # type: ignore[type-arg,unused-ignore]
    """A file to write, in a folder that exists: a misspelt folder is an error, not a new folder.

    Args:
        suffixes: endings that the name may have; any if there are none.
    """

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path, dir_okay=False, readable=False)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        option = param.opts[0] if param is not None else "output"
        if not str(value):
            raise FormatError("an output file needs a name", repr(""), option)
        if not path.parent.is_dir():
            remedy = "Make it, or choose another."
            raise FormatError("an output file needs a folder that exists", f"{path.parent}", option, remedy)
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            endings = f"{', '.join(self.suffixes[:-1])} or {self.suffixes[-1]}"
            raise FormatError(f"{option} needs a name that ends in {endings}", path.name, option)
        if path != STDOUT:
            check_output(path)
        return path


def say_written(paths: Iterable[Path], printed: bool = False) -> None:
    """One line a file; on stderr where the output itself is a document."""
    for path in paths:
        click.echo(f"wrote {shown(path)}", err=printed)


def say_json(document: Any, indent: int | None = None) -> None:
    """Print a document; in ASCII where the terminal or pipe has no UTF-8."""
    plain = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "") != "utf8"
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=plain, default=str)
    click.echo(text.encode(errors="backslashreplace").decode())


def console(**options: Any) -> Console:
    """A console for tables; when the reader of a pipe has gone it says so as everything else does."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:  # the library's own ends the program with an error
            raise BrokenPipeError

    return Ours(**options)


def say_note(line: str) -> None:
    """A line about how the output came about, if there is one; on stderr, so that the output stays what it is."""
    if line:
        click.echo(line, err=True)


def width() -> int:
    """Columns of the terminal; 80 where there is none, or as COLUMNS says."""
    return shutil.get_terminal_size((80, 24)).columns


def say(line: str, indent: int = 0) -> None:
    """Prose, folded at spaces to the terminal's width; paths and numbers stay whole.

    Args:
        indent: of the lines after the first.
    """
    folded = textwrap.wrap(
        line, width(), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    click.echo("\n".join(folded) or line)


def say_page(text: str) -> None:
    """A page of Markdown: paragraphs and Python code are folded, displayed mathematics stays as it is."""
    from s6flow.commands.listings import folded

    mathematics, code = False, list[str]()
    listing = False
    for line in text.splitlines():
        mathematics ^= line.startswith("$$")
        if line.startswith("```"):
            if code:
                click.echo(folded("\n".join(code), width()))
                code.clear()
            listing = not listing
            click.echo(line)
        elif listing:
            code.append(line)
        elif mathematics or not line.strip():
            click.echo(line)
        else:
            say(line)


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of words, no wider than the terminal: the last column is folded, none is lost."""
    limit = width()
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    left = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = limit - left
    for row in (header, *rows):
        first = "  ".join(cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=False))
        if room >= min(_NARROWEST, widths[-1]):
            folded = textwrap.wrap(row[-1], room) or [""]
            lines = [f"{first}  {folded[0]}", *(" " * left + line for line in folded[1:])]
        else:
            lines = [first, *("    " + line for line in textwrap.wrap(row[-1], max(limit - 4, _NARROWEST)))]
        for line in lines:
            click.echo(line.rstrip())


def say_numbers(header: Sequence[str], rows: Sequence[Sequence[str]], kept: int = 1) -> None:
    """A table of numbers, flush right; what does not fit beside the first `kept` columns follows below, with these again."""
    sizes = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    for columns in _blocks(sizes, kept):
        for row in (header, *rows):
            click.echo("  ".join(row[place].rjust(sizes[place]) for place in columns))


def _blocks(sizes: Sequence[int], kept: int) -> Iterator[list[int]]:
    """Places of the columns that stand side by side, for each part of a table."""
    first, limit = list(range(kept)), width()
    block = list(first)
    for place in range(kept, len(sizes)):
        if len(block) > kept and sum(sizes[i] + 2 for i in (*block, place)) - 2 > limit:
            yield block
            block = list(first)
        block.append(place)
    yield block
