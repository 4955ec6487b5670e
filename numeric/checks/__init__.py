"""Checks of theorems on data: measure, take the margin in a generated backend, judge."""

from s6flow.numeric.checks.check import CheckReport, Verdict, check, check_together, judge_data
from s6flow.numeric.checks.engines import ENGINES, applicable
from s6flow.numeric.checks.measurements import MEASUREMENTS

__all__ = ["ENGINES", "MEASUREMENTS", "CheckReport", "Verdict", "applicable", "check", "check_together", "judge_data"]
