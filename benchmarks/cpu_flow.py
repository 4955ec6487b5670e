"""CPU benchmark: generated loops against C, NumPy and the attention matrix; ensembles and own equations against SciPy.

    python benchmarks/cpu_flow.py            # writes benchmarks/results/cpu_flow.json
    python benchmarks/cpu_flow.py --quick --out cpu.json

Right-hand sides run on one thread; ensembles as a user calls them. Peers are measured in the same run, on inputs that
rotate, and ensembles at equal final error: of every solver the loosest tolerance that reaches it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from cpu_cases import draw, measure, provenance, together
from cpu_equations import equations
from cpu_peers import attention, c_peer, lambdified, scipy_final
from cpu_taylor import available

from s6flow.files import write_atomic
from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.symbolic.charts import growth_rate_program, log_program
from s6flow.symbolic.codegen.module import generate

HERE = Path(__file__).parent
#: Final error that every solver must reach, relative in x, and the tolerances it may use.
ERROR, LADDER = 1e-8, tuple(10.0**-k for k in range(5, 14))
#: Depth-time of the ensembles: plain x-coordinates, which the peers need, still work there.
HORIZON = 10.0
#: Floating-point entries of the largest matrix that the attention form may make.
MATRIX = 1 << 24


def generated(backend: str, pipeline: str) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    rate = generate(growth_rate_program(), backend, pipeline)
    return lambda v: rate(*(v[name] for name in rate.inputs))


def in_log_tokens(v: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same batch as the integrator's right-hand side takes it."""
    return {**v, "u": np.log(np.abs(v["x"])), "sigma": np.sign(v["x"]), "log_scale": np.zeros(len(v["x"]))}


def right_hand_sides(quick: bool, c_rates: Any, repeats: int) -> list[dict[str, Any]]:
    """Seconds a token of every form, one thread."""
    cases = (
        [(128, 1), (1024, 1), (128, 16)]
        if quick
        else [(128, 1), (1024, 1), (8192, 1), (65536, 1), (128, 4), (128, 16), (1024, 16)]
    )
    rows = []
    log_rate = generate(log_program(), "numba", "fast")
    for tokens, states in cases:
        rng = np.random.default_rng(tokens + states)
        total = (1 << 14) if quick else (1 << 17)
        systems = max(1, total // (tokens * (1 if states == 1 else 4)))
        sets = [draw(rng, systems, tokens, states) for _ in range(4)]
        logs = [in_log_tokens(v) for v in sets]
        forms: dict[str, tuple[Callable[[Any], Any], list[Any], int]] = {
            "numba": (generated("numba", "fast"), sets, systems),
            "numba, log tokens": (lambda v: log_rate(*(v[name] for name in log_rate.inputs)), logs, systems),
            "numpy linear": (generated("numpy", "fast"), sets, systems),
        }
        if c_rates is not None:
            forms["c"] = (c_rates, sets, systems)
        if tokens * tokens * states <= MATRIX:
            few = max(1, min(systems, MATRIX // 8 // (tokens * tokens * states)))
            cut = [{name: value[:few] for name, value in v.items()} for v in sets]
            forms["attention matrix"] = (attention, cut, few)
        exact = generated("numpy", "accurate")(sets[0])
        row: dict[str, Any] = {"tokens": tokens, "states": states, "systems": systems, "forms": {}}
        timings = together({name: (call, inputs) for name, (call, inputs, _) in forms.items()}, repeats)
        for name, (call, inputs, count) in forms.items():
            timing = timings[name]
            got = call(inputs[0])
            want = exact[:count] * (sets[0]["x"][:count] if name == "attention matrix" else 1.0)
            error = float(np.abs(got - want).max() / np.abs(want).max())
            scaled = {key: value / (count * tokens) * 1e9 for key, value in timing.items() if key != "repeats"}
            row["forms"][name] = {"nanoseconds_a_token": scaled, "error": error, "systems": count, "repeats": repeats}
        own = row["forms"]["numba"]["nanoseconds_a_token"]["median"]
        least = row["forms"]["numba"]["nanoseconds_a_token"]["best"]
        row["times_numba_best"] = {k: f["nanoseconds_a_token"]["best"] / least for k, f in row["forms"].items()}
        row["times_numba"] = {k: f["nanoseconds_a_token"]["median"] / own for k, f in row["forms"].items()}
        rows.append(row)
        print(f"L={tokens:6d} N={states:2d}: numba {own:.2f} ns a token; " + show(row["times_numba"]), flush=True)
    return rows


def show(ratios: dict[str, float]) -> str:
    return ", ".join(f"{name} x{ratio:.3g}" for name, ratio in ratios.items() if name != "numba")


def own_final(v: dict[str, np.ndarray], backend: str, rtol: float) -> np.ndarray:
    params = FlowParameters(v["mu"], v["a"], v["s"], v["b"], v["floor"])
    return np.asarray(integrate(v["x"], params, times=[HORIZON], rtol=rtol, backend=backend).x[:, 0])


def loosest(final: Callable[[float], np.ndarray], exact: np.ndarray) -> tuple[float, float]:
    """The loosest tolerance whose largest relative error is at most ERROR, and that error."""
    for rtol in LADDER:
        error = float(np.abs(final(rtol) / exact - 1).max())
        if error <= ERROR:
            return rtol, error
    return LADDER[-1], error


def first_rows(v: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    return {name: value[:count] for name, value in v.items()}


def ensembles(quick: bool, repeats: int) -> dict[str, Any]:
    """4,096 systems of 128 tokens to t = HORIZON; SciPy on a few of them, scaled to all."""
    systems, tokens, few = (64, 32, 2) if quick else (4096, 128, 8)
    sets = [draw(np.random.default_rng(seed), systems, tokens, 1) for seed in range(3)]
    head = first_rows(sets[0], few)
    exact = own_final(head, "numpy", 1e-13)
    result: dict[str, Any] = {
        "systems": systems,
        "tokens": tokens,
        "horizon": HORIZON,
        "error_asked": ERROR,
        "solvers": {},
    }
    some = first_rows(sets[0], min(64, systems))
    sharp = own_final(some, "numpy", 1e-13)
    for backend, count in (("numba", systems), ("numpy", min(systems, 512))):
        rtol, error = loosest(lambda r, k=backend: own_final(some, k, r), sharp)

        def run(v: Any, backend: str = backend, rtol: float = rtol, count: int = count) -> Any:
            return own_final(first_rows(v, count), backend, rtol)

        timing = measure(run, sets, repeats if backend == "numba" else 1)
        threads = numba.get_num_threads() if backend == "numba" else 1
        record(result, backend, timing, count, rtol, error, threads)
    rows = range(few)
    for name, form in lambdified().items():
        for method in ("DOP853", "LSODA"):
            rtol, error = loosest(lambda r, f=form, m=method: scipy_final(head, rows, f, m, r, HORIZON), exact)
            timing = measure(
                lambda v, f=form, m=method, r=rtol: scipy_final(v, rows, f, m, r, HORIZON), sets, min(repeats, 3)
            )
            record(result, f"solve_ivp {method}, {name}", timing, few, rtol, error, threads=1)
    taylor = available()
    if taylor is not None:
        rtol, error = loosest(lambda r: taylor(head, rows, HORIZON, r), exact)
        timing = measure(lambda v: taylor(v, rows, HORIZON, rtol), sets, min(repeats, 3))
        record(result, "heyoka", timing, few, rtol, error, threads=1)
    result["seconds_one_thread"] = one_thread(result, sets, repeats)
    result |= ratios(result)
    print(f"{systems} systems x {tokens} tokens, one thread each: " + show(result["times_numba"]), flush=True)
    return result


def ratios(result: dict[str, Any]) -> dict[str, Any]:
    """Times of the others over the compiled loop's, one thread each; and the best of SciPy against all of our threads."""
    seconds = {name: solver["seconds_for_all"] for name, solver in result["solvers"].items()}
    own, alone = seconds.pop("numba"), result["seconds_one_thread"]
    best = min(value for name, value in seconds.items() if name.startswith("solve_ivp"))
    times = {name: value / alone for name, value in seconds.items()}
    return {"times_numba": {"numba": 1.0, **times}, "scipy_over_all_threads": best / own}


def one_thread(result: dict[str, Any], sets: list[Any], repeats: int) -> float:
    """Seconds of the compiled loop on one thread."""
    threads, rtol = numba.get_num_threads(), result["solvers"]["numba"]["rtol"]
    numba.set_num_threads(1)
    timing = measure(lambda v: own_final(v, "numba", rtol), sets, min(3, repeats))
    numba.set_num_threads(threads)
    return float(timing["median"])


def record(
    result: dict[str, Any], name: str, timing: dict[str, float], count: int, rtol: float, error: float, threads: int
) -> None:
    result["solvers"][name] = {
        "seconds": timing, "systems_run": count, "seconds_for_all": timing["median"] * result["systems"] / count,
        "scaled": count != result["systems"], "rtol": rtol, "error": error, "threads": threads,
    }  # fmt: skip


def scaling(quick: bool, repeats: int) -> dict[str, Any]:
    """Exponents of the least cost in tokens and in systems, by least squares of ln time; 1 is linear."""
    rate = generated("numba", "fast")
    lengths = (128, 1024) if quick else (128, 512, 2048, 8192, 32768, 65536)
    batches = (64, 256) if quick else (256, 1024, 4096, 16384)
    out: dict[str, Any] = {}
    for axis, sizes in (("tokens", lengths), ("systems", batches)):
        seconds = []
        for size in sizes:
            rng = np.random.default_rng(size)
            shape = (32, size) if axis == "tokens" else (size, 128)
            seconds.append(measure(rate, [draw(rng, *shape, 1) for _ in range(3)], repeats)["best"])
        out[axis] = {
            "sizes": sizes,
            "seconds": seconds,
            "exponent": float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]),
        }
    print("cost grows like " + ", ".join(f"{axis}^{row['exponent']:.2f}" for axis, row in out.items()), flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, for tests")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cpu_flow.json")
    options = parser.parse_args()
    repeats = 3 if options.quick else 11
    result = {"provenance": provenance(sys.argv[1:])}
    threads = numba.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        numba.set_num_threads(1)
        result["right_hand_sides"] = right_hand_sides(options.quick, c_peer(folder), repeats)
        result["scaling"] = scaling(options.quick, repeats)
        numba.set_num_threads(threads)
    result["ensemble"] = ensembles(options.quick, min(repeats, 5))
    result["equations"] = equations(options.quick, min(repeats, 5))
    result["provenance"]["load_average_after"] = os.getloadavg()
    write_atomic(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
