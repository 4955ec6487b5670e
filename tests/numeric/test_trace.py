"""A trace: every number against a recomputation that keeps everything, planted violations, and networks left as they were.

One long file: its cases share the recomputation at the top.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import s6flow as sf  # noqa: E402
from s6flow.cli import main  # noqa: E402
from s6flow.errors import AssumptionError, DeviceMemoryError, FormatError, S6FlowError, SourceError  # noqa: E402
from s6flow.numeric.experiments.config import ModelConfig  # noqa: E402
from s6flow.numeric.experiments.model import S6Stack  # noqa: E402
from s6flow.numeric.health.bounds import Bounds  # noqa: E402
from s6flow.numeric.health.bounds import bounds as real_bounds  # noqa: E402
from s6flow.numeric.trace import (  # noqa: E402
    CONTINUOUS,
    NUMBERS,
    OWN_TERM,
    ROUNDINGS,
    TraceError,
    fitted,
    run,
    trace,
    watch,
)
from s6flow.numeric.trace import limits as limiting  # noqa: E402
from s6flow.numeric.trace.gates import ROUNDED, count_from, least_ones, rounding_sums  # noqa: E402
from s6flow.numeric.trace.judge import checks, slack  # noqa: E402
from s6flow.numeric.trace.measure import doubled, filled, finished, in_turn, scan_sums  # noqa: E402
from s6flow.numeric.trace.run import LIMITS  # noqa: E402
from s6flow.numeric.trace.scans import hidden, s6_inputs, tap  # noqa: E402
from s6flow.proofs.registry import REGISTRY  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")
BATCH, LENGTH, WIDTH, STATES, VOCABULARY = 4, 24, 16, 4, 11
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}
FORMATS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


def mamba(layers: int = 3, kind: str = "Mamba", **options: Any) -> Any:
    """A tiny Hugging Face model in evaluation mode, steps long enough that states fill up."""
    torch.manual_seed(1)
    sizes = dict(vocab_size=VOCABULARY, hidden_size=WIDTH, state_size=STATES, num_hidden_layers=layers, **options)
    sizes = {"time_step_rank": 2, "conv_kernel": 3, "expand": 2} | sizes
    model = getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**sizes)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("embeddings.weight"):
                weight.mul_(40)
            if name.endswith("dt_proj.bias"):
                weight.add_(2.0)
                weight[0] = -9.0  # steps near 1e-4, whose gates round to one
    return model


def close(one: Any, two: Any, rel: float, least: float = 1e-12) -> bool:
    """Whether two layers have the same numbers; what is unknown is so in both."""
    assert one.name == two.name
    unknown = [{name for name, value in layer.numbers.items() if value is None} for layer in (one, two)]
    assert unknown[0] == unknown[1]
    first, second = (
        {name: value for name, value in layer.numbers.items() if value is not None} for layer in (one, two)
    )
    return bool(first == pytest.approx(second, rel=rel, abs=least))


@pytest.fixture(scope="module")
def model() -> Any:
    return mamba()


@pytest.fixture(scope="module")
def tokens() -> Any:
    return torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def found(model: Any, tokens: Any) -> Any:
    return sf.trace(model, tokens, context=8)


def saved(model: Any, tokens: Any) -> list[dict[str, np.ndarray]]:
    """Stream, update and the scan's input of every layer, and what goes into out_proj, by hooks that keep everything."""
    kept: list[dict[str, np.ndarray]] = []
    handles = []
    for block in model.backbone.layers:
        row: dict[str, np.ndarray] = {}
        kept.append(row)

        def keep(name: str, row: dict[str, np.ndarray] = row) -> Callable[..., None]:
            return lambda module, args, output: row.update(
                {f"{name}_in": args[0].double().numpy(), f"{name}_out": output.double().numpy()}
            )

        for name, part in (
            ("norm", block.norm),
            ("in", block.mixer.in_proj),
            ("x", block.mixer.x_proj),
            ("out", block.mixer.out_proj),
        ):
            handles.append(part.register_forward_hook(keep(name)))
    with torch.no_grad():
        model.backbone(tokens, use_cache=False)
    for handle in handles:
        handle.remove()
    return kept


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


def test_bounds_are_those_of_health(model: Any, found: Any) -> None:
    from s6flow.numeric.health import diagnose

    for layer, health in zip(found.layers, diagnose(model).layers, strict=True):
        for ours, theirs in (
            ("u_bound", "u_max"),
            ("step_bound", "step_max"),
            ("h_bound", "h_max"),
            ("y_bound", "y_max"),
        ):
            assert layer.numbers[ours] == health.numbers[theirs]
        assert layer.numbers["update_bound"] == health.numbers["response"]
        assert {check.verdict for check in layer.checks} == {"HOLDS"}


def test_bounds_for_inputs_as_seen_are_sharper_and_hold(model: Any, found: Any, tokens: Any) -> None:
    for block, layer, row in zip(model.backbone.layers, found.layers, saved(model, tokens), strict=True):
        u = np.abs(row["x_in"]).max((0, 1))
        w = {name: value.detach().double().numpy() for name, value in block.mixer.named_parameters()}
        low = np.abs(w["dt_proj.weight"]) @ (np.abs(w["x_proj.weight"][:2]) @ u)
        assert layer.numbers["step_seen"] == pytest.approx(np.log1p(np.exp(low + w["dt_proj.bias"])).max(), rel=1e-6)
        for name in ("step", "h", "y"):
            assert layer.numbers[f"{name}_max"] < layer.numbers[f"{name}_seen"] < layer.numbers[f"{name}_bound"]


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


class Full:
    """A forward pass that has no memory for more than so many sequences."""

    def __init__(self, real: Callable[..., None], most: int) -> None:
        self.real, self.most = real, most

    def __call__(self, network: Any, part: Any) -> None:
        if len(part) > self.most:
            self.real(network, part)  # everything is measured, and must be measured anew
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        self.real(network, part)


def test_a_batch_that_does_not_fit_is_halved_and_gives_the_same(
    model: Any, tokens: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_call", Full(run._call, 2))
    again = trace(model, tokens, context=8)
    assert again.notes == ("Out of memory: 4 sequences were run as 2 and 2.",)
    for one, two in zip(found.layers, again.layers, strict=True):
        assert close(one, two, 1e-5, 1e-9)
        for first, second in zip(one.checks, two.checks, strict=True):
            assert (first.name, first.verdict) == (second.name, second.verdict)
    monkeypatch.setattr(run, "_call", Full(run._call, 0))
    with pytest.raises(DeviceMemoryError, match="one sequence must fit in memory; got 24 tokens"):
        trace(model, tokens)


def test_another_runtime_error_is_not_taken_for_one_of_memory(
    model: Any, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Any, part: Any) -> None:
        raise RuntimeError("a kernel does not exist")

    monkeypatch.setattr(run, "_call", broken)
    with pytest.raises(RuntimeError, match="does not exist"):
        trace(model, tokens)


# --- violations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["u", "step", "h", "y"])
def test_a_bound_that_is_too_low_is_caught(model: Any, tokens: Any, found: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:  # fmt: skip
    share = next(check.share for check in found.layers[0].checks if check.name == name)

    def lower(factor: float) -> Callable[..., Any]:
        def planted(block: Any, certified: bool = False) -> Any:
            limits = real_bounds(block, certified)
            assert limits is not None
            return replace(limits, **{name: getattr(limits, name) * share * factor}) if ".0." in block.name else limits

        return planted

    monkeypatch.setattr(limiting, "bounds", lower(1.001))
    assert not trace(model, tokens).violations
    monkeypatch.setattr(limiting, "bounds", lower(0.999))
    with pytest.raises(TraceError, match=r"^theorem layer-bound must hold on every trace; got .* at backbone.layers.0.mixer") as caught:  # fmt: skip
        sf.trace(model, tokens)
    assert [check.name for _, check in caught.value.found.violations] == [name]
    assert type(caught.value.found).__name__ == "Trace"
    assert "VIOLATED: layer-bound" in " ".join(repr(caught.value.found).split())


def test_weights_that_change_between_bound_and_run_are_caught(tokens: Any) -> None:
    model = mamba(2)

    def grow(module: Any, args: Any) -> None:
        with torch.no_grad():
            module.layers[1].mixer.in_proj.weight.mul_(1e3)

    handle = model.backbone.register_forward_pre_hook(grow)
    with pytest.raises(TraceError, match="layer-bound") as caught:
        trace(model, tokens)
    handle.remove()
    assert {layer.name for layer, _ in caught.value.found.violations} == {"backbone.layers.1.mixer"}


@pytest.mark.parametrize(
    ("key", "theorem"),
    [("full_max", "state-bound"), ("early", "state-forgetting"), ("late", "state-forgetting"), ("rounded", "gate-rounding")],
)  # fmt: skip
def test_a_scan_that_breaks_a_theorem_is_caught(model: Any, tokens: Any, monkeypatch: pytest.MonkeyPatch, key: str, theorem: str) -> None:  # fmt: skip
    def wrong(*arguments: Any) -> Any:
        sums = filled(*arguments)
        return {**sums, key: sums["gates"] * np.ones(3) if key == "rounded" else np.array(1 + 1e-6)}

    monkeypatch.setattr(watch, "filled", wrong)
    with pytest.raises(TraceError, match=f"^theorem {theorem} must hold"):
        trace(model, tokens)


def scanned(mixer: Any, u: Any) -> dict[str, np.ndarray]:
    """Sums of a scan of its own."""
    return filled(finished(scan_sums(s6_inputs(mixer, u), LIMITS["cpu"])))


def test_the_state_bound_is_attained_and_not_exceeded() -> None:
    """Constant inputs: the theorem's case of equality."""
    mixer = mamba(1).backbone.layers[0].mixer
    sums = scanned(mixer, torch.ones(1, 40, 2 * WIDTH))
    assert float(sums["full_max"]) == pytest.approx(1, rel=1e-12)
    (check,) = (c for c in checks(sums, None, "", 0.0, "", 0.0) if c.theorem == "state-bound")
    assert check.verdict == "HOLDS"


@pytest.mark.parametrize("rate", [-750.0, -94.0, -700.0])
def test_dead_rates_do_not_count_as_a_violation(rate: float) -> None:
    mixer = mamba(1).backbone.layers[0].mixer
    with torch.no_grad():
        mixer.A_log.fill_(rate)
    u = torch.randn(2, 30, 2 * WIDTH, generator=torch.Generator().manual_seed(0))
    sums = scanned(mixer, u)
    assert 0 < float(sums["full_max"]) <= 1 + 1e-9
    assert float(sums["late"]) <= 1
    assert (sums["rounded"] == sums["gates"]).all()


def test_thresholds_have_a_case_on_either_side(found: Any) -> None:
    layer = found.layers[0]
    for factor, word in ((0.999, True), (1.001, False)):
        assert replace(layer, numbers={**layer.numbers, "ratio": CONTINUOUS.value * factor}).continuous is word
    sums: Any = {"tokens": np.array(1.0), "own_sum": np.array(1.0), "own_size": np.array(1.0), "u_max": np.ones(1),
                 "step_max": np.ones(1), "h_max": np.ones(1), "y_max": np.ones(1), "full_max": np.ones(()), "early": np.ones(()),
                 "late": np.ones(()), "gates": np.ones(()), **dict.fromkeys(("rounded", "rounded_low", "rounded_high"), np.zeros(3))}  # fmt: skip
    for factor, word in ((0.99, "HOLDS"), (1.01, "VIOLATED")):
        rows = checks({**sums, "own_second": np.array(1 + factor * OWN_TERM.value)}, None, "", 0.0, False, 0.0)
        assert next(c.verdict for c in rows if c.theorem == "own-term-on-data") == word
    room = slack(2.0**-8, 16)
    assert room == pytest.approx(ROUNDINGS.value / 256, rel=1e-3)
    one = np.ones(1)
    limits = Bounds(one, one, one, one, one, one, 1.0, False)
    for factor, word in ((0.99, "HOLDS"), (1.01, "VIOLATED")):
        rows = checks(
            {**sums, "own_second": np.array(1.0), "u_max": np.ones(1) * (1 + factor * room)},
            limits,
            "",
            room,
            False,
            0.0,
        )
        assert next(c.verdict for c in rows if c.name == "u") == word
    assert all(len(row.reason) > 20 for row in (CONTINUOUS, OWN_TERM, ROUNDINGS))


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


# --- what is left, and what is refused --------------------------------------------------------------------------


def hooks(model: Any) -> int:
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return sum(len(getattr(part, name)) for part in model.modules() for name in names)


def gradients(model: Any, tokens: Any) -> dict[str, Any]:
    model.zero_grad()
    model(tokens, labels=tokens, use_cache=False).loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def test_outputs_gradients_modes_and_hooks_are_as_before(tokens: Any) -> None:
    model = mamba(2).train()
    model.backbone.norm_f.eval()
    before, grads = model(tokens, use_cache=False).logits, gradients(model, tokens)
    modes = [part.training for part in model.modules()]
    state = torch.random.get_rng_state()
    trace(model, tokens)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [part.training for part in model.modules()] == modes
    assert hooks(model) == 0
    assert all(torch.equal(weight.grad, grads[name]) for name, weight in model.named_parameters())
    assert torch.equal(model(tokens, use_cache=False).logits, before)
    after = gradients(model, tokens)
    assert all(torch.equal(after[name], grads[name]) for name in grads)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("part", "what"),
    [("mixer.conv1d.bias", "u, the input of its scan"), ("mixer.D", "its update"), ("norm.weight", "u, the input of its scan")],
)  # fmt: skip
def test_the_first_layer_with_nan_is_named_and_by_what(tokens: Any, part: str, what: str) -> None:
    model = mamba(3)
    with torch.no_grad():
        model.backbone.layers[1].get_parameter(part)[3] = float("nan")
    with pytest.raises(FormatError, match=rf"^activations must be finite; got nan in {what}, \[0, .* at backbone.layers.1.mixer") as caught:  # fmt: skip
        trace(model, tokens)
    assert "\n" not in str(caught.value)
    assert f"{part}[3] = nan" in str(caught.value)
    assert hooks(model) == 0


def test_nan_of_an_embedding_is_in_front_of_the_first_layer(tokens: Any) -> None:
    model = mamba(2)
    with torch.no_grad():
        model.backbone.embeddings.weight[:, 5] = float("inf")
    with pytest.raises(FormatError, match="inf in the residual stream in front of it"):
        trace(model, tokens)


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ([], FormatError, "at least one token"),
        ([[]], FormatError, "at least one token"),
        ([[0, VOCABULARY]], FormatError, r"lie in 0\.\.10; got 11 at sequence 0 token 1"),
        ([[0, -1]], FormatError, "got -1"),
        ([[[1]]], FormatError, "axes"),
        ([[0.5, 1.0]], FormatError, "axes"),
        ([[[float("nan")]]], FormatError, "finite"),
        ("words", FormatError, "array of token ids"),
        ([[True]], FormatError, "axes"),
        ({"input_ids": [[1, 2]], "attention_mask": [[0, 1]]}, FormatError, "padding"),
    ],
)
def test_bad_batches_are_one_line(model: Any, batch: Any, error: type[S6FlowError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        trace(model, batch)
    assert len(str(caught.value).splitlines()) == 1


def test_bad_models_and_options_are_one_line(model: Any, tokens: Any) -> None:
    for wrong, words in (
        (torch.nn.Linear(3, 3), "needs a model with an S6 layer"),
        ("a path", "needs a torch.nn.Module"),
    ):
        with pytest.raises(SourceError, match=words):
            trace(wrong, tokens)
    with pytest.raises(FormatError, match="needs weights in memory"):
        trace(copy.deepcopy(model).to("meta"), tokens)
    with pytest.raises(AssumptionError, match="at least 1"):
        trace(model, tokens, context=0)
    with pytest.raises(FormatError, match="device must be one that PyTorch has here"):
        trace(model, tokens, device="nonsense")


# --- other networks ---------------------------------------------------------------------------------------------


def test_our_stack_and_a_mapping(tokens: Any) -> None:
    torch.manual_seed(0)
    stack = S6Stack(ModelConfig(width=WIDTH, layers=6, state=STATES), VOCABULARY)
    one = trace(stack, {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
    assert [layer.name for layer in one.layers] == [f"backbone.layers.{i}.mixer" for i in range(6)]
    assert {check.verdict for layer in one.layers for check in layer.checks} == {"HOLDS"}
    stream = stack.depth_trace(tokens)
    for depth, layer in enumerate(one.layers):
        rms = stream[depth].double().square().mean(-1).sqrt()
        assert layer.numbers["rms"] == pytest.approx(float(np.median(rms.numpy())), rel=1e-5)
    assert one.growth.exponent is not None
    assert (one.growth.theorem, one.turning.theorem) == ("prenorm-axis", "direction-clock")
    assert {one.growth.theorem, one.turning.theorem} <= set(REGISTRY)
    assert "(prenorm-axis)" in " ".join(one.summary())


def test_bytes_as_an_array(stack: Path) -> None:
    from s6flow.numeric.trace.inputs import load_network

    text = np.frombuffer(b"bytes, \xff among them", np.uint8)
    one, two = (trace(load_network(str(stack)), batch) for batch in (text, text.astype(np.int32)))
    assert close(one.layers[1], two.layers[1], 1e-12)
    assert one.length == len(text)


def test_inputs_in_place_of_tokens(model: Any, tokens: Any, found: Any) -> None:
    again = trace(model, model.backbone.embeddings(tokens).detach(), context=8)
    assert close(again.layers[2], found.layers[2], 1e-6)


def test_a_mixer_alone_has_no_bound_from_its_weights() -> None:
    mixer = mamba(1).backbone.layers[0].mixer
    (layer,) = trace(mixer, 5 * torch.randn(2, 9, WIDTH)).layers
    assert layer.name == "A_log"
    assert layer.numbers["ratio"] is None
    assert "no norm in front" in layer.untraced[0]
    told = {check.name: check for check in layer.checks}
    assert {told[name].verdict for name in ("u", "step", "h", "y")} == {"NOT JUDGED"}
    assert "tokens of root mean square 1" in told["u"].why
    assert {told[f"{name}, for inputs as seen"].verdict for name in ("step", "h", "y")} == {"HOLDS"}


def test_wrapped_and_compiled_networks(model: Any, tokens: Any, found: Any) -> None:
    class DataParallel(torch.nn.Module):
        def __init__(self, module: Any) -> None:
            super().__init__()
            self.module = module

    inner = copy.deepcopy(model)
    inner.backbone.layers[1] = torch.compile(inner.backbone.layers[1])
    for outer in (torch.compile(copy.deepcopy(model)), DataParallel(copy.deepcopy(model)), inner):
        again = trace(outer, tokens, context=8)
        assert [layer.name for layer in again.layers] == [layer.name for layer in found.layers]
        for one, two in zip(found.layers, again.layers, strict=True):
            assert close(one, two, 1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_and_holds(model: Any, tokens: Any, found: Any, dtype: Any) -> None:
    again = trace(copy.deepcopy(model).to(dtype), tokens, context=8)
    assert again.format == str(dtype).removeprefix("torch.")
    for one, two in zip(found.layers, again.layers, strict=True):
        for name in ("rms", "ratio", "u_max", "step_max", "h_max"):
            assert two.numbers[name] == pytest.approx(one.numbers[name], rel=0.1), name
        assert two.verdict == "HOLDS"


def test_a_fused_kernel_hides_the_input_which_is_then_recomputed(
    tokens: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As mamba-ssm's fused path: neither in_proj nor x_proj nor out_proj is called as a module."""
    model = mamba()

    def fused(mixer: Any) -> Callable[..., Any]:
        real, parts = mixer.forward, ("in_proj", "x_proj", "out_proj")

        def forward(*args: Any, **kwargs: Any) -> Any:
            kept = {name: getattr(mixer, name) for name in parts}
            for name, part in kept.items():
                mixer._modules[name] = copy.deepcopy(part)
                mixer._modules[name]._forward_hooks.clear()
                mixer._modules[name]._forward_pre_hooks.clear()
            try:
                return real(*args, **kwargs)
            finally:
                mixer._modules.update(kept)

        return forward

    for block in model.backbone.layers:
        block.mixer.forward = fused(block.mixer)
    again = trace(model, tokens, context=8)
    assert again.notes == ("The scan's input of 3 layers was recomputed: a fused kernel hides it.",)
    for one, two in zip(found.layers, again.layers, strict=True):
        assert close(one, two, 1e-4, 1e-6)
    monkeypatch.setattr(run, "_call", Full(run._call, 2))
    halved = trace(model, tokens, context=8)
    assert len(halved.notes) == 2
    assert close(halved.layers[2], again.layers[2], 1e-5, 1e-9)


def jamba() -> Any:
    torch.manual_seed(0)
    config = transformers.JambaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=1, num_experts=2, num_experts_per_tok=1, attn_layer_period=2, attn_layer_offset=1,
        mamba_d_state=4, mamba_dt_rank=2,
    )  # fmt: skip
    return transformers.JambaForCausalLM(config).eval()


_TWO = {"num_heads": 4, "head_dim": 8, "chunk_size": 8, "time_step_rank": "auto"}
#: Networks whose scan reads normalised B and C, or one decay rate a head, and the tensor that their own code makes of it.
RELATIVES: dict[str, Callable[[], Any]] = {
    "Falcon-Mamba": lambda: mamba(2, "FalconMamba"),
    "Jamba": jamba,
    "Mamba-2": lambda: mamba(2, "Mamba2", n_groups=1, **_TWO),
    "Mamba-2, two groups": lambda: mamba(2, "Mamba2", n_groups=2, **_TWO),
    "Mamba-2, steps limited": lambda: mamba(2, "Mamba2", n_groups=1, time_step_limit=(0.0, 0.03), **_TWO),
    "Mamba-2, steps kept up": lambda: mamba(2, "Mamba2", n_groups=1, time_step_limit=(0.2, math.inf), **_TWO),
}


def slow(given: Any) -> tuple[np.ndarray, np.ndarray]:
    """All states and outputs of a scan, in loops that one can read."""
    x, step, written, read, a, skip = (
        getattr(given, name).numpy() for name in ("x", "step", "written", "read", "a", "skip")
    )
    each = x.shape[2] // written.shape[2]
    states = np.zeros((*x.shape, written.shape[3]))
    for b, token, c in np.ndindex(*x.shape):
        before = states[b, token - 1, c] if token else 0.0
        gate = np.exp(-a[c] * step[b, token, c])
        states[b, token, c] = gate * before + step[b, token, c] * x[b, token, c] * written[b, token, c // each]
    y = (states * np.repeat(read, each, axis=2)).sum(-1) + skip * x
    return states, y


@pytest.mark.parametrize("name", RELATIVES)
def test_relatives_are_traced_whole_and_as_their_own_code_runs(name: str, tokens: Any) -> None:
    """The recomputed scan, gated, normed and projected, is the mixer's own output; numbers are those of all its states."""
    model = RELATIVES[name]()
    found = sf.trace(model, tokens)
    mixers = [part for part in model.modules() if hasattr(part, "A_log")]
    kept: dict[int, dict[str, Any]] = {index: {} for index in range(len(mixers))}
    for index, mixer in enumerate(mixers):
        where = tap(mixer)
        row = kept[index]
        where.module.register_forward_hook(
            lambda module, args, out, row=row, before=where.before: row.update(seen=args[0] if before else out)
        )
        mixer.in_proj.register_forward_hook(lambda module, args, out, row=row: row.update(projected=out))
        mixer.out_proj.register_forward_hook(lambda module, args, out, row=row: row.update(y=args[0]))
    with torch.no_grad():
        model(tokens, use_cache=False)
    for layer, mixer, row in zip(found.layers, mixers, kept.values(), strict=True):
        assert layer.untraced == ()
        assert layer.verdict == "HOLDS"
        names = {check.name: check.verdict for check in layer.checks}
        assert names.pop("E[C.B]") == "NOT JUDGED"
        assert set(names.values()) == {"HOLDS"}
        assert {"u", "step", "h", "y", "update", "h over its bound", "h, for inputs as seen"} < set(names)
        with torch.no_grad():
            given = tap(mixer).inputs(row["seen"])
            states, y = slow(given)
            if mixer.A_log.dim() == 1:
                out = mixer.norm(torch.from_numpy(y).float(), row["projected"][..., : y.shape[-1]])
            else:
                gate = row["projected"].chunk(2, dim=-1)[1]
                out = torch.from_numpy(y).float() * torch.nn.functional.silu(gate)
        assert torch.allclose(out, row["y"], rtol=2e-4, atol=1e-6)
        step, own = given.step.numpy(), (given.written * given.read).sum(-1).numpy()
        for key, value in {
            "h_max": np.abs(states).max(), "y_max": np.abs(y).max(), "step_max": step.max(), "own_mean": own.mean(),
            "u_max": float(given.x.abs().max()), "own_positive": (own > 0).mean(),
            "rounds_bf16": float((torch.exp(-given.step.unsqueeze(-1) * given.a).to(torch.bfloat16) == 1).double().mean()),
        }.items():  # fmt: skip
            assert layer.numbers[key] == pytest.approx(float(value), rel=1e-5, abs=1e-9), key
        assert 0 < layer.numbers["full_max"] <= 1 + 1e-9
        assert layer.numbers["own_moments"] is None
        if "limited" in name:
            assert layer.numbers["step_max"] == pytest.approx(0.03)
            assert 0 < float(step.min()) < 0.02


def test_chunks_of_grouped_scans_give_the_same(tokens: Any) -> None:
    model = RELATIVES["Mamba-2, two groups"]()
    one, two = (trace(model, tokens, limit=limit).layers[1] for limit in (1, 2**19))
    assert close(one, two, 1e-12)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda mixer: setattr(mixer, "activation", "gelu"), "an activation that is not SiLU"),
        (lambda mixer: setattr(mixer, "n_groups", 3), "groups of B and C"),
        (lambda mixer: setattr(mixer, "in_proj", torch.nn.Linear(WIDTH, 2)), "not laid out as gate"),
        (lambda mixer: delattr(mixer, "dt_bias"), "no dt_bias of Mamba-2"),
        (lambda mixer: setattr(mixer, "reorder", 1), "reordered"),
        (lambda mixer: setattr(mixer, "time_step_limit", (0.1,)), "limits of the step"),
    ],
)  # fmt: skip
def test_what_is_laid_out_otherwise_is_left_alone(change: Callable[[Any], None], why: str) -> None:
    mixer = RELATIVES["Mamba-2"]().backbone.layers[0].mixer
    assert hidden(mixer, "") == ""
    change(mixer)
    assert why in hidden(mixer, "")


def test_a_bias_of_x_proj_leaves_the_own_term_unjudged(tokens: Any) -> None:
    model = mamba(2)
    mixer = model.backbone.layers[0].mixer
    mixer.x_proj.bias = torch.nn.Parameter(torch.full((2 + 2 * STATES,), 0.3))
    layer = trace(model, tokens).layers[0]
    (check,) = (c for c in layer.checks if c.theorem == "own-term-on-data")
    assert (check.verdict, check.why) == ("NOT JUDGED", "x_proj has a bias")
    assert layer.numbers["own_moments"] is None
    assert layer.verdict == "HOLDS"


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


# --- result and command -----------------------------------------------------------------------------------------


def test_the_result_shows_tabulates_and_draws_itself(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl = pytest.importorskip("matplotlib")
    monkeypatch.setattr(mpl, "get_backend", lambda: "agg")
    mpl.use("agg")
    text = repr(found)
    assert max(map(len, text.splitlines())) < 80
    assert len(text.splitlines()) <= 24
    assert "<table" in found._repr_html_()
    assert len(found.table("checks")) == sum(len(layer.checks) for layer in found.layers)
    assert found.plot() is not None
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["schema"] == "s6flow-trace/1"
    assert [layer["name"] for layer in document["layers"]] == [layer.name for layer in found.layers]
    small, large = (
        tuple(replace(layer, numbers={**layer.numbers, "ratio": ratio}) for layer in found.layers)
        for ratio in (0.01, 1.0)
    )
    assert "is no description: no layer" in replace(found, layers=large).depth()
    assert "can describe every layer" in replace(found, layers=small).depth()
    assert "1 of 3 layers" in replace(found, layers=(small[0], *large[1:])).depth()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["trace", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A file with the weights of our stack, for bytes."""
    torch.manual_seed(0)
    path = tmp_path / "stack.safetensors"
    model = S6Stack(ModelConfig(width=WIDTH, layers=2, state=STATES), 256)
    from safetensors.torch import save_file

    save_file(
        {name: weight.contiguous() for name, weight in model.state_dict().items() if name != "lm_head.weight"}, path
    )
    return path


def test_the_command_reads_a_folder_of_hugging_face_and_tokens(command: Any, model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    np.savez(tmp_path / "tokens.npz", np.arange(40).reshape(2, 20) % VOCABULARY)
    status, out, _ = command(tmp_path / "model", "--tokens", tmp_path / "tokens.npz", "--length", 12, "--json")
    assert status == 0
    document = json.loads(out)
    assert (document["batch"], document["length"], len(document["layers"])) == (2, 12, 3)
    status, out, _ = command(tmp_path / "model", "--tokens", tmp_path / "tokens.npz", "--json", tmp_path / "out.json")
    assert status == 0
    assert "45 of 45 checks hold" in " ".join(out.split())
    assert json.loads((tmp_path / "out.json").read_text())["length"] == 20


def test_the_command_reads_bytes_where_there_is_no_tokenizer(command: Any, stack: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("A small text, in no language of its own.")
    status, out, err = command(stack, "--text", text, "--length", 16)
    assert status == 0
    assert "1 x 16 tokens" in " ".join(out.split())
    assert err.strip() == "No tokenizer beside the model: tokens are bytes."
    _, _, err = command(stack, "--length", 8)
    assert "module textwrap was read" in err


def test_bytes_that_a_vocabulary_does_not_hold_are_said_to_be_bytes(command: Any, model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    text = tmp_path / "text"
    text.write_text("z is byte 122")
    status, out, err = command(tmp_path / "model", "--text", text)
    assert (status, out) == (1, "")
    assert "No tokenizer beside the model: tokens are bytes." in err
    assert (
        f"FormatError: token ids must lie in 0..{VOCABULARY - 1}; got 122 at sequence 0 token 0" in err.splitlines()[-1]
    )


def test_a_violation_is_status_1_and_shows_the_trace(
    command: Any, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(block: Any, certified: bool = False) -> Any:
        limits = real_bounds(block, certified)
        assert limits is not None
        return replace(limits, y=limits.y * 1e-9)

    monkeypatch.setattr(limiting, "bounds", wrong)
    status, out, err = command(stack, "--length", 16)
    assert status == 1
    assert "VIOLATED" in out
    assert "TraceError: theorem layer-bound must hold on every trace" in err.splitlines()[-1]


def test_without_a_model_it_is_the_shipped_one(command: Any) -> None:
    status, out, err = command("--length", 8, "--json")
    assert status == 0
    assert "the shipped checkpoint trained without a constraint" in err
    assert len(json.loads(out)["layers"]) == 12


@pytest.mark.parametrize("model", ["missing", "x/model.safetensors", "/no/such", ""])
def test_the_hub_is_not_asked_for_what_is_no_id(command: Any, model: str) -> None:
    status, _, err = command(model)
    assert status == 1
    assert err.startswith("SourceError: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_text_is_one_line(command: Any, stack: Path, tmp_path: Path, content: str) -> None:
    text = tmp_path / "text"
    text.write_text(content)
    status, _, err = command(stack, "--text", text)
    assert status == 1
    assert err.startswith("FormatError: --text must not be empty")
    assert len(err.splitlines()) == 1


def test_bad_files_are_one_line(command: Any, stack: Path, tmp_path: Path) -> None:
    floats, two, high = tmp_path / "f.npz", tmp_path / "t.npz", tmp_path / "h.npz"
    np.savez(floats, np.ones(4))
    np.savez(two, np.arange(4), np.arange(4))
    np.savez(high, np.array([1, 256]))
    from safetensors.numpy import load_file, save_file

    scans = {name: value for name, value in load_file(stack).items() if "embedding" not in name}
    save_file(scans, tmp_path / "scans.safetensors")
    save_file({**load_file(stack), "backbone.norm_f.weight": np.ones(3, np.float32)}, tmp_path / "wrong.safetensors")
    for arguments, words in (
        ((stack, "--tokens", floats), "whole numbers"),
        ((stack, "--tokens", two), "one array"),
        ((stack, "--tokens", high), "0..255; got 256"),
        ((stack, "--tokens", stack), "npz file of token ids"),
        ((stack, "--tokens", high, "--text", high), "one of --text, --tokens and --images"),
        ((tmp_path / "scans.safetensors",), "backbone.embedding.weight"),
        ((tmp_path / "wrong.safetensors",), "needs backbone.norm_f.weight of shape (16,); got (3,)"),
        ((tmp_path / "nothing",), "nothing"),
        ((tmp_path,), ""),
        ((stack, "--json", stack), "--json"),
    ):
        status, _, err = command(*arguments)
        assert status == 1, arguments
        assert len(err.splitlines()) == 1
        assert words in err
