"""How annotations are checked while tests run: beartype under jaxtyping's import hook, over the whole package.

An int may stand for a float and a float for a complex number, as type checkers have it. What a compiler of kernels reads
stays as it is written.
"""

from __future__ import annotations

import pkgutil
from importlib.util import find_spec

from beartype import BeartypeConf, beartype

__all__ = ["check", "hooked"]

check = beartype(conf=BeartypeConf(is_pep484_tower=True))

#: Numba and Triton compile the functions of these packages from their source.
KERNELS = ("s6flow.symbolic.codegen.numba", "s6flow.symbolic.codegen.triton")


def hooked(package: str = "s6flow") -> list[str]:
    """The largest packages and modules that hold none of `KERNELS`."""
    found = []
    for module in pkgutil.iter_modules(find_spec(package).submodule_search_locations):  # type: ignore[union-attr]
        name = f"{package}.{module.name}"
        if name in KERNELS:
            continue
        if any(kernel.startswith(f"{name}.") for kernel in KERNELS):
            found += hooked(name)
        else:
            found.append(name)
    return found
