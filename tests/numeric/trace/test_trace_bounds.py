"""Bounds of a trace: those of health, planted violations, thresholds, and a memory that is too small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import s6flow as sf  # noqa: E402
from s6flow.errors import DeviceMemoryError  # noqa: E402
from s6flow.numeric.health.bounds import Bounds  # noqa: E402
from s6flow.numeric.health.bounds import bounds as real_bounds  # noqa: E402
from s6flow.numeric.trace import CONTINUOUS, OWN_TERM, ROUNDINGS, TraceError, run, trace, watch  # noqa: E402
from s6flow.numeric.trace import limits as limiting  # noqa: E402
from s6flow.numeric.trace.judge import checks, slack  # noqa: E402
from s6flow.numeric.trace.measure import filled, finished, scan_sums  # noqa: E402
from s6flow.numeric.trace.run import LIMITS  # noqa: E402
from s6flow.numeric.trace.scans import s6_inputs  # noqa: E402
from tests.numeric.trace.trace_cases import WIDTH, Full, close, mamba, saved  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")


def test_bounds_are_those_of_health(model: Any, found: Any) -> None:
    from s6flow.numeric.health import diagnose

    for layer, health in zip(found.layers, diagnose(model).layers, strict=True):
        for ours, theirs in (
            ("u_bound", "u_max"),
            ("step_bound", "step_max"),
            ("h_bound", "h_max"),
            ("y_bound", "y_max"),
        ):
            assert layer.numbers[ours] == health.numbers[theirs]
        assert layer.numbers["update_bound"] == health.numbers["response"]
        assert {check.verdict for check in layer.checks} == {"HOLDS"}


def test_bounds_for_inputs_as_seen_are_sharper_and_hold(model: Any, found: Any, tokens: Any) -> None:
    for block, layer, row in zip(model.backbone.layers, found.layers, saved(model, tokens), strict=True):
        u = np.abs(row["x_in"]).max((0, 1))
        w = {name: value.detach().double().numpy() for name, value in block.mixer.named_parameters()}
        low = np.abs(w["dt_proj.weight"]) @ (np.abs(w["x_proj.weight"][:2]) @ u)
        assert layer.numbers["step_seen"] == pytest.approx(np.log1p(np.exp(low + w["dt_proj.bias"])).max(), rel=1e-6)
        for name in ("step", "h", "y"):
            assert layer.numbers[f"{name}_max"] < layer.numbers[f"{name}_seen"] < layer.numbers[f"{name}_bound"]


def test_a_batch_that_does_not_fit_is_halved_and_gives_the_same(
    model: Any, tokens: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "forward_pass", Full(run.forward_pass, 2))
    again = trace(model, tokens, context=8)
    assert again.notes == ("Out of memory: 4 sequences were run as 2 and 2.",)
    for one, two in zip(found.layers, again.layers, strict=True):
        assert close(one, two, 1e-5, 1e-9)
        for first, second in zip(one.checks, two.checks, strict=True):
            assert (first.name, first.verdict) == (second.name, second.verdict)
    monkeypatch.setattr(run, "forward_pass", Full(run.forward_pass, 0))
    with pytest.raises(DeviceMemoryError, match="one sequence must fit in memory; got 24 tokens"):
        trace(model, tokens)


def test_another_runtime_error_is_not_taken_for_one_of_memory(
    model: Any, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Any, part: Any) -> None:
        raise RuntimeError("a kernel does not exist")

    monkeypatch.setattr(run, "forward_pass", broken)
    with pytest.raises(RuntimeError, match="does not exist"):
        trace(model, tokens)


@pytest.mark.parametrize("name", ["u", "step", "h", "y"])
def test_a_bound_that_is_too_low_is_caught(model: Any, tokens: Any, found: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:  # fmt: skip
    share = next(check.share for check in found.layers[0].checks if check.name == name)

    def lower(factor: float) -> Callable[..., Any]:
        def planted(block: Any, certified: bool = False) -> Any:
            limits = real_bounds(block, certified)
            assert limits is not None
            return replace(limits, **{name: getattr(limits, name) * share * factor}) if ".0." in block.name else limits

        return planted

    monkeypatch.setattr(limiting, "bounds", lower(1.001))
    assert not trace(model, tokens).violations
    monkeypatch.setattr(limiting, "bounds", lower(0.999))
    with pytest.raises(TraceError, match=r"^theorem layer-bound must hold on every trace; got .* at backbone.layers.0.mixer") as caught:  # fmt: skip
        sf.trace(model, tokens)
    assert [check.name for _, check in caught.value.found.violations] == [name]
    assert type(caught.value.found).__name__ == "Trace"
    assert "VIOLATED: layer-bound" in " ".join(repr(caught.value.found).split())


def test_weights_that_change_between_bound_and_run_are_caught(tokens: Any) -> None:
    model = mamba(2)

    def grow(module: Any, args: Any) -> None:
        with torch.no_grad():
            module.layers[1].mixer.in_proj.weight.mul_(1e3)

    handle = model.backbone.register_forward_pre_hook(grow)
    with pytest.raises(TraceError, match="layer-bound") as caught:
        trace(model, tokens)
    handle.remove()
    assert {layer.name for layer, _ in caught.value.found.violations} == {"backbone.layers.1.mixer"}


@pytest.mark.parametrize(
    ("key", "theorem"),
    [("full_max", "state-bound"), ("early", "state-forgetting"), ("late", "state-forgetting"), ("rounded", "gate-rounding")],
)  # fmt: skip
def test_a_scan_that_breaks_a_theorem_is_caught(model: Any, tokens: Any, monkeypatch: pytest.MonkeyPatch, key: str, theorem: str) -> None:  # fmt: skip
    def wrong(*arguments: Any) -> Any:
        sums = filled(*arguments)
        return {**sums, key: sums["gates"] * np.ones(3) if key == "rounded" else np.array(1 + 1e-6)}

    monkeypatch.setattr(watch, "filled", wrong)
    with pytest.raises(TraceError, match=f"^theorem {theorem} must hold"):
        trace(model, tokens)


def scanned(mixer: Any, u: Any) -> dict[str, np.ndarray]:
    """Sums of a scan of its own."""
    return filled(finished(scan_sums(s6_inputs(mixer, u), LIMITS["cpu"])))


def test_the_state_bound_is_attained_and_not_exceeded() -> None:
    """Constant inputs: the theorem's case of equality."""
    mixer = mamba(1).backbone.layers[0].mixer
    sums = scanned(mixer, torch.ones(1, 40, 2 * WIDTH))
    assert float(sums["full_max"]) == pytest.approx(1, rel=1e-12)
    (check,) = (c for c in checks(sums, None, "", 0.0, "", 0.0) if c.theorem == "state-bound")
    assert check.verdict == "HOLDS"


@pytest.mark.parametrize("rate", [-750.0, -94.0, -700.0])
def test_dead_rates_do_not_count_as_a_violation(rate: float) -> None:
    mixer = mamba(1).backbone.layers[0].mixer
    with torch.no_grad():
        mixer.A_log.fill_(rate)
    u = torch.randn(2, 30, 2 * WIDTH, generator=torch.Generator().manual_seed(0))
    sums = scanned(mixer, u)
    assert 0 < float(sums["full_max"]) <= 1 + 1e-9
    assert float(sums["late"]) <= 1
    assert (sums["rounded"] == sums["gates"]).all()


def test_thresholds_have_a_case_on_either_side(found: Any) -> None:
    layer = found.layers[0]
    for factor, word in ((0.999, True), (1.001, False)):
        assert replace(layer, numbers={**layer.numbers, "ratio": CONTINUOUS.value * factor}).continuous is word
    sums: Any = {"tokens": np.array(1.0), "own_sum": np.array(1.0), "own_size": np.array(1.0), "u_max": np.ones(1),
                 "step_max": np.ones(1), "h_max": np.ones(1), "y_max": np.ones(1), "full_max": np.ones(()), "early": np.ones(()),
                 "late": np.ones(()), "gates": np.ones(()), **dict.fromkeys(("rounded", "rounded_low", "rounded_high"), np.zeros(3))}  # fmt: skip
    for factor, word in ((0.99, "HOLDS"), (1.01, "VIOLATED")):
        rows = checks({**sums, "own_second": np.array(1 + factor * OWN_TERM.value)}, None, "", 0.0, False, 0.0)
        assert next(c.verdict for c in rows if c.theorem == "own-term-on-data") == word
    room = slack(2.0**-8, 16)
    assert room == pytest.approx(ROUNDINGS.value / 256, rel=1e-3)
    one = np.ones(1)
    limits = Bounds(one, one, one, one, one, one, 1.0, False)
    for factor, word in ((0.99, "HOLDS"), (1.01, "VIOLATED")):
        rows = checks(
            {**sums, "own_second": np.array(1.0), "u_max": np.ones(1) * (1 + factor * room)},
            limits,
            "",
            room,
            False,
            0.0,
        )
        assert next(c.verdict for c in rows if c.name == "u") == word
    assert all(len(row.reason) > 20 for row in (CONTINUOUS, OWN_TERM, ROUNDINGS))
