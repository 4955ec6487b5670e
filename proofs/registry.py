"""The registry: every theorem, found by its file proofs/theorems/<group>/<id>.py, one theorem a file."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from s6flow.errors import TheoremError
from s6flow.symbolic.theorem import Theorem

__all__ = ["GROUPS", "REGISTRY", "Registry", "get", "group", "near"]

#: Groups in the order of the theory.
GROUPS = (
    "layer", "flow", "convergence", "divergence", "blowup", "criteria", "mixed", "affine", "variants", "vectors", "state",
)  # fmt: skip


@cache
def _load() -> dict[str, Theorem]:
    found: dict[str, Theorem] = {}
    for group in GROUPS:
        package = importlib.import_module(f"s6flow.proofs.theorems.{group}")
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
            module = importlib.import_module(f"s6flow.proofs.theorems.{group}.{info.name}")
            theorem = getattr(module, "THEOREM", None)
            where = f"proofs/theorems/{group}/{info.name}.py"
            if not isinstance(theorem, Theorem):
                raise TheoremError("a theorem file must define THEOREM", None, where)
            if theorem.id.replace("-", "_") != info.name:
                raise TheoremError("a theorem file must be named after its id", theorem.id, where)
            if theorem.id in found:
                raise TheoremError("theorem ids must be unique", theorem.id, where)
            found[theorem.id] = theorem
    for theorem in found.values():
        if unknown := set(theorem.uses) - set(found):
            raise TheoremError("a proof must use theorems of the registry", ", ".join(sorted(unknown)), theorem.id)
    return found


class Registry(Mapping[str, Theorem]):
    """Theorem id -> theorem, in the order of the theory; loaded when first read."""

    def __getitem__(self, key: str) -> Theorem:
        return _load()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_load())

    def __len__(self) -> int:
        return len(_load())


REGISTRY = Registry()


def near(key: str) -> list[str]:
    """Ids that contain `key` or look like it; none if there is no such thing."""
    return [name for name in REGISTRY if key in name][:3] or difflib.get_close_matches(key, REGISTRY, 3, 0.7)


def get(key: str) -> Theorem:
    """The theorem with id `key`.

    Raises: TheoremError: listing near ids, if there is none.
    """
    if key not in REGISTRY:
        hint = near(key)
        remedy = f"Near: {', '.join(hint)}." if hint else "See s6flow theorems."
        raise TheoremError("a theorem id must be in the registry", key, remedy=remedy)
    return REGISTRY[key]


def group(theorem: Theorem) -> str:
    """The folder under proofs/theorems that holds the theorem's file."""
    name = theorem.id.replace("-", "_") + ".py"
    return next(g for g in GROUPS if (Path(__file__).parent / "theorems" / g / name).exists())
