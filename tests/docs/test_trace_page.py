"""docs/trace.md: its example prints what it says, and its table names theorems that exist."""

import doctest
import re
from pathlib import Path

import pytest

from s6flow.proofs.registry import REGISTRY

PAGE = (Path(__file__).parents[2] / "docs" / "trace.md").read_text()


@pytest.mark.filterwarnings("ignore")
def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(doctest.DocTestParser().get_doctest(PAGE, {}, "trace.md", "trace.md", 0))
    found = runner.summarize()
    assert found.attempted > 8
    assert found.failed == 0, capsys.readouterr().out


def test_theorems_of_the_table_are_in_the_registry() -> None:
    from s6flow.numeric.trace import NUMBERS

    named = {name for name in re.findall(r"`([a-z]+-[a-z-]+)`", PAGE) if not name.startswith("s6flow")}
    assert named >= {"layer-bound", "state-bound", "state-forgetting", "gate-rounding", "own-term-on-data"}
    assert not named - set(REGISTRY)
    assert {row.source for row in NUMBERS if "-" in row.source} <= set(REGISTRY)
