"""Relatives of Mamba are traced as their own code runs, and what is laid out otherwise is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import s6flow as sf  # noqa: E402
from s6flow.numeric.trace import trace  # noqa: E402
from s6flow.numeric.trace.scans import hidden, tap  # noqa: E402
from tests.numeric.trace.trace_cases import STATES, VOCABULARY, WIDTH, close, mamba  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")


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
