"""GPU right-hand sides against their peers, measured in the same run: of fixed steps, from memory, by size; and first calls.

python benchmarks/gpu_flow.py --out benchmarks/results/gpu_flow.json
python benchmarks/gpu_flow.py --only scaling linear --out FILE.json      measures these parts of FILE.json anew
python benchmarks/gpu_flow.py --join FILE.json... --out FILE.json      puts the parts of several runs together
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp(prefix="s6flow-cold-")  # first calls compile

import numpy as np
import torch
from gpu_cases import BATCH, NO_FLOOR, ceilings, drawn, measure, provenance, write_json
from gpu_peers import Arrays, H, attention_matrix, eager_linear, runge_kutta

from s6flow.numeric.flow.backends.triton.fixed import fixed_steps
from s6flow.numeric.flow.backends.triton.fused import Tile, flow_tensors
from s6flow.numeric.flow.backends.triton.kernels import CLOCKS
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen.module import generate

NAMES = ("mu", "a", "s", "b", "floor")
#: Layouts of a fused program, None for the one that `fixed_steps` chooses; of each length the fastest counts.
TILES: dict[int, tuple[Tile | None, ...]] = {
    128: (Tile(1, 32, 4),),
    1024: (None, Tile(1, 64, 16)),
    8192: (None,),
    65536: (None,),
}
#: Longest systems of which the attention-matrix form is run: more do not fit the memory.
MATRIX_TOKENS = 1024


#: Adaptive kernels of which the first call is timed, as the backend launches them: precision, tolerance, pair.
FIRST = (("float32", 1e-4, "RK45"), ("float32", 1e-6, "RK45"), ("float64", 1e-9, "RK45"), ("float64", 1e-10, "DOP853"))


def first_calls() -> dict[str, Any]:
    """Seconds of the first call of each adaptive kernel at L = 128 with an empty cache, nearly all of it compilation."""
    found: dict[str, Any] = {}
    for (precision, rtol, method), clock in product(FIRST, CLOCKS):
        kind = getattr(torch, precision)
        x, p = drawn(1, 64, 128, dtype=kind)
        start, aims = x.abs().log(), torch.tensor([0.0, 3.0], dtype=kind, device="cuda")
        torch.cuda.synchronize()
        begin = time.perf_counter()
        arrays = {"sigma": x.sign(), **p}
        low = None if precision == "float64" else torch.zeros_like(x)
        flow_tensors(start, arrays, aims, rtol=rtol, method=method, clock=clock, start_low=low)
        torch.cuda.synchronize()
        found[f"{method} in {clock} time, {precision}, rtol {rtol:g}"] = {"first_call_s": time.perf_counter() - begin}
    return found


def error(x: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest difference of ln|x|."""
    return float((x.double().abs().log() - exact.double().abs().log()).abs().max())


def right_hand_sides(tokens: int, special: float) -> dict[str, Any]:
    """Token right-hand sides a second inside fixed-step trajectories; turns in which fused lanes wait are in the time."""
    found: dict[str, Any] = {}
    compiled = torch.compile(eager_linear)
    runs: dict[str, tuple[int, int, Callable[..., torch.Tensor]]] = {}
    for batch in (BATCH, 4 * BATCH) if tokens > 8192 else (BATCH,):  # few systems leave lanes waiting
        for tile in TILES[tokens]:
            name = f"fused {tile.systems} x {tile.lanes} x {tile.per_lane}" if tile else "fused as chosen"
            runs[f"{name}, {batch} tokens"] = (
                batch // tokens, 1000, lambda x, p, n, tile=tile: fixed_steps(x, p, H, n, tile, NO_FLOOR),
            )  # fmt: skip
    for batch in (BATCH, BATCH // 4):  # which suits PyTorch better depends on the length
        systems = batch // tokens
        runs |= {
            f"compiled linear, {batch} tokens": (systems, 3, lambda x, p, n: runge_kutta(compiled, x, p, n)),
            f"eager linear, {batch} tokens": (systems, 2, lambda x, p, n: runge_kutta(eager_linear, x, p, n)),
        }
    matrix = tokens <= MATRIX_TOKENS
    if matrix:
        few = max(64, 2**22 // tokens // tokens * 16)
        runs["attention matrix"] = (few, 1, lambda x, p, n: runge_kutta(attention_matrix, x, p, n))
    check, params = drawn(9, 64 if matrix else 8, tokens, dtype=torch.float64)
    exact = runge_kutta(attention_matrix if matrix else eager_linear, check, params, 10)
    single = {k: v.float() for k, v in params.items()}
    for name, (batch, steps, run) in runs.items():
        try:
            cases = [drawn(seed, batch, tokens) for seed in range(3 if batch * tokens <= BATCH else 1)]
            begin = time.perf_counter()
            run(check.float(), single, 10)
            first = time.perf_counter() - begin  # most of it is compilation, where the cache is empty
            timing = measure(lambda i: run(*cases[i], steps), len(cases), repeats=5, least=0.02)  # noqa: B023
            timing["first_call_s"] = first
            timing["token_rates_per_s"] = batch * tokens * steps * 4 / timing["median_s"]
            timing["error"] = error(run(check.float(), single, 10), exact)
            found[name] = timing
        except Exception as failure:  # a peer that does not run must not hide the others
            found[name] = {"failed": repr(failure)[:300]}
        print(tokens, name, found[name], flush=True)
    speeds: dict[str, float] = {}  # of each form its best
    for name, row in found.items():
        form = name.split(",")[0] if not name.startswith("fused") else "fused"
        speeds[form] = max(speeds.get(form, 0.0), row.get("token_rates_per_s", 0.0))
    ours = speeds.pop("fused")
    found["token_rates_per_s"] = ours
    found["ratios"] = {name: ours / speed for name, speed in speeds.items() if speed}
    found["fraction_of_special_function_limit"] = ours / (special / 3)
    return found


def scaling() -> dict[str, Any]:
    """One right-hand side from memory to memory: tokens a second in L, in batch and in N, beside a copy of its tokens."""
    found: dict[str, Any] = {}
    # below 2^26 tokens the launch shows
    shapes = [(2**27 // L, L, 1) for L in (128, 1024, 8192, 65536)]
    shapes += [(2**k, 128, 1) for k in (12, 15, 18, 21)] + [(2**18, 128, n) for n in (1, 4, 16)]
    for pipeline in ("fast", "accurate"):
        rate = generate(growth_rate_program(), "triton", pipeline)
        for batch, tokens, states in dict.fromkeys(shapes if pipeline == "fast" else shapes[:4]):
            cases = [drawn(seed, batch, tokens, states) for seed in range(2)]
            calls = [(x, *(p[name] for name in NAMES)) for x, p in cases]
            timing = measure(lambda i: rate(*calls[i]), 2, repeats=5, least=0.05)  # noqa: B023
            target = torch.empty_like(cases[0][0])
            copy = measure(lambda i: target.copy_(cases[i][0]), 2, repeats=5, least=0.05)  # noqa: B023
            timing["tokens_per_s"] = batch * tokens / timing["median_s"]
            timing["copy_s"], timing["fraction_of_copy"] = copy["median_s"], copy["median_s"] / timing["median_s"]
            timing["error"] = rate_error(rate, min(batch, 2**20 // tokens), tokens, states)
            found[f"{pipeline}: batch {batch}, L {tokens}, N {states}"] = timing
            print("scaling", pipeline, batch, tokens, states, timing, flush=True)
    return found


def rate_error(rate: Any, systems: int, tokens: int, states: int) -> float:
    """Largest error of a rate, relative to it, against the same kernel in float64."""
    x, p = drawn(9, systems, tokens, states)
    exact = rate(x.double(), *(p[name].double() for name in NAMES))
    return float(((rate(x, *(p[name] for name in NAMES)).double() - exact) / exact).abs().max())


#: Steps of each call: a launch should not show.
LINEAR_STEPS = 100


def linear() -> dict[str, Any]:
    """Seconds in the length, the batch and the states, each over three decades, the others held.

    Of a fixed step in length and batch; of a right-hand side from memory in the states, of which fixed steps hold a few
    in registers. The exponent is the slope of ln seconds in ln size: 1 where the cost is linear.
    """
    axes = {
        "tokens": [(2**15, 2**k, 1) for k in (6, 8, 10, 12, 14, 16)],
        "batch": [(2**k, 128, 1) for k in (14, 16, 18, 20, 22, 24)],
        "states": [(2**19, 128, 2**k) for k in (0, 2, 4, 6, 8, 10)],
    }
    rate = generate(growth_rate_program(), "triton", "fast")
    found: dict[str, Any] = {}
    missed: dict[str, str] = {}
    for place, (axis, shapes) in enumerate((key, axes[key]) for key in ("batch", "tokens", "states")):
        rows = []
        for shape in shapes:
            x, p = _on_device(*shape)
            steps = 1 if axis == "states" else LINEAR_STEPS  # the same everywhere, as is what a call costs once
            fixed = partial(fixed_steps, x, p, H, steps, None, NO_FLOOR)
            run = partial(rate, x, *(p[name] for name in NAMES)) if axis == "states" else fixed
            size = shape[{"batch": 0, "tokens": 1, "states": 2}[axis]]
            try:
                timing = measure(lambda _: run(), 1, repeats=3)  # noqa: B023
                rows.append({"size": size, "steps": steps, "step_s": timing["median_s"] / steps})
            except Exception as failure:  # a size that does not fit must not hide the others
                missed[f"{axis} {size}"] = repr(failure)[:300]
            print("linear", axis, size, rows[-1:], flush=True)
            del x, p, fixed, run
        sizes, costs = (np.log([row[key] for row in rows]) for key in ("size", "step_s"))
        each = costs - sizes
        exponent, most = float(np.polyfit(sizes, costs, 1)[0]), float(np.exp(each.max() - each.min()))
        found[axis] = {"order": place, "rows": rows, "exponent": exponent, "dearest_over_cheapest": most}
    return {**found, "missed": missed}


def _on_device(systems: int, tokens: int, states: int) -> tuple[torch.Tensor, Arrays]:
    """Systems like `drawn`, drawn on the device: there may be 2^31 tokens."""
    torch.manual_seed(11)
    of_states, normal = (systems, states), torch.randn(2, systems, device="cuda")
    decay, size = (torch.rand(of_states, device="cuda") for _ in range(2))
    p = {"a": 0.3 * 10**decay, "mu": -(0.1 * 20**size) / states, "s": normal[0], "b": normal[1] - 1}
    return torch.randn(systems, tokens, device="cuda"), {**p, "floor": torch.zeros(systems, device="cuda")}


#: What makes each part, in this order; right-hand sides go length by length.
PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "right_hand_sides": right_hand_sides, "first_calls": first_calls, "scaling": scaling, "linear": linear,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/gpu_flow.json")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, help="measure these parts anew, into the file that is there"
    )
    parser.add_argument("--profile", action="store_true", help="only some fixed steps at L = 128, for a profiler")
    parser.add_argument(
        "--join", type=Path, nargs="+", help="results of other runs; of a part in several the last counts"
    )
    options = parser.parse_args()
    if options.join:
        whole: dict[str, Any] = {}
        for path in options.join:
            whole |= json.loads(path.read_text())
        write_json(options.out, whole)
        return
    if options.profile:
        x, p = drawn(0, BATCH // 128, 128)
        for _ in range(6):
            fixed_steps(x, p, H, 200, TILES[128][0], NO_FLOOR)
        torch.cuda.synchronize()
        return
    known = Path(options.out)
    report: dict[str, Any] = json.loads(known.read_text()) if options.only and known.exists() else {}
    limits = report["ceilings"] = ceilings()

    def save(part: str, found: dict[str, Any]) -> None:
        report[part] = {**found, "provenance": provenance()}
        write_json(options.out, {**report, "provenance": provenance()})

    for part in options.only or PARTS:
        if part == "right_hand_sides":
            found: dict[str, Any] = {}
            for tokens in TILES:
                found[f"L {tokens}"] = right_hand_sides(tokens, limits["special_functions_per_s"])
                save(part, found)
        else:
            save(part, PARTS[part]())


if __name__ == "__main__":
    main()
