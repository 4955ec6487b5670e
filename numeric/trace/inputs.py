"""What the command line traces: a network from a path or hub id, and tokens from a text or an array."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError, SourceError
from s6flow.numeric.weights import open_checkpoint
from s6flow.numeric.weights.archives import NpzStore

if TYPE_CHECKING:
    from s6flow.numeric.weights.checkpoint import Checkpoint

__all__ = ["image_file", "load_network", "text_tokens", "token_file"]

#: What a mamba-ssm checkpoint, or one of our stack, names its embedding.
_EMBEDDING = "backbone.embedding.weight"
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


def load_network(source: str) -> nn.Module:
    """The network that a checkpoint holds, in memory.

    Args:
        source: a Hugging Face folder or hub id, or a file or folder with mamba-ssm's names of tensors.
    Raises: SourceError: no network can be built from it. MissingDependencyError: transformers is not installed.
    """
    path = Path(source)
    if not path.exists():
        return _hugging_face(source)
    opened = open_checkpoint(source)
    config = opened.config or {}
    if _EMBEDDING in opened.tensors_seen:
        return _stack(opened)
    if path.is_dir() and "model_type" in config:
        return _hugging_face(source)
    raise SourceError(
        f"a network needs {_EMBEDDING} or a folder with Hugging Face's config.json", f"{len(opened.tensors_seen)} tensors",
        source, "s6flow audit reads layers without their network.",
    )  # fmt: skip


def _hugging_face(source: str) -> nn.Module:
    try:
        from transformers import AutoModel, AutoModelForCausalLM
    except ImportError:
        raise MissingDependencyError("this network needs transformers", "no transformers", source, "Run pip install 's6flow[transformers]'.") from None  # fmt: skip
    failed: Exception | None = None
    for maker in (AutoModelForCausalLM, AutoModel):
        try:
            return maker.from_pretrained(source)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            failed = failed or error
    reason = str(failed).strip().splitlines()[0]
    raise SourceError("MODEL must be a path or hub id that transformers can load", reason, source)


def _stack(opened: Checkpoint) -> nn.Module:
    """The stack of Mamba-1 blocks whose weights these are; sizes are those of the tensors."""
    from s6flow.numeric.experiments.config import ModelConfig
    from s6flow.numeric.experiments.model import S6Stack

    infos = opened.store.infos
    vocabulary, width = infos[_EMBEDDING].shape
    prefix = "backbone.layers."
    depth = 1 + max((int(name.split(".")[2]) for name in infos if name.startswith(prefix)), default=-1)
    marker, taps = infos.get(f"{prefix}0.mixer.A_log"), infos.get(f"{prefix}0.mixer.conv1d.weight")
    if marker is None or taps is None or len(marker.shape) != 2 or marker.shape[0] % width:
        raise SourceError("a stack needs Mamba-1 blocks with A_log and conv1d", f"{depth} blocks", opened.source)
    sizes = ModelConfig(width, depth, marker.shape[1], marker.shape[0] // width, taps.shape[-1])
    classes = infos["classifier.weight"].shape[0] if "classifier.weight" in infos else None
    model = S6Stack(sizes, vocabulary, classes)
    for name, weight in model.state_dict(keep_vars=True).items():
        known = name if name in infos else _EMBEDDING if name == "lm_head.weight" else ""
        if not known or infos[known].shape != tuple(weight.shape):
            found = "none" if not known else infos[known].shape
            raise SourceError(f"a stack needs {name} of shape {tuple(weight.shape)}", found, opened.source)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(opened.store.read(known).float64()))
    return model


def text_tokens(source: str, text: Path | None, length: int) -> tuple[Tensor, list[str]]:
    """Token ids of a text, at most `length`, and what to say of them.

    Args:
        source: of the network, beside which a tokenizer may lie.
        text: a file; the source of the standard library's module `textwrap` by default.
    Raises: FormatError: the text is empty. SourceError: it cannot be read.
    """
    said = []
    if text is None:
        import textwrap

        content = inspect.getsource(textwrap).encode()
        said.append("No --text and no --tokens: the source of Python's module textwrap was read.")
    else:
        try:
            content = text.read_bytes()
        except OSError as error:
            raise SourceError("--text must be readable", error.strerror or error, str(text)) from None
    if not content.strip():
        raise FormatError("--text must not be empty", f"{len(content)} bytes", str(text))
    tokenizer = _tokenizer(source)
    if tokenizer is None:
        said.append("No tokenizer beside the model: tokens are bytes.")
        ids = list(content[:length])
    else:
        ids = tokenizer(content.decode(errors="replace"))["input_ids"][:length]
    if not ids:
        raise FormatError("--text must have at least one token", "none", str(text))
    return torch.tensor([ids]), said


def _tokenizer(source: str) -> Any:
    folder = Path(source)
    if folder.is_file() or (folder.is_dir() and not any((folder / name).exists() for name in _TOKENIZERS)):
        return None
    try:
        from transformers import AutoTokenizer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return AutoTokenizer.from_pretrained(source)
    except Exception:  # whatever a broken tokenizer raises, bytes remain, and that is said
        return None


def token_file(path: Path, length: int) -> Tensor:
    """Token ids of the one array of an npz file, shape (token,) or (batch, token), at most `length` of each sequence.

    Raises: FormatError: it holds anything else.
    """
    array = _one_array(path, "--tokens", "token ids", "(token,) or (batch, token)", (1, 2))
    if array.dtype.kind not in "iu":
        raise FormatError("--tokens needs whole numbers", array.dtype, str(path))
    return torch.from_numpy(np.atleast_2d(array)[:, :length].astype(np.int64))


def image_file(path: Path) -> Tensor:
    """Images of the one array of an npz file, floats of shape (batch, channel, height, width), as a processor makes them.

    Raises: FormatError: it holds anything else.
    """
    array = _one_array(path, "--images", "images", "(batch, channel, height, width)", (4,))
    if array.dtype.kind != "f":
        remedy = "Scale and normalise pixels as the model's processor does."
        raise FormatError("--images needs floats", array.dtype, str(path), remedy)
    return torch.from_numpy(array.astype(np.float32, copy=False))


def _one_array(path: Path, option: str, what: str, axes: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """The one array of an npz file."""
    try:
        store = NpzStore(path)
        names = list(store.infos)
        array = np.asarray(store.array(names[0])) if len(names) == 1 else None
    except (S6FlowError, OSError, TypeError, ValueError) as error:
        raise FormatError(f"{option} needs an npz file of {what}", error, str(path)) from None
    if array is None or array.ndim not in dimensions or not array.size:
        found = f"{len(names)} arrays" if array is None else f"shape {array.shape}"
        raise FormatError(f"{option} needs one array, shape {axes}", found, str(path))
    return array
