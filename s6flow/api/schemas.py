"""The published schemas of what commands and results write as JSON: one table, made from the tables that the documents are made of.

`docs/schemas` holds the same as files, and `docs/terminal.md` the list; tests compare both, and validate real output.

    python -m s6flow.api.schemas          writes docs/schemas and the list

One long file: a table of kinds of document, read side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.provenance import package_root

__all__ = ["SCHEMAS", "Published", "listed", "main", "schema"]

_TEXT, _FLAG, _NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "number"}
_COUNT, _NULL = {"type": "integer", "minimum": 0}, {"type": "null"}
_FROM_ONE = {"type": "integer", "minimum": 1}


def _or_null(found: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [found, _NULL]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _named(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A document that says which schema it has."""
    return _closed({"schema": {"const": name}, **properties})


_SYSTEM = _map({"description": "a number, or numbers nested along the axes of the letter"})
_ASSUMPTIONS = _list(_closed(dict.fromkeys(("key", "words", "latex"), _TEXT)))
_LETTERS = _map(_closed(dict.fromkeys(("latex", "domain", "meaning"), _TEXT)))


def _statuses() -> list[str]:
    from s6flow.proofs.status import STATUSES

    return list(STATUSES)


def _theorems() -> dict[str, Any]:
    from s6flow.proofs.index import ROW

    return _list(_closed({**dict.fromkeys(ROW, _TEXT), "status": {"enum": [*_statuses(), "refuted"]}}))


def _proof() -> dict[str, Any]:
    state = {"enum": ["zero", "nonzero", "unknown", "cited"]}
    return _list(
        _closed(
            {
                "step": _TEXT,
                "title": _TEXT,
                "statement": _list(_TEXT),
                "because": _TEXT,
                "residuals": _list(_TEXT),
                "state": state,
            }
        )
    )


def _theorem() -> dict[str, Any]:
    from s6flow.symbolic.theorem import KINDS

    texts = ("id", "title", "reached", "source", "section", "file", "measurement", "conclusion", "notes", "code")
    differences = dict.fromkeys(("statement", "kind", "text"), _TEXT)
    places = {"statement": _TEXT, "stated": _TEXT, "proved": _TEXT}
    example = {"drops": _TEXT, "data": _SYSTEM, "note": _TEXT}
    return _closed(
        {
            **dict.fromkeys(texts, _TEXT),
            "status": {"enum": _statuses()},
            "kind": {"enum": list(KINDS)},
            "formal": _map(_list(_TEXT)),
            "theory": _list(_TEXT),
            "differences": _list(_closed(differences)),
            "places": _list(_closed(places)),
            "uses": _list(_TEXT),
            "kernel_uses": _list(_TEXT),
            "variables": _map(_closed({"domain": _TEXT, "meaning": _TEXT})),
            "letters": _LETTERS,
            "assumptions": _ASSUMPTIONS,
            "checked": _or_null(_TEXT),
            "proof": _proof(),
            "sharpness": _or_null(_TEXT),
            "tightened": _or_null(_TEXT),
            "witness": _or_null(_SYSTEM),
            "counterexamples": _list(_closed(example)),
            "unbroken": _map(_TEXT),
            "figures": _list(_TEXT),
        }
    )


def _refuted() -> dict[str, Any]:
    texts = ("id", "title", "claim", "source", "section", "kind", "instead", "conclusion", "notes", "why")
    more = {"letters": _LETTERS, "assumptions": _ASSUMPTIONS, "data": _SYSTEM, "figures": _list(_TEXT)}
    return _closed({**dict.fromkeys(texts, _TEXT), "status": {"const": "refuted"}, "proof": _proof(), **more})


def _check() -> dict[str, Any]:
    from s6flow.numeric.checks.check import Verdict
    from s6flow.numeric.checks.engines import ENGINES

    backend = {"enum": list(ENGINES)}
    report = {
        "id": _TEXT,
        "backend": backend,
        "verdict": {"enum": [verdict.value for verdict in Verdict]},
        "margin": {**_or_null(_NUMBER), "description": "the smallest; null where no system was decided"},
        "where": _SYSTEM,
        "place": _or_null({"type": "array", "prefixItems": [_TEXT, _COUNT, _COUNT], "minItems": 3, "maxItems": 3}),
        **dict.fromkeys(("examples", "undecided", "idle", "real"), _COUNT),
        "integrator": _or_null(_TEXT),
        "seconds": {**_NUMBER, "minimum": 0},
    }
    asked = {"backend": backend, "examples": _COUNT, "seed": _COUNT, "not_run": _list(_TEXT)}
    return _named("s6flow-check/1", {**asked, "reports": _list(_closed(report))})


def _simulate() -> dict[str, Any]:
    from s6flow.numeric.flow import Status
    from s6flow.symbolic.ends import SCENARIOS

    ends = {"end": _TEXT, **dict.fromkeys(("limit", "rate", "carried_zero"), _or_null(_NUMBER))}
    moment = {"log_time": _NUMBER, "remaining": _NUMBER, "x": _list(_or_null(_NUMBER))}
    return _named(
        "s6flow-simulate/2",
        {
            "predicted": {"enum": list(SCENARIOS)},
            "predicted_means": _TEXT,
            "theorem": _or_null(_TEXT),
            "theorem_status": _or_null({"enum": _statuses()}),
            "observed": _TEXT,
            "agrees": _or_null(_FLAG),
            "tokens": _list(_closed(ends)),
            "ended": {"enum": [status.name.lower() for status in Status]},
            "blow_up_time": _or_null(_NUMBER),
            "blow_up_time_error": _or_null(_NUMBER),
            "blow_up_token": _or_null(_FROM_ONE),
            "x_limit": _NUMBER,
            "cut_off_at_x_limit": _FLAG,
            "final_log_time": _or_null(_NUMBER),
            "final_x": _list(_or_null(_NUMBER)),
            "steps": _COUNT,
            "trajectory": _list(_closed(moment, optional=("remaining",))),
        },
    )


def _simulations() -> dict[str, Any]:
    return _named("s6flow-simulations/1", {"systems": _list(_simulate())})


def _ends() -> dict[str, Any]:
    words: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "description": "words, nested along the axes"}]}
    return _named("s6flow-ends/1", {"systems": words, "tokens": {"type": "array"}})


def _certificate() -> dict[str, Any]:
    sign = {"enum": [-1, 0, 1, None]}
    root = {"step_low": _NUMBER, "step_high": _NUMBER, "token": _or_null(_NUMBER), "attracts": _or_null(_FLAG)}
    signs = {"complete": _FLAG, "descartes": _COUNT, "sign_at_zero": sign, "mu_sign": sign}
    system = {"mu": _list(_NUMBER), "a": _list(_NUMBER), **dict.fromkeys(("s", "b", "floor"), _NUMBER)}
    return _named(
        "s6flow-certificate/1",
        {**system, **signs, "dichotomy_can_fail": _or_null(_FLAG), "roots": _list(_closed(root))},
    )


def _audit() -> dict[str, Any]:
    from s6flow.numeric.audit.output.records import schema as audit

    return audit()


def _verdict_names() -> list[str]:
    from s6flow.numeric.health import VERDICTS

    return [row.name for row in VERDICTS]


def _diff() -> dict[str, Any]:
    from s6flow.numeric.health import NUMBERS

    pair = {"type": "array", "items": _or_null(_NUMBER), "minItems": 2, "maxItems": 2}
    numbers = _closed(
        {row.name: {**pair, "description": row.meaning} for row in NUMBERS}, tuple(r.name for r in NUMBERS)
    )
    sizes = dict.fromkeys(("expected", "spread", "z", "decay", "S_B", "S_C", "half_life"), _or_null(_NUMBER))
    names = _list({"enum": _verdict_names()})
    layer = {"name": _TEXT, "gained": names, "lost": names, "numbers": numbers}
    layers = _list(_closed({**layer, "weights": _or_null(_closed({"flips": _COUNT, **sizes}))}))
    only = {"only_first": _list(_TEXT), "only_second": _list(_TEXT)}
    sides = {"first": _TEXT, "second": _TEXT, "medians": numbers}
    return _named("s6flow-diff/1", {"context": _FROM_ONE, **sides, "layers": layers, **only})


def _trend() -> dict[str, Any]:
    from s6flow.numeric.audit.output.health import GRADES
    from s6flow.numeric.health.moved import TREND

    row = {
        "source": _TEXT,
        "severity": {"enum": list(GRADES)},
        "line": _TEXT,
        "counts": _closed(dict.fromkeys(_verdict_names(), _COUNT), tuple(_verdict_names())),
        "medians": _closed(dict.fromkeys(TREND, _or_null(_NUMBER))),
    }
    return _named("s6flow-trend/1", {"context": _FROM_ONE, "checkpoints": _list(_closed(row))})


def _trace() -> dict[str, Any]:
    from s6flow.numeric.trace.report import NUMBERS

    judged = {"enum": ["HOLDS", "VIOLATED", "NOT JUDGED"]}
    sizes = dict.fromkeys(("measured", "bound", "share"), _or_null(_NUMBER))
    check = {"name": _TEXT, "theorem": _TEXT, **sizes, "verdict": judged, "why": _TEXT}
    fit = {
        **dict.fromkeys(("exponent", "low", "high"), _or_null(_NUMBER)),
        "layers": _COUNT,
        "expected": _NUMBER,
        "verdict": {"enum": ["consistent", "not", "undecided"]},
        "theorem": _TEXT,
    }
    layer = {
        "name": _TEXT,
        "verdict": judged,
        "continuous": _or_null(_FLAG),
        "untraced": _list(_TEXT),
        "numbers": _closed({row.name: {**_or_null(_NUMBER), "description": row.meaning} for row in NUMBERS}),
        "checks": _list(_closed(check)),
    }
    told = {**dict.fromkeys(("source", "inputs", "format", "device"), _TEXT)}
    sizes = dict.fromkeys(("batch", "length", "context"), _FROM_ONE)
    fits = {"growth": _closed(fit), "turning": _closed(fit), "notes": _list(_TEXT)}
    return _named("s6flow-trace/1", {**told, **sizes, **fits, "layers": _list(_closed(layer))})


def _proofs() -> dict[str, Any]:
    texts = {"command": _TEXT, "versions": _map(_TEXT), "files": _map(_TEXT)}
    return _named("s6flow-proofs/1", {**texts, "theorems": {**_map(_list(_TEXT)), "description": "axioms of each"}})


def _figure_list() -> dict[str, Any]:
    return _list(_closed({"name": _TEXT, "title": _TEXT}))


def _figures() -> dict[str, Any]:
    states = {"enum": ["drawn", "unchanged", "skipped", "fresh", "stale"]}
    row = {"figure": _TEXT, "state": states, "title": _TEXT, "reason": _TEXT, "seconds": _NUMBER}
    return _named("s6flow-figures/1", {"out": _or_null(_TEXT), "figures": _list(_closed(row))})


def _derivation() -> dict[str, Any]:
    row = {"step": _TEXT, "section": _TEXT, "title": _TEXT, "residuals": _COUNT}
    return _named("s6flow-derivation/1", {"paths": _list(_TEXT), "steps": _list(_closed(row))})


@dataclass(frozen=True)
class Published:
    """One kind of document.

    Args:
        name: with its version; documents that are objects say it in `schema`, lists and theorems do not.
        source: the command that writes it, or the function whose `to_json` gives it.
        about: what it is.
        make: the schema itself.
    """

    name: str
    source: str
    about: str
    make: Callable[[], dict[str, Any]]

    @property
    def file(self) -> str:
        """Its file in docs/schemas."""
        return self.name.removeprefix("s6flow-").replace("/", "-") + ".json"


_ROWS = (
    Published("s6flow-audit/2", "s6flow audit MODEL --json", "health and ends of every layer of a checkpoint", _audit),
    Published("s6flow-trend/1", "s6flow audit MODEL MODEL ... --json", "health of several checkpoints", _trend),
    Published("s6flow-diff/1", "s6flow diff A B --json", "what moved between two checkpoints", _diff),
    Published("s6flow-trace/1", "s6flow trace --json", "a running network beside the theorems", _trace),
    Published("s6flow-simulate/2", "s6flow simulate --json", "one flow, its predicted and its observed end", _simulate),
    Published("s6flow-simulations/1", "integrate(...).to_json()", "the same of a batch", _simulations),
    Published("s6flow-ends/1", "classify(...).to_json()", "how systems and tokens ended, in words", _ends),
    Published("s6flow-certificate/1", "certify(...).to_json()", "certified roots of K", _certificate),
    Published("s6flow-theorems/1", "s6flow theorems --json", "a list: the library, a row a theorem", _theorems),
    Published("s6flow-theorem/1", "s6flow theorem ID --json", "everything about one theorem", _theorem),
    Published("s6flow-refuted/1", "s6flow theorem ID --json", "the same of a claim that was refuted", _refuted),
    Published("s6flow-check/1", "s6flow check --json", "verdicts on random systems", _check),
    Published("s6flow-proofs/1", "s6flow prove --json", "formal theorems with their axioms", _proofs),
    Published("s6flow-figure-list/1", "s6flow figures --list --json", "a list: names and titles", _figure_list),
    Published("s6flow-figures/1", "figures(...).to_json()", "what became of every figure", _figures),
    Published("s6flow-derivation/1", "derive(...).to_json()", "files and steps of the derivation", _derivation),
)
SCHEMAS: dict[str, Published] = {row.name: row for row in _ROWS}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of document.

    Raises: FormatError: there is no such kind.
    """
    if name not in SCHEMAS:
        raise FormatError("a schema must be one of " + ", ".join(SCHEMAS), name)
    row = SCHEMAS[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{row.about}, {row.name}"}
    return {**head, **row.make()}


_BEGIN, _END = "<!-- schemas: written by s6flow.api.schemas -->\n", "<!-- end of schemas -->\n"


def listed(page: str) -> str:
    """A page with the list of schemas between its two marks."""
    rows = [f"| `{row.source}` | [{row.name}](schemas/{row.file}) | {row.about} |" for row in SCHEMAS.values()]
    table = "\n".join(["| from | schema | what it is |", "| --- | --- | --- |", *rows])
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}{table}\n{_END}{rest.split(_END)[1]}"


def main() -> int:
    """Write docs/schemas and the list in docs/terminal.md."""
    docs: Path = package_root().resolve().parent / "docs"
    for name, row in SCHEMAS.items():
        write_atomic(docs / "schemas" / row.file, json.dumps(schema(name), indent=1) + "\n")
    page = docs / "terminal.md"
    write_atomic(page, listed(page.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
