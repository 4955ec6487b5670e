"""What a trace shows, and `s6flow trace`: its inputs, its exit status, and one line for bad files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from s6flow.numeric.health.bounds import bounds as real_bounds  # noqa: E402
from s6flow.numeric.trace import limits as limiting  # noqa: E402
from tests.numeric.trace.trace_cases import VOCABULARY  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")


def test_the_result_shows_tabulates_and_draws_itself(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl = pytest.importorskip("matplotlib")
    monkeypatch.setattr(mpl, "get_backend", lambda: "agg")
    mpl.use("agg")
    text = repr(found)
    assert max(map(len, text.splitlines())) < 80
    assert len(text.splitlines()) <= 24
    assert "<table" in found._repr_html_()
    assert len(found.table("checks")) == sum(len(layer.checks) for layer in found.layers)
    assert found.plot() is not None
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["schema"] == "s6flow-trace/1"
    assert [layer["name"] for layer in document["layers"]] == [layer.name for layer in found.layers]
    small, large = (
        tuple(replace(layer, numbers={**layer.numbers, "ratio": ratio}) for layer in found.layers)
        for ratio in (0.01, 1.0)
    )
    assert "is no description: no layer" in replace(found, layers=large).depth()
    assert "can describe every layer" in replace(found, layers=small).depth()
    assert "1 of 3 layers" in replace(found, layers=(small[0], *large[1:])).depth()


def test_the_command_reads_a_folder_of_hugging_face_and_tokens(command: Any, model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    np.savez(tmp_path / "tokens.npz", np.arange(40).reshape(2, 20) % VOCABULARY)
    status, out, _ = command(tmp_path / "model", "--tokens", tmp_path / "tokens.npz", "--length", 12, "--json")
    assert status == 0
    document = json.loads(out)
    assert (document["batch"], document["length"], len(document["layers"])) == (2, 12, 3)
    status, out, _ = command(tmp_path / "model", "--tokens", tmp_path / "tokens.npz", "--json", tmp_path / "out.json")
    assert status == 0
    assert "45 of 45 checks hold" in " ".join(out.split())
    assert json.loads((tmp_path / "out.json").read_text())["length"] == 20


def test_the_command_reads_bytes_where_there_is_no_tokenizer(command: Any, stack: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("A small text, in no language of its own.")
    status, out, err = command(stack, "--text", text, "--length", 16)
    assert status == 0
    assert "1 x 16 tokens" in " ".join(out.split())
    assert err.strip() == "No tokenizer beside the model: tokens are bytes."
    _, _, err = command(stack, "--length", 8)
    assert "module textwrap was read" in err


def test_bytes_that_a_vocabulary_does_not_hold_are_said_to_be_bytes(command: Any, model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    text = tmp_path / "text"
    text.write_text("z is byte 122")
    status, out, err = command(tmp_path / "model", "--text", text)
    assert (status, out) == (1, "")
    assert "No tokenizer beside the model: tokens are bytes." in err
    assert (
        f"FormatError: token ids must lie in 0..{VOCABULARY - 1}; got 122 at sequence 0 token 0" in err.splitlines()[-1]
    )


def test_a_violation_is_status_1_and_shows_the_trace(
    command: Any, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(block: Any, certified: bool = False) -> Any:
        limits = real_bounds(block, certified)
        assert limits is not None
        return replace(limits, y=limits.y * 1e-9)

    monkeypatch.setattr(limiting, "bounds", wrong)
    status, out, err = command(stack, "--length", 16)
    assert status == 1
    assert "VIOLATED" in out
    assert "TraceError: theorem layer-bound must hold on every trace" in err.splitlines()[-1]


def test_without_a_model_it_is_the_shipped_one(command: Any) -> None:
    status, out, err = command("--length", 8, "--json")
    assert status == 0
    assert "the shipped checkpoint trained without a constraint" in err
    assert len(json.loads(out)["layers"]) == 12


@pytest.mark.parametrize("model", ["missing", "x/model.safetensors", "/no/such", ""])
def test_the_hub_is_not_asked_for_what_is_no_id(command: Any, model: str) -> None:
    status, _, err = command(model)
    assert status == 1
    assert err.startswith("SourceError: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_text_is_one_line(command: Any, stack: Path, tmp_path: Path, content: str) -> None:
    text = tmp_path / "text"
    text.write_text(content)
    status, _, err = command(stack, "--text", text)
    assert status == 1
    assert err.startswith("FormatError: --text must not be empty")
    assert len(err.splitlines()) == 1


def test_bad_files_are_one_line(command: Any, stack: Path, tmp_path: Path) -> None:
    floats, two, high = tmp_path / "f.npz", tmp_path / "t.npz", tmp_path / "h.npz"
    np.savez(floats, np.ones(4))
    np.savez(two, np.arange(4), np.arange(4))
    np.savez(high, np.array([1, 256]))
    from safetensors.numpy import load_file, save_file

    scans = {name: value for name, value in load_file(stack).items() if "embedding" not in name}
    save_file(scans, tmp_path / "scans.safetensors")
    save_file({**load_file(stack), "backbone.norm_f.weight": np.ones(3, np.float32)}, tmp_path / "wrong.safetensors")
    for arguments, words in (
        ((stack, "--tokens", floats), "whole numbers"),
        ((stack, "--tokens", two), "one array"),
        ((stack, "--tokens", high), "0..255; got 256"),
        ((stack, "--tokens", stack), "npz file of token ids"),
        ((stack, "--tokens", high, "--text", high), "one of --text, --tokens and --images"),
        ((tmp_path / "scans.safetensors",), "backbone.embedding.weight"),
        ((tmp_path / "wrong.safetensors",), "needs backbone.norm_f.weight of shape (16,); got (3,)"),
        ((tmp_path / "nothing",), "nothing"),
        ((tmp_path,), ""),
        ((stack, "--json", stack), "--json"),
    ):
        status, _, err = command(*arguments)
        assert status == 1, arguments
        assert len(err.splitlines()) == 1
        assert words in err
