"""Options and arguments that mean nothing are refused in one line; a trace moves a bar."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

import s6flow as sf
from s6flow.cli import main
from s6flow.commands.outputs import flow_backends
from s6flow.errors import S6FlowError
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.numeric.flow import BACKENDS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of one call."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("context", [0, -5, 2.5, float("nan"), "a", [1, 2], None])
def test_a_context_is_a_whole_number_of_tokens(context: Any) -> None:
    source = shipped_checkpoint("negative")
    with pytest.raises(S6FlowError, match="context"):
        sf.audit(source, layers=["0"], context=context)
    with pytest.raises(S6FlowError, match="context"):
        sf.diff(source, source, context=context)


@pytest.mark.parametrize("identifier", [3, None, ["coexistence"]])
def test_a_theorem_is_named_by_text(identifier: Any) -> None:
    with pytest.raises(S6FlowError, match="must be text"):
        sf.theorem(identifier)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "--mu=-1", "--horizon", "1", "--log-horizon", "2"], "--horizon or by --log-horizon, not both"),
        (["simulate", "--mu=-1", "--backend", "torch"], "--backend must be one of numpy, numba, triton; got torch"),
        (["check", "scaling", "--integrator", "torch"], "--integrator must be one of numpy, numba, triton; got torch"),
        (["check", "scaling", "--backend", "pytorch"], "--backend must be one of numpy, torch"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run(capsys, *arguments)
    assert code != 0
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_an_integrator_that_is_offered_integrates_the_flow(capsys: pytest.CaptureFixture[str]) -> None:
    """All but that of a GPU, which needs one; the one that is not offered does not."""
    offered = set(flow_backends())
    assert set(BACKENDS) - offered == {"torch"}
    for name in offered - {"triton"}:
        assert run(capsys, "simulate", "--mu=-1", "--backend", name)[0] == 0
    with pytest.raises(S6FlowError, match="equations"):
        sf.integrate([1.0], mu=-1.0, backend="torch")


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
