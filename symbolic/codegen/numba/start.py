"""Numba at its start: SciPy's linear algebra, which no generated function calls, is imported when one does."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import importlib.util
import sys
import threading

__all__ = ["start"]

#: What Numba imports to see whether it is there; compiled `numpy.dot` calls it, and with it comes most of SciPy.
_BLAS = "scipy.linalg.cython_blas"
_ASKS = "numba.np.arraymath"


def start() -> None:
    """Load the part of Numba that asks for SciPy's BLAS, and let it find that out at the first matrix product.

    A third of a second in a process that has not imported SciPy; elsewhere nothing is done, nor where another thread could
    import SciPy meanwhile.
    """
    if _ASKS in sys.modules or "scipy.linalg" in sys.modules or threading.active_count() > 1:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # an import of it fails, as without SciPy
    try:
        from numba.np import arraymath
    finally:
        del sys.modules[_BLAS]
    arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None
