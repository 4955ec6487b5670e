"""The adaptive step control as expressions: what every integrator decides in the same way, whatever its layout.

A step of length h in the independent variable is accepted or not by the norm of its estimated error; the factor of the
next step follows from it. On a CPU targets are landed on by safeguarded Newton. A system rests that moves nothing over
a stretch of theta = ln(1 + t/t0); it is stiff when steps stay short although nothing changes. Letters that are no
argument of a rule are constants, with their values and reasons in `numeric.flow.step_control`. `codegen.scalars` prints
the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.rewrite import stable_softplus

__all__ = ["EMBEDDED", "HAIRER", "NORMS", "RULES", "Rule", "norm_rule"]


def _letters(names: str) -> list[sp.Symbol]:
    return list(sp.symbols(names, extended_real=True))


h, error, log_rate, rtol, atol = _letters("h error log_rate rtol atol")
E, E3, E5 = sp.symbols("E E3 E5", nonnegative=True)
finite, good, rejected, due, still, finished, exploded, rested, lost, tired = sp.symbols(
    "finite good rejected due still finished exploded rested lost tired"
)
safety, exponent, least_error, smallest_factor, largest_factor, longest_step, shortest_step = _letters(
    "safety exponent least_error smallest_factor largest_factor longest_step shortest_step"
)
log_tiny, least_power, least_share, resting_clock, resting_steps, resting_move, extinct, stiff_step = _letters(
    "log_tiny least_power least_share resting_clock resting_steps resting_move extinct stiff_step"
)
tiny, eps, close, infinity = _letters("tiny eps close infinity")

#: Norm of the local error over the tolerated one, of a pair with one estimate.
EMBEDDED = h * E
_size = nt.hypot(E5, E3 / 10)
#: The same of Dormand's and Prince's 8(5,3) pair. Its estimate, of eighth order like the method, vanishes by accident
#: where the fifth-order one changes its sign: one step in ten thousand passes with an error of 1e4 times the tolerated
#: one. So it counts no less than a share of the square of the third-order estimate, which is of eighth order too.
HAIRER = sp.Max(
    h * sp.Piecewise((E5**2 / _size, _size > 0), (_size, True)),
    sp.Mul(least_share, rtol, sp.Pow(h * E3, 2, evaluate=False), evaluate=False),
)

#: The norms by name, as the tables of the pairs ask for them.
NORMS: dict[str, sp.Expr] = {"embedded": EMBEDDED, "hairer": HAIRER}


@dataclass(frozen=True)
class Rule:
    """One decision: a function of numbers, or of arrays entry by entry.

    Args:
        arguments: their names, in order.
        outputs: name -> expression, in returning order.
        meaning: one line.
    """

    arguments: str
    outputs: dict[str, sp.Basic]
    meaning: str

    def program(self, name: str) -> Program:
        """The rule in the IR; its constants are inputs behind the arguments."""
        arguments = tuple(self.arguments.split())
        return stable_softplus(lower_program(name, self.outputs, "step_control", self.meaning, arguments))


def norm_rule(norm: sp.Expr) -> Rule:
    """The norm of a pair's local error, as a function of its estimates over the relative tolerance."""
    estimates = [letter.name for letter in (E, E5, E3) if norm.has(letter)]
    arguments = ["h", *estimates, *(["rtol"] if norm.has(rtol) else [])]
    return Rule(" ".join(arguments), {"error": norm}, "Local error over the tolerated one")


_raw = sp.Piecewise((safety * sp.Max(error, least_error) ** exponent, finite), (smallest_factor, True))
_most = sp.Piecewise((1, sp.Or(rejected, sp.Not(good))), (largest_factor, True))

speed, speed_before, log_rate_before, move = _letters("speed speed_before log_rate_before move")
_growth = sp.log(speed) + log_rate
_power = (_growth - sp.log(speed_before) - log_rate_before) / move

theta, start, rise, left, right, share = _letters("theta start rise left right share")

gap, aim, closing, length, low, high = _letters("gap aim closing length low high")
_newton = length + closing
new, anchor, size, was, tolerance, largest, old = _letters("new anchor size was tolerance largest old")
anchor_theta, resting, short, remaining, log_t, log_t0 = _letters("anchor_theta resting short remaining log_t log_t0")
_waited = sp.Piecewise((resting + 1, good), (resting, True))
running, horizon, blow_up, overflow, underflow, step_limit = _letters(
    "running horizon blow_up overflow underflow step_limit"
)

RULES: dict[str, Rule] = {
    "is_finite": Rule(
        "error log_rate",
        {"finite": sp.And(error < infinity, -infinity < log_rate, log_rate < infinity)},
        "Whether a trial step can be judged: a trial stage may overflow, and NaN compares as false",
    ),
    "is_good": Rule("error finite", {"good": sp.And(finite, error <= 1)}, "Whether a trial step is accepted"),
    "step_factor": Rule(
        "error finite good rejected",
        {"factor": sp.Max(sp.Min(_raw, _most), smallest_factor)},
        "Factor of the next step; none grows behind a rejected one",
    ),
    "grown": Rule("h factor", {"step": sp.Min(h * sp.Symbol("factor", real=True), longest_step)}, "The next step"),
    "is_lost": Rule(
        "good step log_rate",
        {"lost": sp.Or(sp.Symbol("step", real=True) < shortest_step, sp.And(good, log_rate < log_tiny))},
        "Whether the step, or the rate of the clock, leaves the range of the arithmetic",
    ),
    "log_remaining": Rule(
        "speed speed_before log_rate log_rate_before move",
        {"remaining": sp.Piecewise((-_growth - sp.log(_power), _power > least_power), (-infinity, True))},
        "ln of the time left, 1 / (p F), F ~ |x|^p the rate of the fastest token, p measured on the step; or -inf",
    ),
    "hermite": Rule(
        "start rise left right share",
        {"value": start + share * (left + share * (3 * rise - 2 * left - right + share * (left + right - 2 * rise)))},
        "The cubic through both ends of a step, from its rise and the slopes times the step",
    ),
    "closing": Rule("gap speed", {"closing": gap / sp.Max(speed, tiny)}, "Newton's move to the target"),
    "is_exact": Rule("gap aim", {"exact": sp.Abs(gap) <= 4 * eps * sp.Abs(aim)}, "Whether theta is the target"),
    "is_close": Rule("closing", {"close": sp.Abs(closing) <= close}, "Whether a first-order move closes the gap"),
    "next_length": Rule(
        "length closing low high",
        {"length": sp.Piecewise((_newton, sp.And(_newton > low, _newton < high)), ((low + high) / 2, True))},
        "Newton's length inside the brackets, else their middle",
    ),
    "is_gone": Rule(
        "size was extinct",
        {"gone": sp.And(size < extinct, size <= was)},
        "Whether a token acts on nothing, and still shrinks",
    ),
    "is_still": Rule(
        "move tolerance", {"still": move <= resting_move * tolerance}, "Whether a stretch moved nothing that counts"
    ),
    "is_due": Rule(
        "good theta anchor_theta",
        {"due": sp.And(good, theta - anchor_theta >= resting_clock)},
        "Whether a stretch of theta has ended, at whose end it is seen whether the system rests",
    ),
    "rest": Rule(
        "good due still resting",
        {
            "rested": sp.And(due, still, _waited >= resting_steps),
            "resting": sp.Piecewise((0, due), (_waited, True)),
        },
        "Whether a system rests, and the accepted steps in the stretch",
    ),
    "short_steps": Rule(
        "good h short",
        {
            "short": sp.Piecewise(
                (short + 1, sp.And(good, h < stiff_step)),
                (0, sp.And(good, short >= 0)),
                (short + 1, short < 0),
                (short, True),
            )
        },
        "Accepted steps in a row that were short; counted from below 0 while the explicit method has its chance",
    ),
    "ending": Rule(
        "finished exploded remaining rested lost tired",
        {
            "status": sp.Piecewise(
                (horizon, finished),
                (blow_up, sp.And(exploded, remaining > -infinity)),
                (overflow, exploded),
                (horizon, rested),
                (underflow, lost),
                (step_limit, tired),
                (running, True),
            )
        },
        "How a system ended, or that it runs on: what comes first counts",
    ),
    "relative_tolerance": Rule(
        "old new rtol",
        {"tolerance": rtol * sp.Max(1, sp.Max(sp.Abs(old), sp.Abs(new)) / 1000)},
        "Tolerated error of ln|x|: ln|x| is the unit, until it is so low that x acts on nothing",
    ),
    "absolute_tolerance": Rule(
        "size largest rtol atol tiny",
        {"tolerance": sp.Max(rtol * size + atol * largest, tiny)},
        "Tolerated error of a state whose size, and its system's largest, are at most 1",
    ),
    "theta_of": Rule("log_t log_t0", {"theta": nt.softplus(log_t - log_t0)}, "theta = ln(1 + t / t0)"),
}
