"""What decides at its edges: small functions of checks, audits, flows and readers, each against its definition.

One long file: a few lines for each of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError, SourceError
from s6flow.numeric.audit.simulation import observed
from s6flow.numeric.checks import judge, measurements, normalised
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.checks.reach import carried_sign
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.flow.oracles import token_one
from s6flow.numeric.flow.pointwise import scaled_variables
from s6flow.numeric.thresholds import TOKEN_LOW
from s6flow.numeric.weights import archives, locate
from s6flow.numeric.weights.memory import MemoryStore, config_of, plain_name
from s6flow.numeric.weights.readers import NamedStores
from s6flow.symbolic.ends import WORDS, End
from s6flow.symbolic.margin import IDLE

RNG = np.random.default_rng(5)


# ---- checks


def test_gaps_count_back_to_the_last_token_that_is_not_zero() -> None:
    x0 = np.array([[1.0, 0.0, 2.0, 3.0], [0.0, 0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(measurements.gaps(x0), [[1e6, 1.0, 2.0, 1.0], [1e6, 1e6, 1e6, 1.0]])


def test_shares_follow_their_recursion_and_zero_tokens_gate_alone() -> None:
    x0 = np.array([[1.0, -2.0, 0.0, 3.0, 0.5]])
    data = {
        "x0": x0,
        "mu": np.array([[-1.0, -0.4]]),
        "a": np.array([[0.5, 2.0]]),
        "b": np.array([0.2]),
        "floor": np.array([0.1]),
    }
    gate = np.exp(-data["a"][0] * (np.logaddexp(0, 0.2) + 0.1))
    share, kappa = np.zeros(2), []
    for x in x0[0]:
        share = share * gate
        kappa.append(share.sum())
        share = share + (data["mu"][0] / data["mu"][0].sum() * max(1 - kappa[-1], 0) if x else 0)
    np.testing.assert_allclose(measurements.shares(data)[0], kappa, rtol=1e-12)


def test_angles_speeds_and_swings() -> None:
    one, two = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 5.0], [-1.0, 0.0], [1.0, 1e-9]])
    np.testing.assert_allclose(normalised._angle(one, two), [np.pi / 2, np.pi, 1e-9], rtol=1e-12)
    x, v = RNG.normal(size=(2, 6, 3))
    exact = [np.linalg.norm(b - a * (a @ b) / (a @ a)) for a, b in zip(x, v, strict=True)]
    np.testing.assert_allclose(normalised._orthogonal(x, v), exact, rtol=1e-12)
    now = RNG.normal(size=(3, 7, 2))
    swing = [[max(np.ptp(row[k:], axis=0)) for k in range(7)] for row in now]
    np.testing.assert_allclose(normalised._swing(now), swing)
    arrays = {
        "S_dt_out": RNG.normal(size=(2, 3, 2)),
        "S_dt_in": RNG.normal(size=(2, 2, 3)),
        "b": RNG.normal(size=(2, 3)),
        "floor": np.array([0.0, 0.3]),
    }
    tokens = RNG.normal(size=(2, 4, 3))
    for k in range(2):
        drive = tokens[k] @ (arrays["S_dt_out"][k] @ arrays["S_dt_in"][k]).T + arrays["b"][k]
        np.testing.assert_allclose(
            normalised._steps(tokens, arrays)[k], np.log1p(np.exp(drive)) + arrays["floor"][k], rtol=1e-12
        )


def layer_data() -> dict[str, Any]:
    sizes = {
        "S_B": (2, 3, 4),
        "S_C": (2, 3, 4),
        "S_dt_in": (2, 2, 4),
        "S_dt_out": (2, 4, 2),
        "beta_B": (2, 3),
        "beta_C": (2, 3),
        "b": (2, 4),
        "skip": (2, 4),
        "gain": (2, 4),
    }
    drawn = {name: 0.5 * RNG.normal(size=size) for name, size in sizes.items()}
    return {
        **drawn,
        "a": np.exp(RNG.normal(size=(2, 4, 3))),
        "floor": np.array([0.0, 0.2]),
        "norm_floor": np.array([0.0, 1e-3]),
    }


@pytest.mark.parametrize("skip", [False, True])
def test_a_layer_behind_a_norm_is_the_written_one(skip: bool) -> None:
    data = layer_data()
    x = RNG.normal(size=(2, 3, 4))
    x[0, 1] = 0.0
    got = normalised._behind_norm(x, data, normalised._layer(data, skip))
    for k in range(2):
        state = np.zeros((4, 3))
        for token in range(3):
            v = x[k, token]
            size = np.sqrt((v**2).mean() + data["norm_floor"][k])
            n = data["gain"][k] * v / size if size else np.zeros(4)
            step = np.logaddexp(0, data["S_dt_out"][k] @ data["S_dt_in"][k] @ n + data["b"][k]) + data["floor"][k]
            state = np.exp(-data["a"][k] * step[:, None]) * state + np.outer(
                step * n, data["S_B"][k] @ n + data["beta_B"][k]
            )
            y = state @ (data["S_C"][k] @ n + data["beta_C"][k]) + (data["skip"][k] * n if skip else 0)
            np.testing.assert_allclose(got[k, token], y, rtol=1e-9, atol=1e-12)


def test_the_smallest_margin_of_a_system_and_its_moment() -> None:
    idle = float(IDLE)
    values = np.array(
        [
            [[3.0, 2.0], [1.0, 5.0]],
            [[idle, idle], [idle, idle]],
            [[np.nan, 1.0], [2.0, 0.5]],
            [[np.nan, -1.0], [2.0, -3.0]],
            [[idle, 1.2], [idle - 0.55, idle - 0.45]],
        ]
    )
    smallest, moments = judge._smallest(values, 5)
    np.testing.assert_array_equal(smallest, [1.0, np.inf, np.nan, -3.0, 1.2])
    np.testing.assert_array_equal(moments[[0, 2, 3, 4]], [1, 1, 1, 0])
    np.testing.assert_array_equal(judge._smallest(np.array(0.5), 3)[0], [0.5] * 3)
    np.testing.assert_array_equal(judge._smallest(np.array([[1.2, 1.0]]), 2)[1], [1, 1])
    np.testing.assert_array_equal(judge._smallest(np.array([1.2, 1.0]), 2)[0], [1.2, 1.0])
    data = {"x0": np.array([[0.0, 1.0, -2.0], [1.0, 2.0, 0.0]]), "s": np.array([1.0, 0.0])}
    np.testing.assert_array_equal(judge._outward(data), [1.0, 2.0])
    assert judge._count({"N": 2.0}) == 1


def test_the_sign_of_K_in_reach_for_planted_systems() -> None:
    """K = (3 e^-z - 2 e^-4z) and its mirror image; a floor is where steps begin, and s = 0 leaves multiples of Delta(0)."""
    mu = np.array([[3.0, -2.0], [-2.0, 3.0], [-2.0, 3.0], [-2.0, 3.0], [1.0, 2.0], [-2.0, 3.0]])
    a = np.array([[1.0, 4.0], [1.0, 4.0], [4.0, 1.0], [1.0, 4.0], [1.0, 4.0], [1.0, 1.001]])
    data = {
        "mu": mu,
        "a": a,
        "s": np.array([1.0, 1.0, -1.0, 0.0, 1.0, 1.0]),
        "b": np.zeros(6),
        "floor": np.array([0.0, 0.0, 0.1, 0.1, 0.0, 0.0]),
        "x0": np.array([[1.0, -1.0]] * 6),
    }
    signs = []
    for k in range(6):
        base = np.log(2.0) + data["floor"][k]
        below = data["s"][k] * -1.0 < 0
        steps = (
            np.arange(1, 400) * base
            if data["s"][k] == 0
            else np.linspace(data["floor"][k] if below else base, 60, 100_000)
        )
        K = (mu[k] * np.exp(-a[k] * steps[:, None])).sum(axis=1) * np.exp(a[k].min() * steps)
        signs.append(-1.0 if (K < 0).any() or mu[k][a[k].argmin()] < 0 else 1.0)
    np.testing.assert_array_equal(carried_sign(data), signs)


@pytest.mark.parametrize(("box", "certified"), [((0.1, 2.0), True), ((-2.0, 3.0), False)])
def test_boxes_are_split_where_they_are_wide(box: tuple[float, float], certified: bool) -> None:
    """states-nonnegative dropped: a box of mu_n that holds a violation is never certified."""
    letters = {
        "mu": [(-2.0, -1.0), (-2.0, -box[0] if certified else box[1])],
        "a": [1.0, (0.9, 1.1)],
        "s": (0.9, 1.0),
        "b": 0.0,
        "floor": 0.0,
        "x0": [(0.5, 0.6), 1.0],
    }
    found = certify_box("convergence-monotone", letters, max_boxes=60)
    assert found.certified is certified
    assert found.boxes <= 60
    assert certified == (not found.undecided)
    assert len(found.undecided) <= 5
    assert all(set(cell) >= {"mu[0]", "mu[1]", "s"} for cell in found.undecided)


def test_a_box_that_is_a_point_is_looked_at_once() -> None:
    point = {"mu": [-2.0, -1.0], "a": [1.0, 2.0], "s": 0.5, "b": 0.0, "floor": 0.0, "x0": [0.5, 1.0]}
    assert certify_box("convergence-monotone", point).boxes == 1


# ---- audits


def axis_result(**changes: Any) -> Any:
    fields = {
        "status": Status.HORIZON, "settled": False, "final_log_abs": -3.0, "final_x": np.exp(-3.0), "x0": 1.0, "final_log_time": 20.0, "reached": True,
        "slope": 0.0,
    } | changes  # fmt: skip
    late = np.array([[[fields["final_log_abs"] - fields["slope"]], [fields["final_log_abs"]]]])
    return SimpleNamespace(
        status=np.array([fields["status"]]), settled=np.array([fields["settled"]]), final_log_abs=np.array([[fields["final_log_abs"]]]),
        final_x=np.array([[fields["final_x"]]]), x0=np.array([[fields["x0"]]]), final_log_time=np.array([fields["final_log_time"]]),
        reached=np.array([[True, fields["reached"]]]), log_abs=late,
    )  # fmt: skip


AXIS: list[tuple[dict[str, Any], list[float] | None, End]] = [
    ({"status": Status.BLOW_UP}, [1.0], End.FAST),
    ({"status": Status.OVERFLOW}, [1.0], End.EXPONENTIAL),
    ({"status": Status.STEP_LIMIT, "settled": True}, [1.0], End.UNDECIDED),
    ({"settled": True, "final_log_abs": -11.0}, [1.0], End.CONVERGENT),
    ({"settled": True, "final_log_abs": 0.0, "final_x": 1.0009}, [1.0], End.ROOT),
    ({"settled": True, "final_log_abs": 0.0, "final_x": 1.0011}, [1.0], End.ELSEWHERE),
    ({"settled": True, "final_log_abs": 0.0, "final_x": -1.0}, [1.0], End.ELSEWHERE),
    ({"settled": True, "final_log_abs": 0.0, "final_x": 1.0}, None, End.ROOT),
    ({"slope": -0.5}, [1.0], End.CONVERGENT),
    ({"slope": -0.39}, [1.0], End.UNDECIDED),
    ({"slope": -0.5}, [0.01], End.UNDECIDED),
    ({"slope": -0.5}, [-0.01], End.CONVERGENT),
    ({"slope": -0.5, "final_log_time": 7.9}, [1.0], End.UNDECIDED),
    ({"slope": -0.5, "final_log_time": 8.0}, [1.0], End.CONVERGENT),
    ({"slope": -0.5, "reached": False}, [1.0], End.UNDECIDED),
    ({"slope": -0.5}, None, End.UNDECIDED),
    ({"slope": 0.05, "final_log_abs": 1.0, "final_x": np.e}, [1.0], End.SLOW),
    ({"slope": 0.05, "final_log_abs": 1.0, "final_x": np.e}, [3.0], End.UNDECIDED),
    ({"slope": 0.05, "final_log_abs": 1.0, "final_x": np.e}, [-3.0], End.SLOW),
    ({"slope": 0.024, "final_log_abs": 1.0, "final_x": np.e}, [1.0], End.UNDECIDED),
    ({"slope": 0.101, "final_log_abs": 1.0, "final_x": np.e}, [1.0], End.UNDECIDED),
    ({"slope": 0.05, "final_log_abs": 1.0, "final_x": np.e, "x0": -4.0}, [1.0], End.UNDECIDED),
]


@pytest.mark.parametrize(("changes", "roots", "end"), AXIS)
def test_runs_on_an_axis_end_by_the_rules(changes: dict[str, Any], roots: list[float] | None, end: End) -> None:
    found = observed.axis_fates(axis_result(**changes), None if roots is None else np.array(roots)[:, None])
    assert found.tolist() == [WORDS[end]]


PAIRS = [
    (1.0009, 1.0, End.FAST, Status.BLOW_UP, 1, End.LIMIT), (1.0011, 1.0, End.FAST, Status.BLOW_UP, 1, End.FAST), (0.5, 1.0, End.FAST, Status.BLOW_UP, 1, End.UNDECIDED),
    (0.5, 1.0, End.LIMIT, Status.BLOW_UP, 1, End.ELSEWHERE), (0.5, 1.0, End.FAST, Status.BLOW_UP, 2, End.FAST), (0.5, 1.0, End.SLOW, Status.HORIZON, 0, End.SLOW),
    (0.5, np.nan, End.LIMIT, Status.BLOW_UP, 1, End.LIMIT), (2.0, 1.0, End.COEXISTENCE, Status.BLOW_UP, 1, End.COEXISTENCE), (-1.0, -1.0, End.LIMIT, Status.BLOW_UP, 1, End.LIMIT),
    (1.0, 1.0, End.FAST, Status.HORIZON, 1, End.FAST),
]  # fmt: skip


@pytest.mark.parametrize(("x", "root", "end", "status", "token", "wanted"), PAIRS)
def test_pairs_end_by_the_rules(
    x: float, root: float, end: End, status: Status, token: int, wanted: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed, "classify", lambda result, blur: SimpleNamespace(systems=np.array([end])))
    result = SimpleNamespace(final_x=np.array([[9.0, x]]), status=np.array([status]), blow_up_token=np.array([token]))
    assert observed.pair_fates(result, np.array([root]), np.zeros((1, 1))).tolist() == [WORDS[wanted]]


# ---- flows


def test_an_absolute_tolerance_is_not_negative() -> None:
    params = FlowParameters([-1.0], [1.0], 1.0, 0.0, 0.0)
    for atol in (0.0, 0.5):
        assert integrate([0.5], params, times=[0.1], atol=atol).status == Status.HORIZON
    with pytest.raises(AssumptionError, match="atol must not be negative"):
        integrate([0.5], params, times=[0.1], atol=-1e-9)


def test_token_one_beyond_its_blow_up_is_refused() -> None:
    with pytest.raises(AssumptionError, match="before the blow-up"):
        token_one(1e9, 1.0, 1.0, 0.0, 0.0)
    exact = -0.5 * np.log1p(-2 * np.log(2) * 0.7)  # x' = x^3 ln 2 from 1
    assert token_one(0.7, 1.0, 1.0, 0.0, 0.0) == pytest.approx(exact, abs=1e-11)


def test_token_one_at_its_edges() -> None:
    assert token_one(1.0, 0.0, 1.0, 1.0, 0.0) == -np.inf
    assert token_one(1.0, -2.0, 0.0, 1.0, 0.0) == pytest.approx(np.log(2.0))
    with pytest.raises(AssumptionError, match="t must be positive"):
        token_one(0.0, 1.0, 1.0, 1.0, 0.0)
    for t in (1e-13, 1e-9, 0.1, 1.0):  # s = 0: x^-2 = x0^-2 - 2 mu Delta t
        delta = np.log(2.0) + 0.3
        for mu in (-0.7, 0.05):
            exact = -0.5 * np.log(0.25 - 2 * mu * delta * t)
            assert token_one(t, -2.0, mu, 0.0, 0.0, 0.3) == pytest.approx(exact, abs=1e-13)
            moved = -0.5 * np.log1p(-8 * mu * delta * t)
            assert token_one(t, -2.0, mu, 0.0, 0.0, 0.3) - np.log(2.0) == pytest.approx(
                moved, rel=1e-5 if t > 1e-10 else 0.02
            )


def test_scaled_variables_are_theory_4() -> None:
    params = FlowParameters([[2.0, -0.5], [-3.0, 1.0]], [[1.0, 2.0]] * 2, [-2.0, 4.0], [0.1, 0.2], [0.0, 0.3])
    x, scaled, unit = scaled_variables([[1.0, -2.0], [3.0, 0.5]], params)
    np.testing.assert_allclose(x, [[2.0, -4.0], [12.0, 2.0]])
    np.testing.assert_allclose(scaled.mu, [[4 / 3, -1 / 3], [-1.5, 0.5]])
    np.testing.assert_allclose(scaled.s, [-1.0, 1.0])
    np.testing.assert_allclose(unit, [1.5 / 4, 2 / 16])
    for mu, s in (([1.0, -1.0], 1.0), ([1.0, 1.0], 0.0)):
        with pytest.raises(AssumptionError, match="s != 0 and mu != 0"):
            scaled_variables([1.0], FlowParameters(mu, [1.0, 2.0], s, 0.0, 0.0))


def test_the_least_of_silu_is_its_minimum() -> None:
    y = np.linspace(-1.3, -1.25, 100_001)
    assert pytest.approx(float((y / (1 + np.exp(-y))).min()), abs=1e-11) == TOKEN_LOW


# ---- readers


def package(folder: Path, **files: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    for name, arrays in files.items():
        stem, kind = name.rsplit("_", 1)
        if kind == "npz":
            np.savez(folder / f"{stem}.npz", **arrays)
        else:
            save_file(arrays, folder / f"{stem}.safetensors")


LAYER = {"l.A_log": np.ones((2, 2), np.float32), "l.D": np.ones(2, np.float32)}
OTHER = {"l.weight": np.ones((2, 2), np.float32)}


def test_a_package_has_files_of_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_package_folders", lambda name: [tmp_path])
    with pytest.raises(SourceError, match="0 weight files and no A_log"):
        locate._open_package("planted")
    package(tmp_path, other_npz=OTHER)
    with pytest.raises(SourceError, match="files of one kind"):
        locate._open_package("planted")
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    package(tmp_path, one_npz=LAYER)
    assert sorted(locate._open_package("planted").infos) == ["l.A_log", "l.D"]
    package(tmp_path, two_npz=LAYER)
    store = locate._open_package("planted")
    assert store.format == "npz, 2 models"
    assert sorted(store.infos) == ["one/l.A_log", "one/l.D", "two/l.A_log", "two/l.D"]
    np.testing.assert_array_equal(store.read("two/l.A_log").float64(), np.ones((2, 2)))
    package(tmp_path, three_st=LAYER)
    with pytest.raises(SourceError, match="files of one kind"):
        locate._open_package("planted")
    monkeypatch.setattr(locate, "_package_folders", lambda name: [])
    with pytest.raises(SourceError, match="installed package"):
        locate._open_package("planted")
    with pytest.raises(SourceError, match="at least one file"):
        NamedStores({}, "nowhere")


def test_a_model_in_memory_is_named_plainly() -> None:
    assert plain_name("_orig_mod.a.module.b") == "a.b"
    assert plain_name("a.my_module.b") == "a.my_module.b"
    assert config_of(SimpleNamespace()) is None
    assert config_of(SimpleNamespace(config=7)) is None
    assert config_of(SimpleNamespace(config={"a": 1})) == {"a": 1}
    assert config_of(SimpleNamespace(config=SimpleNamespace(to_dict=lambda: {"a": 2}))) == {"a": 2}
    torch = pytest.importorskip("torch")
    for model in (SimpleNamespace(named_parameters=list), SimpleNamespace(named_modules=list)):
        with pytest.raises(SourceError, match="must be a path"):
            MemoryStore(model)
    with pytest.raises(SourceError, match="must hold parameters"):
        MemoryStore(torch.nn.ReLU())
    linear = torch.nn.Linear(2, 3)
    torch.nn.utils.parametrize.register_parametrization(linear, "weight", torch.nn.Identity())
    assert MemoryStore(linear).infos["weight"].shape == (3, 2)
    assert MemoryStore(torch.nn.Sequential(linear)).infos["0.weight"].shape == (3, 2)


def test_an_archive_reads_no_more_than_a_directory_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with archives._Bounded(path) as handle:
        handle.most = 40
        assert len(handle.read(40)) == 40
        for size in (41, -1, None):
            with pytest.raises(ValueError, match="more than 40"):
                handle.read(size)
        handle.seek(60)
        assert len(handle.read()) == 40
        assert handle.read(0) == b""
        handle.most = None
        handle.seek(0, os.SEEK_SET)
        assert len(handle.read()) == 100
    arrays = {f"h{k}": np.zeros((4, 10)) for k in range(4)}
    np.savez(tmp_path / "a.npz", **arrays)
    store = archives.NpzStore(tmp_path / "a.npz")
    monkeypatch.setattr(archives, "_KEPT", 4 * 320)
    for name in arrays:
        store.bits(name, 1)
    assert list(store._kept) == list(arrays)
    monkeypatch.setattr(archives, "_KEPT", 3 * 320)
    store.bits("h0", 2)
    assert list(store._kept) == list(arrays), "what is kept is not kept again"
    store._kept.pop("h3")
    store.bits("h3", 0)
    assert list(store._kept) == ["h1", "h2", "h3"]
    monkeypatch.setattr(archives, "_LONGEST", 4 * 320)
    store._keep("h0", arrays["h0"])
    monkeypatch.setattr(archives, "_LONGEST", 4 * 320 - 1)
    with pytest.raises(FormatError, match="may have at most 240 bytes"):
        store._keep("h0", arrays["h0"])
    monkeypatch.setattr(archives, "_KEPT", 4 * 320)
    store._keep("h0", arrays["h0"])
