"""Adaptive kernels as Triton's compiler makes them, run lane by lane on the CPU: no GPU, and not the interpreter's layouts."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
triton = pytest.importorskip("triton")
from ptx_warp import Memory, run_warp  # noqa: E402

from s6flow.numeric.flow import FlowParameters, integrate  # noqa: E402
from s6flow.numeric.flow.backends.triton.kernels import flow_text  # noqa: E402
from s6flow.numeric.flow.clock import log_time  # noqa: E402
from s6flow.symbolic.charts import log_program  # noqa: E402

pytestmark = pytest.mark.slow
SYSTEMS, TOKENS, TIMES, RTOL = 4, 8, (1e-3, 1.0, 30.0), 1e-9
#: An architecture whose compiler comes with Triton.
HOPPER = ("cuda", 90, 32)


@cache
def compiled(clock: str, method: str, folder: Path, edit: tuple[str, str] = ("", "")) -> str:
    """PTX of the float64 kernel for systems of 8 tokens, four of them in a warp."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    path = folder / f"{clock}_{method}_{abs(hash(edit))}.py"
    path.write_text(flow_text(log_program(), method, "float64", False, clock).replace(*edit))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kernel: Any = module.flow_kernel
    constants = {"SYSTEMS": SYSTEMS, "LANES": TOKENS, "PER_LANE": 1, "STATES": 1}
    constants |= dict.fromkeys(("MASKED", "START", "LOW", "WHOLE"), True)
    signature, places, known = {}, {}, {}
    for place, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name], places[place,] = "constexpr", constants[name]
        elif name.endswith("_ptr"):
            signature[name] = "*i32" if name in ("reached_ptr", "counts_ptr") else "*fp64"
            known[place,] = [["tt.divisibility", 16]]
        else:
            signature[name] = "fp32" if name in ("rtol", "log_limit") else "i32"
    source = ASTSource(fn=kernel, signature=signature, constexprs=places, attrs=known)
    text: str = triton.compile(source, target=GPUTarget(*HOPPER), options={"num_warps": 1}).asm["ptx"]
    return text


def systems(clock: str) -> tuple[np.ndarray, FlowParameters]:
    """Four systems; in one a token is 0 behind large ones, so that a step is refused and E is a difference of large numbers."""
    x = np.array([[7.9422, 7.0150, 4.8e-3, 0.0, 4.8e-7, -1.9e-5, -1.3e-8, 5.6e-4], [0.5, -1.0, 2.0, 0.1, -0.3, 1.0, 0.7, -2.0],
                  [1e-3, 2.0, 0.0, -1.0, 1.0, 1e-5, -0.5, 0.4], [1.0, 1.0, -1.0, 0.3, 2.0, -0.2, 0.0, 1.0]])  # fmt: skip
    mu = np.array([0.0672, 0.8, 0.02, 1.3]) * (-1.0 if clock == "log" else 1.0)
    return x, FlowParameters(mu[:, None], np.array([[0.1617], [0.5], [2.0], [1.0]]), [-0.2237, 0.3, 0.1, -0.4], [2.197, 0.1, -1.0, 0.5])  # fmt: skip


def run(ptx: str, clock: str, most: int = 400) -> tuple[Memory, dict[str, np.ndarray]]:
    """The kernel's results for these systems, after `most` attempted steps at the latest."""
    x, flow = systems(clock)
    start = np.log(np.where(x == 0, 1.0, np.abs(x)))
    given = [start, np.zeros_like(start), np.sign(x), flow.s, flow.b, np.zeros(SYSTEMS), flow.mu, flow.a, np.log(TIMES)]
    count = len(TIMES)
    results: dict[str, np.ndarray] = {
        "log_t0": np.zeros(SYSTEMS), "states": np.zeros((SYSTEMS, count, TOKENS)), "reached": np.zeros((SYSTEMS, count), np.int32),
        "end": np.zeros((SYSTEMS, TOKENS)), "velocity": np.zeros((SYSTEMS, TOKENS)),
        "numbers": np.zeros((SYSTEMS, 3)), "counts": np.zeros((SYSTEMS, 4), np.int32),
    }  # fmt: skip
    memory = Memory(*(np.asarray(one, float) for one in given), *results.values())
    limits = [int(np.float32(value).view(np.uint32)) for value in (RTOL, 230.0)]
    run_warp(ptx, memory, (SYSTEMS, TOKENS, count, *limits, most))
    return memory, dict(zip(results, memory.arrays()[len(given) :], strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
@pytest.mark.parametrize("clock", ["work", "log"])
def test_a_compiled_kernel_agrees_with_the_cpu_and_its_lanes_with_each_other(
    folder: Path, clock: str, method: str
) -> None:
    x, flow = systems(clock)
    memory, found = run(compiled(clock, method, folder), clock)
    wanted = integrate(x, flow, times=TIMES, rtol=1e-12)
    assert memory.clashes == 0  # a number that all lanes of a system hold is the same in all
    assert found["counts"][:, 0].tolist() == wanted.status.tolist()
    assert (found["reached"] == wanted.reached).all()
    near = wanted.reached[..., None] & (x != 0)[:, None]
    assert np.abs(np.where(near, found["states"] - wanted.log_abs.filled(0.0), 0.0)).max() < 1e-6
    blown = wanted.status == 1
    theta, left, _ = found["numbers"].T
    assert blown.any() == (clock == "work")
    late = np.logaddexp(log_time(theta, found["log_t0"]), left)
    assert np.abs(late - wanted.log_blow_up_time)[blown].max(initial=0.0) < 1e-6


def test_a_product_that_is_fused_into_an_exchange_is_seen(folder: Path) -> None:
    """Planted: a sum over lanes of products, which one lane of two rounds and the other does not."""
    edit = ("rt.over_lanes_sum(square)", "rt.over_lanes_sum(moving[0] * moving[0])")
    memory, _ = run(compiled("work", "RK45", folder, edit), "work", 60)
    assert memory.clashes > 0
