"""Where a formal statement says more or less than the registry's entry: computed from the two texts, kept nowhere.

The template of a formal statement names what it prints: assumptions, domains, claims, formulas by key. What it does not
print, or prints of other tokens, with another letter missing, or with a constant that merely exists, is a difference; so
is what it asks for or claims in Coq's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes
import sympy as sp

from s6flow.proofs.formal.formulas import expressions
from s6flow.proofs.registry import get
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.assumptions import assumption
from s6flow.symbolic.theorem import Theorem

__all__ = ["KINDS", "Call", "Difference", "Stated", "differences", "stated"]

TEMPLATE = Path(__file__).parent / "Statements.v.j2"
KINDS = ("assumption", "quantifier", "floor", "bias", "bound", "solution", "domain", "eigenvalues", "conclusion")

_FORALL = re.compile(r"forall (\w+) : nat, (?:\([^()]*\)%nat -> )*$")
#: Letters of the registry -> how Coq writes them; a letter that is not here has the same name.
_COQ = {"floor": ("eps", "floor"), "beta_B": ("beta_B",), "beta_C": ("beta_C",)}
#: Assumptions that hold where a letter is missing from the formal flow, or is the number zero there.
_BY_ABSENCE = {"no-floor": "floor", "no-projection-bias": "beta_B", "no-read-bias": "beta_C"}
#: Parameters of the layer and of the flow; a statement that names none of a theorem's is of any velocity whatever.
_PARAMETERS = frozenset({"mu", "a", "s", "b", "S_B", "S_C", "S_dt_in", "S_dt_out"})
_MEANT = {
    "trace": "eigenvalues stand as traces of powers",
    "rayleigh": "extreme eigenvalues stand as bounds of the form over the squared norm",
}


@dataclass(frozen=True)
class Difference:
    """One way in which a formal statement differs from the registry's entry.

    Args:
        statement: Coq name of the statement.
        kind: one of `KINDS`.
        text: what differs, in words.
    """

    statement: str
    kind: str
    text: str


@dataclass(frozen=True)
class Stated:
    """A statement of the template.

    Args:
        name: of the Coq theorem.
        id: of the registry's theorem.
        case: whether it states a part only.
        body: template text of the proposition.
    """

    name: str
    id: str
    case: bool
    body: str

    def calls(self, function: str) -> list[Call]:
        """Every call of `function` in a hole, nested calls too."""
        return [call for call in _calls(self.body) if call.function == function]

    def keys(self, function: str) -> set[str]:
        """The keys alone."""
        return {call.key for call in self.calls(function)}


@dataclass(frozen=True)
class Call:
    """A call in a hole of the template.

    Args:
        function: title, assume, claim, domain, q, ...
        key: its first argument.
        options: the named arguments that are written out; one that is put together of others is not among them.
        before: the template's text before the hole.
    """

    function: str
    key: str
    options: Mapping[str, Any]
    before: str


def stated(text: str | None = None) -> list[Stated]:
    """Every statement of the template, or of a changed text of it: a title, and the definition behind it."""
    source = TEMPLATE.read_text() if text is None else text
    titles = [call for call in _calls(source) if call.function == "title"]
    found = []
    for call in titles:
        definition = source[len(call.before) :].partition("Definition ")[2]
        name, form, rest = definition.partition("_statement : Prop :=\n")
        assert form, f"a statement must stand behind the title of {call.key}"
        found.append(
            Stated(name, call.key, call.options.get("case") is True, rest.partition(".\n\n")[0].removesuffix(".\n"))
        )
    return found


@cache
def _calls(text: str) -> tuple[Call, ...]:
    """The calls of every hole of a text, as the template's own language reads it."""
    language = jinja2.Environment()
    found, start, end = [], 0, 0
    for _, kind, piece in language.lex(text):
        start = end if kind == "variable_begin" else start
        end += len(piece)
        if kind != "variable_end":
            continue
        for node in language.parse(text[start:end]).find_all(jinja2.nodes.Call):
            match node:
                case jinja2.nodes.Call(
                    node=jinja2.nodes.Name(name=function), args=[jinja2.nodes.Const(value=str(key)), *_]
                ):
                    named = {one.key: one.value for one in node.kwargs}
                    options = {name: v.value for name, v in named.items() if isinstance(v, jinja2.nodes.Const)}
                    found.append(Call(function, key, options, text[:start]))
    return tuple(found)


@cache
def differences(identifier: str, text: str | None = None) -> tuple[Difference, ...]:
    """The differences of every statement of a theorem, in the template's order; () where nothing is stated formally.

    Args:
        text: of the template; the committed one by default.
    """
    theorem = get(identifier)
    everything = stated(text)
    own = [statement for statement in everything if statement.id == identifier]
    found = []
    for statement in own:
        found += [Difference(statement.name, *row) for row in _compared(theorem, statement, everything)]
    if own:
        found += [Difference(own[0].name, "conclusion", words) for words in _conclusion(theorem, own)]
    return tuple(dict.fromkeys(found))


def _compared(theorem: Theorem, statement: Stated, everything: list[Stated]) -> Iterator[tuple[str, str]]:
    yield from _assumptions(theorem, statement)
    yield from _quantifiers(statement)
    missing = [letter for letter in _COQ if letter in theorem.variables and not _writes(statement, letter)]
    granted = {_BY_ABSENCE[key] for key in theorem.assumptions if key in _BY_ABSENCE}
    if "no-projection-bias" in theorem.assumptions:
        granted |= {"beta_B", "beta_C"}
    if not any(_writes(statement, letter) for letter in _PARAMETERS.intersection(theorem.variables)):
        missing = []
    if "floor" in missing and "floor" not in granted:
        yield "floor", "for steps without a floor"
    biases = [letter for letter in missing if letter.startswith("beta") and letter not in granted]
    if biases:
        yield "bias", f"without a bias of {' and '.join(letter[-1] for letter in biases)}"
    yield from _existentials(theorem, statement)
    if given := re.search(r"\b(\w*solution) [^()]* p_infty x ->", statement.body):
        lives = re.compile(rf"exists[^.]*\b{given[1]} [^()]* p_infty x(?!\s*->)")
        proved = [other for other in everything if lives.search(other.body)]
        if all(other.id != theorem.id for other in proved):
            there = "; that there is one, under what each asks: " if proved else ""
            names = ", ".join(f"`{other.name}`" for other in proved)
            yield "solution", f"of a solution that is given for all times{there}{names}"
    weak = sorted(
        call.key for call in statement.calls("domain") if call.options.get("strict") is not True and call.key != "floor"
    )
    if weak:
        yield "domain", f"also where {', '.join(weak)} is zero"
    for word, meaning in _MEANT.items():
        spoken = {name for name in theorem.letters if name in ob.OBSERVABLES}
        about = any("eigenvalue" in ob.OBSERVABLES[name].meaning for name in spoken)
        if about and re.search(rf"\b{word}\b", statement.body):
            yield "eigenvalues", meaning


def _writes(statement: Stated, letter: str) -> bool:
    """Whether the statement's own text names the letter among what it quantifies over."""
    bound = " ".join(re.findall(r"forall ([^,]*),", statement.body))
    return any(re.search(rf"\b{name}\b", bound) for name in _COQ.get(letter, (letter,)))


def _assumptions(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    # what stands behind an implication inside the conclusion counts as asked, too: a statement by cases asks case by case
    asked, wanted = statement.keys("assume"), set(theorem.assumptions)
    implied = {key for key, letter in _BY_ABSENCE.items() if key in wanted and not _writes(statement, letter)}
    if re.search(r"solution N a mu 0 b|maximal N a mu 0 b", statement.body):
        implied.add("s-zero")
    extra, left = sorted(asked - wanted), sorted(wanted - asked - implied)
    if extra:
        yield "assumption", f"asks besides, or by cases: {', '.join(extra)}"
    if left:
        yield "assumption", f"does not print: {', '.join(left)}"
    bare = [f"`{words}`" for premise in _premises(statement.body) if (words := _bare(premise))]
    if bare:
        yield "assumption", f"asks in Coq's words: {'; '.join(bare)}"


#: What a premise in Coq's words is not: one that the registry prints, whose solution it is, of which token and time.
_PRINTED = re.compile(rf"\b(?:assume|domain)\(|\b\w*(?:solution|maximal) |\b(?:{'|'.join(_MEANT)})\b")
_PLACE = re.compile(r"(?:0|[A-Za-z]\w*|S \w+) <=? (?:\w+|S \w+)(?: <=? \w+)?|\(?[^()]*\)?%nat|Rbar_lt \S+ \S+")


def _premises(body: str) -> list[str]:
    """What a statement asks for before it claims anything: the parts before its outermost arrows, up to what exists."""
    text = re.sub(r"\{%.*?%\}.*?\{%.*?%\}|\blet \w+ := .*? in\b|^\s*forall [^,]*,", " ", body, flags=re.S)
    parts, depth, part = [], 0, ""
    for piece in re.split(r"(\{\{.*?\}\}|->|\bexists\b|[(),])", text, flags=re.S):
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and piece == "exists":
            break
        if depth == 0 and piece == "->":
            parts.append(" ".join(part.split()))
        bound = depth == 0 and piece == "," and part.lstrip().startswith("forall ")
        part = "" if bound or (depth == 0 and piece == "->") else part + piece
    return parts


def _bare(premise: str) -> str:
    """The premise with a formula's key for every hole; nothing if it stands in `_PRINTED` or says which token and when."""
    if _PRINTED.search(premise) or _PLACE.fullmatch(premise):
        return ""
    return re.sub(r"\{\{ q\('(\w+)'.*?\) \}\}", r"\1", premise)


def _quantifiers(statement: Stated) -> Iterator[tuple[str, str]]:
    for call in statement.calls("assume"):
        relation, place = assumption(call.key).relation, call.options.get("x0", "")
        if nt.l not in relation.free_symbols or isinstance(relation, sp.Implies):
            continue
        line = call.before.rsplit("\n", 1)[-1]
        bound = _FORALL.search(line.rstrip().removesuffix("(") + " ") or _FORALL.search(line)
        token = re.match(r"(?:x|y0) ?(\w+)", place)
        letter = token.group(1) if token else ""
        if bound and letter == bound.group(1):
            ranges = re.findall(rf"\(([^()]*\b{letter}\b[^()]*)\)%nat", line)
            if not any(re.fullmatch(rf"{letter} < L", part) for part in ranges):
                yield "quantifier", f"{call.key} asked of tokens with {', '.join(ranges)} only"
        elif letter in ("0", "O", "1") or place == "x0":
            yield "quantifier", f"{call.key} asked of one token only"
        elif letter == "l" and not re.search(r"exists l : nat|forall l : nat", call.before):
            yield "quantifier", f"{call.key} asked of token l only"


def _existentials(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    """Real numbers that merely exist, unless the registry's conclusion speaks of a bound of a limit or of what holds at it."""
    names = [
        name
        for group in re.findall(r"exists ([\w' ]+?) : R\b(?! ?->)", statement.body)
        for name in group.split()
        if not re.fullmatch(r"T\d?'?|t0?", name)
    ]
    bounded = any(
        (isinstance(part, sp.Lt | sp.Gt) or not any(isinstance(side, sp.Limit) for side in part.args))
        and any(side.has(sp.Limit) for side in part.args)
        for part in sp.preorder_traversal(theorem.conclusion)
        if isinstance(part, sp.Rel)
    )
    if names and not bounded:
        yield "bound", f"{', '.join(dict.fromkeys(names))}: some number, not an explicit one"


def _conclusion(theorem: Theorem, own: list[Stated]) -> Iterator[str]:
    """Parts of the registry's conclusion that none of a theorem's statements prints from it."""
    names = set().union(*(statement.keys("q") for statement in own))
    printed = [expressions()[name] for name in sorted(names) if name in expressions()]
    bare = re.compile(r"(?:is_lim|filterlim) \(?(?:x |fun t => Rabs \(x )")
    written_bare = any(bare.search(statement.body) for statement in own)
    for limit in sorted(theorem.stated.atoms(sp.Limit), key=sp.default_sort_key):
        value = limit.args[0].subs(_MEASURED)
        plain = value in (ob.x_t[nt.l], sp.Abs(ob.x_t[nt.l]), sp.Abs(ob.x_t[nt.l - 1]))
        if not (plain and written_bare) and not any(_same(value, e) for e in printed):
            yield f"the limit of ${ob.conclusion_latex(limit.args[0])}$ stands in Coq's words"
    claims = [part for part in sp.And.make_args(theorem.conclusion) if not part.has(sp.Limit)]
    if claims and all(theorem.id not in statement.keys("claim") for statement in own):
        yield "the conclusion stands in Coq's words" + (", with formulas of the registry" if printed else "")


def _same(value: sp.Expr, printed: sp.Expr) -> bool:
    return bool(value == printed) or (value.free_symbols == printed.free_symbols and value.equals(printed) is True)


_end = sp.Symbol("T", positive=True)
_MEASURED = {
    ob.log_t: sp.log(nt.t), ob.u_t[nt.l]: sp.log(sp.Abs(ob.x_t[nt.l])), ob.remaining: _end - nt.t, ob.sharp: 1,
}  # fmt: skip
