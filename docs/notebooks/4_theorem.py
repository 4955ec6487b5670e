# %% [markdown]
# # A theorem from statement to proof
#
# A theorem is a value here: its formula, its checks, its generated code and its formal statement come from one place.

# %%
import s6flow as sf
from s6flow.proofs.registry import get

page = sf.theorem("convergence-rate")
page

# %% [markdown]
# ## The statement
#
# In SymPy, as the registry holds it; the typeset formula above is printed from it.

# %%
theorem = get("convergence-rate")
theorem.conclusion

# %%
page.to_pandas("assumptions")

# %% [markdown]
# ## The proof on paper
#
# Steps whose residuals must reduce to literal zero; a reduction that gets stuck counts as unknown, never as success.

# %%
for report in theorem.verify():
    print(f"{report.step.id}: {report.state}")
    print(f"   {report.step.because}")

# %% [markdown]
# ## The formal proof
#
# Where the statement was given to Coq, the record says which axioms its proof rests on, and the page where the formal
# statement says more or less than the printed one.

# %%
print(page.status)
for place in page.content["places"]:
    print(f"{place['statement']}: stated at {place['stated']}, proved at {place['proved']}")
for row in page.content["differences"]:
    print(f"  {row['statement']} {row['text']}")

# %% [markdown]
# ## Trying to break it
#
# Systems are drawn from the assumptions, and the worst margin is kept. HOLDS means: on these data.

# %%
reports = sf.check("convergence-rate", examples=60)
reports

# %% [markdown]
# A check that cannot fail shows nothing. So every assumption has a counterexample: data that meet all others, and break the
# conclusion.

# %%
for example in theorem.counterexamples:
    print(f"without {example.drops}: {dict(example.data)} {example.note}")
for key, reason in theorem.unbroken.items():
    print(f"without {key}: {reason}")

# %% [markdown]
# ## The code that judges
#
# Generated from the conclusion, and never edited.

# %%
print(page.content["code"])
