"""Audits of many checkpoints: every one a row, whatever kills the run, and what a report says of them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fleet_made import Here, made

pa = pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

from s6flow.errors import FormatError  # noqa: E402
from s6flow.numeric.fleet import audits, sources  # noqa: E402
from s6flow.numeric.fleet.pool import Lost  # noqa: E402
from s6flow.numeric.fleet.report import fleet_report, write_page  # noqa: E402
from s6flow.numeric.fleet.store import Store, open_run, read_tables  # noqa: E402

OPTIONS = audits.AuditOptions(shuffles=10, channels=True)


@pytest.fixture
def fleet(tmp_path: Path) -> list[str]:
    """Two runs of three snapshots, one of them damaged, and a name that would be a formula or a tag."""
    for run in ("a", "b"):
        for step in (1, 2, 3):
            made(tmp_path / "in" / run / f"step-{step}.safetensors", 5, rates=0.5**step)
    broken = tmp_path / "in" / "b" / "step-2.safetensors"
    broken.write_bytes(broken.read_bytes()[:-7])
    made(tmp_path / "in" / "=<script>.safetensors", 9)
    return [str(tmp_path / "in")]


def _run(words: list[str], out: Path, pool: Any = None, options: audits.AuditOptions = OPTIONS) -> dict[str, int]:
    listed = list(sources.expand(words))
    with open_run(out, "audit", audits.as_options(options), audits.tables(options), lambda: "code") as store:
        return audits.audit_all(listed, store, pool or Here(), options)


def _tables(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table, sorted, without what a clock says."""
    found = {}
    for table in audits.tables(OPTIONS):
        rows = read_tables(Store(out, audits.tables(OPTIONS)).parts(table)).to_pylist()
        for row in rows:
            row.pop("seconds", None)
        found[table] = sorted(
            rows,
            key=lambda row: (row["source"], row.get("position") or 0, row.get("layer") or "", row.get("channel") or 0),
        )
    return found


def test_every_checkpoint_is_a_row_and_a_broken_one_says_why(fleet: list[str], tmp_path: Path) -> None:
    from s6flow.numeric.audit import audit

    found = _run(fleet, tmp_path / "out")
    assert {key: count for key, count in found.items() if count} == {"audited": 6, "broken": 1}
    rows = _tables(tmp_path / "out")
    assert len(rows["checkpoints"]) == 7
    assert len(rows["layers"]) == 6
    assert len(rows["channels"]) == 6 * 8
    (bad,) = (row for row in rows["checkpoints"] if row["status"] == "broken")
    assert bad["source"].endswith("b/step-2.safetensors")
    assert bad["reason"].startswith("FormatError: ")
    # a row says what the audit of that checkpoint says
    layer = rows["layers"][-1]
    own = audit(layer["source"], shuffles=10)
    assert layer["mu_negative_fraction"] == own.layers[0].control.fraction
    assert layer["half_life_median"] == own.health.layers[0].numbers["half_life_median"]
    assert layer["verdicts"] == [row.name for row in own.health.layers[0].verdicts]
    channels = [row["mu"] for row in rows["channels"] if row["identity"] == layer["identity"]]
    assert channels == own.layers[0].numbers("mu").tolist()
    counted = own.totals("scenario_positive")
    assert {word: layer[f"positive_{word.replace(' ', '_')}"] for word in counted} == counted


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_killed_run_goes_on_and_counts_nothing_twice(
    after: int, fleet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    monkeypatch.setattr(audits, "batches", lambda left: sources.batches(left, 2))
    _run(fleet, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _run(fleet, tmp_path / "out", Here(after))
    # a kill between the tables of a part leaves the first ones
    orphan = tmp_path / "out" / "layers" / "orphan.parquet"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(next((tmp_path / "whole" / "layers").glob("*.parquet")).read_bytes())
    (tmp_path / "out" / "layers" / ".s6flow-half.parquet").write_bytes(b"half")
    second = Here()
    _run(fleet, tmp_path / "out", second)
    assert second.called == 4 - after
    assert _tables(tmp_path / "out") == _tables(tmp_path / "whole")
    assert not list((tmp_path / "out").rglob(".s6flow-*"))
    assert not orphan.exists()
    third = Here()
    _run(fleet, tmp_path / "out", third)
    assert third.called == 0


def test_a_full_disk_is_one_line_and_tears_nothing(
    fleet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "batches", lambda left: sources.batches(left, 2))
    _run(fleet, tmp_path / "whole")
    real, left = Path.write_bytes, [7]  # run.json, two parts of three tables; then the disk is full

    def full(self: Path, data: Any) -> int:
        if left[0] == 0:
            real(self, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        return real(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(FormatError, match="No space left") as said:
            _run(fleet, tmp_path / "out")
    assert "\n" not in str(said.value)
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 4
    _run(fleet, tmp_path / "out")
    assert _tables(tmp_path / "out") == _tables(tmp_path / "whole")


def test_retry_takes_up_what_was_not_audited_alone(fleet: list[str], tmp_path: Path) -> None:
    _run(fleet, tmp_path / "out")
    with open_run(
        tmp_path / "out", "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"
    ) as store:
        assert audits.forget(store) == 1
        assert len(audits.done(store)) == 6
    assert _run(fleet, tmp_path / "out")["broken"] == 1
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 7


def test_a_checkpoint_that_changes_meanwhile_is_no_audit(fleet: list[str], tmp_path: Path) -> None:
    listed = list(sources.expand(fleet))
    made(Path(listed[1].name), 77, layers=2)
    with open_run(
        tmp_path / "out", "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"
    ) as store:
        assert audits.audit_all(listed, store, Here(), OPTIONS)["changed"] == 1
    assert _run(fleet, tmp_path / "out")["audited"] == 1  # under its new identity
    assert fleet_report(tmp_path / "out").statuses["changed"] == 0


class _Deadly(Here):
    """A batch with `name` in it ends every worker."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.lost = name, list[int]()

    def results(self, function: Callable[..., Any], tasks: Any) -> Any:
        for task in tasks:
            if any(self.name in source.name for source in task.arguments[0]):
                self.lost.append(len(task.arguments[0]))
                yield task, Lost("ended every worker that it was given to, 2 in all")
            else:
                yield task, function(*task.arguments)


def test_what_ends_its_workers_is_found_and_the_others_of_its_batch_are_audited(
    fleet: list[str], tmp_path: Path
) -> None:
    pool = _Deadly("a/step-2")
    found = _run(fleet, tmp_path / "out", pool)
    assert (found["killed"], found["audited"], found["broken"]) == (1, 5, 1)
    assert pool.lost == [7, 1]
    assert len(_tables(tmp_path / "out")["checkpoints"]) == 7


def test_a_folder_holds_one_kind_of_run(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(fleet, out)
    for options in (audits.AuditOptions(context=99, shuffles=10, channels=True), audits.AuditOptions(shuffles=10)):
        with pytest.raises(FormatError, match="Choose another --out") as said:
            _run(fleet, out, options=options)
        assert "\n" not in str(said.value)
    with pytest.raises(FormatError, match="fleet flow"), open_run(out, "flow", {}, ("flows",), lambda: "code"):
        pass
    with pytest.raises(FormatError, match="other code"), open_run(out, "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "new"):  # fmt: skip
        pass
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with (
        pytest.raises(FormatError, match=r"thesis\.tex"),
        open_run(tmp_path / "mine", "flow", {}, ("flows",), lambda: ""),
    ):
        pass
    with pytest.raises(FormatError, match="can be written"), open_run(tmp_path / "mine" / "thesis.tex", "flow", {}, ("flows",), lambda: ""):  # fmt: skip
        pass
    with open_run(out, "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"):  # noqa: SIM117
        with pytest.raises(FormatError, match="one run at a time"):
            _run(fleet, out)


def test_the_page_ranks_compares_and_trends(fleet: list[str], tmp_path: Path) -> None:
    _run(fleet, tmp_path / "out")
    found = fleet_report(tmp_path / "out")
    assert [run.steps for run in found.runs] == [[1, 2, 3], [1, 3]]
    lives = found.runs[0].numbers["half_life_median"]
    assert np.allclose(np.array(lives[1:]) / np.array(lives[:-1]), 2, rtol=1e-5)  # rates halve from step to step
    assert found.runs[0].line("half_life_median").count(",") == 3
    grades = [("critical", "warning", "healthy").index(row["severity"]) for row in found.ranked]
    assert grades == sorted(grades)
    assert len(found.ranked) == 6
    assert sum(found.families.values()) == 6
    page = write_page(found, tmp_path / "page.html").read_text()
    assert "&lt;script&gt;.safetensors" in page
    assert "<script" not in page
    assert "step-2.safetensors" in page
    assert page.count("<polyline") >= 11


def test_a_report_needs_a_run(tmp_path: Path) -> None:
    for text in (None, "[]", "{", '{"schema": "s6flow-fleet/1"}'):
        if text is not None:
            (tmp_path / "run.json").write_text(text)
        with pytest.raises(FormatError, match=r"run\.json"):
            fleet_report(tmp_path)
