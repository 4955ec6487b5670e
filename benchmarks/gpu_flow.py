"""GPU flows against their peers, measured in the same run: right-hand sides, whole ensembles, scaling.

python benchmarks/gpu_flow.py --out benchmarks/results/gpu_h100.json
python benchmarks/gpu_flow.py --scaling --out FILE.json      measures this part of FILE.json anew
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np
import torch
from gpu_cases import ceilings, measure, mild_systems, provenance, write_json

from s6flow.numeric.gpu.fixed import fixed_steps
from s6flow.numeric.gpu.flow import Tile, flow_tensors
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.coordinates import growth_rate_program

NAMES = ("mu", "a", "s", "b", "floor")
NO_FLOOR = frozenset({"floor"})
H, TIME = 0.01, 100.0
PEERS = ("torchdiffeq", "torchdiffeq compiled", "torchode", "diffrax")
#: Largest error of ln|x| that a peer may make anywhere.
SOUND = 0.1
Arrays = dict[str, torch.Tensor]


def drawn(
    seed: int, systems: int, tokens: int, states: int = 1, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, Arrays]:
    """Convergent systems of the size that layers have, on the device."""
    sent = {k: torch.as_tensor(v).to("cuda", dtype) for k, v in mild_systems(seed, systems, tokens, states).items()}
    return sent.pop("x"), sent


def attention_matrix(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """x_l' as the paper writes it: sum over j <= l of P_{lj} x_j, the L x L matrix formed."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    total = torch.cumsum(step, 1)
    decay = torch.exp(-p["a"][:, :, None] * (total[:, :, None] - total[:, None, :]).clamp(min=0.0))
    matrix = p["mu"][:, :, None] * x[:, :, None] * x[:, None, :] * step[:, None, :] * decay
    return (torch.tril(matrix) @ x[:, :, None])[..., 0]


def eager_linear(x: torch.Tensor, p: Arrays) -> torch.Tensor:
    """The same in O(L): f_l = e^{-A_l} sum_{j <= l} e^{A_j} mu x_j^2 Delta_j by logcumsumexp (one state)."""
    step = torch.nn.functional.softplus(p["s"][:, None] * x + p["b"][:, None])
    decay = torch.cumsum(p["a"] * step, 1)
    terms = 2 * torch.log(x.abs()) + torch.log(step) + decay
    return x * p["mu"] * torch.exp(torch.logcumsumexp(terms, 1) - decay)


def runge_kutta(
    velocity: Callable[[torch.Tensor, Arrays], torch.Tensor], x: torch.Tensor, p: Arrays, steps: int
) -> torch.Tensor:
    """Classical steps of length H: the same method and step as the kernel, so the same error."""
    for _ in range(steps):
        k1 = velocity(x, p)
        k2 = velocity(x + H / 2 * k1, p)
        k3 = velocity(x + H / 2 * k2, p)
        x = x + H / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(x + H * k3, p))
    return x


def error(x: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest difference of ln|x|."""
    return float((x.double().abs().log() - exact.double().abs().log()).abs().max())


def right_hand_sides(tokens: int, tile: Tile, special: float) -> dict[str, Any]:
    """Token right-hand sides a second inside fixed-step trajectories."""
    found: dict[str, Any] = {}
    compiled = torch.compile(eager_linear)
    systems = 65536 * 128 // tokens
    runs: dict[str, tuple[int, int, Callable[..., torch.Tensor]]] = {
        "fused": (systems, 100, lambda x, p, n: fixed_steps(x, p, H, n, tile, NO_FLOOR)),
        "compiled linear": (systems, 3, lambda x, p, n: runge_kutta(compiled, x, p, n)),
        "eager linear": (systems, 2, lambda x, p, n: runge_kutta(eager_linear, x, p, n)),
        "attention matrix": (
            max(64, 2**22 // tokens // tokens * 16),
            1,
            lambda x, p, n: runge_kutta(attention_matrix, x, p, n),
        ),
    }
    check, params = drawn(9, 64, tokens, dtype=torch.float64)
    exact = runge_kutta(attention_matrix, check, params, 10)
    single = {k: v.float() for k, v in params.items()}
    for name, (batch, steps, run) in runs.items():
        try:
            cases = [drawn(seed, batch, tokens) for seed in range(3)]
            timing = measure(lambda i: run(*cases[i], steps), 3, repeats=5, least=0.02)  # noqa: B023
            timing["token_rates_per_s"] = batch * tokens * steps * 4 / timing["median_s"]
            timing["error"] = error(run(check.float(), single, 10), exact)
            found[name] = timing
        except Exception as failure:  # a peer that does not run must not hide the others
            found[name] = {"failed": repr(failure)[:300]}
        print(tokens, name, found[name], flush=True)
    ours = found["fused"]["token_rates_per_s"]
    found["ratios"] = {k: ours / v["token_rates_per_s"] for k, v in found.items() if "token_rates_per_s" in v}
    found["fraction_of_special_function_limit"] = ours / (special / 3)
    return found


def ensemble(save: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """65,536 systems x 128 tokens to t = 100, adaptive, every solver at the loosest tolerance that is as exact as ours."""
    systems, tokens = 65536, 128
    x, p = drawn(0, systems, tokens)
    wide = {k: v.double() for k, v in p.items()}

    def ours(x: torch.Tensor, p: Arrays, rtol: float, method: str) -> torch.Tensor:
        aims = torch.tensor([np.log(TIME)], dtype=x.dtype, device="cuda")
        arrays = {**p, "sigma": torch.sign(x)}
        return flow_tensors(x.abs().log(), arrays, aims, rtol=rtol, method=method, zero=NO_FLOOR, max_steps=2000).end

    some = slice(0, 4096)
    exact = ours(x[some].double(), {k: v[some] for k, v in wide.items()}, 1e-10, "RK45")
    found: dict[str, Any] = {"systems": systems, "tokens": tokens, "horizon_t": TIME}
    cases = [drawn(seed, systems, tokens) for seed in range(2)]
    for rtol in (1e-3, 1e-4, 1e-5):
        timing = measure(lambda i: ours(*cases[i], rtol, "RK45"), 2, repeats=5)  # noqa: B023
        difference = (ours(x, p, rtol, "RK45")[some].double() - exact).abs()
        timing |= {"error": float(difference.max()), "mean_error": float(difference.mean())}
        found[f"fused RK45 {rtol:g}"] = timing
        print("fused", rtol, timing, flush=True)
    for name, peer, tolerances in (
        ("torchdiffeq", torchdiffeq_run, (1e-4, 1e-5)),
        ("torchdiffeq compiled", torchdiffeq_compiled, (1e-5,)),
        ("torchode", torchode_run, (1e-4, 1e-5)),
        ("diffrax", diffrax_run, (1e-5,)),  # last: XLA may compile for minutes
    ):
        for rtol in tolerances:
            found[f"{name} {rtol:g}"] = {"failed": "did not finish within the run"}
            save({**found, **compared(found)})
            try:
                timing = peer(cases, rtol)
                end = timing.pop("end")
                difference = (end[some].double().abs().log() - exact).abs()
                timing |= {"error": float(difference.max()), "mean_error": float(difference.mean())}
            except Exception as failure:
                timing = {"failed": repr(failure)[:300]}
            found[f"{name} {rtol:g}"] = timing
            print(name, rtol, timing, flush=True)
            save({**found, **compared(found)})
    return {**found, **compared(found)}


def compared(found: dict[str, Any]) -> dict[str, Any]:
    """The ratios, and why a peer has none: a run that misses some of its ends by far is no yardstick."""
    best, why = ratios(found), {}
    for key, row in found.items():
        name = key.rsplit(" ", 1)[0]
        if name in PEERS and name not in best:
            why[name] = row.get("failed") or f"ln|x| is off by up to {row['error']:.1f}"
    return {"ratios at no larger mean error": best, "not compared": why}


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Their time over ours, for the fastest of ours that is as exact; of their tolerances the one that favours them."""
    best: dict[str, float] = {}
    mine = [row for key, row in found.items() if key.startswith("fused")]
    for name in PEERS:
        runs = [row for key, row in found.items() if key.rsplit(" ", 1)[0] == name and row.get("error", np.nan) < SOUND]
        pairs = [
            max(
                (row["median_s"] / own["median_s"] for own in mine if own["mean_error"] <= row["mean_error"]),
                default=0.0,
            )
            for row in runs
        ]
        if pairs:
            best[name] = min(pairs)
    return best


def _torchdiffeq(cases: Any, rtol: float, velocity: Callable[[torch.Tensor, Arrays], torch.Tensor]) -> dict[str, Any]:
    from torchdiffeq import odeint

    times = torch.tensor([0.0, TIME], device="cuda")
    kept: list[torch.Tensor] = []

    def run(index: int) -> None:
        x, p = cases[index]
        kept[:] = [odeint(lambda t, y: velocity(y, p), x, times, rtol=rtol, atol=rtol * 1e-2, method="dopri5")[-1]]

    with torch.no_grad():
        timing: dict[str, Any] = measure(run, 1, repeats=2, least=0.0)
    run(0)
    return {**timing, "end": kept[0]}


def torchdiffeq_run(cases: Any, rtol: float) -> dict[str, Any]:
    """torchdiffeq's dopri5 on the eager linear form; the batch shares one step."""
    return _torchdiffeq(cases, rtol, eager_linear)


def torchdiffeq_compiled(cases: Any, rtol: float) -> dict[str, Any]:
    """The same on the compiled linear form."""
    return _torchdiffeq(cases, rtol, torch.compile(eager_linear))


def diffrax_run(cases: Any, rtol: float) -> dict[str, Any]:
    """diffrax's Dopri5 under vmap and jit, every system with its own step, the scan by lax.associative_scan."""
    import time

    import diffrax
    import jax
    import jax.numpy as jnp

    def velocity(t: Any, x: Any, p: Any) -> Any:
        mu, a, s, b = p
        step = jax.nn.softplus(s * x + b)
        gate, increment = jnp.exp(-a * step), mu * x**2 * step
        _, f = jax.lax.associative_scan(lambda l, r: (l[0] * r[0], r[0] * l[1] + r[1]), (gate, increment))
        return x * f

    def solve(x: Any, p: Any) -> Any:
        control = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2)
        term, method = diffrax.ODETerm(velocity), diffrax.Dopri5()
        return diffrax.diffeqsolve(
            term, method, 0.0, TIME, 0.05, x, args=p, stepsize_controller=control, max_steps=4096, throw=False
        ).ys[-1]

    run = jax.jit(jax.vmap(solve))
    inputs = []
    for x, p in cases:
        inputs.append(
            (
                jnp.asarray(x.cpu().numpy()),
                tuple(jnp.asarray(p[k].reshape(-1).cpu().numpy()) for k in ("mu", "a", "s", "b")),
            )
        )
    end = run(*inputs[0]).block_until_ready()
    seconds = []
    for index in (1, 0, 1):
        begin = time.perf_counter()
        run(*inputs[index]).block_until_ready()
        seconds.append(time.perf_counter() - begin)
    timing = {"median_s": float(np.median(seconds)), "least_s": min(seconds), "most_s": max(seconds), "repeats": 3}
    return {**timing, "end": torch.as_tensor(np.array(end)).cuda()}


def torchode_run(cases: Any, rtol: float) -> dict[str, Any]:
    """torchode's Dopri5 on the eager linear form, every system with its own step."""
    import torchode

    kept: list[torch.Tensor] = []

    def run(index: int) -> None:
        x, p = cases[index]
        term = torchode.ODETerm(lambda t, y: eager_linear(y, p))
        control = torchode.IntegralController(atol=rtol * 1e-2, rtol=rtol, term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control)
        times = torch.tensor([0.0, TIME], device="cuda").expand(len(x), 2)
        kept[:] = [solver.solve(torchode.InitialValueProblem(y0=x, t_eval=times)).ys[:, -1]]

    with torch.no_grad():
        timing: dict[str, Any] = measure(run, 1, repeats=2, least=0.0)
    run(0)
    return {**timing, "end": kept[0]}


def scaling() -> dict[str, Any]:
    """One right-hand side from memory to memory: tokens a second in L, in batch and in N."""
    rate = generate(growth_rate_program(), "triton")
    found = {}
    # below 2^26 tokens the launch shows: the host needs some 0.2 ms a call
    shapes = [(2**27 // L, L, 1) for L in (128, 1024, 8192, 65536)]
    shapes += [(2**k, 128, 1) for k in (12, 15, 18, 21)] + [(2**18, 128, n) for n in (1, 4, 16)]
    for batch, tokens, states in dict.fromkeys(shapes):
        cases = [drawn(seed, batch, tokens, states) for seed in range(2)]
        calls = [(x, *(p[name] for name in NAMES)) for x, p in cases]
        timing = measure(lambda i: rate(*calls[i]), 2, repeats=5)  # noqa: B023
        timing["tokens_per_s"] = batch * tokens / timing["median_s"]
        found[f"batch {batch}, L {tokens}, N {states}"] = timing
        print("scaling", batch, tokens, states, timing["tokens_per_s"], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/gpu_h100.json")
    parser.add_argument(
        "--scaling", action="store_true", help="measure only how costs grow, into the file that is there"
    )
    options = parser.parse_args()
    if options.scaling:
        known = json.loads(Path(options.out).read_text())
        write_json(options.out, {**known, "scaling": {**scaling(), "provenance": provenance()}})
        return
    limits = ceilings()
    report: dict[str, Any] = {"ceilings": limits, "right_hand_sides": {}}

    def save() -> None:
        write_json(options.out, {**report, "provenance": provenance()})

    for tokens, tile in ((128, Tile(4, 8, 16)), (1024, Tile(1, 64, 16))):
        found = right_hand_sides(tokens, tile, limits["special_functions_per_s"])
        report["right_hand_sides"][f"L {tokens}"] = found
        save()
    report["scaling"] = scaling()
    save()

    def keep(found: dict[str, Any]) -> None:
        report["ensemble"] = found
        save()

    keep(ensemble(keep))


if __name__ == "__main__":
    main()
