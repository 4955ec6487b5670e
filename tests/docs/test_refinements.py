"""docs/refinements.md: what its examples print is what it says."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "refinements.md"


def run(text: str) -> doctest.TestResults:
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0))
    return runner.summarize()


@pytest.mark.filterwarnings("ignore")
def test_the_examples_run_and_print_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(PAGE.read_text())
    assert found.attempted > 20
    assert found.failed == 0, capsys.readouterr().out


def test_a_wrong_output_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(">>> 1 + 1\n3\n").failed == 1
    capsys.readouterr()
