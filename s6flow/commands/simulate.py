"""s6flow simulate: one flow, printed, saved or plotted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from s6flow.commands.outputs import OutputFile, console, say_json, say_written
from s6flow.errors import AssumptionError, FormatError
from s6flow.files import atomic_path, refuse_clashes, write_atomic
from s6flow.numeric.flow.backends import BACKENDS

if TYPE_CHECKING:
    from s6flow.numeric.flow import FlowParameters, FlowResult

__all__ = ["simulate"]

#: Tolerances of a run, and of the finer ones that say how far a blow-up time can be believed.
_RTOL, _FINE = 1e-10, 1e-12
#: |x| at which a run is cut off, and the range of the flag.
_LIMIT, _LIMITS = 1e100, (1e6, 1e100)
#: Outputs before a blow-up reach from T - t near T down to e^-12 T: T is known to some 1e-12 of itself, so that T - t,
#: and with it the tokens, has six digits that do not depend on the backend.
_CLOSEST = 12.0
#: Exit status of a run that reached neither the horizon nor a blow-up.
FAILED = 3


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Numbers separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        if isinstance(value, list):
            return value
        option = param.opts[0] if param is not None else "numbers"
        try:
            found = [float(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 1,-0.5.", param, ctx)
        for place, number in enumerate(found, 1):
            if not np.isfinite(number):
                raise AssumptionError(f"{option} needs finite numbers", number, f"entry {place}", "Write a number.")
        return found


@click.command()
@click.option("--mu", type=Numbers(), required=True, help="mu_n of every state, e.g. -1 or -1,1.5.")
@click.option("--a", type=Numbers(), default="1", show_default=True, help="Decay rates a_n > 0; one serves all states.")
@click.option("--s", type=float, default=1.0, show_default=True, help="Slope of the step Delta.")
@click.option("--b", type=float, default=0.0, show_default=True, help="Bias of the step.")
@click.option("--floor", type=float, default=0.0, show_default=True, help="Floor of the step.")
@click.option("--x0", type=Numbers(), default="1,0.5,-0.8", show_default=True, help="Initial tokens.")
@click.option("--horizon", type=float, help="Depth-time to stop at.")
@click.option("--log-horizon", type=float, default=27.6, show_default=True, help="ln of the depth-time to stop at.")
@click.option(
    "--x-limit",
    type=click.FloatRange(*_LIMITS),
    default=_LIMIT,
    show_default=True,
    help="|x| that counts as infinite: a flow that blows up is cut off there, and final_x are the tokens at that point.",
)
@click.option("--points", type=click.IntRange(2, 100_000), default=13, show_default=True, help="Output times.")
@click.option("--backend", default="numpy", show_default=True, help=f"Integrator: {', '.join(BACKENDS)}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", type=OutputFile(), help="Write ln t and every token; T - t where the flow blows up.")
@click.option("--plot", type=OutputFile(".png", ".pdf", ".svg"), help="Draw |x_l| against time (.png, .pdf or .svg).")
def simulate(mu: list[float], a: list[float], x0: list[float], points: int, backend: str, **rest: Any) -> int:
    """Integrate the 1-D flow x_l' = x_l F_l from given tokens to a horizon or to its blow-up.

    Exit status: 0 the flow reached one of them, 3 the run failed before (what it found until then is shown).
    """
    from s6flow.numeric.flow import FlowParameters

    refuse_clashes({f"--{name}": [rest[name]] for name in ("csv", "plot") if rest[name]}, {})
    if max(map(abs, x0)) >= rest["x_limit"]:
        highest = f"Choose smaller tokens, or a higher --x-limit (at most {_LIMITS[1]:g})."
        raise AssumptionError("every |x_l| of --x0 must lie below --x-limit", max(x0, key=abs), "--x0", highest)
    decay = a * len(mu) if len(a) == 1 else a
    params = FlowParameters(mu=mu, a=decay, s=rest["s"], b=rest["b"], floor=rest["floor"])
    end = _log_end(rest["horizon"], rest["log_horizon"])
    result, error = _run(x0, params, end, points, x_limit=rest["x_limit"], backend=backend)
    report = _report(result, error, rest["x_limit"], params, x0)
    if rest["csv"]:
        _write_csv(rest["csv"], report)
    if rest["plot"]:
        _plot(rest["plot"], result, report)
    if rest["as_json"]:
        say_json(report, indent=2)
    else:
        _print(report)
    say_written((path for path in (rest["csv"], rest["plot"]) if path), rest["as_json"])
    if result.ended_well:
        return 0
    why = "the run failed before the horizon and before a blow-up; try another --backend, --s or unit of the tokens"
    click.echo(f"{report['ended'].replace('_', '-')}: {why}.", err=True)
    return FAILED


def _log_end(horizon: float | None, log_horizon: float) -> float:
    if horizon is None:
        return log_horizon
    if not horizon > 0 or not np.isfinite(horizon):
        raise FormatError("--horizon must be a positive number", horizon, "--horizon")
    return float(np.log(horizon))


def _run(
    x0: list[float], params: FlowParameters, end: float, points: int, **options: Any
) -> tuple[FlowResult, float | None]:
    """The flow with its outputs; where it blows up they crowd towards T, and how well runs agree on T comes second."""
    from s6flow.numeric.flow import integrate

    first = integrate(x0, params, log_times=np.linspace(min(-4.0, end - 8.0), end, points), rtol=_RTOL, **options)
    if not np.isfinite(first.blow_up_time):
        return first, None
    fine = {**options, "rtol": _FINE, "log_horizon": end, "max_steps": 20_000}
    second = integrate(x0, params, **fine)
    before = -np.expm1(-np.linspace(0.05, _CLOSEST, points))
    last = integrate(x0, params, times=second.blow_up_time * before, **fine)
    found = np.array([run.blow_up_time for run in (first, second, last)])
    if not np.isfinite(found).all():
        return first, None
    return last, float(max(np.ptp(found), found[-1] * _FINE))


def _report(
    result: FlowResult, error: float | None, x_limit: float, params: FlowParameters, x0: list[float]
) -> dict[str, Any]:
    from s6flow.numeric.audit.simulation.observed import agrees
    from s6flow.numeric.criteria.system import axis_verdict
    from s6flow.numeric.flow import Status, classify
    from s6flow.proofs.registry import get
    from s6flow.proofs.status import status
    from s6flow.symbolic.ends import NO_THEOREM, SCENARIOS, word

    scenario, theorem = axis_verdict(params, np.asarray(x0))
    observed = word(int(classify(result).systems))
    ended = Status(int(result.status))
    blown = ended is Status.BLOW_UP
    time = float(result.blow_up_time)
    rows = [
        {
            "log_time": float(log_t),
            **({"remaining": time - float(np.exp(log_t))} if blown else {}),
            "x": _numbers(row),
        }
        for log_t, row, there in zip(result.log_times, np.ma.filled(result.x, np.nan), result.reached, strict=True)
        if there
    ]
    return {
        "schema": "s6flow-simulate/2",
        "predicted": scenario,
        "predicted_means": SCENARIOS[scenario],
        "theorem": None if theorem == NO_THEOREM else theorem,
        "theorem_status": None if theorem == NO_THEOREM else status(get(theorem)),
        "observed": observed,
        "agrees": agrees(scenario, observed),
        "tokens": _tokens(result, params),
        "ended": ended.name.lower(),
        "blow_up_time": time if blown else None,
        "blow_up_time_error": error,
        "blow_up_token": int(result.blow_up_token) if blown else None,
        "x_limit": x_limit,
        "cut_off_at_x_limit": ended in (Status.BLOW_UP, Status.OVERFLOW),
        "final_log_time": _numbers([result.final_log_time])[0],
        "final_x": _numbers(result.final_x),
        "steps": int(result.steps),
        "trajectory": rows,
    }


def _tokens(result: FlowResult, params: FlowParameters) -> list[dict[str, Any]]:
    """How every token ended; beside a blow-up its limit, or the rate at which it vanishes and the K(0) of theory."""
    from s6flow.numeric.criteria.numbers import evaluate
    from s6flow.numeric.flow import Status, classify
    from s6flow.symbolic.ends import ENDS, End

    m, shares = int(result.blow_up_token), result.final_share
    letters = {"mu": params.mu, "a": params.a, "b": params.b, "floor": params.floor}
    found = []
    for index, code in enumerate(classify(result).tokens):
        behind = bool(result.status == Status.BLOW_UP) and index >= m
        vanishes, stays = behind and code == End.CONVERGENT, behind and code == End.LIMIT
        rate = float(shares[index] / shares[m - 1]) if vanishes else None
        adjacent = vanishes and index == m  # further on, and behind zero tokens, K acts at sums of steps
        found.append(
            {
                "end": ENDS[End(int(code))].token,
                "limit": float(result.final_x[index]) if stays else None,
                "rate": rate,
                "carried_zero": float(evaluate("carried_zero", **letters)) if adjacent else None,
            }
        )
    return found


def _numbers(values: Any) -> list[float | None]:
    """JSON has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    blown = report["blow_up_time"] is not None
    names = [f"x_{index + 1}" for index in range(len(report["final_x"]))]
    table = Table("t", *(["T - t"] if blown else []), *names, box=None)
    for row in report["trajectory"]:
        remaining = [f"{row['remaining']:.4g}"] if blown else []
        table.add_row(f"{np.exp(row['log_time']):.6g}", *remaining, *map(_shown, row["x"]))
    console(soft_wrap=True).print(table)
    because = f"theorem {report['theorem']}, {report['theorem_status']}" if report["theorem"] else "no theorem"
    click.echo(f"predicted: {report['predicted']} ({because}): {report['predicted_means']}")
    click.echo(f"ended: {_end(report)}")
    for line in _seen(report, names):
        click.echo(line)


def _seen(report: dict[str, Any], names: list[str]) -> list[str]:
    """What became of the tokens, in numbers that do not depend on where a step or the limit cut the run off."""
    judged = {True: ", as predicted", False: ", NOT as predicted", None: ""}[report["agrees"]]
    told = [
        f"{name} {token['end']}" + ("" if token["limit"] is None else f", {token['limit']:.6g}")
        for name, token in zip(names, report["tokens"], strict=True)
    ]
    lines = [f"observed: {report['observed']}{judged}: {'; '.join(told)}"]
    leader = names[(report["blow_up_token"] or 1) - 1]
    for name, token in zip(names, report["tokens"], strict=True):
        if token["rate"] is not None:
            known = "" if token["carried_zero"] is None else f"; K(0) = {token['carried_zero']:.6g}"
            lines.append(f"rate: d ln|{name}| / d ln|{leader}| -> {token['rate']:.6g}{known}")
    return lines


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _end(report: dict[str, Any]) -> str:
    """How it ended, with the digits of a blow-up time on which runs of different tolerance agree."""
    word = str(report["ended"]).replace("_", "-")
    if report["blow_up_time"] is None:
        return word
    time, error = report["blow_up_time"], report["blow_up_time_error"]
    digits = 3 if error is None else int(np.clip(np.floor(-np.log10(error / time)), 1, 12))
    return f"{word} at T = {time:.{digits}g}, first by token {report['blow_up_token']}"


def _write_csv(path: Path, report: dict[str, Any]) -> None:
    blown = report["blow_up_time"] is not None
    header = ["log_time", *(["T_minus_t"] if blown else []), *(f"x_{i + 1}" for i in range(len(report["final_x"])))]
    lines = [",".join(header)]
    for row in report["trajectory"]:
        values = [row["log_time"], *([row["remaining"]] if blown else []), *row["x"]]
        lines.append(",".join("nan" if value is None else f"{value:.17g}" for value in values))
    write_atomic(path, "\n".join(lines) + "\n")


def _plot(path: Path, result: FlowResult, report: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    blow_up = report["blow_up_time"]
    label = "depth-time $t$" if blow_up is None else f"time to blow-up, $T - t$ ($T$ = {blow_up:.6g})"
    time = [np.exp(row["log_time"]) if blow_up is None else row["remaining"] for row in report["trajectory"]]
    for index in range(result.log_abs.shape[-1]):
        axis.plot(time, np.exp(result.log_abs[result.reached, index]), label=f"token {index + 1}")
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel="$|x_l|$")
    if blow_up is not None:
        axis.invert_xaxis()
    axis.set_title(f"predicted {report['predicted']}, ended {report['ended'].replace('_', '-')}", fontsize=10)
    axis.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=160)
    plt.close(figure)
