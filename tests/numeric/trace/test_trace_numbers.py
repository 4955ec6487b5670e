"""Every number of a trace against a recomputation that keeps everything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from s6flow.numeric.trace import NUMBERS, fitted, trace  # noqa: E402
from s6flow.numeric.trace.gates import ROUNDED, count_from, least_ones, rounding_sums  # noqa: E402
from s6flow.numeric.trace.measure import doubled, in_turn  # noqa: E402
from tests.numeric.trace.trace_cases import BATCH, LENGTH, STATES, WIDTH, close, saved  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}
FORMATS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


def plain(mixer: Any, row: dict[str, np.ndarray], context: int) -> dict[str, float | None]:
    """Every number of the table, with all states of all tokens in memory, in loops that one can read."""
    x, update, u = row["norm_in"], row["out_out"], row["x_in"]
    w = {name: value.detach().double().numpy() for name, value in mixer.named_parameters()}
    a = np.exp(w["A_log"])
    low, B, C = np.split(u @ w["x_proj.weight"].T, [2, 2 + STATES], axis=-1)
    step = np.log1p(np.exp(low @ w["dt_proj.weight"].T + w["dt_proj.bias"]))
    v = u[..., None] * B[:, :, None, :]
    gates = np.exp(-step[..., None] * a)
    h = np.zeros_like(v)
    for token in range(LENGTH):
        h[:, token] = (gates[:, token] * h[:, token - 1] if token else 0) + step[:, token, :, None] * v[:, token]
    y = (h * C[:, :, None, :]).sum(-1) + w["D"] * u
    gate = row["in_out"][..., u.shape[-1] :]
    np.testing.assert_allclose(
        y * gate / (1 + np.exp(-gate)), row["out_in"], rtol=2e-4, atol=2e-6
    )  # it is the network's
    top = step.max(axis=1)[..., None]
    full = np.abs(h).max(1) / (
        np.abs(v).max(1) * top / (1 - np.exp(-a * top)) * (1 - np.exp(-a * step.sum(1)[..., None]))
    )
    ages = []
    for start in np.unique(np.linspace(0, (LENGTH - 1) // 2, (LENGTH + 1) // 2).astype(int)):
        for b, c, n in np.ndindex(BATCH, *a.shape):
            since = np.cumsum(step[b, start + 1 :, c]) * a[c, n]
            gone = np.flatnonzero(since >= np.log(2))
            ages.append(gone[0] + 1 if len(gone) else np.inf)
    lives = np.log(2) / (a * step.mean((0, 1))[:, None])
    own = (B * C).sum(-1)
    mean, S_B, S_C = u.mean((0, 1)), w["x_proj.weight"][2 : 2 + STATES], w["x_proj.weight"][2 + STATES :]
    sigma = np.cov(u.reshape(-1, u.shape[-1]).T, bias=True)
    norm, after = np.linalg.norm(x, axis=-1), x + update
    cosine = (x * after).sum(-1) / norm / np.linalg.norm(after, axis=-1)
    largest = max(np.abs(part).max() for part in (x, update, u, step, h, y))
    limit = {key: torch.finfo(dtype).max for key, dtype in FORMATS.items()}
    numbers: dict[str, Any] = {
        "rms": np.median(np.sqrt((x**2).mean(-1))),
        "rms_after": np.median(np.sqrt((after**2).mean(-1))),
        "ratio": np.median(np.linalg.norm(update, axis=-1) / norm),
        "turn": np.median(np.arccos(cosine)),
        "sideways": np.median(np.sqrt(((update - (x * update).sum(-1, keepdims=True) / norm[..., None] ** 2 * x) ** 2).mean(-1))),
        "alignment": np.median((x * update).sum(-1) / norm / np.linalg.norm(update, axis=-1)),
        "top": np.median((x**2).max(-1) / norm**2),
        "participation": np.median(norm**4 / (x**4).sum(-1)),
        "stream_max": np.abs(x).max(), "update_max": np.abs(update).max(),
        "u_max": np.abs(u).max(), "step_max": step.max(), "h_max": np.abs(h).max(), "y_max": np.abs(y).max(),
        "full_max": full.max(), "half_full": (full > 0.5).mean(),
        **{f"full_{key}": np.ceil(512 * np.quantile(full, q, method="inverted_cdf")) / 512 for key, q in QUANTILES.items()},
        **{f"life_{key}": np.quantile(ages, q, method="inverted_cdf") for key, q in QUANTILES.items()},
        "life_predicted": np.median(lives), "unsaturated": (lives > context).mean(),
        **{f"rounds_{key}": (torch.from_numpy(gates).to(dtype) == 1).double().mean().item() for key, dtype in FORMATS.items()},
        "own_positive": (own > 0).mean(), "own_mean": own.mean(),
        "own_moments": np.trace(S_C.T @ S_B @ sigma) + mean @ S_C.T @ S_B @ mean, "own_trace": np.trace(S_C.T @ S_B @ sigma),
        **{f"margin_{key}": np.log2(value / largest) for key, value in limit.items()},
    }  # fmt: skip
    return {name: None if np.isinf(value) else float(value) for name, value in numbers.items()}


def test_every_number_is_that_of_a_plain_recomputation(model: Any, tokens: Any, found: Any) -> None:
    reference = [
        plain(block.mixer, row, 8) for block, row in zip(model.backbone.layers, saved(model, tokens), strict=True)
    ]
    limits = {"update_bound", "u_bound", "step_bound", "h_bound", "y_bound", "step_seen", "h_seen", "y_seen"}
    assert {row.name for row in NUMBERS} == set(reference[0]) | limits
    for layer, numbers in zip(found.layers, reference, strict=True):
        assert layer.verdict == "HOLDS"
        for name, value in numbers.items():
            assert layer.numbers[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-12)), name
        assert all(layer.numbers[name] > 0 for name in limits)
    lives = [layer.numbers["life_median"] for layer in found.layers]
    assert all(value is not None and 1 <= value < LENGTH for value in lives)
    assert all(layer.numbers["rounds_bf16"] > layer.numbers["rounds_fp32"] == 0 for layer in found.layers)


def test_the_mean_of_the_own_term_is_that_of_its_moments(found: Any) -> None:
    for layer in found.layers:
        assert layer.numbers["own_moments"] == pytest.approx(layer.numbers["own_mean"], rel=1e-9, abs=1e-15)
        assert abs(layer.numbers["own_trace"] - layer.numbers["own_mean"]) > 1e-12  # the mean term is not nothing


def test_chunks_of_any_size_give_the_same(model: Any, tokens: Any, found: Any) -> None:
    for limit in (1, 5 * BATCH * 2 * WIDTH * STATES):
        again = trace(model, tokens, context=8, limit=limit)
        for one, two in zip(found.layers, again.layers, strict=True):
            assert close(one, two, 1e-12)


@pytest.mark.parametrize("tokens", [1, 2, 3, 64, 77])
def test_doubled_passes_are_the_scan_in_turn(tokens: int) -> None:
    rng = torch.Generator().manual_seed(tokens)
    gates, values, state = (
        torch.rand(shape, generator=rng, dtype=torch.float64) for shape in ((tokens, 2, 3), (tokens, 2, 3), (2, 3))
    )
    gates[tokens // 2] = 0.0  # a gate that forgets all
    first, second = values.clone(), values.clone()
    in_turn(gates.clone(), first, state)
    doubled(gates.clone(), second, state)
    assert torch.allclose(first, second, rtol=1e-14, atol=0)
    assert tokens // 2 == 0 or not torch.allclose(first[0], values[0])  # the state before the chunk goes in


def test_growth_over_depth() -> None:
    noise = np.random.default_rng(0)
    linear = [3 * depth * float(np.exp(0.02 * noise.standard_normal())) for depth in range(1, 25)]
    fit = fitted(linear, 1.0)
    assert fit.verdict == "consistent"
    assert fit.low < 1 < fit.high
    assert fit.layers == 18
    assert fitted([value**0.5 for value in linear], 1.0).verdict == "not"
    assert fitted([float(np.exp(2 * noise.standard_normal())) for _ in range(8)], 1.0).verdict == "undecided"
    assert fitted([1.0, 2.0, 3.0], 1.0).exponent is None
    assert fitted([None, 1.0, float("nan"), 3.0, 4.0], 1.0).layers == 3


@pytest.mark.parametrize("place", range(3))
def test_the_least_gate_that_rounds_to_one_does_and_the_one_below_does_not(place: int) -> None:
    dtype, least = list(ROUNDED.values())[place], least_ones("cpu")[place]
    below = math.nextafter(least, 0)
    rounded = torch.tensor([below, least], dtype=torch.float64).to(dtype) == 1
    assert rounded.tolist() == [False, True]
    values = torch.tensor([0.1, below, below, least, 1.0], dtype=torch.float64)
    assert count_from(values, least) == 2


def test_channels_without_a_gate_near_one_are_not_sorted_and_count_nothing() -> None:
    """Steps on either side of all thresholds: the counts of a network of both are those of each channel alone."""
    step = torch.rand(2, 9, 3, dtype=torch.float64) * torch.tensor([1e-3, 1.0, 1e-9], dtype=torch.float64) + 1e-12
    step[..., 1] += 0.5
    a = torch.tensor([[1.0, 2.0], [1.0, 3.0], [2.0, 5.0]], dtype=torch.float64)
    whole = rounding_sums(step, a)
    alone = [rounding_sums(step[..., k : k + 1], a[k : k + 1]) for k in range(3)]
    for key in ("rounded_low", "rounded_high", "gates"):
        assert np.array_equal(np.asarray(whole[key]), sum(np.asarray(part[key]) for part in alone))
    assert not np.asarray(alone[1]["rounded_high"]).any()
    assert np.asarray(alone[2]["rounded_low"]).tolist() == [36, 36, 36]
