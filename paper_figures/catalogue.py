"""The table of figures, in the order of the paper."""

from __future__ import annotations

import difflib

from s6flow.errors import FormatError
from s6flow.paper_figures.figure import Figure

__all__ = ["FIGURES", "chosen"]

_EXPERIMENTS = tuple(
    f"numeric/experiments/results/{name}.json"
    for name in ("depth_12", "depth_24", "recall", "fashion", "fashion_turns")
)
_AWAITING = "numeric/awaiting.json"  # captions say which results await renewal
_TRACES = "numeric/networks/traces.json"
_ZOO = "numeric/zoo/zoo.json"
_BENCHMARKS = "paper_figures/measured/*.json"  # a link to benchmarks/results, so that a wheel holds them

_ROWS = (
    Figure(
        "overview",
        "Overview: a health map of checkpoints, and a flow with its three ends",
        "overview",
        ("convergence-rate", "slow-log-rate", "fast-bound"),
        inputs=(_ZOO,),
    ),
    Figure(
        "convergence",
        "Convergence: bound, exact constants and fading attention",
        "convergence",
        ("convergence-rate", "convergence-constants", "attention-decay"),
    ),
    Figure(
        "slow-divergence",
        "Slow divergence: every token is of the order of ln t",
        "slow",
        ("slow-polylog-rate", "slow-log-rate", "slow-first-token", "slow-ratios", "slow-attention"),
    ),
    Figure(
        "fast-divergence",
        "Fast divergence: exact time, profile and iterated logarithms",
        "fast",
        ("fast-blow-up-time", "blow-up-profile", "iterated-log", "blow-up-ratio"),
    ),
    Figure(
        "two-dimensions",
        "Two dimensions: three signatures and the cone of equilibria",
        "plane",
        ("definite-converges", "definite-diverges", "radial", "cone-equilibria", "cone-attracts"),
    ),
    Figure(
        "orbits",
        "Token 1 in several dimensions: an orbit and its three ends",
        "orbits",
        ("orbit-trichotomy", "cone-equilibria"),
    ),
    Figure(
        "competition",
        "Competition of channels: replicator, sinks on the sphere, and a cycle",
        "competition",
        ("replicator", "fisher", "sphere-equilibria", "sphere-sinks", "sphere-converges", "sphere-cycle"),
    ),
    Figure(
        "phase-diagram",
        "Phase diagram in the scaled variables",
        "phase_diagram",
        ("scaling", "slow-log-rate", "fast-blow-up-time", "fast-bound", "coexistence"),
    ),
    Figure(
        "coexistence",
        "Coexistence: one token blows up while the next dies",
        "coexistence",
        ("coexistence", "carried-rate", "carried-limits"),
    ),
    Figure(
        "real-weights",
        "Real weights: scenarios, signs, control and constants",
        "real_weights",
        ("affine-phase-line", "channel-invariance", "state-convergence"),
        packages=("typeseg",),
    ),
    Figure(
        "layers-to-limit",
        "From layers to the limit: the residual stack against the flow",
        "discretisation",
        ("euler-consistency", "convergence-constants", "depth-contraction"),
    ),
    Figure(
        "token-rates",
        "Token rates: unequal growth and the attention near a blow-up",
        "token_rates",
        ("divergence-monotone", "causality-times", "iterated-log", "fast-order"),
    ),
    Figure(
        "depth",
        "Trained networks by depth: growth, turn and step beside the theorems",
        "depth",
        ("layer-bound", "prenorm-bound", "prenorm-axis", "direction-clock"),
        results=(_TRACES,),
        inputs=(_AWAITING,),
    ),
    Figure(
        "states",
        "States of trained networks over their bounds",
        "state_bounds",
        ("state-bound", "layer-bound"),
        results=(_TRACES,),
        inputs=(_AWAITING,),
    ),
    Figure(
        "memory",
        "Memory spectra of real checkpoints beside untrained layers",
        "memory",
        ("state-forgetting", "state-saturation"),
        inputs=(_ZOO,),
    ),
    Figure("table-of-rates", "Table 1: scenarios, conditions and rates", "rates_table", ("*",)),
    Figure("theorem-graph", "The theorems, what they rest on and how they depend", "graph", ("*",)),
    Figure(
        "training",
        "Training: the refinements, with intervals over seeds",
        "training",
        (),
        results=_EXPERIMENTS,
        inputs=(_AWAITING,),
    ),
    Figure(
        "performance",
        "Performance against peers and the hardware limit",
        "performance",
        (),
        results=(_BENCHMARKS,),
        inputs=(_AWAITING,),
    ),
)

#: name -> figure.
FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ROWS}


def chosen(names: tuple[str, ...] | None) -> list[Figure]:
    """The figures of these names in the table's order; all of them for None.

    Raises: FormatError: listing the figures, if one is unknown.
    """
    unknown = [name for name in names or () if name not in FIGURES]
    if unknown:
        near = difflib.get_close_matches(unknown[0], FIGURES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise FormatError("a figure must be in the table", unknown[0], remedy=f"{hint}Figures: {', '.join(FIGURES)}.")
    return [figure for figure in FIGURES.values() if not names or figure.name in names]
