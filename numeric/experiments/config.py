"""Experiment configurations: TOML in, frozen dataclasses out, one digest for what was run."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.numeric.experiments.conditions import CONDITIONS

__all__ = ["Config", "DataConfig", "ModelConfig", "TrainConfig", "config_names", "load_config", "recorded"]

_FOLDER = Path(__file__).parent / "configs"
#: What some settings may be.
CHOICES = {
    "norm": ("pre", "none", "post"),
    "optimiser": ("adamw", "adam"),
    "decayed": ("matrices", "guarded-apart", "everything"),
    "tokenizer": ("bytes", "bpe"),
}
STUDIES = ("after", "audit", "lengths", "precision", "diagnosis", "pruning", "cap", "deaths")


def _later(default: Any) -> Any:
    """A field that older results do not name: left out of records where it has its default."""
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True)
class DataConfig:
    """What is learnt.

    Args:
        name: stdlib, gcide, wikitext-103, wikitext-103-folder, digits, fashion, cifar-10, listops or recall.
        tokens: sequence length of language modelling; shortest ListOps expression; tokens of a recall sequence.
        longest: longest ListOps expression.
        train, held_out: numbers of sequences or images (held_out each for validation and test).
        depth, arguments: deepest nesting and most arguments of a ListOps expression.
        tokenizer, vocabulary: bytes, or byte-pair encoding of so many tokens, trained on the training text.
        megabytes: how much of a text is taken, from its beginning; 0 for all.
        patch: side of the square of pixels that is one token of an image; 0 for rows.
        pairs: keys with a value in a recall sequence.
    """

    name: str
    tokens: int = 256
    longest: int = 0
    train: int = 0
    held_out: int = 0
    depth: int = 5
    arguments: int = 8
    tokenizer: str = _later("bytes")
    vocabulary: int = _later(0)
    megabytes: int = _later(0)
    patch: int = _later(4)
    pairs: int = _later(0)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the stack of Mamba-1 blocks.

    Args:
        norm: before each block, nowhere in the blocks, or of the sum behind each.
        dropout: share of a block's update that is dropped in training.
        directions: scan orders that layers take in turn: forwards, backwards, and for images down the columns likewise.
    """

    width: int
    layers: int
    state: int = 16
    expand: int = 2
    conv: int = 4
    norm: str = _later("pre")
    dropout: float = _later(0.0)
    directions: int = _later(1)


@dataclass(frozen=True)
class TrainConfig:
    """Optimiser (linear warm-up, cosine decay to zero), lengths in steps.

    Args:
        graph: on CUDA, record the step once as a graph and replay it.
        optimiser: adamw, or adam, whose decay is part of the gradient.
        decayed: matrices (no biases, A_log, D, embedding), everything, or everything but A_log, D and the step's bias.
        cap: after each step no state may remember for longer than this share of a sequence; 0 for no cap.
        health_every: steps between two looks at the health of the layers, which the log keeps; 0 for none.
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
    optimiser: str = _later("adamw")
    decayed: str = _later("matrices")
    cap: float = _later(0.0)
    health_every: int = _later(0)


@dataclass(frozen=True)
class Config:
    """One grid of runs: every condition with every seed.

    Args:
        studies: what is measured after training, by name; by default what the kind has always measured.
        reach: longest test sequences, as a multiple of data.tokens.
    """

    name: str
    kind: str
    data: DataConfig
    model: ModelConfig
    train: TrainConfig
    seeds: tuple[int, ...]
    conditions: tuple[str, ...]
    studies: tuple[str, ...] = _later(())
    reach: int = _later(16)

    def digest(self) -> str:
        """Hash of what decides a single run's result: everything but the lists of seeds and conditions."""
        content = {key: value for key, value in recorded(self).items() if key not in ("seeds", "conditions", "name")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def recorded(value: Any) -> Any:
    """A configuration as a record: nested dictionaries without the later fields that have their default."""
    if not is_dataclass(value):
        return list(value) if isinstance(value, tuple) else value
    known = [part for part in fields(value) if not part.metadata or getattr(value, part.name) != part.default]
    return {part.name: recorded(getattr(value, part.name)) for part in known}


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
    extra = table.pop("measure", {}) if isinstance(table, dict) else {}
    if set(table) != top or set(table["grid"]) != {"seeds", "conditions"} or not set(extra) <= {"studies", "reach"}:
        raise FormatError(f"a configuration has {', '.join(sorted(top))}", ", ".join(table), str(source))
    config = Config(
        name=path.stem,
        kind=str(table["kind"]),
        data=_build(DataConfig, table["data"], "data"),
        model=_build(ModelConfig, table["model"], "model"),
        train=_build(TrainConfig, table["train"], "train"),
        seeds=tuple(table["grid"]["seeds"]),
        conditions=tuple(table["grid"]["conditions"]),
        studies=tuple(extra.get("studies", ())),
        reach=extra.get("reach", 16),
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
    strange = [name for name in config.studies if name not in STUDIES]
    if strange:
        raise FormatError(f"studies are {', '.join(STUDIES)}", ", ".join(strange), config.name)
    train = config.train
    named = {**asdict(config.model), **asdict(train), **asdict(config.data)}
    odd = {key: named[key] for key, known in CHOICES.items() if named[key] not in known}
    if odd:
        known = "; ".join(f"{key}: {', '.join(CHOICES[key])}" for key in odd)
        raise FormatError("a setting must be known", str(odd), config.name, f"Known: {known}.")
    if not 0 <= config.model.dropout < 1 or config.model.directions not in (1, 2, 4) or train.cap < 0:
        found = f"{config.model.dropout}, {config.model.directions}, {train.cap}"
        raise FormatError("dropout is a share below 1, directions 1, 2 or 4, cap at least 0", found, config.name)
    shape = {key: value for key, value in asdict(config.model).items() if key not in ("norm", "dropout")}
    sizes = {**shape, "steps": train.steps, "batch": train.batch, "tokens": config.data.tokens, "reach": config.reach}
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
