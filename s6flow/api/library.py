"""`theorems`, `theorem` and `check`: the library, one theorem, and tests on random systems.

One long file: three functions whose results show each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, overload

from s6flow.api.pictures import axes, stacked_bars
from s6flow.api.result import Result, Table
from s6flow.errors import FormatError, TheoremError
from s6flow.formula import plain
from s6flow.proofs import index
from s6flow.proofs.status import STATUSES
from s6flow.proofs.theorem_page import refuted_page, theorem_page
from s6flow.text import counted, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from s6flow.numeric.checks.check import CheckReport

__all__ = ["Checks", "TheoremPage", "Theorems", "check", "theorem", "theorems"]

_REFUTED = "refuted"
#: Colours of statuses, as in the figures.
_REFUTED_COLOUR = "#000000"


@dataclass(frozen=True, repr=False)
class Theorems(Result, Sequence[dict[str, str]]):
    """Rows of the library, in the order of the theory; refuted claims come last. A row is a dictionary.

    Args:
        entries: id, status, source, section, kind and title of each.
    """

    entries: tuple[dict[str, str], ...]

    TABLES = ("theorems",)

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> dict[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> Theorems: ...
    def __getitem__(self, index: int | slice) -> dict[str, str] | Theorems:
        return Theorems(self.entries[index]) if isinstance(index, slice) else self.entries[index]

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids, in order."""
        return tuple(row["id"] for row in self.entries)

    def counts(self) -> dict[str, int]:
        """Status -> how many, strongest first."""
        found = Counter(row["status"] for row in self.entries)
        return {status: found[status] for status in (*STATUSES, _REFUTED) if found[status]}

    def lines(self) -> list[str]:
        """How many there are of each status."""
        stated = sum(row["status"] != _REFUTED for row in self.entries)
        told = ", ".join(f"{count} {status}" for status, count in self.counts().items())
        return [f"{counted(stated, 'theorem')}: {told or 'none'}"]

    def _table(self, name: str) -> Table:
        columns = ("id", "status", "source", "section", "kind", "title")
        return Table({key: [row[key] for row in self.entries] for key in columns}, ("id", "status", "title"))

    def to_json(self) -> list[dict[str, str]]:  # type: ignore[override]  # the published document is a list
        """The rows, as `s6flow theorems --json` prints them."""
        return list(self.entries)

    def plot(self, ax: Axes | None = None) -> Axes:
        """How many theorems of each kind have which status."""
        from s6flow.paper_figures.palette import STATUSES as colours

        ax = axes(ax)
        kinds = list(dict.fromkeys(row["kind"] for row in self.entries))
        counts = {
            status: [sum(row["kind"] == kind and row["status"] == status for row in self.entries) for kind in kinds]
            for status in (*STATUSES, _REFUTED)
        }
        stacked_bars(ax, kinds, counts, {**colours, _REFUTED: _REFUTED_COLOUR})
        ax.set_xlabel("theorems")
        return ax


def theorems(status: str | None = None) -> Theorems:
    """The theorems with their statuses, and below them the claims that were refuted.

    Args:
        status: only those with this status: kernel-checked, symbolic, certified, numeric, conjecture or refuted.
    Raises: FormatError: there is no such status.

    >>> import s6flow as sf
    >>> sf.theorems(status="refuted").ids
    ('definite-later-tokens',)
    """
    if status is not None and status not in (*STATUSES, _REFUTED):
        raise FormatError("a status must be one of " + ", ".join((*STATUSES, _REFUTED)), status)
    return Theorems(tuple(row for row in index.rows() if status in (None, row["status"])))


@dataclass(frozen=True, repr=False)
class TheoremPage(Result):
    """One theorem, or one refuted claim.

    Args:
        id: its permanent id.
    """

    id: str

    TABLES = ("letters", "assumptions", "proof")

    @property
    def figures(self) -> list[str]:
        """Names of the figures that show it; figures of the whole registry are not among them."""
        from s6flow.paper_figures.catalogue import FIGURES

        return [name for name, figure in FIGURES.items() if self.id in figure.theorems]

    @property
    def status(self) -> str:
        """What it rests on: kernel-checked, symbolic, certified, numeric, conjecture or refuted."""
        return str(self.content["status"])

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything about it as plain data; the states of its proof are those of the library's index.

        Raises: TheoremError: a witness that is no system of the theorem, and that plain data cannot hold.
        """
        try:
            found = index.content(self.id)
        except (AttributeError, TypeError, ValueError):  # a file of one's own may give a witness that is none
            from s6flow.numeric.checks.given import refuse_bad_witness
            from s6flow.proofs.checked import checked

            if self.id in index.ids():
                refuse_bad_witness(checked(self.id))
            raise
        return {**found, "figures": self.figures}

    def lines(self) -> list[str]:
        """Title, status, assumptions and conclusion."""
        content = self.content
        said = [f"{self.id}: {content['title']}", f"status: {self.status}; source: {content['source']}"]
        said.append("assumptions: " + ("; ".join(row["words"] for row in content["assumptions"]) or "none"))
        said.append(f"conclusion: {plain(content['conclusion'])}")
        return said + ([f"refuted: {content['why']} Instead: {content['instead']}."] if "why" in content else [])

    def _table(self, name: str) -> Table:
        columns = {
            "letters": ("letter", "domain", "meaning"),
            "assumptions": ("key", "words", "latex"),
            "proof": ("step", "title", "because", "state"),
        }[name]
        found = self.content[name]
        rows = [{"letter": key, **row} for key, row in found.items()] if name == "letters" else found
        return Table({column: [row[column] for row in rows] for column in columns})

    def markdown(self) -> str:
        """The page as Markdown."""
        from s6flow.symbolic.derivation.document import render

        false = self.status == _REFUTED
        blocks = refuted_page(self.content) if false else theorem_page(self.content, figures=self.figures)
        return render(self.id, blocks, "markdown")

    def to_json(self) -> dict[str, Any]:
        """Everything about it, as `s6flow theorem ID --json` prints it."""
        return self.content

    def _repr_html_(self) -> str:
        from s6flow.symbolic.derivation.inline import math_html

        content = self.content
        said = [f"<b>{escape(self.id)}</b>: {escape(content['title'])}"]
        said.append(f"{escape(self.status)}; {escape(shown(content['source']))}")
        words = "; ".join(
            f"{escape(row['words'])} ({math_html(row['latex'], False)})" for row in content["assumptions"]
        )
        said += [f"Assumptions: {words}."] if words else []
        return "<div>" + "".join(f"<p>{line}</p>" for line in said) + math_html(content["conclusion"], True) + "</div>"

    def plot(self) -> Figure:
        """The figure of the paper that shows it and the fewest others, drawn now.

        Raises: FormatError: no figure shows it. FigureUnavailable: its data need a package that is not installed.
        """
        import matplotlib.style
        from matplotlib import pyplot

        from s6flow.paper_figures.catalogue import FIGURES
        from s6flow.paper_figures.render import STYLE

        names = self.figures
        if not names:
            raise FormatError(
                "a theorem with a picture must be in a figure", "none shows it", self.id, "See figures()."
            )
        drawing = FIGURES[min(reversed(names), key=lambda name: len(FIGURES[name].theorems))].drawing()
        with matplotlib.style.context(STYLE):
            canvas = pyplot.figure(figsize=drawing.SIZE)
            drawing.draw(canvas, drawing.data())
        return canvas


def theorem(identifier: str) -> TheoremPage:
    """One theorem: statement, assumptions, proof, witness, counterexamples, generated code; or a refuted claim.

    Args:
        identifier: its id, such as "convergence-rate"; `theorems().ids` has them all.
    Raises: TheoremError: if there is none, listing near ids; for a number of the audit, such as "K0", what that rests on.

    >>> import s6flow as sf
    >>> page = sf.theorem("coexistence")
    >>> page.content["title"]
    'Two tokens, mu > 0, s x_1(0) >= 0 and a second token that is held: it tends to zero while token 1 blows up'
    >>> page.figures
    ['phase-diagram', 'coexistence']
    """
    if not isinstance(identifier, str):
        raise TheoremError("a theorem id must be text", identifier)
    try:
        index.known(identifier)
    except TheoremError:
        if not (source := rests_on(identifier)):
            raise
        asked = f"{identifier}, a number of the audit"
        raise TheoremError("a theorem id must be in the registry", asked, remedy=f"It rests on {source}.") from None
    return TheoremPage(identifier)


def rests_on(name: str) -> str:
    """The theorem, or else the section of the theory, that a number of the audit rests on; "" if there is no such number."""
    from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, LAYER_COLUMNS
    from s6flow.numeric.health import NUMBERS

    sources = {row.name: row.source for row in (*CHANNEL_COLUMNS, *LAYER_COLUMNS)}
    sources |= {row.name: row.source for row in NUMBERS}
    if name not in sources:
        return ""
    return f"theorem {sources[name]}" if sources[name] in index.ids() else f"section {sources[name]} of docs/theory"


@dataclass(frozen=True, repr=False)
class Checks(Result, Sequence["CheckReport"]):
    """Reports of `check`, one a theorem.

    Args:
        backend, examples, seed: as asked for.
        reports: one a theorem that the backend can judge.
        not_run: ids of the others.
    """

    backend: str
    examples: int
    seed: int
    reports: tuple[CheckReport, ...]
    not_run: tuple[str, ...]

    TABLES = ("reports",)

    def __len__(self) -> int:
        return len(self.reports)

    @overload
    def __getitem__(self, index: int) -> CheckReport: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[CheckReport, ...]: ...
    def __getitem__(self, index: int | slice) -> CheckReport | tuple[CheckReport, ...]:
        return self.reports[index]

    def __iter__(self) -> Iterator[CheckReport]:
        return iter(self.reports)

    @property
    def failed(self) -> list[CheckReport]:
        """Reports whose verdict does not pass."""
        return [report for report in self.reports if not report.verdict.passes]

    @property
    def passes(self) -> bool:
        """Whether something was run, and every verdict passes."""
        return bool(self.reports) and not self.failed

    def lines(self) -> list[str]:
        """How many pass, and of those that do not how they end."""
        left = f", {len(self.not_run)} not run" if self.not_run else ""
        said = f"{self.backend}, {self.examples} random systems each: {len(self) - len(self.failed)} of {len(self)} pass{left}"
        return [said, *(f"{report.id}: {report.verdict.value}" for report in self.failed[:4])]

    def _table(self, name: str) -> Table:
        rows = [report.as_json() for report in self.reports]
        columns = (
            "id",
            "backend",
            "verdict",
            "margin",
            "examples",
            "undecided",
            "idle",
            "real",
            "integrator",
            "seconds",
        )
        brief = ("id", "verdict", "margin", "examples", "undecided", "idle", "seconds")
        return Table({column: [row[column] for row in rows] for column in columns}, brief)

    def to_json(self) -> dict[str, Any]:
        """The document of schema `s6flow-check/1`."""
        asked = {"backend": self.backend, "examples": self.examples, "seed": self.seed, "not_run": list(self.not_run)}
        return {"schema": "s6flow-check/1", **asked, "reports": [report.as_json() for report in self.reports]}

    def plot(self, ax: Axes | None = None) -> Axes:
        """The smallest margin of every theorem; left of 0 it is violated."""
        ax = axes(ax, 5.2, 1.0 + 0.22 * len(self))
        places = range(len(self))
        colours = ["C0" if report.verdict.passes else "C3" for report in self.reports]
        ax.barh(places, [report.margin for report in self.reports], color=colours)
        ax.set_yticks(places, [report.id for report in self.reports], fontsize=8)
        ax.invert_yaxis()
        ax.axvline(0.0, color="grey", linewidth=0.8)
        ax.set_xscale("symlog", linthresh=1e-12)  # margins of identities are those of rounding
        ax.set_xlabel("smallest margin")
        return ax


def check(
    *identifiers: str,
    backend: str = "numpy",
    examples: int = 200,
    seed: int = 0,
    integrator: str | None = None,
    progress: Callable[[int, int, CheckReport], None] | None = None,
) -> Checks:
    """Test theorems on random systems that meet their assumptions, their witnesses, and channels of trained weights.

    Args:
        identifiers: ids; every theorem without.
        backend: numpy, torch, torch32 or flint.
        examples: random systems a theorem.
        seed: of the generator, >= 0.
        integrator: for trajectories; numba by default where it is installed.
        progress: called with (done, total, report) after every theorem.
    Returns: reports; `.passes`, `[0].verdict`, `.to_pandas()`. HOLDS means: on these data, which are at least 20 systems.
    Raises: TheoremError: an unknown id, or a witness that is no system of its theorem. CodegenError: an unknown backend.
        AssumptionError: a negative number.
        MissingDependencyError: the backend's library is not installed.

    >>> import s6flow as sf
    >>> found = sf.check("linear-recursion", examples=20)
    >>> found.passes, found[0].verdict.value
    (True, 'HOLDS')
    """
    from s6flow.numeric.checks.check import check as run
    from s6flow.numeric.checks.engines import applicable, require
    from s6flow.numeric.checks.given import refuse_bad_witness, witness_named
    from s6flow.proofs.checked import checked
    from s6flow.proofs.registry import REGISTRY

    require(backend)
    for identifier in identifiers:
        if identifier in index.refuted_ids():
            raise TheoremError(
                "a theorem that is checked must be claimed",
                identifier,
                "",
                f"It is refuted: s6flow theorem {identifier}.",
            )
    chosen = [checked(identifier) for identifier in identifiers or REGISTRY]
    able = [found for found in chosen if applicable(found, backend)]
    for found in able if examples > 0 else ():  # else no witness is judged; before any check, which may take minutes
        refuse_bad_witness(found, backend, integrator)
    reports = []
    for number, found in enumerate(able):
        with witness_named(found, backend, integrator):
            reports.append(run(found, backend, examples, seed, integrator=integrator))
        if progress is not None:
            progress(number + 1, len(able), reports[-1])
    left = tuple(found.id for found in chosen if found not in able)
    return Checks(backend, examples, seed, tuple(reports), left)
