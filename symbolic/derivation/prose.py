"""Formulas that stand in running text as people type them, such as |x_l| <= 2 mu_n e^(-a t), found and typeset.

The statements of the library are plain text for a terminal; a page shows them in the letters of the notation. What is a
formula is decided by its tokens: letters, functions, numbers and operators that hang together. Words stay text, and so
do numbers that no letter touches.

One long file: a grammar, whose rules call each other.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["typeset"]

_GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "pi",
    "rho",
    "sigma",
    "tau",
    "phi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Lambda",
    "Sigma",
    "Phi",
    "Psi",
    "Omega",
]
_FUNCTIONS = {
    **{name: rf"\{name}" for name in ("ln", "exp", "tanh", "sinh", "cosh", "max", "min", "det", "sup", "inf", "sum", "sqrt")},
    **{name: rf"\operatorname{{{name}}}" for name in ("softplus", "sign", "tr", "diag", "Var", "sym", "asinh", "atan")},
}  # fmt: skip
#: Words that are letters of a formula wherever they stand.
_LETTERS = {
    **{name: rf"\{name}" for name in _GREEK},
    "eps": r"\varepsilon",
    "oo": r"\infty",
    "eig": r"\operatorname{eig}",
    "int": r"\int",
    "S_dt_in": r"S_\Delta^{\mathrm{in}}",
    "S_dt_out": r"S_\Delta^{\mathrm{out}}",
}
#: Words that are letters only beside a relation: elsewhere they are English.
_BESIDE_RELATIONS = {"floor": r"\varepsilon", "th": r"\hat t", "xh": r"\hat x"}
#: Letters in a quotient alone.
_DIFFERENTIALS = {"dzeta": r"d\zeta ", **{name: name for name in ("dt", "dr", "dz", "du", "dv", "dw")}}
_OPERATORS = {
    "<=": r"\leq ", ">=": r"\geq ", "<": "<", ">": ">", "=": "=", "!=": r"\ne ", "~": r"\sim ", "->": r"\to ",
    "=>": r"\Rightarrow ", "+": "+", "-": "-", "*": r"\cdot ", "/": "/", "^": "^", "+-": r"\pm ",
}  # fmt: skip
_RELATIONS = {"<=", ">=", "<", ">", "=", "!=", "~", "->", "=>"}
#: Endings of names of tensors, which are code.
_TENSORS = {"proj", "bound", "log"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
#: After these words a number counts things and is no factor of what follows.
_COUNTED = re.compile(
    r"(?:tokens?|channels?|layers?|states?|theory|sections?|steps?|figures?|chapters?|by|at|to|of)$", re.I
)
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<word>e\.g\.|i\.e\.|cf\.|'s(?![A-Za-z])|\d-D\b|[A-Za-z]{2,}'[a-z]+|[A-Za-z]+(?:-[A-Za-z]{2,})+)"
    r"|(?P<dots>\.\.\.?)"
    r"|(?P<number>\d+(?:,\d{3})+(?![\d\w])|\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![A-Za-z_])|\d+(?=[A-Zwxnt](?!\w)))"
    r"|(?P<product>[A-Z]\.[A-Z](?!\w))"
    r"|(?P<name>[A-Za-z]+(?:_(?:\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]+))?'*(?![A-Za-z0-9_])(?:\*(?= (?:of|at) |[.,;)]))?)"
    r"|(?P<other>\w+)"
    r"|(?P<operator><=|>=|!=|->|=>|\+-|[<>=~+\-*/^])"
    r"|(?P<bar>\|)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<prime>'+)"
    r"|(?P<mark>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class _Item:
    """A token, or a group in brackets with its items."""

    kind: str
    text: str
    inner: tuple[_Item, ...] = ()


@functools.cache
def typeset(text: str) -> str:
    """The text with $...$ around every formula in it; what stands in dollars, backquotes or [[ ]] stays as it is.

    >>> typeset("every mu_n is nonpositive, so |x_l| <= 2 t^(-1/2)")
    'every $\\\\mu_{n}$ is nonpositive, so $|x_{l}|\\\\leq 2 t^{-1/2}$'
    """
    parts = re.split(r"(\$[^$]+\$|`[^`]+`|\[\[[a-z][a-z0-9:-]*\]\])", text)
    parts[::2] = [_sentence(_grouped(_tokens(part))) for part in parts[::2]]
    return "".join(parts)


def _tokens(text: str) -> list[_Item]:
    return [_Item(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]


def _grouped(tokens: Sequence[_Item]) -> list[_Item]:
    """Brackets that close become one item; those that do not are marks."""
    stack: list[list[_Item]] = [[]]
    opened: list[_Item] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
            stack.append([])
        elif token.kind == "close" and opened and _CLOSING[opened[-1].text] == token.text:
            inner = tuple(stack.pop())
            stack[-1].append(_Item("group", opened.pop().text, inner))
        else:
            stack[-1].append(token if token.kind != "close" else _Item("mark", token.text))
    while opened:
        rest = stack.pop()
        stack[-1] += [_Item("mark", opened.pop().text), *rest]
    return stack[0]


def _raw(items: Sequence[_Item]) -> str:
    """As it was typed."""
    return "".join(
        f"{item.text}{_raw(item.inner)}{_CLOSING[item.text]}" if item.kind == "group" else item.text for item in items
    )


def _neighbour(items: Sequence[_Item], place: int, step: int) -> _Item:
    """The next item that is no space, in one direction; an empty mark at the end."""
    place += step
    while 0 <= place < len(items) and items[place].kind == "space":
        place += step
    return items[place] if 0 <= place < len(items) else _Item("end", "")


def _strong(items: Sequence[_Item], place: int) -> bool:
    """Whether the item makes a formula of what it stands in."""
    item = items[place]
    if item.kind == "product":
        return True
    if item.kind not in ("name", "other"):
        return False
    before, after = _neighbour(items, place, -1), _neighbour(items, place, 1)
    head, _, below = item.text.rstrip("'*").partition("_")
    if head in _DIFFERENTIALS:
        return "/" in (before.text, after.text)
    if item.text in _LETTERS or (head in _LETTERS and item.kind == "name" and below not in _TENSORS):
        return True
    if head in _BESIDE_RELATIONS and not below:
        return after.text in _RELATIONS or before.text in _RELATIONS
    if below in _TENSORS:
        return False
    if head in _FUNCTIONS:
        if below:
            return True
        return (
            after.kind in ("bar", "group")
            or (head == "ln" and after.kind == "number")
            or (after.kind in ("name", "other") and _letterlike(after, items, place))
        )
    if item.kind == "other" or len(head) > 1:
        return False
    if item.text == "a":  # an article, unless an operator or a bracket's edge says otherwise
        joined = after.kind in ("operator", "group", "end") or after.text in (".", ",", ";", ":", "is", "tends")
        return joined or before.kind in ("operator", "bar") or after.text.startswith(("Delta", "delta"))
    if item.text in ("A", "I"):
        return (after.kind == "operator" and after.text != "-") or before.kind == "operator"
    return True


def _letterlike(item: _Item, items: Sequence[_Item], place: int) -> bool:
    """Whether what follows a function is its argument."""
    head = item.text.rstrip("'").partition("_")[0]
    return head in _LETTERS or head in _FUNCTIONS or (len(head) == 1 and item.text not in ("a", "A", "I"))


def _mathematical(items: Sequence[_Item], place: int) -> bool:
    """Whether the item may stand in a formula."""
    item = items[place]
    if item.kind in ("operator", "bar", "number", "dots", "space"):
        return True
    behind = items[place - 1].kind if place else ""
    if item.kind == "prime" or (item.kind == "other" and item.text[0] == "_"):
        return behind in ("group", "bar")
    if item.kind == "group":
        attached = behind in ("name", "other", "operator", "group", "bar")
        attached = attached or _neighbour(items, place, -1).text in _RELATIONS
        inner = [_Item("mark", "") if part.text == "," else part for part in item.inner]
        whole = all(
            part.text in (",", ";") or _mathematical(item.inner, index) for index, part in enumerate(item.inner)
        )
        some = any(_strong(item.inner, index) or part.kind == "group" for index, part in enumerate(item.inner))
        return bool(inner) and whole and (some or attached)
    if _strong(items, place):
        return True
    # a function of one's own, such as own(x_l)
    called = place + 1 < len(items) and items[place + 1].kind == "group" and item.kind == "name"
    return called and _raw(items[place + 1].inner) != "s" and _mathematical(items, place + 1)


def _sentence(items: Sequence[_Item]) -> str:
    """Text with its formulas typeset."""
    out: list[str] = []
    place = 0
    while place < len(items):
        end = _run(items, place)
        if end > place:
            out.append(f"${_formula(items[place:end])}$")
            place = end
            continue
        item = items[place]
        if item.kind == "group":
            out.append(f"{item.text}{_sentence(item.inner)}{_CLOSING[item.text]}")
        elif item.kind == "operator" and item.text in _RELATIONS - {"="}:
            number = _neighbour(items, place, 1)
            whole = number.kind == "number" and number is items[place + 2]
            out.append(
                f"${_OPERATORS[item.text].strip()} {number.text}$" if whole else f"${_OPERATORS[item.text].strip()}$"
            )
            place += 2 if whole else 0
        elif (item.kind in ("other", "name") and "_" in item.text) or set(item.text.split("-")) & set(_GREEK):
            out.append(f"`{item.text}`")
        elif item.kind == "dots" and item.text == ".." and place:
            out.append(" to ")
        else:
            out.append(item.text)
        place += 1
    return "".join(out)


def _run(items: Sequence[_Item], start: int) -> int:
    """End of the formula that begins at `start`; `start` itself if none does."""
    first = items[start]
    if first.kind == "space" or (first.kind == "operator" and first.text not in ("-", "+")):
        return start
    if first.kind == "operator" and start and items[start - 1].kind != "space":
        return start
    if first.kind == "number" and "e" not in first.text:
        words = _raw(items[:start]).rstrip()
        after = items[start + 1] if start + 1 < len(items) else _Item("end", "")
        if after.kind == "space" and _COUNTED.search(words) and _neighbour(items, start, 1).kind != "operator":
            return start
    end = start
    while end < len(items) and _mathematical(items, end):
        before = _neighbour(items, end, -1)
        # what follows a letter after a space is a factor; a number there begins something else
        if end > start and items[end].kind == "number" and items[end - 1].kind == "space" and before.kind != "operator":
            break
        if items[end].kind == "space" and _settled(items, end - 1):
            break
        end += 1
    while end > start and (items[end - 1].kind in ("space", "operator") and items[end - 1].text != "'"):
        end -= 1
    chosen = range(start, end)
    if not any(_strong(items, place) or _scientific(items[place]) or items[place].kind == "group" for place in chosen):
        return start
    if sum(items[place].kind == "bar" for place in chosen) % 2:
        return start if first.kind == "bar" else _run(items[: _first_bar(items, start, end)], start)
    return end


def _settled(items: Sequence[_Item], place: int) -> bool:
    """Whether a relation ends with the number at this place: "s = 0 K is", "for l >= 2 x_l tends"."""
    relation = _neighbour(items, place, -1)
    if items[place].kind != "number" or relation.text not in _RELATIONS:
        return False
    after = _neighbour(items, place, 1).kind
    left = _neighbour(items, items.index(relation, max(place - 3, 0)), -1).text
    return after != "operator" and (items[place].text == "0" or left in ("l", "k", "n", "j", "i", "m"))


def _first_bar(items: Sequence[_Item], start: int, end: int) -> int:
    return next(place for place in range(start, end) if items[place].kind == "bar")


def _scientific(item: _Item) -> bool:
    return item.kind == "number" and "e" in item.text


def _formula(items: Sequence[_Item]) -> str:
    """LaTeX of a formula's items."""
    out: list[str] = []
    place = 0
    while place < len(items):
        item = items[place]
        if item.text == "^" or (item.kind == "name" and item.text == "sqrt"):
            place, argument = _argument(items, place + 1)
            out.append(f"^{{{argument}}}" if item.text == "^" else rf"\sqrt{{{argument}}}")
            continue
        if item.kind == "name" and place + 1 < len(items) and items[place + 1].text == "[":
            out.append(_name(f"{item.text}{'_' if '_' not in item.text else ','}{_raw(items[place + 1].inner)}"))
            place += 2
            continue
        out.append(_atom(items, place))
        place += 1
    return re.sub(" +", " ", "".join(out)).strip()


def _argument(items: Sequence[_Item], place: int) -> tuple[int, str]:
    """What an exponent or a root takes: a sign, and one item without its brackets."""
    while place < len(items) and items[place].kind == "space":
        place += 1
    sign = ""
    if place < len(items) and items[place].text == "-":
        sign, place = "-", place + 1
    if place >= len(items):
        return place, sign
    item = items[place]
    inner = _formula(item.inner) if item.kind == "group" else r"\top" if item.text == "T" else _atom(items, place)
    return place + 1, f"{sign}({inner})" if sign and item.kind == "group" else f"{sign}{inner}"


def _atom(items: Sequence[_Item], place: int) -> str:
    item = items[place]
    if item.kind == "group":
        opened, closed = (
            (rf"\{item.text}", rf"\{_CLOSING[item.text]}") if item.text == "{" else (item.text, _CLOSING[item.text])
        )
        return f"{opened}{_formula(item.inner)}{closed}"
    if item.kind == "space":
        near = _neighbour(items, place, -1).kind, _neighbour(items, place, 1).kind
        after_function = _neighbour(items, place, -1).text.partition("_")[0] in _FUNCTIONS
        tight = "operator" in near or "mark" in near or after_function
        return " " if tight or "group" in near else r"\, "
    if item.kind == "operator":
        return _OPERATORS[item.text]
    if item.kind == "dots":
        return r",\dots," if item.text == ".." else r"\dots "
    if item.kind == "product":
        return rf"{item.text[0]}\cdot {item.text[2]}"
    if item.kind == "number":
        digits, _, power = item.text.partition("e")
        digits = digits.replace(",", "{,}")
        if not power:
            return digits
        return f"{'' if digits == '1' else digits + chr(92) + 'cdot '}10^{{{int(power)}}}"
    if item.text[0] == "_":
        return f"_{{{item.text[1:]}}}"
    if item.kind in ("name", "other"):
        sides = _neighbour(items, place, -1).text, _neighbour(items, place, 1).text
        if item.text == "x" and sides[0] == sides[1] and sides[0].isupper():
            return r"\times "
        return _name(item.text)
    return item.text


def _name(text: str) -> str:
    """A letter with its index and its primes."""
    if text[-1] == "*":
        return f"{_name(text[:-1])}^{{*}}"
    bare = text.rstrip("'")
    primes = text[len(bare) :]
    if bare in _LETTERS:
        return f"{_spaced(_LETTERS[bare])}{primes}"
    head, _, below = bare.partition("_")
    known = _LETTERS | _FUNCTIONS | _BESIDE_RELATIONS | _DIFFERENTIALS
    shown = known.get(head, head if len(head) == 1 else rf"\operatorname{{{head}}}")
    if not below:
        return f"{_spaced(shown)}{primes}"
    inner = below[1:-1] if below[0] in "{(" else below
    if head == "x" and re.fullmatch(r"[a-z\d]0", inner):
        return f"{shown}_{{{inner[0]}}}(0){primes}"
    if re.fullmatch(r"[A-Za-z]{2,}", inner) and inner not in _LETTERS and not re.fullmatch("[ijkl]{2}", inner):
        index = rf"\mathrm{{{inner}}}"
    else:
        index = inner if re.fullmatch(r"[a-z]\d+|[ijkl]{2}", inner) else _formula(_grouped(_tokens(inner)))
    return f"{shown}_{{{index}}}{primes}"


def _spaced(latex: str) -> str:
    """A command ends before the letter behind it."""
    return f"{latex} " if re.search(r"\\[A-Za-z]+$", latex) else latex
