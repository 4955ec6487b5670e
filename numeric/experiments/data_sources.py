"""What a configuration learns from: made, read from installed packages, or from a file that `prepare` wrote.

A prepared file holds exactly what a configuration's `data` needs: it travels to machines that lack the packages, and a
text is tokenised once.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import SourceError
from s6flow.files import write_atomic
from s6flow.numeric.experiments.classes import Labelled, load_labelled
from s6flow.numeric.experiments.config import Config, DataConfig, recorded
from s6flow.numeric.experiments.corpora import CORPORA, Corpus, load_corpus

__all__ = ["DATA", "load_source", "prepare_source", "prepared_file"]

#: The data folder where no option gives one.
DATA = "S6FLOW_DATA"


def data_folder(given: Path | None) -> Path | None:
    """The option, else the environment's."""
    named = os.environ.get(DATA)
    return given if given is not None or not named else Path(named)


def prepared_file(config: DataConfig, folder: Path) -> Path:
    """Where a data configuration is prepared; a text is the same for all lengths of sequences."""
    key = {name: value for name, value in recorded(config).items() if name != "tokens" or config.name not in CORPORA}
    return folder / f"{config.name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.npz.xz"


def _made(config: DataConfig, folder: Path | None) -> Corpus | Labelled:
    return load_corpus(config, folder) if config.name in CORPORA else load_labelled(config, folder)


def prepare_source(config: DataConfig, folder: Path) -> Path:
    """Write what `load_source` reads; an existing file is kept."""
    path = prepared_file(config, folder)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        whole = io.BytesIO()
        parts: dict[str, Any] = {key: np.asarray(value) for key, value in vars(_made(config, folder)).items()}
        np.savez(whole, **parts)
        write_atomic(path, lzma.compress(whole.getvalue(), preset=6))
    return path


def load_source(config: Config, folder: Path | None) -> Corpus | Labelled:
    """The data of a configuration, prepared in the folder or made anew.

    Raises: SourceError: a broken file; MissingDependencyError: a package that the data needs.
    """
    folder = data_folder(folder)
    path = None if folder is None else prepared_file(config.data, folder)
    if path is None or not path.exists():
        return _made(config.data, folder)
    kind: type[Corpus] | type[Labelled] = Corpus if config.data.name in CORPORA else Labelled
    try:
        with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as stored:
            return kind(**{key: _back(stored[key]) for key in stored.files})
    except (OSError, KeyError, ValueError, TypeError, EOFError, lzma.LZMAError) as error:
        raise SourceError(
            "prepared data must be readable", str(error), path.name, "Delete and prepare again."
        ) from error


def _back(value: np.ndarray) -> Any:
    """Names and numbers as they were, bounds as a tuple."""
    if value.ndim == 0:
        return value.item()
    return tuple(value.tolist()) if value.shape == (2,) else value
