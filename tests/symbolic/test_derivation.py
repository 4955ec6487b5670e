"""The derivation: residuals vanish, broken ones are seen, and the documents are deterministic and self-contained."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from functools import cache

import pytest
import sympy as sp
from representatives import sweep

from s6flow.errors import TheoremError
from s6flow.proofs import index
from s6flow.symbolic import notation as nt
from s6flow.symbolic.derivation import TITLE, all_steps, chapters, derivation_blocks
from s6flow.symbolic.derivation.attention import written
from s6flow.symbolic.derivation.document import RENDERERS, Display, Figure, Heading, Listing, Paragraph, Table, render
from s6flow.symbolic.derivation.step import Step, peel_last, reduce_to_zero
from s6flow.symbolic.layer import axis_cell, flow_cell, layer_cell

#: From the committed index, so that who only collects the tests derives nothing.
IDS = [row["id"] for row in index.steps()]


@cache
def steps() -> dict[str, Step]:
    return {step.id: step for _, _, step in all_steps()}


@pytest.mark.parametrize("key", IDS)
def test_residuals_reduce_to_literal_zero(key: str) -> None:
    assert steps()[key].residuals
    assert all(residual == 0 for residual in steps()[key].verify())


@pytest.mark.parametrize("key", IDS)
def test_a_disturbed_residual_is_refused(key: str) -> None:
    step = steps()[key]
    disturbed = dataclasses.replace(step, residuals=(step.residuals[0] + nt.mu[nt.n] / 1000,))
    with pytest.raises(TheoremError, match=step.id):
        disturbed.verify()


def test_step_ids_are_unique() -> None:
    ids = [step.id for _, _, step in all_steps()]
    assert len(ids) == len(set(ids)) >= 25
    assert ids == IDS, "every step is tested above"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda source, token: written(flow_cell(), source, token) * sp.exp(-nt.a[nt.n]),
        lambda source, token: written(flow_cell(), source, token).subs(nt.a[nt.n], 2 * nt.a[nt.n]),
        lambda source, token: written(flow_cell(), source, token) / nt.x[source],
    ],
    ids=["extra factor", "twice the decay", "missing token"],
)
def test_induction_fails_for_a_wrong_claim(wrong: object) -> None:
    cell = flow_cell()
    earlier = cell.gate * wrong(nt.j, nt.l - 1) - peel_last(wrong(nt.j, nt.l), nt.l)  # type: ignore[operator]
    own = cell.increment - wrong(nt.l, nt.l).subs(nt.k, nt.l)  # type: ignore[operator]
    assert reduce_to_zero(sp.Sum(earlier, (nt.j, 1, nt.l - 1))) != 0 or reduce_to_zero(own) != 0


def test_axis_cell_is_the_layer_on_one_axis() -> None:
    x, s, b, eps = nt.x[nt.l], nt.s, nt.b, nt.floor
    delta = nt.softplus(s * x + b) + eps
    assert sp.simplify(axis_cell().gate - sp.exp(-nt.a[nt.n] * delta)) == 0
    assert axis_cell().increment.has(nt.beta_B) and axis_cell().readout.has(nt.beta_C)  # noqa: PT018
    assert layer_cell().gate.has(nt.S_dt_out)
    assert sp.simplify(flow_cell().increment - nt.mu[nt.n] * x**2 * delta) == 0


@pytest.mark.parametrize("each", sweep((1, 6), kept=[6], ids=lambda each: f"each {each}"))
def test_documents_are_identical_across_hash_seeds(each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this process, whose seed is drawn, and of one with another seed."""
    part = all_steps()[::each]
    monkeypatch.setattr(chapters, "all_steps", lambda: part)
    code = (
        "import hashlib; from s6flow.symbolic.derivation import chapters;"
        "from s6flow.symbolic.derivation.chapters import TITLE, derivation_blocks;"
        "from s6flow.symbolic.derivation.document import render, RENDERERS;"
        f"part = chapters.all_steps()[::{each}]; chapters.all_steps = lambda: part;"
        "b = derivation_blocks();"
        "print([hashlib.sha256(render(TITLE, b, f).encode()).hexdigest() for f in RENDERERS])"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    blocks = derivation_blocks()
    here = [hashlib.sha256(render(TITLE, blocks, form).encode()).hexdigest() for form in RENDERERS]
    assert there.stdout.strip() == str(here)


def test_page_needs_no_network_and_holds_every_step() -> None:
    blocks = derivation_blocks()
    page = render(TITLE, blocks, "html")
    assert "<math" in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "<script" not in page
    for number, _, step in all_steps():
        assert f'id="{step.id}"' in page
        assert f"Step {number}<" in page
    assert "$$" in render(TITLE, blocks, "markdown")
    assert r"\begin{document}" in render(TITLE, blocks, "latex")


def test_every_block_renders_in_every_format(tmp_path: object) -> None:
    stem = tmp_path / "picture"  # type: ignore[operator]
    stem.with_suffix(".png").write_bytes(b"\x89PNG\r\n\x1a\n")
    blocks = [
        Heading("A & B_1"),
        Paragraph("50 % of $x_l$ and `code_1` <b>, salt & pepper", "status"),
        Display((sp.Eq(nt.x[nt.l], 1), r"\alpha")),
        Table(("a", "b"), (("1 | 2", "$y$"),)),
        Listing("def f(): return 1 < 2"),
        Figure(stem, "caption"),
    ]
    pages = {form: render("T", blocks, form) for form in RENDERERS}
    assert "<b>" not in pages["html"]
    assert "salt &amp; pepper" in pages["html"]
    assert "data:image/png;base64" in pages["html"]
    assert r"A \& B\_1" in pages["latex"]
    assert r"50 \%" in pages["latex"]
    assert r"1 \| 2" in pages["markdown"]
