"""Health: what theory 18 to 20 says of one layer from its weights alone, before any scenario."""

from s6flow.numeric.health.diagnosis import Diagnosis, LayerHealth, diagnose
from s6flow.numeric.health.numbers import NUMBERS
from s6flow.numeric.health.training import HealthMonitor, check_optimizer
from s6flow.numeric.health.verdicts import SEVERITIES, VERDICTS, Verdict

__all__ = [
    "NUMBERS",
    "SEVERITIES",
    "VERDICTS",
    "Diagnosis",
    "HealthMonitor",
    "LayerHealth",
    "Verdict",
    "check_optimizer",
    "diagnose",
]
