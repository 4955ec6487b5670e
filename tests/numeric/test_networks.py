"""Committed traces of networks: whole, of these very weights and texts, made in steps that may be cut off."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
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
        assert {"code", "command", "date", "device", "versions", "weights"} < set(told)
        assert len({"text", "image"} & set(told)) == 1
        if networks.read_from(told) == "LICENSE":
            assert told["text"]["sha256"] == licence
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
    assert ("mamba-ssm" in traces.scan_name(network, "cuda:0")) == (kernel is not None)
    assert traces.scan_name(network, "cpu") == "plain PyTorch"


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


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Smooth bands of colour with some noise."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(3)
    waves = np.sin(np.arange(12)[:, None, None] / 3 + np.arange(20)[None, :, None] / 5 + np.arange(3))
    pixels = (128 + 100 * waves + rng.normal(0, 5, (12, 20, 3))).clip(0, 255).astype(np.uint8)
    path = tmp_path / "picture.png"
    image.fromarray(pixels).save(path)
    return path


@pytest.mark.usefixtures("alone")
def test_the_networks_of_a_package_are_traced_whole(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """opensr-mamba's own classes and weights, on the processor; its loader is as before, and no stand-in stays."""
    pytest.importorskip("torch")
    if find_spec("opensr_mamba") is None:
        pytest.skip("opensr-mamba is not installed")
    from s6flow.numeric.networks import traces

    out = tmp_path / "traces.json"
    words = ["--package", "opensr_mamba", "--image", str(picture), "--side", "8", "--out", str(out)]
    assert traces.main(words) == 0
    found = networks.read(out)
    assert list(found) == ["opensr_mamba.srmodel", "opensr_mamba.fusionmodel01", "opensr_mamba.fusionmodel02"]
    assert str(tmp_path) not in out.read_text()
    digests = set()
    for row in found.values():
        assert (len(row["layers"]), row["length"]) == (8, 64)
        told = row["provenance"]
        digests.add(told["weights"])
        assert networks.read_from(told) == "picture.png"
        assert told["image"]["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
        for layer in row["layers"]:
            verdicts = {check["name"]: check["verdict"] for check in layer["checks"]}
            assert verdicts.pop("E[C.B]") == "NOT JUDGED"
            assert set(verdicts.values()) == {"HOLDS"}
            assert {"u", "step", "h", "y", "update", "h over its bound"} <= set(verdicts)
    assert len(digests) == 3
    assert (
        "10 bands, red, green and blue in turn"
        in found["opensr_mamba.fusionmodel01"]["provenance"]["image"]["notes"][0]
    )
    assert traces.main([*words, "--add"]) == 0
    assert capsys.readouterr().out.count("kept") == 3
    absent = {name for name in ("timm", "einops", "mamba_ssm") if find_spec(name) is None}
    assert not absent & {name.partition(".")[0] for name in sys.modules}
    assert "cuda" not in vars(sys.modules["opensr_mamba.main"].MambaSR)


def test_the_scan_of_directions_is_the_recurrence() -> None:
    torch = pytest.importorskip("torch")
    from s6flow.numeric.networks.packaged import plain_scan

    rng = np.random.default_rng(0)
    groups, size, states, tokens = 2, 3, 4, 6
    x, step = rng.normal(size=(2, 2, groups * size, tokens))
    rates, bias, skip = -rng.uniform(0.5, 2, (groups * size, states)), rng.normal(size=6), rng.normal(size=6)
    written, read = rng.normal(size=(2, 2, groups, states, tokens))
    given = (torch.from_numpy(part) for part in (x, step, rates, written, read, skip))
    found = plain_scan(*given, delta_bias=torch.from_numpy(bias)).numpy()
    for b, c in np.ndindex(2, groups * size):
        h = np.zeros(states)
        for t in range(tokens):
            width = np.log1p(np.exp(step[b, c, t] + bias[c]))
            h = np.exp(rates[c] * width) * h + width * written[b, c // size, :, t] * x[b, c, t]
            assert found[b, c, t] == pytest.approx(h @ read[b, c // size, :, t] + skip[c] * x[b, c, t])


def test_pixels_are_those_of_the_middle(picture: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    image = pytest.importorskip("PIL.Image")
    from s6flow.numeric.networks.packaged import image_bands

    whole = np.asarray(image.open(picture), dtype=np.float32) / 255
    found, said = image_bands(picture, 4, 8)
    assert found.shape == (1, 4, 8, 8)
    assert np.array_equal(found[0, :3].movedim(0, -1).numpy(), whole[2:10, 6:14])
    assert np.array_equal(found[0, 3].numpy(), found[0, 0].numpy())
    assert "4 bands" in said
    assert "bands" not in image_bands(picture, 3, 12)[1]
    with pytest.raises(FormatError, match="13 x 13"):
        image_bands(picture, 3, 13)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for path in (broken, tmp_path / "nothing.png"):
        with pytest.raises(SourceError, match="picture"):
            image_bands(path, 3, 8)


@pytest.mark.parametrize(
    "words",
    [[], ["one=x"], ["--package", "opensr_mamba"], ["--image", "x.png"]],
)
def test_what_is_missing_on_the_line_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from s6flow.numeric.networks import traces

    assert traces.main(words) == 1
    assert capsys.readouterr().err.startswith("FormatError")
