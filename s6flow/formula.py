"""Formulas for a terminal: the LaTeX that statements are printed in, as one line of Unicode.

Only what a reader needs: fractions with a slash, scripts raised where Unicode has them. It is never read back. Where
standard output has no Unicode, LaTeX stays.

Why no library: of the 648 formulas that the library of theorems prints, pylatexenc 2.11 drops brackets or braces that keep
a fraction, power or index together in 232 (e^{-at} becomes e^-at, (1 - k)/(2 m) becomes 1 - k/2 m), and unicodeit 0.7.5,
which knows no \\left, \\frac and \\operatorname, leaves LaTeX in 233.
"""

from __future__ import annotations

import re
import sys

__all__ = ["plain", "readable"]

_SIGNS = {
    "wedge": "∧", "vee": "∨", "Rightarrow": "⇒", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠",
    "to": "→", "infty": "∞", "sum": "Σ", "int": "∫", "partial": "∂", "sim": "~", "cdot": "·", "dots": "...", "angle": "∠",
    "top": "ᵀ", "|": "‖", "#": "#", "{": "{", "}": "}", ";": " ", ",": " ", "limits": "", "left": "", "right": "",
    "mu": "μ", "nu": "ν", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "Lambda": "Λ", "Pi": "Π", "rho": "ρ",
    "varrho": "ϱ", "sigma": "σ", "Sigma": "Σ", "varsigma": "ς", "tau": "τ", "phi": "φ", "chi": "χ",
}  # fmt: skip
#: Accents, as marks behind one letter.
_ACCENTS = {"overline": "\u0304", "bar": "\u0304", "underline": "\u0331", "tilde": "\u0303", "hat": "\u0302"}
#: Commands whose content is shown as it is.
_UPRIGHT = {"operatorname", "mathrm", "text"}
_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_SIMPLE = re.compile(r"[^\W_]+'*")
#: What may stand beside a slash without brackets: a number, a letter with scripts, or one pair of bars.
_ATOM = re.compile(r"-?[^\s()|+/*=-]+(\(\w\))?|\|[^|]*\||‖[^‖]*‖")


def plain(latex: str) -> str:
    """A formula as a line of text; a command that is not known shows its name."""
    text = _tidy(_Reader(_TOKEN.findall(latex)).sequence())
    return text if _can_show(text) else latex


def readable(markdown: str) -> str:
    """A page of Markdown with its formulas as text; code stays as it is."""
    parts = re.split(r"(```.*?```|`[^`\n]+`)", markdown, flags=re.DOTALL)
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"\$\$\s*(.+?)\s*\$\$", _shown, parts[place], flags=re.DOTALL)
        parts[place] = re.sub(r"\$([^$]+)\$", _shown, parts[place])
    return "".join(parts)


def _shown(found: re.Match[str]) -> str:
    """A formula of a page; one that stays LaTeX keeps its signs."""
    text = plain(found[1])
    return found[0] if text == found[1] and "\\" in text else text


def _can_show(text: str) -> bool:
    """Whether standard output has these letters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _Reader:
    """Tokens, read from the left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0

    def next(self) -> str:
        """The next token, which is then read; nothing at the end."""
        self.place += 1
        return self.tokens[self.place - 1] if self.place <= len(self.tokens) else ""

    def sequence(self, end: str = "") -> str:
        """Everything up to the closing token."""
        out = ""
        while (token := self.next()) != end and token:
            said = self.item(token)
            word = token.startswith("\\") and len(said) > 1 and said[0].isalpha()
            out += f" {said}" if word and out[-1:].isalnum() else said
        return out

    def argument(self) -> str:
        """A group in braces, or the one token that stands for it."""
        while (token := self.next()).isspace():
            pass
        return _tidy(self.item(token))

    def item(self, token: str) -> str:
        """One token with what belongs to it."""
        if token == "{":
            return self.sequence("}")
        if token in ("_", "^"):
            return _script(token, self.argument())
        if not token.startswith("\\"):
            return " " if token.isspace() else token
        name = token[1:]
        if name == "frac":
            above, under = self.argument(), self.argument()
            return f"{_bracketed(above)}/{_bracketed(under)}"
        if name == "sqrt":
            return f"√{_bracketed(self.argument())}"
        if name in _UPRIGHT:
            return self.argument()
        if name in _ACCENTS:
            under = self.argument()
            return under + _ACCENTS[name] if len(under) == 1 else f"{name}({under})"
        return _SIGNS.get(name, name)


def _script(sign: str, text: str) -> str:
    if sign == "^" and re.fullmatch(r"[0-9]+|[-+]|-[0-9]+", text):
        return text.translate(_RAISED)
    if text == "ᵀ":
        return text
    if _SIMPLE.fullmatch(text):
        return sign + text
    return f"{sign}({text})" if sign == "^" else f"{sign}{{{text}}}"


def _bracketed(text: str) -> str:
    return text if _ATOM.fullmatch(text) else f"({text})"


def _tidy(text: str) -> str:
    """One blank at most, none inside of brackets, none behind the sign of a number."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"([(\[{]) | (?=[)\]}])", r"\1", text)
    return re.sub(r"(^|[(=<>≤≥{] ?)- ", r"\1-", text)
