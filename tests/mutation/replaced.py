"""A plugin of pytest: one module is imported with a text replaced, `pytest -p tests.mutation.replaced`.

S6FLOW_MUTANT has file, old text and new text, as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType

from tests.mutation import ROOT, module_name

__all__ = ["Loader"]


class Loader(SourceFileLoader):
    """Imports one file of the repository with other code; also a finder."""

    def __init__(self, file: str, code: CodeType) -> None:
        super().__init__(module_name(file), str(ROOT / "s6flow" / file))
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        return self.code

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return (
            importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None
        )


if "S6FLOW_MUTANT" in os.environ:
    _file, _old, _new = json.loads(os.environ["S6FLOW_MUTANT"])
    _source = (ROOT / "s6flow" / _file).read_text()
    if _old not in _source:
        raise SystemExit(f"{_file} has no {_old!r}: the mutant would change nothing")
    sys.meta_path.insert(0, Loader(_file, compile(_source.replace(_old, _new), _file, "exec")))
