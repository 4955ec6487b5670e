"""A step of a user's own equation by PyTorch, as CUDA has to record it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp

from s6flow.numeric.flow import integrate
from s6flow.numeric.flow.backends import load_backend
from s6flow.numeric.flow.equation import flow_of
from s6flow.symbolic.equation import Equation
from tests.numeric.equation_cases import CASCADE, h, p, t, x

torch = pytest.importorskip("torch")
from torch.overrides import TorchFunctionMode  # noqa: E402

from s6flow.numeric.flow.backends.torch.backend import systems_flow  # noqa: E402

along, index = sp.IndexedBase("c"), sp.Symbol("l")
#: Scans whose gates and increments are numbers, letters or functions of token and time; and none.
SCANNED = {
    "sums": (CASCADE, {}),
    "numbers": (Equation(x * h, scan=h / 2 + 1), {}),
    "letters": (Equation(x * h, scan=p * h + p), {p: 0.1}),
    "a number gates": (Equation(x * h, scan=-h + sp.exp(x)), {}),
    "a number enters": (Equation(x * h, scan=sp.exp(-x) * h + 3), {}),
    "all move": (
        Equation(along[index] * x + h / 3 + p * t, scan=sp.exp(-t) * h + x),
        {"c": [0.5, -0.3, 0.2], p: 0.3},
    ),
    "none": (Equation(sp.log(1 + sp.exp(x)) * sp.tanh(x) + sp.cosh(x) ** -2 + p * t), {p: 0.1}),
}


def tensors(value: Any) -> Iterator[Any]:
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)


class Watched(TorchFunctionMode):
    """Counts what is done, and keeps what reads memory of the host for a tensor of the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        self.sent: list[Any] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        self.done += 1
        read = list(tensors([*args, *(kwargs or {}).values()]))
        number = function in (torch.as_tensor, torch.tensor) and not read
        if any(one.is_meta for one in tensors(out)) and (number or not all(one.is_meta for one in read)):
            self.sent.append(function)
        return out


def test_what_is_sent_is_seen() -> None:
    watched, like = Watched(), torch.zeros(3, device="meta")
    with watched:
        _ = torch.cat([like, 2 * like]).new_full((), 1.0)
    assert (watched.done, watched.sent) == (3, [])
    with watched:
        torch.as_tensor(1.0, device="meta")
        torch.zeros(1).to(like)
    assert watched.sent == [torch.as_tensor, torch.Tensor.to]


@pytest.mark.parametrize("name", SCANNED)
def test_a_step_sends_nothing_to_the_device(name: str) -> None:
    """Nor does it wait for one: a tensor of the meta device has no truth and no number."""
    watched = Watched()

    def solve(problem: Any) -> Any:
        own = systems_flow(problem, slice(0, 2), torch.device("meta"))
        w = torch.zeros(problem.start.shape, device="meta", dtype=torch.float64)
        rows = torch.zeros(2, device="meta").long()
        with watched:
            own.velocity(w, rows)
            own.log_size(w, rows)
        return load_backend("numpy")(problem)

    integrate(0.1 * np.ones((2, 3)), flow_of(*SCANNED[name]), times=[0.1], backend=solve)
    assert watched.done > 10
    assert not watched.sent
