"""Random systems and measuring for the GPU benchmarks: seeded, rotating inputs, medians with their spread."""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BATCH",
    "NO_FLOOR",
    "Systems",
    "ceilings",
    "drawn",
    "extreme_systems",
    "measure",
    "mild_systems",
    "provenance",
    "write_json",
]

Systems = dict[str, NDArray[np.float64]]
#: Tokens of a batch of right-hand sides: enough that the last round of programs does not show.
BATCH = 2**25
#: Inputs that are known to be 0, and left out of kernels.
NO_FLOOR = frozenset({"floor"})


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return 10 ** rng.uniform(np.log10(low), np.log10(high), shape)


def extreme_systems(seed: int, systems: int, tokens: int, states: int) -> Systems:
    """mu 1e-6..1e3 and tokens 1e-8..1e3 of both signs, 3 % zero tokens, steps and decays over four decades."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], (systems, tokens))
    x = sign * _log_uniform(rng, 1e-8, 1e3, (systems, tokens))
    x[rng.random(x.shape) < 0.03] = 0.0
    return {
        "x": x,
        "mu": rng.choice([-1.0, 1.0], (systems, states)) * _log_uniform(rng, 1e-6, 1e3, (systems, states)),
        "a": _log_uniform(rng, 1e-2, 1e2, (systems, states)),
        "s": rng.choice([-1.0, 1.0], systems) * _log_uniform(rng, 1e-3, 1e1, (systems,)),
        "b": rng.uniform(-4.0, 4.0, systems),
        "floor": rng.choice([0.0, 1e-3], systems),
    }


def mild_systems(seed: int, systems: int, tokens: int, states: int = 1, sign: float = -1.0) -> Systems:
    """Systems of the size that layers have: |x|, |mu|, |s| of order one; mu of the given sign."""
    rng = np.random.default_rng(seed)
    return {
        "x": rng.standard_normal((systems, tokens)),
        "mu": sign * _log_uniform(rng, 0.1, 2.0, (systems, states)) / states,
        "a": _log_uniform(rng, 0.3, 3.0, (systems, states)),
        "s": rng.standard_normal(systems),
        "b": rng.standard_normal(systems) - 1.0,
        "floor": np.zeros(systems),
    }


def drawn(seed: int, systems: int, tokens: int, states: int = 1, dtype: Any = None) -> tuple[Any, dict[str, Any]]:
    """Convergent systems of the size that layers have, on the device, float32 unless told otherwise."""
    import torch

    kind = dtype or torch.float32
    sent = {k: torch.as_tensor(v).to("cuda", kind) for k, v in mild_systems(seed, systems, tokens, states).items()}
    return sent.pop("x"), sent


def measure(run: Callable[[int], Any], inputs: int, repeats: int = 7, least: float = 0.01) -> dict[str, float]:
    """Seconds a call by CUDA events, rotating through `inputs` input sets: median, and spread over repeats."""
    import torch

    for index in range(inputs):
        run(index)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    run(0)
    torch.cuda.synchronize()
    once = time.perf_counter() - begin
    calls = max(1, min(200, round(least / max(once, 1e-7))))
    seconds = []
    for _ in range(repeats):
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        for call in range(calls):
            run(call % inputs)
        last.record()
        torch.cuda.synchronize()
        seconds.append(first.elapsed_time(last) / 1e3 / calls)
    return {"median_s": statistics.median(seconds), "least_s": min(seconds), "most_s": max(seconds), "repeats": repeats}


def ceilings() -> dict[str, Any]:
    """What this device can do at most: bytes copied a second, special functions a second, and its clock meanwhile."""
    import torch
    import triton
    from gpu_special import special

    source = [torch.randn(1 << 29, device="cuda") for _ in range(2)]
    target = torch.empty_like(source[0])
    copy = measure(lambda index: target.copy_(source[index]), 2)
    count, rounds = 1 << 24, 256
    small = source[0][:count]
    rate = measure(lambda _: special[(triton.cdiv(count, 512),)](small, target, rounds, BLOCK=512, num_warps=4), 1)
    clock = ["nvidia-smi", "--query-gpu=clocks.sm", "--format=csv,noheader"]
    return {
        "copy_bytes_per_s": 2 * source[0].nbytes / copy["median_s"],
        "special_functions_per_s": count * rounds * 4 / rate["median_s"],
        "sm_clock_after": subprocess.run(clock, capture_output=True, text=True, check=False).stdout.strip(),
    }


def provenance() -> dict[str, Any]:
    """Command (of whole paths, the name alone), code, date, device and versions, for a result file."""
    words = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv)
    from s6flow.numeric.evidence import EVIDENCE

    script = f"benchmarks/{Path(sys.argv[0]).name}"
    found: dict[str, Any] = {
        "command": shlex.join(["python", *words]),
        "code": next(row for row in EVIDENCE if script in row.roots).digest(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    for name in ("torch", "triton", "torchdiffeq", "torchode", "diffrax", "jax", "mamba_ssm"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = getattr(module, "__version__", "?")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found["device"] = properties.name
        found["multiprocessors"] = properties.multi_processor_count
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.sm,clocks.max.sm", "--format=csv,noheader"]
        found["driver_and_clocks"] = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return found


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write a result file whole, readable and in a fixed order."""
    from s6flow.files import write_atomic

    write_atomic(path, json.dumps(content, indent=1, sort_keys=True, default=float) + "\n")
