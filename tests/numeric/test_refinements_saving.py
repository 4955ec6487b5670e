"""Constrained models in files: plain keys out, plain and raw keys in, through every way that models are kept.

One long file: a case for each way in which models are kept.
"""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from representatives import sweep
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError, FormatError, SourceError
from s6flow.numeric.audit import audit
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.health import diagnose
from s6flow.numeric.refinements import (
    bake,
    channel_mu,
    constrain,
    constrained_layers,
    raw_keys,
    s6_layers,
    s6_shape,
    split_rows,
)
from s6flow.numeric.refinements.cone import REACH
from s6flow.numeric.refinements.origin import record
from s6flow.numeric.weights import open_checkpoint

SCENARIOS = ["positive", "negative", "mixed"]
FORMS = ["channel", "entry", "matrix", "published"]
TOKENS = torch.arange(18).reshape(2, 9) % 11
#: Largest change of a weight that comes back from a file, relative to the layer's norm, in units of its format's spacing.
SPACINGS = {"channel": 4, "entry": 4, "matrix": 16, "published": 4}


def logits(model):
    with torch.no_grad():
        found = model.eval()(TOKENS, use_cache=False)
    return found.logits


def train(model, steps=4, optimiser=None, rate=0.05):
    optimiser = optimiser or torch.optim.AdamW(model.parameters(), lr=rate)
    model.train()
    for _ in range(steps):
        optimiser.zero_grad()
        model(TOKENS, labels=TOKENS, use_cache=False).loss.backward()
        optimiser.step()
    return optimiser


def weights(model):
    return [mixer.x_proj.weight.detach().clone() for mixer in s6_layers(model).values()]


def furthest(found, wanted):
    """Largest change of a layer, relative to its norm, in spacings of its format."""
    changes = [
        ((a.double() - b.double()).norm() / b.double().norm()).item() / torch.finfo(b.dtype).eps
        for a, b in zip(found, wanted, strict=True)
    ]
    return max(changes)


@pytest.fixture
def trained(tiny_mamba):
    """A constrained model after a few steps that move it off the margin of its start."""

    def make(scenario="positive", form="channel", dtype=torch.float32, seed=0):
        model = tiny_mamba(seed)
        constrain(model, scenario, form)
        train(model)
        return model.to(dtype)

    return make


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("form", FORMS)
def test_a_saved_model_is_the_same_plain_model(form, scenario, trained, tiny_mamba, tmp_path):
    from transformers import MambaForCausalLM

    model = trained(scenario, form)
    before = logits(model)
    model.save_pretrained(tmp_path)
    plain, told = MambaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values())  # nothing missing, unexpected or mismatched
    torch.testing.assert_close(logits(plain), before)
    assert list(model.state_dict()) == list(plain.state_dict()) == list(tiny_mamba().state_dict())
    for (name, saved), own in zip(plain.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(saved, own), name
    report, own = audit(str(tmp_path)), audit(model)
    for layer, other in zip(report.layers, own.layers, strict=True):
        mu = np.asarray(layer.columns["mu"])
        assert np.array_equal(mu, np.asarray(other.columns["mu"]))
        if form != "published" and (form != "matrix" or scenario != "mixed"):
            signs = np.ones_like(mu) if scenario == "positive" else -np.ones_like(mu)
            if scenario == "mixed":
                signs[::2] *= -1
            assert (mu * signs > 0).all()


#: Every form in one precision, every precision in one form.
PRECISIONS = [(form, dtype) for form in FORMS for dtype in (torch.float32, torch.bfloat16, torch.float16)]
FEW = [case for case in PRECISIONS if case[1] is torch.bfloat16 or case[0] == "channel"]


@pytest.mark.parametrize(("form", "dtype"), sweep(PRECISIONS, FEW))
def test_plain_weights_come_back_to_rounding(form, dtype, trained, tiny_mamba):
    for seed, scenario in enumerate(SCENARIOS):
        model = trained(scenario, form, dtype, seed)
        twin = tiny_mamba(7).to(dtype)
        constrain(twin, scenario, form)
        assert furthest(weights(twin), weights(model)) > 50 * SPACINGS[form] * torch.finfo(dtype).eps
        twin.load_state_dict(model.state_dict())
        assert furthest(weights(twin), weights(model)) <= SPACINGS[form]
        plain = tiny_mamba(7).to(dtype)
        plain.load_state_dict(model.state_dict())
        constrain(plain, scenario, form, resume=True)
        assert furthest(weights(plain), weights(model)) <= SPACINGS[form]


def test_resume_keeps_what_training_moved_below_the_margin(tiny_mamba):
    """Planted: a channel between floor and margin; wrapping anew moves it, resuming does not."""
    model = tiny_mamba()
    name, mixer = next(iter(s6_layers(model).items()))
    shape = s6_shape(mixer)
    with torch.no_grad():
        _, s_b, s_c = split_rows(mixer.x_proj.weight, shape)
        s_b.zero_(), s_c.zero_()
        s_b[0], s_c[0] = 1.0, 1.0
        s_b[1], s_c[1] = 0.95, -0.95  # mu = 1 - 0.9025: relative margin 0.051, above 2^-5 and below 2^-3
    before = mixer.x_proj.weight.detach().clone()
    wrapped, resumed = copy.deepcopy(model), copy.deepcopy(model)
    constrain(wrapped)
    constrain(resumed, resume=True)
    assert (wrapped.get_submodule(name).x_proj.weight - before).abs().max() > 0.01
    torch.testing.assert_close(resumed.get_submodule(name).x_proj.weight, before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("beyond", "kept"), [(0.5, True), (4.0, False)])
@pytest.mark.parametrize("form", ["channel", "entry"])
def test_weights_beyond_the_reach_are_projected(form, beyond, kept, tiny_mamba):
    """Planted on either side of REACH outside of the cone of the floor: to its rim, or to the margin."""
    model = tiny_mamba()
    constrain(model, form=form)
    mixer, constraint = next(iter(s6_layers(model).values())), next(iter(constrained_layers(model).values()))
    shape, kappa = constraint.shape, float(np.sqrt((1 - constraint.floor) / (1 + constraint.floor)))
    v = kappa + beyond * REACH * np.hypot(1.0, kappa)
    weight = torch.ones(shape.rows, shape.channels)
    weight[shape.dt_rank : shape.dt_rank + shape.d_state] = 1.0 - v  # b = u - v, c = u + v, up to a common factor
    weight[shape.dt_rank + shape.d_state :] = 1.0 + v
    mixer.x_proj.load_state_dict({"weight": weight})
    moved = ((mixer.x_proj.weight - weight).norm() / weight.norm()).item()
    assert (moved < 2 * REACH) == kept
    mu = channel_mu(mixer.x_proj.weight, shape)
    assert ((mu if form == "entry" else mu.sum(0)) > 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_training_resumes_exactly_from_raw_keys(form, trained, tiny_mamba):
    model = trained("positive", form)
    optimiser = train(model, 2)
    file, plain = io.BytesIO(), copy.deepcopy(model.state_dict())
    with raw_keys():
        torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict()}, file)
    train(model, 3, optimiser)

    def resumed(state=None):
        saved = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
        assert any("parametrizations" in key for key in saved["model"])
        twin = tiny_mamba(5)
        constrain(twin, "positive", form)
        again = torch.optim.AdamW(twin.parameters(), lr=0.05)
        twin.load_state_dict(saved["model"] if state is None else state)
        again.load_state_dict(saved["optimiser"])
        train(twin, 3, again)
        return twin

    for (name, value), (_, other) in zip(model.named_parameters(), resumed().named_parameters(), strict=True):
        assert torch.equal(value, other), name
    if form == "matrix":  # L and L O, O orthogonal, make the same weight: the plain keys do not tell them apart
        return
    # from the plain keys the same run, to rounding
    torch.testing.assert_close(logits(resumed(plain)), logits(model), rtol=5e-3, atol=5e-3)


def test_raw_keys_know_their_constraint(trained, tiny_mamba):
    model = trained("positive", "channel")
    with raw_keys():
        state = model.state_dict()
    assert not any("parametrizations" in key for key in model.state_dict())
    for settings, word in (
        ({"scenario": "negative"}, "scenario positive was saved"),
        ({"form": "entry"}, "form channel was saved"),
        ({"floor": 2**-6}, "floor"),
    ):
        twin = tiny_mamba()
        constrain(twin, **settings)
        with pytest.raises(FormatError, match=word):
            twin.load_state_dict(state)
    broken = dict(state)
    key = next(key for key in state if key.endswith("_extra_state"))
    broken[key] = torch.zeros(3, dtype=torch.uint8)
    with pytest.raises(FormatError, match="JSON"):
        model.load_state_dict(broken)
    broken[key] = record(form="channel")
    with pytest.raises(FormatError, match="scenario"):
        model.load_state_dict(broken)


def test_checkpoints_of_version_0_1(trained, tiny_mamba):
    """They hold raw parameters with a buffer of signs, and no record."""
    model = trained("negative")
    with raw_keys():
        state = {key: value for key, value in model.state_dict().items() if not key.endswith("_extra_state")}
    for name, constraint in constrained_layers(model).items():
        like = torch.ones(1)
        state[f"{name}.x_proj.parametrizations.weight.0.signs"] = constraint.signs(like)
    twin = tiny_mamba(3)
    constrain(twin, "negative")
    twin.load_state_dict(state)
    assert torch.equal(logits(twin), logits(model))
    other = tiny_mamba(3)
    constrain(other, "mixed")
    with pytest.raises(RuntimeError, match="another scenario than mixed"):
        other.load_state_dict(state)


def test_missing_and_unexpected_keys_have_plain_names(trained):
    model = trained()
    state = model.state_dict()
    names = [f"{name}.x_proj.weight" for name in constrained_layers(model)]
    before = weights(model)
    partial = {key: value for key, value in state.items() if key not in names}
    told = model.load_state_dict({**partial, "foreign": torch.ones(1)}, strict=False)
    assert told.missing_keys == names
    assert told.unexpected_keys == ["foreign"]
    assert furthest(weights(model), before) == 0
    with pytest.raises(RuntimeError, match=r"Missing key.*x_proj\.weight"):
        model.load_state_dict(partial)
    with raw_keys():
        both = {**model.state_dict(), **state}
    assert model.load_state_dict(both, strict=False).unexpected_keys == names
    state[names[0]] = torch.zeros(2, 2)
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state)
    assert furthest(weights(model), before) <= SPACINGS["channel"]
    kept = model.state_dict()
    model.load_state_dict(kept)
    assert list(kept) == list(model.state_dict())  # a caller's dict is left alone


def test_state_dicts_may_track_gradients_or_be_assigned(trained, tiny_mamba):
    model = trained()
    key = next(f"{name}.x_proj.weight" for name in constrained_layers(model))
    assert not model.state_dict()[key].requires_grad
    tracked = model.state_dict(keep_vars=True)[key]
    grads = torch.autograd.grad(tracked.sum(), next(iter(s6_layers(model).values())).x_proj.parameters())
    assert all(grad.abs().sum() > 0 for grad in grads)
    with parametrize.cached():
        model.state_dict()
        assert logits(model).isfinite().all()
    with torch.device("meta"):
        empty = tiny_mamba(1)
    constrain(empty)
    empty.load_state_dict(model.state_dict(), assign=True)
    assert furthest(weights(empty), weights(model)) <= SPACINGS["channel"]
    frozen = trained()
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    assert not frozen.state_dict(keep_vars=True)[key].requires_grad


@pytest.mark.usefixtures("unchecked")
def test_wrapped_models_keep_their_prefix(trained, tiny_mamba, tmp_path):
    """torch.compile, DistributedDataParallel and an exponential moving average."""
    model = trained("negative")
    before, plain = logits(model), tiny_mamba(4)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        spread = torch.nn.parallel.DistributedDataParallel(model)
        spread(TOKENS, labels=TOKENS, use_cache=False).loss.backward()
        states = {"module.": spread.state_dict()}
    finally:
        torch.distributed.destroy_process_group()
    model.zero_grad()
    compiled = torch.compile(model, backend="eager")
    states["_orig_mod."] = compiled.state_dict()
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5), use_buffers=False
    )
    for prefix, state in states.items():
        assert set(state) == {prefix + key for key in plain.state_dict()}
        plain.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
        torch.testing.assert_close(logits(plain), before)
        path = tmp_path / f"{prefix}safetensors"
        save_file({key: value for key, value in state.items() if "lm_head" not in key}, path)
        layers = audit(str(path)).layers
        assert len(layers) == 2
        assert all((np.asarray(layer.columns["mu"]) < 0).all() for layer in layers)
    compiled.load_state_dict(compiled.state_dict())
    mixer = next(iter(s6_layers(model).values()))
    tokens = torch.randn(2, 3, 16)
    torch.testing.assert_close(torch.compile(mixer.x_proj, backend="eager")(tokens), mixer.x_proj(tokens))
    train(model, 2)
    average.update_parameters(model)
    assert set(average.state_dict()) == {f"module.{key}" for key in plain.state_dict()} | {"n_averaged"}
    for mixer in s6_layers(average.module).values():
        assert (channel_mu(mixer.x_proj.weight, s6_shape(mixer)).sum(0) < 0).all()
    plain.load_state_dict(average.module.state_dict())
    torch.testing.assert_close(logits(plain), logits(average.module))


def test_a_compiled_mixer_is_one_layer(tiny_mamba):
    mixer = next(iter(s6_layers(tiny_mamba()).values()))
    compiled = torch.compile(mixer, backend="eager")
    assert constrain(compiled) == ["_orig_mod"]
    assert bake(compiled) == ["_orig_mod"]


def test_copies_are_apart(trained):
    """torch removes a parametrisation from a class that copies share."""
    model = trained()
    before = logits(model)
    twin = copy.deepcopy(model)
    assert len(bake(twin)) == 2
    torch.testing.assert_close(logits(twin), before)
    torch.testing.assert_close(logits(model), before)
    assert list(twin.state_dict()) == list(model.state_dict())
    assert not any(hasattr(mixer.x_proj, "plain_keys") for mixer in s6_layers(twin).values())
    train(model, 1)
    assert (logits(twin) - logits(model)).abs().max() > 1e-4
    assert len(bake(model)) == 2
    assert len(constrain(model, "negative")) == 2  # and again, hooks and all
    assert not any("parametrizations" in key for key in model.state_dict())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tracked", [True, False])
def test_baking_leaves_a_parameter(form, tracked, trained):
    """Also where no gradient is tracked, or none is wanted."""
    model = trained("positive", form)
    names = {f"{name}.x_proj.weight" for name in s6_layers(model)}
    for mixer in s6_layers(model).values():
        mixer.x_proj.requires_grad_(tracked)
    with torch.no_grad():
        bake(model)
    kept = {name: value.requires_grad for name, value in model.named_parameters() if name in names}
    assert kept == dict.fromkeys(names, tracked)


@pytest.mark.parametrize("form", FORMS)
def test_pickle(form, trained):
    model = trained("positive", form)
    next(iter(s6_layers(model).values())).x_proj.parametrizations.weight.requires_grad_(False)
    twin = pickle.loads(pickle.dumps(model))
    for (name, value), (other, again) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        assert name == other
        assert value.requires_grad == again.requires_grad
        assert torch.equal(value, again)
    assert torch.equal(logits(twin), logits(model))
    assert list(twin.state_dict()) == list(model.state_dict())
    assert len(bake(twin)) == len(bake(model)) == 2
    file = io.BytesIO()
    torch.save(model, file)


def test_a_foreign_parametrisation_is_said(trained):
    model = trained()
    state, projection = model.state_dict(), next(iter(s6_layers(model).values())).x_proj
    parametrize.register_parametrization(projection, "weight", torch.nn.Identity())
    assert list(model.state_dict()) == list(state)
    with pytest.raises(RuntimeError, match="further parametrisations"):
        model.load_state_dict(state)
    with pytest.raises(AssumptionError, match="can be pickled"):
        pickle.dumps(model)


def test_without_the_hooks_the_audit_withholds(trained, tiny_mamba, tmp_path):
    """Planted: hooks that someone removed. The file is what version 0.1 wrote, and no plain model can read it."""
    model = trained()
    before = logits(model)
    for mixer in s6_layers(model).values():
        for handle in mixer.x_proj.plain_keys:
            handle.remove()
    state = {key: value for key, value in model.state_dict().items() if "lm_head" not in key}
    assert any("parametrizations" in key for key in state)
    plain = tiny_mamba(9)
    plain.load_state_dict(state, strict=False)
    assert (logits(plain) - before).abs().max() > 1e-3  # the loss that the hooks prevent
    path = tmp_path / "raw.safetensors"
    save_file(state, path)
    checkpoint = open_checkpoint(str(path))
    assert len(checkpoint) == 0
    assert [entry.kind for entry in checkpoint.withheld] == ["parametrised"] * 2
    assert "x_proj.parametrizations.weight.original" in checkpoint.withheld[0].reason
    assert not checkpoint.withheld[0].damaged
    for found, own in zip(diagnose(str(path)).layers, diagnose(model).layers, strict=True):  # what is there is read
        assert found.numbers["half_life_max"] == own.numbers["half_life_max"]
        assert found.numbers["u_max"] is None
    with pytest.raises(SourceError, match="save again"):
        checkpoint.layer(checkpoint.withheld[0].name)
    state[next(key for key in state if key.endswith("A_log")).replace("A_log", "x_proj.weight")] = weights(model)[0]
    save_file(state, path)
    assert len(open_checkpoint(str(path))) == 1


def test_the_stack_of_the_experiments(tmp_path):
    torch.manual_seed(0)
    config = ModelConfig(width=16, layers=2, state=4)
    model, plain = S6Stack(config, 11), S6Stack(config, 11)
    constrain(model, "mixed")
    path = tmp_path / "stack.pt"
    torch.save(model.state_dict(), path)
    plain.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        torch.testing.assert_close(plain(TOKENS), model(TOKENS))
    assert len(audit(str(path)).layers) == 2


@pytest.mark.parametrize(("noise", "kept"), [(REACH / 4, True), (REACH * 4, False)])
@pytest.mark.parametrize("form", ["matrix", "published"])
def test_what_these_forms_do_not_reach_is_taken_as_new(form, noise, kept, tiny_mamba):
    """Planted on either side of REACH: C rows outside of the row space of the B rows; no triangle of ones."""
    model = tiny_mamba()
    constrain(model, form=form)
    mixer, constraint = next(iter(s6_layers(model).values())), next(iter(constrained_layers(model).values()))
    weight, shape = mixer.x_proj.weight.detach().clone(), constraint.shape
    torch.manual_seed(1)
    off = torch.zeros_like(weight)
    if form == "matrix":
        s_b = weight[shape.dt_rank : shape.dt_rank + shape.d_state]
        small = torch.tensor([1.0, 1.0, 1.0, 2.0**-14])  # below the margin: wrapping anew would move it
        weight[-shape.d_state :] = small[:, None] * s_b
        apart = torch.randn(shape.d_state, shape.channels)
        apart -= apart @ torch.linalg.pinv(s_b) @ s_b
        off[-shape.d_state :] = apart
    else:
        off[-shape.d_state :] = torch.tril(torch.ones(shape.d_state, shape.channels), -1)
    weight = weight + off * noise * weight.norm() / off.norm()
    new = constraint.right_inverse(weight)
    found = constraint.recover(weight)
    same = all(torch.equal(a, b) for a, b in zip(found, new if isinstance(new, tuple) else (new,), strict=True))
    assert same != kept
    assert ((constraint(*found) - weight).norm() <= REACH * weight.norm()) == kept


def test_half_precision_files_keep_the_scenario(trained, tmp_path):
    for dtype in (torch.bfloat16, torch.float16):
        model = trained("negative", dtype=dtype)
        model.save_pretrained(tmp_path / str(dtype))
        stored = load_file(tmp_path / str(dtype) / "model.safetensors")
        assert all(value.dtype == dtype for value in stored.values())
        for layer in audit(str(tmp_path / str(dtype))).layers:
            assert (np.asarray(layer.columns["mu"]) < 0).all()
