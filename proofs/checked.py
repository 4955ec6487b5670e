"""Theorems as checks need them, in one committed file: a check reads its statement and derives nothing.

`checked.json` holds, theorem by theorem, the lowered margins of its claim and of its core, and what the systems are drawn
from. A test compares it with the registry. In a checkout where code of `symbolic/` or `proofs/` has changed since it was
written nothing is read from it: the theorem is built and lowered as ever.

    python -m s6flow.proofs.checked          writes checked.json
    python -m s6flow.proofs.checked --check  says whether it is current, and exits with 1 if it is not
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s6flow.files import write_atomic
from s6flow.proofs.registry import REGISTRY, get, unknown
from s6flow.provenance import package_root
from s6flow.symbolic.programs.checked import Checked
from s6flow.symbolic.programs.store import sources_digest as symbolic_digest

if TYPE_CHECKING:
    from s6flow.symbolic.theorem import Theorem

__all__ = ["FILE", "checked", "checked_form", "main", "sources_digest", "text"]

FILE = Path(__file__).parent / "checked.json"
SCHEMA = "s6flow-checked/1"


@cache
def checked(key: str) -> Checked:
    """The theorem `key` as it is checked: read where the file is current, else lowered now.

    Raises: TheoremError: listing near ids, if there is none.
    """
    if key not in REGISTRY:
        raise unknown(key)
    document = _current()
    found = None if document is None else document["theorems"].get(key)
    return checked_form(get(key)) if found is None else Checked.from_data(key, found)


def checked_form(theorem: Theorem) -> Checked:
    """A theorem's own data, with its margins lowered from SymPy now."""
    from s6flow.symbolic.margin import margin_program

    return Checked(
        theorem.id,
        theorem.variables,
        theorem.assumptions,
        theorem.measurement,
        theorem.options,
        theorem.ranges,
        theorem.tolerance,
        theorem.witness,
        margin_program(theorem),
        None if theorem.core is None else margin_program(theorem, True),
    )


def text() -> str:
    """The file as the registry has it now, one theorem a line."""
    rows = (
        f"{json.dumps(key)}: {json.dumps(checked_form(theorem).as_data(), separators=(',', ':'), allow_nan=False)}"
        for key, theorem in REGISTRY.items()
    )
    head, lines = f'"schema": "{SCHEMA}",\n"sources": "{sources_digest()}"', ",\n".join(rows)
    return f'{{\n{head},\n"theorems": {{\n{lines}\n}}\n}}\n'


def sources_digest() -> str:
    """Of everything that a theorem is made of, by its bytes: the code in `symbolic/` and in `proofs/`."""
    digest, base = hashlib.sha256(symbolic_digest().encode()), package_root() / "proofs"
    for path in sorted(base.rglob("*.py")):
        data = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(base).as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:20]


@cache
def _current() -> dict[str, Any] | None:
    """The file, unless it is missing, or this is a checkout with other sources; an installed package has its own."""
    if not FILE.exists():
        return None
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    checkout = (package_root().resolve().parent / "pyproject.toml").exists()
    if document.get("schema") != SCHEMA or (checkout and document["sources"] != sources_digest()):
        return None
    return document


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 if it is current afterwards."""
    wanted = text()
    if FILE.exists() and FILE.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in arguments:
        print(f"proofs/{FILE.name}: not current; run make generated")
        return 1
    write_atomic(FILE, wanted)
    print(f"proofs/{FILE.name}: written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
