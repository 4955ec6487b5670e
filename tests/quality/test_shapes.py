"""Wrong shapes raise: by the package's own checks, and in the tests by every annotation (`plugins/annotations.py`)."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from s6flow.errors import CodegenError, S6FlowError


def test_a_wrong_shape_raises() -> None:
    from s6flow.numeric.flow import FlowParameters, growth_rate

    with pytest.raises(S6FlowError):
        FlowParameters(np.ones((2, 3)), np.ones((2, 4)), np.ones(2))
    with pytest.raises(S6FlowError):
        growth_rate(np.ones((2, 0)), FlowParameters(np.ones(3), np.ones(3), 1.0))


def test_annotations_of_the_package_are_checked_while_tests_run() -> None:
    """Swapped axes and a wrong kind of number, given to functions that look at neither."""
    from s6flow.numeric.criteria.carried import Sums
    from s6flow.numeric.criteria.tokens import token_of_step

    ones = np.ones(3)
    assert token_of_step(ones, ones, ones, 0.0).shape == (3,)
    with pytest.raises(TypeCheckError):
        token_of_step(ones, np.ones(2), ones, 0.0)
    with pytest.raises(TypeCheckError):
        token_of_step(ones.astype(np.float32), ones, ones, 0.0)
    with pytest.raises(TypeCheckError):
        Sums(np.ones((2, 3)), np.ones((3, 2)))


def test_the_interpreter_names_a_disagreeing_axis() -> None:
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.interpret import interpret_reference

    values = {"x": np.ones(2), "mu": np.ones(3), "a": np.ones(2), "s": 1.0, "b": 0.0, "floor": 0.0}
    with pytest.raises(CodegenError, match="length of an axis"):
        interpret_reference(growth_rate_program(), values)
