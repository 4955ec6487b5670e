"""`fleet audit`: many checkpoints, one row a layer (and one a channel, if asked for), one row a checkpoint.

A batch is audited where it is sent and comes back as Parquet; nothing of it stays in memory here.

One long file: client and worker of one protocol, read together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

from s6flow import __version__
from s6flow.errors import S6FlowError
from s6flow.numeric.fleet.pool import Failed, Lost, Pool, Task, same_version
from s6flow.numeric.fleet.sources import Source, batches, described, place_in_run
from s6flow.numeric.fleet.store import Store, read_tables
from s6flow.provenance import code_digest

if TYPE_CHECKING:
    import pyarrow as pa

    from s6flow.numeric.audit.report import AuditReport, LayerAudit
    from s6flow.numeric.health.diagnosis import LayerHealth

__all__ = ["CHANNELS", "CHECKPOINTS", "LAYERS", "STATUSES", "AuditOptions", "audit_all", "audit_batch", "forget", "schemas", "tables"]  # fmt: skip

CHECKPOINTS, LAYERS, CHANNELS = "checkpoints", "layers", "channels"
#: Status of a checkpoint -> what it means.
STATUSES = {
    "audited": "judged; what was withheld of it stands in its layers",
    "broken": "refused: damaged, missing, or without a layer that the theory fits; the reason says which",
    "changed": "its files changed while it was audited",
    "failed": "an error that s6flow did not expect; please report it",
    "killed": "ended every worker that it was given to, as by want of memory",
}
_SIGNS = ("positive", "negative", "mixed")


@dataclass(frozen=True)
class AuditOptions:
    """What decides the numbers of a run.

    Args:
        context, shuffles, seed: as `numeric.audit.audit` takes them.
        channels: whether there is a row a channel, too.
    """

    context: int = 2048
    shuffles: int = 200
    seed: int = 0
    channels: bool = False


def tables(options: AuditOptions) -> tuple[str, ...]:
    """Tables of a run; that of checkpoints is written last, and says that a part is whole."""
    return (LAYERS, *((CHANNELS,) if options.channels else ()), CHECKPOINTS)


def digest() -> str:
    """Of the code that an audit rests on."""
    aside = {f"s6flow.{name}" for name in ("errors", "files", "progress", "provenance", "text", "processes")}
    apart = ("s6flow.proofs", "s6flow.symbolic.derivation")
    return code_digest(["s6flow.numeric.audit.report"], lambda name: name not in aside and not name.startswith(apart))


def schemas() -> dict[str, pa.Schema]:
    """Table -> its columns; those of layers and channels are made from the audit's declared tables."""
    import pyarrow as pa

    from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, LAYER_COLUMNS
    from s6flow.numeric.health import NUMBERS
    from s6flow.symbolic.ends import SCENARIOS

    text, count, number = pa.string(), pa.int64(), pa.float64()
    kinds = {"count": count, "number": number, "flag": pa.bool_(), "word": pa.dictionary(pa.int8(), text), "text": text}
    named = [("identity", text), ("source", text), ("layer", text)]
    checkpoint = [
        ("identity", text), ("source", text), ("status", text), ("reason", text), ("run", text), ("step", count),
        ("format", text), ("family", text), ("bytes", count), ("modified", number), ("layers", count), ("channels", count),
        ("withheld", count), ("severity", text), ("critical", count), ("warning", count), ("note", count), ("line", text),
        ("seconds", number),
    ]  # fmt: skip
    layer = [
        *named, ("position", count), ("kind", text), ("severity", text), ("verdicts", pa.list_(text)),
        ("undecided", pa.list_(text)), ("withheld", text), ("reason", text),
        *((row.name, number) for row in NUMBERS),
        *((column.name, kinds[column.kind]) for column in LAYER_COLUMNS if column.name != "name"),
        ("dichotomy_can_fail", count), ("dichotomy_unknown", count),
        *((_scenario(sign, word), count) for sign in _SIGNS for word in SCENARIOS),
    ]  # fmt: skip
    channel = [*named, *((column.name, kinds[column.kind]) for column in CHANNEL_COLUMNS)]
    return {CHECKPOINTS: pa.schema(checkpoint), LAYERS: pa.schema(layer), CHANNELS: pa.schema(channel)}


def _scenario(sign: str, word: str) -> str:
    """Column of the layers: channels that carry a scenario."""
    return f"{sign}_{word.replace(' ', '_').replace('-', '_')}"


def audit_batch(sources: list[Source], options: AuditOptions, version: str) -> tuple[dict[str, bytes], list[str]]:
    """Audit a batch: table -> its rows as a Parquet file, and the statuses. Called on a worker; no checkpoint makes it raise.

    Raises: FormatError: this worker runs another version of s6flow.
    """
    from s6flow.numeric.audit import audit

    same_version(version)
    rows: dict[str, list[Any]] = {name: [] for name in tables(options)}
    for source in sources:
        start = time.perf_counter()
        try:
            report = audit(source.name, context=options.context, shuffles=options.shuffles, seed=options.seed)
            now = described(source.name)
            if now.identity != source.identity:
                found = _refused(source, "changed", "the files are others than when they were listed; run again")
            else:
                found = _audited(source, report)
                rows[LAYERS] += _layers(source, report)
                if options.channels:
                    rows[CHANNELS] += _channels(source, report)
        except (S6FlowError, OSError, MemoryError, EOFError) as error:
            found = _refused(source, "broken", f"{type(error).__name__}: {error}")
        except Exception as error:
            found = _refused(source, "failed", f"{type(error).__name__}: {error}")
        found["seconds"] = round(time.perf_counter() - start, 4)
        rows[CHECKPOINTS].append(found)
    return {name: _parquet(name, part) for name, part in rows.items()}, [row["status"] for row in rows[CHECKPOINTS]]


def _parquet(name: str, rows: list[Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schemas()[name]
    if name == CHANNELS:
        table = pa.concat_tables(rows) if rows else schema.empty_table()
    else:
        table = pa.Table.from_pylist(rows, schema)
    buffer = BytesIO()
    pq.write_table(table.unify_dictionaries(), buffer, compression="zstd")
    return buffer.getvalue()


def _text(value: str) -> str:
    """What UTF-8 cannot hold, as in names of files, as escapes."""
    return value.encode(errors="backslashreplace").decode()


def _row(source: Source) -> dict[str, Any]:
    run, step = place_in_run(source.name)
    told = {"run": None if run is None else _text(run), "step": step}
    return {
        "identity": source.identity,
        "source": _text(source.name),
        "bytes": source.bytes,
        "modified": source.modified,
    } | told


def _refused(source: Source, status: str, reason: str) -> dict[str, Any]:
    from s6flow.text import shown

    return _row(source) | {"status": status, "reason": shown(reason)}


def _audited(source: Source, report: AuditReport) -> dict[str, Any]:
    health = report.health
    grades = [row.severity for layer in health.layers for row in layer.verdicts]
    return _row(source) | {
        "status": "audited",
        "format": report.format,
        "family": report.family,
        "layers": len(_names(report)),
        "channels": sum(layer.channels for layer in health.layers) or report.channels,
        "withheld": len(report.withheld),
        "severity": health.severity,
        **{grade: grades.count(grade) for grade in ("critical", "warning", "note")},
        "line": health.line(),
    }


def _names(report: AuditReport) -> list[str]:
    """Layers that health knows, that were judged or withheld, in depth order."""
    parts = (report.health.layers, report.layers, report.withheld)
    return list(dict.fromkeys(entry.name for part in parts for entry in part))


def _layers(source: Source, report: AuditReport) -> Iterator[dict[str, Any]]:
    """One row a layer: its health, and the numbers of the theory or why there are none."""
    health = {layer.name: layer for layer in report.health.layers}
    judged = {layer.name: layer for layer in report.layers}
    withheld = {entry.name: entry for entry in report.withheld}
    for position, name in enumerate(_names(report)):
        row = {"identity": source.identity, "source": _text(source.name), "layer": _text(name), "position": position}
        if name in health:
            row |= _healthy(health[name])
        if name in withheld:
            row |= {"withheld": withheld[name].kind, "reason": withheld[name].reason}
        if name in judged:
            row |= _judged(judged[name])
        yield row


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _healthy(layer: LayerHealth) -> dict[str, Any]:
    return {
        "kind": layer.kind,
        "channels": layer.channels,
        "states": layer.states,
        "severity": layer.severity,
        "verdicts": [row.name for row in layer.verdicts],
        "undecided": [row.name for row in layer.undecided],
        **{name: None if value is None else _finite(float(value)) for name, value in layer.numbers.items()},
    }


def _judged(layer: LayerAudit) -> dict[str, Any]:
    row = {key: _finite(getattr(value, "item", lambda value=value: value)()) for key, value in layer.row().items()}
    del row["name"]
    fails = layer.numbers("dichotomy_can_fail")
    row |= {"dichotomy_can_fail": int((fails == 1).sum()), "dichotomy_unknown": int((fails < 0).sum())}
    for sign in _SIGNS:
        row |= {_scenario(sign, word): count for word, count in layer.words(f"scenario_{sign}").counts().items()}
    return row


def _channels(source: Source, report: AuditReport) -> Iterator[pa.Table]:
    import pyarrow as pa

    from s6flow.numeric.audit.columns import CHANNEL_COLUMNS
    from s6flow.numeric.audit.output.records import channel_values

    schema = schemas()[CHANNELS]
    for layer in report.layers:
        named = [[value] * layer.channels for value in (source.identity, _text(source.name), _text(layer.name))]
        columns = [*named, *(channel_values(layer, column) for column in CHANNEL_COLUMNS)]
        yield pa.table([pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)], schema)


def part_name(sources: Iterable[Source]) -> str:
    """Of a batch: the same checkpoints make the same part."""
    return sha256("\n".join(source.identity for source in sources).encode()).hexdigest()[:20]


def done(store: Store) -> dict[str, str]:
    """Identity -> status of every checkpoint that is on disk."""
    import pyarrow.parquet as pq

    found: dict[str, str] = {}
    for path in store.parts(CHECKPOINTS):
        table = read_tables([path]) if not path.stat().st_size else pq.read_table(path, columns=["identity", "status"], partitioning=None)  # fmt: skip
        found |= dict(zip(*(table[name].to_pylist() for name in ("identity", "status")), strict=True))
    return found


def forget(store: Store) -> int:
    """Take the checkpoints that were not audited out of a run, so that they are tried again; how many they are."""
    import pyarrow.compute as pc

    count = 0
    for path in store.parts(CHECKPOINTS):
        table = read_tables([path])
        kept = table.filter(pc.equal(table["status"], "audited"))
        if kept.num_rows < table.num_rows:
            count += table.num_rows - kept.num_rows
            store.commit(path.stem, {CHECKPOINTS: _parquet(CHECKPOINTS, kept.to_pylist())})
    return count


def audit_all(
    sources: Iterable[Source],
    store: Store,
    pool: Pool,
    options: AuditOptions,
    progress: Callable[[int, str], None] = lambda count, name: None,
) -> dict[str, int]:
    """Audit what is not on disk yet; status -> how many, of this call.

    Args:
        progress: called with how many checkpoints a finished part has, and the last one's name.
    Raises: FormatError: a part cannot be written, or workers run another version. S6FlowError: the workers are gone.
    """
    known = done(store)
    left = (source for source in sources if source.identity not in known)
    found = dict.fromkeys(STATUSES, 0)
    singles: list[Source] = []
    for work in (batches(left), _one_by_one(singles)):
        tasks = (Task(part_name(batch), (batch, options, __version__)) for batch in work)
        for task, result in pool.results(audit_batch, tasks):
            batch = task.arguments[0]
            if isinstance(result, Failed):
                raise result.as_error()
            if isinstance(result, Lost):
                if len(batch) > 1:  # which of them it was is found by sending them one by one
                    singles += batch
                    continue
                rows = [_refused(batch[0], "killed", result.why)]
                parts = {name: _parquet(name, rows if name == CHECKPOINTS else []) for name in tables(options)}
                result = parts, ["killed"]
            parts, statuses = result
            store.commit(task.name, parts)
            for status in statuses:
                found[status] += 1
            progress(len(batch), batch[-1].name)
    return found


def _one_by_one(sources: list[Source]) -> Iterator[list[Source]]:
    """Read when the first round is over."""
    yield from ([source] for source in sources)


def as_options(options: AuditOptions) -> dict[str, Any]:
    """For `run.json`."""
    return asdict(options)
