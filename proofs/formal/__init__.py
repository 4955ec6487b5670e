"""Formal statements: templates of Coq's logic whose mathematics is printed from the theorems' expressions.

A template holds quantifiers and implications; every formula in it is a hole, filled by the Coq printer from the very
expressions that the numerics run. `generated_files()` gives Definitions.v and Statements.v; `THEOREMS` maps each
Coq theorem to the registry's id.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic.attention import unroll
from s6flow.symbolic.codegen.coq import ATOM, PRODUCT, print_coq
from s6flow.symbolic.derivation.attention import abbreviate, into, step_width
from s6flow.symbolic.errors import CodegenError
from s6flow.symbolic.layer import flow_cell, layer_cell

__all__ = ["formal_statements", "formula", "generated_files", "whole_statements"]

FOLDER = Path(__file__).parent


def _expressions() -> dict[str, sp.Expr]:
    """Every expression that a template may ask for, with the floor of the general theory set to zero."""
    flow = flow_cell()
    own = {name: row.build() for name, row in cr.QUANTITIES.items()}
    entry = {
        "gate": cr.gate(cr.y),
        "increment": flow.increment.subs(nt.x[nt.l], cr.y),
        "step": cr.delta(cr.y),
        "written": unroll(flow),
        "attention": unroll(flow, nt.x[nt.j]) * nt.x[nt.l],
        **_layer_parts(),
        "decay_constant_kappa": cr.decay_constant().xreplace({cr.inherited(): sp.Symbol("kappa", real=True)}),
        "contraction_number_letter": cr.contraction_number().xreplace({cr.mu_total: sp.Symbol("mu", real=True)}),
    }
    return {name: expression.subs(nt.floor, 0) for name, expression in (own | entry).items()}


def _layer_parts() -> dict[str, sp.Expr]:
    """Gate, increment and attention of the D-channel layer, in letters for its step and projections."""
    layer = layer_cell()
    letters = {
        step_width[nt.d, nt.l]: sp.Symbol("step", positive=True),
        into[nt.n, nt.l]: sp.Symbol("B", real=True),
        nt.x[nt.l, nt.d]: sp.Symbol("token", real=True),
    }
    gate, increment = (abbreviate(part).xreplace(letters) for part in (layer.gate, layer.increment))
    return {"layer_gate": gate, "layer_increment": increment}


@cache
def _table() -> dict[str, sp.Expr]:
    return _expressions()


def formula(name: str, strength: int = 0, **letters: str) -> str:
    """The printed expression `name`, letters replaced by Coq text.

    Args:
        strength: binding strength that the place needs; weaker text gets parentheses.
        letters: letter of the expression -> Coq text that stands for it, e.g. y0="x l 0".
    Raises: CodegenError: an unknown expression, or a letter that it does not have.
    """
    table = _table()
    if name not in table:
        raise CodegenError("a formal statement may use " + ", ".join(sorted(table)), name)
    expression = table[name]
    known = {symbol.name: symbol for symbol in expression.free_symbols if isinstance(symbol, sp.Symbol)}
    for letter, text in letters.items():
        if letter not in known:
            raise CodegenError(f"expression {name} has letters " + ", ".join(sorted(known)), letter)
        expression = expression.xreplace({known[letter]: sp.Symbol(text, **known[letter].assumptions0)})
    return print_coq(expression, strength)


def generated_files() -> dict[str, str]:
    """File name -> text of every generated Coq file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.globals.update(q=formula, atom=ATOM, product=PRODUCT)
    return {
        path.name.removesuffix(".j2"): environment.get_template(path.name).render()
        for path in sorted(FOLDER.glob("*.v.j2"))
    }


def _entries() -> list[tuple[str, str, str, str]]:
    """(id of the registry's theorem, ", a case" or "", Coq name, text) of every statement."""
    form = re.compile(
        r"\(\*\* ([a-z0-9-]+)(, a case)?: (?:(?!\*\)).)*\*\)\s*Definition (\w+)_statement : Prop :=\n(.*?)\.\n(?=\n|\Z)",
        re.S,
    )
    return form.findall(generated_files()["Statements.v"])


def formal_statements() -> dict[str, tuple[str, str]]:
    """Coq theorem name -> (id of the registry's theorem, text of the statement).

    The id stands in the comment before the definition, as `(** <id>: ... *)`.
    """
    return {name: (identifier, body) for identifier, _, name, body in _entries()}


def whole_statements() -> dict[str, str]:
    """Coq theorem name -> id, for the statements that say all that the registry's theorem says, floor apart.

    The others are marked `(** <id>, a case: ... *)`: a theorem with cases alone is not kernel-checked.
    """
    return {name: identifier for identifier, case, name, _ in _entries() if not case}
