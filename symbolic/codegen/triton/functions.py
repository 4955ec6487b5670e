"""Device functions that generated Triton code calls: scans along tokens, and functions that Triton lacks or rounds coarsely.

One long file: generated text calls them all by one name, and they call each other.
"""

# Triton knows tuples that are added to tuples, and grows them.
# ruff: noqa: RUF005
# mypy: disable-error-code="assignment,misc"

from __future__ import annotations

import math

import triton
import triton.language as tl

from s6flow.symbolic.codegen.polynomials import ln2_parts

__all__ = [
    "apart",
    "before",
    "cosh",
    "exp",
    "exp_down",
    "exp_unit",
    "expm1",
    "hypot",
    "in_lane",
    "joined",
    "last",
    "linear",
    "linear_before",
    "load_one",
    "load_tokens",
    "log1p",
    "over_lane_max",
    "over_tokens_max",
    "over_tokens_squares",
    "power",
    "previous",
    "product_error",
    "scan",
    "scan_lanes",
    "scan_tokens",
    "shaped",
    "shift",
    "sigmoid",
    "sign",
    "sinh",
    "sqrt",
    "store_four",
    "store_one",
    "store_tokens",
    "sum_error",
]

#: 1 / ln 2 and ln 2.
_LOG2_E = tl.constexpr(ln2_parts()[0])
_LN_2 = tl.constexpr(math.log(2.0))


@triton.jit
def linear(gate, increment, later_gate, later_increment):
    """Composition of f -> gate f + increment with the same map of later tokens."""
    return gate * later_gate, later_gate * increment + later_increment


@triton.jit
def scan(gate, increment, carry, like, AXIS: tl.constexpr, ALONE: tl.constexpr, HALVINGS: tl.constexpr):
    """f_l = gate_l f_{l-1} + increment_l along AXIS from f = carry, or where nothing came before (ALONE) from 0.

    `like` gives the shape. Where HALVINGS is not 0 a block of tokens without states is scanned by lanes, see `scan_lanes`.
    """
    gate, increment = gate + like, increment + like
    if HALVINGS > 0:
        found = scan_lanes(gate, increment, carry, HALVINGS)
    else:
        product, value = tl.associative_scan((gate, increment), AXIS, linear)
        found = value if ALONE else product * carry + value
    return found


@triton.jit
def scan_lanes(gate, increment, carry, HALVINGS: tl.constexpr):
    """The scan of (SYSTEMS, TOKENS, ...), in which a lane takes 2^HALVINGS tokens that follow each other.

    Memory is read by four tokens a lane, and a scan as Triton has it would combine the lanes once for each four: here they
    combine once, for two turns through shared memory.
    """
    PER_LANE: tl.constexpr = 2**HALVINGS
    SYSTEMS: tl.constexpr = gate.shape[0]
    LANES: tl.constexpr = gate.shape[1] // PER_LANE
    gates, increments = apart(gate, LANES, HALVINGS), apart(increment, LANES, HALVINGS)
    product, value = gates[0], increments[0]
    for i in tl.static_range(1, PER_LANE):
        product, value = linear(product, value, gates[i], increments[i])
    lane = tl.arange(0, LANES)[None, :]
    held = tl.reshape(carry, (SYSTEMS, 1))
    value = tl.where(lane == 0, product * held + value, value)
    f = tl.where(lane == 0, held, before(product, value, lane, LANES))
    found = ()
    for i in tl.static_range(PER_LANE):
        f = gates[i] * f + increments[i]
        found = found + (f,)
    for _level in tl.static_range(HALVINGS):
        pairs = ()
        for k in tl.static_range(len(found) // 2):
            pairs = pairs + (tl.join(found[k], found[k + len(found) // 2]),)
        found = pairs
    return tl.reshape(found[0], gate.shape)


@triton.jit
def scan_tokens(gate, increment, lane, EXCLUSIVE: tl.constexpr):
    """f_l = gate_l f_{l-1} + increment_l along all tokens from f = 0, or f_{l-1} at each (EXCLUSIVE).

    Args:
        gate, increment: (SYSTEMS, LANES, tokens of a lane).
        lane: (SYSTEMS, LANES, 1).
    Each lane scans its own tokens in sequence, the lanes' totals are scanned associatively, and each lane then adds what came
    before it.
    """
    SYSTEMS: tl.constexpr = gate.shape[0]
    LANES: tl.constexpr = gate.shape[1]
    gates, increments = in_lane(gate), in_lane(increment)
    product, value = gates[0], increments[0]
    products, values = (tl.full(product.shape, 1.0, product.dtype), product), (tl.zeros_like(value), value)
    for i in tl.static_range(1, len(gates)):
        product, value = linear(product, value, gates[i], increments[i])
        products, values = products + (product,), values + (value,)
    if LANES > 1:
        earlier = before(product, value, lane if len(gates) == 1 else tl.reshape(lane, (SYSTEMS, LANES)), LANES)
    else:
        earlier = tl.zeros_like(value)
    found = ()
    for i in tl.static_range(len(gates)):
        if EXCLUSIVE:
            found = found + (products[i] * earlier + values[i],)
        elif LANES > 1:
            found = found + (products[i + 1] * earlier + values[i + 1],)
        else:
            found = found + (values[i + 1],)
    return joined(found, gate)


@triton.jit
def in_lane(block):
    """The tokens of (SYSTEMS, LANES, tokens of a lane), at most 8 of them, as a tuple of (SYSTEMS, LANES); one alone as it is."""
    LANES: tl.constexpr = block.shape[1]
    PER_LANE: tl.constexpr = block.shape[2]
    return (block,) if PER_LANE == 1 else apart(block, LANES, (PER_LANE > 1) + (PER_LANE > 2) + (PER_LANE > 4))


@triton.jit
def joined(parts, like):
    """A block of the shape of `like` of the tuple that `in_lane` makes."""
    for _level in tl.static_range(3):
        if len(parts) > 1:
            pairs = ()
            for k in tl.static_range(len(parts) // 2):
                pairs = pairs + (tl.join(parts[k], parts[k + len(parts) // 2]),)
            parts = pairs
    return shaped(parts[0], like)


@triton.jit
def shaped(block, like):
    """The block in the shape of `like`, which it may have: a turn that turns nothing could still copy."""
    return block if len(block.shape) == len(like.shape) else tl.reshape(block, like.shape)


@triton.jit
def apart(block, LANES: tl.constexpr, HALVINGS: tl.constexpr):
    """The tokens of a block, 2^HALVINGS a lane, as a tuple: of every lane the first, of every lane the second, ..."""
    parts = (tl.reshape(block, (block.shape[0], LANES) + (2,) * HALVINGS),)
    for _level in tl.static_range(HALVINGS):
        even, odd = (), ()
        for k in tl.static_range(len(parts)):
            first, second = tl.split(parts[k])
            even, odd = even + (first,), odd + (second,)
        parts = even + odd
    return parts


@triton.jit
def linear_before(gate, increment, gate_before, before, gate_later, increment_later, gate_between, between):
    """`linear`, along with the composition of all maps but the last."""
    gate_all, all_but_last = linear(gate, increment, gate_between, between)
    gate, increment = linear(gate, increment, gate_later, increment_later)
    return gate, increment, gate_all, all_but_last


@triton.jit
def previous(value, lane, LANES: tl.constexpr):
    """The value of the lane before, 0 in the first."""
    if LANES == 1:
        found = tl.zeros_like(value)
    elif LANES <= 32:
        taken = tl.gather(value, tl.maximum(lane - 1, 0) + tl.zeros(value.shape, tl.int32), 1)
        found = tl.where(lane == 0, 0.0, taken)
    else:  # Triton gives a gather to one warp: every warp would then compute every lane
        found = before(tl.zeros_like(value), value, lane, LANES)
    return found


@triton.jit
def before(gate, increment, lane, LANES: tl.constexpr):
    """What the lanes before each one leave: the exclusive scan along lanes, from f = 0."""
    if LANES <= 32:
        # nothing precedes the first lane: with its gate at 0, every product that reaches it is 0 and asks for no mask
        product, value = tl.where(lane == 0, 0.0, gate), increment
        for level in tl.static_range(5):
            if 2**level < LANES:
                source = tl.maximum(lane - 2**level, 0) + tl.zeros(increment.shape, tl.int32)
                earlier, earlier_value = tl.gather(product, source, 1), tl.gather(value, source, 1)
                product, value = linear(earlier, earlier_value, product, value)
        found = previous(value, lane, LANES)
    else:
        one, zero = tl.full(gate.shape, 1.0, gate.dtype), tl.zeros(gate.shape, gate.dtype)
        _gate, _value, _product, found = tl.associative_scan((gate, increment, one, zero), 1, linear_before)
    return found


@triton.jit
def load_one(pointer, row):
    """A number of every system, in all of its lanes: (SYSTEMS, LANES, 1) as `row`, which is the same in all lanes.

    That of a system alone is read as a scalar: the compiler goes through a whole kernel once for each block that is read or
    written.
    """
    if row.shape[0] == 1:
        found = tl.load(pointer + tl.max(row)) + tl.zeros(row.shape, pointer.dtype.element_ty)
    else:
        found = tl.load(pointer + row)
    return found


@triton.jit
def store_one(pointer, row, number, keep):
    """A number of every system, the same in all of its lanes, to memory as `load_one` takes it; of systems where `keep`."""
    if row.shape[0] == 1:
        tl.store(pointer + tl.max(row), tl.max(number), tl.max(keep.to(tl.int32)) > 0)
    else:
        tl.store(pointer + row, number, keep)


@triton.jit
def load_tokens(pointer, row, lane, tokens, PER_LANE: tl.constexpr):
    """A row's tokens from memory, PER_LANE consecutive ones a lane, (SYSTEMS, LANES, PER_LANE); 0 behind the last."""
    WIDE: tl.constexpr = (
        PER_LANE if PER_LANE < 4 else 4
    )  # a thread reads four numbers at once, and Triton gives more to several
    place = lane * PER_LANE + tl.arange(0, WIDE)[None, None, :]
    found = tl.load(pointer + row * tokens + place, place < tokens, 0.0)
    if PER_LANE > WIDE:
        later = tl.load(pointer + row * tokens + place + WIDE, place + WIDE < tokens, 0.0)
        both = tl.permute(tl.join(found, later), (0, 1, 3, 2))
        found = tl.reshape(both, (lane.shape[0], lane.shape[1], PER_LANE))
    return found


@triton.jit
def store_tokens(pointer, row, lane, tokens, block, keep):
    """A row's tokens to memory, as `load_tokens` takes them; of systems where `keep`."""
    PER_LANE: tl.constexpr = block.shape[2]
    WIDE: tl.constexpr = PER_LANE if PER_LANE < 4 else 4
    place = lane * PER_LANE + tl.arange(0, WIDE)[None, None, :]
    if PER_LANE > WIDE:
        both = tl.reshape(block, (lane.shape[0], lane.shape[1], 2, WIDE))
        block, later = tl.split(tl.permute(both, (0, 1, 3, 2)))
        tl.store(pointer + row * tokens + place + WIDE, later, keep & (place + WIDE < tokens))
    tl.store(pointer + row * tokens + place, block, keep & (place < tokens))


@triton.jit
def store_four(pointer, row, first, second, third, fourth, keep):
    """Four numbers of every system, each (SYSTEMS, LANES, 1), side by side to memory, of systems where `keep`."""
    if row.shape[0] == 1:
        store_one(pointer, row * 4, first, keep)
        store_one(pointer + 1, row * 4, second, keep)
        store_one(pointer + 2, row * 4, third, keep)
        store_one(pointer + 3, row * 4, fourth, keep)
    else:
        four = tl.join(tl.join(first, third), tl.join(second, fourth))
        block = tl.reshape(four, (row.shape[0], row.shape[1], 4))
        tl.store(pointer + row * 4 + tl.arange(0, 4)[None, None, :], block, keep)


@triton.jit
def over_tokens_squares(x, like):
    """The sum of squares of a system's tokens, (SYSTEMS, LANES, tokens of a lane), in every lane, of the shape of `like`.

    The same in every lane to the last bit, or the steps of a system's lanes would drift apart: a square must be rounded before
    lanes exchange it, since a product that the compiler fused into the first sum between two lanes is exact in one of them.
    """
    tokens = in_lane(x)
    square = tl.fma(tokens[0], tokens[0], tl.zeros_like(tokens[0]))
    for i in tl.static_range(1, len(tokens)):
        square = tl.fma(tokens[i], tokens[i], square)
    return tl.sum(shaped(square, like), 1, keep_dims=True) + tl.zeros_like(like)


@triton.jit
def over_lane_max(x, like):
    """The maximum of a lane's own tokens, (SYSTEMS, LANES, tokens of a lane), of the shape of `like`; NaN counts as infinite."""
    tokens = in_lane(x)
    top = tokens[0]
    for i in tl.static_range(1, len(tokens)):
        top = tl.maximum(top, tokens[i], propagate_nan=tl.PropagateNan.ALL)
    return shaped(tl.where(top == top, top, float("inf")), like)  # over lanes a maximum skips NaN


@triton.jit
def over_tokens_max(x, like):
    """The maximum of a system's tokens, as `over_tokens_squares`; NaN counts as infinite."""
    return tl.max(over_lane_max(x, like), 1, keep_dims=True) + tl.zeros_like(like)


@triton.jit
def last(f, index, LENGTH: tl.constexpr, AXIS: tl.constexpr):
    """The value at the end of the block, kept as a block of length one."""
    return tl.sum(tl.where(index % LENGTH == LENGTH - 1, f, 0.0), AXIS, keep_dims=True)


@triton.jit
def shift(f, index, carry, like, LENGTH: tl.constexpr, AXIS: tl.constexpr):
    """The value at the previous token: `carry` at the first of the block."""
    f = f + like
    local = index % LENGTH + tl.zeros_like(like).to(tl.int32)
    before = tl.gather(f, tl.maximum(local - 1, 0), AXIS)
    return tl.where(local == 0, carry, before)


@triton.jit
def sign(x):
    """-1, 0 or 1."""
    return tl.where(x > 0, 1.0, 0.0).to(x.dtype) - tl.where(x < 0, 1.0, 0.0).to(x.dtype)


@triton.jit
def sqrt(x):
    """The square root: in float32 the rounded one, which Triton has for float32 alone."""
    return tl.sqrt(x) if x.dtype == tl.float64 else tl.sqrt_rn(x)


@triton.jit
def hypot(x, y):
    """The square root of x^2 + y^2, by the ratio of the smaller to the larger."""
    top = tl.maximum(tl.abs(x), tl.abs(y), propagate_nan=tl.PropagateNan.ALL)
    least = tl.minimum(tl.abs(x), tl.abs(y), propagate_nan=tl.PropagateNan.ALL)
    ratio = tl.where(top > 0, least / top, 0.0)
    return tl.where(least == top, top * 1.4142135623730951, top * sqrt(1.0 + ratio * ratio))


@triton.jit
def exp_single(x):
    """e^x in float32 for x <= 89, to a rounding without bias; what is below 2^-125 counts as 0.

    The polynomial is 2 (1 + r + r^2 q(r)), so that half of 2^n, n <= 128, is a number; 2 q has twice `exp_coefficients(6)`
    of `codegen.polynomials`, 1e-8 off.
    """
    y = tl.maximum(x, -87.3, propagate_nan=tl.PropagateNan.ALL)  # n >= -126, where 2^(n-1) counts as 0
    shifted = tl.fma(y, _LOG2_E, 12582912.0)  # 1.5 * 2^23: the sum keeps the nearest integer
    n = shifted - 12582912.0
    r = tl.fma(n, -0.693359375, y)  # ln 2 in two parts: n times the first is exact
    r = tl.fma(n, 2.12194440e-4, r)
    p = tl.fma(r, 0.00278525017, 0.0167264658)
    p = tl.fma(p, r, 0.0833331084)
    p = tl.fma(p, r, 0.333331533)
    p = tl.fma(p, r, 1.0)
    p = tl.fma(p, r, 2.0)
    p = tl.fma(p, r, 2.0)
    half = (shifted.to(tl.int32, bitcast=True) << 23) + 0x3F000000  # the bits of 2^(n-1)
    return p * half.to(tl.float32, bitcast=True)


@triton.jit
def exp(x):
    """e^x; in float32 without the device's bias, which is two units to the same side in long products."""
    return tl.exp(x) if x.dtype == tl.float64 else exp_single(tl.minimum(x, 89.0, propagate_nan=tl.PropagateNan.ALL))


@triton.jit
def exp_down(x):
    """e^x for x <= 0."""
    return tl.exp(x) if x.dtype == tl.float64 else exp_single(x)


@triton.jit
def exp_unit(x):
    """e^x for x <= 0 as a logarithm of 1 + e^x reads it, by the device's power of two: a sixth of the instructions.

    It is 2e-7 off, and |x| / 2^24, as much as the rounding of x itself costs; in a softplus, unlike in a gate, that
    does not add up along tokens.
    """
    return tl.exp(x) if x.dtype == tl.float64 else tl.exp2(x * _LOG2_E)


@triton.jit
def log1p(x):
    """ln(1 + x): the rounding of 1 + x is divided out again."""
    one = 1.0 + x
    return tl.where(
        tl.abs(x) < 0.5, tl.where(one == 1.0, x, tl.log(one) * (x / tl.where(one == 1.0, 1.0, one - 1.0))), tl.log(one)
    )


@triton.jit
def expm1(x):
    """e^x - 1: near 0 the rounding of e^x is divided out again."""
    e = exp(x)
    near = tl.where(e == 1.0, x, (e - 1.0) * x / tl.where(e == 1.0, 1.0, tl.log(e)))
    return tl.where(tl.abs(x) < 0.5, near, e - 1.0)


@triton.jit
def sinh(x):
    """Hyperbolic sine; e^|x| is halved in the exponent, so that it overflows no earlier than sinh."""
    m = expm1(tl.minimum(tl.abs(x), 1.0))
    half = tl.exp(tl.abs(x) - _LN_2)
    size = tl.where(tl.abs(x) < 1.0, 0.5 * (m + m / (m + 1.0)), half - 0.25 / half)
    return tl.where(x < 0, -size, size)


@triton.jit
def cosh(x):
    """Hyperbolic cosine."""
    half = tl.exp(tl.abs(x) - _LN_2)
    return half + 0.25 / half


@triton.jit
def sigmoid(x):
    """1 / (1 + e^-x) without overflow."""
    tail = exp_down(-tl.abs(x))
    return tl.where(x >= 0, 1.0, tail) / (1.0 + tail)


@triton.jit
def power(x, y):
    """x^y for x >= 0."""
    return tl.where(y == 0, 1.0, tl.exp(y * tl.log(x)))


@triton.jit
def sum_error(x, y):
    """Knuth's two-sum: (x + y) - fl(x + y)."""
    total = x + y
    back = total - x
    return (x - (total - back)) + (y - back)


@triton.jit
def product_error(x, y):
    """x y - fl(x y) by a fused multiply-add (0 under the interpreter, which has none)."""
    return tl.fma(x, y, -(x * y))
