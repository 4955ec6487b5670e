"""`import s6flow as sf`: light, complete, typed; every example of the API runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import s6flow as sf
from s6flow import api
from s6flow.numeric.audit.report import audit as judge

FRONT = Path(sf.__file__)
MODULES = sorted(info.name for info in pkgutil.iter_modules(api.__path__))


def typed() -> dict[str, tuple[str, str]]:
    """Name -> (module, name there) of the imports for type checkers."""
    tree = ast.parse(FRONT.read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_table_the_public_names_and_the_typed_names_agree() -> None:
    table = {name: (f"s6flow.{module}", name) for name, module in sf._TABLE.items()}
    assert typed() == table
    assert set(sf.__all__) == set(table)
    assert {name for name in dir(sf) if not name.startswith("__")} == set(table)


@pytest.mark.parametrize("name", sf.__all__)
def test_every_name_resolves_and_is_documented(name: str) -> None:
    found = getattr(sf, name)
    assert callable(found)
    assert found.__module__.startswith("s6flow.")
    assert len(inspect.getdoc(found) or "") > 40
    assert getattr(sf, name) is found


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'audits'"):
        sf.audits  # noqa: B018
    assert not hasattr(sf, "trace_of_nothing")


def test_importing_the_package_imports_nothing_else() -> None:
    heavy = "{'numpy', 'sympy', 'scipy', 'torch', 'matplotlib', 'pandas', 'click', 'rich', 'jinja2', 'jaxtyping'}"
    seen = run(
        "import sys; import s6flow as sf; dir(sf)\n"
        f"print(sorted(({heavy} & set(sys.modules)) | {{m for m in sys.modules if m.startswith('s6flow.')}}))"
    )
    assert seen.strip() == "[]"
    assert run("import s6flow as sf, sys; sf.certify; print('numpy' in sys.modules)").strip() == "True"


def test_without_pytorch_all_names_are_there_and_say_what_they_need() -> None:
    needs = [name for name, place in sf._TABLE.items() if place.startswith("numeric.refinements")]
    said = run(
        f"import sys; sys.modules['torch'] = None\nfrom s6flow import {', '.join(needs)}\n"
        "try:\n    constrain(None)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    assert said.strip() == (
        "MissingDependencyError sf.constrain needs torch; got no torch. Run pip install 's6flow[torch]'."
    )


def test_the_audit_has_the_options_of_the_audit() -> None:
    ours, below = (inspect.signature(function).parameters for function in (sf.audit, judge))
    assert {name: row.default for name, row in ours.items()} == {name: row.default for name, row in below.items()}


def test_the_trace_has_one_signature() -> None:
    from s6flow.numeric.trace import trace as below

    ours, theirs = inspect.signature(sf.trace), inspect.signature(below)
    assert ours.parameters == theirs.parameters
    assert ours.return_annotation == "Trace"
    with pytest.raises(TypeError, match="unexpected keyword argument 'contxt'"):
        sf.trace(None, None, contxt=3)


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    found = importlib.import_module(f"s6flow.api.{module}")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(found):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_every_function_of_the_api_has_an_example() -> None:
    for name, place in sf._TABLE.items():
        if place.startswith("api."):
            assert ">>> " in (inspect.getdoc(getattr(sf, name)) or ""), name
