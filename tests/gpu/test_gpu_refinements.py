"""Refined models on CUDA: plain keys, half precision, compiled and distributed, capped; reported as not run elsewhere."""

from __future__ import annotations

import math
import pickle
from importlib.util import find_spec

import pytest
import torch

from s6flow.numeric.health import diagnose
from s6flow.numeric.refinements import (
    bake,
    cap_memory,
    channel_mu,
    constrain,
    mean_steps,
    raw_keys,
    reorder,
    s6_layers,
    s6_shape,
)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: no CUDA device")]
DEVICE = "cuda"
#: With mamba-ssm alone Hugging Face's Mamba takes a fused training step that calls causal-conv1d unasked.
TRAINS = find_spec("mamba_ssm") is None or find_spec("causal_conv1d") is not None
FORMS = ["channel", "entry", "matrix", "published"]


def make(seed: int = 0, dtype: torch.dtype = torch.float32):
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(seed)
    config = MambaConfig(vocab_size=11, hidden_size=32, state_size=8, num_hidden_layers=2, time_step_rank=4)
    return MambaForCausalLM(config).to(DEVICE, dtype)


def tokens():
    return (torch.arange(32, device=DEVICE) % 11).reshape(2, 16)


def logits(model):
    with torch.no_grad():
        return model.eval()(tokens(), use_cache=False).logits


def must_train():
    if not TRAINS:
        pytest.skip("not run: transformers trains with mamba-ssm only beside causal-conv1d")


def train(model, optimiser=None, steps=3):
    must_train()
    optimiser = optimiser or torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        model(tokens(), labels=tokens(), use_cache=False).loss.backward()
        optimiser.step()
    return optimiser


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", FORMS)
def test_plain_keys_on_the_device(form, dtype, tmp_path):
    from transformers import MambaForCausalLM

    model = make()
    constrain(model, "negative", form)
    train(model)
    model.to(dtype)
    model.save_pretrained(tmp_path)
    plain, told = MambaForCausalLM.from_pretrained(tmp_path, dtype=dtype, output_loading_info=True)
    assert not any(told.values())
    torch.testing.assert_close(logits(plain.to(DEVICE)), logits(model))
    twin = make(1, dtype)
    constrain(twin, "negative", form)
    twin.load_state_dict(plain.state_dict())
    for name, mixer in s6_layers(model).items():
        own, other = mixer.x_proj.weight.double(), s6_layers(twin)[name].x_proj.weight.double()
        assert (other - own).norm() <= 16 * torch.finfo(dtype).eps * own.norm()
        if form in ("channel", "entry"):
            assert (channel_mu(mixer.x_proj.weight, s6_shape(mixer)).sum(0) < 0).all()
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(logits(again), logits(model))
    before = logits(model)
    assert len(bake(model)) == 2
    torch.testing.assert_close(logits(model), before)


def test_autocast_training_resumes_from_raw_keys():
    model = make()
    constrain(model)
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        optimiser = train(model)
    with raw_keys():
        state = {key: value.clone() for key, value in model.state_dict().items()}
    twin = make(1)
    constrain(twin)
    twin.load_state_dict(state)
    for own, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(own, other)
    assert all(group["lr"] == 0.02 for group in optimiser.param_groups)


@pytest.mark.usefixtures("unchecked")
def test_compiled_projection_and_prefixes(tmp_path):
    must_train()
    model, plain = make(), make(1)
    constrain(model, "mixed")
    reordered = make()
    reorder(reordered)
    assert {value.device.type for key, value in reordered.state_dict().items() if "extra" not in key} == {DEVICE}
    torch.distributed.init_process_group(
        "nccl" if DEVICE == "cuda" else "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        spread = torch.nn.parallel.DistributedDataParallel(model)
        spread(tokens(), labels=tokens(), use_cache=False).loss.backward()
        state = spread.state_dict()
    finally:
        torch.distributed.destroy_process_group()
    plain.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    torch.testing.assert_close(logits(plain), logits(model))
    compiled = torch.compile(model)
    assert set(compiled.state_dict()) == {f"_orig_mod.{key}" for key in plain.state_dict()}
    mixer = next(iter(s6_layers(model).values()))
    inputs = torch.randn(2, 5, s6_shape(mixer).channels, device=DEVICE)
    torch.testing.assert_close(torch.compile(mixer.x_proj)(inputs), mixer.x_proj(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_cap_is_the_same_on_the_device(dtype):
    model, twin = make(dtype=dtype), make(dtype=dtype).cpu()
    assert cap_memory(model, 64, 0.5) == cap_memory(twin, 64, 0.5)
    for name, mixer in s6_layers(model).items():
        assert torch.equal(mixer.A_log.cpu(), s6_layers(twin)[name].A_log)
    assert all(layer.numbers["half_life_max"] <= 32 for layer in diagnose(model, 64).layers)
    assert not any(cap_memory(model, 64, 0.5).values())
    steps = mean_steps(model.eval(), lambda: model(tokens(), use_cache=False))
    cap_memory(model, 4, steps=steps)
    for name, mixer in s6_layers(model).items():
        rates = mixer.A_log.detach().double().exp().cpu().numpy()
        assert (math.log(2) / (rates * steps[name][:, None])).max() <= 4 * (1 + 1e-12)
