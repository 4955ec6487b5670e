"""The constants of the step control with their reasons, and the rules of `symbolic.step_control` at these values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from types import ModuleType

import numpy as np

from s6flow.numeric.flow.problem import Status
from s6flow.numeric.flow.tableau import Tableau
from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.torch import TORCH
from s6flow.symbolic.codegen.load import load_module
from s6flow.symbolic.codegen.scalars import print_rules
from s6flow.symbolic.programs.rules import step_rules

__all__ = [
    "DRIVER", "FIRST_LOG_STEPS", "GUESSES", "LANDED", "LOG_SAFETIES", "PATIENCE", "PRECISIONS", "RUNNING", "STIFF", "STIFF_STEPS", "TORCH_DRIVER",
    "Control", "in_log_time", "load_rules", "rules_text",
]  # fmt: skip

#: Codes of a system besides those of `Status`: it runs on; it is stiff, and another method is asked for.
RUNNING, STIFF = -1, -2
#: A system is stiff when so many accepted steps in a row stay short. After a stiff stretch the explicit method gets so
#: many steps before it may be called stiff again.
STIFF_STEPS, PATIENCE = 300, 100


#: Bisections of the cubic that guesses where in a step a target lies: single precision, from which Newton goes on.
GUESSES = 24


@dataclass(frozen=True)
class Control:
    """The constants; the defaults are those of float64 in work time.

    Args:
        first_step, longest_step: in work time, in which every component moves at most by the step.
        shortest_step: below it a step is lost in rounding.
        safety, smallest_factor, largest_factor: of DOP853: what the step aims at, and bounds on its change.
        least_error: an error of 0 counts as this, or the factor would be infinite.
        least_share: share of the squared third-order estimate below which no local error is believed; ordinary steps
            lie above it.
        resting_steps, resting_clock, resting_move: a system rests when theta took at least so many steps to grow by so
            much (so an equilibrium holds the step down) while no component moved by more than so many tolerated
            errors. A single step says nothing: held down by stability, it jitters by the tolerated error.
        stiff_step: accepted steps in a row shorter than this make a system stiff: nothing changes within them.
        least_power: growth like |x|^p takes finite time to infinity for p > 0; measured exponents are 0, 1, 2 or 3.
        log_tiny: below this exponent 1/(t + t0) and the rates lose digits to denormal numbers.
        close: distance to a target in work time that a first-order move closes to within its square.
        landing_trials: steps that may seek a target.
        tiny: stands in for a clock that does not move.
        huge: stands in for a time so late that the clock is nothing beside the tokens.
        eps: the rounding unit.
        log_limit: largest ln|x| that the scaled rates survive.
        degree: of the polynomial logarithm that is exact to a rounding.
    """

    first_step: float = 0.05
    longest_step: float = 30.0
    shortest_step: float = 1e-13
    safety: float = 0.9
    smallest_factor: float = 0.2
    largest_factor: float = 10.0
    least_error: float = 1e-300
    least_share: float = 0.01
    resting_steps: int = 20
    resting_clock: float = 0.1
    resting_move: float = 100.0
    stiff_step: float = 0.03
    least_power: float = 0.5
    log_tiny: float = -690.0
    close: float = 1e-8
    landing_trials: int = 60
    tiny: float = 1e-300
    huge: float = 1e280
    eps: float = float(np.finfo(np.float64).eps)
    log_limit: float = 230.3
    degree: int = 20


#: The CPU's loops.
DRIVER = Control()
#: The fused kernels, by precision: numbers near the ends of the range, and rounding units. By measurement, float32 with
#: its tolerances from 1e-5 on has a twentieth fewer attempts from a longer first step. The safety by a model of the kernel
#: in NumPy, of 192 systems of 128 tokens of each fate, in attempts at equal mean error: RK45 at 1e-6, 13.4 where 0.9 has
#: 15.8 (blow-up), 69 and 75 (slow), 15.9 and 15.8 (converging); DOP853 at 1e-9, 14.5 and 16.9, 81 and 89, 14.1 and 13.1.
PRECISIONS: dict[str, Control] = {
    "float32": Control(
        least_error=1e-30, tiny=1e-30, huge=1e30, eps=1.2e-7, log_limit=48.0, log_tiny=-80.0, shortest_step=1e-6,
        degree=9, first_step=0.3, safety=0.75,
    ),
    "float64": Control(least_error=1e-280, tiny=1e-280, eps=2.3e-16, safety=0.75),
}  # fmt: skip
#: Velocities in PyTorch, whose arithmetic may be float32 inside, at tolerances near 1e-5: a slow token moves by 1.7e-4
#: over a stretch even at ln t = 600, so that less than elsewhere counts as rest; and estimates below 1e-12 are noise.
TORCH_DRIVER = replace(DRIVER, shortest_step=1e-9, resting_move=10.0, least_error=1e-12)
#: In PyTorch a step to a target has arrived at this distance in theta, relative to 1 + theta.
LANDED = 1e-7
#: The first step in log time over rtol^(1/order), in units of the time in which tokens move by one, and the safety
#: there. Of RK45 by a model of the kernel in NumPy, the fewest attempts at equal error: at a mean error of 2e-4, in 192
#: decaying systems of 128 tokens, 5.7 where 4 and 0.75 have 6.2 and 4 and 0.85 have 6.8; and fewer at 1e-6. Instead of
#: its six right-hand sides RK23 has three, but some 16 attempts.
FIRST_LOG_STEPS: dict[str, float] = {"RK23": 4.0, "RK45": 5.0, "DOP853": 4.0}
LOG_SAFETIES: dict[str, float] = {"RK23": 0.75, "RK45": 0.6, "DOP853": 0.75}


def in_log_time(control: Control, method: str) -> Control:
    """The constants of a pair where theta is the independent variable and steps grow until they end."""
    return replace(control, safety=LOG_SAFETIES[method])


@cache
def rules_text(backend: str, control: Control, tableau: Tableau, names: tuple[str, ...] = ()) -> str:
    """The rules as functions for a backend, with all constants in place.

    Args:
        backend: a key of `SCALARS`.
        control: the constants.
        tableau: the pair whose norm is the rule `error_norm`.
        names: of the rules; all if none.
    """
    codes = {"running": RUNNING, **{code.name.lower(): int(code) for code in Status}}
    constants = {**asdict(control), **codes, "exponent": tableau.exponent, "infinity": float("inf")}
    rules = step_rules(tableau.norm)
    parts = []
    for name in names or rules:
        program, arguments = rules[name]
        parts.append(print_rules({name: program}, {k: v for k, v in constants.items() if k not in arguments}, backend))
    return "\n\n".join(parts)


@cache
def load_rules(backend: str, control: Control, tableau: Tableau) -> ModuleType:
    """The rules as functions of arrays of NumPy or PyTorch."""
    dialect = {"numpy": NUMPY, "torch": TORCH}[backend]
    banner = f"# Generated by s6flow for {backend}: do not edit.\n# step control of {tableau.name}\n"
    text = "\n\n".join([banner + dialect.header, rules_text(backend, control, tableau)])
    module, _ = load_module(text, "step_control", (backend,), backend)
    return module
