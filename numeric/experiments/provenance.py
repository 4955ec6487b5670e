"""Where a result comes from: code, versions, device and date, without any path of the machine."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec

import torch

from s6flow.provenance import meaning_digest, source_files

__all__ = ["code_digest", "provenance", "run_modules"]


_RUN = "s6flow.numeric.experiments.run"
_OURS = ("s6flow.numeric.experiments", "s6flow.numeric.refinements")
# what the package offers to importers, and this module: no part of a run
_ASIDE = {"s6flow.numeric.experiments", "s6flow.numeric.experiments.provenance"}


def _decides(module: str) -> bool:
    return module not in _ASIDE and module.startswith(_OURS)


def run_modules() -> list[str]:
    """The modules of the experiments and refinements that decide what a run finds: those that `run` imports."""
    return sorted(source_files(_RUN, _decides))


def code_digest() -> str:
    """Hash of what decides a run: model, data, conditions, training and measurement, by meaning.

    Comments, layout and docstrings do not touch it, nor do the command line, the grid's scheduling, or the claims:
    those are judged anew from the runs (`results.summarise`). The audit of the trained weights belongs to the audit.
    """
    files = source_files(_RUN, _decides)
    parts = [f"{name} {meaning_digest(files[name])}" for name in sorted(files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None if find_spec(package.replace("-", "_")) is None else "present"


def provenance(device: torch.device) -> dict[str, object]:
    """Date, device, versions and the code's hash."""
    cuda = device.type == "cuda"
    packages = ("torch", "triton", "mamba-ssm", "numpy", "scikit-learn")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name(device) if cuda else f"cpu ({platform.machine()})",
        "cuda": torch.version.cuda if cuda else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "code": code_digest(),
    }
