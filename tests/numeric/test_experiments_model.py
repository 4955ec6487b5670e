"""Conditions, measurements and kernel calls of the model that the experiments train."""

from __future__ import annotations

import pytest
import torch

from s6flow.numeric.experiments.after import depth_norms, measure, mu_signs, token_rates
from s6flow.numeric.experiments.conditions import CONDITIONS, apply_condition
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.model import S6Stack, parameter_counts
from s6flow.numeric.refinements import mixer, s6_layers


class OnDevice(torch.Tensor):
    """Tokens that say they lie on a GPU."""

    is_cuda = property(lambda self: True)


def stack(seed: int = 0, classes: int | None = None) -> S6Stack:
    torch.manual_seed(seed)
    return S6Stack(ModelConfig(width=16, layers=2, state=4), 256, classes)


@pytest.mark.parametrize(("kind", "condition"), [(kind, name) for kind, names in CONDITIONS.items() for name in names])
def test_every_condition_runs_and_shares_its_start(kind, condition):
    classes = None if kind == "lm" else 10
    plain, changed = stack(classes=classes), stack(classes=classes)
    apply_condition(changed, kind, condition)
    assert torch.equal(changed.backbone.embedding.weight, plain.backbone.embedding.weight)
    tokens = torch.randint(0, 256, (2, 7))
    changed(tokens, torch.ones(2, 7, dtype=torch.bool)).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in changed.parameters() if p.grad is not None)
    counts = parameter_counts(changed)
    if condition.startswith("published-"):
        assert counts["used"] < counts["trainable"]
    else:  # the diagonal of a skew matrix's raw values drops out: 4 numbers in each of 2 layers
        assert counts["used"] == counts["trainable"] - (8 if condition.startswith("matrix-") else 0)
    if kind == "lm" and not condition.startswith("matrix"):
        assert counts["trainable"] == parameter_counts(plain)["trainable"]


def test_measurements_see_what_was_done_to_the_weights():
    model, tokens = stack(), torch.randint(0, 256, (3, 9))
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.out_proj.weight.zero_()
    still = depth_norms(model, tokens)
    assert all(view["log_growth"] == 0.0 for view in still.values())
    model = stack()
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.x_proj.weight[-4:] = -layer.x_proj.weight[-8:-4]  # S_C = -S_B
    signs = mu_signs(model)
    assert all(layer["share_mu_negative"] == layer["share_mu_n_negative"] == 1.0 for layer in signs)
    first = model.depth_trace(tokens)
    assert len(first) == 3
    torch.testing.assert_close(model.backbone.norm_f(first[-1]), model.backbone(tokens))
    bare = [view for name, view in depth_norms(model, tokens).items() if name != "full"]
    assert all(view["norms"] != depth_norms(model, tokens)["full"]["norms"] for view in bare)


def test_token_rate_of_one_token_is_its_growth_rate():
    """One token alone: y_d = x_d Delta_d (x^T S_C^T S_B x), so S_C = -S_B gives a negative rate for every token."""
    model, tokens = stack(), torch.randint(0, 256, (5, 1))
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.x_proj.weight[-4:] = -layer.x_proj.weight[-8:-4]
    assert all(layer["share_negative"] == 1.0 for layer in token_rates(model, tokens))
    assert measure(model, tokens)["summary"]["rate_mean"] < 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernel_is_called_as_it_must_be(monkeypatch, dtype):
    """mamba-ssm's kernel wants one dtype for x, Delta, B and C, float32 weights, and a contiguous last axis."""

    def kernel(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
        assert u.dtype == delta.dtype == B.dtype == C.dtype == dtype
        assert A.dtype == delta_bias.dtype == torch.float32
        assert D is None or D.dtype == torch.float32
        assert all(part.stride(-1) == 1 for part in (u, delta, B, C))
        assert delta_softplus
        step = torch.nn.functional.softplus(delta.float() + delta_bias[:, None])
        y = mixer.scan_reference(u.float(), step, -A, B.float(), C.float())
        return (y if D is None else y + D[:, None] * u.float()).to(dtype)

    layer = next(iter(s6_layers(stack()).values()))
    tokens = torch.randn(2, 5, 32)
    expected = mixer.s6_output(layer, tokens)
    bare = mixer.s6_output(layer, tokens, skip=False)
    monkeypatch.setattr(mixer, "kernel_scan", lambda: kernel)
    sent = tokens.to(dtype).as_subclass(OnDevice)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = mixer.s6_output(layer, sent)
        found_bare = mixer.s6_output(layer, sent, skip=False)
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    torch.testing.assert_close(found.float(), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(found_bare.float(), bare, atol=tolerance, rtol=tolerance)
