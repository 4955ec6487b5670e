"""The notebooks, executed: `# %%` files of docs/notebooks to pages with their results, and to .ipynb beside them.

A cell that raises fails the build. Results are shown as text, as the HTML that results of the API make themselves, or as
pictures; nothing of it needs a script, which is why no ready-made plugin does this: those load one from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from s6flow.files import write_atomic

__all__ = ["FOLDER", "executed", "names", "page"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "notebooks"
#: Executed notebooks, until something changes.
KEPT = ROOT / "out" / "notebooks"
#: Seconds that a cell may take before it counts as hung.
PATIENCE = 240
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def names() -> list[str]:
    """In reading order: files begin with their number."""
    return [path.stem for path in sorted(FOLDER.glob("*.py"))]


@cache
def _code() -> bytes:
    """Of all code that a notebook can call."""
    digest = hashlib.sha256()
    for folder in ("s6flow", "symbolic", "proofs", "numeric", "paper_figures"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()


def _run(path: Path) -> Any:
    """The notebook with its results; those of before, where neither it nor any code has changed."""
    stamp = hashlib.sha256(path.read_bytes() + _code()).hexdigest()[:16]
    kept = KEPT / f"{path.stem}-{stamp}.ipynb"
    if kept.exists():
        return nbformat.read(kept, nbformat.NO_CONVERT)
    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = _KERNEL
    place = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=PATIENCE, resources=place).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _distinct(cell.outputs)
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in KEPT.glob(f"{path.stem}-*.ipynb"):
        old.unlink()
    write_atomic(kept, nbformat.writes(notebook))
    return notebook


def _distinct(outputs: list[Any]) -> list[Any]:
    """Outputs without a picture that was shown before (a figure is shown as a result, and again at the end of its cell),
    and without the folder that the project happens to lie in."""
    kept: list[Any] = []
    seen: set[str] = set()
    for output in outputs:
        picture = output.get("data", {}).get("image/png", "")
        if picture and picture in seen:
            continue
        seen.add(picture)
        for place in (output, output.get("data", {})):
            for key, value in place.items():
                if isinstance(value, str) and key != "image/png":
                    place[key] = value.replace(f"{ROOT}{os.sep}", "")
        kept.append(output)
    return kept


def _output(output: Any) -> str:
    """One result of a cell as HTML."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text.rstrip())}</pre>" if output.name == "stdout" else ""
    data = output.data
    if data.get("image/png"):
        picture = data["image/png"].replace("\n", "")
        base64.b64decode(picture, validate=True)
        return f'<img alt="the picture that the cell draws" src="data:image/png;base64,{picture}">'
    if "text/html" in data:
        return str(data["text/html"])
    return f"<pre>{html.escape(str(data.get('text/plain', '')))}</pre>"


def _names_object(output: Any) -> bool:
    """Whether it is only the name of an object, such as the axes that were drawn on."""
    data = output.get("data", {})
    return set(data) == {"text/plain"} and str(data["text/plain"]).startswith("<")


def page(notebook: Any, name: str) -> str:
    """Markdown of an executed notebook."""
    lines: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
            continue
        lines += ["```python", cell.source, "```", ""]
        drawn = any("image/png" in output.get("data", {}) for output in cell.outputs)
        shown = [text for output in cell.outputs if not (drawn and _names_object(output)) and (text := _output(output))]
        lines += [f'<div class="cell-output" tabindex="0">{text}</div>\n' for text in shown]
    return "\n".join([*lines, f"[Download {name}.ipynb]({name}.ipynb)", ""])


def executed(folder: Path = FOLDER) -> dict[str, str]:
    """Path in the site -> content: an index, and of every notebook its page and the .ipynb with the results."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    found: dict[str, str] = {}
    rows = []
    for path in sorted(folder.glob("*.py")):
        begun = os.times()
        notebook = _run(path)
        ended = os.times()
        spent = sum(ended[2:4]) - sum(begun[2:4])  # by the kernel, which has ended
        print(f"notebook {path.stem}: {ended.elapsed - begun.elapsed:.1f} s, {spent:.1f} s of processor time")
        found[f"notebooks/{path.stem}.md"] = page(notebook, path.stem)
        found[f"notebooks/{path.stem}.ipynb"] = nbformat.writes(notebook)
        title, _, rest = notebook.cells[0].source.partition("\n")
        first = " ".join(rest.split()).split(". ")[0].rstrip(".")
        rows.append(f"- [{title.lstrip('# ')}]({path.stem}.md). {first}.")
    lines = ["# Notebooks", "", "Executed whenever this site is built; each takes seconds on a processor.", "", *rows]
    return {"notebooks/index.md": "\n".join(lines) + "\n", **found}
