"""The audit's page as a reader meets it: on a phone, in the dark, with axes, and with colours that captions name."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from s6flow.numeric.audit import AuditReport, audit, to_html
from s6flow.numeric.audit.output import page, pictures
from s6flow.numeric.audit.report import LayerAudit
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.symbolic.ends import COLOURS

#: Width of a phone's page without its margins, and the smallest letters there [pixel].
PHONE, LEGIBLE = 358, 9.5


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return audit(str(shipped_checkpoint("unconstrained")), shuffles=2)


@pytest.fixture(scope="module")
def html(report: AuditReport) -> str:
    return to_html(report)


def drawn(html: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", html, flags=re.S)


def test_letters_are_legible_on_a_phone(html: str) -> None:
    for svg in drawn(html):
        width = float(re.search(r'viewBox="0 0 (\d+)', svg).group(1))
        size = float(re.search(r'font-size="(\d+)"', svg).group(1))
        assert size * PHONE / width >= LEGIBLE


def test_nothing_is_written_outside_of_a_picture(html: str) -> None:
    """Letters take at most 0.62 of their size; what would not fit is seen."""
    for svg in drawn(html):
        size = float(re.search(r'font-size="(\d+)"', svg).group(1))
        width, height = (float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
        shown = re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)" text-anchor="(\w+)">([^<]*)<', svg)
        assert len(shown) > 2
        for x, y, anchor, text in shown:
            wide = 0.62 * size * len(text.replace("&lt;", "<"))
            left = float(x) - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * wide
            if (x, y) != ("0.0", "0.0"):  # of a turned title, by its group
                assert left >= -1, text
                assert left + wide <= width + 1, text
            assert float(y) <= height, text


def test_pictures_take_the_colour_of_the_page(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    hues = {hue.lower() for svg in drawn(html) for hue in re.findall(r'(?:fill|stroke)="(#\w+)"', svg)}
    assert hues <= set(COLOURS.values())  # text, lines and axes have the page's own colour


def test_every_picture_has_axes_that_say_what_is_shown(html: str) -> None:
    for svg, title in zip(drawn(html), ("channel", "mu &lt; 0", "mu", "slowest state", "K(0)"), strict=True):
        assert f">{title}" in svg or f"with {title}<" in svg
        assert ">layer 0<" in svg or ">channels<" in svg


def test_captions_show_the_colours_of_the_bars(html: str) -> None:
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, flags=re.S)
    for svg, caption in zip(drawn(html), captions, strict=True):
        named = set(re.findall(r'class="key" style="background:(#\w+)"', caption))
        assert named <= set(re.findall(r'fill="(#\w+)"', svg))
    assert COLOURS[pictures.BELOW] in captions[2]
    assert not re.search(r"\b(red|blue|green)\b", " ".join(captions))


def test_most_negative_means_negative(report: AuditReport, html: str) -> None:
    rows = page.notable_channels(report)
    assert 0 < len(rows) <= 20
    assert all(row["K0"] < 0 for row in rows)
    assert [row["K0"] for row in rows] == sorted(row["K0"] for row in rows)
    failing = np.concatenate([one.numbers("K0")[one.numbers("dichotomy_can_fail") == 1] for one in report.layers])
    assert (failing > 0).any()  # K is negative elsewhere on these, which are counted and not listed
    assert f"{len(failing)} channels, {int((failing < 0).sum())} of them with K(0) &lt; 0" in html


def test_where_no_k0_is_negative_none_is_listed(report: AuditReport) -> None:
    def positive(layer: LayerAudit) -> LayerAudit:
        return replace(layer, columns={**layer.columns, "K0": np.abs(layer.numbers("K0")) + 0.1})

    text = to_html(replace(report, layers=tuple(positive(layer) for layer in report.layers)))
    assert "0 of them with K(0) &lt; 0" in text
    assert "most negative" not in text


def test_the_schema_is_named_once(html: str) -> None:
    assert html.count("; schema ") == 1
