"""Bytes to model: the Python standard library's own source, or WikiText-103 where `datasets` is installed."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from s6flow.errors import FormatError, MissingDependencyError, SourceError

__all__ = ["Corpus", "load_corpus"]

_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
_SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Corpus:
    """Three disjoint byte strings and a hash of them."""

    name: str
    train: UInt8[np.ndarray, " train_byte"]
    valid: UInt8[np.ndarray, " valid_byte"]
    test: UInt8[np.ndarray, " test_byte"]

    def describe(self) -> dict[str, object]:
        """Sizes and hash, for a result's provenance."""
        whole = hashlib.sha256()
        for split in _SPLITS:
            whole.update(getattr(self, split).tobytes())
        return {
            "name": self.name,
            "bytes": {split: int(getattr(self, split).size) for split in _SPLITS},
            "sha256": whole.hexdigest(),
        }


def _split_of(path: str) -> str:
    """A file's split from its path alone: about one in twenty each for validation and test, whatever else is there."""
    place = int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big") % 20
    return {0: "test", 1: "valid"}.get(place, "train")


def _standard_library() -> dict[str, bytes]:
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(
        (path.relative_to(root).as_posix(), path)
        for path in root.rglob("*.py")
        if not _LEFT_OUT & set(path.relative_to(root).parts) and not path.name.startswith("_sysconfigdata")
    )
    if len(files) < 100:
        raise SourceError(
            "the standard library must lie in files", f"{len(files)} of them", str(root), "Use another data.name."
        )
    parts: dict[str, list[bytes]] = {split: [] for split in _SPLITS}
    for name, path in files:
        parts[_split_of(name)].append(path.read_bytes())
    return {split: b"\0".join(parts[split]) for split in _SPLITS}


def _wikitext() -> dict[str, bytes]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingDependencyError(
            "wikitext-103 needs the package datasets",
            None,
            "data.name",
            "Install datasets, or use data.name = 'stdlib'.",
        ) from error
    whole = load_dataset("Salesforce/wikitext", "wikitext-103-raw-v1")
    names = {"train": "train", "valid": "validation", "test": "test"}
    return {split: "".join(whole[names[split]]["text"]).encode() for split in _SPLITS}


def load_corpus(name: str) -> Corpus:
    """Load a corpus.

    Args:
        name: `stdlib` (the running interpreter's, deterministic by version and build) or `wikitext-103`.
    Raises: FormatError: another name; SourceError: no library source; MissingDependencyError: datasets is not
        installed.
    """
    if name == "stdlib":
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        label, splits = f"python {version} standard library", _standard_library()
    elif name == "wikitext-103":
        label, splits = "wikitext-103-raw-v1", _wikitext()
    else:
        raise FormatError("a corpus is stdlib or wikitext-103", repr(name), "data.name")
    return Corpus(label, **{split: np.frombuffer(content, np.uint8) for split, content in splits.items()})
