"""Outcomes of deterministic functions over planted inputs: committed, and compared in tests/numeric/test_pinned_*.py.

A pinned value says that a result is what it was, not that it is right; each file of tests says which independent check
its outcomes have passed. `python tests/plugins/pinned.py [PART]` writes them anew after a change that is meant.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["check", "compare", "summary", "write"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "numeric"
EXPECTED = FOLDER / "expected"
if str(ROOT) not in sys.path:  # tests that share planted layers import each other
    sys.path.insert(0, str(ROOT))
#: Numbers near zero are told apart down to this share of the median.
SMALL = 1e-3


def summary(value: Any) -> Any:
    """A value in short: an array as its shape, how many entries are no numbers, and three sums with fixed weights.

    An entry enters by asinh of its share of the median, so that one of any size is seen to change.
    """
    if isinstance(value, Mapping):
        return {str(key): summary(part) for key, part in value.items()}
    if isinstance(value, str | None | bool):
        return value
    if isinstance(value, list | tuple) and not all(isinstance(part, int | float) for part in value):
        return [summary(part) for part in value]
    array = np.asarray(value)
    numbers = array.astype(np.float64).ravel()
    finite = np.isfinite(numbers)
    size = np.abs(numbers[finite & (numbers != 0)])
    middle = max(float(np.median(size)), 1e-300) if size.size else 1.0
    flat = np.arcsinh(np.where(finite, numbers, 0.0) / (SMALL * middle))
    weights = np.random.default_rng(array.size).uniform(-1, 1, (2, array.size))
    signs = np.where(np.isnan(numbers), 3.0, np.where(finite, 0.0, np.sign(numbers)))
    sums = [middle, *(weights @ flat), float(weights[0] @ signs)]
    scale = [middle, *(np.abs(weights) @ np.abs(flat)), 1.0]
    return {"shape": list(array.shape), "sums": [float(one) for one in sums], "scale": [float(one) for one in scale]}


def compare(found: Any, kept: Any, rtol: float, where: str = "") -> None:
    """Assert that two summaries agree."""
    if isinstance(kept, dict) and set(kept) == {"shape", "sums", "scale"}:
        assert found["shape"] == kept["shape"], where
        for one, other, scale in zip(found["sums"], kept["sums"], kept["scale"], strict=True):
            assert math.isclose(one, other, rel_tol=0.0, abs_tol=rtol * scale), f"{where}: {one} was {other}"
    elif isinstance(kept, dict):
        assert list(found) == list(kept), f"{where}: {list(found)} was {list(kept)}"
        for key in kept:
            compare(found[key], kept[key], rtol, f"{where}.{key}")
    elif isinstance(kept, list):
        assert len(found) == len(kept), where
        for number, (one, other) in enumerate(zip(found, kept, strict=True)):
            compare(one, other, rtol, f"{where}[{number}]")
    else:
        assert found == kept, f"{where}: {found} was {kept}"


def check(name: str, key: str, outcome: Any, rtol: float = 1e-9) -> None:
    """Compare an outcome with the kept one of this file and key; an error says how a meant change is kept."""
    kept = json.loads((EXPECTED / f"{name}.json").read_text())
    try:
        assert key in kept, f"{key} has no outcome that is kept"
        compare(json.loads(json.dumps(summary(outcome))), kept[key], rtol, key)
    except AssertionError as error:
        tests = (path for path in sorted(FOLDER.glob("test_pinned_*.py")) if f'("{name}", ' in path.read_text())
        part = next(path.stem.removeprefix("test_pinned_") for path in tests)
        raise AssertionError(f"{name}: {error}; if that is meant: python tests/plugins/pinned.py {part}") from None


def write(name: str, keys: list[str], outcome: Callable[[str], Any], rtol: float | Callable[[str], float]) -> None:
    """Keep the outcomes of these keys; what agrees with the kept one, as the tests ask it, stays as it is."""
    EXPECTED.mkdir(exist_ok=True)
    path = EXPECTED / f"{name}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    rows = {}
    for key in keys:
        rows[key] = json.loads(json.dumps(summary(outcome(key))))
        with suppress(AssertionError, KeyError, TypeError):
            compare(rows[key], kept[key], rtol(key) if callable(rtol) else rtol)
            rows[key] = kept[key]
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("test_pinned_*.py")):
        if len(sys.argv) > 1 and sys.argv[1] not in path.stem:
            continue
        for row in importlib.import_module(f"tests.numeric.{path.stem}").PINNED:
            write(*row)
