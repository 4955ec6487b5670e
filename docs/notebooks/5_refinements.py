# %% [markdown]
# # The refinements: constrain, save, reload, cap
#
# Two edits of a model, each with what it guarantees: exclude a scenario during training, and cap the memory of a trained
# model.

# %%
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

import s6flow as sf
from s6flow.numeric.experiments.model import PlainMamba
from s6flow.numeric.refinements import s6_layers, s6_shape, split_rows

torch.set_num_threads(1)


def small():
    """Two layers, always the same."""
    torch.manual_seed(0)
    return nn.ModuleDict({"layers": nn.ModuleList(PlainMamba(32) for _ in range(2))})


def mu(mixer):
    """Of every channel: the sum over states of mu_n = S_C S_B."""
    _, s_b, s_c = split_rows(mixer.x_proj.weight, s6_shape(mixer, "mixer"))
    return (s_b * s_c).sum(dim=0)


model = small()
sf.audit(model)

# %% [markdown]
# ## Exclude a scenario
#
# `scenario="positive"` keeps mu > 0 on every channel, whatever the optimiser does. To see that, the optimiser is asked for
# the opposite.

# %%
sf.constrain(model, scenario="positive")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(40):
    loss = sum(mu(mixer).sum() for mixer in s6_layers(model).values())  # wants mu < 0
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
{name: f"smallest mu {float(mu(mixer).min().detach()):.3g}" for name, mixer in s6_layers(model).items()}

# %% [markdown]
# ## Save and reload
#
# A constrained model saves plain keys: the weights that act, under the names that any Mamba has.

# %%
folder = Path(tempfile.mkdtemp())
save_file(model.state_dict(), folder / "constrained.safetensors")
state = load_file(folder / "constrained.safetensors")
sorted(key for key in state if "x_proj" in key)

# %%
plain = small()  # knows nothing of the constraint
plain.load_state_dict(state)
tokens = torch.randn(2, 12, 32)
apart = max(
    float((one(tokens) - two(tokens)).abs().max().detach())
    for one, two in zip(model["layers"], plain["layers"], strict=True)
)
print(f"largest difference of the outputs: {apart:.1e}")
assert apart == 0

# %% [markdown]
# The file audits as itself, and says what the constraint changed against the start.

# %%
found = sf.audit(folder / "constrained.safetensors")
print(found.totals("scenario_positive"))
sf.diff(small(), folder / "constrained.safetensors")

# %% [markdown]
# `sf.bake(model)` ends it: the same function without the constraint.

# %%
sf.bake(model)

# %% [markdown]
# ## Cap the memory
#
# A state whose half-life exceeds the training length was never full in training. `cap_memory` raises the decay rates of such
# states and leaves every other number as it is, bit for bit.

# %%
CONTEXT = 128
before = sf.audit(plain, context=CONTEXT)
raised = sf.cap_memory(plain, CONTEXT)
after = sf.audit(plain, context=CONTEXT)
for old, new in zip(before.health.layers, after.health.layers, strict=True):
    lives = old.numbers["half_life_max"], new.numbers["half_life_max"]
    print(f"{old.name}: {raised[old.name]} states raised; longest half-life {lives[0]:.1f} -> {lives[1]:.1f} tokens")
