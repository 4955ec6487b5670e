"""The audit in the terminal: one line a layer, then the lines that a stranger needs."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.text import Text

from s6flow.numeric.audit.output.fitting import FittingTable
from s6flow.numeric.audit.output.health import health_table
from s6flow.numeric.audit.output.names import short_names
from s6flow.numeric.audit.output.sentences import confusion, how_to_read, sentences
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.symbolic.ends import OBSERVED, SCENARIOS

__all__ = ["render_reading", "render_table", "sentences"]

#: More layers than this are thinned in the terminal; JSON, CSV and HTML have them all.
_MOST_ROWS = 32


def render_table(report: AuditReport, explain: bool = True) -> list[RenderableType]:
    """What to print, in order.

    Args:
        report: the audit.
        explain: whether to say how to read it, the same for every report.
    Returns: rich renderables, to be printed with `crop=False`: health, a table of layers, the simulated fates, and sentences.
    """
    parts: list[RenderableType] = [_whole(report.source), *health_table(report.health)]
    if report.layers:
        parts += layer_tables(report)
    if report.simulated:
        parts.append(fates_table(report))
    parts += [Text(line) for line in sentences(report, brief=True)]
    return parts + (render_reading() if explain and report.layers else [])


def render_reading() -> list[RenderableType]:
    """How to read an audit, for the terminal."""
    return [Text(line) for line in how_to_read()]


def layer_tables(report: AuditReport) -> list[RenderableType]:
    """Two narrow tables, so that 80 columns are enough: numbers, and scenarios."""
    pattern, names = short_names([layer.name for layer in report.layers])
    layers = "layers" if len(names) > 1 else "layer"
    title = (Text(f"{report.family}, {report.format}; {layers} {pattern}"),)
    numbers = FittingTable("layer", ("channels", "mu<0", "shuffled", "control_z", "K(0)<0", "can fail"))
    words = [word for word in SCENARIOS if any(word in report.totals(f"scenario_{name}") for name in SIGNS[:2])]
    scenarios = FittingTable("layer", words)
    step = -(-len(report.layers) // _MOST_ROWS)
    for name, layer in list(zip(names, report.layers, strict=True))[::step]:
        numbers.add_row(name, layer_cells(layer))
        sides = [layer.words(f"scenario_{sign}").counts() for sign in SIGNS[:2]]
        scenarios.add_row(name, ["/".join(str(side.get(word, 0)) for side in sides) for word in words])
    thinned = f" One layer in {step} is shown; --json, --csv and --html have them all." if step > 1 else ""
    note = (
        "mu<0: share of channels; shuffled: its mean and sd over shuffled channels; control_z: distance in sd; "
        "K(0)<0 and can fail (the dichotomy): numbers of channels."
    )
    if any(layer.affine for layer in report.layers):
        note += (
            " With biases in B and C K speaks of the bilinear part alone, and whether the dichotomy fails is unknown."
        )
    meanings = Text(" ".join(f"{word}: {SCENARIOS[word]}." for word in words))
    heading = Text("\nScenarios of tokens all positive / all negative")
    return [*title, numbers, Text(note + thinned), heading, scenarios, meanings]


def _whole(text: str) -> Group:
    """A line that is not broken, so that paths stay whole: a group, because a console joins bare texts and wraps them."""
    return Group(Text(text, no_wrap=True, overflow="ignore"))


def layer_cells(layer: LayerAudit) -> list[str]:
    """A layer's line in the table of numbers, without its name; what is unknown is counted with a question mark."""
    control = layer.control
    fails = layer.numbers("dichotomy_can_fail")
    fail, unknown = int((fails == 1).sum()), int((fails < 0).sum())
    return [
        str(layer.channels),
        f"{control.fraction:.3f}",
        f"{control.mean:.3f}±{control.sd:.3f}",
        f"{control.z:+.1f}" if control.sd and math.isfinite(control.z) else "-",
        str(int((layer.numbers("K0") < 0).sum())),
        "unknown" if unknown == layer.channels else f"{fail}" + (f"+{unknown}?" if unknown else ""),
    ]


def fates_table(report: AuditReport) -> Group:
    """How many starts of each prediction came to each end; what contradicts its prediction is red."""
    counts = confusion(report)
    seen = [word for word in OBSERVED if any(o == word for _, o in counts)]
    table = FittingTable("predicted", seen)
    for predicted in (word for word in SCENARIOS if any(p == word for p, _ in counts)):
        cells = []
        for word in seen:
            count = counts.get((predicted, word), 0)
            style = "bold red" if count and agrees(predicted, word) is False else ""
            cells.append(Text(str(count) if count else "", style=style))
        table.add_row(predicted, cells)
    return Group(Text("predicted (rows) against simulated fate (columns)"), table)
