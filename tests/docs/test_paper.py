"""`s6flow derive` as a paper: what is numbered has one number everywhere, letters are typeset, and LaTeX has no complaint.

What needs pdflatex is reported as not run where there is none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from s6flow.paper import ABSTRACT, REFERENCES, paper_blocks
from s6flow.symbolic.derivation import TITLE
from s6flow.symbolic.derivation.blocks import Block, Display, Figure, Heading, Paragraph, Statement, Table, numbers
from s6flow.symbolic.derivation.document import render
from s6flow.symbolic.derivation.inline import inline_parts
from s6flow.symbolic.derivation.prose import typeset
from s6flow.symbolic.derivation.tex import LINE, broken, latex, width

#: Points by which a line may stick out.
OVERFULL = 5.0
#: In running text: what would be a letter, an index, a power or a relation.
LITERAL = re.compile(r"\b(?:mu|nu|kappa|Delta|delta|lambda|rho)\b|[_^]|<=|>=|->")


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return paper_blocks()


@pytest.fixture(scope="module")
def compiled(blocks: list[Block], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the log and the auxiliary files of a run of pdflatex."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("not run: needs pdflatex")
    folder = tmp_path_factory.mktemp("paper")
    (folder / "paper.tex").write_text(render(TITLE, blocks, "latex", ABSTRACT), encoding="utf-8")
    for _ in range(3):
        run = subprocess.run(
            [program, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout.decode(errors="replace")[-2000:]
    return folder


def _texts(block: Block) -> list[str]:
    match block:
        case Heading(text) | Paragraph(text):
            return [text]
        case Statement(_, title, _, body):
            return [title, *(text for part in body for text in _texts(part))]
        case Table(header, rows):
            return [cell for row in (header, *rows) for cell in row]
        case Figure(_, caption):
            return [caption]
    return []


def _formulas(block: Block) -> list[str]:
    match block:
        case Display():
            return list(block.latex)
        case Statement(body=body):
            return [formula for part in body for formula in _formulas(part)]
    return []


def test_it_has_the_parts_of_a_paper(blocks: list[Block]) -> None:
    page = render(TITLE, blocks, "latex", ABSTRACT)
    for part in (
        r"\begin{abstract}",
        r"\tableofcontents",
        r"\begin{theorem}",
        r"\begin{proof}",
        r"\begin{thebibliography}",
    ):
        assert part in page, part
    headings = [block for block in blocks if isinstance(block, Heading) and block.level == 2]
    assert headings[0].text == "Introduction"
    assert headings[-1].text == "References"
    # prose stands before the first step of every chapter
    for place, block in enumerate(blocks):
        if isinstance(block, Heading) and block.numbered:
            assert isinstance(blocks[place + 1], Paragraph), block.text


def test_every_reference_leads_somewhere_and_every_work_is_cited(blocks: list[Block]) -> None:
    known = numbers(blocks)
    named = {piece for block in blocks for text in _texts(block) for kind, piece in inline_parts(text) if kind == "ref"}
    assert named <= set(known)
    assert {f"cite:{key}" for key, _ in REFERENCES} <= named
    page = render(TITLE, blocks, "html", ABSTRACT)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_no_letter_stays_typed(blocks: list[Block]) -> None:
    for text in (text for block in blocks for text in _texts(block)):
        for kind, piece in inline_parts(typeset(text)):
            assert kind != "text" or not LITERAL.search(piece), (text, piece)
    for formula in (formula for block in blocks for formula in _formulas(block)):
        bare = re.sub(
            r"\\(?:operatorname|mathrm|text|begin|end)\{[^}]*\}|\\[A-Za-z]+|d[A-Zrtwx]|(?<=[{,])[cdeij]{2}(?=\})",
            "",
            formula,
        )
        assert not re.search(r"[A-Za-z]{2,}", bare.replace("{", " ").replace("}", " ")), formula


def test_the_numbers_of_html_are_those_of_latex(compiled: Path, blocks: list[Block]) -> None:
    aux = (compiled / "paper.aux").read_text(encoding="utf-8")
    labels = dict(re.findall(r"\\newlabel\{([^@}]+)\}\{\{([^}]*)\}", aux))
    labels |= {f"cite:{key}": number for key, number in re.findall(r"\\bibcite\{([^}]+)\}\{([^}]+)\}", aux)}
    known = numbers(blocks)
    assert len(known) > 90
    assert {anchor: labels.get(anchor) for anchor in known} == known
    page = render(TITLE, blocks, "html", ABSTRACT)
    for block in blocks:
        if isinstance(block, Statement):
            found = re.search(rf'id="{block.anchor}"><p><strong>{block.kind} ([\d.]+)</strong>', page)
            assert found, block.anchor
            assert found[1] == labels[block.anchor]


def test_no_line_sticks_out(compiled: Path) -> None:
    log = (compiled / "paper.log").read_text(encoding="utf-8", errors="replace")
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", log)]
    assert max(wide, default=0.0) <= OVERFULL, sorted(wide)[-5:]
    assert "undefined" not in log
    assert "Float too large" not in log
    assert "multiply defined" not in log


def test_the_contents_take_less_than_a_page(compiled: Path) -> None:
    rows = (compiled / "paper.toc").read_text(encoding="utf-8").splitlines()
    shown = [row for row in rows if r"{section}" in row]
    assert 8 <= len(shown) <= 30


def test_a_line_that_sticks_out_would_be_seen(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("not run: needs pdflatex")
    page = render("T", [Paragraph(f"$\\mathrm{{{'W' * 90}}}$")], "latex")
    (tmp_path / "paper.tex").write_text(page, encoding="utf-8")
    subprocess.run([program, "-interaction=nonstopmode", "paper.tex"], cwd=tmp_path, capture_output=True, check=False)
    with pytest.raises(AssertionError):
        test_no_line_sticks_out(tmp_path)


def test_a_long_formula_is_broken_before_relations_and_terms() -> None:
    short = r"x = \frac{a + b}{c}"
    assert broken(short) == (short,)
    terms = " + ".join(f"a_{{{place}}} b" for place in range(40))
    lines = broken(f"x = {terms}")
    assert len(lines) > 2
    assert all(width(line) <= LINE for line in lines)
    assert all(line.startswith(("=", "+")) for line in lines[1:])
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", f"x = {terms}")
    within = broken(rf"y \left({terms}\right)")
    assert len(within) > 2
    assert "".join(within).count(r"\bigl(") == 1


def test_names_of_authors_are_no_formulas(blocks: list[Block]) -> None:
    assert "T. N. Vo, D.-T. Pham" in render(TITLE, blocks, "latex", ABSTRACT)
    assert "T. N. Vo, D.-T. Pham" in render(TITLE, blocks, "html", ABSTRACT)


def test_text_is_escaped() -> None:
    assert latex(Paragraph("50 % of one & two, `code_1`")).startswith(
        r"50 \% of one \& two, \texttt{code\_\allowbreak 1}"
    )


@pytest.mark.parametrize(
    ("formula", "lines"),
    [
        (r"f\left({A},\; {B}\right)", [r"f\bigl( {A},", r"{B}\bigr)"]),
        (r"\left({A}\right) \left({B}\right)", [r"\left({A}\right)", r"\times \left({B}\right)"]),
        (r"\left|{{A} + {B}}\right|", [r"\bigl| {A}", r"+ {B}\bigr|"]),
        (r"\frac{{A} + {B}}{c}", [r"\frac{1}{c} \times \bigl( {A}", r"+ {B}\bigr)"]),
    ],
)
def test_a_long_formula_breaks_in_its_brackets(formula: str, lines: list[str]) -> None:
    letters = {"{A}": "p" * 60, "{B}": "q" * 60}

    def filled(text: str) -> str:
        for name, word in letters.items():
            text = text.replace(name, word)
        return text

    found = broken(filled(formula))
    assert [re.sub(r"\s+", "", line) for line in found] == [re.sub(r"\s+", "", filled(line)) for line in lines]
