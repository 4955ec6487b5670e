"""Experiment configurations: TOML in, frozen dataclasses out, one digest for what was run."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.numeric.experiments.conditions import CONDITIONS

__all__ = ["Config", "DataConfig", "ModelConfig", "TrainConfig", "config_names", "load_config"]

_FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class DataConfig:
    """What is learnt.

    Args:
        name: stdlib, wikitext-103, digits or listops.
        tokens: sequence length of language modelling; shortest ListOps expression.
        longest: longest ListOps expression.
        train, held_out: numbers of ListOps expressions (held_out each for validation and test).
        depth, arguments: deepest nesting and most arguments of a ListOps expression.
    """

    name: str
    tokens: int = 256
    longest: int = 0
    train: int = 0
    held_out: int = 0
    depth: int = 5
    arguments: int = 8


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the stack of Mamba-1 blocks."""

    width: int
    layers: int
    state: int = 16
    expand: int = 2
    conv: int = 4


@dataclass(frozen=True)
class TrainConfig:
    """Optimiser (AdamW, linear warm-up, cosine decay to zero), lengths in steps.

    Args:
        graph: on CUDA, record the step once as a graph and replay it.
    """

    steps: int
    batch: int
    lr: float
    warmup: int = 50
    weight_decay: float = 0.1
    clip: float = 1.0
    log_every: int = 25
    save_every: int = 200
    eval_every: int = 250
    eval_sequences: int = 512
    graph: bool = True


@dataclass(frozen=True)
class Config:
    """One grid of runs: every condition with every seed."""

    name: str
    kind: str
    data: DataConfig
    model: ModelConfig
    train: TrainConfig
    seeds: tuple[int, ...]
    conditions: tuple[str, ...]

    def digest(self) -> str:
        """Hash of what decides a single run's result: everything but the lists of seeds and conditions."""
        content = {key: value for key, value in asdict(self).items() if key not in ("seeds", "conditions", "name")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def config_names() -> list[str]:
    """Configurations that ship with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    known = {field.name for field in fields(kind)}
    unknown = sorted(set(table) - known)
    if unknown:
        raise FormatError(f"[{where}] knows {', '.join(sorted(known))}", ", ".join(unknown), where, "Correct the key.")
    try:
        return kind(**table)
    except TypeError as error:
        raise FormatError(f"[{where}] misses a required key", str(error), where) from error


def load_config(
    source: str | Path,
    *,
    seeds: tuple[int, ...] | None = None,
    conditions: tuple[str, ...] | None = None,
) -> Config:
    """Read a configuration.

    Args:
        source: a shipped name (`config_names`) or the path of a TOML file.
        seeds, conditions: replace the file's lists.
    Raises: FormatError: no such file, not TOML, unknown keys or conditions, or sizes out of range.
    """
    path = Path(source)
    if not path.suffix:
        path = _FOLDER / f"{source}.toml"
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        names = ", ".join(config_names())
        raise FormatError("a configuration is a TOML file or a shipped name", str(source), "config", names) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError("a configuration must be readable TOML", str(error), str(source)) from error
    top = {"kind", "data", "model", "train", "grid"}
    if set(table) != top or set(table["grid"]) != {"seeds", "conditions"}:
        raise FormatError(f"a configuration has {', '.join(sorted(top))}", ", ".join(table), str(source))
    config = Config(
        name=path.stem,
        kind=str(table["kind"]),
        data=_build(DataConfig, table["data"], "data"),
        model=_build(ModelConfig, table["model"], "model"),
        train=_build(TrainConfig, table["train"], "train"),
        seeds=tuple(table["grid"]["seeds"]),
        conditions=tuple(table["grid"]["conditions"]),
    )
    if seeds:
        config = replace(config, seeds=seeds)
    if conditions:
        config = replace(config, conditions=conditions)
    _check(config)
    return config


def _check(config: Config) -> None:
    if config.kind not in CONDITIONS:
        raise FormatError(f"kind is one of {', '.join(CONDITIONS)}", repr(config.kind), config.name)
    unknown = [name for name in config.conditions if name not in CONDITIONS[config.kind]]
    if unknown or not config.conditions or not config.seeds:
        known = ", ".join(CONDITIONS[config.kind])
        raise FormatError(
            "a grid needs seeds, and conditions that are known", str(unknown), config.name, f"Known: {known}."
        )
    train = config.train
    sizes = {**asdict(config.model), "steps": train.steps, "batch": train.batch, "tokens": config.data.tokens}
    wrong = {key: value for key, value in sizes.items() if not isinstance(value, int) or value < 1}
    if wrong:
        raise FormatError("sizes are positive integers", str(wrong), config.name)
    intervals = (train.log_every, train.save_every, train.eval_every)
    if any(not isinstance(every, int) or every < 1 for every in intervals) or train.save_every % train.log_every:
        raise FormatError(
            "train needs log_every >= 1, eval_every >= 1 and save_every a multiple of log_every",
            ", ".join(str(every) for every in intervals),
            config.name,
        )
