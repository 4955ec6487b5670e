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
    """The right-hand side of a block in registers, PER_LANE consecutive tokens a lane, see `rt.scan_tokens`.

    Of the inputs along states the first value is given: where it is the only one, it stays in a register.
    """
    tokens, scalars = _listed(cell.tokens), _listed(cell.scalars)
    arrays = _listed([text for name in cell.states for text in (f"{name}_first", f"{name}_ptr")])
    loads = "\n        ".join(
        f"{name} = {name}_first if STATES == 1 else rt.load_one({name}_ptr + n, row * STATES)" for name in cell.states
    )
    weights = "".join(f", {name}" for name in cell.weights)
    return f'''@triton.jit
def rates({cell.state}, {tokens}{scalars}{arrays}row, lane, STATES: tl.constexpr):
    """The rate of every token, (SYSTEMS, LANES, PER_LANE)."""
    part = token_part({", ".join([cell.state, *cell.tokens, *cell.scalars])})
    total = tl.zeros_like({cell.state})
    for n in range(STATES):
        {loads}
        gate, increment{weights} = state_part(part, {", ".join(cell.states)})
        term = summand(rt.scan_tokens(gate, increment, lane, False){weights})
        total = term if STATES == 1 else total + term
    return rate(total, part)
'''
