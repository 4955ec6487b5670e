"""Loaders: from the name of a checkpoint to S6 layers, reading only what is needed and running nothing."""

from s6flow.numeric.weights.checkpoint import Checkpoint, open_checkpoint
from s6flow.numeric.weights.layer import Flag, S6Layer, WithheldLayer

__all__ = ["Checkpoint", "Flag", "S6Layer", "WithheldLayer", "open_checkpoint"]
