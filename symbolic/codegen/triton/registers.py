"""Device functions that put a printed cell together, for kernels that keep tokens in registers.

`rates` has all tokens of a system at one time: lanes scan theirs and then each other's. `token_rate` has one token,
and what earlier ones left.
"""

from __future__ import annotations

from collections.abc import Iterable

from s6flow.symbolic.codegen.triton.cell import CellText

__all__ = ["print_rates", "print_token_rate"]


def _listed(names: Iterable[str]) -> str:
    """The names as arguments before others."""
    return "".join(f"{name}, " for name in names)


def print_token_rate(cell: CellText) -> str:
    """The right-hand side of one token, and its state."""
    weights = "".join(f", {name}" for name in cell.weights)
    of_state = ", ".join(f"{name}[n]" for name in cell.states)
    return f'''@triton.jit
def token_rate({cell.state}, before, {_listed(cell.tokens)}{_listed(cell.scalars)}{_listed(cell.states)}STATES: tl.constexpr):
    """The rate of one token and the scanned states that it leaves, from those `before` it."""
    part = token_part({", ".join([cell.state, *cell.tokens, *cell.scalars])})
    left = ()
    for n in tl.static_range(STATES):
        gate, increment{weights} = state_part(part, {of_state})
        f = gate * before[n] + increment
        term = summand(f{weights})
        total = term if n == 0 else total + term
        left = left + (f,)
    return rate(total, part), left
'''


def print_rates(cell: CellText) -> str:
    """The right-hand side of a block: PER_LANE consecutive tokens a lane, in registers, as tuples.

    Each lane scans its own tokens in sequence, the lanes' totals are scanned associatively, and each lane then adds
    what came before it. Of the inputs along states the first value is given: where it is the only one, it stays in a
    register.
    """
    tokens, scalars = _listed(cell.tokens), _listed(cell.scalars)
    each = "".join(f"{name}[i], " for name in cell.tokens)
    arrays = _listed([text for name in cell.states for text in (f"{name}_first", f"{name}_ptr")])
    loads = "\n        ".join(
        f"{name} = {name}_first if STATES == 1 else tl.load({name}_ptr + row * STATES + n)" for name in cell.states
    )
    weights = cell.weights
    made = "".join(f", {name}" for name in weights)
    kept = f"({', '.join(weights)}{',' if len(weights) == 1 else ''})"
    read = "".join(f", reads[i][{k}]" for k in range(len(weights)))
    return f'''@triton.jit
def rates({cell.state}, {tokens}{scalars}{arrays}row, lane, STATES: tl.constexpr, LANES: tl.constexpr, PER_LANE: tl.constexpr):
    """The rate of every token, PER_LANE tokens a lane."""
    parts, totals = (), ()
    for i in tl.static_range(PER_LANE):
        parts = parts + (token_part({cell.state}[i], {each}{scalars.removesuffix(", ")}),)
        totals = totals + (tl.zeros_like({cell.state}[i]),)
    for n in range(STATES):
        {loads}
        products, values, reads = (), (), ()
        product, value = 1.0, 0.0
        for i in tl.static_range(PER_LANE):
            gate, increment{made} = state_part(parts[i], {", ".join(cell.states)})
            if i == 0:
                product, value = gate, increment
            else:
                product, value = rt.linear(product, value, gate, increment)
            products = products + (product,)
            values = values + (value,)
            reads = reads + ({kept},)
        sums = ()
        if LANES > 1:
            before = rt.before(product, value, lane, LANES)
            for i in tl.static_range(PER_LANE):
                term = summand(products[i] * before + values[i]{read})
                sums = sums + (term if STATES == 1 else totals[i] + term,)
        else:
            for i in tl.static_range(PER_LANE):
                term = summand(values[i]{read})
                sums = sums + (term if STATES == 1 else totals[i] + term,)
        totals = sums
    out = ()
    for i in tl.static_range(PER_LANE):
        out = out + (rate(totals[i], parts[i]),)
    return out
'''
