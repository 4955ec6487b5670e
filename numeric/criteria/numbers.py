"""The numbers of every channel: mu, the step, K(0), kappa and the phase line's coefficients, all channels at once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.thresholds import BALANCED, ONE_RATE
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.ir import Node, Program, make
from s6flow.symbolic.codegen.module import Generated, generate
from s6flow.symbolic.programs.quantities import inherited_limit_program, quantity

__all__ = ["KAPPA_TOKENS", "channel_numbers", "evaluate", "inherited_limit", "prepare"]

#: kappa_max looks at tokens 2..KAPPA_TOKENS.
KAPPA_TOKENS = 8

Column = Float64[np.ndarray, " channel"]


def evaluate(name: str, **arguments: Any) -> Any:
    """A quantity of `symbolic.criteria` on arrays, by name."""
    function = generate(quantity(name), "numpy", "fast")
    return function(*(arguments[key] for key in function.inputs))


@cache
def inherited_limit() -> Generated:
    """Fixed point of kappa along nonzero tokens, and 1 minus it; see `carried_sums.inherited_limit_program`."""
    return generate(inherited_limit_program(), "numpy", "fast")


@cache
def first_inherited() -> Generated:
    """kappa of tokens 3 to KAPPA_TOKENS from the share phi of token 1: `share_after` and `inherited`, token after token.

    One program, so that the gates q_n, which all tokens have, are exponentials that are taken once.
    """
    step, kappa = quantity("share_after"), quantity("inherited")
    (phi,) = (node for node in step.nodes() if node.op == "input" and node.array[0] == "phi")

    def at(program: Program, share: Node) -> Node:
        def rule(old: Node, args: tuple[Node, ...]) -> Node:
            return share if old is phi else make(old.op, *args, attr=old.attr)

        return program.map(rule, "at").outputs[0][1]

    share, found = phi, list[tuple[str, Node]]()
    for token in range(3, KAPPA_TOKENS + 1):
        share = at(step, share)
        found.append((f"kappa_{token}", at(kappa, share)))
    meaning = f"kappa of tokens 3 to {KAPPA_TOKENS} from the share of token 1, all tokens nonzero."
    return generate(
        Program("first_inherited", step.inputs, tuple(found), step.source, meaning, step.passes), "numpy", "fast"
    )


#: Quantities that `channel_numbers` may need.
QUANTITIES = ("mu", "delta0", "carried_zero", "phase_nu", "phase_lambda")


def prepare() -> None:
    """Generate every function that a layer may need: importing generated modules is not safe across threads."""
    for name in QUANTITIES:
        generate(quantity(name), "numpy", "fast")
    inherited_limit()
    first_inherited()


def channel_numbers(layer: S6Layer) -> dict[str, np.ndarray]:
    """Every number of every channel, by column name; NaN where a number is not defined.

    Numerics: mu counts as zero where its sign is a matter of rounding, see `BALANCED`.
    """
    mu_n, a, s, b = layer.mu_n, layer.a, layer.s, layer.b
    floor = np.full(layer.channels, layer.floor)
    shared = {"mu": mu_n, "a": a, "b": b, "floor": floor}
    mu = evaluate("mu", mu=mu_n)
    size = np.abs(mu_n).sum(axis=1)
    doubtful = np.abs(mu) <= BALANCED * (layer.states + 1) * np.finfo(np.float64).eps * size
    mu = np.where(doubtful, 0.0, mu)
    with np.errstate(divide="ignore", invalid="ignore"):
        carried = np.where(doubtful, np.nan, evaluate("carried_zero", **shared))
    positive, negative = np.count_nonzero(mu_n > 0, axis=1), np.count_nonzero(mu_n < 0, axis=1)
    fastest = a.max(axis=1)
    numbers: dict[str, np.ndarray] = {
        "mu": mu,
        "mu_n_positive": positive,
        "mu_n_negative": negative,
        "mu_n_zero": layer.states - positive - negative,
        "s": s,
        "b": b,
        "delta0": evaluate("delta0", b=b, floor=floor),
        "K0": carried,
        **_kappa(mu, carried, shared),
        **_phase(layer, mu),
        "one_rate": (fastest - a.min(axis=1) <= ONE_RATE * fastest).astype(np.int8),
    }
    one_sign = (numbers["mu_n_positive"] == 0) | (numbers["mu_n_negative"] == 0)
    numbers["one_sign"] = one_sign.astype(np.int8)
    return numbers


def _kappa(mu: Column, carried: Column, shared: dict[str, Any]) -> dict[str, Column]:
    """kappa_2, its largest value over the first tokens and its fixed point, for mu < 0 (theory 8, E1)."""
    falling = np.flatnonzero(mu < 0)
    second, largest, limit = (np.full(len(mu), np.nan) for _ in range(3))
    if len(falling):
        mine = {key: value[falling] for key, value in shared.items()}
        own = mine | {"phi": mine["mu"] / mu[falling, None]}
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            kappa = first_inherited()(*(own[key] for key in first_inherited().inputs))
            top = np.maximum.reduce([carried[falling], *kappa])
            fixed, room = inherited_limit()(*(mine[key] for key in inherited_limit().inputs))
        second[falling], largest[falling] = carried[falling], top
        limit[falling] = np.where(np.isfinite(fixed) & (room > 0), fixed, np.nan)
    return {"kappa_2": second, "kappa_max": largest, "kappa_limit": limit}


def _phase(layer: S6Layer, mu: Column) -> dict[str, Column]:
    """nu, lambda and the nonzero real roots of p(x) = mu x^2 + nu x + lambda, ascending (theory 8b).

    Numerics: the root of larger size first, the other as lambda / (mu root), so that neither cancels.
    """
    if not layer.affine:
        zero = np.zeros(layer.channels)
        none = np.full(layer.channels, np.nan)
        return {"nu": zero, "lambda": zero, "root_low": none, "root_high": none}
    biases = {"beta_B": layer.beta_B, "beta_C": layer.beta_C}
    nu = evaluate("phase_nu", S_B=layer.S_B.T, S_C=layer.S_C.T, **biases)
    constant = np.full(layer.channels, evaluate("phase_lambda", **biases))
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.sqrt(np.where(nu**2 >= 4 * mu * constant, nu**2 - 4 * mu * constant, np.nan))
        half = -(nu + np.where(nu >= 0, inner, -inner)) / 2
        roots = np.stack([half / mu, constant / half])
    roots[~np.isfinite(roots) | (roots == 0)] = np.nan
    roots = np.sort(roots, axis=0)  # NaN last
    roots[1] = np.where(roots[1] == roots[0], np.nan, roots[1])
    return {"nu": nu, "lambda": constant, "root_low": roots[0], "root_high": roots[1]}
