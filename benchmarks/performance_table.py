"""Writes the performance table of docs/performance.md from the committed results, between its two markers.

python benchmarks/performance_table.py [--check]

One long file: a function for the rows of each result.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from gpu_cases import BATCH

from s6flow.files import write_atomic

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
START, END = "<!-- performance: written by benchmarks/performance_table.py -->", "<!-- end of performance -->"


def load(name: str) -> dict[str, Any]:
    """A committed result."""
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def parity_row(precision: str, part: dict[str, Any]) -> tuple[str, str, str]:
    """How far generated kernels are from the float64 reference on the CPU."""
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


def memory_rows(gpu: dict[str, Any]) -> list[tuple[str, str, str]]:
    """One right-hand side of 2^27 tokens, a row for each pipeline of passes that was measured."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for key, part in gpu["scaling"].items():
        match = re.fullmatch(r"(?:(\w+): )?batch (\d+), L (\d+), N 1", key)
        if match and int(match[2]) * int(match[3]) == 2**27:
            found.setdefault(match[1] or "", {})[int(match[3])] = part
    device = gpu["scaling"].get("provenance", gpu["provenance"])["device"]
    out = []
    for pipeline, parts in found.items():
        speeds = [part["tokens_per_s"] for part in parts.values()]
        text = f"{min(speeds):.1e} to {max(speeds):.1e} tokens a second"
        if all("fraction_of_copy" in part for part in parts.values()):
            shares = ", ".join(
                f"{100 * part['fraction_of_copy']:.0f} % at L = {L:,}" for L, part in sorted(parts.items())
            )
            text += f"; of the speed of a copy of the tokens {shares}; largest error {max(p['error'] for p in parts.values()):.1e}"
        passes = f", {pipeline} passes" if pipeline else ""
        out.append(
            (f"one right-hand side{passes}, from memory to memory, 2^27 tokens, L = 128 to 65,536", text, device)
        )
    return out


def linear_rows(gpu: dict[str, Any]) -> list[tuple[str, str, str]]:
    """How a step's cost grows with the length, the batch and the states, where it has been measured."""
    found = {key: row for key, row in gpu.get("linear", {}).items() if key not in ("provenance", "missed")}
    if not found:
        return []
    text = "; ".join(
        f"{axis} {row['rows'][0]['size']:,} to {row['rows'][-1]['size']:,}: like the power {row['exponent']:.2f}, "
        f"the dearest {row['dearest_over_cheapest']:.2f} x the cheapest"
        for axis, row in sorted(found.items(), key=lambda item: item[1]["order"])
    )
    what = (
        "cost of a fixed step by batch and tokens, of a right-hand side from memory by states, float32, three decades each, "
        "and of the dearest over the cheapest by size"
    )
    return [(what, text, gpu["linear"]["provenance"]["device"])]


def ranks_rows() -> list[tuple[str, str, str]]:
    """One ensemble on several GPUs of a machine, where it has been measured."""
    if not (RESULTS / "gpu_scaling.json").exists():
        return []
    found = load("gpu_scaling")
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


def _left_out(name: str, runs: dict[str, dict[str, Any]]) -> str:
    """Why another solver has no ratio: the best that its runs did."""
    left = min((row["unfinished"] for row in runs.values() if "unfinished" in row), default=None)
    if left is not None:
        return f"{name} left {left:,} systems behind"
    if any("TimeoutError" in row["failed"] for row in runs.values()):
        return f"{name} was not done when it was stopped"
    return f"{name} failed"


def ensemble_rows() -> list[tuple[str, str, str]]:
    """Whole ensembles of each fate, where they have been measured."""
    if not (RESULTS / "gpu_ensembles.json").exists():
        return []
    found = load("gpu_ensembles")
    out = []
    for fate in (key for key, row in found.items() if isinstance(row, dict) and "others" in row):
        row, runs = found[fate], {}
        for key, run in row["others"].items():
            runs.setdefault(key.rpartition(", ")[0], {})[key] = run
        ratios = row["ratios at no larger mean error"]
        told = [f"{ratio:,.0f} x {name}" for name, ratio in ratios.items()]
        told += [_left_out(name, tried) for name, tried in runs.items() if name not in ratios]
        text = ", ".join(told)
        if other := row.get("ratios at no larger mean error in work time"):
            text += "; all in work time " + ", ".join(f"{ratio:,.0f}" for ratio in other.values())
        if beyond := row["more exact than ours"]:
            text += f"; more exact than ours at any tolerance, and not compared: {', '.join(beyond)}"
        what = f"whole adaptive ensemble, {fate}, {found['systems']:,} systems x {found['tokens']} tokens, float32, to nine tenths of each blow-up time"
        out.append((what, text.replace("|", "\\|"), row["provenance"]["device"]))
    return out


def equation_rows(cpu: dict[str, Any], busy: str) -> list[tuple[str, str, str]]:
    """Equations of a user's own on the CPU, where they have been measured."""
    out = []
    for name, row in cpu.get("equations", {}).items():
        others = {key: ratio for key, ratio in row["times_numba"].items() if key.startswith("solve_ivp")}
        best = min(others, key=lambda key: others[key])
        alone = min(ratio for key, ratio in others.items() if key.endswith("a system at a time"))
        text = f"one thread each: {alone:.0f} x SciPy's solve_ivp a system at a time; the best of SciPy is {best}: {others[best]:.2g} x"
        out.append((f"own equation, {name}, {row['systems']:,} systems, numba", text, busy))
    return out


def trace_rows() -> list[tuple[str, str, str]]:
    """A trace beside the plain forward pass of the same network, on a GPU and on two cores."""
    return [
        (
            f"trace of {found['layers']} layers of the 130m shape, {found['tokens']:,} tokens, {name}",
            f"{run['trace']['median_s']:.3g} s, {run['times_forward']:.1f} x the plain forward pass ({run['forward']['median_s']:.2g} s)",
            found["provenance"].get("device", "CPU, two cores"),
        )
        for found in map(load, ("trace_cuda", "trace_cpu"))
        for name, run in found["runs"].items()
    ]


#: How a table calls other forms of the right-hand side.
FORMS = {
    "attention matrix": "the attention-matrix form",
    "eager linear": "eager PyTorch",
    "compiled linear": "compiled PyTorch",
}


def rows() -> list[tuple[str, str, str]]:
    """(what, measured, where)."""
    gpu, cpu, audit = load("gpu_flow"), load("cpu_flow"), load("audit_cpu")
    device = gpu["provenance"]["device"]
    out = []
    lengths = [key for key in gpu["right_hand_sides"] if key.startswith("L ")]
    for key in sorted(lengths, key=lambda key: int(key.split()[1])):
        part = gpu["right_hand_sides"][key]
        ratios = part["ratios"]
        fused = {name: row for name, row in part.items() if name.startswith("fused")}
        ours = max(fused, key=lambda name: fused[name]["token_rates_per_s"]).rsplit(", ", 1)[1].split()[0]
        out.append(
            (
                f"right-hand sides, float32, {key.replace(' ', ' = ')}, {int(ours):,} tokens (PyTorch: the better of {BATCH:,} and a quarter; attention-matrix form: fewer)",
                f"{part['token_rates_per_s']:.2e} a second, {100 * part['fraction_of_special_function_limit']:.0f} % of the "
                f"limit by special functions; "
                + ", ".join(f"{ratios[name]:,.0f} x {form}" for name, form in FORMS.items() if name in ratios),
                device,
            )
        )
    out += [parity_row(precision, part) for precision, part in load("gpu_parity").items()]
    out += [*memory_rows(gpu), *linear_rows(gpu), *ensemble_rows(), *ranks_rows()]
    out += trace_rows()
    for name, source in load("gpu_mamba")["sources"].items():
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
    whole, times = cpu["ensemble"], cpu["ensemble"]["times_numba"]
    threads = whole["solvers"]["numba"]["threads"]
    busy = f"{cpu['provenance']['cpu']}, {cpu['provenance']['cores']} cores at load {cpu['provenance']['load_average'][0]:.1f}"
    out.append(
        (
            f"whole ensemble, {whole['systems']:,} systems x {whole['tokens']} tokens, numba",
            f"one thread each: {min(ratio for name, ratio in times.items() if name.startswith('solve_ivp')):.0f} x the best of "
            + "SciPy's solve_ivp"
            + (f", {times['heyoka']:.1f} x heyoka" if "heyoka" in times else "")
            + (
                f"; our {threads} threads against SciPy's one: {whole['scipy_over_all_threads']:.0f} x"
                if threads > 1
                else ""
            )
            + f" (peers timed on {whole['solvers']['solve_ivp DOP853, scan']['systems_run']} systems, then scaled)",
            busy,
        )
    )
    out += equation_rows(cpu, busy)
    shape, time = audit["shape"], audit["audit"]
    out.append(
        (
            f"audit of {shape['layers']} layers x {shape['channels']} channels",
            f"{time['seconds']:.2f} s ({time['cpu_seconds']:.1f} s of processor time), least of {len(time['all_seconds'])}, most "
            f"{max(time['all_seconds']):.2f} s; {time['peak_gib']:.2f} GiB; one layer in memory {1e3 * audit['layer']['in_memory_seconds']:.0f} ms",
            f"{audit['provenance']['cpu']}, {audit['provenance']['cores']} cores at load {audit['provenance']['load_average']:.1f}",
        )
    )
    return [*out, command_row()]


def command_row() -> tuple[str, str, str]:
    """Commands as cold processes: processor time, in imports of SymPy."""
    found = load("commands")
    provenance, peers = found["provenance"], found["peers"]
    sympy = peers["python -c 'import sympy'"]["cpu_seconds"]
    told = ", ".join(
        f"{name} {row['cpu_seconds']:.2f} s ({row['cpu_seconds'] / sympy:.1f})"
        for name, row in found["commands"].items()
    )
    return (
        "commands as cold processes, processor time, the best of two, of those from nothing one run (in brackets: in imports of SymPy, "
        f"{sympy:.2f} s in the same run)",
        told,
        f"{provenance['cpu']}, {provenance['cores']} cores at load {provenance['load_average']:.1f}",
    )


def text() -> str:
    """The table as Markdown."""
    lines = ["| what | measured | where |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows())]
    return "\n".join([START, *lines, END])


def main() -> int:
    """Write the table; with --check only say whether it is current."""
    path = ROOT / "docs" / "performance.md"
    old = path.read_text()
    new = old[: old.index(START)] + text() + old[old.index(END) + len(END) :]
    if "--check" in sys.argv[1:]:
        return int(new != old)
    write_atomic(path, new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
