"""Committed traces of networks: whole, of these very weights and texts, made in steps that may be cut off."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from s6flow.errors import FormatError, SourceError
from s6flow.numeric import networks

ROOT = Path(__file__).parents[2]


def test_the_committed_traces_hold_and_name_no_path() -> None:
    text = networks.TRACES.read_text()
    assert not any(word in text for word in ("/work", "/home", "/tmp", "/root"))
    traces = networks.read()
    assert {"mixed", "negative", "positive", "unconstrained"} <= set(traces)
    licence = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    for row in traces.values():
        told = row["provenance"]
        assert told["text"]["sha256"] == licence or told["text"]["name"] != "LICENSE"
        assert {"code", "command", "date", "device", "versions", "weights"} < set(told)
        verdicts = {check["verdict"] for layer in row["layers"] for check in layer["checks"]}
        assert verdicts <= {"HOLDS", "NOT JUDGED"}
        assert "HOLDS" in verdicts


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [(None, SourceError, "readable"), ("{", FormatError, "JSON"), ("[]", FormatError, "schema"), ('{"schema": "s6flow-trace/1"}', FormatError, "s6flow-traces/1")],
)  # fmt: skip
def test_what_is_no_file_of_traces_is_one_line(tmp_path: Path, content: str | None, error: Any, words: str) -> None:
    path = tmp_path / "traces.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=words):
        networks.read(path)


@pytest.fixture
def stacks(tmp_path: Path) -> list[Path]:
    """Two networks of our own on bytes, of different depth."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from s6flow.numeric.experiments.config import ModelConfig
    from s6flow.numeric.experiments.model import S6Stack

    found = []
    for layers in (1, 6):
        torch.manual_seed(layers)
        state = S6Stack(ModelConfig(width=16, layers=layers, state=4), 256).state_dict()
        found.append(tmp_path / f"stack{layers}.safetensors")
        save_file({name: weight.contiguous() for name, weight in state.items() if name != "lm_head.weight"}, found[-1])
    return found


@pytest.mark.usefixtures("alone")
def test_a_run_that_was_cut_off_goes_on(
    stacks: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from s6flow.numeric.networks import traces

    text, out = tmp_path / "text", tmp_path / "traces.json"
    text.write_text("A text of its own, longer than what is read of it.")
    shallow, deep = stacks
    words = ["--text", str(text), "--length", "20", "--out", str(out)]
    assert traces.main([*words, f"one={shallow}", f"two={tmp_path / 'nothing'}"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    first = networks.read(out)
    assert list(first) == ["one"]  # what was done is kept
    again = [*words, "--add", f"one={shallow}", f"two={deep}"]
    assert traces.main(again) == 0
    assert "one: kept" in capsys.readouterr().out
    found = networks.read(out)
    assert found["one"] == first["one"]
    row = found["two"]
    assert (row["length"], len(row["layers"]), row["growth"]["layers"]) == (20, 6, 5)
    assert row["provenance"]["scan"] == "plain PyTorch"
    assert row["provenance"]["text"]["sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    assert str(tmp_path) not in out.read_text()
    assert row["provenance"]["command"].endswith("--text text --length 20 --add two=stack6.safetensors")
    assert out.read_text() == traces.written(found)
    for trace in found.values():  # by other code: it is made anew, the other is left
        trace["provenance"]["code"] = "0"
    out.write_text(traces.written(found))
    assert traces.main([*words, "--add", f"one={shallow}"]) == 0
    codes = {name: trace["provenance"]["code"] for name, trace in networks.read(out).items()}
    assert codes == {"one": first["one"]["provenance"]["code"], "two": "0"}
    assert traces.main([*words, "two"]) == 1
    assert "NAME=CHECKPOINT" in capsys.readouterr().err


@pytest.mark.parametrize("kernel", [None, print])
def test_a_trace_says_which_scan_ran(stacks: list[Path], kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU a stack runs through mamba-ssm's kernel where there is one; `kernel_scan` is what it asks, too."""
    from s6flow.numeric.networks import traces
    from s6flow.numeric.trace.inputs import load_network

    network = load_network(str(stacks[0]))
    monkeypatch.setattr(traces, "kernel_scan", lambda: kernel)
    assert ("mamba-ssm" in traces._scan(network, "cuda:0")) == (kernel is not None)
    assert traces._scan(network, "cpu") == "plain PyTorch"


@pytest.mark.usefixtures("alone")
def test_a_trace_does_not_depend_on_its_file_but_on_its_weights(stacks: list[Path], tmp_path: Path) -> None:
    from s6flow.numeric.networks.traces import entry

    text = tmp_path / "text"
    text.write_text("The same text for both.")
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(stacks[0].read_bytes())
    one, two, three = (entry(str(path), text, 16, None, "") for path in (stacks[0], copy, stacks[1]))
    assert json.dumps(one) == json.dumps(two)
    assert one["provenance"]["weights"] != three["provenance"]["weights"]
