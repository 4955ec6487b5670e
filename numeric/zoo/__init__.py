"""A small zoo of audits: diagnoses of published checkpoints with their provenance, and without their weights."""

from s6flow.numeric.zoo.audits import SHOWN, ZOO, entry, page

__all__ = ["SHOWN", "ZOO", "entry", "page"]
