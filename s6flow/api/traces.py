"""`trace`: what the layers of a network do to real tokens, beside what the theorems say."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s6flow.api.pictures import axes
from s6flow.api.result import Result, Table
from s6flow.api.signatures import takes_what
from s6flow.numeric import trace as tracing
from s6flow.numeric.audit.output.names import short_names
from s6flow.numeric.trace.inputs import load_network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Trace", "trace"]

_CHECKS = ("name", "theorem", "measured", "bound", "share", "verdict", "why")


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Result, tracing.NetworkTrace):
    """A trace: `NetworkTrace` with its tables.

    `layers` has one row a layer, with the columns of `s6flow.numeric.trace.NUMBERS`; `checks` one a layer and theorem.
    """

    TABLES = ("layers", "checks")

    def lines(self) -> list[str]:
        """What was traced, the theorems, growth over depth, and whether the continuous limit describes it."""
        return self.summary()

    def _table(self, name: str) -> Table:
        if name == "layers":
            data: dict[str, list[Any]] = {
                "layer": [layer.name for layer in self.layers],
                "theorems": [layer.verdict for layer in self.layers],
                "continuous": [layer.continuous for layer in self.layers],
            }
            data |= {row.name: [layer.numbers[row.name] for layer in self.layers] for row in tracing.NUMBERS}
            data["untraced"] = ["; ".join(layer.untraced) for layer in self.layers]
            return Table(data, ("layer", "theorems", "rms", "ratio", "turn", "full_max", "own_positive"), spread=True)
        rows = [(layer.name, check) for layer in self.layers for check in layer.checks]
        data = {"layer": [name for name, _ in rows]}
        data |= {key: [getattr(check, key) for _, check in rows] for key in _CHECKS}
        return Table(data, ("layer", "name", "share", "verdict", "theorem"))

    def to_json(self) -> dict[str, Any]:
        """The document of schema `s6flow-trace/1`, which the command prints."""
        return self.document()

    def plot(self) -> Figure:
        """|x| and |update|/|x| by depth, beside every bound's share that was reached."""
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
        self.plot_depth(left)
        self.plot_shares(right)
        return figure

    def plot_depth(self, ax: Axes | None = None) -> Axes:
        """Medians over tokens: rms of the residual stream, |update|/|x| and the angle of a layer."""
        ax = axes(ax)
        for name, label in (("rms", "rms of x"), ("ratio", "|update| / |x|"), ("turn", "turn [radian]")):
            ax.plot(self._depths(), self._values(name), marker="o", markersize=3, label=label)
        ax.axhline(tracing.CONTINUOUS.value, color="0.6", linewidth=0.8, linestyle=":")
        ax.set(xlabel="layer", yscale="log")
        ax.legend(fontsize=8)
        return ax

    def plot_shares(self, ax: Axes | None = None) -> Axes:
        """The largest measured number over its bound, for the bounds of `layer-bound` and `state-bound`."""
        ax = axes(ax)
        for name in ("u", "step", "h", "y", "update", "h over its bound"):
            shares = [next((c.share for c in layer.checks if c.name == name), None) for layer in self.layers]
            values = [float("nan") if share is None else share for share in shares]
            ax.plot(self._depths(), values, marker="o", markersize=3, label=name)
        ax.axhline(1.0, color="0.2", linewidth=0.8)
        ax.set(xlabel="layer", ylabel="measured / bound", yscale="log")
        short = short_names([layer.name for layer in self.layers])[1]
        step = max(1, -(-len(short) // 16))
        ax.set_xticks(range(0, len(short), step), short[::step])
        ax.legend(fontsize=8)
        return ax

    def _depths(self) -> range:
        return range(len(self.layers))

    def _values(self, name: str) -> list[float]:
        values = (layer.numbers[name] for layer in self.layers)
        return [float("nan") if value is None else value for value in values]


@takes_what(tracing.trace)
def trace(*args: Any, **options: Any) -> Trace:
    """Run a network once and measure every layer beside its theorems; the network is left as it was.

    Args:
        model: a torch.nn.Module with S6 layers, compiled or wrapped or not, in any number format; or a path or hub id, as
            `s6flow trace` takes it.
        batch: token ids, shape (batch, token) or (token,), or a mapping with `input_ids` or `pixel_values`; floats, shape
            (batch, token, width), go in as they are, and so do images, shape (batch, channel, height, width).
        context: tokens that memory is compared with.
        device: where to run; where the model is by default.
        limit: numbers of a chunk of states of the recomputed scan, at most; by default what suits the device.
        certify: compute the bounds from weights in ball arithmetic.
        source: name for the report; the model's class by default.
    Returns: the trace; `.to_pandas("checks")`, `.plot()`, `.to_json()`.
    Raises: TraceError: a theorem's bound is exceeded (`error.found` is the trace). SourceError: no S6 layer. FormatError: the
        batch or an activation is not as it must be. DeviceMemoryError: one sequence does not fit.
    Source: theory 17 to 22.

    >>> import torch, s6flow as sf
    >>> from s6flow.numeric.experiments.config import ModelConfig
    >>> from s6flow.numeric.experiments.model import S6Stack
    >>> _ = torch.manual_seed(0)
    >>> model = S6Stack(ModelConfig(width=16, layers=2, state=4), vocabulary=256)
    >>> found = sf.trace(model, torch.frombuffer(bytearray(b"the quick brown fox"), dtype=torch.uint8))
    >>> found.violations, [layer.verdict for layer in found.layers]
    ((), ['HOLDS', 'HOLDS'])
    """
    given = inspect.signature(tracing.trace).bind(*args, **options).arguments
    if isinstance(given["model"], str | Path):
        given["source"] = given.get("source") or str(given["model"])
        given["model"] = load_network(str(given["model"]))
    try:
        found = tracing.trace(**given)
    except tracing.TraceError as error:
        error.found = _presented(error.found)
        raise
    return _presented(found)


def _presented(found: tracing.NetworkTrace) -> Trace:
    return Trace(**{field.name: getattr(found, field.name) for field in fields(found)})
