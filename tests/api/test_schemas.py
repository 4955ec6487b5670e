"""Every document that is printed as JSON has a published schema, which real output meets and damage does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import click
import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import s6flow as sf
from s6flow.api import schemas
from s6flow.cli import COMMANDS, cli
from s6flow.errors import FormatError
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.provenance import package_root

DOCS = package_root().resolve().parent / "docs"
SYSTEM: dict[str, Any] = {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0}


def _valid(document: Any, name: str) -> None:
    plain = json.loads(json.dumps(document, allow_nan=False))
    jsonschema.Draft202012Validator(schemas.schema(name)).validate(plain)
    if isinstance(plain, dict) and "schema" in plain:
        assert plain["schema"] == name


def _printed(*words: str) -> Any:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 0, done.output[-500:]
    return json.loads(done.stdout)


def _shipped(name: str) -> str:
    return str(shipped_checkpoint(name))


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_the_published_file_is_the_schema(name: str) -> None:
    found = schemas.schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    path = DOCS / "schemas" / schemas.SCHEMAS[name].file
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(found)), "run make generated"


def test_there_is_no_other_file_and_the_page_lists_all() -> None:
    files = {path.name for path in (DOCS / "schemas").iterdir()}
    assert files == {row.file for row in schemas.SCHEMAS.values()}
    page = (DOCS / "terminal.md").read_text(encoding="utf-8")
    assert schemas.listed(page) == page, "run make generated"


def test_every_command_that_prints_json_is_in_the_table() -> None:
    asked = {row.source.split(" --json")[0].split()[1] for row in schemas.SCHEMAS.values() if "--json" in row.source}
    context = click.Context(cli)
    found = set()
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        if any("--json" in option.opts for part in inner for option in part.params):
            found.add(name)
    assert found == asked
    assert {"audit", "check", "theorem", "trace"} <= found


def test_the_library() -> None:
    _valid(_printed("theorems", "--json"), "s6flow-theorems/1")
    _valid(_printed("theorem", "convergence-rate", "--json"), "s6flow-theorem/1")
    for row in sf.theorems():
        kind = "refuted" if row["status"] == "refuted" else "theorem"
        _valid(sf.theorem(row["id"]).to_json(), f"s6flow-{kind}/1")


def test_checks() -> None:
    _valid(_printed("check", "carried-limits", "causality", "--examples", "20", "--json"), "s6flow-check/1")
    _valid(sf.check("convergence-rate", "causality", examples=0, backend="flint").to_json(), "s6flow-check/1")


@pytest.mark.parametrize(
    ("x0", "mu", "more"),
    [([1.0, 0.5], [-1.0, 1.5], {}), ([1.0, -2.0], [-1.0, -0.5], {}), ([-1.0, 0.0], [1.0, 0.5], {}), ([0.0], [1.0], {"a": [1.0]})],
    ids=["blow-up", "convergent", "slow", "at-rest"],
)  # fmt: skip
def test_flows(x0: list[float], mu: list[float], more: dict[str, Any]) -> None:
    _valid(sf.integrate(x0, **{**SYSTEM, "mu": mu, **more}).to_json(), "s6flow-simulate/2")


def test_batches_and_ends() -> None:
    flow = sf.integrate(np.array([[1.0, 0.5], [-1.0, 0.2]]), **SYSTEM)
    _valid(flow.to_json(), "s6flow-simulations/1")
    _valid(sf.classify(flow).to_json(), "s6flow-ends/1")
    _valid(sf.classify(flow[0]).to_json(), "s6flow-ends/1")
    _valid(_printed("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--x0", "1,0.5", "--json"), "s6flow-simulate/2")


def test_certificates() -> None:
    pytest.importorskip("flint")
    for mu in ([-1.0, 1.5], [1.0, 1.5]):
        _valid(sf.certify(**{**SYSTEM, "mu": mu}).to_json(), "s6flow-certificate/1")


def test_audits() -> None:
    pair = [_shipped("negative"), _shipped("positive")]
    _valid(_printed("audit", pair[0], "--json"), "s6flow-audit/2")
    _valid(_printed("audit", *pair, "--json"), "s6flow-trend/1")
    _valid(_printed("diff", *pair, "--json"), "s6flow-diff/1")


def test_traces() -> None:
    """Kept ones of this code's shape, then a run."""
    kept = json.loads((package_root() / "numeric" / "networks" / "traces.json").read_text(encoding="utf-8"))
    assert kept["traces"]
    beside = {"continuous_below", "provenance"}  # what numeric.networks adds to a document
    for document in kept["traces"].values():
        _valid({key: part for key, part in document.items() if key not in beside}, "s6flow-trace/1")
    pytest.importorskip("torch")
    _valid(_printed("trace", "--length", "16", "--json"), "s6flow-trace/1")


def test_proofs() -> None:
    """The committed record is what `prove --record` wrote, and `prove --json` prints."""
    record = package_root() / "proofs" / "coq" / "record.json"
    _valid(json.loads(record.read_text(encoding="utf-8")), "s6flow-proofs/1")


def test_figures(tmp_path: Path) -> None:
    _valid(_printed("figures", "--list", "--json"), "s6flow-figure-list/1")
    _valid(sf.figures("depth", out=tmp_path).to_json(), "s6flow-figures/1")


@pytest.mark.slow
def test_the_derivation(tmp_path: Path) -> None:
    _valid(sf.derive(out=tmp_path).to_json(), "s6flow-derivation/1")


def _damaged(found: Any) -> list[Any]:
    """The document without each of its keys, with one more, and with another name."""
    top = found[0] if isinstance(found, list) else found
    parts = []
    for key in [*top, None]:
        changed = copy.deepcopy(found)
        inner = changed[0] if isinstance(changed, list) else changed
        if key is None:
            inner["more"] = 1
        else:
            del inner[key]
        parts.append(changed)
    return parts


def test_damage_is_seen() -> None:
    """Planted: a key that is missing, and one too many."""
    real = {
        "s6flow-simulate/2": sf.integrate([1.0, 0.5], **SYSTEM).to_json(),
        "s6flow-theorem/1": sf.theorem("causality").to_json(),
        "s6flow-theorems/1": sf.theorems().to_json(),
        "s6flow-check/1": sf.check("causality", examples=20).to_json(),
    }
    for name, document in real.items():
        for changed in _damaged(document):
            with pytest.raises(jsonschema.ValidationError):
                _valid(changed, name)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(FormatError, match="s6flow-check/1"):
        schemas.schema("s6flow-check/0")
