"""The systems of a check: drawn ones that meet the assumptions, the witness, channels of trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.checks.channels import trained_channels
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.engines import Engine
from s6flow.numeric.checks.shared import Checkable, Data, count_of

__all__ = [
    "FLOW_SHAPES",
    "MATRIX_SHAPES",
    "TRAINED",
    "WITNESS",
    "batch_of",
    "corners",
    "examples_of",
    "plan",
    "together",
]

#: Names of the batches that are not drawn.
WITNESS, TRAINED = "witness", "trained"
#: (share of the examples, shape); token counts up to 64, states up to 16. Shares add up to 1.
FLOW_SHAPES = (
    (0.2, Shape(1, 1)), (0.2, Shape(2, 2)), (0.2, Shape(3, 2)), (0.2, Shape(6, 4)), (0.1, Shape(16, 8)), (0.1, Shape(64, 16)),
)  # fmt: skip
#: The same of whole layers, whose channels and rank count, too.
MATRIX_SHAPES = ((0.4, Shape(3, 2, 4, 2)), (0.3, Shape(5, 3, 8, 2)), (0.3, Shape(2, 4, 16, 3)))


#: Systems of a batch times tokens squared times states, about.
_ELEMENTS = 1 << 21
#: Batches of a shape that are measured at once: systems, and these times tokens squared times states times channels. Runs
#: that take long are few in every batch, and the interpreter takes as long for them as for many.
_TOGETHER, _LARGEST = 20_000, 1 << 24


def plan(theorem: Checkable, target: Engine, examples: int) -> Iterator[tuple[Shape, int]]:
    """Batches (shape, systems) that add up to `examples`."""
    shapes: Any = theorem.options.get("shapes")
    if shapes is not None:
        table = tuple((1 / len(shapes), Shape(*shape)) for shape in shapes)
    elif "S_dt_in" in theorem.variables:
        table = MATRIX_SHAPES
    else:
        table = FLOW_SHAPES
    if target.backend == "flint":  # a ball costs a microsecond an operation
        table = tuple((share, Shape(min(s.token, 8), min(s.state, 4), min(s.channel, 6), s.rank)) for share, s in table)
    left = examples
    for index, (share, shape) in enumerate(table):
        count = left if index == len(table) - 1 else min(left, max(1, round(share * examples)))
        left -= count
        while count > 0:
            # large enough to hide the interpreter, small enough for the memory of a claim that is quadratic in tokens
            size = min(
                count,
                int(theorem.options.get("batch", np.clip(_ELEMENTS // (shape.token**2 * shape.state), 500, 4000))),
            )
            yield shape, size
            count -= size


def examples_of(
    theorem: Checkable, target: Engine, examples: int, seed: int, real_weights: bool = True, witness: bool = True
) -> Iterator[tuple[str, Data]]:
    """The batches of a check by name: numbered ones, then the witness, then channels of trained weights."""
    for index, (shape, count) in enumerate(plan(theorem, target, examples)):
        points = np.random.default_rng((seed, index)).random((count, dimension(theorem, shape)))
        yield str(index), construct(theorem, shape, corners(points, seed + index))
    if witness and theorem.witness is not None and examples > 0:
        yield WITNESS, batch_of(theorem, theorem.witness)
    if real_weights and examples > 0:
        channels = trained_channels(theorem, max(4, examples // 20))
        if channels is not None:
            yield TRAINED, channels


def together(batches: Iterable[tuple[str, Data]]) -> Iterator[list[tuple[str, Data]]]:
    """Drawn batches in a row whose systems have the same shape, as many as are measured at once; others alone."""
    group: list[tuple[str, Data]] = []
    for name, data in batches:
        if group and not (name.isdigit() and _alike(group[0][1], data) and _fits([*group, (name, data)])):
            yield group
            group = []
        group.append((name, data))
    if group:
        yield group


def _alike(one: Data, other: Data) -> bool:
    shapes = (
        {key: np.shape(value)[1:] if np.ndim(value) else value for key, value in data.items()} for data in (one, other)
    )
    return next(shapes) == next(shapes)


def _fits(group: Sequence[tuple[str, Data]]) -> bool:
    systems = sum(count_of(data) for _, data in group)
    L, N, D = (int(group[0][1][key]) for key in ("L", "N", "D"))
    return systems <= _TOGETHER and systems * L**2 * N * D <= _LARGEST


def corners(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A tenth of the coordinates moved to the ends of their ranges, where inequalities tend to be tight."""
    generator = np.random.default_rng((seed, 7))
    which = generator.random(points.shape)
    return np.where(which < 0.05, 0.0, np.where(which > 0.95, 1.0, points))


def batch_of(theorem: Checkable, data: Data) -> dict[str, Any]:
    """One system's data as a batch of one."""
    batch: dict[str, Any] = {key: np.asarray(value, dtype=np.float64)[None] for key, value in data.items()}
    for axis, name, where in (("N", "a", -1), ("N", "S_B", 0), ("L", "x0", -1), ("D", "S_B", 1)):
        if name in batch and batch[name][0].ndim > (where if where >= 0 else 0) and axis not in batch:
            batch[axis] = float(batch[name][0].shape[where])
    return batch
