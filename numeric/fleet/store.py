"""The folder of a run: `run.json` says what it holds, and every finished batch is one part, written whole.

A part may have several tables; the one that is written last says that it is whole. A run that was killed leaves whole
parts, and at most some whose last table is missing: these are no part of the run, and the next one deletes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.processes import alone_in

__all__ = ["RUN", "SCHEMA", "Store", "open_run", "read_run", "read_tables"]

SCHEMA = "s6flow-fleet/1"
RUN = "run.json"
_TEMPORARY = ".s6flow-*"


class Store:
    """Parts of a run.

    Args:
        folder: of the run.
        tables: names of its tables, the one that is written last at the end.
        suffix: of the parts' files.
    """

    def __init__(self, folder: Path, tables: Sequence[str], suffix: str = ".parquet") -> None:
        self.folder, self.tables, self.suffix = folder, tuple(tables), suffix

    def path(self, table: str, name: str) -> Path:
        """Where the part of a table lies."""
        return self.folder / table / f"{name}{self.suffix}"

    def names(self) -> list[str]:
        """Of the parts that are whole."""
        return sorted(path.name.removesuffix(self.suffix) for path in self._files(self.tables[-1]))

    def parts(self, table: str) -> list[Path]:
        """Files of a table, of whole parts only."""
        whole = set(self.names())
        return sorted(path for path in self._files(table) if path.name.removesuffix(self.suffix) in whole)

    def _files(self, table: str) -> Iterator[Path]:
        folder = self.folder / table
        return (path for path in folder.glob(f"*{self.suffix}") if not path.name.startswith("."))

    def commit(self, name: str, content: Mapping[str, bytes]) -> None:
        """Write a part; it counts from the moment that its last table is there.

        Raises: FormatError: it cannot be written, as on a full disk.
        """
        for table in self.tables:
            if table in content:
                write_atomic(self.path(table, name), content[table])

    def clean(self) -> None:
        """Delete what a killed run left: unfinished files, and parts without their last table."""
        whole = set(self.names())
        for table in self.tables:
            for path in [*self._files(table)]:
                if path.name.removesuffix(self.suffix) not in whole:
                    path.unlink(missing_ok=True)
            for path in (self.folder / table).glob(_TEMPORARY):
                path.unlink(missing_ok=True)
        for path in self.folder.glob(_TEMPORARY):
            path.unlink(missing_ok=True)


def read_run(folder: Path) -> dict[str, Any]:
    """What `run.json` of a folder says.

    Raises: FormatError: there is none, or it is none of ours.
    """
    path = folder / RUN
    rule = f"a fleet's folder needs its {RUN}"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(
            rule, getattr(error, "strerror", None) or error, str(folder), "Name the --out of a run."
        ) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("options"), dict):
        raise FormatError(rule, f"another document than {SCHEMA}", str(folder), "Name the --out of a run.")
    return found


@contextmanager
def open_run(
    folder: Path,
    kind: str,
    options: Mapping[str, Any],
    tables: Sequence[str],
    code: Callable[[], str],
    suffix: str = ".parquet",
) -> Iterator[Store]:
    """Hold a folder for a run, a new one or one that goes on.

    Args:
        kind: audit, check or flow.
        options: what decides the numbers; a run goes on with the same ones only.
        tables: as in `Store`.
        code: digest of the code that computes, asked for once the folder is held.
    Raises: FormatError: the folder holds something else, or cannot be written, or another run works in it.
    """
    wanted = {"schema": SCHEMA, "kind": kind, "options": dict(options), "tables": list(tables)}
    try:
        with alone_in(folder):
            store = Store(folder, tables, suffix)
            if (folder / RUN).exists():
                wanted["code"] = code()
                _compare(folder, read_run(folder), wanted)
            else:
                stray = next((path.name for path in sorted(folder.iterdir()) if not path.match(_TEMPORARY)), None)
                if stray is not None:
                    raise FormatError("--out must be empty or hold a run", stray, str(folder), "Choose another --out.")
                wanted["code"] = code()
                write_atomic(folder / RUN, json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")
            store.clean()
            yield store
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(folder)):
            raise
        why = error.strerror or str(error)
        raise FormatError("--out must be a folder that can be written", why, str(folder), "Choose another.") from error


def _compare(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    remedy = "Choose another --out."
    if found.get("kind") != wanted["kind"]:
        raise FormatError(
            f"--out must hold a run of fleet {wanted['kind']}", f"fleet {found.get('kind')}", str(folder), remedy
        )
    for name in dict.fromkeys((*wanted["options"], *found["options"])):
        old, new = (json.loads(json.dumps(row["options"].get(name))) for row in (found, wanted))
        if old != new:
            raise FormatError(f"--out holds a run with {name} = {old}", f"{name} = {new}", str(folder), remedy)
    if found.get("code") != wanted["code"]:
        raise FormatError("--out holds a run of other code", wanted["code"], str(folder), remedy)


def read_tables(paths: Iterable[Path]) -> Any:
    """Parts as one table of pyarrow, in the order given; None if there is none.

    Raises: FormatError: a part is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for path in paths:
        try:
            found.append(pq.read_table(path, partitioning=None))
        except (pa.ArrowException, OSError) as error:
            remedy = "Delete it, and run again."
            raise FormatError("a part must be whole", error, str(path), remedy) from None
    return pa.concat_tables(found) if found else None
