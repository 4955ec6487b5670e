"""The README as a stranger meets it: short, and everything that it shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from representatives import sweep

import s6flow as sf
from s6flow.numeric.audit import audit
from s6flow.numeric.audit.report import AuditReport
from s6flow.numeric.criteria.reach import DISTANCES
from s6flow.numeric.experiments.checkpoints import shipped_checkpoint
from s6flow.proofs.formal import MISSING
from s6flow.proofs.formal.differences import differences
from s6flow.proofs.registry import REGISTRY
from s6flow.proofs.status import status

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")

#: Row of the table -> shipped checkpoint.
TRAINED = {
    "trained, no constraint": "unconstrained",
    "trained, mu of both signs enforced": "mixed",
    "trained, our constraint mu > 0": "positive",
    "trained, our constraint mu < 0": "negative",
}
#: Models that are drawn for the last row.
SEEDS = 6


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_it_is_short() -> None:
    lines = README.splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 100


def test_links_hold() -> None:
    found = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in link]
    assert len(found) > 8
    assert not [link for link in found if not (ROOT / link).exists()]


def test_python_does_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session from top to bottom; what a block prints stands below it."""
    for name in ("torch", "transformers", "typeseg", "matplotlib"):
        pytest.importorskip(name)
    import matplotlib as mpl

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mpl, "get_backend", lambda: "agg")
    names: dict[str, object] = {}
    shown = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README, re.DOTALL)
    assert len(shown) == 3
    for code, expected in shown:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert printed.getvalue() == expected
    from transformers import MambaForCausalLM

    again = audit(MambaForCausalLM.from_pretrained(tmp_path / "constrained"))
    mu = np.concatenate([layer.numbers("mu") for layer in again.layers])
    assert (mu > 0).all()


def test_commands_do_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from s6flow.cli import main

    shown = blocks(README, "console")
    assert shown
    for block in shown:
        command, expected = block.split("\n", 1)
        with pytest.raises(SystemExit) as end:
            main(shlex.split(command.removeprefix("$ s6flow ")))
        assert end.value.code == 0
        printed = capsys.readouterr().out
        assert printed.rstrip().endswith(expected.removeprefix("...\n").rstrip())


def numbers(report: AuditReport) -> list[int]:
    asked = ["paper_setting", "dichotomy_can_fail", *(f"K_negative_{distance}" for distance in DISTANCES)]
    return [report.flagged(name)[0] for name in asked]


def untrained(seed: int) -> AuditReport:
    import torch

    from s6flow.numeric.experiments.config import load_config
    from s6flow.numeric.experiments.model import S6Stack
    from s6flow.numeric.experiments.results import SHIPPED_GRID

    torch.manual_seed(seed)
    return audit(S6Stack(load_config(SHIPPED_GRID).model, 256, None, False), shuffles=2)


def test_channels_in_reach_are_those_of_an_audit() -> None:
    pytest.importorskip("torch")
    rows = {words: numbers(audit(str(shipped_checkpoint(name)), shuffles=2)) for words, name in TRAINED.items()}
    drawn = np.mean([numbers(untrained(seed)) for seed in range(SEEDS)], axis=0)
    rows[f"untrained, mean of {SEEDS} seeds"] = [round(value) for value in drawn]
    lines = [f"| {words} | {' | '.join(map(str, row))} |" for words, row in rows.items()]
    for text in (README, RESULTS):
        table = text.split("<!-- reach")[1].split("<!-- end of reach -->")[0].strip().splitlines()
        assert table[3:] == lines


@pytest.mark.parametrize("words", sweep(TRAINED, kept=["trained, no constraint"]))
def test_own_terms_on_data_are_those_of_a_trace(words: str) -> None:
    torch = pytest.importorskip("torch")
    ids = torch.tensor(list((ROOT / "LICENSE").read_bytes()[:1024]))
    layers = sf.trace(shipped_checkpoint(TRAINED[words]), ids).layers
    line = f"| {words} | {' | '.join(format(layer.numbers['own_positive'], '.2f') for layer in layers)} |"
    table = RESULTS.split("<!-- own")[1].split("<!-- end of own -->")[0].strip().splitlines()
    assert table[3:][list(TRAINED).index(words)] == line
    assert len(table[3:]) == len(TRAINED)


def test_it_says_how_many_theorems_are_proved() -> None:
    kept = [status(theorem) for theorem in REGISTRY.values()]
    said = f"Of {len(kept)} theorems {kept.count('kernel-checked')} are checked by Coq's kernel"
    assert said in " ".join(README.split()), f"README.md must say: {said}"


def test_what_is_left_out_of_the_kernel_is_named() -> None:
    """Theorems that are not formal, counted and named; no formal statement lacks a bias."""
    assert [key for key in REGISTRY if any(row.kind == "bias" for row in differences(key))] == []
    informal = [key for key, theorem in REGISTRY.items() if status(theorem) != "kernel-checked"]
    assert set(informal) == set(MISSING), "a theorem without a formal statement has a row in MISSING of proofs/formal"
    number = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"][len(informal)]
    _, _, said = RESULTS.partition(f"{number}\ntheorems are not formal, and their pages say what stops it: ")
    named = set(re.findall(r"`([a-z-]+)`", said.split("\n\n", 1)[0]))
    assert named == set(informal), f"docs/results.md must count and name the theorems that are not formal: {informal}"
