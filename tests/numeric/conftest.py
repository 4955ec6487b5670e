"""A grid that takes seconds on a CPU, and a tiny Hugging Face model, for the tests beside this file."""

from __future__ import annotations

import shutil
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grids import tiny_grid


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where Python lies, its library being the modules at the top: what is installed beside them takes seconds to go through."""
    paths, folder = sysconfig.get_paths(), tmp_path_factory.mktemp("library")
    for module in Path(paths["stdlib"]).glob("*.py"):
        shutil.copyfile(module, folder / module.name)
    return {**paths, "stdlib": str(folder)}


@pytest.fixture
def library(monkeypatch, small_library):
    """The small library in the place of Python's."""
    paths = sysconfig.get_paths
    monkeypatch.setattr(
        sysconfig, "get_paths", lambda *how, **more: paths(*how, **more) if how or more else small_library
    )


@pytest.fixture
def alone(monkeypatch, library):
    """One thread, no ranks of a torchrun around the test, a small library, and no word on the missing GPU."""
    import torch

    torch.set_num_threads(1)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no GPU")
        yield


@pytest.fixture
def tiny(tmp_path: Path, alone: None) -> Path:
    """A configuration file: 2 conditions, 3 seeds, 8 steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_grid(["unconstrained", "channel-positive"], seeds=(0, 1, 2), save_every=4))
    return path


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
