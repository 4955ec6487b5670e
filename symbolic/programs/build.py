"""Write or check the file of programs.

python -m s6flow.symbolic.programs.build          writes programs.json
python -m s6flow.symbolic.programs.build --check  says whether it is current, and exits with 1 if it is not
"""

from __future__ import annotations

import json
import sys

from s6flow.symbolic import health_rules, state
from s6flow.symbolic.assumptions import ASSUMPTIONS, predicate
from s6flow.symbolic.attention import attention_program
from s6flow.symbolic.carried_sums import exponential_sum_program, inherited_limit_program
from s6flow.symbolic.charts import asinh_axis_program, asinh_layer_program, growth_rate_program, log_program
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.criteria import QUANTITIES, quantity
from s6flow.symbolic.end_rules import TABLES, rule_program
from s6flow.symbolic.measured import MEASURED, measured
from s6flow.symbolic.programs.rules import NORM
from s6flow.symbolic.programs.serial import FILE, as_data
from s6flow.symbolic.step_control import NORMS, RULES, norm_rule

__all__ = ["computed", "main", "tables", "text"]


def computed() -> dict[str, Program]:
    """Every program of the file, lowered from SymPy now."""
    found = {
        f"charts/{build.__name__}": build()
        for build in (growth_rate_program, log_program, asinh_axis_program, asinh_layer_program)
    }
    found["attention/attention_program"] = attention_program()
    found |= {f"criteria/{name}": quantity(name) for name in QUANTITIES}
    found |= {f"state/{name}": state.quantity(name) for name in state.QUANTITIES}
    found |= {f"health_rules/{name}": health_rules.health_rule(name) for name in health_rules.RULES}
    found |= {f"carried_sums/{build.__name__}": build() for build in (exponential_sum_program, inherited_limit_program)}
    found |= {f"assumptions/{key}": predicate(key) for key in ASSUMPTIONS}
    found |= {f"measured/{name}": measured(name) for name in MEASURED}
    found |= {f"end_rules/{name}": rule_program(name) for name in TABLES}
    found |= {f"step_control/{name}": rule.program(name) for name, rule in RULES.items()}
    found |= {f"step_control/{NORM}/{name}": norm_rule(norm).program(NORM) for name, norm in NORMS.items()}
    return found


def tables() -> dict[str, list[list[object]]]:
    """Ends and theorems of the rules of ends; texts of the rules of health; names, keys and arguments of the rules of step control."""
    found: dict[str, list[list[object]]] = {
        f"end_rules/{name}": [[int(row.end), row.theorem] for row in rows] for name, rows in TABLES.items()
    }
    found["health_rules"] = [[name, health_rules.health_rule_text(name)] for name in health_rules.RULES]
    for norm, expression in NORMS.items():
        rules = [(name, f"step_control/{name}", rule) for name, rule in RULES.items()]
        rules.append((NORM, f"step_control/{NORM}/{norm}", norm_rule(expression)))
        found[f"step_control/{norm}"] = [[name, key, rule.arguments.split()] for name, key, rule in rules]
    return found


def text() -> str:
    """The file as SymPy has it now, one program a line."""
    programs = ",\n".join(f"{json.dumps(key)}: {_short(as_data(program))}" for key, program in computed().items())
    return FILE.document(tables=_short(tables()), programs=f"{{\n{programs}\n}}")


def _short(found: object) -> str:
    return json.dumps(found, separators=(",", ":"), allow_nan=False)


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 if it is current afterwards."""
    return FILE.main(text, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
