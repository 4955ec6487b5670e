"""Processes that draw figures: copies of one that has imported what figures share, so that it is imported once.

What they are copied from is begun anew: a copy of the process that asks would have its threads' locks. It imports, and
starts no thread, while the one that asks reads which figures must be drawn.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from s6flow.processes import end_with_parent

__all__ = ["share", "workers"]

#: What is imported by whom the others are copied from; an import of it alone calls `share`.
_PRELOADED = "s6flow.paper_figures.preloaded"
#: Copies of a process are safe here; elsewhere the system's own libraries may have begun threads.
_COPIED = sys.platform == "linux"


@contextmanager
def workers(early: bool) -> Iterator[Callable[[int], ProcessPoolExecutor]]:
    """Inside, what is yielded makes a pool of so many processes that draw; all of them end with the block.

    So does what they are copied from, whose time is then the caller's; one that was there before, of a program that copies
    processes by itself, is left alone.

    Args:
        early: whether a pool will be asked for; what is shared is then imported from now on, and nothing waits for it.
    """
    pools: list[ProcessPoolExecutor] = []
    begun: list[Callable[[], None]] = []

    def pool(processes: int) -> ProcessPoolExecutor:
        if _COPIED and not begun:
            begun.append(_begin())
        context = multiprocessing.get_context("forkserver" if _COPIED else "spawn")
        pools.append(ProcessPoolExecutor(processes, context, _ready))
        return pools[-1]

    if early and _COPIED:
        begun.append(_begin())
    try:
        yield pool
    finally:
        for made in pools:
            made.shutdown(cancel_futures=True)
        for end in begun:
            end()


def _begin() -> Callable[[], None]:
    """Start the process that the others are copied from, without waiting for it; what is returned ends it."""
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver  # the one that contexts use; it has no public way to its end
    if server._forkserver_pid is not None:
        return lambda: None

    def end() -> None:
        with suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGTERM)  # whoever interrupts does not wait for its imports
        server._stop()
        server.set_forkserver_preload(["__main__"])

    server.set_forkserver_preload([_PRELOADED])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the process that asks
    try:
        server.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return end


def _ready() -> None:
    """Begin as a process that draws.

    A figure is some hundred thousand objects that live until it is drawn; to look for rubbish among them at Python's usual
    pace takes an eighth of the time.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_parent()
    gc.set_threshold(50_000, 20, 50)
    importlib.import_module("s6flow.paper_figures.render")


def share() -> None:
    """Import what most figures need: what draws, and what integrates.

    Flows are integrated by NumPy: to compile the loop takes twice as long as it would save in all figures.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.set_threshold(50_000, 20, 50)
    for name in ("render", "theory", "freshness"):
        importlib.import_module(f"s6flow.paper_figures.{name}")
    for name in (
        "sympy",
        "scipy.integrate",
        "scipy.special",
        "s6flow.proofs.registry",
        "s6flow.numeric.flow.backends.numpy",
    ):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
