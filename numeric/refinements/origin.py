"""What a state dict says of the module that wrote it: a few words and numbers as a tensor, which every format can hold."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from s6flow.errors import FormatError
from s6flow.text import shown

__all__ = ["check_record", "record", "recorded"]


def record(**values: str | float | bool) -> Tensor:
    """The values as JSON in a uint8 tensor, shape (byte,)."""
    return torch.tensor(list(json.dumps(values, sort_keys=True).encode()), dtype=torch.uint8)


def recorded(state: Any) -> dict[str, Any]:
    """The values of a record.

    Raises: FormatError: it is none.
    """
    try:
        found = json.loads(bytes(state.cpu().tolist()))
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError("a record is JSON in a uint8 tensor", type(error).__name__, "state dict") from error
    if not isinstance(found, dict):
        raise FormatError("a record is a JSON object", type(found).__name__, "state dict")
    return found


def differences(state: Any, own: Tensor) -> str:
    """Where a saved record and a module's own differ, in words; empty if nowhere."""
    saved, here = recorded(state), recorded(own)
    keys = [key for key in sorted({*saved, *here}) if saved.get(key) != here.get(key)]
    return ", ".join(f"{shown(key)} {shown(str(saved.get(key)))} was saved, {here.get(key)} is here" for key in keys)


def check_record(state: Any, own: Tensor, what: str, remedy: str) -> None:
    """Compare a saved record with a module's own.

    Raises: FormatError: they differ.
    """
    found = differences(state, own)
    if found:
        raise FormatError(f"{what} belong to the settings they were saved with", found, "state dict", remedy)
