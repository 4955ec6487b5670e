"""Networks are left as they were; NaN is named, bad input refused, and other forms of a network are traced alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from s6flow.errors import AssumptionError, FormatError, S6FlowError, SourceError  # noqa: E402
from s6flow.numeric.experiments.config import ModelConfig  # noqa: E402
from s6flow.numeric.experiments.model import S6Stack  # noqa: E402
from s6flow.numeric.trace import run, trace  # noqa: E402
from s6flow.proofs.registry import REGISTRY  # noqa: E402
from tests.numeric.trace.trace_cases import STATES, VOCABULARY, WIDTH, Full, close, mamba  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")


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
        real, hooked = mixer.forward, {name: getattr(mixer, name) for name in ("in_proj", "x_proj", "out_proj")}
        bare = copy.deepcopy(hooked)  # before there are hooks

        def put(parts: dict[str, Any]) -> None:
            for name, part in parts.items():
                setattr(mixer, name, part)

        def forward(*args: Any, **kwargs: Any) -> Any:
            put(bare)
            try:
                return real(*args, **kwargs)
            finally:
                put(hooked)

        return forward

    for block in model.backbone.layers:
        block.mixer.forward = fused(block.mixer)
    again = trace(model, tokens, context=8)
    assert again.notes == ("The scan's input of 3 layers was recomputed: a fused kernel hides it.",)
    for one, two in zip(found.layers, again.layers, strict=True):
        assert close(one, two, 1e-4, 1e-6)
    monkeypatch.setattr(run, "forward_pass", Full(run.forward_pass, 2))
    halved = trace(model, tokens, context=8)
    assert len(halved.notes) == 2
    assert close(halved.layers[2], again.layers[2], 1e-5, 1e-9)
