"""`fleet flow`: flows over a grid of parameters, a phase diagram of any size, chunk by chunk into Parquet.

A grid file names axes and writes their names where `integrate` takes numbers:

    mu = ["mu1", 1.5]          # per state; numbers or names of axes
    a = [0.2, "a2"]
    x0 = [1.0, 0.5]            # per token
    b = 1
    [axes]
    mu1 = { linspace = [-2, 2, 101] }
    a2 = { logspace = [0.1, 10, 51] }       # from, to, points: evenly in the logarithm
    [run]                      # optional
    log_horizon = 27.6
    predict = true

One long file: reader, sweep and writer of one grid format.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow import __version__
from s6flow.errors import AssumptionError, FormatError, S6FlowError
from s6flow.numeric.fleet.pool import Failed, Lost, Pool, Task, same_version
from s6flow.numeric.fleet.store import Store
from s6flow.provenance import code_digest

__all__ = ["CHUNK", "FLOWS", "Grid", "digest", "flow_all", "flow_chunk", "flow_lines", "read_grid"]

FLOWS = "flows"
#: Systems of a chunk: some seconds of work.
CHUNK = 4096
_LISTS, _ONES = ("mu", "a", "x0"), ("s", "b", "floor")
_DEFAULTS: dict[str, Any] = {"s": 1.0, "b": 0.0, "floor": 0.0}
#: Of [run]: its kind, and what stands there by default; those of `integrate`.
_RUN: dict[str, tuple[type | tuple[type, ...], Any]] = {
    "log_horizon": ((int, float), 27.6),
    "rtol": ((int, float), 1e-10),
    "max_steps": (int, 5000),
    "backend": (str, ""),
    "predict": (bool, False),
}
#: Values of an axis; all of them stand in run.json.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Grid:
    """A product of axes.

    Args:
        axes: name -> values.
        letters: letter of the flow -> numbers and names of axes, a list for mu, a and x0.
        run: options of `integrate`, and `predict`.
    """

    axes: dict[str, tuple[float, ...]]
    letters: dict[str, Any]
    run: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points of every axis; the last one varies fastest."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def size(self) -> int:
        """Systems."""
        return math.prod(self.shape)

    def points(self, start: int, stop: int) -> dict[str, NDArray[np.float64]]:
        """Values of the axes at systems start, ..., stop - 1."""
        index, found = np.arange(start, stop, dtype=np.int64), {}
        for name, values in reversed(self.axes.items()):
            index, place = np.divmod(index, len(values))
            found[name] = np.asarray(values)[place]
        return {name: found[name] for name in self.axes}

    def values(self, points: Mapping[str, NDArray[np.float64]], count: int) -> dict[str, NDArray[np.float64]]:
        """Letters of the flow, shape (system, entry) of lists and (system) of the others."""

        def filled(entry: Any) -> NDArray[np.float64]:
            return points[entry] if isinstance(entry, str) else np.full(count, float(entry))

        lists = {name: np.stack([filled(entry) for entry in self.letters[name]], axis=1) for name in _LISTS}
        return lists | {name: filled(self.letters[name]) for name in _ONES}

    def as_json(self) -> dict[str, Any]:
        """For `run.json`."""
        return {
            "axes": {name: list(values) for name, values in self.axes.items()},
            "letters": self.letters,
            "run": self.run,
        }


def read_grid(path: Path) -> Grid:
    """Read a grid file.

    Raises: FormatError: no TOML, unknown or missing names, axes that are not used. AssumptionError: numbers that are not
        finite, a logarithmic axis that is not positive.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError("a grid must be a TOML file", getattr(error, "strerror", None) or error, str(path)) from None
    stray = sorted(set(told) - {*_LISTS, *_ONES, "axes", "run"})
    if stray:
        raise FormatError("a grid has mu, a, x0, s, b, floor, [axes] and [run]", stray[0], str(path), "Take it out.")
    axes = told.get("axes", {})
    if not isinstance(axes, dict) or not axes:
        raise FormatError("a grid needs [axes]", "none", str(path), "Write mu1 = { linspace = [-2, 2, 101] }.")
    spread = {name: _axis(name, axis) for name, axis in axes.items()}
    letters, used = dict[str, Any](), set[str]()
    for name in (*_LISTS, *_ONES):
        value = told.get(name, _DEFAULTS.get(name))
        entries = value if isinstance(value, list) else [value]
        if name in _LISTS and (not isinstance(value, list) or not value):
            raise FormatError(f"{name} must be a list of numbers and names of axes", value, str(path))
        if name in _ONES and isinstance(value, list):
            raise FormatError(f"{name} must be one number or name of an axis", value, str(path))
        for entry in entries:
            if isinstance(entry, str) and entry in spread:
                used.add(entry)
            elif isinstance(entry, (str, bool)) or not isinstance(entry, int | float):
                raise FormatError(f"{name} must be of numbers and names of axes", repr(entry), str(path))
            else:
                _finite(entry, name)
        letters[name] = value
    if len(letters["mu"]) != len(letters["a"]):
        raise FormatError(
            "mu and a must have one entry a state", f"{len(letters['mu'])} and {len(letters['a'])}", str(path)
        )
    unused = sorted(set(spread) - used)
    if unused:
        raise FormatError("every axis must be used", unused[0], str(path), "Write its name where a number stands.")
    return Grid(spread, letters, _run(told.get("run", {}), path))


def _axis(name: str, told: Any) -> tuple[float, ...]:
    """Values of an axis: a list, or from, to and how many."""
    rule = f"axis {name} must be a list, or linspace or logspace = [from, to, points]"
    if isinstance(told, list):
        values = [_number(value, rule) for value in told]
    elif isinstance(told, dict) and len(told) == 1 and next(iter(told)) in ("linspace", "logspace"):
        kind, ends = next(iter(told.items()))
        if not isinstance(ends, list) or len(ends) != 3 or not isinstance(ends[2], int) or isinstance(ends[2], bool):
            raise FormatError(rule, ends)
        first, last = (_number(value, rule) for value in ends[:2])
        if not 1 <= ends[2] <= _LONGEST:
            raise AssumptionError(f"an axis needs 1 to {_LONGEST:,} points", ends[2], name)
        if kind == "logspace" and not min(first, last) > 0:
            raise AssumptionError("a logarithmic axis needs positive ends", min(first, last), name)
        spaced = np.linspace if kind == "linspace" else np.geomspace
        values = spaced(first, last, ends[2]).tolist()
    else:
        raise FormatError(rule, told)
    if not values or len(set(values)) < len(values):
        raise FormatError("an axis needs values, each once", told, name)
    return tuple(values)


def _number(value: Any, rule: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(rule, repr(value))
    return _finite(value, rule)


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise AssumptionError("a grid needs finite numbers", str(value)[:40], where)
    return number


def _run(told: Any, path: Path) -> dict[str, Any]:
    from s6flow.numeric.flow.backends import BACKENDS, fastest_on_cpu

    if not isinstance(told, dict) or set(told) - set(_RUN):
        found = sorted(set(told) - set(_RUN))[0] if isinstance(told, dict) else told
        raise FormatError(f"[run] has {', '.join(_RUN)}", found, str(path))
    found = {name: told.get(name, default) for name, (_, default) in _RUN.items()}
    for name, (kind, _) in _RUN.items():
        if not isinstance(found[name], kind) or (isinstance(found[name], bool) and kind is not bool):
            raise FormatError(f"{name} of [run] is of another type", repr(found[name]), str(path))
    found["backend"] = found["backend"] or fastest_on_cpu()
    if found["backend"] not in BACKENDS:
        raise FormatError(f"a backend must be one of {', '.join(BACKENDS)}", found["backend"], str(path))
    return found


def digest() -> str:
    """Of the code that a flow rests on."""
    aside = {f"s6flow.{name}" for name in ("errors", "files", "progress", "provenance", "text", "processes")}
    apart = ("s6flow.proofs", "s6flow.symbolic.derivation")
    roots = ["s6flow.numeric.flow.integrate", "s6flow.numeric.flow.fates", "s6flow.numeric.criteria.system"]
    return code_digest(roots, lambda name: name not in aside and not name.startswith(apart))


def flow_chunk(grid: Grid, start: int, stop: int, version: str) -> bytes:
    """Integrate systems start, ..., stop - 1: a Parquet file with one row a system.

    Columns: index; the axes; status, end, blow_up_time (null where there is none), blow_up_token, log_time where it ended;
    log_abs_1, ..., sign_1, ... of the tokens there; predicted and theorem if asked for.

    Raises: FormatError: another version of s6flow. AssumptionError: as `integrate`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from s6flow.numeric.flow import FlowParameters, Status, classify, integrate
    from s6flow.symbolic.ends import WORDS

    same_version(version)
    points = grid.points(start, stop)
    letters = grid.values(points, stop - start)
    params = FlowParameters(*(letters[name] for name in ("mu", "a", "s", "b", "floor")))
    options = {name: grid.run[name] for name in ("log_horizon", "rtol", "max_steps", "backend")}
    result = integrate(letters["x0"], params, **options)
    fates = classify(result)
    blown = result.status == Status.BLOW_UP
    columns: dict[str, Any] = {"index": np.arange(start, stop), **points}
    columns["status"] = pa.array([Status(int(code)).name.lower().replace("_", "-") for code in result.status]).dictionary_encode()  # fmt: skip
    columns["end"] = pa.array([WORDS[int(code)] for code in fates.systems]).dictionary_encode()
    columns["blow_up_time"] = _known(result.blow_up_time, blown)
    columns["blow_up_token"] = pa.array(result.blow_up_token, mask=~blown)
    columns["log_time"] = _known(result.final_log_time)
    for token in range(letters["x0"].shape[1]):
        columns[f"log_abs_{token + 1}"] = _known(result.final_log_abs[:, token])
        columns[f"sign_{token + 1}"] = result.final_sign[:, token].astype(np.int8)
    if grid.run["predict"]:
        columns |= _predicted(letters)
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _known(values: NDArray[np.float64], where: NDArray[np.bool_] | None = None) -> Any:
    import pyarrow as pa

    mask = ~np.isfinite(values) if where is None else ~(np.isfinite(values) & where)
    return pa.array(np.asarray(values, dtype=np.float64), mask=mask)


def _predicted(letters: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    import pyarrow as pa

    from s6flow.numeric.criteria.system import axis_verdict
    from s6flow.numeric.flow import FlowParameters

    names = ("mu", "a", "s", "b", "floor")
    found = [
        axis_verdict(FlowParameters(*(letters[name][place] for name in names)), x0)
        for place, x0 in enumerate(letters["x0"])
    ]
    words, cited = zip(*found, strict=True)
    return {"predicted": pa.array(words).dictionary_encode(), "theorem": pa.array(cited).dictionary_encode()}


def flow_all(
    grid: Grid,
    store: Store,
    pool: Pool,
    chunk: int = CHUNK,
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> int:
    """Integrate the chunks that are not on disk; how many there were.

    Raises: FormatError: a part cannot be written. S6FlowError: a chunk ended every worker, or all are gone.
    """
    known = set(store.names())
    count = -(-grid.size // chunk)
    left = count - len(known)
    tasks = (
        Task(name, (grid, place * chunk, min((place + 1) * chunk, grid.size), __version__))
        for place in range(count)
        if (name := f"part-{place:09d}") not in known
    )
    ready = 0
    for task, result in pool.results(flow_chunk, tasks, gpu=grid.run["backend"] == "triton"):
        if isinstance(result, Lost):
            raise S6FlowError("a chunk must fit a worker", result.why, task.name, "Choose a smaller --chunk.")
        if isinstance(result, Failed):
            raise result.as_error()
        store.commit(task.name, {FLOWS: result})
        ready += 1
        progress(ready, left, task.name)
    return ready


def flow_lines(store: Store, grid_size: int) -> list[str]:
    """How many systems are done, and how they ended, part by part."""
    import pyarrow.parquet as pq

    found: Counter[str] = Counter()
    for path in store.parts(FLOWS):
        found.update(str(word) for word in pq.read_table(path, columns=["end"], partitioning=None)["end"].to_pylist())
    told = ", ".join(f"{word} {count:,}" for word, count in found.most_common())
    return [f"{found.total():,} of {grid_size:,} systems: {told or 'none'}."]
