"""A right-hand side of the user's own, x_l' = F(x_l, h, t, p), in coordinates that survive a blow-up.

Tokens meet through one scan: h is the state that earlier tokens left, h_l = gate(x_l, t, p) h_{l-1} + increment(x_l, t, p)
with h_0 = 0. The integrated variable is w with y = unit sinh w, where y is x itself or, in the chart "log", ln x: nothing
overflows before the rate does. Where F or the scan reads t, the time is carried as a component before the tokens, so that
the system is autonomous. What does not fit this form is refused with the rule that it breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from s6flow.errors import AssumptionError, FormatError
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Input, Node, Program, make, topological
from s6flow.symbolic.codegen.lower import lower_expression
from s6flow.symbolic.equation_letters import (
    STATE,
    TIME,
    TOKEN,
    checked,
    is_number,
    of_moderate_size,
    plain_letter,
    printable,
)

__all__ = ["CHARTS", "Equation"]

#: Chart -> what y = unit sinh w is.
CHARTS = {"asinh": "the token x, of any sign", "log": "ln x of a token x > 0"}
_ALONG = ("token",)
#: Its square is infinite.
_HUGE = make("const", attr="1e308")
_NONE = make("const", attr=0)
#: Operations of a part of which limits are not looked for.
_LONG = 60
#: Units at which the squares of sinh w are in range, and |x| = 1e60 is above the unit.
_UNITS = 1e-100, 1e50
#: In the chart "log" a token dies where ln x or the rate of w falls below these: short of what counts as a blow-up.
_LOWEST_LOG, _FASTEST_FALL = make("const", attr="-1e59"), make("const", attr="-1e140")
#: The tokens and what they read, as arrays in the lowered program.
_x, _h = (sp.IndexedBase(name, real=True)[nt.l] for name in (TOKEN, STATE))
#: y of the chart "log": a letter of nobody.
_y = sp.Dummy("y", real=True)


@dataclass(frozen=True)
class Equation:
    """x_l' = rate, elementwise or coupled by one scan along the tokens.

    Args:
        rate: F, in the letters x (the token), h (the state that earlier tokens left), t (depth-time) and parameters. A
            parameter is one number a system; written p[l], with an `IndexedBase`, one number a token.
        scan: what the token leaves, affine in h: h_l = gate h + increment. None where no token reads another.
        chart: "asinh", for tokens of any sign, or "log", for tokens that stay positive: there growth that |x| = 1e60 does
            not decide, such as that of Osgood's x ln(x)^2, is followed to x = exp(1e60).
        unit: size below which x (in the chart "log", ln x) is resolved absolutely and above which relatively; by default
            that of the start, at most 1.
    Raises: FormatError, AssumptionError: naming the rule that the expression breaks.
    Source: theory 8b (asinh coordinates).

    >>> import sympy as sp
    >>> x, h, a = sp.symbols("x h a")
    >>> Equation(x * (x + 2 * h), scan=h + x).letters
    ()
    >>> Equation(x**2 - a * x).letters
    (('a', ()),)
    >>> Equation(x + h, scan=h**2 + x)
    Traceback (most recent call last):
    s6flow.errors.AssumptionError: the scan must be affine in h, h_l = gate h + increment; got h**2 + x at scan.
    """

    rate: sp.Expr
    scan: sp.Expr | None = None
    chart: str = "asinh"
    unit: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.chart, str) or self.chart not in CHARTS:
            raise FormatError("a chart must be one of " + ", ".join(CHARTS), self.chart, "chart")
        if self.unit is not None and not (is_number(self.unit) and _UNITS[0] <= float(self.unit) <= _UNITS[1]):
            raise AssumptionError(f"the unit must be a number in {_UNITS[0]:g}..{_UNITS[1]:g}", self.unit, "unit")
        _ = self._parts

    @cached_property
    def _parts(self) -> dict[str, sp.Expr]:
        """Rate, and gate and increment of the scan, in plain real symbols."""
        rate = checked(self.rate, "rate")
        if self.scan is None:
            if plain_letter(STATE) in rate.free_symbols:
                raise FormatError(
                    "the letter h is the scanned state; the equation has no scan", rate, "rate", "Give scan=..."
                )
            return {"rate": rate}
        scan = checked(self.scan, "scan")
        state = plain_letter(STATE)
        if state not in rate.free_symbols:
            raise FormatError("a scan must be read: the rate needs the letter h", rate, "rate", "Leave the scan out.")
        gate = sp.diff(scan, state)
        if state in gate.free_symbols:  # it may cancel
            gate = printable(sp.simplify(gate))
        if state in gate.free_symbols:
            raise AssumptionError("the scan must be affine in h, h_l = gate h + increment", scan, "scan")
        return {"rate": rate, "gate": gate, "increment": sp.expand(scan).subs(state, 0)}

    @property
    def timed(self) -> bool:
        """Whether the equation reads depth-time."""
        return any(plain_letter(TIME) in part.free_symbols for part in self._parts.values())

    @property
    def _scans_tokens(self) -> bool:
        """Whether what a token leaves hangs on the token or on a letter along the tokens; else it is one number a system."""
        left = self._charted()["gate"].free_symbols | self._charted()["increment"].free_symbols
        return any(letter.name == TOKEN or letter.name.endswith("[l]") for letter in left)

    @cached_property
    def letters(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Parameters in alphabetical order, each with its axes."""
        own = {plain_letter(name) for name in (TOKEN, STATE, TIME)}
        found = {letter.name for part in self._parts.values() for letter in part.free_symbols - own}
        names = {name.removesuffix("[l]"): name for name in sorted(found)}
        if len(names) != len(found):
            raise FormatError("a parameter must have the same axes everywhere", ", ".join(sorted(found)), "rate")
        return tuple((name, _ALONG if full.endswith("[l]") else ()) for name, full in names.items())

    @cached_property
    def denominators(self) -> tuple[sp.Expr, ...]:
        """What F or the scan divides by, in the chart's letters, where it may vanish and F then has no limit.

        A solution ends where one vanishes. An integrator that divides rates by their size does not see that:
        x = (1 - 3t)^(1/3) meets x' = -x^-2 on both sides of 0.
        """
        moving = {plain_letter(name) for name in (TOKEN, STATE, TIME)}
        found = {
            power.base
            for part in self._charted().values()
            for power in part.atoms(sp.Pow)
            if power.exp.is_integer and power.exp.is_negative and power.base.free_symbols & moving
            if not _is_nonzero(power.base) and not _has_limits(part, power.base)
        }
        return tuple(sorted(found, key=sp.default_sort_key))

    @cached_property
    def _inputs(self) -> tuple[Input, ...]:
        sides = [Input(f"side{place}", _ALONG) for place, _ in enumerate(self.denominators)]
        time = [Input("time", ())] if self.timed else []
        letters = [Input(f"letter{place}", axes) for place, (_, axes) in enumerate(self.letters)]
        return (Input("w", _ALONG), Input("unit", _ALONG), *sides, *time, Input("log_scale", ()), *letters)

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        """The rate and every denominator, and the inputs by name."""
        nodes = {inp.name: make("input", attr=(inp.name, inp.axes)) for inp in self._inputs}
        wanted = {plain_letter(TOKEN): _x, plain_letter(STATE): _h, plain_letter(TIME): sp.Symbol("time", real=True)}
        for place, (name, axes) in enumerate(self.letters):
            label = f"letter{place}"
            wanted[plain_letter(f"{name}[l]" if axes else name)] = (
                sp.IndexedBase(label, real=True)[nt.l] if axes else sp.Symbol(label, real=True)
            )
        parts = self._charted() | {f"denominator{place}": part for place, part in enumerate(self.denominators)}
        lowered = {key: lower_expression(part.xreplace(wanted)) for key, part in parts.items()}
        given = {TOKEN: make("mul", nodes["unit"], make("sinh", nodes["w"]))}
        if self.scan is not None:
            gate, increment = (_with(lowered.pop(key), given) for key in ("gate", "increment"))
            if self.timed:  # the time leaves nothing
                gate, increment = (_beside_time(part, _NONE) for part in (gate, increment))
            elif not self._scans_tokens:  # a scan has as many steps as what it scans is long
                increment = make("where", make("lt", _NONE, make("position", attr=_ALONG[0])), increment, _NONE)
            given[STATE] = make("shift", make("scan", gate, increment))
        return nodes | {key: _with(node, given) for key, node in lowered.items()}

    @cached_property
    def sides(self) -> tuple[Program, ...]:
        """The sign of each of the `denominators`, side0, side1, ..., from those inputs of `program` that it reads."""
        meaning = "on which side of a pole of one's own equation a token is"
        found = []
        for place, _ in enumerate(self.denominators):
            node = make("sign", self._nodes[f"denominator{place}"])
            read = {part.array[0] for part in topological([node]) if part.op == "input"}
            inputs = tuple(inp for inp in self._inputs if inp.name in read)
            found.append(
                Program(f"side{place}", inputs, ((f"side{place}", node),), "own-equation", meaning, ("lower",))
            )
        return tuple(found)

    @cached_property
    def program(self) -> Program:
        """w' times e^{-log_scale}: inputs w, unit, side0, side1, ..., time where it is read, log_scale, letter0, letter1, ...

        Infinite, so that no trial step gets there, where a denominator has another sign than `sides`, those at the start, and,
        in the chart "log", where a token dies.
        """
        nodes = self._nodes
        rate, stretch = nodes["rate"], make("mul", nodes["unit"], make("cosh", nodes["w"]))
        for place, _ in enumerate(self.denominators):
            here = make("mul", nodes[f"denominator{place}"], nodes[f"side{place}"])
            rate = make("where", make("lt", _NONE, here), rate, make("mul", _HUGE, _HUGE))
        velocity = make("div", rate, stretch)
        if self.chart == "log":
            y = make("mul", nodes["unit"], make("sinh", nodes["w"]))
            dies = make("or", make("lt", velocity, _FASTEST_FALL), make("lt", y, _LOWEST_LOG))
            velocity = make("where", dies, make("mul", _HUGE, _HUGE), velocity)
        if self.timed:
            velocity = _beside_time(velocity, make("div", make("const", attr=1), stretch))
        scaled = make("mul", velocity, make("exp", make("neg", nodes["log_scale"])))
        meaning = "e^{-log_scale} w_l' of an equation of the user's own"
        return Program("own_velocity", self._inputs, (("own_velocity", scaled),), "own-equation", meaning, ("lower",))

    def _charted(self) -> dict[str, sp.Expr]:
        """The parts in the chart's y, spelled x; the rate is that of y."""
        if self.chart == "asinh":
            return self._parts
        positive = {key: part.subs(plain_letter(TOKEN), sp.exp(_y)) for key, part in self._parts.items()}
        positive["rate"] *= sp.exp(-_y)
        return {key: of_moderate_size(part).xreplace({_y: plain_letter(TOKEN)}) for key, part in positive.items()}


def _is_nonzero(denominator: sp.Expr) -> bool:
    """Whether it cannot vanish, as e^{2 x ln x} + 1; False if SymPy cannot tell."""
    return bool(denominator.replace(sp.log, lambda _: sp.Dummy(real=True)).is_nonzero)


def _has_limits(part: sp.Expr, denominator: sp.Expr) -> bool:
    """Whether a part stays finite wherever the token lets its denominator vanish, as (e^x - 1) / x does; False if SymPy cannot
    tell, or would look for minutes: it is asked of polynomials in x and e^x alone, in a part of moderate length."""
    token, power = plain_letter(TOKEN), sp.Dummy("power", positive=True)
    if part.count_ops() > _LONG or not denominator.subs(sp.exp(token), power).is_polynomial(token, power):
        return False
    try:
        roots = sp.solve(denominator, token)
        return bool(roots) and all(sp.limit(part, token, root).is_finite for root in roots)
    except (NotImplementedError, TypeError, ValueError):
        return False


def _with(node: Node, given: dict[str, Node]) -> Node:
    """A node with inputs replaced by what is given for them."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        known = old.array[0] if old.op == "input" else ""
        return given[known] if known in given else make(old.op, *args, attr=old.attr)

    return Program("part", (), (("part", node),), "", "").map(rule, "given").outputs[0][1]


def _beside_time(tokens: Node, time: Node) -> Node:
    """The value of tokens; that of the time, which stands first."""
    first = make("eq", make("position", attr="token"), make("const", attr=1))
    return make("where", first, time, tokens)
