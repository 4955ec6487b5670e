"""Systems that a theorem's file gives: whether they are systems of the theorem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import AssumptionError, TheoremError
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.examples import batch_of
from s6flow.numeric.checks.judge import DERIVED, judge_data, measures, observe, satisfied
from s6flow.numeric.checks.shared import Data, Observed
from s6flow.numeric.flow.backends import fastest_on_cpu
from s6flow.symbolic.programs.checked import Checked
from s6flow.symbolic.programs.quantities import predicate
from s6flow.text import counted, near

__all__ = ["refuse_bad_witness", "witness_named"]

Array = NDArray[np.float64]

#: Characters that a message shows of a value that is no number.
_SHOWN = 60
#: Lengths that tell the axes of a drawn letter apart.
_APART = Shape(token=2, state=3, channel=5, rank=7)
#: Coordinates at which signs differ and nothing is rare.
_APART_AT = (0.0, 0.7)
#: What judging a system may end with if its numbers are too large, too small or too far apart.
_UNFIT = (AssumptionError, ArithmeticError, ValueError, RecursionError)
#: Kinds of NumPy's arrays that hold real numbers; "O" holds anything.
_REAL = "biuf"
#: Options of a run that ends where it begins.
_BRIEF = {"max_steps": 1}


@dataclass(frozen=True)
class _Letter:
    """What the draws of a letter say of it.

    Args:
        axes: names of its axes behind that of the systems, as in `Shape`; () for one number a system.
        least: positive where every value is, 0 where none is negative, else negative.
    """

    axes: tuple[str, ...]
    least: float


class _GivenSystem(dict[str, Any]):
    """A batch of one system; a letter that it lacks is refused where it is read.

    Which letters a check reads only its measurement knows: depth-time, say, is given to some and told by others.
    """

    def __init__(self, where: str, batch: Mapping[str, Any]) -> None:
        super().__init__(batch)
        self.where = where

    def __missing__(self, name: str) -> Any:
        raise TheoremError("a witness must give the letters of its theorem", f"no {name}", self.where, "Add it.")


def refuse_bad_witness(theorem: Checked, backend: str = "numpy", integrator: str | None = None) -> None:
    """Refuse a witness that is no system of its theorem; a theorem without one is fine.

    A check takes a witness as it is: what is no system ends it with an error of the array library, and what breaks an
    assumption is left out unsaid.

    Args:
        backend: a key of `ENGINES`, which can judge the theorem.
        integrator: the flow backend that observes trajectories, as in `check`.
    Raises: TheoremError: an unknown letter, or one too few; wrong axes, or lengths that differ; numbers that are not finite or
        not of the letter's domain; an assumption that is broken; or numbers with which it cannot be measured.
    Numerics: what must be measured is measured in one step, in full only to say what is broken.
    """
    if theorem.witness is None:
        return
    found = _system(theorem, theorem.witness, f"{theorem.id}: witness")
    if broken := _broken(theorem, found, {}):
        _refuse(broken, found.where)
    claimed, assumed = _claimed(theorem, backend), _assumed(theorem)
    _read(found, claimed & DERIVED.keys())
    if {*theorem.variables, *assumed} <= {*found, *DERIVED}:
        return  # nothing is missing, and no assumption waits for what is observed
    brief = replace(theorem, options={**theorem.options, **_BRIEF})
    for form in (brief, theorem):
        with np.errstate(all="ignore"), _fit(found.where):  # of a run that has hardly begun
            observed = observe(form, found, backend, integrator or fastest_on_cpu())
        _read(found, (claimed | assumed) - {"tolerance", *observed})
        broken = _broken(theorem, found, observed)
        if not broken:
            return
    _refuse(broken, found.where)


@contextmanager
def witness_named(theorem: Checked, backend: str = "numpy", integrator: str | None = None) -> Iterator[None]:
    """A check of the theorem; where it ends with an error, and its witness alone does, too, that is said of the witness.

    Args:
        backend, integrator: as in `refuse_bad_witness`, which has let the witness pass.
    Raises: TheoremError: numbers of a witness with which it cannot be judged, though each is of its letter's domain.
    """
    try:
        yield
    except _UNFIT:
        if theorem.witness is not None:
            with np.errstate(all="ignore"), _fit(f"{theorem.id}: witness"):
                data = batch_of(theorem, theorem.witness)
                observed = observe(theorem, data, backend, integrator or fastest_on_cpu())
                judge_data(theorem, data, backend, observed=observed)
        raise


@contextmanager
def _fit(where: str) -> Iterator[None]:
    """What numbers of a witness end a measurement with, as one line about the witness."""
    try:
        yield
    except AssumptionError as error:  # with its own remedy
        raise TheoremError(
            error.rule, error.value, ", ".join(filter(None, (where, error.where))), error.remedy
        ) from None
    except _UNFIT as error:
        rule, remedy = "a witness must have numbers with which it can be judged", "Choose a system of moderate size."
        raise TheoremError(rule, f"{type(error).__name__}: {' '.join(str(error).split())}", where, remedy) from None


def _system(theorem: Checked, data: Any, where: str) -> _GivenSystem:
    """What a theorem's file gives, as a batch of one: letters with their axes, lengths and domains."""
    if not isinstance(data, Mapping):
        raise TheoremError("a witness must map letters to numbers", type(data).__name__, where)
    known = _letters(theorem)
    lengths: dict[str, tuple[int, str]] = {}
    batch: dict[str, Any] = {}
    for name, value in data.items():
        if name not in known:
            hint = near(str(name), known) or known
            rule = "a witness must give letters of its theorem, and no others"
            raise TheoremError(rule, str(name), where, f"Near: {', '.join(hint)}.")
        batch[name] = _numbers(value, name, known[name], where)
        for axis, length in zip(known[name].axes, batch[name].shape, strict=True):
            first, other = lengths.setdefault(axis, (length, name))
            if first != length:
                rule = f"the letters of a witness must agree on the {axis} axis"
                raise TheoremError(rule, f"{length} in {name} and {first} in {other}", where)
    tokens, m = lengths.get("token", (0, ""))[0], float(batch.get("m", 1.0))
    if m != int(m) or 0 < tokens < m:
        raise TheoremError(f"m must be the number of one of {counted(tokens, 'token')}", m, f"{where}, m")
    return _GivenSystem(where, batch_of(theorem, batch))


def _letters(theorem: Checked) -> dict[str, _Letter]:
    """The letters of a theorem by name, read off two draws that are adjusted to no assumption."""
    bare = replace(theorem, assumptions=(), ranges={})
    axis = {length: name for name, length in vars(_APART).items()}
    points = np.repeat(np.array(_APART_AT)[:, None], dimension(bare, _APART), axis=1)
    drawn = construct(bare, _APART, points)
    return {
        name: _Letter(tuple(axis[length] for length in drawn[name].shape[1:]), float(drawn[name].min()))
        for name in theorem.variables
    }


def _numbers(value: Any, name: str, letter: _Letter, where: str) -> Array:
    """The value of a letter as an array."""
    where = f"{where}, {name}"
    try:
        given = np.asarray(value)  # as it is: NumPy reads words, dates and None as float64, too
        array = given.astype(np.float64) if _real(given) else None
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None:
        rule = "a letter must be a number, or lists of numbers of one length"
        raise TheoremError(rule, repr(value)[:_SHOWN], where)
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


def _real(array: NDArray[Any]) -> bool:
    """Whether all entries are real numbers; fractions, say, are objects that know themselves as a float."""
    if array.dtype.kind != "O":
        return array.dtype.kind in _REAL
    return all(hasattr(item, "__float__") and not np.iscomplexobj(item) for item in array.flat)


def _broken(theorem: Checked, data: Data, observed: Observed) -> list[str]:
    """The assumptions that a system breaks; those that wait for more than was observed are left out."""
    given = {*data, *DERIVED, *observed}
    known = (key for key in theorem.assumptions if {inp.name for inp in predicate(key).inputs} <= given)
    return [key for key in known if not _meets(theorem, key, data, observed)]


def _meets(theorem: Checked, key: str, data: Data, observed: Observed) -> bool:
    try:
        with np.errstate(all="ignore"):  # what is no number meets nothing
            return bool(satisfied(replace(theorem, assumptions=(key,)), data, observed).all())
    except IndexError:  # it speaks of a second token, and there is one
        return False


def _claimed(theorem: Checked, backend: str) -> set[str]:
    """What the claim reads as the backend judges it, and its core."""
    programs = (theorem.margin if measures(theorem, backend) else None, theorem.core)
    return {inp.name for program in programs if program is not None for inp in program.inputs}


def _assumed(theorem: Checked) -> set[str]:
    """What the assumptions read."""
    return {inp.name for key in theorem.assumptions for inp in predicate(key).inputs}


def _read(data: _GivenSystem, names: Iterable[str]) -> None:
    """Read letters as a check does, and what follows from them."""
    for name in sorted(names):  # of several the same one is told each time
        try:
            DERIVED.get(name, itemgetter(name))(data)
        except IndexError:
            rule = "a witness must have the second token that its theorem speaks of"
            raise TheoremError(rule, "one token", data.where) from None


def _refuse(broken: Sequence[str], where: str) -> None:
    rule, remedy = "a witness must meet the assumptions of its theorem", "Change the witness, or the theorem."
    raise TheoremError(rule, f"one that breaks {', '.join(broken)}", where, remedy)
