"""Where a result comes from: code, versions, device and date, without any path of the machine."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch

__all__ = ["code_digest", "provenance"]


def code_digest() -> str:
    """Hash of the sources of the refinements and the experiments."""
    folder, whole = Path(__file__).parent, hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *(folder.parent / "refinements").glob("*.py")]):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()[:16]


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
