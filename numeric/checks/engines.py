"""Where a margin is evaluated: NumPy or PyTorch in float64, PyTorch in float32, or python-flint balls.

PyTorch works on the GPU where there is one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import CodegenError, MissingDependencyError
from s6flow.numeric.checks.shared import Checkable
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate

__all__ = ["ENGINES", "Engine", "applicable", "engine", "evaluate", "require", "tolerance"]

#: Bits of the balls; identities between inputs of float64 are settled far below it.
FLINT_BITS = 192


@dataclass(frozen=True)
class Engine:
    """A way to evaluate margins.

    Args:
        name: as on the command line.
        backend: of code generation.
        single: whether numbers are rounded to float32 first.
        pointwise: rounding allowance of claims in letters alone.
        measured: the same for claims about an integrated trajectory.
    """

    name: str
    backend: str
    single: bool
    pointwise: float
    measured: float


ENGINES: dict[str, Engine] = {
    row.name: row
    for row in (
        Engine("numpy", "numpy", False, 1e-9, 1e-6),
        Engine("torch", "torch", False, 1e-9, 1e-6),
        Engine("torch32", "torch", True, 5e-3, 5e-3),
        Engine("flint", "flint", False, 1e-30, math.nan),
    )
}

#: Library of a backend, and the extra that installs it.
_LIBRARIES = {"numpy": ("numpy", "test"), "torch": ("torch", "torch"), "flint": ("flint", "rigorous")}


def engine(name: str) -> Engine:
    """The engine called `name`.

    Raises: CodegenError: if there is none.
    """
    if name not in ENGINES:
        raise CodegenError("a check's backend must be one of " + ", ".join(ENGINES), name)
    return ENGINES[name]


def require(name: str) -> Engine:
    """The engine called `name`, with its library.

    Raises: CodegenError: if there is none. MissingDependencyError: its library is not installed.
    """
    found = engine(name)
    module, extra = _LIBRARIES[found.backend]
    try:
        importlib.import_module(module)
    except ImportError:
        remedy = f"Run pip install 's6flow[{extra}]', or use --backend numpy."
        raise MissingDependencyError(f"the {name} backend needs {module}", f"no {module}", "", remedy) from None
    return found


def applicable(theorem: Checkable, name: str) -> bool:
    """Whether an engine can judge a theorem: balls judge letters, not trajectories integrated in floating point."""
    return engine(name).backend != "flint" or theorem.measurement == "pointwise" or theorem.core is not None


def tolerance(theorem: Checkable, target: Engine, core: bool) -> float:
    """The rounding allowance of a theorem's margin on an engine."""
    if core or target.backend == "flint" or theorem.measurement == "pointwise":
        return max(target.pointwise, 0.0 if core else theorem.tolerance or 0.0)
    own = target.measured if theorem.tolerance is None else theorem.tolerance
    return max(own, target.measured if target.single else 0.0)


def evaluate(program: Program, target: Engine, values: Mapping[str, Any]) -> NDArray[np.float64]:
    """The generated function on arrays with batch axes; balls give their lower ends (certified from below)."""
    function = generate(program, target.backend)
    arguments = [np.asarray(values[name], dtype=np.float64) for name in function.inputs]
    if target.backend == "flint":
        return _balls(function, arguments)
    if target.backend == "torch":
        return _tensors(function, arguments, target.single)
    with np.errstate(all="ignore"):  # what overflows is judged below, as undecided
        return np.asarray(function(*arguments), dtype=np.float64)


def _tensors(function: Any, arguments: list[NDArray[np.float64]], single: bool) -> NDArray[np.float64]:
    """On the GPU where there is one; a batch that does not fit beside what others keep there is the CPU's."""
    import torch

    kind = torch.float32 if single else torch.float64
    given = [torch.from_numpy(np.array(a)).to(kind) for a in arguments]
    with torch.no_grad():
        if torch.cuda.is_available():
            with suppress(torch.OutOfMemoryError):
                return np.asarray(function(*(one.cuda() for one in given)).double().cpu().numpy())
        return np.asarray(function(*given).double().numpy())


def _balls(function: Any, arguments: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    import flint

    before = flint.ctx.prec
    flint.ctx.prec = FLINT_BITS
    try:
        result = function(*arguments)
    finally:
        flint.ctx.prec = before
    # rounding to float64 must not lift a lower end above zero: its sign is exact
    lower = np.frompyfunc(lambda ball: float(ball.lower()) if ball.is_finite() else math.nan, 1, 1)
    return np.asarray(lower(np.asarray(result, dtype=object)), dtype=np.float64)
