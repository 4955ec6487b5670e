"""Weights trained by the language-modelling experiment, one per scenario: safetensors files beside this one."""

from __future__ import annotations

from pathlib import Path

from s6flow.errors import SourceError

__all__ = ["shipped_checkpoint", "shipped_names"]

_FOLDER = Path(__file__).parent


def shipped_names() -> list[str]:
    """Names of the shipped checkpoints."""
    return sorted(path.stem for path in _FOLDER.glob("*.safetensors"))


def shipped_checkpoint(name: str = "unconstrained") -> Path:
    """Path of a shipped checkpoint.

    Raises: SourceError: no checkpoint of that name.
    """
    path = _FOLDER / f"{name}.safetensors"
    if not path.exists():
        raise SourceError(
            "a shipped checkpoint is one of " + (", ".join(shipped_names()) or "none"), repr(name), "checkpoint"
        )
    return path
