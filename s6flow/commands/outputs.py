"""Output files of commands: their folder is there before any work begins, and what was written is said."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from s6flow.errors import FormatError

__all__ = ["STDOUT", "OutputFile", "say_written"]

#: What `--json` alone stands for.
STDOUT = Path("-")


class OutputFile(click.Path):  # type: ignore[type-arg,unused-ignore]
    """A file to write, in a folder that exists: a misspelt folder is an error, not a new folder.

    Args:
        suffixes: endings that the name may have; any if there are none.
    """

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path, dir_okay=False)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        option = param.opts[0] if param is not None else "output"
        if not path.parent.is_dir():
            remedy = "Make it, or choose another."
            raise FormatError("an output file needs a folder that exists", f"{path.parent}", option, remedy)
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            endings = f"{', '.join(self.suffixes[:-1])} or {self.suffixes[-1]}"
            raise FormatError(f"{option} needs a name that ends in {endings}", path.name, option)
        return path


def say_written(paths: Iterable[Path], printed: bool = False) -> None:
    """One line a file; on stderr where the output itself is a document."""
    for path in paths:
        click.echo(f"wrote {path}", err=printed)
