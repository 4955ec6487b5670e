"""`fleet check`: the examples of a theorem in shards, each with a seed of its own, merged into one report.

A shard's systems follow from the seed and the shard's number alone, and shards are merged in their order: the report is the
same whatever the number of workers, of kills, and of runs that it took. While shards are missing, a theorem is judged on
those before the first missing one, and its row says how many they are.
"""

from __future__ import annotations

import datetime
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s6flow import __version__
from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.numeric.checks.check import Tally, Verdict, check_together
from s6flow.numeric.checks.engines import applicable
from s6flow.numeric.checks.measurements import MEASUREMENTS
from s6flow.numeric.checks.nightly import code_digest, processor, seal, short_report, statement_digest, versions
from s6flow.numeric.checks.shared import Checkable
from s6flow.numeric.fleet.pool import Failed, Lost, Pool, Task, same_version
from s6flow.numeric.fleet.store import Store, read_run
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.status import status

__all__ = ["FASTEST", "SHARDS", "WORST", "CheckOptions", "check_all", "check_shard", "code_digest", "failed", "in_turn", "judging", "line", "merged", "options_of", "shard_seed", "shards", "unfinished", "whole", "write_report"]  # fmt: skip

SHARDS = "shards"
#: In the place of backends: the one that judges a theorem in the least time.
FASTEST = "fastest"
#: Examples of a shard where no number of shards is given: some seconds of work.
EXAMPLES = 20_000
#: Measurements that take no time beside the judging.
_ALL_JUDGING = ("pointwise", "first_rate")
#: Smallest margins over shards that the report keeps, each with its place.
WORST = 5
_SUFFIX = ".json"


@dataclass(frozen=True)
class CheckOptions:
    """What decides the verdicts of a run.

    Args:
        examples: random systems a theorem.
        shards: parts that they are cut into.
        seed: from which every shard's own follows.
        backends: keys of `ENGINES`, or `FASTEST` alone.
        integrator: the flow backend of trajectories; triton wants workers with a GPU.
    """

    examples: int
    shards: int
    seed: int
    backends: tuple[str, ...]
    integrator: str

    def as_json(self) -> dict[str, Any]:
        """For `run.json`."""
        return {**asdict(self), "backends": list(self.backends)}


def shards(examples: int, wanted: int | None = None) -> int:
    """How many shards there are: none is empty."""
    return max(1, min(wanted if wanted is not None else math.ceil(examples / EXAMPLES), examples))


def shard_seed(seed: int, shard: int) -> int:
    """Seed of a shard; far from its neighbours', since a batch's seed is its shard's plus the batch's number."""
    return int(np.random.SeedSequence((seed, shard)).generate_state(1, np.uint64)[0])


def judging(theorem: Checkable, options: CheckOptions) -> list[str]:
    """The backends that judge a theorem.

    Of `FASTEST`: where something is measured that takes longer than any judging, and NumPy need not wait for a device; a
    claim in letters, or about a rate at the start, is all judging, and where there is a GPU PyTorch does it there.
    """
    if options.backends == (FASTEST,):
        return ["torch" if options.integrator == "triton" and theorem.measurement in _ALL_JUDGING else "numpy"]
    return [backend for backend in options.backends if applicable(theorem, backend)]


def check_shard(key: str, shard: int, options: CheckOptions, version: str) -> bytes:
    """Judge one shard of a theorem: a row as JSON. The witness and trained channels belong to the first one.

    Raises: FormatError: this worker runs another version of s6flow. MissingDependencyError: as `check`.
    """
    same_version(version)
    theorem = checked(key)
    able = judging(theorem, options)
    count = options.examples // options.shards + (shard < options.examples % options.shards)
    seed, first = shard_seed(options.seed, shard), shard == 0
    start = time.process_time()
    found = check_together(theorem, able, count, seed, first, options.integrator, first)
    row = {
        "id": key,
        "shard": shard,
        "drawn": count,
        "statement": statement_digest(get(key)),
        "device": _device(MEASUREMENTS[theorem.measurement].integrator(options.integrator)),
        "versions": versions(),
        "processor_seconds": round(time.process_time() - start, 2),
        "backends": {report.backend: report.as_json() for report in found},
    }
    return json.dumps({**row, "seal": seal(row)}).encode()


def _device(integrator: str | None) -> str:
    """Of this machine, in words: its processor, and its GPU where that integrates."""
    if integrator != "triton":
        return processor()
    import torch

    return f"{processor()}; GPU: {torch.cuda.get_device_name()}"


def _rows(store: Store, key: str) -> dict[int, dict[str, Any]]:
    """Shard -> row of a theorem, of those on disk that are whole and of the statement as it is now."""
    paths = list(store.folder.joinpath(SHARDS).glob(f"{key}.*{_SUFFIX}"))
    if not paths:
        return {}  # no statement is lowered for nothing
    wanted, found = statement_digest(get(key)), {}
    for path in paths:
        try:
            row = json.loads(path.read_bytes())
            if row["seal"] == seal(row) and row["statement"] == wanted and row["id"] == key:
                found[int(row["shard"])] = row
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # it is computed again
    return found


def check_all(
    keys: Sequence[str],
    store: Store,
    pool: Pool,
    options: CheckOptions,
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> dict[str, str]:
    """Judge the shards that are not on disk; those that could not be judged, with the reason.

    Raises: FormatError: a part cannot be written. S6FlowError: a worker cannot run the work, or all are gone.
    """
    known = {key: _rows(store, key) for key in keys}
    cost = {key: float(rows[0].get("processor_seconds", 0.0)) for key, rows in known.items() if 0 in rows}
    left = {key: deque(shard for shard in range(options.shards) if shard not in known[key]) for key in keys}
    total = sum(map(len, left.values()))
    tasks = (Task(f"{key}.{shard:06d}", (key, shard, options, __version__)) for key, shard in in_turn(left, cost))
    lost: dict[str, str] = {}
    results = pool.results(check_shard, tasks, gpu=options.integrator == "triton")
    for count, (task, result) in enumerate(results, start=1):
        if isinstance(result, Failed):
            raise result.as_error()
        if isinstance(result, Lost):
            lost[task.name] = result.why
        else:
            store.commit(task.name, {SHARDS: result})
            if task.arguments[1] == 0:
                cost[task.arguments[0]] = float(json.loads(result)["processor_seconds"])
        progress(count, total, task.name)
    return lost


def in_turn(left: dict[str, deque[int]], cost: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    """Every theorem's first shard, and then theorem by theorem, the cheapest first: a run that is ended has judged every
    theorem on some systems, and as many as it could on all.

    Args:
        left: theorem -> its shards that are missing, in their order; they are taken out.
        cost: theorem -> seconds of its first shard, as they become known.
    """
    for key, shards_left in left.items():
        if shards_left and shards_left[0] == 0:
            yield key, shards_left.popleft()
    while todo := [key for key, shards_left in left.items() if shards_left]:
        key = min(todo, key=lambda key: cost.get(key, math.inf))
        yield key, left[key].popleft()


def whole(store: Store, key: str, options: CheckOptions) -> bool:
    """Whether all shards of a theorem are there."""
    return len(_rows(store, key)) >= options.shards


def merged(store: Store, key: str, options: CheckOptions) -> dict[str, Any] | None:
    """The row of a theorem in the form of proofs/nightly.json, of its shards before the first missing one; None without one."""
    rows = _rows(store, key)
    count = next((shard for shard in range(options.shards) if shard not in rows), options.shards)
    if not count:
        return None
    theorem = get(key)
    ordered = [rows[shard] for shard in range(count)]
    backends = {name: _merged(theorem, name, ordered) for name in ordered[0]["backends"]}
    seconds = sum(row["processor_seconds"] for row in ordered)
    named = [found["integrator"] for found in ordered[0]["backends"].values() if found["integrator"]]
    row = {
        "id": key,
        "status": status(theorem),
        "statement": statement_digest(theorem),
        "integrator": named[0] if named else None,
        "drawn": sum(row["drawn"] for row in ordered),
        "processor_seconds": round(seconds, 1),
        "backends": backends,
    }
    return {**row, "seal": seal(row)}


def _merged(theorem: Any, backend: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    tally = Tally()
    for row in rows:
        tally.merge(str(row["shard"]), row["backends"][backend])
    found = [(row["backends"][backend], row["shard"]) for row in rows]
    worst = sorted((one["margin"], shard, one["place"]) for one, shard in found if one["margin"] is not None)[:WORST]
    placed = [{"margin": margin, "place": [f"{shard}/{place[0]}", *place[1:]]} for margin, shard, place in worst]
    return {**short_report(tally.report(theorem, backend, None)), "worst": placed}


def options_of(run: Mapping[str, Any]) -> CheckOptions:
    """The options that `run.json` holds.

    Raises: FormatError: others than ours.
    """
    try:
        return CheckOptions(**{**run["options"], "backends": tuple(run["options"]["backends"])})
    except (TypeError, KeyError) as error:
        raise FormatError("a run of fleet check needs its options", error, "run.json") from None


def write_report(folder: Path, command: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Merge what is on disk into `report.json`, in the form of proofs/nightly.json; its path and content.

    Theorems without their first shard are in `not_run`; a row says in `drawn` of how many examples it speaks. Places read shard/batch: `examples_of` with `shard_seed` builds
    the batch again.
    """
    run = read_run(folder)
    options = options_of(run)
    store = Store(folder, (SHARDS,), _SUFFIX)
    rows = [row for key in REGISTRY if (row := merged(store, key, options)) is not None]
    done = {row["id"] for row in rows}
    parts = [part for key in done for part in _rows(store, key).values()]
    report = {
        "command": command
        or f"s6flow fleet check --examples {options.examples} --shards {options.shards} --seed {options.seed}",
        **options.as_json(),
        "code": run["code"],
        "device": "; ".join(sorted({row["device"] for row in parts})),
        "versions": {
            tool: "; ".join(sorted({row["versions"][tool] for row in parts})) for tool in (versions() if parts else ())
        },
        "date": datetime.date.today().isoformat(),
        "processor_seconds": round(sum(row["processor_seconds"] for row in rows), 1),
        "not_run": [key for key in REGISTRY if key not in done],
        "theorems": rows,
    }
    return write_atomic(folder / "report.json", json.dumps(report, indent=1) + "\n"), report


def unfinished(report: Mapping[str, Any]) -> list[str]:
    """Theorems that were judged on fewer examples than asked for."""
    return [row["id"] for row in report["theorems"] if row["drawn"] < report["examples"]]


def failed(report: Mapping[str, Any]) -> list[str]:
    """Theorems of which a verdict does not pass."""
    return [
        row["id"]
        for row in report["theorems"]
        if not all(Verdict(found["verdict"]).passes for found in row["backends"].values())
    ]


def line(row: Mapping[str, Any]) -> str:
    """A theorem's verdicts for a terminal."""
    found = ", ".join(
        f"{name} {one['verdict']} margin {'none' if one['margin'] is None else format(one['margin'], '+.3e')} "
        f"of {one['examples']:,} ({one['undecided']:,} undecided)"
        for name, one in row["backends"].items()
    )
    return f"{row['id']:26} {found}, {row['drawn']:,} drawn in {row['processor_seconds']} s"
