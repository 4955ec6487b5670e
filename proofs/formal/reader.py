"""Reads printed real expressions back and evaluates them, so that a wrong printer is found by numbers.

Only the fragment that the Coq printer writes: arithmetic with Coq's precedences, application, `fun k => ...`, the
names of Definitions.v, and relations of such expressions. It shares no code with the printer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from s6flow.errors import FormatError

__all__ = ["LIBRARY", "evaluate", "holds"]

_TOKEN = re.compile(r"\s*(=>|%nat|[A-Za-z_][\w']*|\d+|[()+\-*/^])")
Node = tuple[Any, ...]


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """Value of a printed expression.

    Args:
        text: as printed, e.g. "exp (- a n * Delta s b (x l))".
        names: numbers and functions for its free names; those of `LIBRARY` are known.
    Raises: FormatError: text outside the fragment, or an unknown name.
    """
    return _value(_Parser(text).whole(), {**LIBRARY, **names})


_RELATION: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    (" <= ", lambda u, v: u <= v),
    (" <> ", lambda u, v: u != v),
    (" < ", lambda u, v: u < v),
    (" = ", lambda u, v: u == v),
)


def holds(text: str, names: Mapping[str, Any]) -> bool:
    """Whether a printed proposition holds: `forall n : nat, (n < N)%nat -> ...`, implications, `\\/`, `/\\` and relations."""
    bound = re.fullmatch(r"\(forall (\w+) : nat, \(\1 < (\w+)\)%nat -> (.*)\)", text, re.S)
    if bound:
        letter, size, body = bound.groups()
        return all(holds(body, {**names, letter: index}) for index in range(names[size]))
    for word, join in (
        (" -> ", lambda parts: not all(parts[:-1]) or parts[-1]),
        (" \\/ ", any),
        (" /\\ ", all),
    ):
        if word in text:
            return bool(join([holds(part, names) for part in text.split(word)]))
    for sign, relation in _RELATION:
        if sign in text:
            left, right = text.split(sign)
            return relation(evaluate(left, names), evaluate(right, names))
    raise FormatError("a printed proposition must be of the known fragment", text[:60])


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise FormatError("a printed expression must be of the known fragment", text[position : position + 20])
            if match.group(1) != "%nat":
                self.tokens.append(match.group(1))
            position = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if expected and token != expected:
            raise FormatError(f"expected {expected!r}", token or "the end", " ".join(self.tokens))
        self.at += 1
        return token

    def whole(self) -> Node:
        node = self.sum()
        if self.peek():
            raise FormatError("an expression must end where it ends", self.peek(), " ".join(self.tokens))
        return node

    def sum(self) -> Node:
        node = self.product()
        while self.peek() in ("+", "-"):
            node = (self.take(), node, self.product())
        return node

    def product(self) -> Node:
        node = self.prefix()
        while self.peek() in ("*", "/"):
            node = (self.take(), node, self.prefix())
        return node

    def prefix(self) -> Node:
        if self.peek() in ("-", "/"):
            return ("neg" if self.take() == "-" else "inv", self.prefix())
        return self.power()

    def power(self) -> Node:
        node = self.application()
        if self.peek() == "^":
            self.take()
            return ("^", node, self.power())
        return node

    def application(self) -> Node:
        node = self.atom()
        arguments = []
        while self.peek() == "(" or re.fullmatch(r"[A-Za-z_][\w']*|\d+", self.peek()):
            arguments.append(self.atom())
        return ("apply", node, *arguments) if arguments else node

    def atom(self) -> Node:
        if self.peek() == "(":
            self.take()
            if self.peek() == "fun":
                self.take()
                names = []
                while self.peek() != "=>":
                    names.append(self.take())
                self.take("=>")
                node: Node = ("fun", tuple(names), self.sum())
            else:
                node = self.sum()
            self.take(")")
            return node
        token = self.take()
        return ("number", int(token)) if token.isdigit() else ("name", token)


def _value(node: Node, names: Mapping[str, Any]) -> Any:
    kind, *parts = node
    match kind:
        case "number":
            return parts[0]
        case "name":
            if parts[0] not in names:
                raise FormatError("every name of an expression must be known", parts[0])
            return names[parts[0]]
        case "fun":
            bound, body = parts
            return lambda *values: _value(body, {**names, **dict(zip(bound, values, strict=True))})
        case "apply":
            function, *arguments = (_value(part, names) for part in parts)
            return function(*arguments)
        case "neg":
            return -_value(parts[0], names)
        case "inv":
            return 1 / _value(parts[0], names)
    left, right = (_value(part, names) for part in parts)
    operations: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "^": lambda: left**right,
    }
    return operations[kind]()


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


LIBRARY: dict[str, Any] = {
    "O": 0,
    "S": lambda k: k + 1,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    "Rabs": abs,
    "Rmin": min,
    "Rmax": max,
    "INR": float,
    "sign": lambda z: (z > 0) - (z < 0),
    "Rpower": lambda base, exponent: math.exp(exponent * math.log(base)),
    "softplus": _softplus,
    "Delta": lambda s, b, eps, u: _softplus(s * u + b) + eps,
    "sum_below": lambda count, g: math.fsum(g(k) for k in range(count)),
    "sum_between": lambda start, stop, g: math.fsum(g(k) for k in range(start, stop)),
}
