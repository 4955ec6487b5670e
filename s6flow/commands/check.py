"""s6flow check: theorems tested on random systems, outside pytest."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from s6flow.commands.completion import complete_theorems
from s6flow.commands.outputs import STDOUT, OneOf, OutputFile, flow_backends, say, say_written

if TYPE_CHECKING:
    from s6flow.numeric.checks.check import CheckReport

__all__ = ["check", "legend"]

#: Characters of a system that violates nothing in a summary: three lines of a terminal.
SHOWN = 300


def _engines() -> Iterable[str]:
    from s6flow.numeric.checks.engines import ENGINES

    return ENGINES


@click.command()
@click.argument("identifiers", nargs=-1, shell_complete=complete_theorems)
@click.option("--backend", cls=OneOf, names=_engines, default="numpy", show_default=True, help="One of {names}.")
@click.option(
    "--integrator",
    cls=OneOf,
    names=flow_backends,
    help="For trajectories, one of {names}; numba by default where it is installed.",
)
@click.option(
    "--examples", type=click.IntRange(0, 10**8), default=200, show_default=True, help="Random systems a theorem."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--json", "json_path", type=OutputFile(), is_flag=False, flag_value=STDOUT, help="Write JSON; alone: print it."
)
def check(
    identifiers: tuple[str, ...], backend: str, integrator: str | None, examples: int, seed: int, json_path: Path | None
) -> int:
    """Test theorems on random systems that meet their assumptions.

    HOLDS: nothing violated the claim on these data. CONSISTENT: the same where the claim is a limit, of which only a
    finite horizon can be seen. INCONCLUSIVE: too many systems were undecided, or fewer than 20 judged. VACUOUS: none was
    judged. Exit status: 0 every verdict passes, 1 one does not, 3 a theorem that was named was not run, because this
    backend cannot judge it.
    """
    from s6flow.api.library import check as run
    from s6flow.files import write_atomic
    from s6flow.progress import bar

    printed = json_path == STDOUT
    with bar("check") as progress:
        if sys.stderr.isatty() and _compiles(identifiers, integrator):
            progress(0, max(1, len(identifiers)), "compiling the integrator, once")

        def tell(done: int, total: int, report: CheckReport) -> None:
            progress(done, total, report.id)
            if not printed:
                say(report.line(), indent=4)

        found = run(*identifiers, backend=backend, examples=examples, seed=seed, integrator=integrator, progress=tell)
    failed, left = found.failed, list(found.not_run)
    text = json.dumps(found.to_json(), indent=1) + "\n"
    if printed:
        click.echo(text, nl=False)
    else:
        _summary(list(found), failed, left if identifiers else [], len(left), backend)
    if json_path is not None and not printed:
        say_written([write_atomic(json_path, text)])
    return 1 if failed else 3 if identifiers and left else 0


def _compiles(identifiers: Iterable[str], integrator: str | None) -> bool:
    """Whether the compiled integrator is asked for and not in the cache yet: it takes as long as many checks."""
    from s6flow.numeric.checks.measurements import MEASUREMENTS
    from s6flow.numeric.flow.backends import fastest_on_cpu
    from s6flow.proofs.checked import checked
    from s6flow.proofs.registry import REGISTRY

    wanted = integrator or fastest_on_cpu()
    names = {checked(key).measurement for key in identifiers or REGISTRY}
    if wanted != "numba" or all(MEASUREMENTS[name].integrator(wanted) != wanted for name in names):
        return False
    from s6flow.numeric.flow.backends.numba.backend import load_compiled

    loop = load_compiled().solve_systems
    folder = getattr(getattr(loop, "_cache", None), "cache_path", None)  # another Numba may keep it elsewhere
    return folder is not None and not any(Path(folder).glob(f"{loop.__module__.rpartition('.')[2]}.*.nbi"))


def _summary(
    reports: list[CheckReport], failed: list[CheckReport], named: list[str], not_run: int, backend: str
) -> None:
    """What was not run, how many passed, what the lines mean, and of those that did not pass the worst system."""
    from s6flow.numeric.checks.check import Verdict
    from s6flow.proofs.checked import checked

    why = f"it speaks of trajectories, which {backend} cannot judge; use --backend numpy"
    for identifier in named:
        say(f"{identifier:26} {backend:8} not run: {why}", indent=4)
    note = f", {not_run} not run ({backend} cannot judge trajectories)" if not_run else ""
    bad = f"{len(failed)} {'does' if len(failed) == 1 else 'do'} not"
    good = len(reports) - len(failed)
    say(f"{good} {'passes' if good == 1 else 'pass'}, {bad}{note}")
    say(legend(backend), indent=4)
    for report in failed:
        where = report.as_json()["where"]
        moment = where.pop("moment", 0)
        system = json.dumps(where)
        if report.verdict is Verdict.VIOLATED:  # whole, so that it can be pasted as data of a counterexample
            observes = checked(report.id).measurement != "pointwise"
            at = f", at moment {moment} of what is observed" if observes else ""
            say(f"  {report.id}: {report.verdict.value} by this system{at}:", indent=4)
            say(system, indent=4)
        else:
            worst = f", worst at {_shortened(system)}" if where else ""
            say(f"  {report.id}: {report.verdict.value}{worst}", indent=4)


def legend(backend: str) -> str:
    """What the words and numbers of `CheckReport.line` mean, for whoever reads one first.

    Args:
        backend: a key of `ENGINES`, whose tolerances are named.
    """
    from s6flow.numeric.checks.engines import engine

    target = engine(backend)
    measured = "" if math.isnan(target.measured) else f", {target.measured:g} along trajectories"
    return (
        "margin: how far the closest example is from breaking the claim, as a share of what is compared, with the tolerance for "
        f"rounding added ({target.pointwise:g} on letters alone{measured}, or the theorem's own); below 0 the claim is violated. "
        "real: channels of trained weights that are installed. undecided: what was observed settles nothing. "
        "idle: the claim says nothing of it."
    )


def _shortened(system: str) -> str:
    """The beginning of a system's numbers; a long one says where the rest is."""
    return system if len(system) <= SHOWN else f"{system[:SHOWN].rpartition(',')[0]}, ... (whole with --json)"
