"""What measurements of checks look at: which outputs, which tokens, which channels, each beside its definition."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import measurements, normalised, vectors
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.measurements import LOG_TIMES, MEASUREMENTS
from s6flow.numeric.flow.oracles import closed_form_s0
from s6flow.proofs.registry import REGISTRY

Data = dict[str, Any]


def drawn(key: str, count: int, shape: Shape) -> Data:
    theorem = REGISTRY[key]
    return construct(theorem, shape, np.random.default_rng(1).random((count, dimension(theorem, shape))))


def bare(**options: Any) -> Any:
    """A theorem of which only the options are read."""
    return SimpleNamespace(id="bare", options=options)


FALLING = {
    "x0": np.array([[1.0, 0.5], [2.0, -1.0]]), "mu": np.array([[-1.0, -0.5]] * 2), "a": np.array([[1.0, 2.0]] * 2), "s": np.array([0.5, 1.0]),
    "b": np.zeros(2), "floor": np.full(2, 0.1),
}  # fmt: skip


class Asked(Exception):
    """Says what a measurement asks of the flow."""


@pytest.mark.parametrize(("name", "stride", "count"), [("late", 20.0, 3), ("slow", 100.0, 3)])
def test_late_moments_are_evenly_spaced_multiples_of_the_first(
    name: str, stride: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Powers of t are read between outputs: e^20 apart where tokens fall like powers, ln t = 100, 200, 300 where they grow like ln t."""

    def run(*given: Any, **options: Any) -> Any:
        raise Asked(options["log_times"])

    monkeypatch.setattr(measurements, "integrate", run)
    with pytest.raises(Asked) as found:
        MEASUREMENTS[name](bare(), FALLING, "numpy")
    np.testing.assert_array_equal(found.value.args[0], stride * np.arange(1, count + 1))
    with pytest.raises(Asked) as found:
        MEASUREMENTS[name](bare(log_times=(1.0, 2.0)), FALLING, "numpy")
    np.testing.assert_array_equal(found.value.args[0], [1.0, 2.0])


def test_ordinary_moments_go_from_before_anything_moves_to_a_trillion() -> None:
    assert math.exp(LOG_TIMES[-1]) == pytest.approx(1e12, rel=1e-12)
    assert (LOG_TIMES[0], sorted(LOG_TIMES)) == (-12.0, list(LOG_TIMES))
    assert min(np.diff(LOG_TIMES)) == 1.5, "between -2 and 1, where most tokens move"


@pytest.mark.parametrize(("options", "horizon"), [({}, 300.0), ({"log_horizon": 40}, 40.0)])
def test_ends_are_awaited_up_to_the_time_that_thresholds_speak_of(
    options: Data, horizon: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*given: Any, **asked: Any) -> Any:
        raise Asked(asked["log_horizon"])

    monkeypatch.setattr(measurements, "integrate", run)
    with pytest.raises(Asked) as found:
        MEASUREMENTS["fate"](bare(**options), FALLING, "numpy")
    assert found.value.args == (horizon,)


def test_outputs_that_serve_as_the_one_before_are_not_judged() -> None:
    found = MEASUREMENTS["slow"](bare(first=1, log_times=(1.0, 2.0, 3.0)), FALLING, "numpy")
    np.testing.assert_array_equal(found["valid"], [[False, True, True]] * 2)
    np.testing.assert_allclose(found["ratio_before"][:, 1:], found["ratio"][:, :-1])
    late = MEASUREMENTS["late"](bare(skip=2, log_times=(1.0, 2.0, 3.0)), FALLING, "numpy")
    np.testing.assert_array_equal(late["valid"], [[False, False, True]] * 2)


def test_a_stack_is_off_by_its_worst_token() -> None:
    """s = 0 and one rate: both tokens in closed form, against layers of x + x F / L written out."""
    x0, mu, a = np.array([1.0, -0.1]), -0.8, 0.7
    data = {
        "x0": x0[None], "mu": np.array([[mu]]), "a": np.array([[a]]), "s": np.zeros(1), "b": np.zeros(1), "floor": np.zeros(1),
    }  # fmt: skip
    delta = math.log(2.0)
    gate = math.exp(-a * delta)

    def rates(x: np.ndarray) -> np.ndarray:
        return mu * delta * np.array([x[0] ** 2, x[1] ** 2 + gate * x[0] ** 2])

    span = 0.2 / np.abs(rates(x0)).max()
    exact = closed_form_s0([span], x0, mu, a, delta)[0]
    found = MEASUREMENTS["stack"](bare(), data, "numpy")
    for name, layers in (("error_h", 256), ("error_half", 512)):
        x = x0.copy()
        for _ in range(layers):
            x = x + span * x * rates(x) / layers
        assert found[name][0, 0] == pytest.approx(np.abs(x - exact).max(), rel=1e-6)
    assert found["valid"][0, 0]


# ---- vector tokens


@pytest.mark.parametrize("every", [False, True])
def test_norms_are_of_token_one_or_of_all(every: bool) -> None:
    theorem = REGISTRY["definite-converges"]
    data = drawn(theorem.id, 3, Shape(3, 2, 2, 1))
    options = {**({"tokens": "all"} if every else {}), "log_times": (-60.0, -50.0)}
    found = vectors.vector(bare(**options), data, "numpy")
    x = data["x"]
    sizes = np.sqrt((x**2).sum(axis=(1, 2) if every else 2))
    wanted = sizes if every else sizes[:, 0]
    np.testing.assert_allclose(found["norm_0"], np.repeat(wanted[:, None], 2, axis=1))
    np.testing.assert_allclose(found["norm_t"], found["norm_0"], rtol=1e-12)  # nothing has moved yet
    np.testing.assert_allclose(found["norm_s"], found["norm_0"], rtol=1e-12)
    np.testing.assert_allclose(found["entry_t"][:, 0], x[:, 0], rtol=1e-12)
    steps = np.logaddexp(0.0, data["b"]) + data["floor"][:, None]
    np.testing.assert_allclose(found["delta_first"][:, 0], steps[:, 0])
    np.testing.assert_allclose(found["delta_second"][:, 0], steps[:, 1])


def test_a_layer_of_one_channel_has_its_own_step_twice() -> None:
    theorem = REGISTRY["definite-converges"]
    data = drawn(theorem.id, 2, Shape(2, 2, 2, 1))
    one = {key: value[..., :1] if key in ("S_B", "S_C", "S_dt_in", "b", "x") else value for key, value in data.items()}
    one |= {"S_dt_out": data["S_dt_out"][:, :1], "a": data["a"][:, :1]}
    found = vectors.vector(bare(log_times=(-60.0,)), one, "numpy")
    np.testing.assert_array_equal(found["delta_second"], found["delta_first"])
    assert (found["form_gap"] == 1.0).all(), "what is no form of two channels is as far off as can be"


def test_ranks_and_power_sums_of_both_products_agree() -> None:
    theorem = REGISTRY["rank-reduction"]
    data = drawn(theorem.id, 4, Shape(1, 3, 6, 1))
    found = vectors.spectra(theorem, data, "numpy")
    np.testing.assert_allclose(found["spectrum"], found["small"], rtol=1e-9, atol=1e-9 * found["spectrum_size"].max())
    for row in range(4):
        M = data["S_C"][row].T @ data["S_B"][row]
        assert found["matrix_rank"][row, 0] == np.linalg.matrix_rank(M)
        powers = [np.linalg.matrix_power(M, k) for k in (1, 2, 3)]
        np.testing.assert_allclose(found["spectrum_size"][row, 0], [np.linalg.norm(P) * math.sqrt(6) for P in powers])


# ---- behind a norm, and on a sphere


def turn(t: float, scale: float = 1.0) -> tuple[Data, Data]:
    theorem = REGISTRY["direction-clock"]
    data = drawn(theorem.id, 2, Shape(3, 2, 3, 1))
    data |= {name: scale * data[name] for name in ("S_C", "beta_C", "skip")}
    data["x"] *= np.array([1.0, 3.0, 0.2])[None, :, None] / np.linalg.norm(data["x"], axis=2, keepdims=True)
    data["t"] = np.full(2, t)
    return data, normalised.prenorm_turn(theorem, data, "numpy")


def test_a_direction_is_followed_for_a_share_of_the_time_of_the_fastest_token() -> None:
    data, found = turn(0.05)
    first = normalised.output_behind_norm(data["x"], data, normalised.layer_arrays(data, True))
    fastest = np.linalg.norm(first, axis=2).max(axis=1)
    np.testing.assert_allclose(found["later"][:, 0], 0.05 * 0.2 / fastest, rtol=1e-9)
    np.testing.assert_array_equal(found["earlier"], 0.0)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_of_a_direction_that_is_not_followed_only_its_start_is_seen(scale: float) -> None:
    data, found = turn(1e5, scale)
    first = normalised.output_behind_norm(data["x"], data, normalised.layer_arrays(data, True))[:, 0]
    speed = normalised.orthogonal_speed(data["x"][:, 0], first)
    np.testing.assert_array_equal(found["later"], 0.0)
    np.testing.assert_array_equal(found["turned"], 0.0)
    np.testing.assert_allclose(found["turn_max"][:, 0], speed)


@pytest.mark.parametrize(("share", "followed"), [(0.04, True), (0.06, False)])
def test_a_step_that_moves_a_token_by_a_twentieth_is_too_rough(share: float, followed: bool) -> None:
    """Of a token alone, whose steps are shares of its own length but for how it turns within one."""
    theorem = REGISTRY["direction-clock"]
    data = drawn(theorem.id, 2, Shape(1, 2, 3, 1)) | {"t": np.full(2, share * normalised.STEPS)}
    assert (normalised.prenorm_turn(theorem, data, "numpy")["later"][:, 0] > 0).tolist() == [followed] * 2


def test_a_channel_that_is_not_used_has_no_slope() -> None:
    theorem = REGISTRY["sphere-sinks"]
    data = drawn(theorem.id, 2, Shape(1, 2, 3, 1))
    x = data["x"]
    x[:, 0] *= 1.0 / np.abs(x[:, 0, :1])  # an entry of one beside one of zero
    x[:, 0, 2] = 0.0
    found = normalised.sphere_sinks(theorem, data, "numpy")
    np.testing.assert_array_equal(found["sink_slope"][:, 0, 2], 0.0)
    assert np.isfinite(found["sink_slope"][:, 0]).all()
    np.testing.assert_array_equal(found["entry_0"][:, 0], x[:, 0])
    moves = found["sink_slope"][:, 0, 1]
    assert (moves != 0).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_neighbourhood_of_a_sink_follows_the_lead_of_its_step(channels: int) -> None:
    """Steps that turn alike with every entry, apart by their biases: by 2 it reaches farther than by 0.1; alone it asks nothing."""
    ones = np.ones((2, 1, channels))
    data = {
        "S_B": ones, "S_C": ones, "S_dt_in": 0.3 * ones, "S_dt_out": np.ones((2, channels, 1)), "beta_B": np.zeros((2, 1)), "beta_C": np.zeros((2, 1)),
        "a": np.ones((2, channels, 1)), "b": np.array([[2.0] + [0.0] * (channels - 1), [2.0] + [1.9] * (channels - 1)]), "floor": np.zeros(2),
        "x": np.array([[[1.0] + [0.01] * (channels - 1)]] * 2),
    }  # fmt: skip
    found = normalised.sink_letters(data)
    assert found["off_axis"] == pytest.approx([0.01 if channels > 1 else 0.0] * 2)
    wide, narrow = found["near"]
    assert wide == narrow if channels == 1 else wide > 1.5 * narrow > 0
    np.testing.assert_allclose(found["sink_of"][:, 0], 0.0, atol=1e-15)


@pytest.mark.parametrize(
    ("update", "moved"), [(0.9, 1.0), (1.1, 1.0), (-0.9, 1.0), (-0.2, 0.0), (-0.3, 1.0), (0.4, 0.0), (0.6, 1.0)]
)
def test_an_update_moves_a_state_by_its_sign(update: float, moved: float) -> None:
    """1 in 10 bits: the next number above is 2^-9 away, the one below half as far; an update below half of that is lost."""
    unit = 2.0**-9
    data = {
        "decay": np.ones(1),
        "width": np.ones(1),
        "bits": np.full(1, 10.0),
        "h_state": np.ones(1),
        "update": np.full(1, update * unit),
    }
    found = MEASUREMENTS["rounding"](bare(), data, "numpy")
    steps = round(update) if update > 0 else round(2 * update) / 2
    assert found["bits_moved"][0, 0] == abs(steps) * unit * 2**10
    assert (found["bits_moved"][0, 0] > 0) == bool(moved)


@pytest.mark.parametrize(("moment", "seen"), [(99, False), (100, True), (600, True)])
def test_a_swing_counts_from_a_sixth_of_the_run_on(moment: int, seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def path(x: np.ndarray, arrays: Data, times: np.ndarray) -> np.ndarray:
        assert times.shape[1] == 601
        logs = np.full((len(x), 601, 3), -0.5)
        logs[:, moment, 1] = 0.0
        return logs

    monkeypatch.setattr(normalised, "sphere_path", path)
    data = {"x": np.array([[[1.0, 2.0, 3.0]]]), "turn": np.ones(1), "pull": np.full(1, 0.4), "floor": np.zeros(1)}
    found = normalised.sphere_cycle(REGISTRY["sphere-cycle"], data, "numpy")
    assert (found["swing_t"] > 0.3).all() == seen
    assert (found["swing_t"] == 0).all() != seen
