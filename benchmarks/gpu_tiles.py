"""Which layout of a program is fastest: systems x lanes x tokens a lane, for fixed steps and for adaptive pairs.

python benchmarks/gpu_tiles.py --out FILE.json
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import os
from typing import Any

import numpy as np
from gpu_cases import ceilings, measure, mild_systems, provenance, write_json

STEPS = 500
NO_FLOOR = frozenset({"floor"})
#: (tokens, systems, lanes, per_lane)
FIXED = [
    (128, 1, 32, 4), (128, 2, 16, 8), (128, 4, 8, 16), (128, 8, 8, 16), (128, 8, 4, 32),
    (1024, 1, 128, 8), (1024, 1, 64, 16), (1024, 1, 32, 32), (1024, 2, 32, 32),
]  # fmt: skip
#: (precision, method, rtol, tokens) -> layouts, each systems x lanes x tokens a lane; in work time and in log time.
LAYOUTS = {
    ("float32", "RK23", 1e-5, 128): [(1, 32, 4)],
    ("float32", "RK45", 1e-5, 128): [(1, 32, 4), (2, 16, 8)],
    ("float32", "DOP853", 1e-5, 128): [(1, 32, 4)],
    ("float32", "RK45", 1e-5, 256): [(1, 64, 4), (1, 32, 8)],
    ("float32", "RK45", 1e-5, 1024): [(1, 256, 4), (1, 128, 8)],
    ("float64", "RK45", 1e-5, 32): [(1, 32, 1), (2, 16, 2)],
    ("float64", "RK45", 1e-5, 128): [(1, 128, 1), (1, 64, 2), (1, 32, 4)],
    ("float64", "DOP853", 1e-10, 128): [(1, 128, 1), (1, 64, 2), (1, 32, 4)],
}  # fmt: skip
ADAPTIVE = [(clock, *case, *shape) for clock in ("work", "log") for case, shapes in LAYOUTS.items() for shape in shapes]
BATCH_TOKENS = 65536 * 128


def tensors(seed: int, systems: int, tokens: int, precision: str, sign: float = -1.0) -> tuple[Any, dict[str, Any]]:
    import torch

    drawn = mild_systems(seed, systems, tokens, sign=sign)
    sent = {k: torch.as_tensor(v, dtype=getattr(torch, precision), device="cuda") for k, v in drawn.items()}
    return sent.pop("x"), sent


def fixed(case: tuple[int, ...], once: bool) -> dict[str, Any]:
    from s6flow.numeric.flow.backends.triton.fixed import fixed_steps
    from s6flow.numeric.flow.backends.triton.fused import Tile

    tokens, *shape = case
    batch = BATCH_TOKENS // tokens
    cases = [tensors(seed, 64 if once else batch, tokens, "float32") for seed in range(1 if once else 3)]

    def run(index: int) -> None:
        x, arrays = cases[index]
        fixed_steps(x, arrays, 0.01, 2 if once else STEPS, Tile(*shape), NO_FLOOR)

    if once:
        run(0)
        return {}
    timing = measure(run, len(cases), repeats=5)
    timing["token_rates_per_s"] = BATCH_TOKENS * STEPS * 4 / timing["median_s"]
    return timing


def adaptive(case: tuple[Any, ...], once: bool) -> dict[str, Any]:
    import torch

    from s6flow.numeric.flow.backends.triton.fused import Tile, flow_tensors, tile_of
    from s6flow.numeric.flow.tableau import pair

    clock, precision, method, rtol, tokens, *shape = case
    batch = 64 if once else BATCH_TOKENS // tokens
    cases = []
    for seed in range(1 if once else 2):
        x, arrays = tensors(seed, batch, tokens, precision)
        cases.append((torch.zeros_like(x), {**arrays, "sigma": x}))
    aims = torch.tensor([np.log(100.0)], dtype=getattr(torch, precision), device="cuda")
    kept: list[Any] = []

    def run(index: int) -> None:
        options: dict[str, Any] = {"rtol": rtol, "method": method, "clock": clock, "zero": NO_FLOOR, "moving": True}
        kept[:] = [flow_tensors(*cases[index], aims, tile=Tile(*shape), **options)]

    if once:
        run(0)
        return {}
    timing = measure(run, len(cases), repeats=5, least=0.0)
    attempts = kept[0].counts[:, 2].double()
    timing["mean_attempts"] = attempts.mean().item()
    timing["most_attempts"] = attempts.max().item()
    timing["systems_per_s"] = batch / timing["median_s"]
    timing["reached"] = (kept[0].counts[:, 0] == 0).double().mean().item()
    timing["chosen"] = Tile(*shape) == tile_of(tokens, precision)
    timing["token_rates_per_s"] = tokens * attempts.sum().item() * pair(method).evaluations / timing["median_s"]
    return timing


def compile_one(task: tuple[str, tuple[Any, ...]]) -> str:
    kind, case = task
    (fixed if kind == "fixed" else adaptive)(case, True)
    return f"{kind} {case}"


def warm(tasks: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Fill Triton's cache from several processes: one kernel takes seconds to compile."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for future in concurrent.futures.as_completed([pool.submit(compile_one, task) for task in tasks]):
            print("compiled", future.result() if not future.exception() else repr(future.exception())[:300], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/gpu_tiles.json")
    parser.add_argument("--compile", action="store_true", help="only fill the cache of compiled kernels")
    options = parser.parse_args()
    tasks: list[tuple[str, tuple[Any, ...]]] = [("fixed", c) for c in FIXED] + [("adaptive", c) for c in ADAPTIVE]
    warm(tasks)
    if options.compile:
        return
    report: dict[str, Any] = {"ceilings": ceilings()}
    print(report, flush=True)
    for kind, case in tasks:
        label = " ".join(map(str, (kind, *case)))
        try:
            report[label] = (fixed if kind == "fixed" else adaptive)(case, False)
        except Exception as error:  # one layout that cannot run must not hide the others
            report[label] = {"failed": repr(error)[:300]}
        print(label, report[label], flush=True)
        write_json(options.out, {"cases": report, "provenance": provenance()})


if __name__ == "__main__":
    main()
