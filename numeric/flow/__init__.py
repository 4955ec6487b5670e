"""Integration of the flows for batches of systems."""

from s6flow.numeric.flow.backends import BACKENDS, fastest_on_cpu, load_backend
from s6flow.numeric.flow.equation import EquationFlow
from s6flow.numeric.flow.fates import Fates, classify
from s6flow.numeric.flow.integrate import DEFAULT_LOG_HORIZON, LARGEST_LOG_HORIZON, integrate
from s6flow.numeric.flow.oracles import blow_up_quadrature, closed_form_s0, token_one
from s6flow.numeric.flow.parameters import AxisParameters, FlowParameters, LayerParameters, Parameters
from s6flow.numeric.flow.pointwise import attention_matrix, growth_rate, scaled_variables
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.flow.result import FlowResult

__all__ = [
    "BACKENDS",
    "DEFAULT_LOG_HORIZON",
    "LARGEST_LOG_HORIZON",
    "AxisParameters",
    "EquationFlow",
    "Fates",
    "FlowParameters",
    "FlowResult",
    "LayerParameters",
    "Parameters",
    "Problem",
    "Run",
    "Status",
    "attention_matrix",
    "blow_up_quadrature",
    "classify",
    "closed_form_s0",
    "fastest_on_cpu",
    "growth_rate",
    "integrate",
    "load_backend",
    "scaled_variables",
    "token_one",
]
