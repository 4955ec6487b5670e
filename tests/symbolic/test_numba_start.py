"""Numba is started without SciPy's linear algebra, and finds it when a compiled function asks for a matrix product."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("numba")

_PROGRAM = """
import sys
{before}
from s6flow.symbolic.codegen.numba import runtime
from numba.core.registry import cpu_target
cpu_target.target_context.refresh()  # as the loading of a cached function does
print("scipy.linalg" in sys.modules, "scipy.linalg.cython_blas" in sys.modules)
{after}
"""
_PRODUCT = """
import numba, numpy as np
a = np.arange(9.0).reshape(3, 3)
print(np.array_equal(numba.njit(lambda a: a @ a)(a), a @ a))
import scipy.linalg.cython_blas
"""


def said(before: str, after: str) -> list[str]:
    code = _PROGRAM.format(before=before, after=after)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_product_is_compiled_after_a_start_without_scipy() -> None:
    assert said("", _PRODUCT) == ["False", "False", "True"]


def test_scipy_that_is_there_already_stays() -> None:
    assert said("import scipy.linalg", "") == ["True", "True"]


def test_beside_another_thread_nothing_is_hidden() -> None:
    thread = "import threading; end = threading.Event(); threading.Thread(target=end.wait).start()"
    assert said(thread, "end.set()") == ["True", "True"]


def test_without_scipy_a_product_is_refused_as_numba_refuses_it() -> None:
    absent = "import importlib.util as u; find = u.find_spec; u.find_spec = lambda n, *a: None if n == 'scipy' else find(n, *a)"
    after = "from numba.np import arraymath; print(arraymath._HAVE_BLAS)"
    assert said(absent, after)[-1] == "False"
