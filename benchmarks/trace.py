"""A trace against the plain forward pass of the same network, in one run: 24 drawn layers of the 130m shape.

python benchmarks/trace.py [--device cuda] [--layers N] --out benchmarks/results/trace_DEVICE.json
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_cases import provenance, write_json
from torch import nn

from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.trace import trace

WIDTH, TOKENS, VOCABULARY, REPEATS = 768, 2048, 512, 3


def networks(layers: int) -> dict[str, nn.Module]:
    """Hugging Face's Mamba, and the project's own stack, whose scan is mamba-ssm's kernel where that is installed."""
    import transformers

    torch.manual_seed(130)
    shape = transformers.MambaConfig(
        hidden_size=WIDTH, num_hidden_layers=layers, state_size=16, vocab_size=VOCABULARY, use_cache=False
    )
    return {
        "S6Stack": S6Stack(ModelConfig(width=WIDTH, layers=layers), vocabulary=VOCABULARY).eval(),
        "Hugging Face": transformers.MambaForCausalLM(shape).eval(),
    }


def timed(run: Callable[[], Any], device: str) -> dict[str, float]:
    """Seconds of the first call, which compiles and warms up, and the median and spread of those after it."""
    seconds = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    rest = seconds[1:]
    return {"first_s": seconds[0], "median_s": statistics.median(rest), "least_s": min(rest), "most_s": max(rest)}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name, network in networks(options.layers).items():
        network.to(options.device)
        ids = torch.randint(VOCABULARY, (1, TOKENS), generator=torch.Generator().manual_seed(1))
        sent = ids.to(options.device)
        plain = timed(lambda run=network, ids=sent: run(ids), options.device)
        traced = timed(lambda run=network, ids=ids: trace(run, ids, device=options.device), options.device)
        found[name] = {
            "forward": plain,
            "trace": traced,
            "times_forward": traced["median_s"] / plain["median_s"],
            "peak_resident_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        if options.device == "cuda":
            found[name]["peak_device_MiB"] = torch.cuda.max_memory_allocated() / 2**20
            torch.cuda.reset_peak_memory_stats()
        print(name, found[name], flush=True)
    write_json(
        options.out,
        {"layers": options.layers, "width": WIDTH, "tokens": TOKENS, "runs": found, "provenance": provenance()},
    )


if __name__ == "__main__":
    main()
