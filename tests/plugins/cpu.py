"""CPU seconds of every test, its child processes included: `pytest -p cpu --cpu-file FILE` (one JSON line a phase).

Durations by the clock say little on a machine that does other things at the same time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["pytest_addoption", "pytest_runtest_call", "pytest_runtest_setup", "pytest_runtest_teardown"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu-file", type=Path, help="append the CPU seconds of every phase of every test to this file")


def _measured(item: pytest.Item, phase: str) -> Iterator[None]:
    before = os.times()
    yield
    spent = sum(os.times()[:4]) - sum(before[:4])
    file = item.config.getoption("--cpu-file")
    if file is not None and spent >= 0.01:
        with file.open("a", encoding="utf-8") as out:  # one short write a line: workers share the file
            out.write(json.dumps([item.nodeid, phase, round(spent, 2)]) + "\n")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _measured(item, "setup"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _measured(item, "call"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    return (yield from _measured(item, "teardown"))
