"""Which family gets what: the axis theory, health with bounds, a constraint, a trace, and why not. Tests hold it to the code."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """One family of models.

    Args:
        name: of the family.
        marks: tensors that tell it.
        axis: whether scenarios are given.
        bounds: whether health has bounds, besides memory, precision, spectrum and initialisation, which every one has.
        constrain: whether `constrain` takes it.
        trace: what `trace` measures of it: whole (residual stream and scan), the stream where a norm before the mixer is found,
            or no.
        why: what stands against a no, or what to know of a yes.
    """

    name: str
    marks: str
    axis: bool
    bounds: bool
    constrain: bool
    trace: str
    why: str


FAMILIES: tuple[Family, ...] = (
    Family("Mamba (state-spaces, Hugging Face)", "A_log (channel, state), x_proj, dt_proj", True, True, True, "whole", "B and C are linear maps of the scanned vector"),
    Family("Vim", "A_log and A_b_log", True, True, False, "stream", "each direction is a layer of its own; constrain sees x_proj of the forward one only"),
    Family("VMamba, MambaIR, opensr-mamba", "A_logs, x_proj_weight, dt_projs_weight", True, True, False, "whole", "each direction is a layer of its own; weights of a stack cannot be parametrised apart; a trace takes the four directions in VMamba's order, and no stream where the block scales it"),
    Family("MambaVision", "conv1d_x beside A_log", True, True, True, "whole", "the model adds the step bias twice, which is counted; the gate is concatenated, not multiplied, so bounds are of the scan's half"),
    Family("typeseg (Flax)", "CheckpointMambaBlock1D_*", True, True, False, "no", "biases in B and C: token 1 is judged by its phase line; the same weights scan both ways"),
    Family("Zamba", "x_proj_weight (head, ., .)", True, True, False, "stream", "each head is a layer of its own; u and gate alternate in in_proj, so bounds take its largest row"),
    Family("x_proj for B and C only", "dt_proj (channel, channel)", True, True, False, "stream", "the step reads x itself; constrain needs the step's rows in x_proj"),
    Family("Falcon-Mamba", "config.json or the embedding's shape", False, True, False, "whole", "Delta, B and C are RMS-normalised, so there is no mu; bounds follow from the norm"),
    Family("Jamba", "dt_layernorm, b_layernorm, c_layernorm", False, True, False, "whole", "Delta, B and C are RMS-normalised, so there is no mu; bounds follow from the norm and its gain"),
    Family("Mamba-2, Bamba, Zamba-2", "A_log (head,), dt_bias, in_proj for all", False, True, False, "whole", "B and C read another vector than the scanned one, so there is no mu; limits of the step, factors and the place of the norm are read from config.json or the module (Nemotron-H, Granite and Falcon-H1 as well)"),
    Family("gated linear attention", "A_log (head,) and no D", False, False, False, "stream", "not an S6 layer: memory and precision only"),
)  # fmt: skip
