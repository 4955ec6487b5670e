"""The pages of health, written from its tables: what is audited per family, and what each verdict rests on.

    python -m s6flow.numeric.health.pages

writes docs/families.md and docs/health.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from s6flow.files import write_atomic
from s6flow.numeric.health.conclusions import IN_TRACES, ON_AXES, UNKNOWN, conclusion
from s6flow.numeric.health.families import FAMILIES
from s6flow.numeric.health.numbers import NUMBERS
from s6flow.numeric.health.verdicts import FATAL, VERDICTS

__all__ = ["PAGES", "families_page", "health_page"]

_BY = "Written by `python -m s6flow.numeric.health.pages`."
#: Numbers that health does not have, and the command that prints them.
_ELSEWHERE = (("scenarios of an audit", ON_AXES), ("a trace", IN_TRACES))
_USE = """\
```
s6flow audit model.safetensors --context 4096     # health first, then scenarios
s6flow audit run/checkpoint-*                     # the trend of several
s6flow diff before.safetensors after.safetensors  # what moved, beyond what shuffled channels explain
```

```python
from s6flow.numeric.health import HealthMonitor, check_optimizer, diagnose
from s6flow.numeric.health.training import lightning_callback, trainer_callback

print(diagnose(model).line())  # a path, a hub id, a package, or a torch.nn.Module
for held in check_optimizer(model, optimizer):
    print(held.name, held.reason)  # PyTorch ignores mamba's _no_weight_decay mark

monitor = HealthMonitor(model, every=500, log=lambda step, numbers: writer.log(numbers, step=step))
monitor.step(step)  # in a plain loop; at most one per cent of the time
trainer.add_callback(trainer_callback(monitor, trainer))  # Hugging Face's Trainer and what it reports to
lightning_callback(monitor)  # for Lightning
```"""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]


def families_page() -> str:
    """What is audited per family, as Markdown."""
    rows = []
    for row in FAMILIES:
        flags = ("yes" if flag else "no" for flag in (row.axis, row.bounds, row.constrain))
        rows.append((row.name, row.marks, *flags, row.trace, row.why))
    lines = [
        "# What is audited, per family",
        "",
        f"{_BY} Memory, precision, spectrum and initialisation are read wherever an A_log is found. Layers of unknown layout are "
        "named with what stands beside their A_log. A trace is whole, or of the residual stream alone (see `docs/trace.md`).",
        "",
        *_table(("family", "told by", "scenarios", "bounds", "constrain", "trace", "why"), rows),
    ]
    return "\n".join(lines) + "\n"


def health_page() -> str:
    """Verdicts and numbers, as Markdown."""
    verdicts = [(row.title, row.severity, f"`{row.rule_text}`", row.reason, row.remedy) for row in VERDICTS]
    numbers = [(f"`{row.name}`", row.meaning, row.unit, row.source) for row in NUMBERS]
    told = [(f"`{row.name}`", text) for row in NUMBERS if (text := conclusion(row.name)) != UNKNOWN]
    told += [(f"{shown} ({where})", conclusion(name)) for where, names in _ELSEWHERE for name, shown in names.items()]
    lines = [
        "# Health",
        "",
        f"{_BY} All numbers come from weights and, of Mamba-2 and its kin, from the limits, factors and norms that config.json or the module names beside them; beside each, the audit shows what an untrained layer of the same shape "
        "has, drawn as mamba initialises it. Bounds hold for every input and length, if a norm has scaled tokens to root mean "
        "square 1; real inputs stay far below them, so a bound below a limit excludes, and one above it does not accuse.",
        "",
        _USE,
        "",
        "## Verdicts",
        "",
        f"After {' or '.join(FATAL)} the other numbers of a layer say nothing, and it gets no scenario.",
        "",
        *_table(("verdict", "severity", "rule", "why there", "remedy"), verdicts),
        "",
        "## Numbers",
        "",
        *_table(("number", "meaning", "unit", "source"), numbers),
        "",
        "## What may be concluded",
        "",
        "Rank correlations over networks that were trained ([experiments](experiments.md)), within grids of one size and task. The "
        "other numbers were not compared with anything that a user sees: they say what they mean, and no more.",
        "",
        *_table(("number", "conclusion"), told),
    ]
    return "\n".join(lines) + "\n"


#: File in docs -> what it holds.
PAGES: dict[str, Callable[[], str]] = {"families.md": families_page, "health.md": health_page}


if __name__ == "__main__":
    for name, write in PAGES.items():
        print(write_atomic(Path("docs") / name, write()))
