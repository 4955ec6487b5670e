"""Honest experiments on the two refinements: language modelling and classification, with confounds
controlled."""

from s6flow.numeric.experiments.commands import prepare, run_experiment, run_lm, run_reorder
from s6flow.numeric.experiments.config import Config, config_names, load_config

__all__ = ["Config", "config_names", "load_config", "prepare", "run_experiment", "run_lm", "run_reorder"]
