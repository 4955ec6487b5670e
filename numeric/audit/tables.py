"""The audit in the terminal: one line a layer, then the lines that a stranger needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from s6flow.numeric.audit.columns import DROPPED, READING
from s6flow.numeric.audit.document import statuses, summary
from s6flow.numeric.audit.report import AuditReport, LayerAudit
from s6flow.numeric.audit.simulate import OBSERVED, Simulation, agrees
from s6flow.numeric.audit.verdict import SCENARIOS, SIGNS

__all__ = ["confusion", "render_table", "sentences"]

#: More layers than this are thinned in the terminal; JSON, CSV and HTML have them all.
_MOST_ROWS = 32
_MOST_DISAGREEMENTS = 20


def render_table(report: AuditReport) -> list[RenderableType]:
    """What to print, in order.

    Args:
        report: the audit.
    Returns: rich renderables: a table of layers, the simulated fates, and sentences.
    """
    parts: list[RenderableType] = _layers(report)
    if report.simulated:
        parts.append(_fates(report))
    parts += [Text(line) for line in sentences(report)]
    return parts


def _layers(report: AuditReport) -> list[RenderableType]:
    """Two narrow tables, so that 80 columns are enough: numbers, and scenarios."""
    pattern, names = _short_names([layer.name for layer in report.layers])
    where = f"; layers {pattern}" if len(names) > 1 else ""
    numbers = _table(f"{report.source}: {report.family}, {report.format}{where}", names)
    for name in ("channels", "mu<0", "shuffled", "z", "K(0)<0", "can fail"):
        numbers.add_column(name, justify="right", no_wrap=True)
    scenarios = _table("Scenarios", names)
    words = [word for word in SCENARIOS if any(word in report.totals(f"scenario_{name}") for name in SIGNS[:2])]
    for word in words:
        scenarios.add_column(word.replace(" ", "\n"), justify="right", overflow="fold")
    step = -(-len(report.layers) // _MOST_ROWS)
    for name, layer in list(zip(names, report.layers, strict=True))[::step]:
        numbers.add_row(name, *_cells(layer))
        sides = [layer.words(f"scenario_{sign}").counts() for sign in SIGNS[:2]]
        scenarios.add_row(name, *("/".join(str(side.get(word, 0)) for side in sides) for word in words))
    thinned = f" One layer in {step} is shown; --json, --csv and --html have them all." if step > 1 else ""
    note = (
        "mu<0: share of channels; shuffled: its mean and sd over shuffled channels; z: distance in sd; "
        "K(0)<0 and can fail (the dichotomy): numbers of channels. Scenarios: of tokens all positive / all negative."
    )
    return [numbers, Text(note + thinned), scenarios]


def _table(title: str, names: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", overflow="fold", min_width=min(16, max(map(len, names))))
    return table


def _short_names(names: list[str]) -> tuple[str, list[str]]:
    """What differs between the names, and the pattern in which it stands for *."""
    if len(names) == 1:
        return names[0], names
    first = re.sub(r"\d+$", "", _common_start(names))
    rest = [name[len(first) :] for name in names]
    last = re.sub(r"^\d+", "", _common_start([name[::-1] for name in rest])[::-1])
    return f"{first}*{last}", [name[: len(name) - len(last)] or "*" for name in rest]


def _common_start(names: list[str]) -> str:
    same = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    return names[0][: [*same, False].index(False)]


def _cells(layer: LayerAudit) -> list[str]:
    control = layer.control
    fails = layer.numbers("dichotomy_can_fail")
    unknown = "?" if (fails < 0).any() else ""
    return [
        str(layer.channels),
        f"{control.fraction:.3f}",
        f"{control.mean:.3f}±{control.sd:.3f}",
        "-" if control.sd == 0 else f"{control.z:+.1f}",
        str(int((layer.numbers("K0") < 0).sum())),
        "-" if layer.affine else f"{int((fails == 1).sum())}{unknown}",
    ]


def _fates(report: AuditReport) -> Table:
    title = "predicted (rows) against simulated fate (columns)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    counts = confusion(report)
    seen = [word for word in OBSERVED if any(o == word for _, o in counts)]
    table.add_column("predicted", overflow="fold")
    for word in seen:
        table.add_column(word, justify="right", overflow="fold")
    for predicted in (word for word in SCENARIOS if any(p == word for p, _ in counts)):
        cells = []
        for word in seen:
            count = counts.get((predicted, word), 0)
            style = "bold red" if count and agrees(predicted, word) is False else ""
            cells.append(Text(str(count) if count else "", style=style))
        table.add_row(predicted, *cells)
    return table


def confusion(report: AuditReport) -> dict[tuple[str, str], int]:
    """(predicted, observed) -> starts, over all layers."""
    found: dict[tuple[str, str], int] = {}
    for layer in report.layers:
        for key, count in (layer.simulation.confusion if layer.simulation else {}).items():
            found[key] = found.get(key, 0) + count
    return found


def sentences(report: AuditReport, brief: bool = False) -> Iterator[str]:
    """The audit in sentences; `brief` leaves out how to read it, which the HTML page says in a place of its own."""
    facts = summary(report)
    total = facts["channels"]
    yield (
        f"{facts['layers']} layers, {total} channels; on each channel's axis the pure S6 flow is a 1-D system "
        f"of its own."
    )
    if facts["affine_layers"]:
        yield (
            f"{facts['affine_layers']} layers have biases in B and C: mu alone would give the wrong "
            f"verdict, so token 1 "
            "is judged by its phase line; later tokens are not predicted."
        )
    for name in SIGNS:
        words = ", ".join(f"{count} {word}" for word, count in facts["scenarios"][name].items())
        yield f"Tokens {'of both signs' if name == 'mixed' else 'all ' + name}: {words}."
    used = sorted({word for name in SIGNS for word in facts["theorems"][name]} - {"none"})
    known = statuses()
    if used:
        yield (
            "Verdicts rest on " + ", ".join(f"{word} ({known.get(word, 'not in the registry')})" for word in used) + "."
        )
    yield (
        f"The paper's own setting (one decay rate, or mu_n of one sign; no bias, no floor) holds on "
        f"{facts['paper_setting_channels']} of {total} channels."
    )
    judged = total - sum(layer.channels for layer in report.layers if layer.affine)
    if judged:
        unknown = facts["dichotomy_unknown_channels"] - (total - judged)
        yield (
            f"The dichotomy can fail on {facts['dichotomy_can_fail_channels']} of {judged} channels without biases"
            + (f" ({unknown} undecided)" if unknown else "")
            + ": there a token can die out or stay finite while another reaches infinity."
        )
        certified = {word: n for word, n in report.totals("certified").items() if word != "not asked"}
        if certified:
            words = ", ".join(f"{word} {count}" for word, count in certified.items())
            yield f"Certified in ball arithmetic, channels with mu > 0, the dichotomy: {words}."
    if report.simulated:
        yield from _simulated(report)
    if not brief:
        yield READING[2]
    if all(layer.symmetric.positive == layer.symmetric.negative == layer.states for layer in report.layers):
        yield "In every layer sym(S_C^T S_B) has N positive and N negative eigenvalues: no layer is definite."
    flagged: dict[str, list[str]] = {}
    for layer in report.layers:
        for flag in layer.flags:
            flagged.setdefault(str(flag), []).append(layer.name)
    for text, names in flagged.items():
        more = f" and {len(names) - 1} more layers" if len(names) > 1 else ""
        yield f"Flag, {names[0]}{more}: {text}."
    for entry in report.withheld:
        yield f"Withheld, {entry.name} ({entry.kind}): {entry.reason}"
    if not brief:
        yield "The theory drops: " + "; ".join(f"{part} ({effect})" for part, effect in DROPPED) + "."


def _simulated(report: AuditReport) -> Iterator[str]:
    counts = confusion(report)
    decided = {key: count for key, count in counts.items() if agrees(*key) is not None}
    right = sum(count for key, count in decided.items() if agrees(*key))
    wrong = [row for layer in report.layers if layer.simulation for row in layer.simulation.disagreements]
    open_ = {p: n for (p, o), n in counts.items() if o == "undecided" and p != "not predicted"}
    yield (
        f"Simulated {sum(counts.values())} starts: {right} predictions came true, {len(wrong)} did not, "
        f"{sum(open_.values())} were undecided at the horizon, "
        f"{sum(n for (p, _), n in counts.items() if p == 'not predicted')} had none."
    )
    if open_:
        yield "Undecided, by prediction: " + ", ".join(f"{word} {count}" for word, count in sorted(open_.items())) + "."
    for row in wrong[:_MOST_DISAGREEMENTS]:
        start = ", ".join(f"{value!r}" for value in row.start)
        fates = f"predicted {row.predicted}, observed {row.observed}"
        yield f"DISAGREES, {row.layer} channel {row.channel} from ({start}): {fates}."
    if len(wrong) > _MOST_DISAGREEMENTS:
        yield f"... and {len(wrong) - _MOST_DISAGREEMENTS} more, all of them in --json."
    yield from _kernel([layer.simulation for layer in report.layers if layer.simulation])
    errors = [layer.simulation.reference_error for layer in report.layers if layer.simulation]
    yield f"The flow's velocity equals the S6 recurrence on all channels to {max(errors):.1e}, relative to the largest."


def _kernel(simulations: list[Simulation]) -> Iterator[str]:
    """What a GPU's run adds: constants, blow-up times, flows of whole layers."""
    found = [simulation.kernel for simulation in simulations if simulation.kernel]
    if not found:
        return
    yield (
        f"Driven by {simulations[0].engine}; on one axis it equals the S6 recurrence to "
        f"{max(part['axis_error'] for part in found):.1e}."
    )
    limits = [part["constants"] for part in found if part["constants"]]
    if limits:
        compared = sum(part["compared"] for part in limits)
        yield (
            f"Constants t x^2 -> c: {sum(part['within_1_percent'] for part in limits)} of {compared} within 1 %; "
            f"{sum(part['critical_not_compared'] for part in limits)} near the critical kappa = 1 not compared."
        )
    times = [part["blow_up_times"] for part in found if part["blow_up_times"]]
    worst = [part["error_of_ln_T"]["1.0"] for part in times if part["compared"]]
    if worst:
        yield (
            f"Blow-up times against the exact integral: {sum(part['compared'] for part in times)}, "
            f"the largest error of ln T {max(worst):.1e}."
        )
    for kind in ("random", "real"):
        rows = [row for part in found for row in part["whole_layer"] if row["states"] == kind]
        if rows:
            starts = sum(row["starts"] for row in rows)
            ends = ("converged", "diverged", "settled_elsewhere", "undecided")
            words = ", ".join(f"{sum(row[key] for row in rows)} {key.replace('_', ' ')}" for key in ends)
            yield f"Whole layers on all channels from {starts} starts of {kind} token states: {words}."
