"""The paper's two refinements as drop-in modules: exclude a scenario, reorder tokens by importance."""

from s6flow.numeric.refinements.constraint import ScenarioConstraint, bake, constrain, constrained_layers
from s6flow.numeric.refinements.layers import S6Shape, channel_mu, s6_layers, s6_shape, split_rows
from s6flow.numeric.refinements.reorder import TokenReorder, published_reorder, reorder_tokens, restore_order
from s6flow.numeric.refinements.scores import ScoreInputs, axis_growth_score, growth_score
from s6flow.numeric.refinements.softsort import Reordering, hard_order, reordering, soft_permutation

__all__ = [
    "Reordering",
    "S6Shape",
    "ScenarioConstraint",
    "ScoreInputs",
    "TokenReorder",
    "axis_growth_score",
    "bake",
    "channel_mu",
    "constrain",
    "constrained_layers",
    "growth_score",
    "hard_order",
    "published_reorder",
    "reorder_tokens",
    "reordering",
    "restore_order",
    "s6_layers",
    "s6_shape",
    "soft_permutation",
    "split_rows",
]
