"""From numbers to verdicts: the end that tokens of each sign meet, and the theorem that says so (theory 7-8b).

The rules are expressions, `symbolic.end_rules.SYSTEM_RULES`; here their letters are given numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64, Int8, Int64

from s6flow.numeric.criteria.carried import EVIDENCE, NEGATIVE, NONNEGATIVE, UNDECIDED, carried_signs
from s6flow.numeric.criteria.labels import Labels, end_labels, judge
from s6flow.numeric.criteria.numbers import evaluate
from s6flow.numeric.criteria.phase_line import summarise
from s6flow.numeric.criteria.reach import DISTANCES, negative_within
from s6flow.numeric.criteria.sums import Sums
from s6flow.numeric.criteria.tokens import token_of_step
from s6flow.numeric.thresholds import TOKEN_HIGH, TOKEN_LOW
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic import ends
from s6flow.symbolic.programs.rules import cited as cited_theorems

__all__ = ["SIGNS", "carried_columns", "channel_verdicts", "least_sign", "letters_of"]

SIGNS = ("positive", "negative", "mixed")
#: Tokens that a verdict on a channel speaks of: two stand for any number of them.
SEVERAL = 2
#: Sign of K that a rule sees, for the codes of `carried`: `carried-order` needs K > 0 inside the reach, and what
#: `carried` finds not negative is: one of its tests sums positive terms, the other keeps a margin.
_LEAST = {NONNEGATIVE: 1, NEGATIVE: -1, UNDECIDED: 0}


def sign_pattern(name: str, s: Float64[np.ndarray, " channel"]) -> Int64[np.ndarray, " channel"]:
    """How many of `SEVERAL` tokens of these signs have s x >= 0, one number a channel; of both signs: one has."""
    if name == "mixed":
        pattern: Int64[np.ndarray, " channel"] = np.where(s == 0, SEVERAL, 1)
        return pattern
    return np.where(s * (1 if name == "positive" else -1) >= 0, SEVERAL, 0)


def least_sign(reach: Int8[np.ndarray, " channel"]) -> Int64[np.ndarray, " channel"]:
    """The letter `least_carried` for codes of `carried`."""
    return np.select([reach == code for code in _LEAST], list(_LEAST.values()))


def letters_of(layer: S6Layer, numbers: dict[str, np.ndarray], least_carried: np.ndarray) -> dict[str, Any]:
    """The letters of the rules that do not depend on the tokens but for K, as several tokens without gaps see them."""
    return {
        "mu_sum": numbers["mu"],
        "states": numbers["mu_n_positive"] + numbers["mu_n_negative"],
        "definite": numbers["one_sign"] | numbers["one_rate"],
        "floor": layer.floor,
        "tokens": SEVERAL,
        "gaps": 0,
        "least_carried": least_carried,
        "vanishes": 0,
        "held": 0,
    }


def channel_verdicts(layer: S6Layer, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray | Labels]:
    """Ends and theorems for tokens that are all positive, all negative, or of both signs; and the dichotomy.

    Args:
        layer: the weights.
        numbers: what `channel_numbers` made of them.
    Returns: columns by name.
    """
    if layer.affine:
        return _affine(layer, numbers)
    verdicts, above = carried_columns(layer, numbers)
    anywhere = verdicts["dichotomy_can_fail"]
    assert isinstance(anywhere, np.ndarray), "a flag"
    for name in SIGNS:
        outward = sign_pattern(name, numbers["s"])
        # Tokens on the side where Delta grows reach no step below Delta(0).
        reach = np.where(outward == SEVERAL, above, anywhere) if name != "mixed" else anywhere
        letters = letters_of(layer, numbers, least_sign(reach)) | {"outward": outward}
        verdicts[f"scenario_{name}"], verdicts[f"theorem_{name}"] = judge(letters)
    return verdicts


def carried_columns(
    layer: S6Layer, numbers: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray | Labels], Int8[np.ndarray, " channel"]]:
    """Whether the dichotomy can fail, by the signs of K; and the same for steps from Delta(0) on alone."""
    count, mu = layer.channels, numbers["mu"]
    definite = (numbers["one_sign"] | numbers["one_rate"]).astype(bool)
    anywhere, above = np.zeros(count, dtype=np.int8), np.zeros(count, dtype=np.int8)
    unknown = (mu == 0) & (numbers["mu_n_positive"] > 0)
    anywhere[unknown] = UNDECIDED
    bound, step = np.full(count, np.nan), np.full(count, np.nan)
    bound[(mu > 0) & definite] = 0
    codes = np.full(count, EVIDENCE.index("mu <= 0"), dtype=np.uint8)
    codes[mu > 0] = EVIDENCE.index("one sign")
    codes[unknown] = EVIDENCE.index("undecided")
    rows = np.flatnonzero((mu > 0) & ~definite)
    mu_n, a = layer.mu_n[rows], layer.a[rows]
    sums = Sums.of(mu_n, a)
    if len(rows):
        delta0, s = numbers["delta0"][rows], numbers["s"][rows]
        signs = carried_signs(mu_n, a, delta0, s, layer.floor, sums)
        anywhere[rows], above[rows] = signs.anywhere, signs.above
        bound[rows], step[rows], codes[rows] = signs.bound, signs.step, signs.evidence.codes
    # At Delta(0) itself the inverse is 0 up to rounding, and every token stands there if s = 0.
    token = np.where(step == numbers["delta0"], 0.0, token_of_step(step, numbers["s"], numbers["b"], layer.floor))
    columns: dict[str, np.ndarray | Labels] = {
        "K_sign_changes": bound,
        "K_negative_token": token,
        "dichotomy_can_fail": anywhere,
        "dichotomy_evidence": Labels(codes, EVIDENCE),
        **_on_inputs(layer, numbers, anywhere, rows, sums),
    }
    return columns, above


def _on_inputs(
    layer: S6Layer, numbers: dict[str, np.ndarray], anywhere: np.ndarray, judged: np.ndarray, sums: Sums
) -> dict[str, np.ndarray]:
    """Whether K < 0 on tokens as SiLU leaves them, by distance: where K >= 0 throughout, nowhere.

    Args:
        anywhere: whether K < 0 at any step.
        judged, sums: the channels on which that was asked, and their sums.
    """
    found = np.tile(anywhere, (len(DISTANCES), 1))
    open_ = anywhere[judged] != NONNEGATIVE
    rows = judged[open_]
    token = np.array([[TOKEN_LOW], [TOKEN_HIGH]])
    shifted = numbers["s"][rows] * token + numbers["b"][rows]  # a token acts like so much more bias
    steps = np.sort(evaluate("delta0", b=shifted, floor=layer.floor), axis=0)
    found[:, rows] = negative_within(layer.mu_n[rows], layer.a[rows], steps[0], steps[1], sums.take(open_))
    return {f"K_negative_{distance}": signs for distance, signs in zip(DISTANCES, found, strict=True)}


def _affine(layer: S6Layer, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray | Labels]:
    """Token 1 by its phase line; later tokens by integration only."""
    count = layer.channels
    nothing = np.full(count, np.nan)
    verdicts: dict[str, np.ndarray | Labels] = {
        "K_sign_changes": nothing,
        "K_negative_token": nothing,
        "dichotomy_can_fail": np.full(count, UNDECIDED, dtype=np.int8),
        "dichotomy_evidence": Labels(np.full(count, EVIDENCE.index("affine"), dtype=np.uint8), EVIDENCE),
        **{f"K_negative_{distance}": np.full(count, UNDECIDED, dtype=np.int8) for distance in DISTANCES},
    }
    cited = cited_theorems()
    open_, known = (np.uint8(cited.index(name)) for name in (ends.NO_THEOREM, "affine-phase-line"))
    for name in SIGNS:
        sign = {"positive": 1, "negative": -1}.get(name)
        codes = np.full(count, ends.End.NOT_DECIDED) if sign is None else summarise(numbers, sign, layer.floor)
        verdicts[f"scenario_{name}"] = end_labels(codes)
        verdicts[f"theorem_{name}"] = Labels(np.where(codes == ends.End.NOT_DECIDED, open_, known), cited)
    return verdicts
