"""Options and arguments that mean nothing are refused in one line; a trace moves a bar."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

import s6flow as sf
from s6flow.cli import main
from s6flow.errors import S6FlowError


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of one call."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("identifier", [3, None, ["coexistence"]])
def test_a_theorem_is_named_by_text(identifier: Any) -> None:
    with pytest.raises(S6FlowError, match="must be text"):
        sf.theorem(identifier)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "--mu=-1", "--horizon", "1", "--log-horizon", "2"], "--horizon or by --log-horizon, not both"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run(capsys, *arguments)
    assert code != 0
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_a_trace_tells_of_every_layer_in_turn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    told: list[tuple[int, int]] = []

    @contextlib.contextmanager
    def recorded(label: str) -> Iterator[Any]:
        yield lambda done, total, name: told.append((done, total))

    monkeypatch.setattr("s6flow.commands.trace.bar", recorded)
    assert run(capsys, "trace", "--length", "16")[0] == 0
    layers = told[0][1]
    assert told == [(done, layers) for done in range(1, layers + 1)]
    assert layers > 1
