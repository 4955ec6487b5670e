"""s6flow audit: what the theory says about a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import click

from s6flow.commands.progress import bar

__all__ = ["audit"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("source", required=False)
@click.option("--simulate", is_flag=True, help="Integrate every channel's flow from random starts and compare fates.")
@click.option("--certify", is_flag=True, help="Certify where the dichotomy can fail, in ball arithmetic.")
@click.option("--layers", multiple=True, help="Names, patterns or positions of layers; may be repeated.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of shuffles and random starts.")
@click.option("--shuffles", type=click.IntRange(2), default=200, show_default=True, help="Of the permutation control.")
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda: mamba-ssm's kernel drives the flows.")
@click.option(
    "--json", "json_path", type=_FILE, is_flag=False, flag_value=Path("-"), help="Write JSON; alone: print it."
)
@click.option("--csv", "csv_path", type=_FILE, help="Write one row a channel.")
@click.option("--html", "html_path", type=_FILE, help="Write a self-contained page with pictures.")
def audit(
    source: str | None,
    simulate: bool,
    certify: bool,
    layers: tuple[str, ...],
    seed: int,
    shuffles: int,
    device: str,
    json_path: Path | None,
    csv_path: Path | None,
    html_path: Path | None,
) -> None:
    """Diagnose SOURCE: a checkpoint file or folder, a hub id, or an installed package that ships weights (typeseg)."""
    from s6flow.numeric import audit as au
    from s6flow.numeric.audit import report as reports

    with bar("audit") as progress:
        report = reports.audit(
            source or default_source(),
            simulate=simulate,
            certify=certify,
            layers=list(layers) or None,
            seed=seed,
            shuffles=shuffles,
            device=device,
            progress=progress,
        )
    written = []
    printed = json_path == Path("-")
    if json_path is not None and not printed:
        written.append(au.write_json(report, json_path))
    if csv_path is not None:
        written.append(au.write_csv(report, csv_path))
    if html_path is not None:
        written.append(au.write_html(report, html_path))
    if printed:
        click.echo(json.dumps(au.to_json(report), allow_nan=False, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console(soft_wrap=False)
    for part in au.render_table(report):
        console.print(part)
    for path in written:
        click.echo(f"wrote {path}")


def default_source() -> str:
    """The checkpoint that ships with the package.

    Raises: SourceError: if this installation has none.
    """
    from s6flow.symbolic.errors import SourceError

    folder = Path(__file__).resolve().parent.parent / "numeric" / "experiments" / "checkpoints"
    found = sorted(folder.glob("*unconstrained*.safetensors"))
    if not found:
        raise SourceError(
            "audit needs a SOURCE here", "no shipped checkpoint", str(folder.name), "Try s6flow audit typeseg."
        )
    return str(found[0])
