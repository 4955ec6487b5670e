"""The one digest: of all code that a result rests on, by what it does and not by where it lies.

Imports are read off the syntax trees, nothing is imported here, so that no list of dependencies can go stale and asking
costs little. A module's name, its folder, comments, layout, docstrings and annotations do not touch a digest: a function
that moves to another file of the package is the same function. What an import brings in is told by what stands there.

One long file: every rule of what is the same code stands beside the others.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from s6flow.errors import S6FlowError

__all__ = ["bytes_digest", "code_digest", "meaning_digest", "package_root", "source_files"]

_PACKAGE = "s6flow"
#: A module of this package in a text: in a table of backends, in the header of generated code, in a template.
_MENTIONED = re.compile(rf"\b{_PACKAGE}(?:\.\w+)+")
# of no consequence for what a program computes, or not in the syntax trees of every Python
_SILENT = {"annotation", "returns", "type_comment", "type_ignores", "type_params", "kind"}
#: Endings of the package's files that decide what it computes and writes.
_READ = (".py", ".j2", ".json", ".toml", ".v", ".mplstyle", ".css", ".html", ".md", ".tex")
#: Files beside a module that it reads when it runs.
_BESIDE = ("*.j2", "*.mplstyle")


@functools.cache
def package_root() -> Path:
    """The folder of the import package, with `symbolic`, `numeric`, ... in it."""
    import s6flow

    assert s6flow.__file__ is not None, "the package is an ordinary one"
    return Path(s6flow.__file__).parent


@functools.cache
def bytes_digest() -> str:
    """Digest of all that the package holds, byte by byte.

    Where it is the same every other digest is, too, and it costs a tenth of one: nothing is parsed. A comment changes it.
    """
    found = hashlib.sha256()
    for folder, folders, names in os.walk(package_root(), followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(_READ):
                path = Path(folder, name)
                data = path.read_bytes()
                found.update(f"{path.relative_to(package_root()).as_posix()}\0{len(data)}\0".encode() + data)
    return found.hexdigest()[:20]


def _everything(name: str) -> bool:
    return True


class Sources:
    """The sources below one folder of the package; of another checkout as well as of this one.

    Args:
        root: the folder of the import package.
        wanted: modules for which it is false are left out, with what only they import; what is imported from them is told
            by its name.
    """

    def __init__(self, root: Path, wanted: Callable[[str], bool] = _everything) -> None:
        self.root, self.wanted = root, wanted
        self._trees: dict[Path, ast.Module] = {}
        self._statements: dict[Path, set[str]] = {}
        self._imports: dict[Path, list[str]] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._files: dict[str, Path | None] = {}
        self._told: dict[Path, list[str]] = {}

    def file(self, module: str) -> Path | None:
        """The source of a module of this package, None if there is none."""
        if module not in self._files:
            self._files[module] = self._found(module)
        return self._files[module]

    def _found(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] != _PACKAGE:
            return None
        base = self.root.joinpath(*parts[1:])
        candidates = (base.with_suffix(".py"), base / "__init__.py") if len(parts) > 1 else (base / "__init__.py",)
        return next((path for path in candidates if path.exists()), None)

    def tree(self, path: Path) -> ast.Module:
        """A file's syntax tree without what only a type checker runs.

        Raises: S6FlowError: it cannot be read or parsed.
        """
        if path not in self._trees:
            try:
                self._trees[path] = _running(ast.parse(path.read_bytes()))
            except (OSError, SyntaxError, ValueError) as error:
                raise S6FlowError("a source file must be readable", error, str(path)) from error
        return self._trees[path]

    def imports(self, path: Path) -> list[str]:
        """Modules of this package that a file imports: by statement anywhere, or by name in a text.

        Raises: S6FlowError: a statement imports from a module that is not there.
        """
        if path not in self._imports:
            self._imports[path] = sorted(set(self._imported(path)))
        return self._imports[path]

    def _imported(self, path: Path) -> Iterator[str]:
        for node in _nodes(self.tree(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for module, name, _ in _internal(node):
                    if self.file(module) is None:
                        raise S6FlowError("an imported module must be there", module, str(path))
                    yield module
                    if name and self.file(f"{module}.{name}"):
                        yield f"{module}.{name}"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from self._mentioned(node.value)

    def _mentioned(self, text: str) -> Iterator[str]:
        """The modules that a text names, with or without what stands in them."""
        for found in _MENTIONED.findall(text):
            name = found
            while "." in name and self.file(name) is None:
                name = name.rpartition(".")[0]
            if "." in name:
                yield name

    def files(self, roots: Iterable[str | Path]) -> dict[str, Path]:
        """Module (of scripts the path) -> file of all that is imported, the roots and packages on the way included.

        Raises: S6FlowError: a root is not there: what it imports would be left out without a word.
        """
        found: dict[str, Path] = {}
        waiting: list[tuple[str, Path]] = []
        for root in roots:
            path = root if isinstance(root, Path) else self.file(root)
            if path is None or not path.is_file():
                raise S6FlowError("a digest needs modules that are there", root, str(self.root))
            waiting.append((str(root), path))
        while waiting:
            name, path = waiting.pop()
            if name in found or not self.wanted(name):
                continue
            found[name] = path
            names = list(self.imports(path))
            if not name.startswith(_PACKAGE):
                waiting += [(str(near), near) for near in _neighbours(self.tree(path), path)]
            else:
                names += self._beside(path.parent)
                if "." in name:
                    names.append(name.rpartition(".")[0])
            waiting += [(module, where) for module in names if (where := self.file(module)) is not None]
        return found

    def _beside(self, folder: Path) -> list[str]:
        """The modules that the texts of a folder name."""
        if folder not in self._told:
            texts = [text.read_text() for text in _data_beside(folder)]
            self._told[folder] = sorted({name for text in texts for name in self._mentioned(text)})
        return self._told[folder]

    def statements(self, path: Path) -> set[str]:
        """Digests of what a file says at its top: definitions, and what its imports bring in."""
        if path in self._statements:
            return self._statements[path]
        found = self._statements[path] = set()
        for node in self.tree(path).body:
            if _is_silent(node):
                continue
            bound = list(_internal(node)) if isinstance(node, ast.Import | ast.ImportFrom) else []
            if bound:
                found |= {f"{here} {self._origin(module, name)}" for module, name, here in bound if name}
            else:
                found.add(_hash(self._says(node, True)))
        return found

    def _origin(self, module: str, name: str) -> str:
        """Digest of what is brought in."""
        if (module, name) not in self._known:
            there = f"{module}.{name}" if self.file(f"{module}.{name}") else module
            self._known[module, name] = _hash(self._brought(module, name) if self.wanted(there) else name)
        return self._known[module, name]

    def _brought(self, module: str, name: str, depth: int = 0) -> str:
        """What `from module import name` brings in, told by its definition; by its name where that is not found."""
        path = self.file(module)
        whole = self.file(f"{module}.{name}")
        if whole is not None:
            return self._says(self.tree(whole), False)
        for node in self.tree(path).body if path is not None else ():
            names = {getattr(node, "name", None)}
            names |= {target.id for target in _targets(node) if isinstance(target, ast.Name)}
            if name in names:
                return self._says(node, False)
            if isinstance(node, ast.ImportFrom) and depth < 9:
                for origin, original, here in _internal(node):
                    if here == name:
                        return self._brought(origin, original, depth + 1)
        return name

    def _says(self, value: object, follow: bool) -> str:
        """The words of a syntax tree in order; the same in every Python that parses it to the same program."""
        words: list[str] = []
        self._collect(value, follow, words)
        return "".join(words)

    def _collect(self, value: object, follow: bool, words: list[str]) -> None:
        kind = type(value)
        fields = _TELLING.get(kind)
        if fields is None:
            if kind is list:
                for each in cast("list[object]", value):
                    self._collect(each, follow, words)
            else:
                told = kind is str and _PACKAGE in cast(str, value)
                words.append(repr(_MENTIONED.sub(_PACKAGE, cast(str, value)) if told else value))
        elif isinstance(value, ast.Import | ast.ImportFrom) and any(_internal(value)):
            for module, name, here in _internal(value):
                words.append(f"(import {here} {self._origin(module, name) if follow else name})")
        else:
            words.append(f"({kind.__name__}")
            for name in fields:
                part: Any = getattr(value, name, None)
                if name == "body" and _documented(value):
                    part = part[1:]
                if part is not None and part != []:
                    words.append(f" {name}=")
                    self._collect(part, follow, words)
            words.append(")")


def _running(tree: ast.Module) -> ast.Module:
    """Without what stands under `if TYPE_CHECKING`."""
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            tree.body[place : place + 1] = node.orelse or [ast.Pass()]
    return tree


def _internal(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str]]:
    """(module, name, name here) of an import statement from this package; the names are empty for whole modules."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "", "") for alias in node.names if alias.name.split(".")[0] == _PACKAGE)
    elif node.module and node.level == 0 and node.module.split(".")[0] == _PACKAGE:
        yield from ((node.module, alias.name, alias.asname or alias.name) for alias in node.names)


def _targets(node: ast.stmt) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []


def _is_silent(node: ast.stmt) -> bool:
    """Docstrings, lists of public names and statements to the compiler."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    if any(isinstance(target, ast.Name) and target.id == "__all__" for target in _targets(node)):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _neighbours(tree: ast.Module, path: Path) -> Iterator[Path]:
    """Scripts beside a script that it imports by their bare names."""
    for node in _nodes(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        yield from (near for name in names if (near := path.with_name(f"{name}.py")).is_file())


def _data_beside(folder: Path) -> list[Path]:
    return sorted(file for pattern in _BESIDE for file in folder.glob(pattern))


#: Kind of nodes -> those of its fields that mean something.
_TELLING: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _SILENT)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def _documented(node: object) -> bool:
    """Whether the body of a module, class or function begins with its docstring."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return False
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a tree, in any order, which `ast.walk` keeps at a cost."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, ast.AST):
            yield node
            waiting += [getattr(node, name, None) for name in node._fields]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _sources(root: Path, wanted: Callable[[str], bool] = _everything) -> Sources:
    return Sources(root, wanted)


def source_files(module: str, wanted: Callable[[str], bool] = _everything) -> dict[str, Path]:
    """Module -> file of everything that `module` imports, itself and packages on the way included.

    Args:
        module: dotted name in this package.
        wanted: modules for which it is false are left out, with what only they import.
    Raises: S6FlowError: there is no such module, or one of those imported is not there.
    """
    return _sources(package_root(), wanted).files([module])


def code_digest(
    roots: Iterable[str | Path],
    wanted: Callable[[str], bool] = _everything,
    data: Iterable[Path] = (),
    root: Path | None = None,
) -> str:
    """Digest of what a result rests on.

    Args:
        roots: modules of the package and scripts outside of it that were run; all that they import counts, and the
            templates and styles beside each.
        wanted: a function of a module (not one made for the call, since what it keeps is remembered), as in `Sources`.
        data: further files that the result depends on.
        root: the import package's folder, of this checkout by default.
    Raises: S6FlowError: a root, an imported module or a data file is not there.
    Numerics: the set of statements is hashed, so that it matters neither which file holds one nor in which order.
    """
    sources = _sources(package_root() if root is None else root, wanted)
    files = sources.files(roots)
    found = {statement for path in files.values() for statement in sources.statements(path)}
    inside = [path for name, path in files.items() if name.startswith(_PACKAGE)]
    beside = {file for folder in {path.parent for path in inside} for file in _data_beside(folder)}
    for file in (*beside, *data):
        try:
            content = file.read_bytes()
        except OSError as error:
            raise S6FlowError("a file that a result rests on must be readable", error.strerror, str(file)) from error
        if file in beside:  # generated headers name modules, too
            content = _MENTIONED.sub(_PACKAGE, content.decode()).encode()
        found.add(hashlib.sha256(content).hexdigest())
    return _hash("\n".join(sorted(found)))[:16]


def meaning_digest(path: Path) -> str:
    """Hash of what one source file does: comments, layout, docstrings and annotations do not touch it.

    Raises: S6FlowError: the file cannot be read or parsed.
    """
    sources = _sources(package_root())
    return _hash(sources._says(sources.tree(path), False))
