"""Planted cases on either side of what measurements of checks and the reading of checkpoints decide.

One long file: tables of small cases, one for each threshold.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import SourceError
from s6flow.numeric.audit.report import chosen_layers
from s6flow.numeric.checks import measurements
from s6flow.numeric.checks.orbits import lead
from s6flow.numeric.checks.reach import carried_sign
from s6flow.numeric.checks.skip import skip
from s6flow.numeric.checks.threshold import JUDGED, READ, threshold
from s6flow.numeric.flow import Status, fastest_on_cpu, sampling
from s6flow.numeric.flow.clock import log_norm, log_time
from s6flow.numeric.flow.sampling import sampled
from s6flow.numeric.weights.checkpoint import Checkpoint, open_checkpoint
from s6flow.numeric.weights.layer import WithheldLayer
from s6flow.numeric.weights.locate import locate
from s6flow.numeric.weights.readers import probed_suffix
from s6flow.proofs.registry import get
from s6flow.symbolic.ends import End

# ---- the start of token 2 that parts two orders of blow-up


def test_without_a_step_that_grows_the_threshold_is_a_ratio() -> None:
    """s = 0: d ln rho/dw = rho^2 - c with w = ln|x_1/x_1(0)| and c = 1 - q, so that rho^-2 - 1/c grows like e^(2 c w), and what is
    left of T_1 = 1/(2 mu Delta x_1^2) is e^(-2 w) of it.
    """
    mu, rate, b = np.array([0.5, 4.0, 4.0]), np.array([0.7, 0.2, 0.2]), np.array([0.0, 1.0, 1.0])
    step = np.logaddexp(0.0, b)
    c = 1 - np.exp(-rate * step)
    off = (1 / c - 1) * JUDGED**c  # of 1/c, for rho = 1 when it is judged
    first = np.array([2.0, -3.0, -3.0])
    share = np.sqrt(c) * [0.9, 0.9, 1.1]
    data = {
        "mu": mu[:, None], "a": rate[:, None], "s": np.zeros(3), "b": b, "floor": np.zeros(3),
        "x0": np.stack([first, [1, -1, 1] * share * np.abs(first), np.full(3, 1e-3)], axis=1),
    }  # fmt: skip
    seen = threshold(get("follower-threshold"), {**data, "x0": data["x0"][:, :2]}, fastest_on_cpu())
    np.testing.assert_allclose(seen["threshold"][:, 0], np.abs(first) / np.sqrt(1 / c - off), rtol=1e-6)
    np.testing.assert_allclose(seen["ratio_near"][:, 0], 1 / np.sqrt(1 / c - off * READ**-c), rtol=1e-4)
    exact = 1 / (2 * mu * step * first**2)
    assert all(seen[name].shape == (3, 1) for name in ("valid", "threshold", "ratio_near", "T", "T_first"))
    np.testing.assert_allclose(seen["T_first"][:, 0], exact, rtol=1e-9)
    np.testing.assert_allclose(seen["T"][:2, 0], exact[:2], rtol=1e-8)
    assert seen["T"][2, 0] < exact[2] * (1 - 1e-4)
    # far behind the parting rho falls like |x_1|^-(1 - q), and grows beyond every bound on the other side
    assert (seen["ratio"][:, 0, 0] == 1).all()
    assert (seen["ratio"][:2, 0, 1] < 1e-3).all()
    assert seen["ratio"][2, 0, 1] > 1e3
    third = threshold(get("follower-threshold"), data, fastest_on_cpu())
    np.testing.assert_array_equal(third["threshold"], seen["threshold"])


# ---- one token with skip, and steps in reach


@pytest.mark.parametrize(
    ("distance", "s", "decided"),
    [(0.0099, 0.0, False), (0.0101, 0.0, True), (-0.0099, 0.0, False), (-0.0101, 0.0, True), (0.0099, -1e-9, True), (0.0099, 1e-9, False)],
)  # fmt: skip
def test_a_start_beside_the_rest_is_undecided_where_it_repels(distance: float, s: float, decided: bool) -> None:
    """mu Delta = -1: h = -y^2, d = 1, and the distance from rest is |1 - 1/y^2|."""
    data = {
        "d_skip": np.ones(1), "mu": np.full((1, 1), -1 / np.log(2)), "s": np.full(1, s), "b": np.zeros(1), "floor": np.zeros(1),
        "y": np.sqrt(1 / (1 - np.full(1, distance))),
    }  # fmt: skip
    assert np.isfinite(skip(get("skip-equilibria"), data, "")["y_t"]).all() == decided


@pytest.mark.parametrize(
    ("s", "soft", "floor", "x0", "sign"),
    [
        (1.0, 1.5, 0.5, [1.0, -0.5], -1.0),  # token 2 lets its step fall to the floor, by way of K < 0
        (1.0, 1.5, 0.5, [-1.0, 0.5], 1.0),  # the first token is not carried
        (1.0, 1.5, 0.5, [1.0, -0.5, 0.5], -1.0),
        (1.0, 1.5, 0.5, [1.0, 0.0], 1.0),
        (-1.0, 1.5, 0.5, [-1.0, 0.0], 1.0),
        (-1.0, 1.5, 0.5, [-1.0, 0.5], -1.0),
        (1.0, 0.5, 0.5, [1.0, 0.5], -1.0),  # Delta(0) = 1 lies where K < 0
        (0.0, 0.05, 0.5, [1.0, 0.5], -1.0),  # 1.1 = 2 Delta(0) does
        (0.0, 1.0, 0.5, [1.0, 0.5], 1.0),  # no multiple of 1.5 does
        (0.0, 0.2, 0.0, [1.0, 0.5], -1.0),
    ],
)
def test_K_between_two_roots_is_met_or_not(s: float, soft: float, floor: float, x0: list[float], sign: float) -> None:
    """mu K = q (q - e^-0.8)(q - e^-1.4) in the gate q = e^-step: negative on steps from 0.8 to 1.4."""
    first, second = math.exp(-0.8), math.exp(-1.4)
    data = {
        "mu": np.array([[first * second, -(first + second), 1.0]]), "a": np.array([[1.0, 2.0, 3.0]]), "s": np.full(1, s),
        "b": np.log(np.expm1(np.full(1, soft))), "floor": np.full(1, floor), "x0": np.array([x0]),
    }  # fmt: skip
    assert carried_sign(data)[0] == sign


@pytest.mark.parametrize(
    ("own", "other", "floor", "wanted"),
    [
        (0.5, 0.2, 0.0, 0.3), (0.5, 0.2, 0.1, 0.3), (0.5, -1.0, 0.0, 0.5), (0.5, -math.inf, 0.0, 0.5), (1.5, -math.inf, 0.0, 1.0),
        (-0.5, -1.0, 0.0, 0.5), (-0.5, -1.0, 0.1, -1.0), (-0.5, -math.inf, 0.0, 1.0), (0.0, -1.0, 0.0, 1.0), (0.0, -1.0, 0.1, -1.0),
    ],
)  # fmt: skip
def test_the_lead_of_a_channel_s_step(own: float, other: float, floor: float, wanted: float) -> None:
    """Over another entry of the column and zero where it is positive; over the other entry alone where it is not."""
    assert lead(np.array([own]), np.array([other]), np.array([floor]))[0] == pytest.approx(wanted)


# ---- how tokens of a check end


@pytest.mark.parametrize(
    ("status", "log_t", "tokens", "ends"),
    [
        # (|x(0)|, ln|x| at the end), s = 1
        (Status.HORIZON, 300.0, [(1.0, 0.9e-12), (2.0, math.log(2.0))], [End.STATIONARY, End.STATIONARY]),
        (Status.HORIZON, 300.0, [(1.0, 1.1e-12), (2.0, math.log(2.0))], [None, None]),
        (Status.HORIZON, 300.0, [(0.0, -math.inf), (1.0, -15.1)], [End.STATIONARY, End.CONVERGENT]),
        (Status.HORIZON, 300.0, [(0.0, -math.inf), (3.0, math.log(3.0))], [End.STATIONARY, End.STATIONARY]),
        (Status.HORIZON, 300.0, [(1.0, -14.9), (math.exp(-16), -15.5)], [None, None]),
        (Status.HORIZON, 300.0, [(1.0, math.log(60.1)), (1.0, math.log(59.9))], [End.SLOW, None]),
        (Status.HORIZON, 300.0, [(70.0, math.log(65.0)), (1.0, 800.0)], [None, End.SLOW]),
        (Status.HORIZON, 300.0, [(65.0, math.log(65.0)), (1.0, 800.0)], [None, End.SLOW]),  # it is where it began
        (Status.BLOW_UP, 0.0, [(1.0, 230.0), (1.0, -10.1)], [End.FAST, End.CONVERGENT]),
        (Status.BLOW_UP, 0.0, [(1.0, 0.0), (1.0, -9.9)], [End.FAST, None]),
        (Status.BLOW_UP, 0.0, [(math.exp(-11), -10.5), (math.exp(-11), -11.5)], [End.FAST, End.CONVERGENT]),
    ],
)
def test_the_word_for_the_end_of_a_token(
    status: Status,
    log_t: float,
    tokens: list[tuple[float, float]],
    ends: list[End | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = SimpleNamespace(
        status=np.array([status]),
        final_log_time=np.array([log_t]),
        final_log_abs=np.array([[end for _, end in tokens]]),
    )
    monkeypatch.setattr(measurements, "integrate", lambda *given, **options: run)
    data = {
        "x0": np.array([[start for start, _ in tokens]]),
        "mu": [[1.0]],
        "a": [[1.0]],
        "s": [1.0],
        "b": [0.0],
        "floor": [0.0],
    }
    theorem = get("dichotomy")
    found = measurements.MEASUREMENTS["fate"](theorem, {key: np.asarray(value) for key, value in data.items()}, "numpy")
    np.testing.assert_array_equal(found["fate"][0, 0], [math.nan if end is None else float(end) for end in ends])


# ---- work time


@pytest.mark.parametrize("theta", [1e-8, 1e-3, 1.0, 10.0, 29.4, 29.9, 30.0, 30.1, 30.4, 31.0, 45.0, 70.0, 700.0])
def test_time_from_its_logarithmic_clock(theta: float) -> None:
    """ln t = ln t_0 + ln(e^theta - 1), to the last digits on either side of where the formula changes."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.expm1(theta)))
    assert abs(log_time(np.array([theta]), np.zeros(1))[0] - exact) <= 4 * np.spacing(abs(exact))


def test_the_norm_of_velocities() -> None:
    """The eighth power's, for sizes whose eighth power is no float64; nothing moves at -inf."""
    with np.errstate(all="raise", divide="ignore"):
        found = log_norm(np.array([[3e-200, 4e-200], [0.0, 0.0], [-5e200, 0.0]]))
    assert found == pytest.approx(
        [np.log(3.0**8 + 4.0**8) / 8 - 200 * np.log(10), -np.inf, np.log(5) + 200 * np.log(10)]
    )


# ---- times worth looking at


def watched(monkeypatch: pytest.MonkeyPatch, *times: list[float]) -> list[dict[str, Any]]:
    """Runs that blow up at these times, one list a run; what each of them is asked for."""
    asked: list[dict[str, Any]] = []

    def run(x0: Any, params: Any, **options: Any) -> Any:
        asked.append(options)
        return SimpleNamespace(blow_up_time=np.array(times[len(asked) - 1]), number=len(asked))

    monkeypatch.setattr(sampling, "integrate", run)
    return asked


@pytest.mark.parametrize(("end", "start"), [(sampling.LOG_HORIZON, -4.0), (4.5, -4.0), (3.5, -4.5), (0.0, -8.0)])
def test_outputs_are_even_where_nothing_blows_up(end: float, start: float, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = watched(monkeypatch, [math.inf])
    run, known = sampled([1.0], None, end)  # type: ignore[arg-type]
    assert len(asked) == run.number == 1  # type: ignore[attr-defined]
    np.testing.assert_array_equal(asked[0]["log_times"], np.linspace(start, end, 200))
    assert asked[0]["rtol"] == 1e-10
    assert np.isnan(known).all()


@pytest.mark.parametrize(("systems", "runs"), [(16, 3), (17, 1)])
def test_large_batches_are_not_sampled_towards_each_blow_up(
    systems: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = watched(monkeypatch, *[[2.0] + [math.inf] * (systems - 1)] * 3)
    sampled([1.0], None)  # type: ignore[arg-type]
    assert len(asked) == runs


@pytest.mark.parametrize(
    ("times", "rtol", "known"),
    [
        # (first, finer, at the outputs) of each system, and how well its time is known; None: the first run stands
        ([(2.0, 2.0 + 2e-9, 2.0 + 1e-9), (math.inf,) * 3], 1e-10, [2e-9, math.nan]),
        ([(2.0, 2.0, 2.0), (5.0, 5.0, 5.0)], 1e-10, [2e-12, 5e-12]),
        ([(2.0, 2.0, 2.0), (5.0, 5.0, 4.0)], 1e-13, [2e-12, 1.0]),
        ([(2.0, 2.0, 2.0), (math.inf, 5.0, 5.0)], 1e-10, [2e-12, math.nan]),
        ([(2.0, 2.0, 2.0), (5.0, 5.0, math.inf)], 1e-10, None),
        ([(2.0, math.inf, 2.0), (5.0, 5.0, 5.0)], 1e-10, None),
        ([(2.0, math.inf, math.inf)], 1e-10, None),
    ],
)
def test_three_runs_say_how_well_a_blow_up_is_known(
    times: list[tuple[float, ...]], rtol: float, known: list[float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = watched(monkeypatch, *(list(run) for run in zip(*times, strict=True)))
    run, spread = sampled([1.0], None, 3.0, 5, rtol, backend="numpy")  # type: ignore[arg-type]
    assert [options["backend"] for options in asked] == ["numpy"] * 3
    fine = {"rtol": min(rtol, 1e-12), "log_horizon": 3.0, "max_steps": 20_000, "backend": "numpy"}
    assert asked[1] == fine
    towards = -np.expm1(-np.linspace(0.05, 12.0, 5))
    outputs = [time * towards for time in sorted({second for _, second, _ in times if math.isfinite(second)})]
    if not all(math.isfinite(first) for first, *_ in times):
        outputs.append(np.exp(np.linspace(-5.0, 3.0, 5)))
    np.testing.assert_allclose(asked[2].pop("times"), np.sort(np.concatenate([*outputs, np.empty(0)])), rtol=1e-14)
    assert asked[2] == fine
    assert run.number == (1 if known is None else 3)  # type: ignore[attr-defined]
    np.testing.assert_allclose(spread, np.full(len(times), math.nan) if known is None else known, rtol=1e-6)


# ---- which layers, which files


def named(layers: str, withheld_names: str = "") -> Checkpoint:
    """A checkpoint of layers with names of one letter, of which only those are asked for."""

    class Named(Checkpoint):
        def __init__(self) -> None:
            self.source = "here"

        layer_names = tuple(layers)  # type: ignore[assignment]
        withheld = tuple(WithheldLayer(name, "values", "why") for name in withheld_names)  # type: ignore[assignment]

    return Named()


@pytest.mark.parametrize(
    ("word", "chosen"),
    [("2", ["c"]), ("000000002", ["c"]), ("0000000002", None), ("3", None), ("b", ["b"]), ("[ab]", ["a", "b"]), ("-1", None)],
)  # fmt: skip
def test_layers_by_name_pattern_or_number(word: str, chosen: list[str] | None) -> None:
    checkpoint = named("ab", "c")
    if chosen is None:
        with pytest.raises(SourceError, match="It has: a, b, c\\."):
            chosen_layers(checkpoint, [word])
    else:
        assert list(chosen_layers(checkpoint, [word])) == chosen


@pytest.mark.parametrize(("names", "listed"), [("abcd", "a, b, c, d."), ("abcde", "a, b, c, d, ...")])
def test_four_layers_are_listed(names: str, listed: str) -> None:
    with pytest.raises(SourceError) as caught:
        chosen_layers(named(names), ["x"])
    assert f"It has: {listed}" in str(caught.value)


@pytest.mark.parametrize(("count", "more"), [(0, "no tensor at all"), (5, "t0, t1, t2, t3, t4"), (7, "t0, t1, t2, t3, t4 and 2 more")])  # fmt: skip
def test_five_tensors_are_listed(count: int, more: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "file.npz", **{f"t{index}": np.zeros(2) for index in range(count)})  # type: ignore[arg-type]
    with pytest.raises(SourceError) as caught:
        open_checkpoint(tmp_path / "file.npz")
    text = str(caught.value)
    assert more in text
    assert (" more" in text) == (count > 5)


def test_a_folder_holds_one_model_and_says_what_else_it_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing"):
        locate(str(tmp_path))
    for index in range(6):
        (tmp_path / f"{index}.txt").write_text("")
    with pytest.raises(SourceError, match=r"0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt[^,]"):
        locate(str(tmp_path))
    for index in range(5):
        (tmp_path / f"m{index}.npz").write_bytes(b"")
    with pytest.raises(SourceError, match=r"m0\.npz, m1\.npz, m2\.npz, m3\.npz[^,]"):
        locate(str(tmp_path))


def test_a_file_is_known_by_how_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for names, suffix in ((["a.npy", "note"], ".npz"), (["x/data.pkl", "x/version"], ".pt")):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "0")
        assert probed_suffix(path) == suffix
    for content, wanted in (
        (b"\x80\x02", ".pt"), (b"8" + b"\0" * 7 + b"{}", ".safetensors"), (b"0" * 9, None), (b"0" * 7 + b"{", None), (b"", None),
    ):  # fmt: skip
        path.write_bytes(content)
        assert probed_suffix(path) == wanted
