"""Mutation tests: mutants of the code that decides, and whether the tests notice them."""

from pathlib import Path

__all__ = ["ROOT", "module_name"]

ROOT = Path(__file__).resolve().parents[2]


def module_name(file: str) -> str:
    """The module of a file named from the root of the repository."""
    return "s6flow." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
