"""Theorem boxes of docs/theory, and the table of its headings, written from the registry and the chapters.

`<!-- theorem: ID -->` opens the box of one theorem; `<!-- theorems of N -->` opens the boxes of those theorems of section N
that have no opening of their own; `<!-- contents -->` the list of all sections; `<!-- end -->` closes each. What stands
between is written here.

    python -m s6flow.proofs.theory_boxes docs/theory          writes boxes and symbolic/headings.json
    python -m s6flow.proofs.theory_boxes docs/theory --check  says what is not current, and exits with 1
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from s6flow.errors import S6FlowError, TheoremError
from s6flow.files import write_atomic
from s6flow.proofs.formal import reached
from s6flow.proofs.registry import REGISTRY, get, group
from s6flow.proofs.status import status
from s6flow.symbolic.assumptions import assumption, letters_of
from s6flow.symbolic.notation import Notation
from s6flow.symbolic.observables import OBSERVABLES, conclusion_latex
from s6flow.symbolic.sections import HEADINGS, parts_of, sections
from s6flow.symbolic.theorem import Theorem

__all__ = ["box", "boxed", "chapters", "filled", "headings", "headings_text", "main", "owners", "plain", "readable"]

_BOX = re.compile(r"<!-- theorem(?:: (?P<id>[a-z0-9-]+)|s of (?P<section>\d+b?)) -->\n.*?<!-- end -->", re.DOTALL)
_CONTENTS = re.compile(r"<!-- contents -->\n.*?<!-- end -->", re.DOTALL)
_HEADING = re.compile(r"^#{2,3} (?P<key>\d+b?|E\d)\. (?P<title>.+)$", re.MULTILINE)
_BOXED = re.compile(r"^> \*\*Theorem `([a-z0-9-]+)`\*\*", re.MULTILINE)

_PUNCTUATION = {r"\;": r"\thickspace ", r"\,": r"\thinspace ", r"\{": r"\lbrace ", r"\}": r"\rbrace ", r"\|": r"\Vert "}


def chapters(folder: Path) -> dict[str, str]:
    """File name -> text of every chapter, in the order of the names."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    if not found:
        raise TheoremError("the theory must have chapters", str(folder), remedy="Give the folder docs/theory.")
    return found


def headings(texts: dict[str, str]) -> list[dict[str, str]]:
    """Every numbered heading as key, title, file and anchor.

    Raises: TheoremError: if two headings have the same number.
    """
    rows: list[dict[str, str]] = []
    for name, text in texts.items():
        number = ""
        for match in _HEADING.finditer(text):
            key = match["key"]
            if key.startswith("E"):
                key = f"{number}, {key}"
            else:
                number = key
            if key in {row["key"] for row in rows}:
                raise TheoremError("a section number of docs/theory must be unique", key, name)
            line = f"{match['key']}. {match['title']}".lower()
            anchor = re.sub(r"[^a-z0-9_ -]", "", line).replace(" ", "-")
            rows.append({"key": key, "title": match["title"], "file": name, "anchor": anchor})
    return rows


def headings_text(texts: dict[str, str]) -> str:
    """The content of headings.json."""
    return json.dumps(headings(texts), indent=1) + "\n"


def plain(text: str) -> str:
    """A text in which no character is Markdown's."""
    return re.sub(r"([\\`*_~<\[\]])", r"\\\1", text)


def readable(latex: str) -> str:
    """LaTeX without a backslash before punctuation, which Markdown would take for its own escape."""
    for escape, command in _PUNCTUATION.items():
        latex = latex.replace(escape, command)
    return latex


def _letter(row: Notation) -> str:
    """How an observable is typeset, with the token that statements speak of as its index."""
    return row.latex.format("l", "d") if row.axes else row.latex.replace("{{", "{").replace("}}", "}")


def box(theorem: Theorem) -> str:
    """Title, status, assumptions, conclusion, source and file of a theorem, as a quotation."""
    path = f"proofs/theorems/{group(theorem)}/{theorem.id.replace('-', '_')}.py"
    lines = [f"**Theorem `{theorem.id}`** ({status(theorem)}). {plain(theorem.title)}.", ""]
    if theorem.assumptions:
        rows = [assumption(key) for key in theorem.assumptions]
        lines += [
            "Assumptions: " + "; ".join(f"{plain(row.words)} (${readable(row.latex)}$)" for row in rows) + ".",
            "",
        ]
    where = [OBSERVABLES[name] for name in sorted(letters_of(theorem.conclusion) & set(OBSERVABLES))]
    lines += ["Conclusion:", "", "$$", readable(conclusion_latex(theorem.conclusion)), "$$", ""]
    if where:
        lines += ["Where " + "; ".join(f"${readable(_letter(row))}$: {plain(row.meaning)}" for row in where) + ".", ""]
    # the section is where the box stands, so that of the source only whose it is remains to be said
    lines += [f"Source: {plain(re.sub(r' [(]theory [^)]*[)]', '', theorem.source))}. File: [`{path}`](../../{path})."]
    if formal_part := reached(theorem.id):
        lines += ["", formal_part]
    return "\n".join(f"> {line}".rstrip() for line in "\n".join(lines).splitlines()) + "\n"


def owners(texts: dict[str, str]) -> set[str]:
    """Ids that have an opening of their own."""
    return {match["id"] for text in texts.values() for match in _BOX.finditer(text) if match["id"]}


def filled(texts: dict[str, str]) -> dict[str, str]:
    """The chapters with every box written.

    Raises: TheoremError: if an opening names no theorem.
    """
    named = owners(texts)

    def write(match: re.Match[str]) -> str:
        opening = match[0].split("\n", 1)[0]
        if match["id"]:
            theorems = [get(match["id"])]
        else:
            theorems = [
                theorem
                for theorem in REGISTRY.values()
                if theorem.id not in named and parts_of(theorem.section)[0].split(",")[0] == match["section"]
            ]
        # blank lines keep Markdown from reading the comment and the quotation as one block
        return "".join([f"{opening}\n", *(f"\n{box(theorem)}" for theorem in theorems), "\n<!-- end -->"])

    rows = [
        f"- [{row['key']}. {row['title']}]({row['file']}#{row['anchor']})"
        for row in headings(texts)
        if "," not in row["key"]
    ]
    contents = "\n".join(["<!-- contents -->", *rows, "<!-- end -->"])
    return {name: _CONTENTS.sub(lambda _: contents, _BOX.sub(write, text)) for name, text in texts.items()}


def boxed(texts: dict[str, str]) -> list[str]:
    """Ids of the theorems that stand in a box, once for every box."""
    return [key for text in texts.values() for key in _BOXED.findall(text)]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the boxes and the table of headings; 0 if all are current afterwards."""
    parser = argparse.ArgumentParser(
        prog="python -m s6flow.proofs.theory_boxes", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folder", type=Path, help="the chapters, docs/theory")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something is not current")
    options = parser.parse_args(arguments)
    try:
        texts = chapters(options.folder)
        if not options.check:  # first, as a theorem that cites a new heading is no theorem before
            write_atomic(HEADINGS, headings_text(texts))
            sections.cache_clear()
        wanted = {options.folder / name: text for name, text in filled(texts).items()}
        wanted[HEADINGS] = headings_text(texts)
    except S6FlowError as error:
        print(error, file=sys.stderr)
        return 1
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not options.check:
            write_atomic(path, wanted[path])
        print(f"{path}: {'not current; run without --check' if options.check else 'written'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
