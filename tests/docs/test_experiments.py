"""docs/experiments.md: its table is that of the committed results, and so is what it says of correlations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from s6flow.numeric.experiments.report import verdict_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
RESULTS = ROOT / "numeric" / "experiments" / "results"
ACROSS = json.loads((RESULTS / "across.json").read_text())


def test_the_table_is_that_of_the_results() -> None:
    found = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in ACROSS["grids"]}
    shown = PAGE.split("<!-- verdicts")[1].split("-->\n", 1)[1].split("<!-- end of verdicts -->")[0]
    assert shown.strip() == verdict_table(found).strip()


def test_correlations_are_those_of_the_results() -> None:
    rows = ACROSS["correlations"]["rows"]
    told = {(row["predictor"], row["outcome"]): row["correlation"] for row in rows if row["verdict"] == "predicts"}
    assert (
        f"Of {len(rows)} rank correlations within grids (`across.json`, Bonferroni's correction) {len(told)} exclude"
        in PAGE
    )
    ranks = [f"{told[f'diagnosis.rank_{letter}', 'test.bits_per_byte']:.2f}" for letter in "BC"]
    assert f"{ranks[0]} and {ranks[1]}" in PAGE
    assert max(told, key=lambda key: abs(told[key])) == ("diagnosis.rank_B", "test.bits_per_byte")
