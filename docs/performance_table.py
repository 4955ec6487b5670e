"""Writes the tables of docs/performance.md from the committed results, each between its two markers.

python docs/performance_table.py [--check]

One long file: a function for the rows of each result.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from s6flow.files import write_atomic
from s6flow.numeric.evidence import awaiting

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
#: Where the tables stand in the page.
MARKS = {
    name: (f"<!-- {name}: written by docs/performance_table.py -->", f"<!-- end of {name} -->")
    for name in ("performance", "ensembles", "lengths")
}
#: Tokens of right-hand sides from memory to memory.
FROM_MEMORY = 2**27
#: What other solvers integrate, and their tolerances, in the order of the columns.
COORDINATES, TOLERANCES = ("x", "ln|x|"), (1e-4, 1e-5)


Row = tuple[str, str, str]


def parity_row(precision: str, part: dict[str, Any]) -> Row:
    """How far generated kernels of a precision are from the float64 reference on the CPU."""
    rates, flows = part["rates"], part["flows"]
    target, again, cpu = flows["target"], flows["again_in_float64"], flows["on_the_cpu"]
    ends, times = (
        f"all within {target:.0e}"
        if not over
        else f"{over} beyond {target:.0e}, {moved} of them by more than four times what one rounding of the input moves"
        for over, moved in (
            (flows["beyond_target"], flows["beyond_target_and_four_ulp"]),
            (flows["blow_ups_beyond_target"], flows["blow_ups_beyond_target_and_four_ulp"]),
        )
    )
    fates, far = flows["different_fates"], flows["endpoints_outside_range"]
    text = [
        f"right-hand sides within {rates['largest_error']:.1e} of their terms",
        f"{flows['endpoints']:,} ends ln\\|x\\| {ends} (largest error {flows['largest_error']:.1e})",
        f"{far} more are outside of the range that is compared" if far else "",
        f"{flows['blow_ups']:,} blow-up times ln T {times} ({flows['largest_error_log_blow_up_time']:.1e})",
        f"fates differ in {fates}, {flows['different_fates_that_one_ulp_changes']} of which one rounding of the input changes"
        if fates
        else "no fate differs",
        f"{again} systems of which two runs disagree ran again in float64" if again else "",
        f"{cpu} are the CPU's own, to which the kernel hands what is stiff",
    ]
    what = f"generated kernels against float64 on the CPU, {flows['systems']:,} random systems, {precision}"
    return what, "; ".join(filter(None, text)), part["provenance"]["device"]


def memory_rows(gpu: dict[str, Any]) -> list[Row]:
    """One right-hand side of 2^27 tokens, a row for each pipeline of passes that was measured."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for key, part in gpu["scaling"].items():
        match = re.fullmatch(r"(\w+): batch (\d+), L (\d+), N 1", key)
        if match and int(match[2]) * int(match[3]) == FROM_MEMORY:
            found.setdefault(match[1], {})[int(match[3])] = part
    out = []
    for pipeline, parts in found.items():
        speeds = [part["tokens_per_s"] for part in parts.values()]
        shares = ", ".join(f"{100 * part['fraction_of_copy']:.0f} % at L = {L:,}" for L, part in sorted(parts.items()))
        text = (
            f"{min(speeds):.1e} to {max(speeds):.1e} tokens a second; of the speed of a copy of the tokens {shares}; "
            f"largest error {max(part['error'] for part in parts.values()):.1e}"
        )
        what = f"one right-hand side, {pipeline} passes, from memory to memory, 2^27 tokens, L = 128 to 65,536"
        out.append((what, text, gpu["scaling"]["provenance"]["device"]))
    return out


def linear_rows(gpu: dict[str, Any]) -> list[Row]:
    """How a step's cost grows with the length, the batch and the states."""
    found = {key: row for key, row in gpu["linear"].items() if key not in ("provenance", "missed")}
    text = "; ".join(
        f"{axis} {row['rows'][0]['size']:,} to {row['rows'][-1]['size']:,}: like the power {row['exponent']:.2f}, "
        f"the dearest {row['dearest_over_cheapest']:.2f} x the cheapest"
        for axis, row in sorted(found.items(), key=lambda item: item[1]["order"])
    )
    what = (
        "cost in batch and tokens (of a fixed step) and in states (of a right-hand side from memory), float32, three decades each: "
        "the power of the size, and the dearest cost per unit over the cheapest"
    )
    return [(what, text, gpu["linear"]["provenance"]["device"])]


def first_call_rows(gpu: dict[str, Any]) -> list[Row]:
    """What the first call of an adaptive kernel costs, nearly all of it compilation."""
    found = {key: row for key, row in gpu["first_calls"].items() if key != "provenance"}
    text = "; ".join(f"{key} {row['first_call_s']:.1f} s" for key, row in found.items())
    what = "first call of an adaptive kernel at L = 128 with an empty cache"
    return [(what, text, gpu["first_calls"]["provenance"]["device"])]


def layouts(cases: dict[str, Any]) -> dict[str, float]:
    """Of each adaptive kernel that was timed in several layouts: the time of the one that is chosen over the least."""
    times: dict[str, list[tuple[bool, float]]] = {}
    for label, row in cases.items():
        if label.startswith("adaptive") and "chosen" in row:
            kernel = label.removeprefix("adaptive ").rsplit(" ", 3)[0]
            times.setdefault(kernel, []).append((row["chosen"], row["median_s"]))
    several = {kernel: found for kernel, found in times.items() if len(found) > 1}
    return {
        kernel: dict(found).get(True, float("inf")) / min(time for _, time in found)
        for kernel, found in several.items()
    }


def layout_rows(found: dict[str, Any]) -> list[Row]:
    """How good the choice of a layout is."""
    over = layouts(found["cases"])
    worst = max(over, key=lambda kernel: over[kernel])
    text = f"{min(over.values()):.2f} to {over[worst]:.2f} x the time of the best of those tried ({worst})"
    clocks = " and ".join(sorted({kernel.split()[0] for kernel in over}))
    what = f"the layout that is chosen for an adaptive kernel, of {len(over)} (precision, pair, tolerance, L, clock: {clocks} time)"
    return [(what, text, found["provenance"]["device"])]


def ranks_rows(found: dict[str, Any]) -> list[Row]:
    """One ensemble on several GPUs of a machine."""
    device = f"{found['converging']['ranks']} x {found['provenance']['device']}"
    out = []
    for name, row in found.items():
        if name != "provenance":
            text = f"{row['speed_up']:.2f} x one GPU, an efficiency of {100 * row['efficiency']:.0f} %"
            if "gathered_speed_up" in row:
                text += f"; with the whole result on every rank {row['gathered_speed_up']:.2f} x"
            kind = "integrate from NumPy to NumPy" if name == "integrate" else f"kernels, {name} systems"
            what = f"one ensemble by torchrun, {kind}, {row['systems']:,} systems x {row['tokens']} tokens, float32"
            out.append((what, text, device))
    return out


def outcome(run: dict[str, Any] | None, times: dict[str, Any] | None) -> str:
    """How many times ours a run took, or why it is not compared."""
    if run is None:
        return "not run"
    if times:
        return f"{times['times_ours']:,.0f}"
    if "failed" in run:
        return "failed"
    return f"{run['unfinished']:,} left" if run["unfinished"] else "more exact than ours"


def ensemble_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Whole ensembles: the fate, the solver, and for each coordinate and tolerance their time over ours.

    In the last place stands the least of these if ours runs in work time alone, where that was measured.
    """
    fates = {key: found[key] for key in ("converging", "slow", "fast", "mixed")}
    names = dict.fromkeys(key.partition(" in ")[0] for row in fates.values() for key in row["others"])
    out = []
    for fate, row in fates.items():
        work = row.get("ratios at no larger mean error in work time", {})
        for name in names:
            keys = [f"{name} in {place}, {rtol:g}" for place in COORDINATES for rtol in TOLERANCES]
            if not any(key in row["others"] for key in keys):
                continue
            cells = [outcome(row["others"].get(key), row["by run"].get(key)) for key in keys]
            least = min((ratio for other, ratio in work.items() if other.partition(" in ")[0] == name), default=None)
            out.append((fate, name, *cells, "" if least is None else f"{least:,.0f}"))
    return out


def equation_rows(cpu: dict[str, Any], busy: str) -> list[Row]:
    """Equations of a user's own on the CPU."""
    out = []
    for name, row in cpu["equations"].items():
        others = {key: ratio for key, ratio in row["times_numba"].items() if key.startswith("solve_ivp")}
        best = min(others, key=lambda key: others[key])
        alone = min((key for key in others if key.endswith("a system at a time")), key=lambda key: others[key])
        timed = f"timed on {row['solvers'][alone]['systems_run']} systems, then scaled"
        text = f"one thread each: {others[alone]:.0f} x SciPy's solve_ivp a system at a time ({timed}); the best of SciPy is {best}: {others[best]:.2g} x"
        out.append((f"own equation, {name}, {row['systems']:,} systems, numba", text, busy))
    return out


def trace_rows(found: dict[str, Any]) -> list[Row]:
    """A trace beside the plain forward pass of the same network, on a GPU or on two cores."""
    return [
        (
            f"trace of {found['layers']} layers of the 130m shape, {found['tokens']:,} tokens, {name}",
            f"{run['trace']['median_s']:.3g} s, {run['times_forward']:.1f} x the plain forward pass ({run['forward']['median_s']:.2g} s)",
            found["provenance"].get("device", "CPU, two cores"),
        )
        for name, run in found["runs"].items()
    ]


#: How a table calls other forms of the right-hand side.
FORMS = {
    "attention matrix": "the attention-matrix form",
    "eager linear": "eager PyTorch",
    "compiled linear": "compiled PyTorch",
}


def by_length(gpu: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Right-hand sides of fixed steps, shortest systems first."""
    found = {int(key.split()[1]): part for key, part in gpu["right_hand_sides"].items() if key.startswith("L ")}
    return dict(sorted(found.items()))


def tokens_of(name: str) -> int:
    """How many tokens a case had, by its name."""
    return int(name.rsplit(", ", 1)[1].split()[0])


def ours_of(part: dict[str, Any]) -> tuple[int, float]:
    """Tokens and speed of the faster of our runs."""
    speeds = {name: row["token_rates_per_s"] for name, row in part.items() if name.startswith("fused")}
    best = max(speeds, key=lambda name: speeds[name])
    return tokens_of(best), speeds[best]


def right_hand_side_rows(gpu: dict[str, Any]) -> list[Row]:
    """Right-hand sides of fixed steps, by the length of a system."""
    out = []
    for length, part in by_length(gpu).items():
        ratios, (ours, speed) = part["ratios"], ours_of(part)
        theirs = max(tokens_of(name) for name in part if name.startswith("eager"))
        what = f"right-hand sides, float32, L = {length}, {ours:,} tokens (PyTorch: the better of {theirs:,} and a quarter; attention-matrix form: fewer)"
        text = (
            f"{speed:.2e} a second, {100 * part['fraction_of_special_function_limit']:.0f} % of the limit by special functions; "
            + ", ".join(f"{ratios[name]:,.0f} x {form}" for name, form in FORMS.items() if name in ratios)
        )
        out.append((what, text, gpu["right_hand_sides"]["provenance"]["device"]))
    return out


def length_rows(gpu: dict[str, Any]) -> list[tuple[str, ...]]:
    """Both kinds of kernels by the length of a system: fixed steps, and one right-hand side from memory to memory."""
    out = []
    for length, part in by_length(gpu).items():
        ours, speed = ours_of(part)
        batch = FROM_MEMORY // length
        memory = gpu["scaling"][f"fast: batch {batch}, L {length}, N 1"]
        share, copy = part["fraction_of_special_function_limit"], memory["fraction_of_copy"]
        cells = (
            f"{ours // length:,}; {batch:,}",
            f"{speed:.2e}",
            f"{100 * share:.0f} %",
            f"{memory['tokens_per_s']:.1e}",
            f"{100 * copy:.0f} %",
        )
        out.append((f"{length:,}", *(cell.replace("e+", "e") for cell in cells)))
    return out


def mamba_rows(found: dict[str, Any]) -> list[Row]:
    """Fates that were predicted, beside flows driven by mamba-ssm's kernel."""
    out = []
    for name, source in found["sources"].items():
        told = [
            row
            for layer in source["layers"]
            for row in layer["confusion"]
            if row["predicted"] not in ("not predicted", "not decided")
        ]
        right, wrong, open_ = (
            sum(row["count"] for row in told if row["agrees"] is kind) for kind in (True, False, None)
        )
        out.append(
            (
                f"flows driven by mamba-ssm's own kernel, {name}, {source['channels']:,} channels",
                f"{right:,} predicted fates came true, {wrong} did not, {open_:,} undecided; the whole audit {source['seconds']:.0f} s",
                source["provenance"]["device"],
            )
        )
    return out


def cpu_rows(cpu: dict[str, Any]) -> list[Row]:
    """Flows on the CPU: an ensemble, then equations of a user's own."""
    whole, times = cpu["ensemble"], cpu["ensemble"]["times_numba"]
    threads = whole["solvers"]["numba"]["threads"]
    busy = f"{cpu['provenance']['cpu']}, {cpu['provenance']['cores']} cores at load {cpu['provenance']['load_average'][0]:.1f}"
    best = min(ratio for name, ratio in times.items() if name.startswith("solve_ivp"))
    text = f"one thread each: {best:.0f} x the best of SciPy's solve_ivp"
    text += f", {times['heyoka']:.1f} x heyoka" if "heyoka" in times else ""
    text += (
        f"; our {threads} threads against SciPy's one: {whole['scipy_over_all_threads']:.0f} x" if threads > 1 else ""
    )
    text += f" (peers timed on {whole['solvers']['solve_ivp DOP853, scan']['systems_run']} systems, then scaled)"
    what = f"whole ensemble, {whole['systems']:,} systems x {whole['tokens']} tokens, numba"
    return [(what, text, busy), *equation_rows(cpu, busy)]


def audit_rows(audit: dict[str, Any]) -> list[Row]:
    """The audit of a large shape on the CPU."""
    shape, time = audit["shape"], audit["audit"]
    return [
        (
            f"audit of {shape['layers']} layers x {shape['channels']} channels",
            f"{time['seconds']:.2f} s ({time['cpu_seconds']:.1f} s of processor time), least of {len(time['all_seconds'])}, most "
            f"{max(time['all_seconds']):.2f} s; {time['peak_gib']:.2f} GiB; one layer in memory {1e3 * audit['layer']['in_memory_seconds']:.0f} ms",
            f"{audit['provenance']['cpu']}, {audit['provenance']['cores']} cores at load {audit['provenance']['load_average']:.1f}",
        )
    ]


def command_rows(found: dict[str, Any]) -> list[Row]:
    """Commands as cold processes: processor time, in imports of SymPy."""
    provenance, peers = found["provenance"], found["peers"]
    sympy = peers["python -c 'import sympy'"]["cpu_seconds"]
    told = ", ".join(
        f"{name} {row['cpu_seconds']:.2f} s ({row['cpu_seconds'] / sympy:.1f})"
        for name, row in found["commands"].items()
    )
    what = (
        "commands as cold processes, processor time, the best of two, of those from nothing one run "
        f"(in brackets: in imports of SymPy, {sympy:.2f} s in the same run)"
    )
    return [(what, told, f"{provenance['cpu']}, {provenance['cores']} cores at load {provenance['load_average']:.1f}")]


#: Results, each with what makes its rows, in the order of the page.
TABLE: tuple[tuple[str, Callable[[dict[str, Any]], list[Row]]], ...] = (
    ("gpu_flow", right_hand_side_rows),
    ("gpu_parity", lambda found: [parity_row(precision, part) for precision, part in found.items()]),
    ("gpu_flow", first_call_rows),
    ("gpu_tiles", layout_rows),
    ("gpu_flow", memory_rows),
    ("gpu_flow", linear_rows),
    ("gpu_scaling", ranks_rows),
    ("trace_cuda", trace_rows),
    ("trace_cpu", trace_rows),
    ("gpu_mamba", mamba_rows),
    ("cpu_flow", cpu_rows),
    ("audit_cpu", audit_rows),
    ("commands", command_rows),
)


def rows() -> list[Row]:
    """(what, measured, where); of a result that awaits renewal it says so."""
    out = []
    for name, make in TABLE:
        out += [(what, told, where + renewal(name)) for what, told, where in make(load(name))]
    return out


def load(name: str) -> dict[str, Any]:
    """A committed result."""
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def renewal(name: str) -> str:
    """What is said of a result that awaits renewal."""
    return "" if awaiting(RESULTS / f"{name}.json") is None else "; of code before the present, awaiting renewal"


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table as Markdown."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables() -> dict[str, str]:
    """The tables of the page by name."""
    keys = [f"in {place}, {rtol:.0e}" for place in COORDINATES for rtol in TOLERANCES]
    places = [key.replace("|", "\\|").replace("e-0", "e-") for key in keys]
    columns = ("fate", "solver", *places, f"least, ours in work time alone{renewal('gpu_ensembles')}")
    lengths = (
        "L",
        "systems",
        "fixed steps, right-hand sides a second",
        "share of the limit",
        "one from memory, tokens a second",
    )
    return {
        "performance": table(("what", "measured", "where"), rows()),
        "ensembles": table(columns, ensemble_rows(load("gpu_ensembles"))),
        "lengths": table((*lengths, f"share of the copy{renewal('gpu_flow')}"), length_rows(load("gpu_flow"))),
    }


def main() -> int:
    """Write the tables; with --check only say whether they are current."""
    path = ROOT / "docs" / "performance.md"
    old = new = path.read_text()
    for name, text in tables().items():
        start, end = MARKS[name]
        new = "\n".join([new[: new.index(start) + len(start)], text, new[new.index(end) :]])
    if "--check" in sys.argv[1:]:
        return int(new != old)
    write_atomic(path, new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
