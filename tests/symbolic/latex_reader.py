"""Reads printed LaTeX back and evaluates it, so that a wrong printer is found by numbers; shares no code with it.

Only the fragment of the snapshots: sums, products, powers, fractions, roots, absolute values, minima, softplus, scans.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["evaluate"]

Value = Callable[[Mapping[str, Any]], float]
_TOKEN = re.compile(
    r"\s*(\\left[(|]|\\right[)|]|\\sum_\{n=1\}\^\{N\}|\\operatorname\{\w+\}|\\frac|\\sqrt|\\min|\\;|x_\{l\}\(0\)|x_\{l\}"
    r"|\\mu_\{n\}|a_\{n\}|y_0|\\varepsilon|\d+|[a-z]|[-+^{},])"
)
#: symbol -> letter and the index that it runs along.
_SYMBOLS = {
    "x_{l}": ("x", "l"), "x_{l}(0)": ("x0", "l"), r"\mu_{n}": ("mu", "n"), "a_{n}": ("a", "n"), "y_0": ("y0", ""),
    r"\varepsilon": ("floor", ""), "t": ("t", ""), "s": ("s", ""), "b": ("b", ""),
}  # fmt: skip
_ENDS = {"", "+", "-", ",", "}", r"\right)", r"\right|", r"\;"}


def evaluate(text: str, values: Mapping[str, Any], token: int = 0) -> float:
    """Value of a printed expression at one token (counted from 0).

    Raises: ValueError: text outside the fragment.
    """
    reader = _Reader(text)
    value = reader.sum()
    if reader.peek():
        raise ValueError(f"cannot read on from {reader.peek()!r}")
    return value({**values, "l": token, "n": None})


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens, position = [], 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"not of the fragment: {text[position : position + 20]!r}")
            self.tokens.append(match.group(1))
            position = match.end()

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, expected: str = "") -> str:
        token = self.tokens.pop(0)
        if expected and token != expected:
            raise ValueError(f"expected {expected!r}, got {token!r}")
        return token

    def sum(self) -> Value:
        terms: list[tuple[float, Value]] = []
        while not terms or self.peek() in ("+", "-"):
            sign = -1.0 if self.peek() == "-" else 1.0
            if self.peek() in ("+", "-"):
                self.take()
            terms.append((sign, self.product()))
        return lambda env: math.fsum(sign * term(env) for sign, term in terms)

    def product(self) -> Value:
        factors = [self.power()]
        while self.peek() not in _ENDS:
            factors.append(self.power())
        return lambda env: math.prod(factor(env) for factor in factors)

    def power(self) -> Value:
        if self.peek() == "e":
            self.take()
            self.take("^")
            exponent = self.group()
            return lambda env: math.exp(exponent(env))
        base = self.atom()
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.group()
        return lambda env: base(env) ** exponent(env)

    def group(self) -> Value:
        self.take("{")
        inner = self.sum()
        self.take("}")
        return inner

    def arguments(self) -> list[Value]:
        self.take(r"\left(")
        found = [self.sum()]
        while self.peek() == ",":
            self.take()
            if self.peek() == r"\;":
                self.take()
            found.append(self.sum())
        self.take(r"\right)")
        return found

    def atom(self) -> Value:
        if self.peek() == r"\left(":
            return self.arguments()[0]
        token = self.take()
        if token.isdigit():
            return lambda env: float(token)
        if token in _SYMBOLS:
            name, index = _SYMBOLS[token]
            return lambda env: float(env[name][env[index]] if index else env[name])
        if token == r"\frac":
            above, below = self.group(), self.group()
            return lambda env: above(env) / below(env)
        if token == r"\sqrt":
            inner = self.group()
            return lambda env: math.sqrt(inner(env))
        if token == r"\left|":
            inner = self.group()
            self.take(r"\right|")
            return lambda env: abs(inner(env))
        if token == r"\min":
            options = self.arguments()
            return lambda env: min(option(env) for option in options)
        if token.startswith(r"\sum"):
            body = self.product()
            return lambda env: math.fsum(body({**env, "n": n}) for n in range(len(env["mu"])))
        if token == r"\operatorname{softplus}":
            (inner,) = self.arguments()
            return lambda env: float(np.logaddexp(0.0, inner(env)))
        if token == r"\operatorname{scan}":
            gate, increment = self.arguments()
            return lambda env: _scan(gate, increment, env)
        raise ValueError(f"no form for {token!r}")


def _scan(gate: Value, increment: Value, env: Mapping[str, Any]) -> float:
    state = 0.0
    for token in range(env["l"] + 1):
        here = {**env, "l": token}
        state = gate(here) * state + increment(here)
    return state
