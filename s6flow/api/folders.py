"""A folder of several checkpoints: what an audit says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s6flow.errors import S6FlowError, SourceError
from s6flow.text import counted

__all__ = ["one_model"]

#: Files that an error names; the rest are counted.
_NAMED = 4


@contextmanager
def one_model(source: Any) -> Iterator[None]:
    """What is read inside is one model: where two files of a folder are models of their own, an error says which.

    Several files without an index are read as shards of one model, and found to be none by a tensor that two of them have.

    Raises: SourceError: that error, in place of the one about the tensor.
    """
    try:
        yield
    except SourceError as error:
        files = _with_tensor(source, error.value)
        if len(files) < 2:
            raise
        more = f" and {counted(len(files) - _NAMED, 'other')}" if len(files) > _NAMED else ""
        names = ", ".join(file.name for file in files[:_NAMED])
        raise SourceError(
            "a folder must hold one checkpoint, in one file or in shards with tensors of their own",
            f"{names}{more}, all of which have {error.value}",
            str(Path(source).expanduser()),
            f"Name one of them, for example {files[0]}; s6flow diff compares two, s6flow fleet audits many.",
        ) from error


def _with_tensor(source: Any, name: object) -> list[Path]:
    """The files of weights in a folder that have a tensor of this name; none where an index says that they are shards."""
    from s6flow.numeric.weights.locate import input_files
    from s6flow.numeric.weights.readers import READERS, open_file

    if not isinstance(source, str | os.PathLike) or not Path(source).expanduser().is_dir():
        return []
    try:
        files = input_files(str(source))
        weights = [file for file in files if file.suffix in READERS]
        indexed = any(file.name.endswith(".index.json") for file in files)
        return [] if indexed else [file for file in weights if name in open_file(file).infos]
    except (S6FlowError, OSError):  # the first error is the one to be told
        return []
