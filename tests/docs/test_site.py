"""docs/site: the computed pages say all that the tables hold, and nothing that these do not have.

The build itself, and the site in a browser, are `make docs` and `make docs-check`.
"""

import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import concept_pages  # noqa: E402
import markup  # noqa: E402
import mathml  # noqa: E402
import symptom_page  # noqa: E402
import theorem_pages  # noqa: E402

from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, LAYER_COLUMNS  # noqa: E402
from s6flow.numeric.health import NUMBERS, VERDICTS  # noqa: E402
from s6flow.proofs import index  # noqa: E402
from s6flow.proofs.status import STATUSES  # noqa: E402

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.py"))


def test_every_verdict_belongs_to_a_symptom() -> None:
    told = {name for row in symptom_page.SYMPTOMS for name in row.verdicts}
    assert told == {verdict.name for verdict in VERDICTS}


def test_symptoms_name_numbers_and_theorems_that_exist() -> None:
    numbers = {number.name for number in NUMBERS}
    for row in symptom_page.SYMPTOMS:
        assert set(row.numbers) <= numbers, row.title
        assert set(row.theorems) <= set(index.ids()), row.title


def test_the_guide_prints_each_remedy_and_rule() -> None:
    text = symptom_page.page()
    for verdict in VERDICTS:
        assert verdict.title in text
        assert verdict.rule_text.replace("|", r"\|") in text


@pytest.mark.parametrize("pattern", concept_pages.FORMULAS)
def test_a_formula_belongs_to_a_declared_number(pattern: str) -> None:
    declared = [row.name for row in (*NUMBERS, *CHANNEL_COLUMNS, *LAYER_COLUMNS)]
    assert any(fnmatchcase(name, pattern) for name in declared)
    module, key = concept_pages.FORMULAS[pattern]
    assert key in module.QUANTITIES


def test_a_formula_is_the_symbolic_one() -> None:
    assert r"\log" in "".join(concept_pages.formula("half_life_max")) or r"\ln" in "".join(
        concept_pages.formula("half_life_max")
    )
    assert concept_pages.formula("channels") == []


def test_every_status_has_its_meaning() -> None:
    assert set(theorem_pages.MEANING) == {*STATUSES, "refuted"}


def test_every_theorem_is_in_one_group() -> None:
    grouped = [key for keys in theorem_pages.groups().values() for key in keys]
    assert sorted(grouped) == sorted([*index.ids(), *index.refuted_ids()])


@pytest.mark.parametrize("key", ["convergence-rate", "coexistence", "definite-later-tokens"])
def test_a_theorem_page_has_the_statement_of_the_library(key: str) -> None:
    text, content = theorem_pages.theorem_page(key), index.content(key)
    assert content["status"] in text
    for row in content["assumptions"]:
        assert markup.words(row["words"]) in text
    assert text.count("$$") >= 2


def test_mathematics_becomes_mathml() -> None:
    page = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p><div class="arithmatex">\\[x^2\\]</div>'
    found = mathml.with_mathml(page)
    assert found.count("<math") == 2
    assert "arithmatex" not in found
    assert "&lt;" in found or "&#x0003C;" in found


def test_docstrings_of_the_house_become_lists() -> None:
    docstrings = pytest.importorskip("docstrings", reason="needs the extra docs")
    found = docstrings.markdown(
        "A bound x_l of *batch.\n\nArgs:\n    mu, a: shares,\n        shape (*batch).\nReturns: F.\n"
        "Raises: FormatError: a shape. AssumptionError: a sign.\n\n>>> 1 + 1\n2"
    )
    assert r"x\_l of \*batch" in found
    assert "- `mu, a`: shares, shape" in found
    assert "- `FormatError`: a shape." in found
    assert "- `AssumptionError`: a sign." in found
    assert found.endswith("```pycon\n>>> 1 + 1\n2\n```")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_title_and_has_no_results(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# %% [markdown]"
    assert lines[1].startswith("# # ")
    compile("\n".join(lines), str(path), "exec")


def test_there_are_six_notebooks() -> None:
    assert len(NOTEBOOKS) >= 6
