"""The rows of Table 1 in one committed file: building every theorem to read some twenty rates takes seconds.

python -m s6flow.paper_figures.rates          writes rates.json
python -m s6flow.paper_figures.rates --check  says whether it is current, and exits with 1 if it is not
"""

from __future__ import annotations

import json
import sys

from s6flow.committed import Committed
from s6flow.proofs.index import FILE as LIBRARY

__all__ = ["FILE", "rates", "text"]

#: Written from the library, as its index is.
FILE = Committed("paper_figures/rates.json", "s6flow-rates/1", LIBRARY.sources, LIBRARY.apart)


def rates() -> list[dict[str, str]]:
    """Rows in the order of the theory: theorem, status, scenario, condition, rate in LaTeX, and whose it is."""
    stored = FILE.current()
    return _computed() if stored is None else stored["rates"]


def _computed() -> list[dict[str, str]]:
    from s6flow.proofs.rates import rate_rows
    from s6flow.proofs.registry import REGISTRY
    from s6flow.proofs.status import status

    return [
        {"theorem": theorem.id, "status": status(theorem), **row}
        for theorem in REGISTRY.values()
        for row in rate_rows(theorem)
    ]


def text() -> str:
    """What the file should hold."""
    return FILE.document(rates=json.dumps(_computed(), indent=0))


if __name__ == "__main__":
    raise SystemExit(FILE.main(text, sys.argv[1:]))
