"""s6flow: theory and diagnosis of selective state-space models. `import s6flow as sf`; the command line is `s6flow`.

Names are imported when they are used: `import s6flow` itself imports neither NumPy nor SymPy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

#: Links to the top-level folders; where a checkout was made without symbolic links they are small text files.
_LINKS = ("symbolic", "proofs", "numeric", "paper_figures")
for _name in _LINKS:
    if os.path.isfile(os.path.join(os.path.dirname(__file__), _name)):
        raise ImportError(
            f"s6flow/{_name} must be a symbolic link, and this checkout has a text file there; "
            "run: git config core.symlinks true && git checkout -- s6flow (on Windows in developer mode), or install the wheel."
        )

#: Name -> the module that has it.
_TABLE = {
    "Equation": "symbolic.equation",
    "audit": "api.audits",
    "bake": "numeric.refinements",
    "cap_memory": "numeric.refinements",
    "certify": "api.flows",
    "check": "api.library",
    "classify": "api.flows",
    "constrain": "numeric.refinements",
    "derive": "api.documents",
    "diff": "api.audits",
    "figures": "api.documents",
    "integrate": "api.flows",
    "reorder": "numeric.refinements",
    "theorem": "api.library",
    "theorems": "api.library",
    "trace": "api.traces",
}

__all__ = [
    "Equation",
    "audit",
    "bake",
    "cap_memory",
    "certify",
    "check",
    "classify",
    "constrain",
    "derive",
    "diff",
    "figures",
    "integrate",
    "reorder",
    "theorem",
    "theorems",
    "trace",
]

if TYPE_CHECKING:
    from s6flow.api.audits import audit, diff
    from s6flow.api.documents import derive, figures
    from s6flow.api.flows import certify, classify, integrate
    from s6flow.api.library import check, theorem, theorems
    from s6flow.api.traces import trace
    from s6flow.numeric.refinements import bake, cap_memory, constrain, reorder
    from s6flow.symbolic.equation import Equation
else:  # unknown to a type checker, which would believe that every name is there

    def __getattr__(name: str) -> Any:
        if name not in _TABLE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        try:
            found = getattr(importlib.import_module(f"{__name__}.{_TABLE[name]}"), name)
        except ModuleNotFoundError as error:
            library = (error.name or "").partition(".")[0]
            if library != "torch":
                raise
            from s6flow.api.missing import missing  # so that `from s6flow import *` and dir() work without PyTorch

            return missing(name, library)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
