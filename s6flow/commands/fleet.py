"""s6flow fleet: many checkpoints, many examples, grids of flows, over processes or a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
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
@click.option("--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens that memory is compared with.")
@click.option("--shuffles", type=click.IntRange(2), default=200, show_default=True, help="Of the permutation control.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the shuffles.")
@click.option("--retry", is_flag=True, help="Try again what could not be audited.")
def audit(
    sources: tuple[str, ...],
    out: Path,
    workers: int | None,
    scheduler: str | None,
    scheduler_file: Path | None,
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
    from s6flow.numeric.fleet.pool import pool
    from s6flow.numeric.fleet.sources import expand
    from s6flow.numeric.fleet.store import open_run

    options = audits.AuditOptions(context, shuffles, seed, channels)
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
            with pool(workers, scheduler, scheduler_file) as workers_there, bar("fleet audit") as progress:
                ready = 0

                def tell(count: int, name: str) -> None:
                    nonlocal ready
                    ready += count
                    progress(ready, len(left), name)

                audits.audit_all(left, store, workers_there, options, tell)
        page = _page(out)
        status = audits.done(store)
    refused = sum(status.get(source.identity) != "audited" for source in found)
    say_note(f"{len(left)} in {time.perf_counter() - start:.1f} s.")
    say_written([page])
    return 3 if refused else 0


@fleet.command()
@click.argument("folder", type=_FOLDER)
def report(folder: Path) -> int:
    """Write the report of the run in FOLDER anew, of whatever kind it is, finished or not."""
    from s6flow.numeric.fleet.store import read_run

    kind = read_run(folder)["kind"]
    writers = {"audit": _page}
    if kind not in writers:
        raise FormatError("a fleet's run must be of a known kind", kind, str(folder))
    say_written([writers[kind](folder)])
    return 0


def _page(folder: Path) -> Path:
    """Write and say what an audit found."""
    from s6flow.numeric.fleet.report import fleet_report, write_page

    found = fleet_report(folder)
    for line in found.lines():
        say(line, indent=4)
    return write_page(found, folder / "report.html")
