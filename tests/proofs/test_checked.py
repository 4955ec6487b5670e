"""The committed statements of checks are the registry's, are what is judged, and are not read where they are stale."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import s6flow.committed as committed_files
from s6flow.committed import forget
from s6flow.errors import TheoremError
from s6flow.numeric.checks.check import Verdict, check
from s6flow.proofs import checked as library
from s6flow.proofs.registry import REGISTRY, get
from s6flow.provenance import package_root
from s6flow.symbolic.margin import margin_program
from s6flow.symbolic.observables import sharp

#: A claim about trajectories with a core, one in letters alone, and one about vectors.
SOME = ("convergence-rate", "carried-limits", "replicator")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """The file is read anew in every test, and after the last."""
    forget()
    library.checked.cache_clear()
    yield
    forget()
    library.checked.cache_clear()


def test_the_committed_file_is_what_the_registry_says() -> None:
    assert library.FILE.path.read_text(encoding="utf-8") == library.text(), "run make generated"


def test_every_statement_comes_back_as_the_same_programs() -> None:
    assert library.FILE.current() is not None
    for key, theorem in REGISTRY.items():
        read = library.checked(key)
        assert read.margin == margin_program(theorem), key
        assert (read.core is None) == (theorem.core is None), key
        assert read.core is None or read.core == margin_program(theorem, True), key
        for name in ("id", "variables", "assumptions", "measurement", "tolerance"):
            assert getattr(read, name) == getattr(theorem, name), (key, name)
        for name in ("options", "ranges", "witness"):
            assert _plain(getattr(read, name)) == _plain(getattr(theorem, name)), (key, name)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value if value is None else dict(value)))


@pytest.mark.parametrize("value", [float("nan"), {1.0}])
def test_what_no_file_can_hold_is_one_line_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: Any
) -> None:
    before = library.FILE.path.read_bytes()
    monkeypatch.setattr(library, "REGISTRY", {SOME[0]: dataclasses.replace(get(SOME[0]), witness={"mu": value})})
    assert library.main([]) == 1
    assert capsys.readouterr().err.startswith("a theorem's numbers must be finite, and lists of them; got ")
    assert library.FILE.path.read_bytes() == before


def test_a_witness_of_arrays_is_written_as_lists() -> None:
    theorem = get(SOME[0])
    given = {name: [1.0, 2.0] for name in theorem.variables}
    arrays = {name: np.array(value) for name, value in given.items()}
    of_lists, of_arrays = (dataclasses.replace(theorem, witness=witness) for witness in (given, arrays))
    assert library.checked_form(of_arrays).as_data() == library.checked_form(of_lists).as_data()
    json.dumps(library.checked_form(of_arrays).as_data())


@pytest.mark.parametrize("key", SOME)
def test_what_is_read_is_judged_as_the_theorem(key: str) -> None:
    read, built = (check(form, examples=40).as_json() for form in (key, get(key)))
    assert read.pop("seconds") >= 0
    assert built.pop("seconds") >= 0
    np.testing.assert_equal(read, built)
    assert read["verdict"] == Verdict.HOLDS.value or get(key).options.get("bare_limit")


def _written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **change: Any) -> None:
    document = json.loads(library.FILE.path.read_text(encoding="utf-8"))
    wrong = dataclasses.replace(
        get("convergence-rate"), conclusion=get("convergence-rate").conclusion.subs(sharp, sharp / 2)
    )
    document["theorems"]["convergence-rate"] = json.loads(json.dumps(library.checked_form(wrong).as_data()))
    path = tmp_path / "checked.json"
    path.write_text(json.dumps(document | change), encoding="utf-8")
    monkeypatch.setattr(library, "FILE", dataclasses.replace(library.FILE, name=str(path)))


def test_what_the_file_states_is_what_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: half of the bound, which the witness violates."""
    _written(tmp_path, monkeypatch)
    assert check("convergence-rate", examples=20).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("change", [{"sources": "0" * 20}, {"schema": "s6flow-checked/0"}, {"theorems": {}}])
def test_a_stale_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    _written(tmp_path, monkeypatch, **change)
    assert library.checked("convergence-rate").margin == margin_program(get("convergence-rate"))
    assert check("convergence-rate", examples=20).verdict is Verdict.HOLDS


def test_a_source_that_changes_makes_the_file_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a comment in one theorem's file."""
    import shutil

    before = library.FILE.sources_digest()
    root = tmp_path / "s6flow"
    for name in ("symbolic", "proofs"):
        shutil.copytree(package_root() / name, root / name, ignore=shutil.ignore_patterns("coq", "*.json"))
    monkeypatch.setattr(committed_files, "package_root", lambda: root)
    assert library.FILE.sources_digest() == before
    with (root / "proofs/theorems/convergence/convergence_rate.py").open("a") as file:
        file.write("# said otherwise\n")
    assert library.FILE.sources_digest() != before


def test_an_unknown_id_names_its_neighbours() -> None:
    with pytest.raises(TheoremError, match="convergence-rate"):
        library.checked("convergence-rat")
