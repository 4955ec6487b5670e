"""docs/equations.md: its examples print what it says, and so does the docstring of `sf.Equation`."""

import contextlib
import doctest
import io
import re
from pathlib import Path
from typing import Any

from s6flow.symbolic import equation

PAGE = (Path(__file__).parents[2] / "docs" / "equations.md").read_text()


def test_the_examples_print_what_the_page_says() -> None:
    pairs = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert len(pairs) == PAGE.count("```python") == 3
    names: dict[str, Any] = {}
    for code, said in pairs:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, names)
        assert out.getvalue() == said


def test_the_examples_of_the_docstring_run() -> None:
    found = doctest.testmod(equation, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted >= 4
    assert found.failed == 0
