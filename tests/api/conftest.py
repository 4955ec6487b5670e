"""A tiny Hugging Face model, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def tiny_mamba() -> Callable[..., Any]:
    """A maker of Hugging Face's MambaForCausalLM with two small layers, by seed."""

    def make(seed: int = 0) -> Any:
        import torch
        from transformers import MambaConfig, MambaForCausalLM

        torch.manual_seed(seed)
        sizes = {"hidden_size": 8, "state_size": 4, "num_hidden_layers": 2, "expand": 2}
        return MambaForCausalLM(MambaConfig(vocab_size=11, time_step_rank=2, conv_kernel=3, **sizes))

    return make
