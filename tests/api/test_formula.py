"""Formulas of statements as a terminal shows them."""

from __future__ import annotations

import re

import pytest

import s6flow as sf
from s6flow.formula import plain, readable


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{1}{2 \varepsilon x_{l}(0)^{2}}", "1/(2 ε x_l(0)²)"),
        (r"\frac{\left|{x}\right|}{3}", "|x|/3"),
        (r"\frac{- a + b}{c} d", "(-a + b)/c d"),
        (r"e^{- a_{n} \Delta}", "e^(-a_n Δ)"),
        (r"x_{l - 1}^{-2}", "x_{l - 1}⁻²"),
        (r"\frac{d\ln|x_{l}|}{\ln t}", "(d ln|x_l|)/(ln t)"),
        (r"\sqrt{2 t}", "√(2 t)"),
        (r"\lim_{t \to T^-} \|x(t)\| = \infty", "lim_{t → T⁻} ‖x(t)‖ = ∞"),
        (
            r"x(0)^\top M \tilde v_{l} \;\Rightarrow\; \operatorname{sign}{\left(y \right)}",
            "x(0)ᵀ M ṽ_l ⇒ sign(y)".replace("ṽ", "v\u0303"),
        ),
        (r"\#\{K=0\} \leq V(\mu)", "#{K=0} ≤ V(μ)"),
        (r"{S_\Delta^{\mathrm{out}}}_{d,r}", "S_Δ^out_{d,r}"),
    ],
)
def test_a_formula_is_one_line_of_text(latex: str, text: str) -> None:
    assert plain(latex) == text


@pytest.mark.parametrize("identifier", sf.theorems().ids)
def test_no_statement_shows_latex(identifier: str) -> None:
    page = sf.theorem(identifier)
    formulas = [page.content["conclusion"], *(row["latex"] for row in page.content["assumptions"])]
    for text in map(plain, filter(None, formulas)):
        assert not re.search(r"\\|\$|\b(left|right|frac|mathrm|operatorname|varepsilon)\b", text)
        for opened, closed in ("()", "{}"):
            assert text.count(opened) == text.count(closed)
    prose = readable(page.markdown()).split("```")[0]
    for word in ("/\\", "\\/"):  # Coq's "and" and "or", in statements in its words
        prose = prose.replace(word, "")
    assert "\\" not in prose


def test_code_keeps_its_dollars() -> None:
    assert readable("`a$b$` and $\\mu$\n```sh\necho $HOME $x\n```") == "`a$b$` and μ\n```sh\necho $HOME $x\n```"
