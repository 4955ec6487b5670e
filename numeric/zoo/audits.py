"""A small zoo of audits: diagnoses of published checkpoints, with where each comes from and without its weights.

    python -m s6flow.numeric.zoo --folder CHECKPOINTS --package typeseg --package opensr_mamba

writes `zoo.json` and the page `docs/zoo.md`. Folders hold safetensors beside a provenance.json (repo, commit, licence,
models with file, source_path and model); the checkpoints that ship with s6flow are always there.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.numeric.evidence import evidence_of
from s6flow.numeric.experiments import shipped_checkpoint, shipped_names
from s6flow.numeric.health.diagnosis import CONTEXT, Diagnosis, LayerHealth, layer_healths
from s6flow.numeric.health.numbers import QUANTILES
from s6flow.numeric.health.verdicts import VERDICTS
from s6flow.numeric.weights import open_checkpoint

__all__ = ["LIVES", "SHOWN", "ZOO", "entry", "main", "page", "weights_digest"]

ZOO = Path(__file__).with_name("zoo.json")
#: Half-lives, of which the zoo also keeps what an untrained layer of the same shape has.
LIVES = tuple(f"half_life_{name}" for name in QUANTILES)
#: Numbers of a layer that the zoo keeps.
SHOWN = (
    "response", "dead_channels", "subnormal", "at_start", "step_low", "step_high", "spread",
    *LIVES, "unsaturated", "rounds_bf16", "h_max", "margin_fp16", "margin_bf16", "rank_B", "rank_C",
)  # fmt: skip


def entry(name: str, source: str, origin: dict[str, Any], context: int = CONTEXT) -> dict[str, Any]:
    """The diagnosis of one checkpoint.

    Args:
        name: in the zoo.
        source: as `open_checkpoint` takes it; no path of it is kept.
        origin: where the weights come from: repository, commit, licence, path there, or package and version.
    """
    checkpoint = open_checkpoint(source)
    found = Diagnosis(context, tuple(layer_healths(checkpoint.store, checkpoint.config, context)))
    return {
        "name": name,
        "origin": origin,
        "weights": weights_digest(checkpoint.store),
        "family": checkpoint.family,
        "channels": sum(layer.channels for layer in found.layers),
        "line": found.line(),
        "severity": found.severity,
        "counts": found.counts(),
        "withheld": sorted({entry.kind for entry in checkpoint.withheld}),
        "layers": [_layer(layer) for layer in found.layers],
    }


def _layer(layer: LayerHealth) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "channels": layer.channels,
        "states": layer.states,
        "severity": layer.severity,
        "verdicts": [row.name for row in layer.verdicts],
        "undecided": [row.name for row in layer.undecided],
        "numbers": {key: _rounded(layer.numbers[key]) for key in SHOWN},
        "untrained": {key: _rounded(layer.untrained[key]) for key in LIVES},
        "assumed": list(layer.assumed),
    }


def _rounded(value: float | None) -> float | None:
    """Four digits, so that the zoo stays the same where arithmetic differs in the last ones."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")


def weights_digest(store: Any) -> str:
    """Hash of the tensors' names, shapes and bits, the same in whatever file they lie."""
    found = hashlib.sha256()
    for name in sorted(store.infos):
        info = store.infos[name]
        found.update(f"{name} {info.shape} {info.dtype}".encode())
        try:
            found.update(store.read(name).bits.tobytes())
        except FormatError:
            continue  # no plain float: its name, shape and type are in
    return found.hexdigest()[:16]


def _folder(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Checkpoints under a folder: name, path, origin."""
    for record in sorted(folder.glob("*/provenance.json")):
        told = json.loads(record.read_text(encoding="utf-8"))
        models = {row["file"]: row for row in told["models"]}
        for file in sorted(record.parent.glob("*.safetensors")):
            row = models[file.name]
            origin = {key: told[key] for key in ("repo", "commit", "licence")}
            origin |= {"path": row["source_path"], "model": row["model"]}
            yield f"{told['repo']}/{file.stem}", str(file), origin


def _package(package: str) -> tuple[str, str, dict[str, Any]]:
    metadata = importlib.metadata.metadata(package.replace("_", "-"))
    classifiers = metadata.get_all("Classifier") or []
    named = [row.rpartition(":: ")[2] for row in classifiers if row.startswith("License ::")]
    files = importlib.metadata.files(package.replace("_", "-")) or []
    texts = [str(file.read_text()).strip() for file in files if file.name.upper().startswith("LICEN")]
    named += [text.splitlines()[0].strip() for text in texts if text]
    told = [metadata[key] for key in ("License-Expression", "License") if key in metadata]
    licence = next((text for text in told + named if text), "see the package")
    return package, package, {"package": package, "version": metadata["Version"], "licence": licence.splitlines()[0]}


def page(document: dict[str, Any]) -> str:
    """The zoo as Markdown."""
    titles = {row.name: row.title for row in VERDICTS}
    lines = [
        "# A small zoo of audits",
        "",
        "Written by `python -m s6flow.numeric.zoo`; the weights are not in this repository. Context: "
        f"{document['context']} tokens. Half-lives in tokens at the bias' step; response: the largest entry that a block can "
        "add to the residual stream, over layers the smallest. Notes are left out of the diagnosis.",
        "",
        "| checkpoint | from | layers | channels | diagnosis | response | half-life, median | longest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    severe = {row.name for row in VERDICTS if row.severity != "note"}
    for row in document["checkpoints"]:
        origin = row["origin"]
        place = (
            f"{origin['repo']} {origin['commit'][:8]}"
            if "repo" in origin
            else f"{origin['package']} {origin['version']}"
        )
        named = [
            f"{titles[key]} {count} of {len(row['layers'])}" for key, count in row["counts"].items() if key in severe
        ]
        numbers = [
            _span([layer["numbers"][key] for layer in row["layers"]], pick)
            for key, pick in (("response", min), ("half_life_median", None), ("half_life_max", max))
        ]
        lines.append(
            f"| {row['name']} | {place}, {origin['licence']} | {len(row['layers'])} | {row['channels']} | "
            f"{row['severity']}: {', '.join(named) or 'no verdict beyond notes'} | {' | '.join(numbers)} |"
        )
    return "\n".join(lines) + "\n"


def _span(values: list[float | None], pick: Any) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    if pick is not None:
        return f"{pick(known):.3g}"
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low} to {high}"


def main() -> None:
    """Write the zoo."""
    parser = argparse.ArgumentParser(prog="python -m s6flow.numeric.zoo", description=__doc__)
    parser.add_argument("--folder", type=Path, action="append", default=[], help="checkpoints with provenance.json")
    parser.add_argument("--package", action="append", default=[], help="installed packages that ship weights")
    parser.add_argument("--out", type=Path, default=ZOO)
    parser.add_argument("--page", type=Path, default=Path("docs/zoo.md"))
    given = parser.parse_args()
    version = importlib.metadata.version("s6flow") if _installed() else "source"
    shipped = {"package": "s6flow", "version": version, "licence": "Apache-2.0"}
    rows = [(f"shipped: {name}", str(shipped_checkpoint(name)), shipped) for name in sorted(shipped_names())]
    rows += [row for folder in given.folder for row in _folder(folder)]
    rows += [_package(package) for package in given.package]
    document: dict[str, Any] = {
        "schema": "s6flow-zoo/1",
        "context": CONTEXT,
        "code": evidence_of(ZOO).digest(),
        "checkpoints": [entry(*row) for row in rows],
    }
    write_atomic(given.out, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_atomic(given.page, page(document))
    for row in document["checkpoints"]:
        print(f"{row['name']}: {row['line']}")


def _installed() -> bool:
    try:
        importlib.metadata.version("s6flow")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
