"""A scan cell as Triton device functions, for kernels that keep many tokens of a system in registers.

The program is cut at its scan into four functions: what a token contributes once, gate and increment of one state,
the summand read from the scanned state, and the rate from the sum over states. `rates` in `triton_registers` puts
them together; the right-hand side itself is printed from the IR and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program, make, topological
from s6flow.symbolic.codegen.polynomials import ln2_parts
from s6flow.symbolic.codegen.rewrite import in_unit
from s6flow.symbolic.codegen.triton.logarithm import log1p_unit_text
from s6flow.symbolic.codegen.triton.printer import spell, spell_bare
from s6flow.symbolic.codegen.triton.special import kernel_form

__all__ = ["CellText", "DeviceFunction", "print_cell"]

#: 1 / ln 2.
_LOG2_E = ln2_parts()[0]


@dataclass(frozen=True)
class CellText:
    """The printed cell.

    Args:
        text: four device functions.
        state: name of the integrated token variable.
        tokens: names of the other inputs along tokens.
        scalars: names of the inputs that are one number a system.
        states: names of the inputs along states.
        weights: names of what the summand reads besides the scanned state.
        digest: of the program that was printed.
        passes: the rewrite passes that made it.
        source: theorem id of the cell.
    """

    text: str
    state: str
    tokens: tuple[str, ...]
    scalars: tuple[str, ...]
    states: tuple[str, ...]
    weights: tuple[str, ...]
    digest: str
    passes: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class _Statement:
    """An assignment: the names that it gives, in a tuple if `unpacks`, and the names that its value may read."""

    names: tuple[str, ...]
    value: str
    reads: tuple[str, ...]
    unpacks: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.names)}{',' if self.unpacks and len(self.names) == 1 else ''} = {self.value}"


class DeviceFunction:
    """One device function: arguments that are given, and statements for what is missing."""

    def __init__(self, short: bool, given: dict[Node, str], unpacked: tuple[str, ...] = ()) -> None:
        self.text = dict(given)
        self.short = short
        self.unpacked = [_Statement(unpacked, "part", ("part",), unpacks=True)] if unpacked else []
        self.statements: list[_Statement] = []

    def need(self, roots: list[Node]) -> list[str]:
        """Text of every root, after statements for what it is made of."""
        for node in topological(roots, self.text):
            args = [self.text[arg] for arg in node.args]
            if node.op == "const":
                self.text[node] = spell(node, args)
                continue
            value, reads = self.value(node, args)
            name = f"v{len(self.statements)}"
            self.statements.append(_Statement((name,), value, tuple(reads)))
            self.text[node] = name
        return [self.text[root] for root in roots]

    def value(self, node: Node, args: list[str]) -> tuple[str, list[str]]:
        """The right side of a node's statement, and what it reads."""
        if node.op in ("input", "scan", "shift", "as_source", "position", "reduce_max"):
            raise CodegenError("a register kernel has one scan and no other movement of data", node.op, str(node)[:60])
        if self.short and node.op == "exp":
            return self.exp2(node.args[0])
        if node.op == "log1p" and in_unit(node.args[0]):
            return f"log1p_unit({args[0]})", args
        if node.op == "max":
            return "tl.maximum({}, {})".format(*args), args  # a NaN shows in the other term of softplus
        return spell_bare(node, args), args

    def exp2(self, argument: Node) -> tuple[str, list[str]]:
        """2^(argument / ln 2) with the factor 1 / ln 2 put where it is formed once a system, not once a token."""
        factor, rest = _LOG2_E, argument
        while rest.op == "neg":
            factor, rest = -factor, rest.args[0]
        if rest.op == "mul":
            left, right = rest.args
            few, many = (left, right) if "token" not in left.axes else (right, left)
            if "token" not in few.axes:
                reads = [self.text[few], self.text[many]]
                return f"tl.exp2(({factor!r} * {reads[0]}) * {reads[1]})", reads
        return f"tl.exp2({self.text[rest]} * {factor!r})", [self.text[rest]]

    def body(self, results: list[str]) -> list[str]:
        """The statements that the results need, in order: an exponential may pass over its argument."""
        wanted, kept = set(results), list[str]()
        for statement in reversed([*self.unpacked, *self.statements]):
            if wanted.intersection(statement.names):
                kept.insert(0, str(statement))
                wanted.update(statement.reads)
        return kept


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
    functions = [log1p_unit_text({"": degree})]

    def function(
        name: str, doc: str, arguments: list[str], given: dict[Node, str], roots: list[Node], unpacks: bool = False
    ) -> None:
        body = DeviceFunction(short, given, tuple(of_token.values()) if unpacks else ())
        results = body.need(roots)
        comma = "," if name == "token_part" and len(results) == 1 else ""
        inner = "\n    ".join([f'"""{doc}."""', *body.body(results), f"return {', '.join(results)}{comma}"])
        functions.append(f"@triton.jit\ndef {name}({', '.join(arguments)}):\n    {inner}\n")

    inputs = {node.array[0]: node for node in form.nodes() if node.op == "input"}
    of_token = {node: f"p{i}" for i, node in enumerate(parts.per_token)}
    of_state = {inputs[name]: name for name in states}
    weights = {node: f"w{i}" for i, node in enumerate(parts.weights)}
    own = {node: name for name, node in inputs.items() if name not in states}
    function("token_part", "What a token contributes, once for all states", [*tokens, *scalars], own, parts.per_token)
    function(
        "state_part", "Gate and increment of one state, and what reads it", ["part", *states], {**of_token, **of_state},
        [parts.gate, parts.increment, *parts.weights], unpacks=True,
    )  # fmt: skip
    function(
        "summand", "What one state adds to the sum", ["f", *weights.values()], {parts.scan: "f", **weights},
        [parts.summand],
    )  # fmt: skip
    function(
        "rate", f"From the sum over states: {form.meaning}", ["total", "part"], {parts.total: "total", **of_token},
        [parts.output], unpacks=True,
    )  # fmt: skip
    return CellText(
        "\n\n".join(functions), tokens[0], tokens[1:], scalars, states, tuple(weights.values()), program.digest,
        form.passes, form.source,
    )  # fmt: skip


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
