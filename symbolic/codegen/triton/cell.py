"""A scan cell as Triton device functions, for kernels that keep many tokens of a system in registers.

The program is cut at its scan into four functions: what a token contributes once, gate and increment of one state,
the summand read from the scanned state, and the rate from the sum over states. `rates` in `triton_registers` puts
them together; the right-hand side itself is printed from the IR and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program, topological
from s6flow.symbolic.codegen.rewrite import in_unit
from s6flow.symbolic.codegen.triton.printer import spell
from s6flow.symbolic.codegen.triton.special import kernel_form, log1p_coefficients

__all__ = ["CellText", "print_cell"]

_LOG2_E = 1.4426950408889634


@dataclass(frozen=True)
class CellText:
    """The printed cell.

    Args:
        text: four device functions.
        state: name of the integrated token variable.
        tokens: names of the other inputs along tokens.
        scalars: names of the inputs that are one number a system.
        states: names of the inputs along states.
        digest: of the program that was printed.
        passes: the rewrite passes that made it.
        source: theorem id of the cell.
    """

    text: str
    state: str
    tokens: tuple[str, ...]
    scalars: tuple[str, ...]
    states: tuple[str, ...]
    digest: str
    passes: tuple[str, ...]
    source: str


class _Function:
    """One device function: arguments that are given, and statements for what is missing."""

    def __init__(self, short: bool) -> None:
        self.text: dict[int, str] = {}
        self.lines: list[str] = []
        self.short = short

    def give(self, node: Node, name: str) -> None:
        self.text[id(node)] = name

    def need(self, roots: list[Node]) -> list[str]:
        """Text of every root, after statements for what it is made of."""
        for node in topological(roots):
            if id(node) in self.text or not self.reachable(node, roots):
                continue
            args = [self.text[id(arg)] for arg in node.args if id(arg) in self.text]
            if len(args) < len(node.args):
                continue  # below a node that was given
            code = self.spell(node, args)
            if node.op == "const":
                self.text[id(node)] = code
                continue
            name = f"v{len(self.lines)}"
            self.lines.append(f"{name} = {code.removeprefix('(').removesuffix(')') if _wrapped(code) else code}")
            self.text[id(node)] = name
        return [self.text[id(root)] for root in roots]

    def reachable(self, node: Node, roots: list[Node]) -> bool:
        """Whether computing the roots needs `node`, given what has been given."""
        stack, seen = list(roots), set()
        while stack:
            current = stack.pop()
            if current is node:
                return True
            if id(current) in seen or id(current) in self.text:
                continue
            seen.add(id(current))
            stack.extend(current.args)
        return False

    def spell(self, node: Node, args: list[str]) -> str:
        if node.op in ("input", "scan", "shift", "as_source", "position", "reduce_max"):
            raise CodegenError("a register kernel has one scan and no other movement of data", node.op, str(node)[:60])
        if self.short and node.op == "exp":
            return self.exp2(node.args[0])
        if node.op == "log1p" and in_unit(node.args[0]):
            return f"log1p_unit({args[0]})"
        if node.op == "max":
            return "tl.maximum({}, {})".format(*args)  # a NaN shows in the other term of softplus
        return spell(node, args)

    def exp2(self, argument: Node) -> str:
        """2^(argument / ln 2) with the factor 1 / ln 2 put where it is formed once a system, not once a token."""
        factor, rest = _LOG2_E, argument
        while rest.op == "neg":
            factor, rest = -factor, rest.args[0]
        if rest.op == "mul":
            left, right = rest.args
            few, many = (left, right) if "token" not in left.axes else (right, left)
            if "token" not in few.axes:
                return f"tl.exp2(({factor!r} * {self.text[id(few)]}) * {self.text[id(many)]})"
        return f"tl.exp2({self.text[id(rest)]} * {factor!r})"


def _wrapped(code: str) -> bool:
    """Whether the outer parentheses of `code` belong together."""
    depth = 0
    for place, letter in enumerate(code):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(code) - 1:
            return False
    return code.startswith("(")


def _used(lines: list[str], results: list[str]) -> list[str]:
    """The statements that the results need, in order."""
    wanted = set(re.findall(r"\w+", " ".join(results)))
    kept: list[str] = []
    for line in reversed(lines):
        name, value = line.split(" = ", 1)
        if wanted & set(re.findall(r"\w+", name)):
            kept.insert(0, line)
            wanted |= set(re.findall(r"\w+", value))
    return kept


def _log1p_unit(degree: int) -> str:
    first, second, *rest = log1p_coefficients(degree)
    lines = [f"p = y * {first!r} + {second!r}", *(f"p = p * y + {c!r}" for c in rest)]
    body = "\n    ".join([*lines, "return y * p"])
    return f'@triton.jit\ndef log1p_unit(y):\n    """ln(1 + y) for y in [0, 1], without special functions."""\n    {body}\n'


def print_cell(program: Program, degree: int, short: bool = False) -> CellText:
    """The device functions of a scan cell's program.

    Args:
        program: one output and one scan, the first input is the integrated token variable.
        degree: of the polynomial logarithm, see `log1p_coefficients`.
        short: the device's powers of two for exponentials: float32, some 1e-7, in half of the instructions.
    Raises: CodegenError: if the program is no scan cell.
    """
    form = kernel_form(program)
    parts = _Parts(form)
    scalars = tuple(inp.name for inp in form.inputs if not inp.axes)
    states = tuple(inp.name for inp in form.inputs if inp.axes == ("state",))
    tokens = tuple(inp.name for inp in form.inputs if inp.axes == ("token",))
    if len(scalars) + len(states) + len(tokens) != len(form.inputs):
        raise CodegenError("a register kernel takes arrays of tokens or of states", [i.axes for i in form.inputs])
    functions = [_log1p_unit(degree)]

    def function(name: str, doc: str, arguments: list[str], body: _Function, results: list[str]) -> None:
        lines = [
            *_used(body.lines, results),
            f"return {', '.join(results)}{',' if name == 'token_part' and len(results) == 1 else ''}",
        ]
        inner = "\n    ".join([f'"""{doc}."""', *lines])
        functions.append(f"@triton.jit\ndef {name}({', '.join(arguments)}):\n    {inner}\n")

    def start(*given: tuple[Node, str]) -> _Function:
        body = _Function(short)
        for node, name in given:
            body.give(node, name)
        return body

    inputs = {node.attr[0]: node for node in form.nodes() if node.op == "input"}  # type: ignore[index]
    own = start(*((node, name) for name, node in inputs.items() if name not in states))
    results = own.need(parts.per_token)
    function("token_part", "What a token contributes, once for all states", [*tokens, *scalars], own, results)

    per_token = list(zip(parts.per_token, [f"p{i}" for i in range(len(parts.per_token))], strict=True))
    unpack = [f"{', '.join(name for _, name in per_token)}{',' if len(per_token) == 1 else ''} = part"]
    of_state = [(inputs[name], name) for name in states]
    two = start(*per_token, *of_state)
    results = two.need([parts.gate, parts.increment, *parts.weights])
    two.lines = [*unpack, *two.lines]
    function("state_part", "Gate and increment of one state, and what reads it", ["part", *states], two, results)

    weights = list(zip(parts.weights, [f"w{i}" for i in range(len(parts.weights))], strict=True))
    three = start((parts.scan, "f"), *weights)
    function(
        "summand", "What one state adds to the sum", ["f", *(w for _, w in weights)], three, three.need([parts.summand])
    )

    four = start((parts.total, "total"), *per_token)
    results = four.need([parts.output])
    four.lines = [*unpack, *four.lines]
    function("rate", f"From the sum over states: {form.meaning}", ["total", "part"], four, results)
    return CellText(
        "\n\n".join(functions), tokens[0], tokens[1:], scalars, states, program.digest, form.passes, form.source
    )


class _Parts:
    """Where a scan cell's program is cut."""

    def __init__(self, program: Program) -> None:
        scans = [node for node in program.nodes() if node.op == "scan"]
        sums = [node for node in program.nodes() if node.op in ("reduce_sum", "contract")]
        if len(scans) != 1 or len(sums) != 1 or len(program.outputs) != 1 or sums[0].attr != "state":
            raise CodegenError(
                "a register kernel needs one scan, summed over states once", f"{len(scans)}, {len(sums)}"
            )
        (self.scan,), (self.total,) = scans, sums
        self.gate, self.increment = self.scan.args
        self.output = program.outputs[0][1]
        if self.total.op == "contract":
            from s6flow.symbolic.codegen.ir import make

            self.summand = make("mul", *self.total.args)
        else:
            self.summand = self.total.args[0]
        after = self.above(self.scan, self.summand)
        self.weights = [
            node for node in topological([self.summand]) if id(node) not in after and self.used_by(node, after)
        ]
        later = self.above(self.total, self.output) | after
        heads = [self.gate, self.increment, *self.weights]
        frontier = []
        for node in topological([*heads, self.output]):
            if "state" in node.axes or id(node) in later or node.op == "const":
                continue
            users = [other for other in program.nodes() if node in other.args]
            direct = any(node is head for head in heads)
            needed = direct or any(("state" in other.axes or id(other) in later) for other in users)
            if needed:
                frontier.append(node)
        self.per_token = [node for node in frontier if node.op != "const"]

    def above(self, base: Node, top: Node) -> set[int]:
        """Ids of the nodes that depend on `base`, within the expression `top`, and of `base`."""
        found = {id(base)}
        for node in topological([top]):
            if any(id(arg) in found for arg in node.args):
                found.add(id(node))
        return found

    def used_by(self, node: Node, after: set[int]) -> bool:
        """Whether an operation behind the scan takes `node` directly."""
        return node.op != "const" and any(
            node in other.args for other in topological([self.summand]) if id(other) in after and other is not self.scan
        )
