"""Figures of committed results: what they read, what they refuse, and when a result is stale."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError
from s6flow.numeric import evidence
from s6flow.paper_figures import draw, freshness
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.drawings import performance, training
from s6flow.paper_figures.figure import FigureUnavailable, result_files


def test_training_shows_what_the_files_say() -> None:
    files = result_files(FIGURES["training"])
    if not files:
        with pytest.raises(FigureUnavailable, match="results"):
            training.data()
        return
    data = training.data()
    for path in files:
        content = json.loads(path.read_text())
        name = content["config"]["name"]
        assert data["experiment"].tolist().count(name) == 1
        for suffix, metric, *_ in training.PANELS[content["experiment"]]:
            panel = f"{name}_{suffix}"
            assert data["panel"].tolist().count(panel) == 1
            for place, key in enumerate(data[f"{panel}_condition"].tolist()):
                assert data[f"{panel}_mean"][place] == content["conditions"][key]["metrics"][metric]["mean"]
        place = data["experiment"].tolist().index(name)
        assert data["runs"][place] - data["flat_runs"][place] == len(content["flat"]["not_flat"])


def test_absent_and_broken_results(tmp_path: Path) -> None:
    with pytest.raises(FigureUnavailable, match="results"):
        training.read_results([])
    with pytest.raises(FigureUnavailable, match="benchmark"):
        performance.read_rows([])
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(FormatError, match=r"broken\.json"):
        training.read_results([broken])
    with pytest.raises(FormatError, match=r"broken\.json"):
        performance.read_rows([broken])


def test_performance_finds_ratios_wherever_they_stand(tmp_path: Path) -> None:
    content = {
        "provenance": {"numpy": "2"},
        "cases": {"flow": {"ratio": 3.0, "seconds": 1.0}, "scan": {"ratio_to_torchode": 0.5, "fraction_of_limit": 0.8}},
        "rows": [{"name": "audit", "speedup": 40}],
        "forms": [{"tokens": 8, "times_numba": {"numba": 1.0, "c": 2.0}, "times_numba_best": {"c": 3.0}}],
    }
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps(content))
    rows = performance.read_rows([path])
    assert {row[1:] for row in rows} == {
        ("peer", "flow", "", 3.0),
        ("peer", "scan", "to_torchode", 0.5),
        ("limit", "scan", "", 0.8),
        ("peer", "audit", "", 40.0),
        ("peer", "tokens 8", "c", 2.0),
    }


def _experiment(**change: Any) -> dict[str, Any]:
    from s6flow.numeric.experiments.config import load_config

    content = {
        "config": {"name": "lm_cpu"},
        "config_digest": load_config("lm_cpu").digest(),
        "provenance": [{"code": evidence.evidence_of(result_files(FIGURES["training"])[0]).digest()}],
    }
    return {**content, **change}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"config_digest": "0"}, "configuration"),
        ({"provenance": [{"code": "0"}]}, "the code is"),
        ({"provenance": []}, "does not say which code"),
        ({"config": {"name": "nothing"}}, "configuration is not there"),
    ],
)
def test_staleness_of_an_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], reason: str | None
) -> None:
    path = tmp_path / "numeric" / "experiments" / "results" / "lm_cpu.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(_experiment(**change)))
    monkeypatch.setattr(evidence, "result_name", lambda path: "numeric/experiments/results/lm_cpu.json")
    reasons = freshness.stale_reasons(path)
    assert (reasons == []) if reason is None else any(reason in line for line in reasons)
    if reason in ("the code is", "does not say which code"):
        assert all("renew it: s6flow experiment plan" in line for line in reasons)
    path.write_text("[")
    assert "cannot be read" in freshness.stale_reasons(path)[0]


def test_check_says_stale_by_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "result_files", lambda figure: [tmp_path / "gone.json"] if figure.results else [])
    report = draw.draw_figures(["training", "convergence"], tmp_path / "out", check=True)
    assert report.exit_code == 4
    assert [outcome.state for outcome in report.outcomes] == ["fresh", "stale"]
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(freshness, "result_files", lambda figure: [])
    assert draw.draw_figures(["training"], tmp_path / "out", check=True).exit_code == 0


def test_check_skips_what_a_missing_package_would_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s6flow.numeric.experiments.settings", None)
    report = draw.draw_figures(["training", "convergence"], tmp_path / "out", check=True)
    assert report.exit_code == 3
    assert [outcome.state for outcome in report.outcomes] == ["fresh", "skipped"]
    assert "checked with its configuration" in report.outcomes[1].reason


def test_check_says_what_an_installed_package_cannot_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "stale_results", lambda figure: [])
    assert draw.draw_figures(["performance"], tmp_path, check=True).outcomes[0].reason == ""
    monkeypatch.setattr(evidence, "unchecked", lambda path: path.name == "gpu_flow.json")
    (outcome,) = draw.draw_figures(["performance"], tmp_path, check=True).outcomes
    assert (outcome.state, outcome.reason) == ("fresh", "in the repository alone are checked gpu_flow.json")


def test_a_missing_package_skips_the_figure_and_removes_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = replace(FIGURES["coexistence"], packages=("no_such_package_here",))
    monkeypatch.setitem(FIGURES, "coexistence", figure)
    (tmp_path / "coexistence.png").write_bytes(b"old")
    record = {"digest": "old", "caption": "", "title": "", "files": {"png": ""}}
    (tmp_path / "coexistence.json").write_text(json.dumps(record))
    report = draw.draw_figures(["coexistence"], tmp_path)
    assert report.exit_code == 3
    assert "no_such_package_here" in report.lines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert "no_such_package_here" in (tmp_path / "index.html").read_text()


def test_captions_say_which_results_await_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, drawing in (("training", training), ("performance", performance)):
        data = drawing.data()
        files = [path for path in result_files(FIGURES[name]) if path.stem in data.get("file", [path.stem])]
        declared = [path.stem for path in files if evidence.awaiting(path) is not None]
        assert all(f"`{stem}`" in drawing.caption(data).partition("awaiting renewal")[2] for stem in declared)
        with monkeypatch.context() as patch:
            patch.setattr(evidence, "awaiting", lambda path: None)
            assert "awaiting" not in drawing.caption(data)
            patch.setattr(evidence, "awaiting", lambda path: "hours")
            assert drawing.caption(data).count("awaiting renewal") == 1


@pytest.mark.parametrize(
    ("file", "case", "task"),
    [
        ("cpu_flow", "ensemble", "flows of ensembles, CPU"),
        ("gpu_ensembles", "fast", "flows of ensembles, GPU"),
        ("gpu_flow", "L 128", "right-hand sides, GPU"),
        ("cpu_flow", "equations, x' = 1 + x^2", "own equations, CPU"),
        ("audit_cpu", "layer", "audit of a layer, CPU"),
    ],
)
def test_a_ratio_stands_under_what_was_timed(file: str, case: str, task: str) -> None:
    columns = {"file": file, "kind": "peer", "case": case, "peer": "other", "value": 3.0}
    assert list(performance.by_task({key: np.array([value]) for key, value in columns.items()}, "peer")) == [task]


def test_lengths_stand_in_their_order() -> None:
    cases = ["L 1024", "L 128", "L 65536"]
    data = {"file": ["gpu_flow"] * 3, "kind": ["limit"] * 3, "case": cases, "peer": [""] * 3, "value": [0.1, 0.2, 0.3]}
    (rows,) = performance.by_task({key: np.array(value) for key, value in data.items()}, "limit").values()
    assert list(rows) == ["128 tokens", "1024 tokens", "65536 tokens"]
