"""Refuted claims: every counterexample is run anew, and one that refutes nothing is seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from s6flow.errors import TheoremError
from s6flow.numeric.checks import MEASUREMENTS, judge_data
from s6flow.numeric.checks.check import batch_of
from s6flow.numeric.checks.judge import Judgement
from s6flow.proofs.refuted import REFUTED, Refuted, refuted_blocks, refuted_listing
from s6flow.proofs.registry import REGISTRY


def judged(row: Refuted, backend: str, **changed: object) -> Judgement:
    data = batch_of(row.claim, {**row.data, **changed})
    observed = MEASUREMENTS[row.claim.measurement](row.claim, data)
    return judge_data(row.claim, data, backend, observed=observed)


def test_there_are_refuted_claims() -> None:
    assert REFUTED


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("key", REFUTED)
def test_the_counterexample_meets_the_assumptions_and_breaks_the_claim(key: str, backend: str) -> None:
    result = judged(REFUTED[key], backend)
    assert result.satisfied[0]
    assert result.margins[0] < -0.1


def test_a_system_that_breaks_nothing_is_seen() -> None:
    row = REFUTED["definite-later-tokens"]
    milder = judged(row, "numpy", x=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert milder.satisfied[0]
    assert milder.margins[0] > 0
    indefinite = judged(row, "numpy", S_C=[[2.0, 0.0], [-1.5, 0.0], [0.0, -1.0]])
    assert not indefinite.satisfied[0]


def test_what_stands_instead_holds_where_the_claim_fails() -> None:
    for row in REFUTED.values():
        theorem = REGISTRY[row.instead]
        # up to t = 1: later the smallest step is below the range of floats, and so the bound above it
        theorem = dataclasses.replace(theorem, options={**theorem.options, "log_times": (-6.0, 0.0, 25)})
        data = batch_of(theorem, row.data)
        observed = MEASUREMENTS[theorem.measurement](theorem, data)
        result = judge_data(theorem, data, observed=observed)
        assert result.satisfied[0]
        assert result.margins[0] > 0
        assert np.isfinite(result.margins[0])


def test_a_refuted_id_is_never_a_theorem_again() -> None:
    row = REFUTED["definite-later-tokens"]
    assert not set(REFUTED) & set(REGISTRY)
    with pytest.raises(TheoremError, match="may not be in the registry"):
        dataclasses.replace(row, claim=REGISTRY["radial"])
    with pytest.raises(TheoremError, match="must be in the registry"):
        dataclasses.replace(row, instead="definite-later-tokens")


def test_the_list_and_the_page_name_the_counterexample() -> None:
    (line,) = refuted_listing()
    assert line["status"] == "refuted"
    assert "definite-all-tokens" in line["title"]
    text = " ".join(str(block) for block in refuted_blocks(REFUTED[line["id"]]))
    assert "-30.0" in text
    assert "refuted" in text
