"""Fast divergence: the exact blow-up time, the -1/3 profile and the iterated logarithms behind it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from s6flow.numeric.flow import FlowParameters, blow_up_quadrature, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.levels import at_levels
from s6flow.paper_figures.theory import cited, evaluate, formula

SIZE = (3.3, 5.2)
PARAMETERS: dict[str, Any] = {
    "mu": [1.0],
    "a": [0.5],
    "s": 1.0,
    "b": 0.0,
    "floor": 0.0,
    "x0": [1.0, 0.6, -0.5, 0.4],
    "log10_remaining": [-0.3, -9.0, 70],
    "attention_remaining": [0.3, 1e-3, 1e-8],
    "log10_levels": [6.0, 100.0, 12],
}


def inherited_log(values: NDArray[np.float64], params: dict[str, Any]) -> NDArray[np.float64]:
    """G(r) = int^r dv / (v K(v)) from the smallest value on, K generated: the clock of a token behind a blow-up."""
    letters = {key: params[key] for key in ("mu", "a", "s", "b", "floor")}

    def integrand(log_r: float) -> float:
        return 1 / float(evaluate("carried", y=np.exp(log_r) * np.sign(params["s"]), **letters))

    ends = np.log(values)
    pieces = [quad(integrand, low, high, epsrel=1e-10)[0] for low, high in pairwise(ends)]
    return np.concatenate([[0.0], np.cumsum(pieces)])


def data() -> Data:
    """Tokens against T - t, tokens at |x_1| = 1e6 ... 1e100, and attention at three times before T."""
    p: dict[str, Any] = PARAMETERS
    params = FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"])
    exact = float(blow_up_quadrature(p["x0"][0], np.sum(p["mu"]), p["s"], p["b"], p["floor"]))
    high, low, count = p["log10_remaining"]
    remaining = np.union1d(np.logspace(low, high, int(count)), p["attention_remaining"])[::-1] * exact
    run = integrate(p["x0"], params, times=exact - remaining, horizon=2 * exact, rtol=1e-12)
    place = [int(np.argmin(np.abs(remaining / exact - value))) for value in p["attention_remaining"]]
    _, log_abs = at_levels(p["x0"], {key: p[key] for key in ("mu", "a", "s", "b", "floor")}, p["log10_levels"])
    return as_data(
        remaining=remaining,
        x=run.x,
        profile=np.asarray(evaluate("blow_up_profile", mu=p["mu"], s=p["s"])),
        blow_up_time=np.array([exact, float(run.blow_up_time)]),
        log_abs=log_abs,
        clock=np.stack([inherited_log(np.exp(log_abs[:, token]), p) for token in (1, 3)], axis=1),
        attention_remaining=remaining[place] / exact,
        attention=np.stack([run.attention(index) for index in place]),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) profile against T - t, (b) the iterated logarithm, (c) a ratio that settles, (d) attention."""
    upper, middle, lower = palette.parts(canvas, 1.45, 1.05, 1.1)
    top = upper.add_subplot()
    remaining, x = data["remaining"], np.abs(data["x"])
    for index in range(x.shape[1]):
        side = ">" if PARAMETERS["s"] * PARAMETERS["x0"][index] > 0 else "<"
        top.loglog(
            remaining,
            x[:, index],
            **palette.token_style(index),
            label=rf"token {index + 1}, $s\,x_{{{index + 1}}}(0){side}0$",
        )
    top.loglog(remaining, (data["profile"] / remaining) ** (1 / 3), **palette.LIMIT, label="profile of token 1")
    top.set_xlim(remaining[0], remaining[-1])
    palette.below(upper, top, 2)
    top.set_xlabel(r"time left, $T-t$")
    top.set_ylabel(r"$|x_l|$")
    palette.panel(top, "a", r"token 1 blows up like $(T-t)^{-1/3}$")
    left, right = palette.pair(middle, 1.25, 1)
    log_abs, clock = data["log_abs"], data["clock"]
    for column, (token, before) in enumerate(((1, 0), (3, 2))):
        size = np.exp(log_abs[:, token])
        left.semilogx(log_abs[:, 0], size, "o", **palette.token_style(token), label=f"token {token + 1}")
        drive = log_abs[:, before] - log_abs[-1, before] + clock[-1, column]
        left.plot(log_abs[:, 0], np.interp(drive, clock[:, column], size), **palette.LIMIT)
    palette.keys(left, ("predicted", palette.LIMIT))
    left.set_xlabel(r"$\ln|x_1|$")
    left.set_ylabel(r"$|x_l|$")
    left.set_xticks([20, 50, 100, 200], ["20", "50", "100", "200"])
    left.minorticks_off()
    left.set_ylim(0, 16)
    left.legend(loc="center left", bbox_to_anchor=(0.3, 0.36))
    palette.panel(left, "b", "the next ones lag")
    ratio = np.concatenate([x[:, 2] / x[:, 1], np.exp(log_abs[:, 2] - log_abs[:, 1])])
    right.semilogx(np.concatenate([np.log(x[:, 0]), log_abs[:, 0]]), ratio, **palette.token_style(2))
    right.axhline(ratio[-1], **palette.LIMIT)
    right.set_xlim(0.2, 300)
    right.set_xlabel(r"$\ln|x_1|$")
    right.set_ylabel(r"$|x_3/x_2|$")
    palette.panel(right, "c", "ratio settles")
    labels = [rf"$1-t/T={palette.power(value)}$" for value in data["attention_remaining"]]
    palette.attention_row(lower, "d", "hidden attention", data["attention"], labels, relative=True)


def caption(data: Data) -> str:
    """What is seen."""
    exact, measured = data["blow_up_time"]
    return (
        f"$\\mu>0$ and $s x_1(0)>0$. The blow-up time by quadrature of ${formula('blow_up_integrand')}$ is "
        f"$T={exact:.12g}$, by integration of the flow {measured:.12g}. (a) $(T-t)|x_1|^3$ tends to "
        f"${formula('blow_up_profile')}$ (dotted). (b) Tokens 2 and 4, with $s x_l>0$, follow "
        f"$G(|x_l|)=\\ln|x_{{l-1}}|$ + a "
        f"constant (dotted, matched at the last point), $G'(r)=1/(r K(r))$ with $K={formula('carried')}$: iterated "
        f"logarithms, hence unequal rates. (c) Token 3, with $s x_3<0$, keeps a fixed ratio to token 2. (d) Hidden "
        f"attention, over its largest entry. Theorems: {cited('fast-divergence')}."
    )
