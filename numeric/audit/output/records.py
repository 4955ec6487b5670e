"""The audit as JSON (schema s6flow-audit/2) and CSV: deterministic, without NaN, described by `columns`."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.files import write_atomic
from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, DROPPED, LAYER_COLUMNS, READING, Column
from s6flow.numeric.audit.output.health import health_json, health_schema, on_axes
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.phase_line import describe
from s6flow.numeric.criteria.reach import DISTANCES
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.proofs import index
from s6flow.symbolic.ends import OBSERVED, SCENARIOS
from s6flow.symbolic.programs.rules import cited
from s6flow.text import formula_free

__all__ = ["SCHEMA", "channel_values", "schema", "statuses", "summary", "to_json", "write_csv", "write_json"]

#: /2: a start that theory does not decide is `not decided` (it was `not predicted`, or `coexistence` without a theorem
#: behind it), `coexistence` says that a later token tends to 0, `finite limit` is new, and a prediction agrees only with
#: the same word.
SCHEMA = "s6flow-audit/2"
_DESCRIBED = ("name", "kind", "dtype", "meaning", "unit", "assumption", "source", "section", "theorem")


def plain_value(value: Any) -> Any:
    """NumPy scalars as Python's, NaN and Inf as null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def channel_values(layer: LayerAudit, column: Column) -> list[Any]:
    """One column of a layer as plain values, null where it is not defined."""
    values = layer.columns[column.name]
    if isinstance(values, Labels):
        words: list[Any] = values.words()
        return [word if word in column.words else None for word in words] if column.nullable else words
    if column.kind == "flag":
        return [None if value < 0 else bool(value) for value in values.tolist()]
    if column.kind == "count":
        return [None if value != value else int(value) for value in values.tolist()]
    return [value if math.isfinite(value) else None for value in values.tolist()]


@cache
def statuses() -> dict[str, str]:
    """Theorem id -> what it rests on (kernel-checked, symbolic, certified, numeric, conjecture)."""
    known = set(index.ids())
    return {name: index.status_of(name) for name in cited() if name in known}


def summary(report: AuditReport) -> dict[str, Any]:
    """The whole audit in a few numbers."""
    can_fail, unknown = report.flagged("dichotomy_can_fail")  # a count of nothing that is known is not 0
    return {
        "layers": len(report.layers),
        "channels": report.channels,
        "withheld": len(report.withheld),
        "affine_layers": sum(layer.affine for layer in report.layers),
        "paper_setting_channels": report.flagged("paper_setting")[0],
        "one_rate_channels": report.flagged("one_rate")[0],
        "one_sign_channels": report.flagged("one_sign")[0],
        "dichotomy_can_fail_channels": None if unknown == report.channels else can_fail,
        "dichotomy_unknown_channels": unknown,
        "negative_within_channels": {str(k): report.flagged(f"K_negative_{k}")[0] for k in DISTANCES},
        "scenarios": {name: report.totals(f"scenario_{name}") for name in SIGNS},
        "theorems": {name: report.totals(f"theorem_{name}") for name in SIGNS},
    }


def _layer(layer: LayerAudit) -> dict[str, Any]:
    entry = {key: plain_value(value) for key, value in layer.row().items()}
    entry["control_fractions"] = [float(value) for value in layer.control.fractions]
    entry["flags"] = [asdict(flag) for flag in layer.flags]
    entry["channel_columns"] = {column.name: channel_values(layer, column) for column in CHANNEL_COLUMNS}
    simulation = layer.simulation
    entry["simulation"] = simulation and {
        "starts": simulation.starts,
        "log_horizon": simulation.log_horizon,
        "reference_error": simulation.reference_error,
        "reference_channels": simulation.reference_channels,
        "engine": simulation.engine,
        "kernel": simulation.kernel,
        "confusion": [
            {"predicted": predicted, "observed": observed, "count": count, "agrees": agrees(predicted, observed)}
            for (predicted, observed), count in simulation.confusion.items()
        ],
        "disagreements": [
            {
                "channel": row.channel,
                "start": list(row.start),
                "predicted": row.predicted,
                "observed": row.observed,
            }
            for row in simulation.disagreements
        ],
    }
    return entry


def to_json(report: AuditReport) -> dict[str, Any]:
    """The audit as plain values that `json.dumps(..., allow_nan=False)` takes; channels are stored by column."""
    return {
        "schema": SCHEMA,
        "source": report.source,
        "format": report.format,
        "family": report.family,
        "seed": report.seed,
        "health": health_json(report.health),
        "summary": summary(report),
        "columns": {
            "channel": [_described(column) for column in CHANNEL_COLUMNS],
            "layer": [_described(column) for column in LAYER_COLUMNS],
        },
        "scenarios": dict(SCENARIOS),
        "theorem_status": statuses(),
        "dropped": [{"part": part, "effect": effect} for part, effect in DROPPED],
        "reading": [*READING, *on_axes()],
        "layers": [_layer(layer) for layer in report.layers],
        "withheld": [asdict(entry) for entry in report.withheld],
        "skipped": list(report.skipped),
    }


def _described(column: Column) -> dict[str, str]:
    return {key: str(getattr(column, key)) for key in _DESCRIBED}


def write_json(report: AuditReport, path: str | os.PathLike[str]) -> Path:
    """Write the audit as one JSON document.

    Raises: FormatError: if the path cannot be written.
    """
    text = json.dumps(to_json(report), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return write_atomic(path, text + "\n")


def write_csv(report: AuditReport, path: str | os.PathLike[str]) -> Path:
    """Write one row a channel, with the layer's name first, the phase line of affine channels and its layer's health last.

    Numbers are written so that they read back exactly; what is not defined is empty.
    Raises: FormatError: if the path cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["layer", *(column.name for column in CHANNEL_COLUMNS), "phase_line", "health"])
    health = {layer.name: ";".join(row.name for row in layer.verdicts) for layer in report.health.layers}
    for layer in report.layers:
        columns = [channel_values(layer, column) for column in CHANNEL_COLUMNS]
        numbers = {key: value for key, value in layer.columns.items() if isinstance(value, np.ndarray)}
        for channel, row in enumerate(zip(*columns, strict=True)):
            line = describe(numbers, channel, layer.floor) if layer.affine else ""
            cells = [str(v).lower() if isinstance(v, bool) else "" if v is None else v for v in row]
            writer.writerow([formula_free(layer.name), *cells, line, health.get(layer.name, "")])
    return write_atomic(path, buffer.getvalue())


_NUMBER: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 0},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "text": {"type": "string"},
}


def _value_schema(column: Column) -> dict[str, Any]:
    base: dict[str, Any] = {"enum": list(column.words)} if column.kind == "word" else dict(_NUMBER[column.kind])
    if column.nullable:
        base = {"anyOf": [base, {"type": "null"}]}
    return base


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of `to_json`, made from the same column tables; `docs/schemas/audit-2.json` is its published text."""
    text, count, number = _NUMBER["text"], _NUMBER["count"], _NUMBER["number"]
    strings = {"type": "array", "items": text}
    outcomes = {
        "predicted": {"enum": [*SCENARIOS]},
        "observed": {"enum": [*OBSERVED]},
    }
    simulation = _closed(
        {
            "starts": count,
            "log_horizon": number,
            "reference_error": number,
            "reference_channels": count,
            "engine": text,
            "kernel": {"anyOf": [_kernel_schema(), {"type": "null"}]},
            "confusion": {
                "type": "array",
                "items": _closed({**outcomes, "count": count, "agrees": {"type": ["boolean", "null"]}}),
            },
            "disagreements": {
                "type": "array",
                "items": _closed({"channel": count, "start": {"type": "array", "items": number}, **outcomes}),
            },
        }
    )
    layer = {
        **{column.name: _described_value(column) for column in LAYER_COLUMNS},
        "control_fractions": {"type": "array", "items": number},
        "flags": {"type": "array", "items": _closed({"kind": text, "text": text})},
        "channel_columns": _closed(
            {
                column.name: {"type": "array", "items": _value_schema(column), "description": column.meaning}
                for column in CHANNEL_COLUMNS
            }
        ),
        "simulation": {"anyOf": [simulation, {"type": "null"}]},
    }
    table = {
        "type": "array",
        "items": _closed(dict.fromkeys(_DESCRIBED, text)),
    }
    tally = {"type": "object", "additionalProperties": count}
    totals = ["layers", "channels", "withheld", "affine_layers", "paper_setting_channels", "one_rate_channels"]
    totals += ["one_sign_channels", "dichotomy_unknown_channels"]
    counted = {"anyOf": [count, {"type": "null"}], "description": "among the channels on which it is known"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Audit of the S6 layers of a checkpoint, {SCHEMA}",
        **_closed(
            {
                "schema": {"const": SCHEMA},
                **dict.fromkeys(("source", "format", "family"), text),
                "seed": count,
                "health": health_schema(),
                "summary": _closed(
                    {
                        **dict.fromkeys(totals, count),
                        "dichotomy_can_fail_channels": counted,
                        "negative_within_channels": _closed({str(k): count for k in DISTANCES}),
                        "scenarios": _closed(dict.fromkeys(SIGNS, tally)),
                        "theorems": _closed(dict.fromkeys(SIGNS, tally)),
                    }
                ),
                "columns": _closed({"channel": table, "layer": table}),
                "scenarios": {"type": "object", "additionalProperties": text},
                "theorem_status": {"type": "object", "additionalProperties": text},
                "dropped": {"type": "array", "items": _closed({"part": text, "effect": text})},
                "reading": strings,
                "layers": {"type": "array", "items": _closed(layer)},
                "withheld": {"type": "array", "items": _closed({"name": text, "kind": text, "reason": text})},
                "skipped": strings,
            }
        ),
    }


def _kernel_schema() -> dict[str, Any]:
    """What `simulation.kernel` adds to a layer's simulation."""
    count, number, text, null = _NUMBER["count"], _NUMBER["number"], _NUMBER["text"], {"type": "null"}
    quantiles = {"anyOf": [{"type": "object", "additionalProperties": number}, null]}
    constants = {"compared": count, "within_1_percent": count, "relative_error": quantiles}
    times = {"compared": count, "error_of_ln_T": quantiles}
    ends = ("starts", "tokens", "converged", "diverged", "settled_elsewhere", "undecided", "undecided_but_grown")
    whole = _closed({"states": text, **dict.fromkeys(ends, count)})
    return _closed(
        {
            "axis_error": number,
            "constants": {"anyOf": [_closed({**constants, "critical_not_compared": count}), null]},
            "blow_up_times": {"anyOf": [_closed(times), null]},
            "whole_layer": {"type": "array", "items": whole},
        }
    )


def _described_value(column: Column) -> dict[str, Any]:
    return {**_value_schema(column), "description": column.meaning}
