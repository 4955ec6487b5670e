# %% [markdown]
# # Flows and phase portraits
#
# On the axis of one channel a stack of thin S6 layers is a flow: the tokens evolve in depth-time by x_l' = x_l F_l. A few
# numbers decide how it ends.

# %%
import matplotlib.pyplot as plt
import numpy as np

import s6flow as sf
from s6flow.symbolic.ends import COLOURS

# %% [markdown]
# ## Three ends
#
# With one state, the sign of mu and the sign of s x decide: tokens tend to zero, grow without end but slowly, or blow up.

# %%
cases = {"convergent": ([1.0, 0.5], -1.0), "slow": ([-1.0, -0.5], 1.0), "fast": ([1.0, 0.5], 1.0)}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for ax, (name, (tokens, mu)) in zip(axes, cases.items(), strict=True):
    flow = sf.integrate(tokens, mu=[mu])
    assert flow.predicted[0] == flow.observed == name
    flow.plot(ax)

# %% [markdown]
# ## Where the dichotomy fails
#
# Two states whose shares of mu have opposite signs, the usual case in trained layers: token 1 blows up while token 2 dies out.

# %%
flow = sf.integrate([1.0, 0.5], mu=[-1, 1.5], a=[0.2, 4], b=1)
flow

# %%
flow.plot()
# %% [markdown]
# The blow-up time has an error estimate, from runs of different tolerance, and the roots of K that decide can be certified in
# ball arithmetic.

# %%
print(f"T = {float(flow.blow_up_time):.12f}, off by less than {float(flow.blow_up_time_error):.1g}")
certificate = sf.certify([-1, 1.5], [0.2, 4], b=1)
certificate

# %%
certificate.plot()
# %% [markdown]
# ## A phase portrait
#
# A grid of starts for two tokens, integrated at once, coloured by how each ended. The picture is not a classification by
# formula: it is what the runs did.

# %%
side = np.linspace(-2.1, 2.1, 18)
starts = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
runs = sf.integrate(starts, mu=[-1, 1.5], a=[0.2, 4], b=1, log_times=np.linspace(-6, 25, 120), rtol=1e-7)
words = sf.classify(runs).words
{str(word): int((words == word).sum()) for word in sorted(set(words))}

# %%
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
paths = np.ma.filled(runs.x, np.nan)
for start, path, word in zip(starts, paths, words, strict=True):
    line = np.vstack([start, path])
    ax.plot(line[:, 0], line[:, 1], color=COLOURS.get(word, "grey"), linewidth=0.7)
for word in dict.fromkeys(words):
    chosen = words == word
    ax.scatter(*starts[chosen].T, s=9, color=COLOURS.get(word, "grey"), label=word)
ax.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="token 1", ylabel="token 2", title="paths from a grid of starts")
ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
