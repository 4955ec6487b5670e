"""Where a result comes from: code, versions, device and date, without any path of the machine."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from importlib.util import find_spec

import torch

from s6flow.numeric.evidence import EVIDENCE

__all__ = ["code_digest", "provenance"]


@cache
def code_digest() -> str:
    """Hash of what decides a run: model, data, conditions, training and measurement, by meaning (see `evidence`)."""
    return next(row for row in EVIDENCE if row.pattern.startswith("numeric/experiments")).digest()


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
