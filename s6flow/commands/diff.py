"""s6flow diff: what moved between two checkpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from s6flow.commands.outputs import STDOUT, OutputFile, console, say_written
from s6flow.files import write_atomic

if TYPE_CHECKING:
    from s6flow.numeric.health.diagnosis import Diagnosis

__all__ = ["diff"]

#: What the columns say, printed below them.
_LEGEND = (
    "mu flips: channels whose mu changed its sign; shuffled: mean±sd of that count when the second's channels are shuffled. "
    "z: how many sd the flips lie from there: far below 0 the second remembers the first, as two moments of one training do, near 0 "
    "it does not, as two seeds; -: every shuffle gives one count, as where all mu of one side have one sign; same: nothing moved. "
    "|ln a'/a|: decay rates, and ln memory: ratio of half-lives, natural logarithms, medians over channels and states. "
    "S_B, S_C: |S' - S| / |S|. A layer that is dead or damaged on either side has no numbers of its own here; medians over all layers count it, and the JSON keeps what was computed."
)
_LISTED = "Listed is what moved by {share:g} % or more: medians over layers of two seeds of one training differ by less in 95 of 100 pairs."


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens of memory.")
@click.option(
    "--shuffles", type=click.IntRange(2), default=200, show_default=True, help="Of the control of mu's signs."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the shuffles.")
@click.option(
    "--json", "path", type=OutputFile(), is_flag=False, flag_value=STDOUT, help="Write JSON; alone: print it."
)
def diff(first: str, second: str, context: int, shuffles: int, seed: int, path: Path | None) -> int:
    """Compare the checkpoints FIRST and SECOND, or two moments of one: health, signs of mu, memory, weights."""
    from s6flow.api.audits import diff as compared
    from s6flow.numeric.audit.output.fitting import FittingTable
    from s6flow.numeric.audit.output.names import short_names
    from s6flow.numeric.health.moved import LISTED

    found = compared(first, second, context=context, shuffles=shuffles, seed=seed)
    text = json.dumps(found.to_json(), allow_nan=False, ensure_ascii=False)
    if path == STDOUT:
        click.echo(text)
        return 0
    from rich.text import Text

    screen = console(soft_wrap=False)
    sides = {"first": found.first, "second": found.second}
    for word, side in sides.items():
        screen.print(Text(f"{word:6}: {side.line()}"))
    fatal = {
        name: " and ".join(f"the {word}" for word, side in sides.items() if name in _fatal(side))
        for name in _fatal(found.first) | _fatal(found.second)
    }
    pattern, names = short_names([layer.name for layer in found.layers])
    screen.print(Text(f"layers {pattern}"))
    table = FittingTable("layer", ("mu flips", "shuffled", "z", "|ln a'/a|", "ln memory", "S_B", "S_C"))
    for name, layer in zip(names, found.layers, strict=True):
        w = layer.weights
        if w is None or layer.name in fatal:
            table.add_row(name, ["-"] * 7)
            continue
        far = "same" if layer.still else "-" if w.z is None or not math.isfinite(w.z) else f"{w.z:+.1f}"
        control = f"{w.expected:.0f}±{w.spread:.0f}", far
        table.add_row(name, [str(w.flips), *control, *(f"{v:.3g}" for v in (w.decay, w.half_life, w.S_B, w.S_C))])
    screen.print(table)
    screen.print(Text(_LEGEND))
    if found.same:
        screen.print(Text("Nothing moved: decay rates, S_B, S_C and all numbers of health are the same."))
    else:
        screen.print(Text(_LISTED.format(share=100 * LISTED.value)))
    if found.medians:
        pairs = [f"{key} {_shown(a)} -> {_shown(b)}" for key, (a, b) in found.medians.items()]
        screen.print(Text(f"Over all layers, medians: {', '.join(pairs)}"))
    for name, layer in zip(names, found.layers, strict=True):
        parts = [f"+ {verdict}" for verdict in layer.gained] + [f"- {verdict}" for verdict in layer.lost]
        pairs = [f"{key} {_shown(a)} -> {_shown(b)}" for key, (a, b) in layer.numbers.items()]
        if layer.name in fatal:
            pairs = [f"its numbers say nothing: it is dead or damaged in {fatal[layer.name]}"]
        if parts or pairs:
            screen.print(Text(f"{name}: {', '.join(parts + pairs)}"))
    for word, only in (("first", found.only_first), ("second", found.only_second)):
        if only:
            screen.print(Text(f"Only in the {word}: {', '.join(only[:4])}{', ...' if len(only) > 4 else ''}"))
    if path is not None:
        say_written([write_atomic(path, text + "\n")])
    return 0


def _fatal(side: Diagnosis) -> set[str]:
    return {layer.name for layer in side.layers if layer.fatal}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
