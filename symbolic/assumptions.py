"""The vocabulary of assumptions: each a relation in notation letters, used three ways.

The relation typesets the statement, is lowered to a predicate that tests data, and tells the constructive
strategies what to build. Theorems name entries by key, so that one assumption has one spelling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from s6flow.errors import TheoremError
from s6flow.symbolic import criteria as cr
from s6flow.symbolic import forms as fm
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program

__all__ = ["ASSUMPTIONS", "Assumption", "assumption", "predicate"]

l, n = nt.l, nt.n


@dataclass(frozen=True)
class Assumption:
    """One assumption.

    Args:
        key: permanent kebab-case name.
        relation: what must hold, for every value of the index letters that occur.
        words: the same in words.
        tested: what is asked of data where rounding would break an equation; the relation itself by default.
    """

    key: str
    relation: sp.Basic
    words: str
    tested: sp.Basic | None = None

    @property
    def latex(self) -> str:
        """The relation in the letters of theory.md."""
        return ob.conclusion_latex(self.relation)

    @property
    def letters(self) -> frozenset[str]:
        """Names of the arrays and numbers that the relation speaks of."""
        return letters_of(self.relation)


def letters_of(expression: sp.Basic) -> frozenset[str]:
    """Names of arrays and numbers in an expression; index letters and axis lengths are not among them."""
    indexed = expression.atoms(sp.Indexed)
    bases = {str(term.base.label) for term in indexed}
    hidden = set(nt.AXIS_OF_INDEX) | set(nt.axis_ranges().values())
    labels = {term.base.label for term in indexed}
    free = {s.name for s in expression.free_symbols if isinstance(s, sp.Symbol) and s not in hidden | labels}
    return frozenset(bases | free - {b for b in bases if sp.Symbol(b) in labels})


def _first(condition: sp.Basic) -> sp.Basic:
    return sp.Implies(sp.Eq(l, 1, evaluate=False), condition)


_product = nt.s * nt.x0[l]
_zero = sp.Eq(nt.x0[l], 0)
_u = sp.Sum(nt.S_C[n, nt.e] * nt.x[l, nt.e], (nt.e, 1, nt.D))
_v = sp.Sum(nt.S_B[n, nt.e] * nt.x[l, nt.e], (nt.e, 1, nt.D))
_form = sp.Sum(_u * _v, (n, 1, nt.N))
_form_size = sp.Sum(sp.Abs(_u) * sp.Abs(_v), (n, 1, nt.N))
_square = sp.Sum(nt.x[l, nt.e] ** 2, (nt.e, 1, nt.D))
_sizes = sp.Sum(sp.Abs(nt.mu[n]), (n, 1, nt.N))
_spread = sp.Sum(sp.Abs(nt.a[n] - ob.decay), (n, 1, nt.N))
_zero_step, _second_step = cr.delta(sp.Integer(0)), cr.delta(ob.x_second)
_least, _most = sp.Min(_zero_step, _second_step), sp.Max(_zero_step, _second_step)
#: mu K at any step between Delta(0) and that of token 2, at most.
_held = sp.Sum(
    sp.Max(nt.mu[n], 0) * sp.exp(-nt.a[n] * _least) + sp.Min(nt.mu[n], 0) * sp.exp(-nt.a[n] * _most), (n, 1, nt.N)
)
_first_write = ob.x_first**2 * cr.delta(ob.x_first)
_ROWS: tuple[tuple[Any, ...], ...] = (
    ("one-decay", sp.Eq(nt.a[n], ob.decay), "all states share one decay rate a"),
    ("states-nonpositive", nt.mu[n] <= 0, "every mu_n is nonpositive"),
    ("states-nonnegative", nt.mu[n] >= 0, "every mu_n is nonnegative"),
    ("states-zero", sp.Eq(nt.mu[n], 0), "every mu_n is zero"),
    ("mu-negative", cr.mu_total < 0, "mu = sum mu_n is negative"),
    ("mu-positive", cr.mu_total > 0, "mu = sum mu_n is positive"),
    ("mu-nonzero", sp.Ne(cr.mu_total, 0), "mu = sum mu_n is not zero"),
    ("tokens-nonzero", sp.Ne(nt.x0[l], 0), "no token starts at zero"),
    ("first-token-nonzero", _first(sp.Ne(nt.x0[l], 0)), "token 1 does not start at zero"),
    ("slow-starts", sp.Or(_zero, _product < 0), "s x_l(0) < 0 for every nonzero token"),
    ("first-token-fast", _first(_product > 0), "s x_1(0) > 0"),
    ("first-token-slow", _first(_product < 0), "s x_1(0) < 0"),
    ("first-token-not-slow", _first(_product >= 0), "s x_1(0) >= 0"),
    ("later-tokens-slow", sp.Or(sp.Eq(l, 1, evaluate=False), _product < 0), "s x_l(0) < 0 for l >= 2"),
    ("s-zero", sp.Eq(nt.s, 0), "the step does not depend on the token, s = 0"),
    ("s-nonzero", sp.Ne(nt.s, 0), "s is not zero"),
    ("no-floor", sp.Eq(nt.floor, 0), "the step has no floor"),
    ("floor-positive", nt.floor > 0, "the step has a positive floor"),
    ("no-read-bias", sp.Eq(nt.beta_C[n], 0), "the projection to C has no bias"),
    ("one-sign-or-decay", sp.And(sp.Ne(cr.mu_total, 0), sp.Or(sp.Eq(_sizes, sp.Abs(cr.mu_total)), sp.Eq(_spread, 0))),
     "mu is not zero, and all mu_n have one sign or all states share one decay rate a"),
    ("one-token", sp.Eq(nt.L, 1), "there is one token"),
    ("two-tokens", sp.Eq(nt.L, 2), "there are two tokens"),
    ("second-token-fast", nt.s * ob.x_second > 0, "s x_2(0) > 0"),
    ("second-token-held", sp.And(sp.Ne(ob.x_second, 0), sp.Lt(_held * _first_write + cr.mu_total * ob.x_second**2 * _most, 0)),
     "token 2 is held: x_2(0) is not zero, and a bound of its growth rate over all steps between Delta(0) and its own is negative"),
    ("second-token-between", sp.And(
        ob.low * ob.x_second > 0, sp.Abs(ob.low) <= sp.Abs(ob.x_second), ob.high * ob.x_second > 0, sp.Abs(ob.x_second) <= sp.Abs(ob.high)),
     "x_2(0) lies between p and u, which have its sign"),
    ("carried-below", sp.Ge(cr.carried(ob.low), 0), "K(p) >= 0"),
    ("held-above", sp.Le(cr.carried(ob.high) * cr.own_rate(ob.x_first) + cr.own_rate(ob.high), 0),
     "a second token at u would not grow at the start"),
    ("some-token-not-slow", sp.Ge(ob.fast_tokens, 1), "some nonzero token has s x_l(0) >= 0"),
    ("form-hyperbolic", sp.And(sp.Eq(ob.form_gap, 0), ob.delta_first < ob.delta_second, sp.Eq(nt.S_dt_in[nt.r, nt.e], 0)),
     "S_C^T S_B = diag(1, -1), constant steps, the first channel's being smaller"),
    ("on-cone", sp.Eq(_form, 0, evaluate=False), "every token lies on the cone", sp.Le(sp.Abs(_form), sp.Rational(1, 10**10) * _form_size)),
    ("off-axes", _first(sp.Ne(nt.x[l, nt.d], 0)), "every entry of token 1 is nonzero"),
    ("carried-nonnegative", ob.carried_sign >= 0, "mu K >= 0 at every step in reach"),
    ("carried-positive", ob.carried_sign > 0, "mu K > 0 at every step in reach"),
    ("skip-against-mu", sp.And(cr.mu_total < 0, ob.d_skip > 0), "mu < 0 < d"),
    ("same-prefix", sp.Implies(l <= ob.token_m, sp.Eq(ob.x_copy[l], nt.x0[l])), "the first m tokens agree"),
    ("on-axis", sp.Implies(sp.Eq(ob.on_axis[nt.d], 0), sp.Eq(nt.x[l, nt.d], 0)), "every token lies on the axis of one channel"),
    ("no-projection-bias", sp.And(sp.Eq(nt.beta_B[n], 0), sp.Eq(nt.beta_C[n], 0)), "B and C have no bias"),
    ("form-negative", ob.eig_max < 0, "sym(S_C^T S_B) is negative definite"),
    ("form-positive", ob.eig_min > 0, "sym(S_C^T S_B) is positive definite"),
    ("constant-steps", sp.Eq(nt.S_dt_in[nt.r, nt.e], 0), "the steps do not depend on the token, S_Delta = 0"),
    ("equal-steps", sp.And(sp.Eq(nt.S_dt_out[nt.d, nt.r], ob.row[nt.r]), sp.Eq(nt.b_channel[nt.d], ob.bias)),
     "all channels have the same step"),
    ("rows-independent", sp.Eq(ob.row_rank, 2 * nt.N), "the 2N rows of S_B and S_C are linearly independent (so 2N <= D)"),
    ("wider", nt.N < nt.D, "the state size is below the width"),
    ("slowest-unique", ob.step_gap > 0, "one channel c has the smallest step at zero among those with x_d(0) != 0"),
    ("axis-form-positive", ob.own_form > 0, "M_cc > 0 on the channel c"),
    ("axis-leads", ob.lead > 0,
     "the step of channel c takes most from x_c: S_Delta[c, c] sign x_c(0) exceeds the other entries S_Delta[d, c] sign x_c(0), and it "
     "is positive or the step has no floor"),
    ("axis-far", ob.own_0 >= fm.axis_far(), "token 1 starts far out on axis c"),
    ("axis-narrow", ob.excess_0 <= fm.axis_width(), "token 1 starts close to axis c"),
    ("inputs-bounded", sp.Le(sp.Abs(st.v[l]), st.v_max), "no token writes more than V"),
    ("steps-bounded", sp.Le(st.Delta[l], st.delta_max), "no step exceeds the bound of the steps"),
    ("inputs-constant", sp.Eq(st.v[l], st.v_max), "every token writes V"),
    ("steps-constant", sp.Eq(st.Delta[l], st.delta_max), "all steps are equal"),
    ("before-collapse", sp.Gt(nm.axis_law(nt.x0[l], nm.growth_at(nm.axis_token(nt.x0[l]))), 0),
     "the law |x_l(0)| + c F_l t has reached zero for no token"),
    ("cycle-rates", sp.And(
        ob.pull > 0, ob.pull < ob.turn, sp.Lt((2 * ob.turn**2 + ob.pull**2) * (3 * ob.turn**2 + ob.pull**2), 4 * ob.pull**2)),
     "0 < kappa < k, and both are small: (2 k^2 + kappa^2)(3 k^2 + kappa^2) < 4 kappa^2"),
    ("octant", _first(sp.Gt(nt.x[l, nt.d], 0)), "every entry of token 1 is positive"),
    ("unit-start", _first(sp.Eq(_square, 1, evaluate=False)), "token 1 starts on the unit sphere",
     _first(sp.Le(sp.Abs(_square - 1), sp.Rational(1, 10**12)))),
    ("off-centre", sp.Gt(ob.uneven, 0), "the entries of token 1 are not all equal"),
    ("axis-sink", sp.Eq(ob.falling, nt.D - 1), "every other share falls near axis 1"),
    ("axis-near", ob.off_axis < ob.near, "token 1 starts near enough to axis 1"),
    ("channels-bounded", sp.Le(sp.Abs(nt.x[l, nt.d]), st.x_max[nt.d]), "no input of a channel exceeds its range"),
)  # fmt: skip

#: key -> assumption.
ASSUMPTIONS: dict[str, Assumption] = {row[0]: Assumption(*row) for row in _ROWS}


def assumption(key: str) -> Assumption:
    """The entry `key`.

    Raises: TheoremError: listing near keys, if there is none.
    """
    if key not in ASSUMPTIONS:
        import difflib

        near = difflib.get_close_matches(key, ASSUMPTIONS, 3, 0.4) or list(ASSUMPTIONS)
        raise TheoremError("an assumption must be in the vocabulary", key, remedy=f"Near: {', '.join(near)}.")
    return ASSUMPTIONS[key]


@cache
def predicate(key: str) -> Program:
    """The program that says where data satisfy the assumption; its inputs are the relation's letters."""
    entry = assumption(key)
    name = "assume_" + key.replace("-", "_")
    asked = entry.relation if entry.tested is None else entry.tested
    decided = asked.replace(lambda e: isinstance(e, sp.Implies), lambda e: sp.Or(sp.Not(e.args[0]), e.args[1]))
    return lower_program(name, {name: decided}, key, entry.words)
