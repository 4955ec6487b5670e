"""docs/theory: its boxes are current, and every reference to it, from anywhere in the project, finds its heading."""

import re
from collections import Counter
from pathlib import Path

import pytest

from s6flow.errors import TheoremError
from s6flow.numeric.audit.columns import COLUMNS
from s6flow.proofs import theory_boxes
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.criteria import QUANTITIES
from s6flow.symbolic.ends import NO_THEOREM
from s6flow.symbolic.sections import HEADINGS, cited, parts_of, resolve, sections, spelled
from s6flow.symbolic.theorem import Theorem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/theory"
PLACES = ("symbolic", "proofs", "numeric", "paper_figures", "s6flow", "tests", "benchmarks", "docs")
KINDS = {".py", ".j2", ".md", ".html", ".tex", ".c", ".v", ".toml"}
HERE = Path(__file__).name  # plants dangling references on purpose


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return theory_boxes.chapters(FOLDER)


def sources() -> list[Path]:
    """Every text of the project that may cite the theory; links between folders are not followed twice."""
    paths = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.suffix in KINDS and path.is_file()]
    paths += ROOT.glob("*.md")
    linked = {ROOT / "s6flow" / place for place in PLACES}
    return [path for path in paths if path.name != HERE and not linked & set(path.parents)]


def dangling(text: str) -> list[str]:
    """What a text cites and docs/theory does not have."""
    return [reference for reference in cited(text) if any(key not in sections() for key in parts_of(reference))]


def test_table_of_headings_is_that_of_the_chapters(texts: dict[str, str]) -> None:
    assert HEADINGS.read_text(encoding="utf-8") == theory_boxes.headings_text(texts), "run make generated"
    numbers = [key for key in sections() if "," not in key]
    assert numbers == [*map(str, range(9)), "8b", *map(str, range(9, 23))]


def test_boxes_are_current(texts: dict[str, str]) -> None:
    written = theory_boxes.filled(texts)
    stale = [name for name in texts if texts[name] != written[name]]
    assert not stale, "run make generated"


def test_every_theorem_stands_in_one_box(texts: dict[str, str]) -> None:
    assert len(REGISTRY) > 40
    assert Counter(theory_boxes.boxed(texts)) == Counter(REGISTRY.keys())


def test_a_box_stands_in_a_section_of_its_theorem(texts: dict[str, str]) -> None:
    misplaced = []
    for text in texts.values():
        here = ""
        for line in text.splitlines():
            if heading := re.match(r"## (\d+b?)\. ", line):
                here = heading[1]
            for key in theory_boxes.boxed({"": line}):
                numbers = {part.split(",")[0] for part in parts_of(REGISTRY[key].section)}
                if here not in numbers:
                    misplaced.append((key, here))
    assert not misplaced


def test_every_section_takes_theorems_to_come(texts: dict[str, str]) -> None:
    openings = re.findall(r"<!-- theorems of (\d+b?) -->", "".join(texts.values()))
    assert openings == [key for key in sections() if "," not in key]


def test_every_reference_resolves() -> None:
    found = [(path, reference) for path in sources() for reference in cited(path.read_text(encoding="utf-8"))]
    assert len(found) > 100
    missing = [(str(path), reference) for path, reference in found if dangling(f"theory {reference}")]
    assert not missing


@pytest.mark.parametrize(
    "text",
    ["theory 23", "(theory 5, 24)", "theory 8, E4", "theory 9b", "theory sections 6 and 99", "Theory, section 31."],
)
def test_a_planted_reference_is_caught(text: str) -> None:
    assert dangling(text)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("(theory 8, E3)", ["8, E3"]),
        ("theory 5, 6 and 8 (E1-E3)", ["5", "6", "8, E1", "8, E3"]),
        ("theory 7-8b).", ["7", "8b"]),
        ("theory 4, 8b, 11, 12.", ["4", "8b", "11", "12"]),
        ("theory 8's examples at 387", ["8"]),
        ("theory section 3.", ["3"]),
        ("theory 8: 387", ["8"]),
        ("theory 20 to 22", ["20", "22"]),
    ],
)
def test_references_are_read_as_written(text: str, keys: list[str]) -> None:
    (reference,) = cited(text)
    assert parts_of(reference) == keys
    assert not dangling(text)


def test_quantities_and_columns_name_sections_or_theorems() -> None:
    for row in QUANTITIES.values():
        assert resolve(row.section)
    rows = [column for table in COLUMNS.values() for column in table]
    assert len(rows) > 20
    for column in rows:
        assert resolve(column.section, column.name)
        assert column.theorem == NO_THEOREM or column.theorem in REGISTRY


def test_a_theorem_of_no_section_is_refused() -> None:
    any_theorem = REGISTRY["convergence-rate"]
    fields = {name: getattr(any_theorem, name) for name in any_theorem.__dataclass_fields__}
    with pytest.raises(TheoremError, match="numbered heading of docs/theory; got 23 at convergence-rate"):
        Theorem(**{**fields, "section": "23"})


def test_links_between_chapters_hold(texts: dict[str, str]) -> None:
    anchors = {f"{row['file']}#{row['anchor']}" for row in theory_boxes.headings(texts)}
    links = [link for text in texts.values() for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert len(links) > 40
    for link in links:
        assert link in anchors or (FOLDER / link).exists(), link


def test_prose_keeps_no_escape_that_markdown_would_eat(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        for formula in re.findall(r"(?<!\$)\$(?!\$)([^$\n]+)\$(?!\$)", text):
            assert not re.search(r"\\[^a-zA-Z#]", formula), (name, formula)


def test_proposition_numbers_are_unique_and_of_their_section(texts: dict[str, str]) -> None:
    seen: set[str] = set()
    for text in texts.values():
        here = ""
        for line in text.splitlines():
            if heading := re.match(r"## (\d+)b?\. ", line):
                here = heading[1]
            if claim := re.match(r"\*\*(?:Proposition|Theorem|Corollary|Conjecture) (\d+)\.(\d+)", line):
                assert claim[1] == here, line
                number = f"{claim[1]}.{claim[2]}"
                assert number not in seen
                seen.add(number)
    cross = set(re.findall(r"(?:Proposition|Theorem|Corollary|Conjecture) (\d+\.\d+)", "".join(texts.values())))
    assert cross == seen


def test_a_stale_chapter_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in FOLDER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("> Conclusion:", "> Conclusions:", 1), encoding="utf-8")
    assert theory_boxes.main([str(tmp_path), "--check"]) == 1
    assert "01-layer-and-limit.md: not current" in capsys.readouterr().out


def test_an_opening_without_a_theorem_is_one_line(texts: dict[str, str]) -> None:
    with pytest.raises(TheoremError, match="no-such-theorem"):
        theory_boxes.filled({"x.md": "<!-- theorem: no-such-theorem -->\n<!-- end -->"})


def test_printed_references_say_which_document() -> None:
    assert spelled("ours (theory 8, E3)") == "ours (docs/theory, section 8, E3)"
