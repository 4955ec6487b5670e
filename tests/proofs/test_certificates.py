"""Rigorous certificates: roots of K, the blow-up time, inequalities on boxes."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flint")

from s6flow.errors import AssumptionError, TheoremError
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.criteria.certify import certify_K, enclose_blow_up_time
from s6flow.proofs import status
from s6flow.proofs.registry import REGISTRY


def test_witness_of_the_failing_dichotomy() -> None:
    certificate = certify_K([-1.0, 1.5], [0.2, 4.0], 1.0, 1.0)
    assert certificate.sign_at_zero == -1
    assert certificate.mu_sign == 1
    assert certificate.complete
    assert len(certificate.roots) == certificate.descartes == 1
    # -e^(-0.2 z) + 1.5 e^(-4 z) = 0 at z = ln(1.5) / 3.8
    root = certificate.roots[0]
    assert root.low <= math.log(1.5) / 3.8 <= root.high
    assert certificate.dichotomy_can_fail(1.0) is True


def test_one_sign_has_no_root_and_cannot_fail() -> None:
    certificate = certify_K([1.0, 2.0, 0.5], [0.2, 4.0, 1.0], -0.3, 0.5)
    assert certificate.roots == ()
    assert certificate.descartes == 0
    assert certificate.dichotomy_can_fail(-0.3) is False


def test_counts_agree_with_a_fine_grid_and_are_fast() -> None:
    generator = np.random.default_rng(2)
    start = time.perf_counter()
    for _ in range(60):
        mu, a = generator.normal(size=6), 10 ** generator.uniform(-1, 1.2, 6)
        certificate = certify_K(mu, a, 1.0, 0.0)
        z = np.geomspace(1e-8, 400, 40_000)
        values = (mu[:, None] * np.exp(-a[:, None] * z)).sum(axis=0)
        signs = np.sign(values[values != 0])
        seen = int((signs[1:] != signs[:-1]).sum())
        assert certificate.complete
        assert seen <= len(certificate.roots) <= certificate.descartes
        assert (len(certificate.roots) - seen) % 2 == 0
    assert time.perf_counter() - start < 30


def test_blow_up_time_is_enclosed() -> None:
    low, high = enclose_blow_up_time(1.5, 2.0, 0.0, 0.5)
    exact = 1 / (2 * 2.0 * math.log1p(math.exp(0.5)) * 1.5**2)
    assert low <= exact <= high
    assert high - low < 1e-12 * exact
    low, high = enclose_blow_up_time(1.0, 0.5, 1.0, 1.0)
    assert low <= 0.372229 * 1.0001
    assert high >= 0.372229 * 0.9999
    with pytest.raises(AssumptionError):
        enclose_blow_up_time(1.0, 1.0, -1.0, 0.0)


def test_an_inequality_is_certified_on_a_box_and_a_false_one_is_not() -> None:
    box = {"mu": [(-3.0, -0.5)], "a": [1.0], "s": (0.0, 1.0), "b": (-1.0, 1.0), "floor": 0.0, "x0": [(0.5, 2.0)]}
    assert certify_box("convergence-monotone", box).certified
    bad = {**box, "mu": [(-3.0, 0.5)]}
    assert not certify_box("convergence-monotone", bad, max_boxes=200).certified


def test_statuses_above_evidence_need_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theorem = REGISTRY["step-floor"]
    for word in ("certified", "kernel-checked", "proved"):
        with pytest.raises(TheoremError, match="given by hand"):
            replace(theorem, evidence=word)
    record = tmp_path / "certificates.json"
    monkeypatch.setattr(status, "CERTIFICATES", record)
    monkeypatch.setattr(status, "formal", lambda theorem: {})
    try:
        for text, word in (("of another statement", theorem.evidence), (theorem.latex(), "certified")):
            record.write_text(json.dumps({theorem.id: hashlib.sha256(text.encode()).hexdigest()}))
            status.certificates.cache_clear()
            assert status.status(theorem) == word
    finally:
        status.certificates.cache_clear()
