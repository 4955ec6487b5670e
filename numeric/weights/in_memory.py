"""A model in memory as a store of tensors; PyTorch is the model's, nothing here imports it before one is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights.readers import TensorStore
from s6flow.numeric.weights.stored import TensorInfo

__all__ = ["MemoryStore", "config_of", "plain_name"]

_NAMES = {"torch.float64": "F64", "torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16"}
#: What compiling and wrapping put into names.
_WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")


class MemoryStore(TensorStore):
    """The parameters of a `torch.nn.Module`, copied one at a time when they are read.

    Args:
        model: anything with `named_parameters` and `named_modules`; parametrised weights are read as they act.
    Raises: SourceError: if it is no such model or holds no parameter.
    """

    format = "in memory"

    def __init__(self, model: Any) -> None:
        if not (hasattr(model, "named_parameters") and hasattr(model, "named_modules")):
            raise SourceError("SOURCE must be a path, a hub id, a package or a torch.nn.Module", type(model).__name__)
        self.modules = {plain_name(name): module for name, module in model.named_modules()}
        self._tensors = dict(model.named_parameters())
        for name, module in model.named_modules():
            for part in getattr(module, "parametrizations", None) or ():
                self._tensors[f"{name}.{part}" if name else part] = getattr(module, part)
            if name.rpartition(".")[2] == "reorder" and _has_state(module):
                self._tensors[f"{name}._extra_state"] = module.get_extra_state()  # says that tokens are sorted
        if not self._tensors:
            raise SourceError("a model must hold parameters", type(model).__name__)
        self._tensors = {plain_name(name): tensor for name, tensor in self._tensors.items()}
        self.infos = {
            key: TensorInfo(tuple(tensor.shape), _NAMES.get(str(tensor.dtype), str(tensor.dtype)))
            for key, tensor in self._tensors.items()
        }

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        import torch

        tensor = self._tensors[name].detach()
        if tensor.device.type == "meta" or tensor.numel() == 0:
            raise FormatError(
                "a parameter must hold numbers here", f"{tensor.device.type}, {tuple(tensor.shape)}", name
            )
        tensor = (tensor if lead is None else tensor[lead]).contiguous().cpu()
        signed = {8: torch.int64, 4: torch.int32, 2: torch.int16}[tensor.element_size()]
        array: np.ndarray = tensor.view(signed).numpy()
        return array.view(f"<u{tensor.element_size()}")


def _has_state(module: Any) -> bool:
    """Whether its class, or one that it inherits from, keeps an extra state, by PyTorch's own rule."""
    import torch

    none = torch.nn.Module.get_extra_state
    return getattr(type(module), "get_extra_state", none) is not none


def plain_name(name: str) -> str:
    """A dotted name without what compiling and wrapping put into it."""
    for word in _WRAPPERS:
        name = name.replace(word, "") if name.startswith(word) or f".{word}" in name else name
    return name


def config_of(model: Any) -> Mapping[str, Any] | None:
    """The model's configuration as a mapping, where it has one."""
    config = getattr(model, "config", None)
    found = config.to_dict() if config is not None and hasattr(config, "to_dict") else config
    return found if isinstance(found, Mapping) else None
