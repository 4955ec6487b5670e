"""Compile the integrator before the workers of a test run start: each of them would compile it for itself.

Once a fresh cache this takes half a minute; afterwards the compiled code is read.
"""

from __future__ import annotations

import importlib.util

from s6flow.numeric.flow import FlowParameters, Status, integrate

__all__ = ["main"]


def main() -> None:
    """Integrate one system by the compiled loop, where Numba is installed."""
    if importlib.util.find_spec("numba") is not None:
        result = integrate([1.0], FlowParameters([-1.0], [1.0], 1.0), backend="numba")
        assert result.status == Status.HORIZON


if __name__ == "__main__":
    main()
