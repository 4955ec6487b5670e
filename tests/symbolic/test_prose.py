"""Formulas in running text: found, typeset, and nothing else touched."""

import re

import pytest

from s6flow.proofs import index
from s6flow.symbolic.derivation.inline import inline_parts, math_html
from s6flow.symbolic.derivation.prose import typeset

#: What people type, and what a page shows.
FORMULAS = {
    "every mu_n is nonpositive": r"every $\mu_{n}$ is nonpositive",
    "mu = sum mu_n is negative": r"$\mu = \sum \mu_{n}$ is negative",
    "s x_l0 < 0 for l >= 2": r"$s\, x_{l}(0) < 0$ for $l \geq 2$",
    "for l >= 2 x_l / x_1 tends": r"for $l \geq 2$ $x_{l} / x_{1}$ tends",
    "falls like t^(-(1-q)) or 1/sqrt t": r"falls like $t^{-(1-q)}$ or $1/\sqrt{t}$",
    "O((ln t)^l)": r"$O((\ln t)^{l})$",
    "|x|' = mu |s| |x|^4": r"$|x|' = \mu \, |s|\, |x|^{4}$",
    "to 1e-8 only": r"to $10^{-8}$ only",
    "C.B = 2 - |x|^2": r"$C\cdot B = 2 - |x|^{2}$",
    "S_C^T S_B = diag(1, -1)": r"$S_{C}^{\top}\, S_{B} = \operatorname{diag}(1, -1)$",
    "tokens 1..l": r"tokens $1,\dots,l$",
    "the N x N matrix": r"the $N\, \times \, N$ matrix",
    "one decay rate a.": "one decay rate $a$.",
    "e^(3w)": "$e^{3w}$",
    "1 without one, for s x -> -oo": r"1 without one, for $s\, x \to -\infty$",
    "divergence => growth": r"divergence $\Rightarrow$ growth",
    "while it is < 0": "while it is $< 0$",
    "floor = 0": r"$\varepsilon = 0$",
}
#: What stays as it is.
WORDS = (
    "A zero token stays, e.g. token 2 of 3.",
    "theory 8 and section 8b: a sum of steps",
    "the paper's setting (one state), in float32",
    "the floor of a step; less than 2 %",
    "signs add up to one; a state-bound",
    "`mu_n` and $x_l$",
    "",
)


@pytest.mark.parametrize(("typed", "shown"), FORMULAS.items())
def test_a_formula_is_typeset(typed: str, shown: str) -> None:
    assert typeset(typed) == shown


@pytest.mark.parametrize("text", WORDS)
def test_words_stay(text: str) -> None:
    assert typeset(text) == text


def test_names_of_tensors_are_code() -> None:
    assert typeset("A_log, x_proj and mu_negative_fraction") == "`A_log`, `x_proj` and `mu_negative_fraction`"


def _texts() -> set[str]:
    found: set[str] = set()
    for key in [*index.ids(), *index.refuted_ids()]:
        content = index.content(key)
        found |= {content.get("title") or content["claim"], content["notes"], content.get("sharpness") or ""}
        found |= {row["words"] for row in content["assumptions"]} | {
            row["meaning"] for row in content["letters"].values()
        }
        found |= {row["note"] for row in content.get("counterexamples", [])} | set(content.get("unbroken", {}).values())
        found |= {text for step in content.get("proof", []) for text in (step["because"], step["title"])}
    return found


def test_no_letter_of_the_library_stays_typed() -> None:
    """No Greek name, index, power or relation is left in what the library says, and all of it can be shown."""
    literal = re.compile(r"\b(?:mu|nu|kappa|Delta|delta|lambda|rho)\b|[_^]|<=|>=|->|\be\d|\b[xhs]_?\w? =")
    texts = _texts()
    assert sum("$" in typeset(text) for text in texts) > 200
    for text in texts:
        for kind, piece in inline_parts(typeset(text)):
            assert kind != "text" or not literal.search(piece), (text, piece)
            if kind == "math":
                assert "<math" in math_html(piece, False)
                assert piece.count("{") == piece.count("}"), (text, piece)
