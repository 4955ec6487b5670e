"""What a right-hand side of the user's own may be written with: letters, functions, and the rules that it may break."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from s6flow.errors import FormatError
from s6flow.symbolic import notation as nt

__all__ = ["STATE", "TIME", "TOKEN", "checked", "is_number", "of_moderate_size", "plain_letter", "printable"]

#: Names of the token, of the scanned state and of depth-time, of which x is always there.
TOKEN, STATE, TIME = "x", "h", "t"
_FUNCTIONS = (sp.exp, sp.log, sp.sinh, sp.cosh, sp.tanh, nt.softplus)
_KINKED = (sp.Abs, sp.sign, sp.Max, sp.Min, sp.Piecewise, sp.Heaviside, sp.DiracDelta, sp.floor, sp.ceiling, sp.Mod)
_GATHERING = (sp.Sum, sp.Product, sp.Integral)


def plain_letter(name: str) -> sp.Symbol:
    """By which every symbol of that name is meant, whatever was assumed of it."""
    return sp.Symbol(name, real=True)


def checked(given: Any, where: str) -> sp.Expr:
    """An expression in plain real symbols, built of what every backend prints.

    Raises: FormatError: naming the rule that it breaks.
    """
    if isinstance(given, int | float):
        given = sp.sympify(given)
    if not isinstance(given, sp.Expr):
        raise FormatError("a right-hand side must be a SymPy expression", type(given).__name__, where)
    read = given.atoms(sp.Indexed)
    places = sorted({str(letter) for term in read for letter in term.indices[0].free_symbols})
    if len(places) > 1:
        raise FormatError(
            "a token reads other tokens through the scan alone",
            f"the indices {', '.join(places)}",
            where,
            "Use one index.",
        )
    plain = given.xreplace({term: _of_token(term, where) for term in read})
    plain = plain.xreplace({letter: plain_letter(letter.name) for letter in plain.free_symbols})
    whole = {power.exp for power in plain.atoms(sp.Pow) if power.exp.is_Float and float(power.exp).is_integer()}
    plain = plain.xreplace({number: sp.Integer(int(number)) for number in whole})
    for node in sp.preorder_traversal(plain):
        _refuse(node, where)
    return printable(plain)


def printable(expression: sp.Expr) -> sp.Expr:
    """By functions that every backend prints."""
    z = sp.Wild("z")
    return expression.replace(sp.log(1 + sp.exp(z)), nt.softplus(z)).replace(
        sp.tanh, lambda v: 1 - 2 / (sp.exp(2 * v) + 1)
    )


def of_moderate_size(part: sp.Expr) -> sp.Expr:
    """Exponentials of y joined in every term, so that what cancels does so before a number is out of range."""
    z, power = sp.Wild("z"), sp.Wild("power")
    joined = printable(part).replace((1 + sp.exp(z)) ** power, sp.exp(power * nt.softplus(z)))
    terms = sp.Add.make_args(sp.expand(joined, power_base=False, log=False))
    return sp.Add(*(sp.powsimp(term, combine="exp") for term in terms))


def is_number(value: Any) -> bool:
    """Whether it is a real number by its type."""
    return isinstance(value, int | float | np.number | sp.Number) and not isinstance(value, bool)


def _refuse(node: Any, where: str) -> None:
    if node.is_Pow and node.base.is_negative and node.base.is_number and not node.exp.is_integer:
        raise FormatError("a right-hand side must be real and finite", node, where, "Its base is negative.")
    if node.is_Add or node.is_Mul or node.is_Pow or node.is_Symbol or isinstance(node, _FUNCTIONS):
        return
    if node.is_number and node.is_Atom:
        if node.is_extended_real and node.is_finite:
            return
        raise FormatError("a right-hand side must be real and finite", node, where)
    if isinstance(node, _GATHERING):
        raise FormatError(
            "a token reads other tokens through the scan alone", node, where, "Write sums as scan=h + ..."
        )
    if isinstance(node, AppliedUndef):
        raise FormatError("every function must be defined", node, where)
    if isinstance(node, sp.Derivative):
        raise FormatError("a right-hand side has no derivatives: the equation is of first order", node, where)
    if isinstance(node, _KINKED) or node.is_Boolean:
        raise FormatError("a right-hand side must be analytic: steps are of eighth order", node, where)
    known = ", ".join(function.__name__ for function in _FUNCTIONS)
    raise FormatError(f"functions must be powers or one of {known}", node, where)


def _of_token(term: sp.Indexed, where: str) -> sp.Symbol:
    """x[l], h[l - 1] and p[l] as plain letters.

    Raises: FormatError: another token is read.
    """
    name, index = term.base.name, term.indices
    here = len(index) == 1 and index[0].is_Symbol
    if name == TOKEN and here:
        return plain_letter(TOKEN)
    if name == STATE and len(index) == 1 and (index[0] + 1).is_Symbol:
        return plain_letter(STATE)
    if name in (TOKEN, STATE) or not here:
        raise FormatError(
            "a token reads other tokens through the scan alone", term, where, "Letters are x[l], h[l-1], p[l]."
        )
    return plain_letter(f"{name}[l]")
