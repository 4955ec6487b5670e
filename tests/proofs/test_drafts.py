"""The file of a new theorem loads, states something that its check refutes, and never overwrites."""

from __future__ import annotations

from pathlib import Path

import pytest

from s6flow.errors import TheoremError
from s6flow.numeric.checks import MEASUREMENTS, Verdict, check, judge_data
from s6flow.numeric.checks.check import batch_of
from s6flow.proofs import drafts
from s6flow.proofs.drafts import at_hand, changelog_line, draft, write_draft
from s6flow.proofs.registry import GROUPS
from s6flow.symbolic.assumptions import ASSUMPTIONS
from s6flow.symbolic.observables import LETTERS, OBSERVABLES
from s6flow.symbolic.sections import sections
from s6flow.symbolic.theorem import KINDS, Theorem


def test_the_draft_is_a_theorem_that_its_check_refutes(tmp_path: Path) -> None:
    (tmp_path / "mixed").mkdir()
    path = write_draft("tokens-never-shrink", "mixed", tmp_path)
    assert path == tmp_path / "mixed" / "tokens_never_shrink.py"
    names: dict[str, Theorem] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    theorem = names["THEOREM"]
    assert theorem.id == "tokens-never-shrink"
    assert check(theorem, examples=20, real_weights=False).verdict is Verdict.VIOLATED
    assert theorem.witness is not None
    true = judge_data(theorem, batch_of(theorem, theorem.witness))
    assert true.satisfied[0] and true.margins[0] >= 0  # noqa: PT018
    (example,) = theorem.counterexamples
    false = judge_data(theorem, batch_of(theorem, example.data))
    assert not false.satisfied[0] and false.margins[0] < 0  # noqa: PT018
    with pytest.raises(TheoremError, match="must not overwrite"):
        write_draft("tokens-never-shrink", "mixed", tmp_path)


@pytest.mark.parametrize(
    ("identifier", "group", "message"),
    [("coexistence", "mixed", "unique"), ("Not A Slug", "mixed", "kebab"), ("some-new-one", "nowhere", "group")],
)
def test_a_bad_id_or_group_is_refused(identifier: str, group: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TheoremError, match=message):
        write_draft(identifier, group, tmp_path)


def test_an_installed_package_writes_no_theorem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "FOLDER", tmp_path)
    monkeypatch.setattr(drafts, "PROJECT", tmp_path / "pyproject.toml")
    with pytest.raises(TheoremError, match="in a checkout of the repository"):
        write_draft("tokens-never-shrink", "mixed", tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "pyproject.toml").touch()
    assert write_draft("tokens-never-shrink", "mixed", tmp_path).exists()


def test_what_is_at_hand_is_all_of_it() -> None:
    text = at_hand(MEASUREMENTS)
    for name in (
        *GROUPS,
        *(row.title for row in sections().values()),
        *KINDS,
        *MEASUREMENTS,
        *ASSUMPTIONS,
        *LETTERS,
        *OBSERVABLES,
    ):
        assert name in text
    assert changelog_line("some-new-one").startswith("- Theorem `some-new-one`")
    assert "some-new-one" in draft("some-new-one")
