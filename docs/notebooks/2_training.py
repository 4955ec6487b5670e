# %% [markdown]
# # Watch a training run
#
# Weight decay on `A_log`, `D` and the step's bias kills layers slowly, and no loss curve shows it. Here two small models are
# trained on the same task, one with decay on everything, one with these parameters left out.

# %%
import matplotlib.pyplot as plt
import torch

from s6flow.numeric.experiments.model import PlainMamba
from s6flow.numeric.health import HealthMonitor, check_optimizer, diagnose

torch.set_num_threads(1)
WIDTH, LENGTH, STEPS = 16, 24, 200
DECAY = 1.0  # far too much, to see in seconds what takes days


def batch(generator):
    """Sequences, and the same four tokens later: a task of memory."""
    tokens = torch.randn(8, LENGTH, WIDTH, generator=generator)
    return tokens, torch.roll(tokens, 4, dims=1)


# %% [markdown]
# ## The optimiser first
#
# mamba marks these parameters `_no_weight_decay`; PyTorch's optimisers do not read the mark. `check_optimizer` says which
# parameters are held wrongly, before the first step.

# %%
torch.manual_seed(0)
model = PlainMamba(WIDTH, d_state=8)
plain = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=DECAY)
for held in check_optimizer(model, plain):
    print(f"{held.name:14} group {held.group}: {held.reason}")


# %%
def guarded(model):
    """The same optimiser with a second group, without decay."""
    names = {held.name for held in check_optimizer(model, torch.optim.AdamW(model.parameters(), weight_decay=DECAY))}
    spared = [value for name, value in model.named_parameters() if name in names]
    others = [value for name, value in model.named_parameters() if name not in names]
    groups = [{"params": others, "weight_decay": DECAY}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-2)


print("wrongly held after that:", check_optimizer(model, guarded(model)))

# %% [markdown]
# ## The run
#
# In a real run one line does it: `monitor.step(step)`. It keeps to one per cent of the training's time, and leaves a look out
# rather than exceed it; in this run of seconds that would be nearly every look, so the numbers are taken directly.


# %%
def train(decayed):
    torch.manual_seed(0)
    model, generator = PlainMamba(WIDTH, d_state=8), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=DECAY) if decayed else guarded(model)
    history = []
    for step in range(STEPS + 1):
        tokens, wanted = batch(generator)
        loss = (model(tokens) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            found = diagnose(model, context=LENGTH)
            layer = found.layers[0]
            history.append((step, float(loss.detach()), layer.numbers, [row.name for row in layer.verdicts]))
    return model, history


runs = {"decay on everything": train(True), "A_log, D and biases spared": train(False)}

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for name, (_, history) in runs.items():
    steps = [row[0] for row in history]
    axes[0].plot(steps, [row[1] for row in history], label=name)
    axes[1].semilogy(steps, [row[2]["half_life_max"] for row in history])
    axes[2].plot(steps, [row[2]["spread"] for row in history])
for ax, title in zip(axes, ("loss", "longest half-life [tokens]", "spread of the decay rates"), strict=True):
    ax.set(title=title, xlabel="step")
axes[0].legend(fontsize=8)
# %% [markdown]
# The losses look alike. What the two models can remember does not: decay pulls all decay rates to 1 and all steps to 0.69.

# %%
for name, (_, history) in runs.items():
    print(f"{name}: {', '.join(history[-1][3]) or 'no verdict'}")

# %% [markdown]
# ## The monitor
#
# The line for a loop of your own; `trainer_callback(monitor)` serves Hugging Face's Trainer, `lightning_callback(monitor)`
# Lightning.

# %%
model, _ = runs["decay on everything"]
monitor = HealthMonitor(model, every=1, context=LENGTH)
print(monitor.last.line())
for name, value in monitor.numbers(monitor.last).items():
    print(f"{name:26} {value:.4g}")
