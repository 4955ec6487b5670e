"""When a figure must be drawn again: the digest of all code that it runs, with its data and the tools.

The code is found by following the import statements of the figure's module through the package, so that no list
of dependencies can go stale. Nothing is imported here: a second run with nothing to do stays fast.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from s6flow import __version__
from s6flow.errors import S6FlowError
from s6flow.files import write_atomic
from s6flow.paper_figures.figure import Figure, shown_files
from s6flow.provenance import bytes_digest, code_digest, package_root, source_files
from s6flow.symbolic.codegen.cache import cache_folder

__all__ = ["code_of", "figure_digest", "versions"]

_TOOLS = ("numpy", "scipy", "sympy", "matplotlib")
#: What draws every figure, and the registry, through which statements and statuses are shown: it finds its files itself.
_RENDER, _REGISTRY = "render", "registry"


def code_of(module: str) -> dict[str, Path]:
    """Module -> file of everything that a figure's module imports; the package of figures itself imports them all."""
    return source_files(module, _not_own)


def _not_own(name: str) -> bool:
    return name != __package__


def _statements(figure: Figure) -> list[Path]:
    """Files of the theorems that the figure cites, and the record of what the kernel checked."""
    folder = package_root() / "proofs"
    names = {key.replace("-", "_") + ".py" for key in figure.theorems}
    files = sorted((folder / "theorems").glob("*/*.py"))
    everything = figure.theorems == ("*",)
    return [path for path in files if everything or path.name in names] + [folder / "coq" / "record.json"]


def versions(figure: Figure) -> dict[str, str]:
    """Versions of the tools that a picture's content depends on."""
    found = {"s6flow": __version__, "python": platform.python_version()}
    for name in (*_TOOLS, *figure.packages):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def figure_digest(figure: Figure) -> str:
    """Digest of code, statements, results, style and versions.

    It is remembered in the user's cache for the package as it is, byte by byte: parsing all code takes longer than a
    run with nothing to draw may. A folder that cannot be used only costs time.

    Raises: S6FlowError: a file cannot be read.
    """
    shown = [hashlib.sha256(file.read_bytes()).hexdigest() for file in shown_files(figure)]
    whole = repr((bytes_digest(), figure, sorted(versions(figure).items()), shown))
    key = hashlib.sha256(whole.encode()).hexdigest()[:20]
    path = cache_folder() / f"figure_{key}.digest"
    try:
        known = path.read_text()
    except (OSError, ValueError):
        known = ""
    if re.fullmatch(r"[0-9a-f]{20}", known):
        return known
    with _nothing_collected():
        digest = _parsed(figure)
    with suppress(OSError, S6FlowError):
        write_atomic(path, digest, 0o600)
    return digest


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Syntax trees stay while digests are found: to look for rubbish among them takes a third of the time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _parsed(figure: Figure) -> str:
    roots = (figure.path, f"{__package__}.{_RENDER}")
    modules = {name for root in roots for name in code_of(root)}
    data = shown_files(figure)
    if any(name.endswith(f".proofs.{_REGISTRY}") for name in modules):
        data += _statements(figure)
    try:
        code = code_digest(roots, _not_own, data)
    except OSError as error:
        raise S6FlowError("a source file must be readable", error.strerror, str(error.filename)) from error
    whole = repr((figure, sorted(versions(figure).items()), code))
    return hashlib.sha256(whole.encode()).hexdigest()[:20]
