"""Letters that mean on one page something else than on the others: what its legend says of them there."""

__all__ = ["OWN_MEANINGS"]

_OF_STEPS = "K at a step, or a sum of steps, S: sum_n mu_n e^(-a_n S) / mu, the share of earlier growth that is inherited across S"

#: Theorem -> letter -> meaning, in place of that of `symbolic.observables`.
OWN_MEANINGS: dict[str, dict[str, str]] = {
    "prenorm-axis": {
        "F_l": "growth rate of token l of the bare layer at the normalised tokens c sign(x_l): x_l' = c sign(x_l) F_l"
    },
    "carried-nonnegative": {"K": _OF_STEPS},
    "carried-order": {"K": _OF_STEPS},
}
