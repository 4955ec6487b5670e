"""Output of commands: files are checked before any work begins, what was written is said, and any terminal will do."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from s6flow.errors import FormatError
from s6flow.files import check_output
from s6flow.text import shown

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STDOUT", "OutputFile", "console", "say", "say_json", "say_note", "say_table", "say_written"]

#: What `--json` alone stands for.
STDOUT = Path("-")


#: Columns that the last cell of a row needs beside the others; with less room it stands below them.
_NARROWEST = 20


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


def say(line: str) -> None:
    """Prose, folded at spaces to the terminal's width; paths and numbers stay whole."""
    click.echo("\n".join(textwrap.wrap(line, width(), break_long_words=False, break_on_hyphens=False)) or line)


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Container[str] = ()) -> None:
    """A table without lines between its columns, no wider than the terminal: the last column is folded, none is lost.

    Args:
        right: headings of the columns that are flush right.
    """
    limit = width()
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    left = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = limit - left
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ][:-1]
        first = "  ".join(cells)
        if room >= _NARROWEST:
            folded = textwrap.wrap(row[-1], room) or [""]
            lines = [f"{first}  {folded[0]}", *(" " * (left) + line for line in folded[1:])]
        else:
            lines = [first, *("    " + line for line in textwrap.wrap(row[-1], max(limit - 4, _NARROWEST)))]
        for line in lines:
            click.echo(line.rstrip())
