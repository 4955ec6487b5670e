"""A formal statement that says more or less than the registry is found out, whatever the kind of the difference."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

import pytest
from sympy.core.relational import Relational

from s6flow.proofs import listing
from s6flow.proofs.formal.differences import KINDS, differences
from s6flow.proofs.formal.template import TEMPLATE, stated
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.theorems.wording import OWN_LETTERS, OWN_MEANINGS
from s6flow.symbolic.assumptions import letters_of
from s6flow.symbolic.observables import LETTERS, OBSERVABLES, SPOKEN, conclusion_latex

TEXT = TEMPLATE.read_text()


def body(name: str) -> str:
    return next(row.body for row in stated() if row.name == name)


def planted(name: str, old: str, new: str, text: str = TEXT) -> str:
    """The template, or a part of it, with one place of one statement changed."""
    before = body(name)
    assert before.count(old) >= 1, f"{name} must hold {old!r}"
    assert before in text
    return text.replace(before, before.replace(old, new, 1))


@cache
def own(identifier: str) -> str:
    """The part of the template that a theorem's statements are: to read the whole, changed in one place, takes a tenth of a second."""
    titles = [match.start() for match in re.finditer(r"\{\{ title\(", TEXT)]
    parts = [TEXT[start:end] for start, end in pairwise([*titles, len(TEXT)])]
    names = [row.name for row in stated() if row.id == identifier]
    return "".join(part for part in parts if any(f"Definition {name}_statement " in part for name in names))


def found(identifier: str, text: str | None = None) -> set[tuple[str, str]]:
    return {(d.kind, d.text) for d in differences(identifier, text)}


#: (kind, theorem, Coq name, text, replacement): one a kind at least.
PLANTED = (
    ("assumption", "convergence-monotone", "convergence_monotone", "  {{ assume('states-nonpositive') }} ->\n", ""),
    ("assumption", "convergence-monotone", "convergence_monotone", "  (l < L)%nat ->\n", "  (l < L)%nat ->\n  {{ assume('s-nonzero') }} ->\n"),
    ("assumption", "state-bound", "state_bound", "  {{ assume('inputs-bounded') }} ->\n", ""),
    ("assumption", "coexistence", "coexistence", "maximal N a mu s b eps 2 T", "maximal N a mu s b eps 3 T"),
    ("assumption", "coexistence", "coexistence", "maximal N a mu s b eps 2 T", "maximal N a mu s b eps L T"),
    ("assumption", "scaling", "scaling", "  0 < k ->\n", "  0 < k ->\n  is_lim (x O) p_infty 0 ->\n"),
    ("assumption", "radial", "radial", "{{ in_words('equal-steps', less=true) }} ", ""),
    ("assumption", "radial", "radial", "'equal-steps', less=true", "'equal-steps'"),
    ("assumption", "convergence-monotone", "convergence_monotone", "(l < L)%nat ->", "(l < 1)%nat ->"),
    ("assumption", "convergence-monotone", "convergence_monotone", "(l < L)%nat ->", "(l < L)%nat -> (N < 2)%nat ->"),
    ("assumption", "convergence-monotone", "convergence_monotone", "(l < L)%nat ->", "(l < L)%nat -> 0 < s ->"),
    ("assumption", "fast-bound", "fast_bound", "(l < L)%nat ->", "(l < L)%nat -> b <= s ->"),
    ("assumption", "fast-bound", "fast_bound", "(l < L)%nat ->", "(l < L)%nat -> eps <= 0 ->"),
    ("assumption", "convergence-monotone", "convergence_monotone", "{{ assume('states-nonpositive') }}", "(s = 1 /\\ {{ assume('states-nonpositive') }})"),
    ("assumption", "convergence-monotone", "convergence_monotone", "solution N a mu s b", "solution N a mu 0 b"),
    ("assumption", "divergence-monotone", "divergence_monotone", "solution N a mu s b eps L T", "solution N a mu s 0 eps L T"),
    ("assumption", "divergence-monotone", "divergence_monotone", "solution N a mu s b eps L T", "solution N a mu s b eps 1 T"),
    ("assumption", "fast-blow-up-time", "fast_blow_up_time", "{{ assume('first-token-not-slow', x0='x0') }}", "{{ assume('first-token-not-slow', x0='x 3 0') }}"),
    ("assumption", "sign-invariance", "sign_invariance", "{{ claim(", "s = 0 -> b = 1 -> {{ claim("),
    ("assumption", "state-convergence", "state_existence", ", less=true", ""),
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
    ("conclusion", "convergence-monotone", "convergence_monotone", "{{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }}", "{{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }} /\\ T = p_infty"),
    ("conclusion", "definite-converges", "definite_converges", "  T = p_infty /\\\n", ""),
    ("conclusion", "convergence-monotone", "convergence_monotone", "{{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }}", "({{ claim('convergence-monotone', x_t='x l v', x_s='x l u') }} \\/ L = 7)"),
    ("conclusion", "slow-first-token", "slow_first_token", "p_infty 1", "p_infty 5"),
    ("conclusion", "convergence-constants", "convergence_constants", "{{ q('decay_constant_first', atom) }}", "0"),
    ("conclusion", "prenorm-eps", "prenorm_eps", "(T = p_infty -> ", "(T = p_infty -> s = 0 -> "),
    ("conclusion", "fisher", "fisher", "{{ q('log_shares'", "{{ q('ratio', first='0', second='1') }} + {{ q('log_shares'"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "identifier", "name", "old", "new"), PLANTED)
def test_a_planted_difference_is_found(kind: str, identifier: str, name: str, old: str, new: str) -> None:
    # what proves that there is a solution is another theorem's statement
    whole = TEXT if kind == "solution" else own(identifier)
    text = planted(name, old, new, whole)
    if kind == "conclusion" and identifier == "blow-up-profile":  # the case of token 1 prints it, too
        text = text.replace("{{ q('profile_scaled', x_t='x 0%nat t') }}", "Rabs (x 0%nat t)")
    new_ones = found(identifier, text) - found(identifier, whole)
    assert kind in {k for k, _ in new_ones} <= {kind, "assumption", "conclusion"}, "Coq's words change as well"


def test_alone_a_theorem_s_statements_differ_as_among_all() -> None:
    for identifier in {row[1] for row in PLANTED}:
        alone, among = (
            {row for row in found(identifier, text) if row[0] != "solution"} for text in (own(identifier), TEXT)
        )
        assert alone == among


def test_every_kind_is_planted() -> None:
    assert {row[0] for row in PLANTED} == set(KINDS)


def test_a_dropped_bound_is_found_in_coexistence() -> None:
    """The bound that once was printed as a number and proved as `exists small`."""
    assert all(kind != "bound" for kind, _ in found("coexistence"))
    text = planted("coexistence", "  exists T0 : R,", "  exists small T0 : R,")
    assert ("bound", "small: some number, not an explicit one") in found("coexistence", text)


def test_what_is_asked_in_coqs_words_is_on_the_page() -> None:
    """Limits that are given, starts that are not zero; not of which token and time it speaks, nor what stands behind `exists`."""
    (asked,) = (text for kind, text in found("attention-decay") if text.startswith("asks besides"))
    assert (
        "`is_lim (fun t => decay_scaled(x_t=x l t)) p_infty cl`; `is_lim (fun t => decay_scaled(x_t=x j t)) p_infty cj`"
        in asked
    )
    assert (
        "assumption",
        "asks besides the page's assumptions, in Coq's words: `square_norm D (fun e => x e 0) <> 0`",
    ) in found("replicator")
    plain = ("convergence-monotone", "sign-invariance", "carried-rate", "convergence-rate")
    assert not [key for key in plain if any(k == "assumption" and "Coq's words: `" in t for k, t in found(key))]


def test_words_that_stand_for_an_assumption_are_told_from_others() -> None:
    """Not asked at all, asked in other words, asked for less, and what a letter is: four different sentences."""
    texts = {text.partition(": ")[0] for key in REGISTRY for _, text in found(key)}
    assert {
        "does not ask",
        "asks for on-cone, in Coq's words",
        "asks for less than equal-steps, in Coq's words",
        "asks for less than mu-negative, in Coq's words",
    } <= texts
    assert "says what $\\Delta_{\\min}$ is, in Coq's words" in texts
    without = planted("radial", "{{ in_words('equal-steps', less=true) }} ", "")
    assert ("assumption", "does not ask: equal-steps") in found("radial", without)
    assert ("assumption", "does not ask: equal-steps") not in found("radial")


def test_what_is_asked_is_told_from_what_is_a_case() -> None:
    asked = found("blow-up-profile")
    assert ("assumption", "asks besides the page's assumptions: s-nonzero") in asked
    assert ("assumption", "asks by cases: no-floor") in asked, "what is asked of token m is no assumption about token 1"


def test_an_assumption_about_token_1_has_one_name() -> None:
    assert ("assumption", "asks besides the page's assumptions: first-token-nonzero") in found("skip-equilibria")
    assert not [row for row in found("fast-blow-up-time") if "nonzero" in row[1]], "it is the registry's own"
    assert ("quantifier", "tokens-nonzero asked of token 1 and token 2 only") in found("closed-form-two-tokens")


def test_what_is_claimed_besides_is_on_the_page() -> None:
    (besides,) = (text for kind, text in found("definite-converges") if text.startswith("claims besides"))
    assert "`T = p_infty`" in besides
    assert "`(forall d : nat, (d < D)%nat -> is_lim (x d) p_infty 0)`" in besides
    (told,) = (text for kind, text in found("coexistence") if "0 < T /" in text)
    assert "{{" not in told, "a number of the witness has a name"


def test_what_belongs_to_a_limit_is_said_of_the_whole_statement() -> None:
    """Not of the first one, which may be a case."""
    for key in REGISTRY:
        cases = {row.name for row in stated() if row.case}
        assert not [row for row in differences(key) if row.text.startswith("the limit of") and row.statement in cases]


GIVEN = "of a solution that is given for all times"


def lives(identifier: str, text: str | None = None) -> set[str]:
    """What is said of solutions that are given for all times."""
    return {words for kind, words in found(identifier, text) if kind == "solution"}


def test_a_solution_for_all_times_has_a_statement_that_there_is_one() -> None:
    """On every page: one that asks nothing besides where there is one, else what its letters can meet."""
    said = {row for key in REGISTRY for row in lives(key)}
    assert all("; that there is one" in row for row in said), said
    assert lives("slow-ratios") == {f"{GIVEN}; that there is one: `slow_existence`"}
    assert lives("attention-decay") == {f"{GIVEN}; that there is one: `state_existence`"}
    assert lives("slow-first-token") == {f"{GIVEN}; that there is one, under what each asks: `slow_existence`"}
    assert lives("slowest-channel") == {f"{GIVEN}; that there is one, under what each asks: `vector_existence`"}


def test_a_statement_for_the_same_theorem_must_cover_it_too() -> None:
    """`existence` is for mu_n <= 0: it says nothing of token 1 with mu_n of any signs, of the same theorem."""
    assert lives("convergence-rate") == {
        f"{GIVEN}; that there is one: `existence`, `state_existence`",
        f"{GIVEN}; that there is one: `state_existence`",
    }
    asked = planted("state_existence", "{{ domain('a') }} ->", "{{ domain('a') }} ->\n  s = 0 ->")
    assert lives("state-convergence", asked) == {
        f"{GIVEN}; that there is one, under what each asks: `existence`, `convergence_rate_attained`, `slow_existence`, `state_existence`"
    }


def test_no_statement_is_named_whose_signs_the_theorem_excludes() -> None:
    """A solution with mu <= 0 is none where mu > 0."""
    without = planted("slow_existence", "p_infty x /\\ (forall", "p_infty x -> (forall")
    assert lives("slow-ratios", without) == {GIVEN}
    for key, theorem in REGISTRY.items():
        if "mu-positive" in theorem.assumptions:
            assert not [row for row in lives(key) if "`existence`" in row or "`state_existence`" in row]


def test_a_claim_where_the_end_is_infinite_is_of_a_solution_for_all_times() -> None:
    """Unless the same statement proves that a maximal one never ends."""
    assert lives("prenorm-eps") == {f"where T is infinite, {GIVEN}; that there is one: `prenorm_ball_existence`"}
    assert lives("divergence-monotone") == {
        f"where T is infinite, {GIVEN}; that there is one, under what each asks: `slow_existence`"
    }
    assert not lives("definite-all-tokens")
    ends = planted(
        "definite_all_tokens", "  (layer_maximal N D a S_B S_C S_Delta b eps L T x -> T = p_infty) /\\\n", ""
    )
    assert lives("definite-all-tokens", ends) == {f"where T is infinite, {GIVEN}"}


def test_every_statement_is_read_and_its_differences_are_on_its_page() -> None:
    rows = stated()
    assert len(rows) == TEXT.count("_statement : Prop :=")
    assert {row.id for row in rows} <= set(REGISTRY)
    for key in ("fast-bound", "convergence-rate", "coexistence"):
        page = " ".join(getattr(block, "text", "") for block in listing.formal_blocks(get(key)))
        assert differences(key)
        assert all(row.text in page for row in differences(key))
        assert "a formula of the registry is called by its name" in page


def test_letters_of_every_page_are_explained() -> None:
    for theorem in REGISTRY.values():
        rows = listing.letter_rows(theorem)
        assert set(theorem.letters) <= set(rows)
        assert all(row["meaning"] for row in rows.values())
        assert ("sharp" in rows) == (theorem.sharpness is not None)
        assert "sharp" not in letters_of(theorem.stated), "a sharp factor is one as stated"


def test_a_letter_that_means_another_thing_on_a_page_says_so_there() -> None:
    """What is planned for a page without that letter, or what all pages say anyway, is no such meaning."""
    usual = {**{name: row for name, (_, row) in SPOKEN.items()}, **LETTERS, **OBSERVABLES}
    for key, own in OWN_MEANINGS.items():
        rows = listing.letter_rows(get(key))
        assert {name: rows[name]["meaning"] for name in own} == own
        assert all(usual[name].meaning != meaning for name, meaning in own.items())
    for key, letters in OWN_LETTERS.items():
        assert not letters.keys() & usual.keys()
        said = " ".join([get(key).title, *(str(part) for step in get(key).steps() for part in step.statement)])
        assert all(name in said for name in letters)
    assert "x_l' = x_l F_l" in listing.letter_rows(get("fast-bound"))["F_l"]["meaning"]


def test_no_printed_step_says_that_a_thing_is_itself() -> None:
    for theorem in REGISTRY.values():
        for part in (part for step in theorem.steps() for part in step.statement):
            assert isinstance(part, Relational)
            assert conclusion_latex(part.lhs) != conclusion_latex(part.rhs), f"{theorem.id}: {part}"


def test_conclusions_are_mathematics_not_codes() -> None:
    assert not [theorem.id for theorem in REGISTRY.values() if "fate" in letters_of(theorem.conclusion)]


def test_a_bound_at_infinity_is_no_limit() -> None:
    assert r"\limsup" in conclusion_latex(get("slow-polylog-rate").stated)
    assert r"\limsup" not in conclusion_latex(get("slow-first-token").stated)
