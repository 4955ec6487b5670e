"""Files of the package that are written from its code and committed: written, checked and read by one rule.

Computing what they hold takes seconds, reading it milliseconds. Each says which sources it was written from. In a checkout
whose sources have changed since, nothing is read from it; what an installed package carries belongs to it. Tests compare
every file with what is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from s6flow.files import write_atomic
from s6flow.provenance import package_root

__all__ = ["Committed", "forget"]


@dataclass(frozen=True)
class Committed:
    """One such file.

    Args:
        name: its path in the package, as `proofs/index.json`.
        schema: what it calls its own layout.
        sources: (folder of the package, endings of the files in it) that it is computed from.
        apart: names of files there that do not count.
    """

    name: str
    schema: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    apart: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return package_root() / self.name

    def sources_digest(self) -> str:
        """Of all files that it is computed from, by their bytes: parsing them would take longer than reading."""
        digest = hashlib.sha256()
        for name, path in self._source_files():
            data = path.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()[:20]

    def _source_files(self) -> Iterator[tuple[str, Path]]:
        for folder, endings in self.sources:
            base = package_root() / folder
            for path in sorted(base.rglob("*")):
                if path.suffix in endings and path.name not in self.apart:
                    yield path.relative_to(base.parent).as_posix(), path

    def head(self) -> dict[str, str]:
        """What it begins with: its schema and the digest of its sources."""
        return {"schema": self.schema, "sources": self.sources_digest()}

    def document(self, **parts: str) -> str:
        """Its text: schema and digest of the sources, then parts that are JSON already."""
        every = {key: json.dumps(value) for key, value in self.head().items()} | parts
        return "{\n" + ",\n".join(f'"{key}": {value}' for key, value in every.items()) + "\n}\n"

    def current(self) -> dict[str, Any] | None:
        """What it holds; None if it is missing, of another layout, or this is a checkout with other sources."""
        return _read(self)

    def main(self, text: Callable[[], str], arguments: Sequence[str]) -> int:
        """Write it, or with --check only say whether it is current; 0 if it is so afterwards.

        Args:
            text: what it should hold.
        """
        wanted = text()
        if self.path.exists() and self.path.read_text(encoding="utf-8") == wanted:
            return 0
        if "--check" in arguments:
            print(f"{self.name}: not current; run make generated")
            return 1
        write_atomic(self.path, wanted)
        print(f"{self.name}: written")
        return 0


@cache
def _read(file: Committed) -> dict[str, Any] | None:
    if not file.path.exists():
        return None
    document: dict[str, Any] = json.loads(file.path.read_text(encoding="utf-8"))
    checkout = (package_root().resolve().parent / "pyproject.toml").exists()
    if document.get("schema") != file.schema or (checkout and document["sources"] != file.sources_digest()):
        return None
    return document


#: Read every file anew from now on.
forget = _read.cache_clear
