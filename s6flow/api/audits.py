"""`audit` and `diff`: what the theory says about a checkpoint, and what moved between two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s6flow.api.folders import one_model
from s6flow.api.pictures import axes, stacked_bars
from s6flow.api.result import Result, Table
from s6flow.errors import AssumptionError
from s6flow.numeric.audit import report as reports
from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, LAYER_COLUMNS
from s6flow.numeric.audit.output.names import short_names
from s6flow.numeric.audit.output.records import channel_values, summary, to_json
from s6flow.numeric.audit.report import AuditReport
from s6flow.numeric.flow.parameters import one_number
from s6flow.numeric.health import NUMBERS
from s6flow.numeric.health.diagnosis import CONTEXT
from s6flow.numeric.health.moved import Comparison, compare, comparison_json
from s6flow.symbolic.ends import COLOURS, SCENARIOS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from s6flow.numeric.audit.simulation.integrator import TokenStates

__all__ = ["Audit", "Diff", "audit", "diff"]

#: Colour of a layer's severity (Okabe and Ito).
_SEVERITIES = {"critical": "#d55e00", "warning": "#e69f00", "note": "#56b4e9", "healthy": "#009e73"}
_WEIGHTS = ("flips", "expected", "spread", "z", "decay", "half_life", "S_B", "S_C")


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Result, AuditReport):
    """An audit: `AuditReport` with its tables.

    `health` has one row a layer that an A_log marks, `layers` one a layer that the theory fits, `channels` one a channel
    of those; what each column means stands in `s6flow.numeric.health.NUMBERS` and `s6flow.numeric.audit.COLUMNS`.
    """

    TABLES = ("health", "layers", "channels")

    def lines(self) -> list[str]:
        """The source, the verdict on the whole, and the scenarios."""
        facts = summary(self)
        said = [f"Audit of {self.source} ({self.format}, {self.family}); context {self.health.context} tokens"]
        said.append(self.health.line())
        if self.layers:
            words = ", ".join(f"{word} {count}" for word, count in facts["scenarios"]["positive"].items())
            said.append(f"Scenarios of {facts['channels']} channels, tokens all positive: {words}.")
            fails, unknown = facts["dichotomy_can_fail_channels"], facts["dichotomy_unknown_channels"]
            told = "unknown" if fails is None else f"{fails}" + (f" ({unknown} undecided)" if unknown else "")
            said.append(f"Channels where one token can die out while another blows up: {told}.")
        if self.withheld:
            said.append(f"No scenario for {len(self.withheld)} of its layers; .withheld says why.")
        return said

    def _table(self, name: str) -> Table:
        return {"health": self._health, "layers": self._layers, "channels": self._channels}[name]()

    def _health(self) -> Table:
        layers = self.health.ranked
        data: dict[str, list[Any]] = {
            "layer": [layer.name for layer in layers],
            "health": [layer.severity for layer in layers],
            "verdicts": [", ".join(row.name for row in layer.verdicts) for layer in layers],
            "kind": [layer.kind for layer in layers],
            "channels": [layer.channels for layer in layers],
            "states": [layer.states for layer in layers],
        }
        data |= {row.name: [layer.numbers[row.name] for layer in layers] for row in NUMBERS}
        return Table(data, ("layer", "health", "half_life_median", "verdicts"))

    def _layers(self) -> Table:
        rows = [layer.row() for layer in self.layers]
        names = [column.name for column in LAYER_COLUMNS]
        brief = ("name", "channels", "states", "mu_negative_fraction", "control_z")
        return Table({name: [row[name] for row in rows] for name in names}, brief)

    def _channels(self) -> Table:
        data: dict[str, list[Any]] = {"layer": [layer.name for layer in self.layers for _ in range(layer.channels)]}
        for column in CHANNEL_COLUMNS:
            data[column.name] = [value for layer in self.layers for value in channel_values(layer, column)]
        return Table(data, ("layer", "channel", "mu", "K0", "scenario_positive", "theorem_positive"), spread=True)

    def to_json(self) -> dict[str, Any]:
        """The document of schema `s6flow-audit/2` (docs/schemas/audit-2.json)."""
        return to_json(self)

    def plot(self) -> Figure:
        """The health of every layer beside the scenarios of its channels, for tokens that are all positive."""
        from matplotlib import pyplot

        rows = max(len(self.health.layers), 1)
        figure, (left, right) = pyplot.subplots(
            1, 2, figsize=(9.0, 1.9 + 0.2 * rows), layout="constrained", width_ratios=(1, 1.4)
        )
        self.plot_health(left)
        if self.layers:
            self.plot_scenarios(right)
        else:
            right.set_axis_off()
        whole = Path(self.source)
        figure.suptitle(f"{whole.name if whole.is_absolute() else whole}: {self.health.line()}", fontsize=10)
        return figure

    def plot_health(self, ax: Axes | None = None) -> Axes:
        """Layers (rows) by verdicts (columns), a square where one is given, coloured by its severity."""
        from matplotlib.patches import Patch

        ax = axes(ax)
        layers = self.health.layers
        given = list(self.health.counts())
        grades = {row.name: row.severity for layer in layers for row in layer.verdicts}
        for column, verdict in enumerate(given):
            places = [place for place, layer in enumerate(layers) if layer.has(verdict)]
            ax.scatter([column] * len(places), places, s=46, marker="s", color=_SEVERITIES[grades[verdict]])
        if not given:
            ax.text(0.5, 0.5, "no verdict", transform=ax.transAxes, ha="center")
        ax.set_xticks(range(len(given)), given, rotation=55, ha="right", rotation_mode="anchor", fontsize=8)
        _name_rows(ax, [layer.name for layer in layers])
        ax.set_xlim(-0.6, max(len(given), 1) - 0.4)
        ax.set_title("health", fontsize=10)
        used = [grade for grade in _SEVERITIES if grade in grades.values()]
        ax.legend(
            handles=[Patch(color=_SEVERITIES[grade], label=grade) for grade in used],
            fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False,
        )  # fmt: skip
        ax.title.set_visible(not used)
        return ax

    def plot_scenarios(self, ax: Axes | None = None, tokens: str = "positive") -> Axes:
        """Share of every layer's channels by what the theory predicts.

        Args:
            tokens: positive, negative or mixed: the signs of the tokens that a channel meets.
        """
        ax = axes(ax)
        shares = [layer.words(f"scenario_{tokens}").counts() for layer in self.layers]
        parts = {
            word: [share.get(word, 0) / layer.channels for share, layer in zip(shares, self.layers, strict=True)]
            for word in SCENARIOS
        }
        stacked_bars(ax, [""] * len(self.layers), parts, COLOURS)
        _name_rows(ax, [layer.name for layer in self.layers])
        ax.set(xlim=(0, 1), xlabel="share of channels", title="")
        return ax


def _name_rows(ax: Axes, names: list[str]) -> None:
    """Short names of layers along the left axis, from the top, thinned where there are many."""
    if not names:
        return
    short = short_names(names)[1]
    step = -(-len(names) // 26)
    ax.set_yticks(range(0, len(names), step), short[::step], fontsize=8)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_ylabel("layer")


@dataclass(frozen=True, eq=False, repr=False)
class Diff(Result, Comparison):
    """What moved between two checkpoints: `Comparison` with its table, one row a layer that both have.

    Numbers of health stand before and after where they moved by more than a quarter (`numeric.health.moved.LISTED`);
    `medians` has those whose medians over layers did.
    """

    TABLES = ("layers",)

    def lines(self) -> list[str]:
        """The verdict on each, and what only one of them has."""
        said = [f"first:  {self.first.line()}", f"second: {self.second.line()}"]
        for word, only in (("first", self.only_first), ("second", self.only_second)):
            if only:
                said.append(f"Only in the {word}: {', '.join(only[:4])}{', ...' if len(only) > 4 else ''}")
        return said

    def _table(self, name: str) -> Table:
        data: dict[str, list[Any]] = {
            "layer": [layer.name for layer in self.layers],
            "gained": [", ".join(layer.gained) for layer in self.layers],
            "lost": [", ".join(layer.lost) for layer in self.layers],
        }
        for key in _WEIGHTS:
            data[key] = [None if layer.weights is None else getattr(layer.weights, key) for layer in self.layers]
        for row in NUMBERS:
            pairs = [layer.numbers.get(row.name, (None, None)) for layer in self.layers]
            data[f"{row.name}_before"], data[f"{row.name}_after"] = ([pair[side] for pair in pairs] for side in (0, 1))
        return Table(data, ("layer", "flips", "expected", "z", "decay", "half_life", "S_B", "S_C", "gained"))

    def to_json(self) -> dict[str, Any]:
        """The document of schema `s6flow-diff/1`."""
        return comparison_json(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Relative change of S_B and S_C, and |ln| of the ratio of decay rates, layer by layer."""
        ax = axes(ax)
        told = [layer for layer in self.layers if layer.weights is not None]
        short = short_names([layer.name for layer in told])[1] if told else []
        for key, label in (
            ("S_B", r"$|\Delta S_B| / |S_B|$"),
            ("S_C", r"$|\Delta S_C| / |S_C|$"),
            ("decay", r"$|\ln a'/a|$"),
        ):
            values = [getattr(layer.weights, key) for layer in told]
            ax.plot(range(len(told)), values, marker="o", markersize=3, label=label)
        step = max(1, -(-len(told) // 16))
        ax.set_xticks(range(0, len(told), step), short[::step])
        ax.set(xlabel="layer", ylabel="change", ylim=(0, None))
        ax.legend(fontsize=8)
        return ax


def audit(
    source: Any,
    *,
    simulate: bool = False,
    certify: bool = False,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
    device: str = "cpu",
    states: TokenStates | None = None,
    shuffles: int = 200,
    context: int = CONTEXT,
) -> Audit:
    """Diagnose a Mamba checkpoint or model: its health first, then what the theory says of every channel.

    Args:
        source: a path (file or folder), a hub id, the name of an installed package, or a model in memory.
        simulate: also integrate every channel's flow from random starts and compare.
        certify: also certify the dichotomy's verdicts, and the bounds of health, in interval arithmetic.
        layers: names, patterns with * and ?, or positions from 0; all layers by default.
        seed: of the shuffles and of the starts, >= 0.
        progress: called with (done, total, name) after every layer.
        device: where the simulation runs: cpu, or cuda (mamba-ssm's kernel drives the flows).
        states: on a GPU: layer name -> tokens, shape (token, channel).
        shuffles: permutations of the control, at least 2.
        context: tokens that memory is compared with.
    Returns: the audit; `.to_pandas("channels")`, `.plot()`, `.to_json()`.
    Raises: SourceError: no such source, or no S6 layer in it. FormatError: it is damaged. AssumptionError: an option out
        of its range. MissingDependencyError: an extra is needed.
    Source: theory 0, 7, 8, 18 to 20.

    >>> import s6flow as sf
    >>> from s6flow.numeric.experiments import shipped_checkpoint
    >>> found = sf.audit(shipped_checkpoint("negative"), layers=["0"])
    >>> found.health.severity, found.totals("scenario_positive")
    ('healthy', {'convergent': 256})
    """
    with one_model(source):
        report = reports.audit(
            source,
            simulate=simulate,
            certify=certify,
            layers=layers,
            seed=seed,
            progress=progress,
            device=device,
            states=states,
            shuffles=shuffles,
            context=_tokens(context),
        )
    return Audit(**{field.name: getattr(report, field.name) for field in fields(report)})


def _tokens(context: Any) -> int:
    number = one_number(context, "context")
    if number < 1 or number != int(number):
        raise AssumptionError("context must be a whole number of tokens, at least 1", context, "context")
    return int(number)


def diff(first: Any, second: Any, *, context: int = CONTEXT, shuffles: int = 200, seed: int = 0) -> Diff:
    """What moved between two checkpoints or models: health, signs of mu, memory, weights.

    Args:
        first, second: as `audit` takes them; layers are compared by name.
        context: tokens that memory is compared with.
        shuffles, seed: of the control of mu's signs.
    Raises: as `audit`; SourceError: they have no layer in common.

    >>> import s6flow as sf
    >>> from s6flow.numeric.experiments import shipped_checkpoint
    >>> moved = sf.diff(shipped_checkpoint("unconstrained"), shipped_checkpoint("positive"))
    >>> moved.table().data["flips"]  # channels whose mu changed its sign
    [210, 202, 181, 161, 143, 98, 98, 92, 128, 133, 90, 80]
    """
    # bounds beyond float64 are infinite, which is a verdict
    with np.errstate(over="ignore", invalid="ignore"), one_model(first), one_model(second):
        found = compare(first, second, _tokens(context), shuffles, seed)
    return Diff(**{field.name: getattr(found, field.name) for field in fields(found)})
