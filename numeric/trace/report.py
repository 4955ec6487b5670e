"""A trace as values: numbers and checks of every layer, growth and turn over depth, and a few lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from s6flow.numeric.health.numbers import FORMATS, Number
from s6flow.numeric.trace.gates import quantity
from s6flow.numeric.trace.judge import CONTINUOUS, Check, Fit, TraceError
from s6flow.numeric.trace.measure import FILLS
from s6flow.text import counted

__all__ = ["NUMBERS", "LayerTrace", "NetworkTrace", "numbers"]

Sums = Mapping[str, np.ndarray]
#: Quantiles of half-lives, over channels, states and the tokens that were followed; of shares, over sequences, channels and states.
_QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}

NUMBERS: tuple[Number, ...] = (
    Number("rms", "root mean square of the residual stream in front of the block, median over tokens", "1", "17"),
    Number("rms_after", "the same behind the block", "1", "17"),
    Number("ratio", "|update|/|x|, median over tokens; the continuous limit in depth asks for a small one", "1", "17"),
    Number("turn", "angle by which the block turns x, median over tokens", "radian", "17"),
    Number("sideways", "root mean square of the part of the update across x, median over tokens", "1", "17"),
    Number("alignment", "cosine between update and x, median over tokens", "1", "17"),
    Number("top", "share of the largest channel in |x|^2, median over tokens", "1", "15"),
    Number("participation", "channels that carry |x|^2: (sum x^2)^2 / sum x^4, median over tokens", "channels", "15"),
    Number("stream_max", "largest entry of the residual stream", "1", "17"),
    Number("update_max", "largest entry that the block adds", "1", "layer-bound"),
    Number("update_bound", "its bound from the weights", "1", "layer-bound"),
    Number("u_max", "largest input of the scan", "1", "layer-bound"),
    Number("u_bound", "its bound, the largest over channels", "1", "layer-bound"),
    Number("step_max", "largest step", "1", "layer-bound"),
    Number("step_bound", "its bound, the largest over channels", "1", "layer-bound"),
    Number("step_seen", "its bound for inputs as large as those that were seen, the largest over channels", "1", "layer-bound"),
    Number("h_max", "largest state", "1", "layer-bound"),
    Number("h_bound", "its bound, the largest over channels", "1", "layer-bound"),
    Number("h_seen", "its bound for inputs as large as those that were seen, the largest over channels", "1", "layer-bound"),
    Number("y_max", "largest output of the scan", "1", "layer-bound"),
    Number("y_bound", "its bound, the largest over channels", "1", "layer-bound"),
    Number("y_seen", "its bound for inputs as large as those that were seen, the largest over channels", "1", "layer-bound"),
    Number("full_max", "largest state over its bound from the inputs and steps that it saw", "1", "state-bound"),
    Number("half_full", "share of states that come above half of that bound", "1", "state-bound"),
    *(
        Number(f"full_{key}", f"largest size of a state over that bound, quantile {q:g} of states, rounded up to 1/{FILLS}", "1", "state-bound")
        for key, q in _QUANTILES.items()
    ),
    *(
        Number(f"life_{key}", f"half-life counted in the steps taken, quantile {q:g}; null: beyond the sequence", "tokens", "state-forgetting")
        for key, q in _QUANTILES.items()
    ),
    Number("life_predicted", "half-life at each channel's mean step, median over states", "tokens", "state-forgetting"),
    Number("unsaturated", "share of states whose half-life at the mean step exceeds the context", "1", "state-saturation"),
    *(Number(f"rounds_{key}", f"share of gates that round to one in {key}", "1", "gate-rounding") for key in FORMATS),
    Number("own_positive", "share of tokens with C.B > 0", "1", "own-term-on-data"),
    Number("own_mean", "mean of C.B over tokens", "1", "own-term-on-data"),
    Number("own_moments", "the same from mean m and covariance Sigma of the inputs: tr(M Sigma) + m^T M m", "1", "own-term-on-data"),
    Number("own_trace", "tr(M Sigma) in it", "1", "own-term-on-data"),
    *(
        Number(f"margin_{key}", f"log2 of the largest {key} number over the largest number met; negative: it would overflow", "bits", "layer-bound")
        for key in FORMATS
    ),
)  # fmt: skip


@dataclass(frozen=True)
class LayerTrace:
    """One layer.

    Args:
        name: dotted.
        numbers: of `NUMBERS` by name, None where it was not traced or is not finite.
        checks: beside the theorems.
        untraced: what was not traced and why, one line each.
    """

    name: str
    numbers: Mapping[str, float | None]
    checks: tuple[Check, ...]
    untraced: tuple[str, ...] = ()

    @property
    def continuous(self) -> bool | None:
        """Whether a flow in depth describes this layer; None where |update|/|x| is unknown."""
        ratio = self.numbers["ratio"]
        return None if ratio is None else ratio <= CONTINUOUS.value

    @property
    def verdict(self) -> str:
        """VIOLATED, HOLDS (all that was judged, on these data), or NOT JUDGED."""
        found = {check.verdict for check in self.checks}
        return next((word for word in ("VIOLATED", "HOLDS") if word in found), "NOT JUDGED")


@dataclass(frozen=True)
class NetworkTrace:
    """A network on one batch.

    Args:
        source: what was traced. batch, length: sequences and tokens of each. context: tokens that memory is compared with.
        format: the model's number format. device: where it ran.
        layers: in the order of the model's modules.
        growth: of |x| over depth; linear growth, the law of `prenorm-axis`, has exponent 1.
        turning: of the angle per layer; where |x| grows linearly and updates keep their size `direction-clock` has it at -1.
        notes: what happened on the way, such as a halved batch.
        inputs: what went in, sequences of which length counts: tokens, vectors, or images, by their axes; of an image length is
            that of the first layer's stream.
    """

    source: str
    batch: int
    length: int
    context: int
    format: str
    device: str
    layers: tuple[LayerTrace, ...]
    growth: Fit
    turning: Fit
    notes: tuple[str, ...] = ()
    inputs: str = "tokens"

    @property
    def violations(self) -> tuple[tuple[LayerTrace, Check], ...]:
        """Layer and check of every bound that was exceeded."""
        return tuple((layer, check) for layer in self.layers for check in layer.checks if check.verdict == "VIOLATED")

    def require(self) -> None:
        """Nothing, if every bound holds.

        Raises: TraceError: a bound is exceeded; the message names its theorem.
        """
        if not self.violations:
            return
        layer, check = self.violations[0]
        more = f" (and {len(self.violations) - 1} more)" if len(self.violations) > 1 else ""
        value = f"{check.name} = {check.measured:.6g} against {check.bound:.6g}{more}"
        remedy = "Weights changed during the run, or the theorem does not cover this layer: please report it."
        raise TraceError(f"theorem {check.theorem} must hold on every trace", value, layer.name, remedy, self)

    def summary(self) -> list[str]:
        """A few sentences."""
        judged = [check for layer in self.layers for check in layer.checks if check.verdict != "NOT JUDGED"]
        held = len(judged) - len(self.violations)
        said = [
            f"Trace of {self.source}: {counted(len(self.layers), 'layer')}, {self.batch} x {self.length} "
            f"{'tokens' if self.inputs == 'tokens' else f'tokens of {self.inputs}'}, "
            f"{self.format} on {self.device}",
            f"Theorems: {held} of {counted(len(judged), 'check')} hold on these data"
            + (
                f"; VIOLATED: {', '.join(sorted({c.theorem for _, c in self.violations}))}." if self.violations else "."
            ),
            _grown(self.growth, "|x| by depth", "linear growth") + _grown(self.turning, " Turn by depth", "1/depth"),
            self.depth(),
        ]
        hidden = [layer for layer in self.layers if layer.untraced]
        if hidden:
            said.append(
                f"Not traced whole: {counted(len(hidden), 'layer')}; {hidden[0].name}: {hidden[0].untraced[0]}."
            )
        return [*said, *self.notes]

    def depth(self) -> str:
        """Whether the continuous limit describes depth."""
        told = [layer.continuous for layer in self.layers if layer.continuous is not None]
        if not told:
            return "In depth: no |update|/|x| was traced."
        rule = f"median |update|/|x| at most {CONTINUOUS.value:g}"
        if not any(told):
            return f"In depth the continuous limit is no description: no layer has {rule}."
        if all(told):
            return f"In depth the continuous limit can describe every layer: {rule}."
        return f"In depth the continuous limit can describe {sum(told)} of {len(told)} layers ({rule}); of the others it is no description."  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Plain values of schema `s6flow-trace/1`, without NaN or infinity."""
        layers = [
            {
                "name": layer.name,
                "verdict": layer.verdict,
                "continuous": layer.continuous,
                "untraced": list(layer.untraced),
                "numbers": {name: finite(value) for name, value in layer.numbers.items()},
                "checks": [{key: finite(value) for key, value in asdict(check).items()} for check in layer.checks],
            }
            for layer in self.layers
        ]
        plain = {
            key: getattr(self, key) for key in ("source", "batch", "length", "inputs", "context", "format", "device")
        }
        fits = {"growth": asdict(self.growth), "turning": asdict(self.turning)}
        return {"schema": "s6flow-trace/1", **plain, **fits, "notes": list(self.notes), "layers": layers}


def _grown(fit: Fit, what: str, law: str) -> str:
    if fit.exponent is None:
        return f"{what}: too few layers for an exponent."
    word = {"consistent": f"consistent with {law}", "not": f"not {law}", "undecided": f"{law} undecided"}[fit.verdict]
    cited = f" ({fit.theorem})" if fit.theorem else ""
    return f"{what}: exponent {fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}], {word}{cited}."


def finite(value: Any) -> Any:
    """None for a number that JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def numbers(sums: Sums, limits: Mapping[str, float | None], a: np.ndarray | None, context: int) -> dict[str, float | None]:  # fmt: skip
    """Every number of `NUMBERS` from the sums of a layer.

    Args:
        limits: the bounds from weights, by name. a: decay rates (channel, state), where the scan was traced.
    """
    found: dict[str, float | None] = dict.fromkeys((row.name for row in NUMBERS), None)
    found |= {name: finite(value) for name, value in limits.items()}
    if "rms" in sums:
        for name in ("rms", "rms_after", "ratio", "turn", "sideways", "alignment", "top", "participation"):
            kept = sums[name][~np.isnan(sums[name])]
            found[name] = float(np.median(kept)) if kept.size else None
    found |= {name: float(sums[name]) for name in ("stream_max", "update_max") if name in sums}
    if "u_max" in sums:
        assert a is not None, "a traced scan has rates"
        found |= _scan(sums, a, context)
    tops = ("stream_max", "update_max", "u_max", "step_max", "h_max", "y_max")
    largest = max((value for value in map(found.get, tops) if value is not None), default=0.0)
    if largest > 0:
        found |= {f"margin_{key}": math.log2(row.largest) - math.log2(largest) for key, row in FORMATS.items()}
    return found


def _scan(sums: Sums, a: np.ndarray, context: int) -> dict[str, float | None]:
    tokens, gates = float(sums["tokens"]), float(sums["gates"])
    mean = quantity("half_life", decay=a, width=(sums["step_sum"] / tokens)[:, None])
    second, squared = None, 0.0
    if "own_second" in sums:
        second = float(sums["own_second"]) / tokens
        squared = float(sums["written_sum"] @ sums["read_sum"]) / tokens**2
    return {
        **{name: float(sums[name].max()) for name in ("u_max", "step_max", "h_max", "y_max")},
        "full_max": float(sums["full_max"]),
        "half_full": float(sums["half_full"] / sums["sequences"]),
        **{f"full_{key}": (_quantile(sums["fills"], 0.0, q) or 0.0) / FILLS for key, q in _QUANTILES.items()},
        **{f"life_{key}": _quantile(sums["lives"], float(sums["older"]), q) for key, q in _QUANTILES.items()},
        "life_predicted": finite(float(np.median(mean))),
        "unsaturated": float((mean > context).mean()),
        **{f"rounds_{key}": float(sums["rounded"][place]) / gates for place, key in enumerate(FORMATS)},
        "own_positive": float(sums["own_positive"]) / tokens,
        "own_mean": float(sums["own_sum"]) / tokens,
        "own_moments": second,
        "own_trace": None if second is None else second - squared,
    }


def _quantile(counts: np.ndarray, older: float, share: float) -> float | None:
    """The least age that this share of the states has reached; None where it lies beyond the sequence."""
    reached = np.cumsum(counts)
    wanted = share * (reached[-1] + older)
    return float(np.searchsorted(reached, wanted)) if wanted <= reached[-1] else None
