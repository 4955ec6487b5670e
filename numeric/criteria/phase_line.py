"""The phase line of token 1 on a channel axis: x' = x Delta(x) p(x), p(x) = mu x^2 + nu x + lambda (theory 8b).

Between its equilibria, 0 and the real roots of p, token 1 moves one way, so the fate of every start is exact. Escape
to infinity takes finite time if Delta p grows at least linearly, all depth-time if Delta decays (s x < 0 and no
floor), and is exponential if p is a positive constant and Delta tends to a constant.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8

from s6flow.numeric.criteria.labels import deciding_rows
from s6flow.numeric.thresholds import PHASE_ROUNDING
from s6flow.symbolic.ends import End, word
from s6flow.symbolic.programs.rules import deciding

__all__ = ["describe", "fate_of", "summarise"]

Numbers = dict[str, np.ndarray]


def fate_of(
    x0: Float64[np.ndarray, "*start channel"], numbers: Numbers, floor: float
) -> UInt8[np.ndarray, "*start channel"]:
    """Fate of token 1 from x0, a code of `End` by `end_rules.PHASE_RULES`; a zero token stays zero.

    Args:
        x0: starts, the channel axis last.
        numbers: columns mu, nu, lambda, s, root_low and root_high.
        floor: step floor.
    Numerics: where p(x0) is below rounding the fate is not decided.
    """
    mu, nu, constant = (numbers[key] for key in ("mu", "nu", "lambda"))
    p = (mu * x0 + nu) * x0 + constant
    size = np.abs(mu) * x0**2 + np.abs(nu * x0) + np.abs(constant)
    ahead = np.zeros(x0.shape, dtype=bool)
    for name in ("root_low", "root_high"):
        root = numbers[name]
        with np.errstate(invalid="ignore"):
            same = root * x0 > 0
            ahead |= same & np.where(p > 0, np.abs(root) > np.abs(x0), np.abs(root) < np.abs(x0))
    letters = {
        "x_1": x0,
        "p": p,
        "doubtful": np.abs(p) <= PHASE_ROUNDING * size,
        "ahead": ahead,
        "s": numbers["s"],
        "floor": floor,
        "mu_sum": mu,
        "nu": nu,
    }
    known = np.array([end for end, _ in deciding("phase_rules")])
    result: UInt8[np.ndarray, "*start channel"] = known[deciding_rows("phase_rules", letters)].astype(np.uint8)
    return result


def probes(numbers: Numbers, sign: int) -> Float64[np.ndarray, "3 channel"]:
    """One start in each interval of the half line between equilibria; NaN where there are fewer."""
    roots = np.stack([numbers["root_low"], numbers["root_high"]]) * sign
    roots = np.sort(np.where(roots > 0, roots, np.nan), axis=0)
    first, second = roots
    inner = np.where(np.isnan(first), 1.0, first / 2)
    middle = np.where(np.isnan(second), 2 * first, (first + second) / 2)
    return sign * np.stack([inner, middle, 2 * second])


def summarise(numbers: Numbers, sign: int, floor: float) -> UInt8[np.ndarray, " channel"]:
    """The fate of token 1 of one sign, a code of `End`, if every size shares it, else `End.BY_SIZE`."""
    starts = probes(numbers, sign)
    fates = fate_of(starts, numbers, floor)
    same = ((fates == fates[0]) | np.isnan(starts)).all(axis=0)
    shared: UInt8[np.ndarray, " channel"] = np.where(same, fates[0], np.uint8(End.BY_SIZE))
    return shared


def describe(numbers: Numbers, channel: int, floor: float) -> str:
    """The phase line of one channel in words: equilibria between brackets, fates between them."""
    one = {key: numbers[key][channel : channel + 1] for key in ("mu", "nu", "lambda", "s", "root_low", "root_high")}
    pieces: list[str] = []
    for sign in (-1, 1):
        starts = probes(one, sign)[:, 0]
        starts = starts[~np.isnan(starts)]
        fates = [word(code) for code in fate_of(starts[:, None], one, floor)[:, 0]]
        roots = sorted((r for k in ("root_low", "root_high") if (r := float(one[k][0])) * sign > 0), key=abs)
        half = [fates[0]]
        for root, fate in zip(roots, fates[1:], strict=True):
            half += [f"[{root:.4g}]", fate]
        pieces += half[::-1] if sign < 0 else ["[0]", *half]
    return " ".join(pieces)
