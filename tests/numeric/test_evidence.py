"""Committed results and the code that made them: one digest, by meaning, that misses nothing and names no folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from s6flow.errors import FormatError, S6FlowError
from s6flow.numeric import evidence
from s6flow.provenance import code_digest, meaning_digest, package_root, source_files

ROOT = package_root().resolve().parent


def everything(name: str) -> bool:
    return True


@pytest.mark.parametrize("path", evidence.committed(), ids=lambda path: path.name)
def test_a_committed_result_belongs_to_the_code(path: Path) -> None:
    reasons, declared = evidence.stale_reasons(path), evidence.awaiting(path)
    if declared is not None:
        assert reasons, f"{path.name} is not stale: take it out of numeric/awaiting.json"
        pytest.skip(f"{path.name} awaits renewal ({declared}): {'; '.join(reasons)}")
    assert not reasons, f"{path.name}: {'; '.join(reasons)}"


def test_only_results_are_declared_to_await_renewal() -> None:
    declared = json.loads((ROOT / "numeric" / "awaiting.json").read_text())
    assert set(declared) <= {path.relative_to(ROOT).as_posix() for path in evidence.committed()}
    assert all(len(reason) > 20 for reason in declared.values())
    assert evidence.awaiting(ROOT / "README.md") is None


#: Generated code imports these by `from ... import NAME` in a text, which no digest follows. Who changes what one does looks
#: whether results still hold (all do since these: a number is written by the device itself), and writes the new digest here.
NOT_FOLLOWED = {
    "torch_runtime": "6fcdab4e94d03bccdcad24fb01decbbea7fe0a8d63051b7e160f6d97a4e41784",
    "flint_runtime": "46d74f2d7165f9780c9f3442148852723b7e9e6aa7be70b68c7f948b2f59f841",
}


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_no_digest_follows_is_as_it_was(name: str) -> None:
    module = f"s6flow.symbolic.codegen.arrays.{name}"
    assert all(
        module not in source_files(row.roots[0]) for row in evidence.EVIDENCE if row.roots[0].startswith("s6flow")
    )
    assert meaning_digest(ROOT / "s6flow" / "symbolic" / "codegen" / "arrays" / f"{name}.py") == NOT_FOLLOWED[name]


def test_every_committed_result_is_in_the_table() -> None:
    there = {ROOT / "proofs" / "nightly.json", *ROOT.glob("benchmarks/results/*.json")}
    there |= set(ROOT.glob("numeric/experiments/results/*.json"))
    there |= {ROOT / "numeric" / "zoo" / "zoo.json", ROOT / "numeric" / "networks" / "traces.json"}
    assert there == set(evidence.committed())
    with pytest.raises(FormatError, match="table of evidence"):
        evidence.evidence_of(ROOT / "benchmarks" / "results" / "unknown.json")


def test_a_result_is_of_the_code_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = evidence.evidence_of(ROOT / "benchmarks" / "results" / "audit_cpu.json")
    path = tmp_path / "audit_cpu.json"
    monkeypatch.setattr(evidence, "result_name", lambda path: "benchmarks/results/audit_cpu.json")
    path.write_text(json.dumps({"provenance": {"code": row.digest()}}))
    assert evidence.stale_reasons(path) == []
    path.write_text(json.dumps({"provenance": {"code": "other"}}))
    assert "python benchmarks/audit.py --json" in evidence.stale_reasons(path)[0]
    path.write_text(json.dumps({"provenance": {"date": "today"}}))
    assert "does not say which code" in evidence.stale_reasons(path)[0]


def test_an_installed_package_knows_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "s6flow"
    assert not any(map(evidence.unchecked, evidence.committed()))
    monkeypatch.setattr(evidence, "package_root", lambda: package)
    measured, traces = package / "paper_figures/measured/gpu_flow.json", package / "numeric/networks/traces.json"
    assert evidence.result_name(measured) == "benchmarks/results/gpu_flow.json"
    assert evidence.evidence_of(traces).pattern == "numeric/networks/traces.json"
    assert evidence.unchecked(measured)
    assert not evidence.unchecked(traces)
    assert evidence.stale_reasons(measured) == []
    (package / "numeric").mkdir(parents=True)
    (package / "numeric/awaiting.json").write_text(json.dumps({"benchmarks/results/gpu_flow.json": "hours"}))
    assert (evidence.awaiting(measured), evidence.awaiting(traces)) == ("hours", None)


FILES = {
    "__init__.py": "",
    "run.py": "from s6flow.cells import area, side\nfrom s6flow.table import ROWS\n\n\ndef run():\n    return area(side)\n",
    "cells.py": "side = 2\n\n\ndef area(x):\n    return x * x\n\n\ndef edge(x):\n    return 4 * x\n",
    "table.py": "import importlib\n\nROWS = {'late': 's6flow.late:solve'}\n",
    "late.py": "from s6flow.cells import edge\n\n\ndef solve():\n    return edge(1)\n",
    "loop.j2": "from s6flow.helper import h\n",
    "helper.py": "def h():\n    return 1\n",
    "unused.py": "X = 1\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(folder: Path, changes: dict[str, str | None]) -> str:
    copy = folder.parent / f"copy{len(list(folder.parent.iterdir()))}"
    shutil.copytree(folder, copy)
    for name, text in changes.items():
        if text is None:
            (copy / name).unlink()
        else:
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_text(text)
    return code_digest(["s6flow.run"], everything, root=copy)


MOVED = {
    "cells.py": None,
    "shapes/__init__.py": "",
    "shapes/square.py": "def edge(x):\n    return 4 * x\n\n\ndef area(x):\n    return x * x\n",
    "shapes/sizes.py": "side = 2\n",
    "run.py": "from s6flow.shapes.square import area\nfrom s6flow.shapes.sizes import side\n"
    "from s6flow.table import ROWS\n\n\ndef run():\n    return area(side)\n",
    "late.py": "from s6flow.shapes.square import edge\n\n\ndef solve():\n    return edge(1)\n",
}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"unused.py": "X = 2\n"}, True),
        ({"cells.py": FILES["cells.py"] + "\n# a comment\n"}, True),
        (MOVED, True),
        ({"cells.py": FILES["cells.py"].replace("x * x", "x + x")}, False),
        ({"cells.py": FILES["cells.py"].replace("side = 2", "side = 3")}, False),
        ({"late.py": FILES["late.py"].replace("edge(1)", "edge(2)")}, False),  # imported by name
        ({"helper.py": "def h():\n    return 2\n"}, False),  # imported by generated code
        ({"loop.j2": FILES["loop.j2"] + "x = 1\n"}, False),
        ({"run.py": FILES["run.py"].replace("import area, side", "import edge as area, side")}, False),
    ],
)
def test_a_digest_follows_what_is_run_and_not_where_it_lies(
    tree: Path, changes: dict[str, str | None], same: bool
) -> None:
    assert (digest(tree, {}) == digest(tree, changes)) == same


def test_what_is_not_there_is_an_error(tree: Path) -> None:
    with pytest.raises(S6FlowError, match="no_such"):
        code_digest(["s6flow.no_such"], everything, root=tree)
    with pytest.raises(S6FlowError, match="no_such"):
        source_files("s6flow.no_such")
    with pytest.raises(S6FlowError, match="gone"):
        code_digest(["s6flow.run"], everything, [tree / "gone.json"], root=tree)
    with pytest.raises(S6FlowError, match=r"s6flow\.cells"):
        digest(tree, {"cells.py": None})


def test_digests_follow_through_to_the_rooms_that_compute() -> None:
    nightly = evidence.EVIDENCE[0]
    modules = source_files(nightly.roots[0], nightly.wanted)
    for name in (
        "symbolic.codegen.lower",
        "numeric.flow.backends.numpy.driver",
        "numeric.weights.plan",
        "symbolic.criteria",
    ):
        assert f"s6flow.{name}" in modules
    assert not any(name.startswith("s6flow.proofs.theorems.") for name in modules)
