"""Flows driven by mamba-ssm's CUDA kernel on every layer and channel of a checkpoint, against the theory.

python benchmarks/gpu_mamba.py --layers FILE.npz --out FILE.json
python benchmarks/gpu_mamba.py --source SOURCE --save FILE.npz      writes such a file where the source can be read
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from gpu_cases import provenance, write_json

from s6flow.numeric.flow import FlowParameters, Status, integrate, problem
from s6flow.numeric.gpu.mamba import AxisSystems, affine_axis_flow, axis_flow, axis_velocity, layer_flow, layer_velocity
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.criteria import quantity

FIELDS = ("a", "S_B", "S_C", "beta_B", "beta_C", "dt_in", "dt_out", "b", "floor")
TOKENS, LOG_HORIZON = 8, 25.0


def drawn_layers(count: int = 24, channels: int = 1536, states: int = 16, rank: int = 48) -> list[S6Layer]:
    """Weights of the shape of a 130m Mamba, drawn as its initialisation draws them."""
    rng = np.random.default_rng(130)
    layers = []
    for at in range(count):
        step = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
        bound = channels**-0.5
        layers.append(
            S6Layer(
                f"drawn-130m.layers.{at}", np.tile(np.arange(1.0, states + 1), (channels, 1)),
                rng.uniform(-bound, bound, (states, channels)), rng.uniform(-bound, bound, (states, channels)),
                np.zeros(states), np.zeros(states), rng.uniform(-bound, bound, (rank, channels)),
                rng.uniform(-(rank**-0.5), rank**-0.5, (channels, rank)), step + np.log(-np.expm1(-step)),
            )
        )  # fmt: skip
    return layers


def constants(layers: list[S6Layer]) -> np.ndarray:
    """Predicted limits of t x_l^2 (theory 8, E1), shape (channel, token); NaN where there is none."""
    mu, a, b = (np.concatenate([getattr(x, k) for x in layers]) for k in ("mu_n", "a", "b"))
    constant, share = generate(quantity("decay_constant")), generate(quantity("share_after"))
    phi, out = np.zeros_like(mu), []
    for _ in range(TOKENS):
        values = {"phi": phi, "mu": mu, "a": a, "b": b, "floor": np.zeros(len(b))}
        out.append(constant(*(values[k] for k in constant.inputs)))
        phi = share(*(values[k] for k in share.inputs))
    found = np.stack(out, axis=1)
    return np.where((mu.sum(axis=1) < 0)[:, None] & (found > 0), found, np.nan)


def bilinear(layers: list[S6Layer], seed: int) -> dict[str, Any]:
    """Every channel from tokens of one sign: fate by the sign of mu and of s x, constants, blow-up times."""
    device = torch.device("cuda")
    systems = AxisSystems.of(layers, device)
    channels = len(systems.layer)
    rng = np.random.default_rng(seed)
    x0 = rng.choice([-1.0, 1.0], (channels, 1)) * np.exp(rng.uniform(-1, 1, (channels, TOKENS)))
    begin = time.perf_counter()
    index = torch.arange(channels, device=device)
    ends = axis_flow(systems, torch.as_tensor(x0, device=device), index, log_horizon=LOG_HORIZON, max_steps=600)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    status = ends.status.cpu().numpy()
    mu, a, s, b = (np.concatenate([getattr(x, k) for x in layers]) for k in ("mu_n", "a", "s", "b"))
    fast = (mu.sum(axis=1) > 0) & (s * x0[:, 0] > 0)
    predicted = np.where(mu.sum(axis=1) < 0, "convergent", np.where(fast, "fast", "slow"))
    names = np.array([code.name for code in Status])[status]
    moved = (ends.pace[:, 0] < 0).cpu().numpy()
    observed = np.where(names == "HORIZON", np.where(moved, "shrinking", "growing"), names)
    pairs, counts = np.unique(np.stack([predicted, observed]), axis=1, return_counts=True)
    u, log_t = ends.state.cpu().numpy(), ends.log_time.cpu().numpy()
    limit = constants(layers)
    settled = np.isfinite(limit) & (status == Status.HORIZON)[:, None]
    over = np.exp(log_t[:, None] + 2 * u) / limit
    ratio, first = over[settled], over[:, 0][settled[:, 0]]
    problem.BACKENDS["triton"] = "s6flow.numeric.gpu.flow:solve"
    fused = integrate(x0, FlowParameters(mu, a, s, b), log_horizon=LOG_HORIZON, rtol=1e-8, backend="triton")
    both = (status == Status.BLOW_UP) & (fused.status == Status.BLOW_UP)
    T = np.logaddexp(log_t, ends.log_remaining.cpu().numpy())
    difference = np.abs(T - fused.log_blow_up_time)[both]
    return {
        "channels": channels,
        "tokens": TOKENS,
        "log_horizon": LOG_HORIZON,
        "seconds": seconds,
        "predicted_observed": {
            f"{p} -> {o}": int(n) for (p, o), n in zip(pairs.T.tolist(), counts.tolist(), strict=True)
        },
        "same_status_as_fused_float64": float((status == fused.status).mean()),
        "t_x2_over_predicted": {str(q): float(np.quantile(ratio, q)) for q in (0.01, 0.1, 0.5, 0.9, 0.99)}
        if ratio.size
        else {},
        "first_token_t_x2_over_predicted": {str(q): float(np.quantile(first, q)) for q in (0.01, 0.5, 0.99)}
        if first.size
        else {},
        "within_1_percent": float((np.abs(ratio - 1) < 0.01).mean()) if ratio.size else None,
        "constants_compared": int(ratio.size),
        "blow_ups_compared": int(both.sum()),
        "error_log_blow_up_time": {str(q): float(np.quantile(difference, q)) for q in (0.5, 0.99, 1.0)}
        if both.any()
        else {},
        "mean_steps": float(ends.steps.double().mean()),
    }


def affine(layers: list[S6Layer], seed: int) -> dict[str, Any]:
    """Channels with projection biases, token 1 alone: does the run end at 0, at a root of its phase line, or escape?"""
    device = torch.device("cuda")
    systems = AxisSystems.of(layers, device)
    channels = len(systems.layer)
    rng = np.random.default_rng(seed)
    x0 = rng.choice([-1.0, 1.0], (channels, 1)) * np.exp(rng.uniform(-1, 1, (channels, 1)))
    ends = affine_axis_flow(
        systems,
        torch.as_tensor(x0, device=device),
        torch.arange(channels, device=device),
        log_horizon=20.0,
        max_steps=500,
    )
    arrays = {k: getattr(systems, k).double().cpu().numpy() for k in ("S_B", "S_C", "beta_B", "beta_C")}
    coefficients = []
    for name in ("phase_mu", "phase_nu", "phase_lambda"):
        program = generate(quantity(name))
        coefficients.append(program(*(arrays[k] for k in program.inputs)))
    x = np.sinh(ends.state.cpu().numpy()[:, 0])
    status = ends.status.cpu().numpy()
    outcome = []
    for at, (mu, nu, lam) in enumerate(zip(*coefficients, strict=True)):
        roots = [r.real for r in np.roots([mu, nu, lam]) if abs(r.imag) < 1e-9]
        ahead = sorted(
            r for r in [0.0, *roots] if (mu * x0[at, 0] ** 2 + nu * x0[at, 0] + lam) * x0[at, 0] * (r - x0[at, 0]) > 0
        )
        aim = min(ahead, key=lambda r: abs(r - x0[at, 0])) if ahead else np.inf
        if np.isfinite(aim):
            reached = abs(x[at] - aim) < 1e-2 * max(1.0, abs(aim)) or abs(x[at] - aim) < abs(x0[at, 0] - aim)
            outcome.append(
                ("zero" if aim == 0 else "root") + (" approached" if reached and status[at] != 1 else " MISSED")
            )
        else:
            outcome.append("escape" + (" seen" if abs(x[at]) > abs(x0[at, 0]) else " MISSED"))
    words, counts = np.unique(outcome, return_counts=True)
    return {"channels": channels, "outcomes": dict(zip(words.tolist(), counts.tolist(), strict=True))}


def whole_layers(layers: list[S6Layer], seed: int, starts: int = 32) -> list[dict[str, Any]]:
    """D-dimensional flows from random token states: what fraction converges, diverges or settles elsewhere."""
    rng, found = np.random.default_rng(seed), []
    for layer in layers[:: max(1, len(layers) - 1)][:2]:
        x0 = torch.as_tensor(rng.standard_normal((starts, TOKENS, layer.channels)), device="cuda")
        begin = time.perf_counter()
        ends = layer_flow(layer, x0, log_horizon=15.0, max_steps=250)
        size, pace = torch.sinh(ends.state).abs().amax(1), ends.pace.abs().amax(1)
        blown = ends.status == int(Status.BLOW_UP)
        still = ~blown & (pace < 1e-3)
        gone = ~blown & (size < 1e-2)
        axis = torch.zeros((4, TOKENS, layer.channels), device="cuda")
        axis[:, :, 0] = x0[:4, :, 0].float()
        y = layer_velocity(layer, axis)
        found.append(
            {
                "layer": layer.name,
                "starts": starts,
                "converged": float(gone.double().mean()),
                "blew_up": float(blown.double().mean()),
                "settled_elsewhere": float((still & ~gone).double().mean()),
                "undecided": float((~blown & ~still & ~gone).double().mean()),
                "status_counts": torch.bincount(ends.status, minlength=5).tolist(),
                "velocity_off_axis": float(y[:, :, 1:].abs().max() / y[:, :, 0].abs().max().clamp(min=1e-30)),
                "seconds": time.perf_counter() - begin,
            }
        )
    return found


def check_axis(layers: list[S6Layer]) -> float:
    """Largest relative difference between one channel's velocity on the whole layer and on its own axis."""
    layer, rng = layers[0], np.random.default_rng(5)
    systems = AxisSystems.of([layer], torch.device("cuda"))
    index = torch.arange(min(8, layer.channels), device="cuda")
    x = torch.as_tensor(rng.standard_normal((len(index), TOKENS)), dtype=torch.float32, device="cuda")
    on_axis = axis_velocity(systems, x, index)
    tokens = torch.zeros((len(index), TOKENS, layer.channels), device="cuda")
    tokens[torch.arange(len(index)), :, index] = x
    whole = layer_velocity(layer, tokens)[torch.arange(len(index)), :, index]
    return float((on_axis - whole).abs().max() / whole.abs().max())


def read(path: str) -> list[S6Layer]:
    """Layers from a file of --save."""
    stored = np.load(path)
    names = sorted({key.split("|")[0] for key in stored})
    return [
        S6Layer(name, *(float(stored[f"{name}|{k}"]) if k == "floor" else stored[f"{name}|{k}"] for k in FIELDS))
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source")
    parser.add_argument("--save")
    parser.add_argument("--layers", action="append", default=[])
    parser.add_argument("--out", default="benchmarks/results/gpu_mamba_h200.json")
    options = parser.parse_args()
    if options.source:
        from s6flow.numeric.weights import open_checkpoint

        layers = list(open_checkpoint(options.source).layers())
        np.savez_compressed(options.save, **{f"{x.name}|{k}": getattr(x, k) for x in layers for k in FIELDS})
        print(len(layers), "layers,", sum(x.channels for x in layers), "channels, affine:", [x.affine for x in layers])
        return
    report: dict[str, Any] = {}
    for label, layers in [
        ("drawn-130m", drawn_layers()),
        *((path.split("/")[-1], read(path)) for path in options.layers),
    ]:
        by_states = {x.states for x in layers}
        assert len(by_states) == 1, "the layers of a file have equally many states"
        report[label] = {"layers": len(layers), "axis_against_whole_layer": check_axis(layers)}
        report[label] |= {"axis_flow": (affine if any(x.affine for x in layers) else bilinear)(layers, 1)}
        print(label, report[label], flush=True)
        report[label]["whole_layers"] = whole_layers(layers, 2)
        print(report[label]["whole_layers"], flush=True)
        write_json(options.out, {**report, "provenance": provenance()})


if __name__ == "__main__":
    main()
