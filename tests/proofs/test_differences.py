"""A formal statement that says more or less than the registry is found out, whatever the kind of the difference."""

from __future__ import annotations

import pytest

from s6flow.proofs import listing
from s6flow.proofs.formal.differences import KINDS, TEMPLATE, differences, stated
from s6flow.proofs.registry import REGISTRY, get
from s6flow.symbolic.assumptions import letters_of
from s6flow.symbolic.observables import conclusion_latex

TEXT = TEMPLATE.read_text()


def body(name: str) -> str:
    return next(row.body for row in stated() if row.name == name)


def planted(name: str, old: str, new: str) -> str:
    """The template with one place of one statement changed."""
    before = body(name)
    assert before.count(old) >= 1, f"{name} must hold {old!r}"
    return TEXT.replace(before, before.replace(old, new, 1))


def found(identifier: str, text: str | None = None) -> set[tuple[str, str]]:
    return {(d.kind, d.text) for d in differences(identifier, text)}


#: (kind, theorem, Coq name, text, replacement): one a kind at least.
PLANTED = (
    ("assumption", "convergence-monotone", "convergence_monotone", "  {{ assume('states-nonpositive') }} ->\n", ""),
    ("assumption", "convergence-monotone", "convergence_monotone", "  (l < L)%nat ->\n", "  (l < L)%nat ->\n  {{ assume('s-nonzero') }} ->\n"),
    ("assumption", "state-bound", "state_bound", "  {{ assume('inputs-bounded') }} ->\n", ""),
    ("assumption", "scaling", "scaling", "  0 < k ->\n", "  0 < k ->\n  is_lim (x O) p_infty 0 ->\n"),
    ("quantifier", "slow-log-rate", "slow_existence", "(forall l : nat, (l < L)%nat -> {{ assume('slow-starts', x0='y0 l') }})", "{{ assume('slow-starts', x0='y0 l') }}"),
    ("quantifier", "slow-log-rate", "slow_existence", "(forall l : nat, (l < L)%nat -> {{ assume", "(forall l : nat, (l < 2)%nat -> {{ assume"),
    ("floor", "affine-phase-line", "affine_phase_line", "(s b eps : R)", "(s b : R)"),
    ("floor", "fast-bound", "fast_bound", "(s b eps : R)", "(s b : R)"),
    ("assumption", "fast-bound", "fast_bound", "{{ domain('floor', 'eps') }}", "{{ assume('no-floor') }}"),
    ("bias", "affine-phase-line", "affine_phase_line", "beta_B beta_C : nat", ": nat"),
    ("bound", "fast-bound", "fast_bound", "  Rbar_le T", "  exists bound : R, Rbar_le T"),
    ("solution", "divergence-monotone", "divergence_monotone", "solution N a mu s b eps L T x ->", "solution N a mu s b eps L p_infty x ->"),
    ("solution", "state-convergence", "state_existence", "p_infty x /\\ (forall", "p_infty x -> (forall"),
    ("domain", "convergence-monotone", "convergence_monotone", "  (l < L)%nat ->\n", "  (l < L)%nat ->\n  {{ domain('a') }} ->\n"),
    ("eigenvalues", "definite-converges", "definite_converges", "0 < m ->", "0 < m -> 0 < trace D M ->"),
    ("conclusion", "blow-up-profile", "blow_up_profile", "{{ q('profile_scaled', x_t='x m t') }}", "Rabs (x m t)"),
    ("conclusion", "convergence-monotone", "convergence_monotone", "{{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }}", "True"),
    ("conclusion", "convergence-monotone", "convergence_monotone", "{{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }}", "0 <= {{ q('mu') }}"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "identifier", "name", "old", "new"), PLANTED)
def test_a_planted_difference_is_found(kind: str, identifier: str, name: str, old: str, new: str) -> None:
    text = planted(name, old, new)
    if kind == "conclusion" and identifier == "blow-up-profile":  # the case of token 1 prints it, too
        text = text.replace("{{ q('profile_scaled', x_t='x 0%nat t') }}", "Rabs (x 0%nat t)")
    new_ones = found(identifier, text) - found(identifier)
    assert {k for k, _ in new_ones} == {kind}


def test_every_kind_is_planted() -> None:
    assert {row[0] for row in PLANTED} == set(KINDS)


def test_a_dropped_bound_is_found_in_coexistence() -> None:
    """The bound that once was printed as a number and proved as `exists small`."""
    assert all(kind != "bound" for kind, _ in found("coexistence"))
    text = planted("coexistence", "  exists T0 : R,", "  exists small T0 : R,")
    assert ("bound", "small: some number, not an explicit one") in found("coexistence", text)


def test_what_is_asked_in_coqs_words_is_on_the_page() -> None:
    """Limits that are given, starts that are not zero; not of which token and time it speaks, nor what stands behind `exists`."""
    (asked,) = (text for kind, text in found("attention-decay") if text.startswith("asks in Coq's words"))
    assert "`is_lim (fun t => decay_scaled) p_infty cl`; `is_lim (fun t => decay_scaled) p_infty cj`" in asked
    assert ("assumption", "asks in Coq's words: `square_norm D (fun e => x e 0) <> 0`") in found("replicator")
    plain = ("convergence-monotone", "sign-invariance", "fast-bound", "carried-rate", "skip-equilibria", "coexistence")
    assert not [key for key in plain if any("Coq's words: `" in text for _, text in found(key))]


def test_every_statement_is_read_and_its_differences_are_on_its_page() -> None:
    rows = stated()
    assert len(rows) == TEXT.count("_statement : Prop :=")
    assert {row.id for row in rows} <= set(REGISTRY)
    for key in ("fast-bound", "convergence-rate", "coexistence"):
        page = " ".join(getattr(block, "text", "") for block in listing.formal_blocks(get(key)))
        assert differences(key)
        assert all(row.text in page for row in differences(key))


def test_letters_of_every_page_are_explained() -> None:
    for theorem in REGISTRY.values():
        rows = listing.letter_rows(theorem)
        assert set(theorem.letters) <= set(rows)
        assert all(row["meaning"] for row in rows.values())
        assert ("sharp" in rows) == (theorem.sharpness is not None)
        assert "sharp" not in letters_of(theorem.stated), "a sharp factor is one as stated"


def test_conclusions_are_mathematics_not_codes() -> None:
    assert not [theorem.id for theorem in REGISTRY.values() if "fate" in letters_of(theorem.conclusion)]


def test_a_bound_at_infinity_is_no_limit() -> None:
    assert r"\limsup" in conclusion_latex(get("slow-polylog-rate").stated)
    assert r"\limsup" not in conclusion_latex(get("slow-first-token").stated)
