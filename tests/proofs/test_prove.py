"""The gate can fail: mutated definitions and statements, smuggled hypotheses, gaps and foreign axioms are refused.

Coq compiles here what one mutant rests on; the nightly run compiles the whole development and tries all of them.
That every proof was compiled as it stands is what the committed record says, and its digests are compared here.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from s6flow.errors import MissingDependencyError
from s6flow.proofs import prove as gate
from s6flow.proofs.formal import formal_statements, generated_files
from s6flow.proofs.prove import COQ, ProofError, coq_available

needs_coq = pytest.mark.usefixtures("answered")
pytestmark = pytest.mark.coq

#: (what is changed, text, replacement, theorem whose proof must break)
MUTANTS: tuple[tuple[str, str, str, str], ...] = (
    ("gate grows", "exp (- a n * Delta s b eps (x (S k)))", "exp (a n * Delta s b eps (x (S k)))", "linear_recursion"),
    ("gate loses its rate", "exp (- a n * Delta s b eps (x (S k)))", "exp (- Delta s b eps (x (S k)))", "linear_recursion"),
    ("gate reads the token before", "exp (- a n * Delta s b eps (x (S k)))", "exp (- a n * Delta s b eps (x k))", "linear_recursion"),
    ("first token cubed", "mu n * x O ^ 2", "mu n * x O ^ 3", "linear_recursion"),
    ("increment loses mu", "k n + mu n * x (S k) ^ 2", "k n + x (S k) ^ 2", "linear_recursion"),
    ("increment subtracted", "k n + mu n * x (S k) ^ 2", "k n - mu n * x (S k) ^ 2", "linear_recursion"),
    ("state forgotten", "* hidden a mu s b eps x k n +", "* 0 +", "linear_recursion"),
    ("step without slope", "softplus (s * u + b)", "softplus (u + b)", "scaling"),
    ("step without bias", "softplus (s * u + b)", "softplus (s * u)", "fast_bound_attained"),
    ("step without its floor", "softplus (s * u + b) + eps", "softplus (s * u + b)", "fast_bound_attained"),
    ("profile: slow tokens, floor or not", "(eps = 0 -> 0 < s * x m 0) /\\", "(0 < s * x m 0) /\\", "blow_up_profile"),
    ("slow rate with a floor", "  eps = 0 ->\n  (forall n : nat, (n < N)%nat -> 0 <= a n) ->\n  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->\n  0 < sum_below N mu ->\n  solution N a mu s b eps L T x ->", "  (forall n : nat, (n < N)%nat -> 0 <= a n) ->\n  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->\n  0 < sum_below N mu ->\n  solution N a mu s b eps L T x ->", "slow_log_rate"),
    ("K far from 0 without the floor", "mu n * exp (- a n * eps)", "mu n * exp (- a n * 0)", "carried_limits"),
    ("a state too few", "| S k => sum_below k g + g k", "| S k => sum_below k g", "linear_recursion"),
    ("attention of the token before", "x l * mu n * x j * Delta", "x j * mu n * x j * Delta", "unrolled_attention_channel"),
    ("velocity without the token", "is_derive (x l) t (x l t * growth_rate", "is_derive (x l) t (1 * growth_rate", "scaling"),
    ("recursion: exponent twice", "exp (- a n * sum_between (S j)", "exp (- 2 * a n * sum_between (S j)", "linear_recursion"),
    ("recursion: source counted twice", "sum_between (S j) (S l) (fun k => Delta s b eps (x k)))))", "sum_between j (S l) (fun k => Delta s b eps (x k)))))", "linear_recursion"),
    ("signs swap", "0 < x l t * sign (x l 0)", "x l t * sign (x l 0) < 0", "sign_invariance"),
    ("signs with a bias of C", "(forall n : nat, (n < N)%nat -> beta_C n = 0) ->\n  axis_solution", "axis_solution", "sign_invariance"),
    ("attention loses the bias of B", "(beta_B n + sum_below D (fun e => S_B n e * x j e))", "sum_below D (fun e => S_B n e * x j e)", "unrolled_attention"),
    ("scaling by c", "mu n * k / c ^ 2", "mu n * k / c", "scaling"),
    ("uniqueness without equal starts", "(forall l : nat, (l < L)%nat -> x l 0 = y l 0) ->\n  forall l : nat", "forall l : nat", "uniqueness"),
    ("causality one token too far", "(forall l : nat, (l < m)%nat -> forall t : R", "(forall l : nat, (l <= m)%nat -> forall t : R", "causality"),
    ("depth: limit 4", "Delta s b eps x < 2)", "Delta s b eps x < 4)", "depth_contraction"),
    ("depth: sign", "0 < - h * mu * x ^ 2", "0 < h * mu * x ^ 2", "depth_contraction"),
    ("invariance beside the axis", "on_axis d = 0 -> x l d = 0) ->\n  (forall l", "on_axis d = 0 -> x l d = x l d) ->\n  (forall l", "channel_invariance"),
    ("axis: S_B squared", "(fun n => S_B n c * S_C n c)", "(fun n => S_B n c * S_B n c)", "axis_restriction"),
    ("axis loses the bias of B", "(S_B n * x O + beta_B n)", "(S_B n * x O)", "axis_restriction"),
    ("carried rate loses its own part", "+ sum_below N mu * x 1%nat ^ 2", "+ 0 * x 1%nat ^ 2", "carried_rate"),
    ("stationary for one state", "(forall n : nat, (n < N)%nat -> mu n = 0) ->", "(forall n : nat, (n < 1)%nat -> mu n = 0) ->", "stationary"),
    ("closed form: factor", "- 2 * sum_below N mu * t * (softplus b", "- 3 * sum_below N mu * t * (softplus b", "closed_form_first_token"),
    ("cone: any vector rests", "quadratic_form D M v = 0 ->\n", "", "cone_equilibria"),
    ("times: no shared start", "(forall l : nat, (l < m)%nat -> x l 0 = y l 0) ->\n  Rbar_le T T'", "Rbar_le T T'", "causality_times"),
    ("monotone: growth", "Rbar_lt v T -> Rabs (x l v) <= Rabs (x l u)", "Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v)", "convergence_monotone"),
    ("polylog: a power too few", "Rabs (x l t) <= C * ln t ^ (S l)", "Rabs (x l t) <= C * ln t ^ l", "slow_polylog_rate"),
    ("ratio: without s x < 0", "(forall l : nat, (0 < l)%nat -> (l < L)%nat -> s * x l 0 < 0) ->\n", "", "blow_up_ratio"),
    ("coexistence: second token not held", "(Delta s b eps (x 1%nat 0)) < 0 /\\ x 1%nat 0 <> 0 ->", "(Delta s b eps (x 1%nat 0)) < 1 /\\ x 1%nat 0 <> 0 ->", "coexistence"),
    ("never definite: equal sizes", "(N < D)%nat ->\n  (exists v", "(N <= D)%nat ->\n  (exists v", "never_definite"),
    ("skip: half as much again", "* exp (- (2 * d * t))", "* exp (- (3 * d * t))", "skip_equilibria"),
    ("all tokens: no lower step", "  0 < low ->\n", "", "definite_all_tokens"),
    ("trichotomy: falls where it rises", "(0 < Q 0 -> Rabs (x d u) <= Rabs (x d v))", "(0 < Q 0 -> Rabs (x d v) <= Rabs (x d u))", "orbit_trichotomy"),
    ("state bound: one token less", "exp (- sum_below (S l) Delta * decay)", "exp (- sum_below l Delta * decay)", "state_bound"),
    ("rounding: ties to either side", "has_bits (pred bits) z)", "has_bits (S bits) z)", "gate_rounding"),
    ("order: K may touch zero", "z -> 0 < (carried_total N a mu z)) ->", "z -> 0 <= (carried_total N a mu z)) ->", "carried_order"),
    ("blow-up without a fast token", "1 <= (INR count) ->", "0 <= (INR count) ->", "mixed_blow_up"),
    ("roots: one sign change less", "(k <= sign_changes)%nat) ->", "(k <= S sign_changes)%nat) ->", "carried_roots"),
    ("trace of the wrong small matrix", "S_B n e * S_C m e", "S_B n e * S_B m e", "rank_reduction"),
)  # fmt: skip


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="session")
def coq() -> None:
    """Asked when a test needs it: the answer takes a process that loads Coquelicot."""
    if not coq_available():
        pytest.skip("NOT RUN: coqc with Coquelicot is not installed")


@pytest.fixture
def answered(coq: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate need not ask again."""
    monkeypatch.setattr(gate, "coq_available", lambda: True)


@pytest.fixture(scope="module")
def sources(coq: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the development, in which what is asked for is compiled once."""
    folder = tmp_path_factory.mktemp("coq")
    for path in COQ.glob("*.v"):
        shutil.copy(path, folder)
    return folder


def needed(folder: Path, target: str) -> list[str]:
    """Files that `target` rests on, in order, itself last."""
    order = run(folder, "coqdep", "-Q", ".", "S6Flow", "-sort", target).stdout.split()
    return [Path(name).stem for name in order]


def first_error(folder: Path, theorem: str, changed: frozenset[str] = frozenset()) -> str:
    """Compile what `theorem` rests on and is not compiled, or rests on what has changed; "" if all is accepted."""
    stale = set(changed)
    for stem in needed(folder, f"{gate.stated_in(folder, theorem)}.v"):
        text = (folder / f"{stem}.v").read_text()
        imports = set(re.findall(r"\w+", " ".join(re.findall(r"Require Import ([\w\s]+?)\.", text))))
        if (folder / f"{stem}.vo").exists() and stem not in stale and not imports & stale:
            continue
        stale.add(stem)
        for suffix in (".vo", ".vos", ".vok", ".glob"):
            (folder / f"{stem}{suffix}").unlink(missing_ok=True)
        coqc = f"ulimit -t {LONGEST}; exec coqc -q -w none -Q . S6Flow {stem}.v"
        done = run(folder, "bash", "-c", coqc)
        if done.returncode:
            return f"{stem}: {(done.stderr or 'did not finish').strip().splitlines()[-1]}"
    return ""


def rejected(source: Path, scratch: Path, text: str, new: str, theorem: str) -> str:
    """Rebuild what `theorem` rests on with the mutation; the first error, or "" if all is accepted."""
    for path in source.iterdir():
        if path.suffix in (".v", ".vo", ".vos", ".vok", ".glob"):
            os.link(path, scratch / path.name)
    file = next(
        name for name in ("Definitions.v", "LayerState.v", "Statements.v") if text in (source / name).read_text()
    )
    original = (source / file).read_text()
    (scratch / file).unlink()
    (scratch / file).write_text(original.replace(text, new, 1))
    return first_error(scratch, theorem, frozenset({Path(file).stem}))


#: A processor's seconds that one file may take.
LONGEST = 120
#: One of a theorem that rests on few files: what the others rest on takes the kernel minutes.
(SOME,) = (row for row in MUTANTS if row[0] == "recursion: exponent twice")


@needs_coq
@pytest.mark.slow
def test_every_mutant_is_rejected(sources: Path, tmp_path: Path) -> None:
    unmutated = {theorem: first_error(sources, theorem) for *_, theorem in MUTANTS}
    assert set(unmutated.values()) == {""}, "what mutants are made of must be accepted"

    def verdict(index: int) -> str:
        _, text, new, theorem = MUTANTS[index]
        scratch = tmp_path / str(index)
        scratch.mkdir()
        return rejected(sources, scratch, text, new, theorem)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = list(pool.map(verdict, range(len(MUTANTS))))
    survivors = [
        f"{name}: {error or 'accepted'}"
        for (name, *_), error in zip(MUTANTS, errors, strict=True)
        if not error or "did not finish" in error or "inconsistent assumptions" in error
    ]
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants rejected")
    assert not survivors


def error_of_one_file(scratch: Path, parts: dict[str, str]) -> str:
    """Compile files as the modules of one: a process for each would load Coquelicot, which takes longer than these proofs.

    Returns: the name of the part with the first error, and the error; "" if all is accepted.
    """
    texts = [f"Module {stem}.\n{text}\nEnd {stem}.\n" for stem, text in parts.items()]
    whole = "".join(texts).replace("From S6Flow Require Import ", "Import ")
    (scratch / "Whole.v").write_text(whole)
    done = run(scratch, "bash", "-c", f"ulimit -t {LONGEST}; exec coqc -q -w none Whole.v")
    if not done.returncode:
        return ""
    place = re.match(r'File "\./Whole\.v", line (\d+)', done.stderr)
    assert place, done.stderr
    lines = itertools.accumulate(text.count("\n") for text in texts)
    stem = next(stem for stem, last in zip(parts, lines, strict=True) if int(place[1]) <= last)
    return f"{stem}: {done.stderr.strip().splitlines()[1]}"


@needs_coq
def test_a_mutant_is_rejected(sources: Path, tmp_path: Path) -> None:
    _, text, new, theorem = SOME
    home = gate.stated_in(sources, theorem)
    parts = {stem: (sources / f"{stem}.v").read_text() for stem in needed(sources, f"{home}.v")}
    assert error_of_one_file(tmp_path, parts) == "", "what a mutant is made of must be accepted"
    assert text in parts["Definitions"]
    parts["Definitions"] = parts["Definitions"].replace(text, new, 1)
    assert error_of_one_file(tmp_path, parts).startswith(f"{home}: Error"), "not in a proof of the theorem"


@needs_coq
@pytest.mark.slow
def test_the_whole_development_is_accepted() -> None:
    report = gate.prove(formal_statements(), generated=generated_files())
    assert dict(report.theorems) == gate.recorded()


def fake(folder: Path, body: str) -> Path:
    """A one-theorem development."""
    folder.joinpath("Statements.v").write_text("Definition truth_statement : Prop := 1 = 2.\n")
    lines = body.replace(". Theorem", ".\nTheorem")
    folder.joinpath("Truth.v").write_text(f"From S6Flow Require Import Statements.\n{lines}\n")
    return folder


@needs_coq
@pytest.mark.parametrize(
    ("body", "word"),
    [
        (
            "Section S. Hypothesis cheat : False. Theorem truth : truth_statement. Proof. destruct cheat. Qed. End S.",
            "cheat|type",
        ),
        ("Hypothesis cheat : False. Theorem truth : truth_statement. Proof. destruct cheat. Qed.", "cheat"),
        ("Theorem truth : truth_statement. Proof. Admitted.", "Admitted"),
        ("Axiom cheat : False. Theorem truth : truth_statement. Proof. destruct cheat. Qed.", "Axiom"),
        ("Theorem truth : truth_statement. Proof. reflexivity. Qed.", "Unable|accept"),
        ("Theorem truth : 1 = 1. Proof. reflexivity. Qed.", "truth"),
    ],
    ids=["section hypothesis", "hypothesis", "admitted", "axiom", "wrong proof", "another statement"],
)
def test_cheats_are_refused(tmp_path: Path, body: str, word: str) -> None:
    with pytest.raises(ProofError, match=word):
        gate.prove(["truth"], generated={}, folder=fake(tmp_path, body))


@needs_coq
def test_a_narrower_whitelist_is_noticed(tmp_path: Path) -> None:
    fake(tmp_path, "")
    (tmp_path / "Statements.v").write_text(
        "Require Import Classical_Prop.\nDefinition truth_statement : Prop := forall P : Prop, P \\/ ~ P.\n"
    )
    (tmp_path / "Truth.v").write_text(
        "Require Import Classical_Prop.\nFrom S6Flow Require Import Statements.\n"
        "Theorem truth : truth_statement. Proof. exact classic. Qed.\n"
    )
    report = gate.prove(["truth"], generated={}, folder=tmp_path)
    assert report.theorems["truth"] == ("Classical_Prop.classic",)
    with pytest.raises(ProofError, match=r"Classical_Prop\.classic"):
        gate.prove(["truth"], generated={}, folder=tmp_path, whitelist=frozenset())


@needs_coq
def test_a_changed_generated_file_is_refused(tmp_path: Path) -> None:
    fake(tmp_path, "Theorem truth : 1 = 1. Proof. reflexivity. Qed.")
    with pytest.raises(ProofError, match=r"Statements\.v"):
        gate.prove(["truth"], generated={"Statements.v": "something else"}, folder=tmp_path)


def test_comments_may_speak_of_axioms(tmp_path: Path) -> None:
    path = tmp_path / "A.v"
    path.write_text("(* no Axiom (* nor Admitted *) here *)\nDefinition a := 1.\n")
    gate.refuse_words(path)
    path.write_text("Definition a := 1. Axiom b : False.\n")
    with pytest.raises(ProofError, match="line 1"):
        gate.refuse_words(path)


def test_without_coq_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "coq_available", lambda: False)
    with pytest.raises(MissingDependencyError, match="apt-get install coq"):
        gate.prove([], generated={})


def test_the_committed_record_covers_every_statement() -> None:
    recorded = gate.recorded()
    assert set(recorded) == set(formal_statements()), "run s6flow prove --record"
    assert all(set(axioms) <= gate.WHITELIST for axioms in recorded.values())
    assert set(generated_files()) == {"Definitions.v", "LayerState.v", "Normalised.v", "Statements.v"}
