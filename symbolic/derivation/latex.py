"""SymPy to LaTeX in the notation of the theory."""

from __future__ import annotations

import functools

import sympy as sp

from s6flow.symbolic.notation import NOTATION

__all__ = ["display"]

#: Identifiers that are not typeset as SymPy would.
NAMES: dict[str, str] = {
    **{row.name: row.latex.split("_")[0].rstrip("{") for row in NOTATION.values()},
    "S_B": "S_B",
    "S_C": "S_C",
    "S_dt_in": r"S_\Delta^{\mathrm{in}}",
    "S_dt_out": r"S_\Delta^{\mathrm{out}}",
    "beta_B": r"\beta_B",
    "beta_C": r"\beta_C",
    "x0": "x_0",
    "y0": "y_0",
    "orientation": r"\sigma",
    "gap": "g",
    "decay": "a",
    "log_t": r"\ln t",
    "d_skip": "d",
    "log_scale": r"\omega",
    "gate": r"\mathrm{gate}",
    "increment": r"\mathrm{increment}",
    "readout": r"\mathrm{readout}",
    "written": r"\mathrm{written}",
    "own": r"\mathrm{own}",
    "|mu|": r"|\mu|",
    "x_hat": r"\hat x",
    "kappa(z)": r"\kappa(z)",
    "phi_{l,n}": r"\phi_{l,n}",
    "Delta": r"\Delta",
    "phi": r"\phi",
    "p(x)": "p(x)",
    "Lambda": r"\Lambda",
}


@functools.cache
def display(expression: sp.Basic) -> str:
    """LaTeX of an expression or relation; equal expressions give equal text in every process."""
    names: dict[sp.Basic, str] = {}
    for symbol in expression.atoms(sp.Symbol, sp.Indexed):
        label = symbol.base.label if isinstance(symbol, sp.Indexed) else symbol
        if label.name in NAMES:
            names[label] = NAMES[label.name]
    return str(sp.latex(expression, symbol_names=names, ln_notation=True))
