"""`integrate`, `classify`, `certify`: outputs worth looking at, ends in words, documents."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import s6flow as sf
from s6flow.api.trajectory import Flow
from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow import AxisParameters, FlowParameters
from s6flow.numeric.flow import integrate as solve
from s6flow.numeric.flow.sampling import LOG_HORIZON, sampled
from s6flow.symbolic.ends import OBSERVED, End


@pytest.fixture(scope="module")
def coexistence() -> Flow:
    """One token blows up while the other dies."""
    return sf.integrate([1.0, 0.5], mu=[-1, 1.5], a=[0.2, 4], b=1, points=60)


@pytest.fixture(scope="module")
def batch() -> Flow:
    """A blow-up, slow growth, and a blow-up of mixed signs."""
    return sf.integrate([[1.0, 0.5], [-1.0, -0.5], [0.3, -0.4]], mu=[1.0], points=40)


def test_outputs_crowd_towards_a_blow_up(coexistence: Flow) -> None:
    remaining = np.asarray(coexistence.table().data["T_minus_t"])
    assert len(remaining) == 60
    assert np.allclose(np.diff(np.log(remaining[:-10])), np.diff(np.log(remaining))[0], rtol=1e-2)
    assert remaining[-1] < 1e-5 * coexistence.blow_up_time
    assert np.all(np.diff(coexistence.table().data["x_1"]) > 0)


def test_outputs_without_a_blow_up_are_even_in_ln_t() -> None:
    flow = sf.integrate([1.0], mu=[-1.0], points=30)
    assert np.allclose(np.diff(flow.log_times), np.diff(flow.log_times)[0])
    assert flow.log_times[-1] == LOG_HORIZON
    assert flow.reached.all()
    assert sf.integrate([1.0], mu=[-1.0], horizon=np.e**3, points=5).log_times[-1] == pytest.approx(3.0)


def test_a_batch_is_sampled_towards_each_blow_up(batch: Flow) -> None:
    for system in (0, 2):
        table = batch[system].table().data
        assert min(table["T_minus_t"]) < 1e-5 * batch.blow_up_time[system]
    assert batch[1].final_log_time == pytest.approx(LOG_HORIZON)
    assert np.isnan(batch.blow_up_time_error[1])
    assert (batch.blow_up_time_error[[0, 2]] < 1e-8 * batch.blow_up_time[[0, 2]]).all()


def test_a_large_batch_shares_one_grid() -> None:
    x0 = np.linspace(0.5, 1.0, 17)[:, None]
    run, error = sampled(x0, FlowParameters([1.0], [1.0], 1.0), points=9)
    assert len(run.log_times) == 9
    assert np.isnan(error).all()
    run, error = sampled(x0[:16], FlowParameters([1.0], [1.0], 1.0), points=9)
    assert len(run.log_times) == 16 * 9
    assert np.isfinite(error).all()


def test_ends_of_a_run_do_not_depend_on_its_outputs(coexistence: Flow) -> None:
    plain = solve([1.0, 0.5], FlowParameters([-1, 1.5], [0.2, 4], 1.0, 1.0))
    assert coexistence.blow_up_time == pytest.approx(float(plain.blow_up_time), rel=1e-10)
    given = sf.integrate([1.0, 0.5], FlowParameters([-1, 1.5], [0.2, 4], 1.0, 1.0), times=[0.1, 0.2, 0.5])
    assert given.reached.tolist() == [True, True, False]


def test_prediction_and_end_are_words(coexistence: Flow, batch: Flow) -> None:
    assert coexistence.predicted == ("coexistence", "coexistence")
    assert coexistence.observed == "coexistence"
    text = repr(coexistence)
    assert "ended: blow-up at T = 0.37222868284, first by token 1" in text
    assert "as predicted: x_1 not below its start when the system blows up; x_2 tends to 0" in " ".join(text.split())
    assert max(map(len, text.splitlines())) < 80
    assert "2 fast, 1 slow" in repr(batch)
    ends = sf.classify(batch)
    assert ends.words.tolist() == ["fast", "slow", "fast"]
    assert set(ends.words.tolist()) <= set(OBSERVED)
    assert ends.table("tokens").data["end"][2:4] == ["diverges like ln t"] * 2
    assert sf.classify(coexistence).words == "coexistence"
    assert repr(sf.classify(coexistence)).startswith(
        "coexistence: token 1 not below its start when the system blows up; token 2"
    )


def test_a_system_of_a_batch_is_that_system(batch: Flow) -> None:
    alone = sf.integrate([0.3, -0.4], mu=[1.0], points=40)
    assert batch[2].blow_up_time == pytest.approx(float(alone.blow_up_time), rel=1e-9)
    assert batch[2].predicted == alone.predicted
    assert [flow.batch_shape for flow in batch] == [(), (), ()]
    with pytest.raises(FormatError, match="a system must be in the batch"):
        batch[3]
    with pytest.raises(FormatError, match="Take flow"):
        _ = batch.observed


def test_documents_are_plain(coexistence: Flow, batch: Flow) -> None:
    one = json.loads(json.dumps(coexistence.to_json(), allow_nan=False))
    assert one["schema"] == "s6flow-simulate/2"
    assert (one["predicted"], one["observed"], one["agrees"]) == ("coexistence", "coexistence", True)
    assert one["tokens"][1]["carried_zero"] == pytest.approx(one["tokens"][1]["rate"], rel=1e-3)
    assert len(one["trajectory"]) == 60
    many = json.loads(json.dumps(batch.to_json(), allow_nan=False))
    assert [row["observed"] for row in many["systems"]] == ["fast", "slow", "fast"]


def test_other_flows_have_tables_but_no_predictions() -> None:
    with pytest.raises(FormatError, match="theory predicts ends of the bilinear flow; got EquationFlow"):
        _ = sf.integrate([1.0], sp.Symbol("x") ** 2).predicted
    biased = AxisParameters([1.0], [-1.0], [0.5], [0.0], [1.0], 1.0)
    flow = sf.integrate([0.5, 1.0], biased, points=12)
    assert flow.table().columns == ("ln_t", "t", "x_1", "x_2")
    assert repr(flow).startswith("ended: horizon")
    with pytest.raises(FormatError, match="bilinear flow"):
        flow.to_json()


@pytest.mark.parametrize(
    ("start", "options", "rows"),
    [(np.zeros((0, 3)), {}, 0), ([1.0], {"times": []}, 0), ([[1.0], [2.0]], {"times": [0.1]}, 2)],
)
@pytest.mark.parametrize("letters", [{"mu": -1.0}, {"params": sp.Symbol("x") ** 2}])
def test_runs_without_systems_or_outputs_have_tables(
    letters: dict[str, Any], start: Any, options: dict[str, Any], rows: int
) -> None:
    flow = sf.integrate(start, **letters, **options)
    assert len(flow.table().data["ln_t"]) == rows
    assert len(flow.table("ends").data["token"]) == np.size(start)
    assert repr(flow)
    flow.plot()


def test_a_blow_up_time_without_a_digit_says_so() -> None:
    """x = -1 / (1 + t^2 / 2): below a rest point that the absolute error carries it over, long after."""
    x, t = sp.symbols("x t")
    assert " give or take " in sf.integrate([-1.0], x**2 * t).ending()
    assert "give or take" not in sf.integrate([1.0], x**2 * t).ending()
    unit = sf.Equation(x**2 * t, unit=1e-30)
    assert sf.integrate([-1.0], unit).ended == "horizon"


def test_bad_input_is_one_line() -> None:
    for error, message, call in (
        (FormatError, "a flow is given by params or by mu; got neither", lambda: sf.integrate([1.0])),
        (FormatError, "got both", lambda: sf.integrate([1.0], FlowParameters([1], [1], 1), mu=[1])),
        (AssumptionError, "every a_n > 0", lambda: sf.integrate([1.0], mu=[1.0], a=0.0)),
        (FormatError, "agree on the state axis", lambda: sf.integrate([1.0], mu=[1.0, 2.0], a=[1.0])),
        (AssumptionError, "whole number of points, at least 2", lambda: sf.integrate([1.0], mu=[1.0], points=1)),
        (AssumptionError, "whole number of points, at least 2", lambda: sf.integrate([1.0], mu=[1.0], points=2.5)),
        (AssumptionError, "horizon must be a positive number", lambda: sf.integrate([1.0], mu=[1.0], horizon=-1)),
        *(
            (
                FormatError,
                f"{name} must be one number",
                lambda name=name: sf.integrate([1.0], mu=[1.0], **{name: [1, 2]}),
            )
            for name in ("horizon", "log_horizon", "rtol", "x_limit", "max_steps", "points")
        ),
        (FormatError, "points needs an array of numbers", lambda: sf.integrate([1.0], mu=[1.0], points="many")),
        (FormatError, "not both", lambda: sf.integrate([1.0], mu=[1.0], horizon=1, log_horizon=1)),
        (FormatError, "a certificate is of one system", lambda: sf.certify([[1.0]], [[1.0]])),
    ):
        with pytest.raises(error, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_pictures_show_every_token(coexistence: Flow, batch: Flow) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    ax = coexistence.plot()
    assert len(ax.lines) == 2
    assert ax.get_title() == "predicted coexistence, ended blow-up"
    assert ax.xaxis_inverted()
    assert len(batch.plot().lines) == 6
    assert [bar.get_width() for bar in sf.classify(batch).plot().patches] == [1, 2]
    assert batch.plot(ax) is ax


def test_a_certificate_says_what_follows_from_the_roots() -> None:
    found = sf.certify([-1, 1.5], [0.2, 4], b=1)
    assert found.can_fail is True
    assert found.table().columns == ("step_low", "step_high", "token", "attracts")
    root = found.to_json()["roots"][0]
    assert root["step_low"] < np.log1p(np.exp(root["token"] + 1)) < root["step_high"] + 1e-12
    assert "1 root of K, no others exist: the dichotomy can fail" in " ".join(repr(found).split())
    safe = sf.certify([1, 1.5], 1.0)
    assert safe.can_fail is False
    assert len(safe.table()) == 0
    curve = found.plot().lines[0]
    assert np.interp(root["token"], *curve.get_data()) == pytest.approx(0.0, abs=1e-3)


def test_the_ends_of_many_tokens_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = sf.integrate(np.array([2.0] + [0.1] * 9), mu=1.5, a=1.0, s=1.0, b=-1.0)
    assert flow.ended == "blow-up"
    stays = SimpleNamespace(tokens=np.full(10, int(End.LIMIT)))
    monkeypatch.setattr("s6flow.api.trajectory.classify", lambda found: stays)
    asked = list[int]()
    ends = type(flow).final_x.fget(flow)
    monkeypatch.setattr(type(flow), "final_x", property(lambda self: asked.append(1) or ends))
    assert sum(token["limit"] is not None for token in flow.token_ends()) == 9
    assert len(asked) == 1, "once a token it took minutes for 10^5 of them"
