"""What a configuration may say, looked at before it is built: kinds of values from the dataclasses, bounds from a table.

`config.py` is part of every training's digest and stays as it is; what reads a user's file goes through here. That a
setting is known, and that settings fit each other, `config.load_config` says behind this.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.numeric.experiments import config
from s6flow.numeric.experiments.config import Config, DataConfig, ModelConfig, TrainConfig

__all__ = ["load_config", "read_table", "refuse_values"]

#: Bytes of a configuration or a plan: those that ship have less than 4,000.
LONGEST = 1 << 20
_LARGEST = 2**31 - 1
#: What a number may be, both ends included; a number without a row is as `_USUAL` says. Where `config` names the lower end of
#: a size, none is named here, so that one fault has one sentence.
BOUNDS: dict[str, tuple[float, float]] = {
    "width": (-_LARGEST, 2**16),
    "layers": (-_LARGEST, 2**12),
    "state": (-_LARGEST, 2**12),
    "expand": (-_LARGEST, 2**8),
    "conv": (-_LARGEST, 2**8),
    "directions": (-_LARGEST, _LARGEST),
    "tokens": (-_LARGEST, 2**24),
    "batch": (-_LARGEST, 2**20),
    "steps": (1, _LARGEST),
    **dict.fromkeys(("reach", "log_every", "save_every", "eval_every"), (-_LARGEST, _LARGEST)),
    "eval_sequences": (1, _LARGEST),
    "arguments": (2, 2**8),
    "depth": (1, 2**8),
    "dropout": (-1e9, 1e9),
    "cap": (-1e9, 1e9),
}
_USUAL = {"int": (0, _LARGEST), "float": (0, 1e9)}
#: Table of the file -> key -> the kind of its value, as annotations spell it.
KINDS: dict[str, Mapping[str, str]] = {
    **{
        name: {part.name: str(part.type) for part in fields(kind)}
        for name, kind in (("data", DataConfig), ("model", ModelConfig), ("train", TrainConfig))
    },
    "grid": {"seeds": "list of int", "conditions": "list of str"},
    "measure": {"studies": "list of str", "reach": "int"},
}
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}


def read_table(source: str | Path, folder: Path, what: str) -> dict[str, Any] | None:
    """The content of a TOML file or a shipped name; None where its reader has its own words (no such file, no TOML).

    Raises: FormatError: it is no regular file, too long, nested too deeply, or has a name or a number that nothing reads.
    """
    path = Path(source) if Path(source).suffix else folder / f"{source}.toml"
    try:
        if path.exists() and not path.is_file():
            raise FormatError(f"{what} is a regular file", "something else", str(source))
        if path.stat().st_size > LONGEST:
            raise FormatError(f"{what} has at most {LONGEST:,} bytes", f"{path.stat().st_size:,}", str(source))
        return tomllib.loads(path.read_text())
    except RecursionError:
        raise FormatError(f"{what} must be readable TOML", "lists or tables nested too deeply", str(source)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    except ValueError as error:  # a zero byte in the name, thousands of digits
        raise FormatError(f"{what} must be readable TOML", error, str(source)) from None


def _faults(key: str, kind: str, value: Any) -> Iterator[str]:
    """What a value must be and is not; nothing if it is."""
    if kind.startswith("list of "):
        parts = value if isinstance(value, list | tuple) else ()
        yield from ("a list",) * (parts is not value)
        for one in parts:
            yield from (f"a {kind}" for _ in _faults(key, kind.removeprefix("list of "), one))
        return
    number: Any = value  # the narrowing of a type checker ends here
    known: tuple[type, ...] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}[kind]
    if not isinstance(value, known) or (isinstance(value, bool) and kind != "bool"):
        yield _WORDS[kind]
    elif kind in _USUAL:
        low, high = BOUNDS.get(key, _USUAL[kind])
        if not low <= number <= high:  # of NaN, too
            yield f"{_WORDS[kind]} from {max(low, 0):,.10g} to {high:,.10g}"


def refuse_values(table: Mapping[str, Any], kinds: Mapping[str, str], where: str, source: str) -> None:
    """Hold the values of a table against their kinds and bounds; keys that are not known are left to others.

    Raises: FormatError: the first that is another.
    """
    for key, kind in kinds.items():
        for fault in _faults(key, kind, table[key]) if key in table else ():
            raise FormatError(f"{key} must be {fault}", _short(table[key]), f"{source} [{where}]")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # of a number of thousands of digits
        return "thousands of digits"
    return text if len(text) < 80 else f"{text[:77]}..."


def load_config(
    source: str | Path,
    *,
    seeds: Sequence[int] | None = None,
    conditions: Sequence[str] | None = None,
) -> Config:
    """Read a configuration; as `config.load_config`, of values that were looked at.

    Args:
        source: a shipped name (`config_names`) or the path of a TOML file.
        seeds, conditions: replace the file's lists.
    Raises: FormatError: no such file, not TOML, unknown keys or conditions, values of another kind or out of range.
    """
    table = read_table(source, Path(config.__file__).parent / "configs", "a configuration")
    if table is not None:
        for name, kinds in KINDS.items():
            if not isinstance(part := table.get(name, {}), dict):
                raise FormatError(f"[{name}] must be a table", _short(part), str(source))
            refuse_values(part, kinds, name, str(source))
        refuse_values(table, {"kind": "str"}, "top", str(source))
    given = {"seeds": seeds or (), "conditions": conditions or ()}
    refuse_values(given, KINDS["grid"], "grid", str(source))
    return config.load_config(source, **{key: tuple(values) or None for key, values in given.items()})  # type: ignore[arg-type]
