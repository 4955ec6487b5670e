"""Pictures of the audit as inline SVG text: small, without scripts, fonts or links, the same text every time.

Text and lines take the page's colour (`currentColor`), so that they are read on a light and on a dark page. The width
is such that letters keep some 10 pixels on a phone of 390.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.audit.report import AuditReport
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.symbolic.ends import COLOURS, SCENARIOS

__all__ = ["ABOVE", "BELOW", "BREAKS", "DOT", "KEEPS"]
__all__ += ["carried_histogram", "control_chart", "mu_histogram", "scenario_map", "sign_structure"]

_WIDTH, _LEFT, _ROW, _FONT = 420, 74, 14, 12  # "layer 100" fits at the left
#: Ends whose colours bars take; captions show the same colours beside their words.
BELOW, ABOVE, BREAKS, KEEPS, DOT = "convergent", "fast", "coexistence", "root", "fast"
#: Cells of a layer in the map, at most.
CELLS = 240
_BINS = 60
_MOST_LABELS = 24


def _svg(height: float, title: str, body: Iterable[str]) -> str:
    inner = "".join(body)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(title)}" '
        f'font-family="sans-serif" font-size="{_FONT}" fill="currentColor"><title>{escape(title)}</title>{inner}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _under(bottom: float, title: str) -> str:
    """Title of the horizontal axis, under its ticks."""
    return _text(_LEFT + 0.5 * (_WIDTH - _LEFT), bottom + 2.5 * _FONT, title, "middle")


def _line(path: str, faint: float = 1.0, width: float = 1.0) -> str:
    """A line in the page's colour."""
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="{faint:g}" stroke-width="{width:.1f}"/>'


def _layer_labels(report: AuditReport, top: float, height: float) -> list[str]:
    """Positions of layers from 0, thinned so that they do not overlap; the table has the names."""
    step = -(-len(report.layers) // _MOST_LABELS)
    return [
        _text(_LEFT - 6, top + (index + 0.7) * height, f"layer {index}", "end")
        for index in range(0, len(report.layers), step)
    ]


def row_height(report: AuditReport) -> float:
    """Height of a layer's row, less for many layers, down to what can be told apart."""
    return max(4.0, min(_ROW, 420 / len(report.layers)))


def scenario_map(report: AuditReport) -> str:
    """Layers (rows) by channels (columns), one panel a sign of tokens; a cell shows its commonest scenario."""
    height, body, top = row_height(report), [], 16.0
    room = _WIDTH - _LEFT - 4
    for name in SIGNS:
        title = "tokens of both signs" if name == "mixed" else f"tokens all {name}"
        body += [_text(_LEFT, top - 4, title), *_layer_labels(report, top, height)]
        strokes: dict[str, list[str]] = {}
        for index, layer in enumerate(report.layers):
            labels = layer.words(f"scenario_{name}")
            edges = np.linspace(0, layer.channels, min(CELLS, layer.channels) + 1).astype(int)
            parts = [labels.codes[first:last] for first, last in pairwise(edges.tolist())]
            cells = np.array([np.bincount(part).argmax() for part in parts])
            width = room / len(cells)
            y = top + (index + 0.5) * height
            starts = np.flatnonzero(np.diff(cells, prepend=-1))
            for first, last in zip(starts, [*starts[1:], len(cells)], strict=True):
                run = f"M{_LEFT + first * width:.1f} {y:.1f}h{(last - first) * width:.1f}"
                strokes.setdefault(labels.names[int(cells[first])], []).append(run)
        body += [
            f'<path d="{"".join(runs)}" stroke="{COLOURS[word]}" stroke-width="{height - 0.6:.1f}"/>'
            for word, runs in sorted(strokes.items())
        ]
        top += len(report.layers) * height + 22
    body.append(_text(_LEFT + 0.5 * room, top - 6, "channel, in the order of the layer", "middle"))
    keys, height = _legend(report, top + 14)
    return _svg(height, "Predicted scenario of every channel", [*body, *keys])


def _legend(report: AuditReport, top: float) -> tuple[list[str], float]:
    """Words with their colours from `top` on, as many lines as they need, and where they end."""
    words = [word for word in SCENARIOS if any(word in report.totals(f"scenario_{name}") for name in SIGNS)]
    parts, x = [], float(_LEFT)
    for word in words:
        wide = 26 + 0.56 * _FONT * len(word)
        if x + wide > _WIDTH and x > _LEFT:
            x, top = float(_LEFT), top + 1.4 * _FONT
        parts.append(f'<rect x="{x:.1f}" y="{top - 9:.1f}" width="10" height="10" fill="{COLOURS[word]}"/>')
        parts.append(_text(x + 14, top, word))
        x += wide
    return parts, top + 6


def control_chart(report: AuditReport) -> str:
    """Fraction of mu < 0 of every layer (dot) on the range of its shuffles (line) and their mean +- 2 sd (bar)."""
    height, top, room = row_height(report), 6.0, _WIDTH - _LEFT - 20
    values = [v for layer in report.layers for v in (layer.control.fraction, *layer.control.fractions)]
    low, high = max(0.0, float(min(values)) - 0.05), min(1.0, float(max(values)) + 0.05)

    def x(value: float) -> float:
        return float(_LEFT + room * (min(max(value, low), high) - low) / (high - low))

    body = _layer_labels(report, top, height)
    bottom = top + len(report.layers) * height
    for tick in round_numbers(low, high):
        body += [
            _line(f"M{x(tick):.1f} {top:.1f}V{bottom:.1f}", 0.2),
            _text(x(tick), bottom + 1.2 * _FONT, f"{tick:.3g}", "middle"),
        ]
    for index, layer in enumerate(report.layers):
        control, y = layer.control, top + (index + 0.5) * height
        lines = (
            (control.fractions.min(), control.fractions.max(), 0.7, 1.0),
            (control.mean - 2 * control.sd, control.mean + 2 * control.sd, 0.3, height * 0.5),
        )
        body += [_line(f"M{x(float(p)):.1f} {y:.1f}H{x(float(q)):.1f}", faint, thick) for p, q, faint, thick in lines]
        body.append(
            f'<circle cx="{x(control.fraction):.1f}" cy="{y:.1f}" r="{min(3.5, height / 2):.1f}" fill="{COLOURS[DOT]}"/>'
        )
    body.append(_under(bottom, "fraction of channels with mu < 0"))
    return _svg(bottom + 2.9 * _FONT, "Fraction of mu < 0 beside shuffled channels", body)


def round_numbers(low: float, high: float) -> list[float]:
    """Ticks from `low` to `high`: multiples of 1, 2 or 5 times a power of ten, two to six of them."""
    least = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(least))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least)
    return [float(step * k) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _bars(
    counts: Float64[np.ndarray, " bin"], top: float, bottom: float, highest: float
) -> list[tuple[float, float, float]]:
    width = (_WIDTH - _LEFT - 4) / len(counts)
    return [
        (_LEFT + index * width, width, bottom - (bottom - top) * float(count) / highest)
        for index, count in enumerate(counts)
    ]


def _axis(ticks: Iterable[tuple[float, str]], bottom: float) -> list[str]:
    room = _WIDTH - _LEFT - 4
    return [_text(_LEFT + room * place, bottom + 1.2 * _FONT, label, "middle") for place, label in ticks]


def _count_axis(top: float, bottom: float, highest: float) -> list[str]:
    """The vertical axis of a histogram: 0, the highest count, and what is counted."""
    middle = 0.5 * (top + bottom)
    return [
        _line(f"M{_LEFT} {top:.1f}V{bottom:.1f}H{_WIDTH - 4}", 0.5),
        _text(_LEFT - 6, top + 10, f"{highest:.0f}", "end"),
        _text(_LEFT - 6, bottom, "0", "end"),
        f'<g transform="translate(14 {middle:.1f}) rotate(-90)">{_text(0, 0, "channels", "middle")}</g>',
    ]


def mu_histogram(report: AuditReport) -> str:
    """mu of all channels (bars) and of one shuffle of each layer (outline), on an asinh axis."""
    mu = np.concatenate([layer.numbers("mu") for layer in report.layers])
    shuffled = np.concatenate([layer.control.sample for layer in report.layers])
    scale = float(np.median(np.abs(mu))) or float(np.abs(shuffled).max()) or 1.0
    reach = float(np.arcsinh(max(np.abs(mu).max(), np.abs(shuffled).max()) / scale)) or 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    real, control = (np.histogram(np.arcsinh(v / scale), edges)[0].astype(float) for v in (mu, shuffled))
    top, bottom = 8.0, 190.0
    highest = max(real.max(), control.max(), 1.0)
    body = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w - 0.5:.1f}" height="{bottom - y:.1f}" '
        f'fill="{COLOURS[BELOW] if index < _BINS // 2 else COLOURS[ABOVE]}"/>'
        for index, (x, w, y) in enumerate(_bars(real, top, bottom, highest))
        if y < bottom
    ]
    outline = "".join(f"L{x:.1f} {y:.1f}h{w:.1f}" for x, w, y in _bars(control, top, bottom, highest))
    body.append(_line(f"M{_LEFT} {bottom:.1f}{outline}"))
    near = scale * np.sinh(reach * np.linspace(-0.8, 0.8, 5))
    round_ones = [float(f"{value:.0e}") for value in near]  # one digit, at its own place
    ticks = [(0.5 + 0.5 * float(np.arcsinh(value / scale)) / reach, f"{value:g}") for value in round_ones]
    body += [*_axis(ticks, bottom), *_count_axis(top, bottom, highest), _under(bottom, "mu")]
    return _svg(bottom + 2.9 * _FONT, "mu of all channels, and shuffled", body)


def carried_histogram(report: AuditReport) -> str:
    """K(0) of all channels, values beyond -2 and 3 at the ends; negative ones can break the dichotomy where mu > 0."""
    values = np.concatenate([layer.numbers("K0") for layer in report.layers])
    values = np.clip(values[np.isfinite(values)], -2.0, 3.0)
    counts = np.histogram(values, np.linspace(-2.0, 3.0, _BINS + 1))[0].astype(float)
    top, bottom, highest = 8.0, 150.0, max(counts.max(initial=0.0), 1.0)
    zero = _BINS * 2 // 5
    body = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w - 0.5:.1f}" height="{bottom - y:.1f}" '
        f'fill="{COLOURS[BREAKS] if index < zero else COLOURS[KEEPS]}"/>'
        for index, (x, w, y) in enumerate(_bars(counts, top, bottom, highest))
        if y < bottom
    ]
    ticks = [(k / 5, label) for k, label in enumerate(("≤ -2", "-1", "0", "1", "2", "≥ 3"))]
    body += [*_axis(ticks[1:-1], bottom), _text(_LEFT, bottom + 1.2 * _FONT, ticks[0][1])]
    body.append(_text(_WIDTH - 4, bottom + 1.2 * _FONT, ticks[-1][1], "end"))
    body += [*_count_axis(top, bottom, highest), _under(bottom, "K(0)")]
    return _svg(bottom + 2.9 * _FONT, "K(0) of all channels", body)


def sign_structure(report: AuditReport) -> str:
    """Share of channels with mu_n > 0, by layer (row) and by the state's place when decay rates ascend (column)."""
    height, top, room = row_height(report), 18.0, _WIDTH - _LEFT - 4
    body = [_text(_LEFT, top - 5, "slowest state"), _text(_WIDTH - 4, top - 5, "fastest state", "end")]
    body += _layer_labels(report, top, height)
    for index, layer in enumerate(report.layers):
        shares = layer.signs_by_rate
        width, y = room / len(shares), top + index * height
        for state, share in enumerate(shares.tolist()):
            hue = COLOURS[ABOVE] if share > 0.5 else COLOURS[BELOW]
            depth = min(1.0, 2.5 * abs(share - 0.5) + 0.04)
            body.append(
                f'<rect x="{_LEFT + state * width:.1f}" y="{y:.1f}" width="{width - 0.5:.1f}" '
                f'height="{height - 0.5:.1f}" fill="{hue}" fill-opacity="{depth:.2f}"/>'
            )
    return _svg(top + len(report.layers) * height + 4, "Signs of mu_n by state", body)
