"""The text of the compiled loop, whatever the velocity: scaffold, step control and Runge-Kutta pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from s6flow.numeric.flow import clock, coordinates
from s6flow.numeric.flow.problem import Status
from s6flow.numeric.flow.step_control import GUESSES, RUNNING, STIFF, Control, rules_text
from s6flow.numeric.flow.tableau import pair
from s6flow.symbolic.codegen.numba.functions import DECORATOR, INLINE, PLAIN, REORDERED

__all__ = ["loop_text"]

#: The rules of step control that the loop calls.
_RULES = (
    "error_norm", "is_finite", "is_good", "step_factor", "grown", "is_lost", "log_remaining", "hermite", "closing",
    "is_exact", "is_close", "next_length", "is_gone", "is_still", "is_due", "rest", "short_steps", "ending", "theta_of",
)  # fmt: skip


def loop_text(template: str, method: str, control: Control, **values: Any) -> str:
    """Rules and loop, to stand behind the velocity.

    Args:
        template: of the loop, in this folder.
        method: a pair with two error estimates.
        control: the constants of the step control.
        values: what the template wants besides.
    """
    assert clock.POWER & (clock.POWER - 1) == 0, "the norm is formed by repeated squaring"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), undefined=jinja2.StrictUndefined
    )
    environment.filters["suffix"] = lambda text, end: text + end
    body = environment.get_template(template).render(
        tableau=pair(method),
        control=control,
        running=RUNNING,
        stiff=STIFF,
        horizon=int(Status.HORIZON),
        guesses=GUESSES,
        power=clock.POWER,
        doublings=clock.POWER.bit_length() - 1,
        unscaled_log_size=coordinates.UNSCALED_LOG_SIZE,
        decorator=DECORATOR,
        inline=INLINE,
        plain=PLAIN,
        reordered=REORDERED,
        **values,
    )
    return "\n\n".join([rules_text("numba", control, pair(method), _RULES), body.strip() + "\n"])
