"""How layers die in training: their health in the log, and when death, a warning and the loss first showed it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from s6flow.numeric.experiments.logs import log_lines
from s6flow.numeric.health.diagnosis import diagnose
from s6flow.numeric.health.training import check_optimizer, warned_of

__all__ = ["LOSS_SHOWS", "deaths", "health_line"]

#: The validation loss shows trouble when it exceeds its least value so far by this much [bits per byte].
LOSS_SHOWS = 0.05
#: What a healthy layer says early in training is no warning of death.
_NO_WARNING = {"untrained"}


def health_line(model: nn.Module, context: int, optimiser: Any = None) -> dict[str, Any]:
    """Every layer's response and what a `HealthMonitor` would warn of; parameters that `check_optimizer` objects to."""
    layers = diagnose(model, context).layers
    responses = [layer.numbers["response"] for layer in layers]
    found: dict[str, Any] = {
        "response": [None if value is None else float(f"{value:.4g}") for value in responses],
        "warned": [warned_of(layer) for layer in layers],
    }
    return found if optimiser is None else {**found, "held": len(check_optimizer(model, optimiser))}


def _first(steps: Iterable[int]) -> int | None:
    return min(steps, default=None)


def deaths(log: Path) -> tuple[dict[str, float | None], dict[str, Any]]:
    """From a run's log.

    Returns: summary: `dead_share` of layers at the end, the first steps at which a layer was `dead_at`, a warning was
        given (`warned_at`; `dying_at` for that alone), the loss rose (`loss_at`), and how many steps the warning came
        before the death and before the loss (`ahead_of_death`, `ahead_of_loss`); None for what did not happen. And the
        lines themselves.
    """
    lines = log_lines(log)
    looks = [line for line in lines if "warned" in line]
    losses = [
        (int(line["step"]), float(line["valid_bits_per_byte"])) for line in lines if "valid_bits_per_byte" in line
    ]

    def named(line: dict[str, Any]) -> set[str]:
        return {name for layer in line["warned"] for name in layer} - _NO_WARNING

    dead = _first(int(line["step"]) for line in looks if "dead" in named(line))
    warned = _first(int(line["step"]) for line in looks if named(line))
    dying = _first(int(line["step"]) for line in looks if {"dying", "dead"} & named(line))
    least, rose = float("inf"), None
    for step, loss in losses:
        if rose is None and loss > least + LOSS_SHOWS:
            rose = step
        least = min(least, loss)
    final = looks[-1]["warned"] if looks else []
    summary: dict[str, float | None] = {
        "dead_share": sum("dead" in layer for layer in final) / len(final) if final else None,
        "held": float(looks[0].get("held", 0)) if looks else None,
        "dead_at": dead,
        "warned_at": warned,
        "dying_at": dying,
        "loss_at": rose,
        "ahead_of_death": None if dead is None or warned is None else dead - warned,
        "ahead_of_loss": None if rose is None or warned is None else rose - warned,
    }
    return summary, {"looks": looks}
