"""Channels of trained weights as examples: those of an installed package that meet a theorem's assumptions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from s6flow.errors import S6FlowError
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.judge import satisfied
from s6flow.numeric.checks.shared import Checkable

__all__ = ["PACKAGE", "package_channels", "trained_channels"]

#: The package that ships a small trained Mamba; part of the test extra.
PACKAGE = "typeseg"
_BILINEAR = {"mu", "a", "s", "b", "floor", "x0"}
_AFFINE = {"S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor", "x0"}


@cache
def package_channels() -> dict[str, Any] | None:
    """Every channel of every layer of `PACKAGE`: letter -> array, channel first; None if it is not installed."""
    from s6flow.numeric.weights import open_checkpoint

    try:
        checkpoint = open_checkpoint(PACKAGE)
        layers = list(checkpoint.layers())
    except S6FlowError:
        return None
    parts = []
    for layer in layers:
        ones = np.ones((layer.channels, 1))
        parts.append(
            {
                "mu": layer.mu_n,
                "a": layer.a,
                "s": layer.s,
                "b": layer.b,
                "floor": np.full(layer.channels, layer.floor),
                "S_B": layer.S_B.T,
                "S_C": layer.S_C.T,
                "beta_B": ones * layer.beta_B,
                "beta_C": ones * layer.beta_C,
            }
        )
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def trained_channels(theorem: Checkable, count: int) -> dict[str, Any] | None:
    """Up to `count` channels with random tokens that meet the theorem's assumptions as they are, or None.

    Tokens get the signs that the assumptions ask for; parameters are never changed, but a bilinear theorem drops the
    projection biases, which its flow does not have.
    """
    letters = set(theorem.variables)
    if not (letters <= _BILINEAR or letters <= _AFFINE) or "x0" not in letters:
        return None
    everything = package_channels()
    if everything is None:
        return None
    generator = np.random.default_rng(11)
    total = len(everything["s"])
    pick = generator.permutation(total)[: 40 * count]
    data = {key: everything[key][pick] for key in letters - {"x0"}}
    wanted = theorem.options.get("shapes", ((4,),))
    shape = Shape(min(tokens[0] for tokens in wanted), data["a"].shape[1])
    built = construct(theorem, shape, generator.random((len(pick), dimension(theorem, shape))))
    # tokens as built, their signs turned to the channel's own s
    turn = np.sign(data["s"]) * np.sign(np.where(built["s"] == 0, 1.0, built["s"]))
    data["x0"] = built["x0"] * turn[:, None]
    data["N"], data["L"], data["D"] = built["N"], built["L"], built["D"]
    ok = np.flatnonzero(satisfied(theorem, data))[:count]
    if len(ok) == 0:
        return None
    return {key: value[ok] if np.ndim(value) else value for key, value in data.items()}
