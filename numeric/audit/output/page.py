"""The audit as one self-contained HTML page: no network, no scripts, readable on a phone and on paper."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import Float64, Int64
from markupsafe import Markup

from s6flow.files import write_atomic
from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, DROPPED, LAYER_COLUMNS, READING
from s6flow.numeric.audit.output import pictures
from s6flow.numeric.audit.output.health import health_rows, on_axes, reference
from s6flow.numeric.audit.output.records import SCHEMA, statuses, summary
from s6flow.numeric.audit.output.sentences import confusion, sentences
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.health import VERDICTS
from s6flow.symbolic.ends import COLOURS, NO_THEOREM, OBSERVED, SCENARIOS

__all__ = ["to_html", "write_html"]

_NOTABLE = 20
_LISTED = ("mu", "s", "delta0", "K0", "K_negative_token")


@cache
def template() -> jinja2.Template:
    """The page without its report; a name that it is not given is an error."""
    folder = jinja2.FileSystemLoader(Path(__file__).resolve().parent)
    environment = jinja2.Environment(
        loader=folder, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = shown
    return environment.get_template("page.html.j2")


def shown(value: Any) -> str:
    """A value for a reader: numbers to four digits, a dash for what is not there."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def to_html(report: AuditReport) -> str:
    """The page as text; channels are counted and drawn, the most telling ones listed, the rest left to CSV and JSON."""
    counts = confusion(report)
    seen = [word for word in OBSERVED if any(observed == word for _, observed in counts)]
    predicted = [word for word in SCENARIOS if any(p == word for p, _ in counts)]
    used = {word for name in SIGNS for word in report.totals(f"theorem_{name}")} - {NO_THEOREM}
    return template().render(
        report=report,
        schema=SCHEMA,
        summary=summary(report),
        sentences=list(sentences(report, brief=True)),
        pictures=[(Markup(svg), caption) for svg, caption in _pictures(report)] if report.layers else [],
        health=report.health,
        health_rows=health_rows(report.health),
        health_numbers=reference(report.health),
        verdicts=[(row, row.rule_text) for row in VERDICTS],
        rows=[layer.row() for layer in report.layers],
        layer_columns=LAYER_COLUMNS,
        channel_columns=CHANNEL_COLUMNS,
        scenarios=SCENARIOS,
        theorems=[(name, statuses().get(name, "not in the registry")) for name in sorted(used)],
        dropped=DROPPED,
        reading=(*READING, *on_axes()),
        notable=notable_channels(report),
        negative=sum(int((_failing(layer)[1] < 0).sum()) for layer in report.layers),
        listed=_LISTED,
        confusion=[(p, [(counts.get((p, o), 0), agrees(p, o)) for o in seen]) for p in predicted],
        observed=seen,
    )


def _key(word: str) -> Markup:
    """A square in the colour that a picture's bars have from this end."""
    return Markup('<i class="key" style="background:{}"></i>').format(COLOURS[word])


def _pictures(report: AuditReport) -> list[tuple[str, Markup]]:
    """Pictures and captions; colours that a caption speaks of are shown in it."""
    below, above, breaks, keeps, dot = (
        _key(getattr(pictures, name)) for name in ("BELOW", "ABOVE", "BREAKS", "KEEPS", "DOT")
    )
    return [
        (
            pictures.scenario_map(report),
            Markup(
                "Predicted scenario by layer ({} rows) and channel. Where channels are more than cells, a cell shows the "
                "commonest scenario in it; what the words mean stands under “Words and columns”."
            ).format(len(report.layers)),
        ),
        (
            pictures.control_chart(report),
            Markup(
                "Fraction of channels with mu &lt; 0 ({}dot) beside the same fraction with channels shuffled: mean ± 2 "
                "standard deviations (bar) and range (line). Only a dot outside the bar says something about learned "
                "pairing."
            ).format(dot),
        ),
        (
            pictures.mu_histogram(report),
            Markup(
                "mu of all channels (bars: {}mu &lt; 0, {}mu &gt; 0) and with the columns of S_C shuffled once (line), on "
                "an asinh axis."
            ).format(below, above),
        ),
        (
            pictures.sign_structure(report),
            Markup(
                "Share of channels whose mu_n is positive ({}above one half, {}below; faint near one half), states ordered "
                "by decay rate. The order of signs along the rates is what K depends on."
            ).format(above, below),
        ),
        (
            pictures.carried_histogram(report),
            Markup(
                "K(0) ({}negative, {}positive): the share of its predecessor's growth rate that a small token takes over "
                "(theorem coexistence; bilinear part only). Negative where mu &gt; 0: the dichotomy can fail."
            ).format(breaks, keeps),
        ),
    ]


def _failing(layer: LayerAudit) -> tuple[Int64[np.ndarray, " row"], Float64[np.ndarray, " row"]]:
    """Channels on which the dichotomy can fail, and their K(0)."""
    rows = np.flatnonzero(layer.numbers("dichotomy_can_fail") == 1)
    return rows, layer.numbers("K0")[rows]


def notable_channels(report: AuditReport) -> list[dict[str, Any]]:
    """Channels on which the dichotomy can fail and K(0) < 0, the most negative first."""
    found: list[tuple[float, LayerAudit, int]] = []
    for layer in report.layers:
        rows, values = _failing(layer)
        best = [place for place in np.argsort(values, kind="stable")[:_NOTABLE] if values[place] < 0]
        found += [(float(values[i]), layer, int(rows[i])) for i in best]
    found.sort(key=lambda item: (item[0], item[1].name, item[2]))
    return [
        {
            "layer": layer.name,
            "channel": channel,
            "evidence": layer.words("dichotomy_evidence").word(channel),
            **{name: float(layer.numbers(name)[channel]) for name in _LISTED},
        }
        for _, layer, channel in found[:_NOTABLE]
    ]


def write_html(report: AuditReport, path: str | os.PathLike[str]) -> Path:
    """Write the page.

    Raises: FormatError: if the path cannot be written.
    """
    return write_atomic(path, to_html(report))
