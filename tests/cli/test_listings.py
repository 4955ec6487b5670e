"""Code on a narrow terminal: the same program, and no line too wide."""

from __future__ import annotations

import ast

import pytest
from click.testing import CliRunner

from s6flow.commands.listings import folded
from s6flow.commands.theorems import theorem
from s6flow.errors import TheoremError
from s6flow.proofs import index

CODE = {key: code for key in index.ids() if (code := index.content(key)["code"])}


def program(code: str) -> str:
    """The syntax tree; blanks and line ends in docstrings do not count."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = " ".join(node.value.value.split())
    return ast.dump(tree)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_code_of_every_theorem_fits_and_is_the_same_program(width: int) -> None:
    assert sum(any(len(line) > width for line in code.splitlines()) for code in CODE.values()) > 20, (
        "some must be folded"
    )
    for key, code in CODE.items():
        found = folded(code, width)
        assert program(found) == program(code), key
        assert not [line for line in found.splitlines() if len(line) > width], key
        assert found.count("\n") >= code.count("\n")
        assert sorted(found.replace("#", "").split()) == sorted(folded(found, width).replace("#", "").split())


def test_another_program_is_told_from_the_same_one() -> None:
    assert program("x = (1 +\n  2)") == program("x = (1 + 2)")
    assert program("x = (1 -\n  2)") != program("x = (1 + 2)")
    assert program('"""a b"""\nx = "a b"') != program('"""a b"""\nx = "a  b"')


def test_code_that_fits_or_is_none_stays() -> None:
    code = "x = (1 + 2)\n"
    assert folded(code, 80) == code
    other = "Theorem t : forall x, (x = x" + " /\\ x = x" * 20
    assert folded(other, 80) == other


def test_a_text_in_a_statement_stays_whole_and_a_comment_behind_it_goes_before_it() -> None:
    text = " ".join(["word"] * 30)
    lines = f"def f(x):\n    y = g('{text}', x)  # {text}\n    return y\n"
    found = folded(lines, 60)
    assert program(found) == program(lines)
    assert f"'{text}'" in found
    before = found[: found.index("    y = g(")].splitlines()[1:]
    assert before
    assert all(line.startswith("    # ") and len(line) <= 60 for line in before)


def test_texts_of_several_lines_stay_but_for_docstrings() -> None:
    text = "\n".join([" ".join(["word"] * 30)] * 2)
    lines = f'def f():\n    """{text}\n    """\n    return """{text}"""\n'
    found = folded(lines, 60)
    assert f'return """{text}"""' in found
    assert program(found) == program(lines)
    assert all(len(line) <= 60 for line in found[: found.index("return")].splitlines())


def test_a_name_too_wide_stays_whole() -> None:
    name = "n" * 90
    found = folded(f"x = (a + {name} + b)\n", 60)
    assert found.splitlines() == ["x = (a", f"    + {name}", "    + b)"]


def test_where_no_bracket_is_open_nothing_is_broken() -> None:
    line = " + ".join(["value"] * 20)
    assert folded(f"x = {line}\n", 60) == f"x = {line}\n"


def test_a_number_of_the_audit_is_answered_with_what_it_rests_on() -> None:
    for name, source in (("K0", "theorem coexistence"), ("subnormal", "section 20 of docs/theory")):
        done = CliRunner().invoke(theorem, [name])
        assert (done.exit_code, done.output) == (0, f"{name} is a number of the audit. It rests on {source}.\n")
        assert isinstance(CliRunner().invoke(theorem, [name, "--json"]).exception, TheoremError)
    assert isinstance(CliRunner().invoke(theorem, ["K_O"]).exception, TheoremError)
