"""Whether committed results still belong to the code and the configuration that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from s6flow.errors import S6FlowError
from s6flow.numeric import evidence
from s6flow.paper_figures.figure import Figure, result_files

__all__ = ["stale_reasons", "stale_results"]


def stale_results(figure: Figure) -> list[str]:
    """One line for every reason why a committed result of a figure is stale."""
    return [f"{path.name}: {reason}" for path in result_files(figure) for reason in stale_reasons(path)]


def stale_reasons(path: Path) -> list[str]:
    """Why a result file no longer belongs to this tree, by its code (see `numeric.evidence`) and, of an experiment, by its
    configuration; empty if it does.
    """
    try:
        content = json.loads(path.read_bytes())
        configured = "config_digest" in content
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return [f"it cannot be read ({error})"]
    return (_configuration(content) if configured else []) + evidence.stale_reasons(path, content)


def _configuration(content: dict[str, Any]) -> list[str]:
    try:
        from s6flow.numeric.experiments.config import load_config
    except ImportError as error:
        return [f"it cannot be checked without {error.name}"]
    try:
        digest = load_config(content["config"]["name"]).digest()
    except (S6FlowError, KeyError, TypeError) as error:
        return [f"its configuration is not there ({error})"]
    if digest == content["config_digest"]:
        return []
    return [f"the configuration is {digest}, the result's was {content['config_digest']}"]
