"""From the runs of a plan to committed results: one JSON a grid, one of comparisons over grids, and the table of verdicts."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.files import atomic_path, write_atomic
from s6flow.numeric.experiments.config import Config, load_config
from s6flow.numeric.experiments.plan_of_runs import Part
from s6flow.numeric.experiments.predicts import correlations
from s6flow.numeric.experiments.results import Runs, gather, judge
from s6flow.numeric.experiments.stats import decide, student_interval

__all__ = ["CONTRASTS", "across", "changed", "grids_of", "verdict_table", "write_results"]

#: Does a loss, or a difference of two conditions' losses, change from one grid to another?
CONTRASTS = (
    ("depth_12", "depth_24"),
    ("depth_12", "depth_48"),
    ("depth_12", "recipe_12"),
    ("depth_12", "slow_12"),
    ("slow_12", "norm_none"),
    ("slow_12", "norm_post"),
    ("depth_12", "narrow_12"),
    ("narrow_4", "narrow_12"),
)
#: What says how often a run is looked at, and changes no result.
_LOOKS = {"log_every", "save_every", "eval_every", "eval_sequences", "graph"}
#: The second is None where the first condition's own loss is compared.
_PAIRS = (("unconstrained", None), ("published-positive", "published-negative"), ("channel-positive", "channel-negative"), ("channel-positive", "unconstrained"))  # fmt: skip
_BAND = 0.01


def grids_of(parts: Sequence[Part]) -> dict[str, Config]:
    """Every grid of a plan with all its conditions and seeds."""
    found: dict[str, Config] = {}
    for part in parts:
        old = found.get(part.config.name, part.config)
        conditions = tuple(dict.fromkeys((*old.conditions, *part.config.conditions)))
        found[part.config.name] = replace(
            old, conditions=conditions, seeds=tuple(sorted({*old.seeds, *part.config.seeds}))
        )
    return found


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    return {f"{group}.{key}": value for group, part in run["metrics"].items() for key, value in part.items()}


def changed(one: Config, other: Config) -> str:
    """Every setting in which a grid's runs differ from another's, in words; no list of these can leave one out."""
    parts = []
    for group in ("data", "model", "train"):
        before, after = asdict(getattr(one, group)), asdict(getattr(other, group))
        parts += [
            f"{key} {before[key]} to {after[key]}" for key in before if before[key] != after[key] and key not in _LOOKS
        ]
    return ", ".join(parts)


def _losses(runs: Runs, condition: str) -> dict[int, float]:
    """Bits per byte on the test text by seed; of a run that diverged those of its last good state, if it has any."""
    tests = {seed: run["metrics"].get("test", {}) for seed, run in runs.get(condition, {}).items()}
    return {seed: test["bits_per_byte"] for seed, test in tests.items() if test.get("bits_per_byte") is not None}


def _differences(runs: Runs, first: str, second: str | None) -> dict[int, float]:
    one = _losses(runs, first)
    other = dict.fromkeys(one, 0.0) if second is None else _losses(runs, second)
    return {seed: one[seed] - other[seed] for seed in sorted(set(one) & set(other))}


def across(runs: dict[str, Runs]) -> dict[str, Any]:
    """Contrasts between grids, and correlations over all language models."""
    rows = []
    for one, other in CONTRASTS:
        words = changed(load_config(one), load_config(other))
        for first, second in _PAIRS:
            before, after = (_differences(runs.get(name, {}), first, second) for name in (one, other))
            seeds = sorted(set(before) & set(after))
            if not seeds:
                continue
            interval = student_interval(np.array([after[seed] - before[seed] for seed in seeds]))
            verdict = {"reproduced": "lower", "not reproduced": "no less"}.get(decide(interval, _BAND), "undecided")
            rows.append(
                {
                    "from": one, "to": other, "change": words, "first": first, "second": second,
                    "mean_change": round(interval.mean, 6), "interval": interval.ends(), "seeds": len(seeds), "verdict": verdict,
                }
            )  # fmt: skip
    flat = {name: [_flat(run) for part in grid.values() for run in part.values()] for name, grid in runs.items()}
    return {"contrasts": rows, "correlations": correlations(flat)}


def _cell(value: float | None, digits: int = 4) -> str:
    return "open" if value is None else f"{value:.{digits}f}"


def verdict_table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row for every claim of every grid."""
    lines = [
        "| grid | claim | verdict | mean difference | 95 % interval | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, content in found.items():
        for claim in content["claims"]:
            ends = claim.get("interval")
            shown = "unknown" if ends is None else f"{_cell(ends[0])} to {_cell(ends[1])}"
            mean = _cell(claim["mean_difference"]) if "mean_difference" in claim else "unknown"
            why = f" ({claim['why']})" if "why" in claim else ""
            lines.append(
                f"| {name} | {claim['text']} | {claim['verdict']}{why} | {mean} | {shown} | {claim.get('seeds', 0)} |"
            )
    return "\n".join(lines) + "\n"


def _pack(folder: Path, name: str, target: Path) -> None:
    """A grid's runs as `results_follow_from_the_runs` reads them; the same runs give the same bytes."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        return member.replace(mtime=0, mode=0o644, uid=0, gid=0, uname="", gname="", deep=False)

    with (
        atomic_path(target) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted((folder / name).glob("runs/*/*")):
            if path.name in ("result.json", "log.jsonl", "config.digest"):
                tar.add(path, path.relative_to(folder / name).as_posix(), filter=plain)


def write_results(
    parts: Sequence[Part], folder: Path, results: Path | None, table: Path | None, command: str = ""
) -> list[str]:
    """Write GRID.json, GRID_logs.tar.gz and across.json into `results`, the table of verdicts to `table`.

    Returns: the verdicts as lines.
    Raises: FormatError: no run of the plan is in the folder, or a grid's data.json is missing.
    """
    everything, found, lines = {}, {}, list[str]()
    for name, config in grids_of(parts).items():
        runs = gather(config, folder / name)
        if not runs:
            lines.append(f"{name}: no run")
            continue
        about = folder / name / "data.json"
        if not about.exists():
            raise FormatError("a grid's folder describes its data", "no data.json", name, "Unpack the whole archive.")
        everything[name] = runs
        found[name] = judge(config, runs, json.loads(about.read_text()), command)
        lines += [f"{name}: {claim['id']}: {claim['verdict']}" for claim in found[name]["claims"]]
        lines += [f"{name}: missing {run}" for run in found[name]["missing"]]
    if not found:
        raise FormatError("a report needs a finished run", "none", folder.name, "Run the plan first.")
    compared = across(everything)
    lines += [
        f"{row['from']} to {row['to']}: {row['first']}{' less ' + row['second'] if row['second'] else ''}: {row['verdict']}"
        for row in compared["contrasts"]
    ]
    told = [row for row in compared["correlations"]["rows"] if row["verdict"] == "predicts"]
    lines += [f"{row['predictor']} predicts {row['outcome']}: {row['correlation']}" for row in told]
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        for name, content in found.items():
            write_atomic(results / f"{name}.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
            _pack(folder, name, results / f"{name}_logs.tar.gz")
        sources = [row for content in found.values() for row in content["provenance"]]
        unique = [json.loads(text) for text in sorted({json.dumps(row, sort_keys=True) for row in sources})]
        whole = {"experiment": "across", "grids": list(found), "command": command, "provenance": unique, **compared}
        write_atomic(results / "across.json", json.dumps(whole, indent=1, allow_nan=False) + "\n")
    if table is not None:
        write_atomic(table, verdict_table(found))
    return lines
