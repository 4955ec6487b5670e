"""PyTorch files, opened so that a pickle can build tensors and nothing else."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.numeric.weights.stored import TensorInfo, TensorStore

__all__ = ["TorchStore"]

#: Keys under which training programs keep the weights beside optimiser state and counters.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "params", "weights")

#: Levels and entries of a state dict; real ones have a few levels and at most some hundred thousand entries.
_DEEPEST, _MOST_ENTRIES = 32, 1_000_000
#: A file's pickle holds names and shapes, no numbers.
_LARGEST_PICKLE = 64 << 20

#: How the weights-only unpickler says that it met a callable or class outside its allow-list.
_CALLS = re.compile(
    r"GLOBAL ([\w.]+)|unrecognized function[^\n.]*|Unsupported class[^\n.]*|Can only (?:build|create)[^\n.]*"
)


class TorchStore(TensorStore):
    """A .pt/.pth/.ckpt/.bin file; new-style files are memory-mapped, so that reading stays lazy."""

    format = "torch"

    def __init__(self, path: Path) -> None:
        self._tensors = _flatten(_unwrap(_load(path)), str(path))
        names = {
            "torch.float64": "F64",
            "torch.float32": "F32",
            "torch.float16": "F16",
            "torch.bfloat16": "BF16",
        }
        self.infos = {
            key: TensorInfo(tuple(tensor.shape), _unreadable(tensor) or names.get(str(tensor.dtype), str(tensor.dtype)))
            for key, tensor in self._tensors.items()
        }

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        import torch

        tensor = self._tensors[name] if lead is None else self._tensors[name][lead]
        signed = {8: torch.int64, 4: torch.int32, 2: torch.int16}[tensor.element_size()]
        array: np.ndarray = tensor.detach().resolve_neg().contiguous().view(signed).numpy()
        return array.view(f"<u{tensor.element_size()}")


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            f"{path.suffix} files need PyTorch",
            None,
            str(path),
            "Install the extra `torch`, or convert the file to safetensors.",
        ) from error
    try:
        # weights_only refuses every pickled callable outside PyTorch's own allow-list; the old tar and
        # pickle layouts cannot be mapped.
        mapped = zipfile.is_zipfile(path)
        if mapped:
            _plain_members(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on pickle protocols; a file it concerns fails below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        named = _CALLS.search(str(error))
        if named is None:
            raise _damaged(path, str(error)) from error
        raise SourceError(
            "a checkpoint must hold tensors only, and this one would execute code when loaded",
            f"a call of {named[1]}" if named[1] else named[0],
            str(path),
            "It was not loaded; convert it to safetensors where you trust it.",
        ) from error
    except Exception as error:  # on damaged bytes the unpickler raises whatever its stack machine runs into
        raise _damaged(path, str(error)) from error


def _plain_members(path: Path) -> None:
    """torch.save compresses nothing, so that a member that grows when it is read is not of its making.

    Raises: ValueError: such a member, or a pickle of the size of weights.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                raise ValueError(f"the compressed member {member.filename}")
            if member.filename.endswith("data.pkl") and member.file_size > _LARGEST_PICKLE:
                raise ValueError(f"a pickle of {member.file_size} bytes")


def _damaged(path: Path, text: str) -> FormatError:
    # The unpickler wraps its one informative line in advice to load the file unsafely, which is not ours to repeat.
    detail = text.split("WeightsUnpickler error:")[-1].strip() or "no detail"
    first = detail.splitlines()[0].split(". ")[0]
    return FormatError("a PyTorch file must be whole and made by torch.save", first, str(path), "Save it again.")


def _unwrap(content: Any) -> Any:
    """The innermost state dict under the usual wrapper keys; a dict may hold itself, so that depth is bounded."""
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping):
            break
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None or any(hasattr(value, "element_size") for value in content.values()):
            break
        content = inner
    return content


def _flatten(content: Any, where: str) -> dict[str, Any]:
    """Every dense tensor of a nested state dict under its dotted name.

    Raises: FormatError: dicts in themselves, or one that is held so often that its names have no end.
    """
    found: dict[str, Any] = {}
    waiting, visits = [("", content, 0)], 0
    while waiting:
        prefix, part, depth = waiting.pop()
        if hasattr(part, "element_size"):
            if str(part.layout) == "torch.strided":
                found[prefix] = part
            continue
        if not isinstance(part, Mapping):
            continue
        visits += 1 + len(part)
        if depth > _DEEPEST or visits > _MOST_ENTRIES:
            rule = f"a state dict must have at most {_MOST_ENTRIES} entries and {_DEEPEST} levels"
            raise FormatError(rule, "more", where, "Save the innermost dict alone.")
        waiting += [(f"{prefix}.{key}" if prefix else str(key), part[key], depth + 1) for key in reversed(list(part))]
    return found


def _unreadable(tensor: Any) -> str:
    """Why a tensor has no plain numbers of its own, in place of its type; empty if it has."""
    if tensor.device.type != "cpu":
        return f"a tensor without values ({tensor.device.type})"
    if tensor.is_nested or tensor.is_sparse or tensor.is_quantized:
        return "a tensor of another layout"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "a tensor that repeats its numbers"  # expanded: made dense it could be of any size
    return ""
