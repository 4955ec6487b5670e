"""What pages say of letters where the meaning that stands in `symbolic.observables` fits one page less than another."""

from s6flow.symbolic.notation import Notation

__all__ = ["OWN_LETTERS", "OWN_MEANINGS", "meaning_of"]

_OF_STEPS = "of the step alone: at a step, or a sum of steps, S it is sum_n mu_n e^(-a_n S) / mu, the share of earlier growth that is inherited across S"
_REACH = {
    "carried_sign": "least sign of mu K over the steps in reach: beyond Delta(0), for s = 0 at its multiples, beyond the floor if some s x_l(0) < 0, l >= 2"
}
_STATE = {"decay": "the decay rate of the state"}
_BOUNDS = {"v_max": "a bound of |v_l|", "delta_max": "a bound of the steps"}
_START = {"x": "entry of a token in the residual stream at the start"}

#: Theorem -> letter -> meaning, in place of that of `symbolic.observables`.
OWN_MEANINGS: dict[str, dict[str, str]] = {
    "prenorm-axis": {
        "F_l": "growth rate of token l of the bare layer at the normalised tokens c sign(x_l): x_l' = c sign(x_l) F_l"
    },
    "prenorm-bound": _START,
    "carried-nonnegative": {"K": _OF_STEPS, **_REACH},
    "carried-order": {"K": _OF_STEPS, **_REACH},
    "skip-equilibria": {"y": "value of token 1 at the start"},
    "state-bound": _STATE | _BOUNDS,
    "state-forgetting": _STATE,
    "state-saturation": _STATE | {"v_max": "what every token writes", "delta_max": "the step of every token"},
    "gate-rounding": _STATE,
}

_STATE_AFTER = {
    "h_l": Notation(
        "h_l", "h_l", (), "real", "the state after token l: h_l = e^(-a Delta_l) h_(l-1) + Delta_l v_l, h_0 = 0"
    )
}

#: Theorem -> letters of its sentences that are in neither table of `symbolic.observables`.
OWN_LETTERS: dict[str, dict[str, Notation]] = dict.fromkeys(
    ("state-bound", "state-forgetting", "state-saturation"), _STATE_AFTER
)


def meaning_of(identifier: str, row: Notation, name: str | None = None) -> str:
    """What a letter means on the page of a theorem.

    Args:
        name: of the letter's row on that page, if it is not that of the letter.
    """
    return OWN_MEANINGS.get(identifier, {}).get(name or row.name, row.meaning)
