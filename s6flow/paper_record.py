"""What a folder with the derivation was made from, so that it is not made again from the same.

The record lies beside the pages. It is believed only if every file that it names is there with the bytes that it had.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path

from s6flow.files import write_atomic
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.provenance import bytes_digest

__all__ = ["PAGES", "Record", "Steps", "derivation_digest"]

#: Number, section, title and count of residuals of every step.
Steps = tuple[tuple[str, str, str, int], ...]
PAGES = ("derivation.md", "derivation.tex", "derivation.html")
_SCHEMA = "s6flow-derivation-record/1"
#: Libraries that decide what the pages and the figures in them look like.
_TOOLS = ("sympy", "jinja2", "latex2mathml", "numpy", "scipy", "matplotlib", "numba")


def derivation_digest(theorems: bool, figures: bool) -> str:
    """Of the sources by their bytes, the tools, and what was asked for."""
    packages = {package for figure in FIGURES.values() for package in figure.packages} if figures else set()
    versions = {name: _version(name) for name in sorted({*_TOOLS, *packages})}
    whole = repr((bytes_digest(), platform.python_version(), sorted(versions.items()), theorems, figures))
    return hashlib.sha256(whole.encode()).hexdigest()[:20]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


@dataclass(frozen=True)
class Record:
    """The record of one folder.

    Args:
        folder: where the pages lie.
        digest: of what they would be made from now.
    """

    folder: Path
    digest: str

    @property
    def path(self) -> Path:
        """Of the record itself."""
        return self.folder / "derivation.json"

    def read(self) -> Steps | None:
        """The steps that the pages show, if these are whole and of this digest."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["schema"] != _SCHEMA or found["digest"] != self.digest or not set(PAGES) <= set(found["files"]):
                return None
            if any(_hash(self.folder / name) != expected for name, expected in found["files"].items()):
                return None
            return tuple((str(a), str(b), str(c), int(d)) for a, b, c, d in found["steps"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):  # anyone's file: made again
            return None

    def write(self, steps: Steps) -> None:
        """Keep the digest of every file that the run left: pages, and the figures in them."""
        names = [*PAGES, *(path.name for figure in FIGURES for path in sorted(self.folder.glob(f"{figure}.*")))]
        files = {name: _hash(self.folder / name) for name in names}
        document = {"schema": _SCHEMA, "digest": self.digest, "steps": steps, "files": files}
        write_atomic(self.path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
