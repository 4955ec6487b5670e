"""What an audit says in its tables and sentences, on small made reports: counts, names, places and limits.

One long file: all sentences are said of the same made reports.
"""

from __future__ import annotations

from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest
from made_reports import made, printed
from rich.console import Group

from s6flow.numeric.audit.output import sentences, tables
from s6flow.numeric.audit.output.fitting import FittingTable
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.audit.simulation.integrator import Simulation
from s6flow.numeric.health import Diagnosis, LayerHealth
from s6flow.numeric.health.verdicts import FATAL
from s6flow.symbolic.ends import End, word

# ---- tables


def fitting(
    rows: list[tuple[str, list[str]]], columns: tuple[str, ...] = ("a", "bb", "ccc"), first: str = "layer"
) -> FittingTable:
    table = FittingTable(first, columns)
    for name, cells in rows:
        table.add_row(name, cells)
    return table


def test_a_table_word_for_word() -> None:
    lines = printed([fitting([("one", ["1", "22", "333"]), ("eleven", ["4", "5", "6"])])]).splitlines()
    assert [line.rstrip() for line in lines if line.strip()] == [
        " layer   a  bb  ccc", " " + "─" * 18, " one     1  22  333", " eleven  4   5    6",
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "blocks"), [(21, [["a", "bb", "ccc"]]), (20, [["a", "bb"], ["ccc"]]), (16, [["a", "bb"], ["ccc"]]), (15, [["a"], ["bb"], ["ccc"]]), (9, [["a"], ["bb"], ["ccc"]])])  # fmt: skip
def test_columns_stand_side_by_side_where_they_fit(width: int, blocks: list[list[str]]) -> None:
    """Names of 6 letters and a gap, and each column with two spaces: 6 + 3 + (1 + 2) + (2 + 2) + (3 + 2) = 21."""
    lines = printed([fitting([("eleven", ["1", "22", "333"])])], width).splitlines()
    assert [line.split()[1:] for line in lines if line.strip().startswith("layer")] == blocks


def test_names_of_sixteen_letters_stay_on_a_line() -> None:
    letters = "abcdefghijklmnopqrs"
    lines = [
        line.split()
        for line in printed([fitting([(letters[:16], ["1"]), (letters[:17], ["2"])], ("n",))]).splitlines()
        if line.strip()
    ]
    assert lines[2:] == [[letters[:16], "1"], [letters[:16], "2"], ["q"]]


def layer(name: str, channels: int = 2, **changes: Any) -> Any:
    """What a table asks of a layer's audit."""
    numbers = {"dichotomy_can_fail": np.array([1, 0]), "K0": np.array([-1.0, 0.0])} | changes.pop("numbers", {})
    counts = {"scenario_positive": {"slow": 2}, "scenario_negative": {"convergent": 2}, "scenario_mixed": {"fast": 2}}
    known = {
        "name": name, "channels": channels, "affine": False, "numbers": numbers.__getitem__, "flags": (), "states": 3, "simulation": None,
        "words": lambda key: Made(counts=lambda: counts[key]), "control": Made(fraction=0.5, mean=0.25, sd=0.125, z=2.0), "symmetric": Made(positive=3, negative=3),
    }  # fmt: skip
    return made(LayerAudit, **known | changes)


@pytest.mark.parametrize(
    ("numbers", "control", "cells"),
    [
        ({"dichotomy_can_fail": np.array([1, 0, -1, 0]), "K0": np.array([0.0, -1e-9, 1.0, np.nan])}, {}, ["4", "0.500", "0.250±0.125", "+2.0", "1", "1+1?"]),
        ({"dichotomy_can_fail": np.array([-1] * 4), "K0": np.array([0.0] * 4)}, {"z": float("nan")}, ["4", "0.500", "0.250±0.125", "-", "0", "unknown"]),
        ({"dichotomy_can_fail": np.array([0] * 4), "K0": np.array([-1.0] * 4)}, {"sd": 0.0, "z": float("nan")}, ["4", "0.500", "0.250±0.000", "-", "4", "0"]),
    ],
)  # fmt: skip
def test_a_line_of_a_layer(numbers: Any, control: Any, cells: list[str]) -> None:
    one = layer(
        "x", 4, numbers=numbers, control=Made(**{"fraction": 0.5, "mean": 0.25, "sd": 0.125, "z": 2.0} | control)
    )
    assert tables.layer_cells(one) == cells


def reported(*layers: Any, **changes: Any) -> Any:
    def totals(column: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in layers:
            for key, count in one.words(column).counts().items():
                found[key] = found.get(key, 0) + count
        return found

    return made(
        AuditReport,
        **{
            "layers": layers,
            "family": "made",
            "format": "here",
            "totals": totals,
            "source": "x",
            "simulated": False,
            "withheld": (),
        }
        | changes,
    )


@pytest.mark.parametrize(("count", "step"), [(1, 1), (2, 1), (31, 1), (32, 1), (33, 2), (64, 2), (65, 3)])
def test_more_than_32_layers_are_thinned(count: int, step: int) -> None:
    title, numbers, note, _, scenarios, meanings = tables.layer_tables(
        reported(*(layer(f"l.{place}.m") for place in range(count)))
    )
    assert title.plain == ("made, here; layers l.*.m" if count > 1 else "made, here; layer l.0.m")
    for table in (numbers, scenarios):
        assert [name for name, _ in table.rows] == [str(place) for place in range(0, count, step)]
    thinned = f" One layer in {step} is shown; --json, --csv and --html have them all."
    assert note.plain.endswith(thinned if step > 1 else "numbers of channels.")
    assert scenarios.columns == ["convergent", "slow"] or scenarios.columns == [
        "slow",
        "convergent",
    ]  # of mixed signs no word
    assert [cell.plain for cell in scenarios.rows[0][1]] == [
        {"slow": "2/0", "convergent": "0/2"}[one] for one in scenarios.columns
    ]
    assert "fast" not in meanings.plain


def test_only_a_disagreement_is_red() -> None:
    counts = {
        ("slow", "slow"): 3,
        ("slow", "convergent"): 1,
        ("convergent", "convergent"): 2,
        ("not decided", "slow"): 4,
    }
    table = tables.fates_table(reported(layer("x", simulation=made(Simulation, confusion=counts)))).renderables[1]
    seen = {
        (name, column): (cell.plain, str(cell.style))
        for name, cells in table.rows
        for column, cell in zip(table.columns, cells, strict=True)
    }
    assert seen == {
        ("slow", "slow"): ("3", ""), ("slow", "convergent"): ("1", "bold red"), ("convergent", "convergent"): ("2", ""), ("convergent", "slow"): ("", ""),
        ("not decided", "slow"): ("4", ""), ("not decided", "convergent"): ("", ""),
    }  # fmt: skip


def test_a_path_with_spaces_stays_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "health_table", lambda _: [])
    monkeypatch.setattr(tables, "sentences", lambda *_, **__: ["next"])
    path = "a folder of models/" * 6 + "one model.safetensors"
    assert path in printed(tables.render_table(reported(source=path, health=None)), 40).splitlines()


def test_how_to_read_is_printed_unless_it_is_not_asked_for_or_nothing_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "health_table", lambda _: [])
    monkeypatch.setattr(tables, "layer_tables", lambda _: [])
    monkeypatch.setattr(tables, "sentences", lambda *_, **__: ["said"])
    report, none = reported(layer("x"), health=None), reported(health=None)
    reading = [part.plain for part in tables.render_reading()]  # type: ignore[union-attr]
    assert reading[0].startswith("The raw fraction of mu < 0 misleads")
    for parts, more in (
        (tables.render_table(report), reading),
        (tables.render_table(report, explain=False), []),
        (tables.render_table(none), []),
    ):
        assert isinstance(parts[0], Group)
        assert [part.plain for part in parts[1:]] == ["said", *more]  # type: ignore[union-attr]


# ---- sentences


def health_of(name: str, *kinds: str, fatal: bool = True) -> Any:
    return made(LayerHealth, name=name, has=kinds.__contains__, fatal=fatal)


def test_what_is_withheld_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "health_sentences", lambda _: iter(()))
    monkeypatch.setattr(sentences, "scenario_sentences", lambda _: iter(()))
    kind = FATAL[0]

    def said(names: str, withheld: list[tuple[str, str]]) -> list[str]:
        health = made(Diagnosis, layers=[health_of(name, kind) for name in names] + [health_of("z", fatal=False)])
        entries = tuple(Made(name=name, kind=one, reason="why") for name, one in withheld)
        return list(sentences.sentences(reported(layer("x"), health=health, withheld=entries), brief=True))

    assert said("a", [("a", kind)]) == [f"No scenario is given for a: {kind}."]
    assert said("ab", [("a", kind), ("b", kind)]) == [f"No scenario is given for a and 1 more: {kind}."]
    assert said("abc", [(name, kind) for name in "abc"]) == [f"No scenario is given for a and 2 more: {kind}."]
    assert said("a", [("a", "values")]) == [f"No scenario is given for a: {kind}."]
    assert said("", [("z", "values")]) == ["Withheld, z (values): why"]
    assert said("", [("z", kind)]) == [f"Withheld, z ({kind}): why"]
    assert said("a", [("a", "shape")])[1:] == ["Withheld, a (shape): why"]


FACTS = {
    "layers": 2, "channels": 4, "withheld": 0, "affine_layers": 0, "paper_setting_channels": 1, "dichotomy_can_fail_channels": 1, "dichotomy_unknown_channels": 0,
    "negative_within_channels": {"1": 0, "8": 1}, "scenarios": {"positive": {"slow": 4}, "negative": {}, "mixed": {}}, "theorems": {"positive": {}, "negative": {}, "mixed": {}},
}  # fmt: skip


def scenarios_of(monkeypatch: pytest.MonkeyPatch, *layers: Any, certified: dict[str, int] | None = None) -> list[str]:
    monkeypatch.setattr(sentences, "summary", lambda _: FACTS)
    return list(
        sentences.scenario_sentences(
            made(AuditReport, layers=layers, simulated=False, totals=lambda _: certified or {})
        )
    )


def test_signs_of_all_layers_are_said_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, other = layer("a"), layer("b", symmetric=Made(positive=3, negative=2))
    text = "In every layer sym(S_C^T S_B) has N positive and N negative eigenvalues: no layer is definite."
    assert text in scenarios_of(monkeypatch, plain, layer("c"))
    assert text not in scenarios_of(monkeypatch, plain, other)
    assert text not in scenarios_of(monkeypatch, other, layer("d", symmetric=Made(positive=2, negative=2)))


def test_certificates_are_counted_where_they_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said = scenarios_of(monkeypatch, layer("a"), certified={"holds": 3, "not asked": 5})
    assert "Certified in ball arithmetic, channels with mu > 0, the dichotomy: holds 3." in said
    assert not [line for line in scenarios_of(monkeypatch, layer("a"), certified={"not asked": 5}) if "ball" in line]


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "Flag, l0: f."), (2, "Flag, l0 and 1 more layer: f."), (3, "Flag, l0 and 2 more layers: f.")],
)
def test_a_flag_is_said_of_its_layers(monkeypatch: pytest.MonkeyPatch, count: int, said: str) -> None:
    layers = [layer(f"l{place}", flags=("f",)) for place in range(count)] + [layer("other")]
    assert [line for line in scenarios_of(monkeypatch, *layers) if line.startswith("Flag")] == [said]


def simulated(counts: dict[tuple[str, str], int], wrong: int = 0, kernel: Any = None) -> list[str]:
    rows = tuple(
        Made(layer="x", channel=place, start=(0.5,), predicted="slow", observed="fast") for place in range(wrong)
    )
    run = made(Simulation, confusion=counts, disagreements=rows, reference_error=1e-15, kernel=kernel, engine="made")
    return list(sentences.simulation_sentences(reported(layer("x", simulation=run), layer("y"))))


def test_starts_are_counted_by_how_they_ended() -> None:
    silent, unsettled = word(End.NOT_DECIDED), word(End.UNDECIDED)
    first, *more, last = simulated(
        {
            ("slow", "slow"): 5,
            ("slow", unsettled): 2,
            ("fast", unsettled): 1,
            (silent, "slow"): 3,
            (silent, unsettled): 4,
        }
    )
    assert (
        first
        == "Simulated 15 starts: 5 predictions came true, 0 did not, 3 were undecided at the horizon, 7 are not decided by theory."
    )
    assert more == ["Undecided, by prediction: fast 1, slow 2."]
    assert last == "The flow's velocity equals the S6 recurrence on all channels to 1.0e-15, relative to the largest."
    assert len(simulated({("slow", "slow"): 5})) == 2


@pytest.mark.parametrize(
    ("wrong", "more"),
    [
        (0, None),
        (19, None),
        (20, None),
        (21, "... and 1 more, all of them in --json."),
        (25, "... and 5 more, all of them in --json."),
    ],
)
def test_twenty_disagreements_are_listed(wrong: int, more: str | None) -> None:
    said = simulated({("slow", "fast"): wrong}, wrong)[1:-1]
    assert said[: min(wrong, 20)] == [
        f"DISAGREES, x channel {place} from (0.5): predicted slow, observed fast." for place in range(min(wrong, 20))
    ]
    assert said[20:] == ([] if more is None else [more])


@pytest.mark.parametrize(
    "constants",
    [
        None,
        {"compared": 0, "within_1_percent": 0, "critical_not_compared": 0},
        {"compared": 8, "within_1_percent": 7, "critical_not_compared": 2},
    ],
)
def test_what_a_gpu_adds_is_said(constants: Any) -> None:
    times = {"compared": 3, "error_of_ln_T": {"1.0": 2e-3}}
    whole = {
        "states": "real",
        "starts": 16,
        "converged": 9,
        "diverged": 4,
        "settled_elsewhere": 1,
        "undecided": 2,
        "undecided_but_grown": 1,
    }
    kernel = {"axis_error": 3e-7, "constants": constants, "blow_up_times": times, "whole_layer": [whole]}
    said = simulated({("slow", "slow"): 5}, kernel=kernel)[1:-1]
    limits = "Constants t x^2 -> c: 7 of 8 within 1 %; 2 near the critical kappa = 1 not compared."
    assert said == [
        "Driven by made; on one axis it equals the S6 recurrence to 3.0e-07.",
        *([limits] if constants and constants["compared"] else []),
        "Blow-up times against the exact integral: 3, the largest error of ln T 2.0e-03.",
        "Whole layers on all channels from 16 starts of real token states: 9 converged, 4 diverged, 1 settled elsewhere, 2 undecided, of which 1 had grown 10-fold.",
    ]
