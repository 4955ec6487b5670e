"""Phase diagram in the scaled variables: fate and blow-up time over (s x_1(0), b, a), with the criteria on top."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, SymLogNorm
from numpy.typing import NDArray

from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, evaluate, formula
from s6flow.symbolic.assumptions import predicate
from s6flow.symbolic.codegen.module import generate

SIZE = (3.3, 5.0)
PARAMETERS: dict[str, Any] = {
    "mu": 1.0,
    "s": 1.0,
    "floor": 0.0,
    "points": 80,
    "scaled": [-4.0, 4.0],
    "b": [-4.0, 4.0],
    "log10_a": [-2.0, 1.3],
    "second": 0.7,
    "pair_b": 0.0,
    "bisections": 6,
    "mixed_mu": [-1.0, 1.5],
    "mixed_slow_a": 0.2,
    "mixed_x0": [1.0, 0.01],
    "mixed_log10_a": [-1.5, 1.3],
    "log_horizon": 40.0,
    "rtol": 1e-7,
}


def _axis(name: str) -> NDArray[np.float64]:
    low, high = PARAMETERS[name]
    return np.linspace(low, high, PARAMETERS["points"])


def _integrate(x0: NDArray[np.float64], params: FlowParameters) -> Any:
    return integrate(x0, params, log_horizon=PARAMETERS["log_horizon"], rtol=PARAMETERS["rtol"])


def data() -> Data:
    """Three sections of the diagram: one token, two tokens with one decay rate, two tokens with mixed signs."""
    p = PARAMETERS
    scaled, b = np.meshgrid(_axis("scaled"), _axis("b"))
    single = _integrate((scaled / p["s"])[..., None], FlowParameters([p["mu"]], [1.0], p["s"], b, p["floor"]))
    letters = {"x0": (scaled / p["s"])[..., None], "s": np.full_like(scaled, p["s"])}
    slow = _holds("slow-starts", letters)
    first, log_a = np.meshgrid(_axis("scaled"), _axis("log10_a"))
    pair = np.stack([first, np.full_like(first, p["second"])], axis=-1) / p["s"]
    two = _integrate(pair, FlowParameters([p["mu"]], 10.0 ** log_a[..., None], p["s"], p["pair_b"], p["floor"]))
    fast_log_a, mixed_b = np.meshgrid(_axis("mixed_log10_a"), _axis("b"))
    a = np.stack([np.full_like(mixed_b, p["mixed_slow_a"]), 10.0**fast_log_a], axis=-1)
    mixed = _integrate(np.asarray(p["mixed_x0"]), FlowParameters(p["mixed_mu"], a, p["s"], mixed_b, p["floor"]))
    growth = mixed.final_log_abs[..., 1] - np.log(p["mixed_x0"][1])
    return as_data(
        scaled=_axis("scaled"),
        b=_axis("b"),
        log10_a=_axis("log10_a"),
        mixed_log10_a=_axis("mixed_log10_a"),
        single_time=np.where(single.status == Status.BLOW_UP, single.blow_up_time, np.nan),
        single_slow=slow.astype(float),
        single_bound=evaluate(
            "blow_up_bound", y0=scaled / p["s"], mu=np.array([p["mu"]]), s=p["s"], b=b, floor=p["floor"]
        ),
        pair_time=np.where(two.status == Status.BLOW_UP, two.blow_up_time, np.nan),
        pair_token=two.blow_up_token,
        pair_boundary=_boundary(_axis("log10_a"), two.blow_up_token == 1),
        mixed_share=growth / (mixed.final_log_abs[..., 0] - np.log(p["mixed_x0"][0])),
        mixed_k0=evaluate("carried_zero", mu=np.array(p["mixed_mu"]), a=a, b=mixed_b, floor=p["floor"]),
    )


def _boundary(log10_a: NDArray[np.float64], first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """s x_1(0) from which on token 1 blows up first, one a decay rate, by bisection over integrated flows.

    Args:
        first: where it does on the grid, between whose points the bisection begins; shape (decay rate, s x_1(0)).
    """
    p = PARAMETERS
    place = first.argmax(axis=1)
    low, high = _axis("scaled")[place - 1], _axis("scaled")[place]
    params = FlowParameters([p["mu"]], 10.0 ** log10_a[:, None], p["s"], p["pair_b"], p["floor"])
    for _ in range(p["bisections"]):
        middle = 0.5 * (low + high)
        run = _integrate(np.stack([middle, np.full_like(middle, p["second"])], axis=-1) / p["s"], params)
        above = run.blow_up_token == 1
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def _holds(key: str, letters: dict[str, Any]) -> NDArray[np.bool_]:
    """Where the assumption `key` holds for every token, by its generated predicate."""
    program = generate(predicate(key), "numpy")
    value = np.asarray(program(*(letters[name] for name in program.inputs)), dtype=bool)
    return np.asarray(value.all(axis=-1) if value.ndim > letters["s"].ndim else value)


def draw(canvas: Canvas, data: Data) -> None:
    """(a) over (s x_1(0), b), (b) over (s x_1(0), a), (c) over (a_2, b)."""
    axes = canvas.subplots(3, 1)
    finite = np.concatenate([data["single_time"].ravel(), data["pair_time"].ravel()])
    finite = finite[np.isfinite(finite)]
    norm = LogNorm(max(finite.min(), 1e-3), min(finite.max(), 1e5), clip=True)
    top, middle, bottom = axes
    image = _field(top, data["scaled"], data["b"], data["single_time"], norm)
    top.contour(data["scaled"], data["b"], data["single_slow"], levels=[0.5], colors="black", linewidths=1.1)
    top.text(-2.0, 0.0, "slow divergence\n$T=\\infty$", ha="center", va="center", color="#6b4700")
    top.text(2.6, -3.3, "fast divergence", ha="center", color="black")
    top.set_xlabel("$s\\,x_1(0)$")
    top.set_ylabel("$b$")
    palette.panel(top, "a", r"one token, $\mu>0$: blow-up time")
    _field(middle, data["scaled"], data["log10_a"], data["pair_time"], norm)
    middle.plot(data["pair_boundary"], data["log10_a"], color="black", lw=1.1)
    middle.text(-1.7, -0.35, "token 2\nblows up first", ha="center", va="center", color="black")
    middle.text(2.75, -0.35, "token 1\nblows up first", ha="center", va="center", color="black")
    middle.set_xlabel("$s\\,x_1(0)$")
    middle.set_ylabel(r"$\log_{10}a$")
    palette.panel(middle, "b", f"two tokens, $s\\,x_2(0)={PARAMETERS['second']:g}$")
    canvas.colorbar(image, ax=[top, middle], label="blow-up time $T$", aspect=28, pad=0.02, extend="both")
    limit = float(np.nanmax(np.abs(data["mixed_share"])))
    scale = SymLogNorm(0.01, vmin=-limit, vmax=limit, linscale=0.5)
    share = bottom.pcolormesh(
        data["mixed_log10_a"], data["b"], data["mixed_share"], cmap="PuOr_r", norm=scale, rasterized=True
    )
    bottom.contour(data["mixed_log10_a"], data["b"], data["mixed_k0"], levels=[0], colors="black", linewidths=1.1)
    bottom.text(
        0.62, 0.9, "token 2 tends to 0 as\ntoken 1 blows up", ha="center", va="center", fontsize=6.5, color="white"
    )
    bottom.text(-0.9, -1.6, "both grow", ha="center", va="center", fontsize=6.5)
    bottom.set_xlabel(r"$\log_{10}a_2$")
    bottom.set_ylabel("$b$")
    palette.panel(bottom, "c", r"$\mu_n$ of both signs; black: $K(0)=0$")
    bar = canvas.colorbar(share, ax=bottom, aspect=14, pad=0.02)
    bar.set_label(r"$\Delta\ln|x_2|\,/\,\Delta\ln|x_1|$")
    bar.set_ticks([-1, -0.1, -0.01, 0, 0.01, 0.1, 1], labels=["-1", "-0.1", "-0.01", "0", "0.01", "0.1", "1"])
    bar.ax.minorticks_off()
    for ax in axes:
        ax.grid(False)


def _field(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64], value: NDArray[np.float64], norm: LogNorm) -> Any:
    ax.set_facecolor("#fdf1d9")
    return ax.pcolormesh(x, y, np.ma.masked_invalid(value), norm=norm, cmap="viridis_r", rasterized=True)


def caption(data: Data) -> str:
    """What is seen."""
    slow = data["single_slow"].astype(bool)
    agree = int((slow == np.isnan(data["single_time"])).sum())
    sign = int(((data["mixed_share"] < 0) == (data["mixed_k0"] < 0)).sum())
    return (
        f"$\\mu>0$ in the scaled variables; colour: integration by generated code, black lines: criteria. (a) The "
        f"assumption "
        f"`slow-starts` separates slow from fast; it agrees with the integrated fate up to $\\ln "
        f"t={PARAMETERS['log_horizon']:g}$ in "
        f"{agree} of {slow.size} cells; $T\\le{formula('blow_up_bound')}$ in all others. (b) Which of two tokens "
        f"blows up first; the line is found by bisection. (c) "
        f"With two decay rates, $a_1={PARAMETERS['mixed_slow_a']:g}$, the second token's growth relative to the "
        f"first up to "
        f"$|x_1|=10^{{100}}$ has the sign of $K(0)$ in {sign} of {data['mixed_k0'].size} cells. "
        f"Theorems: {cited('phase-diagram')}."
    )
