"""A network as it runs: what its layers do to real tokens, beside what the theorems say (theory 17 to 22)."""

from s6flow.numeric.trace.judge import CONTINUOUS, OWN_TERM, ROUNDINGS, Check, Fit, TraceError, fitted
from s6flow.numeric.trace.report import NUMBERS, LayerTrace, NetworkTrace
from s6flow.numeric.trace.run import trace

__all__ = [
    "CONTINUOUS",
    "NUMBERS",
    "OWN_TERM",
    "ROUNDINGS",
    "Check",
    "Fit",
    "LayerTrace",
    "NetworkTrace",
    "TraceError",
    "fitted",
    "trace",
]
