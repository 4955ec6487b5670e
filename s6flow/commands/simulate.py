"""s6flow simulate: one flow, printed, saved or plotted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from s6flow.commands.outputs import OneOf, OutputFile, flow_backends, say, say_json, say_numbers, say_written
from s6flow.errors import AssumptionError, FormatError
from s6flow.files import atomic_path, refuse_clashes, write_atomic
from s6flow.quiet import without_notice_of_folder

if TYPE_CHECKING:
    from s6flow.api.trajectory import Flow

__all__ = ["simulate"]

#: |x| at which a run is cut off, and the range of the flag.
_LIMIT, _LIMITS = 1e100, (1e6, 1e100)
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
@click.option(
    "--backend", cls=OneOf, names=flow_backends, default="numpy", show_default=True, help="Integrator: {names}."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", type=OutputFile(), help="Write ln t and every token; T - t where the flow blows up.")
@click.option("--plot", type=OutputFile(".png", ".pdf", ".svg"), help="Draw |x_l| against time (.png, .pdf or .svg).")
def simulate(mu: list[float], a: list[float], x0: list[float], points: int, backend: str, **rest: Any) -> int:
    """Integrate the 1-D flow x_l' = x_l F_l from given tokens to a horizon or to its blow-up.

    Exit status: 0 the flow reached one of them, 3 the run failed before (what it found until then is shown).
    """
    from s6flow.api.flows import integrate

    refuse_clashes({f"--{name}": [rest[name]] for name in ("csv", "plot") if rest[name]}, {})
    if max(map(abs, x0)) >= rest["x_limit"]:
        highest = f"Choose smaller tokens, or a higher --x-limit (at most {_LIMITS[1]:g})."
        raise AssumptionError("every |x_l| of --x0 must lie below --x-limit", max(x0, key=abs), "--x0", highest)
    decay = a[0] if len(a) == 1 else a
    letters = {name: rest[name] for name in ("s", "b", "floor", "x_limit")}
    source = click.get_current_context().get_parameter_source("log_horizon")
    if rest["horizon"] is not None and source is not click.core.ParameterSource.DEFAULT:
        raise FormatError("the horizon is given by --horizon or by --log-horizon, not both", None, "--horizon")
    end = _log_end(rest["horizon"], rest["log_horizon"])
    flow = integrate(x0, mu=mu, a=decay, log_horizon=end, points=points, backend=backend, **letters)
    report = flow.to_json()
    if rest["csv"]:
        _write_csv(rest["csv"], report)
    if rest["plot"]:
        _plot(rest["plot"], flow)
    if rest["as_json"]:
        say_json(report, indent=2)
    else:
        _print(flow, report)
    say_written((path for path in (rest["csv"], rest["plot"]) if path), rest["as_json"])
    if flow.ended_well:
        return 0
    why = "the run failed before the horizon and before a blow-up; try another --backend, --s or unit of the tokens"
    click.echo(f"{flow.ended}: {why}.", err=True)
    return FAILED


def _log_end(horizon: float | None, log_horizon: float) -> float:
    if horizon is None:
        return log_horizon
    if not horizon > 0 or not np.isfinite(horizon):
        raise FormatError("--horizon must be a positive number", horizon, "--horizon")
    return float(np.log(horizon))


def _print(flow: Flow, report: dict[str, Any]) -> None:
    """The trajectory, then what was predicted and seen."""
    blown = report["blow_up_time"] is not None
    names = [f"x_{index + 1}" for index in range(len(report["final_x"]))]
    rows = []
    for row in report["trajectory"]:
        remaining = [f"{row['remaining']:.4g}"] if blown else []
        rows.append((f"{np.exp(row['log_time']):.6g}", *remaining, *map(_shown, row["x"])))
    say_numbers(("t", *(["T - t"] if blown else []), *names), rows)
    for line in flow.lines():
        say(line)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _write_csv(path: Path, report: dict[str, Any]) -> None:
    blown = report["blow_up_time"] is not None
    header = ["log_time", *(["T_minus_t"] if blown else []), *(f"x_{i + 1}" for i in range(len(report["final_x"])))]
    lines = [",".join(header)]
    for row in report["trajectory"]:
        values = [row["log_time"], *([row["remaining"]] if blown else []), *row["x"]]
        lines.append(",".join("nan" if value is None else f"{value:.17g}" for value in values))
    write_atomic(path, "\n".join(lines) + "\n")


def _plot(path: Path, flow: Flow) -> None:
    without_notice_of_folder()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    flow.plot(figure.subplots())
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=160)
