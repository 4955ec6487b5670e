"""The committed results: what code each rests on, whether it is still that, and the command that renews it.

A result records the digest of the code that made it.

A stale result that cannot be renewed at once (it needs a GPU, or hours) is declared in `awaiting.json`, with the reason.
That is no pardon: whoever shows the result says so, and a declared result that is not stale is a failure, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError, S6FlowError
from s6flow.provenance import code_digest, package_root

__all__ = ["EVIDENCE", "Evidence", "awaiting", "committed", "evidence_of", "result_name", "stale_reasons", "unchecked"]

_AWAITING = "numeric/awaiting.json"
#: Where an installed package has the results of the benchmarks.
_MEASURED = "paper_figures/measured/"
_EXPERIMENTS = ("s6flow.numeric.experiments", "s6flow.numeric.refinements")
#: What the package offers to importers, and what only records: no part of a run.
_ASIDE = {"s6flow.numeric.experiments", "s6flow.numeric.experiments.provenance"}
#: What words an error, writes a file, shows how far it is; the names that the package offers; and this table.
_HOUSEKEEPING = {f"s6flow.{name}" for name in ("errors", "files", "progress", "provenance", "text", "numeric.evidence")}
_HOUSEKEEPING |= {"s6flow"}
_APART = ("s6flow.proofs.theorems", "s6flow.proofs.formal", "s6flow.symbolic.derivation")
#: Equations of a user's own: the integrators take them, and no result but `cpu_flow.json` has one.
_OWN = "s6flow.symbolic.equation"


def of_a_run(module: str) -> bool:
    """Model, data, conditions, training and measurement; not the audit of the trained weights, nor the claims."""
    return module not in _ASIDE and module.startswith(_EXPERIMENTS)


def of_a_check(module: str) -> bool:
    """What computes, of the paper's equations. Statements and derivations have digests of their own in each row."""
    return module != _OWN and of_own_equations(module)


def of_own_equations(module: str) -> bool:
    """All that computes."""
    return module not in _HOUSEKEEPING and not module.startswith(_APART)


def of_the_commands(module: str) -> bool:
    """The command line and what it reads in place of computing, itself alone.

    Seconds move with every line of the package, by less than with the machine; these decide what a command imports.
    """
    aside = ("s6flow.cli", "s6flow.commands", "s6flow.proofs.index", "s6flow.paper_record")
    return not module.startswith("s6flow") or module.startswith(aside)


def of_a_fleet(module: str) -> bool:
    """What hands work out and writes it; an audit's own seconds are in audit_cpu.json."""
    return not module.startswith("s6flow") or module.startswith("s6flow.numeric.fleet")


@dataclass(frozen=True)
class Evidence:
    """One kind of committed result.

    Args:
        pattern: of its files, from the root of the repository.
        roots: modules that were run, and scripts by their paths from there.
        wanted: which of the modules that they import decide the result.
        renew: the command that makes it anew.
    """

    pattern: str
    roots: tuple[str, ...]
    wanted: Callable[[str], bool]
    renew: str

    def digest(self, root: Path | None = None) -> str:
        """Of the code as it is now, or below another checkout.

        Raises: S6FlowError: a root is not there.
        """
        base = _repository() if root is None else root
        roots = [base / name if name.endswith(".py") else name for name in self.roots]
        return code_digest(roots, self.wanted, root=base / "s6flow")


def _benchmark(
    result: str, script: str, options: str, where: str = "", wanted: Callable[[str], bool] = of_a_check
) -> Evidence:
    command = f"python benchmarks/{script} {options} benchmarks/results/{result}{where}"
    return Evidence(f"benchmarks/results/{result}", (f"benchmarks/{script}",), wanted, command)


EVIDENCE: tuple[Evidence, ...] = (
    Evidence("proofs/nightly.json", ("s6flow.numeric.checks.check",), of_a_check, "make nightly"),
    Evidence(
        "numeric/experiments/results/*.json",
        ("s6flow.numeric.experiments.run",),
        of_a_run,
        "s6flow experiment plan h100 --out DIR, on GPUs; then s6flow experiment report DIR",
    ),
    Evidence(
        "numeric/zoo/zoo.json",
        ("s6flow.numeric.zoo.audits",),
        of_a_check,
        "python -m s6flow.numeric.zoo --folder CHECKPOINTS --package PACKAGE",
    ),
    Evidence(
        "numeric/networks/traces.json",
        ("s6flow.numeric.networks.traces",),
        of_a_check,
        "python -m s6flow.numeric.networks --text FILE --add NAME=CHECKPOINT",
    ),
    _benchmark("audit_cpu.json", "audit.py", "--json"),
    Evidence(
        "benchmarks/results/commands.json",
        ("benchmarks/commands.py", "s6flow.cli", "s6flow.proofs.index", "s6flow.paper_record"),
        of_the_commands,
        "python benchmarks/commands.py --json benchmarks/results/commands.json",
    ),
    _benchmark("cpu_flow.json", "cpu_flow.py", "--out", wanted=of_own_equations),
    Evidence(
        "benchmarks/results/fleet.json",
        ("benchmarks/fleet.py", "s6flow.numeric.fleet.audits", "s6flow.numeric.fleet.pool"),
        of_a_fleet,
        "python benchmarks/fleet.py --folder FOLDER --out benchmarks/results/fleet.json, on 16 cores or more",
    ),
    _benchmark("gpu_flow.json", "gpu_flow.py", "--out", ", on a GPU"),
    _benchmark("gpu_ensembles.json", "gpu_ensembles.py", "--out", ", on a GPU"),
    _benchmark("gpu_mamba.json", "gpu_mamba.py", "--sources FOLDER --out", ", on a GPU"),
    _benchmark("gpu_parity.json", "gpu_parity.py", "--out", ", on a GPU"),
    _benchmark("gpu_tiles.json", "gpu_tiles.py", "--out", ", on a GPU"),
    _benchmark("gpu_scaling.json", "gpu_scaling.py", "--out", ", by torchrun on two GPUs"),
    _benchmark("trace_*.json", "trace.py", "--device cuda --out", ", on a GPU"),
)


def _repository() -> Path:
    return package_root().resolve().parent


def committed() -> list[Path]:
    """Every result file of this checkout that the table knows."""
    return sorted(path for row in EVIDENCE for path in _repository().glob(row.pattern))


def evidence_of(path: Path) -> Evidence:
    """The row of a result.

    Raises: FormatError: the table has none: nothing would say when such a result is stale.
    """
    name = result_name(path)
    row = next((row for row in EVIDENCE if fnmatchcase(name, row.pattern)), None)
    if row is None:
        raise FormatError("a committed result must be in the table of evidence", name, "s6flow.numeric.evidence")
    return row


def result_name(path: Path) -> str:
    """A result's path from the root of the repository, by which the table knows it; whole where it lies elsewhere.

    An installed package has them in its own folder, those of the benchmarks in that of its figures.
    """
    full = path.resolve()
    base = next((base for base in (package_root().resolve(), _repository()) if full.is_relative_to(base)), None)
    if base is None:
        return full.as_posix()
    return re.sub(f"^{_MEASURED}", "benchmarks/results/", full.relative_to(base).as_posix())


@cache
def _now(row: Evidence) -> str:
    return row.digest()


def stale_reasons(path: Path, content: Any = None) -> list[str]:
    """Why a result no longer belongs to this tree, with the command that renews it; empty if it does, or is `unchecked`.

    Args:
        path: of the file.
        content: what stands in it, if it has been read.
    """
    if unchecked(path):
        return []
    try:
        row, now = evidence_of(path), _now(evidence_of(path))
        recorded = set(_recorded(json.loads(path.read_bytes()) if content is None else content))
    except (OSError, ValueError, S6FlowError) as error:
        return [f"it cannot be checked ({error})"]
    if not recorded:
        return [f"it does not say which code made it; renew it: {row.renew}"]
    return [f"the code is {now}, the result's was {code}; renew it: {row.renew}" for code in sorted(recorded - {now})]


def unchecked(path: Path) -> bool:
    """Whether the scripts that made a result are not here: an installed package has none of the benchmarks."""
    name = result_name(path)
    return name.startswith("benchmarks/") and not (_repository() / "benchmarks").is_dir()


def awaiting(path: Path) -> str | None:
    """Why a stale result has not been renewed yet; None if it is not declared."""
    table = package_root() / _AWAITING
    declared: dict[str, str] = json.loads(table.read_text()) if table.exists() else {}
    return declared.get(result_name(path))


def _recorded(content: Any) -> Iterator[str]:
    """The digests in a document: `code` at its top, or in a `provenance` anywhere."""
    if isinstance(content, dict):
        if isinstance(content.get("code"), str):
            yield content["code"]
        for key, part in content.items():
            if key == "provenance" or isinstance(part, dict):
                yield from _recorded(part)
    elif isinstance(content, list):
        for part in content:
            yield from _recorded(part)
