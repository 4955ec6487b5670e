"""`integrate`, `classify` and `certify`: a flow from its numbers, how it ends in words, and the roots of K in balls.

One long file: a flow, its words and its certificate share one way of reading parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from s6flow.api.pictures import axes, stacked_bars
from s6flow.api.result import Result, Table
from s6flow.api.trajectory import Flow
from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.criteria.certify import RootCertificate, certify_K
from s6flow.numeric.criteria.numbers import evaluate
from s6flow.numeric.flow import FlowParameters, FlowResult, Parameters, Problem, Run
from s6flow.numeric.flow import classify as fates_of
from s6flow.numeric.flow import integrate as solve
from s6flow.numeric.flow.coordinates import coordinates_of
from s6flow.numeric.flow.equation import EquationFlow, flow_of
from s6flow.numeric.flow.fates import Fates
from s6flow.numeric.flow.parameters import finite_array, one_number
from s6flow.numeric.flow.sampling import LOG_HORIZON, sampled
from s6flow.symbolic.ends import COLOURS, ENDS, WORDS, End, word

if TYPE_CHECKING:
    import sympy as sp
    from matplotlib.axes import Axes

    from s6flow.symbolic.equation import Equation

__all__ = ["Certificate", "Ends", "certify", "classify", "integrate"]


def integrate(
    x0: ArrayLike,
    params: Parameters | EquationFlow | Equation | sp.Expr | None = None,
    *,
    parameters: Mapping[Any, ArrayLike] | None = None,
    mu: ArrayLike | None = None,
    a: ArrayLike = 1.0,
    s: ArrayLike = 1.0,
    b: ArrayLike = 0.0,
    floor: ArrayLike = 0.0,
    times: ArrayLike | None = None,
    log_times: ArrayLike | None = None,
    horizon: float | None = None,
    log_horizon: float | None = None,
    points: int = 200,
    rtol: float = 1e-10,
    x_limit: float | None = None,
    max_steps: int = 5_000,
    backend: str | Callable[[Problem], Run] = "numpy",
) -> Flow:
    """Integrate a flow, or a batch of flows, to a horizon or to the blow-up; x_l' = x_l F_l by default.

    Args:
        x0: tokens at depth-time 0 [1], any sign, shape (*batch, token); for a layer (*batch, token, channel).
        params: the flow, where it is not given by the letters below: also with biases, or a whole layer; or an equation of
            your own: x_l' as an expression in x, t and parameters, or an `sf.Equation` with a scan along the tokens.
        parameters: of an equation: letter -> numbers, shape (*batch), of a letter p[l] (*batch, token).
        mu: mu_n of either sign [1/(token^2 depth-time)], shape (*batch, state).
        a: decay rates a_n > 0, shape (*batch, state); one number serves all states.
        s, b, floor: slope [1/token], bias and floor of the step Delta(x) = softplus(s x + b) + floor, shape (*batch).
        times, log_times: outputs, t > 0 or ln t, ascending, shape (time). Without them `points` of them are chosen: evenly
            in ln t, and where a system blows up towards T, evenly in ln(T - t) (batches of more than 16: in ln t).
        horizon, log_horizon: where to stop, t or ln t; by default the last output, else ln t = 27.6.
        points: how many outputs are chosen.
        rtol: tolerated local error of ln|x| and ln t, of an equation of your own of asinh(x / unit).
        x_limit: |x| that counts as infinite; 1e100 by default, 1e60 for flows whose signs may change.
        max_steps: attempted steps a system.
        backend: numpy, numba or triton; for equations of your own also torch.
    Returns: the trajectory, with what theory predicts of it; `.plot()`, `.to_pandas()`, `.x`, `.blow_up_time`.
    Raises: AssumptionError: NaN, Inf, a_n <= 0, times <= 0, |x0| beyond x_limit. FormatError: shapes that do not fit; a
        flow given twice or not at all.
    Source: symbolic.coordinates; theory 4, 8b, 11, 12.

    >>> import s6flow as sf
    >>> flow = sf.integrate([1.0, 0.5], mu=[-1, 1.5], a=[0.2, 4], b=1)
    >>> flow.predicted, flow.observed
    (('coexistence', 'coexistence'), 'coexistence')
    >>> print(f"{flow.blow_up_time:.9f}")
    0.372228683
    >>> from sympy.abc import p, x
    >>> sf.integrate([2.0], x**p, parameters={p: 3}).ending()
    'blow-up at T = 0.125, first by token 1'
    """
    flow = _parameters(params, parameters, mu, a, s, b, floor)
    known = flow.x_limit if isinstance(flow, EquationFlow) else float(f"{np.exp(coordinates_of(flow).log_limit):.12g}")
    limit = known if x_limit is None else x_limit
    options: dict[str, Any] = {"x_limit": x_limit, "backend": backend, "max_steps": max_steps}
    if times is None and log_times is None:
        run, error = sampled(x0, flow, _end(horizon, log_horizon), points, rtol, **options)
    else:
        options |= {"horizon": horizon, "log_horizon": log_horizon}
        run = solve(x0, flow, times=times, log_times=log_times, rtol=rtol, **options)
        error = np.full(run.status.shape, np.nan)
    return Flow(
        **{field.name: getattr(run, field.name) for field in fields(run)}, blow_up_time_error=error, x_limit=limit
    )


def _parameters(
    params: Any, parameters: Mapping[Any, ArrayLike] | None, mu: Any, a: Any, s: Any, b: Any, floor: Any
) -> Parameters | EquationFlow:
    if (params is None) == (mu is None):
        given = "neither" if params is None else "both"
        raise FormatError("a flow is given by params or by mu", given, "integrate", "Write mu=[-1, 1.5], a=[0.2, 4].")
    if params is not None:
        _require_alone(a=(a, 1.0), s=(s, 1.0), b=(b, 0.0), floor=(floor, 0.0))
    if params is not None and not isinstance(params, Parameters | EquationFlow):
        return flow_of(params, _named(parameters))
    if parameters is not None:
        raise FormatError("parameters are of an equation of your own", type(params).__name__, "parameters")
    if params is not None:
        return params
    weights = np.atleast_1d(finite_array(mu, "mu"))
    rates = finite_array(a, "a")
    return FlowParameters(weights, np.full(weights.shape, rates) if rates.ndim == 0 else rates, s, b, floor)


def _require_alone(**letters: tuple[Any, float]) -> None:
    """Refuse letters of the paper's flow beside a flow that has its own: they would count for nothing."""
    given = [name for name, (value, default) in letters.items() if not (np.ndim(value) == 0 and value == default)]
    if given:
        raise FormatError(
            "a, s, b and floor are letters of a flow given by mu", ", ".join(given), "integrate",
            "Of an equation write parameters={...}.",
        )  # fmt: skip


def _named(parameters: Any) -> Mapping[Any, ArrayLike] | None:
    """Letters of an equation by name."""
    if parameters is None:
        return None
    if not isinstance(parameters, Mapping):
        raise FormatError(
            "parameters must be a mapping of letters to numbers", type(parameters).__name__, "parameters",
            "Write parameters={p: 3}.",
        )  # fmt: skip
    names = [str(getattr(letter, "name", letter)) for letter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FormatError("a parameter is given once", ", ".join(twice), "parameters")
    return dict(zip(names, parameters.values(), strict=True))


def _end(horizon: float | None, log_horizon: float | None) -> float:
    """ln t to stop at."""
    if horizon is not None and log_horizon is not None:
        raise FormatError("the horizon is given by horizon or by log_horizon, not both", None, "horizon")
    if horizon is None:
        return LOG_HORIZON if log_horizon is None else one_number(log_horizon, "log_horizon")
    horizon = one_number(horizon, "horizon")
    if not horizon > 0:
        raise AssumptionError(
            "the horizon must be a positive number", horizon, "horizon", "Depth-time starts at 0 with x0."
        )
    return float(np.log(horizon))


@dataclass(frozen=True, repr=False)
class Ends(Result, Fates):
    """Ends of tokens and systems: the codes of `Fates`, and their words."""

    TABLES = ("systems", "tokens")

    @property
    def words(self) -> Any:
        """Words of the systems: one of a single system, else an array of shape (*batch)."""
        return word(int(self.systems)) if self.systems.ndim == 0 else np.array(WORDS)[self.systems]

    @property
    def token_words(self) -> Any:
        """What became of every token, as an array of words, shape (*batch, token)."""
        return np.array([ENDS[end].token for end in End])[self.tokens]

    def _counts(self) -> dict[str, int]:
        found = [word(int(code)) for code in self.systems.flat]
        return {name: found.count(name) for name in WORDS if name in found}

    def lines(self) -> list[str]:
        """How many systems end how, and the tokens of a single one."""
        if self.systems.ndim == 0:
            told = "; ".join(f"token {place + 1} {name}" for place, name in enumerate(self.token_words))
            return [f"{self.words}: {told}"]
        return [
            f"{self.systems.size} systems: " + ", ".join(f"{count} {name}" for name, count in self._counts().items())
        ]

    def _table(self, name: str) -> Table:
        ends = [word(int(code)) for code in self.systems.flat]
        if name == "systems":
            return Table({"system": list(range(len(ends))), "end": ends})
        count = self.tokens.shape[-1]
        data: dict[str, list[Any]] = {
            "system": [place for place in range(len(ends)) for _ in range(count)],
            "token": [place + 1 for _ in ends for place in range(count)],
            "end": self.token_words.reshape(-1).tolist(),
        }
        return Table(data)

    def to_json(self) -> dict[str, Any]:
        """Words of systems and tokens."""
        words = self.words if self.systems.ndim == 0 else self.words.tolist()
        return {"schema": "s6flow-ends/1", "systems": words, "tokens": self.token_words.tolist()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """How many systems end how, as one bar."""
        ax = axes(ax, 5.2, 1.4)
        stacked_bars(ax, [""], {name: [count] for name, count in self._counts().items()}, COLOURS)
        ax.set_xlabel("systems")
        return ax


def classify(result: FlowResult, blur: ArrayLike = 0.0) -> Ends:
    """The end of every token and system of a bilinear flow, as far as the run decides it.

    Args:
        result: of `integrate`.
        blur: rounding error of a token's share of the motion, broadcast to (*batch, token).
    Raises: FormatError: for flows whose signs may change.
    Source: theory 5, 6 and 8 (E1-E3).

    >>> import s6flow as sf
    >>> sf.classify(sf.integrate([1.0, 0.5], mu=[-1, 1.5], a=[0.2, 4], b=1)).words
    'coexistence'
    >>> sf.classify(sf.integrate([[1.0, 0.5], [-1.0, -0.5]], mu=[1.0])).words.tolist()
    ['fast', 'slow']
    """
    found = fates_of(result, blur)
    return Ends(np.asarray(found.tokens), np.asarray(found.systems))


@dataclass(frozen=True, repr=False)
class Certificate(Result, RootCertificate):
    """Roots of K, with the system that they belong to."""

    mu: tuple[float, ...]
    a: tuple[float, ...]
    s: float
    b: float
    floor: float

    TABLES = ("roots",)

    @property
    def can_fail(self) -> bool | None:
        """Whether the dichotomy can fail there, certified; None if undecided."""
        return self.dichotomy_can_fail(self.s)

    def lines(self) -> list[str]:
        """How many roots, whether these are all, and what follows."""
        count = len(self.roots)
        whole = "no others exist" if self.complete else "others are not excluded"
        follows = {True: "the dichotomy can fail", False: "the dichotomy holds", None: "the dichotomy is undecided"}
        signs = {1: "> 0", 0: "= 0", -1: "< 0", None: "of unknown sign"}
        said = (
            f"mu {signs[self.mu_sign]}, K(0) {signs[self.sign_at_zero]}; {count} root{'s' * (count != 1)} of K, {whole}"
        )
        return [f"certified: {said}: {follows[self.can_fail]}"]

    def _table(self, name: str) -> Table:
        data: dict[str, list[Any]] = {
            "step_low": [root.low for root in self.roots],
            "step_high": [root.high for root in self.roots],
            "token": [root.x for root in self.roots],
            "attracts": [root.stable(self.s) for root in self.roots],
        }
        return Table(data)

    def to_json(self) -> dict[str, Any]:
        """The system, its certified roots and what follows."""
        system = {key: getattr(self, key) for key in ("s", "b", "floor")}
        signs = {key: getattr(self, key) for key in ("complete", "descartes", "sign_at_zero", "mu_sign")}
        roots = [dict(zip(self.table().columns, row, strict=True)) for row in self.table().rows()]
        return {
            "schema": "s6flow-certificate/1",
            "mu": list(self.mu),
            "a": list(self.a),
            **system,
            **signs,
            "dichotomy_can_fail": self.can_fail,
            "roots": roots,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """K against the token, with its certified roots."""
        ax = axes(ax)
        reach = 2.0 * max([abs(root.x) for root in self.roots] + [4.0 / abs(self.s) if self.s else 1.0])
        token = np.linspace(-reach, reach, 801)
        letters = {"mu": np.array([self.mu]), "a": np.array([self.a])}
        step = {key: np.array([getattr(self, key)]) for key in ("s", "b", "floor")}
        ax.plot(token, evaluate("carried", y=token[:, None], **letters, **step).ravel())
        ax.axhline(0.0, color="grey", linewidth=0.8)
        ax.plot([root.x for root in self.roots], [0.0] * len(self.roots), "o", color="C1", label="certified root")
        ax.set(xlabel="token $x$", ylabel="$K(x)$")
        if self.roots:
            ax.legend(fontsize=8)
        return ax


def certify(mu: ArrayLike, a: ArrayLike, s: float = 1.0, b: float = 0.0, floor: float = 0.0) -> Certificate:
    """Every root of K(x) = sum_n (mu_n/mu) exp(-a_n Delta(x)), certified in ball arithmetic.

    Args:
        mu, a: mu_n and decay rates a_n > 0, shape (state); one decay rate serves all states.
        s, b, floor: of the step Delta(x) = softplus(s x + b) + floor.
    Raises: AssumptionError: a_n <= 0 or no finite numbers. FormatError: shapes that do not fit. MissingDependencyError:
        python-flint is not installed.
    Source: theory 8 (E3); theorem `coexistence`.

    >>> import s6flow as sf
    >>> found = sf.certify([-1, 1.5], [0.2, 4], b=1)
    >>> found.can_fail, found.complete, len(found.roots)
    (True, True, 1)
    """
    params = _parameters(None, None, mu, a, s, b, floor)
    assert isinstance(params, FlowParameters), "given by letters"
    if params.mu.ndim != 1 or params.batch_shape:
        raise FormatError(
            "a certificate is of one system", f"batch axes {params.batch_shape}", "certify", "Loop over them."
        )
    step: dict[str, Any] = {key: float(getattr(params, key)) for key in ("s", "b", "floor")}
    found = certify_K(params.mu, params.a, **step)
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return Certificate(**values, mu=tuple(params.mu.tolist()), a=tuple(params.a.tolist()), **step)
