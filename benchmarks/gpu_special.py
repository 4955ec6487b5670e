"""A kernel of nothing but powers of two: the device's special-function rate."""

import triton
import triton.language as tl


@triton.jit
def special(x_ptr, out_ptr, rounds, BLOCK: tl.constexpr):
    """Four exponentials a round and element, none of which can be left out."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + place)
    for _ in range(rounds):
        x = tl.exp2(-tl.exp2(-tl.exp2(-tl.exp2(-x))))
    tl.store(out_ptr + place, x)
