"""Tables and sentences of made audits, whose every count is known.

One long file: all outputs of the same made layers.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from s6flow.numeric.audit import AuditReport, render_table, write_json
from s6flow.numeric.audit.columns import READING
from s6flow.numeric.audit.control import Control
from s6flow.numeric.audit.output import page, records, tables
from s6flow.numeric.audit.output.fitting import FittingTable, column_blocks
from s6flow.numeric.audit.output.health import health_sentences, health_table
from s6flow.numeric.audit.output.sentences import sentences
from s6flow.numeric.audit.report import LayerAudit
from s6flow.numeric.audit.simulation.integrator import Disagreement, Simulation
from s6flow.numeric.audit.spectrum import Signature
from s6flow.numeric.criteria.labels import Labels, end_labels
from s6flow.numeric.health import NUMBERS, VERDICTS, Diagnosis, LayerHealth
from s6flow.numeric.weights import Flag, WithheldLayer
from s6flow.symbolic.ends import NO_THEOREM, End, word

N = 4
CONTROL = Control(0.5, 0.25, 0.125, 2.0, 0.1, 3, np.array([0.25, 0.5, 0.0]), np.zeros(N))


def labels(*words: str) -> Labels:
    names = tuple(dict.fromkeys(words))
    return Labels(np.array([names.index(one) for one in words], dtype=np.uint8), names)


def layer(
    name: str = "l.0", definite: bool = False, simulation: Simulation | None = None, **columns: Any
) -> LayerAudit:
    """Four channels: two fast, two not decided; on one of them the dichotomy can fail, on one that is unknown."""
    ends = end_labels(np.array([End.FAST, End.FAST, End.NOT_DECIDED, End.NOT_DECIDED]))
    known: dict[str, Any] = {
        **{f"scenario_{sign}": ends for sign in ("positive", "negative", "mixed")},
        **{f"theorem_{sign}": labels(*[NO_THEOREM] * N) for sign in ("positive", "negative", "mixed")},
        "dichotomy_can_fail": np.array([1, 0, -1, 0]), "K0": np.array([-0.5, 0.0, 0.25, -1.0]), "certified": labels(*["not asked"] * N),
        "paper_setting": np.array([1, -1, 0, 0]), "one_rate": np.array([1, 1, -1, 0]), "one_sign": np.array([-1, 1, 1, 1]),
        **{f"K_negative_{k}": np.zeros(N) for k in (1, 8, 128, "token", "any")}, "dichotomy_evidence": labels(*["sampled"] * N),
        **{name: np.zeros(N) for name in ("mu", "s", "delta0")},
    }  # fmt: skip
    sides = Signature(2, 2 - definite, 0, 0, 1.0, -1.0)
    return LayerAudit(name, N, 2, 1, 0.0, False, (), known | columns, CONTROL, sides, sides, np.ones(2), simulation)


def report(*layers: LayerAudit, **changes: Any) -> AuditReport:
    return replace(AuditReport("a source", "npz", "linear modules", 0, layers, ()), **changes)


def printed(parts: list[Any], width: int = 200) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(*parts, sep="\n", crop=False)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def simulated(*wrong: Disagreement, **counts: int) -> Simulation:
    fast, slow, open_ = word(End.FAST), word(End.SLOW), word(End.UNDECIDED)
    keys = {
        "right": (fast, fast),
        "wrong": (fast, slow),
        "late": (slow, open_),
        "silent": (word(End.NOT_DECIDED), fast),
    }
    confusion = {keys[name]: count for name, count in counts.items()}
    return Simulation(confusion, wrong, sum(counts.values()), 600.0, 2.5e-15, 8)


# ---- the table of layers


@pytest.mark.parametrize(
    ("count", "rows", "said"), [(1, 1, False), (2, 2, False), (32, 32, False), (33, 17, True), (64, 32, True)]
)
def test_more_than_32_layers_are_thinned_and_that_is_said(count: int, rows: int, said: bool) -> None:
    lines = printed(tables.layer_tables(report(*(layer(f"l.{place}") for place in range(count)))))
    assert sum(line.split()[1:] == ["4", "0.500", "0.250±0.125", "+2.0", "2", "1+1?"] for line in lines) == rows
    assert any("One layer in 2 is shown" in line for line in lines) == said
    assert lines[0] == ("linear modules, npz; layer l.0" if count == 1 else "linear modules, npz; layers l.*")


def test_words_of_tokens_of_both_signs_have_no_column() -> None:
    lines = printed(tables.layer_tables(report(layer(scenario_mixed=end_labels(np.full(N, End.SLOW))))))
    assert any(line.split() == ["layer", word(End.FAST), *word(End.NOT_DECIDED).split()] for line in lines)
    assert any(line.split() == ["0", "2/2", "2/2"] for line in lines)


@pytest.mark.parametrize(
    ("sd", "z", "shown"), [(0.5, -1.25, "-1.2"), (0.0, math.nan, "-"), (0.5, math.inf, "-"), (0.0, 1.0, "-")]
)
def test_a_control_without_spread_has_no_distance(sd: float, z: float, shown: str) -> None:
    found = tables.layer_cells(replace(layer(), control=replace(CONTROL, sd=sd, z=z)))
    assert found == ["4", "0.500", f"0.250±{sd:.3f}", shown, "2", "1+1?"]


@pytest.mark.parametrize(
    ("fails", "shown"), [([-1] * 4, "unknown"), ([0] * 4, "0"), ([1, 1, 1, 0], "3"), ([0, 0, 0, -1], "0+1?")]
)
def test_what_can_fail_is_counted_beside_what_is_unknown(fails: list[int], shown: str) -> None:
    assert tables.layer_cells(layer(dichotomy_can_fail=np.array(fails)))[-1] == shown


def test_only_what_contradicts_a_prediction_is_red() -> None:
    parts = tables.fates_table(report(layer(simulation=simulated(right=5, wrong=2, late=3, silent=4))))
    styles = {}
    for name, cells in parts.renderables[1].rows:
        for heading, cell in zip(parts.renderables[1].columns, cells, strict=True):
            styles[name, heading] = (cell.plain, str(cell.style))
    fast, slow, open_ = word(End.FAST), word(End.SLOW), word(End.UNDECIDED)
    assert styles[fast, fast] == ("5", "")
    assert styles[fast, slow] == ("2", "bold red")
    assert styles[slow, open_] == ("3", "")
    assert styles[word(End.NOT_DECIDED), fast] == ("4", "")
    assert styles[slow, fast] == styles[fast, open_] == styles[slow, slow] == ("", "")


def test_a_path_stays_in_one_line_and_how_to_read_may_be_left_out() -> None:
    path = "/a long path/with spaces in it/and more of them/than forty columns hold/file.npz"
    made = report(layer(), source=path)
    assert printed(render_table(made), 40)[0] == path
    brief, whole = (printed(render_table(made, explain=told), 4000) for told in (False, True))
    assert not any(READING[2] in line for line in brief)
    assert any(READING[2] in line for line in whole)
    assert printed(render_table(made), 4000) == whole


# ---- columns that fit


@pytest.mark.parametrize(("sizes", "room", "blocks"), [
    ([3, 3], 10, [[0, 1]]), ([3, 3], 9, [[0], [1]]), ([30, 3, 3], 10, [[0], [1, 2]]), ([1], 1, [[0]]), ([], 9, []),
])  # fmt: skip
def test_columns_stand_side_by_side_while_they_fit(sizes: list[int], room: int, blocks: list[list[int]]) -> None:
    assert list(column_blocks(sizes, room)) == blocks


@pytest.mark.parametrize(("width", "tables_"), [(24, 1), (23, 2), (40, 1), (12, 3)])
def test_a_table_is_as_wide_as_it_may_be(width: int, tables_: int) -> None:
    """The names take 5 and 3 beside them, every column its longest cell and 2: 5 + 3 + (2 + 2) + (4 + 2) + (4 + 2) = 24."""
    table = FittingTable("layer", ["mu", "K(0)", "x"])
    table.add_row("a", ["12", "3456", "7 89"])
    table.add_row("bb", ["1", "2", "3"])
    lines = printed([table], width)
    assert sum(line.split()[:1] == ["layer"] for line in lines) == tables_
    for cell in ("mu", "K(0)", "x", "12", "3456", "7 89"):
        assert any(cell in line for line in lines)
    assert all(len(line.rstrip()) <= width for line in lines)


@pytest.mark.parametrize(("letters", "lines"), [(15, 1), (16, 1), (17, 2), (33, 3)])
def test_names_are_folded_to_sixteen_letters(letters: int, lines: int) -> None:
    table = FittingTable("layer", ["mu"])
    table.add_row("n" * letters, ["1"])
    assert sum("n" in line for line in printed([table], 60)) == lines


# ---- sentences


def text_of(made: AuditReport) -> list[str]:
    return list(sentences(made, brief=True))


def test_layers_without_a_definite_one_are_said_to_have_none() -> None:
    said = "In every layer sym(S_C^T S_B) has N positive and N negative eigenvalues: no layer is definite."
    for definite in ([False], [False, False], [True, False], [False, True], [True]):
        made = report(*(layer(f"l.{place}", one) for place, one in enumerate(definite)))
        assert (said in text_of(made)) == (not any(definite))


def test_certified_channels_are_counted_where_they_were_asked_for() -> None:
    asked = layer(certified=labels("holds", "not asked", "open", "holds"))
    said = [line for line in text_of(report(asked, layer("l.1"))) if line.startswith("Certified")]
    assert said == ["Certified in ball arithmetic, channels with mu > 0, the dichotomy: holds 2, open 1."]
    assert not any(line.startswith("Certified") for line in text_of(report(layer())))


def test_a_flag_of_several_layers_is_said_once() -> None:
    flag = Flag("kind", "a flag")
    for count, more in ((1, ""), (2, " and 1 more layer"), (3, " and 2 more layers")):
        made = report(*(replace(layer(f"l.{place}"), flags=(flag,)) for place in range(count)))
        assert [line for line in text_of(made) if line.startswith("Flag")] == [f"Flag, l.0{more}: {flag}."]


@pytest.mark.parametrize("count", [0, 1, 20, 21])
def test_twenty_disagreements_are_listed(count: int) -> None:
    wrong = [Disagreement("l.0", place, (1.5, -2.0), word(End.FAST), word(End.SLOW)) for place in range(count)]
    late = {"late": 3} if count else {}
    made = report(layer(), layer("l.1", simulation=simulated(*wrong, right=7, silent=2, wrong=count, **late)))
    lines = text_of(made)
    assert f"Simulated {9 + count + 3 * bool(count)} starts: 7 predictions came true, {count} did not, {3 * bool(count)} were undecided at the horizon, 2 are not decided by theory." in lines  # fmt: skip
    listed = [line for line in lines if line.startswith("DISAGREES")]
    assert len(listed) == min(count, 20)
    assert listed[:1] == (
        ["DISAGREES, l.0 channel 0 from (1.5, -2.0): predicted fast, observed slow."] if count else []
    )
    assert [line for line in lines if "all of them in --json" in line] == (
        ["... and 1 more, all of them in --json."] if count > 20 else []
    )
    assert [line for line in lines if line.startswith("Undecided")] == (
        [f"Undecided, by prediction: {word(End.SLOW)} 3."] if count else []
    )
    assert any("to 2.5e-15, relative to the largest" in line for line in lines)


def test_constants_of_a_kernel_s_run_are_added_up() -> None:
    one = {"compared": 4, "within_1_percent": 3, "critical_not_compared": 1}
    kernels: list[dict[str, Any]] = [
        {"axis_error": error, "constants": part, "blow_up_times": None, "whole_layer": []}
        for error, part in ((1e-6, one), (3e-6, None), (2e-6, one))
    ]
    made = report(
        *(
            layer(f"l.{place}", simulation=replace(simulated(right=1), kernel=kernel))
            for place, kernel in enumerate(kernels)
        )
    )
    lines = text_of(made)
    assert "Constants t x^2 -> c: 6 of 8 within 1 %; 2 near the critical kappa = 1 not compared." in lines
    assert any("to 3.0e-06" in line for line in lines)


# ---- health


def sick(name: str = "l.0", verdict: str | None = None, numbers: dict[str, Any] | None = None, fresh: dict[str, Any] | None = None, **changes: Any) -> LayerHealth:  # fmt: skip
    known: dict[str, Any] = {row.name: 1.0 for row in NUMBERS}
    given = tuple(row for row in VERDICTS if row.name == verdict)
    made = LayerHealth(name, "s6", N, 2, known | (numbers or {}), known | (fresh or {}), given, (), (), ())
    return replace(made, **changes)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_dead_layers_get_no_scenario_and_are_told_of_once(count: int) -> None:
    names = [f"l.{place}" for place in range(count)]
    gone = tuple(WithheldLayer(name, "dead", "why") for name in names)
    others = (WithheldLayer("x", "values", "told"), WithheldLayer("y", "mamba-2", "other"))
    made = report(
        layer("l.9"), withheld=(*gone, *others), health=Diagnosis(9, tuple(sick(name, "dead") for name in names))
    )
    lines = text_of(made)
    more = f" and {count - 1} more" if count > 1 else ""
    assert [line for line in lines if line.startswith("No scenario")] == [f"No scenario is given for l.0{more}: dead."]
    assert [line for line in lines if line.startswith("Withheld")] == [
        "Withheld, x (values): told",
        "Withheld, y (mamba-2): other",
    ]


def test_damage_is_told_where_a_layer_is_not_finite() -> None:
    for verdict, said in (("not-finite", True), ("dead", False)):
        (first, *_) = health_sentences(Diagnosis(9, (sick(verdict=verdict, damage=("NaN in D",)),)))
        assert ("l.0 (NaN in D)" in first) == said
    (first, *_) = health_sentences(Diagnosis(9, (sick(verdict="not-finite"),)))
    assert ": l.0; " in first


def test_numbers_that_a_layer_lacks_are_left_out() -> None:
    (memory, *others) = health_sentences(
        Diagnosis(9, (sick(numbers={"half_life_q05": 0.0}, fresh={"half_life_q05": 0.0}),))
    )
    assert "5 % of states below 0 (untrained: 0); median 1 (untrained: 1)" in memory
    assert [line.partition(",")[0] for line in others] == [
        "Share of states that remember beyond the context",
        "Effective rank over the number of states",
    ]
    for lacking in ("rank_B", "rank_C"):
        layers = (sick(), sick("l.1", numbers={lacking: None}))
        assert not any("Effective rank" in line for line in health_sentences(Diagnosis(9, layers)))
    assert not any(
        "Effective rank" in line
        for line in health_sentences(Diagnosis(9, (sick(), sick("l.1", fresh={"rank_C": None}))))
    )


@pytest.mark.parametrize(
    ("count", "more"), [(12, ""), (13, "1 more layer, no worse, is in"), (15, "3 more layers, no worse, are in")]
)
def test_twelve_layers_of_health_are_shown(count: int, more: str) -> None:
    lines = printed(health_table(Diagnosis(9, tuple(sick(f"l.{place}") for place in range(count)))))
    assert sum(line.split()[1:2] == ["healthy"] for line in lines) == 12
    assert [line for line in lines if "more layer" in line] == (
        [f"{more} --json, --health-csv and --html."] if more else []
    )


# ---- JSON and page


def test_documents_are_of_letters_and_of_finite_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "to_json", lambda _: {"source": "größe"})
    assert write_json(report(), tmp_path / "a.json").read_text(encoding="utf-8") == '{"source":"größe"}\n'
    monkeypatch.setattr(records, "to_json", lambda _: {"value": math.inf})
    with pytest.raises(ValueError, match="JSON"):
        write_json(report(), tmp_path / "b.json")
    for value, plain in (
        (np.float64(2.0), 2.0),
        (np.inf, None),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        ("word", "word"),
    ):
        assert json.dumps(records.plain_value(value)) == json.dumps(plain)


def test_what_is_unknown_is_not_counted() -> None:
    found = records.summary(report(layer(), layer("l.1")))
    assert [found[f"{name}_channels"] for name in ("paper_setting", "one_rate", "one_sign")] == [2, 4, 6]
    assert (found["dichotomy_can_fail_channels"], found["dichotomy_unknown_channels"]) == (2, 2)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (math.nan, "–"), (1.23456, "1.235"), (3, "3"), ("word", "word")]
)
def test_numbers_of_the_page(value: Any, shown: str) -> None:
    assert page.shown(value) == shown


def test_the_page_lists_twenty_channels_the_most_negative_first() -> None:
    """K(0) = 0 is not negative; equal ones go by layer and channel."""
    fails, K0 = np.ones(N), np.array([-0.5, 0.0, 0.25, -0.5])
    made = report(*(layer(f"l.{place}", dichotomy_can_fail=fails, K0=K0 * (1 + place // 2)) for place in (3, 2, 1, 0)))
    assert [(row["layer"], row["channel"]) for row in page.notable_channels(made)] == [
        (f"l.{place}", on) for place in (2, 3, 0, 1) for on in (0, 3)
    ]
    falling = layer(dichotomy_can_fail=fails, K0=np.array([-1.0, -2.0, -3.0, -4.0]))
    many = page.notable_channels(report(*(replace(falling, name=f"l.{place}") for place in range(6))))
    assert [row["K0"] for row in many] == [-4.0] * 6 + [-3.0] * 6 + [-2.0] * 6 + [-1.0] * 2
    wide = LayerAudit(**{**falling.__dict__, "channels": 30, "columns": {**falling.columns}})
    columns = {
        "dichotomy_can_fail": np.ones(30),
        "K0": -np.arange(1.0, 31.0),
        "dichotomy_evidence": labels(*["sampled"] * 30),
    }
    columns |= {name: np.zeros(30) for name in ("mu", "s", "delta0", "K_negative_token")}
    assert [row["K0"] for row in page.notable_channels(report(replace(wide, columns=columns)))] == [
        -30.0 + place for place in range(20)
    ]
