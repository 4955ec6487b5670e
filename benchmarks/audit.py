"""How long an audit takes, against the time and memory promised and against forming the D x D matrix.

    python benchmarks/audit.py [--layers 64] [--channels 5120] [--json benchmarks/results/audit_cpu.json]

A synthetic checkpoint of the shape of a 2.8B Mamba (64 layers, 5120 channels, N = 16, rank 160) is written to a
temporary folder, audited in a process of its own, and removed; one layer of it is audited in memory, too. The peer is one layer's 5120 x 5120 matrix S_C^T S_B and
its eigenvalues, which the audit gets from 16 x 16 and 32 x 32 matrices.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main", "synthetic_checkpoint"]

SECONDS, GIGABYTES, LAYER_SECONDS = 2.0, 0.6, 0.02
REPEATS = 5


def synthetic_checkpoint(
    path: str | os.PathLike[str],
    *,
    layers: int = 64,
    channels: int = 5120,
    states: int = 16,
    rank: int = 160,
    seed: int = 0,
    dtype: str = "float32",
) -> Path:
    """Write random S6 layers in the spelling of state-spaces/mamba as one safetensors file.

    Args:
        path: the file to write.
        layers, channels, states, rank: shape of the model.
        seed: of the weights.
        dtype: how they are stored, float32 or float16.
    Returns: the path. Weights look trained: A_log near log(1..N), steps between 1e-3 and 1e-1, projections of
        size 1/sqrt(channels) with a direction shared by the rows of S_B and S_C.
    """
    from safetensors.numpy import save_file

    rng = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for layer in range(layers):
        prefix = f"backbone.layers.{layer}.mixer."
        step = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
        x_proj = rng.standard_normal((rank + 2 * states, channels), dtype=np.float32) / np.sqrt(channels)
        x_proj[rank:] += 0.3 * rng.standard_normal(channels, dtype=np.float32) / np.sqrt(channels)
        a_log = np.log(np.arange(1.0, states + 1)) + 0.1 * rng.standard_normal((channels, states))
        values = {
            "A_log": a_log,
            "D": np.ones(channels),
            "x_proj.weight": x_proj,
            "dt_proj.weight": rng.standard_normal((channels, rank), dtype=np.float32) / np.sqrt(rank),
            "dt_proj.bias": np.log(np.expm1(step)),
        }
        tensors |= {prefix + name: value.astype(dtype) for name, value in values.items()}
    save_file(tensors, path)
    return Path(path)


def _child(source: str) -> None:
    """Audit `source` and print what it took; runs in a process of its own, so that its memory is its own."""
    from s6flow.numeric.audit import audit

    start, cpu = time.perf_counter(), time.process_time()
    report = audit(source)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    fails, unknown = report.flagged("dichotomy_can_fail")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_seconds": cpu,
                "peak_gib": peak,
                "layers": len(report.layers),
                "channels": report.channels,
                "dichotomy_can_fail": fails,
                "dichotomy_undecided": unknown,
            }
        )
    )


def _measure_audit(path: Path) -> dict[str, Any]:
    """The fastest of `REPEATS` audits, each in a new process, beside what all took; the file is written out before."""
    os.sync()
    command, runs = [sys.executable, __file__, "--child", str(path)], list[dict[str, Any]]()
    for _ in range(REPEATS):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return min(runs, key=lambda run: run["seconds"]) | {"all_seconds": [run["seconds"] for run in runs]}


def _measure_matrix(path: Path) -> dict[str, Any]:
    """One layer: our signs against the D x D matrix and its eigenvalues, measured in the same run."""
    from s6flow.numeric.audit import audit_layer
    from s6flow.numeric.audit.spectrum import product_signature, symmetric_signature
    from s6flow.numeric.weights import open_checkpoint

    layer = next(open_checkpoint(str(path)).layers())
    took = []
    for _ in range(REPEATS + 1):  # the first one makes what others share
        start, cpu = time.perf_counter(), time.process_time()
        audit_layer(layer)
        took.append((time.perf_counter() - start, time.process_time() - cpu))
    product_signature(layer), symmetric_signature(layer)
    start = time.perf_counter()
    product, symmetric = product_signature(layer), symmetric_signature(layer)
    small = time.perf_counter() - start
    start = time.perf_counter()
    full = layer.S_C.T @ layer.S_B
    formed = time.perf_counter() - start
    start = time.perf_counter()
    values = np.linalg.eigvalsh((full + full.T) / 2)
    eigenvalues = time.perf_counter() - start
    tolerance = np.abs(values).max() * np.finfo(np.float64).eps * len(values)
    return {
        "channels": layer.channels,
        "in_memory_seconds": min(took[1:])[0],
        "in_memory_cpu_seconds": min(cpu for _, cpu in took[1:]),
        "audit_seconds": small,
        "full_matrix_seconds": formed,
        "full_symmetric_eigenvalues_seconds": eigenvalues,
        "ratio": (formed + eigenvalues) / small,
        "same_signs": [symmetric.positive, symmetric.negative]
        == [int((values > tolerance).sum()), int((values < -tolerance).sum())],
        "product": [product.positive, product.negative, product.zero],
        "symmetric": [symmetric.positive, symmetric.negative, symmetric.zero],
    }


def _provenance(arguments: argparse.Namespace) -> dict[str, Any]:
    from s6flow.numeric.evidence import evidence_of

    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "command": f"python benchmarks/audit.py --layers {arguments.layers} --channels {arguments.channels}",
        "code": evidence_of(Path(__file__).parent / "results" / "audit_cpu.json").digest(),
        "commit": commit.stdout.strip() or None,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cpu": model[0].split(":", 1)[1].strip() if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }


def main() -> None:
    """Run the benchmark and print ratios to what is promised and to the peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=64)
    parser.add_argument("--channels", type=int, default=5120)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--rank", type=int, default=160)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--no-matrix", action="store_true", help="leave out the D x D peer")
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child)
        return
    provenance = _provenance(arguments)
    with tempfile.TemporaryDirectory() as folder:
        shape = {key: getattr(arguments, key) for key in ("layers", "channels", "states", "rank")}
        path = synthetic_checkpoint(Path(folder) / "model.safetensors", **shape)
        result: dict[str, Any] = {"provenance": provenance, "shape": shape, "gib": path.stat().st_size / 2**30}
        result["audit"] = _measure_audit(path)
        result["layer"] = None if arguments.no_matrix else _measure_matrix(path)
    took, layer = result["audit"], result["layer"]
    print(
        f"audit: {took['seconds']:.2f} s of {SECONDS:g} ({took['seconds'] / SECONDS:.2f}), least of {REPEATS}, ", end=""
    )
    print(f"most {max(took['all_seconds']):.2f} s; ", end="")
    print(f"{took['peak_gib']:.2f} GiB of {GIGABYTES:g} ({took['peak_gib'] / GIGABYTES:.2f}); ", end="")
    print(f"{took['cpu_seconds']:.2f} s of processor time, load {provenance['load_average']:.1f} when it began")
    if layer:
        print(f"one layer in memory: {layer['in_memory_seconds'] * 1e3:.0f} ms of {LAYER_SECONDS * 1e3:g} ", end="")
        print(f"({layer['in_memory_seconds'] / LAYER_SECONDS:.2f}), least of {REPEATS}; ", end="")
        print(f"{layer['in_memory_cpu_seconds'] * 1e3:.0f} ms of processor time")
        print(f"eigenvalue signs of one layer: {layer['audit_seconds'] * 1e3:.1f} ms; by the D x D matrix ", end="")
        print(f"{layer['full_matrix_seconds'] + layer['full_symmetric_eigenvalues_seconds']:.1f} s: ", end="")
        print(f"{layer['ratio']:.0f} times as long; same signs: {layer['same_signs']}")
    if arguments.json:
        from s6flow.files import write_atomic

        write_atomic(arguments.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
