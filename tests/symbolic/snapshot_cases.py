"""The snapshots of generated source: what is printed, and how a stored text is run.

python tests/symbolic/snapshot_cases.py --write     # after a wanted change of a printer: refresh, then read the diff
python tests/symbolic/snapshot_cases.py             # every text as JSON
TRITON_INTERPRET=1 python tests/symbolic/snapshot_cases.py --run triton     # differences from the oracle as JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from s6flow.proofs.formal.reader import evaluate as evaluate_coq
from s6flow.proofs.registry import get
from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen.coq import FLOOR, print_coq
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.load import load_module
from s6flow.symbolic.codegen.module import BACKENDS, source_text
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.margin import margin_program

FOLDER = Path(__file__).with_name("snapshots")
CORE = get("convergence-rate").core
assert CORE is not None

#: subject -> program: the scan cell, a quantity, and the margin of a theorem's pointwise claim F_l <= h(x_l).
PROGRAMS: dict[str, Program] = {
    "growth_rate": growth_rate_program(),
    "convergence_bound": cr.quantity("convergence_bound"),
    "margin_convergence_rate": margin_program(get("convergence-rate"), core=True),
}
#: The same as mathematics: one expression, or the two sides of the claim.
SIDES: dict[str, tuple[sp.Expr, ...]] = {
    "growth_rate": (flow_cell().formula,),
    "convergence_bound": (cr.convergence_bound(),),
    "margin_convergence_rate": (CORE.lhs, CORE.rhs),
}
#: Coq writes the recursion as what it unrolls to.
COQ_SIDES: dict[str, tuple[sp.Expr, ...]] = {
    **SIDES,
    "growth_rate": (ob.unrolled(flow_cell()),),
    "margin_convergence_rate": (ob.unrolled(flow_cell(), nt.x0), CORE.rhs),
}
RELATION = {"latex": r" \leq ", "coq": "\n<= "}
PRINTERS = (*BACKENDS, "coq", "latex")
CASES = [(subject, printer) for subject in PROGRAMS for printer in PRINTERS]

VALUES: dict[str, Any] = {
    "x": np.array([0.7, -1.3, 0.0, 2.1]), "x0": np.array([0.7, -1.3, 0.0, 2.1]), "mu": np.array([-0.4, -1.1, -0.2]),
    "a": np.array([0.5, 1.7, 3.0]), "s": 0.8, "b": -0.3, "floor": 0.05, "y0": -1.3, "t": 2.5, "tolerance": 1e-9,
}  # fmt: skip


def text(subject: str, printer: str) -> str:
    """What a printer makes of a subject now."""
    if printer == "coq":
        return RELATION["coq"].join(print_coq(side) for side in COQ_SIDES[subject]) + "\n"
    if printer == "latex":
        return RELATION["latex"].join(map(ob.conclusion_latex, SIDES[subject])) + "\n"
    return source_text(PROGRAMS[subject], printer)[0]


def path(subject: str, printer: str) -> Path:
    """The file of a snapshot."""
    return FOLDER / f"{subject}.{printer}.txt"


def difference(subject: str, printer: str, source: str) -> float:
    """Run a text on one system: the largest relative difference from the 50-digit oracle."""
    program, values = PROGRAMS[subject], VALUES
    (exact,) = interpret_reference(program, {inp.name: values[inp.name] for inp in program.inputs}).values()
    expected = np.asarray(exact, dtype=float)
    if printer in BACKENDS:
        got = _run(program, printer, source, values)
    else:
        sides = source.strip().split(RELATION[printer].strip())
        read = _coq if printer == "coq" else _latex
        each = [np.array([read(side.strip(), values, l) for l in range(len(values["x"]))]) for side in sides]
        got = each[0] if expected.ndim else each[0][0]
        if len(each) == 2:  # the margin of lhs <= rhs, as margin() defines it
            size = np.maximum(np.abs(each[0]) + np.abs(each[1]), 1e-30)
            got = (each[1] - each[0]) / size + values["tolerance"]
    return float(np.max(np.abs(np.squeeze(got) - expected)) / np.max(np.abs(expected)))


def _run(program: Program, printer: str, source: str, values: Mapping[str, Any]) -> np.ndarray:
    target = BACKENDS[printer]
    module, _ = load_module(source, program.name, target.packages, target.extra)
    arguments: list[Any] = [np.asarray(values[inp.name], dtype=float)[None] for inp in program.inputs]
    if printer == "torch":
        import torch

        arguments = [torch.from_numpy(argument) for argument in arguments]
    result = getattr(module, program.name)(*arguments)
    return np.vectorize(float, otypes=[float])(result)  # tensors and balls too


def _coq(side: str, values: Mapping[str, Any], token: int) -> float:
    names = {key: value.__getitem__ if isinstance(value, np.ndarray) else value for key, value in values.items()}
    return float(evaluate_coq(side, {**names, FLOOR: values["floor"], "l": token, "N": len(values["mu"])}))


def _latex(side: str, values: Mapping[str, Any], token: int) -> float:
    sys.path.insert(0, str(Path(__file__).parent))
    from latex_reader import evaluate

    return float(evaluate(side, values, token))


def main(arguments: list[str]) -> None:
    """The three commands of the module's docstring."""
    if arguments == ["--write"]:
        for subject, printer in CASES:
            path(subject, printer).write_text(text(subject, printer))
    elif arguments[:1] == ["--run"]:
        (printer,) = arguments[1:]
        print(json.dumps({name: difference(name, printer, path(name, printer).read_text()) for name in PROGRAMS}))
    else:
        print(json.dumps({path(*case).name: text(*case) for case in CASES}))


if __name__ == "__main__":
    main(sys.argv[1:])
