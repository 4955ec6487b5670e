"""`TokenReorder`: sort the tokens of an S6 layer by importance, between its convolution and its scan.

Sorting looks at the whole sequence, so a causal language model would see its own future: use it where order
carries no causality.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

from typing import TYPE_CHECKING  # isort: skip  # a line of its own: the digests of trained networks stay as they are

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.refinements.layers import channel_mu, s6_layers, s6_shape, selected
from s6flow.numeric.refinements.mixer import mixer_forward, s6_inputs, s6_output
from s6flow.numeric.refinements.origin import differences, record
from s6flow.numeric.refinements.scores import SCORES, Score, ScoreInputs
from s6flow.numeric.refinements.softsort import Reordering, reordering

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer, MixerModule

__all__ = [
    "Mode",
    "TokenReorder",
    "published_reorder",
    "reorder",
    "reorder_tokens",
    "restore_order",
]

Mode = Literal["hard", "soft", "straight-through"]


class TokenReorder(nn.Module):
    """Importance score, sort, and what is undone afterwards.

    Args:
        channels: width of the S6 layer's tokens.
        score: `linear` learns K in the score K S_Delta x; `growth` is `growth_score`, `random` shuffles; or
            any callable from `ScoreInputs` to scores (batch, token).
        mode: `hard` needs O(token) extra memory and gives the score no gradient; `soft` is SoftSort;
            `straight-through` has the values of the hard sort and the gradient of SoftSort. The last two need
            O(token^2).
        tau, p: SoftSort's temperature and exponent.
        unsort: apply the inverse permutation to the scan's output, so that gate and residual meet their own
            token.
        bias_twice: add the Delta bias twice after the sort, as the published form does.
    Raises: FormatError: unknown mode or score, tau or p not positive.
    """

    def __init__(
        self,
        channels: int,
        score: str | Score = "linear",
        mode: Mode = "straight-through",
        *,
        tau: float = 1.0,
        p: float = 1.0,
        unsort: bool = True,
        bias_twice: bool = False,
    ) -> None:
        super().__init__()
        if mode not in get_args(Mode):
            raise FormatError(f"a reordering's mode is one of {', '.join(get_args(Mode))}", repr(mode), "mode")
        if isinstance(score, str) and score != "linear" and score not in SCORES:
            names = ", ".join(["linear", *SCORES])
            raise FormatError(f"a score is one of {names}, or a callable", repr(score), "score")
        if not (tau > 0 and p > 0):
            raise FormatError("SoftSort needs tau > 0 and p > 0", f"tau = {tau}, p = {p}", "TokenReorder")
        self.channels, self.mode, self.tau, self.p = channels, mode, tau, p
        self.unsort, self.bias_twice = unsort, bias_twice
        self.score = nn.Linear(channels, 1, bias=False) if score == "linear" else None
        self._score = score if isinstance(score, str) else f"{getattr(score, '__name__', type(score).__name__)}()"
        self._rule: Score | None = None if score == "linear" else SCORES[score] if isinstance(score, str) else score
        self.register_load_state_dict_pre_hook(_fill_record)  # type: ignore[no-untyped-call]

    def scores(self, mixer: Mixer, tokens: Float[Tensor, "batch token channel"]) -> Float[Tensor, "batch token"]:
        """Importance of every token [1]."""
        step_input, b, c = s6_inputs(mixer, tokens)
        if self.score is not None:
            return self.score(step_input).squeeze(-1)
        step = softplus(step_input.float() + mixer.dt_proj.bias.float())
        rate = torch.exp(mixer.A_log.float())
        assert self._rule is not None, "a reordering without a linear score has a rule"
        shape = s6_shape(mixer)
        low = mixer.x_proj.weight[: shape.dt_rank].float()
        slope = (mixer.dt_proj.weight.float() * low.mT).sum(-1)
        mu = channel_mu(mixer.x_proj.weight, shape).mT.float()
        found = self._rule(
            ScoreInputs(
                tokens.float(),
                step_input.float(),
                step,
                b.float(),
                c.float(),
                rate,
                mu,
                slope,
                mixer.dt_proj.bias.float(),
            )
        )
        if found.shape != tokens.shape[:2]:
            raise FormatError("a score has shape (batch, token)", str(tuple(found.shape)), "TokenReorder")
        return found

    def decide(
        self,
        mixer: Mixer,
        tokens: Float[Tensor, "batch token channel"],
        mask: Bool[Tensor, "batch token"] | None = None,
    ) -> Reordering:
        """The sort of these tokens."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.mode != "hard"):
            scores = self.scores(mixer, tokens)
        return reordering(scores, self.mode, self.tau, self.p, mask)

    def forward(
        self,
        mixer: Mixer,
        tokens: Float[Tensor, "batch token channel"],
        mask: Bool[Tensor, "batch token"] | None = None,
        scan: Callable[[Tensor, bool], Tensor] | None = None,
    ) -> Float[Tensor, "batch token channel"]:
        """Sort, scan (Delta, B and C are computed from the sorted tokens), and undo the order if asked.

        Args:
            mixer: the layer whose tokens these are.
            tokens: what enters its scan [1].
            mask: True for real tokens.
            scan: from tokens and whether to add the Delta bias twice to outputs; the mixer's S6 layer by default.
        """
        decided = self.decide(mixer, tokens, mask)
        ordered = decided.sort(tokens)
        out = s6_output(mixer, ordered, bias_twice=self.bias_twice) if scan is None else scan(ordered, self.bias_twice)
        return decided.unsort(out) if self.unsort else out

    def run(self, *arguments: Any) -> Tensor:
        """The module's call, by its name of version 0.1."""
        warnings.warn("TokenReorder.run is deprecated: call the module", DeprecationWarning, stacklevel=2)
        return self(*arguments)

    def get_extra_state(self) -> Tensor:
        """The settings, so that no state dict of a reordered model passes for one of a plain model."""
        return record(
            score=self._score, mode=self.mode, tau=self.tau, p=self.p, unsort=self.unsort, bias_twice=self.bias_twice
        )

    def set_extra_state(self, state: Any) -> None:
        """Warn of weights that were saved under other settings; this module's own stay.

        Raises: FormatError: no record.
        """
        found = differences(state, self.get_extra_state())
        if found:
            warnings.warn(f"a reordering was saved under other settings: {found}; those here stay", stacklevel=2)

    def extra_repr(self) -> str:
        """Shown when the model is printed."""
        return f"{self.mode}, tau={self.tau:g}, p={self.p:g}, unsort={self.unsort}, bias_twice={self.bias_twice}"


def _fill_record(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Weights of plain models and of version 0.1 have no record: that alone is nothing missing."""
    state.setdefault(f"{prefix}_extra_state", module.get_extra_state())


def published_reorder(channels: int) -> TokenReorder:
    """The published form: SoftSort (tau = p = 1), order not undone, Delta bias added twice."""
    return TokenReorder(channels, "linear", "soft", unsort=False, bias_twice=True)


def _forward(
    self: MixerModule,
    hidden_states: Tensor,
    cache_params: Any = None,
    attention_mask: Tensor | None = None,
    *,
    inference_params: Any = None,
    **_: Any,
) -> Tensor:
    """A reordered mixer's forward; takes the calls of Hugging Face's and of mamba-ssm's blocks."""
    if cache_params is not None or inference_params is not None:
        raise AssumptionError(
            "reordering needs the whole sequence at once",
            "a decoding cache",
            type(self).__name__,
            "Call with use_cache=False.",
        )
    mask = None if attention_mask is None else attention_mask.bool()
    return mixer_forward(self, hidden_states, mask=mask, reorder=self.reorder)


def reorder(
    model: nn.Module,
    make: Callable[[int], TokenReorder] = TokenReorder,
    *,
    where: Callable[[str], bool] | None = None,
) -> list[str]:
    """Reorder the tokens of every S6 layer of a model, in place.

    The reordering becomes the mixer's submodule `reorder` and its forward is replaced. All other state_dict keys stay;
    `reorder.score.weight` (where the score is learned) and a record of the settings join them, so that a plain model
    that loads the weights reports them as unexpected rather than computing another function in silence.

    Args:
        model: any module that holds mamba-ssm or Hugging Face Mamba-1 mixers.
        make: from the number of channels to a `TokenReorder`.
        where: predicate on the mixer's dotted name.
    Returns: the names of the layers wrapped.
    Raises: AssumptionError: no S6 layer, or one that is wrapped already; FormatError: a mixer of another
        layout.
    """
    layers = selected(model, where)
    for name, mixer in layers.items():
        missing = [part for part in ("in_proj", "conv1d", "out_proj", "D") if not hasattr(mixer, part)]
        if missing:
            raise FormatError("reordering wraps mamba-ssm and Hugging Face mixers", f"no {', '.join(missing)}", name)
        if hasattr(mixer, "reorder"):
            raise AssumptionError("a mixer is reordered once", "a second reordering", name, "Call restore_order first.")
    for name, mixer in layers.items():
        made = make(s6_shape(mixer, name).channels)
        mixer.reorder = made.to(device=mixer.x_proj.weight.device, dtype=mixer.dt_proj.weight.dtype)
        mixer.forward = partial(_forward, mixer)
    return list(layers)


#: Its name in version 0.1.
reorder_tokens = reorder


def restore_order(model: nn.Module) -> list[str]:
    """Remove what `reorder` added.

    Returns: the names of the layers restored.
    """
    names = [
        name for name, mixer in s6_layers(model).items() if isinstance(getattr(mixer, "reorder", None), TokenReorder)
    ]
    for name in names:
        mixer = model.get_submodule(name)
        del mixer.forward, mixer.reorder
    return names
