"""The claims that the experiments test, as values: two conditions (or one and a bound), a metric, and who
makes the claim."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLAIMS", "LATER", "Claim"]


@dataclass(frozen=True)
class Claim:
    """`metric` of `first` is better (smaller, if `sign` is +1; larger, if -1) than that of `second`, or than
    `bound`.

    Args:
        id: permanent slug.
        text: the claim in words.
        source: `paper` for what the paper claims; `control` for our questions about a cause.
        metric: dotted key into a run's metrics.
        band: difference too small to matter, in the metric's unit.
    """

    id: str
    text: str
    source: str
    metric: str
    first: str
    second: str | None
    sign: int = 1
    band: float = 0.0
    bound: float = 0.0


_PAIRS = {  # slug: (who claims it, better, worse, in words)
    "positive-helps": (
        "paper", "published-positive", "unconstrained",
        "excluding the convergent scenario (published form) improves on no constraint",
    ),
    "positive-beats-negative": (
        "paper", "published-positive", "published-negative", "published form: positive is better than negative",
    ),
    "positive-beats-mixed": (
        "paper", "published-positive", "published-mixed", "published form: positive is better than mixed",
    ),
    "positive-beats-mixed-equal-offset": (
        "control", "published-positive", "published-mixed-offset", "the same with the offset in both",
    ),
    "positive-beats-mixed-no-offset": (
        "control", "published-positive-no-offset", "published-mixed", "the same with the offset in neither",
    ),
    "offset-helps-mixed": (
        "control", "published-mixed-offset", "published-mixed", "the offset alone improves the mixed form",
    ),
    "offset-helps-positive": (
        "control", "published-positive", "published-positive-no-offset", "the offset alone improves the positive form",
    ),
    "channel-positive-helps": (
        "control", "channel-positive", "unconstrained",
        "excluding convergence channel by channel improves on no constraint",
    ),
    "channel-positive-beats-negative": (
        "control", "channel-positive", "channel-negative", "channelwise form: positive is better than negative",
    ),
    "channel-positive-beats-mixed": (
        "control", "channel-positive", "channel-mixed", "channelwise form: positive is better than mixed",
    ),
    "channel-beats-published": (
        "control", "channel-positive", "published-positive",
        "positive: the channelwise form is better than the published one",
    ),
}  # fmt: skip

_LM = tuple(
    Claim(slug, text, source, "test.bits_per_byte", first, second, band=0.01)
    for slug, (source, first, second, text) in _PAIRS.items()
)

_FORMS = (("published", "paper"), ("channel", "control"))

_SHRINK = tuple(
    Claim(f"{form}-negative-shrinks-{slug}", f"{form} form, negative: {text}", source, metric, f"{form}-negative", None)
    for form, source in _FORMS
    for slug, text, metric in (
        ("rate", "the bare S6 layer shrinks the tokens that enter it (mean growth rate < 0)", "after.rate_mean"),
        ("bare", "tokens shrink with depth with conv, gate, norm and skip left out", "after.depth_bare"),
        ("full", "tokens shrink with depth in the network as trained", "after.depth_full"),
    )
)

_SMALLER = tuple(
    Claim(
        f"{form}-negative-smaller-{slug}",
        f"{form} form: tokens grow less with depth under negative than under positive ({text})",
        source,
        f"after.depth_{slug}",
        f"{form}-negative",
        f"{form}-positive",
        band=0.02,
    )
    for form, source in _FORMS
    for slug, text in (("full", "network as trained"), ("bare", "conv, gate, norm and skip left out"))
)

_WEIGHTS = (
    Claim(
        "channel-positive-leaves-coexistence",
        "channelwise form: mu > 0 on every channel leaves channels on which a token can die out while another blows up "
        "(K < 0 in reach)",
        "control", "audit.coexistence", "channel-positive", None, sign=-1,
    ),
    Claim(
        "unconstrained-in-paper-setting",
        "without a constraint some channel ends in the paper's setting (mu_n of one sign or one decay rate)",
        "control", "audit.paper_setting", "unconstrained", None, sign=-1, band=0.001,
    ),
)  # fmt: skip

_ORDERS = {
    "reordering-helps": (
        "paper", "published", "none", "the published reordering improves on no reordering",
    ),
    "published-beats-random": (
        "control", "published", "random", "the published reordering is better than a random shuffle",
    ),
    "bias-once-helps": (
        "control", "bias-once", "published", "adding the Delta bias once instead of twice is better",
    ),
    "unsorting-helps": (
        "control", "unsorted", "bias-once", "undoing the order for gate and residual is better",
    ),
    "unsorted-helps": (
        "control", "unsorted", "none", "reordering with the order undone improves on no reordering",
    ),
    "hard-helps": (
        "control", "hard", "none", "a hard learned sort (order undone) improves on no reordering",
    ),
    "learned-beats-random": (
        "control", "hard", "random", "a hard learned sort is better than a random shuffle, both undone",
    ),
    "growth-helps": (
        "control", "growth", "none", "sorting by the theory's growth rate improves on no reordering",
    ),
    "growth-beats-random": (
        "control", "growth", "random", "sorting by the theory's growth rate is better than a random shuffle",
    ),
}  # fmt: skip

_REORDER = tuple(
    Claim(slug, text, source, "test.accuracy", first, second, sign=-1, band=0.005)
    for slug, (source, first, second, text) in _ORDERS.items()
)

_DECAY = (
    Claim(
        "decay-on-everything-kills",
        "Adam with decay of 0.1 on everything leaves no layer alive (share of dead layers at the end above 0.99)",
        "control", "deaths.dead_share", "adam-everything-0.1", None, sign=-1, bound=0.99,
    ),
    Claim(
        "sparing-guarded-saves",
        "leaving A_log, D and the step's bias out of that decay keeps layers alive",
        "control", "deaths.dead_share", "adam-guarded-apart-0.1", "adam-everything-0.1", band=0.01,
    ),
    Claim(
        "decoupled-matrices-save",
        "AdamW with decay on matrices alone keeps every layer alive (share of dead layers below 0.01)",
        "control", "deaths.dead_share", "spared", None, bound=0.01,
    ),
    Claim(
        "warned-before-death",
        "the health callback warns before a layer dies under Adam with decay of 0.1 on everything [steps]",
        "control", "deaths.ahead_of_death", "adam-everything-0.1", None, sign=-1,
    ),
    Claim(
        "loss-shows-death",
        "a network whose layers die under that decay ends with a higher loss than the spared one",
        "control", "test.bits_per_byte", "spared", "adam-everything-0.1", band=0.01,
    ),
)  # fmt: skip

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "lm": _LM + _SHRINK + _SMALLER + _WEIGHTS,
    "reorder": _REORDER,
    "decay": _DECAY,
}

_CAP = tuple(
    Claim(f"cap-{slug}", text, "control", metric, "unconstrained", None, band=0.002)
    for slug, text, metric in (
        (
            "helps-short",
            "a cap at a quarter of the training length lowers the loss at that length",
            "cap.cap-quarter_gain_1",
        ),
        ("helps-long", "the same cap lowers the loss at 256 times the training length", "cap.cap-quarter_gain_256"),
        ("half-helps-long", "a cap at half of the training length does", "cap.cap-half_gain_256"),
        ("eighth-helps-long", "a cap at an eighth of the training length does", "cap.cap-eighth_gain_256"),
        ("scale-a-helps-long", "control: all decay rates scaled by as much", "cap.scale-a-quarter_gain_256"),
        ("random-helps-long", "control: as many random states raised by as much", "cap.random-quarter_gain_256"),
        ("scale-step-helps-long", "control: all steps scaled by as much", "cap.scale-step-quarter_gain_256"),
        ("half-step-helps-long", "control: all steps halved", "cap.half-step_gain_256"),
    )
)
_ENTRY = {
    "entry-positive-helps": ("entry-positive", "unconstrained", "every mu_n > 0 improves on no constraint"),
    "entry-positive-beats-negative": ("entry-positive", "entry-negative", "entry form: positive is better than negative"),
    "capped-in-training-helps-long": ("capped", "unconstrained", "a cap in training lowers the loss at 256 times the length"),
    "capped-in-training-helps-short": ("capped", "unconstrained", "a cap in training lowers the loss at the training length"),
}  # fmt: skip
_PRUNING = tuple(
    Claim(
        f"{rule}-prunes-better-than-chance",
        f"leaving out the quarter of layers that {words} costs less than a random quarter",
        "control",
        f"pruning.{rule}_less_random",
        "unconstrained",
        None,
        band=0.002,
    )
    for rule, words in (("health", "health calls weakest"), ("update", "change the stream least"))
)
#: Claims of later studies: asked where a grid has their conditions and metrics.
LATER: dict[str, tuple[Claim, ...]] = {
    "lm": (
        *(
            Claim(slug, text, "control", "lengths.at_256" if slug.endswith("long") else "test.bits_per_byte", first, second, band=0.01)
            for slug, (first, second, text) in _ENTRY.items()
        ),
        *_CAP,
        *_PRUNING,
    ),
    "reorder": (
        Claim(
            "fixed-order-beats-fresh",
            "a random order that stays is better than one drawn anew at every step",
            "control", "test.accuracy", "random-fixed", "random", sign=-1, band=0.005,
        ),
        Claim(
            "published-beats-fixed",
            "the published reordering is better than a random order that stays",
            "control", "test.accuracy", "published", "random-fixed", sign=-1, band=0.005,
        ),
    ),
}  # fmt: skip
