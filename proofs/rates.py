"""The table of rates: what the index keeps of a theorem's rows, and how figures and captions write a formula.

What is drawn has less room than a page: the sum of the mu_n is mu, the step at zero is delta_0, and a step at a token is
Delta of it. Captions say what the letters stand for; nothing else is changed.
"""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic.observables import StatementPrinter
from s6flow.symbolic.theorem import Theorem

__all__ = ["rate_rows", "short_latex"]


class Step(sp.Function):  # type: ignore[misc]
    """Delta at a token, which stays as it is."""


#: Tokens at which a step is one letter.
_TOKENS = (cr.y, cr.y0, cr.orientation * cr.r, nt.x0[nt.l], nt.x[nt.l])


class _Short(StatementPrinter):
    """Within what matplotlib's mathtext reads."""

    def _print_Step(self, e: sp.Expr, exp: str | None = None) -> str:
        return rf"\Delta({self._print(e.args[0])})" + ("" if exp is None else f"^{{{exp}}}")

    def _print_log(self, e: sp.Expr, exp: str | None = None) -> str:
        """ln t without brackets; a power of it with them."""
        if e.args[0] != nt.t:
            return str(super()._print_log(e, exp))
        return r"\ln t" if exp is None else rf"(\ln t)^{{{exp}}}"

    def _needs_mul_brackets(self, expr: sp.Expr, first: bool = False, last: bool = False) -> bool:
        """Its argument would seem to go on with the next factor."""
        return (expr == sp.log(nt.t) and not last) or bool(super()._needs_mul_brackets(expr, first, last))

    def _print_Function(self, e: sp.Expr, exp: str | None = None) -> str:
        """Mathtext sets no space before a sign."""
        return r"\," * isinstance(e, sp.sign) + str(super()._print_Function(e, exp))


def _abbreviated(expression: sp.Basic) -> sp.Basic:
    """The expression with mu for sum_n mu_n, delta0 for Delta(0), and one letter for the step at each token.

    A root that is written as one stays one.
    """
    if isinstance(expression, sp.Pow) and expression.exp.is_Rational and not expression.exp.is_Integer:
        return sp.Pow(_abbreviated(expression.base), expression.exp, evaluate=False)
    letters = {cr.mu_total: sp.Symbol("mu"), cr.delta(sp.Integer(0)): sp.Symbol("delta0")}
    return expression.subs(letters | {cr.delta(token): Step(token) for token in _TOKENS})


def short_latex(expression: sp.Basic) -> str:
    """LaTeX of the expression, abbreviated, for running text: mathtext does not know the \\limits of displayed integrals."""
    printer = _Short({"mul_symbol": None, "ln_notation": True, "mode": "inline", "fold_short_frac": False})
    return str(printer.doprint(_abbreviated(expression))).strip("$")


def rate_rows(theorem: Theorem) -> list[dict[str, str]]:
    """The theorem's rows of the table: scenario, condition as people type it, rate in LaTeX, and whose it is."""
    return [
        {"scenario": row.scenario, "condition": row.condition, "rate": short_latex(row.rate), "whose": row.whose}
        for row in theorem.rates
    ]
