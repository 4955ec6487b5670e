"""Theorems as checks need them, in one committed file: a check reads its statement and derives nothing.

`checked.json` holds, theorem by theorem, the lowered margins of its claim and of its core, and what the systems are drawn
from. A test compares it with the registry. In a checkout where code of `symbolic/` or `proofs/` has changed since it was
written nothing is read from it: the theorem is built and lowered as ever.

    python -m s6flow.proofs.checked          writes checked.json
    python -m s6flow.proofs.checked --check  says whether it is current, and exits with 1 if it is not
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import TYPE_CHECKING

from s6flow.committed import Committed
from s6flow.errors import TheoremError
from s6flow.proofs.registry import REGISTRY, get, unknown
from s6flow.symbolic.programs.checked import Checked

if TYPE_CHECKING:
    from s6flow.symbolic.theorem import Theorem

__all__ = ["FILE", "checked", "checked_form", "main", "text"]

#: Of everything that a theorem is made of: the code in `symbolic/` and in `proofs/`.
FILE = Committed("proofs/checked.json", "s6flow-checked/1", (("symbolic", (".py",)), ("proofs", (".py",))))


@cache
def checked(key: str) -> Checked:
    """The theorem `key` as it is checked: read where the file is current, else lowered now.

    Raises: TheoremError: listing near ids, if there is none.
    """
    if key not in REGISTRY:
        raise unknown(key)
    document = FILE.current()
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
    """The file as the registry has it now, one theorem a line.

    Raises: TheoremError: a theorem's data that no file can hold.
    """
    theorems = ",\n".join(f"{json.dumps(key)}: {_row(theorem)}" for key, theorem in REGISTRY.items())
    return FILE.document(theorems=f"{{\n{theorems}\n}}")


def _row(theorem: Theorem) -> str:
    try:
        return json.dumps(checked_form(theorem).as_data(), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        rule, remedy = (
            "a theorem's numbers must be finite, and lists of them",
            "Look at its witness, ranges and options.",
        )
        raise TheoremError(rule, error, theorem.id, remedy) from None


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 if it is current afterwards."""
    try:
        return FILE.main(text, arguments)
    except TheoremError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
