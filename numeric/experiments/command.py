"""The command `experiment`: for the command line of the package and for python -m s6flow.numeric.experiments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from s6flow.errors import FormatError, MissingDependencyError

__all__ = ["experiment"]

_OPTIONS = (
    click.option("--config", help="Shipped name or TOML file; by default by device."),
    click.option("--out", required=True, help="Folder of the grid; the same folder resumes."),
    click.option("--data", help="Folder of prepared data."),
    click.option("--device", type=click.Choice(("cpu", "cuda")), help="Where to train; by default what there is."),
    click.option("--workers", type=int, help="Training processes on each GPU."),
    click.option("--minutes", type=float, help="Stop cleanly after so long."),
    click.option("--seeds", help="Separated by commas, instead of the configuration's."),
    click.option("--conditions", help="Separated by commas, instead of the configuration's."),
    click.option("--weights", help="Copy the shipped checkpoints to this folder."),
    click.option("--archive", help="Write results and logs to this tar.gz."),
)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def experiment() -> None:
    """Train and measure the two refinements.

    Exit status: 0 the grid is finished (or a rank's share of it), 3 time ran out before, 1 an error.
    """


@experiment.command()
@_options
def lm(**options: Any) -> int:
    """Run or resume the language-modelling grid."""
    return _run("lm", options)


@experiment.command()
@_options
def reorder(**options: Any) -> int:
    """Run or resume the classification grid, with tokens in several orders."""
    return _run("reorder", options)


@experiment.command()
@_options
def decay(**options: Any) -> int:
    """Run or resume the grid of weight decays that kill layers, or spare them."""
    return _run("decay", options)


@experiment.command()
@click.option("--config", required=True, help="Shipped name or TOML file.")
@click.option("--data", required=True, help="Folder to write to.")
def prepare(config: str, data: str) -> int:
    """Write classification data for another machine."""
    click.echo(_launch().prepare(config, data).name)
    return 0


@experiment.command()
@click.argument("name")
@click.option("--out", required=True, help="Folder of the plan, with a folder for each grid; the same folder resumes.")
@click.option("--data", help="Folder of prepared data, or of the packages' files.")
@click.option("--device", type=click.Choice(("cpu", "cuda")), help="Where to train; by default what there is.")
@click.option("--workers", type=int, default=1, help="Training processes on each GPU.")
@click.option("--minutes", type=float, help="Stop cleanly after so long; what would not end in time is not begun.")
@click.option("--resume", multiple=True, help="Archive of finished runs to go on from; may be given again.")
@click.option("--archive", help="Write results and logs to this tar.gz.")
@click.option("--weights", help="Write the checkpoints of narrow_12 to this tar.")
@click.option("--prepare", "only", is_flag=True, help="Write the plan's data to --data, and run nothing.")
@click.option("--list", "listed", is_flag=True, help="Show the runs in order with their estimates, and run nothing.")
def plan(name: str, **options: Any) -> int:
    """Run or resume a plan: runs of several grids on all GPUs.

    Exit status: 0 the plan is finished, 3 time ran out before, 1 an error, of a run or of a study.
    """
    _launch()
    from s6flow.numeric.experiments import planned

    return planned.run(name, options, click.echo)


@experiment.command()
@click.argument("folder")
@click.option("--plan", "name", default="h100", help="Shipped name or TOML file of the plan that was run.")
@click.option("--results", help="Folder for the JSON of every grid and of the comparisons over all runs.")
@click.option("--table", help="Markdown file for the table of verdicts.")
@click.option("--command", "words", default="", help="How the plan was run, for the record.")
def report(folder: str, name: str, results: str | None, table: str | None, words: str) -> int:
    """Results, verdicts and correlations from the folder of a plan, or from its archives unpacked there."""
    _launch()
    from s6flow.numeric.experiments import planned

    return planned.write_report(folder, name, results, table, words, click.echo)


def _launch() -> Any:
    """The module that trains.

    Raises: MissingDependencyError: without PyTorch.
    """
    try:
        from s6flow.numeric.experiments import launch
    except ModuleNotFoundError as error:
        remedy = "Run pip install 's6flow[experiments]'."
        raise MissingDependencyError("experiments need PyTorch", f"no {error.name}", "", remedy) from None
    return launch


def _seeds(text: str | None) -> list[int] | None:
    try:
        return [int(seed) for seed in text.split(",")] if text else None
    except ValueError:
        raise FormatError("--seeds must be whole numbers separated by commas", text, "--seeds") from None


def _run(kind: str, options: dict[str, Any]) -> int:
    """Run a grid and print what was measured; the exit status."""
    config = Path(options["config"]).stem if options["config"] else "default"  # results name no path of a machine
    words = ["--config", config, "--workers", str(options["workers"] or "default")]
    kept = {name: options[name] for name in ("data", "device", "workers", "minutes", "weights", "archive")}
    result = _launch().run_experiment(
        kind,
        options["config"],
        options["out"],
        **kept,
        seeds=_seeds(options["seeds"]),
        conditions=options["conditions"].split(",") if options["conditions"] else None,
        command=" ".join(["python -m s6flow.numeric.experiments", kind, *words]),
    )
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    unfinished = result is None or result["missing"]
    if ranks > 1 and unfinished:  # other ranks still run; a code other than 0 would make torchrun end them
        return 0
    if result is None or unfinished:
        left = "nothing finished" if result is None else ", ".join(result["missing"])
        click.echo(f"stopped; the same command resumes: {left}")
        return 3
    for name, condition in result["conditions"].items():
        key = "test.accuracy" if result["experiment"] == "reorder" else "test.bits_per_byte"
        click.echo(f"{name:32s} {key} {condition['metrics'][key]['mean']:.4f} {condition['metrics'][key]['interval']}")
    for claim in result["claims"]:
        click.echo(f"{claim['source']:8s} {claim['id']:44s} {claim['verdict']}")
    return 0
