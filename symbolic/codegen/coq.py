"""The Coq printer: SymPy expressions as Gallina over Coq's real numbers.

Tokens, states and sources count from 0 in Coq and from 1 in the theory, so a sum over j = 1..l is
`sum_below (S l)` and one over k = j+1..l is `sum_between (S j) (S l)`. Reals print in a fixed order of factors
(numbers, parameters, tokens, steps, exponentials, carried states), the same in every process. Relations print as
propositions; an index letter that is not given a value is bound by `forall`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from s6flow.errors import CodegenError
from s6flow.symbolic import notation as nt

__all__ = ["ATOM", "FLOOR", "FUNCTIONS", "Carried", "print_coq", "print_relation"]

# Binding strength of what was printed: a weaker text is put in parentheses where a stronger one is needed.
ATOM, APPLICATION, POWER, OPPOSITE, PRODUCT, SUM, BINDER = 100, 90, 80, 70, 60, 50, 10

Text = tuple[str, int]

#: The floor of the step in Coq: `floor` is a function of Coquelicot.
FLOOR = "eps"


class Carried(sp.IndexedBase):  # type: ignore[misc]
    """What a recursion carries along (a state, a share, a growth rate): printed as its text and index, as the last factor."""


def print_coq(expression: sp.Expr, strength: int = 0) -> str:
    """Gallina of a real expression, in parentheses if it binds weaker than `strength`.

    Raises: CodegenError: naming the SymPy node that has no Coq form.
    """
    return _wrap(_real(expression), strength)


#: Functions and what Gallina calls them.
FUNCTIONS: tuple[tuple[Any, str], ...] = (
    (sp.exp, "exp"),
    (sp.log, "ln"),
    (sp.Abs, "Rabs"),
    (sp.sign, "sign"),
    (sp.Min, "Rmin"),
    (sp.Max, "Rmax"),
)


def _wrap(text: Text, strength: int) -> str:
    return text[0] if text[1] >= strength else f"({text[0]})"


def _strength(text: str) -> int:
    """Of Coq text that stands for a letter: an application, unless it is one word or in parentheses."""
    return ATOM if " " not in text or text.startswith("(") else APPLICATION


def _natural(expression: sp.Expr) -> Text:
    """An index: a letter, its successor, or a numeral with its scope."""
    if expression.is_Integer:
        return ("O" if expression == 0 else f"{expression}%nat"), ATOM
    if expression.is_Symbol:
        return expression.name, _strength(expression.name)
    base = sp.expand(expression - 1)
    if base.is_Symbol:
        return f"S {_wrap(_natural(base), ATOM)}", APPLICATION
    factor, letter = (expression - (rest := expression.subs(dict.fromkeys(expression.free_symbols, 0)))).as_coeff_Mul()
    if letter.is_Symbol and factor > 0 and rest >= 0:
        return f"({factor} * {_wrap(_natural(letter), ATOM)} + {rest})%nat", ATOM
    raise CodegenError("an index must be a letter, a multiple of one with a number added, or a number", expression)


def _real(e: sp.Expr) -> Text:
    """A real expression with its binding strength."""
    if e.is_Integer:
        return (str(e), ATOM) if e >= 0 else (f"- {-e}", OPPOSITE)
    if e.is_Rational:
        sign = "- " if e < 0 else ""
        return f"{sign}{abs(e.p)} / {e.q}", PRODUCT
    if e == nt.floor:
        return FLOOR, ATOM
    if e is sp.oo:
        return "p_infty", ATOM
    if e == nt.l:  # the number of a token, as a real number
        return "INR (S l)", APPLICATION
    if e == nt.D:  # the number of channels, as a real number
        return "INR D", APPLICATION
    if isinstance(e, sp.Symbol):
        return e.name, _strength(e.name)
    if isinstance(e, sp.Indexed):
        return " ".join([e.base.name, *(_wrap(_natural(i), ATOM) for i in e.indices)]), APPLICATION
    if isinstance(e, nt.softplus):
        return f"softplus {_wrap(_real(e.args[0]), ATOM)}", APPLICATION
    if isinstance(e, sp.Sum):
        return _sum(e)
    if isinstance(e, sp.Integral):
        (variable, low, high) = e.limits[0]
        body = f"(fun {variable} => {_real(e.function)[0]})"
        return f"RInt {body} {_wrap(_real(low), ATOM)} {_wrap(_real(high), ATOM)}", APPLICATION
    for kind, name in FUNCTIONS:
        if isinstance(e, kind):
            arguments = sorted(e.args, key=_rank)
            return " ".join([name, *(_wrap(_real(a), ATOM) for a in arguments)]), APPLICATION
    if isinstance(e, sp.Pow):
        return _power(e)
    if isinstance(e, sp.Mul):
        return _product(e)
    if isinstance(e, sp.Add):
        return _step(e) or _sum_of_terms(e)
    raise CodegenError("the coq printer has no form for the SymPy node", type(e).__name__, str(e)[:80])


def _step(e: sp.Expr) -> Text | None:
    """softplus(s w + b) + floor is Delta s b eps w; None for anything else."""
    rest = e - nt.floor
    if not isinstance(rest, nt.softplus):
        return None
    argument = sp.expand(rest.args[0])
    token = sp.cancel((argument - nt.b) / nt.s)
    if token != 0 and argument.has(nt.b) and not token.has(nt.s) and not token.has(nt.b):
        return f"Delta s b {FLOOR} {_wrap(_real(token), ATOM)}", APPLICATION
    return None


#: Lengths of axes in Coq, where R are the real numbers.
_SIZES = {nt.N: "N", nt.D: "D", nt.R: "rank"}


def _sum(e: sp.Sum) -> Text:
    *inner, (index, low, high) = e.limits
    body = sp.Sum(e.function, *inner) if inner else e.function
    if isinstance(body, sp.Indexed) and body.indices == (index,):
        function = _wrap((body.base.name, _strength(body.base.name)), ATOM)
    else:
        function = f"(fun {index} => {_real(body)[0]})"
    count = _SIZES[high] if high in _SIZES else _wrap((f"S {_wrap(_natural(high), ATOM)}", APPLICATION), ATOM)
    if low == 1:
        return f"sum_below {count} {function}", APPLICATION
    start = _wrap(_natural(low), ATOM)  # index j + 1 of the theory is S j from 0
    return f"sum_between {start} {count} {function}", APPLICATION


def _power(e: sp.Pow) -> Text:
    base, exponent = e.as_base_exp()
    if exponent.could_extract_minus_sign():
        return f"/ {_wrap(_real(base**-exponent), POWER)}", OPPOSITE
    if exponent == sp.Rational(1, 2):
        return f"sqrt {_wrap(_real(base), ATOM)}", APPLICATION
    if exponent.is_Integer or exponent.is_integer:
        return (
            f"{_wrap(_real(base), APPLICATION)} ^ {_wrap(_natural(exponent), ATOM).removesuffix('%nat')}",
            POWER,
        )
    return f"Rpower {_wrap(_real(base), ATOM)} {_wrap(_real(exponent), ATOM)}", APPLICATION


def _is_token(e: sp.Expr) -> bool:
    """Whether a letter stands for an applied token, such as x l 0."""
    return isinstance(e, sp.Symbol) and " " in e.name


def _rank(e: sp.Expr) -> tuple[int, bool, str]:
    """Order of factors: numbers, sums over states, parameters, tokens, steps, the rest, exponentials, carried states."""
    base = e.as_base_exp()[0] if not isinstance(e, sp.exp) else e
    if isinstance(base, sp.Indexed) and isinstance(base.base, Carried):
        return 99, True, repr(sp.default_sort_key(e))
    kinds: tuple[Callable[[sp.Expr], bool], ...] = (
        lambda x: x.is_number,
        lambda x: isinstance(x, sp.Symbol) and x.name == "h",
        lambda x: isinstance(x, sp.Sum) and not x.has(nt.softplus),
        lambda x: isinstance(x, sp.Indexed),
        lambda x: isinstance(x, sp.Symbol) and not _is_token(x),
        lambda x: isinstance(x, sp.Abs) and not _is_token(x.args[0]),
        lambda x: isinstance(x, sp.Abs) or _is_token(x),
        lambda x: isinstance(x, nt.softplus) or isinstance(x - nt.floor, nt.softplus),
        lambda x: isinstance(x, sp.exp),
    )
    for place, kind in enumerate(kinds):
        if kind(base):
            reads = isinstance(base, sp.Indexed) and nt.l in base.indices  # the reading token stands before its source
            return place, not reads, repr(sp.default_sort_key(e))
    return len(kinds), True, repr(sp.default_sort_key(e))


def _product(e: sp.Mul) -> Text:
    coefficient, rest = e.as_coeff_Mul()
    if coefficient.is_negative:
        return f"- {_wrap(_real(-e), PRODUCT)}" if coefficient == -1 else f"- ({_real(-e)[0]})", OPPOSITE
    above, below = [], []
    if coefficient.p != 1:
        above.append(sp.Integer(coefficient.p))
    if coefficient.q != 1:
        below.append(sp.Integer(coefficient.q))
    for factor in rest.as_ordered_factors():
        base, exponent = factor.as_base_exp()
        if not isinstance(factor, sp.exp) and exponent.could_extract_minus_sign():
            below.append(base**-exponent)
        else:
            above.append(factor)
    above.sort(key=_rank)
    below.sort(key=_rank)
    top = " * ".join(_wrap(_real(f), OPPOSITE) for f in above)
    if not below:
        return top, PRODUCT
    bottom = " * ".join(_wrap(_real(f), OPPOSITE) for f in below)
    bottom = _wrap(_real(below[0]), POWER) if len(below) == 1 else f"({bottom})"
    return (f"{top} / {bottom}", PRODUCT) if above else (f"/ {bottom}", OPPOSITE)


def _place(term: sp.Expr) -> tuple[bool, bool, str]:
    """Order of terms: a lone parameter after what depends on tokens, a negative term last."""
    lone = isinstance(term, sp.Symbol) and not _is_token(term)
    return term.could_extract_minus_sign(), lone, repr(sp.default_sort_key(term))


def _sum_of_terms(e: sp.Add) -> Text:
    terms = sorted(e.args, key=_place)
    out = _wrap(_real(terms[0]), SUM + 1)
    for term in terms[1:]:
        if term.could_extract_minus_sign():
            out += f" - {_wrap(_real(-term), SUM + 1)}"
        else:
            out += f" + {_wrap(_real(term), SUM + 1)}"
    return out, SUM


_RELATIONS: tuple[tuple[Any, str, bool], ...] = (
    (sp.Eq, "=", False),
    (sp.Ne, "<>", False),
    (sp.Lt, "<", False),
    (sp.Le, "<=", False),
    (sp.Gt, "<", True),
    (sp.Ge, "<=", True),
)
#: Index letters that a relation may leave free, with the length of their axis.
_BOUND = ((nt.n, nt.N), (nt.d, nt.D), (nt.l, nt.L))


def print_relation(relation: sp.Basic, strength: int = BINDER) -> str:
    """Gallina of a relation; index letters that occur are bound by `forall`.

    Raises: CodegenError: naming the node that has no Coq form.
    """
    bound = [(letter, size) for letter, size in _BOUND if letter in relation.free_symbols]
    body = _proposition(relation, 0)
    for letter, size in bound:
        body = f"forall {letter} : nat, ({letter} < {size})%nat -> {body}"
    return f"({body})" if bound or (strength > BINDER and not relation.is_Relational) else body


def _proposition(e: sp.Basic, strength: int) -> str:
    for kind, sign, turned in _RELATIONS:
        if isinstance(e, kind):
            if e.rhs is sp.oo and sign == "<":  # of an extended real number
                return f"Rbar_lt {_wrap(_real(e.lhs), ATOM)} {_real(e.rhs)[0]}"
            left, right = (_real(side)[0] for side in (reversed(e.args) if turned else e.args))
            return f"{left} {sign} {right}"
    for kind, word, own in ((sp.And, " /\\ ", 3), (sp.Or, " \\/ ", 2)):
        if isinstance(e, kind):
            text = word.join(_proposition(part, own) for part in sorted(e.args, key=_equations_first))
            return f"({text})" if strength >= own else text
    if isinstance(e, sp.Implies):
        text = f"{_proposition(e.args[0], 1)} -> {_proposition(e.args[1], 0)}"
        return f"({text})" if strength >= 1 else text
    raise CodegenError("the coq printer has no form for the relation", type(e).__name__, str(e)[:80])


def _equations_first(e: sp.Basic) -> tuple[bool, str]:
    return not isinstance(e, sp.Eq), repr(sp.default_sort_key(e))
