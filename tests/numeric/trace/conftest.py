"""One network, its tokens and its trace, for the tests beside this file, which ask for PyTorch first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def model() -> Any:
    from tests.numeric.trace.trace_cases import mamba

    return mamba()


@pytest.fixture(scope="module")
def tokens() -> Any:
    import torch

    from tests.numeric.trace.trace_cases import BATCH, LENGTH, VOCABULARY

    return torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def found(model: Any, tokens: Any) -> Any:
    import s6flow as sf

    return sf.trace(model, tokens, context=8)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A file with the weights of our stack, for bytes."""
    import torch
    from safetensors.torch import save_file

    from s6flow.numeric.experiments.config import ModelConfig
    from s6flow.numeric.experiments.model import S6Stack
    from tests.numeric.trace.trace_cases import STATES, WIDTH

    torch.manual_seed(0)
    path = tmp_path / "stack.safetensors"
    model = S6Stack(ModelConfig(width=WIDTH, layers=2, state=STATES), 256)
    save_file(
        {name: weight.contiguous() for name, weight in model.state_dict().items() if name != "lm_head.weight"}, path
    )
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    from s6flow.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["trace", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call
