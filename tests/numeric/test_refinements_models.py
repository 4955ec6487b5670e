"""ScenarioConstraint on whole models: training, baking, saving, half precision, other mixers, bad input."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.refinements import (
    S6Shape,
    ScenarioConstraint,
    bake,
    channel_mu,
    constrain,
    constrained_layers,
    s6_layers,
    s6_shape,
    split_rows,
)
from s6flow.numeric.refinements.mixer import scan_reference

SCENARIOS = ["positive", "negative", "mixed"]
SHAPE = S6Shape(dt_rank=2, d_state=4, channels=6)


def wanted(scenario: str, mu: torch.Tensor) -> torch.Tensor:
    """mu with the sign turned that the scenario asks of each channel: positive where it holds."""
    if scenario == "mixed":
        return mu * torch.tensor([1.0, -1.0]).repeat(mu.numel() // 2)
    return -mu if scenario == "negative" else mu


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("form", ["channel", "entry", "published"])
def test_training_keeps_the_scenario_and_baking_the_function(form, scenario, tmp_path, tiny_mamba):
    from transformers import MambaForCausalLM

    model = tiny_mamba()
    plain_keys = set(model.state_dict())
    assert len(constrain(model, scenario, form)) == 2
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.05)
    tokens = torch.randint(0, 11, (2, 9))
    for _ in range(4):
        optimiser.zero_grad()
        loss = model(tokens, labels=tokens, use_cache=False).loss
        loss.backward()
        optimiser.step()
    assert torch.isfinite(loss)
    for mixer in s6_layers(model).values():
        mu = channel_mu(mixer.x_proj.weight, s6_shape(mixer)).sum(0)
        if form != "published":
            assert (wanted(scenario, mu) > 0).all()
        elif scenario != "mixed":
            assert (wanted(scenario, mu) >= 0).all()
    twin = tiny_mamba(1)
    constrain(twin, scenario, form)
    twin.load_state_dict(model.state_dict())
    model.eval(), twin.eval()
    before = model(tokens, use_cache=False).logits
    torch.testing.assert_close(twin(tokens, use_cache=False).logits, before)
    assert len(bake(model)) == 2
    assert set(model.state_dict()) == plain_keys
    torch.testing.assert_close(model(tokens, use_cache=False).logits, before)
    model.save_pretrained(tmp_path)
    back = MambaForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(back(tokens, use_cache=False).logits, before)
    assert bake(back) == []


def test_pretrained_layer_is_wrapped_near_its_weights(tiny_mamba):
    model = tiny_mamba()
    before = {name: mixer.x_proj.weight.detach().clone() for name, mixer in s6_layers(model).items()}
    constrain(model, "positive", "channel")
    for name, mixer in s6_layers(model).items():
        old, new, shape = before[name], mixer.x_proj.weight, s6_shape(mixer)
        moved = (new - old).norm() / old.norm()
        assert 0 < moved < 0.75
        kept = channel_mu(old, shape).sum(0) > 0.5 * sum(
            part.double().square().sum(0) for part in split_rows(old, shape)[1:]
        )
        torch.testing.assert_close(new[:, kept], old[:, kept])


def test_half_precision_model_keeps_signs(tiny_mamba):
    model = tiny_mamba()
    constrain(model, "negative")
    model.to(torch.bfloat16)
    for mixer in s6_layers(model).values():
        assert mixer.x_proj.weight.dtype == torch.bfloat16
        assert (channel_mu(mixer.x_proj.weight, s6_shape(mixer)).sum(0) < 0).all()


def test_a_single_mixer_and_where(tiny_mamba):
    model = tiny_mamba()
    names = list(s6_layers(model))
    assert constrain(model, where=lambda name: name == names[1]) == [names[1]]
    assert list(constrained_layers(model)) == [names[1]]
    assert constrain(s6_layers(model)[names[0]], "mixed") == [""]
    assert constrain(tiny_mamba(), "unconstrained") == []


class VisionMixer(nn.Module):
    """MambaVision's mixer by its parts and their order: half the inner width is scanned, half only convolved."""

    def __init__(self, width: int = 8, d_state: int = 3, d_conv: int = 3) -> None:
        super().__init__()
        half = width // 2
        self.in_proj = nn.Linear(width, width, bias=False)
        self.x_proj = nn.Linear(half, 1 + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(1, half)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(half, 1))
        self.D = nn.Parameter(torch.ones(half))
        self.out_proj = nn.Linear(width, width, bias=False)
        self.conv1d_x = nn.Conv1d(half, half, d_conv, groups=half, padding="same", bias=False)
        self.conv1d_z = nn.Conv1d(half, half, d_conv, groups=half, padding="same", bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        x, z = self.in_proj(hidden).mT.chunk(2, dim=1)
        x, z = (nn.functional.silu(conv(part)) for conv, part in ((self.conv1d_x, x), (self.conv1d_z, z)))
        step, b, c = self.x_proj(x.mT).split([1, self.A_log.shape[1], self.A_log.shape[1]], dim=-1)
        step = nn.functional.softplus(self.dt_proj(step) + self.dt_proj.bias)  # the bias twice, as published
        y = scan_reference(x, step.mT, self.A_log.exp(), b.mT, c.mT) + self.D[:, None] * x
        return self.out_proj(torch.cat([y, z], dim=1).mT)


@pytest.mark.parametrize("form", ["channel", "entry", "matrix", "published"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_vision_mixer_is_covered(form, scenario):
    torch.manual_seed(0)
    model = nn.Sequential(VisionMixer(), VisionMixer())
    keys, images = set(model.state_dict()), torch.randn(2, 9, 8)
    assert constrain(model, scenario, form) == ["0", "1"]
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        model(images).square().mean().backward()
        optimiser.step()
    for mixer in model:
        mu = channel_mu(mixer.x_proj.weight, S6Shape(1, 3, 4))
        if form == "entry":
            assert all((wanted(scenario, row) > 0).all() for row in mu)
        elif scenario != "mixed" or form == "channel":
            assert (wanted(scenario, mu.sum(0)) >= 0).all()
    before = model(images)
    assert bake(model) == ["0", "1"]
    assert set(model.state_dict()) == keys
    torch.testing.assert_close(model(images), before)


def test_bad_input(tiny_mamba):
    model = tiny_mamba()
    with pytest.raises(AssumptionError, match="at least one S6 layer"):
        constrain(nn.Linear(2, 2))
    with pytest.raises(AssumptionError, match="at least one S6 layer"):
        constrain(model, where=lambda name: False)
    for wrong in (
        {"scenario": "sideways"},
        {"form": "diagonal"},
        {"floor": 0.5, "margin": 0.1},
        {"offset": 0.7},
    ):
        with pytest.raises(FormatError):
            constrain(model, **wrong)
    assert not constrained_layers(model)
    constrain(model)
    with pytest.raises(AssumptionError, match="constrained once"):
        constrain(model)
    misfit = VisionMixer()
    misfit.dt_proj = nn.Linear(2, 4)
    with pytest.raises(FormatError, match=r"x_proj\.weight"):
        constrain(misfit)
    with pytest.raises(FormatError, match="must be"):
        ScenarioConstraint(SHAPE).right_inverse(torch.zeros(3, 3))
    with pytest.raises(AssumptionError, match="as many channels as states"):
        ScenarioConstraint(S6Shape(1, 8, 4), form="published")


def test_biased_and_foreign_parametrisations():
    mixer = VisionMixer()
    mixer.x_proj = nn.Linear(4, 7, bias=True)
    with pytest.warns(UserWarning, match="bias"):
        constrain(mixer)
    parametrize.register_parametrization(mixer.x_proj, "weight", nn.Identity())
    with pytest.warns(UserWarning, match="bias"), pytest.raises(AssumptionError, match="one parametrisation"):
        bake(mixer)
