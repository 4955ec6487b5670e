"""From the words of a command to checkpoints: patterns, folders of snapshots, texts with one source a line, hub ids.

Every checkpoint is known by an identity made of its files (resolved path, size, time of change), so that it is audited
once, however often and under whatever spelling it is named.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s6flow.errors import S6FlowError, SourceError
from s6flow.numeric.weights.locate import LAYOUTS, input_files
from s6flow.numeric.weights.readers import READERS

__all__ = ["Source", "batches", "described", "expand", "place_in_run"]

_TEXT = ".txt"
_CONFIG = "config.json"
_SHARD = re.compile(r"-\d+-of-\d+$")
#: Names of the file that holds a whole model, whatever lies beside it.
_WHOLE = ("model", "pytorch_model")
_MAGIC = re.compile(r"[*?[]")
_STEP = re.compile(
    r"(?:checkpoint|ckpt|steps?|global_step|iter|iteration|epoch|snapshot|model)[-_.=]?(\d+)|^(\d+)$", re.I
)
#: Checkpoints of a batch, and bytes of their files that a batch does not pass once it has one.
BATCH, BATCH_BYTES = 16, 256 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One checkpoint to audit.

    Args:
        name: as `open_checkpoint` takes it.
        identity: 16 hexadecimal digits; of the files where there are some, else of the name.
        bytes: of its files; 0 where they are not on this machine.
        modified: latest time of change of its files [s since 1970]; 0 where they are not on this machine.
    """

    name: str
    identity: str
    bytes: int = 0
    modified: float = 0.0


def described(name: str) -> Source:
    """A source with the identity of its files as they are now; of its name where they are not on this machine."""
    try:
        found = [(os.path.realpath(file), os.stat(file)) for file in input_files(name) if os.path.exists(file)]
    except (S6FlowError, OSError, ValueError):  # the audit tells what is wrong with it
        found = []
    if not found:
        path = os.path.realpath(name) if os.path.lexists(name) else name
        return Source(name, _digest([path]))
    files = sorted((path, status.st_size, status.st_mtime_ns) for path, status in found)
    weights = [row for row in files if not row[0].endswith(_CONFIG)] or files
    rows = [f"{path}\0{size}\0{time}" for path, size, time in files]
    return Source(name, _digest(rows), sum(row[1] for row in weights), max(row[2] for row in files) / 1e9)


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode(errors="surrogateescape")).hexdigest()[:16]


def expand(words: Iterable[str]) -> Iterator[Source]:
    """The checkpoints that words name, each once, in the order named; within a folder in the order of names.

    A word is a file, a pattern with * ? [ ] and **, a folder, a text (.txt) with one source a line and # for comments, a
    hub id or a package. A folder with a config.json and one model, with an index of shards, or with shards alone is one
    checkpoint; in any other every file of weights is one, and so are its folders in turn.

    Raises: SourceError: there is no word; a pattern, folder or text that names nothing; a path that is not there.
    """
    words = list(words)
    if not words:
        raise SourceError("a fleet needs sources", "none", "", "Name files, folders, patterns, a .txt or hub ids.")
    seen: set[str] = set()
    for word in words:
        for name in _names(word):
            source = described(name)
            if source.identity not in seen:
                seen.add(source.identity)
                yield source


def _names(word: str) -> Iterator[str]:
    if not word.strip():
        raise SourceError("SOURCE must name checkpoints", repr(word))
    path = Path(os.path.expanduser(word))
    if path.suffix.lower() == _TEXT and path.is_file():
        yield from _lines(path)
    elif os.path.lexists(path):
        yield from _in_folder(path) if path.is_dir() else (str(path),)
    elif _MAGIC.search(word):
        yield from _matched(word, path)
    elif word.startswith((".", "/", "~")) or path.suffix.lower() in (*READERS, _TEXT):
        raise SourceError("SOURCE must be there", f"no such path as {word!r}", "", "Check the spelling.")
    else:
        yield word


def _matched(word: str, path: Path) -> Iterator[str]:
    """Paths of a pattern; of files, those that may hold weights, unless it names an ending itself."""
    some = False
    for name in sorted(glob.iglob(str(path), recursive=True), key=_natural):
        if os.path.isdir(name):
            if _is_checkpoint(Path(name)):
                some = True
                yield name
            elif not word.endswith("**"):  # what ** matches comes by itself
                for inner in _weights_below(Path(name)):
                    some = True
                    yield inner
        elif path.suffix or Path(name).suffix.lower() in READERS:
            some = True
            yield name
    if not some:
        raise SourceError("a pattern must match a checkpoint", "nothing", word, "Quote it, and check the folder.")


def _lines(path: Path) -> Iterator[str]:
    """Sources of a text; what a line names need not be there: then its row says so."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise SourceError("a list of sources must be readable", error.strerror, str(path)) from None
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise SourceError("a list of sources needs a line", "none", str(path))
    for name in names:
        try:
            yield from _names(name) if Path(name).suffix.lower() != _TEXT else (name,)
        except SourceError:
            yield name


def _in_folder(folder: Path) -> Iterator[str]:
    some = False
    for name in [str(folder)] if _is_checkpoint(folder) else _weights_below(folder):
        some = True
        yield name
    if not some:
        raise SourceError("a folder must hold checkpoints", "none", str(folder), f"Looked for {', '.join(READERS)}.")


def _is_checkpoint(folder: Path) -> bool:
    """Whether a folder is one checkpoint, and not many."""
    files = [path for path in _listed(folder) if path.is_file()]
    weights = [path for path in files if path.suffix.lower() in READERS]
    if any(path.match(pattern) for path in files for pattern in LAYOUTS if pattern.endswith(".json")):
        return True
    if not weights:
        return False
    configured = any(path.name == _CONFIG for path in files)
    one = len(weights) == 1 or any(path.stem in _WHOLE for path in weights)
    return (configured and one) or all(_SHARD.search(path.stem) for path in weights)


def _weights_below(folder: Path) -> Iterator[str]:
    """Checkpoints of a folder that is not one itself; links to folders are not followed, so that this ends."""
    for path in _listed(folder):
        if path.is_dir():
            if path.is_symlink():
                continue
            if _is_checkpoint(path):
                yield str(path)
            else:
                yield from _weights_below(path)
        elif path.suffix.lower() in READERS:
            yield str(path)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(
            (path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda p: _natural(p.name)
        )
    except OSError:
        return []


def _natural(name: str) -> list[tuple[int, str]]:
    """checkpoint-900 before checkpoint-1000."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,18})", name)]


def batches(sources: Iterable[Source], size: int = BATCH, most: int = BATCH_BYTES) -> Iterator[list[Source]]:
    """Sources in batches: at most `size`, and no further one once their files have `most` bytes together."""
    batch: list[Source] = []
    total = 0
    for source in sources:
        if batch and (len(batch) >= size or total + source.bytes > most):
            yield batch
            batch, total = [], 0
        batch.append(source)
        total += source.bytes
    if batch:
        yield batch


def place_in_run(name: str) -> tuple[str | None, int | None]:
    """The run that a snapshot belongs to, and its step; None where the name tells of none.

    >>> place_in_run("out/checkpoint-500/model.safetensors")
    ('out/checkpoint-*/model.safetensors', 500)
    """
    parts = Path(name).parts
    for place in range(len(parts) - 1, -1, -1):
        last = place == len(parts) - 1
        part = Path(parts[place]).stem if last and Path(parts[place]).suffix.lower() in READERS else parts[place]
        found = [*_STEP.finditer(part)]
        if found:
            digits = next(group for group in (1, 2) if found[-1].group(group))
            start, end = found[-1].span(digits)
            if end - start > 18:
                continue
            rest = parts[place][end:]
            whole = (*parts[:place], f"{part[:start]}*{rest}", *parts[place + 1 :])
            return str(Path(*whole)), int(part[start:end])
    return None, None
