"""Three refinements for any Mamba model: exclude a scenario, reorder tokens by importance, cap the memory.

The first two are the paper's, as drop-in modules; docs/refinements.md says what each guarantees, and how it is saved.
"""

from s6flow.numeric.refinements.cap import cap_memory, mean_steps
from s6flow.numeric.refinements.constrained import bake, constrain, constrained_layers
from s6flow.numeric.refinements.constraint import ScenarioConstraint
from s6flow.numeric.refinements.layers import S6Shape, channel_mu, s6_layers, s6_shape, split_rows
from s6flow.numeric.refinements.ordering import TokenReorder, published_reorder, reorder, reorder_tokens, restore_order
from s6flow.numeric.refinements.saving import raw_keys
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
    "cap_memory",
    "channel_mu",
    "constrain",
    "constrained_layers",
    "growth_score",
    "hard_order",
    "mean_steps",
    "published_reorder",
    "raw_keys",
    "reorder",
    "reorder_tokens",
    "reordering",
    "restore_order",
    "s6_layers",
    "s6_shape",
    "soft_permutation",
    "split_rows",
]
