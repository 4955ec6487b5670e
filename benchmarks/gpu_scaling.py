"""One ensemble on one GPU and on all of them, measured in the same run: how much of a GPU each further one is worth.

torchrun --standalone --nproc-per-node 2 benchmarks/gpu_scaling.py --out benchmarks/results/gpu_scaling.json

`--device cpu` tries it out, with few systems and NumPy in place of the kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from gpu_cases import mild_systems, provenance, write_json

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.numeric.ranks import on_ranks, ranks, share_of_rank

#: Tolerance of every run, and repeats of which the median counts.
RTOL, REPEATS = 1e-4, 5


def seconds(run: Callable[[], Any], mine: bool, synchronize: Callable[[], None]) -> float:
    """Seconds until the last of the ranks that take part is done; the others wait."""
    taken = []
    for repeat in range(REPEATS + 1):  # the first is to warm up
        synchronize()
        dist.barrier()
        begin = time.perf_counter()
        if mine:
            run()
            synchronize()
        own = torch.tensor([time.perf_counter() - begin if mine else 0.0], dtype=torch.float64)
        dist.all_reduce(own, dist.ReduceOp.MAX)
        if repeat:
            taken.append(float(own))
    return statistics.median(taken)


def compared(alone: Callable[[], Any], share: Callable[[], Any], synchronize: Callable[[], None]) -> dict[str, Any]:
    """The whole on each rank in turn, then all shares at once; efficiency against the mean of the ranks alone."""
    rank, size = ranks()
    single = [seconds(alone, rank == one, synchronize) for one in range(size)]
    together = seconds(share, True, synchronize)
    mean = statistics.mean(single)
    return {
        "one_rank_s": single,
        "all_ranks_s": together,
        "ranks": size,
        "speed_up": mean / together,
        "efficiency": mean / together / size,
    }


def on_device(fate: str, systems: int, tokens: int) -> dict[str, Any]:
    """Kernels alone: tensors on the device, each rank's share strided."""
    from gpu_fates import Batch, fate_systems

    x, p = fate_systems(fate, systems, tokens)
    share = share_of_rank()
    batches = [Batch(x, p), Batch(x[share].contiguous(), {k: v[share].contiguous() for k, v in p.items()})]
    alone, own = (partial(batch.run, RTOL) for batch in batches)
    found = compared(alone, own, torch.cuda.synchronize)
    same = torch.equal(alone()[0][share], own()[0])
    return {**found, "systems": systems, "tokens": tokens, "same_ends": same}


def by_integrate(systems: int, tokens: int, backend: Any, synchronize: Callable[[], None]) -> dict[str, Any]:
    """`integrate` from NumPy to NumPy: each rank keeps its share, or all ranks get the whole."""
    data = mild_systems(5, systems, tokens)
    x0 = data.pop("x")
    own = share_of_rank()

    def run(rows: slice, solver: Any) -> Any:
        params = FlowParameters(**{k: v[rows] for k, v in data.items()})
        return integrate(x0[rows], params, times=[100.0], rtol=RTOL, backend=solver)

    alone = partial(run, slice(None), backend)
    apart = compared(alone, partial(run, own, backend), synchronize)
    gathered = seconds(partial(run, slice(None), on_ranks(backend)), True, synchronize)
    whole, shared = alone(), run(slice(None), on_ranks(backend))
    worst = float(np.abs(whole.final_log_abs - shared.final_log_abs).max())
    found = {"gathered_s": gathered, "gathered_speed_up": statistics.mean(apart["one_rank_s"]) / gathered}
    return {**apart, **found, "systems": systems, "tokens": tokens, "largest_difference": worst}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/gpu_scaling.json")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    rank, size = ranks()
    dist.init_process_group("gloo", rank=rank, world_size=size, **({} if size > 1 else {"store": dist.HashStore()}))
    report: dict[str, Any] = {}

    def save(name: str, found: dict[str, Any]) -> None:
        report[name] = found
        if rank == 0:
            print(name, json.dumps(found), flush=True)
            write_json(options.out, {**report, "provenance": provenance()})

    if options.device == "cpu":
        torch.set_num_threads(1)
        save("integrate", by_integrate(64, 8, "numpy", lambda: None))
    else:
        from s6flow.numeric.flow.backends.triton.backend import solve

        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        for fate in ("converging", "mixed"):
            save(fate, on_device(fate, 2**18, 128))
        save("integrate", by_integrate(2**15, 128, partial(solve, precision="float32"), torch.cuda.synchronize))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
