"""cap_memory: long memories are cut to the limit, everything else stays as it is, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.health import diagnose
from s6flow.numeric.refinements import (
    cap_memory,
    constrain,
    mean_steps,
    published_reorder,
    reorder,
    restore_order,
    s6_layers,
)
from s6flow.numeric.refinements.mixer import s6_inputs

CONTEXT = 64


def bits(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def set_step(mixer, step):
    """Let every channel's step at the bias be this."""
    with torch.no_grad():
        mixer.dt_proj.bias.fill_(math.log(math.expm1(step)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("kappa", [0.25, 1.0, 3.0])
def test_the_edited_model_audits_with_the_capped_memory(kappa, dtype, tiny_mamba):
    model = tiny_mamba().to(dtype)
    limit = kappa * CONTEXT
    before, states = bits(model), model.backbone.layers[0].mixer.A_log.numel()
    longest = [layer.numbers["half_life_max"] for layer in diagnose(model, CONTEXT).layers]
    assert all(value > limit for value in longest)  # the cap has work to do
    raised = cap_memory(model, CONTEXT, kappa)
    assert list(raised) == list(s6_layers(model))
    assert all(0 < count < states for count in raised.values())
    for layer in diagnose(model, CONTEXT).layers:
        # at the limit, but for one rounding of A_log
        spacing = torch.finfo(dtype).eps * max(1.0, math.log(4))
        assert limit * (1 - 4 * spacing) <= layer.numbers["half_life_max"] <= limit
        if kappa <= 1:
            assert layer.numbers["unsaturated"] == 0
    after = bits(model)
    for name, value in before.items():
        if name.endswith("A_log"):
            assert (after[name] >= value).all()
            assert int((after[name] != value).sum()) == raised[name.removesuffix(".A_log")]
        else:
            assert torch.equal(after[name], value), name
    assert not any(cap_memory(model, CONTEXT, kappa).values())
    assert all(torch.equal(value, after[name]) for name, value in bits(model).items())


def test_planted_states_on_either_side(tiny_mamba):
    """Step 0.01 and limit 64: a rate of ln 2/0.64 = 1.083 is the smallest that may stay."""
    model = tiny_mamba()
    mixer = next(iter(s6_layers(model).values()))
    set_step(mixer, 0.01)
    threshold = math.log(2) / (0.01 * CONTEXT)
    with torch.no_grad():
        mixer.A_log.fill_(math.log(threshold * 1.001))
        mixer.A_log[3, 1] = math.log(threshold * 0.999)
        mixer.A_log[5, 2] = -30.0
    before = mixer.A_log.detach().clone()
    assert cap_memory(mixer, CONTEXT) == {"": 2}
    assert (mixer.A_log != before).nonzero().tolist() == [[3, 1], [5, 2]]
    found = mixer.A_log.exp()[[3, 5], [1, 2]].detach()
    torch.testing.assert_close(found, torch.full((2,), threshold), rtol=1e-5, atol=0.0)
    assert cap_memory(mixer, CONTEXT, 1.002) == {"": 0}


def test_a_constrained_or_reordered_model(tiny_mamba):
    plain, model = tiny_mamba(), tiny_mamba()
    constrain(model)
    reorder(model)
    assert cap_memory(model, CONTEXT) == cap_memory(plain, CONTEXT)
    for name, mixer in s6_layers(model).items():
        assert torch.equal(mixer.A_log, plain.get_submodule(name).A_log)
    restore_order(model)
    twice = tiny_mamba()
    reorder(twice, published_reorder)  # adds the step's bias twice: shorter steps, longer memories
    raised = cap_memory(twice, CONTEXT)
    assert all(raised[name] > count for name, count in cap_memory(tiny_mamba(), CONTEXT).items())


def test_where_and_the_stack_of_the_experiments():
    torch.manual_seed(0)
    model = S6Stack(ModelConfig(width=16, layers=2, state=4), 11)
    names = list(s6_layers(model))
    assert list(cap_memory(model, 16, where=lambda name: name == names[1])) == [names[1]]
    capped = [layer.numbers["half_life_max"] <= 16 for layer in diagnose(model, 16).layers]
    assert capped == [False, True]


def test_a_mixer_that_adds_the_bias_twice_and_one_of_two_directions(tiny_mamba):
    mixer = next(iter(s6_layers(tiny_mamba()).values()))
    set_step(mixer, 0.01)
    mixer.conv1d_x = nn.Conv1d(4, 4, 3)  # MambaVision by its parts
    with torch.no_grad():
        mixer.A_log.zero_()
    cap_memory(mixer, 8)
    step = math.log1p(math.expm1(0.01) ** 2)  # softplus of twice the bias
    torch.testing.assert_close(mixer.A_log, torch.full_like(mixer.A_log, math.log(math.log(2) / (8 * step))))
    del mixer.conv1d_x
    mixer.A_b_log = nn.Parameter(torch.zeros_like(mixer.A_log))  # Vim by its parts
    mixer.x_proj_b, mixer.dt_proj_b = nn.Linear(16, 10, bias=False), nn.Linear(2, 16)
    mixer.D_b = nn.Parameter(torch.ones(16))
    with torch.no_grad():
        mixer.dt_proj_b.bias.fill_(-5.0)
    assert cap_memory(mixer, 1) == {"": 0, "[backward]": 64}
    assert (mixer.A_b_log > 0).all()


def test_measured_steps(tiny_mamba):
    model = tiny_mamba()
    name, mixer = next(iter(s6_layers(model).items()))
    seen, tokens = [], torch.arange(12).reshape(2, 6) % 11
    handle = mixer.x_proj.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    steps = mean_steps(model, lambda: model(tokens, use_cache=False))
    handle.remove()
    assert list(steps) == list(s6_layers(model))
    wanted = nn.functional.softplus(s6_inputs(mixer, seen[0])[0] + mixer.dt_proj.bias).mean((0, 1))
    np.testing.assert_allclose(steps[name], wanted.detach().numpy(), rtol=1e-4)
    assert not mixer.x_proj._forward_hooks
    cap_memory(model, 8, steps=steps)
    lives = math.log(2) / (np.exp(mixer.A_log.detach().double().numpy()) * steps[name][:, None])
    assert lives.max() == pytest.approx(8, rel=1e-5)
    assert not any(cap_memory(model, 8, steps=steps).values())
    with pytest.raises(AssumptionError, match="use_fast_path=False"):
        mean_steps(model, lambda: None)


def test_bad_input(tiny_mamba):
    model = tiny_mamba()
    before, name = bits(model), next(iter(s6_layers(model)))
    for context, kappa in ((0, 1.0), (2.5, 1.0), (True, 1.0), (8, 0.0), (8, -1.0), (8, math.nan), (8, math.inf)):
        with pytest.raises(FormatError, match=r"at least 1 token|positive number"):
            cap_memory(model, context, kappa)
    for steps in ({"elsewhere": np.ones(16)}, {name: np.ones(3)}, {name: np.zeros(16)}, {name: np.full(16, np.nan)}):
        with pytest.raises(FormatError, match="steps"):
            cap_memory(model, 8, steps=steps)
    with pytest.raises(AssumptionError, match="at least one S6 layer"):
        cap_memory(nn.Linear(2, 2), 8)
    with pytest.raises(AssumptionError, match="at least one S6 layer"):
        cap_memory(model, 8, where=lambda name: False)
    last = list(s6_layers(model).values())[-1]
    last.b_layernorm = nn.LayerNorm(4)
    with pytest.warns(UserWarning, match="normalised"), pytest.raises(AssumptionError, match="typical step"):
        cap_memory(model, 8)
    del last.b_layernorm
    with torch.no_grad():
        last.dt_proj.bias[2] = -400.0
    with pytest.raises(AssumptionError, match=r"float32.*channel 2 state 0"):
        cap_memory(model, 8)
    assert all(torch.equal(value, bits(model)[key]) for key, value in before.items() if "dt_proj" not in key)
    with torch.no_grad():
        last.dt_proj.bias[2] = 0.0
        last.A_log[1, 1] = math.nan
    with pytest.raises(AssumptionError, match=r"positive float32.*layers\.1\.mixer"):
        cap_memory(model, 8)
    with torch.no_grad():
        last.A_log[1, 1] = 0.0
    parametrize.register_parametrization(last, "A_log", nn.Identity())
    with pytest.raises(AssumptionError, match="plain parameter"):
        cap_memory(model, 8)
    last.dt_proj = nn.Linear(3, 16)
    with pytest.raises(FormatError, match=r"x_proj\.weight"):
        cap_memory(model, 8)
