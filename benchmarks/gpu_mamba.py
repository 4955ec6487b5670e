"""Audits whose flows mamba-ssm's CUDA kernel drives, of every layer and channel of several checkpoints.

python benchmarks/gpu_mamba.py --prepare FOLDER      where transformers is: draws a 130m Mamba, records token states
python benchmarks/gpu_mamba.py --sources FOLDER [--only NAME] [--seconds 200] --out FILE.json      on the GPU
python benchmarks/gpu_mamba.py --join FILE.json... --out FILE.json      puts the sources of several runs together
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from gpu_cases import provenance, write_json

from s6flow.numeric.experiments import shipped_checkpoint, shipped_names

DRAWN, IDS = "drawn-130m", 128
#: What is promised of `DRAWN`.
SECONDS = 30.0


def sources(folder: Path) -> dict[str, tuple[str, Path | None]]:
    """Name -> source of the audit, and its token states."""
    found: dict[str, tuple[str, Path | None]] = {
        "typeseg": ("typeseg", None),
        DRAWN: (str(folder / DRAWN), folder / f"{DRAWN}.npz"),
    }
    for name in sorted(shipped_names()):
        found[name] = (str(shipped_checkpoint(name)), folder / f"{name}.npz")
    return found


def prepare(folder: Path) -> None:
    """A Hugging Face Mamba of the 130m shape with weights as its initialisation draws them, and token states of all."""
    import torch
    import transformers
    from safetensors.torch import load_file

    from s6flow.numeric.audit.simulation.states import token_states
    from s6flow.numeric.experiments import load_config
    from s6flow.numeric.experiments.model import S6Stack
    from s6flow.numeric.experiments.results import SHIPPED_GRID

    torch.manual_seed(130)
    device = "cuda" if torch.cuda.is_available() else "cpu"  # where mamba-ssm is installed, models use its kernel
    shape = transformers.MambaConfig(hidden_size=768, num_hidden_layers=24, state_size=16, vocab_size=512)
    drawn = transformers.MambaForCausalLM(shape)
    drawn.save_pretrained(folder / DRAWN)
    np.savez_compressed(
        folder / f"{DRAWN}.npz", **token_states(drawn.to(device), torch.randint(512, (1, IDS)).to(device))
    )  # type: ignore[arg-type]
    text = torch.tensor(list((Path(__file__).parents[1] / "LICENSE").read_bytes()[:IDS]))[None]  # they read English
    for name in shipped_names():
        model = S6Stack(load_config(SHIPPED_GRID).model, vocabulary=256)
        model.load_state_dict(load_file(shipped_checkpoint(name)), strict=False)
        np.savez_compressed(folder / f"{name}.npz", **token_states(model.to(device), text.to(device)))  # type: ignore[arg-type]


@contextmanager
def runs_timed() -> Iterator[list[dict[str, Any]]]:
    """What the audits within ask of the kernel: seconds of every batch of flows, and how many attempts it took."""
    from s6flow.numeric.audit.simulation import kernel, mamba

    found: list[dict[str, Any]] = []

    def timed(what: str, integrate: Callable[..., Any]) -> Callable[..., Any]:
        def work(flow: Any, start: Any, *rest: Any) -> Any:
            begin = time.perf_counter()
            done = integrate(flow, start, *rest)
            seconds, (systems, components) = time.perf_counter() - begin, start.shape
            attempts = int(done.attempts.max(initial=0))
            found.append(
                {"flows": what, "systems": systems, "components": components, "attempts": attempts, "seconds": seconds}
            )
            return done

        return work

    before = mamba.integrate_batched, kernel.integrate_batched
    mamba.integrate_batched, kernel.integrate_batched = timed("axes", before[0]), timed("whole layers", before[1])
    try:
        yield found
    finally:
        mamba.integrate_batched, kernel.integrate_batched = before


def run(source: str, states: Path | None) -> dict[str, Any]:
    """What the audit found, layer by layer, and in sentences."""
    from s6flow.commands.audit import token_states
    from s6flow.numeric.audit import audit
    from s6flow.numeric.audit.output.records import to_json
    from s6flow.numeric.audit.output.tables import sentences

    with runs_timed() as runs:
        begin, cpu = time.perf_counter(), time.process_time()
        report = audit(source, simulate=True, device="cuda", states=token_states(states) if states else None)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    layers = [{"name": row["name"], **row["simulation"]} for row in to_json(report)["layers"]]
    return {
        "channels": report.channels,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "runs": runs,
        "sentences": list(sentences(report)),
        "layers": layers,
        "provenance": provenance(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepare", type=Path)
    parser.add_argument("--sources", type=Path, default=Path("out/sources"))
    parser.add_argument("--only", action="append", help="names of sources; all by default; results are added to --out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu_mamba.json"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no source after so many")
    parser.add_argument("--join", type=Path, nargs="+", help="results of other runs")
    options = parser.parse_args()
    strange = set(options.only or ()) - set(sources(options.sources))
    if strange:
        parser.error(f"--only must be one of {', '.join(sources(options.sources))}; got {', '.join(sorted(strange))}")
    if options.join:
        parts = [json.loads(path.read_text())["sources"] for path in options.join]
        write_json(options.out, {"sources": {name: part[name] for part in parts for name in part}})
        return
    if options.prepare:
        options.prepare.mkdir(parents=True, exist_ok=True)
        prepare(options.prepare)
        return
    known: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {"sources": {}}
    began, chosen = time.perf_counter(), sources(options.sources)
    for name in options.only or chosen:
        if time.perf_counter() - began > options.seconds:
            print(f"{name}: left out, as {options.seconds:g} s have passed")
            continue
        found = known["sources"][name] = run(*chosen[name])
        print(name, *found["sentences"], sep="\n  ")
        for row in found["runs"]:
            print("  {flows}: {systems} x {components}, {attempts} attempts, {seconds:.2f} s".format_map(row))
        limit = f" of {SECONDS:g} ({found['seconds'] / SECONDS:.2f})" if name == DRAWN else ""
        print(f"  {found['seconds']:.1f} s{limit}, {found['cpu_seconds']:.1f} s of processor time", flush=True)
        write_json(options.out, known)


if __name__ == "__main__":
    main()
