"""The command line: what it prints, what it writes, and that bad input is one line and a nonzero exit.

One long file: every command is asked for the same habits.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.integrate import quad

from s6flow.api import library
from s6flow.cli import COMMANDS, main
from s6flow.commands.check import legend
from s6flow.commands.outputs import flow_backends
from s6flow.numeric.checks import CheckReport, Verdict
from s6flow.numeric.flow import BACKENDS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of one call."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def one_line(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert "usage" in out.lower()


def test_help_imports_no_heavy_library() -> None:
    code = "import sys; from s6flow.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch','triton','scipy','matplotlib','sympy','flint'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "nonsense"),
        (["simulate"], "--mu"),
        (["simulate", "--mu", "x"], "x"),
        (["simulate", "--mu", "-1", "--a", "0"], "a_n > 0"),
        (["simulate", "--mu", "-1", "--x0", "nan"], "x0"),
        (["simulate", "--mu", "-1", "--horizon", "-3"], "horizon"),
        (["simulate", "--mu", "-1,2,3", "--a", "1,2"], "state"),
        (["simulate", "--mu", "-1", "--plot", "picture.gif"], ".png"),
        (["simulate", "--mu", "-1", "--x0", "1,nan"], "entry 2"),
        (["simulate", "--mu", "-1", "--x0", "1e8", "--x-limit", "1e7"], "--x-limit"),
        (["simulate", "--mu", "-1", "--x0", "1e101"], "--x-limit"),
        (["simulate", "--mu", "-1", "--csv", "no/such/folder/x.csv"], "no/such/folder"),
        (["simulate", "--mu", "-1", "--plot", "no/such/folder/x.png"], "no/such/folder"),
        (["audit", "typeseg", "--json", "no/such/folder/x.json"], "no/such/folder"),
        (["audit", "typeseg", "--html", "no/such/folder/x.html"], "no/such/folder"),
        (["check", "scaling", "--json", "no/such/folder/x.json"], "no/such/folder"),
        (["audit", "typeseg", "--states", __file__], "npz"),
        (["simulate", "--mu", "-1", "--backend", "abacus"], "abacus"),
        (["audit", "no/such/file.safetensors"], "no/such"),
        (["theorem", "convergence-rat"], "convergence-rate"),
        (["check", "no-such-theorem"], "no-such-theorem"),
        (["theorem", "xyz"], "got xyz. See s6flow theorems."),
        (["check", ""], "got ''. See s6flow theorems."),
        (["check", " "], "got ' '. See s6flow theorems."),
        (["figures", "--json"], "--list. Try s6flow figures --help."),
        (["fleet", "report", "x", "--out"], "Try s6flow fleet report --help."),
        (["check", "convergence-rate", "--backend", "abacus"], "abacus"),
        (["figures", "no-such-figure"], "no-such-figure"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    code, _, err = run(capsys, *arguments)
    assert code != 0
    assert one_line(err), err
    assert word in err


def test_unwritable_output_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    code, _, err = run(capsys, "derive", "--no-theorems", "--out", str(blocker / "sub"))
    assert code == 1
    assert one_line(err)
    assert blocker.read_text() == ""


def test_simulate_convergent(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table, picture = tmp_path / "x.csv", tmp_path / "x.png"
    code, out, _ = run(capsys, "simulate", "--mu", "-1", "--x0", "1,0.5", "--csv", str(table), "--plot", str(picture))
    assert code == 0
    assert "predicted: convergent (theorem convergence-rate, kernel-checked)" in out
    assert f"wrote {table}" in out
    assert f"wrote {picture}" in out
    rows = np.genfromtxt(table, delimiter=",", names=True)
    late = np.exp(rows["log_time"][-1]) * rows["x_1"][-1] ** 2
    assert late == pytest.approx(1 / (2 * np.log(2)), rel=1e-5)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_simulate_blow_up_time_of_the_witness(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mu", "-1,1.5", "--a", "0.2,4", "--b", "1", "--x0", "1,0.5", "--json"]
    code, out, _ = run(capsys, "simulate", *arguments)
    report = json.loads(out)
    assert code == 0
    assert report["ended"] == "blow_up"
    assert report["blow_up_time"] == pytest.approx(0.372229, abs=1e-6)
    assert abs(report["trajectory"][-1]["x"][1]) < 1e-3
    assert (report["predicted"], report["theorem"]) == ("coexistence", "coexistence")
    assert report["cut_off_at_x_limit"] is True
    assert abs(report["final_x"][0]) >= report["x_limit"] == 1e100
    remaining = [row["remaining"] for row in report["trajectory"]]
    assert len(set(remaining)) == len(remaining)
    # token 1: |x| ~ (3 mu s (T - t))^(-1/3)
    assert report["trajectory"][-1]["x"][0] == pytest.approx((1.5 * remaining[-1]) ** (-1 / 3), rel=1e-2)
    first, second = report["tokens"]
    assert (report["observed"], report["agrees"]) == ("coexistence", True)
    assert first == {
        "end": "not below its start when the system blows up",
        "limit": None,
        "rate": None,
        "carried_zero": None,
    }
    assert second["end"] == "tends to 0"
    assert second["rate"] == pytest.approx(second["carried_zero"], rel=1e-9) == pytest.approx(-1.52232, abs=5e-6)


def test_simulate_prints_the_same_on_every_backend(capsys: pytest.CaptureFixture[str]) -> None:
    """T, the fates and the rate, nothing that depends on where a step was cut."""
    pytest.importorskip("numba")
    arguments = ["simulate", "--mu=-1,1.5", "--a", "0.2,4", "--b", "1", "--x0", "1,0.5", "--backend"]
    shown = [run(capsys, *arguments, name)[1] for name in ("numpy", "numba")]
    assert shown[0] == shown[1]
    assert "rate: d ln|x_2| / d ln|x_1| -> -1.52232; K(0) = -1.52232" in shown[0]


@pytest.mark.parametrize("start", [0.3, 1.0, 3.0])
def test_printed_blow_up_time_is_correct_to_its_last_digit(capsys: pytest.CaptureFixture[str], start: float) -> None:
    _, out, _ = run(capsys, "simulate", "--mu", "1.3", "--x0", str(start))
    shown = out.split("T = ")[1].split(",")[0]
    exact = quad(lambda r: 1 / (1.3 * r**3 * np.logaddexp(0, r)), start, np.inf, epsrel=1e-13)[0]
    last = 10.0 ** -len(shown.split(".")[1])
    assert len(shown) >= 8
    assert abs(float(shown) - exact) <= last


def test_written_files_are_said_beside_a_printed_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    _, out, err = run(capsys, "simulate", "--mu", "1", "--x0", "1", "--csv", str(path), "--json")
    assert json.loads(out)["schema"] == "s6flow-simulate/2"
    assert err.strip() == f"wrote {path}"
    header, first, *_ = path.read_text().splitlines()
    assert header == "log_time,T_minus_t,x_1"
    assert len(first.split(",")) == 3


def test_check_goes_on_after_a_theorem_that_a_backend_cannot_judge(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("flint")
    arguments = ["check", "iterated-log", "scaling", "--backend", "flint", "--examples", "20"]
    code, out, _ = run(capsys, *arguments)
    assert code == 3
    lines = [line for line in out.splitlines() if line.startswith(("iterated-log", "scaling"))]
    assert "HOLDS" in lines[0]
    assert "not run" in lines[1]
    code, out, _ = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert code == 3
    assert found["not_run"] == ["iterated-log"]
    assert [report["id"] for report in found["reports"]] == ["scaling"]


def test_a_system_that_violates_can_be_pasted_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mu = -np.arange(40) / 3
    where = {"mu": mu, "x0": np.array([1e-300, -0.1]), "s": np.float64(2.0), "moment": 7}
    report = CheckReport(
        "convergence-rate", "numpy", Verdict.VIOLATED, -1.0, where, ("0", 1, 7), 20, 0, 0, 0, None, 1.0
    )
    open_one = replace(report, verdict=Verdict.INCONCLUSIVE, margin=1.0)
    printed = []
    for one in (report, open_one, replace(report, id="scaling")):
        monkeypatch.setattr(library, "check", lambda *_, one=one, **__: library.Checks("numpy", 20, 0, (one,), ()))
        code, out, _ = run(capsys, "check", one.id, "--backend", "numpy")
        assert code == 1
        printed.append(out)
    assert "VIOLATED by this system, at moment 7" in printed[0]
    found = ast.literal_eval(printed[0][printed[0].index("{") :])
    assert found == {"mu": mu.tolist(), "x0": [1e-300, -0.1], "s": 2.0}
    assert "... (whole with --json)" in printed[1]
    assert "scaling: VIOLATED by this system:" in printed[2], "a claim in letters has no moments"
    for words in ("margin: ", "real: ", "undecided: ", "idle: "):
        assert all(words in " ".join(out.split()) for out in printed)


def test_a_stranger_is_told_what_a_line_means() -> None:
    said = legend("torch32")
    for words in ("margin: ", "0.005 on letters alone, 0.005 along trajectories", "real: ", "undecided: ", "idle: "):
        assert words in said
    assert "1e-30 on letters alone, or" in legend("flint"), "balls judge no trajectories"


def test_help_needs_no_torch() -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from s6flow.cli import main
for name in {list(COMMANDS)!r}:
    try:
        main([name, "--help"])
    except SystemExit as stop:
        assert not stop.code, name
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.lower().count("usage: s6flow ") == len(COMMANDS)


def test_help_names_every_backend(capsys: pytest.CaptureFixture[str]) -> None:
    _, simulate, _ = run(capsys, "simulate", "--help")
    _, check, _ = run(capsys, "check", "--help")
    for name in BACKENDS:
        assert (name in simulate) is (name in flow_backends())
        assert name in check  # PyTorch judges, too


def test_several_audits_say_once_how_to_read_them(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "audit", "--layers", "0", "--shuffles", "2")
    text = " ".join(out.split())
    assert text.count("shipped checkpoint:") == 4
    assert text.count("The theory drops") == text.count("The raw fraction of mu < 0 misleads") == 1
    for ending in (
        "convergent: every token tends to 0",
        "fast: a token reaches infinity",
        "not decided: theory does not",
    ):
        assert text.count(ending) >= 1
    assert "no-config" not in text


def test_derive_twice_is_identical(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        code, out, _ = run(capsys, "derive", "--no-theorems", "--out", str(tmp_path / name))
        assert code == 0
        assert "all reduced to 0" in out
        pages.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert pages[0] == pages[1]
    assert set(pages[0]) == {"derivation.md", "derivation.tex", "derivation.html", "derivation.json"}


def small_model(path: Path, layers: int = 1) -> dict[str, np.ndarray]:
    """Write random Mamba layers of 6 channels; the tensors."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name in (f"backbone.layers.{index}.mixer." for index in range(layers)):
        tensors |= {
            name + "A_log": rng.normal(size=(6, 4)).astype(np.float32),
            name + "x_proj.weight": rng.normal(size=(2 + 8, 6)).astype(np.float32),
            name + "dt_proj.weight": rng.normal(size=(6, 2)).astype(np.float32),
            name + "dt_proj.bias": rng.normal(size=6).astype(np.float32),
            name + "D": np.ones(6, np.float32),
        }
    save_file(tensors, path)
    return tensors


def test_audit_of_a_damaged_layer_exits_with_three(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = small_model(path, layers=3)
    tensors["backbone.layers.1.mixer.A_log"][2, 1] = np.nan
    save_file(tensors, path)
    code, out, err = run(capsys, "audit", str(path))
    assert code == 3
    assert one_line(err)
    assert "backbone.layers.1.mixer" in err
    assert "2 of 3 layers, 12 channels" in out


def test_two_outputs_need_two_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small_model(tmp_path / "model.safetensors")
    both = str(tmp_path / "x")
    code, _, err = run(capsys, "audit", str(tmp_path / "model.safetensors"), "--json", both, "--csv", both)
    assert code == 1
    assert one_line(err)
    assert not (tmp_path / "x").exists()


def test_audit_writes_and_prints(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small_model(tmp_path / "model.safetensors")
    html = tmp_path / "a.html"
    code, out, _ = run(capsys, "audit", str(tmp_path / "model.safetensors"), "--html", str(html), "--json")
    assert code == 0
    report = json.loads(out)
    assert report["summary"]["channels"] == 6
    assert "<html" in html.read_text()


def test_a_closed_pipe_is_quiet() -> None:
    """The reader is gone before the first line is written."""
    command = [sys.executable, "-m", "s6flow", "simulate", "--mu", "-1", "--points", "20"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_a_library_that_is_not_installed_is_named() -> None:
    """`trace` is built on PyTorch, which the core does not bring."""
    script = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from s6flow.cli import main\n"
        "main(['trace'])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == "MissingDependencyError: this command needs torch; got no torch. Run pip install 's6flow[torch]'.\n"
    )
