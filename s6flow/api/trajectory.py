"""`Flow`: a trajectory with what theory predicts of it, what the run showed, and how its tokens ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from s6flow.api.pictures import axes
from s6flow.api.result import Result, Table
from s6flow.errors import FormatError
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.numbers import evaluate
from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.flow import FlowParameters, FlowResult, Status, classify
from s6flow.numeric.flow.equation import EquationFlow
from s6flow.proofs.index import status_of
from s6flow.symbolic.ends import ENDS, NO_THEOREM, SCENARIOS, End, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Flow"]

#: More lines than this get no legend.
_MOST_LABELS = 8
#: A blow-up time has no digit where its error is a larger share of it.
_VAGUE = 0.1


@dataclass(frozen=True, repr=False)
class Flow(Result, FlowResult):
    """A run of `integrate`: `FlowResult` with its tables, words and picture. `flow[i]` is one system of a batch.

    Args:
        blow_up_time_error: largest difference of T between runs of different tolerance, NaN where there is none to
            compare, shape (*batch).
        x_limit: |x| that counts as infinite.
    """

    blow_up_time_error: NDArray[np.float64]
    x_limit: float

    TABLES = ("trajectory", "ends")

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Empty for a single system."""
        return self.status.shape

    @property
    def _sizes(self) -> tuple[tuple[int, ...], int]:
        """Axes of a system's tokens, and how many systems there are."""
        return self.x0.shape[len(self.batch_shape) :], math.prod(self.batch_shape)

    @property
    def bilinear(self) -> bool:
        """Whether it is the 1-D flow of the paper, of which theory predicts ends."""
        return isinstance(self.params, FlowParameters)

    @property
    def ended(self) -> str:
        """How the run of a single system stopped, in a word of `Status`: horizon, blow-up, ..."""
        return Status(int(self._single.status)).name.lower().replace("_", "-")

    @property
    def _single(self) -> Flow:
        if self.batch_shape:
            raise FormatError(
                "this is said of one system", f"a batch of shape {self.batch_shape}", "flow", "Take flow[i]."
            )
        return self

    def __getitem__(self, index: Any) -> Flow:
        """One system or some systems of the batch, by an index of its batch axes.

        Raises: FormatError: there is no such system.
        """
        batch = self.batch_shape
        whole = {field.name: getattr(self, field.name) for field in fields(self)}
        shared = {name: whole.pop(name) for name in ("log_times", "x_limit", "params")}
        own = shared["params"]
        tails = {key: value.shape[value.ndim - own.own_axes(key) :] for key, value in own.arrays().items()}
        try:
            parts = {name: value[index] for name, value in whole.items()}
            letters = {key: np.broadcast_to(value, batch + tails[key])[index] for key, value in own.arrays().items()}
        except IndexError as error:
            raise FormatError("a system must be in the batch", f"{index!r} of shape {batch}", "flow") from error
        shared["params"] = own.with_arrays(letters) if isinstance(own, EquationFlow) else type(own)(**letters)
        return Flow(**{name: np.asanyarray(value) for name, value in parts.items()}, **shared)

    def __iter__(self) -> Iterator[Flow]:
        """The systems along the first batch axis; a single one by itself."""
        return (self[place] for place in range(self.batch_shape[0])) if self.batch_shape else iter((self,))

    @cached_property
    def predicted(self) -> tuple[str, str]:
        """What theory predicts of a single bilinear system: a word of `symbolic.ends`, and the theorem or `none`."""
        params = self._single.params
        if not isinstance(params, FlowParameters):
            raise FormatError(
                "theory predicts ends of the bilinear flow", type(params).__name__, "predicted", "See ending()."
            )
        return axis_verdict(params, np.asarray(self.x0))

    @cached_property
    def observed(self) -> str:
        """What the run of a single bilinear system showed, a word of `symbolic.ends`."""
        return word(int(classify(self._single).systems))

    def lines(self) -> list[str]:
        """Prediction and how it ended; of a batch how many systems ended how."""
        if self.batch_shape:
            codes = classify(self).systems if self.bilinear else self.status
            words = [word(int(code)) if self.bilinear else Status(int(code)).name.lower() for code in codes.flat]
            told = ", ".join(f"{words.count(name)} {name}" for name in dict.fromkeys(words))
            return [f"{len(words)} flows of shape {self.batch_shape}" + (f": {told}." if told else ".")]
        if not self.bilinear:
            return [f"ended: {self.ending()}"]
        scenario, theorem = self.predicted
        because = "no theorem" if theorem == NO_THEOREM else f"theorem {theorem}, {status_of(theorem)}"
        said = [f"predicted: {scenario} ({because}): {SCENARIOS[scenario]}", f"ended: {self.ending()}"]
        return [*said, *self._seen()]

    def _seen(self) -> Iterator[str]:
        """What became of the tokens, in numbers that do not depend on where a step or the limit cut the run off."""
        tokens = self.token_ends()
        names = [f"x_{index + 1}" for index in range(len(tokens))]
        judged = {True: ", as predicted", False: ", NOT as predicted", None: ""}[
            agrees(self.predicted[0], self.observed)
        ]
        told = [
            f"{name} {token['end']}" + ("" if token["limit"] is None else f", {token['limit']:.6g}")
            for name, token in zip(names, tokens, strict=True)
        ]
        yield f"observed: {self.observed}{judged}: {'; '.join(told)}"
        leader = names[max(int(self.blow_up_token), 1) - 1]
        for name, token in zip(names, tokens, strict=True):
            if token["rate"] is not None:
                known = "" if token["carried_zero"] is None else f"; K(0) = {token['carried_zero']:.6g}"
                yield f"rate: d ln|{name}| / d ln|{leader}| -> {token['rate']:.6g}{known}"

    def ending(self) -> str:
        """How it ended, with the digits of a blow-up time on which runs of different tolerance agree."""
        if self._single.status != Status.BLOW_UP:
            return self.ended
        time, error = float(self.blow_up_time), float(self.blow_up_time_error)
        digits = 3 if np.isnan(error) else int(np.clip(np.floor(-np.log10(error / time)), 1, 12))
        apart = f" give or take {error:.0e}" if error > _VAGUE * time else ""
        return f"{self.ended} at T = {time:.{digits}g}{apart}, first by token {int(self.blow_up_token)}"

    def token_ends(self) -> list[dict[str, Any]]:
        """How every token of a single bilinear system ended; beside a blow-up its limit, or the rate at which it vanishes
        and the K(0) of theory."""
        m, shares = int(self._single.blow_up_token), self.final_share
        params = self.params
        assert isinstance(params, FlowParameters), "only the bilinear flow has ends of tokens"
        letters = {"mu": params.mu, "a": params.a, "b": params.b, "floor": params.floor}
        blown, final, codes = bool(self.status == Status.BLOW_UP), self.final_x, classify(self).tokens.tolist()
        named = {
            code: ENDS[End(code)].token for code in set(codes)
        }  # what is the same of all is asked once, not once a token
        found: list[dict[str, Any]] = []
        for index, code in enumerate(codes):
            behind = blown and index >= m
            vanishes, stays = behind and code == End.CONVERGENT, behind and code == End.LIMIT
            zero = rate = None
            if vanishes:
                with np.errstate(all="ignore"):
                    rate = _numbers([shares[index] / shares[m - 1]])[0]
                    # further on than one token, and behind zero tokens, K acts at sums of steps
                    zero = _numbers([evaluate("carried_zero", **letters)])[0] if index == m else None
            limit = float(final[index]) if stays else None
            found.append({"end": named[code], "limit": limit, "rate": rate, "carried_zero": zero})
        return found

    def _table(self, name: str) -> Table:
        return self._ends() if name == "ends" else self._trajectory()

    def _trajectory(self) -> Table:
        """Outputs that were reached: ln t, t, T - t of a system that blew up, and its tokens; a batch in long form."""
        inner, count = self._sizes
        reached = self.reached.reshape(count, len(self.log_times))
        system, place = np.nonzero(reached)
        log_t = self.log_times[place]
        data: dict[str, Any] = {"system": system} if self.batch_shape else {}
        data |= {"ln_t": log_t, "t": np.exp(log_t)}
        if np.isfinite(self.blow_up_time).any():
            data["T_minus_t"] = self.blow_up_time.reshape(-1)[system] - data["t"]
        values = np.ma.getdata(self.x).reshape(*reached.shape, math.prod(inner))[system, place]
        for column, index in enumerate(np.ndindex(*inner)):
            data["x_" + "_".join(str(part + 1) for part in index)] = values[:, column]
        return Table(data, tuple(key for key in data if key != "ln_t"), spread=True)

    def _ends(self) -> Table:
        """One row a token; ends in words."""
        inner, count = self._sizes
        flat, final = (value.reshape(count, math.prod(inner)) for value in (self.x0, self.final_x))
        names = ["_".join(str(part + 1) for part in index) for index in np.ndindex(*inner)]
        data: dict[str, Any] = {"system": np.repeat(np.arange(len(flat)), len(names))} if self.batch_shape else {}
        data |= {"token": names * len(flat), "start": flat.reshape(-1), "final": final.reshape(-1)}
        if self.bilinear:
            data["end"] = [ENDS[End(int(code))].token for code in classify(self).tokens.reshape(-1)]
        return Table(data)

    def to_json(self) -> dict[str, Any]:
        """The document of schema `s6flow-simulate/2`; of a batch `{"schema": "s6flow-simulations/1", "systems": [...]}`.

        Raises: FormatError: a flow other than the bilinear one.
        """
        if not self.bilinear:
            raise FormatError(
                "the document is of the bilinear flow", type(self.params).__name__, "to_json", "See table()."
            )
        if self.batch_shape:
            return {
                "schema": "s6flow-simulations/1",
                "systems": [self[index].to_json() for index in np.ndindex(self.batch_shape)],
            }
        scenario, theorem = self.predicted
        ended = Status(int(self.status))
        blown = ended is Status.BLOW_UP
        time, error = float(self.blow_up_time), float(self.blow_up_time_error)
        rows = [
            {
                "log_time": float(log_t),
                **({"remaining": time - float(np.exp(log_t))} if blown else {}),
                "x": _numbers(row),
            }
            for log_t, row, there in zip(self.log_times, np.ma.filled(self.x, np.nan), self.reached, strict=True)
            if there
        ]
        return {
            "schema": "s6flow-simulate/2",
            "predicted": scenario,
            "predicted_means": SCENARIOS[scenario],
            "theorem": None if theorem == NO_THEOREM else theorem,
            "theorem_status": None if theorem == NO_THEOREM else status_of(theorem),
            "observed": self.observed,
            "agrees": agrees(scenario, self.observed),
            "tokens": self.token_ends(),
            "ended": ended.name.lower(),
            "blow_up_time": time if blown else None,
            "blow_up_time_error": None if np.isnan(error) else error,
            "blow_up_token": int(self.blow_up_token) if blown else None,
            "x_limit": self.x_limit,
            "cut_off_at_x_limit": ended in (Status.BLOW_UP, Status.OVERFLOW),
            "final_log_time": _numbers([self.final_log_time])[0],
            "final_x": _numbers(self.final_x),
            "steps": int(self.steps),
            "trajectory": rows,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """|x_l| against depth-time, or against the time to the blow-up of a single system; both axes logarithmic."""
        ax = axes(ax)
        single = not self.batch_shape
        blown = single and self.status == Status.BLOW_UP
        inner, count = self._sizes
        sizes = np.exp(np.ma.getdata(self.log_abs)).reshape(count, len(self.log_times), math.prod(inner))
        reached = self.reached.reshape(count, len(self.log_times))
        time = self.blow_up_time - self.times if blown else self.times
        for system, (size, there) in enumerate(zip(sizes, reached, strict=True)):
            for column, index in enumerate(np.ndindex(*inner)):
                label = f"token {index[0] + 1}" + (f", channel {index[1] + 1}" if len(index) > 1 else "")
                ax.plot(time[there], size[there, column], color=f"C{column % 10}", label=None if system else label)
        ax.set(xscale="log", yscale="log", xlabel="depth-time $t$", ylabel="$|x_l|$")
        if blown:
            ax.set_xlabel(f"time to blow-up, $T - t$ ($T$ = {float(self.blow_up_time):.6g})")
            ax.invert_xaxis()
        if single and self.bilinear:
            ax.set_title(f"predicted {self.predicted[0]}, ended {self.ended}", fontsize=10)
        if count and math.prod(inner) <= _MOST_LABELS:
            ax.legend(fontsize=8)
        return ax


def _numbers(values: Any) -> list[float | None]:
    """JSON has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]
