"""From numbers to verdicts: the scenario that tokens of each sign meet, and the theorem that says so (theory 7-8b)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from s6flow.numeric.criteria.carried import EVIDENCE, NONNEGATIVE, UNDECIDED, carried_signs
from s6flow.numeric.criteria.labels import Labels, choose
from s6flow.numeric.criteria.phase_line import summarise
from s6flow.numeric.weights import S6Layer

__all__ = ["SCENARIOS", "SIGNS", "THEOREMS", "channel_verdicts"]

SIGNS = ("positive", "negative", "mixed")
#: What a scenario says, for tokens that are not zero (a zero token stays zero).
SCENARIOS: dict[str, str] = {
    "convergent": "every token tends to 0",
    "stationary": "no token moves",
    "slow": "every token diverges logarithmically, without end",
    "fast": "a token reaches infinity in finite depth-time and every later one with it",
    "coexistence": "a token reaches infinity in finite depth-time; a later one may tend to 0 or stay finite meanwhile",
    "root": "token 1 tends to a nonzero equilibrium",
    "exponential": "token 1 grows exponentially",
    "by size": "the fate of token 1 depends on its size; the phase line says where it changes",
    "not predicted": "no theorem covers these tokens",
}
#: Ids of the registry. `carried-order`: what `carried` finds not negative is positive inside the reach, because one of
#: its tests sums positive terms and the other keeps a margin.
THEOREMS = (
    "convergence-rate",
    "state-convergence",
    "slow-log-rate",
    "state-slow-divergence",
    "fast-blow-up-time",
    "step-floor",
    "dichotomy",
    "stationary",
    "carried-order",
    "coexistence",
    "affine-phase-line",
    "none",
)
Mask = Bool[np.ndarray, " channel"]
Rule = tuple[Mask, str, str]


def channel_verdicts(layer: S6Layer, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray | Labels]:
    """Scenario and theorem for tokens that are all positive, all negative, or of both signs; and the dichotomy.

    Args:
        layer: the weights.
        numbers: what `channel_numbers` made of them.
    Returns: columns by name.
    """
    if layer.affine:
        return _affine(layer, numbers)
    mu, s, definite = numbers["mu"], numbers["s"], (numbers["one_sign"] | numbers["one_rate"]).astype(bool)
    growing = mu > 0
    found = _carried(layer, numbers, growing & ~definite, definite)
    fails, above = found["dichotomy_can_fail"], found.pop("above")
    assert isinstance(fails, np.ndarray), "a flag"
    assert isinstance(above, np.ndarray), "a flag"
    verdicts: dict[str, np.ndarray | Labels] = dict(found)
    still = (numbers["mu_n_positive"] == 0) & (numbers["mu_n_negative"] == 0)
    for index, name in enumerate(SIGNS):
        slow = np.zeros(len(mu), dtype=bool)
        reach = fails
        if name != "mixed":
            sign = 1 - 2 * index
            slow = growing & (s * sign < 0) & (layer.floor == 0)
            # Tokens on the side where Delta grows reach no step below Delta(0).
            reach = np.where(s * sign >= 0, above, fails)
        floored = growing & (layer.floor > 0)
        rules: list[Rule] = [
            (still, "stationary", "stationary"),
            (mu == 0, "not predicted", "none"),
            (~growing & definite, "convergent", "convergence-rate"),
            (~growing, "convergent", "state-convergence"),
            (slow & definite, "slow", "slow-log-rate"),
            (slow, "slow", "state-slow-divergence"),
            (reach != NONNEGATIVE, "coexistence", "coexistence"),
            (~definite, "fast", "carried-order"),
            (floored, "fast", "step-floor"),
            ((s != 0) & (name == "mixed"), "fast", "dichotomy"),
        ]
        verdicts[f"scenario_{name}"], verdicts[f"theorem_{name}"] = _apply(rules, "fast", "fast-blow-up-time")
    return verdicts


def _apply(rules: list[Rule], scenario: str, theorem: str) -> tuple[Labels, Labels]:
    return (
        choose(tuple(SCENARIOS), [(mask, word) for mask, word, _ in rules], scenario),
        choose(THEOREMS, [(mask, word) for mask, _, word in rules], theorem),
    )


def _carried(
    layer: S6Layer, numbers: dict[str, np.ndarray], chosen: Mask, definite: Mask
) -> dict[str, np.ndarray | Labels]:
    """Whether the dichotomy can fail, by the signs of K; `above` says so for steps from Delta(0) on alone."""
    count, mu = layer.channels, numbers["mu"]
    anywhere, above = np.zeros(count, dtype=np.int8), np.zeros(count, dtype=np.int8)
    unknown = (mu == 0) & (numbers["mu_n_positive"] > 0)
    anywhere[unknown] = UNDECIDED
    bound, step = np.full(count, np.nan), np.full(count, np.nan)
    bound[(mu > 0) & definite] = 0
    codes = np.full(count, EVIDENCE.index("mu <= 0"), dtype=np.uint8)
    codes[mu > 0] = EVIDENCE.index("one sign")
    codes[unknown] = EVIDENCE.index("undecided")
    rows = np.flatnonzero(chosen)
    if len(rows):
        signs = carried_signs(layer.mu_n[rows], layer.a[rows], numbers["delta0"][rows], numbers["s"][rows], layer.floor)
        anywhere[rows], above[rows] = signs.anywhere, signs.above
        bound[rows], step[rows], codes[rows] = signs.bound, signs.step, signs.evidence.codes
    return {
        "K_sign_changes": bound,
        "K_negative_step": step,
        "K_negative_token": _token_of_step(step, numbers, layer.floor),
        "dichotomy_can_fail": anywhere,
        "dichotomy_evidence": Labels(codes, EVIDENCE),
        "above": above,
    }


def _token_of_step(
    step: Float64[np.ndarray, " channel"], numbers: dict[str, np.ndarray], floor: float
) -> Float64[np.ndarray, " channel"]:
    """The token x with Delta(x) = step: (ln(e^y - 1) - b) / s with y = step - floor; NaN where s = 0."""
    y = step - floor
    with np.errstate(divide="ignore", invalid="ignore"):
        token = (y + np.log(-np.expm1(-y)) - numbers["b"]) / numbers["s"]
    # At Delta(0) itself the inverse is 0 up to rounding, and every token stands there if s = 0.
    result: Float64[np.ndarray, " channel"] = np.where(step == numbers["delta0"], 0.0, token)
    return np.where(np.isfinite(result), result, np.nan)


def _affine(layer: S6Layer, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray | Labels]:
    """Token 1 by its phase line; later tokens by integration only."""
    count = layer.channels
    nothing = np.full(count, np.nan)
    verdicts: dict[str, np.ndarray | Labels] = {
        "K_sign_changes": nothing,
        "K_negative_step": nothing,
        "K_negative_token": nothing,
        "dichotomy_can_fail": np.full(count, UNDECIDED, dtype=np.int8),
        "dichotomy_evidence": Labels(np.full(count, EVIDENCE.index("affine"), dtype=np.uint8), EVIDENCE),
    }
    names = tuple(SCENARIOS)
    for name, sign in (("positive", 1), ("negative", -1)):
        fates = summarise(numbers, sign, layer.floor, names)
        open_ = fates.where("not predicted")
        verdicts[f"scenario_{name}"] = fates
        verdicts[f"theorem_{name}"] = choose(THEOREMS, [(open_, "none")], "affine-phase-line")
    never = np.ones(count, dtype=bool)
    verdicts["scenario_mixed"] = choose(names, [(never, "not predicted")], "not predicted")
    verdicts["theorem_mixed"] = choose(THEOREMS, [(never, "none")], "none")
    return verdicts
