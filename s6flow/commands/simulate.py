"""s6flow simulate: one flow, printed, saved or plotted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from s6flow.symbolic.errors import FormatError
from s6flow.symbolic.files import atomic_path, write_atomic

__all__ = ["simulate"]


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Numbers separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        if isinstance(value, list):
            return value
        try:
            return [float(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 1,-0.5", param, ctx)


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--mu", type=Numbers(), required=True, help="mu_n of every state, e.g. -1 or -1,1.5.")
@click.option("--a", type=Numbers(), default="1", show_default=True, help="Decay rates a_n > 0; one serves all states.")
@click.option("--s", type=float, default=1.0, show_default=True, help="Slope of the step Delta.")
@click.option("--b", type=float, default=0.0, show_default=True, help="Bias of the step.")
@click.option("--floor", type=float, default=0.0, show_default=True, help="Floor of the step.")
@click.option("--x0", type=Numbers(), default="1,0.5,-0.8", show_default=True, help="Initial tokens.")
@click.option("--horizon", type=float, help="Depth-time to stop at.")
@click.option("--log-horizon", type=float, default=27.6, show_default=True, help="ln of the depth-time to stop at.")
@click.option("--points", type=click.IntRange(2, 100_000), default=13, show_default=True, help="Output times.")
@click.option("--backend", default="numpy", show_default=True, help="Integrator: numpy, numba or triton.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write ln t and every token.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw |x_l| against time (.png, .pdf or .svg).")
def simulate(mu: list[float], a: list[float], x0: list[float], points: int, backend: str, **rest: Any) -> None:
    """Integrate the 1-D flow x_l' = x_l F_l from given tokens to a horizon or to its blow-up."""
    from s6flow.numeric.flow import FlowParameters, integrate

    decay = a * len(mu) if len(a) == 1 else a
    params = FlowParameters(mu=mu, a=decay, s=rest["s"], b=rest["b"], floor=rest["floor"])
    end = _log_end(rest["horizon"], rest["log_horizon"])
    log_times = np.linspace(min(-4.0, end - 8.0), end, points)
    result = integrate(x0, params, log_times=log_times, backend=backend)
    if np.isfinite(result.blow_up_time):  # look again where it happens: T - t falls geometrically to rounding
        before = -np.expm1(-np.linspace(0.05, 25.0, points))
        result = integrate(x0, params, times=result.blow_up_time * before, log_horizon=end, backend=backend)
    report = _report(result, params, x0)
    if rest["csv"]:
        _write_csv(rest["csv"], result)
    if rest["plot"]:
        _plot(rest["plot"], result, report)
    if rest["as_json"]:
        click.echo(json.dumps(report, indent=2, allow_nan=False))
    else:
        _print(report)


def _log_end(horizon: float | None, log_horizon: float) -> float:
    if horizon is None:
        return log_horizon
    if not horizon > 0 or not np.isfinite(horizon):
        raise FormatError("--horizon must be a positive number", horizon, "--horizon")
    return float(np.log(horizon))


def _report(result: Any, params: Any, x0: list[float]) -> dict[str, Any]:
    from s6flow.numeric.flow import Status
    from s6flow.symbolic.codegen.module import generate
    from s6flow.symbolic.scenario import Scenario, scenario_program

    code = generate(scenario_program())(x=np.asarray(x0), mu=params.mu, s=params.s)[..., -1]
    status = Status(int(result.status))
    blown = status is Status.BLOW_UP
    tokens = np.ma.filled(result.x, np.nan)
    rows = [
        {"log_time": float(log_t), "x": [None if not np.isfinite(v) else float(v) for v in row]}
        for log_t, row, there in zip(result.log_times, tokens, result.reached, strict=True)
        if there
    ]
    return {
        "schema": "s6flow-simulate/1",
        "predicted": Scenario(int(code)).name.lower(),
        "ended": status.name.lower(),
        "blow_up_time": float(result.blow_up_time) if blown else None,
        "blow_up_token": int(result.blow_up_token) if blown else None,
        "final_log_time": float(result.final_log_time),
        "final_x": [float(v) if np.isfinite(v) else None for v in result.final_x],
        "steps": int(result.steps),
        "trajectory": rows,
    }


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("t", *(f"x_{index + 1}" for index in range(len(report["final_x"]))), box=None)
    for row in report["trajectory"]:
        table.add_row(f"{np.exp(row['log_time']):.6g}", *("-" if v is None else f"{v:.6g}" for v in row["x"]))
    console = Console(soft_wrap=True)
    console.print(table)
    click.echo(f"predicted: {report['predicted']}   ended: {report['ended'].replace('_', '-')}")
    if report["blow_up_time"] is not None:
        click.echo(f"blow-up at t = {report['blow_up_time']:.12g}, first by token {report['blow_up_token']}")
    click.echo(f"{report['steps']} steps, final ln t = {report['final_log_time']:.6g}")


def _write_csv(path: Path, result: Any) -> None:
    tokens = np.ma.filled(result.x, np.nan)
    keep = result.reached
    header = "log_time," + ",".join(f"x_{index + 1}" for index in range(tokens.shape[-1]))
    rows = np.column_stack([result.log_times[keep], tokens[keep]])
    lines = [header, *(",".join(f"{value:.17g}" for value in row) for row in rows)]
    write_atomic(path, "\n".join(lines) + "\n")


def _plot(path: Path, result: Any, report: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise FormatError("--plot needs a name that ends in .png, .pdf or .svg", path.name, "--plot")
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    keep = result.reached
    blow_up = report["blow_up_time"]
    label = "depth-time $t$" if blow_up is None else f"time to blow-up, $T - t$ ($T$ = {blow_up:.6g})"

    def time(log_t: Any) -> Any:
        return np.exp(log_t) if blow_up is None else blow_up - np.exp(log_t)

    for index in range(result.log_abs.shape[-1]):
        axis.plot(time(result.log_times[keep]), np.exp(result.log_abs[keep, index]), label=f"token {index + 1}")
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel="$|x_l|$")
    if blow_up is not None:
        axis.invert_xaxis()
    axis.set_title(f"predicted {report['predicted']}, ended {report['ended'].replace('_', '-')}", fontsize=10)
    axis.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=160)
    plt.close(figure)
