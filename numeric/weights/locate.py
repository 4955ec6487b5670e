"""From the words a user typed to an open store of tensors: a path, a hub id, or an installed package."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError, SourceError
from s6flow.numeric.weights.readers import READERS, NamedStores, ShardedStore, TensorStore, open_file

__all__ = ["LARGEST_CONFIG", "LARGEST_INDEX", "Located", "input_files", "is_hub_id", "locate", "read_config"]

#: What to look for in a directory, best first: an index of shards, or files of one kind.
LAYOUTS: tuple[str, ...] = (
    "model.safetensors.index.json",
    "*.safetensors.index.json",
    "*.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model*.bin",
    "*.npz",
    "*.pt",
    "*.pth",
    "*.ckpt",
    "*.bin",
)
#: Only these kinds of several files are shards of one model; of the others one has to be named.
SHARDED = {"*.safetensors", "pytorch_model*.bin"}
#: Bytes of a config.json and of an index of shards; real ones have some thousands and some millions.
LARGEST_CONFIG, LARGEST_INDEX = 16 << 20, 64 << 20
_CONFIG = "config.json"
#: Suffixes that a package is searched for only where it ships nothing safer.
PICKLED = (".pt", ".pth", ".ckpt")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "config.json"]


@dataclass(frozen=True)
class Located:
    """An open store and the model's config.json, when there is one beside it."""

    store: TensorStore
    config: Mapping[str, Any] | None


def locate(source: str) -> Located:
    """Open what `source` names: an existing path, else a hub id ``org/name``, else an installed package.

    Raises: SourceError: if it names nothing that holds weights; FormatError: if a file is damaged;
        MissingDependencyError: if an extra is needed.
    """
    path = _path(source)
    try:
        if path.is_dir():
            return Located(_open_directory(path), read_config(path))
        if path.exists():
            return Located(open_file(path), read_config(path.parent))
    except OSError as error:
        raise SourceError("SOURCE must be readable", error.strerror or error, source) from error
    if is_hub_id(source):
        return _open_hub(source)
    if source.isidentifier():
        return Located(_open_package(source), None)
    raise SourceError(
        "SOURCE must be an existing file or directory, a hub id org/name, or an installed package",
        f"{source!r}, which does not exist",
        "",
        "Check the spelling.",
    )


def input_files(source: str) -> list[Path]:
    """The files on this machine that `locate` would read, as far as they are known before; nothing is opened but an index.

    Raises: SourceError, FormatError: as `locate`, for an empty name and for a broken index.
    """
    path = _path(source)
    try:
        if path.is_dir():
            index, files = _layout(path)
            return [*index, *files, path / _CONFIG]
        if path.exists():
            return [path, path.parent / _CONFIG]
    except OSError as error:
        raise SourceError("SOURCE must be readable", error.strerror or error, source) from error
    return _package_files(source) if source.isidentifier() else []


def _path(source: str) -> Path:
    if not source.strip():
        raise SourceError("SOURCE must name a checkpoint", repr(source))
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # ~nobody
        raise SourceError("SOURCE must be an existing file or directory", error, source) from error


def is_hub_id(source: str) -> bool:
    """Whether words that name nothing here can be the id of a repository: org/name, no path and no file."""
    return bool(_HUB_ID.fullmatch(source)) and Path(source).suffix.lower() not in READERS and source[0] not in "./~"


def _json(file: Path, largest: int, rule: str) -> Any:
    """The content of a regular file of bounded size; a pipe would be waited for without end.

    Raises: FormatError: it is no such file, or no JSON.
    """
    try:
        if not file.is_file():
            raise ValueError("no regular file")
        if file.stat().st_size > largest:
            raise ValueError(f"more than {largest} bytes")
        return json.loads(file.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise FormatError(rule, "lists in lists without end", str(file)) from error
    except (ValueError, OSError) as error:
        raise FormatError(rule, error, str(file)) from error


def read_config(folder: Path) -> Mapping[str, Any] | None:
    """The config.json of a folder; None where there is none, or where it holds no object.

    Raises: FormatError: it is no JSON, or larger than `LARGEST_CONFIG`.
    """
    file = folder / _CONFIG
    if not file.is_file():
        return None
    content = _json(file, LARGEST_CONFIG, "config.json must be a JSON object")
    return content if isinstance(content, dict) else None


def _layout(folder: Path) -> tuple[list[Path], list[Path]]:
    """The index of a folder of weights, if it has one, and the files of weights."""
    for pattern in LAYOUTS:
        files = sorted(folder.glob(pattern))
        if not files:
            continue
        if pattern.endswith(".json"):
            return files[:1], _shards(files[0])
        if len(files) > 1 and pattern not in SHARDED:
            names = ", ".join(file.name for file in files[:4])
            raise SourceError("a directory must hold one model", names, str(folder), "Name one of the files.")
        return [], files
    seen = ", ".join(sorted(file.name for file in folder.iterdir())[:5]) or "nothing"
    raise SourceError("a directory must hold weights", seen, str(folder), f"Looked for {', '.join(LAYOUTS)}.")


def _open_directory(folder: Path) -> TensorStore:
    _, files = _layout(folder)
    stores = [open_file(file) for file in files]
    return stores[0] if len(stores) == 1 else ShardedStore(stores, str(folder))


def _shards(index: Path) -> list[Path]:
    content = _json(index, LARGEST_INDEX, "an index of shards must be JSON")
    try:
        names = sorted(set(content["weight_map"].values()))
        files = [index.parent / name for name in names]
    except (KeyError, AttributeError, TypeError) as error:
        raise FormatError("an index of shards needs a weight_map", type(error).__name__, str(index)) from error
    for file in files:
        if file.parent.resolve() != index.parent.resolve():
            raise FormatError("shards must lie beside their index", file.name, str(index))
        if not file.is_file():
            raise SourceError(
                "every shard of the index must be there",
                f"no {file.name}",
                str(index.parent),
                "Download it again.",
            )
    if not files:
        raise FormatError("an index of shards must name a file", "an empty weight_map", str(index))
    return files


def _open_hub(repo: str) -> Located:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError(
            "a hub id needs huggingface-hub (there is no such path either)",
            repr(repo),
            "",
            "Install the extra `hub`, or give a path.",
        ) from error
    try:
        folder = Path(snapshot_download(repo, allow_patterns=_HUB_FILES))
    except Exception as error:  # the client raises its transport's own classes, which differ between its versions
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceError(
            "a hub id must be reachable or in the local cache (there is no such path either)",
            f"{type(error).__name__}: {first}",
            repo,
            "Check the name and the network, or give a path.",
        ) from error
    try:
        return Located(_open_directory(folder), read_config(folder))
    except SourceError as error:
        raise SourceError(
            "a hub repository must ship safetensors",
            error.value,
            repo,
            "Download its other files and give their path.",
        ) from error


def _package_folders(name: str) -> list[Path]:
    """Where an installed package lies; nowhere if there is none."""
    try:
        spec = importlib.util.find_spec(name)  # finds a top-level package without importing it
    except (ImportError, ValueError):
        spec = None
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def _package_files(name: str, kinds: tuple[str, ...] = (".npz", ".safetensors")) -> list[Path]:
    """Files that may hold the weights of an installed package."""
    folders = _package_folders(name)
    return sorted(file for folder in folders for kind in kinds for file in folder.rglob(f"*{kind}"))


def _with_layers(files: list[Path]) -> list[tuple[Path, TensorStore]]:
    """The files that hold an A_log, open.

    Raises: MissingDependencyError: if they cannot be read for want of a library.
    """
    found: list[tuple[Path, TensorStore]] = []
    for file in files:
        try:
            store = open_file(file)
        except MissingDependencyError:
            raise
        except S6FlowError:
            continue  # other data may share the suffix; if nothing is left, the caller says so
        if any("A_log" in tensor for tensor in store.infos):
            found.append((file, store))
    return found


def _open_package(name: str) -> TensorStore:
    files = _package_files(name)
    if not _package_folders(name):
        raise SourceError(
            "SOURCE must be an existing file or directory, a hub id org/name, or an installed package",
            repr(name),
            "",
            "Check the spelling, or install the package.",
        )
    found = _with_layers(files)
    if not found:  # pickles only where nothing safer is there
        files = _package_files(name, PICKLED)
        found = _with_layers(files)
    if len(found) > 1 and len({file.suffix for file, _ in found}) == 1:
        return NamedStores({file.stem: store for file, store in found}, f"package {name}")
    if len(found) != 1:
        names = ", ".join(str(file) for file, _ in found) or f"{len(files)} weight files and no A_log in them"
        raise SourceError(
            "a package must ship files of one kind with an A_log",
            names,
            f"package {name}",
            "Name a file.",
        )
    return found[0][1]
