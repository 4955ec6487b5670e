"""Every threshold that turns a run or a number into a word: its value and the reason, once."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "BALANCED",
    "CLEAR",
    "DECAY",
    "EARLIEST",
    "EIGENVALUE",
    "EXPONENT",
    "FALLS",
    "GONE",
    "GROWN",
    "MOVE",
    "NEAR_ROOT",
    "ONE_RATE",
    "PHASE_ROUNDING",
    "RISES",
    "SLOW_HIGH",
    "SLOW_LOW",
    "SMALL",
    "THRESHOLDS",
    "TOKEN_HIGH",
    "TOKEN_LOW",
    "UNMOVED",
    "Threshold",
]


@dataclass(frozen=True)
class Threshold:
    """One threshold.

    Args:
        name: as in code.
        value: a pure number, or in units of rounding where the reason says so.
        reason: why there.
    """

    name: str
    value: float
    reason: str


#: name -> threshold, in the order of the rows below.
THRESHOLDS: dict[str, Threshold] = {}


def _least_of_silu() -> float:
    """SiLU's minimum, -w with w e^w = 1/e: w = e^(-1 - w) is a contraction by w; importing SciPy for it takes longer."""
    w = 0.0
    for _ in range(64):
        w = math.exp(-1.0 - w)
    return -w


def _threshold(name: str, value: float, reason: str) -> float:
    THRESHOLDS[name] = Threshold(name, value, reason)
    return value


DECAY = _threshold(
    "DECAY", -0.4,
    "largest d ln|x|/d ln t of a token that counts as tending to 0: the limit is -1/2 or below (theory 8, E1), while a "
    "transient of the slow regime decays like 1/ln t",
)  # fmt: skip
EARLIEST = _threshold(
    "EARLIEST", 8.0,
    "ln t before which no pace is read: at ln t = 8 a decay like 1/ln t has pace -1/8, well above DECAY",
)  # fmt: skip
SLOW_LOW = _threshold("SLOW_LOW", 0.5, "least ln t d ln|x|/d ln t of a slow token: |x| ~ ln t makes it tend to 1")
SLOW_HIGH = _threshold("SLOW_HIGH", 2.0, "largest; a square of ln t would tend to 2")
EXPONENT = _threshold(
    "EXPONENT", 1e-7,
    "|k| up to which a token that moves like |x_m|^k beside a blow-up has a finite limit: iterated logarithms still have "
    "k > 1e-6 at |x_m| = 1e100",
)  # fmt: skip
GONE = _threshold("GONE", -10.0, "ln|x| below which a shrinking or resting token counts as gone to 0")
FALLS = _threshold(
    "FALLS",
    -0.05,
    "ln|x| / ln t below which a theorem's check counts a token as tending to 0: at ln t = 300 a tenth of -1/2",
)
RISES = _threshold(
    "RISES",
    0.2,
    "|s x| / ln t above which a token that has grown counts as slow there: the limit is 1, from a late start less",
)
UNMOVED = _threshold(
    "UNMOVED", 1e-12, "change of ln|x| up to which a token counts as where it began: rounding of the run"
)
NEAR_ROOT = _threshold(
    "NEAR_ROOT", 1e-3, "relative distance within which a token is at a root: runs come to rest to about 1e-6"
)
GROWN = _threshold(
    "GROWN", 10.0, "an undecided run of a whole layer has grown whose largest |x| is so many times that of its start"
)
SMALL = _threshold("SMALL", 1e-2, "|x| below which every token of a whole layer counts as gone to 0 at ln t = 20")
MOVE = _threshold("MOVE", 1e-3, "largest |d asinh x / d ln t| of a whole layer that counts as at rest")
ONE_RATE = _threshold(
    "ONE_RATE", 1e-6, "relative spread of decay rates that count as one: the rounding of a float32 A_log"
)
TOKEN_LOW = _threshold("TOKEN_LOW", _least_of_silu(), "least token that enters a scan: SiLU's minimum")
TOKEN_HIGH = _threshold(
    "TOKEN_HIGH",
    10.0,
    "largest token of the range that a trained model's scans see, which lie mostly below (theory 22)",
)
BALANCED = _threshold(
    "BALANCED", 1.0, "|mu| counts as 0 up to so many times (N + 1) eps sum |mu_n|, the rounding of the sum"
)
CLEAR = _threshold(
    "CLEAR", 4.0, "an exponential sum of N terms has a sign beyond so many times N eps of the sum of its magnitudes"
)
PHASE_ROUNDING = _threshold(
    "PHASE_ROUNDING",
    1e-12,
    "|p(x)| up to so much of the sum of its terms' sizes puts a start on an equilibrium",
)
EIGENVALUE = _threshold(
    "EIGENVALUE", 1.0, "an eigenvalue counts as 0 up to so many times (channels) eps of the product of the norms"
)
