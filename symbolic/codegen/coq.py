"""The Coq printer: SymPy expressions and formal statements as Gallina over Coq's real numbers.

Tokens, states and sources count from 0 in Coq and from 1 in the theory, so a sum over j = 1..l is
`sum_below (S l)` and one over k = j+1..l is `sum_between (S j) (S l)`. Reals print in a fixed order of factors
(numbers, parameters, tokens, steps, exponentials), the same in every process.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import sympy as sp
from sympy.core.function import AppliedUndef

from s6flow.symbolic import formal as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic.errors import CodegenError

__all__ = ["print_definition", "print_formula", "print_natural", "print_real", "print_statement"]

# Binding strength of what was printed: a weaker text is put in parentheses where a stronger one is needed.
ATOM, APPLICATION, POWER, OPPOSITE, PRODUCT, SUM, BINDER = 100, 90, 80, 70, 60, 50, 10

Text = tuple[str, int]
_FUNCTIONS: tuple[tuple[type, str], ...] = (
    (sp.exp, "exp"),
    (sp.log, "ln"),
    (sp.Abs, "Rabs"),
    (sp.Min, "Rmin"),
    (sp.Max, "Rmax"),
)


def _wrap(text: Text, strength: int) -> str:
    return text[0] if text[1] >= strength else f"({text[0]})"


def print_natural(expression: sp.Expr) -> Text:
    """An index: a letter, its successor, or a numeral with its scope."""
    if expression.is_Integer:
        return ("O" if expression == 0 else f"{expression}%nat"), ATOM
    if expression.is_Symbol:
        return expression.name, ATOM
    base = sp.expand(expression - 1)
    if base.is_Symbol:
        return f"S {base.name}", APPLICATION
    raise CodegenError("an index must be a letter, its successor or a number", expression)


def print_real(e: sp.Expr) -> Text:
    """A real expression with its binding strength.

    Raises: CodegenError: naming the SymPy node that has no Coq form.
    """
    if e.is_Integer:
        return (str(e), ATOM) if e >= 0 else (f"- {-e}", OPPOSITE)
    if e.is_Rational:
        sign = "- " if e < 0 else ""
        return f"{sign}{abs(e.p)} / {e.q}", PRODUCT
    if isinstance(e, sp.Symbol):
        return e.name, ATOM
    if isinstance(e, sp.Indexed):
        return " ".join([e.base.name, *(_wrap(print_natural(i), ATOM) for i in e.indices)]), APPLICATION
    if isinstance(e, AppliedUndef):
        return _application(e)
    if isinstance(e, nt.softplus):
        return _step(e)
    if isinstance(e, sp.Sum):
        return _sum(e)
    if isinstance(e, sp.Integral):
        (variable, low, high) = e.limits[0]
        body = f"(fun {variable} => {print_real(e.function)[0]})"
        return f"RInt {body} {_wrap(print_real(low), ATOM)} {_wrap(print_real(high), ATOM)}", APPLICATION
    for kind, name in _FUNCTIONS:
        if isinstance(e, kind):
            arguments = sorted(e.args, key=_rank)
            return " ".join([name, *(_wrap(print_real(a), ATOM) for a in arguments)]), APPLICATION
    if isinstance(e, sp.Pow):
        return _power(e)
    if isinstance(e, sp.Mul):
        return _product(e)
    if isinstance(e, sp.Add):
        return _sum_of_terms(e)
    raise CodegenError("the coq printer has no form for the SymPy node", type(e).__name__, str(e)[:80])


def _application(e: AppliedUndef) -> Text:
    """x(l, t): indices first, then the time; x(l) alone is the trajectory."""
    parts = [e.func.__name__]
    for place, argument in enumerate(e.args):
        text = print_natural(argument) if argument.is_integer and place == 0 else print_real(argument)
        parts.append(_wrap(text, ATOM))
    return " ".join(parts), APPLICATION


def _step(e: nt.softplus) -> Text:
    """softplus(s w + b) is Delta s b w."""
    argument = sp.expand(e.args[0])
    token = sp.cancel((argument - nt.b) / nt.s)
    if argument.has(nt.b) and not token.has(nt.s) and not token.has(nt.b):
        return f"Delta s b {_wrap(print_real(token), ATOM)}", APPLICATION
    if argument == nt.b:
        return "Delta s b 0", APPLICATION
    return f"softplus {_wrap(print_real(e.args[0]), ATOM)}", APPLICATION


def _sum(e: sp.Sum) -> Text:
    *inner, (index, low, high) = e.limits
    body = sp.Sum(e.function, *inner) if inner else e.function
    if isinstance(body, sp.Indexed) and body.indices == (index,):
        function = body.base.name
    else:
        function = f"(fun {index} => {print_real(body)[0]})"
    count = (
        high.name if high in (nt.N, nt.D, nt.R) else _wrap((f"S {_wrap(print_natural(high), ATOM)}", APPLICATION), ATOM)
    )
    if low == 1:
        return f"sum_below {count} {function}", APPLICATION
    start = _wrap(print_natural(low), ATOM)  # index j + 1 of the theory is S j from 0
    return f"sum_between {start} {count} {function}", APPLICATION


def _power(e: sp.Pow) -> Text:
    base, exponent = e.as_base_exp()
    if exponent.is_number and exponent.is_negative:
        return f"/ {_wrap(print_real(base**-exponent), POWER)}", OPPOSITE
    if exponent == sp.Rational(1, 2):
        return f"sqrt {_wrap(print_real(base), ATOM)}", APPLICATION
    if exponent.is_Integer or exponent.is_integer:
        return (
            f"{_wrap(print_real(base), APPLICATION)} ^ {_wrap(print_natural(exponent), ATOM).removesuffix('%nat')}",
            POWER,
        )
    raise CodegenError("the coq printer knows integer powers and square roots", exponent, str(e)[:80])


def _rank(e: sp.Expr) -> tuple[int, str]:
    """Order of factors: numbers, sums over states, parameters, tokens, steps, everything else, exponentials."""
    base = e.as_base_exp()[0] if not isinstance(e, sp.exp) else e
    kinds: tuple[Callable[[sp.Expr], bool], ...] = (
        lambda x: x.is_number,
        lambda x: isinstance(x, sp.Symbol) and x.name == "h",
        lambda x: isinstance(x, sp.Sum) and not x.has(nt.softplus),
        lambda x: isinstance(x, sp.Indexed),
        lambda x: isinstance(x, sp.Symbol) and x.name not in ("t",),
        lambda x: isinstance(x, sp.Abs) and not x.has(AppliedUndef),
        lambda x: isinstance(x, nt.softplus),
        lambda x: isinstance(x, AppliedUndef | sp.Abs),
        lambda x: isinstance(x, sp.exp),
    )
    for place, kind in enumerate(kinds):
        if kind(base):
            return place, sp.default_sort_key(e).__repr__()
    return len(kinds), sp.default_sort_key(e).__repr__()


def _product(e: sp.Mul) -> Text:
    coefficient, rest = e.as_coeff_Mul()
    if coefficient.is_negative:
        return f"- {_wrap(print_real(-e), PRODUCT)}" if coefficient == -1 else f"- ({print_real(-e)[0]})", OPPOSITE
    above, below = [], []
    if coefficient.p != 1:
        above.append(sp.Integer(coefficient.p))
    if coefficient.q != 1:
        below.append(sp.Integer(coefficient.q))
    for factor in rest.as_ordered_factors():
        base, exponent = factor.as_base_exp()
        if not isinstance(factor, sp.exp) and exponent.is_number and exponent.is_negative:
            below.append(base**-exponent)
        else:
            above.append(factor)
    above.sort(key=_rank)
    below.sort(key=_rank)
    top = " * ".join(_wrap(print_real(f), OPPOSITE) for f in above)
    if not below:
        return top, PRODUCT
    bottom = " * ".join(_wrap(print_real(f), OPPOSITE) for f in below)
    bottom = _wrap(print_real(below[0]), POWER) if len(below) == 1 else f"({bottom})"
    return (f"{top} / {bottom}", PRODUCT) if above else (f"/ {bottom}", OPPOSITE)


def _sum_of_terms(e: sp.Add) -> Text:
    terms = sorted(e.args, key=lambda term: (term.could_extract_minus_sign(), sp.default_sort_key(term).__repr__()))
    out = _wrap(print_real(terms[0]), SUM + 1)
    for term in terms[1:]:
        if term.could_extract_minus_sign():
            out += f" - {_wrap(print_real(-term), SUM + 1)}"
        else:
            out += f" + {_wrap(print_real(term), SUM + 1)}"
    return out, SUM


def print_formula(f: fm.Formula, depth: int = 0) -> Text:
    """A formula with its binding strength; implications and quantifiers break lines."""
    match f:
        case fm.Relation(relation, domain):
            return _relation(relation, domain), PRODUCT
        case fm.Predicate(name, arguments):
            return " ".join([name, *map(_argument, arguments)]), APPLICATION
        case fm.Limit(variable, body, value, point):
            function = f"(fun {variable} => {print_real(body)[0]})"
            if isinstance(body, AppliedUndef) and body.args and body.args[-1].name == variable:
                function = (
                    f"({print_real(body.func(*body.args[:-1]))[0]})" if len(body.args) > 1 else body.func.__name__
                )
            target = "p_infty" if value == sp.oo else _wrap(print_real(value), ATOM)
            if point == "p_infty":
                return f"is_lim {function} p_infty {target}", APPLICATION
            near = "(Rbar_locally p_infty)" if value == sp.oo else f"(locally {target})"
            return f"filterlim {function} ({point}) {near}", APPLICATION
        case fm.All(variables, body):
            return f"forall {_binders(variables)},\n{print_formula(body)[0]}", BINDER
        case fm.Any(variables, body):
            return f"exists {_binders(variables)},\n{print_formula(body)[0]}", BINDER
        case fm.If(premise, conclusion):
            return f"{_wrap(print_formula(premise), PRODUCT)} ->\n{print_formula(conclusion)[0]}", BINDER
        case fm.Iff(left, right):
            return f"({print_formula(left)[0]} <->\n{print_formula(right)[0]})", ATOM
        case fm.And(parts):
            return " /\\\n".join(_indented(_wrap(print_formula(part), PRODUCT)) for part in parts), BINDER + 20
    raise CodegenError("the coq printer knows the formulas of symbolic.formal", type(f).__name__)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _binders(variables: tuple[fm.Var, ...]) -> str:
    groups: list[tuple[str, list[str]]] = []
    for variable in variables:
        if groups and groups[-1][0] == variable.type:
            groups[-1][1].append(variable.name)
        else:
            groups.append((variable.type, [variable.name]))
    if len(groups) == 1:
        return f"{' '.join(groups[0][1])} : {groups[0][0]}"
    return " ".join(f"({' '.join(names)} : {kind})" for kind, names in groups)


def _argument(argument: fm.Argument) -> str:
    if isinstance(argument, str):
        return argument if argument.isidentifier() else f"({argument})"
    if isinstance(argument, fm.Lambda):
        body = argument.body if isinstance(argument.body, str) else print_real(argument.body)[0]
        return f"(fun {' '.join(argument.variables)} => {body})"
    return _wrap(print_real(argument), ATOM)


_SIGNS: tuple[tuple[type, str], ...] = (
    (sp.Eq, "="),
    (sp.Ne, "<>"),
    (sp.Le, "<="),
    (sp.Lt, "<"),
    (sp.Ge, ">="),
    (sp.Gt, ">"),
)


def _relation(relation: sp.Basic, domain: str) -> str:
    if isinstance(relation, sp.Gt | sp.Ge):
        relation = relation.reversed
    sign = next(text for kind, text in _SIGNS if isinstance(relation, kind))
    if domain == "nat":
        left, right = (print_natural(side)[0].removesuffix("%nat") for side in relation.args)
        return f"({left} {sign} {right})%nat"
    left, right = (print_real(side)[0] for side in relation.args)
    if domain == "Rbar":
        name = {"<=": "Rbar_le", "<": "Rbar_lt"}[sign]
        return " ".join([name, *(_wrap(print_real(side), ATOM) for side in relation.args)])
    return f"{left} {sign} {right}"


def print_statement(identifier: str, formula: fm.Formula, comment: str = "") -> str:
    """`Definition <id>_statement : Prop := ... .`, with the theorem's title as comment."""
    name = identifier.replace("-", "_")
    note = f"(** {identifier}: {comment} *)\n" if comment else ""
    body = textwrap.indent(print_formula(formula)[0], "  ")
    return f"{note}Definition {name}_statement : Prop :=\n{body}.\n"


def print_definition(name: str, arguments: str, result: str, body: str) -> str:
    """`Definition name arguments : result := body.`"""
    return f"Definition {name} {arguments} : {result} :=\n{textwrap.indent(body, '  ')}.\n"
