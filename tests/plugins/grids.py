"""The configuration of a grid of trainings that takes seconds on a CPU, as text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["tiny_grid"]


def tiny_grid(
    conditions: Sequence[str], seeds: Sequence[int] = (0,), save_every: int = 2, *,
    kind: str = "lm", data: str = "stdlib", tokens: int = 16, more: str = "",
) -> str:  # fmt: skip
    """Eight steps of a network of two layers.

    Args:
        conditions, seeds: of the grid.
        save_every: steps between checkpoints.
        kind, data, tokens: what is learnt, from what, in how long sequences.
        more: further lines of the table [train].
    """
    names = ", ".join(f'"{condition}"' for condition in conditions)
    return f"""kind = "{kind}"
[data]
name = "{data}"
tokens = {tokens}
[model]
width = 16
layers = 2
state = 4
[train]
steps = 8
batch = 4
lr = 4e-3
warmup = 3
log_every = 2
save_every = {save_every}
eval_every = 4
eval_sequences = 8
{more}[grid]
seeds = {list(seeds)}
conditions = [{names}]
"""
