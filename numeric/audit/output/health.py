"""Health in every output: sentences, a table for the terminal, plain values with their schema, rows for the page.

One long file: what an output says of a number stands beside what the others say of it.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from s6flow.files import write_atomic
from s6flow.numeric.audit.output.names import short_names
from s6flow.numeric.health import NUMBERS, SEVERITIES, VERDICTS, Diagnosis, LayerHealth, Verdict
from s6flow.numeric.health.conclusions import ON_AXES, conclusion
from s6flow.text import counted

__all__ = [
    "GRADES",
    "health_json",
    "health_rows",
    "health_schema",
    "health_sentences",
    "health_table",
    "on_axes",
    "percent",
    "reference",
    "remedy_for",
    "shown",
    "whole",
    "write_health_csv",
]

#: More layers than this are left to JSON, CSV and the page.
_MOST_ROWS = 12
GRADES = (*SEVERITIES[:2], "healthy")
#: The remedy of a dead layer whose out_proj is zero throughout.
SHUT = (
    "out_proj is zero throughout, where some networks begin: train on, and see that gradients reach it; if it was trained, "
    "look for what set it to zero (a mask, pruning), or leave the layer out: the network does not use it"
)
#: Of the terminal's table.
_LEGEND = (
    "response: the largest entry that the layer can add to the residual stream, a bound; dead ch.: share of channels that can "
    "add less than float32 rounds at 1; half-life, longest: in tokens, median and largest of the states."
)
_STYLES = {"critical": "bold red", "warning": "yellow", "healthy": "green"}


def shown(value: float | None) -> str:
    """A number of health for a reader."""
    return "-" if value is None else "0" if value == 0 else f"{value:.3g}"


def percent(share: float | None) -> str:
    """A share for a reader, with its sign, so that 1 is not read as one."""
    return "-" if share is None else f"{shown(100 * share)} %"


def whole(diagnosis: Diagnosis) -> str:
    """The whole model in one line."""
    return f"Health at a context of {diagnosis.context} tokens. {diagnosis.line()}"


def health_sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """Each verdict once: where, by which numbers, why there, and what to do; then memory, and what was assumed."""
    for verdict in VERDICTS:
        layers = [layer for layer in diagnosis.ranked if layer.has(verdict.name)]
        for remedy in dict.fromkeys(remedy_for(verdict, layer) for layer in layers):
            alike = [layer for layer in layers if remedy_for(verdict, layer) == remedy]
            first = alike[0]
            more = f" and {counted(len(alike) - 1, 'more layer')}" if len(alike) > 1 else ""
            numbers = ", ".join(_beside(first, name) for name in verdict.shown)
            damage = f" ({first.damage[0]})" if verdict.name == "not-finite" and first.damage else ""
            yield (
                f"{verdict.severity.capitalize()}, {verdict.title}: {first.name}{more}{damage}; {numbers}. "
                f"Rule: {verdict.rule_text}; {verdict.reason}. Remedy: {remedy}."
            )
    yield from memory_sentences(diagnosis)
    undecided = {row.name: row for layer in diagnosis.layers for row in layer.undecided}
    if undecided:
        yield f"Not decided on some layers, whose numbers are unknown: {', '.join(row.title for row in undecided.values())}."
    for word, part in (("Beside the weights", "used"), ("Assumed", "assumed")):
        for text in dict.fromkeys(text for layer in diagnosis.layers for text in getattr(layer, part)):
            names = [layer.name for layer in diagnosis.layers if text in getattr(layer, part)]
            yield f"{word}, {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}."


def remedy_for(verdict: Verdict, layer: LayerHealth) -> str:
    """What to do about a verdict on this layer: a dead one whose way out is closed is not one that decayed."""
    return SHUT if verdict.name == "dead" and layer.shut else verdict.remedy


def _beside(layer: LayerHealth, name: str) -> str:
    return f"{name} {shown(layer.numbers.get(name))} (untrained: {shown(layer.untrained.get(name))})"


def memory_sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """Half-lives of the layers that live."""
    alive = [
        layer for layer in diagnosis.layers if not layer.fatal and layer.numbers.get("half_life_median") is not None
    ]
    if not alive:
        return
    parts = []
    for name, word in (
        ("half_life_q05", "5 % of states below"),
        ("half_life_median", "median"),
        ("half_life_max", "longest"),
    ):
        values = [float(layer.numbers[name] or 0.0) for layer in alive]
        fresh = [float(layer.untrained.get(name) or 0.0) for layer in alive]
        parts.append(f"{word} {_range(values)} (untrained: {_range(fresh)})")
    yield f"Memory, half-lives in tokens at the bias' step, by layer: {'; '.join(parts)}."
    for names, said in (
        (("unsaturated",), "Share of states that remember beyond the context"),
        (("rank_B", "rank_C"), "Effective rank over the number of states, S_B and S_C"),
    ):
        told = [_spread(alive, name) for name in names]
        if all(told):
            yield f"{said}, by layer: {' and '.join(told)}."


def _spread(layers: list[LayerHealth], name: str) -> str:
    """A number over layers, beside the untrained one; empty where a layer does not have it."""
    values, fresh = (
        [side.get(name) for side in sides] for sides in zip(*((x.numbers, x.untrained) for x in layers), strict=True)
    )
    if any(value is None for value in (*values, *fresh)):
        return ""
    return f"{_range([v or 0.0 for v in values])} (untrained: {_range([v or 0.0 for v in fresh])})"


def _range(values: list[float]) -> str:
    low, high = shown(min(values)), shown(max(values))
    return low if low == high else f"{low} to {high}"


def health_table(diagnosis: Diagnosis) -> list[RenderableType]:
    """Layers ranked by severity, in 80 columns."""
    if not diagnosis.layers:
        return []
    parts: list[RenderableType] = [Text(whole(diagnosis), style=_STYLES[diagnosis.severity])]
    pattern, short = short_names([layer.name for layer in diagnosis.layers])
    names = dict(zip((id(layer) for layer in diagnosis.layers), short, strict=True))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", overflow="fold", min_width=min(14, max(map(len, short))))
    table.add_column("health", overflow="fold")
    for name in ("response", "dead ch.", "half-life", "longest"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in diagnosis.ranked[:_MOST_ROWS]:
        named = [row.title for row in layer.verdicts if row.severity != "note"] or ["healthy"]
        numbers = ("response", "dead_channels", "half_life_median", "half_life_max")
        words = Text(", ".join(named), style=_STYLES[layer.severity])
        cells = {name: shown(layer.numbers[name]) for name in numbers}
        cells["dead_channels"] = percent(layer.numbers["dead_channels"])
        table.add_row(Text(names[id(layer)]), words, *cells.values())
    one = len(diagnosis.layers) == 1
    parts += [Text(f"layer {pattern}" if one else f"layers {pattern}, worst first"), table]
    parts.append(Text(_LEGEND))
    left = len(diagnosis.layers) - _MOST_ROWS
    if left > 0:
        more = f"{counted(left, 'more layer')}, no worse, {'is' if left == 1 else 'are'}"
        parts.append(Text(f"{more} in --json, --health-csv and --html."))
    return parts


def health_rows(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """Rows of the page's table, worst first."""
    return [
        {
            "name": layer.name,
            "kind": layer.kind,
            "severity": layer.severity,
            "verdicts": ", ".join(row.title for row in layer.verdicts) or "none",
            "numbers": [shown(layer.numbers[row.name]) for row in NUMBERS],
        }
        for layer in diagnosis.ranked
    ]


def on_axes() -> tuple[str, ...]:
    """What may be concluded from each number of the axes, from the networks that were trained and compared."""
    return tuple(f"{shown}: {conclusion(name)}" for name, shown in ON_AXES.items())


def reference(diagnosis: Diagnosis) -> list[tuple[str, str, str, str, str, str]]:
    """Every number once: name, meaning, unit, source, what an untrained layer shows, over the layers' shapes, and what
    may be concluded from it."""
    rows = []
    for row in NUMBERS:
        values = [value for layer in diagnosis.layers if (value := layer.untrained.get(row.name)) is not None]
        rows.append(
            (row.name, row.meaning, row.unit, row.source, _range(values) if values else "-", conclusion(row.name))
        )
    return rows


def _value(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def health_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Plain values; a number that is unknown or infinite is null."""
    return {
        "context": diagnosis.context,
        "severity": diagnosis.severity,
        "line": diagnosis.line(),
        "counts": diagnosis.counts(),
        "numbers": [
            {
                "name": row.name,
                "meaning": row.meaning,
                "unit": row.unit,
                "source": row.source,
                "conclusion": conclusion(row.name),
            }
            for row in NUMBERS
        ],
        "verdicts": [
            {
                "name": row.name,
                "title": row.title,
                "severity": row.severity,
                "rule": row.rule_text,
                "reason": row.reason,
                "remedy": row.remedy,
            }
            for row in VERDICTS
        ],
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "channels": layer.channels,
                "states": layer.states,
                "severity": layer.severity,
                "verdicts": [row.name for row in layer.verdicts],
                "undecided": [row.name for row in layer.undecided],
                "numbers": {row.name: _value(layer.numbers[row.name]) for row in NUMBERS},
                "untrained": {row.name: _value(layer.untrained.get(row.name)) for row in NUMBERS},
                "damage": list(layer.damage),
                "assumed": [*layer.used, *layer.assumed],
            }
            for layer in diagnosis.layers
        ],
    }


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def health_schema() -> dict[str, Any]:
    """JSON Schema of `health_json`."""
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    number = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    names = {"type": "array", "items": {"enum": [row.name for row in VERDICTS]}}
    numbers = _closed({row.name: {**number, "description": row.meaning} for row in NUMBERS})
    layer = {
        "name": text,
        "kind": text,
        "channels": count,
        "states": count,
        "severity": {"enum": list(GRADES)},
        "verdicts": names,
        "undecided": names,
        "numbers": numbers,
        "untrained": numbers,
        "damage": {"type": "array", "items": text},
        "assumed": {"type": "array", "items": text},
    }
    told = ("name", "meaning", "unit", "source", "conclusion")
    described = ("name", "title", "severity", "rule", "reason", "remedy")
    return _closed(
        {
            "context": {"type": "integer", "minimum": 1},
            "severity": {"enum": list(GRADES)},
            "line": text,
            "counts": {"type": "object", "additionalProperties": count},
            "numbers": {"type": "array", "items": _closed(dict.fromkeys(told, text))},
            "verdicts": {"type": "array", "items": _closed(dict.fromkeys(described, text))},
            "layers": {"type": "array", "items": _closed(layer)},
        }
    )


def write_health_csv(diagnosis: Diagnosis, path: str | os.PathLike[str]) -> Path:
    """Write one row a layer, in depth order.

    Raises: FormatError: if the path cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["layer", "kind", "severity", "verdicts", *(row.name for row in NUMBERS)])
    for layer in diagnosis.layers:
        numbers = (_value(layer.numbers[row.name]) for row in NUMBERS)
        verdicts = ";".join(row.name for row in layer.verdicts)
        writer.writerow([layer.name, layer.kind, layer.severity, verdicts, *("" if v is None else v for v in numbers)])
    return write_atomic(path, buffer.getvalue())
