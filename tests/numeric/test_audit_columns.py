"""The table of an audit's columns against itself, and values that are not what it declares."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError
from s6flow.numeric.audit import audit_layer
from s6flow.numeric.audit.columns import COLUMNS, Column, assemble
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.weights import S6Layer

EVERY = [column for columns in COLUMNS.values() for column in columns]


@pytest.mark.parametrize("column", EVERY, ids=[column.name for column in EVERY])
def test_a_column_that_may_be_null_says_when(column: Column) -> None:
    """And one that says when it is null may be."""
    assert column.nullable == bool(re.search(r"\bnull\b", column.meaning))


def test_with_biases_only_token_1_has_a_scenario_and_of_mixed_signs_none() -> None:
    meanings = {column.name: column.meaning for column in COLUMNS["channel"]}
    told = {name for name, meaning in meanings.items() if name.startswith("scenario_") and "token 1" in meaning}
    assert told == {"scenario_positive", "scenario_negative"}


@pytest.fixture(scope="module")
def filled() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = [rng.normal(size=shape) for shape in ((2, 4), (2, 4), (2,), (2,), (3, 4), (4, 3), (4,))]
    return dict(audit_layer(S6Layer("x", np.exp(rng.normal(size=(4, 2))), *drawn), shuffles=2).columns)


@pytest.mark.parametrize("name", ["mu", "channel", "one_rate", "K_sign_changes"])
@pytest.mark.parametrize("damage", ["length", "dtype", "axis", "none"])
def test_values_have_the_length_and_the_dtype_of_their_column(filled: dict[str, Any], name: str, damage: str) -> None:
    """Either one alone is refused."""
    values = filled[name]
    stored = values.codes if isinstance(values, Labels) else values
    changed = {
        "length": stored[:3],
        "dtype": stored.astype(np.float32),
        "axis": stored[:, None],
        "none": stored,
    }[damage]
    parts = filled | {name: replace(values, codes=changed) if isinstance(values, Labels) else changed}
    if damage == "none":
        assert list(assemble(4, parts)) == [column.name for column in COLUMNS["channel"]]
        return
    with pytest.raises(FormatError, match=f"column {name} holds"):
        assemble(4, parts)
