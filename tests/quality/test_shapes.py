"""Wrong shapes raise: by the package's own checks, and where tests ask for it by every annotation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pytest
from annotations import arrays, member
from jaxtyping import Float64, TypeCheckError
from representatives import sweep

from s6flow.errors import CodegenError, S6FlowError


def test_a_wrong_shape_raises() -> None:
    from s6flow.numeric.flow import FlowParameters, growth_rate

    with pytest.raises(S6FlowError):
        FlowParameters(np.ones((2, 3)), np.ones((2, 4)), np.ones(2))
    with pytest.raises(S6FlowError):
        growth_rate(np.ones((2, 0)), FlowParameters(np.ones(3), np.ones(3), 1.0))


SWAPPED = """
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from s6flow.numeric.criteria.sums import Sums
from s6flow.numeric.criteria.tokens import token_of_step


def test_swapped():
    ones = np.ones(3)
    assert token_of_step(ones, ones, ones, 0.0).shape == (3,)
    for wrong in (np.ones(2), ones.astype(np.float32)):
        with pytest.raises(TypeCheckError):
            token_of_step(ones, wrong, ones, 0.0)
    with pytest.raises(TypeCheckError):
        Sums(np.ones((2, 3)), np.ones((3, 2)))
"""


@pytest.mark.parametrize(("asked", "status"), sweep([("1", 0), ("arrays", 0), ("0", 1)], kept=[("arrays", 0)]))
def test_annotations_of_the_package_are_checked_where_asked_for(tmp_path: Path, asked: str, status: int) -> None:
    """Swapped axes and a wrong kind of number, given to functions that look at neither; unasked nothing is raised."""
    tests = Path(__file__).parents[1]
    (tmp_path / "conftest.py").write_text((tests / "conftest.py").read_text())
    (tmp_path / "test_swapped.py").write_text(SWAPPED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path)]
    path = os.pathsep.join([str(tests / "plugins"), os.environ.get("PYTHONPATH", "")])
    settings = {**os.environ, "S6FLOW_ANNOTATIONS": asked, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout


def twice(x: Float64[np.ndarray, " token"]) -> Float64[np.ndarray, " token"]:
    return np.append(x, x)


def longer(x: Float64[np.ndarray, " token"]) -> np.ndarray:
    return kept(np.append(x, x))


def test_an_axis_has_one_length_in_a_call_and_another_in_one_within() -> None:
    with pytest.raises(TypeCheckError, match="twice"):
        arrays(twice)(np.ones(2))  # type: ignore[arg-type]
    assert arrays(longer)(np.ones(2)).shape == (4,)  # type: ignore[arg-type]


class Doubled:
    """What is computed once, of another shape than it says."""

    @cached_property
    def once(self) -> Float64[np.ndarray, "token token"]:
        return np.ones((2, 3))

    @staticmethod
    def both(x: Float64[np.ndarray, " token"]) -> Iterator[Float64[np.ndarray, " token"]]:
        yield from (x, x)


def test_what_is_kept_and_what_yields_is_checked() -> None:
    assert member(vars(Doubled)["once"]) is vars(Doubled)["once"]
    with pytest.raises(TypeCheckError, match="once"):
        _ = Doubled().once
    kept_once = member(lru_cache(maxsize=3)(twice))
    assert kept_once.cache_parameters()["maxsize"] == 3
    with pytest.raises(TypeCheckError, match="twice"):
        kept_once(Hashable(2))
    with pytest.raises(TypeCheckError, match="both"):
        list(arrays(Doubled.both)(np.ones((2, 2))))  # type: ignore[arg-type]


class Hashable(np.ndarray):
    """An array that a cache takes."""

    def __new__(cls, size: int) -> Hashable:
        return np.ones(size).view(cls)

    def __hash__(self) -> int:  # type: ignore[override]
        return 0


@arrays  # type: ignore[arg-type]
def kept(x: Float64[np.ndarray, " token"]) -> Float64[np.ndarray, " token"]:
    return x


def test_the_interpreter_names_a_disagreeing_axis() -> None:
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.interpret import interpret_reference

    values = {"x": np.ones(2), "mu": np.ones(3), "a": np.ones(2), "s": 1.0, "b": 0.0, "floor": 0.0}
    with pytest.raises(CodegenError, match="length of an axis"):
        interpret_reference(growth_rate_program(), values)
