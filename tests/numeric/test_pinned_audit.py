"""Audits pinned: documents, tables, sentences, pictures and the page of planted layers, and two simulated layers.

The layers are judged by the code; simulated fates are planted by hand where only their print is looked at, so that every
sentence and every cell of a table has its number. What the numbers are is asserted elsewhere (test_pinned_criteria).

One long file: outputs of the same planted layers.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pinned
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from s6flow.numeric.audit import AuditReport, audit, render_table, to_html, to_json, write_csv
from s6flow.numeric.audit.control import permutation_control
from s6flow.numeric.audit.output import pictures
from s6flow.numeric.audit.output.fitting import FittingTable
from s6flow.numeric.audit.output.health import health_rows, reference, write_health_csv
from s6flow.numeric.audit.output.names import short_names
from s6flow.numeric.audit.output.sentences import sentences
from s6flow.numeric.audit.simulation import integrator
from s6flow.numeric.audit.simulation.integrator import Disagreement, Simulation
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.verdict import channel_verdicts
from s6flow.numeric.flow import FlowResult
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import End, word
from tests.numeric.test_pinned_criteria import LAYERS, layer

CHANNELS, STATES, RANK = 9, 3, 2
NAME = "backbone.layers.{}.mixer"
FAST, SLOW, GONE, LIMIT, OPEN = (word(end) for end in (End.FAST, End.SLOW, End.CONVERGENT, End.LIMIT, End.UNDECIDED))
SILENT, BESIDE = word(End.NOT_DECIDED), word(End.COEXISTENCE)


def tensors(number: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {
        "A_log": (CHANNELS, STATES), "x_proj.weight": (RANK + 2 * STATES, CHANNELS), "dt_proj.weight": (CHANNELS, RANK),
        "dt_proj.bias": (CHANNELS,), "D": (CHANNELS,),
    }  # fmt: skip
    return {f"{NAME.format(number)}.{key}": rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


@pytest.fixture(scope="module", autouse=True)
def path(tmp_path_factory: pytest.TempPathFactory) -> None:
    _FOLDER.append(tmp_path_factory.mktemp("audit"))


_FOLDER: list[Path] = [Path("/tmp")]


@cache
def judged() -> AuditReport:
    """Six layers: two plain ones, planted corners, NaN, a dead one, biases."""
    rows = [tensors(number, 40 + number) for number in range(6)]
    x_proj = rows[2][f"{NAME.format(2)}.x_proj.weight"]
    x_proj[RANK : RANK + STATES, 0] = 0.0
    rows[2][f"{NAME.format(2)}.dt_proj.weight"][1] = 0.0
    rows[3][f"{NAME.format(3)}.D"][0] = np.nan
    rows[4][f"{NAME.format(4)}.x_proj.weight"][:] = 0.0
    rows[4][f"{NAME.format(4)}.D"][:] = 0.0
    rows[5][f"{NAME.format(5)}.x_proj.bias"] = np.linspace(-1, 1, RANK + 2 * STATES, dtype=np.float32)
    file = _FOLDER[-1] / "planted.safetensors"
    save_file({name: value for row in rows for name, value in row.items()}, file)
    return replace(audit(str(file), shuffles=20, certify=True), source="planted.safetensors")


def simulation(number: int, wrong: int, kernel: bool) -> Simulation:
    confusion = {
        (FAST, FAST): 30 + number,
        (GONE, GONE): 7,
        (SLOW, OPEN): 3 + number,
        (SILENT, LIMIT): 5,
        (BESIDE, FAST): wrong,
        (SILENT, OPEN): 1,
    }
    rows = tuple(Disagreement(NAME.format(number), 3 + k, (0.5, -0.25 * k), BESIDE, FAST) for k in range(wrong))
    ends = {"converged": 3, "diverged": 4, "settled_elsewhere": 1, "undecided": 2, "undecided_but_grown": number}
    extra = {
        "axis_error": 1e-6 * (number + 1),
        "constants": {
            "compared": 10 * number,
            "within_1_percent": 9 * number,
            "relative_error": None,
            "critical_not_compared": 2,
        },
        "blow_up_times": {"compared": number, "error_of_ln_T": {"0.5": 1e-4, "0.99": 2e-4, "1.0": 3e-4 * (1 + number)}},
        "whole_layer": [
            {"states": kind, "starts": 10, "tokens": 8, **ends}
            for kind in (("random", "real") if number else ("random",))
        ],
    }
    return Simulation(
        {key: n for key, n in confusion.items() if n},
        rows,
        sum(confusion.values()),
        600.0,
        1e-12 * (1 + number),
        8,
        "a scan",
        extra if kernel else None,
    )


@cache
def report(key: str) -> AuditReport:
    found = judged()
    match key:
        case "judged":
            return found
        case "one layer":
            return replace(
                found,
                layers=found.layers[:1],
                withheld=(),
                health=replace(found.health, layers=found.health.layers[:1]),
            )
        case "none":
            return replace(found, layers=())
        case "many":
            rows = tuple(replace(found.layers[k % len(found.layers)], name=NAME.format(k)) for k in range(70))
            health = tuple(
                replace(found.health.layers[k % len(found.health.layers)], name=NAME.format(k)) for k in range(70)
            )
            return replace(found, layers=rows, health=replace(found.health, layers=health))
        case "simulated":
            rows = tuple(replace(one, simulation=simulation(k, 2 * k, False)) for k, one in enumerate(found.layers))
            return replace(found, layers=rows)
        case "by a kernel":
            rows = tuple(replace(one, simulation=simulation(k, 12 * k, True)) for k, one in enumerate(found.layers))
            return replace(found, layers=rows)
    raise KeyError(key)


REPORTS = ["judged", "one layer", "none", "many", "simulated", "by a kernel"]


def said(key: str) -> Any:
    return {"brief": list(sentences(report(key), brief=True)), "whole": len(list(sentences(report(key))))}


def printed(key: str) -> Any:
    lines = {}
    for width in (80, 160):
        console = Console(file=io.StringIO(), width=width, record=True, color_system=None)
        for part in render_table(report(key), explain=False):
            console.print(part, crop=False)
        lines[str(width)] = console.export_text().splitlines()
    return lines


NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


def parted(text: str) -> Any:
    """A text as its numbers and what is between them."""
    skeleton = NUMBER.sub("#", text)
    return {"numbers": [float(one) for one in NUMBER.findall(text)], "text": [len(skeleton), sum(map(ord, skeleton))]}


def drawn(key: str) -> Any:
    names = ("scenario_map", "control_chart", "mu_histogram", "sign_structure", "carried_histogram")
    return {name: parted(getattr(pictures, name)(report(key))) for name in names}


def paged(key: str) -> Any:
    return parted(to_html(report(key)).partition("</head>")[2])


def document(key: str) -> Any:
    found = to_json(report(key))
    return {
        name: value
        for name, value in found.items()
        if name not in ("columns", "dropped", "reading", "theorem_status", "scenarios")
    }


def listed(key: str) -> Any:
    found = report(key)
    files = write_csv(found, _FOLDER[-1] / "c.csv"), write_health_csv(found.health, _FOLDER[-1] / "h.csv")
    texts = [[parted(line) for line in file.read_text().splitlines()] for file in files]
    return {
        "files": texts,
        "rows": health_rows(found.health),
        "reference": [list(row) for row in reference(found.health)],
    }


def controlled(key: str) -> Any:
    found = permutation_control(LAYERS[key], 30, 3)
    return {
        name: getattr(found, name) for name in ("fraction", "mean", "sd", "z", "p", "shuffles", "fractions", "sample")
    }


def simulated(key: str) -> Any:
    """What a simulation asks of the integrator and of the readers of its runs, which are planted; and what it makes of them."""
    planted = layer(9, 2, 11, 0.5 if key.startswith("affine") else 0.0, 0.05 if "floor" in key else 0.0)
    calls: list[Any] = []

    def integrated(x0: Any, params: Any, **asked: Any) -> Any:
        calls.append(
            [np.asarray(x0), params.arrays(), {name: value for name, value in asked.items() if name != "backend"}]
        )
        run = object.__new__(FlowResult)  # of which no more is read
        vars(run).update(status=np.arange(len(x0)) % 5, first=np.asarray(x0)[:, 0])
        return run

    def read(words: tuple[str, ...]) -> Any:
        def say(result: Any, *rest: Any) -> np.ndarray:
            calls.append([result.first, *[np.asarray(one) for one in rest if one is not None]])
            return np.array(words)[np.floor(37 * np.abs(result.first)).astype(int) % len(words)]

        return say

    engine = integrator.Engine(
        "planted", lambda layer, channels: "numpy", 1e-4, 20, 7, 1e-3, 40.0 if "range" in key else None
    )
    numbers = channel_numbers(planted)
    columns = {**numbers, **channel_verdicts(planted, numbers)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integrator, "integrate", integrated)
        patch.setattr(integrator, "system_fates", read((FAST, GONE, SLOW, BESIDE, OPEN)))
        patch.setattr(integrator, "pair_fates", read((BESIDE, LIMIT, OPEN)))
        patch.setattr(integrator, "axis_fates", read((FAST, GONE, word(End.ROOT), OPEN)))
        found = integrator.simulate_layer(planted, columns, 3, engine)
    assert found.reference_error < 1e-9
    return {
        "calls": calls, "confusion": [[*pair, str(count)] for pair, count in found.confusion.items()], "starts": found.starts,
        "horizon": found.log_horizon, "wrong": [[row.channel, *row.start] for row in found.disagreements],
        "words": [[row.layer, row.predicted, row.observed] for row in found.disagreements], "channels": found.reference_channels,
        "engine": found.engine, "kernel": found.kernel,
    }  # fmt: skip


#: Outcomes agree to this share of their size.
CLOSE = 1e-6
PINNED = [
    ("audit_said", REPORTS, said, CLOSE), ("audit_printed", REPORTS, printed, CLOSE), ("audit_drawn", ["judged", "one layer", "many"], drawn, CLOSE),
    ("audit_paged", [key for key in REPORTS if key != "many"], paged, CLOSE), ("audit_document", ["judged"], document, CLOSE),
    ("audit_listed", ["judged"], listed, CLOSE), ("audit_controlled", list(LAYERS), controlled, CLOSE), ("audit_simulated", ["bilinear", "affine", "bilinear range floor", "affine floor"], simulated, CLOSE),
]  # fmt: skip
CASES = [(name, key, outcome) for name, keys, outcome, _ in PINNED for key in keys]


@pytest.mark.parametrize(("name", "key", "outcome"), CASES, ids=[f"{name}-{key}" for name, key, _ in CASES])
def test_audits_say_what_they_said(name: str, key: str, outcome: Any) -> None:
    pinned.check(name, key, outcome(key), CLOSE)


def test_the_control_counts_as_a_loop_does() -> None:
    """Shuffled shares by a loop over the same pairs, z and p by their definitions."""
    one: S6Layer = layer(300, 3, 21)
    found = permutation_control(one, 25, 5)
    rng = np.random.default_rng([5, 300])
    left, right = rng.permutation(300), rng.permutation(300)
    pairs = [[(left[place], right[(place + shift) % 300]) for place in range(300)] for shift in range(25)]
    shares = [np.mean([one.S_C[:, other] @ one.S_B[:, own] < 0 for own, other in shuffle]) for shuffle in pairs]
    np.testing.assert_allclose(found.fractions, shares, atol=1e-12)
    fraction = np.mean([one.S_C[:, c] @ one.S_B[:, c] < 0 for c in range(300)])
    assert (found.fraction, found.shuffles) == (pytest.approx(fraction), 25)
    assert found.mean == pytest.approx(np.mean(shares))
    assert found.sd == pytest.approx(np.std(shares, ddof=1))
    assert found.z == pytest.approx((fraction - np.mean(shares)) / np.std(shares, ddof=1))
    far = sum(abs(share - np.mean(shares)) >= abs(fraction - np.mean(shares)) - 1e-9 for share in shares)
    assert found.p == pytest.approx((1 + far) / 26)
    mu = [one.S_C[:, other] @ one.S_B[:, own] for own, other in sorted(pairs[0])]
    np.testing.assert_allclose(found.sample, mu, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "pattern", "short"),
    [
        (["a.1.b", "a.2.b", "a.13.b"], "a.*.b", ["1", "2", "13"]),
        (["layer7"], "layer7", ["7"]),
        (["mixer"], "mixer", ["*"]),
        (["x.1.fwd", "x.1.bwd", "x.2.fwd"], "x.*.*wd", ["1.f", "1.b", "2.f"]),
        (["a.1", "a.1.2"], "a.*", ["1", "1.2"]),
        (["m12x", "m13x"], "m*x", ["12", "13"]),
        (["same", "same"], "same", ["*", "*"]),
    ],
)
def test_names_are_told_by_what_differs(names: list[str], pattern: str, short: list[str]) -> None:
    assert short_names(names) == (pattern, short)


@pytest.mark.parametrize(("width", "blocks"), [(80, 1), (40, 2), (24, 3)])
def test_a_table_that_is_too_wide_goes_on_below(width: int, blocks: int) -> None:
    table = FittingTable("layer", ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"])
    table.add_row("0", ["1", "2", "3", "4", "5", "6"])
    table.add_row("10", ["1000000", "2", "3", "4", "5", "6"])
    console = Console(file=io.StringIO(), width=width, record=True, color_system=None)
    console.print(table)
    lines = console.export_text().splitlines()
    assert sum("layer" in line for line in lines) == blocks
    assert all(len(line.rstrip()) <= width for line in lines)
    assert all(any(name in line for line in lines) for name in ("alpha", "zeta", "1000000"))
