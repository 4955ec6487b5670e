# %% [markdown]
# # Reproduce a figure of the paper
#
# Every figure has one module with two functions: `data()` computes, `draw()` draws. Nothing is stored between them.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import s6flow as sf
from s6flow.paper_figures.catalogue import FIGURES

for name, figure in FIGURES.items():
    print(f"{name:16} {figure.title}")

# %% [markdown]
# ## The files
#
# As PDF, SVG and PNG, with the data as CSV; a second call leaves alone what is up to date.

# %%
folder = Path(tempfile.mkdtemp())
sf.figures("convergence", out=folder)

# %%
sorted(path.name for path in folder.iterdir())

# %%
sf.figures("convergence", out=folder).to_pandas()[["figure", "state"]]

# %% [markdown]
# ## By hand
#
# The same data, drawn otherwise.

# %%
drawing = FIGURES["convergence"].drawing()
data = drawing.data()
{name: values.shape for name, values in data.items()}

# %%
figure = plt.figure(figsize=drawing.SIZE)
drawing.draw(figure, data)

# %% [markdown]
# ## What it rests on
#
# A figure names the theorems that it shows, so that a theorem finds its picture, and a caption its status.

# %%
for key in FIGURES["convergence"].theorems:
    print(f"{key}: {sf.theorem(key).status}")
