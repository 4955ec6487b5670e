"""Errors are one line that says what was found, even where that is nothing."""

from __future__ import annotations

import pytest

from s6flow.errors import S6FlowError, TheoremError
from s6flow.proofs import registry


@pytest.mark.parametrize(("value", "said"), [("", "got ''"), ("x", "got x"), (0, "got 0"), (ValueError(""), "got ''")])
def test_an_empty_value_is_seen(value: object, said: str) -> None:
    assert str(S6FlowError("a rule", value, "a place", "A remedy.")) == f"a rule; {said} at a place. A remedy."


def test_an_empty_identifier_is_seen() -> None:
    with pytest.raises(TheoremError, match=r"got ''\."):
        registry.get("")
