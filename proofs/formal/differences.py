"""Where a formal statement says more or less than the registry's entry: computed from the two texts, kept nowhere.

The template of a formal statement names what it prints: assumptions, domains, claims, formulas by key. What it does not
print, or prints of other tokens, with another letter missing, or with a constant that merely exists, is a difference; so
is what it asks for or claims in Coq's own words. Words that stand for an assumption, or say what a letter is, are marked in
the template: `in_words`.

One long file: kinds of difference are a few lines each, and share what counts as printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import sympy as sp

from s6flow.proofs.formal.formulas import expressions
from s6flow.proofs.formal.template import Call, Stated, calls, keyed, mark, stated
from s6flow.proofs.registry import get
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.assumptions import ASSUMPTIONS, assumption
from s6flow.symbolic.theorem import Theorem

__all__ = ["KINDS", "Difference", "differences", "stated"]

KINDS = ("assumption", "quantifier", "floor", "bias", "bound", "solution", "domain", "eigenvalues", "conclusion")

#: Coq counts tokens from zero.
_NUMBERED = {"0": "token 1", "O": "token 1", "1": "token 2"}
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
        whole = next((statement for statement in own if not statement.case), own[0])
        found += [Difference(whole.name, "conclusion", words) for words in _conclusion(theorem, own)]
    return tuple(dict.fromkeys(found))


def _compared(theorem: Theorem, statement: Stated, everything: list[Stated]) -> Iterator[tuple[str, str]]:
    yield from _assumptions(theorem, statement)
    yield from _quantifiers(theorem, statement)
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
    yield from _claims(theorem, statement)
    yield from _lives(theorem, statement, everything)
    weak = sorted(
        call.key
        for call in statement.calls("domain")
        if call.options.get("strict") is not True and ob.LETTERS[call.key].domain == "positive"
    )
    if weak:
        yield "domain", f"also where {', '.join(weak)} is zero"
    for word, meaning in _MEANT.items():
        spoken = {name for name in theorem.letters if name in ob.OBSERVABLES}
        about = any("eigenvalue" in ob.OBSERVABLES[name].meaning for name in spoken)
        if about and re.search(rf"\b{word}\b", statement.body):
            yield "eigenvalues", meaning


#: Letters of a flow, up to the time of its end.
_LETTERS = r"(?:[^(),>]|\([^()]*\))*? "
#: A solution that is given for all times, and one whose claim speaks of T where it is infinite.
_GIVEN = re.compile(rf"\b(\w*solution) {_LETTERS}(p_infty|T) x ->")
_UNTIL_INFINITY = re.compile(r"T = p_infty ->")
#: That it is one for all times is claimed.
_PROVED = re.compile(r"maximal [^()]* T x -> T = p_infty\b(?! ->)")


def _lives(theorem: Theorem, statement: Stated, everything: list[Stated]) -> Iterator[tuple[str, str]]:
    """Of a solution that is given for all times: what proves that there is one, whatever the theorem it belongs to.

    Named are the statements that ask nothing besides, and where there is none those that the theorem's letters can meet.
    """
    given = _GIVEN.search(statement.body)
    asked_for = given is not None and (given[2] == "p_infty" or _UNTIL_INFINITY.search(statement.body))
    if given is None or not asked_for or _PROVED.search(statement.body):
        return
    lives = re.compile(rf"exists[^.]*\b{given[1]} {_LETTERS}p_infty x(?!\s*->)")
    proved = [other for other in everything if lives.search(other.body)]
    enough = [f"`{other.name}`" for other in proved if _covered(theorem, statement, other)]
    able = [f"`{other.name}`" for other in proved if _compatible(theorem, other)]
    where = "" if given[2] == "p_infty" else "where T is infinite, "
    if enough:
        named = f"; that there is one: {', '.join(enough)}"
    else:
        named = f"; that there is one, under what each asks: {', '.join(able)}" if able else ""
    yield "solution", f"{where}of a solution that is given for all times{named}"


def _covered(theorem: Theorem, statement: Stated, other: Stated) -> bool:
    """Whether another statement asks for nothing that this one does not ask, of the same flow; a letter's domain is the page's."""
    (asked, words), (needed, more) = (_required(theorem, one) for one in (statement, other))
    return needed <= asked and more <= words and not _SPECIAL.search(other.body)


#: A flow with a number in a letter's place.
_SPECIAL = re.compile(r"solution [^()]*\b\d+ [^()]*p_infty")


def _required(theorem: Theorem, statement: Stated) -> tuple[set[str], set[str]]:
    """Assumptions that a statement prints or marks, and premises in Coq's words, with a solution's start for a given one."""
    words = _worded(theorem, statement)
    marked = {key for _, keys, _ in words for key in keys.split()}
    bare = {said.replace("(fun d => x d 0)", "y0") for said, key, _ in words if not key}
    return _asked(statement)[0] | marked, bare


def _writes(statement: Stated, letter: str) -> bool:
    """Whether the statement's own text names the letter among what it quantifies over."""
    bound = " ".join(re.findall(r"forall ([^,]*),", statement.body))
    return any(re.search(rf"\b{name}\b", bound) for name in _COQ.get(letter, (letter,)))


def _letter(name: str) -> str:
    latex = {**ob.OBSERVABLES, **ob.LETTERS}[name].latex
    return latex.format(*"ddd") if "{0}" in latex else latex


def _compatible(theorem: Theorem, other: Stated) -> bool:
    """Whether one state, or one token, can meet what the theorem assumes and what another statement asks."""
    asked = [assumption(key).relation for key in sorted(set(theorem.assumptions) | _asked(other)[0])]
    weaker = [assumption(key).relation for _, key, less in _worded(theorem, other) if less]
    asked += [relation.replace(sp.StrictLessThan, sp.LessThan) for relation in weaker]
    signs = [_single(relation) for relation in asked if relation.has(nt.mu) and not relation.has(ob.decay)]
    return sp.simplify(sp.And(*signs)) != sp.false


def _single(relation: sp.Basic) -> sp.Basic:
    """Of one state: a sum over the states is its term."""
    only = sp.Symbol("mu_1", real=True)
    bare = relation.replace(lambda e: isinstance(e, sp.Sum), lambda e: e.args[0])
    return bare.replace(lambda e: isinstance(e, sp.Indexed) and e.base == nt.mu, lambda _: only)


def _worded(theorem: Theorem, statement: Stated) -> list[tuple[str, str, bool]]:
    """Premises in Coq's words: the words, the assumption or letter that they stand for, and whether they ask for less."""
    found = []
    for premise in statement.premises:
        if sign := mark(premise):
            found.append((_said(premise), sign.key, sign.options.get("less") is True))
        elif words := _bare(theorem, premise):
            found.append((words, "", False))
    return found


def _asked(statement: Stated) -> tuple[set[str], set[str]]:
    """Assumptions that a statement prints: what it asks before it claims anything, and what it asks by cases.

    One that is asked of token 1 alone is the assumption about token 1, where there is one of that name.
    """
    printed = [premise for premise in statement.premises if not mark(premise)]
    asked = [call for premise in printed for call in calls(premise) if call.function == "assume"]
    before = {call.key for call in asked if not _elsewhere(call)}
    inside = [call for part in statement.claims for call in calls(part) if call.function == "assume"]
    cases = {call.key for call in inside if not _elsewhere(call)}
    return before, cases - before


#: Assumption -> the number of tokens that a solution is of.
_COUNTED = {"one-token": 1, "two-tokens": 2}


def _assumptions(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    wanted = set(theorem.assumptions)
    asked, cases = ({_of_first(theorem, statement, key) for key in keys} for keys in _asked(statement))
    implied = {key for key, letter in _BY_ABSENCE.items() if key in wanted and not _writes(statement, letter)}
    if re.search(r"solution N a mu 0 b|maximal N a mu 0 b", statement.body):
        implied.add("s-zero")
    implied |= {
        key for key, count in _COUNTED.items() if re.search(rf"maximal N a mu s b eps {count} ", statement.body)
    }
    worded = _worded(theorem, statement)
    marked = {key for keys in statement.keys("in_words") for key in keys.split()}
    in_cases = marked - {key for _, keys, _ in worded for key in keys.split()}
    said: dict[tuple[str, bool], list[str]] = {}
    for words, key, less in worded:
        said.setdefault((key, less), []).append(f"`{words}`")
    if extra := sorted(asked - wanted):
        yield "assumption", f"asks besides the page's assumptions: {', '.join(extra)}"
    if extra := sorted(cases - wanted):
        yield "assumption", f"asks by cases: {', '.join(extra)}"
    left = sorted(wanted - asked - cases - implied - marked)
    if left and statement.calls("numbers"):
        yield "assumption", "is about the numbers of the witness alone"
    elif left:
        yield "assumption", f"does not ask: {', '.join(left)}"
    if in_cases:
        yield "assumption", f"asks by cases, in Coq's words: {', '.join(sorted(in_cases))}"
    for (key, less), quoted in said.items():
        keys = key.split()
        if keys and wanted.issuperset(keys):
            opening = f"asks for {'less than ' if less else ''}{' and '.join(keys)}"
        elif keys:
            opening = f"says what {' and '.join(f'${_letter(name)}$' for name in keys)} {'are' if keys[1:] else 'is'}"
        else:
            opening = "asks besides the page's assumptions"
        yield "assumption", f"{opening}, in Coq's words: {'; '.join(quoted)}"


def _of_first(theorem: Theorem, statement: Stated, key: str) -> str:
    """The assumption about token 1, if a statement asks `key` of that token alone and the theorem does not have it."""
    if key in theorem.assumptions or _tokens(statement).get(key) != ["token 1"]:
        return key
    own = sp.Implies(sp.Eq(nt.l, 1, evaluate=False), assumption(key).relation)
    return next((other for other, row in ASSUMPTIONS.items() if row.relation == own), key)


#: Which token and when: a number of a token or channel, that there are so many, a time before the end.
_WHERE = r"\([a-z] <=? (?:L|D|[a-z])\)%nat|\([01] < L\)%nat|0 <= [a-z]\w*(?: <=? [a-z])?|u < v|Rbar_lt [a-z0]\w* T"
_PLACE = re.compile(_WHERE)
#: A hole of an assumption or a domain, of every token of a range or of the one at hand.
_PRINTED = re.compile(rf"\(?(?:forall [^,{{}}]*, )?(?:(?:{_WHERE}) -> )*\{{\{{ (?:assume|domain)\([^{{}}]*\) \}}\}}\)?")
#: The flow whose solution it is, with no number in a letter's place.
_FLOW = re.compile(r"\w*(?:solution|maximal)(?: [A-Za-z]\w*| \([a-z_ ]+\))+")


def _bare(theorem: Theorem, premise: str) -> str:
    """A premise in Coq's words; nothing if it is printed from the registry, a place, or the flow whose solution it is."""
    flow = premise.replace(" mu 0 b", " mu s b") if "s-zero" in theorem.assumptions else premise
    for key in _COUNTED.keys() & set(theorem.assumptions):
        flow = flow.replace(f" eps {_COUNTED[key]} T", " eps L T")
    printed = _PRINTED.fullmatch(premise) and not any(_elsewhere(call) for call in calls(premise))
    sign = re.fullmatch(r"0 (<=?) (\w+)", premise)
    letter = {**ob.OBSERVABLES, **ob.LETTERS}.get(sign[2]) if sign else None
    own = letter is not None and letter.domain in ("positive", *(["nonnegative"] if sign and sign[1] == "<=" else []))
    return "" if printed or own or _PLACE.fullmatch(premise) or _FLOW.fullmatch(flow) else _said(premise)


def _said(text: str) -> str:
    """Coq's words; an assumption about token 1 that is printed of another token is spelled out, its name would mislead."""
    from s6flow.proofs.formal import proposition  # which reads these differences

    def spelled(key: str, hole: str) -> str | None:
        (call,) = calls(hole)
        return proposition(assumption(key).relation, key, **call.options) if _elsewhere(call) else None

    return keyed(text, spelled)


def _elsewhere(call: Call) -> bool:
    """Whether an assumption about token 1, or about those behind it, is printed of another token."""
    if call.function != "assume":
        return False
    relation, place = assumption(call.key).relation, call.options.get("x0", "x0")
    first = isinstance(relation, sp.Implies) and relation.args[0] == sp.Eq(nt.l, 1, evaluate=False)
    later = isinstance(relation, sp.Or) and sp.Eq(nt.l, 1, evaluate=False) in relation.args
    token = re.match(r"(?:x|y0) ?(\w+)", str(place))
    return (first or later) and place != "x0" and (later or token is None or token[1] not in ("0", "0%nat", "O"))


def _quantifiers(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    for key, tokens in _tokens(statement).items():
        if _of_first(theorem, statement, key) == key:
            yield "quantifier", f"{key} asked of {' and '.join(tokens)} only"


def _tokens(statement: Stated) -> dict[str, list[str]]:
    """Assumption about every token -> of which ones it is asked, where these are not all."""
    found: dict[str, list[str]] = {}
    for call in statement.calls("assume"):
        relation, place = assumption(call.key).relation, call.options.get("x0", "")
        if nt.l not in relation.free_symbols or isinstance(relation, sp.Implies) or _elsewhere(call):
            continue
        line = call.before.rsplit("\n", 1)[-1]
        bound = _FORALL.search(line.rstrip().removesuffix("(") + " ") or _FORALL.search(line)
        token = re.match(r"(?:x|y0) ?(\w+)", place)
        letter = token.group(1) if token else ""
        if bound and letter == bound.group(1):
            ranges = re.findall(rf"\(([^()]*\b{letter}\b[^()]*)\)%nat", line)
            if not any(re.fullmatch(rf"{letter} < L", part) for part in ranges):
                found.setdefault(call.key, []).append(f"tokens with {', '.join(ranges)}")
        elif number := _NUMBERED.get("0" if place == "x0" else letter):
            found.setdefault(call.key, []).append(number)
        elif letter == "l" and not re.search(r"exists l : nat|forall l : nat", call.before):
            found.setdefault(call.key, []).append("token l")
    return {key: list(dict.fromkeys(tokens)) for key, tokens in found.items()}


def _existentials(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    """Real numbers that merely exist, unless the registry's conclusion speaks of a bound of a limit or of what holds at it."""
    names = [
        name
        for group in re.findall(r"exists ([\w' ]+?) : R\b(?! ?->)", " ".join(statement.claims))
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
    bare = any(_BARE_LIMIT.search(statement.body) for statement in own)
    for limit in sorted(theorem.stated.atoms(sp.Limit), key=sp.default_sort_key):
        if not (bare and _plain(limit)) and not any(_prints(limit, name) for name in names):
            yield f"no formal statement prints the limit of ${ob.conclusion_latex(limit.args[0])}$ from the registry"
    claims = [part for part in sp.And.make_args(theorem.conclusion) if not part.has(sp.Limit)]
    if claims and all(theorem.id not in statement.keys("claim") for statement in own):
        yield (
            "no formal statement prints the rest of the conclusion from the registry"
            if theorem.stated.has(sp.Limit)
            else "no formal statement prints the conclusion from the registry"
        )


#: The limit of a token as Coq writes it.
_BARE_LIMIT = re.compile(r"(?:is_lim|filterlim) \(?(?:x |fun t => Rabs \(x )")


def _plain(limit: sp.Limit) -> bool:
    """Whether it is of a token itself."""
    return limit.args[0].subs(_MEASURED) in (ob.x_t[nt.l], sp.Abs(ob.x_t[nt.l]), sp.Abs(ob.x_t[nt.l - 1]))


def _prints(limit: sp.Limit, name: str) -> bool:
    """Whether the formula of that name is what the limit is of."""
    return name in expressions() and _same(limit.args[0].subs(_MEASURED), expressions()[name])


#: A claim that is printed from the conclusion and nothing else, of every token and time of a range.
_CLAIMED = re.compile(rf"\(?(?:forall [^,{{}}]*, )?(?:(?:{_WHERE}) -> )*\(?\{{\{{ claim\([^{{}}]*\) \}}\}}\)?\)?")


def _claims(theorem: Theorem, statement: Stated) -> Iterator[tuple[str, str]]:
    """What a statement claims in Coq's words: all that is not printed from the conclusion."""
    words = [f"`{_said(part)}`" for part in statement.claims if not _CLAIMED.fullmatch(part)]
    if words:
        besides = "" if len(words) == len(statement.claims) else " besides"
        yield "conclusion", f"claims{besides}, in Coq's words: {'; '.join(words)}"


def _same(value: sp.Expr, printed: sp.Expr) -> bool:
    return bool(value == printed) or (value.free_symbols == printed.free_symbols and value.equals(printed) is True)


_end = sp.Symbol("T", positive=True)
_MEASURED = {
    ob.log_t: sp.log(nt.t), ob.u_t[nt.l]: sp.log(sp.Abs(ob.x_t[nt.l])), ob.remaining: _end - nt.t, ob.sharp: 1,
}  # fmt: skip
