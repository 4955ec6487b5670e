"""Token states that a network really met: what its mixers feed to their scans, for flows of whole layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s6flow.errors import AssumptionError

__all__ = ["token_states"]


@torch.no_grad()
def token_states(model: nn.Module, tokens: Tensor) -> dict[str, np.ndarray]:
    """The input of every S6 scan of a model: what enters `x_proj`, or silu of what leaves `conv1d`.

    Args:
        model: any Mamba whose mixers call one of these modules (transformers', ours).
        tokens: token ids, shape (1, token).
    Returns: name of the mixer -> states, shape (token, channel), for `s6flow audit --states` when saved by numpy.savez.
    Raises: AssumptionError: if none was called.
    """
    found: dict[str, np.ndarray] = {}

    def entering(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[name.removesuffix(".x_proj")] = inputs[0].float()[0].cpu().numpy()

        return hook

    def leaving(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            states = nn.functional.silu(output[0, :, : tokens.shape[1]].float())
            found[name.removesuffix(".conv1d")] = states.mT.cpu().numpy()

        return hook

    hooks = []
    for name, part in model.named_modules():
        if name.endswith("x_proj"):
            hooks.append(part.register_forward_pre_hook(entering(name)))
        elif name.endswith("conv1d"):
            hooks.append(part.register_forward_hook(leaving(name)))
    try:
        model.eval()(tokens)
    finally:
        for handle in hooks:
            handle.remove()
    if not found:
        raise AssumptionError("token states need mixers that call x_proj or conv1d", type(model).__name__, "model")
    return found
