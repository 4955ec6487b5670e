"""The committed file of programs: it is what SymPy gives, what it holds is used, and stale or foreign content is not."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from representatives import sweep

from s6flow.committed import forget
from s6flow.errors import CodegenError
from s6flow.symbolic.charts import log_program
from s6flow.symbolic.codegen.module import source_text
from s6flow.symbolic.programs import build, flows, rules, serial

PREFIXES = {"charts", "attention", "criteria", "carried_sums", "measured", "assumptions", "end_rules", "health_rules", "state", "step_control"}  # fmt: skip
COLD = """
import sys
from s6flow.cli import main
try:
    main({words!r})
finally:
    assert "sympy" not in sys.modules, "SymPy was imported"
"""


@pytest.fixture(scope="module")
def wanted() -> str:
    return build.text()


def test_file_is_what_sympy_gives(wanted: str) -> None:
    assert serial.FILE.path.read_text(encoding="utf-8") == wanted, "run make generated"


def test_every_program_comes_back_as_the_same_object() -> None:
    computed = build.computed()
    assert {key.split("/")[0] for key in computed} == PREFIXES
    for key, program in computed.items():
        again = serial.from_data(json.loads(json.dumps(serial.as_data(program))))
        assert again == program, key
        assert again.listing() == program.listing(), key
        assert serial.stored(key) == program, key
        assert source_text(again, "numpy") == source_text(program, "numpy"), key


def test_tables_are_the_rules() -> None:
    for key, found in build.tables().items():
        assert serial.table(key) == json.loads(json.dumps(found)), key
    assert list(rules.step_rules("hairer"))[-1] == rules.NORM


def _changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    document = json.loads(serial.FILE.path.read_text(encoding="utf-8")) | change
    path = tmp_path / "programs.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setattr(serial, "FILE", dataclasses.replace(serial.FILE, name=str(path)))
    forget()
    flows.log_program.cache_clear()
    rules.deciding.cache_clear()


@pytest.fixture
def fresh() -> Any:
    yield
    forget()
    for cached in (flows.log_program, rules.deciding):
        cached.cache_clear()


@pytest.mark.parametrize("change", [{"sources": "0" * 20}, {"schema": "s6flow-programs/0"}])
def test_other_sources_are_lowered_anew(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    wrong = {"charts/log_program": serial.as_data(flows.growth_rate_program())}
    _changed(tmp_path, monkeypatch, {"programs": wrong})
    assert flows.log_program() == flows.growth_rate_program()  # what the file says is what is used
    _changed(tmp_path, monkeypatch, {"programs": wrong, **change})
    assert serial.stored("charts/log_program") is None
    assert serial.table("end_rules/phase_rules") is None
    assert flows.log_program() == log_program()
    assert len(rules.deciding("phase_rules")) == len(json.loads(json.dumps(build.tables()["end_rules/phase_rules"])))


def test_an_operation_that_the_ir_lacks_is_refused() -> None:
    data = serial.as_data(log_program())
    data["nodes"][-1][0] = "system"
    with pytest.raises(CodegenError, match="must be one of OPS"):
        serial.from_data(data)


@pytest.mark.parametrize(
    "words",
    sweep(
        [
            ["theorems"],
            ["theorem", "convergence-rate"],
            ["simulate", "--mu=-1,1.5", "--a", "0.2,4", "--b", "1", "--x0", "1,0.5"],
            ["audit", "numeric/experiments/checkpoints/negative.safetensors"],
            ["check", "convergence-rate", "--examples", "20"],
            ["check", "prenorm-bound", "--examples", "20"],
            ["check", "carried-limits", "--examples", "20", "--backend", "flint"],
        ],
        kept=[["theorem", "convergence-rate"], ["check", "prenorm-bound", "--examples", "20"]],
        ids=lambda words: "-".join(words[:2]),
    ),
)
def test_commands_do_without_sympy(words: list[str]) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", COLD.format(words=words)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout
