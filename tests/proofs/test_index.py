"""The committed index of the library is what the registry says, and is not read where it could be something else."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import s6flow.committed as committed_files
from s6flow.committed import forget
from s6flow.errors import TheoremError
from s6flow.paper_figures import rates
from s6flow.proofs import index, listing, refuted, registry
from s6flow.proofs.status import status
from s6flow.provenance import package_root
from s6flow.symbolic.observables import token_m

ROOT = package_root().resolve().parent
#: What no quick command needs; each takes longer to import than the command may run.
HEAVY = ("sympy", "scipy", "matplotlib", "torch", "numba", "rich")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """The file is read anew in every test, and after the last."""
    forget()
    yield
    forget()


def test_the_committed_file_is_what_the_registry_says() -> None:
    computed: dict[str, Any] = json.loads(index.text())
    committed: dict[str, Any] = json.loads(index.FILE.path.read_text(encoding="utf-8"))
    for part in ("theorems", "refuted"):
        then, now = committed[part], computed[part]
        assert not [key for key in {**then, **now} if then.get(key) != now.get(key)], "run make generated"
    assert list(committed["theorems"]) == list(registry.REGISTRY), "run make generated"
    assert committed == computed, "sources have changed, if not what they say: run make generated"


def test_it_is_read_here_and_gives_what_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "convergence-rate"
    every = (index.note, index.ids, index.rows, index.refuted_ids, index.steps)
    read = [ask() for ask in every] + [index.content(key), index.status_of(key)]
    monkeypatch.setattr(index, "FILE", dataclasses.replace(index.FILE, schema="another"))
    anew = [ask() for ask in every] + [index.content(key), index.status_of(key)]
    assert read[0] == ""
    assert "make generated" in str(anew[0])
    assert read[1:] == anew[1:]
    assert index.rows() == listing.listing() + refuted.refuted_listing()
    assert index.status_of(key) == status(registry.get(key))


def test_a_changed_statement_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: one theorem says more than when the file was written, by one token."""
    theorem = registry.get("causality")
    changed = dataclasses.replace(theorem, conclusion=theorem.conclusion.xreplace({token_m: token_m + 1}))
    committed = index.content(theorem.id)
    load = registry.Registry.__getitem__
    monkeypatch.setattr(
        registry.Registry, "__getitem__", lambda self, key: changed if key == theorem.id else load(self, key)
    )
    monkeypatch.setattr(index, "FILE", dataclasses.replace(index.FILE, sources=()))
    monkeypatch.setattr(refuted, "REFUTED", {})
    monkeypatch.setattr(registry.Registry, "__iter__", lambda self: iter([theorem.id]))
    now = json.loads(index.text())["theorems"][theorem.id]
    assert now["conclusion"] != committed["conclusion"]


def test_the_rates_that_are_kept_are_those_of_the_theorems(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rates.FILE.path.read_text(encoding="utf-8") == rates.text(), "run make generated"
    kept = rates.rates()
    monkeypatch.setattr(rates, "FILE", dataclasses.replace(rates.FILE, schema="another"))
    assert rates.rates() == kept
    assert len(kept) == sum(len(theorem.rates) for theorem in registry.REGISTRY.values())


def test_a_changed_rate_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a token grows like (ln t)^2 where it was ln t."""
    theorem = registry.get("slow-log-rate")
    row = theorem.rates[0]
    changed = dataclasses.replace(theorem, rates=(dataclasses.replace(row, rate=row.rate**2),))
    committed = [found for found in rates.rates() if found["theorem"] == theorem.id]
    monkeypatch.setattr(registry.Registry, "__getitem__", lambda self, key: changed)
    monkeypatch.setattr(registry.Registry, "__iter__", lambda self: iter([theorem.id]))
    monkeypatch.setattr(rates, "FILE", dataclasses.replace(rates.FILE, schema="another"))
    assert [found["rate"] for found in committed] == [r"\ln t"]
    assert rates.rates() == [{**committed[0], "rate": r"(\ln t)^{2}"}]


@pytest.mark.parametrize(("file", "reads"), [("proofs/theorems/flow/planted.py", False), ("proofs/notes.txt", True)])
def test_a_checkout_with_other_sources_does_not_read_it(
    file: str, reads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any file that the library may be computed from counts, and no other."""
    package = tmp_path / "s6flow"
    for folder in ("proofs", "symbolic"):
        shutil.copytree(ROOT / folder, package / folder, ignore=shutil.ignore_patterns("__pycache__", "*.vo*"))
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(committed_files, "package_root", lambda: package)
    assert index.FILE.current() is not None
    (package / file).write_text("\n")
    forget()
    assert (index.FILE.current() is not None) == reads
    (tmp_path / "pyproject.toml").unlink()  # an installed package is no checkout: what it carries belongs to it
    forget()
    assert index.FILE.current() is not None


def test_unknown_ids_name_near_ones() -> None:
    with pytest.raises(TheoremError, match="Near: convergence-rate"):
        index.content("convergence-rates")
    with pytest.raises(TheoremError, match="Near: convergence-rate"):
        index.status_of("convergence-rates")


def test_check_says_what_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index, "text", lambda: "{}\n")
    monkeypatch.setattr(index, "FILE", dataclasses.replace(index.FILE, name=str(tmp_path / "index.json")))
    assert index.main(["--check"]) == 1
    assert "make generated" in capsys.readouterr().out
    assert index.main([]) == 0
    assert index.main(["--check"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["theorems"],
        ["theorems", "--json"],
        ["theorem", "convergence-rate"],
        ["theorem", "definite-later-tokens"],
    ],
)
def test_the_library_is_shown_without_algebra(words: list[str]) -> None:
    script = (
        "import sys; from s6flow.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_the_table_of_rates_is_read_without_algebra() -> None:
    script = (
        "import sys; from s6flow.paper_figures.drawings import rates_table\n"
        "data = rates_table.data(); rates_table.caption(data); rates_table.extra_files(data)\n"
        "print(len(data['rate']), 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(sum(len(theorem.rates) for theorem in registry.REGISTRY.values())), "False"]
