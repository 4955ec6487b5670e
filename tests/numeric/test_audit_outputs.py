"""JSON, CSV, HTML and terminal output of the audit.

One long file: four outputs of one audit, which is run once.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from s6flow.errors import FormatError
from s6flow.numeric.audit import (
    COLUMNS,
    AuditReport,
    audit,
    render_table,
    schema,
    to_html,
    to_json,
    write_csv,
    write_html,
    write_json,
)
from s6flow.numeric.audit.columns import DROPPED, assemble
from s6flow.numeric.audit.output.records import statuses, summary
from s6flow.numeric.criteria.labels import end_labels
from s6flow.symbolic.ends import COLOURS, ENDS, End

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "audit-2.json"
CHANNELS, STATES, RANK = 10, 3, 2


def tensors(layer: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {
        "A_log": (CHANNELS, STATES),
        "x_proj.weight": (RANK + 2 * STATES, CHANNELS),
        "dt_proj.weight": (CHANNELS, RANK),
        "dt_proj.bias": (CHANNELS,),
        "D": (CHANNELS,),
    }
    prefix = f"backbone.layers.{layer}.mixer."
    return {prefix + key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    """Four layers: a plain one, one with planted corners, one of NaN, one with biases."""
    plain, odd, broken, biased = (tensors(layer, 7 + layer) for layer in range(4))
    x_proj = odd["backbone.layers.1.mixer.x_proj.weight"]
    x_proj[RANK : RANK + STATES, 0] = 0.0  # all mu_n = 0
    odd["backbone.layers.1.mixer.dt_proj.weight"][1] = 0.0  # s = 0
    broken["backbone.layers.2.mixer.D"][0] = np.nan
    biased["backbone.layers.3.mixer.x_proj.bias"] = np.linspace(-1, 1, RANK + 2 * STATES, dtype=np.float32)
    path = tmp_path_factory.mktemp("audit") / "<b>&.safetensors"
    save_file(plain | odd | broken | biased, path)
    return audit(str(path), simulate=True, shuffles=20)


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


class TestJson:
    def test_schema_is_the_published_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(schema())
        assert json.loads(PUBLISHED.read_text()) == schema()

    def test_document_is_valid(self, report: AuditReport, tmp_path: Path) -> None:
        document = json.loads(write_json(report, tmp_path / "a.json").read_text())
        validator = jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text()))
        validator.validate(document)
        assert document["schema"] == "s6flow-audit/2"
        assert all(math.isfinite(value) for value in numbers(document))
        assert len(document["layers"]) == 3
        assert [entry["name"] for entry in document["withheld"]] == ["backbone.layers.2.mixer"]
        for layer in document["layers"]:
            assert {len(column) for column in layer["channel_columns"].values()} == {CHANNELS}

    @pytest.mark.parametrize("damage", ["word", "nan", "version", "missing", "extra", "null"])
    def test_schema_refuses_damage(self, report: AuditReport, damage: str) -> None:
        document = json.loads(json.dumps(to_json(report)))
        columns = document["layers"][0]["channel_columns"]
        match damage:
            case "word":
                columns["scenario_mixed"][0] = "sideways"
            case "nan":
                columns["mu"][0] = "NaN"
            case "version":
                document["schema"] = "s6flow-audit/1"
            case "missing":
                del columns["K0"]
            case "extra":
                document["note"] = ""
            case "null":
                columns["mu"][0] = None
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema()).validate(document)

    def test_planted_corners(self, report: AuditReport) -> None:
        columns = to_json(report)["layers"][1]["channel_columns"]
        assert columns["mu"][0] == 0
        assert columns["mu_n_zero"][0] == STATES
        assert columns["K0"][0] is None
        assert columns["scenario_mixed"][0] == "stationary"
        assert columns["s"][1] == 0

    def test_every_column_is_explained(self, report: AuditReport) -> None:
        document = to_json(report)
        assert set(document["layers"][0]["channel_columns"]) == {column.name for column in COLUMNS["channel"]}
        for column in (*COLUMNS["channel"], *COLUMNS["layer"]):
            assert column.meaning
            assert column.unit
            assert column.assumption
            assert column.source
        assert {part for part, _ in DROPPED} >= {"conv1d", "SiLU gate", "norms", "D skip", "finite depth"}
        assert document["dropped"] == [{"part": part, "effect": effect} for part, effect in DROPPED]

    @pytest.mark.nightly
    def test_the_same_twice(self, report: AuditReport) -> None:
        again = audit(report.source, simulate=True, shuffles=20)
        assert json.dumps(to_json(again)) == json.dumps(to_json(report))
        assert to_html(again) == to_html(report)

    def test_a_layer_is_the_same_twice(self, report: AuditReport) -> None:
        again = audit(report.source, simulate=True, shuffles=20, layers=["0"])
        assert json.dumps(to_json(again)["layers"]) == json.dumps(to_json(report)["layers"][:1])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "every declared column of the audit needs values; got none for K0 at"),
        ("undeclared", "every column of the audit is declared; got values for K1 at"),
        ("twice", "got values twice for K0 at"),
        ("dtype", "column K0 holds float64 of shape (10,); got float32 of shape (10,) at"),
        ("length", "column K0 holds float64 of shape (10,); got float64 of shape (11,) at"),
        ("kind", "column scenario_mixed is a word; got ndarray at"),
        ("word", "column scenario_mixed holds only its declared words; got undecided at"),
    ],
)
def test_columns_are_held_against_their_table(report: AuditReport, damage: str, message: str) -> None:
    columns = dict(report.layers[0].columns)
    assert list(assemble(CHANNELS, columns)) == [column.name for column in COLUMNS["channel"]]
    parts = [columns]
    match damage:
        case "missing":
            del columns["K0"]
        case "undeclared":
            columns["K1"] = columns["K0"]
        case "twice":
            parts.append({"K0": columns["K0"]})
        case "dtype":
            columns["K0"] = np.zeros(CHANNELS, dtype=np.float32)
        case "length":
            columns["K0"] = np.zeros(CHANNELS + 1)
        case "kind":
            columns["scenario_mixed"] = np.zeros(CHANNELS, dtype=np.uint8)
        case "word":
            columns["scenario_mixed"] = end_labels(np.full(CHANNELS, End.UNDECIDED))
    with pytest.raises(FormatError, match=re.escape(message)):
        assemble(CHANNELS, *parts)


def test_a_row_of_a_layer_is_held_against_its_table(report: AuditReport, monkeypatch: pytest.MonkeyPatch) -> None:
    row = report.layers[0].row()
    assert list(row) == [column.name for column in COLUMNS["layer"]]
    planted = dataclasses.replace(COLUMNS["layer"][-1], name="planted")
    for declared, message in (
        ((*COLUMNS["layer"], planted), "needs values; got none for planted at"),
        (COLUMNS["layer"][:-1], "is declared; got values for product_complex at"),
    ):
        monkeypatch.setattr("s6flow.numeric.audit.report.LAYER_COLUMNS", declared)
        with pytest.raises(FormatError, match=message):
            report.layers[0].row()


def test_csv_has_one_row_a_channel(report: AuditReport, tmp_path: Path) -> None:
    rows = list(csv.DictReader(write_csv(report, tmp_path / "a.csv").open(newline="")))
    assert len(rows) == 3 * CHANNELS
    assert list(rows[0]) == ["layer", *(column.name for column in COLUMNS["channel"]), "phase_line", "health"]
    assert [row["channel"] for row in rows[:CHANNELS]] == [str(index) for index in range(CHANNELS)]
    for index, layer in enumerate(report.layers):
        part = rows[index * CHANNELS : (index + 1) * CHANNELS]
        assert {row["layer"] for row in part} == {layer.name}
        np.testing.assert_array_equal([float(row["mu"]) for row in part], layer.numbers("mu"))
        assert all(bool(row["phase_line"]) == layer.affine for row in part)
    assert not any(cell in ("nan", "None", "inf", "-inf") for row in rows for cell in row.values())


class TestHtml:
    def test_needs_no_network(self, report: AuditReport, tmp_path: Path) -> None:
        text = write_html(report, tmp_path / "a.html").read_text()
        assert not re.search(r"https?://", text)
        assert not re.search(r"<(script|link|iframe|object|img)\b|@import|url\(|src=", text)
        assert len(text) < 3_000_000

    def test_content(self, report: AuditReport) -> None:
        text = to_html(report)
        assert text.count("<svg") == text.count("</svg>") == 5
        assert 'name="viewport"' in text
        assert "@media print" in text
        for column in (*COLUMNS["channel"], *COLUMNS["layer"]):
            assert f"<td>{column.name}</td>" in text
        assert "backbone.layers.2.mixer" in text
        assert "Predicted and simulated fates" in text

    def test_names_are_escaped(self, report: AuditReport) -> None:
        text = to_html(report)
        assert "<b>&.safetensors" not in text
        assert "&lt;b&gt;&amp;.safetensors" in text

    def test_is_well_formed(self, report: AuditReport) -> None:
        import xml.etree.ElementTree as ElementTree

        for svg in re.findall(r"<svg.*?</svg>", to_html(report), flags=re.S):
            assert len(list(ElementTree.fromstring(svg).iter())) > 5
            assert "nan" not in svg

    def test_size_does_not_grow_with_channels(self, report: AuditReport, monkeypatch: pytest.MonkeyPatch) -> None:
        from s6flow.numeric.audit.output import pictures

        assert len(pictures.scenario_map(report)) < 100 * 3 * 3 * pictures.CELLS
        monkeypatch.setattr(pictures, "CELLS", 5)
        few = pictures.scenario_map(report)
        assert few.count("h") < 200


class TestTerminal:
    def text(self, report: AuditReport, width: int = 160) -> str:
        console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        for part in render_table(report):
            console.print(part, crop=False)
        return console.export_text()

    def test_says_what_a_stranger_needs(self, report: AuditReport) -> None:
        text = " ".join(self.text(report).split())
        assert "3 of 4 layers, 30 channels" in text
        assert "The theory drops: conv1d" in text
        assert "The raw fraction of mu < 0 misleads" in text
        assert "No scenario is given for backbone.layers.2.mixer: not-finite." in text
        assert (
            "Withheld, backbone.layers.2.mixer" not in text
        )  # its NaN is said once, by health, under the tensor's name
        assert "0 did not" in text
        assert "The paper's own setting" in text

    def test_flags_are_said_once(self) -> None:
        report = audit("typeseg", shuffles=2)
        text = " ".join(self.text(report).split())
        assert "is unknown on the 1536 channels with biases" in text
        assert summary(report)["dichotomy_can_fail_channels"] is None
        assert "by size: the fate of token 1 depends on its size" in text
        assert "root: token 1 tends to a nonzero equilibrium" in text
        assert "Flag, CheckpointMambaBlock1D_0 and 5 more layers: bidirectional" in text
        assert "no layer is definite." in text

    def test_paths_and_headers_are_not_broken(self, report: AuditReport) -> None:
        folder = "folder" * 15
        text = self.text(replace(report, source=f"{folder}/model.safetensors"), 80)
        assert f"{folder}/model.safetensors" in text.splitlines()
        assert "by size" in self.text(audit("typeseg", shuffles=2), 80).replace("\N{NO-BREAK SPACE}", " ")

    def test_one_layer_has_its_name_in_the_title(self) -> None:
        lines = self.text(audit("typeseg", layers=["3"], shuffles=2), 80).splitlines()
        assert any("layer CheckpointMambaBlock1D_3" in line for line in lines)
        assert any(line.split()[:2] == ["3", "256"] for line in lines)

    def test_fits_a_narrow_terminal(self, report: AuditReport) -> None:
        lines = self.text(report, 80).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 80
        assert not any("…" in line for line in lines)

    def test_many_layers_are_thinned(self, report: AuditReport) -> None:
        many = replace(report, layers=tuple(replace(report.layers[0], name=f"l.{i}.m") for i in range(70)), withheld=())
        text = self.text(many, 80)
        assert "layers l.*.m" in text
        assert "One layer in 3 is shown" in " ".join(text.split())
        assert len(text.splitlines()) < 180  # a third of the rows, and sentences

    def test_disagreements_are_shown(self, report: AuditReport) -> None:
        from s6flow.numeric.audit.simulation.integrator import Disagreement

        first = report.layers[0]
        assert first.simulation is not None
        wrong = Disagreement(first.name, 3, (0.5, -0.25), "slow", "convergent")
        simulation = replace(first.simulation, confusion={("slow", "convergent"): 1}, disagreements=(wrong,))
        changed = replace(report, layers=(replace(first, simulation=simulation),))
        text = " ".join(self.text(changed).split())
        assert "DISAGREES, backbone.layers.0.mixer channel 3 from (0.5, -0.25): predicted slow, observed conv" in text
        assert "0 predictions came true, 1 did not" in text
        assert 'class="n wrong">1<' in to_html(changed)


def test_statuses_are_those_of_the_registry() -> None:
    assert set(statuses().values()) <= {"kernel-checked", "symbolic", "certified", "numeric", "conjecture"}
    assert set(statuses()) >= {"convergence-rate", "coexistence", "affine-phase-line"}


def test_nothing_half_written(report: AuditReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (write_json, write_csv, write_html):
        with pytest.raises(FormatError, match="an output must be a file that can be written; got Not a directory"):
            write(report, tmp_path / "file" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_ends_have_words_and_colours_of_their_own() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS) == len(ENDS)
