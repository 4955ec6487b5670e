"""Whether committed results still belong to the code and the configuration that made them."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

from s6flow.errors import S6FlowError
from s6flow.numeric import evidence
from s6flow.paper_figures.figure import Figure, FigureUnavailable, result_files

__all__ = ["awaiting", "stale_reasons", "stale_results", "unchecked_results"]


def awaiting(figure: Figure, shown: Container[str] | None = None) -> str:
    """A sentence for the caption of a figure some of whose results were made by earlier code; empty if there is none.

    Args:
        shown: stems of the files of which it shows something; all of its result files by default.
    """
    files = [path for path in result_files(figure) if shown is None or path.stem in shown]
    names = [path.stem for path in files if evidence.awaiting(path) is not None]
    listed = ", ".join(f"`{name}`" for name in names)
    return f" Made by earlier code, and awaiting renewal: {listed}." if names else ""


def stale_results(figure: Figure) -> list[str]:
    """One line for every reason why a committed result of a figure is stale.

    Raises: FigureUnavailable: a package is missing without which that is not known.
    """
    return [f"{path.name}: {reason}" for path in result_files(figure) for reason in stale_reasons(path)]


def unchecked_results(figure: Figure) -> str:
    """What of a figure an installed package cannot check, as a sentence; empty if there is nothing."""
    names = [path.name for path in result_files(figure) if evidence.unchecked(path)]
    return f"in the repository alone are checked {', '.join(names)}" if names else ""


def stale_reasons(path: Path) -> list[str]:
    """Why a result file no longer belongs to this tree, by its code (see `numeric.evidence`) and, of an experiment, by its
    configuration; empty if it does.

    Raises: FigureUnavailable: a package that reads configurations is missing.
    """
    try:
        content = json.loads(path.read_bytes())
        configured = "config_digest" in content
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return [f"it cannot be read ({error})"]
    return (_configuration(content) if configured else []) + evidence.stale_reasons(path, content)


def _configuration(content: dict[str, Any]) -> list[str]:
    try:
        from s6flow.numeric.experiments.settings import load_config
    except ImportError as error:
        raise FigureUnavailable(
            "results of an experiment are checked with its configuration",
            f"no {error.name}",
            "figures",
            "Run pip install s6flow[experiments].",
        ) from None
    try:
        digest = load_config(content["config"]["name"]).digest()
    except (S6FlowError, KeyError, TypeError) as error:
        return [f"its configuration is not there ({error})"]
    if digest == content["config_digest"]:
        return []
    return [f"the configuration is {digest}, the result's was {content['config_digest']}"]
