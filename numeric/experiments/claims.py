"""The claims that the experiments test, as values: two conditions (or one and a bound), a metric, and who
makes the claim."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLAIMS", "Claim"]


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

CLAIMS: dict[str, tuple[Claim, ...]] = {"lm": _LM + _SHRINK + _SMALLER + _WEIGHTS, "reorder": _REORDER}
