"""The systems of a check: drawn ones that meet the assumptions, the witness, channels of trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import TheoremError
from s6flow.numeric.checks.channels import trained_channels
from s6flow.numeric.checks.data.construct import Letter, Shape, construct, dimension, letters
from s6flow.numeric.checks.engines import Engine
from s6flow.numeric.checks.judge import unmet
from s6flow.numeric.checks.shared import Array, Checkable, Data, count_of
from s6flow.text import counted, near

__all__ = [
    "FLOW_SHAPES",
    "MATRIX_SHAPES",
    "TRAINED",
    "WITNESS",
    "GivenSystem",
    "batch_of",
    "corners",
    "examples_of",
    "given_system",
    "plan",
    "refuse_unmet",
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
#: Characters that a message shows of a value that is no number.
_SHOWN = 60
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
    """The batches of a check by name: numbered ones, then the witness, then channels of trained weights.

    Raises: TheoremError: before the first one, if the witness is no system of the theorem.
    """
    given = None
    if witness and theorem.witness is not None and examples > 0:
        given = given_system(theorem, theorem.witness, f"{theorem.id}: witness")
    for index, (shape, count) in enumerate(plan(theorem, target, examples)):
        points = np.random.default_rng((seed, index)).random((count, dimension(theorem, shape)))
        yield str(index), construct(theorem, shape, corners(points, seed + index))
    if given is not None:
        yield WITNESS, given
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


class GivenSystem(dict[str, Any]):
    """A batch of one system that stands in a theorem's file; a letter that it lacks is refused where it is read.

    Which letters a check reads only its measurement knows: depth-time, say, is given to some and told by others.
    """

    def __init__(self, where: str, batch: Mapping[str, Any]) -> None:
        super().__init__(batch)
        self.where = where

    def __missing__(self, name: str) -> Any:
        raise TheoremError("a witness must give the letters of its theorem", f"no {name}", self.where, "Add it.")


def given_system(theorem: Checkable, data: Any, where: str) -> GivenSystem:
    """A witness, or another system that a theorem's file gives, as a batch of one.

    Args:
        data: letter -> number or nested lists.
        where: that it stands, for messages.
    Raises: TheoremError: it is no system of the theorem: an unknown letter, wrong axes, lengths that differ, numbers that
        are not finite or not of the letter's domain; or it breaks an assumption in letters.
    """
    if not isinstance(data, Mapping):
        raise TheoremError("a witness must map letters to numbers", type(data).__name__, where)
    known = letters(theorem)
    lengths: dict[str, tuple[int, str]] = {}
    batch: dict[str, Any] = {}
    for name, value in data.items():
        if name not in known:
            hint = near(str(name), known) or known
            rule = "a witness must give letters of its theorem, and no others"
            raise TheoremError(rule, name, where, f"Near: {', '.join(hint)}.")
        batch[name] = _numbers(value, name, known[name], where)
        for axis, length in zip(known[name].axes, batch[name].shape, strict=True):
            first, other = lengths.setdefault(axis, (length, name))
            if first != length:
                rule = f"the letters of a witness must agree on the {axis} axis"
                raise TheoremError(rule, f"{length} in {name} and {first} in {other}", where)
    tokens, m = lengths.get("token", (0, ""))[0], float(batch.get("m", 1.0))
    if m != int(m) or 0 < tokens < m:
        raise TheoremError(f"m must be the number of one of {counted(tokens, 'token')}", m, f"{where}, m")
    found = GivenSystem(where, batch_of(theorem, batch))
    refuse_unmet(unmet(theorem, found), where)
    return found


def _numbers(value: Any, name: str, letter: Letter, where: str) -> Array:
    """The value of a letter as an array."""
    where = f"{where}, {name}"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        rule = "a letter must be a number, or lists of numbers of one length"
        raise TheoremError(rule, repr(value)[:_SHOWN], where) from None
    if array.ndim != len(letter.axes) or 0 in array.shape:
        axes = f"lists with the axes ({', '.join(letter.axes)})" if letter.axes else "one number"
        raise TheoremError(
            "a letter must have its axes, none of them empty", f"shape {array.shape}", where, f"Give {axes}."
        )
    if not np.isfinite(array).all():
        raise TheoremError("a letter must be finite", array[~np.isfinite(array)][0], where)
    least = array.min()
    if least <= 0 < letter.least or least < 0 == letter.least:
        from s6flow.symbolic.observables import LETTERS  # here: it brings SymPy, which few values ask for

        domain = LETTERS[name].domain
        if domain in ("positive", "natural", "nonnegative"):
            raise TheoremError(f"a letter must lie in its domain; {name} is {domain}", least, where)
    return array


def refuse_unmet(keys: Sequence[str], where: str) -> None:
    """Refuse a witness that breaks assumptions of its theorem.

    Args:
        keys: of these assumptions; none is fine.
    Raises: TheoremError: there are some.
    """
    if keys:
        rule, remedy = "a witness must meet the assumptions of its theorem", "Change the witness, or the theorem."
        raise TheoremError(rule, f"one that breaks {', '.join(keys)}", where, remedy)
