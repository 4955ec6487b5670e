"""Annotations of arrays are checked in every test, and with S6FLOW_ANNOTATIONS=1 every annotation: `plugins/annotations.py`."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator

import pytest

# Numba's threads and PyTorch's are of one OpenMP: after a compiled loop PyTorch works on two, which wait for each other at full
# speed, so that a step of a small network takes twenty times as long. It is read once, before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# SymPy keeps the last thousand answers of each of its functions; the statements of all theorems ask for more, again and again. It is
# read once, before SymPy is imported, by the processes that tests start as well
os.environ.setdefault("SYMPY_CACHE_SIZE", "None")

# SymPy's expressions and the tests themselves are a million objects that stay: to go through them again and again for garbage was
# a tenth of the time of a run
gc.set_threshold(100_000, 50, 100)


def pytest_configure(config: pytest.Config) -> None:
    """A worker of pytest-xdist ends at once: to give back a million objects, one by one, takes seconds.

    Its own status is no result. What it forks, and a pytest that a test starts, end with theirs.
    """
    if hasattr(config, "workerinput"):
        worker = os.getpid()
        atexit.register(lambda: os._exit(0) if os.getpid() == worker else None)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """What pytest's collection of garbage at the end has left is none: the one after it need not go through it."""
    gc.freeze()


def pytest_collection_finish() -> None:
    """What was imported and collected stays."""
    gc.freeze()


ASKED = os.environ.get("S6FLOW_ANNOTATIONS", "arrays")
if ASKED == "1":
    from annotations import hooked
    from jaxtyping import install_import_hook

    install_import_hook(hooked(), "annotations.check")
elif ASKED == "arrays":
    from annotations import Arrays

    sys.meta_path.insert(0, Arrays())


@pytest.fixture
def unchecked() -> Iterator[None]:
    """No annotation is checked: what torch.compile makes of a checker is no check."""
    from jaxtyping import config

    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
