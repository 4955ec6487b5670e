"""Files are short, or say in their first lines why they are not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300
FOLDERS = ("symbolic", "proofs", "numeric", "paper_figures", "s6flow", "tests", "benchmarks", "docs")
FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "generated" not in path.parts]


def unexplained(text: str) -> bool:
    """Whether a file is long without a reason."""
    return text.count("\n") > LONGEST and "One long file: " not in (ast.get_docstring(ast.parse(text)) or "")


def test_a_long_file_says_why() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if unexplained(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("doc", "lines", "found"), [("", 299, False), ("", 301, True), ("One long file: so.", 301, False)]
)
def test_the_rule_can_fail(doc: str, lines: int, found: bool) -> None:
    assert unexplained(f'"""{doc}"""' + "\n" * lines) is found
