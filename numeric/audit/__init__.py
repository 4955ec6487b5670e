"""The audit: verdicts on every channel of a checkpoint, with what they mean and what they rest on."""

from s6flow.numeric.audit.columns import COLUMNS, Column
from s6flow.numeric.audit.document import SCHEMA, schema, to_json, write_csv, write_json
from s6flow.numeric.audit.page import to_html, write_html
from s6flow.numeric.audit.report import AuditReport, LayerAudit, audit, audit_layer
from s6flow.numeric.audit.tables import render_reading, render_table

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
    "write_html",
    "write_json",
]
