"""`theorems`, `theorem`, `check`, `figures`, `derive`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from representatives import sweep

import s6flow as sf
from s6flow.errors import CodegenError, FormatError, TheoremError
from s6flow.proofs.listing import listing
from s6flow.proofs.refuted import REFUTED
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.status import status
from s6flow.symbolic import derivation
from s6flow.symbolic.derivation import chapters


def test_the_library_is_a_sequence_of_rows() -> None:
    found = sf.theorems()
    assert found.ids == (*REGISTRY, *REFUTED)
    assert found[0]["id"] == next(iter(REGISTRY))
    assert len(found[:3]) == 3
    assert found.to_json()[: len(REGISTRY)] == listing()
    assert sum(found.counts().values()) == len(found) == len(REGISTRY) + len(REFUTED)
    numeric = sf.theorems("numeric")
    assert set(numeric.table().data["status"]) == {"numeric"}
    assert repr(numeric).startswith(f"{len(numeric)} theorems: {len(numeric)} numeric\n")
    assert max(map(len, repr(found).splitlines())) < 80
    pytest.importorskip("matplotlib").use("Agg")
    assert sum(bar.get_width() for bar in found.plot().patches) == len(found)


def test_a_theorem_shows_itself() -> None:
    page = sf.theorem("convergence-rate")
    assert page.status == status(get("convergence-rate"))
    assert "convergence" in page.figures
    assert "real-weights" not in page.figures
    assert page.to_json()["id"] == page.id == "convergence-rate"
    assert set(page.table().data["letter"]) == set(page.content["letters"])
    assert {row["state"] for row in page.content["proof"]} == set(page.table("proof").data["state"])
    assert "<math" in page._repr_html_()
    assert "<script" not in page._repr_html_()
    assert page.markdown().startswith("# convergence-rate")
    lines = repr(page).splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) <= 24


def test_a_refuted_claim_is_shown_as_such() -> None:
    (identifier,) = REFUTED
    page = sf.theorem(identifier)
    assert page.status == page.content["status"] == "refuted"
    assert json.loads(json.dumps(page.to_json()))["instead"] in REGISTRY
    assert "refuted: " in repr(page)
    with pytest.raises(FormatError, match=f"none shows it at {identifier}"):
        page.plot()


def test_checks_report_what_was_run_and_what_was_not() -> None:
    seen: list[tuple[int, int, str]] = []
    found = sf.check(
        "linear-recursion",
        "convergence-constants",
        backend="flint",
        examples=20,
        progress=lambda done, total, report: seen.append((done, total, report.id)),
    )
    assert found.not_run == ("convergence-constants",)
    assert seen == [(1, 1, "linear-recursion")]
    assert found.passes
    assert found.to_json()["schema"] == "s6flow-check/1"
    assert found.table().data["verdict"] == [found[0].verdict.value] == ["HOLDS"]
    assert "1 of 1 pass, 1 not run" in repr(found)
    assert not sf.check("convergence-constants", backend="flint").passes


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (FormatError, "a status must be one of", lambda: sf.theorems("proved")),
        (TheoremError, "Near: convergence-rate", lambda: sf.theorem("convergence-rat")),
        (TheoremError, "See s6flow theorems", lambda: sf.theorem("K_O")),
        (TheoremError, "K0, a number of the audit. It rests on theorem coexistence", lambda: sf.theorem("K0")),
        (TheoremError, "It rests on theorem state-forgetting", lambda: sf.theorem("half_life_median")),
        (TheoremError, "It rests on section 20 of docs/theory", lambda: sf.theorem("subnormal")),
        (TheoremError, "must be in the registry", lambda: sf.check("nothing")),
        (
            TheoremError,
            "It is refuted: s6flow theorem definite-later-tokens",
            lambda: sf.check("definite-later-tokens"),
        ),
        (CodegenError, "backend must be one of", lambda: sf.check("linear-recursion", backend="abacus")),
        (FormatError, "Did you mean convergence", lambda: sf.figures("convergense", check=True)),
    ],
)
def test_bad_input_is_one_line(error: type[Exception], message: str, call: Any) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_figures_say_what_became_of_each(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    found = sf.figures("theorem-graph", out=tmp_path)
    assert found.exit_code == 0
    assert found.table().data["state"] == ["drawn"]
    assert sf.figures(["theorem-graph"], out=str(tmp_path)).table().data["state"] == ["unchanged"]
    assert (tmp_path / "theorem-graph.pdf").exists()
    assert len(found.plot().axes) == 1
    with pytest.raises(FormatError, match="only drawn figures"):
        sf.figures("convergence", check=True).plot()


@pytest.mark.parametrize(
    "steps", sweep((8, None), kept=[8], ids=lambda steps: f"{steps or 'all'} steps", mark=pytest.mark.nightly)
)
def test_a_derivation_counts_its_steps(steps: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = derivation.all_steps()[:steps]
    for module in (derivation, chapters):
        monkeypatch.setattr(module, "all_steps", lambda: part)
    found = sf.derive(out=tmp_path / "new", theorems=False)
    assert [path.suffix for path in found.paths] == [".md", ".tex", ".html"]
    assert all(path.exists() for path in found.paths)
    assert sum(found.table().data["residuals"]) == found.residuals > len(part) / 2
    assert repr(found).count("\n") < 24
    assert found.to_json()["steps"][0]["step"] == "1.1"
