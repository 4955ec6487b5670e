"""The audit: verdicts on every channel of a checkpoint, with what they mean and what they rest on.

What it offers is imported when it is first asked for: a simulation needs the words for fates and no page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s6flow.numeric.audit.columns import COLUMNS, Column
    from s6flow.numeric.audit.output.health import write_health_csv
    from s6flow.numeric.audit.output.page import to_html, write_html
    from s6flow.numeric.audit.output.records import SCHEMA, schema, to_json, write_csv, write_json
    from s6flow.numeric.audit.output.tables import render_reading, render_table
    from s6flow.numeric.audit.report import AuditReport, LayerAudit, audit, audit_layer

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "AuditReport",
    "Column",
    "LayerAudit",
    "audit",
    "audit_layer",
    "render_reading",
    "render_table",
    "schema",
    "to_html",
    "to_json",
    "write_csv",
    "write_health_csv",
    "write_html",
    "write_json",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from s6flow.numeric.audit import columns, report

    for home in (columns, report):  # an audit needs nothing that shows it, whose imports take longer
        if name in home.__all__:
            return getattr(home, name)
    from s6flow.numeric.audit.output import health, page, records, tables

    return next(getattr(home, name) for home in (health, page, records, tables) if name in home.__all__)
