"""Whether committed results still belong to the code and the configuration that made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from s6flow.errors import S6FlowError
from s6flow.paper_figures.digest import result_files
from s6flow.paper_figures.figure import Figure

__all__ = ["stale_reasons", "stale_results"]


def stale_results(figure: Figure) -> list[str]:
    """One line for every reason why a committed result of a figure is stale."""
    return [f"{path.name}: {reason}" for path in result_files(figure) for reason in stale_reasons(path)]


def stale_reasons(path: Path) -> list[str]:
    """Why a result file no longer belongs to this tree; empty if nothing that it records has changed.

    An experiment records the digest of its code and of its configuration; a benchmark may record, as `sources` in its
    provenance, the SHA-256 of every file that it ran, by path from the root of the repository.
    """
    try:
        content = json.loads(path.read_bytes())
        provenance = content.get("provenance", {})
    except (OSError, ValueError, AttributeError) as error:
        return [f"it cannot be read ({error})"]
    if "config_digest" in content:
        return _experiment(content)
    recorded = provenance.get("sources", {}) if isinstance(provenance, dict) else {}
    root = path.resolve().parents[2]
    return [f"{name} has changed" for name, digest in recorded.items() if _hash(root / name) != digest]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


def _experiment(content: dict[str, Any]) -> list[str]:
    try:
        from s6flow.numeric.experiments.config import load_config
        from s6flow.numeric.experiments.provenance import code_digest
    except ImportError as error:
        return [f"it cannot be checked without {error.name}"]
    reasons = []
    try:
        digest = load_config(content["config"]["name"]).digest()
        if digest != content["config_digest"]:
            reasons.append(f"the configuration is {digest}, the result's was {content['config_digest']}")
    except (S6FlowError, KeyError, TypeError) as error:
        reasons.append(f"its configuration is not there ({error})")
    now = code_digest()
    codes = sorted({str(entry.get("code")) for entry in content.get("provenance", [])} - {now})
    return reasons + [f"the code is {now}, the result's was {code}" for code in codes]
