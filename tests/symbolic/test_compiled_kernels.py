"""Adaptive kernels as Triton's compiler makes them, run lane by lane on the CPU: no GPU, and not the interpreter's layouts."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
triton = pytest.importorskip("triton")
from ptx_warp import Memory, run_warp  # noqa: E402

from s6flow.numeric.flow import FlowParameters, integrate  # noqa: E402
from s6flow.numeric.flow.backends.triton.kernels import flow_text  # noqa: E402
from s6flow.numeric.flow.clock import log_time  # noqa: E402
from s6flow.numeric.flow.step_control import PRECISIONS  # noqa: E402
from s6flow.symbolic.charts import log_program  # noqa: E402

pytestmark = pytest.mark.slow
TIMES, STEPS = (1e-3, 1.0, 30.0), 400
#: An architecture whose compiler comes with Triton.
HOPPER = ("cuda", 90, 32)


@dataclass(frozen=True)
class Kernel:
    """A kernel, the layout of its one warp, and what it is run and judged with.

    Args:
        clock, method, precision, short: as `flow_text` takes them.
        tile: systems, lanes of each, tokens of a lane.
        rtol: tolerated local error.
        apart: how far ln|x| and ln T may be from the CPU's.
        edit: text of the kernel and what takes its place.
    """

    clock: str
    method: str = "RK45"
    precision: str = "float64"
    short: bool = False
    tile: tuple[int, int, int] = (4, 8, 1)
    rtol: float = 1e-9
    apart: float = 1e-6
    edit: tuple[str, str] = ("", "")


SINGLE = {"precision": "float32", "tile": (1, 32, 4)}
KERNELS = [Kernel(clock, method) for clock in ("work", "log") for method in ("RK45", "DOP853")]
KERNELS += [Kernel(clock, short=True, rtol=1e-4, apart=1e-3, **SINGLE) for clock in ("work", "log")]  # type: ignore[arg-type]
KERNELS.append(Kernel("log", rtol=1e-4, apart=1e-3, **SINGLE))  # type: ignore[arg-type]


def compiled(kernel: Kernel, folder: Path) -> str:
    """Its PTX."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    path = folder / f"kernel_{abs(hash(kernel))}.py"
    text = flow_text(log_program(), kernel.method, kernel.precision, kernel.short, kernel.clock)
    assert kernel.edit[0] in text
    path.write_text(text.replace(*kernel.edit))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    constants = dict(zip(("SYSTEMS", "LANES", "PER_LANE"), kernel.tile, strict=True)) | {"STATES": 1}
    constants |= dict.fromkeys(("MASKED", "START", "LOW", "WHOLE"), True)
    signature, places, known = {}, {}, {}
    for place, name in enumerate(module.flow_kernel.arg_names):
        if name in constants:
            signature[name], places[place,] = "constexpr", constants[name]
        elif name.endswith("_ptr"):
            signature[name] = "*i32" if name in ("reached_ptr", "counts_ptr") else f"*fp{kernel.precision[-2:]}"
            known[place,] = [["tt.divisibility", 16]]
        else:
            signature[name] = "fp32" if name in ("rtol", "log_limit") else "i32"
            if name == "tokens" and kernel.precision == "float32":
                known[place,] = [["tt.divisibility", 16]]
    source = ASTSource(fn=module.flow_kernel, signature=signature, constexprs=places, attrs=known)
    ptx: str = triton.compile(source, target=GPUTarget(*HOPPER), options={"num_warps": 1}).asm["ptx"]
    return ptx


def systems(kernel: Kernel) -> tuple[np.ndarray, FlowParameters]:
    """Four systems, in one of which a token is 0 behind large ones, so that a step is refused and E is a difference of large
    numbers; or one of 128 tokens; of other numbers of them lanes would take theirs through shared memory.
    """
    sign = -1.0 if kernel.clock == "log" else 1.0
    if kernel.precision == "float32":
        x = np.random.default_rng(5).standard_normal((1, 128))
        x[0, 40] = 0.0
        return x, FlowParameters(np.array([[0.8 * sign]]), np.array([[0.7]]), [0.4], [0.1])
    x = np.array([[7.9422, 7.0150, 4.8e-3, 0.0, 4.8e-7, -1.9e-5, -1.3e-8, 5.6e-4], [0.5, -1.0, 2.0, 0.1, -0.3, 1.0, 0.7, -2.0],
                  [1e-3, 2.0, 0.0, -1.0, 1.0, 1e-5, -0.5, 0.4], [1.0, 1.0, -1.0, 0.3, 2.0, -0.2, 0.0, 1.0]])  # fmt: skip
    mu = sign * np.array([[0.0672], [0.8], [0.02], [1.3]])
    return x, FlowParameters(mu, [[0.1617], [0.5], [2.0], [1.0]], [-0.2237, 0.3, 0.1, -0.4], [2.197, 0.1, -1.0, 0.5])


def run(kernel: Kernel, folder: Path, most: int = STEPS) -> tuple[Memory, dict[str, np.ndarray]]:
    """What it makes of its systems in at most so many attempted steps."""
    x, flow = systems(kernel)
    (count, tokens), times, kind = x.shape, len(TIMES), np.dtype(kernel.precision)
    start = np.log(np.where(x == 0, 1.0, np.abs(x)))
    low = start - start.astype(kind)
    given = [start, low, np.sign(x), flow.s, flow.b, np.zeros(count), flow.mu, flow.a, np.log(TIMES)]
    shapes = {
        "states": (count, times, tokens), "reached": (count, times), "end": (count, tokens),
        "velocity": (count, tokens), "numbers": (count, 4), "counts": (count, 4),
    }  # fmt: skip
    whole = ("reached", "counts")
    results = {name: np.zeros(shape, np.int32 if name in whole else kind) for name, shape in shapes.items()}
    memory = Memory(*(np.asarray(one, kind) for one in given), *results.values())
    limits = [int(np.float32(one).view(np.uint32)) for one in (kernel.rtol, PRECISIONS[kernel.precision].log_limit)]
    run_warp(compiled(kernel, folder), memory, (count, tokens, times, *limits, most))
    return memory, dict(zip(results, memory.arrays()[len(given) :], strict=True))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.clock}-{kernel.method}-{kernel.precision}{'-short' * kernel.short}")  # fmt: skip
def test_a_compiled_kernel_agrees_with_the_cpu_and_its_lanes_with_each_other(tmp_path: Path, kernel: Kernel) -> None:
    x, flow = systems(kernel)
    memory, found = run(kernel, tmp_path)
    wanted = integrate(x, flow, times=TIMES, rtol=1e-12)
    assert memory.clashes == 0  # a number that all lanes of a system hold is the same in all
    assert found["counts"][:, 0].tolist() == wanted.status.tolist()
    assert (found["reached"] == wanted.reached).all()
    near = wanted.reached[..., None] & (x != 0)[:, None]
    assert np.abs(np.where(near, found["states"] - wanted.log_abs.filled(0.0), 0.0)).max() < kernel.apart
    blown = wanted.status == 1
    theta, left, _, log_t0 = found["numbers"].astype(float).T
    assert blown.any() == (kernel.clock == "work")
    late = np.logaddexp(log_time(theta, log_t0), left)
    assert np.abs(late - wanted.log_blow_up_time)[blown].max(initial=0.0) < kernel.apart


def test_a_product_that_is_fused_into_an_exchange_is_seen(tmp_path: Path) -> None:
    """Planted: a sum over lanes of products, which one lane of two rounds and the other does not."""
    loose = "tl.sum(velocity * velocity, 1, keep_dims=True) + tl.zeros_like(clock)"
    edit = ("rt.over_tokens_squares(velocity, clock)", loose)
    memory, _ = run(Kernel("work", edit=edit), tmp_path, most=60)
    assert memory.clashes > 0
