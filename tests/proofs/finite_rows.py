"""Planted observations on either side of every number in a finite form: what `test_finite_numbers` judges.

One long file: a table, at least one row for each number of each theorem.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from s6flow.proofs.registry import get, group
from s6flow.symbolic.ends import End

__all__ = ["ROWS", "STRUCTURAL", "TOLERANCE", "Row", "named"]

Letters = dict[str, Any]
#: Just inside and just outside of a number.
IN, OUT = 0.99, 1.01
#: The name of the field that allows for rounding, where the finite form is an equation.
TOLERANCE = "tolerance"
#: Letters of most rows: one state, one channel, and a step of one at every token (the floor, softplus(-800) = 0).
PLAIN: Letters = {"mu": 1.0, "a": 1.0, "s": 1.0, "b": -800.0, "floor": 1.0}
#: Theorems that take their finite form over from another one.
TAKEN_OVER = {"carried-order": "fast-order"}


@dataclass(frozen=True)
class Row:
    """Two observations that differ by which side of one number they lie on.

    Args:
        key: theorem id.
        name: of the number, in the module of the theorem.
        holds, fails: letters and observables; a list runs over the axis of its letter, a number stands on all of it.
    """

    key: str
    name: str
    holds: Letters
    fails: Letters


def named(key: str) -> dict[str, sp.Expr]:
    """The numbers that a theorem's module names, and the tolerance of an equation."""
    theorem = get(TAKEN_OVER.get(key, key))
    module = importlib.import_module(f"s6flow.proofs.theorems.{group(theorem)}.{theorem.id.replace('-', '_')}")
    found = {name: sp.sympify(value) for name, value in vars(module).items() if name.isupper() and _is_number(value)}
    equation = isinstance(theorem.finite, sp.Implies) and isinstance(theorem.finite.args[1], sp.Eq)
    return found | ({TOLERANCE: sp.Float(theorem.tolerance)} if equation and theorem.tolerance else {})


def _is_number(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, sp.Expr) and value.is_number)


class _Table:
    """Rows of one theorem, with the letters that they share."""

    def __init__(self, key: str, **base: Any) -> None:
        self.key, self.base = key, PLAIN | base
        self.number = {name: float(value) for name, value in named(key).items()}

    def row(self, name: str, holds: Letters, fails: Letters, **shared: Any) -> Row:
        return Row(self.key, name, self.base | shared | holds, self.base | shared | fails)

    def within(self, name: str, letter: str, place: Any, **shared: Any) -> Iterator[Row]:
        """`place(e)` is where the letter lies at the signed distance e from the value that the number allows for."""
        c = self.number[name]
        for side in (1, -1):
            holds, fails = ({letter: place(side * share * c)} for share in (IN, OUT))
            yield self.row(name, holds, fails, **shared)

    def below(self, name: str, letter: str, place: Any, **shared: Any) -> Row:
        """It holds where the letter, `place` of a value, lies nearer to zero than the number."""
        c = self.number[name]
        return self.row(name, {letter: place(IN * c)}, {letter: place(OUT * c)}, **shared)

    def above(self, name: str, letter: str, place: Any, **shared: Any) -> Row:
        """It holds where the letter lies farther from zero than the number."""
        c = self.number[name]
        return self.row(name, {letter: place(OUT * c)}, {letter: place(IN * c)}, **shared)


def same(value: float) -> float:
    return value


def first(value: float) -> list[float]:
    """Of the only token or channel."""
    return [value]


def second(value: float) -> list[float]:
    """Of token 2, behind a token 1 of which nothing is said."""
    return [0.0, value]


def layers() -> Iterator[Row]:
    t = _Table("euler-consistency", error_h=0.01, error_half=0.005)
    yield t.above("SMALL", "error_h", same, error_half=0.018)
    yield from t.within("NEXT_ORDER", "error_half", lambda e: 0.01 * (0.5 + e))


def flows() -> Iterator[Row]:
    t = _Table("sign-invariance")
    yield t.below("NEGLIGIBLE", "x_t", lambda x: [-x], x0=[1.0])
    yield from t.within("MOVED", "x_t", first, x0=[0.0])


def convergence() -> Iterator[Row]:
    t = _Table("attention-decay", mu=-0.5, decay=1.0, gap=[800.0], gap_m=800.0, m=1.0, x0=[1.0], x_m=1.0)
    yield from t.within("NEXT_TERM", "t_P", lambda e: [-0.5 * (1 + e)])
    t = _Table("convergence-constants", mu=-0.5, decay=1.0, gap=[800.0], x0=[1.0], u_t=[0.0])  # the constant is one
    yield from t.within("NEXT_TERM", "log_t", same)


def divergence() -> Iterator[Row]:
    t = _Table("slow-attention", ratio=[1.0, 1.0], m=1.0)
    iterated, rest, log_t = t.number["ITERATED"], t.number["REST"], math.exp(5.0)
    for side in (1, -1):
        off = {share: side * (share * 5.0 * iterated + rest) / log_t - log_t - 5.0 for share in (IN, OUT)}
        yield t.row("ITERATED", {"log_P": second(off[IN])}, {"log_P": second(off[OUT])}, log_t=log_t)
    yield from t.within("REST", "log_P", lambda e: second(e - 1.0), log_t=1.0)
    t = _Table("slow-first-token", b=0.0, log_t=1.0)
    rest = t.number["REST"]
    yield t.below("REST", "u_t", lambda e: [math.log(1.0 + e)])
    yield t.below("SHIFT", "u_t", lambda e: [math.log(11.0 + 10.0 * e + rest)], b=10.0)
    far = math.e + 3.0
    yield t.below("ITERATED", "u_t", lambda e: [math.log(far + (e + rest) / math.e)], log_t=math.e)
    t = _Table("slow-log-rate", x0=[-1.0], t=1.0, u_s=[0.0], u_t=[0.0], x_t=[0.0], b=0.0)
    yield t.above("EARLY", "log_t", same)
    yield t.below("LATE", "log_t", same, u_t=[2.0])
    yield t.below("DOUBLED", "u_t", first, log_t=150.0)
    t = _Table("slow-ratios", ratio_before=[1.0, 2.0])
    yield from t.within("STILL_MOVES", "ratio", lambda e: [1.0, 2.0 * (1 + e)])


def blow_ups() -> Iterator[Row]:
    t = _Table("blow-up-profile", mu=1 / 3, x0=[1.0], blow_token=1.0, u_t=[0.0])
    yield from t.within(TOLERANCE, "log_remaining", same)
    t = _Table("blow-up-profile-flat", mu=0.5, u_t=[0.0])
    yield from t.within(TOLERANCE, "log_remaining", same)
    t = _Table("fast-blow-up-time", m=1.0, T_first=1.0)
    yield from t.within(TOLERANCE, "T_prefix", lambda e: 1.0 + 2.0 * e)  # an error is relative to both sides
    t = _Table("blow-up-ratio")
    yield from t.within("STILL_MOVES", "slope_of", lambda e: second(1.0 + e))
    for key in ("fast-order", "carried-order"):
        t = _Table(key, x0=[1.0, 1.0], blow_token=2.0, u_s=[0.0, 0.0])
        yield t.below("STILL_GROWS", "u_t", lambda e: [e, 1.0])
    # K(0) = 1/e: the bound from below is 0.87
    t = _Table("follower-threshold", threshold=1.0, x_first=1.1, ratio_near=1.0, T=1.0, T_first=1.0, ratio=[1.0, 1.0])
    yield t.below("NEAR", "x_second", lambda e: 1.0 - e)
    yield t.below("NEAR", "x_second", lambda e: 1.0 + e)
    yield from t.within("ON_IT", "ratio_near", lambda e: 1.0 + e, x_second=1.0)
    yield t.below("INTEGRATED", "T", lambda e: 1.0 - e, x_second=0.5, ratio=[1.0, 0.0])
    yield t.below("GONE", "ratio", second, x_second=0.5)
    yield t.above("SOONER", "T", lambda e: 1.0 - e, x_second=1.05)
    t = _Table("iterated-log", x0=[1.0, 1.0], blow_token=1.0, weight=[1.0, 1.0], u_s=[0.0, 0.0])
    yield t.below("BELOW", "log_remaining", same, gate_slope=second(2.0))
    yield from t.within("STILL_MOVES", "gate_slope", lambda e: second(1.0 + e), log_remaining=-100.0)


def ends() -> Iterator[Row]:
    """A code is no threshold, but it turns a run into a word as well."""
    t = _Table("dichotomy", x0=[1.0], mu=1.0, fast_tokens=0.0)
    for mu, fast, end in ((-1.0, 0.0, End.CONVERGENT), (1.0, 0.0, End.SLOW), (1.0, 1.0, End.FAST)):
        for other in set(End) - {end}:
            yield t.row(end.name, {"fate": [end]}, {"fate": [other]}, mu=mu, fast_tokens=fast)
    t = _Table("state-slow-divergence")
    for other in set(End) - {End.SLOW}:
        yield t.row(End.SLOW.name, {"fate": [End.SLOW]}, {"fate": [other]})


def mixed() -> Iterator[Row]:
    t = _Table("carried-root-attracts", low=1.0, high=2.0, u_t=[0.0, math.log(1.5)])
    yield t.below("NEAR_ROOT", "a", lambda e: -math.log(e))  # K = e^-a
    yield t.above("NARROW", "high", same)
    t = _Table("coexistence", x_second=1.0, u_t=[0.0, -50.0], slope_of=[0.0, 0.0])
    yield t.below("SMALL", "u_s", second)
    yield from t.within("STILL_MOVES", "slope_of", lambda e: second(math.exp(-1) + e), u_s=second(-30.0))
    t = _Table("mixed-blow-up")
    yield t.below("HORIZON", "log_T", same)
    t = _Table(
        "state-convergence", mu=-0.5, kappa=[0.0], kappa_gap=[1.0], log_t=0.0, log_step=1.0, u_t=[0.0], u_s=[0.0]
    )
    yield t.below("NOT_CRITICAL", "kappa_gap", first, log_t=1.0)
    yield t.below("NOT_CRITICAL", "kappa_gap", first, kappa=[2.0])
    yield from t.within("NEXT_TERM", "log_t", same)
    yield from t.within("CHANGE", "u_t", lambda e: [e - 1.0], kappa=[2.0])


def phase_lines() -> Iterator[Row]:
    """Three states, one for each coefficient of p: a root at one, and a little of p beside it."""
    t = _Table("affine-phase-line", x_s=[1.0])
    seen = t.number["SEEN"]

    def p(square: float, linear: float, constant: float) -> Letters:
        rows = {"S_B": [1.0, 1.0, 0.0], "S_C": [square, 0.0, 0.0]}
        return rows | {"beta_B": [0.0, 0.0, 1.0], "beta_C": [0.0, linear, constant]}

    def below_zero(share: float) -> float:
        """1 + it is the coefficient of a term of p(1) = -share * seen * (sum of the sizes)."""
        return 2 * share * seen / (1 - share * seen)

    for one, other in ((0, 1), (1, 2), (0, 2)):
        coefficients = {share: [0.0, 0.0, 0.0] for share in (IN, OUT)}
        for share, row in coefficients.items():
            row[one], row[other] = 1.0, -1.0 - below_zero(share)
        yield t.row("SEEN", p(*coefficients[IN]), p(*coefficients[OUT]), x_t=[1.5])
    yield t.below("SEEN", "x_t", lambda e: [1.0 - e], **p(0.0, 0.0, 1.0))

    def passed(share: float, power: int) -> Letters:
        """p(x) = 1 + e - x^power, e = 0.01: a token that began at one has passed its root by so much that p p is at the bound."""
        e, bound = 0.01, share * seen * 2.01
        return {"x_t": [((1 + e) * (e + bound) / (e - bound)) ** (1 / power)]}

    for power in (1, 2):
        line = p(0.0, -1.0, 1.01) if power == 1 else p(-1.0, 0.0, 1.01)
        yield t.row("SEEN", passed(IN, power), passed(OUT, power), **line)


def vectors() -> Iterator[Row]:
    t = _Table("axis-at-infinity", own_pull=1.0, lead=1.0, own_0=1.0, own_t=2.0, excess_0=0.0, excess_t=0.0, own_gain=0.0,
               own_form=1 / 3, log_T=1e31, log_own_t=0.0, log_remaining=0.0)  # fmt: skip
    yield t.below("ROUNDING", "excess_t", same)
    yield t.below("ROUNDING", "excess_t", same, own_pull=-1.0)
    yield t.below("ROUNDING", "own_gain", lambda e: -e)
    yield t.above("NEVER", "log_T", same, own_pull=-1.0)
    yield t.below("FAR", "own_t", same, log_remaining=10.0)
    yield from t.within("NEXT_TERM", "log_remaining", same, own_t=1e31)
    t = _Table("cone-attracts", form_t=0.0, norm_0=2.0, norm_t=1.0)
    yield from t.within("NEAR_CONE", "form_t", same)
    yield t.above("LEFT", "norm_t", lambda e: 2.0 * e)
    t = _Table("orbit-sum", entry_0=[1.0], entry_t=[1.0], step_zero=[1.0], log_entry_s=[0.0], log_entry_t=[0.5], along=0.5,
               first_zero=5.0, form_0=1.0, zero_count=1.0, coefficient_changes=1.0, norm_gain=0.0)  # fmt: skip
    yield from t.within("SLACK", "log_entry_t", lambda e: [0.5 + e])
    yield t.below("SLACK", "first_zero", lambda e: 0.5 - e)
    yield t.above("NEAR", "first_zero", same)
    yield t.below("STILL_MOVES", "first_zero", lambda e: 0.5 + e)
    for form in (1.0, -1.0):
        yield t.below("NEVER", "first_zero", lambda e, form=form: form * e, form_0=form)
    yield t.above("GROWN", "norm_gain", same, first_zero=1e31)
    yield t.above("SHRUNK", "norm_gain", lambda e: -e, first_zero=-1e31, form_0=-1.0)
    t = _Table("orbit-trichotomy", form_0=1.0, form_norm=2.0, form_t=0.0, entry_s=[2.0], entry_t=[2.0])
    for form in (1.0, -1.0):
        yield t.below("ROUNDING", "form_t", lambda e, form=form: -2.0 * form * e, form_0=form)
        yield t.below("ROUNDING", "entry_t", lambda e, form=form: [2.0 - 2.0 * form * e], form_0=form)
    t = _Table("radial", cosine=1.0, form_0=1.0, norm_s=2.0, norm_t=2.0)
    yield t.below("ROUNDING", "cosine", lambda e: 1.0 - e)
    for form in (1.0, -1.0):
        yield t.below("ROUNDING", "norm_t", lambda e, form=form: 2.0 - 2.0 * form * e, form_0=form)
    t = _Table("slowest-channel", norm_0=1.0, norm_s=1.0, norm_t=1e-8, own_form=-0.5, own_step=1.0, log_t=0.0, log_own_t=0.0,
               entry_0=[1.0], log_entry_s=[0.0], log_entry_t=[-0.5], log_step=1.0, step_zero=[1.0])  # fmt: skip
    yield t.above("DIED", "norm_t", same, own_form=1.0)
    yield t.above("HALVES", "norm_t", lambda e: 1e-8 * e, norm_s=1e-8, own_form=1.0)
    yield t.above("VANISHED", "norm_t", same, norm_s=1e-30, own_form=1.0)
    yield from t.within("NEXT_TERM", "log_t", same)
    yield from t.within("NEXT_TERM", "log_entry_t", lambda e: [e - 0.5])


def normalised() -> Iterator[Row]:
    t = _Table("prenorm-eps", mu=-0.5, radius=1.0, ball=1.0, x0=[1.0], t=1.0, log_t=46.0)  # the constant is one
    yield t.below("LATE", "log_t", same, x_t=[0.1])
    yield from t.within("NEXT_TERM", "x_t", lambda e: [1e-10 * math.sqrt(1 + e)], t=1e20)
    t = _Table("sphere-converges", mean_s=2.0)
    for form in (1.0, -1.0):
        yield t.below("ROUNDING", "mean_t", lambda e, form=form: 2.0 - 2.0 * form * e, form_0=form)
    t = _Table("sphere-cycle", product_s=1.0, product_t=1.0)
    yield t.above("SWING", "swing_t", same)
    t = _Table("sphere-sinks", entry_0=[1.0], sink_of=[-2.0])
    yield from t.within("STILL_MOVES", "sink_slope", lambda e: [-2.0 * (1 + e)])


TABLES = (layers, flows, convergence, divergence, blow_ups, ends, mixed, phase_lines, vectors, normalised)
ROWS = tuple(row for table in TABLES for row in table())

_TOKEN, _LAW, _CODE = "number of a token", "factor or power of the law", "code of an end"
_HALF = sp.Rational(1, 2)
#: Numbers in finite forms that turn no run into a word, but for -1, 0 and 1 (signs, inverses, zero tokens, token 1, limits of ratios).
STRUCTURAL: dict[str, dict[sp.Expr | int, str]] = {
    "euler-consistency": {_HALF: "half a step, half an error"},
    "attention-decay": {2: _LAW, -_HALF: _LAW},
    "convergence-constants": {2: _LAW, _HALF: _LAW},
    "slow-attention": {2: _TOKEN},
    "slow-first-token": {3: _LAW, -2: _LAW},
    "slow-log-rate": {2: _LAW},
    "slow-ratios": {2: _TOKEN},
    "blow-up-profile": {3: _LAW},
    "blow-up-profile-flat": {2: _LAW},
    "blow-up-ratio": {2: _TOKEN},
    "follower-threshold": {2: _TOKEN, _HALF: _LAW},
    "iterated-log": {3: _LAW},
    "dichotomy": {2: _CODE, 3: _CODE},
    "carried-root-attracts": {2: _TOKEN},
    "coexistence": {2: _TOKEN},
    "state-convergence": {2: _LAW, _HALF: _LAW},
    "state-slow-divergence": {2: _CODE},
    "affine-phase-line": {2: _LAW},
    "depth-contraction": {2: _LAW},
    "axis-at-infinity": {3: _LAW, sp.Rational(1, 3): _LAW},
    "slowest-channel": {2: _LAW},
    "prenorm-eps": dict.fromkeys((2, 3, -2, -3, -_HALF, -3 * _HALF), _LAW),
}
