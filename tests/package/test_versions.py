"""Versions agree: the package, the changelog and the citation."""

from __future__ import annotations

import re
from pathlib import Path

from s6flow import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_versions_agree() -> None:
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    citation = (ROOT / "CITATION.cff").read_text()
    version, date = released[0]
    assert version == __version__
    assert f"version: {version}\n" in citation
    assert f"date-released: {date}\n" in citation
