"""Trained networks on real tokens: their traces, committed with what made them, and read without any of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError, SourceError

__all__ = ["SCHEMA", "TRACES", "read", "read_from"]

TRACES = Path(__file__).with_name("traces.json")
SCHEMA = "s6flow-traces/1"


def read(path: Path = TRACES) -> dict[str, dict[str, Any]]:
    """Name -> document of every trace in a file, in its order.

    Raises: SourceError: it cannot be read. FormatError: it is not of this schema.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError("a file of traces must be readable", error.strerror or error, path.name) from None
    except ValueError as error:
        raise FormatError("a file of traces must be JSON", error, path.name) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise FormatError(f"a file of traces must be of schema {SCHEMA}", str(document)[:40], path.name)
    found: dict[str, dict[str, Any]] = document["traces"]
    return found


def read_from(provenance: Mapping[str, Any]) -> str:
    """Name of the file whose tokens or pixels a trace is of."""
    return str((provenance.get("text") or provenance["image"])["name"])
