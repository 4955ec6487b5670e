"""s6flow fleet: many checkpoints, many examples, grids of flows, over processes or a cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from s6flow.commands.completion import complete_theorems
from s6flow.commands.outputs import OneOf, flow_backends, say, say_note, say_written
from s6flow.errors import FormatError
from s6flow.progress import bar

__all__ = ["fleet"]

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_WORKERS = (
    click.option("--workers", type=click.IntRange(1, 1024), help="Processes to start here; one a core by default."),
    click.option("--scheduler", help="Address of a running dask scheduler, instead of --workers."),
    click.option("--scheduler-file", type=_FILE, help="The file that a running dask scheduler wrote."),
    click.option(
        "--minutes", type=click.FloatRange(0, min_open=True), help="After these it ends; the same command goes on."
    ),
)
_OUT = click.option("--out", required=True, type=_FOLDER, help="Folder of the run; the same folder goes on.")


def _over_workers(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed((_OUT, *_WORKERS)):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def fleet() -> None:
    """Many checkpoints, a million examples of a theorem, or a grid of flows, over processes or a dask cluster.

    A run that ended in whatever way goes on with the same command: what is finished is on disk, and is not done twice.
    """


@fleet.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@_over_workers
@click.option("--channels", is_flag=True, help="One row a channel, too.")
@click.option(
    "--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens that memory is compared with."
)
@click.option("--shuffles", type=click.IntRange(2), default=200, show_default=True, help="Of the permutation control.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the shuffles.")
@click.option("--retry", is_flag=True, help="Try again what could not be audited.")
def audit(
    sources: tuple[str, ...],
    out: Path,
    workers: int | None,
    scheduler: str | None,
    scheduler_file: Path | None,
    minutes: float | None,
    channels: bool,
    context: int,
    shuffles: int,
    seed: int,
    retry: bool,
) -> int:
    """Audit every checkpoint that SOURCE names: files, "patterns/**", folders of snapshots, a .txt of sources, hub ids.

    Writes Parquet tables of checkpoints, layers and, with --channels, channels, and the page report.html. A checkpoint that
    cannot be audited is a row with its reason. Exit status: 0 all were audited, 3 some were not.
    """
    from s6flow.numeric.fleet import audits
    from s6flow.numeric.fleet.pool import pool, require_cluster
    from s6flow.numeric.fleet.sources import expand
    from s6flow.numeric.fleet.store import open_run

    require_cluster(tables=True)  # what is done already is read before there are workers
    options = audits.AuditOptions(context, shuffles, seed, channels)
    for word in sources:
        _refuse_pipe(Path(word), "a list of sources")
    found = list(expand(sources))
    start = time.perf_counter()
    with open_run(out, "audit", audits.as_options(options), audits.tables(options), audits.digest) as store:
        if retry:
            say_note(f"{audits.forget(store)} are tried again.")
        known = audits.done(store)
        left = [source for source in found if source.identity not in known]
        if len(left) < len(found):
            say_note(f"{len(found) - len(left)} of {len(found)} are done already.")
        if left:
            with pool(workers, scheduler, scheduler_file, minutes=minutes) as there, bar("fleet audit") as progress:
                ready = 0

                def tell(count: int, name: str) -> None:
                    nonlocal ready
                    ready += count
                    progress(ready, len(left), name)

                audits.audit_all(left, store, there, options, tell)
        page = _page(out)
        status = audits.done(store)
    refused = sum(status.get(source.identity) != "audited" for source in found)
    say_note(f"{len(left)} in {time.perf_counter() - start:.1f} s.")
    say_written([page])
    return 3 if refused else 0


def _refuse_pipe(path: Path, what: str) -> None:
    """What nobody writes to would be waited for without end."""
    if path.is_fifo():
        raise FormatError(f"{what} must be a regular file", "a pipe", str(path))


def _engines() -> Iterable[str]:
    from s6flow.numeric.checks.engines import ENGINES
    from s6flow.numeric.fleet.checks import FASTEST

    return [*ENGINES, FASTEST]


@fleet.command()
@click.argument("identifiers", nargs=-1, metavar="[ID]...", shell_complete=complete_theorems)
@_over_workers
@click.option(
    "--examples", type=click.IntRange(1, 10**9), default=1_000_000, show_default=True, help="Systems a theorem."
)
@click.option(
    "--shards", type=click.IntRange(1, 10**6), help="Parts that they are cut into; by default of 20,000 each."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--backend", "backends", cls=OneOf, names=_engines, multiple=True, help="One of {names}; may be repeated."
)
@click.option("--integrator", cls=OneOf, names=flow_backends, help="For trajectories, one of {names}.")
def check(
    identifiers: tuple[str, ...],
    out: Path,
    workers: int | None,
    scheduler: str | None,
    scheduler_file: Path | None,
    minutes: float | None,
    examples: int,
    shards: int | None,
    seed: int,
    backends: tuple[str, ...],
    integrator: str | None,
) -> int:
    """Check theorems (all without ID) with examples in shards; the verdict is the same whatever the number of workers.

    Writes report.json, in the form of proofs/nightly.json. Exit status: 0 every verdict passes, 1 one does not, 3 a theorem
    could not be judged.
    """
    from s6flow.numeric.checks.engines import require
    from s6flow.numeric.checks.given import refuse_bad_witness
    from s6flow.numeric.fleet import checks
    from s6flow.numeric.fleet.pool import pool
    from s6flow.numeric.fleet.store import open_run
    from s6flow.numeric.flow.backends import fastest_on_cpu, load_backend
    from s6flow.proofs.checked import checked
    from s6flow.proofs.registry import REGISTRY, get

    chosen = backends or ("numpy",)
    if checks.FASTEST in chosen and len(chosen) > 1:
        raise FormatError("the fastest backend is one for each theorem", ", ".join(chosen), "--backend")
    for backend in chosen:
        require("numpy" if backend == checks.FASTEST else backend)
    used = integrator or fastest_on_cpu()
    load_backend(used)
    wanted = [get(name).id for name in dict.fromkeys(identifiers)] or list(REGISTRY)
    options = checks.CheckOptions(examples, checks.shards(examples, shards), seed, chosen, used)
    keys = [key for key in wanted if checks.judging(REGISTRY[key], options)]
    for key in keys:  # here, since a worker's error would name no witness
        for backend in checks.judging(REGISTRY[key], options):
            refuse_bad_witness(checked(key), backend)
    with open_run(out, "check", options.as_json(), (checks.SHARDS,), checks.code_digest, ".json") as store:
        lost: dict[str, str] = {}
        if any(not checks.whole(store, key, options) for key in keys):
            with pool(workers, scheduler, scheduler_file, minutes=minutes, tables=False) as there:  # noqa: SIM117
                with bar("fleet check") as progress:
                    lost = checks.check_all(keys, store, there, options, progress)
        path, found = checks.write_report(out)
    rows = [row for row in found["theorems"] if row["id"] in keys]
    for row in rows:
        say(checks.line(row), indent=4)
    for name, why in lost.items():
        say_note(f"{name} was not judged: it {why}.")
    some = [key for key in checks.unfinished(found) if key in keys]
    if some or len(rows) < len(keys):
        say_note(f"{len(keys) - len(rows)} theorems are not judged yet, {len(some)} on some of their examples.")
    say_written([path])
    if set(checks.failed(found)) & set(keys):
        return 1
    return 3 if some or len(rows) < len(wanted if identifiers else keys) else 0


@fleet.command()
@click.argument("grid", type=_FILE)
@_over_workers
@click.option("--chunk", type=click.IntRange(1, 10**6), default=4096, show_default=True, help="Systems of a part.")
def flow(
    grid: Path,
    out: Path,
    workers: int | None,
    scheduler: str | None,
    scheduler_file: Path | None,
    minutes: float | None,
    chunk: int,
) -> int:
    """Integrate the flows of GRID, a TOML file with axes of parameters, into Parquet, one row a system.

    \b
    mu = ["mu1", 1.5]      # numbers and names of axes, one a state
    a = [0.2, 4]
    x0 = [1, "x2"]         # one a token
    b = 1
    [axes]
    mu1 = { linspace = [-2, 2, 101] }
    x2 = { logspace = [0.01, 1, 51] }
    [run]                  # optional: log_horizon, rtol, max_steps, backend, predict
    predict = true
    """
    from s6flow.numeric.fleet import flows
    from s6flow.numeric.fleet.pool import pool
    from s6flow.numeric.fleet.store import open_run

    _refuse_pipe(grid, "a grid")
    found = flows.read_grid(grid)
    options = {**found.as_json(), "chunk": chunk}
    with open_run(out, "flow", options, (flows.FLOWS,), flows.digest) as store:
        if len(store.names()) * chunk < found.size:
            with pool(workers, scheduler, scheduler_file, minutes=minutes) as there, bar("fleet flow") as progress:
                flows.flow_all(found, store, there, chunk, progress)
    return _flow_report(out)


@fleet.command()
@click.argument("folder", type=_FOLDER)
def report(folder: Path) -> int:
    """Report on the run in FOLDER, of whatever kind it is, finished or not."""
    from s6flow.numeric.fleet.store import read_run

    kind = read_run(folder).get("kind")
    reports = {"audit": _audit_report, "check": _check_report, "flow": _flow_report}
    if not isinstance(kind, str) or kind not in reports:
        raise FormatError("a fleet's run must be of a known kind", kind, str(folder))
    return reports[kind](folder)


def _audit_report(folder: Path) -> int:
    say_written([_page(folder)])
    return 0


def _check_report(folder: Path) -> int:
    from s6flow.numeric.fleet import checks

    path, found = checks.write_report(folder)
    for row in found["theorems"]:
        say(checks.line(row), indent=4)
    say_written([path])
    return 1 if checks.failed(found) else 0


def _flow_report(folder: Path) -> int:
    from s6flow.numeric.fleet import flows
    from s6flow.numeric.fleet.store import Store, read_run

    axes = read_run(folder)["options"].get("axes")
    if not isinstance(axes, dict) or not all(isinstance(values, list) for values in axes.values()):
        raise FormatError("a run of fleet flow needs its axes", axes, str(folder))
    size = math.prod(len(values) for values in axes.values())
    for line in flows.flow_lines(Store(folder, (flows.FLOWS,)), size):
        say(line)
    return 0


def _page(folder: Path) -> Path:
    """Write and say what an audit found."""
    from s6flow.numeric.fleet.report import fleet_report, write_page

    found = fleet_report(folder)
    for line in found.lines():
        say(line, indent=4)
    return write_page(found, folder / "report.html")
