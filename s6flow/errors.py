"""The error tree. Every message is one line: rule, value, where, remedy."""

from __future__ import annotations

from s6flow.text import shown

__all__ = [
    "AssumptionError",
    "CodegenError",
    "DeviceMemoryError",
    "FormatError",
    "MissingDependencyError",
    "S6FlowError",
    "SourceError",
    "TheoremError",
]


class S6FlowError(Exception):
    """Root of every error that s6flow raises on purpose; the command line prints it as one line.

    Args:
        rule: what must hold.
        value: what was found instead.
        where: the file, layer, channel or argument that it was found in.
        remedy: what the user can do.
    """

    def __init__(self, rule: str, value: object = None, where: str = "", remedy: str = "") -> None:
        self.rule, self.value, self.where, self.remedy = rule, value, where, remedy
        parts = [rule]
        if value is not None:
            found = " ".join(str(value).split()) if isinstance(value, Exception) else str(value)
            parts.append(f"; got {found if found.strip() else repr(found)}")
        if where:
            parts.append(f" at {where}")
        text = "".join(parts).rstrip(".") + "."
        super().__init__(shown(f"{text} {remedy}".strip()))


class AssumptionError(S6FlowError):
    """A value breaks an assumption of the mathematics (a_n <= 0, a nonpositive time, ...)."""


class TheoremError(S6FlowError):
    """A theorem value contradicts itself, or an unknown theorem was asked for."""


class CodegenError(S6FlowError):
    """An expression cannot be lowered or printed for a backend."""


class DeviceMemoryError(S6FlowError):
    """One system alone does not fit a GPU's memory."""


class SourceError(S6FlowError):
    """A checkpoint cannot be found, opened or recognised."""


class FormatError(S6FlowError):
    """A file or argument is not of the promised form."""


class MissingDependencyError(S6FlowError):
    """An optional dependency is needed for what was asked."""
