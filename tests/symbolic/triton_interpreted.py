"""Runs generated kernels under TRITON_INTERPRET=1 and prints their differences from NumPy as one line of JSON.

With `long` as an argument it takes every layout of lanes, and goes on to runs of hundreds of steps.

One long file: every question is one more entry of the one line that is printed.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import fields, replace
from types import ModuleType

import numpy as np
import torch
import triton
import triton.language as tl
from triton.runtime import interpreter

from s6flow.numeric.flow import BACKENDS, FlowParameters, Status, integrate
from s6flow.numeric.flow.backends.triton.backend import complete, on_device, solve
from s6flow.numeric.flow.backends.triton.fixed import Sweep, fixed_steps
from s6flow.numeric.flow.backends.triton.fused import Tile, flow_tensors
from s6flow.symbolic.charts import asinh_axis_program, asinh_layer_program, growth_rate_program, log_program
from s6flow.symbolic.codegen.arrays import numpy as numpy_runtime
from s6flow.symbolic.codegen.device_margin import generate_margin
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.triton import runtime as rt

gc.freeze()  # what was imported stays
_patch, _dtype, dtypes = interpreter._patch_lang, interpreter._get_np_dtype, {}


def dtype_once(kind):
    """The interpreter makes a table of all types at every question, whose answer is that of the scalar."""
    name = kind.scalar.name
    if name not in dtypes:
        dtypes[name] = _dtype(kind)
    return dtypes[name]


def patched_once(fn):
    """The interpreter goes through Triton's language for what to replace at every call of a function, a third of the time.

    Within a launch what is replaced stays so: only a module that is not yet is gone through.
    """
    langs = [value for value in fn.__globals__.values() if isinstance(value, ModuleType) and value in (tl, tl.core)]
    if any(tl.core.is_builtin(lang.load) for lang in langs):
        return _patch(fn)
    return interpreter._LangPatchScope()


interpreter._get_np_dtype, interpreter._patch_lang = dtype_once, patched_once
LONG = "long" in sys.argv
found: dict[str, float] = {}
rng = np.random.default_rng(7)


def drawn(program, batch, **size):
    """Arguments of moderate size in calling order; every fifth token is zero."""
    values = []
    for inp in program.inputs:
        value = rng.standard_normal((batch, *(size[axis] for axis in inp.axes)))
        if inp.name == "a":
            value = np.abs(value) + 0.1
        if inp.name == "floor":
            value = np.abs(value) * 0.1
        if inp.name in ("x", "v") and inp.axes == ("token",):
            value[..., 4] = 0.0
        if inp.name == "sigma":
            value = np.sign(value)
        values.append(value)
    return values


def scale_of(x):
    return np.abs(x).max() + 1e-300


for program in (growth_rate_program(), log_program(), asinh_axis_program(), asinh_layer_program()):
    for precision in ("float64", "float32"):
        worst = 0.0
        for size in ({"token": 9, "state": 2},):
            values = [v.astype(precision) for v in drawn(program, 3, **size, channel=3, rank=2)]
            expected = generate(program, "numpy")(*(v.astype(float) for v in values))
            worst = max(worst, np.abs(generate(program, "triton")(*values) - expected).max() / scale_of(expected))
        found[f"{program.name} {precision}"] = worst

rate = growth_rate_program()
values = drawn(rate, 2, token=100, state=2)
whole = generate(rate, "triton")(*values)
rt.BLOCK_TOKENS, before = 64, rt.BLOCK_TOKENS
found["chunks"] = np.abs(generate(rate, "triton")(*values) - whole).max() / scale_of(whole)
found["chunk count"] = -(-100 // rt.BLOCK_TOKENS)
rt.BLOCK_TOKENS = before
values = drawn(rate, 3, token=100, state=1)
for pipeline in ("accurate", "fast"):
    kernel = generate(rate, "triton", pipeline)
    whole = generate(rate, "numpy")(*values)
    found[f"alone {pipeline}"] = np.abs(kernel(*values) - whole).max() / scale_of(whole)
    layout = rt.TOKENS_ALONE
    rt.TOKENS_ALONE = replace(layout, longest=16, chunk=16, chunk_with_errors=16)
    found[f"chunks alone {pipeline}"] = np.abs(kernel(*values) - whole).max() / scale_of(whole)
    rt.TOKENS_ALONE = replace(layout, longest=16, chunk=64, by_lanes=64)
    found[f"lanes alone {pipeline}"] = np.abs(kernel(*(v.astype("f4") for v in values)) - whole).max() / scale_of(whole)
    rt.TOKENS_ALONE = layout
full = [v[:2, :64] if v.ndim == 2 and v.shape[1] == 100 else v[:2] for v in values]  # nothing is masked
whole = generate(rate, "numpy")(*full)
found["whole"] = np.abs(generate(rate, "triton", "fast")(*full) - whole).max() / scale_of(whole)

smallest = generate_margin(rate)
expected = generate(rate, "numpy")(*values)
value, place = smallest(*values)
found["margin value"] = abs(value - expected.min()) / scale_of(expected)
found["margin place"] = abs(place - int(expected.argmin()))
values[0][1, 99] = np.nan
value, place = smallest(*values)
found["nan place"] = abs(place - 199) + (value != -np.inf)


@triton.jit
def scanned(x_ptr, out_ptr, HALVINGS: tl.constexpr):
    """Two rows of 64 tokens from states of their own; the same block is the gate, the increment and where f starts."""
    i = tl.arange(0, 2)[:, None, None] * 64 + tl.arange(0, 64)[None, :, None]
    x = tl.load(x_ptr + i)
    first = tl.load(x_ptr + tl.arange(0, 2)[:, None, None] * 64)
    tl.store(out_ptr + i, rt.scan(x, x * x, first, tl.full((2, 64, 1), -0.0, tl.float64), 1, False, HALVINGS))


sent = rng.uniform(-1.5, 1.5, (2, 64))
expected = [sent[:, 0]]
for token in sent.T:
    expected.append(token * expected[-1] + token * token)
for halvings in (0, 1, 3, 6):
    got = torch.empty(2, 64, dtype=torch.float64)
    scanned[(1,)](torch.tensor(sent), got, halvings)
    found[f"scan by {2**halvings}"] = np.abs(got.numpy() - np.stack(expected[1:], 1)).max() / scale_of(expected)


@triton.jit
def every(x_ptr, out_ptr, N: tl.constexpr):
    """Each helper on one row."""
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, rt.log1p(tl.abs(x)))
    tl.store(out_ptr + N + i, rt.expm1(x))
    tl.store(out_ptr + 2 * N + i, rt.sinh(x))
    tl.store(out_ptr + 3 * N + i, rt.cosh(x))
    tl.store(out_ptr + 4 * N + i, rt.sigmoid(x))
    tl.store(out_ptr + 5 * N + i, rt.sign(x))
    tl.store(out_ptr + 6 * N + i, rt.power(tl.abs(x), 1.5 + 0.0 * x))
    tl.store(out_ptr + 7 * N + i, rt.sum_error(x, 1.0 + 0.0 * x))


x = np.concatenate([[0.0], -(10.0 ** np.linspace(-12, 1.5, 15)), 10.0 ** np.linspace(-12, 1.5, 16)])
out = torch.empty(8, 32, dtype=torch.float64)
every[(1,)](torch.as_tensor(x), out, N=32)
exact = [np.log1p(np.abs(x)), np.expm1(x), np.sinh(x), np.cosh(x), numpy_runtime.sigmoid(x), np.sign(x)]
exact += [np.abs(x) ** 1.5, numpy_runtime.sum_error(x, np.ones_like(x))]
names = ("log1p", "expm1", "sinh", "cosh", "sigmoid", "sign", "power", "sum_error")
for name, got, wanted in zip(names, out.numpy(), exact, strict=True):
    found[name] = float(np.max(np.abs(got - wanted) / np.where(wanted == 0, 1.0, np.abs(wanted)))) / 4


@triton.jit
def exponential(x_ptr, out_ptr, N: tl.constexpr):
    """e^x in float32."""
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.where(x < -40.0, rt.exp_down(x), rt.exp(x)))


x32 = np.concatenate([np.linspace(-103.0, 88.7, 4094), [-np.inf, np.inf]]).astype(np.float32)
got32 = torch.empty(4096, dtype=torch.float32)
exponential[(1,)](torch.as_tensor(x32), got32, N=4096)
ends, wanted = got32.numpy()[-2:], np.exp(x32.astype(float))
inside = (wanted > 2.0**-125) & np.isfinite(wanted)  # what is below counts as 0
found["exp tiny"] = float(np.abs(got32.numpy()[wanted < 2.0**-125]).max()) / 2.0**-125
off = (got32.numpy().astype(float)[inside] / wanted[inside] - 1.0) / 2.0**-24  # in rounding errors
found["exp float32"], found["exp bias"] = np.abs(off).max(), np.abs(off.mean())
found["exp ends"] = float(ends[0] != 0.0) + float(ends[1] != np.inf)
gone = torch.full((4096,), torch.nan)
exponential[(1,)](gone, got32, N=4096)
found["exp nan"] = int((~torch.isnan(got32)).sum())


@triton.jit
def unit_exponential(x_ptr, out_ptr, N: tl.constexpr):
    """e^x of x <= 0 in float32, as logarithms of 1 + e^x read it."""
    i = tl.arange(0, N)
    tl.store(out_ptr + i, rt.exp_unit(tl.load(x_ptr + i)))


down = np.concatenate([np.linspace(-86.0, 0.0, 4092), [-0.0, -1e-30, -1e38, -np.inf]]).astype(np.float32)
unit_exponential[(1,)](torch.as_tensor(down), got32, N=4096)
off = (got32.numpy().astype(float)[:-2] / np.exp(down.astype(float))[:-2] - 1.0) / 2.0**-24
found["unit exp"] = np.abs(off / (2.0 - down[:-2])).max()  # one rounding of the argument, and two of the power
found["unit exp ends"] = float(np.abs(got32.numpy()[-2:]).max())
unit_exponential[(1,)](gone, got32, N=4096)
found["unit exp nan"] = int((~torch.isnan(got32)).sum())

inputs = ("mu", "a", "s", "b", "floor")
tokens = rng.standard_normal((3, 5))
params = {"mu": rng.standard_normal((3, 2)), "a": rng.random((3, 2)) + 0.2, "s": rng.standard_normal(3)}
params |= {"b": rng.standard_normal(3), "floor": np.zeros(3)}


def velocity(y):
    return y * generate(rate, "numpy")(y, *(params[k] for k in inputs))


def step(y):
    k1 = velocity(y)
    k2 = velocity(y + h / 2 * k1)
    k3 = velocity(y + h / 2 * k2)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(y + h * k3))


h = 0.01
y = step(step(tokens))
moved = step(y)
arrays = {k: torch.as_tensor(v) for k, v in params.items()}
tiles = (None, Tile(2, 2, 4), Tile(32, 1, 8), Tile(1, 1, 8))  # the interpreter takes tokens of a lane one by one
found["fixed steps"] = max(
    float(np.abs(fixed_steps(torch.as_tensor(tokens), arrays, h, 2, tile, zero).numpy() - y).max())
    for tile, zero in list(zip(tiles, (frozenset(), frozenset({"floor"})) * 2, strict=True))[: 4 if LONG else 2]
)
# a last chunk that is not full, systems that are none
for sweep in (Sweep(2, 1, 4, 2), Sweep(2, 2, 1, 2), Sweep(1, 2, 2, 1))[: 3 if LONG else 1]:
    got = fixed_steps(torch.as_tensor(tokens), arrays, h, 3 if sweep.steps == 2 else 2, sweep)
    wanted = moved if sweep.steps == 2 else y
    found["swept steps"] = max(found.get("swept steps", 0.0), float(np.abs(got.numpy() - wanted).max()))

x0 = np.array([[0.9, 0.0, -0.4], [0.8, 1.2, 0.5], [-1.0, -0.3, -2.0]])
flow = FlowParameters(
    mu=[[-1.0, 0.2], [0.7, 0.1], [0.6, 0.0]], a=[[0.5, 2.0]] * 3, s=[1.0, 0.8, 1.1], b=[0.1, -0.5, 0.3]
)
cpu = integrate(x0, flow, times=[0.3, 10.0], rtol=1e-6)
for method in ("RK45",):
    BACKENDS["interpreted"] = f"{__name__}:solve_{method}"
    globals()[f"solve_{method}"] = lambda p, method=method: solve(p, method=method)
    gpu = integrate(x0, flow, times=[0.3, 10.0], rtol=1e-6, backend="interpreted")
    found[f"{method} status"] = int((gpu.status != cpu.status).sum() + (gpu.reached != cpu.reached).sum())
    difference = np.ma.abs(np.ma.masked_invalid(gpu.log_abs) - np.ma.masked_invalid(cpu.log_abs))
    found[f"{method} log_abs"] = float(difference.max())
    blown = cpu.status == 1
    found[f"{method} blow-up"] = (
        float(np.abs(gpu.log_blow_up_time - cpu.log_blow_up_time)[blown].max()) if blown.any() else 1.0
    )

# the same ends in log time, where mu <= 0 for all states; and from x as sigma with u(0) = 0, two tokens a lane
decays = FlowParameters(mu=[[-1.0, -0.2], [-0.7, 0.0]], a=[[0.5, 2.0]] * 2, s=[1.0, 0.8], b=[0.1, -0.5])
x0 = np.array([[0.9, 0.0, -0.4], [1.2, -0.7, 0.5]])
cpu = integrate(x0, decays, times=[0.3, 10.0], rtol=1e-6)
gpu = integrate(x0, decays, times=[0.3, 10.0], rtol=1e-6, backend="interpreted")
found["log time status"] = int((gpu.status != cpu.status).sum() + (gpu.reached != cpu.reached).sum())
found["log time log_abs"] = float(np.ma.abs(np.ma.masked_invalid(gpu.log_abs) - cpu.log_abs).max())
arrays = {k: torch.tensor(np.array(getattr(decays, k))) for k in ("mu", "a", "s", "b")}
arrays |= {"sigma": torch.as_tensor(x0), "floor": torch.zeros(2, dtype=torch.float64)}
aims = torch.tensor([np.log(10.0)], dtype=torch.float64)
moving = x0 != 0
wanted = np.where(moving, cpu.log_abs[:, 1].filled(0.0) - np.log(np.where(moving, np.abs(x0), 1.0)), 0.0)
run = flow_tensors(torch.zeros(2, 3, dtype=torch.float64), arrays, aims, rtol=1e-7, tile=Tile(2, 2, 2), clock="log")
found["log time from x"] = float(np.abs(run.states[:, 0].numpy() - wanted).max())
ends = flow_tensors(None, arrays, aims, rtol=1e-7, tile=Tile(2, 2, 2), clock="log", whole=False)
found["ends alone"] = int(not torch.equal(ends.end, run.end)) + ends.states.numel() + ends.velocity.numel()

# a system alone in its program, whose numbers are read and written as scalars, and beside others: the same to the bit
alone, beside = (
    flow_tensors(
        torch.zeros(2, 3, dtype=torch.float64),
        {**arrays, "sigma": torch.as_tensor(x0)},
        aims,
        rtol=1e-4,
        tile=tile,
        clock="log",
    )
    for tile in (Tile(1, 2, 2), Tile(2, 2, 2))
)
found["alone"] = sum(int(not torch.equal(getattr(alone, f.name), getattr(beside, f.name))) for f in fields(alone))

# arrays in Fortran's order are sent as they are meant
flow = FlowParameters(
    mu=np.asfortranarray([[-1.0, -0.2], [-0.7, -0.1]]), a=[[0.5, 2.0]] * 2, s=[1.0, 0.8], b=[0.1, -0.5]
)
for order in ("C", "F"):
    got = integrate(np.array(x0, order=order), flow, times=[0.3], rtol=1e-4, backend="interpreted")
    wanted = integrate(np.array(x0, order="C"), flow, times=[0.3], rtol=1e-4)
    found["order of arrays"] = max(
        found.get("order of arrays", 0.0), float(np.ma.abs(np.ma.masked_invalid(got.log_abs) - wanted.log_abs).max())
    )

# four and eight tokens a lane, of which the last lane lacks some; eight go to and from memory in two parts
drawn = np.random.default_rng(5)
x0 = drawn.standard_normal((2, 11))
x0[0, 3] = 0.0
for mu, clock in (([[-0.9], [-0.4]], "log"), ([[-0.9], [0.3]], "work")):
    wide = FlowParameters(mu=mu, a=[[0.5], [1.5]], s=[1.0, -0.8], b=[0.1, -0.5])
    cpu = integrate(x0, wide, times=[0.2, 0.5], rtol=1e-7)
    arrays = {k: torch.tensor(np.array(getattr(wide, k))) for k in ("mu", "a", "s", "b")}
    arrays |= {"sigma": torch.as_tensor(np.sign(x0)), "floor": torch.zeros(2, dtype=torch.float64)}
    start = torch.as_tensor(np.log(np.where(x0 == 0, 1.0, np.abs(x0))))
    aims = torch.tensor(np.log([0.2, 0.5]))
    for tile in (Tile(2, 4, 4), Tile(1, 2, 8)):
        run = flow_tensors(start, arrays, aims, rtol=1e-7, tile=tile, clock=clock, start_low=torch.zeros_like(start))
        apart = np.abs(np.where(x0[:, None] == 0, 0.0, run.states.numpy() - cpu.log_abs.filled(np.nan)))
        found["wide lanes"] = max(found.get("wide lanes", 0.0), float(np.where(x0[:, None] == 0, 0.0, apart).max()))
        found["wide lanes"] += int((run.counts[:, 0].numpy() != cpu.status).sum())

# the step past the horizon is good, shorter ones that seek the horizon are not
refused = {
    "mu": [[-1.45]],
    "a": [[2.95]],
    "s": [-0.25],
    "b": [0.4],
    "floor": [0.0],
    "sigma": [[0.14, -1.2, 1.46, -0.34]],
}
arrays = {k: torch.tensor(v, dtype=torch.float32) for k, v in refused.items()}
late = torch.tensor([np.log(100.0)], dtype=torch.float32)
run = flow_tensors(torch.zeros(1, 4), arrays, late, rtol=0.03, max_steps=40, tile=Tile(1, 4, 1))
found["refused landing"] = int(run.counts[0, 0] != Status.HORIZON)
found["refused landing attempts"] = int(run.counts[0, 2])
# an output costs one step at most, whatever the clock
for clock, sign in (("log", -1.0), ("work", -1.0), ("work", 1.0)):
    arrays = {k: torch.tensor(v, dtype=torch.float32) for k, v in {**refused, "mu": [[0.1 * sign]]}.items()}
    counts = [
        flow_tensors(
            torch.zeros(1, 4), arrays, aims, rtol=1e-4, tile=Tile(1, 4, 1), clock=clock, log_limit=40.0
        ).counts[0]
        for aims in (torch.linspace(-2.0, 0.5, many) for many in (2, 12))
    ]
    found["outputs missed"] = found.get("outputs missed", 0) + sum(int(one[0] != Status.HORIZON) for one in counts)
    found["attempts an output"] = max(found.get("attempts an output", 0.0), int(counts[1][2] - counts[0][2]) / 10)
# outputs so dense that every step ends at one: steps that they make short are no rest, and growth is seen
slow = {"mu": [[1.0]], "a": [[1.0]], "s": [1.0], "b": [0.0], "floor": [0.0], "sigma": [[1e-3, 2e-3]]}
arrays = {k: torch.tensor(v, dtype=torch.float64) for k, v in slow.items()}
dense = torch.tensor(np.log([*np.linspace(0.005, 0.3, 60), 1e9]))
run = flow_tensors(None, arrays, dense, rtol=1e-4, tile=Tile(1, 2, 1))
found["dense outputs"] = int(run.counts[0, 0] != Status.BLOW_UP) + int(run.reached.sum() != 60)
run = flow_tensors(
    None, {**arrays, "sigma": torch.full((1, 2), 0.3).double()}, dense, rtol=1e-4, tile=Tile(1, 2, 1), log_limit=0.01
)
found["dense outputs"] += int(run.counts[0, 0] == Status.HORIZON) + int(not 0 < run.reached.sum() < 60)
nothing = generate(rate, "triton")(np.zeros((0, 4)), np.zeros((0, 1)), np.ones((0, 1)), 1.0, 0.0, 0.0)
found["no systems"] = nothing.size
if not LONG:
    print(json.dumps({k: float(v) for k, v in found.items()}))
    sys.exit()

# the last token alone explodes, in a lane of its own
alone = {"mu": [[1.0]], "a": [[50.0]], "s": [1.0], "b": [0.5], "floor": [0.0], "sigma": [[1e-3, 1e-3, 3.0]]}
arrays = {k: torch.tensor(v, dtype=torch.float64) for k, v in alone.items()}
run = flow_tensors(torch.zeros(1, 3, dtype=torch.float64), arrays, aims, rtol=1e-3, tile=Tile(1, 4, 1), clock="log")
found["log time growth"] = int((run.counts[:, 0].numpy() != Status.UNDERFLOW).sum()) + int((~run.end.isfinite()).sum())

# rates cancel to 1e-4 in the first system: the rounding of its mu to float32 shows
x0 = np.ones((2, 1))
doubtful = FlowParameters(mu=[[1.0, -0.9999], [-1.0, 0.5]], a=np.ones((2, 2)), s=np.ones(2), b=np.zeros(2))
exact = integrate(x0, doubtful, times=[2000.0], rtol=1e-12)
single = []


def solve_single(p):
    once = on_device(p, "float32")
    single.append(once.states[:, 0].copy())
    run, again = complete(p, once, "float32")
    found["in doubt"], found["in doubt, cpu"] = again["float64"], again["cpu"]
    return run


run = integrate(x0, doubtful, times=[2000.0], rtol=1e-7, backend=solve_single)
found["single"], found["sure"] = np.abs(single[0] - exact.log_abs[:, 0]).max(axis=1)
found["completed"] = np.abs(run.log_abs - exact.log_abs).max()
found["left alone"] = float(np.abs(run.log_abs[1, 0] - single[0][1]).max())
print(json.dumps({k: float(v) for k, v in found.items()}))
