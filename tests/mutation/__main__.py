"""Mutation tests of the code that decides: `make mutation`, or `python -m tests.mutation [PART...]`.

Mutants run in a drawn order that gives every file its share, so that what is done at any time is close to a stratified
random sample. Outcomes are kept in `out/mutation`, and a second call goes on; an outcome holds as long as the outermost
statement around its mutant does. `--survivors` tries survivors again, after new tests; `--write` writes the report, and
beside it every outcome (`outcomes.jsonl.xz`), from which a machine without `out/mutation` goes on. What several calls wrote
into `results.jsonl` may be joined end to end: the last outcome of a mutant counts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest

from tests.mutation import ROOT
from tests.mutation.campaign import QUICK, Campaign
from tests.mutation.forks import Outcome
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.outcomes import OUTCOMES, packed, unpacked
from tests.mutation.report import REPORT, document, markdown

#: Folders and files whose mutants are tried, below `numeric`.
ROOMS = ("audit", "checks", "criteria", "flow", "weights", "thresholds.py")
#: What needs a GPU to run at all: the tests in tests/gpu are its judges.
ASIDE = ("numeric/flow/backends/triton",)
#: The judges: in one process, so without tests that start others.
TESTS = (
    *(f"tests/numeric/test_{name}" for name in (
        "audit*", "check_*", "compiled*", "decided*", "equation*", "evidence*", "fates*", "fleet.py", "fleet_[cg]*", "flow*", "gpu*", "health*", "judged*", "kept_*", "limits*", "networks*",
        "orbits*", "pinned*", "thresholds*", "weights*",
    )),
    "tests/numeric/trace", "tests/api", "tests/cli/test_cli.py", "tests/cli/test_outputs.py", "tests/cli/test_terminal.py", "tests/faults/test_faults.py",
    "tests/paper_figures/test_figure_data.py", "tests/properties", "tests/quality/test_controls.py", "tests/quality/test_shapes.py",
    "tests/proofs/test_certificates.py", "tests/proofs/test_nightly.py", "tests/symbolic/test_codegen_numba.py", "tests/symbolic/test_programs.py",
    "tests/symbolic/test_step_control.py",
)  # fmt: skip
#: What an error says where the folder of a session of pytest was removed by another session: no kill.
LOST = "pytest-of-"
OUT = ROOT / "out" / "mutation"
RESULTS = OUT / "results.jsonl"


def files() -> list[str]:
    """The files whose mutants are tried, from the root of the repository."""
    roots = [ROOT / "numeric" / room for room in ROOMS]
    found = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*.py")))]
    names = [path.relative_to(ROOT).as_posix() for path in found]
    return [name for name in names if not name.startswith(ASIDE)]


def test_files() -> list[str]:
    """The files and folders of the judges."""
    return [path.relative_to(ROOT).as_posix() for pattern in TESTS for path in sorted(ROOT.glob(pattern))]


def drawn(names: list[str], seed: int) -> dict[Mutant, float]:
    """Every mutant, with the share of its file's that comes before it."""
    places = {}
    for name in names:
        every = mutants((ROOT / name).read_text(), name)
        random.Random(f"{seed} {name}").shuffle(every)
        places |= {one: (place + 0.5) / len(every) for place, one in enumerate(every)}
    return places


def tried() -> list[dict[str, Any]]:
    """Every outcome so far, of mutants and tests that may be gone: the committed ones, then those of this machine."""
    here = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return unpacked(OUTCOMES)[0] + [json.loads(line) for line in here]


def kept() -> dict[tuple[str, str], dict[str, Any]]:
    """The last outcome of each mutant that was tried, unless a control dropped it."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in tried():
        if row["state"] == "dropped":
            rows.pop((row["module"], row["key"]), None)
        elif row["state"] != "broken" and LOST not in row.get("why", ""):
            rows[row["module"], row["key"]] = row | ({"state": "survived"} if row["state"] == "skipped" else {})
    return rows


def write(names: list[str], seed: int, budget: float) -> None:
    """The report on what was tried of the present mutants."""
    known, places = kept(), drawn(names, seed)
    rows = []
    for one in places:
        row = known.get((one.module, one.key))
        if row is not None:
            rows.append(row | {"line": one.line, "kind": one.kind, "before": one.before, "after": one.after})
    facts: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip(),
        "versions": {"python": platform.python_version(), "pytest": pytest.__version__},
        "seed": seed,
        "notes": [line.replace("{budget:g}", f"{budget:g}") for line in NOTES],
    }
    judges = present_judges()
    facts["notes"] += [
        "",
        f"Judges were {judges['judges']:,} tests"
        + (f"; none of {', '.join(judges['without'])}." if judges["without"] else "."),
    ]
    shallow = sum(bool(row["left"]) for row in rows if row["state"] == "survived" and "left" in row)
    if shallow:
        facts["notes"] += [
            "",
            f"{shallow:,} of the mutants that no judge killed, those called equivalent among them, have tests that reach them and did not "
            f"fit into what they were given: every mutant gets {QUICK:g} CPU seconds before any gets more. More of them die when they are tried again (`--survivors`).",
        ]
    sizes = {name: sum(one.module == name for one in places) for name in names}
    report = document(rows, sizes, facts)
    REPORT.write_text(lines_of(report))
    REPORT.with_suffix(".md").write_text(markdown(report))
    OUTCOMES.write_bytes(packed(rows, judges))
    print(json.dumps(report["rates"]))


def present_judges() -> dict[str, Any]:
    """How many tests are judges, and which of their files have none: as measured here, or where the outcomes come from."""
    reach = OUT / "reach.json"
    if not reach.exists():
        return unpacked(OUTCOMES)[1]
    names = [name for name, row in json.loads(reach.read_text()).items() if row["state"] == "survived"]
    have = {name.partition("::")[0] for name in names}
    without = [name for name in test_files() if not any(one == name or one.startswith(name + "/") for one in have)]
    return {"judges": len(names), "without": without}


def lines_of(report: dict[str, Any]) -> str:
    """The document, with a line for every file and survivor."""
    text = json.dumps({**report, "modules": None, "survivors": None}, indent=1, ensure_ascii=False)
    rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in report["modules"].items()]
    text = text.replace('"modules": null', '"modules": {\n' + ",\n".join(rows) + "\n }")
    rows = [f"  {json.dumps(row, ensure_ascii=False)}" for row in report["survivors"]]
    return text.replace('"survivors": null', '"survivors": [\n' + ",\n".join(rows) + "\n ]") + "\n"


def control(jobs: int) -> None:
    """Run the tests that killed without a mutant; what those that fail have killed is to be tried again."""
    os.chdir(ROOT)
    rows = [row for row in kept().values() if row["state"] == "killed"]
    campaign = Campaign([], files(), OUT / "reach.json", lambda *_: None, jobs)
    campaign.control = {row["by"] for row in rows}
    campaign.session(test_files())
    wrong = [row | {"state": "dropped"} for row in rows if row["by"] in campaign.wrong]
    with RESULTS.open("a") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in wrong)
    print(f"{len(campaign.control)} tests killed; {len(wrong)} kills are dropped, by {sorted(campaign.wrong)}")


NOTES = [
    "A mutant changes one comparison (its boundary, and its sense), one number (an integer by one, a float by a factor of two, one of an order of magnitude "
    "by ten), one sign, operator, condition, extremum or truth value. Left out are messages, annotations and documentation, which decide nothing, flags "
    "that guard the programmer (`strict=` of zip, options of a dataclass), and the Triton backend, which needs a GPU.",
    "",
    "Every mutant runs the tests that reach its line, first those that killed its neighbours, and the cheap ones, up to a budget of CPU seconds (of the last run: {budget:g}), in a fork of one session of pytest; tests that start "
    "other processes, or take more than 15 seconds, are no judges. A hang counts as killed. A line that no such test reaches is a survivor.",
    "",
    "Every outcome stands in `outcomes.jsonl.xz`, by the digest of the statement around its mutant: a later run tries what is new or changed there, and what it is asked for.",
    "",
    "`mutmut` 3 and `cosmic-ray` were considered: the first changes function bodies alone, without the constants of a module and decorated functions, "
    "and takes packages that are links for other ones; the second starts the whole command of tests anew for every mutant, which is half a minute here.",
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", help="only files whose paths have one of these parts")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each file")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=8.0, help="CPU seconds of tests a mutant")
    parser.add_argument("--again", action="store_true", help="everything, and which tests reach what")
    parser.add_argument("--survivors", action="store_true", help="survivors, too, after new tests")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no mutant is tried any more")
    parser.add_argument("--tests", nargs="+", help="only these files as judges: what they do not kill stays as it was")
    parser.add_argument("--control", action="store_true", help="drop kills by tests that fail without a mutant, too")
    parser.add_argument("--write", action="store_true", help="only write the report")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    # the check of annotations loads modules itself, and not as they are probed or changed here
    os.environ["S6FLOW_ANNOTATIONS"] = "0"
    OUT.mkdir(parents=True, exist_ok=True)
    if options.control:
        control(options.jobs)
        return 0
    if options.write:
        write(files(), options.seed, options.budget)
        return 0
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    rows = {} if options.again else kept()

    def due(one: Mutant) -> bool:
        row = rows.get((one.module, one.key))
        if row is None and options.tests:
            return False  # a kill by some judges, without the survivors beside it, would be no sample
        if row is None or (options.survivors and row["state"] in ("survived", "unreached")):
            return True
        return row["state"] == "survived" and bool(row.get("left")) and row["budget"] < options.budget

    places = drawn(
        [name for name in files() if not options.parts or any(part in name for part in options.parts)], options.seed
    )
    chosen = [one for one in sorted(places, key=places.__getitem__) if places[one] < options.share and due(one)]
    print(f"{len(chosen)} mutants", flush=True)
    counts: Counter[str] = Counter()

    def done(one: Mutant, outcome: Outcome) -> None:
        counts[outcome["state"]] += 1
        if options.tests and outcome["state"] not in ("killed", "timeout"):
            return
        row = {
            "module": one.module,
            "key": one.key,
            "line": one.line,
            "kind": one.kind,
            "before": one.before,
            "after": one.after,
        }
        with RESULTS.open("a") as stream:
            stream.write(json.dumps(row | outcome) + "\n")

    os.chdir(ROOT)
    tests = options.tests or test_files()
    reach = OUT / ("reach-of-some.json" if options.tests else "reach.json")
    campaign = Campaign(chosen, files(), reach, done, options.jobs, options.again, options.budget, until)
    campaign.lived = {one for one in chosen if (one.module, one.key) in rows}
    for row in tried():
        if row["state"] == "killed" and LOST not in row.get("why", ""):
            campaign.experience.learn(row["module"], row["key"], row["by"])
    campaign.session(tests)
    print(dict(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
