"""The arrays that figures show, against limits and exact values that the figures' own code does not compute.

One long file: a case for each figure.
"""

from __future__ import annotations

import importlib
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.drawings import plane
from s6flow.paper_figures.figure import Data
from s6flow.proofs.registry import REGISTRY


@cache
def shown(module: str) -> Data:
    data: Data = importlib.import_module(f"s6flow.paper_figures.drawings.{module}").data()
    return data


def parameters(module: str) -> dict:
    return importlib.import_module(f"s6flow.paper_figures.drawings.{module}").PARAMETERS


def test_convergence_stays_below_the_bound_and_meets_its_constant() -> None:
    data = shown("convergence")
    assert (np.abs(data["x"]) <= data["bound"] * (1 + 1e-9)).all()
    # b = 0 and mu = -1: c_1 = 1 / (2 ln 2), c_2 = (1 - 2^-0.6) c_1
    assert data["constant"][0] == pytest.approx(1 / (2 * np.log(2)), rel=1e-12)
    assert data["constant"][1:] == pytest.approx(np.full(7, (1 - 2**-0.6) / (2 * np.log(2))), rel=1e-12)
    slope = np.diff(np.log(np.abs(data["x"][-2:])), axis=0)[0] / np.diff(np.log(data["t"][-2:]))
    assert slope == pytest.approx(np.full(8, -0.5), abs=0.01)
    off = np.abs(data["t"][:, None] * data["x"] ** 2 / data["constant"] - 1)
    assert off[-1, 0] < 1e-2
    assert (off[-1] < off[-20]).all()


def test_attention_of_the_convergent_case_falls_like_one_over_t() -> None:
    """t P_lj tends to mu Delta(0) exp(-(l - j) a Delta(0)) sqrt(c_l c_j), with the signs of the tokens."""
    data, p = shown("convergence"), parameters("convergence")
    size, lag = np.sqrt(data["constant"]) * np.sign(p["x0"]), np.arange(8)[:, None] - np.arange(8)
    limit = sum(p["mu"]) * np.log(2) * 2.0 ** (-p["a"][0] * lag) * np.outer(size, size)
    lower = lag >= 0
    assert (data["attention"][:, ~lower] == 0).all()

    def off(attention: np.ndarray, t: float) -> float:
        return float(np.abs(t * attention[lower] / limit[lower] - 1).max())

    drawn = [off(*pair) for pair in zip(data["attention"], data["attention_t"], strict=True)]
    assert drawn[0] > drawn[1] > drawn[2]
    assert drawn[2] < 0.4
    late = integrate(p["x0"], FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"]), times=[1e12])
    assert off(late.attention(0), 1e12) < 5e-3


def test_slow_tokens_are_of_the_order_of_ln_t() -> None:
    data = shown("slow")
    assert (np.abs(data["x"]) >= data["lower_bound"] * (1 - 1e-9)).all()
    assert (data["final_ratio"][1:] > 1).all()
    assert data["ratio"][-1] == pytest.approx(data["final_ratio"], rel=1e-3)
    late = data["log_t"] > 20
    off = np.abs(np.abs(data["x"][late, 0]) - data["expansion"][late])
    assert off[-1] < 0.25
    assert (np.diff(off) < 0).all()  # the remainder of the expansion tends to zero
    assert data["paper_rate"][0][late] == pytest.approx(data["log_t"][late] ** 2)
    assert data["paper_rate"][1][late] == pytest.approx(data["log_t"][late] ** 3)


def test_fast_time_profile_and_iterated_logarithm() -> None:
    data = shown("fast")
    exact = quad(lambda r: 1 / (r**3 * np.logaddexp(0, r)), 1.0, np.inf, epsrel=1e-12)[0]
    assert data["blow_up_time"] == pytest.approx([exact, exact], rel=1e-9)
    near = (data["remaining"] < 1e-3) & (data["remaining"] > 1e-8)
    slope = np.polyfit(np.log(data["remaining"][near]), np.log(data["x"][near, 0]), 1)[0]
    assert slope == pytest.approx(-1 / 3, abs=1e-3)
    assert data["profile"] == pytest.approx(1 / 3)
    offset = data["clock"] - data["log_abs"][:, [0, 2]]
    assert np.ptp(offset[-6:], axis=0) == pytest.approx([0, 0], abs=0.05)
    ratio = np.exp(data["log_abs"][:, 2] - data["log_abs"][:, 1])
    assert abs(ratio[-1] / ratio[-2] - 1) < 1e-5


@pytest.mark.slow
def test_plane_fates_follow_the_form() -> None:
    data = shown("plane")
    form = np.einsum("ki,pij,kj->pk", data["start"], data["matrix"], data["start"])
    assert (data["fate"][0] == 2).all()
    assert (data["fate"][2] == 0).all()
    assert data["fate"][1].tolist() == np.where(form[1] > 0, 2, 0).tolist()
    assert set(data["fate"][1]) == {0, 2}
    assert (data["fate"][3] == 1).all()
    end = data["end"][3]
    size = np.linalg.norm(end, axis=-1)
    assert (size > 1e-4).all()
    assert np.abs(np.einsum("ki,ij,kj->k", end, data["matrix"][3], end) / size**2).max() < 0.02


def test_plane_motion_is_radial_with_equal_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six starts instead of the figure's 42, on a shorter way."""
    few = {"starts": 4, "horizon": 30.0, "path_horizon": 30.0}
    monkeypatch.setattr(plane, "PARAMETERS", {**plane.PARAMETERS, **few})
    data = plane.data()
    assert data["start"].shape == (6, 2)
    path = np.nan_to_num(data["x"][1])
    cross = path[..., 0] * data["start"][:, None, 1] - path[..., 1] * data["start"][:, None, 0]
    scale = np.linalg.norm(path, axis=-1) * np.linalg.norm(data["start"], axis=-1)[:, None]
    assert (np.abs(cross) <= 1e-7 * scale + 1e-12).all()


@pytest.mark.slow
def test_phase_boundaries_are_those_of_the_criteria() -> None:
    data = shown("phase_diagram")
    assert (np.isnan(data["single_time"]) == data["single_slow"].astype(bool)).all()
    fast = ~np.isnan(data["single_time"])
    assert (data["single_time"][fast] <= data["single_bound"][fast] * (1 + 1e-6)).all()
    wrong = (data["mixed_share"] < 0) != (data["mixed_k0"] < 0)
    assert wrong.mean() < 0.02
    assert np.abs(data["mixed_k0"][wrong]).max(initial=0.0) < 0.1  # only beside the line, where the limit is slow
    assert set(np.unique(data["pair_token"])) == {1, 2}
    right = data["scaled"][None, :] > data["pair_boundary"][:, None]
    near = np.abs(data["scaled"][None, :] - data["pair_boundary"][:, None]) < 1e-3
    assert ((data["pair_token"] == 1) == right)[~near].all()  # the line parts the cells that it is drawn over


@pytest.mark.slow
def test_coexistence_witness() -> None:
    from s6flow.paper_figures.drawings.coexistence import rates

    data = shown("coexistence")
    delta = np.log1p(np.e)
    assert data["k0"][0] == pytest.approx((1.5 * np.exp(-4 * delta) - np.exp(-0.2 * delta)) / 0.5, rel=1e-12)
    assert data["k0"][0] == pytest.approx(-1.52232, abs=1e-5)
    assert data["blow_up_time"][0] == pytest.approx(0.372229, abs=1e-6)
    assert rates(data)[-1] == pytest.approx(data["k0"], rel=1e-6)
    assert np.isfinite(rates(data)).all()
    first, second = data["witness"].T
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) < 0).all()
    assert first[-1] > 50
    assert second[-1] < 1e-2


def test_coexistence_shows_only_channels_that_the_theorem_decides() -> None:
    from s6flow.numeric.criteria.system import axis_verdict
    from s6flow.numeric.flow import FlowParameters
    from s6flow.paper_figures.drawings import coexistence

    names, letters = coexistence.real_channels()
    assert 3 <= len(names) <= coexistence.MOST
    assert shown("coexistence")["name"].tolist() == ["witness", *names]
    for row in range(len(names)):
        params = FlowParameters(**{key: value[row] for key, value in letters.items()})
        side = -1.0 if letters["s"][row] < 0 else 1.0
        verdict = axis_verdict(params, side * np.asarray(coexistence.PARAMETERS["x0"]))
        assert verdict == ("coexistence", "coexistence")
    assert (shown("coexistence")["k0"] < 0).all()
    assert shown("coexistence")["carried"][:, 0] == pytest.approx(np.ones(5), abs=0.05)


@pytest.mark.slow
def test_real_weights_constants_and_control() -> None:
    data = shown("real_weights")
    keep = data["predicted"] > 0
    assert keep.sum() > 100
    off = np.abs(data["measured"][keep] / data["predicted"][keep] - 1)
    assert np.median(off) < 1e-2
    assert (off < 0.1).mean() > 0.95
    assert data["fraction"] == pytest.approx((data["mu"] < 0).mean(axis=1))
    assert ((data["control"] > 0) & (data["control"] < 1)).all()
    assert data["root_measured"] == pytest.approx(data["root_predicted"], rel=1e-3)
    assert len(data["root_measured"]) > 50


def test_stack_converges_at_first_order() -> None:
    data = shown("discretisation")
    order = np.log2(data["error"][:-1] / data["error"][1:])
    assert order[-1] == pytest.approx(1, abs=0.05)
    start = parameters("discretisation")["x0"]
    x, h = data["stack_x_0"], 1.0
    first = start[0] * (1 - 0.15 * h * start[0] ** 2 * np.logaddexp(0, 0.8 * start[0]))
    assert x[1, 0] == pytest.approx(first, rel=1e-12)
    inside = (data["depth"] >= 24) & (data["depth"] <= 64)
    assert (data["progress"][inside, 0] < 0.9).all()  # real depth is still on its way


def test_token_rates_attention_goes_to_the_token_that_explodes() -> None:
    data = shown("token_rates")
    token = int(data["blow_up_token"]) - 1
    assert data["received"].sum(axis=1) == pytest.approx(np.ones(len(data["received"])))
    assert int(data["received"][-1].argmax()) == token
    assert (np.abs(data["x"][-1, :token]) < 10 * np.abs(data["x"][0, :token])).all()
    assert np.abs(data["x"][-1, token]) > 50
    assert (np.diff(np.abs(data["x"]), axis=0) >= 0).all()  # mu > 0: every token grows
    ascending = data["order_token"][1]
    assert (ascending[ascending > 0] == parameters("token_rates")["tokens"]).mean() > 0.9


def test_table_shows_every_rate_of_the_registry_with_its_status() -> None:
    data = shown("rates_table")
    from s6flow.paper_figures.drawings import rates_table as table
    from s6flow.proofs.registry import get
    from s6flow.proofs.status import status

    assert len(data["rate"]) == sum(len(theorem.rates) for theorem in REGISTRY.values())
    assert [status(get(key)) for key in data["theorem"].tolist()] == data["status"].tolist()
    files = table.extra_files(data)
    for key in data["theorem"].tolist():
        assert f"`{key}`" in files["md"]
        assert rf"\texttt{{{key}}}" in files["tex"].replace(r"\allowbreak ", "")
    assert files["tex"].count(r"\\") >= len(data["rate"])
    assert {"paper", "ours"} == set(data["by"].tolist())


def test_graph_has_every_theorem_and_only_real_edges() -> None:
    data = shown("graph")
    from s6flow.symbolic.derivation import all_steps

    assert data["theorem"].tolist() == list(REGISTRY)
    steps = {number: step for number, _, step in all_steps()}
    named = {(data["step"][i], data["theorem"][j]) for i, j in data["rests_on"].tolist()}
    assert named == {(number, key) for number, step in steps.items() for key in step.theorems if key in REGISTRY}
    assert named
    assert all(i != j for i, j in data["uses"].tolist())


def test_every_cited_theorem_exists() -> None:
    for figure in FIGURES.values():
        assert all(key in REGISTRY for key in figure.theorems if key != "*"), figure.name


def test_rates_are_typeset_without_doubt() -> None:
    rates = shown("rates_table")["rate"].tolist()
    assert r"\frac{\left(\ln t\right) R_{l}}{\left|{s}\right|}" in rates
    assert r"\sqrt{\frac{1 - \kappa_{l}}{2 \delta_{0} t \left|{\mu}\right|}}" in rates
    assert r"\frac{1}{\sqrt[3]{3 \mu (T-t) \left|{s}\right|}}" in rates
    assert not any(r"\sqrt{2}" in rate or "3^{" in rate for rate in rates)
    assert not any(name in rate for rate in rates for name in (r"\limits", r"\log", "orientation", "Step"))
    conditions = shown("rates_table")["condition"].tolist()
    assert r"token 1, $s = 0$" in conditions
    assert r"$\varepsilon > 0$, $\mu_{n} \geq 0$, $\mu > 0$" in conditions


def test_one_orbit_has_the_three_ends() -> None:
    data = shown("orbits")
    assert data["fate"].tolist() == [0, 1, 1, 2]
    matrix = np.asarray(parameters("orbits")["form"])
    size = np.linalg.norm(data["start"], axis=1)
    forms = np.einsum("kd,de,ke->k", data["start"], matrix, data["start"]) / size**2
    assert (np.sign(forms) == [-1, 1, -1, 1]).all()
    assert len(data["zero"]) == 3
    assert (size[1], size[2]) == (pytest.approx(0.55, rel=0.1), pytest.approx(1.15, rel=0.1))
    assert size[1] < data["zero"][1] < size[2]  # two tokens come from both sides to the same zero
    ends = np.linalg.norm(data["x"][1:3, -1], axis=1)
    assert ends == pytest.approx([data["zero"][1]] * 2, rel=2e-3)
    dying = np.linalg.norm(data["x"][0], axis=1)
    late = data["t"][0] > 1e5
    delta = np.logaddexp(0, -3.0)  # of the channel with the smallest step, mu = -0.6
    assert float(data["constant"]) == pytest.approx(1 / (2 * 0.6 * delta), rel=1e-12)
    assert data["t"][0][late] * dying[late] ** 2 == pytest.approx(
        np.full(late.sum(), float(data["constant"])), rel=0.05
    )
    assert np.isfinite(data["blow_up_time"]).tolist() == [False, False, False, True]


def test_every_entry_of_a_token_moves_one_way() -> None:
    data = shown("orbits")
    for path, sign in zip(data["x"], (-1, 1, -1, 1), strict=True):
        sizes = np.abs(path)
        assert (sign * np.diff(sizes, axis=0) >= -1e-7 * sizes[1:] - 1e-9).all()  # below it the integrator is content
        assert (path > -1e-9).all()


def test_orbit_is_that_of_the_steps_alone() -> None:
    """ln|x_d| grows at the rate Delta_d along the orbit, by its neighbours' differences."""
    from s6flow.paper_figures.drawings import orbits

    whole, p = orbits.orbit(), orbits.PARAMETERS
    middle = np.sqrt(whole[1:] * whole[:-1])
    steps = np.logaddexp(0, middle @ np.asarray(p["S_Delta"]).T + p["b"])
    slopes = np.diff(np.log(whole), axis=0)
    near = np.diff(np.log(np.linalg.norm(whole, axis=1))) < 0.1
    ratio, expected = slopes / slopes[:, :1], steps / steps[:, :1]
    assert near.sum() > 10
    assert ratio[near] == pytest.approx(expected[near], rel=0.02)


def test_shares_obey_the_replicator_and_end_where_they_must() -> None:
    """Against the generated replicator, which the figure does not use."""
    from s6flow.paper_figures.drawings import competition
    from s6flow.symbolic import forms as fm
    from s6flow.symbolic.codegen.lower import lower_program
    from s6flow.symbolic.codegen.module import generate

    data, p = shown("competition"), competition.PARAMETERS
    velocity = generate(lower_program("share_velocity", {"velocity": fm.replicator()}, "theory-15", "p_d'"))
    assert data["step"] == pytest.approx(np.logaddexp(0, p["grows"]["b"]), rel=1e-12)
    for name in ("grows", "sinks", "cycle"):
        case, points = p[name], competition.lattice()
        x = np.sqrt(points)
        pace = np.logaddexp(0, case["cyclic"] * x @ competition.CYCLIC.T + case["own"] * x + np.asarray(case["b"]))
        inputs = {"p": points, "pace": pace, "form": points @ np.asarray(case["mu"])}
        expected = velocity(*(inputs[key] for key in velocity.inputs))
        own = competition.rates(competition.layer(case), x)
        found = 2 * points * (own - (points * own).sum(axis=1, keepdims=True))
        assert found == pytest.approx(np.asarray(expected), rel=1e-9, abs=1e-12)
    assert data["grows"].sum(axis=2) == pytest.approx(np.ones(data["grows"].shape[:2]))
    assert (data["grows"][:, -1, 2] > 0.999).all()  # the largest step
    assert (np.diff(data["grows"] @ data["step"], axis=1) > -1e-9).all()  # Fisher
    assert set(data["sinks_end"]) == {0, 1}
    end = data["sinks"][:, -1]
    assert (end[data["sinks_end"] == 0, 0] > 0.999).all()  # mu_1 < 0 and the smallest step
    assert np.abs(end[data["sinks_end"] == 1] @ p["sinks"]["mu"]).max() < 1e-3
    assert end[data["sinks_end"] == 1].max() < 0.9


def test_a_sink_attracts_at_the_rate_of_theory_16() -> None:
    from s6flow.paper_figures.drawings import competition

    case = competition.PARAMETERS["sinks"]
    times = np.linspace(0.0, 12.0, 121)
    p = competition.shares(case, np.array([[0.98, 0.01, 0.01]]), times)[0]
    delta = np.logaddexp(0, case["b"])
    slopes = np.diff(np.log(p[-2:, 1:]), axis=0)[0] / (times[-1] - times[-2])
    assert slopes == pytest.approx(-2 * case["mu"][0] * (delta[0] - delta[1:]), rel=1e-2)


def test_the_cycle_has_no_limit_and_slows_down() -> None:
    from s6flow.paper_figures.drawings import competition
    from s6flow.symbolic.assumptions import predicate
    from s6flow.symbolic.codegen.module import generate

    data, case = shown("competition"), competition.PARAMETERS["cycle"]
    rates = generate(predicate("cycle-rates"))
    values = {"turn": np.array([case["cyclic"]]), "pull": np.array([-case["own"]])}
    assert np.asarray(rates(*(values[name] for name in rates.inputs))).all()  # a system of `sphere-cycle`
    lead = data["cycle"].argmax(axis=1)
    changes = np.flatnonzero(np.diff(lead))
    assert len(changes) > 20
    assert set(np.diff(lead)[changes] % 3) == {int(np.diff(lead)[changes][0] % 3)}  # always to the same side
    dwell = np.diff(data["t"][changes])
    assert (dwell[-5:] > 1.1 * dwell[-6:-1]).all()
    assert data["cycle"][-1].max() > 0.99


def test_depth_and_states_show_what_the_traces_say() -> None:
    from s6flow.numeric.networks import read

    depth, states, traces = shown("depth"), shown("state_bounds"), read()
    assert states["network"].tolist() == list(traces)
    streams = {name: row for name, row in traces.items() if row["layers"][0]["numbers"]["rms"] is not None}
    layers = [len(row["layers"]) for row in streams.values()]
    assert depth["layers"].tolist() == sorted(layers, reverse=True)[: len(depth["layers"])]
    assert depth["known"] == len(streams) < len(traces)
    for place, name in enumerate(depth["network"].tolist()):
        row = traces[name]
        for at, layer in enumerate(row["layers"]):
            assert depth["turn"][place, at] == layer["numbers"]["turn"]
        count = len(row["layers"])
        assert np.isnan(depth["rms"][place, count:]).all()
        assert (depth["rms_after"][place, :count] <= depth["seen"][place, :count]).all()
        assert (depth["seen"][place, :count] <= depth["bound"][place, :count]).all()
    for place, row in enumerate(traces.values()):
        for at, layer in enumerate(row["layers"]):
            assert states["full_max"][place, at] == layer["numbers"]["full_max"]
            told = {check["name"]: check for check in layer["checks"]}
            assert states["share"][2, place, at] == told["h"]["share"]
    assert np.nanmax(states["full_max"]) <= 1 + 1e-9
    assert (states["full_q95"] <= np.ceil(512 * states["full_max"]) / 512)[np.isfinite(states["full_max"])].all()


def _deep(template: dict[str, object], layers: int) -> dict[str, object]:
    """A trace of so many layers whose stream grows linearly and whose turns are those of the clock, with some noise."""
    import copy

    from s6flow.numeric.trace import fitted

    deep: dict[str, object] = copy.deepcopy(template)
    rows = [copy.deepcopy(template["layers"][place % 4]) for place in range(layers)]  # type: ignore[index]
    noise = np.exp(0.05 * np.random.default_rng(layers).standard_normal(layers + 1))
    for place, layer in enumerate(rows):
        turn = 0.7 * noise[-1 - place] / (place + 1)
        change = {
            "rms": place + 1.0,
            "rms_after": (place + 2) * noise[place],
            "turn": turn,
            "sideways": 0.9 * noise[place],
        }
        layer["numbers"] |= {**change, "ratio": 1 / (place + 1)}
    for name, key, expected in (("growth", "rms_after", 1.0), ("turning", "turn", -1.0)):
        fit = fitted([layer["numbers"][key] for layer in rows], expected)
        deep[name] = {"exponent": fit.exponent, "low": fit.low, "high": fit.high, "verdict": fit.verdict}
    return {**deep, "layers": rows}


def test_depth_draws_networks_of_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of 24 and 48 layers behind the committed ones in the file come first, with their clocks, in legend and caption."""
    import matplotlib as mpl
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from s6flow.numeric.networks import read
    from s6flow.paper_figures import layout
    from s6flow.paper_figures.drawings import depth, state_bounds
    from s6flow.paper_figures.figure import Canvas
    from s6flow.paper_figures.render import STYLE

    template = read()["mixed"]
    traces = {
        **{f"shallow {place}": template for place in range(4)},
        "half": _deep(template, 24),
        "deep": _deep(template, 48),
    }
    for drawing in (depth, state_bounds):
        monkeypatch.setattr(drawing, "read", lambda: traces)
        data = drawing.data()
        with matplotlib.style.context(STYLE, after_reset=True), mpl.rc_context({"backend": "agg"}):
            canvas = Canvas(figsize=drawing.SIZE)
            FigureCanvasAgg(canvas)
            drawing.draw(canvas, data)
            canvas.draw_without_rendering()
        assert layout.defects(canvas) == []
        if drawing is depth:
            assert data["network"].tolist() == ["deep", "half", "shallow 0", "shallow 1"]
            assert data["growth"][:2, 0] == pytest.approx(1, abs=0.15)
            assert np.isfinite(data["clock"][0]).all()
            assert np.isfinite(data["clock"][1]).sum() == 24
            assert np.isnan(data["clock"][2:]).all()
            caption = drawing.caption(data)
            assert "the 4 deepest of 6 trained networks" in caption
            assert "deep growth" in caption
            assert "deep 48 of 48 layers below it" in caption
            shown_texts = [text.get_text() for text, _ in layout.texts(canvas)]
            assert any(text.startswith("deep: 48 layers, exponent") for text in shown_texts)


def test_the_clock_is_that_of_the_theorem_for_a_line_below_the_stream() -> None:
    """U = 2 and |x| = 3 + t/2 exactly, but for one larger value: the line is found, and the turns add up to the theorem's."""
    from s6flow.paper_figures.drawings import depth

    size = 3 + 0.5 * np.arange(9.0)
    size[4] = 9.0
    assert depth.support(size) == pytest.approx((3.0, 0.5))
    allowed = depth.clock(size[:-1], size[1:], np.full(8, 2.0))
    assert allowed.sum() == pytest.approx(2 / 0.5 * np.log(7 / 3))
    assert (np.diff(allowed) < 0).all()
    assert depth.support(size[::-1]) is None  # it falls: no line with m > 0 touches two points
    assert np.isnan(depth.clock(size[:0:-1], size[-2::-1], np.full(8, 2.0))).all()


def test_memory_spectra_are_those_of_the_zoo_and_of_layers_drawn_anew() -> None:
    import json

    from s6flow.numeric.experiments import shipped_checkpoint
    from s6flow.numeric.health import diagnose
    from s6flow.numeric.health.numbers import QUANTILES
    from s6flow.numeric.zoo import ZOO

    data = shown("memory")
    zoo = json.loads(ZOO.read_text())["checkpoints"]
    assert len(data["life"]) == sum(len(row["layers"]) for row in zoo)
    assert (np.diff(data["life"], axis=1) >= 0).all()
    assert (np.diff(data["untrained"], axis=1) >= 0).all()
    mine = data["checkpoint"] == "shipped: mixed"
    for place, layer in enumerate(diagnose(str(shipped_checkpoint("mixed"))).layers):
        for values, numbers in ((data["life"], layer.numbers), (data["untrained"], layer.untrained)):
            expected = [numbers[f"half_life_{name}"] for name in QUANTILES]
            assert values[mine][place] == pytest.approx(expected, rel=1e-3)
    dead = data["dead"].astype(bool)
    assert {name.split("/")[1] for name in data["checkpoint"][dead]} == {"CryptoMamba"}
