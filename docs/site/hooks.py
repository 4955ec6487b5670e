"""What mkdocs builds besides the pages that are files: computed pages, executed notebooks, mathematics as MathML.

One table, `generated`, says which page comes from where; nothing of it is written into the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import concept_pages
import mathml
import notebooks
import symptom_page
import theorem_pages
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
#: A link out of docs/, to a file of the project: the site shows where the file lies.
_UP = re.compile(r"\[`?([^\]`]+)`?\]\(((?:\.\./)+)[\w./-]*\)")
_MERMAID = re.compile(r"```mermaid\ngraph TD\n(.*?)```", re.DOTALL)
_ARROW = re.compile(r"\[([^\]]+)\] --> \w+\[([^\]]+)\]")


def _copied(name: str) -> Callable[[], str]:
    """A page of the project's root."""
    return lambda: (ROOT / name).read_text(encoding="utf-8")


def generated() -> dict[str, Callable[[], str]]:
    """Page -> what writes it."""
    theorems = {f"theorems/{key}.md": _page(key) for keys in theorem_pages.groups().values() for key in keys}
    return {
        "theorems/index.md": theorem_pages.index_page,
        **theorems,
        "concepts/health.md": concept_pages.health_page,
        "concepts/layer.md": concept_pages.layer_page,
        "concepts/channel.md": concept_pages.channel_page,
        "ill.md": symptom_page.page,
        "contributing.md": _copied("CONTRIBUTING.md"),
        "changes.md": _copied("CHANGELOG.md"),
    }


def _page(key: str) -> Callable[[], str]:
    return lambda: theorem_pages.theorem_page(key)


def on_config(config: Any) -> Any:
    """The entries of the navigation that are computed."""
    entries = {
        "Notebooks": ["notebooks/index.md", *(f"notebooks/{name}.md" for name in notebooks.names())],
        "Theorems": [
            "theorems/index.md",
            *(
                {name.capitalize(): [f"theorems/{key}.md" for key in keys]}
                for name, keys in theorem_pages.groups().items()
            ),
        ],
    }
    for entry in config.nav:
        for title in set(entry) & set(entries):
            entry[title] = entries[title]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the computed pages and the notebooks."""
    for path, write in generated().items():
        files.append(File.generated(config, path, content=write()))
    for path, content in notebooks.executed(ROOT / "docs" / "notebooks").items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **more: Any) -> str:
    """Links out of docs/ become names of files, and the import graph a table, as a diagram would need a script."""
    depth = page.file.src_uri.count("/")

    def inside(match: re.Match[str]) -> str:
        return f"`{match[1]}`" if match[2].count("../") > depth else match[0]

    return _dialect(_MERMAID.sub(_imports, _UP.sub(inside, markdown)))


def _dialect(markdown: str) -> str:
    """What Python-Markdown reads otherwise than code hosts: escapes of < and ~, and of bars in code in a table."""
    blocks = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    for index in range(0, len(blocks), 2):
        parts = re.split(r"(`[^`\n]+`)", blocks[index])
        parts[::2] = [part.replace(r"\<", "&lt;").replace(r"\~", "~") for part in parts[::2]]
        parts[1::2] = [part.replace(r"\|", "|") for part in parts[1::2]]
        blocks[index] = "".join(parts)
    return "".join(blocks)


def _imports(match: re.Match[str]) -> str:
    found: dict[str, list[str]] = {}
    for source, target in _ARROW.findall(match[1]):
        found.setdefault(source, []).append(target)
    rows = [f"| `{source}` | {', '.join(f'`{target}`' for target in targets)} |" for source, targets in found.items()]
    return "\n".join(["| room | imports |", "| --- | --- |", *rows])


def on_page_content(content: str, **more: Any) -> str:
    """Mathematics."""
    return mathml.with_mathml(content)
