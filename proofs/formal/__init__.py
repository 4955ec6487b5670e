"""Formal statements: templates of Coq's logic whose mathematics is printed from the theorems' expressions.

A template holds quantifiers, implications and limits; every formula, assumption and number in it is a hole, filled by
the Coq printer from the very values that the numerics run. `generated_files()` gives Definitions.v, LayerState.v, Normalised.v and Statements.v.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import jinja2
import sympy as sp

from s6flow.errors import CodegenError
from s6flow.proofs.formal.differences import differences
from s6flow.proofs.formal.formulas import expressions
from s6flow.proofs.formal.template import Stated, stated
from s6flow.proofs.registry import get
from s6flow.proofs.theorems.state import own_term_on_data
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.assumptions import assumption
from s6flow.symbolic.codegen.coq import ATOM, PRODUCT, Carried, print_coq, print_relation
from s6flow.symbolic.layer import Scan, layer_cell

__all__ = ["MISSING", "formal_statements", "formula", "generated_files", "proposition", "reached", "whole_statements"]

FOLDER = Path(__file__).parent
#: Recurrences that conclusions speak of -> letter for the Coq text that stands for one.
SCANS: dict[sp.Expr, str] = {
    st.token_state(): "state",
    st.token_state(st.v_copy): "state_of_copy",
    Scan(layer_cell().gate, layer_cell().increment): "layer_state",
    own_term_on_data.total: "own_total",
    nm.states_at(nm.axis_token(nt.x0[nt.l])): "axis_state",
}
#: Arrays over tokens or other axes whose entry, index and all, one Coq text stands for.
ENTRIES = frozenset({"x", "x0", "v", "B", "C", *ob.OBSERVABLES})


#: Theorem without a formal statement of its whole claim -> what is missing.
MISSING = {
    "follower-threshold": "that both sets of starts are open, which needs the flow to depend continuously on its start up to T, and "
    "that no start between them keeps a ratio that turns for ever",
    "iterated-log": "a bound of F_j from below for every token j between the one that blows up and l: such a token may lie on a threshold "
    "itself, so that the trichotomy of follower-threshold comes first",
}


def formula(name: str, strength: int = 0, **letters: str) -> str:
    """The printed expression `name`, letters replaced by Coq text.

    Args:
        strength: binding strength that the place needs; weaker text gets parentheses.
        letters: letter of the expression -> Coq text that stands for it, e.g. y0="x l 0".
    Raises: CodegenError: an unknown expression, or a letter that it does not have.
    """
    table = expressions()
    if name not in table:
        raise CodegenError("a formal statement may use " + ", ".join(sorted(table)), name)
    return print_coq(_written(table[name], name, letters), strength)


def proposition(relation: sp.Basic, name: str, **letters: str) -> str:
    """A printed relation: of one token where a letter such as x0 is given, else bound over the states."""
    return print_relation(_written(_instance(relation) if letters else relation, name, letters))


def _written(expression: sp.Basic, name: str, letters: dict[str, str]) -> sp.Basic:
    expression = expression.xreplace({scan: sp.Symbol(letter, real=True) for scan, letter in SCANS.items()})
    for letter, text in letters.items():
        found = [
            e
            for e in expression.atoms(sp.Symbol, sp.Indexed)
            if (e.base.name if isinstance(e, sp.Indexed) else e.name) == letter and not _is_label(e, expression)
        ]
        if not found:
            known = {
                e.base.name if isinstance(e, sp.Indexed) else e.name for e in expression.atoms(sp.Symbol, sp.Indexed)
            }
            raise CodegenError(f"expression {name} has letters " + ", ".join(sorted(known)), letter)
        changed = {e: new for e in found if (new := _stand_in(e, text)) != e}  # a relation to infinity stays as it is
        expression = expression.xreplace(changed)
    return expression


def _is_label(e: sp.Basic, expression: sp.Basic) -> bool:
    """Whether a symbol is only the name of an array in the expression."""
    return isinstance(e, sp.Symbol) and any(e == term.base.label for term in expression.atoms(sp.Indexed))


def _stand_in(e: sp.Basic, text: str) -> sp.Basic:
    """What the printer writes as `text`: one number, or an array with the index kept."""
    if isinstance(e, sp.Indexed) and e.base.name not in ENTRIES:
        return (Carried if " " in text else sp.IndexedBase)(text, real=True)[e.indices]
    assumptions = {
        key: value for key, value in e.assumptions0.items() if key in ("real", "positive", "integer", "nonnegative")
    }
    return sp.Symbol(text, **assumptions)


def _instance(relation: sp.Basic) -> sp.Basic:
    """The relation for one token: what it asks of token numbers is the template's business."""

    def numbers_tokens(e: sp.Basic) -> bool:
        return e.is_Relational and e.free_symbols <= {nt.l, ob.token_m}

    if isinstance(relation, sp.Implies):
        condition, claim = relation.args
        asked = [part for part in sp.And.make_args(condition) if not numbers_tokens(part)]
        return sp.Implies(sp.And(*asked), _instance(claim)) if asked else _instance(claim)
    if isinstance(relation, sp.Or):
        return sp.Or(*(part for part in relation.args if not numbers_tokens(part)))
    return relation.subs(ob.sharp, 1) if relation.has(ob.sharp) else relation


def _assumed(key: str, **letters: str) -> str:
    return proposition(assumption(key).relation, key, **letters)


def _claimed(key: str, **letters: str) -> str:
    """The conclusion of a theorem, without its limits: those a template states as limits of printed functions."""
    parts = [part for part in sp.And.make_args(get(key).conclusion) if not part.has(sp.Limit)]
    return proposition(sp.And(*parts), key, **letters)


_DOMAINS = {
    "a": nt.a[nt.n], "a_layer": nt.a[nt.d, nt.n], "decay": ob.decay, "floor": nt.floor, "Delta": st.Delta[nt.l], "width": st.width,
    "v_max": st.v_max, "norm_floor": nm.norm_floor, "radius": nm.radius, "ball": nm.ball, "start": nm.start, "slope": nm.slope,
}  # fmt: skip


def _domain(letter: str, text: str = "", strict: bool = False) -> str:
    """A positive letter's domain, or its closure: most formal statements also hold where it is zero."""
    array = _DOMAINS[letter]
    if not (array.is_positive if strict else array.is_nonnegative):
        raise CodegenError("a formal domain is of a letter that is not negative", letter)
    name = text or letter.removesuffix("_layer")
    indexed = isinstance(array, sp.Indexed)
    free = sp.IndexedBase(name, real=True)[array.indices] if indexed else sp.Symbol(name, real=True)
    return print_relation((sp.Gt if strict else sp.Ge)(free, 0, evaluate=False))


def _numbers(key: str, letter: str) -> list[str]:
    """The numbers of a theorem's witness, exactly."""
    values = (get(key).witness or {})[letter]
    return [print_coq(sp.Rational(str(value))) for value in (values if isinstance(values, Iterable) else [values])]


def _title(key: str, says: str = "", case: bool = False) -> str:
    """The comment of a statement: id, the theorem's title, and what part of it this is."""
    return f"(** {key}{', a case' if case else ''}: {get(key).title}.{' Here: ' + says + '.' if says else ''} *)"


def _in_words(key: str, less: bool = False) -> str:
    """A comment: the premise behind it stands for an assumption, or for less than it, or says what letters are."""
    return f"(* {'less than ' if less else ''}{key.replace(' ', ', ')} *)"


def generated_files() -> dict[str, str]:
    """File name -> text of every generated Coq file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.globals.update(
        q=formula,
        assume=_assumed,
        claim=_claimed,
        domain=_domain,
        in_words=_in_words,
        numbers=_numbers,
        title=_title,
        atom=ATOM,
        product=PRODUCT,
    )
    return {
        path.name.removesuffix(".j2"): _folded(environment.get_template(path.name).render())
        for path in sorted(FOLDER.glob("*.v.j2"))
    }


def _folded(text: str, width: int = 120) -> str:
    """Long printed lines broken before an operator, or at a space where there is none, and indented further."""
    lines = []
    for line in text.splitlines():
        deeper = line[: len(line) - len(line.lstrip())] + "  "
        while len(line) > width:
            places = [m.start() for m in re.finditer(r" (?=(?:[-+*/=]|<=|->|/\\) )", line[:width])]
            place = places[-1] if places else line.rfind(" ", 0, width)
            if place <= len(deeper):
                break
            lines.append(line[:place])
            line = deeper + line[place + 1 :]
        lines.append(line)
    return "\n".join(lines) + "\n"


def _entries() -> list[tuple[Stated, str]]:
    """Every statement of the template with its printed text."""
    text = generated_files()["Statements.v"]
    found = []
    for row in stated():
        _, definition, rest = text.partition(f"Definition {row.name}_statement : Prop :=\n")
        assert definition, f"{row.name} must be printed"
        found.append((row, rest.partition(".\n\n")[0].removesuffix(".\n")))
    return found


def formal_statements() -> dict[str, tuple[str, str]]:
    """Coq theorem name -> (id of the registry's theorem, text of the statement)."""
    return {row.name: (row.id, body) for row, body in _entries()}


def whole_statements() -> dict[str, str]:
    """Coq theorem name -> id, for the statements that say all that the registry's theorem says.

    The others are titled as a case: a theorem with cases alone is not kernel-checked.
    """
    return {row.name: row.id for row in stated() if not row.case}


def reached(identifier: str) -> str:
    """What of a theorem is stated formally, and what is missing, in one line; "" if nothing is to be said."""
    own = [row for row in stated() if row.id == identifier]
    lines = ", ".join(f"`{row.name}_statement`{' (a case)' if row.case else ''}" for row in own)
    whole = {row.name for row in own if not row.case}
    floorless = any(row.kind == "floor" and row.statement in whole for row in differences(identifier))
    missing = MISSING.get(identifier, "a floor of the step" if floorless else "")
    return " ".join(
        part for part in (f"Formal: {lines}." if lines else "", f"Not formal: {missing}." if missing else "") if part
    )
