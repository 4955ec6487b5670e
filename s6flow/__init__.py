"""s6flow: theory and diagnosis of selective state-space models. `import s6flow as sf`; the command line is `s6flow`.

Names are imported when they are used: `import s6flow` itself imports neither NumPy nor SymPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

#: Name -> the module that has it, and its name there where that is another one.
_TABLE = {
    "audit": "api.audits",
    "bake": "numeric.refinements",
    "certify": "api.flows",
    "check": "api.library",
    "classify": "api.flows",
    "constrain": "numeric.refinements",
    "derive": "api.documents",
    "diff": "api.audits",
    "figures": "api.documents",
    "integrate": "api.flows",
    "reorder": "numeric.refinements:reorder_tokens",
    "theorem": "api.library",
    "theorems": "api.library",
}

__all__ = [
    "audit",
    "bake",
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
]

if TYPE_CHECKING:
    from s6flow.api.audits import audit, diff
    from s6flow.api.documents import derive, figures
    from s6flow.api.flows import certify, classify, integrate
    from s6flow.api.library import check, theorem, theorems
    from s6flow.numeric.refinements import bake, constrain
    from s6flow.numeric.refinements import reorder_tokens as reorder


def __getattr__(name: str) -> Any:
    if name not in _TABLE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, _, original = _TABLE[name].partition(":")
    try:
        found = getattr(importlib.import_module(f"{__name__}.{module}"), original or name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library != "torch":
            raise
        from s6flow.api.missing import missing  # so that `from s6flow import *` and dir() work without PyTorch

        return missing(name, library)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_TABLE})
