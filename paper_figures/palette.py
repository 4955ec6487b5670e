"""Colours, line styles and small drawing helpers that all figures share."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

__all__ = [
    "BLACK",
    "BLUE",
    "BOUND",
    "GREEN",
    "GREY",
    "LIMIT",
    "MARK",
    "ORANGE",
    "PURPLE",
    "SKY",
    "STATUSES",
    "TOKENS",
    "VERMILION",
    "attention_row",
    "below",
    "keys",
    "pair",
    "panel",
    "parts",
    "power",
    "shade",
    "sides",
    "stacked",
    "token_style",
]

# Okabe and Ito (2008), as in style.mplstyle
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#8c8c8c"
TOKENS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)

#: What a line says in every figure: dotted is an exact limit or asymptote, dashed a proved bound, thin dashed grey a mark.
LIMIT: dict[str, Any] = {"color": BLACK, "ls": (0, (1, 2)), "lw": 1.0}
BOUND: dict[str, Any] = {"ls": (0, (4, 2)), "lw": 0.8}
MARK: dict[str, Any] = {"color": GREY, "ls": (0, (4, 2)), "lw": 0.7}

#: One colour a status, strongest first.
STATUSES: dict[str, str] = {
    "kernel-checked": BLUE,
    "symbolic": GREEN,
    "certified": SKY,
    "numeric": ORANGE,
    "conjecture": VERMILION,
}


def token_style(index: int) -> dict[str, Any]:
    """Colour of the token at position `index`, counted from 0."""
    return {"color": TOKENS[index % len(TOKENS)]}


def panel(ax: Axes, letter: str, title: str) -> None:
    """Letter and title of a panel."""
    ax.set_title(rf"$\bf{{{letter}}}$  {title}")


def keys(ax: Axes, *rows: tuple[str, dict[str, Any]]) -> None:
    """Entries of the legend that no drawn line has: label and style."""
    for label, style in rows:
        ax.plot([], [], **style, label=label)


def below(part: SubFigure, ax: Axes, columns: int) -> None:
    """The legend of a panel under it, outside of all data."""
    part.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def power(value: float) -> str:
    """A positive number for a label: 0.3, 40, or a power of ten."""
    exponent = np.log10(value)
    if abs(exponent) < 2.5:
        return f"{value:.3g}"
    rounded = round(float(exponent), 1)
    return rf"10^{{{rounded:g}}}"


def attention_row(
    part: SubFigure,
    letter: str,
    title: str,
    matrices: NDArray[np.float64],
    labels: list[str],
    decades: float = 6.0,
    relative: bool = False,
) -> None:
    """|P_lj| at several times side by side on one logarithmic scale; the empty half j > l stays white.

    Args:
        relative: divide every matrix by its largest entry.
    """
    sizes = np.abs(matrices)
    sizes = sizes / sizes.max(axis=(1, 2), keepdims=True) if relative else sizes
    largest = float(sizes.max())
    norm = LogNorm(largest * 10.0**-decades, largest, clip=True)
    axes = part.subplots(1, len(matrices), sharey=True)
    for ax, size, label in zip(axes, sizes, labels, strict=True):
        count = len(size)
        shown = np.ma.masked_where(np.triu(np.ones_like(size, dtype=bool), 1), size)
        image = ax.imshow(shown, norm=norm, extent=(0.5, count + 0.5, count + 0.5, 0.5), interpolation="nearest")
        ax.grid(False)
        ticks = [1, (count + 1) // 2, count] if count > 4 else list(range(1, count + 1))
        ax.set_xticks(ticks)
        ax.set_yticks(ticks)
        ax.set_xlabel("source $j$")
        ax.set_title(label, loc="center", fontsize=6.3)
    part.suptitle(rf"$\bf{{{letter}}}$  {title}", x=0.02, ha="left", fontsize=7.5)
    axes[0].set_ylabel("token $l$")
    bar = part.colorbar(image, ax=axes, shrink=0.9, pad=0.02, aspect=14)
    bar.set_label(r"$|P_{lj}|\,/\,\max$" if relative else "$|P_{lj}|$")
    bar.outline.set_linewidth(0.4)


def stacked(part: SubFigure, *ratios: float) -> list[Axes]:
    """Panels under each other that share their x axis."""
    return list(part.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))


def shade(part: float) -> tuple[float, float, float, float]:
    """A colour between light and dark for the part 0 to 1 of a sequence."""
    red, green, blue, alpha = colormaps["viridis_r"](0.12 + 0.8 * part)
    return float(red), float(green), float(blue), float(alpha)


def parts(canvas: Canvas, *ratios: float) -> list[SubFigure]:
    """Parts of a figure under each other, each with its own layout."""
    return list(cast(Any, canvas.subfigures(len(ratios), 1, height_ratios=ratios)))


def sides(canvas: Canvas, *ratios: float) -> list[SubFigure]:
    """Parts of a figure side by side, each with its own layout."""
    return list(cast(Any, canvas.subfigures(1, len(ratios), width_ratios=ratios)))


def pair(part: SubFigure, *ratios: float) -> tuple[Axes, Axes]:
    """Two panels side by side; `ratios` of their widths."""
    left, right = cast(Any, part.subplots(1, 2, width_ratios=ratios or (1, 1)))
    return left, right
