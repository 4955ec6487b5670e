"""Imported by the process that those which draw are copied from: its import is the sharing, see `workers`."""

from __future__ import annotations

from s6flow.paper_figures.workers import share

share()
