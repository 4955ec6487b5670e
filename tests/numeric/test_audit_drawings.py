"""What pictures of made audits say: ticks, bars, colours and the ranges of their axes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pinned  # noqa: F401  (it makes the tests beside this one importable)
import pytest

from s6flow.numeric.audit.control import Control
from s6flow.numeric.audit.output import pictures
from s6flow.symbolic.ends import COLOURS
from tests.numeric.test_audit_words import layer, report

BARS = re.compile(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" fill="([^"]+)"')
TEXTS = re.compile(r'<text x="(-?[\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]*)</text>')


def control(sample: Any = (0.0,), fraction: float = 0.5, fractions: Any = (0.25, 0.5)) -> Control:
    return Control(fraction, float(np.mean(fractions)), 0.125, 2.0, 0.1, 3, np.array(fractions), np.array(sample))


def histogram(mu: Any, sample: Any) -> str:
    return pictures.mu_histogram(report(replace(layer(mu=np.array(mu)), control=control(sample))))


def bars(svg: str) -> list[tuple[float, float, str]]:
    """Middle, height and colour of each."""
    found = ((*map(float, row[:4]), row[4]) for row in BARS.findall(svg))
    return [(x + 0.5 * width, height, colour) for x, _, width, height, colour in found]


def ticks(svg: str) -> list[tuple[float, float]]:
    """Place and number of what stands under the middle of a tick."""
    found = [(float(x), text) for x, _, anchor, text in TEXTS.findall(svg) if anchor == "middle"]
    return [(x, float(text)) for x, text in found if re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", text)]


def highest(svg: str) -> float:
    """The number at the top of the vertical axis."""
    return max(float(text) for _, _, anchor, text in TEXTS.findall(svg) if anchor == "end" and text.isdigit())


def test_ticks_are_at_the_finest_round_step_with_five_ranges_at_most() -> None:
    """Of all steps 1, 2 and 5 times a power of ten, by trying each."""
    rng = np.random.default_rng(0)
    low = [0.0, 0.0, 0.0, 0.0, 0.0, -1.0, *rng.uniform(-1, 1, 300)]
    wide = [5.0, 10.0, 25.0, 1.0, 0.5, 2.5, *10 ** rng.uniform(-3, 3, 300)]
    for start, room in zip(low, wide, strict=True):
        steps = [digit * 10.0**power for power in range(-6, 6) for digit in (1, 2, 5)]
        step = min(one for one in steps if room / one <= 5 * (1 + 1e-12))
        found = pictures.round_numbers(start, start + room)
        every = step * np.arange(np.ceil(start / step - 1e-9), np.floor((start + room) / step + 1e-9) + 1)
        inside = every[(every > start + 1e-9 * step) & (every < start + room - 1e-9 * step)]
        assert 2 <= len(found) <= 6
        assert np.diff(found) == pytest.approx(step)
        for tick in inside:  # one on an end itself may fall to rounding
            assert np.abs(np.array(found) - tick).min() < 1e-6 * step
        assert np.abs(np.array(found)[:, None] - every).min(axis=1).max() < 1e-6 * step


def test_every_channel_and_every_shuffled_one_is_in_the_picture() -> None:
    """Also where the shuffled ones reach much further, or less far."""
    for mu, sample in (
        ([1.0, -2.0, 3.0, 3.0], [100.0, -0.1, 0.0, 5.0]),
        ([50.0, -0.1, 1.0, 2.0], [1.0, 1.0, 1.0, 0.5]),
    ):
        svg = histogram(mu, sample)
        outline = re.findall(r"L[\d.]+ ([\d.]+)h", svg)
        assert len(outline) == 60
        top = highest(svg)
        room = 190.0 - 8.0
        assert sum(height for _, height, _ in bars(svg)) / room * top == pytest.approx(4, abs=0.02)
        assert sum(190.0 - float(y) for y in outline) / room * top == pytest.approx(4, abs=0.05)


def test_bars_of_mu_stand_at_their_places_of_the_axis() -> None:
    """The ticks beside them say which: the axis is linear where |mu| is small, and both signs have their colours."""
    svg = histogram([-3.0, 1.0, 2.0, -0.5], [0.0])
    assert highest(svg) == 1
    places, numbers = np.array(ticks(svg)).T
    assert len(numbers) == 5
    for (middle, _, colour), value in zip(bars(svg), sorted([-3.0, 1.0, 2.0, -0.5]), strict=True):
        assert colour == COLOURS[pictures.BELOW if value < 0 else pictures.ABOVE]
        scale = 1.5  # the median of |mu|
        line = np.polyfit(np.arcsinh(numbers / scale), places, 1)
        assert middle == pytest.approx(np.polyval(line, np.arcsinh(value / scale)), abs=3.5)


def test_layers_without_any_mu_have_the_axis_of_their_shuffles() -> None:
    """In the unit of the largest it is nearly even: the fourth tick is no small part of the fifth."""
    numbers = [number for _, number in ticks(histogram([0.0] * 4, [0.0, 1.0, -4e6, 2.0]))]
    assert numbers == sorted(numbers)
    assert numbers[-1] == pytest.approx(3e6, rel=0.2)
    assert numbers[-2] > 0.3 * numbers[-1]
    flat = histogram([0.0] * 4, [0.0] * 4)
    assert highest(flat) == 4
    assert len(bars(flat)) == 1


def test_k0_beyond_the_ends_stands_at_the_ends() -> None:
    values = [-9.0, -1.96, -0.04, 0.04, 0.96, 2.5, 2.96, 40.0, np.inf, np.nan, -np.inf]
    svg = pictures.carried_histogram(report(layer(K0=np.array(values))))
    found = bars(svg)
    left, right = map(float, re.search(r"M(\d+) [\d.]+V[\d.]+H(\d+)", svg).groups())  # ends of the axis
    bins = [(middle - left) / (right - left) * 5 - 2 for middle, _, _ in found]
    assert bins == pytest.approx([-1.96, -0.04, 0.04, 0.96, 2.5, 2.96], abs=0.06)
    assert highest(svg) == 2
    sizes = np.array([height for _, height, _ in found])
    np.testing.assert_allclose(sizes / sizes.max(), [1, 0.5, 0.5, 0.5, 0.5, 1], atol=0.01)
    breaks, keeps = COLOURS[pictures.BREAKS], COLOURS[pictures.KEEPS]
    assert [colour for _, _, colour in found] == [breaks] * 2 + [keeps] * 4


@pytest.mark.parametrize(("K0", "count"), [([np.nan], 0), ([0.5], 1), ([0.5, 0.5, 0.5], 3)])
def test_the_axis_of_counts_begins_with_one(K0: list[float], count: int) -> None:
    svg = pictures.carried_histogram(report(layer(K0=np.array(K0))))
    assert highest(svg) == max(count, 1)
    assert len(bars(svg)) == min(count, 1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.5])
def test_no_tick_of_a_share_lies_beyond_it(fraction: float) -> None:
    one = replace(layer(), control=control(fraction=fraction, fractions=[fraction] * 3))
    svg = pictures.control_chart(report(one))
    numbers = [number for _, number in ticks(svg)]
    assert len(numbers) >= 2
    assert all(0 <= number <= 1 for number in numbers)
    assert all(abs(number - fraction) <= 0.05 + 1e-9 for number in numbers)


@pytest.mark.parametrize("share", [0.0, 0.49, 0.5, 0.51, 1.0])
def test_more_than_half_have_the_colour_of_growth(share: float) -> None:
    """And what is far from a half is the deeper."""
    svg = pictures.sign_structure(report(replace(layer(), signs_by_rate=np.array([share, 1 - share]))))
    cells = re.findall(r'fill="(#?\w+)" fill-opacity="([\d.]+)"', svg)
    below, above = COLOURS[pictures.BELOW], COLOURS[pictures.ABOVE]
    assert [colour for colour, _ in cells] == [above if one > 0.5 else below for one in (share, 1 - share)]
    depths = [float(depth) for _, depth in cells]
    assert depths[0] == depths[1]
    assert (depths[0] > 0.5) == (abs(share - 0.5) > 0.25)


@pytest.mark.parametrize("count", [1, 30, 60, 104, 106, 200, 400])
def test_rows_of_many_layers_stay_wide_enough(count: int) -> None:
    """A picture is no higher than a phone's screen while its rows can be told apart, which four pixels let."""
    height = pictures.row_height(report(*[layer(f"l.{place}") for place in range(count)]))
    assert height >= 4.0
    assert height * count <= 420.0 + 1e-9 or height == 4.0


@pytest.mark.parametrize(("count", "labels"), [(1, 1), (24, 24), (25, 13), (48, 24), (49, 17)])
def test_labels_of_many_layers_are_thinned(count: int, labels: int) -> None:
    """To two dozen at most, and no two stand closer than their letters are high."""
    svg = pictures.sign_structure(report(*[layer(f"l.{place}") for place in range(count)]))
    found = [float(y) for _, y, _, text in TEXTS.findall(svg) if text.startswith("layer")]
    assert len(found) == labels
    assert all(np.diff(found) >= float(re.search(r'font-size="(\d+)"', svg).group(1)))
