"""The audit: verdicts on every channel of a checkpoint, with what they mean and what they rest on."""

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
