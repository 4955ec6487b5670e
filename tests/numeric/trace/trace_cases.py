"""Networks that are small enough to be traced in a blink, and what their tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BATCH, LENGTH, WIDTH, STATES, VOCABULARY = 4, 24, 16, 4, 11


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


class Full:
    """A forward pass that has no memory for more than so many sequences."""

    def __init__(self, real: Callable[..., None], most: int) -> None:
        self.real, self.most = real, most

    def __call__(self, network: Any, part: Any) -> None:
        if len(part) > self.most:
            self.real(network, part)  # everything is measured, and must be measured anew
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        self.real(network, part)
