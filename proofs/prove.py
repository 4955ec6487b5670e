"""Building and gating the formal proofs: what `s6flow prove` runs, and what status `kernel-checked` rests on.

The statements are printed from theorem values; the hand-written files prove exactly those. A run regenerates the
text, refuses forbidden words, builds from nothing, and reads the axioms of every theorem from Coq itself, from
outside all sections, so that a smuggled hypothesis shows as a changed type or an extra axiom.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError
from s6flow.processes import tied

__all__ = [
    "COQ",
    "RECORD",
    "WHITELIST",
    "ProofError",
    "ProofReport",
    "coq_available",
    "prove",
    "refuse_words",
    "stated_in",
]

COQ = Path(__file__).parent / "coq"
RECORD = COQ / "record.json"

#: The axioms of the standard library's real numbers, and no others.
WHITELIST = frozenset(
    {
        "ClassicalDedekindReals.sig_not_dec",
        "ClassicalDedekindReals.sig_forall_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
#: Words that leave a gap, switch a check off or reach outside the development.
FORBIDDEN = (
    "Admitted", "admit", "Axiom", "Axioms", "Parameter",
    "Parameters", "Conjecture", "give_up", "bypass_check", "Unset",
    "Declare", "Extraction", "Primitive", "Register", "Obligations",
    "native_compute", "Load", "Redirect", "Cd", "Drop",
)  # fmt: skip
INSTALL = "Install Coq 8.16 or later with Coquelicot: apt-get install coq libcoq-coquelicot."


class ProofError(S6FlowError):
    """A formal proof does not build, or rests on more than it may."""


@dataclass(frozen=True)
class ProofReport:
    """What a run found.

    Args:
        theorems: Coq theorem name -> sorted axioms.
        versions: tool -> version line.
        digests: file name -> SHA-256 of its text.
        coqchk: whether the second checker ran over the result.
    """

    theorems: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    digests: Mapping[str, str]
    coqchk: bool

    def as_json(self) -> dict[str, Any]:
        """The record that the registry reads."""
        return {
            "schema": "s6flow-proofs/1",
            "command": "s6flow prove --record" + (" --coqchk" if self.coqchk else ""),
            "versions": dict(self.versions),
            "theorems": {name: list(axioms) for name, axioms in sorted(self.theorems.items())},
            "files": dict(sorted(self.digests.items())),
        }


def coq_available() -> bool:
    """Whether coqc with Coquelicot answers."""
    if not all(shutil.which(tool) for tool in ("coqc", "coqdep", "coq_makefile", "make")):
        return False
    probe = "From Coquelicot Require Import Coquelicot."
    with tempfile.TemporaryDirectory(prefix="s6flow-coq-") as folder:
        path = Path(folder) / "Probe.v"
        path.write_text(probe)
        return subprocess.run(["coqc", "-q", str(path)], cwd=folder, capture_output=True, check=False).returncode == 0


def source_digests(folder: Path = COQ) -> dict[str, str]:
    """SHA-256 of every Coq source, by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.v"))}


def prove(
    names: Iterable[str],
    *,
    generated: Mapping[str, str],
    folder: Path = COQ,
    coqchk: bool = False,
    jobs: int = 2,
    whitelist: frozenset[str] = WHITELIST,
    say: Callable[[str], None] = lambda line: None,
) -> ProofReport:
    """Build every proof from nothing and check what it rests on.

    Args:
        names: Coq theorem names; each must have a definition <name>_statement and a theorem <name> of that type.
        generated: file name -> text that the printer gives; the committed text must be the same.
        folder: where the sources are.
        coqchk: re-check the compiled files with the separate checker.
        jobs: files built at a time.
        whitelist: axioms that may appear.
        say: receives progress lines.
    Raises:
        MissingDependencyError: without Coq. ProofError: a file differs from its generated text, uses a forbidden
        word, does not build, proves another statement, or uses another axiom.
    """
    if not coq_available():
        raise MissingDependencyError("the formal proofs need Coq with Coquelicot", "no coqc that finds it", "", INSTALL)
    sources = sorted(folder.glob("*.v"))
    if not sources:
        raise FormatError("the proofs need their sources", "no .v file", str(folder), "Restore proofs/coq.")
    for name, text in generated.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            raise ProofError(
                "a generated file must be what the printer gives", name, str(folder), "Run s6flow prove --write."
            )
    for path in sources:
        refuse_words(path)
    wanted = sorted(set(names))
    with tempfile.TemporaryDirectory(prefix="s6flow-coq-") as temporary:
        build = Path(temporary)
        for path in sources:
            shutil.copy(path, build)
        digests = source_digests(build)  # of what is built: the folder may change while Coq runs
        _build(build, [path.name for path in sources], jobs, say)
        parts = {f"Checked{place}": part for place in range(jobs) if (part := wanted[place::jobs])}
        for module, part in parts.items():
            (build / f"{module}.v").write_text(_checked_text([path.stem for path in sources], build, part))
        say(f"reading the axioms of {len(wanted)} theorems")
        axioms = _axioms(build, parts)
        for name, used in axioms.items():
            extra = sorted(set(used) - whitelist)
            if extra:
                raise ProofError("a theorem may rest on whitelisted axioms only", ", ".join(extra), name)
        if coqchk:
            say("coqchk: re-checking the compiled files")
            _run(
                ["coqchk", "-silent", "-o", "-Q", ".", "S6Flow", *(f"S6Flow.{module}" for module in parts)],
                build,
                "coqchk",
            )
    return ProofReport(axioms, _versions(), digests, coqchk)


def refuse_words(path: Path) -> None:
    """Read a Coq source, but for its comments, for words of `FORBIDDEN`.

    Raises: ProofError: it uses one.
    """
    text = path.read_text()
    while (bare := re.sub(r"\(\*(?:(?!\(\*|\*\)).)*\*\)", " ", text, flags=re.S)) != text:
        text = bare  # comments nest: innermost first
    for number, line in enumerate(text.splitlines(), 1):
        for word in FORBIDDEN:
            if re.search(rf"(?<![\w.']){word}(?![\w'])", line):
                raise ProofError("a proof may not use a word that leaves a gap", word, f"{path.name}, line {number}")


def _checked_text(modules: list[str], build: Path, names: list[str]) -> str:
    """A file outside all sections that states each theorem's type again and asks Coq for its axioms."""
    lines = [f"From S6Flow Require {' '.join(modules)}."]
    for name in names:
        home = stated_in(build, name)
        statement = stated_in(build, f"{name}_statement")
        lines += [
            f"Definition checked_{name} : {statement}.{name}_statement := {home}.{name}.",
            f"Print Assumptions checked_{name}.",
        ]
    return "\n".join(lines) + "\n"


def stated_in(build: Path, name: str) -> str:
    """The module, a file of the folder `build` without its suffix, that states a theorem or defines a statement.

    Raises: ProofError: none does, or several do.
    """
    stated = r"\s*:\s*Prop\b" if name.endswith("_statement") else rf"\s*:\s*{re.escape(name)}_statement\b"
    form = re.compile(rf"^\s*(?:Theorem|Definition)\s+{re.escape(name)}{stated}", re.M)
    found = [
        path.stem
        for path in sorted(build.glob("*.v"))
        if not path.stem.startswith("Checked") and form.search(path.read_text())
    ]
    if len(found) != 1:
        where = ", ".join(found) or "none"
        raise ProofError("every theorem must be stated in exactly one file", where, name)
    return found[0]


def _build(build: Path, files: list[str], jobs: int, say: Callable[[str], None]) -> None:
    project = ["-Q . S6Flow", "-arg -w -arg -ambiguous-paths,-variable-collision", *files]
    (build / "_CoqProject").write_text("\n".join(project) + "\n")
    _run(["coq_makefile", "-f", "_CoqProject", "-o", "Makefile.coq"], build, "coq_makefile")
    say(f"building {len(files)} files, {jobs} at a time")
    _run(["make", "-f", "Makefile.coq", f"-j{jobs}", "--no-print-directory"], build, "coqc")


def _run(command: list[str], folder: Path, what: str) -> str:
    with _started(command, folder) as process:
        return _finished(process, what)


def _started(command: list[str], folder: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """A tool of Coq; it ends with this process, and what make started with it."""
    return tied(command, folder, {**os.environ, "LC_ALL": "C.UTF-8", "MAKEFLAGS": ""})


def _finished(process: subprocess.Popen[str], what: str) -> str:
    out, errors = process.communicate()
    if process.returncode:
        lines = [line for line in (errors + out).splitlines() if line.strip()]
        place = next((line for line in lines if line.startswith("File ")), "")
        error = " ".join(lines[lines.index(place) :][:4]) if place else " ".join(lines[-2:])
        raise ProofError(f"{what} must accept the proofs", error[:400])
    return out


def _axioms(build: Path, parts: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Axioms of every theorem, from Coq's own answers; the modules are asked side by side."""
    words = ["coqc", "-q", "-w", "none", "-Q", ".", "S6Flow"]
    with ExitStack() as stack:
        asked = [
            (stack.enter_context(_started([*words, f"{module}.v"], build)), names) for module, names in parts.items()
        ]
        return dict(chain.from_iterable(_answers(_finished(process, "coqc"), names) for process, names in asked))


def _answers(out: str, names: list[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Theorem and axioms, from what Coq printed for each."""
    blocks = re.split(r"^(?:Axioms:|Closed under the global context)[ \t]*\n?", out, flags=re.M)[1:]
    if len(blocks) != len(names):
        raise ProofError("Coq must answer once a theorem", f"{len(blocks)} answers for {len(names)} theorems")
    name = re.compile(r"^([A-Za-z_][\w.']*)(?=\s*:|\s*$)", re.M)
    return [(theorem, tuple(sorted(set(name.findall(block))))) for theorem, block in zip(names, blocks, strict=True)]


def _versions() -> dict[str, str]:
    out = subprocess.run(["coqc", "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"version (\S+)", out)
    return {"coq": match.group(1) if match else "unknown"}


def recorded() -> dict[str, tuple[str, ...]]:
    """Theorems of the committed record whose sources are unchanged since: name -> axioms; {} without a record."""
    if not RECORD.exists():
        return {}
    record = json.loads(RECORD.read_text())
    if record.get("files") != source_digests():
        return {}
    return {name: tuple(axioms) for name, axioms in record["theorems"].items()}
