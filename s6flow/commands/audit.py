"""s6flow audit: what the theory says about a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from s6flow.commands.outputs import STDOUT, OutputFile, console, say_json, say_written
from s6flow.errors import FormatError, SourceError
from s6flow.files import is_stream, refuse_clashes, write_atomic
from s6flow.progress import bar
from s6flow.text import shown

if TYPE_CHECKING:
    from s6flow.numeric.audit import AuditReport

__all__ = ["audit"]

_FILE = OutputFile()


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--simulate", is_flag=True, help="Integrate every channel's flow from random starts and compare fates.")
@click.option("--certify", is_flag=True, help="Certify where the dichotomy can fail, in ball arithmetic.")
@click.option("--layers", multiple=True, help="Names, patterns or positions of layers; may be repeated.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of shuffles and random starts.")
@click.option("--shuffles", type=click.IntRange(2), default=200, show_default=True, help="Of the permutation control.")
@click.option(
    "--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens that memory is compared with."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda: mamba-ssm's kernel drives the flows.")
@click.option(
    "--states",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="npz: layer -> real token states, for --device cuda.",
)
@click.option("--json", "json_path", type=_FILE, is_flag=False, flag_value=STDOUT, help="Write JSON; alone: print it.")
@click.option("--csv", "csv_path", type=_FILE, help="Write one row a channel.")
@click.option("--health-csv", type=_FILE, help="Write one row a layer: its health.")
@click.option("--html", "html_path", type=_FILE, help="Write a self-contained page with pictures.")
def audit(
    sources: tuple[str, ...],
    simulate: bool,
    certify: bool,
    layers: tuple[str, ...],
    seed: int,
    shuffles: int,
    context: int,
    device: str,
    states: Path | None,
    json_path: Path | None,
    csv_path: Path | None,
    health_csv: Path | None,
    html_path: Path | None,
) -> int:
    """Diagnose SOURCE: a checkpoint file or folder, a hub id, or an installed package that ships weights (typeseg).

    Health comes first (dead, untrained, memory, overflow, precision), for Mamba, Mamba-2 and their relatives; then the
    scenarios of the layers that live and that the theory fits.

    Of several SOURCEs, such as run/checkpoint-*, the trend of their health is shown.

    Without SOURCE: the checkpoints that ship with this package, trained here without and with a constraint on mu; files
    are then written one a checkpoint, with its name, and JSON is printed one document a line. Exit status: 0 every
    layer that the theory fits was judged, 3 some are damaged and were withheld.
    """
    from s6flow.api.audits import audit as judged
    from s6flow.numeric import audit as au
    from s6flow.numeric.weights.locate import input_files

    if len(sources) > 1:
        return trend(
            sources, context, json_path, any((simulate, certify, layers, states, csv_path, health_csv, html_path))
        )
    source = sources[0] if sources else None
    places = {"": source} if source is not None else shipped_sources()
    printed = json_path == STDOUT
    named = {
        "--json": None if printed else json_path,
        "--csv": csv_path,
        "--health-csv": health_csv,
        "--html": html_path,
    }
    outputs = {option: _outputs(path, places) for option, path in named.items() if path is not None}
    inputs = {"SOURCE": [path for place in places.values() for path in input_files(place)]}
    refuse_clashes(outputs, inputs | ({"--states": [states]} if states else {}))
    real = token_states(states) if states else None
    with bar("audit") as progress:
        found = {
            name: judged(
                place,
                simulate=simulate,
                certify=certify,
                layers=list(layers) or None,
                seed=seed,
                shuffles=shuffles,
                context=context,
                device=device,
                states=real,
                progress=progress,
            )
            for name, place in places.items()
        }
    writers = {
        "--json": au.write_json,
        "--csv": au.write_csv,
        "--health-csv": lambda report, path: au.write_health_csv(report.health, path),
        "--html": au.write_html,
    }
    written = [
        writers[option](report, paths[min(place, len(paths) - 1)])
        for option, paths in outputs.items()
        for place, report in enumerate(found.values())
    ]
    if printed:
        for report in found.values():
            say_json(report.to_json())
        say_written(written, printed)
        return say_damaged(found.values())
    screen = console(soft_wrap=False)
    for name, report in found.items():
        if name:
            screen.rule(f"shipped checkpoint: {name}")
        for part in au.render_table(report, explain=not name):
            screen.print(part, crop=False)
    if source is None:
        screen.rule("how to read them")
        for part in au.render_reading():
            screen.print(part, crop=False)
    say_written(written)
    return say_damaged(found.values())


def trend(sources: tuple[str, ...], context: int, path: Path | None, more: bool) -> int:
    """Health of several checkpoints, one row each.

    Raises: FormatError: options that are for one checkpoint.
    """
    import numpy as np

    from s6flow.numeric.health.moved import TREND, trend_json

    if more:
        raise FormatError(
            "several sources take --context and --json only", len(sources), "audit", "Audit them one by one."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # bounds beyond float64 are infinite, which is a verdict
        found = trend_json(sources, context)
    text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    if path == STDOUT:
        say_json(found)
        return 0
    for row in found["checkpoints"]:
        click.echo(f"{shown(row['source'])}: {row['line']}")
    click.echo("\nmedians over layers, one column a checkpoint")
    for name in TREND:
        values = (row["medians"][name] for row in found["checkpoints"])
        click.echo(f"{name:18}" + "".join(f"{'-' if value is None else format(value, '.3g'):>12}" for value in values))
    if path is not None:
        say_written([write_atomic(path, text + "\n")])
    return 0


def _outputs(path: Path, sources: Iterable[str]) -> list[Path]:
    """A file a checkpoint, with its name; what is written through to takes them all, one after the other."""
    if is_stream(path):
        return [path]
    return [path.with_stem(f"{path.stem}-{name}") if name else path for name in sources]


def say_damaged(reports: Iterable[AuditReport]) -> int:
    """One line on stderr about layers that were withheld because their tensors are damaged; the exit status."""
    damaged = [(report.source, entry) for report in reports for entry in report.withheld if entry.damaged]
    if not damaged:
        return 0
    source, first = damaged[0]
    more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
    click.echo(f"Withheld, not judged: {first.name}{more} at {shown(source)}: {first.reason}", err=True)
    return 3


def shipped_sources() -> dict[str, str]:
    """Name -> path of the checkpoints that ship with the package, the unconstrained one first; needs no PyTorch.

    Raises: SourceError: if this installation has none.
    """
    from s6flow.numeric.experiments import shipped_checkpoint, shipped_names

    names = sorted(shipped_names(), key=lambda name: (name != "unconstrained", name))
    if not names:
        raise SourceError("audit needs a SOURCE here", "no shipped checkpoint", "", "Try s6flow audit typeseg.")
    return {name: str(shipped_checkpoint(name)) for name in names}


def token_states(path: Path) -> dict[str, Any]:
    """Arrays (token, channel) by layer name.

    Raises: FormatError: if the file holds anything else.
    """
    import numpy as np

    from s6flow.numeric.weights.archives import NpzStore

    found: dict[str, Any] = {}
    try:
        store = NpzStore(path)
        for name in store.infos:
            array = store.array(name)
            if array.dtype.kind not in "fiub":
                raise FormatError("token states must be real numbers", array.dtype, name)
            found[name] = np.asarray(array, dtype=float)
    except (FormatError, OSError, TypeError, ValueError) as error:
        raise FormatError("--states needs an npz file of numbers", error, str(path)) from None
    for name, value in found.items():
        if value.ndim != 2 or not value.size:
            raise FormatError("token states need axes (token, channel)", f"shape {value.shape}", name)
        if not np.isfinite(value).all():
            raise FormatError("token states must be finite numbers", "NaN or infinity", name)
    return found
