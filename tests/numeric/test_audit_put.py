"""What an audit puts on its page, into its files and its table of health, on small made reports."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest
from made_reports import made, printed
from safetensors.numpy import save_file

from s6flow.numeric.audit import audit, audit_layer
from s6flow.numeric.audit.output import page, records
from s6flow.numeric.audit.output.health import health_sentences, health_table, memory_sentences
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.health import VERDICTS, Diagnosis, LayerHealth
from s6flow.numeric.weights import S6Layer

# ---- the page and the files


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (1.0, "1"),
        (1 / 3, "0.3333"),
        (7, "7"),
        ("x", "x"),
        (0.0, "0"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_of_the_page(value: Any, text: str) -> None:
    assert page.shown(value) == text


def failing(name: str, K0: list[float], fails: list[int] | None = None) -> Any:
    numbers = defaultdict(lambda: np.array(K0), dichotomy_can_fail=np.array(fails or [1] * len(K0)))
    return made(
        LayerAudit,
        name=name,
        numbers=numbers.__getitem__,
        row=dict,
        simulation=None,
        words=lambda _: Made(word=lambda channel: f"e{channel}"),
    )


def test_the_page_lists_the_twenty_most_negative() -> None:
    values = [-float(place) for place in range(13)]  # the first is 0, which is not negative
    found = page.notable_channels(
        made(
            AuditReport,
            layers=[failing("b", values), failing("a", values), failing("c", [-9.0, -9.0, -99.0], [1, 1, 0])],
        )
    )
    assert [row["K0"] for row in found] == sorted(2 * values[1:] + [-9.0, -9.0])[:20]
    assert [(row["layer"], row["channel"]) for row in found if row["K0"] == -9.0] == [
        ("a", 9),
        ("b", 9),
        ("c", 0),
        ("c", 1),
    ]
    assert [row["evidence"] for row in found[:2]] == ["e12", "e12"]
    assert page.notable_channels(made(AuditReport, layers=[failing("a", [0.0, 1.0])])) == []


def test_the_page_counts_what_is_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("summary", "_pictures", "health_rows", "reference", "sentences"):
        monkeypatch.setattr(page, name, lambda *_, **__: [])
    monkeypatch.setattr(page, "template", lambda: Made(render=lambda **given: str(given["negative"])))
    first = failing("a", [-1.0, 0.0, 2.0, -3.0, -4.0], [1, 1, 1, 1, 0])
    assert page.to_html(made(AuditReport, layers=[first], health=None, totals=lambda _: {})) == "2"


def test_values_of_a_document_are_plain() -> None:
    for value in (float("nan"), float("inf"), np.float64("-inf"), np.float32("nan"), None):
        assert records.plain_value(value) is None
    for value, plain in ((np.float64(1.5), 1.5), (0.0, 0.0), (np.int64(3), 3), ("x", "x"), (np.bool_(True), True)):
        got = records.plain_value(value)
        assert got == plain
        assert type(got) is type(plain)


def test_a_summary_counts_what_is_known_apart_from_what_is_not() -> None:
    flags = {"dichotomy_can_fail": (3, 4), "paper_setting": (5, 6), "one_rate": (7, 8), "one_sign": (9, 10)}
    report = made(
        AuditReport,
        flagged=lambda name: flags.get(name, (1, 2)),
        totals=lambda _: {},
        layers=[],
        channels=20,
        withheld=(),
    )
    found = records.summary(report)
    assert [
        found[f"{name}_channels"]
        for name in ("paper_setting", "one_rate", "one_sign", "dichotomy_can_fail", "dichotomy_unknown")
    ] == [5, 7, 9, 3, 4]
    assert set(found["negative_within_channels"].values()) == {1}


def test_a_document_has_letters_as_they_are_and_no_nan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "to_json", lambda report: report.content)
    text = records.write_json(made(AuditReport, content={"name": "µ–λ", "value": 0.1}), tmp_path / "x.json").read_text(
        encoding="utf-8"
    )  # type: ignore[arg-type]
    assert "µ–λ" in text
    assert json.loads(text) == {"name": "µ–λ", "value": 0.1}
    with pytest.raises(ValueError, match="JSON"):
        records.write_json(made(AuditReport, content={"value": float("nan")}), tmp_path / "y.json")  # type: ignore[arg-type]
    assert not (tmp_path / "y.json").exists()


# ---- health


def lives(median: float | None = 2.0, **numbers: Any) -> Any:
    known = {
        "half_life_q05": 0.0,
        "half_life_median": median,
        "half_life_max": 9.0,
        "unsaturated": 0.5,
        "rank_B": 0.25,
        "rank_C": 0.75,
    } | numbers
    return made(LayerHealth, fatal=False, numbers=known, untrained=dict.fromkeys(known, 1.5) | {"half_life_q05": 0.0})


def test_memory_is_told_by_layer() -> None:
    lines = list(
        memory_sentences(made(Diagnosis, layers=[lives(), lives(4.0, half_life_max=None, rank_B=0.5), lives(None)]))
    )
    assert lines == [
        "Memory, half-lives in tokens at the bias' step, by layer: 5 % of states below 0 (untrained: 0); median 2 to 4 (untrained: 1.5); longest 0 to 9 (untrained: 1.5).",
        "Share of states that remember beyond the context, by layer: 0.5 (untrained: 1.5).",
        "Effective rank over the number of states, S_B and S_C, by layer: 0.25 to 0.5 (untrained: 1.5) and 0.75 (untrained: 1.5).",
    ]
    for part in ("rank_B", "rank_C"):  # one that is not known: of neither
        assert len(list(memory_sentences(made(Diagnosis, layers=[lives(), lives(**{part: None})])))) == 2
    assert list(memory_sentences(made(Diagnosis, layers=[lives(None)]))) == []


def ill(name: str, severity: str = "healthy", verdicts: Any = (), **numbers: Any) -> Any:
    known = {"response": 1.0, "dead_channels": 0.125, "half_life_median": 2.0, "half_life_max": 123456.0} | numbers
    return made(LayerHealth, name=name, severity=severity, verdicts=verdicts, numbers=known)


def tabled(*layers: Any, width: int = 80) -> list[str]:
    diagnosis = made(Diagnosis, layers=layers, ranked=layers, severity="healthy", context=4, line=lambda: "Well.")
    return printed(health_table(diagnosis), width).splitlines()


@pytest.mark.parametrize(
    ("count", "more"),
    [(1, None), (11, None), (12, None), (13, "1 more layer, no worse, is"), (15, "3 more layers, no worse, are")],
)
def test_twelve_layers_have_their_health_in_the_terminal(count: int, more: str | None) -> None:
    lines = tabled(*(ill(f"l.{place}.m") for place in range(count)))
    assert sum("12.5 %" in line for line in lines) == min(count, 12)
    assert [line for line in lines if "no worse" in line] == (
        [] if more is None else [f"{more} in --json, --health-csv and --html."]
    )


def test_names_and_numbers_of_health_are_not_broken() -> None:
    row = Made(title="a verdict of very many words that has to be folded", severity="warning")
    letters = "abcdefghijklmnopqrst"
    lines = tabled(ill(f"{letters[:13]}1"), ill("zz", "warning", (row,)), width=50)
    assert sum("12.5 %" in line for line in lines) == 2
    assert sum("1.23e+05" in line for line in lines) == 2
    assert any(line.split()[:1] == [f"{letters[:13]}1"] for line in lines)
    lines = tabled(ill(f"{letters}1"), ill("zz", "warning", (row,)), width=50)
    assert any(line.split()[:1] == [letters[:14]] for line in lines)


def test_damage_is_named_where_numbers_are_not_finite() -> None:
    bad, other = (next(row for row in VERDICTS if (row.name == "not-finite") == same) for same in (True, False))

    def said(damage: tuple[str, ...], *names: str) -> str:
        one = made(
            LayerHealth,
            name="l",
            has=names.__contains__,
            damage=damage,
            numbers={},
            untrained={},
            undecided=(),
            used=(),
            assumed=(),
            fatal=True,
            shut=False,
        )
        return next(health_sentences(made(Diagnosis, ranked=[one], layers=[one])))

    assert f"{bad.title}: l (NaN in D); " in said(("NaN in D",), bad.name)
    assert f"{bad.title}: l; " in said((), bad.name)
    assert f"{other.title}: l; " in said(("NaN in D",), other.name)


# ---- an audit of one small file


def test_an_audit_judges_a_layer_and_its_health(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shapes = {"A_log": (4, 3), "x_proj.weight": (8, 4), "dt_proj.weight": (4, 2), "dt_proj.bias": (4,), "D": (4,)}
    save_file(
        {f"m.{key}": rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()},
        tmp_path / "x.safetensors",
    )
    found = audit(str(tmp_path / "x.safetensors"), shuffles=2)
    assert [one.name for one in found.layers] == [one.name for one in found.health.layers] == ["m"]


def test_nothing_is_simulated_or_certified_unless_it_is_asked_for() -> None:
    one, none = np.ones((2, 2)), np.zeros(2)
    found = audit_layer(S6Layer("x", one, one, one, none, none, np.eye(2), np.eye(2), none), shuffles=2)
    assert found.simulation is None
    assert found.words("certified").counts() == {"not asked": 2}
