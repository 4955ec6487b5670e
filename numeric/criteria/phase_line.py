"""The phase line of token 1 on a channel axis: x' = x Delta(x) p(x), p(x) = mu x^2 + nu x + lambda (theory 8b).

Between its equilibria, 0 and the real roots of p, token 1 moves one way, so the fate of every start is exact. Escape
to infinity takes finite time if Delta p grows at least linearly, all depth-time if Delta decays (s x < 0 and no
floor), and is exponential if p is a positive constant and Delta tends to a constant.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8

from s6flow.numeric.criteria.labels import Labels, choose

__all__ = ["FATES", "describe", "fate_of", "summarise"]

#: Fates of one token. "root": a nonzero equilibrium; "doubtful": within rounding of an equilibrium.
FATES = ("zero", "root", "fast", "slow", "exponential", "doubtful")
_ROUNDING = 1e-12

Numbers = dict[str, np.ndarray]


def escape(numbers: Numbers, sign: int, floor: float) -> UInt8[np.ndarray, " channel"]:
    """How |x_1| -> infinity is approached from tokens of `sign`, as a code of `FATES`."""
    slope = numbers["s"] * sign
    constant = (numbers["mu"] == 0) & (numbers["nu"] == 0)
    names = choose(
        FATES,
        [((slope < 0) & (floor == 0), "slow"), (constant & (slope <= 0), "exponential")],
        "fast",
    )
    return names.codes


def fate_of(
    x0: Float64[np.ndarray, "*start channel"], numbers: Numbers, floor: float
) -> UInt8[np.ndarray, "*start channel"]:
    """Fate of token 1 from x0, a code of `FATES`; a zero token stays zero.

    Args:
        x0: starts, the channel axis last.
        numbers: columns mu, nu, lambda, s, root_low and root_high.
        floor: step floor.
    Numerics: where p(x0) is below rounding the fate is "doubtful".
    """
    mu, nu, constant = (numbers[key] for key in ("mu", "nu", "lambda"))
    p = (mu * x0 + nu) * x0 + constant
    size = np.abs(mu) * x0**2 + np.abs(nu * x0) + np.abs(constant)
    outward = p > 0
    between = np.zeros(x0.shape, dtype=bool)
    for name in ("root_low", "root_high"):
        root = numbers[name]
        with np.errstate(invalid="ignore"):
            same = root * x0 > 0
            ahead = np.where(outward, np.abs(root) > np.abs(x0), np.abs(root) < np.abs(x0))
        between |= same & ahead
    away = np.where(x0 > 0, escape(numbers, 1, floor), escape(numbers, -1, floor))
    zero, root_code, doubtful = (np.uint8(FATES.index(word)) for word in ("zero", "root", "doubtful"))
    fate = np.where(between, root_code, np.where(outward, away, zero))
    fate = np.where(np.abs(p) <= _ROUNDING * size, doubtful, fate)
    result: UInt8[np.ndarray, "*start channel"] = np.where(x0 == 0, zero, fate).astype(np.uint8)
    return result


def probes(numbers: Numbers, sign: int) -> Float64[np.ndarray, "3 channel"]:
    """One start in each interval of the half line between equilibria; NaN where there are fewer."""
    roots = np.stack([numbers["root_low"], numbers["root_high"]]) * sign
    roots = np.sort(np.where(roots > 0, roots, np.nan), axis=0)
    first, second = roots
    inner = np.where(np.isnan(first), 1.0, first / 2)
    middle = np.where(np.isnan(second), 2 * first, (first + second) / 2)
    return sign * np.stack([inner, middle, 2 * second])


def summarise(numbers: Numbers, sign: int, floor: float, names: tuple[str, ...]) -> Labels:
    """The fate of token 1 of one sign if every size shares it, else "by size"."""
    starts = probes(numbers, sign)
    fates = fate_of(starts, numbers, floor)
    missing = np.isnan(starts)
    same = ((fates == fates[0]) | missing).all(axis=0)
    word = {"zero": "convergent", "doubtful": "not predicted"}
    rows = [(same & (fates[0] == code), word.get(name, name)) for code, name in enumerate(FATES)]
    return choose(names, rows, "by size")


def describe(numbers: Numbers, channel: int, floor: float) -> str:
    """The phase line of one channel in words: equilibria between brackets, fates between them."""
    one = {key: numbers[key][channel : channel + 1] for key in ("mu", "nu", "lambda", "s", "root_low", "root_high")}
    pieces: list[str] = []
    for sign in (-1, 1):
        starts = probes(one, sign)[:, 0]
        starts = starts[~np.isnan(starts)]
        fates = [FATES[code] for code in fate_of(starts[:, None], one, floor)[:, 0]]
        roots = sorted((r for k in ("root_low", "root_high") if (r := float(one[k][0])) * sign > 0), key=abs)
        half = [fates[0]]
        for root, fate in zip(roots, fates[1:], strict=True):
            half += [f"[{root:.4g}]", fate]
        pieces += half[::-1] if sign < 0 else ["[0]", *half]
    return " ".join(pieces)
