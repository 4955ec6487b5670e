"""Text to model: a dictionary of English (Debian's dict-gcide), the Python standard library's own source, or WikiText-103.

Held-out text is from the same source, and for the dictionary from another one as well: Python's source.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import sysconfig
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Int16, UInt8

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.numeric.experiments.config import DataConfig
from s6flow.numeric.experiments.tokenizer import encode_splits

__all__ = ["CORPORA", "GCIDE", "Corpus", "load_corpus"]

#: Where Debian's package puts the dictionary.
GCIDE = Path("/usr/share/dictd/gcide.dict.dz")

_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
_SPLITS = ("train", "valid", "test")
#: Parts of a text by turns: one in twenty each for validation and test, so that a test text is long and unbroken.
_TURNS, _VALID, _TEST = 20, 7, 17
_OTHER = 1 << 20

Ids = UInt8[np.ndarray, " token"] | Int16[np.ndarray, " token"]


@dataclass(frozen=True)
class Corpus:
    """Disjoint texts as tokens.

    Args:
        train, valid, test: of one source.
        other: held-out text of another source; empty where there is none.
        widths: bytes of every token id; empty where tokens are bytes.
    """

    name: str
    train: Ids
    valid: Ids
    test: Ids
    other: Ids = field(default_factory=lambda: np.empty(0, np.uint8))
    widths: UInt8[np.ndarray, " id"] = field(default_factory=lambda: np.empty(0, np.uint8))

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return len(self.widths) or 256

    def describe(self) -> dict[str, object]:
        """Sizes and hash, for a result's provenance."""
        splits = (*_SPLITS, "other") if len(self.other) else _SPLITS
        whole = hashlib.sha256()
        for split in splits:
            whole.update(getattr(self, split).tobytes())
        found: dict[str, object] = {"name": self.name}
        if len(self.widths):
            found["tokens"] = {split: int(getattr(self, split).size) for split in splits}
            sizes = {split: int(self.widths[getattr(self, split)].sum(dtype=np.int64)) for split in splits}
        else:
            sizes = {split: int(getattr(self, split).size) for split in splits}
        return {**found, "bytes": sizes, "sha256": whole.hexdigest()}


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


def _wikitext_folder(folder: Path | None) -> dict[str, bytes]:
    names = {"train": "wiki.train.raw", "valid": "wiki.valid.raw", "test": "wiki.test.raw"}
    place = None if folder is None else folder / "wikitext-103-raw"
    if place is None or not place.is_dir():
        remedy = f"Put {', '.join(names.values())} into wikitext-103-raw in the folder given by --data."
        raise SourceError("wikitext-103-folder reads a local folder", "none", "data.name", remedy)
    return {split: (place / name).read_bytes() for split, name in names.items()}


def _dictionary(folder: Path | None, megabytes: int) -> dict[str, bytes]:
    """The dictionary's text in twenty unbroken parts and the standard library's test files as another source."""
    places = [place for place in (folder / GCIDE.name if folder else None, GCIDE) if place and place.exists()]
    if not places:
        raise MissingDependencyError(
            "gcide needs Debian's dict-gcide",
            "not installed",
            "data.name",
            "Run apt-get install dict-gcide, or put gcide.dict.dz into the folder given by --data.",
        )
    try:
        text = gzip.decompress(places[0].read_bytes())
    except (OSError, EOFError) as error:
        raise SourceError("a dictionary must be a gzip file", error, places[0].name) from error
    text = text[: megabytes * 10**6] if megabytes else text
    cuts = [len(text) * turn // _TURNS for turn in range(_TURNS + 1)]
    turns = [text[low:high] for low, high in pairwise(cuts)]
    train = b"".join(part for turn, part in enumerate(turns) if turn not in (_VALID, _TEST))
    other = _standard_library()["test"][:_OTHER]
    return {"train": train, "valid": turns[_VALID], "test": turns[_TEST], "other": other}


CORPORA = ("stdlib", "gcide", "wikitext-103", "wikitext-103-folder")


def load_corpus(config: DataConfig | str, folder: Path | None = None) -> Corpus:
    """Load a corpus.

    Args:
        config: what; a name stands for that text as bytes. `stdlib` is the running interpreter's, deterministic by
            version and build.
        folder: of files that a user has put there instead of installing a package.
    Raises: FormatError: another name; SourceError: no library source, or a broken file; MissingDependencyError:
        a package that is not installed.
    """
    config = DataConfig(config) if isinstance(config, str) else config
    if config.name == "stdlib":
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        label, splits = f"python {version} standard library", _standard_library()
    elif config.name == "gcide":
        label, splits = "gcide 0.48", _dictionary(folder, config.megabytes)
    elif config.name == "wikitext-103":
        label, splits = "wikitext-103-raw-v1", _wikitext()
    elif config.name == "wikitext-103-folder":
        label, splits = "wikitext-103-raw", _wikitext_folder(folder)
    else:
        raise FormatError(f"a corpus is one of {', '.join(CORPORA)}", repr(config.name), "data.name")
    if config.tokenizer == "bpe":
        ids, widths = encode_splits(splits, config.vocabulary)
        return Corpus(f"{label}, {len(widths)} byte pairs", **ids, widths=widths)
    return Corpus(label, **{split: np.frombuffer(content, np.uint8) for split, content in splits.items()})
