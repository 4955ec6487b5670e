"""Compile the integrators before the workers of a test run start: each of them would compile it for itself.

With a fresh cache this takes a minute; afterwards the compiled code is read.
"""

from __future__ import annotations

import importlib.util

import sympy as sp

from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.flow.equation import flow_of

__all__ = ["main"]


def main() -> None:
    """Integrate one system by each compiled loop, that of the flow and that of any equation, where Numba is installed."""
    if importlib.util.find_spec("numba") is not None:
        for flow in (FlowParameters([-1.0], [1.0], 1.0), flow_of(-sp.Symbol("x"), None)):
            assert integrate([1.0], flow, backend="numba", log_horizon=2.0).status == Status.HORIZON


if __name__ == "__main__":
    main()
