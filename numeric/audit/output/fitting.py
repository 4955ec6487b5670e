"""A table that loses no column: what does not fit beside the first column follows below, with the first column again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

__all__ = ["FittingTable"]

#: The first column is folded to this width where its names are longer.
_NAMES = 16


class FittingTable:
    """Names in the first column, numbers in the others; as many tables as the width of the console asks for.

    Args:
        first: heading of the names.
        columns: headings of the numbers.
    """

    def __init__(self, first: str, columns: Sequence[str]) -> None:
        self.first, self.columns = first, list(columns)
        self.rows: list[tuple[str, list[Text]]] = []

    def add_row(self, name: str, cells: Sequence[str | Text]) -> None:
        """One line: as many cells as there are columns."""
        assert len(cells) == len(self.columns), "a cell for every column"
        self.rows.append((name, [cell if isinstance(cell, Text) else Text(cell) for cell in cells]))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        sizes = [
            max(len(heading), *(len(cells[place]) for _, cells in self.rows), 1)
            for place, heading in enumerate(self.columns)
        ]
        names = min(_NAMES, max(len(name) for name in (self.first, *(name for name, _ in self.rows))))
        for places in column_blocks(sizes, options.max_width - names - 3):
            table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
            table.add_column(self.first, overflow="fold", min_width=names, max_width=names)
            for place in places:
                table.add_column(Text(self.columns[place]), justify="right", no_wrap=True, min_width=sizes[place])
            for name, cells in self.rows:
                table.add_row(Text(name), *(cells[place] for place in places))
            yield table


def column_blocks(sizes: Sequence[int], room: int) -> Iterator[list[int]]:
    """Places of columns that fit into `room` side by side, at least one a block."""
    block: list[int] = []
    for place in range(len(sizes)):
        if block and sum(sizes[i] + 2 for i in (*block, place)) > room:
            yield block
            block = []
        block.append(place)
    if block:
        yield block
