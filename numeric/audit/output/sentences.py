"""The audit in sentences, for a terminal, a page and whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

from s6flow.numeric.audit.columns import DROPPED, READING
from s6flow.numeric.audit.output.health import health_sentences, on_axes, whole
from s6flow.numeric.audit.output.records import statuses, summary
from s6flow.numeric.audit.report import AuditReport
from s6flow.numeric.audit.simulation.integrator import Simulation
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.health.verdicts import FATAL
from s6flow.numeric.thresholds import GROWN, TOKEN_HIGH, TOKEN_LOW
from s6flow.symbolic.ends import NO_THEOREM, End, word

__all__ = ["confusion", "how_to_read", "sentences"]

_MOST_DISAGREEMENTS = 20


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def confusion(report: AuditReport) -> dict[tuple[str, str], int]:
    """(predicted, observed) -> starts, over all layers."""
    found: dict[tuple[str, str], int] = {}
    for layer in report.layers:
        for key, count in (layer.simulation.confusion if layer.simulation else {}).items():
            found[key] = found.get(key, 0) + count
    return found


def sentences(report: AuditReport, brief: bool = False) -> Iterator[str]:
    """The audit in sentences; `brief` leaves out `how_to_read`, which is the same for every report."""
    if not brief:
        yield whole(report.health)
    yield from health_sentences(report.health)
    if report.layers:
        yield from scenario_sentences(report)
    else:
        yield "No layer gets scenarios: see its health, and why it was withheld."
    names = {entry.name for entry in report.withheld}
    for kind in FATAL:
        lost = [layer.name for layer in report.health.layers if layer.has(kind) and layer.name in names]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            yield f"No scenario is given for {lost[0]}{more}: {kind}."
    told = {layer.name for layer in report.health.layers if layer.fatal}
    for entry in report.withheld:
        if entry.kind not in (*FATAL, "values") or entry.name not in told:
            yield f"Withheld, {entry.name} ({entry.kind}): {entry.reason}"
    if report.layers and not brief:
        yield from how_to_read()


def scenario_sentences(report: AuditReport) -> Iterator[str]:
    """What the theory says of the layers that live and that it fits."""
    facts = summary(report)
    total = facts["channels"]
    found = facts["layers"] + facts["withheld"]
    judged_layers = _layers(facts["layers"]) if not facts["withheld"] else f"{facts['layers']} of {_layers(found)}"
    yield (f"{judged_layers}, {total} channels; on each channel's axis the pure S6 flow is a 1-D system of its own.")
    if facts["affine_layers"]:
        yield (
            f"{_layers(facts['affine_layers'])} with biases in B and C: mu alone would give the wrong "
            f"verdict, so token 1 "
            "is judged by its phase line; later tokens are not predicted."
        )
    for name in SIGNS:
        words = ", ".join(f"{count} {word}" for word, count in facts["scenarios"][name].items())
        yield f"Tokens {'of both signs' if name == 'mixed' else 'all ' + name}: {words}."
    used = sorted({word for name in SIGNS for word in facts["theorems"][name]} - {NO_THEOREM})
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
    if judged < total:
        yield f"Whether the dichotomy can fail is unknown on the {total - judged} channels with biases in B and C."
    if judged:
        unknown = facts["dichotomy_unknown_channels"] - (total - judged)
        yield (
            f"The dichotomy can fail on {facts['dichotomy_can_fail_channels']} of {judged} channels without biases"
            + (f" ({unknown} undecided)" if unknown else "")
            + ": there a token can die out or stay finite while another reaches infinity."
        )
        counts = [
            f"on {count} within {k} token{'s' * (k != '1')}" for k, count in facts["negative_within_channels"].items()
        ]
        yield (
            f"That is for tokens of any size and distance. For tokens between {TOKEN_LOW:.2f} and {TOKEN_HIGH:g}, as SiLU "
            f"leaves them, it can fail {', '.join(counts)} of one that reaches infinity."
        )
        certified = {word: n for word, n in report.totals("certified").items() if word != "not asked"}
        if certified:
            words = ", ".join(f"{word} {count}" for word, count in certified.items())
            yield f"Certified in ball arithmetic, channels with mu > 0, the dichotomy: {words}."
    if report.simulated:
        yield from simulation_sentences(report)
    if all(layer.symmetric.positive == layer.symmetric.negative == layer.states for layer in report.layers):
        yield "In every layer sym(S_C^T S_B) has N positive and N negative eigenvalues: no layer is definite."
    flagged: dict[str, list[str]] = {}
    for layer in report.layers:
        for flag in layer.flags:
            flagged.setdefault(str(flag), []).append(layer.name)
    for text, names in flagged.items():
        more = f" and {len(names) - 1} more layer{'s' * (len(names) > 2)}" if len(names) > 1 else ""
        yield f"Flag, {names[0]}{more}: {text}."


def how_to_read() -> Iterator[str]:
    """What misleads in the numbers of every audit, and what the theory leaves out of every network."""
    yield READING[2]
    yield from on_axes()
    yield "The theory drops: " + "; ".join(f"{part} ({effect})" for part, effect in DROPPED) + "."


def simulation_sentences(report: AuditReport) -> Iterator[str]:
    """What the simulated starts came to, every disagreement by name up to some number of them."""
    counts = confusion(report)
    decided = {key: count for key, count in counts.items() if agrees(*key) is not None}
    right = sum(count for key, count in decided.items() if agrees(*key))
    wrong = [row for layer in report.layers if layer.simulation for row in layer.simulation.disagreements]
    silent, unsettled = word(End.NOT_DECIDED), word(End.UNDECIDED)
    open_ = {p: n for (p, o), n in counts.items() if o == unsettled and p != silent}
    yield (
        f"Simulated {sum(counts.values())} starts: {right} predictions came true, {len(wrong)} did not, "
        f"{sum(open_.values())} were undecided at the horizon, "
        f"{sum(n for (p, _), n in counts.items() if p == silent)} are not decided by theory."
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
    compared = sum(part["compared"] for part in limits)
    if compared:
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
            grown = sum(row["undecided_but_grown"] for row in rows)
            words += f", of which {grown} had grown {GROWN:g}-fold" if grown else ""
            yield f"Whole layers on all channels from {starts} starts of {kind} token states: {words}."
