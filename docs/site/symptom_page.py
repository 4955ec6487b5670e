"""The guide by symptom: what a user sees, the command that looks, what its numbers mean, and what to do.

Symptoms are those of public threads on Mamba models. Rules, reasons and remedies are read from the table of verdicts;
every verdict belongs to at least one symptom, which a test holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markup import listed, table, theorem_link, words

from s6flow.numeric.health import NUMBERS, VERDICTS

__all__ = ["SYMPTOMS", "Symptom", "page"]


@dataclass(frozen=True)
class Symptom:
    """One way to be ill.

    Args:
        title: what the user sees.
        seen: repository and number of public threads that describe it.
        code: what to run, in the language of the fence.
        verdicts: names of the verdicts that can explain it, likeliest first.
        numbers: what to read besides.
        meaning: how these tell the causes apart.
        more: remedies beyond those of the verdicts.
        theorems: what the numbers rest on.
    """

    title: str
    seen: tuple[str, ...]
    code: str
    verdicts: tuple[str, ...]
    numbers: tuple[str, ...]
    meaning: str
    more: str = ""
    theorems: tuple[str, ...] = ()
    language: str = ""


SYMPTOMS = (
    Symptom(
        "The loss is NaN, or the output of the scan is very large",
        ("state-spaces/mamba#72", "MzeroMiko/VMamba#182", "hustvl/Vim#30", "NVlabs/MambaVision#38"),
        "s6flow audit run/checkpoint-*     # the trend, oldest first\ns6flow audit run/checkpoint-last --json last.json",
        ("not-finite", "overflow-fp32", "overflow-fp16"),
        ("damaged", "u_max", "step_max", "h_max", "y_max", "margin_fp16", "margin_bf16", "margin_fp32"),
        "`damaged` counts tensors that already hold a NaN: the checkpoint before the first of them is the one to go back to. "
        "If none does, look at the margins. A margin is the room, in bits, between the largest number that any input of the "
        "block can cause and the largest number of the format: positive excludes overflow in this layer, and the NaN comes "
        "from elsewhere (the loss, attention layers, the data). Negative excludes nothing and accuses nobody, but a margin "
        "that falls from checkpoint to checkpoint points to the layer, and `u_max`, `step_max`, `h_max` and `y_max` say "
        "whether inputs, steps, states or outputs fill it.",
        theorems=("layer-bound", "state-bound"),
    ),
    Symptom(
        "Layers do nothing: zero activations, vanishing gradients",
        ("MzeroMiko/VMamba#388", "state-spaces/mamba#798"),
        "s6flow audit model.safetensors --health-csv health.csv",
        ("dead", "dead-channels", "subnormal", "untrained"),
        ("response", "dead_channels", "subnormal", "at_start"),
        "`response` is the most that the block can add to the residual stream. Below the rounding of float32 at 1 the network "
        "would compute the same without the layer. It gets there by weight decay, when no gradient answers; weights below "
        "the smallest normal number are what is left of that. *Untrained* is said of a layer whose A_log, D and step "
        "bias all stand where an initialisation puts them: no gradient reached them, or the optimiser does not hold them. Its other "
        "weights may have moved, as the norms of one such network of the [zoo](zoo.md) have: look there before you call the layer untrained.",
        theorems=("layer-bound",),
    ),
    Symptom(
        "The model forgets within a few tokens",
        ("athms/mad-lab#3", "HazyResearch/zoology#32"),
        "s6flow audit model.safetensors --context 2048",
        ("memoryless", "lost-initialisation", "collapsed-spectrum", "rank-loss"),
        ("half_life_median", "half_life_max", "step_low", "step_high", "spread", "rank_B", "rank_C"),
        "A half-life is the number of tokens after which half of what was written is gone, at the step that the bias gives. "
        "Compare its quantiles with the untrained ones, which stand beside them. Short everywhere and steps near 0.69 mean "
        "that the step's bias was drawn anew after mamba had set it; short with small `spread` means that the decay rates "
        "have become alike, so that no state is left for long memory.",
        theorems=("state-forgetting",),
    ),
    Symptom(
        "Quality falls on sequences longer than in training",
        ("state-spaces/mamba#7", "state-spaces/mamba#140", "state-spaces/mamba#996"),
        "s6flow audit model.safetensors --context 2048   # the training length",
        ("unsaturated", "accumulator", "rounds-fp32"),
        ("half_life_max", "unsaturated", "accumulating"),
        "A state whose half-life exceeds the training length was never full in training. On a longer sequence it goes on "
        "filling, to values that the layers behind have never seen. `unsaturated` is the share of such states, "
        "`accumulating` the share that forgets nothing at all within the context.",
        more="Without retraining: `sf.cap_memory(model, context)` raises the decay rates of those "
        "states alone, so that no half-life exceeds a share of the training length (docs/theory, section 21).",
        theorems=("state-saturation", "state-forgetting"),
    ),
    Symptom(
        "Overflow or drift in float16 or bfloat16",
        ("state-spaces/mamba#6", "NVlabs/MambaVision#48", "vllm-project/vllm#13466"),
        "s6flow audit model.safetensors --certify   # bounds in ball arithmetic",
        ("overflow-fp16", "overflow-fp32", "rounds-bf16", "rounds-fp16", "rounds-fp32"),
        ("margin_fp16", "margin_bf16", "rounds_fp16", "rounds_bf16", "rounds_fp32"),
        "Two different ills. *Overflow* is about large numbers, and is told by a margin below 0. *Rounding* is about gates "
        "near 1: a gate that rounds to one never forgets, so that its state only adds up; this happens to slow states "
        "however small all numbers are. bfloat16 has room for large numbers and few digits, float16 the reverse.",
        theorems=("gate-rounding", "layer-bound"),
    ),
    Symptom(
        "Loaded weights behave as if untrained; one word is repeated",
        ("huggingface/transformers#43717", "huggingface/transformers#45591"),
        'import s6flow as sf\n\nprint(sf.diff("model.safetensors", model))  # the file against the model in memory\n'
        "print(sf.audit(model).health.line())",
        ("lost-initialisation", "untrained"),
        ("step_low", "step_high", "at_start"),
        "A file and the model that was loaded from it must not differ. What differs shows as a change of weights or of "
        "half-life in the layer's row; a step's bias that was drawn anew on loading shows as steps that are no longer those "
        "of the file.",
        more="Load again without the initialisation that runs after loading, or copy the step's biases from the file.",
        language="python",
    ),
    Symptom(
        "Weight decay reaches A_log, D or the step's bias",
        ("state-spaces/mamba#798", "athms/mad-lab#5"),
        "from s6flow.numeric.health import check_optimizer\n\n"
        "for held in check_optimizer(model, optimizer):\n    print(held.name, held.weight_decay, held.reason)",
        ("dead", "dead-channels", "collapsed-spectrum", "lost-initialisation"),
        ("response", "spread", "step_low", "step_high"),
        "mamba marks these parameters `_no_weight_decay`, and PyTorch's optimisers do not read the mark. Decay pulls A_log "
        "to 0, which makes all decay rates alike, and the step's bias to 0, which makes every step 0.69. Two of the "
        "published checkpoints of the [zoo](zoo.md) have dead blocks.",
        more="Put them into a parameter group with `weight_decay=0`.",
        language="python",
    ),
    Symptom(
        "The loss jumps in the middle of training",
        ("OpenGVLab/VideoMamba#34", "NVlabs/MambaVision#38"),
        "from s6flow.numeric.health import HealthMonitor\n\n"
        "monitor = HealthMonitor(model, every=500, optimizer=optimizer, log=lambda step, numbers: print(step, numbers))\n"
        "for step in range(steps):\n    ...\n    monitor.step(step)  # at most one per cent of the time",
        ("not-finite", "dead", "overflow-fp16"),
        ("response", "margin_fp16", "half_life_median"),
        "What the monitor logs are the worst layer's numbers. A jump that a number foretells, a margin or a response that "
        "falls for hundreds of steps before, is the layer's; one that comes with no change of any number is not the scan's. "
        "For checkpoints that exist already, `s6flow audit run/checkpoint-*` shows the same trend and `s6flow diff A B` "
        "what moved.",
        language="python",
    ),
    Symptom(
        "Tokens keep growing with depth",
        ("state-spaces/mamba#812",),
        "s6flow audit model.safetensors --csv channels.csv\ns6flow simulate --mu=-1,1.5 --a 0.2,4 --b 1 --x0 1,0.5",
        (),
        ("response", "y_max"),
        "The scenarios say what the pure S6 flow does on a channel's axis: `fast` and `slow` are growth, in finite depth-time "
        "or logarithmic. That describes the scan, not the network, whose norms and gates bound it, and the raw share of "
        "mu > 0 is no sign of anything by itself: read `control_z` and the [untrained values](concepts/channel.md).",
        more="A constraint excludes a scenario for the whole of training: `sf.constrain(model, scenario=...)`; what it costs "
        "was [measured](experiments.md).",
        theorems=("fast-blow-up-time", "coexistence"),
    ),
)  # fmt: skip


def _thread(name: str) -> str:
    repository, _, number = name.partition("#")
    return f"[{name}](https://github.com/{repository}/issues/{number})"


def _symptom(row: Symptom) -> Iterator[str]:
    units = {number.name: number for number in NUMBERS}
    verdicts = {verdict.name: verdict for verdict in VERDICTS}
    yield from [f"## {row.title}", "", f"As in {', '.join(map(_thread, row.seen))}.", "", "**Run**", ""]
    yield from [f"```{row.language}", row.code, "```", "", "**Read**"]
    yield from listed(
        f"[`{name}`](concepts/health.md#{name.lower()}): {words(units[name].meaning)} [{units[name].unit}]"
        for name in row.numbers
    )
    yield from [row.meaning, ""]
    if row.verdicts:
        chosen = (verdicts[name] for name in row.verdicts)
        cells = ((v.title, v.severity, f"`{v.rule_text}`", words(v.remedy)) for v in chosen)
        yield from ["**Do**", *table(("verdict", "severity", "given when", "remedy"), cells)]
    if row.more:
        yield from [row.more, ""]
    if row.theorems:
        yield from [f"Rests on {', '.join(theorem_link(key, up='') for key in row.theorems)}.", ""]


def page() -> str:
    """All symptoms."""
    lines = [
        "# My Mamba is ill",
        "",
        "Find what you see; run the command; read the number; do what stands beside the verdict. All numbers come from "
        "weights alone, and an untrained layer's stand beside them in the audit. A [verdict](health.md) is a rule on a "
        "number, with the reason for its threshold.",
    ]
    return "\n".join([*lines, "", *(line for row in SYMPTOMS for line in _symptom(row))]) + "\n"
