"""s6flow experiment: see numeric.experiments.command."""

from s6flow.numeric.experiments.command import experiment

__all__ = ["experiment"]
