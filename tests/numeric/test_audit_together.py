"""Layers that are simulated side by side: the same runs as alone, with a slow scan in the place of mamba-ssm's kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pinned  # noqa: F401  (it makes the tests beside this one importable)
import pytest

from s6flow.errors import FormatError
from s6flow.numeric.audit import audit_layer
from s6flow.numeric.audit.simulation.together import Ask, side_by_side
from tests.numeric.test_gpu_simulate import kernel, random_layer, slow_scan  # noqa: F401  (a fixture)

torch = pytest.importorskip("torch")


def adder(times: int, log: list[str], name: str) -> Callable[[Ask], int]:
    """Asks for 1 so often, and adds up what it is told."""

    def work(ask: Ask) -> int:
        found = 0
        for _ in range(times):
            log.append(name)
            found += ask(1)
        return found

    return work


def test_tasks_are_answered_together_and_return_in_order() -> None:
    log: list[str] = []
    rounds: list[int] = []

    def answer(questions: list[int]) -> list[int]:
        rounds.append(len(questions))
        return [10 * question * len(rounds) for question in questions]

    found = side_by_side([adder(2, log, "a"), adder(0, log, "b"), adder(3, log, "c")], answer)
    assert found == [30, 0, 60]
    assert rounds == [2, 2, 1], "all that wait are asked for at once, and those that have finished no longer"
    assert log == ["a", "c", "a", "c", "c"], "one at a time, in order"
    assert side_by_side([], answer) == []


def test_a_question_of_a_higher_rank_waits_for_the_others() -> None:
    asked: list[list[str]] = []

    def work(*questions: str) -> Callable[[Ask], list[str]]:
        return lambda ask: [ask(question) for question in questions]

    def answer(questions: list[str]) -> list[str]:
        asked.append(questions)
        return [question.upper() for question in questions]

    found = side_by_side([work("z"), work("a", "b", "z"), work("b", "z")], answer, rank=lambda question: question)
    assert asked == [["a"], ["b", "b"], ["z", "z", "z"]]
    assert found == [["Z"], ["A", "B", "Z"], ["B", "Z"]]


@pytest.mark.parametrize("where", ["task", "answer"])
def test_an_error_ends_the_others_where_they_wait(where: str) -> None:
    ended: list[str] = []

    def waits(ask: Ask) -> None:
        try:
            ask(0)
            ended.append("went on")
        finally:
            ended.append("left")

    def fails(ask: Ask) -> None:
        if where == "task":
            raise FormatError("a rule", "a value", "here")
        ask(0)

    def answer(questions: list[int]) -> list[int]:
        raise FormatError("a rule", "a value", "here")

    with pytest.raises(FormatError, match="a rule"):
        side_by_side([waits, fails, waits], answer)
    # the last one had not begun when the second one failed
    assert ended == (["left"] if where == "task" else ["left", "left"])


def test_a_task_has_the_settings_of_its_caller() -> None:
    def divide(ask: Ask) -> Any:
        return np.float64(1.0) / np.float64(ask(0.0))

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        side_by_side([divide], lambda questions: questions)
    with np.errstate(divide="ignore"):
        assert side_by_side([divide], lambda questions: questions) == [np.inf]


def layers_of(beta: float = 0.0, floor: float = 0.0, **shapes: int) -> list[Any]:
    return [random_layer(beta=beta, floor=floor, seed=seed, **shapes) for seed in (4, 5, 6)]


@pytest.mark.parametrize(("beta", "floor"), [(0.0, 0.0), (0.4, 0.2)])
def test_starts_in_a_row_do_not_know_of_each_other(kernel: Any, beta: float, floor: float) -> None:  # noqa: F811
    """What a state keeps over the gap is 0: every start moves as it does alone, to float32's rounding."""
    from s6flow.numeric.audit.simulation import mamba

    cpu = torch.device("cpu")
    layers = layers_of(beta, floor, channels=5)
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 6, 4, 5)))
    got = mamba.layer_velocity(mamba.LayerOnDevice.stacked(layers, cpu), x.flatten(0, 1)).reshape(x.shape)
    assert mamba.starts_in_a_row(6, 4) == 6
    for place, layer in enumerate(layers):
        for start in range(6):
            alone = mamba.layer_velocity(mamba.LayerOnDevice.of(layer, cpu), x[place, start : start + 1])[0]
            torch.testing.assert_close(got[place, start], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("starts", "tokens", "held"),
    [(1, 8, 1), (16, 8, 8), (16, 7, 16), (14, 8, 14), (7, 20, 1), (6, 20, 6), (16, 500, 1)],
)
def test_as_many_starts_in_a_row_as_one_pass_holds(starts: int, tokens: int, held: int) -> None:
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    assert mamba.starts_in_a_row(starts, tokens) == held
    assert held == 1 or held * (tokens + 1) <= mamba.PASS


@pytest.mark.parametrize("bad", [1e14, np.inf, np.nan])
def test_a_start_beyond_float32_spoils_no_other(kernel: Any, bad: float) -> None:  # noqa: F811
    """States of 1e14^3 leave float32; 0 times what they are would be NaN in every start behind."""
    from s6flow.numeric.audit.simulation import mamba

    cpu, layer = torch.device("cpu"), random_layer(channels=5)
    sent = mamba.LayerOnDevice.of(layer, cpu)
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(4, 3, 5)))
    fine = mamba.layer_velocity(sent, x)
    spoiled = x.clone()
    spoiled[1, 2, 3] = bad
    got = mamba.layer_velocity(sent, spoiled)
    assert got[1].isnan().all()
    others = [0, 2, 3]
    torch.testing.assert_close(got[others], fine[others], rtol=0, atol=0)
    large = x.clone()
    large[1] *= 1e8 / large[1].abs().max()  # near the limit of a blow-up
    assert mamba.layer_velocity(sent, large).isfinite().all()


def test_states_that_never_forget_are_not_put_in_a_row(kernel: Any) -> None:  # noqa: F811
    from s6flow.numeric.audit.simulation import mamba

    cpu, layer = torch.device("cpu"), random_layer(channels=5)
    lengths: list[int] = []

    def scan(u: Any, *rest: Any, **more: Any) -> Any:
        lengths.append(u.shape[2])
        return slow_scan(u, *rest, **more)

    mamba.selective_scan = lambda: scan  # the fixture puts it back
    x = torch.ones(4, 3, 5, dtype=torch.float64)
    for least in (1.1e-27, 1e-29):
        a = layer.a.copy()
        a[0, 0] = least
        mamba.layer_velocity(mamba.LayerOnDevice.of(replace(layer, a=a), cpu), x)
    assert lengths == [16, 3]


def test_channels_beyond_a_grid_are_launched_apart(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    from s6flow.numeric.audit.simulation import mamba

    layer = random_layer(channels=7)
    systems = mamba.AxisSystems.of([layer], torch.device("cpu"))
    index = torch.tensor([3, 1, 6, 0, 2, 5, 4])
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(7, 4)))
    unit = torch.linspace(0.5, 2.0, 7).double()
    whole = mamba.axis_velocity(systems, x, index), mamba.axis_velocity(systems, x, index, unit)
    sizes: list[int] = []

    def scan(u: Any, *rest: Any, **more: Any) -> Any:
        sizes.append(u.shape[1])
        return slow_scan(u, *rest, **more)

    monkeypatch.setattr(mamba, "GRID", 3)
    monkeypatch.setattr(mamba, "selective_scan", lambda: scan)
    parts = mamba.axis_velocity(systems, x, index), mamba.axis_velocity(systems, x, index, unit)
    assert sizes == [3, 3, 1] * 2
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_layers_side_by_side_end_as_alone(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Same words for every start, whatever the layers beside it: two of one shape, one of another, one with biases."""
    monkeypatch.setattr(kernel, "MAX_STEPS", 60)
    monkeypatch.setattr(kernel, "STARTS", 4)
    layers = [random_layer(6), random_layer(6, seed=5), random_layer(5, 2, seed=6), random_layer(6, beta=0.4, seed=7)]
    judged = [(layer, audit_layer(layer, shuffles=2).columns) for layer in layers]
    states = {layer.name: np.random.default_rng(0).normal(size=(20, 6)) for layer in layers[:2]}
    asked: list[list[tuple[str, int]]] = []

    def runs(name: str) -> Any:
        whole = getattr(kernel, name)

        def run(questions: Any) -> Any:
            asked.append([(name, layers.index(one.layer)) for one in questions])
            return whole(questions)

        return run

    alone = [kernel.simulate_layer(*pair, 3, states.get(pair[0].name)) for pair in judged]
    for name in ("_axes", "_wholes"):
        monkeypatch.setattr(kernel, name, runs(name))
    together = list(kernel.simulate_layers(iter(judged), 3, states))
    for one, other in zip(alone, together, strict=True):
        assert one.confusion == other.confusion
        assert one.disagreements == other.disagreements
        assert one.kernel is not None
        assert other.kernel is not None
        assert one.kernel["whole_layer"] == other.kernel["whole_layer"]
        if not one.kernel["blow_up_times"]:
            continue
        times, others = (found.kernel["blow_up_times"]["error_of_ln_T"] for found in (one, other))
        assert times == pytest.approx(others, abs=1e-4)
    assert [("_axes", 0), ("_axes", 1)] in asked
    wholes = [names for names in asked if names[0][0] == "_wholes"]
    assert [[layer for _, layer in names] for names in wholes] == [[0, 1, 3], [2], [0, 1]], (
        "random ones, then real ones"
    )
    assert asked.index(wholes[0]) == len(asked) - 3, "after all that is on axes"
    assert [("_axes", 3)] in asked, "one with biases is another flow"


def test_no_more_layers_at_once_than_their_channels_fit(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def groups(channels: list[int]) -> list[list[int]]:
        judged = ((random_layer(count), {}) for count in channels)
        return [[layer.channels for layer, _ in group] for group in kernel.layer_groups(judged)]

    monkeypatch.setattr(kernel, "GRID", 10)
    assert groups([4, 6, 1, 12, 3, 3]) == [[4, 6], [1], [12], [3, 3]]
    monkeypatch.setattr(kernel, "LAYERS", 2)
    assert groups([1, 1, 1]) == [[1, 1], [1]]
    assert groups([]) == []


def test_runs_are_those_of_their_questions(kernel: Any) -> None:  # noqa: F811
    """Whole layers and halves of them: each start's run is that of a flow of its own."""
    layers = layers_of(channels=3)
    x0 = np.random.default_rng(1).normal(size=(3, 4, 2, 3))
    runs = kernel.answer([kernel.LayerQuestion(layer, start) for layer, start in zip(layers, x0, strict=True)])
    for layer, start, run in zip(layers, x0, runs, strict=True):
        lone = kernel.answer([kernel.LayerQuestion(layer, start)])[0]
        np.testing.assert_array_equal(run.status, lone.status)
        np.testing.assert_allclose(run.end_log_time, lone.end_log_time, atol=1e-2)  # a step of tolerance 1e-3
