"""What every result of the API can do: a repr of one screen, HTML for notebooks, data frames, JSON, a picture.

A result names its tables and says a few lines; how these look is written here once.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from s6flow.errors import FormatError, MissingDependencyError
from s6flow.text import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Result", "Table"]

#: Columns and rows of a terminal that a repr keeps to, and rows of a table in a notebook.
_WIDTH, _ROWS, _HTML_ROWS = 80, 10, 24
#: Lines above a table in a repr.
_LINES = 9
#: The longest cell of a repr, and the narrowest column that a text is cut to.
_CELL, _NARROWEST = 34, 14


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name, as `pandas.DataFrame` and `polars.DataFrame` take them.

    Args:
        data: column -> values; what is not known is None.
        brief: the columns that a screen shows first; all by default.
        spread: whether a screen shows rows of the whole table, evenly spaced, and not the first ones.
    """

    data: Mapping[str, Sequence[Any] | NDArray[Any]]
    brief: tuple[str, ...] = field(default=())
    spread: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self.data)

    def __len__(self) -> int:
        return len(next(iter(self.data.values()), ()))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Row by row, in the order of the columns."""
        return zip(*self.data.values(), strict=True)

    def screen(self, most: int) -> tuple[tuple[str, ...], list[list[str]]]:
        """Names and cells of at most `most` rows, as text that does nothing to a terminal."""
        names = self.brief or self.columns
        count = len(self)
        places: Sequence[int] = range(min(count, most))
        if self.spread and count > most:
            places = [round(index * (count - 1) / (most - 1)) for index in range(most)]
        return tuple(map(shown, names)), [[_cell(self.data[name][place]) for name in names] for place in places]


def _cell(value: Any) -> str:
    """A value for a reader: four digits, yes and no, a dash for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return shown(value)


class Result:
    """A result of the API.

    Subclasses name their tables in `TABLES`, the one that is shown first, and define `lines`, `_table` and `to_json`.
    """

    TABLES: ClassVar[tuple[str, ...]] = ()

    def lines(self) -> list[str]:
        """What it says, in a few sentences."""
        raise NotImplementedError

    def _table(self, name: str) -> Table:
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps(..., allow_nan=False)` takes: the document that the command prints."""
        raise NotImplementedError

    def plot(self) -> Any:
        """A picture, as matplotlib's.

        Raises: FormatError: this result has none.
        """
        kind = type(self).__name__
        raise FormatError("only a result with numbers to compare has a picture", kind, "plot", "See its table().")

    def table(self, name: str | None = None) -> Table:
        """One of its tables; the first of `TABLES` by default.

        Raises: FormatError: there is no such table.
        """
        chosen = self.TABLES[0] if name is None else name
        if chosen not in self.TABLES:
            known = ", ".join(self.TABLES)
            raise FormatError(
                "a result's table must be one that it has", repr(name), type(self).__name__, f"It has: {known}."
            )
        return self._table(chosen)

    def to_pandas(self, name: str | None = None) -> Any:
        """A table as a `pandas.DataFrame`; for other libraries: `polars.DataFrame(result.table().data)`.

        Raises: FormatError: there is no such table. MissingDependencyError: pandas is not installed.
        """
        data = dict(self.table(name).data)
        try:
            import pandas
        except ImportError:
            remedy = "Run pip install 's6flow[frames]', or take table().data as it is."
            raise MissingDependencyError("data frames need pandas", "no pandas", "to_pandas", remedy) from None
        return pandas.DataFrame(data)

    def __repr__(self) -> str:
        said = [line for text in self.lines() for line in textwrap.wrap(shown(text), _WIDTH - 1) or [""]]
        if len(said) > _LINES:
            said = [*said[: _LINES - 1], "..."]
        return "\n".join([*said, *_text_table(self.table())])

    def _repr_html_(self) -> str:
        """For notebooks: no script, no colour of its own, everything escaped."""
        said = "".join(f"<p style='margin:.2em 0'>{escape(shown(text))}</p>" for text in self.lines())
        return f"<div>{said}{_html_table(self.table())}</div>"


def _text_table(table: Table) -> list[str]:
    """The table in at most `_WIDTH` columns and `_ROWS` rows; the last line says what was left out."""
    if not len(table):
        return []
    names, cells = table.screen(_ROWS)
    whole = [list(names), *cells]
    columns = list(zip(*whole, strict=True))
    kept: list[list[str]] = []
    room = _WIDTH - 1
    for place, column in enumerate(columns):
        numeric = all(map(_is_number, column[1:]))
        longest = max(map(len, column))
        most = room if place == len(columns) - 1 else min(room, _CELL)
        if most < (longest if numeric else min(longest, _NARROWEST)):  # numbers are not cut, texts to what still reads
            break
        cut = [_short(cell, most) for cell in column]
        width = max(map(len, cut))
        kept.append([cell.rjust(width) if numeric else cell.ljust(width) for cell in cut])
        room -= width + 2
    said = ["  ".join(row).rstrip() for row in zip(*kept, strict=True)]
    hidden = len(table.columns) - len(kept)
    rest = [f"{len(table) - len(cells)} more rows"] if len(table) > len(cells) else []
    rest += [f"{hidden} more column{'s' * (hidden != 1)}"] if hidden else []
    return [*said, f"({' and '.join(rest)}: to_pandas(), table())"] if rest else said


def _short(cell: str, most: int) -> str:
    return cell if len(cell) <= most else cell[: most - 3] + "..."


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"
    return True


def _html_table(table: Table) -> str:
    if not len(table):
        return ""
    names, cells = table.screen(_HTML_ROWS)
    border = "border-bottom:1px solid currentColor;padding:.1em .6em;text-align:left"
    head = "".join(f"<th style='{border}'>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td style='padding:.1em .6em;text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in cells
    )
    left = len(table) - len(cells)
    rest = f"<p style='margin:.2em 0'><small>{left} more rows: to_pandas(), table()</small></p>" if left else ""
    frame = "<div style='overflow-x:auto'><table style='border-collapse:collapse'>"
    return f"{frame}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}"
