"""When a figure must be drawn again: the hash of all code that it runs, of its data and of the tools.

The code is found by following the import statements of the figure's module through the package, so that no list
of dependencies can go stale. Nothing is imported here: a second run with nothing to do stays fast.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from pathlib import Path

from s6flow.errors import S6FlowError
from s6flow.paper_figures.figure import Figure
from s6flow.provenance import package_root, source_files

__all__ = ["ROOT", "code_of", "figure_digest", "result_files", "versions"]

#: The package's folder, with `symbolic`, `numeric`, ... in it; and what lies beside it in a checkout.
ROOT = Path(__file__).parent.parent
_TOOLS = ("numpy", "scipy", "sympy", "matplotlib")
_OWN = "s6flow.paper_figures"
#: Text of a statement and of a status that figures show is read through the registry, which finds its files itself.
_REGISTRY = "s6flow.proofs.registry"


def code_of(module: str) -> dict[str, Path]:
    """Module -> file of everything that a figure's module imports; the package of figures itself imports them all."""
    return source_files(module, _not_own)


def _not_own(name: str) -> bool:
    return name != _OWN


def _statements(figure: Figure) -> list[Path]:
    """Files of the theorems that the figure cites, and the record of what the kernel checked."""
    folder = package_root() / "proofs"
    names = {key.replace("-", "_") + ".py" for key in figure.theorems}
    files = sorted((folder / "theorems").glob("*/*.py"))
    everything = figure.theorems == ("*",)
    return [path for path in files if everything or path.name in names] + [folder / "coq" / "record.json"]


def result_files(figure: Figure) -> list[Path]:
    """Committed result files that the figure shows, those that exist."""
    base = package_root()
    return sorted(
        {
            path.resolve()
            for pattern in figure.results
            for root in (base, base.resolve().parent)
            for path in root.glob(pattern)
        }
    )


def versions(figure: Figure) -> dict[str, str]:
    """Versions of the tools that a picture's content depends on."""
    found = {"s6flow": importlib.metadata.version("s6flow"), "python": platform.python_version()}
    for name in (*_TOOLS, *figure.packages):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def figure_digest(figure: Figure) -> str:
    """Hash of code, statements, results, style and versions.

    Raises: S6FlowError: a file cannot be read.
    """
    whole = hashlib.sha256(repr((figure, sorted(versions(figure).items()))).encode())
    modules = {**code_of(figure.path), **code_of("s6flow.paper_figures.render")}
    listed = [(name, path) for name, path in sorted(modules.items())]
    folders = sorted({path.parent for path in modules.values()})
    listed += [(path.name, path) for folder in folders for path in sorted(folder.glob("*.j2"))]
    if _REGISTRY in modules:
        listed += [(path.name, path) for path in _statements(figure)]
        listed.append(("proofs", ROOT / "proofs" / "coq" / "record.json"))  # statuses are shown
    listed += [(path.name, path) for path in result_files(figure)]
    listed.append(("style", Path(__file__).parent / "style.mplstyle"))
    try:
        for name, path in listed:
            content = path.read_bytes() if path.exists() else b"absent"
            whole.update(f"{name} {len(content)}\n".encode() + content)
    except OSError as error:
        raise S6FlowError("a source file must be readable", error.strerror, str(error.filename)) from error
    return whole.hexdigest()[:20]
