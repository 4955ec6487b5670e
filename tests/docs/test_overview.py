"""The picture of README: it is small, it is what the figure shows today, and a change of it is seen."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from s6flow.paper_figures.figure import Data

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def overview() -> ModuleType:
    spec = importlib.util.spec_from_file_location("overview", DOCS / "overview.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(overview: ModuleType) -> Data:
    found: Data = overview.FIGURES[overview.NAME].drawing().data()
    return found


def test_the_picture_is_current(overview: ModuleType, data: Data) -> None:
    assert overview.recorded() == overview.stamp(data), "run: python docs/overview.py"


def test_another_picture_has_another_stamp(overview: ModuleType, data: Data) -> None:
    verdict = data["verdict"].copy()
    verdict[0] = "dead"
    assert overview.stamp({**data, "verdict": verdict}) != overview.stamp(data)
    assert overview.stamp({**data, "x": data["x"] * 1.01}) != overview.stamp(data)
    assert overview.stamp({**data, "x": data["x"] * (1 + 1e-9)}) == overview.stamp(data)


def test_files_are_small_enough_for_a_page(overview: ModuleType) -> None:
    for suffix in ("svg", "png"):
        assert (DOCS / f"overview.{suffix}").stat().st_size <= overview.LARGEST
    with Image.open(DOCS / "overview.png") as picture:
        assert picture.width == overview.WIDTH


def test_the_flow_has_its_three_ends(data: Data) -> None:
    assert data["end"].tolist() == ["convergent", "slow", "fast"]
    assert (np.diff(np.abs(data["x"][0]), axis=0) < 0).all()
    assert (np.diff(np.abs(data["x"][1]), axis=0) > 0).all()
    last = np.abs(data["x"][:, -1])
    assert last[0].max() < 0.01
    assert 10 < last[1].min() < last[1].max() < 100
    assert last[2, 0] > 500


def test_the_map_is_the_zoo(data: Data) -> None:
    import json

    from s6flow.numeric.zoo import ZOO

    rows = json.loads(ZOO.read_text())["checkpoints"]
    assert len(data["verdict"]) == sum(len(row["layers"]) for row in rows)
    for row in rows:
        mine = data["verdict"][data["checkpoint"] == row["name"]].tolist()
        assert (set(mine) == {"no verdict beyond notes"}) == (row["severity"] == "healthy")
