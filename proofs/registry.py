"""The registry: every theorem, found by its file proofs/theorems/<group>/<id>.py, one theorem a file."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from s6flow import text
from s6flow.errors import TheoremError

if TYPE_CHECKING:
    from s6flow.symbolic.theorem import Theorem

__all__ = ["GROUPS", "REGISTRY", "Registry", "get", "group", "near", "unknown"]

#: Groups in the order of the theory.
GROUPS = (
    "layer", "flow", "convergence", "divergence", "blowup", "criteria", "mixed", "affine", "variants", "vectors", "normalised", "state",
)  # fmt: skip
_FOLDER = Path(__file__).parent / "theorems"


@cache
def _groups() -> dict[str, str]:
    """Theorem id -> its group, read off the names of files, in the order of the theory."""
    found: dict[str, str] = {}
    for name in GROUPS:
        for path in sorted((_FOLDER / name).glob("[!_]*.py")):
            key = path.stem.replace("_", "-")
            if key in found:
                raise TheoremError("theorem ids must be unique", key, f"{found[key]} and {name}")
            found[key] = name
    return found


@cache
def _load(key: str) -> Theorem:
    """One theorem: its file is imported, and checked against the others by their names alone."""
    from s6flow.symbolic.theorem import Theorem  # here: ids are asked for by commands that do without SymPy

    name = key.replace("-", "_")
    module = importlib.import_module(f"s6flow.proofs.theorems.{_groups()[key]}.{name}")
    theorem, where = getattr(module, "THEOREM", None), f"proofs/theorems/{_groups()[key]}/{name}.py"
    if not isinstance(theorem, Theorem):
        raise TheoremError("a theorem file must define THEOREM", None, where)
    if theorem.id != key:
        raise TheoremError("a theorem file must be named after its id", theorem.id, where)
    if unknown := set(theorem.uses) - set(_groups()):
        raise TheoremError("a proof must use theorems of the registry", ", ".join(sorted(unknown)), key)
    return theorem


class Registry(Mapping[str, "Theorem"]):
    """Theorem id -> theorem, in the order of the theory; each is loaded when it is first read."""

    def __getitem__(self, key: str) -> Theorem:
        if key not in self:
            raise KeyError(key)
        return _load(key)

    def __contains__(self, key: object) -> bool:
        return key in _groups()

    def __iter__(self) -> Iterator[str]:
        return iter(_groups())

    def __len__(self) -> int:
        return len(_groups())


REGISTRY = Registry()


def near(key: str) -> list[str]:
    """Ids that contain `key` or look like it; none if there is no such thing."""
    return text.near(key, REGISTRY)


def get(key: str) -> Theorem:
    """The theorem with id `key`.

    Raises: TheoremError: listing near ids, if there is none.
    """
    if key not in REGISTRY:
        raise unknown(key)
    return REGISTRY[key]


def unknown(key: str) -> TheoremError:
    """What is said of an id that no theorem has."""
    hint = near(key)
    remedy = f"Near: {', '.join(hint)}." if hint else "See s6flow theorems."
    return TheoremError("a theorem id must be in the registry", key, remedy=remedy)


def group(theorem: Theorem) -> str:
    """The folder under proofs/theorems that holds the theorem's file."""
    return _groups()[theorem.id]
