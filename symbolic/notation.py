"""One spelling for every letter: symbols, index ranges and the softplus step.

The letters are the paper's (Vo, Pham, Tong, Nguyen, ICLR 2025, arXiv 2410.03292); what the paper does not
name (the step floor, projection biases) is spelled as in checkpoints. Tokens are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

__all__ = [
    "AXIS_OF_INDEX",
    "NOTATION",
    "S_B",
    "S_C",
    "D",
    "L",
    "N",
    "Notation",
    "R",
    "S_dt_in",
    "S_dt_out",
    "a",
    "axis_ranges",
    "b",
    "b_channel",
    "beta_B",
    "beta_C",
    "d",
    "e",
    "floor",
    "h",
    "hypot",
    "i",
    "j",
    "k",
    "l",
    "mu",
    "n",
    "r",
    "s",
    "softplus",
    "t",
    "x",
    "x0",
]


class softplus(sp.Function):  # type: ignore[misc]  # named like the function that it is
    """ln(1 + e^z), kept whole so that every backend may choose its own stable form."""

    nargs = 1
    is_positive = True
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The logistic sigmoid."""
        return 1 / (1 + sp.exp(-self.args[0]))

    def _eval_rewrite_as_log(self, z: sp.Expr, **_: object) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.rewrite(sp.log)._eval_evalf(prec)

    def _latex(self, printer: sp.printing.latex.LatexPrinter, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\operatorname{{softplus}}{power}\left({printer._print(self.args[0])}\right)"


class hypot(sp.Function):  # type: ignore[misc]
    """sqrt(x^2 + y^2), kept whole so that no square overflows."""

    nargs = 2
    is_nonnegative = True


# Index ranges. Bound copies (j, k of l; e of d) exist because a sum needs its own letter.
L, N, D, R = sp.symbols("L N D R", integer=True, positive=True)
l, j, k, n, d, e, r, i = sp.symbols("l j k n d e r i", integer=True, positive=True)

#: Which axis an index runs along; `source` is the token axis seen from another token.
AXIS_OF_INDEX: dict[sp.Symbol, str] = {
    l: "token",
    j: "source",
    k: "token",
    n: "state",
    d: "channel",
    e: "channel",
    r: "rank",
}

t, h = sp.symbols("t h", positive=True)
s, b = sp.symbols("s b", real=True)
floor = sp.Symbol("floor", nonnegative=True)
x = sp.IndexedBase("x", real=True)
x0 = sp.IndexedBase("x0", real=True)
mu = sp.IndexedBase("mu", real=True)
a = sp.IndexedBase("a", positive=True)
S_B = sp.IndexedBase("S_B", real=True)
S_C = sp.IndexedBase("S_C", real=True)
S_dt_in = sp.IndexedBase("S_dt_in", real=True)
S_dt_out = sp.IndexedBase("S_dt_out", real=True)
beta_B = sp.IndexedBase("beta_B", real=True)
beta_C = sp.IndexedBase("beta_C", real=True)
b_channel = sp.IndexedBase("b", real=True)


def axis_ranges() -> dict[str, sp.Symbol]:
    """The length of every axis, by axis name."""
    return {"token": L, "source": L, "state": N, "channel": D, "rank": R}


@dataclass(frozen=True)
class Notation:
    """What one letter means.

    Args:
        name: identifier in generated code.
        latex: how it is typeset.
        axes: the axes of its array, () for one number a system.
        domain: the values that it may take, as a set expression in words.
        meaning: one line.
        unit: physical or conventional unit; tokens and parameters of the flow are dimensionless.
    """

    name: str
    latex: str
    axes: tuple[str, ...]
    domain: str
    meaning: str
    unit: str = "1"


#: The letters of the 1-D flow and of the layer, as a table (docs, docstrings and lowering read it).
NOTATION: dict[str, Notation] = {
    row.name: row
    for row in (
        Notation("x", "x_l", ("token",), "real", "token value"),
        Notation("x0", "x_{l}(0)", ("token",), "real", "token value at depth-time 0"),
        Notation(
            "mu",
            r"\mu_n",
            ("state",),
            "real",
            "product of a state's entries of S_C and S_B on the channel: its share of S_C^T S_B",
        ),
        Notation("a", "a_n", ("state",), "positive", "decay rate, A = -a"),
        Notation("s", "s", (), "real", "S_Delta on the channel axis"),
        Notation("b", "b", (), "real", "bias of the step Delta"),
        Notation("floor", r"\varepsilon", (), "nonnegative", "floor added to the step"),
        Notation("beta_B", r"\beta_{B,n}", ("state",), "real", "bias of the projection to B"),
        Notation("beta_C", r"\beta_{C,n}", ("state",), "real", "bias of the projection to C"),
        Notation("S_B", "S_{B,n}", ("state",), "real", "input projection of B"),
        Notation("S_C", "S_{C,n}", ("state",), "real", "input projection of C"),
        Notation("S_dt_in", r"S_{\Delta}^{\mathrm{in}}", ("rank", "channel"), "real", "x_proj rows of the step"),
        Notation("S_dt_out", r"S_{\Delta}^{\mathrm{out}}", ("channel", "rank"), "real", "dt_proj weight"),
        Notation("t", "t", (), "positive", "depth-time: layer index made continuous", "depth-time"),
        Notation("h", "h", (), "positive", "depth-time of one layer", "depth-time"),
    )
}
