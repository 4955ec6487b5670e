"""The commands that write, each with its smallest input; what they write, and how a whole file of each kind is told.

A row says where a command begins (files, a folder that another command made), which files replace old ones, in which folder
every file must be whole, and what the same command must come to when it is run again after a signal.

One long file: a table of commands, a row each.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.plugins.grids import tiny_grid

__all__ = ["COMMANDS", "OLD", "WHOLE", "Command", "prepare", "torn"]

OLD = "old content that a run may only replace whole\n"
ROOT = Path(__file__).resolve().parents[2]
#: Folders that the package links to; those that a command writes into are copied for it.
ROOMS = ("symbolic", "proofs", "numeric", "paper_figures")

#: Bytes of the digest of a configuration.
DIGEST = 8
#: The formal statement that a copy of the proofs keeps, of a hundred whose proofs take minutes to build.
STATEMENT = "depth_contraction"

Whole = Callable[[Path], bool]


def _json(path: Path) -> bool:
    return isinstance(json.loads(path.read_text()), dict | list)


def _lines(path: Path) -> bool:
    """All but the last, which a run that goes on cuts off where a signal tore it."""
    return all(isinstance(json.loads(line), dict) for line in path.read_text().split("\n")[:-1])


def _digest(path: Path) -> bool:
    return len(bytes.fromhex(path.read_text().strip())) == DIGEST


def _csv(path: Path) -> bool:
    rows = list(csv.reader(line for line in path.read_text().splitlines() if not line.startswith("# ")))
    return len(rows) > 1 and len({len(row) for row in rows}) == 1


def _ends(end: bytes, path: Path) -> bool:
    return path.read_bytes().rstrip().endswith(end)


def _zip(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None


def _tar(path: Path) -> bool:
    with tarfile.open(path) as archive:
        return all(archive.extractfile(one).read() is not None for one in archive if one.isfile())  # type: ignore[union-attr]


def _python(path: Path) -> bool:
    return compile(path.read_text(), path.name, "exec") is not None


def _committed(path: Path) -> bool:
    """A Coq source is the one of this tree, or what is kept of it, before or after `prove --write`."""
    text = (ROOT / "proofs/coq" / path.name).read_text()
    return path.read_text().rstrip() in (text.rstrip(), _kept(text).rstrip())


def _xz(path: Path) -> bool:
    import lzma

    return len(lzma.decompress(path.read_bytes())) > 0


#: Ending of a file's name -> whether a file is whole; raises or says no. A file of another ending is a finding.
WHOLE: dict[str, Whole] = {
    ".json": _json,
    ".jsonl": _lines,
    ".csv": _csv,
    ".digest": _digest,
    ".html": partial(_ends, b"</html>"),
    ".tex": partial(_ends, b"\\end{document}"),
    ".svg": partial(_ends, b"</svg>"),
    ".pdf": partial(_ends, b"%%EOF"),
    ".png": lambda path: path.read_bytes()[-8:-4] == b"IEND",
    ".md": lambda path: path.read_bytes().endswith(b"\n"),
    ".parquet": partial(_ends, b"PAR1"),
    ".safetensors": lambda path: len(load_file(path)) > 0,
    ".pt": _zip,
    ".npz": _zip,
    ".gz": _tar,
    ".xz": _xz,
    ".py": _python,
    ".v": _committed,
    "": _committed,
}


def torn(path: Path) -> str | None:
    """What is wrong with a file; None if it is whole."""
    try:
        return None if WHOLE[path.suffix](path) else f"{path.name} is torn"
    except Exception as error:  # every reader has its own for a file that is not whole
        return f"{path.name}: {type(error).__name__}"


@dataclass(frozen=True)
class Command:
    """A row of the table.

    Args:
        words: of the command line.
        files: outputs that replace an old file.
        folder: of outputs; every file below is whole.
        inputs: names of files to write before -> their text.
        before: the words of commands whose outputs this one begins from; run once a campaign.
        reached: what a finished run came to. Where it is given, the same command is run again after every signal, and
            must come to the same.
        workers: whether it starts processes that work for it.
        rooms: folders of the package that it writes into; it gets a copy of them.
        cold: whether it begins with an empty cache of its own.
        notes: beginnings of lines on stderr that tell no error.
        most: runs of every signal at the most; what starts others that import or compile for seconds gets no 200.
    """

    words: tuple[str, ...]
    files: tuple[str, ...] = ()
    folder: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    before: tuple[tuple[str, ...], ...] = ()
    reached: Callable[[Path], Any] | None = None
    workers: bool = False
    rooms: tuple[str, ...] = ()
    cold: bool = False
    notes: tuple[str, ...] = ()
    most: int = 10**9


def _bytes(names: str, folder: Path) -> dict[str, str]:
    """Digests of files, by name; a hidden one is what a killed run left, where nothing cleans."""
    found = sorted(path for pattern in names.split() for path in folder.glob(pattern) if path.name[0] != ".")
    assert found, f"{names} must name files"
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


#: Columns of a fleet that differ from run to run: what took how long, and where and when the files of a run were made.
_OWN = ("identity", "modified")


def _rows(table: str, folder: Path) -> list[dict[str, Any]]:
    """Rows of a fleet's table, less what is a run's own."""
    from s6flow.numeric.fleet.store import read_tables

    rows = read_tables(sorted((folder / table).glob("*.parquet"))).to_pylist()
    return sorted(
        ({name: row[name] for name in row if "second" not in name and name not in _OWN} for row in rows), key=repr
    )


def _verdicts(folder: Path) -> list[dict[str, Any]]:
    rows = json.loads((folder / "fc/report.json").read_text())["theorems"]
    return [{name: value for name, value in row.items() if "second" not in name} for row in rows]


def _trained(folder: Path) -> Any:
    """Results of all runs less their times, their logs to the letter and their weights to the bit."""
    results = sorted(folder.glob("**/runs/*/result.json"))
    found = [json.loads(path.read_text()) for path in results]
    kept = ("metrics", "after", "valid_last_change", "status", "step")
    weights = {path.parent.name: _tensors(path) for path in folder.glob("**/runs/*/model.safetensors")}
    return [{key: one[key] for key in kept} for one in found], _bytes("**/runs/*/log.jsonl", folder), weights


def _tensors(path: Path) -> str:
    """Digest of the tensors of a file; the metadata beside them come in any order."""
    found = hashlib.sha256()
    for name, value in sorted(load_file(path).items()):
        found.update(f"{name} {value.dtype} {value.shape} ".encode() + value.tobytes())
    return found.hexdigest()


_GRID = 'mu = ["m", 1.5]\na = [0.2, 4]\nx0 = [1, 0.5]\nb = 1\n[axes]\nm = { linspace = [-2, 2, 8] }\n'
_CORPUS = "wikitext-103-folder"  # a folder of one's own: the standard library's takes longer to read than to learn
_DATA = {
    f"w/wikitext-103-raw/wiki.{split}.raw": f"{split} is a text of some words, again and again.\n" * 40
    for split in ("train", "valid", "test")
}
_LM = tiny_grid(["unconstrained"], data=_CORPUS)
_REORDER = tiny_grid(["growth"], kind="reorder", data="digits", tokens=64)
_DECAY = tiny_grid(["spared"], kind="decay", data=_CORPUS, more="health_every = 4\n")
_PLAN = {**_DATA, "lm.toml": _LM, "plan.toml": '[[part]]\ngrid = "lm.toml"\nseconds = 1\nseeds = [0, 1]\n'}
_FLEET_AUDIT = ("fleet", "audit", "many", "--out", "fa", "--workers", "1", "--shuffles", "2")
_PLANNED = ("experiment", "plan", "plan.toml", "--out", "p", "--data", "w", "--device", "cpu", "--archive", "p.tar.gz")
_GPU = ("note: no GPU",)
_PROVED = partial(_bytes, "package/proofs/coq/Statements.v package/proofs/coq/record.json")
#: Of every signal, so that a command that starts others gets 200 in all.
_THIRD = 67
_COUNTS = ("0 in ", "1 in ", "2 in ", "1 of ", "2 of ")

COMMANDS: dict[str, Command] = {
    "audit": Command(
        ("audit", "m.safetensors", "--shuffles", "2", "--json", "a.json", "--csv", "a.csv", "--html", "a.html", "--health-csv", "h.csv"),
        ("a.json", "a.csv", "a.html", "h.csv"),
    ),
    "audit --certify --simulate": Command(("audit", "m.safetensors", "--layers", "layers.0", "--shuffles", "2", "--certify", "--simulate", "--json", "a.json"), ("a.json",)),
    "diff": Command(("diff", "m.safetensors", "n.safetensors", "--shuffles", "2", "--json", "d.json"), ("d.json",)),
    "simulate": Command(("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--csv", "s.csv", "--plot", "s.png"), ("s.csv", "s.png")),
    "simulate, with an empty cache": Command(
        ("simulate", "--mu=-1,1.5", "--a", "0.2,4", "--csv", "s.csv"), ("s.csv",), cold=True, reached=partial(_bytes, "s.csv")
    ),
    "check": Command(("check", "scaling", "--examples", "30", "--json", "c.json"), ("c.json",)),
    "trace": Command(("trace", "--length", "8", "--json", "t.json"), ("t.json",), notes=("No ",)),
    "derive": Command(("derive", "--out", "d", "--no-figures", "--no-theorems"), folder="d", reached=partial(_bytes, "d/*")),
    "figures": Command(("figures", "convergence", "--out", "f"), folder="f", reached=partial(_bytes, "f/*.csv f/*.html")),
    "new-theorem": Command(("new-theorem", "a-new-one", "--group", "flow"), folder="package/proofs/theorems/flow", rooms=("proofs",)),
    "prove": Command(("prove", "--write", "--record"), folder="package/proofs/coq", reached=_PROVED, workers=True, rooms=("proofs",), notes=("building", "reading"), most=_THIRD),
    "fleet audit": Command(_FLEET_AUDIT, folder="fa", reached=lambda folder: (_rows("fa/checkpoints", folder), _rows("fa/layers", folder)), workers=True, notes=_COUNTS, most=_THIRD),
    "fleet check": Command(
        ("fleet", "check", "scaling", "--examples", "40", "--shards", "4", "--out", "fc", "--workers", "1"), folder="fc", reached=_verdicts, workers=True, most=_THIRD
    ),
    "fleet flow": Command(
        ("fleet", "flow", "g.toml", "--out", "ff", "--workers", "1", "--chunk", "4"), folder="ff", inputs={"g.toml": _GRID}, reached=partial(_rows, "ff/flows"), workers=True, most=_THIRD
    ),
    "fleet report": Command(("fleet", "report", "fa"), folder="fa", before=(_FLEET_AUDIT,)),
    "experiment lm": Command(
        ("experiment", "lm", "--config", "lm.toml", "--data", "w", "--out", "e", "--device", "cpu", "--archive", "e.tar.gz"),
        ("e.tar.gz",), "e", {**_DATA, "lm.toml": _LM}, reached=_trained, notes=_GPU,
    ),
    "experiment lm, with workers": Command(
        ("experiment", "lm", "--config", "lm.toml", "--data", "w", "--out", "e", "--device", "cpu", "--workers", "2", "--seeds", "0,1"),
        folder="e", inputs={**_DATA, "lm.toml": _LM}, reached=_trained, workers=True, notes=_GPU, most=_THIRD,
    ),
    "experiment reorder": Command(
        ("experiment", "reorder", "--config", "r.toml", "--out", "e", "--device", "cpu"), folder="e", inputs={"r.toml": _REORDER}, reached=_trained, notes=_GPU
    ),
    "experiment decay": Command(
        ("experiment", "decay", "--config", "k.toml", "--data", "w", "--out", "e", "--device", "cpu"), folder="e", inputs={**_DATA, "k.toml": _DECAY}, reached=_trained, notes=_GPU
    ),
    "experiment prepare": Command(("experiment", "prepare", "--config", "reorder_digits", "--data", "data"), folder="data", reached=partial(_bytes, "data/*")),
    "experiment plan": Command(_PLANNED, ("p.tar.gz",), "p", _PLAN, reached=_trained, notes=_GPU),
    "experiment report": Command(
        ("experiment", "report", "p", "--plan", "plan.toml", "--results", "r", "--table", "r.md"), ("r.md",), "r", _PLAN, (_PLANNED,)
    ),
}  # fmt: skip


def prepare(folder: Path, name: str, began: Path | None = None) -> None:
    """What a command begins from: checkpoints, its inputs, an old file in the place of every output, a place for temporary files.

    Args:
        began: a folder in which the commands of `before` have run.
    """
    command = COMMANDS[name]
    if began is not None:
        shutil.copytree(began, folder, dirs_exist_ok=True)
    rng = np.random.default_rng(0)
    shapes = {"A_log": (6, 4), "x_proj.weight": (10, 6), "dt_proj.weight": (6, 2), "dt_proj.bias": (6,), "D": (6,)}
    for path in ("m", "n", "many/1", "many/2"):
        tensors = {
            f"layers.{n}.{key}": rng.normal(size=s).astype(np.float32) for n in range(4) for key, s in shapes.items()
        }
        (folder / path).parent.mkdir(exist_ok=True)
        save_file(tensors, folder / f"{path}.safetensors")
    for path, text in command.inputs.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for path in command.files:
        (folder / path).write_text(OLD)
    (folder / "tmp").mkdir(exist_ok=True)
    if command.rooms:
        _copied(folder / "package", command.rooms)


def _copied(package: Path, rooms: tuple[str, ...]) -> None:
    """The package with its own copy of some folders and links to the others."""
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "s6flow", package / "s6flow", symlinks=True, ignore=skipped)
    for room in ROOMS:
        if room in rooms:
            shutil.copytree(ROOT / room, package / room, ignore=skipped)
        else:
            os.symlink(ROOT / room, package / room)
    if "proofs" in rooms:
        _keep_one(package / "proofs")


def _keep_one(proofs: Path) -> None:
    """Leave `STATEMENT`, its proof and what that requires; a line more in the statements is for `prove --write` to put right."""
    template, statements = proofs / "formal/Statements.v.j2", proofs / "coq/Statements.v"
    template.write_text(_kept(template.read_text()))
    statements.write_text(_kept(statements.read_text()) + "\n")
    texts = {path.stem: path.read_text() for path in (proofs / "coq").glob("*.v")}
    wanted = [next(name for name, text in texts.items() if f"Theorem {STATEMENT} :" in text)]
    for name in wanted:
        required = re.findall(r"^From S6Flow Require Import ([\w ]+)\.$", texts[name], re.M)
        wanted += [more for line in required for more in line.split() if more not in wanted]
    for name in texts.keys() - wanted:
        (proofs / f"coq/{name}.v").unlink()


def _kept(statements: str) -> str:
    """Of all definitions in a text of the statements, or in its template, that of `STATEMENT` alone."""
    parts = statements.split("\n\n")
    kept = [part for part in parts if "_statement : Prop" not in part or f"Definition {STATEMENT}_statement :" in part]
    return "\n\n".join(kept).rstrip("\n") + "\n"
