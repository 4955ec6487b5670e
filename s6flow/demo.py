"""What `make demo` runs: an audit of real weights, the figures, the derivation; then where to look."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from s6flow.cli import cli
from s6flow.errors import S6FlowError

__all__ = ["main"]

#: (what it shows, command, paths that it writes)
STEPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("The theorems and what each rests on", ("theorems",), ()),
    (
        "An audit of real weights: the six Mamba layers that the package typeseg ships",
        ("audit", "typeseg", "--simulate", "--json", "out/audit.json", "--html", "out/audit.html"),
        ("out/audit.html", "out/audit.json"),
    ),
    ("The figures", ("figures", "--out", "out/figures"), ("out/figures/index.html",)),
    (
        "The derivation: from the S6 recurrence to the criteria, every residual reduced to zero",
        ("derive", "--out", "out/derivation"),
        ("out/derivation/derivation.html", "out/derivation/derivation.md", "out/derivation/derivation.tex"),
    ),
)


def main() -> None:
    """Run every step; a step that fails does not stop the others, but the exit code says so."""
    failed: list[str] = []
    Path("out").mkdir(exist_ok=True)
    for title, command, _ in STEPS:
        click.secho(f"\n== {title}", bold=True)
        click.echo(f"$ s6flow {' '.join(command)}")
        start = time.perf_counter()
        try:
            status = cli.main(list(command), prog_name="s6flow", standalone_mode=False)
        except S6FlowError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            status = 1
        if isinstance(status, int) and status:
            failed.append(command[0])
        click.echo(f"({time.perf_counter() - start:.1f} s)")
    click.secho("\n== Written", bold=True)
    for title, _, paths in STEPS:
        for path in paths:
            if Path(path).exists():
                click.echo(f"{path:34} {title.split(':')[0]}")
    if failed:
        click.echo(f"not complete: {', '.join(failed)}; see the lines above", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
