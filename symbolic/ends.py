"""How a flow, or a token of it, ends: one enumeration, its words and colours.

Verdicts, fates of simulated runs, the words of JSON and CSV, the observable `fate` of the theorems and the legends of
figures are entries of `End`. How a run *stopped* (horizon, blow-up, step limit, ...) is another question, about an
integrator and not about a flow: `numeric.flow.problem.Status`.

The rules that predict an end are expressions, in `symbolic.end_rules`. Nothing here needs SymPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import SupportsIndex

__all__ = ["COLOURS", "ENDS", "NO_THEOREM", "OBSERVED", "SCENARIOS", "WORDS", "End", "Ending", "word"]


class End(IntEnum):
    """Codes of the ends; those of one token also stand in the theorems' observable `fate`."""

    CONVERGENT = 0
    STATIONARY = 1
    SLOW = 2
    FAST = 3
    COEXISTENCE = 4
    LIMIT = 5
    ROOT = 6
    EXPONENTIAL = 7
    BY_SIZE = 8
    NOT_DECIDED = 9
    ELSEWHERE = 10
    UNDECIDED = 11


@dataclass(frozen=True)
class Ending:
    """What an end means.

    Args:
        word: in outputs.
        meaning: of a system, for tokens that are not zero (a zero token stays zero).
        token: of a single token; empty if it is said of systems only.
        predicted, observed: whether theory predicts it, whether a run shows it.
        colour: in maps and legends, distinguishable with colour-blind eyes (Okabe and Ito).
    """

    word: str
    meaning: str
    token: str
    predicted: bool
    observed: bool
    colour: str


_BLOW_UP = "a token reaches infinity in finite depth-time"
ENDS: dict[End, Ending] = {
    End.CONVERGENT: Ending("convergent", "every token tends to 0", "tends to 0", True, True, "#0072b2"),
    End.STATIONARY: Ending("stationary", "no token moves", "stays", True, True, "#7f7f7f"),
    End.SLOW: Ending(
        "slow", "every token diverges logarithmically, without end", "diverges like ln t", True, True, "#e69f00"
    ),
    End.FAST: Ending("fast", f"{_BLOW_UP} and every later one with it", "not below its start when the system blows up", True, True, "#d55e00"),
    End.COEXISTENCE: Ending("coexistence", f"{_BLOW_UP} while a later one tends to 0", "", True, True, "#cc79a7"),
    End.LIMIT: Ending(
        "finite limit", f"{_BLOW_UP} while a later one tends to a limit that is not 0", "tends to a limit that is not 0",
        True, True, "#785ef0",
    ),
    End.ROOT: Ending("root", "token 1 tends to a nonzero equilibrium", "", True, True, "#009e73"),
    End.EXPONENTIAL: Ending("exponential", "token 1 grows exponentially", "", True, True, "#8c6d1f"),
    End.BY_SIZE: Ending(
        "by size", "the fate of token 1 depends on its size; the phase line says where it changes", "",
        True, False, "#56b4e9",
    ),
    End.NOT_DECIDED: Ending(
        "not decided", "theory does not decide what these tokens meet, and cites no theorem", "", True, False, "#e4e4e4"
    ),
    End.ELSEWHERE: Ending("elsewhere", "at rest, but at no equilibrium that theory names", "", False, True, "#a6761d"),
    End.UNDECIDED: Ending(
        "undecided", "the horizon of the run settled nothing", "not settled by the run", False, True, "#bdbdbd"
    ),
}  # fmt: skip

#: The words in the order of the codes.
WORDS: tuple[str, ...] = tuple(ENDS[end].word for end in End)
#: What theory may predict: word -> what it says of a system.
SCENARIOS: dict[str, str] = {entry.word: entry.meaning for entry in ENDS.values() if entry.predicted}
#: Words of what a run may show.
OBSERVED: tuple[str, ...] = tuple(entry.word for entry in ENDS.values() if entry.observed)
#: Colour of every word.
COLOURS: dict[str, str] = {entry.word: entry.colour for entry in ENDS.values()}

#: What stands for the theorem where no theorem decides.
NO_THEOREM = "none"


def word(end: SupportsIndex) -> str:
    """The word of a code."""
    return WORDS[end.__index__()]
