"""Random systems, measuring and provenance for the CPU benchmark: inputs in turn, medians with their spread."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["COMPILER", "NAMES", "draw", "measure", "provenance", "together"]

COMPILER = ("cc", "-O3", "-march=native", "-shared", "-fPIC")
#: Seconds of calls in a sample.
SAMPLE = 0.02
NAMES = ("x", "mu", "a", "s", "b", "floor")


def draw(rng: np.random.Generator, systems: int, tokens: int, states: int) -> dict[str, np.ndarray]:
    """A batch of convergent systems."""
    return {
        "x": rng.normal(size=(systems, tokens)),
        "mu": -rng.uniform(0.2, 1.0, (systems, states)),
        "a": rng.uniform(0.3, 3.0, (systems, states)),
        "s": rng.normal(size=systems),
        "b": 0.5 * rng.normal(size=systems),
        "floor": np.zeros(systems),
    }


def summary(seconds: Sequence[float]) -> dict[str, float]:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return {"median": median, "quartile_low": low, "quartile_high": high, "best": min(seconds), "repeats": len(seconds)}


def measure(call: Callable[[Any], Any], inputs: Sequence[Any], repeats: int) -> dict[str, float]:
    """Median, quartiles and smallest of the seconds that a call takes, inputs taken in turn."""
    return together({"": (call, inputs)}, repeats)[""]


def together(forms: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]], repeats: int) -> dict[str, dict[str, float]]:
    """As `measure` for several forms, one call of each in turn, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    calls: dict[str, int] = {}
    for name, (call, inputs) in forms.items():
        call(inputs[0])  # compiles
        start = time.perf_counter()
        call(inputs[0])
        calls[name] = max(1, round(SAMPLE / (time.perf_counter() - start)))
    for k in range(repeats):
        for name, (call, inputs) in forms.items():
            if calls[name] > 1:
                call(inputs[k % len(inputs)])  # the form before it has emptied the caches
            start = time.perf_counter()
            for turn in range(calls[name]):
                call(inputs[(k + turn) % len(inputs)])
            seconds[name].append((time.perf_counter() - start) / calls[name])
    return {name: summary(values) for name, values in seconds.items()}


def cpu_name() -> str:
    """The model's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def provenance(arguments: list[str]) -> dict[str, Any]:
    """Command, code, date, processor and versions, for a result file."""
    from s6flow.numeric.evidence import evidence_of

    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "sympy", "numba", "llvmlite")}
    peers = {}
    for name in ("heyoka", "jitcode"):
        try:
            peers[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            peers[name] = "not installed, not measured"
    compiler = (
        subprocess.run([COMPILER[0], "--version"], capture_output=True, text=True).stdout.splitlines()[:1]
        if shutil.which(COMPILER[0])
        else []
    )
    return {
        "command": " ".join(["python", "benchmarks/cpu_flow.py", *arguments]),
        "code": evidence_of(Path(__file__).parent / "results" / "cpu_flow.json").digest(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(), "cores": os.cpu_count(),
        "load_average": os.getloadavg(), "python": platform.python_version(),
        "versions": versions, "other_peers": peers, "c": [" ".join(COMPILER), *compiler],
    }  # fmt: skip
