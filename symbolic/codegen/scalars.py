"""Rules of numbers, such as those of the step control, as functions for every library and compiled language.

A rule has no axes: it is one function of numbers, which array libraries apply entry by entry. Counts stay integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.printer import ArrayDialect, print_arrays
from s6flow.symbolic.codegen.arrays.torch import TORCH
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.numba.functions import INLINE
from s6flow.symbolic.codegen.numba.printer import TABLE as NUMBA_TABLE
from s6flow.symbolic.codegen.triton.printer import TABLE as TRITON_TABLE
from s6flow.symbolic.codegen.triton.special import bind

__all__ = ["SCALARS", "print_rules"]


def _number(attr: object) -> str:
    """A constant as it is: integers stay integers."""
    if isinstance(attr, tuple):
        return f"({attr[0]} / {attr[1]})"
    if isinstance(attr, int):
        return str(attr)
    value = float(str(attr))
    return 'float("inf")' if value == float("inf") else repr(value)


def _of_numba(attr: object) -> str:
    return _number(attr).replace('float("inf")', "np.inf")


#: Step control and clocks need no more than the library's own functions.
_NUMBA = {
    **NUMBA_TABLE,
    "input": "{0}",
    "exp": "math.exp({0})",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "not": "not {0}",
}
#: A NaN error is refused by its comparison, so that maxima need not carry it along.
_TRITON = {
    **TRITON_TABLE,
    "input": "{0}",
    "exp": "tl.exp({0})",
    "pow": "tl.exp(tl.log({0}) * {1})",
    "max": "tl.maximum({0}, {1})",
    "min": "tl.minimum({0}, {1})",
}

#: Backend -> how it spells functions of numbers.
SCALARS: dict[str, ArrayDialect] = {
    "numpy": replace(NUMPY, table={**NUMPY.table, "input": "{0}"}, constant=_number),
    "torch": replace(TORCH, constant=_number),
    "numba": ArrayDialect("numba", "", _NUMBA, _of_numba, decorator=INLINE),
    "triton": ArrayDialect("triton", "", _TRITON, _number, decorator="@triton.jit"),
}


def print_rules(programs: Mapping[str, Program], constants: Mapping[str, float | int], backend: str) -> str:
    """The source of functions of numbers.

    Args:
        programs: name of the function -> its program, without axes.
        constants: values of the inputs that are constants; those that no program has are left out.
        backend: a key of `SCALARS`.
    Raises: CodegenError: a program with axes, or an operation that the backend lacks.
    """
    texts = []
    for name, program in programs.items():
        if program.axes:
            raise CodegenError("a rule of numbers has no axes", program.axes, name)
        own = {inp.name: constants[inp.name] for inp in program.inputs if inp.name in constants}
        texts.append(print_arrays(bind(program, own), SCALARS[backend]))
    return "\n\n".join(texts)
