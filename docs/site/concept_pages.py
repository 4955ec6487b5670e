"""Every number of the audit as a paragraph: meaning, formula, theorem, what an untrained layer shows, what to do.

All of it is read from the declared tables of numeric/health and numeric/audit; here stands only which expression of
symbolic/ is behind which number. Untrained values are measured when the site is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import numpy as np
from markup import display, listed, plain, source, table, theorem_link, theory_links, words

from s6flow.api.audits import Audit
from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, DROPPED, LAYER_COLUMNS, READING, Column
from s6flow.numeric.audit.output.records import channel_values
from s6flow.numeric.health import NUMBERS, VERDICTS
from s6flow.numeric.health.conclusions import conclusion
from s6flow.numeric.health.numbers import Number
from s6flow.symbolic import criteria, state
from s6flow.symbolic.derivation.latex import display as latex_of
from s6flow.symbolic.ends import NO_THEOREM, SCENARIOS

__all__ = ["FORMULAS", "channel_page", "formula", "health_page", "layer_page", "untrained"]

#: Name or pattern of names -> the table and the row of symbolic/ that it is computed from.
FORMULAS = {
    "half_life_*": (state, "half_life"),
    "step_low": (state, "bias_step"),
    "step_high": (state, "bias_step"),
    "rounds_*": (state, "rounding_threshold"),
    "u_max": (state, "input_bound"),
    "step_max": (state, "step_bound"),
    "h_max": (state, "hidden_bound"),
    "y_max": (state, "output_bound"),
    "unsaturated": (state, "half_life"),
    "mu": (criteria, "mu"),
    "delta0": (criteria, "delta0"),
    "K0": (criteria, "carried_zero"),
    "kappa_2": (criteria, "carried_zero"),
    "kappa_max": (criteria, "inherited"),
    "nu": (criteria, "phase_nu"),
    "lambda": (criteria, "phase_lambda"),
    "dichotomy_can_fail": (criteria, "carried"),
    "K_negative_*": (criteria, "carried"),
}
#: Width, layers and states of the untrained model: small, so that a site builds fast.
SHAPE = {"width": 256, "layers": 4, "state": 16, "expand": 2, "conv": 4}
#: Untrained numbers of a channel are given as this range of its channels.
RANGE = (0.05, 0.5, 0.95)


def formula(name: str) -> list[str]:
    """The expression that the number is computed from, displayed, with what it is; nothing where none is declared."""
    for pattern, (module, key) in FORMULAS.items():
        if fnmatchcase(name, pattern):
            row = module.QUANTITIES[key]
            return [f"Computed from *{key.replace('_', ' ')}*:", *display(latex_of(row.build()))]
    return []


@cache
def untrained() -> Audit:
    """The audit of a model of `SHAPE`, drawn with seed 0 as mamba initialises it."""
    import torch

    import s6flow as sf
    from s6flow.numeric.experiments.model import PlainMamba

    torch.manual_seed(0)
    blocks = (
        PlainMamba(SHAPE["width"], SHAPE["state"], SHAPE["conv"], SHAPE["expand"]) for _ in range(SHAPE["layers"])
    )
    return sf.audit(torch.nn.ModuleList(blocks))


def _number(value: float | None) -> str:
    return "unknown" if value is None or np.isnan(value) else f"{value:.4g}"


def _spread(values: list[Any], kind: str) -> str:
    """Of all channels or layers: shares of flags and words, quantiles of numbers."""
    if kind in ("flag", "word", "text"):
        counts = Counter(
            "unknown" if value is None else {True: "yes", False: "no"}.get(value, value) for value in values
        )
        return ", ".join(f"{word} {count / len(values):.1%}" for word, count in counts.most_common(4))
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known):
        return "null throughout"
    low, middle, high = (_number(float(value)) for value in np.quantile(known, RANGE))
    rest = f"; null on {1 - len(known) / len(values):.1%}" if len(known) < len(values) else ""
    return f"{middle}{rest}" if low == high else f"{middle} (5 to 95 %: {low} to {high}){rest}"


def _facts(row: Column | Number, shown: str) -> Iterator[str]:
    reference = getattr(row, "theorem", NO_THEOREM)
    kind = f", {row.kind}" if isinstance(row, Column) else ""
    yield from [
        f"## {row.name}",
        "",
        f"{words(row.meaning[:1].upper() + row.meaning[1:])}. Unit: {row.unit}{kind}.",
        "",
    ]
    yield from formula(row.name)
    if isinstance(row, Column):
        yield f"Assumes: {words(row.assumption)}. Theory: {theory_links(row.section)}."
        yield f"Theorem: {theorem_link(reference)}." if reference != NO_THEOREM else ""
    else:
        yield f"Rests on: {source(row.source)}."
        yield f"Conclusion: {plain(conclusion(row.name))}"
    yield from ["", f"Untrained: {plain(shown)}.", ""]


def health_page() -> str:
    """Every number of a layer's health."""
    layers = untrained().health.layers
    lines = [
        "# Numbers of health",
        "",
        f"From weights alone, one value a layer. *Untrained* is measured on {len(layers)} layers of {layers[0].channels} channels and "
        f"{layers[0].states} states, drawn as mamba initialises them, at a context of {untrained().health.context} tokens. "
        "What to do comes from the [verdicts](../health.md) whose rule reads the number.",
        "",
    ]
    for row in NUMBERS:
        lines += _facts(row, _spread([layer.numbers[row.name] for layer in layers], "number"))
        found = [verdict for verdict in VERDICTS if row.name in verdict.needs]
        if found:
            cells = ((v.title, f"`{v.rule_text}`", words(v.reason), words(v.remedy)) for v in found)
            lines += table(("verdict", "given when", "why there", "what to do"), cells)
    return "\n".join(lines) + "\n"


def layer_page() -> str:
    """Every column of the table of layers."""
    layers = [layer.row() for layer in untrained().layers]
    lines = ["# Numbers of a layer", "", "How to read the report:", *listed(words(text) for text in READING)]
    lines += [f"*Untrained* is measured on {len(layers)} layers drawn as mamba initialises them.", ""]
    for row in LAYER_COLUMNS:
        lines += _facts(row, _spread([layer[row.name] for layer in layers], row.kind))
    return "\n".join(lines) + "\n"


def channel_page() -> str:
    """Every column of the table of channels, the words of a scenario, and what the theory leaves out."""
    found = untrained()
    count = sum(layer.channels for layer in found.layers)
    lines = [
        "# Numbers of a channel",
        "",
        "One value a channel: what the theory says of tokens on that channel's axis. No number here asks for something to be "
        "done: they are to be compared, with the untrained values, with shuffled channels (`control_z` of the "
        "[layer](layer.md)) and between checkpoints (`s6flow diff`).",
        "",
        f"*Untrained* is measured on {count} channels of layers drawn as mamba initialises them.",
        "",
        "A scenario is one of these words:",
        *table(("word", "meaning"), ((f"`{word}`", words(meaning)) for word, meaning in SCENARIOS.items())),
        "What the flow leaves out of the network:",
        *table(("part", "what it does"), DROPPED),
    ]
    for row in CHANNEL_COLUMNS:
        values = [value for layer in found.layers for value in channel_values(layer, row)]
        lines += _facts(row, _spread(values, row.kind))
    return "\n".join(lines) + "\n"
