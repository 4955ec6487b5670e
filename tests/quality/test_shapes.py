"""Wrong shapes raise under jaxtyping and beartype."""

from __future__ import annotations

import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float64, TypeCheckError, jaxtyped

from s6flow.errors import CodegenError, S6FlowError


def test_a_wrong_shape_raises() -> None:
    from s6flow.numeric.flow import FlowParameters, growth_rate

    with pytest.raises(S6FlowError):
        FlowParameters(np.ones((2, 3)), np.ones((2, 4)), np.ones(2))
    with pytest.raises(S6FlowError):
        growth_rate(np.ones((2, 0)), FlowParameters(np.ones(3), np.ones(3), 1.0))


def test_the_annotations_of_a_layer_are_checked() -> None:
    from s6flow.numeric.weights.layer import S6Layer

    annotation = S6Layer.__annotations__["S_B"]
    assert "state channel" in str(annotation)

    @jaxtyped(typechecker=beartype)
    def takes(S_B: Float64[np.ndarray, "state channel"], a: Float64[np.ndarray, "channel state"]) -> None: ...

    takes(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(TypeCheckError):
        takes(np.ones((2, 3)), np.ones((2, 3)))


def test_the_interpreter_names_a_disagreeing_axis() -> None:
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.interpret import interpret_reference

    values = {"x": np.ones(2), "mu": np.ones(3), "a": np.ones(2), "s": 1.0, "b": 0.0, "floor": 0.0}
    with pytest.raises(CodegenError, match="length of an axis"):
        interpret_reference(growth_rate_program(), values)
