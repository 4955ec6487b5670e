# %% [markdown]
# # Diagnose a checkpoint
#
# From a file to a verdict, and from the verdict to the layers and channels behind it.
#
# `sf.audit` takes a file, a folder, a hub id, an installed package that ships weights, or a model in memory. Here it is a
# small language model that ships with s6flow: twelve layers, trained without a constraint.

# %%
import s6flow as sf
from s6flow.numeric.experiments import shipped_checkpoint

found = sf.audit(shipped_checkpoint("unconstrained"))
found

# %% [markdown]
# The first line is the health of the whole, the table has one row a layer. A picture shows the same: health at the left, and
# at the right what theory predicts of each layer's channels when all tokens are positive.

# %%
found.plot()
# %% [markdown]
# ## An ill one
#
# `typeseg` is a package with a Mamba of six layers inside.

# %%
ill = sf.audit("typeseg")
print(ill.health.line())
worst = ill.health.ranked[0]
for verdict in worst.verdicts:
    print(f"\n{worst.name}: {verdict.title} ({verdict.severity})")
    print("  given when", verdict.rule_text)
    print("  because   ", verdict.reason)
    print("  remedy    ", verdict.remedy)

# %% [markdown]
# Each number of a verdict stands beside that of an untrained layer of the same shape.

# %%
for name in ("step_low", "step_high", "half_life_median", "spread"):
    print(f"{name:18} {worst.numbers[name]:10.4g}   untrained {worst.untrained[name]:10.4g}")

# %% [markdown]
# ## Channels
#
# Below the health lie the channels, one row each. mu says whether tokens converge or diverge; where K(0) is negative, a small
# token can die out while the token before it blows up.

# %%
channels = found.to_pandas("channels")
channels[["layer", "channel", "mu", "K0", "scenario_positive", "theorem_positive"]].sample(6, random_state=0)

# %%
channels.groupby(["layer", "scenario_positive"]).size().unstack(fill_value=0)

# %% [markdown]
# ## What moved
#
# `sf.diff` compares two checkpoints of the same shape, here with one that was trained with mu > 0 on every channel.

# %%
moved = sf.diff(shipped_checkpoint("unconstrained"), shipped_checkpoint("positive"))
moved

# %%
moved.plot()
