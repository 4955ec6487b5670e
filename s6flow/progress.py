"""A progress bar that shows on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "bar"]

#: Called with how much is done, of how much, and the name of what is being worked on.
Report = Callable[[int, int, str], None]
_LONGEST = 40


@contextmanager
def bar(label: str) -> Iterator[Report]:
    """A function of (done, total, name) that moves a bar on stderr; it draws nothing unless that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, total, name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    names = TextColumn("{task.fields[name]}", markup=False)
    with Progress(*columns, names, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(Text(label).plain, total=None, name="")
        yield lambda done, total, name: progress.update(task, completed=done, total=total, name=name[-_LONGEST:])
