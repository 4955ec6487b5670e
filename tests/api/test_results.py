"""What all results share: one screen, escaped HTML, data frames, errors of one line."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from s6flow.api.result import Result, Table
from s6flow.errors import FormatError, MissingDependencyError

SCRIPT = "<script>alert(1)</script>\x1b[31m"


class Planted(Result):
    """Long texts, many rows, names that mean harm."""

    TABLES = ("rows", "spread")

    def lines(self) -> list[str]:
        return [f"A sentence about {SCRIPT} " + "that goes on " * 12]

    def _table(self, name: str) -> Table:
        data: dict[str, Any] = {
            "name": [f"layer {SCRIPT} {place} " + "x" * 40 for place in range(40)],
            "number": [place / 7 if place % 5 else None for place in range(40)],
            "flag": [place % 2 == 0 for place in range(40)],
            SCRIPT: ["word " * 30] * 40,
            "hidden": list(range(40)),
        }
        return Table(data, ("name", "number", "flag", SCRIPT), spread=name == "spread")


def test_a_repr_is_one_screen_of_80_columns_and_does_nothing_to_a_terminal() -> None:
    text = repr(Planted())
    lines = text.splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) <= 24
    assert text.isascii()
    assert "\x1b" not in text
    assert lines[-1] == "(30 more rows and 1 more column: to_pandas(), table())"
    assert "0.1429" in text
    assert " - " in text  # what is not known


def test_a_text_is_cut_and_a_number_never() -> None:
    wide = Table({"text": ["a" * 200], "number": [123456.0]})

    class One(Planted):
        def _table(self, name: str) -> Table:
            return wide

    line = repr(One()).splitlines()[-1]
    assert "..." in line
    assert line.endswith("1.235e+05")


def test_rows_of_the_whole_table_where_it_is_spread() -> None:
    first, spread = (Planted().table(name).screen(5)[1] for name in ("rows", "spread"))
    assert [row[1] for row in first] == ["-", "0.1429", "0.2857", "0.4286", "0.5714"]
    assert spread[0][0].startswith("layer")
    assert spread[-1][2] == "no"  # row 39


def test_html_is_escaped_small_and_of_no_colour_of_its_own() -> None:
    html = Planted()._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "http" not in html
    assert "color:#" not in html.replace(" ", "")
    assert "background" not in html
    assert len(html) < 60_000
    assert html.count("<tr>") == 25


def test_an_unknown_table_is_one_line() -> None:
    with pytest.raises(FormatError, match=r"got 'row' at Planted\. It has: rows, spread\.") as caught:
        Planted().to_pandas("row")
    assert "\n" not in str(caught.value)


def test_a_result_without_a_picture_says_so() -> None:
    with pytest.raises(FormatError, match="has a picture; got Planted"):
        Planted().plot()


def test_without_pandas_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def none(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(MissingDependencyError, match=r"pip install 's6flow\[frames\]'"):
        Planted().to_pandas()


def test_a_data_frame_has_the_columns_of_the_table() -> None:
    pytest.importorskip("pandas")
    found = Planted().to_pandas()
    assert tuple(found.columns) == Planted().table().columns
    assert len(found) == 40
    assert found["number"].isna().sum() == 8
