"""How checkpoints spell an S6 layer.

The rule: every tensor `*A_log` marks a layer. With a state axis and an x_proj beside it the layer is S6, and
the rank of its step is the number of x_proj rows less 2N; with one axis it is Mamba-2 or another gated scan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s6flow.numeric.weights.layer import Flag
from s6flow.numeric.weights.stored import TensorInfo
from s6flow.text import shown

__all__ = ["PATTERNS", "SPELLINGS", "Spelling", "guess_family"]


@dataclass(frozen=True)
class Spelling:
    """Where the tensors of a layer stand relative to its prefix (which keeps its separator).

    Args:
        name: what the report calls it.
        marker: pattern of the A_log tensor; group `prefix`, and `sep` if the names below use it.
        x_proj, x_bias, dt_proj, dt_bias, skip: names after the prefix.
        transposed: whether matrices are stored (input, output), as Flax does.
        stacked: whether every tensor has a leading axis of heads, each of which is an S6 layer of its own.
        merged: whether A_log and the skip have that axis merged with the channels, as VMamba does.
        part: what the report calls one of a stack.
        floor: constant that the model's code adds to the step after the softplus.
        bias_times: how often the model's code adds the step bias.
        suffix: appended to the layer's name.
        flags: facts that hold for every layer so spelled.
        hint: a name after the prefix that must be there for this spelling.
    """

    name: str
    marker: str
    x_proj: str = "x_proj.weight"
    x_bias: str = "x_proj.bias"
    dt_proj: str = "dt_proj.weight"
    dt_bias: str = "dt_proj.bias"
    skip: str = "D"
    transposed: bool = False
    stacked: bool = False
    merged: bool = False
    part: str = "head"
    floor: float = 0.0
    bias_times: int = 1
    suffix: str = ""
    flags: tuple[Flag, ...] = ()
    hint: str = ""


_A_LOG = r"(?P<prefix>(?:.*[./])?)A_log"
_TWO_WEIGHTS = Flag(
    "bidirectional",
    "a second scan with weights of its own reads the reversed sequence, and the outputs are added",
)
_TWO_SCANS = Flag(
    "bidirectional",
    "the same weights also scan the reversed sequence and the outputs are added; this is the forward scan",
)
_SCANS = Flag(
    "several-directions",
    "each direction is a scan with weights of its own over the same inputs in another order, and the outputs are added",
)
_TWICE = Flag("step-bias-twice", "the model's code adds the step bias in dt_proj and again in the scan; b is the sum")

#: Tried in order; the first whose marker, x_proj and hint are there wins. Hugging Face calls
#: `time_step_floor` and mamba-ssm `dt_init_floor` what bounds the initialisation only: no step floor.
SPELLINGS: tuple[Spelling, ...] = (
    Spelling("MambaVision mixer", _A_LOG, hint="conv1d_x.weight", bias_times=2, flags=(_TWICE,)),
    Spelling("Vim mixer, forward", _A_LOG, hint="A_b_log", flags=(_TWO_WEIGHTS,)),
    Spelling("linear modules", _A_LOG),
    Spelling(
        "Vim mixer, backward",
        r"(?P<prefix>(?:.*[./])?)A_b_log",
        "x_proj_b.weight",
        "x_proj_b.bias",
        "dt_proj_b.weight",
        "dt_proj_b.bias",
        "D_b",
        suffix="[backward]",
        flags=(_TWO_WEIGHTS,),
    ),
    Spelling(
        "stacked heads",
        _A_LOG,
        "x_proj_weight",
        "x_proj_bias",
        "dt_proj_weight",
        "dt_proj_bias",
        stacked=True,
    ),
    Spelling(
        "VMamba directions",
        r"(?P<prefix>(?:.*[./])?)A_logs",
        "x_proj_weight",
        "x_proj_bias",
        "dt_projs_weight",
        "dt_projs_bias",
        "Ds",
        stacked=True,
        merged=True,
        part="direction",
        flags=(_SCANS,),
    ),
    Spelling(
        # typeseg 0.2.7, _mamba_kernel.py: Dense_1 is x_proj, Dense_2 dt_proj, dt = softplus(.) + 1e-4.
        "typeseg block",
        r"(?P<prefix>(?:.*(?:/|__))?CheckpointMambaBlock1D_\d+(?P<sep>/|__))A_log",
        "Dense_1{sep}kernel",
        "Dense_1{sep}bias",
        "Dense_2{sep}kernel",
        "Dense_2{sep}bias",
        transposed=True,
        floor=1e-4,
        flags=(_TWO_SCANS,),
    ),
)
PATTERNS: tuple[str, ...] = (
    "*A_log with " + ", ".join(dict.fromkeys(row.x_proj.format(sep="__") for row in SPELLINGS)),
    "*A_b_log",
    "*A_logs",
)

#: Names to show, by a pattern that some tensor name has to match; the first match wins.
NAMINGS: tuple[tuple[str, str], ...] = (
    ("typeseg", r"CheckpointMambaBlock1D_\d+"),
    ("MambaVision", r"mixer\.conv1d_x\."),
    ("Vim (bidirectional Mamba)", r"mixer\.A_b_log"),
    ("VMamba", r"(?:^|[./])A_logs$"),
    ("Zamba", r"mamba\.x_proj_weight"),
    ("Jamba", r"layers\.\d+\.mamba\.(?:dt|b|c)_layernorm\."),
    ("Hugging Face Mamba", r"backbone\.embeddings\."),
    ("state-spaces/mamba", r"backbone\.embedding\."),
    ("Mamba", r"(?:backbone\.)?layers\.\d+\.mixer\."),
    ("Jamba-like hybrid", r"layers\.\d+\.mamba\."),
)


def guess_family(names: Mapping[str, TensorInfo], config: Mapping[str, Any] | None) -> str:
    """The naming for the report: config.json's model_type, or the first row of `NAMINGS` that matches."""
    if config and isinstance(config.get("model_type"), str):
        return shown(config["model_type"])
    for label, pattern in NAMINGS:
        if any(re.search(pattern, name) for name in names):
            return label
    return "unknown naming"
