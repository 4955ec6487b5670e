"""What makes each assumption of the vocabulary true: a change of drawn data, which draws nothing itself.

A choice between two ways is taken by digits of the data, so that a construction stays a map of its point.

One long file: a table of one entry for each assumption, each a few lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import TheoremError
from s6flow.numeric.checks.shared import quantity

__all__ = ["ADJUST", "Data", "axis_sizes", "digit_share", "indefinite_form"]

Array = NDArray[np.float64]
#: Letter -> array, batch axis first.
Data = dict[str, Any]
#: Digits so near below a whole one are a round number's but for rounding, which is below 1e-6 of them.
ROUND = 1e-5


def _total(data: Data, sign: float) -> None:
    """Make sum mu_n have the given sign and be no smaller than a tenth of the largest |mu_n|."""
    mu = data["mu"]
    total, largest = mu.sum(axis=1), np.abs(mu).max(axis=1)
    flip = np.where(total * sign < 0, -1.0, 1.0)
    mu *= flip[:, None]
    short = np.abs(mu.sum(axis=1)) < 0.1 * largest
    pick = np.argmax(np.abs(mu) * (mu * sign > 0), axis=1)  # enlarge the leading state of the wanted sign
    rows = np.arange(len(mu))
    fixed = mu.copy()
    fixed[rows, pick] = sign * np.abs(fixed[rows, pick])
    need = sign * 0.1 * largest - fixed.sum(axis=1)
    fixed[rows, pick] += np.where(sign * need > 0, 1.5 * need, 0.0)
    data["mu"] = np.where(short[:, None], fixed, mu)


def _total_nonzero(data: Data) -> None:
    """As `_total`, each system with the sign that its sum has."""
    signs = np.where(data["mu"].sum(axis=1) < 0, -1.0, 1.0)
    data["mu"] = data["mu"] * signs[:, None]
    _total(data, 1.0)
    data["mu"] = data["mu"] * signs[:, None]


def _one_sign_or_decay(data: Data) -> None:
    """Digits of a_1 toss a coin: one decay rate, or the sign of the sum for every mu_n."""
    one_decay = _even(data["a"][:, :1]) & (data["mu"].shape[1] > 1)
    sign = np.where(data["mu"].sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    _total_nonzero(data)
    data["mu"] = np.where(one_decay, data["mu"], np.abs(data["mu"]) * sign)
    data["a"] = np.where(one_decay, data["decay"][:, None], data["a"])


def _tokens_not_zero(data: Data) -> None:
    data["x0"] = np.where(data["x0"] == 0, 1.0, data["x0"])


def _first(data: Data, sign: float) -> None:
    """Give token 1 the sign of sign * s; where s = 0 it keeps its own."""
    x0 = data["x0"]
    first = np.where(x0[:, 0] == 0, 1.0, np.abs(x0[:, 0]))
    x0[:, 0] = first * np.where(data["s"] == 0, np.where(x0[:, 0] < 0, -1.0, 1.0), sign * np.sign(data["s"]))


def _first_signed(data: Data, sign: float) -> None:
    data["s"] = np.where(data["s"] == 0, 1.0, data["s"])
    _first(data, sign)


def _slow_starts(data: Data) -> None:
    data["s"] = np.where(data["s"] == 0, 1.0, data["s"])  # s = 0 would leave zero tokens alone
    data["x0"] = -np.abs(data["x0"]) * np.sign(data["s"])[:, None]


def _later(data: Data, sign: float) -> None:
    later = data["x0"][:, 1:]
    later = np.where(later == 0, 1.0, np.abs(later))
    data["x0"][:, 1:] = later * sign * np.sign(data["s"])[:, None]


def _prefix(data: Data) -> None:
    same = np.arange(data["x0"].shape[1]) < data["m"][:, None]
    data["x_copy"] = np.where(same, data["x0"], data["x_copy"])


def _set(name: str, change: Callable[[Array], Array]) -> Callable[[Data], None]:
    def apply(data: Data) -> None:
        data[name] = change(data[name])

    return apply


def _ordered_states(data: Data) -> Array:
    """Decay rates in ascending order with a gap that K can be seen to change over."""
    a = np.sort(data["a"], axis=1)
    if a.shape[1] < 2:
        raise TheoremError("K of both signs needs at least two states", a.shape[1])
    a[:, 0] = np.minimum(a[:, 0], 0.3 * a[:, -1])
    return a


def _step(data: Data, token: Array) -> Array:
    return np.logaddexp(0.0, data["s"] * token + data["b"]) + data["floor"]


def digit_share(value: Array) -> Array:
    """A share in [0, 1) from the digits of drawn numbers behind the sixth place, in their shape; just below a whole one it is 0.

    The ends of ranges are round numbers, which another build of NumPy may draw one rounding lower: their digits would
    jump from 0 to 1.
    """
    digits = np.mod(1e6 * np.abs(value), 1.0)
    return np.asarray(np.where(digits < 1 - ROUND, digits, 0.0))


def _even(value: Array) -> NDArray[np.bool_]:
    """A coin that the digits of a drawn number toss, as `digit_share` takes them."""
    return np.asarray(np.floor(1e6 * value + ROUND) % 2 == 0)


def _held(data: Data, size: Array, side: Array) -> Array:
    """The left side of `second-token-held` for a second token of this size and sign."""
    mu, a, first, zero = data["mu"], data["a"], data["x0"][:, 0], np.zeros_like(size)
    steps = np.stack([_step(data, zero), _step(data, side * size)])
    least, most = steps.min(axis=0), steps.max(axis=0)
    read = np.maximum(mu, 0) * np.exp(-a * least[:, None]) + np.minimum(mu, 0) * np.exp(-a * most[:, None])
    return np.asarray(read.sum(axis=1) * first**2 * _step(data, first) + mu.sum(axis=1) * size**2 * most)


def _second_held(data: Data) -> None:
    """Where K(0) is not negative yet, two leading states a_1 < a_2 with mu_1 = -mu_2 sqrt(q_2 / q_1), which make mu > 0
    and mu K(0) < 0; then a second token below the largest that is held, by a share of its own digits."""
    mu = data["mu"]
    data["x0"][:, 0] = np.where(data["x0"][:, 0] == 0, 1.0, data["x0"][:, 0])
    side = np.where(data["x0"][:, 1] < 0, -1.0, 1.0)
    tiny = np.full(len(mu), 1e-12)
    ready = _held(data, tiny, side) < -1e-6 * np.abs(mu).sum(axis=1) * data["x0"][:, 0] ** 2
    a = _ordered_states(data)
    delta0 = _step(data, np.zeros(len(mu)))
    a = a * np.maximum(1.0, 0.5 / ((a[:, -1] - a[:, 0]) * delta0))[:, None]  # else K(0) lies within rounding of 1
    lead = np.abs(mu).max(axis=1)
    pair = np.zeros_like(mu)
    pair[:, 0], pair[:, -1] = -lead * np.exp(-(a[:, -1] - a[:, 0]) * delta0 / 2), lead
    data["a"], data["mu"] = np.where(ready[:, None], data["a"], a), np.where(ready[:, None], mu, pair)
    low, high = np.full(len(mu), -28.0), np.full(len(mu), 12.0)
    for _ in range(50):
        middle = (low + high) / 2
        held = _held(data, np.exp(middle), side) < 0
        low, high = np.where(held, middle, low), np.where(held, high, middle)
    share = digit_share(data["x0"][:, 1])
    data["x0"][:, 1] = side * np.exp(low) * np.exp(-1e-9 - 20.0 * share**4)


def _root_between(data: Data) -> None:
    """A root of K at which K falls in |x|, p and u on its two sides, token 1 large enough to hold u, token 2 between.

    The a_n ascending, negative mu_n first, make K fall in the step: the root is for tokens with s x > 0. Digits of a_1
    toss a coin, where there are three states, for signs +, -, + and a root for tokens with s x < 0."""
    data["s"] = np.where(data["s"] == 0, 1.0, data["s"])
    a, mu = _ordered_states(data), np.abs(data["mu"])
    N = a.shape[1]
    slow = (digit_share(a[:, 0]) < 0.3) & (N > 2)
    near = np.where(slow, 1 / np.abs(data["s"]), np.inf)  # farther out on the slow side steps vanish, and rates explode
    root = np.minimum(np.abs(data["low"]), near) * np.where(slow, -1.0, 1.0) * np.sign(data["s"])
    share, other = digit_share(data["high"]), digit_share(data["low"])
    data["low"], data["high"] = root * np.exp(-0.05 - 0.4 * share), root * np.exp(0.05 + 0.4 * other)
    z = _step(data, root)
    bare = z - data["floor"]
    a = a * np.maximum(1.0, 0.3 / ((a[:, -1] - a[:, 0]) * bare))[:, None]
    gates = np.exp(-a * z[:, None])
    negative = np.arange(N) < 1 + np.floor(digit_share(mu[:, 0]) * (N - 1))[:, None]
    balance = (mu * gates * ~negative).sum(axis=1) / (mu * gates * negative).sum(axis=1)
    falling = np.where(negative, -mu * balance[:, None], mu)
    # mu K = q (q - q_1)(q - q_2) in the gate q: roots at half the step of u, beyond it, and at that of the root
    rate = 1 / z
    first, second = np.exp(-rate * _step(data, data["high"]) / 2), np.full_like(z, np.exp(-1.0))
    three = np.zeros_like(mu)
    three[:, 0], three[:, N // 2], three[:, -1] = first * second, -(first + second), 1.0
    falling = np.where(slow[:, None], three * mu.max(axis=1, keepdims=True), falling)
    for index, multiple in ((0, 1), (N // 2, 2), (N - 1, 3)):
        a[:, index] = np.where(slow, multiple * rate, a[:, index])
    data["a"], data["mu"] = a, falling
    gates = np.exp(-a * _step(data, data["high"])[:, None])
    carried = (falling * gates).sum(axis=1) / falling.sum(axis=1)
    need = data["high"] ** 2 * _step(data, data["high"]) / np.abs(carried) / _step(data, np.zeros(len(mu)))
    first = np.maximum(np.abs(data["x0"][:, 0]), 1.01 * np.sqrt(need))
    data["x0"][:, 0] = first * np.sign(data["s"])
    mix = np.log(np.abs(data["low"])) + (1e-6 + 0.999 * digit_share(data["x0"][:, 1])) * np.log(
        data["high"] / data["low"]
    )
    data["x0"][:, 1] = np.sign(root) * np.exp(mix)


def _second_fast(data: Data) -> None:
    second = data["x0"][:, 1]
    data["x0"][:, 1] = np.where(second == 0, 1.0, np.abs(second)) * np.where(data["s"] < 0, -1.0, 1.0)


def _some_fast(data: Data) -> None:
    """The last token turned outward where no nonzero token is."""
    x0 = data["x0"]
    none = ~((data["s"][:, None] * x0 >= 0) & (x0 != 0)).any(axis=1)
    last = np.where(x0[:, -1] == 0, 1.0, np.abs(x0[:, -1])) * np.where(data["s"] < 0, -1.0, 1.0)
    x0[:, -1] = np.where(none, last, x0[:, -1])


def _carried_nonnegative(data: Data) -> None:
    """Partial sums of mu_n exp(-a_n z) in the order of a_n that are positive, at z = 0 or, if the sum of the mu_n stays
    positive, at z = Delta(0) with tokens that reach no smaller step; then K > 0 beyond z. Digits of a_1 toss the coin."""
    coin = _even(data["a"][:, 0])
    a = np.sort(data["a"], axis=1)
    sizes = np.abs(data["mu"])
    weights = np.diff(sizes, axis=1, prepend=0.0)
    weights = np.where(
        np.abs(weights) > 1e-12 * sizes.max(axis=1, keepdims=True), weights, 0.0
    )  # equal but for rounding
    later = weights * np.exp((a - a[:, :1]) * (np.logaddexp(0.0, data["b"]) + data["floor"])[:, None])
    pick = coin & (later.sum(axis=1) > 0.1 * np.abs(weights).max(axis=1))
    data["a"], data["mu"] = a, np.where(pick[:, None], later, weights)
    side = np.where(data["s"] < 0, -1.0, 1.0)[:, None]
    data["x0"] = np.where(pick[:, None], np.abs(data["x0"]) * side, data["x0"])


def _definite(sign: float) -> Callable[[Data], None]:
    def apply(data: Data) -> None:
        """S_C = sign (G G^T + 1) S_B + (skew) S_B: then x^T S_C^T S_B x has the sign for every x != 0."""
        S_B, G = data["S_B"], data["S_C"]
        N, D = S_B.shape[1:]
        S_B = S_B.copy()
        S_B[:, :D, :] += 3.0 * np.abs(S_B).max(axis=(1, 2))[:, None, None] * np.eye(D)
        square = G @ np.swapaxes(G, 1, 2) / D
        skew = np.triu(square, 1) - np.swapaxes(np.triu(square, 1), 1, 2)
        P = sign * (square + np.eye(N)) + skew
        data["S_B"], data["S_C"] = S_B, P @ S_B

    return apply


def indefinite_form(data: Data) -> None:
    """Two rows of S_C become the matching rows of S_B, the second with its sign changed, others zero.

    Args:
        data: with S_B, shape (system, state, channel); with one state the form has one square.
    """
    S_B = data["S_B"]
    S_C = np.zeros_like(S_B)
    S_C[:, 0] = S_B[:, 0]
    if S_B.shape[1] > 1:
        S_C[:, 1] = -S_B[:, 1]
    data["S_C"] = S_C


def _hyperbolic(data: Data) -> None:
    """diag(1, -1) on two channels, constant steps in ascending order; starts off the axes."""
    count = len(data["S_B"])
    data["S_B"] = np.repeat(np.eye(2)[None], count, axis=0)
    data["S_C"] = np.repeat(np.diag([1.0, -1.0])[None], count, axis=0)
    data["S_dt_in"] = np.zeros_like(data["S_dt_in"])
    b = np.sort(data["b"], axis=1)
    b[:, 1] = np.maximum(b[:, 1], b[:, 0] + 0.5)
    data["b"] = b


def _cone(data: Data) -> None:
    """Project token 1 onto B_1 x = B_2 x, where the two squares of `indefinite_form` cancel."""
    indefinite_form(data)
    across = data["S_B"][:, 0] - data["S_B"][:, 1]
    size = (across**2).sum(axis=1)[:, None]  # zero where B_1 = B_2: every x is on the cone then
    share = np.einsum("btd,bd->bt", data["x"], across) / np.where(size > 0, size, 1.0)
    data["x"] = data["x"] - share[:, :, None] * across[:, None, :]


def _equal_steps(data: Data) -> None:
    D = data["S_dt_out"].shape[1]
    data["S_dt_out"] = np.repeat(data["row"][:, None, :], D, axis=1)
    data["b"] = np.repeat(data["bias"][:, None], D, axis=1)


def _axis(data: Data) -> None:
    data["x"] = data["x"] * data["on_axis"][:, None, :]


def _slowest(data: Data) -> None:
    """Step biases of all channels apart by 0.7 at least, and a tenth of the entries of token 1 zero, by their digits; on
    the slowest channel left M_cc < 0 in seven systems of eight, and its entry the larger one."""
    rows, first = np.arange(len(data["b"])), data["x"][:, 0]
    rank = data["b"].argsort(axis=1).argsort(axis=1)
    data["b"] = data["b"].min(axis=1, keepdims=True) + 0.7 * rank + 0.1 * digit_share(data["b"])
    zero = (digit_share(first) < 0.1) & (rank != rank.max(axis=1, keepdims=True))
    c = np.where(zero, np.inf, data["b"]).argmin(axis=1)
    share = 0.05 + 0.95 * digit_share(3 * first)
    share[rows, c] = 1.0
    data["x"][:, 0] = np.where(zero, 0.0, first * share)
    own = data["S_B"][rows, :, c] * np.where(digit_share(data["b"][rows, c]) < 0.125, 0.5, -1.0)[:, None]
    data["S_C"][rows, :, c] = own


def _axis_channel(data: Data) -> Array:
    return np.asarray(data["on_axis"]).argmax(axis=1)


def _axis_form(data: Data) -> None:
    """Column c of S_C a positive multiple of that of S_B."""
    rows, c = np.arange(len(data["S_B"])), _axis_channel(data)
    data["S_C"][rows, :, c] = data["S_B"][rows, :, c] * (0.2 + digit_share(data["S_C"][rows, :, c])[:, :1])


def _axis_leads(data: Data) -> None:
    """S_Delta[c, c] sign x_c moved above the other entries of its column; digits toss a coin for the slow side, which has
    no floor, where all entries are negative."""
    rows, c = np.arange(len(data["S_B"])), _axis_channel(data)
    into = data["S_dt_in"][rows, :, c]
    size = (into**2).sum(axis=1)
    side = np.sign(data["x"][rows, 0, c])
    slow = digit_share(size) < 0.4
    data["floor"] = np.where(slow, 0.0, data["floor"])
    entries = np.einsum("bdr,br->bd", data["S_dt_out"], into) * side[:, None]
    shift = np.where(slow[:, None], -np.abs(entries) - 0.3 - entries, 0.0)
    entries = entries + shift
    best = np.where(np.arange(entries.shape[1]) == c[:, None], -np.inf, entries).max(axis=1)
    best = np.where(np.isfinite(best), best, -0.5)
    wanted = np.where(
        slow,
        best + 0.2 * (1 - digit_share(entries[rows, c])),
        np.maximum(best, 0.0) + 0.2 + digit_share(entries[rows, c]),
    )
    shift[rows, c] += wanted - entries[rows, c]
    data["S_dt_out"] = data["S_dt_out"] + (shift * side[:, None])[:, :, None] * into[:, None, :] / size[:, None, None]


def axis_sizes(data: Data) -> dict[str, Array]:
    """What the quantities `axis_far` and `axis_width` read of layers with an axis; `orbits.axis_letters` measures the same.

    Args:
        data: of layers, with token 1 and the axis that it is near: S_B, S_C, S_dt_in, S_dt_out, b, floor, x, on_axis.
    Returns: letter -> array, shape (system).
    """
    rows, c = np.arange(len(data["S_B"])), _axis_channel(data)
    s_delta = np.einsum("bdr,bre->bde", data["S_dt_out"], data["S_dt_in"])
    column = s_delta[rows, :, c] * np.sign(data["x"][rows, 0, c])[:, None]
    own = column[rows, c]
    other = np.where(np.arange(column.shape[1]) == c[:, None], -np.inf, column).max(axis=1)
    other = np.where(np.isfinite(other), other, own - 1.0)
    leads = [quantity(f"axis_lead_{side}", own_pull=own, other_pull=other) for side in ("fast", "slow")]
    M = np.einsum("bnd,bne->bde", data["S_C"], data["S_B"])
    return {
        "lead": np.where(own > 0, *leads),
        "own_form": M[rows, c, c],
        "form_size": np.abs(M).sum(axis=(1, 2)),
        "column_size": np.abs(s_delta).sum(axis=(1, 2)),
        "bias_size": np.abs(data["b"]).sum(axis=1),
        "floor": data["floor"],
    }


def _axis_far(data: Data) -> None:
    """|x_c| between one and three times what is asked for."""
    rows, c = np.arange(len(data["S_B"])), _axis_channel(data)
    own = data["x"][rows, 0, c]
    far = quantity("axis_far", **axis_sizes(data))
    data["x"][rows, 0, c] = np.sign(own) * far * (1 + 1e-9 + 2 * digit_share(own))


def _axis_narrow(data: Data) -> None:
    """The other entries scaled down, to between a tenth and all of the width."""
    rows, c = np.arange(len(data["S_B"])), _axis_channel(data)
    first = data["x"][:, 0]
    own, rest = first[rows, c], first.copy()
    rest[rows, c] = 0.0
    digits = digit_share(rest.sum(axis=1))  # those of x_c were taken before, and digits of digits are rounding
    size = np.sqrt((rest**2).sum(axis=1))
    wanted = np.sqrt(quantity("axis_width", **axis_sizes(data))) * np.abs(own) * (0.1 + 0.899 * digits)
    rest = rest * np.where(size > 0, wanted / np.where(size > 0, size, 1.0), 0.0)[:, None]
    rest[rows, c] = own
    data["x"][:, 0] = rest


def _nothing(data: Data) -> None:
    """True by the lengths of the axes, which the caller chose, or by what another entry built."""


def _skip(data: Data) -> None:
    _total(data, -1.0)
    data["d_skip"] = np.abs(data["d_skip"])


def _before_collapse(data: Data) -> None:
    """A depth-time before the first token is at zero."""
    from s6flow.numeric.flow import FlowParameters, growth_rate

    params = FlowParameters(data["mu"], data["a"], data["s"], data["b"], data["floor"])
    rate = data["radius"][:, None] * growth_rate(data["radius"][:, None] * np.sign(data["x0"]), params)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(rate < 0, np.abs(data["x0"]) / -rate, np.inf).min(axis=1)
    data["t"] = np.minimum(data["t"], 0.95 * ends)


def _cycle(data: Data) -> None:
    """kappa between 0.3 and 0.5 of k, and k a share of what the inequality allows."""
    ratio, share = 0.3 + 0.2 * data["pull"], 0.5 + 0.48 * data["turn"]
    data["turn"] = share * 2 * ratio / np.sqrt((2 + ratio**2) * (3 + ratio**2))
    data["pull"] = ratio * data["turn"]


def _off_centre(data: Data) -> None:
    """The first entry raised where token 1 starts nearer to the octant's centre than a run can be held to leave."""
    from s6flow.numeric.checks.normalised import OFF_CENTRE, uneven

    near = uneven(data["x"][:, 0]) < 1.01 * OFF_CENTRE
    raised = data["x"].copy()
    raised[near, 0, 0] = data["x"][near, 0, 1:].mean(axis=1) * (1 + 3 * OFF_CENTRE)
    data["x"] = raised


def _unit(data: Data) -> None:
    """Token 1 scaled to |x| = 1."""
    data["x"] = data["x"] / np.linalg.norm(data["x"][:, :1], axis=2, keepdims=True)


def _sink(data: Data) -> None:
    """mu of channel 1 of a sign that digits choose, its step the largest for mu > 0, else the smallest, at |x| = |x_1|."""
    first = data["S_B"][:, :, 0]
    side = np.where(digit_share(first[:, 0]) < 0.5, 1.0, -1.0)
    S_C = data["S_C"].copy()
    S_C[:, :, 0] = side[:, None] * first
    drive = np.einsum("bdr,br->bd", data["S_dt_out"], data["S_dt_in"][:, :, 0]) * data["x"][:, 0, :1]
    argument = drive + data["b"]
    b = data["b"].copy()
    far = np.where(side > 0, argument[:, 1:].max(axis=1) + 0.5, argument[:, 1:].min(axis=1) - 0.5)
    b[:, 0] = far - drive[:, 0]
    data.update(S_C=S_C, b=b)


def _sink_near(data: Data) -> None:
    """The other entries scaled down to a share of what is asked for, between a fiftieth and all of it, |x| that of x_1."""
    from s6flow.numeric.checks.normalised import sink_letters

    x = data["x"].copy()
    first, rest = x[:, 0, 0].copy(), x[:, 0, 1:].copy()
    x[:, 0, 1:] = 0.0
    share = 0.02 + 0.979 * digit_share(rest.sum(axis=1))
    wanted = share * sink_letters({**data, "x": x})["near"]
    rest *= (wanted / np.abs(rest).max(axis=1, initial=1e-300))[:, None]
    x[:, 0, 1:] = rest
    x[:, 0, 0] = np.sign(first) * np.sqrt(first**2 - (rest**2).sum(axis=1))
    data["x"] = x


#: assumption -> what makes it true, in the order of application.
ADJUST: dict[str, Callable[[Data], None]] = {
    "no-floor": _set("floor", np.zeros_like),
    "floor-positive": _set("floor", lambda v: np.where(v > 0, v, 0.1)),
    "s-zero": _set("s", np.zeros_like),
    "s-nonzero": _set("s", lambda v: np.where(v == 0, 1.0, v)),
    "one-decay": lambda data: data.update(a=np.repeat(data["decay"][:, None], data["a"].shape[1], axis=1)),
    "states-nonpositive": _set("mu", lambda v: -np.abs(v)),
    "states-nonnegative": _set("mu", np.abs),
    "states-zero": _set("mu", np.zeros_like),
    "mu-negative": lambda data: _total(data, -1.0),
    "mu-positive": lambda data: _total(data, 1.0),
    "mu-nonzero": lambda data: _total_nonzero(data),
    "skip-against-mu": _skip,
    "carried-nonnegative": _carried_nonnegative,
    "carried-positive": _carried_nonnegative,
    "one-sign-or-decay": _one_sign_or_decay,
    "tokens-nonzero": _tokens_not_zero,
    "first-token-nonzero": lambda data: data["x0"].__setitem__(
        (slice(None), 0), np.where(data["x0"][:, 0] == 0, 1.0, data["x0"][:, 0])
    ),
    "slow-starts": _slow_starts,
    "first-token-fast": lambda data: _first_signed(data, 1.0),
    "first-token-slow": lambda data: _first_signed(data, -1.0),
    "first-token-not-slow": lambda data: _first(data, 1.0),
    "later-tokens-slow": lambda data: _later(data, -1.0),
    "second-token-fast": _second_fast,
    "second-token-held": _second_held,
    "second-token-between": _root_between,
    "carried-below": _nothing,
    "held-above": _nothing,
    "some-token-not-slow": _some_fast,
    "same-prefix": _prefix,
    "no-read-bias": _set("beta_C", np.zeros_like),
    "no-projection-bias": lambda data: data.update(beta_B=data["beta_B"] * 0, beta_C=data["beta_C"] * 0),
    "on-axis": _axis,
    "form-hyperbolic": _hyperbolic,
    "on-cone": _cone,
    "off-axes": _set("x", lambda v: np.where(v == 0, 1.0, v)),
    "form-negative": _definite(-1.0),
    "form-positive": _definite(1.0),
    "constant-steps": _set("S_dt_in", np.zeros_like),
    "equal-steps": _equal_steps,
    "slowest-unique": _slowest,
    "axis-form-positive": _axis_form,
    "axis-leads": _axis_leads,
    "axis-far": _axis_far,
    "axis-narrow": _axis_narrow,
    "rows-independent": _nothing,
    "one-token": _nothing,
    "two-tokens": _nothing,
    "wider": _nothing,
    "inputs-bounded": lambda data: data.update(v=np.clip(data["v"], -data["v_max"][:, None], data["v_max"][:, None])),
    "steps-bounded": lambda data: data.update(Delta=np.minimum(data["Delta"], data["delta_max"][:, None])),
    "inputs-constant": lambda data: data.update(v=np.broadcast_to(data["v_max"][:, None], data["v"].shape)),
    "steps-constant": lambda data: data.update(Delta=np.broadcast_to(data["delta_max"][:, None], data["Delta"].shape)),
    "before-collapse": _before_collapse,
    "cycle-rates": _cycle,
    "octant": _set("x", np.abs),
    "off-centre": _off_centre,
    "unit-start": _unit,
    "axis-sink": _sink,
    "axis-near": _sink_near,
    "channels-bounded": lambda data: data.update(
        x=np.clip(data["x"], -data["x_max"][:, None, :], data["x_max"][:, None, :])
    ),
}
