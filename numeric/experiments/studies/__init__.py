"""What is measured after training, by name: one function a study, from a trained model to metrics and details."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s6flow.numeric.experiments.after import measure
from s6flow.numeric.experiments.audited import audit_weights
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.deaths import deaths
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.studies.capping import cap_curve
from s6flow.numeric.experiments.studies.diagnosis import diagnosed
from s6flow.numeric.experiments.studies.lengths import loss_by_length, rounded_weights
from s6flow.numeric.experiments.studies.pruning import pruned

__all__ = ["STUDIES", "Trained", "studies_of", "study"]

_MEASURED = 16  # sequences that the parts of a network are measured on


@dataclass(frozen=True)
class Trained:
    """A run at its end.

    Args:
        model: trained, its constraints baked.
        data, config, condition: of the run.
        weights, log: its files.
    """

    model: S6Stack
    data: Data
    config: Config
    condition: str
    weights: Path
    log: Path


#: A flat table of metrics and whatever else is kept.
Found = tuple[dict[str, Any], Any]


def _after(run: Trained) -> Found:
    batch = next(run.data.evaluation("test"))
    mask = None if batch.mask is None else batch.mask[:_MEASURED]
    found = measure(run.model, batch.tokens[:_MEASURED], mask)
    return found.pop("summary"), found


def _cap(run: Trained) -> Found:
    """For models that trained without a cap or any constraint."""
    return cap_curve(run.model, run.data, run.config) if run.condition == "unconstrained" else ({}, {})


STUDIES: dict[str, Callable[[Trained], Found]] = {
    "after": _after,
    "audit": lambda run: audit_weights(run.weights),
    "lengths": lambda run: loss_by_length(run.model, run.data, run.config.reach),
    "precision": lambda run: rounded_weights(run.model, run.data),
    "diagnosis": lambda run: diagnosed(run.model, run.data, run.weights),
    "pruning": lambda run: pruned(run.model, run.data),
    "cap": _cap,
    "deaths": lambda run: deaths(run.log),
}


def studies_of(config: Config) -> tuple[str, ...]:
    """What a configuration asks for; what language modelling has always measured where it does not say."""
    return config.studies or (("after", "audit") if config.kind == "lm" else ())


def study(run: Trained) -> tuple[dict[str, Any], dict[str, Any]]:
    """All studies of a run: metrics and details by study.

    A study that fails costs neither the training nor the other studies: its details are the error, which a report says.
    """
    metrics: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for name in studies_of(run.config):
        try:
            metrics[name], details[name] = STUDIES[name](run)
        except Exception as error:
            warnings.warn(f"{run.condition}: study {name} failed ({type(error).__name__}: {error})", stacklevel=2)
            details[f"{name}_failed"] = f"{type(error).__name__}: {error}"
    return metrics, {name: part for name, part in details.items() if part}
