"""The refinements on mamba-ssm's own blocks, and recorded training steps; skipped, and reported as not run, elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import load_config
from s6flow.numeric.experiments.model import ModelConfig, S6Stack
from s6flow.numeric.experiments.run import load_source
from s6flow.numeric.experiments.train import build_model
from s6flow.numeric.experiments.update import Step, make_optimiser
from s6flow.numeric.refinements import (
    TokenReorder,
    bake,
    channel_mu,
    constrain,
    reorder,
    restore_order,
    s6_layers,
    s6_shape,
)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: no CUDA device")]

WANTED = {"positive": lambda mu: mu > 0, "negative": lambda mu: mu < 0}


@pytest.fixture
def kernels():
    pytest.importorskip("mamba_ssm", reason="not run: no mamba-ssm")


def language_model(seed: int = 0):
    from mamba_ssm.models.config_mamba import MambaConfig
    from mamba_ssm.models.mixer_seq_simple import MambaLMHeadModel

    torch.manual_seed(seed)
    ssm = {"layer": "Mamba1", "d_state": 8}
    return MambaLMHeadModel(MambaConfig(d_model=32, n_layer=2, vocab_size=64, ssm_cfg=ssm), device="cuda")


def losses(config, condition: str, graph: bool, peak: float = 4e-3, steps: int = 12) -> list[float]:
    config = replace(config, train=replace(config.train, graph=graph))
    data = Data(load_source(config, None), config, torch.device("cuda", 0))
    model = build_model(config, condition, 0, data).train()
    step = Step(model, make_optimiser(model, config.train), config.train)
    found = []
    for index in range(steps):
        step(data.training(0, index), peak * (index + 1) / steps)
        found.append(step.read())
    assert (step.graph is not None) == graph
    return found


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("lm_cpu", "channel-positive"),
        ("lm_cpu", "published-mixed"),
        ("reorder_cpu", "published"),
        ("reorder_cpu", "hard"),
    ],
)
def test_a_recorded_step_is_the_step(name: str, condition: str) -> None:
    plain, recorded = (losses(load_config(name), condition, graph) for graph in (False, True))
    assert recorded == pytest.approx(plain, rel=5e-3)
    without_updates = losses(load_config(name), condition, False, 0.0)
    assert without_updates != pytest.approx(plain, rel=2e-2)  # so equal losses say that the updates are equal


def test_recorded_shuffles_are_fresh() -> None:
    found = losses(load_config("reorder_cpu"), "random", True)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("form", ["channel", "entry", "published"])
@pytest.mark.parametrize("scenario", ["positive", "negative"])
def test_constraint_on_mamba_ssm(kernels, tmp_path, scenario: str, form: str) -> None:
    from mamba_ssm.models.mixer_seq_simple import MambaLMHeadModel

    model = language_model()
    keys = set(model.state_dict())
    assert len(constrain(model, scenario, form)) == 2
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.05)
    tokens = torch.randint(0, 64, (4, 33), device="cuda")
    for _ in range(4):
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(tokens[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.isfinite(loss)

    def holds(weights) -> bool:
        signs = [channel_mu(m.x_proj.weight, s6_shape(m)) for m in s6_layers(weights).values()]
        return all(bool(WANTED[scenario](mu.sum(0)).all()) for mu in signs)

    assert holds(model)
    model.eval()
    before = model(tokens).logits
    assert len(bake(model)) == 2
    assert set(model.state_dict()) == keys
    torch.testing.assert_close(model(tokens).logits, before)
    model.save_pretrained(tmp_path)
    back = MambaLMHeadModel.from_pretrained(str(tmp_path), device="cuda").eval()
    torch.testing.assert_close(back(tokens).logits, before)
    if form != "published":
        assert holds(back.to(torch.bfloat16))


def test_reordering_on_mamba_ssm(kernels) -> None:
    model = language_model().eval()
    tokens = torch.randint(0, 64, (3, 40), device="cuda")
    before = model(tokens).logits
    same = lambda channels: TokenReorder(channels, lambda inputs: torch.zeros_like(inputs.tokens[..., 0]), "hard")  # noqa: E731
    assert len(reorder(model, same)) == 2
    torch.testing.assert_close(model(tokens).logits, before, atol=1e-4, rtol=1e-3)  # ties keep their order
    restore_order(model)
    reorder(model, lambda channels: TokenReorder(channels, "growth", "hard"))
    assert (model(tokens).logits - before).abs().max() > 1e-3
    restore_order(model)
    torch.testing.assert_close(model(tokens).logits, before)


def test_kernel_model_is_the_plain_model(kernels) -> None:
    torch.manual_seed(1)
    config = ModelConfig(width=32, layers=2, state=8)
    fast, plain = S6Stack(config, 64, None, cuda=True).cuda(), S6Stack(config, 64, None)
    plain.load_state_dict(fast.state_dict())
    tokens = torch.randint(0, 64, (2, 50))
    torch.testing.assert_close(fast(tokens.cuda()).cpu(), plain(tokens), atol=1e-4, rtol=1e-3)
