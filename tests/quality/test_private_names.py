"""No module reaches for a name that another one keeps to itself; what still does stands in a table, with its reason.

A name with one underscore in front is its module's, or its class's, own. The table is exact: an access that it does not have
fails, and so does a row that nothing needs any more. Programs that stand in texts, for processes of tests, are read, too.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from s6flow.provenance import Sources, package_root

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("symbolic", "proofs", "numeric", "paper_figures", "s6flow", "tests", "benchmarks", "docs")
#: Names that their owners document: an underscore keeps them apart from a user's own names, or says that they are abrupt.
DOCUMENTED = {"_exit", "_fields", "_make", "_print", "_replace", "_asdict"}
#: Functions that take the name of an attribute as text.
BY_TEXT = {"delattr", "getattr", "hasattr", "object", "patch", "setattr"}

#: Of other libraries, which offer nothing public in their place: file -> names, and what they are needed for.
FOREIGN: dict[str, tuple[str, str]] = {
    "numeric/experiments/update.py": (
        "_warned_capturable_if_run_uncaptured",
        "PyTorch's optimisers warn of it once, and have no other switch",
    ),
    "numeric/refinements/layers.py": ("_orig_mod", "the module that torch.compile wraps"),
    "numeric/trace/places.py": ("_orig_mod", "the module that torch.compile wraps"),
    "paper_figures/lettering.py": ("_parse_cached", "Matplotlib keeps only fifty parsed formulas"),
    "paper_figures/ticks.py": (
        "_get_ticklabel_bboxes _update_ticks",
        "what Matplotlib asks of an axis several times a drawing",
    ),
    "paper_figures/workers.py": (
        "_forkserver _forkserver_pid _stop",
        "the process that copies are made from has no public way to its end",
    ),
    "s6flow/commands/check.py": ("_cache", "where Numba keeps a compiled function; nothing is told without it"),
    "s6flow/processes.py": ("_Popen", "how multiprocessing starts a process, in which signals are held"),
    "symbolic/codegen/compiled.py": (
        "_cache _cache_file _cache_path _index_name _source_stamp",
        "where Numba keeps compiled functions, and for which source",
    ),
    "symbolic/codegen/numba/start.py": ("_HAVE_BLAS", "Numba would import SciPy only to learn that it is there"),
    "tests/faults/nursery.py": ("_run_exitfuncs _shutdown", "a child ends as Python does, without what it forked from"),
    "tests/mutation/campaign.py": ("_tmp_path_factory", "pytest's folder is made before children fork"),
    "tests/numeric/test_refinements_cap.py": ("_forward_hooks", "PyTorch lists a module's hooks nowhere else"),
    "tests/numeric/test_weights_models.py": (
        "_mamba_block _selective_scan_seq",
        "a published package's own forward pass, as a reference",
    ),
    "tests/paper_figures/test_ticks.py": ("_update_ticks", "counts what Matplotlib asks of an axis"),
    "tests/symbolic/test_step_control.py": ("_estimate_error_norm", "SciPy's error norm is the reference"),
    "tests/symbolic/triton_interpreted.py": (
        "_LangPatchScope _get_np_dtype _patch_lang",
        "Triton's interpreter replaces its language at every call",
    ),
}

#: Of ours, and private on purpose: file -> names, and why a test asks for them.
MEANT: dict[str, tuple[str, str]] = {
    "tests/api/test_names.py": ("_TABLE", "a public name of the package would be a name of the API"),
    "tests/quality/test_private_names.py": ("_b", "examples, in texts, of what is found"),
}


def private(name: str) -> bool:
    """One underscore in front and none behind, which is how protocols such as `_repr_html_` are spelled."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_") and name not in DOCUMENTED


@dataclass
class File:
    """What one file says of private names.

    Args:
        own: those that it defines, or sets on `self`.
        taken: those that it takes from elsewhere -> modules that it names for them; "" where it names none.
    """

    own: set[str] = field(default_factory=set)
    taken: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def _is_own(value: ast.expr) -> bool:
    """Whether it is self, cls or super()."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def code_in(node: ast.AST) -> Iterator[ast.Module]:
    """A text that is a program of its own and imports from us, as processes of tests are given one."""
    match node:
        case ast.Constant(value=str(text)):
            pass
        case ast.JoinedStr(values=parts):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in parts)
        case _:
            return
    if "s6flow" in text and "import" in text:
        with contextlib.suppress(SyntaxError):
            yield ast.parse(textwrap.dedent(text))


def read(tree: ast.Module) -> File:
    """A file's private names. Those of a class may be used of other objects in the file that defines it."""
    found, imported = File(), dict[str, str]()
    used: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        for inner in code_in(node):
            for name, modules in read(inner).taken.items():
                found.taken[name] |= modules
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.own |= {name} if private(name) else set()
            case ast.Name(id=name, ctx=ast.Store()) if private(name):
                found.own.add(name)
            case ast.Attribute(value=value, attr=name, ctx=context) if private(name):
                if not _is_own(value):
                    used.append((name, ast.unparse(value)))
                elif isinstance(context, ast.Store):
                    found.own.add(name)
            case ast.Import(names=names):
                imported |= {alias.asname or alias.name: alias.name for alias in names}
                for name in (part for alias in names for part in alias.name.split(".")[1:] if private(part)):
                    found.taken[name].add("")
            case ast.ImportFrom(names=names, module=str(module)):
                imported |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
                for name in (alias.name for alias in names if private(alias.name)):
                    found.taken[name].add(module)
                for name in filter(private, module.split(".")[1:]):
                    found.taken[name].add("")
            case ast.Call(func=function, args=[base, *_] as given) if _called(function) in BY_TEXT:
                texts = [part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                for text in texts:
                    module, _, name = text.rpartition(".")
                    if private(name) and module:
                        found.taken[name].add(module)
                    elif private(name) and not _is_own(base):
                        used.append((name, ast.unparse(base)))
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="vars"), args=[base]) | ast.Attribute(value=base, attr="__dict__"),
                slice=ast.Constant(value=str(name)),
            ) if private(name):
                used.append((name, ast.unparse(base)))
    for name, base in used:
        if base in imported or name not in found.own:
            found.taken[name].add(imported.get(base, ""))
    return found


@functools.cache
def sources() -> Sources:
    """Of this checkout."""
    return Sources(package_root())


@functools.cache
def files() -> dict[str, File]:
    """File, from the root of the repository -> what it says."""
    found = {}
    for folder in FOLDERS:
        linked = package_root() / folder
        base = linked if linked.is_symlink() else ROOT / folder  # as the package sees it, so that it is parsed once
        for path in sorted(base.rglob("*.py")):
            if "generated" not in path.parts:
                found[f"{folder}/{path.relative_to(base).as_posix()}"] = read(sources().tree(path))
    return found


@functools.cache
def homes() -> dict[str, set[str]]:
    """Private name -> files of ours that define it."""
    found = defaultdict(set)
    for path, file in files().items():
        for name in file.own:
            found[name].add(path)
    return found


def declared() -> dict[str, set[str]]:
    """File -> names of the three tables."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in (FOREIGN, MEANT):
        for file, (names, _) in table.items():
            found[file] |= set(names.split())
    return found


def test_every_access_to_a_private_name_is_declared_and_needed() -> None:
    assert {path: set(file.taken) for path, file in files().items() if file.taken} == declared()


def test_a_name_of_another_library_is_none_of_ours() -> None:
    ours = {(file, name): homes()[name] for file, (names, _) in FOREIGN.items() for name in names.split()}
    assert {access: files for access, files in ours.items() if files} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from s6flow.a import _b", {("_b", "s6flow.a")}),
        ("from s6flow import a\na._b()", {("_b", "s6flow.a")}),
        ("import s6flow.a as c\nmonkeypatch.setattr(c, '_b', 1)", {("_b", "s6flow.a")}),
        ("monkeypatch.setattr('s6flow.a._b', 1)", {("_b", "s6flow.a")}),
        ("from s6flow import a\nvars(a)['_b']", {("_b", "s6flow.a")}),
        ("import os._b", {("_b", "")}),
        ("code = 'from s6flow.a import _b as c'", {("_b", "s6flow.a")}),
        ("code = f'if {1}:\\n from s6flow.a import _b'", {("_b", "s6flow.a")}),
        ("thing._b = 1", {("_b", "")}),
        ("def _b(): ...\nfrom s6flow import a\na._b", {("_b", "s6flow.a")}),
        ("class A:\n    def __init__(self): self._b = 1\n    def f(self, other): return other._b", set()),
        ("self._b\nsuper()._b\npage._repr_html_()\nrow._replace(a=1)\nsetattr(self, '_b', 1)\nx.__doc__", set()),
        ("import _thread\nfrom s6flow.a import b\nb['_c']", set()),
    ],
)
def test_the_rule_can_fail(text: str, found: set[tuple[str, str]]) -> None:
    taken = read(ast.parse(text)).taken
    assert {(name, module) for name, modules in taken.items() for module in modules} == found
