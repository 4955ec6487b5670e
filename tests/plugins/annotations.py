"""How annotations are checked while tests run: beartype under jaxtyping's import hook, for every module of the package.

An int may stand for a float and a float for a complex number, as type checkers have it.
"""

from __future__ import annotations

from beartype import BeartypeConf, beartype

__all__ = ["check"]

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
