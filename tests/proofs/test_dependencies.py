"""What a proof uses, as the registry says, holds what the Coq sources say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from s6flow.errors import TheoremError
from s6flow.proofs.dependencies import items, kernel_uses, proof_place, statement_place, uses_of
from s6flow.proofs.formal.template import stated
from s6flow.proofs.registry import REGISTRY, get

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", REGISTRY)
def test_uses_hold_what_the_formal_proof_uses(key: str) -> None:
    assert kernel_uses(key) <= set(REGISTRY[key].uses), "name them in `uses`"
    assert set(REGISTRY[key].uses) <= set(REGISTRY)


def test_some_formal_proofs_use_others() -> None:
    assert sum(bool(kernel_uses(key)) for key in REGISTRY) >= 8
    assert {"carried-rate", "fast-blow-up-time"} <= kernel_uses("coexistence")


def test_no_proof_goes_in_a_circle() -> None:
    state: dict[str, bool] = {}

    def visit(key: str, path: tuple[str, ...]) -> None:
        assert key not in path, " -> ".join((*path, key))
        if key not in state:
            for other in REGISTRY[key].uses:
                visit(other, (*path, key))
            state[key] = True

    for key in REGISTRY:
        visit(key, ())


def test_a_dependency_is_followed_through_lemmas_and_stops_at_theorems(tmp_path: Path) -> None:
    (tmp_path / "A.v").write_text(
        "Theorem base : base_statement.\nProof. exact I. Qed.\n(* not_used (* nested *) *)\n"
        "Lemma step : True.\nProof. apply base. Qed.\nTheorem not_used : not_used_statement.\nProof. exact I. Qed.\n"
    )
    (tmp_path / "B.v").write_text(
        "From S6Flow Require Import A.\nTheorem top : top_statement.\nProof. apply step. (* not_used *) Qed.\n"
        "Theorem last : last_statement.\nProof. apply top. Qed.\n"
    )
    (tmp_path / "C.v").write_text("Theorem alone : alone_statement.\nProof. apply step. Qed.\n")
    stops = frozenset({"base", "not_used", "top", "last", "alone"})
    assert uses_of("top", stops, tmp_path) == {"base"}
    assert uses_of("last", stops, tmp_path) == {"top"}
    assert uses_of("alone", stops, tmp_path) == set(), "a file that is not required gives no name"
    assert items(tmp_path)["top"][0].line == 2


def test_places_point_at_the_statement_and_the_proof() -> None:
    for row in stated():
        for place, word in (
            (statement_place(row.name), f"Definition {row.name}_statement"),
            (proof_place(row.name), row.name),
        ):
            file, line = place.rsplit(":", 1)
            assert word in (ROOT / file).read_text().splitlines()[int(line) - 1]


def test_a_theorem_cannot_use_itself() -> None:
    with pytest.raises(TheoremError, match="each named once"):
        replace(get("scaling"), uses=("scaling",))
    with pytest.raises(TheoremError, match="each named once"):
        replace(get("scaling"), uses=("stationary", "stationary"))
