"""A checkout whose links became text files says so in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import s6flow


@pytest.mark.parametrize("name", ["symbolic", "proofs", "numeric", "paper_figures"])
def test_a_text_file_in_the_place_of_a_link_is_named(tmp_path: Path, name: str) -> None:
    package = tmp_path / "s6flow"
    package.mkdir()
    (package / "__init__.py").write_text(Path(s6flow.__file__).read_text())
    assert not run(tmp_path)
    (package / name).write_text(f"../{name}")
    last = run(tmp_path).splitlines()[-1]
    assert f"s6flow/{name} must be a symbolic link" in last
    assert "core.symlinks" in last


def run(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import s6flow"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stderr.strip()
