"""TokenReorder: what a sort may and may not change.

One long file: every case is of one module, on shared data.
"""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.refinements import (
    TokenReorder,
    hard_order,
    published_reorder,
    reorder,
    reordering,
    restore_order,
    s6_layers,
    soft_permutation,
)
from s6flow.numeric.refinements.mixer import mixer_forward, s6_inputs, s6_output, scan_reference
from s6flow.numeric.weights import open_checkpoint

MODES = ["hard", "soft", "straight-through"]


@pytest.fixture
def first_mixer(tiny_mamba):
    return next(iter(s6_layers(tiny_mamba().eval()).values()))


@st.composite
def distinct_scores(draw, least_gap=0.05):
    token = draw(st.integers(1, 12))
    gaps = draw(st.lists(st.floats(least_gap, 2.0), min_size=token, max_size=token))
    order = draw(st.permutations(range(token)))
    return torch.tensor(np.cumsum(gaps) - 3.0)[list(order)].float().unsqueeze(0)


@settings(max_examples=50, deadline=None)
@given(scores=distinct_scores(), p=st.sampled_from([0.5, 1.0, 2.0]))
def test_soft_tends_to_hard(scores, p):
    values = torch.randn(1, scores.shape[1], 3)
    hard = reordering(scores, "hard")
    soft = reordering(scores, "soft", tau=1e-4, p=p)
    torch.testing.assert_close(soft.sort(values), hard.sort(values))
    torch.testing.assert_close(soft.unsort(values), hard.unsort(values))
    warm = soft_permutation(scores, tau=1.0, p=p)
    torch.testing.assert_close(warm.sum(-1), torch.ones_like(scores))
    assert (warm.argmax(-1) == hard.order).all()


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_unsort_is_the_inverse_also_with_ties(scores):
    scores = torch.tensor([scores]).float()
    values = torch.randn(1, scores.shape[1], 2)
    for mode in ("hard", "straight-through"):
        decided = reordering(scores, mode)
        assert torch.equal(decided.unsort(decided.sort(values)), values)
        assert torch.equal(decided.sort(decided.unsort(values)), values)
        ranked = decided.sort(scores.unsqueeze(-1)).squeeze(-1)
        assert (ranked.diff() >= 0).all()
        for score in scores.unique():  # ties keep their order
            places = decided.order[0][ranked[0] == score]
            assert (places.diff() > 0).all()


def test_soft_averages_ties():
    scores = torch.tensor([[1.0, 0.0, 1.0]])
    values = torch.tensor([[[2.0], [5.0], [4.0]]])
    soft = reordering(scores, "soft", tau=1e-4).sort(values)
    torch.testing.assert_close(soft, torch.tensor([[[5.0], [3.0], [3.0]]]))


@settings(max_examples=40, deadline=None)
@given(scores=distinct_scores(), data=st.data(), mode=st.sampled_from(MODES))
def test_permutation_equivariance(scores, data, mode):
    token = scores.shape[1]
    shuffle = torch.tensor(data.draw(st.permutations(range(token))))
    values = torch.randn(1, token, 3)
    plain, shuffled = reordering(scores, mode), reordering(scores[:, shuffle], mode)
    torch.testing.assert_close(shuffled.sort(values[:, shuffle]), plain.sort(values))

    def work(decided, x):
        return decided.unsort(decided.sort(x).cumsum(1))  # any causal function of the sorted tokens

    torch.testing.assert_close(work(shuffled, values[:, shuffle]), work(plain, values)[:, shuffle])


@pytest.mark.parametrize("mode", MODES)
def test_padding_goes_last_and_mixes_with_nothing(mode):
    torch.manual_seed(0)
    scores, values = torch.randn(2, 6), torch.randn(2, 6, 3)
    mask = torch.tensor([[True, False, True, True, False, True], [True] * 6])
    decided = reordering(scores, mode, mask=mask)
    short = reordering(scores[:1, mask[0]], mode)
    torch.testing.assert_close(decided.sort(values)[:1, :4], short.sort(values[:1, mask[0]]))
    assert torch.equal(decided.sort(values)[0, 4:], values[0, ~mask[0]])
    torch.testing.assert_close(decided.unsort(values)[:1, mask[0]], short.unsort(values[:1, :4]))
    changed = torch.where(mask.unsqueeze(-1), values, torch.full_like(values, 1e6))
    torch.testing.assert_close(decided.sort(changed)[:1, :4], decided.sort(values)[:1, :4])


def test_gradients_reach_the_score():
    torch.manual_seed(1)
    scores = torch.randn(1, 5, dtype=torch.float64)
    values = torch.randn(1, 5, 2, dtype=torch.float64)
    for p in (1.0, 2.0):
        assert torch.autograd.gradcheck(
            lambda s, v, p=p: reordering(s, "soft", p=p).sort(v),
            (scores.clone().requires_grad_(), values.requires_grad_()),
        )
    grads = {}
    for mode in MODES:
        given_scores = scores.clone().requires_grad_()
        out = (reordering(given_scores, mode).sort(values) ** 2).sum()
        grads[mode] = torch.autograd.grad(out, given_scores, allow_unused=True)[0] if out.requires_grad else None
    assert grads["hard"] is None
    assert grads["straight-through"].abs().sum() > 0


def test_hard_form_needs_no_square_memory():
    scores = torch.randn(1, 200_000)  # a token x token matrix would take 160 GB
    decided = reordering(scores, "hard")
    assert torch.equal(decided.unsort(decided.sort(scores.unsqueeze(-1))).squeeze(-1), scores)


def test_own_forward_is_hugging_face_forward(first_mixer):
    mixer, hidden = first_mixer, torch.randn(2, 7, 8)
    torch.testing.assert_close(mixer_forward(mixer, hidden), mixer(hidden))
    mask = torch.tensor([[1] * 7, [0, 0, 1, 1, 1, 1, 1]])
    torch.testing.assert_close(mixer_forward(mixer, hidden, mask=mask.bool()), mixer(hidden, attention_mask=mask))
    assert (mixer_forward(mixer, hidden, gate=False) - mixer(hidden)).abs().max() > 1e-3


def test_scan_is_the_hidden_attention():
    torch.manual_seed(2)
    x, step = torch.randn(1, 1, 4), torch.rand(1, 1, 4)
    a, b, c = torch.rand(1, 3), torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    expected = torch.zeros(4)
    for l in range(4):
        for j in range(l + 1):
            decay = torch.exp(-a[0] * step[0, 0, j + 1 : l + 1].sum())
            expected[l] += (c[0, :, l] * b[0, :, j] * decay).sum() * step[0, 0, j] * x[0, 0, j]
    torch.testing.assert_close(scan_reference(x, step, a, b, c)[0, 0], expected)


def test_unsorted_output_keeps_gate_and_residual_aligned(first_mixer):
    """A shuffle of the sequence shuffles the output, conv aside; without unsort it does not."""
    mixer = first_mixer
    with torch.no_grad():
        mixer.conv1d.weight.zero_()
        mixer.conv1d.weight[:, 0, -1] = 1.0  # the convolution looks at its own token only
    hidden, shuffle = torch.randn(1, 6, 8), torch.tensor([3, 1, 5, 0, 2, 4])
    for unsort in (True, False):
        sorting = TokenReorder(16, "growth", "hard", unsort=unsort)
        plain, shuffled = (mixer_forward(mixer, h, reorder=sorting) for h in (hidden, hidden[:, shuffle]))
        assert torch.allclose(shuffled, plain[:, shuffle], atol=1e-6) == unsort


def test_published_form_adds_the_bias_twice_and_undoes_nothing(first_mixer):
    mixer, tokens = first_mixer, torch.randn(1, 5, 16)
    sorting = published_reorder(16)
    decided = sorting.decide(mixer, tokens)
    ordered = decided.sort(tokens)
    twin = copy.deepcopy(mixer)
    twin.dt_proj.bias.data.mul_(2)
    out = sorting(mixer, tokens)
    torch.testing.assert_close(out, s6_output(twin, ordered))
    score = sorting.score(s6_inputs(mixer, tokens)[0]).squeeze(-1)
    torch.testing.assert_close(ordered, soft_permutation(score, 1.0, 1.0) @ tokens)


def test_growth_score_is_the_norm_growth_rate_of_a_lonely_token(first_mixer):
    mixer = first_mixer
    with torch.no_grad():
        mixer.D.zero_()
    tokens = torch.randn(7, 1, 16)  # seven sequences of one token
    push = s6_output(mixer, tokens)
    alone = (tokens * push).sum(-1) / tokens.square().sum(-1)
    sorting = TokenReorder(16, "growth", "hard")
    torch.testing.assert_close(sorting.scores(mixer, tokens), alone)
    assert (sorting.scores(mixer, torch.zeros(1, 2, 16)) == 0).all()


def test_axis_growth_score_is_exact_on_a_channel_axis(first_mixer):
    """On one channel's axis the layer is the 1-D flow, so both theory scores agree there."""
    mixer = first_mixer
    tokens = torch.zeros(1, 6, 16)
    tokens[0, :, 3] = torch.linspace(-2.0, 3.0, 6)
    scores = [TokenReorder(16, score, "hard").scores(mixer, tokens) for score in ("growth", "axis-growth")]
    torch.testing.assert_close(*scores)
    assert scores[0].abs().max() > 0
    spread = torch.randn(1, 6, 16)
    scores = [TokenReorder(16, score, "hard").scores(mixer, spread) for score in ("growth", "axis-growth")]
    assert not torch.allclose(*scores)


@pytest.mark.parametrize("mode", MODES)
def test_wrapping_a_model_trains_and_comes_off(mode, tiny_mamba):
    model = tiny_mamba().train()
    keys = set(model.state_dict())
    tokens = torch.randint(0, 11, (2, 6))
    before = model.eval()(tokens, use_cache=False).logits
    assert len(reorder(model, lambda channels: TokenReorder(channels, mode=mode))) == 2
    extra = set(model.state_dict()) - keys
    assert len(extra) == 4
    assert all(key.endswith(("mixer.reorder.score.weight", "mixer.reorder._extra_state")) for key in extra)
    model.train()(tokens, labels=tokens, use_cache=False).loss.backward()
    grads = [mixer.reorder.score.weight.grad for mixer in s6_layers(model).values()]
    assert all((grad is None) == (mode == "hard") for grad in grads)
    twin = pickle.loads(pickle.dumps(model)).eval()
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    torch.testing.assert_close(
        twin(tokens, attention_mask=mask, use_cache=False).logits,
        model.eval()(tokens, attention_mask=mask, use_cache=False).logits,
    )
    with pytest.raises(AssumptionError, match="use_cache=False"):
        model(tokens, use_cache=True)
    with pytest.raises(AssumptionError, match="reordered once"):
        reorder(model)
    assert len(restore_order(model)) == 2
    assert set(model.state_dict()) == keys
    torch.testing.assert_close(model(tokens, use_cache=False).logits, before)


def test_it_is_called_like_a_module(first_mixer):
    """The call is what a wrapped mixer runs: forward hooks see it, and it is the scan of sorted tokens, put back."""
    mixer, tokens = first_mixer, torch.randn(2, 5, 16)
    sorting, seen = TokenReorder(16, "growth", "hard"), []
    sorting.register_forward_hook(lambda module, inputs, output: seen.append(output))
    called = sorting(mixer, tokens)
    decided = sorting.decide(mixer, tokens)
    torch.testing.assert_close(called, decided.unsort(s6_output(mixer, decided.sort(tokens))))
    mixer_forward(mixer, torch.randn(2, 5, 8), reorder=sorting)
    assert len(seen) == 2
    with pytest.warns(DeprecationWarning, match="call the module"):
        torch.testing.assert_close(sorting.run(mixer, tokens, None, None), called)


def test_saving_and_loading(tiny_mamba, tmp_path):
    """The plain keys stay; the score and a record join them, so that no plain model takes the file for its own."""
    from transformers import MambaForCausalLM

    model, tokens = tiny_mamba().eval(), torch.arange(12).reshape(2, 6) % 11
    for mixer in s6_layers(model).values():  # make the order matter
        mixer.x_proj.weight.data.mul_(8)
        mixer.dt_proj.bias.data.fill_(1.0)
    plain_keys = set(model.state_dict())
    for score in ("linear", "growth"):
        reorder(model, lambda channels, score=score: TokenReorder(channels, score, "hard"))
        before, folder = model(tokens, use_cache=False).logits, tmp_path / score
        model.save_pretrained(folder)
        extra = set(model.state_dict()) - plain_keys
        with pytest.raises(RuntimeError, match=r"Unexpected key.*reorder"):
            tiny_mamba().load_state_dict(model.state_dict())
        plain, told = MambaForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert set(told["unexpected_keys"]) == extra
        assert not told["missing_keys"]
        assert (plain.eval()(tokens, use_cache=False).logits - before).abs().max() > 1e-4
        twin = tiny_mamba(1).eval()
        reorder(twin, lambda channels, score=score: TokenReorder(channels, score, "hard"))
        twin.load_state_dict(model.state_dict())
        assert torch.equal(twin(tokens, use_cache=False).logits, before)
        again = copy.deepcopy(twin)
        assert torch.equal(again(tokens, use_cache=False).logits, before)
        for source in (str(folder), model):
            assert all("reordered" in [flag.kind for flag in layer.flags] for layer in open_checkpoint(source).layers())
        old = {key: value for key, value in model.state_dict().items() if not key.endswith("_extra_state")}
        twin.load_state_dict(old)  # of version 0.1, which kept no record
        restore_order(model)
    assert set(model.state_dict()) == plain_keys
    assert not any(flag.kind == "reordered" for layer in open_checkpoint(model).layers() for flag in layer.flags)


def test_other_settings_are_warned_of(tiny_mamba):
    model, other = tiny_mamba(), tiny_mamba()
    reorder(model, lambda channels: TokenReorder(channels, "linear", "soft", tau=0.5))
    reorder(other, lambda channels: TokenReorder(channels, "linear", "hard"))
    with pytest.warns(UserWarning, match=r"mode soft was saved, hard is here, tau 0\.5 was saved, 1\.0 is here"):
        other.load_state_dict(model.state_dict())
    assert {mixer.reorder.mode for mixer in s6_layers(other).values()} == {"hard"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.load_state_dict(copy.deepcopy(model.state_dict()))


def test_custom_and_random_scores(first_mixer):
    mixer, tokens = first_mixer, torch.randn(2, 5, 16)
    last = TokenReorder(16, lambda inputs: -inputs.tokens.norm(dim=-1), "hard")
    ranked = last.decide(mixer, tokens).sort(tokens).norm(dim=-1)
    assert (ranked.diff() <= 0).all()
    shuffle = TokenReorder(16, "random", "hard")
    torch.manual_seed(3)
    assert not torch.equal(shuffle.decide(mixer, tokens).order, shuffle.decide(mixer, tokens).order)
    with pytest.raises(FormatError, match="shape"):
        TokenReorder(16, lambda inputs: inputs.tokens, "hard").scores(mixer, tokens)


def test_bad_input(first_mixer):
    for wrong in ({"mode": "warm"}, {"score": "beauty"}, {"tau": 0.0}, {"p": -1.0}):
        with pytest.raises(FormatError):
            TokenReorder(4, **wrong)
    with pytest.raises(FormatError, match="tau"):
        soft_permutation(torch.zeros(1, 2), tau=0.0)
    with pytest.raises(AssumptionError, match="at least one S6 layer"):
        reorder(nn.Linear(2, 2))
    mixer = first_mixer
    del mixer.out_proj
    with pytest.raises(FormatError, match="out_proj"):
        reorder(mixer)
    assert hard_order(torch.tensor([[0.0, float("nan"), -1.0]])).tolist() == [[2, 0, 1]]
