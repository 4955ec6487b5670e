"""Pointwise claims certified for every value of their letters in a box, by adaptive subdivision in ball arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from s6flow.errors import TheoremError
from s6flow.numeric.criteria.certify import BITS, require_flint
from s6flow.proofs.registry import get
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.margin import IDLE, margin_program
from s6flow.symbolic.theorem import Theorem

__all__ = ["BoxCertificate", "certify_box", "margin_on"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class BoxCertificate:
    """An inequality on a box.

    Args:
        certified: whether it holds everywhere in the box.
        boxes: how many boxes were looked at.
        margin: smallest certified lower bound of rhs - lhs + slack.
        undecided: some boxes that are left, if it is not certified.
    """

    id: str
    certified: bool
    boxes: int
    margin: float
    undecided: tuple[dict[str, Interval], ...]


def certify_box(
    theorem: str | Theorem,
    box: Mapping[str, Any],
    max_boxes: int = 20_000,
    smallest: float = 1e-3,
    slack: float = 1e-9,
) -> BoxCertificate:
    """Certify a claim about letters on a box.

    Args:
        theorem: id or value; its claim must be about letters, or it must have a pointwise core.
        box: letter -> number or (low, high); for arrays a list of these.
        max_boxes: how many boxes may be looked at.
        smallest: boxes are not split below this share of their original width.
        slack: allowance of the claim, which equality on a boundary needs.
    Raises: TheoremError: the claim is about trajectories, or a letter has no range.
    """
    value = get(theorem) if isinstance(theorem, str) else theorem
    core = value.measurement != "pointwise"
    if core and value.core is None:
        raise TheoremError("only pointwise claims are certified on boxes", None, value.id)
    flint = require_flint()
    function = generate(margin_program(value, core, relative=False), "flint")
    cells, ranges = _cells(function.inputs, box, value.id)
    widths = [high - low for low, high in ranges]
    todo, seen, lowest = [ranges], 0, math.inf
    undecided: list[list[Interval]] = []
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        while todo and seen < max_boxes:
            current = todo.pop()
            seen += 1
            lower = margin_on(function, cells, current, flint.arb, slack)
            if lower >= 0:
                lowest = min(lowest, lower) if lower < float(IDLE) - 0.5 else lowest
                continue
            shares = [
                (high - low) / width if width else 0.0 for (low, high), width in zip(current, widths, strict=True)
            ]
            pick = int(np.argmax(shares))
            if shares[pick] <= smallest:
                undecided.append(current)
                continue
            low, high = current[pick]
            # geometric midpoints where a range spans magnitudes
            middle = math.sqrt(low * high) if low > 0 and high > 4 * low else (low + high) / 2
            for part in ((low, middle), (middle, high)):
                todo.append([*current[:pick], part, *current[pick + 1 :]])
    finally:
        flint.ctx.prec = before
    left = [*undecided, *todo]
    named = [
        {name if index is None else f"{name}[{index}]": r for (name, index), r in zip(cells, ranges_, strict=True)}
        for ranges_ in left[:5]
    ]
    return BoxCertificate(value.id, not left, seen, lowest, tuple(named))


def _cells(
    inputs: tuple[str, ...], box: Mapping[str, Any], where: str
) -> tuple[list[tuple[str, int | None]], list[Interval]]:
    cells: list[tuple[str, int | None]] = []
    ranges: list[Interval] = []
    for name in inputs:
        if name == "tolerance":
            continue
        if name not in box:
            raise TheoremError("every letter needs a range", name, where)
        entry = box[name]
        parts = entry if isinstance(entry, list) else [entry]
        for index, part in enumerate(parts):
            cells.append((name, index if isinstance(entry, list) else None))
            ranges.append(part if isinstance(part, tuple) else (float(part), float(part)))
    return cells, ranges


def margin_on(function: Any, cells: Any, ranges: list[Interval], arb: Any, slack: float) -> float:
    """Certified lower bound of a claim's margin on one box; -inf where an enclosure is not finite.

    Args:
        function: the margin in ball arithmetic.
        cells: name and index (None for a number) of each letter.
        ranges: of each cell.
        arb: the balls' constructor.
        slack: allowance of the claim.
    """
    values: dict[str, Any] = {"tolerance": np.array(arb(slack), dtype=object)}
    arrays: dict[str, list[Any]] = {}
    for (name, index), (low, high) in zip(cells, ranges, strict=True):
        ball = arb(low).union(arb(high))
        if index is None:
            values[name] = np.array(ball, dtype=object)
        else:
            arrays.setdefault(name, []).append(ball)
    for name, balls in arrays.items():
        values[name] = np.array(balls, dtype=object)
    result = np.asarray(function(*(values[name] for name in function.inputs)), dtype=object)
    return min(float(ball.lower()) if ball.is_finite() else -math.inf for ball in result.ravel())
