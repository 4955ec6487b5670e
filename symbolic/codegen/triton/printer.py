"""The Triton printer: block kernels that evaluate a program on systems x tokens x states, by chunks of tokens.

Every value is a block over (systems, axes of the program), absent axes of length 1. Lengths are padded to powers of
two: loads fill with 0 and reductions mask; where all is whole (WHOLE) no mask is left. Needs no torch or triton; what
the text calls is in `runtime`.

One long file: printing a block and loading its chunks ahead share the state of one text.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program
from s6flow.symbolic.codegen.rewrite import in_unit
from s6flow.symbolic.codegen.triton.logarithm import LOG_DEGREES, log1p_unit_text

__all__ = ["HEADER", "TABLE", "BlockPrinter", "print_margin", "print_triton", "spell", "spell_bare"]

HEADER = """import triton
import triton.language as tl

from s6flow.symbolic.codegen.triton import runtime as rt
"""

#: Operations that a fused multiply-add would rob of their meaning: it rounds a product in one place and not in another.
_UNFUSED = {"sum_error", "product_error"}

#: IR operation -> Triton expression; what moves data between tokens or axes is spelled in `BlockPrinter`.
TABLE: Mapping[str, str] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "pow": "rt.power({0}, {1})",
    "sqrt": "rt.sqrt({0})",
    "hypot": "rt.hypot({0}, {1})",
    "exp": "rt.exp({0})",
    "expm1": "rt.expm1({0})",
    "sinh": "rt.sinh({0})",
    "cosh": "rt.cosh({0})",
    "log": "tl.log({0})",
    "log1p": "rt.log1p({0})",
    "sigmoid": "rt.sigmoid({0})",
    "softplus": "tl.maximum({0}, 0.0) + rt.log1p(rt.exp(-tl.abs({0})))",
    "abs": "tl.abs({0})",
    "sign": "rt.sign({0})",
    "max": "tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
    "min": "tl.minimum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "eq": "{0} == {1}",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "not": "{0} == 0",
    "where": "tl.where({0}, {1}, {2})",
    "sum_error": "rt.sum_error({0}, {1})",
    "product_error": "rt.product_error({0}, {1})",
}

_INFIX = frozenset({"add", "sub", "mul", "div", "lt", "le", "eq", "and", "or"})


def literal(attr: object) -> str:
    """A constant as a Python literal, which Triton turns into the type of the other operand."""
    if isinstance(attr, tuple):
        return repr(attr[0] / attr[1])
    return repr(float(attr))  # type: ignore[arg-type]


def spell(node: Node, args: list[str], table: Mapping[str, str] = TABLE) -> str:
    """One elementwise operation on printed arguments, in parentheses; constants stand alone.

    Raises: CodegenError: naming an operation that the table lacks.
    """
    return literal(node.attr) if node.op == "const" else f"({spell_bare(node, args, table)})"


def spell_bare(node: Node, args: list[str], table: Mapping[str, str] = TABLE) -> str:
    """As `spell`, without the outer parentheses: the right side of an assignment."""
    if node.op == "powi":
        return " * ".join(args * int(str(node.attr)))
    if node.op not in table:
        raise CodegenError("the triton printer has no entry for the IR operation", node.op)
    if node.op not in _INFIX:
        args = [_typed(arg, text) for arg, text in zip(node.args, args, strict=True)]
    return table[node.op].format(*args)


def _typed(node: Node, text: str) -> str:
    """A constant that float32 cannot hold exactly, as argument of a function: given the arrays' type first."""
    if node.op == "const" and struct.unpack("f", struct.pack("f", float(text)))[0] != float(text):
        return f"tl.full((), {text}, DTYPE)"
    return text


class BlockPrinter:
    """Prints one program as a kernel over blocks of systems and tokens."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.axes = program.axes
        self.lengths = tuple(axis for axis in self.axes if axis != "source") or ("token",)
        if "source" in self.axes and "token" not in self.axes:
            raise CodegenError("a program over sources needs tokens", self.axes, program.name)
        self.chunked = "source" not in self.axes and "token" in self.axes
        # where rounding errors are carried along, registers are scarce
        self.ahead = self.chunked and _UNFUSED.isdisjoint(node.op for node in program.nodes())
        self.rank = 1 + len(self.axes)
        self.before: list[str] = []  # once a block of systems: loads without tokens, carried values
        self.inside: list[str] = []  # once a chunk of tokens
        self.after: list[str] = []  # carried values for the next chunk
        self.text: dict[int, str] = {}
        self.read_by_log1p: set[int] = set()
        self.number = 0

    def body(self) -> None:
        """Print every node into `before`, `inside` and `after`."""
        uses: dict[int, int] = {}
        nodes = self.program.nodes()
        for node in nodes:
            for arg in node.args:
                weight = 2 if node.op in ("powi", "softplus", "shift") else 1
                uses[id(arg)] = uses.get(id(arg), 0) + weight
        for _, node in self.program.outputs:
            uses[id(node)] = uses.get(id(node), 0) + 2
        self.read_by_log1p = _read_by_log1p(self.program)
        for node in sorted(nodes, key=lambda node: node.op != "input"):
            code = self.code(node, [self.text[id(arg)] for arg in node.args])
            named = node.op in ("input", "scan", "shift") or (uses[id(node)] > 1 and node.op != "const")
            if named:
                name = f"{node.array[0]}_" if node.op == "input" else f"v{self.number}"
                self.number += node.op != "input"
                loads = node.op == "input" and "token" not in node.axes and "source" not in node.axes
                if self.ahead and node.op == "input" and not loads:
                    self.load_ahead(name, node)
                else:
                    (self.before if loads else self.inside).append(f"{name} = {code}")
                if node.op in ("scan", "shift"):
                    self.carry(node, name)
                code = name
            self.text[id(node)] = code

    def code(self, node: Node, args: list[str]) -> str:
        attr = str(node.attr)
        match node.op:
            case "input":
                return self.load(node)
            case "reduce_sum":
                return f"tl.sum({self.masked(args[0], attr, '0.0')}, {self.dim(attr)}, keep_dims=True)"
            case "reduce_max":
                masked = self.masked(args[0], attr, 'float("-inf")')
                return f"tl.max({masked}, {self.dim(attr)}, keep_dims=True)"
            case "contract":
                product = self.masked(f"{args[0]} * {args[1]}", attr, "0.0")
                return f"tl.sum({product}, {self.dim(attr)}, keep_dims=True)"
            case "scan":
                place = f"{self.dim('token')}, {'CHUNKS == 1, HALVINGS' if self.chunked else 'True, 0'}"
                return f"rt.scan({args[0]}, {args[1]}, carry{self.number}, {self.like(node)}, {place})"
            case "shift":
                length = f"TOKENS, {self.dim('token')}"
                return f"rt.shift({args[0]}, token, carry{self.number}, {self.zeros(node)}, {length})"
            case "as_source":
                order = list(range(self.rank))
                i, j = self.dim("token"), self.dim("source")
                order[i], order[j] = j, i
                return f"tl.permute({args[0]}, {tuple(order)})"
            case "position":
                return f"({attr} + 1).to(DTYPE)"
            case "exp" if id(node) in self.read_by_log1p:
                return f"rt.exp_unit({args[0]})"
            case "exp" if in_unit(node):
                return f"rt.exp_down({args[0]})"
            case "log1p" if in_unit(node.args[0]):
                return f"log1p_unit({args[0]})"
        return spell(node, args)

    def carry(self, node: Node, name: str) -> None:
        number = self.number - 1
        self.before.append(f"carry{number} = {self.zeros(node, without='token')}")
        value = name if node.op == "scan" else f"{self.text[id(node.args[0])]} + {self.zeros(node)}"
        assert "token" in node.axes, "scans and shifts run along tokens"
        self.after.append(f"carry{number} = rt.last({value}, token, TOKENS, {self.dim('token')})")

    def load(self, node: Node, tokens: str = "token") -> str:
        """An input, at the tokens whose places this name holds."""
        name, own = node.array
        address, mask = self.place(own, tokens)
        return f"tl.load({name}_ptr + {address}, {mask} | WHOLE, 0.0)"

    def load_ahead(self, name: str, node: Node) -> None:
        """The next chunk is on its way while this one is worked on; the last loads itself again, from the cache."""
        self.before.append(f"{name}ahead = {self.load(node, 'first')}")
        self.inside += [f"{name} = {name}ahead", "if CHUNKS > 1:", f"    {name}ahead = {self.load(node, 'coming')}"]

    def dim(self, axis: str) -> int:
        return 1 + self.axes.index(axis)

    def like(self, node: Node) -> str:
        """A block of a node's shape that changes nothing where it is added, and is left out of the sum: x + (-0) = x."""
        return f"tl.full({self.shape(node)}, -0.0, DTYPE)"

    def zeros(self, node: Node, without: str = "") -> str:
        return f"tl.zeros({self.shape(node, without)}, DTYPE)"

    def shape(self, node: Node, without: str = "") -> str:
        sizes = [block(axis) if axis in node.axes and axis != without else "1" for axis in self.axes]
        return f"({', '.join(['SYSTEMS', *sizes])},)"

    def masked(self, code: str, axis: str, fill: str) -> str:
        return f"tl.where(({axis} < {length(axis)}) | WHOLE, {code}, {fill})"

    def place(self, own: tuple[str, ...], tokens: str = "token") -> tuple[str, str]:
        """Address of an entry and its mask; arrays are contiguous, batch first."""
        address, mask = "system", "(system < batch)"
        for axis in own:
            inner, at = f"({address})" if "+" in address else address, tokens if axis == "token" else axis
            address = f"{inner} * {length(axis)} + {at}"
            mask += f" & ({at} < {length(axis)})"
        return address, mask

    def index(self, axis: str, start: str = "", name: str = "") -> str:
        """Places along an axis from `start` on, by their name: the axis's own, or another."""
        where = ", ".join(":" if other == axis else "None" for other in ("system", *self.axes))
        return f"{name or axis} = {start}tl.arange(0, {block(axis)})[{where}]"


def _read_by_log1p(program: Program) -> set[int]:
    """Exponentials e^{-|z|} that only logarithms of 1 + e^{-|z|} read; none where rounding errors are carried along."""
    nodes = program.nodes()
    if any(node.op in _UNFUSED for node in nodes):
        return set()
    others = {id(arg) for node in nodes if node.op != "log1p" for arg in node.args}
    others |= {id(node) for _, node in program.outputs}
    return {id(node) for node in nodes if in_unit(node) and id(node) not in others}


def length(axis: str) -> str:
    """The run-time length of an axis in a kernel."""
    return "tokens" if axis == "source" else f"{axis}s"


def block(axis: str) -> str:
    """The compile-time block of an axis in a kernel."""
    return "TOKENS" if axis == "source" else f"{axis.upper()}S"


def _kernel(printer: BlockPrinter, results: str, first: list[str], store: list[str], last: list[str]) -> str:
    program, axes = printer.program, printer.axes
    arguments = "".join(f"{inp.name}_ptr, " for inp in program.inputs) + results
    lengths = ", ".join(length(axis) for axis in printer.lengths)
    sizes = [
        *(block(axis) for axis in ("system", *printer.lengths)),
        "WHOLE",
        *(["CHUNKS", "HALVINGS"] if printer.chunked else []),
    ]
    constants = ", ".join(f"{size}: tl.constexpr" for size in sizes)
    system = f"[{', '.join(':' if i == 0 else 'None' for i in range(printer.rank))}]"
    opening = [
        f"DTYPE = {program.inputs[0].name}_ptr.dtype.element_ty",
        f"system = tl.program_id(0).to(tl.int64) * SYSTEMS + tl.arange(0, SYSTEMS){system}",
        *(printer.index(axis) for axis in axes if axis not in ("token",)),
        *([printer.index("token", name="first")] if printer.ahead else []),
        *printer.before,
        *first,
    ]
    inside = [*printer.inside, *store, *printer.after]
    if printer.chunked:
        loop = ["for chunk in range(CHUNKS):", "    " + printer.index("token", "chunk * TOKENS + ")]
        if printer.ahead:
            loop.append("    " + printer.index("token", "tl.minimum(chunk + 1, CHUNKS - 1) * TOKENS + ", "coming"))
        inside = [*loop, *("    " + line for line in inside)]
    elif "token" in axes:
        inside = [printer.index("token"), *inside]
    body = "\n    ".join([*opening, *inside, *last])
    logarithm = log1p_unit_text(LOG_DEGREES) + "\n\n" if "log1p_unit(" in body else ""
    head = f"def {program.name}_kernel({arguments}, batch, {lengths}, {constants}):"
    return f"{logarithm}@triton.jit\n{head}\n    {body}\n"


def _wrapper(printer: BlockPrinter, name: str, doc: str, margin: bool) -> str:
    program = printer.program
    arguments = ", ".join(inp.name for inp in program.inputs)
    shapes = "; ".join(f"{inp.name} (*batch{''.join(', ' + axis for axis in inp.axes)})" for inp in program.inputs)
    inputs = "{" + ", ".join(f'"{inp.name}": {inp.axes!r}' for inp in program.inputs) + "}"
    outputs = [tuple(axis for axis in printer.axes if axis in node.axes) for _, node in program.outputs]
    return (
        f'def {name}({arguments}):\n    """{doc}.\n\n    Shapes: {shapes}.\n    """\n'
        f"    inputs = {inputs}\n"
        f"    return rt.launch({program.name}_kernel, ({arguments},), inputs, {outputs!r}, {printer.lengths!r}, "
        f"chunked={printer.chunked}, margin={margin}, fused={_UNFUSED.isdisjoint(n.op for n in program.nodes())})\n"
    )


def print_triton(program: Program) -> str:
    """The kernel of a program and the function that launches it.

    Raises: CodegenError: naming an operation that the table lacks.
    """
    printer = BlockPrinter(program)
    printer.body()
    store = []
    for label, node in program.outputs:
        address, mask = printer.place(tuple(axis for axis in printer.axes if axis in node.axes))
        store.append(f"tl.store({label}_ptr + {address}, {printer.text[id(node)]}, {mask} | WHOLE)")
    kernel = _kernel(printer, ", ".join(f"{label}_ptr" for label, _ in program.outputs), [], store, [])
    return kernel + "\n\n" + _wrapper(printer, program.name, program.meaning.rstrip("."), False)


def print_margin(program: Program) -> str:
    """As `print_triton`, but the kernel keeps only the smallest entry of the one output, and where it lies.

    The function returns (value, flat index into the output); NaN counts as smaller than everything.
    Raises: CodegenError: if the program has several outputs.
    """
    if len(program.outputs) != 1:
        raise CodegenError("a margin kernel needs one output", [label for label, _ in program.outputs], program.name)
    printer = BlockPrinter(program)
    printer.body()
    node = program.outputs[0][1]
    address, mask = printer.place(tuple(axis for axis in printer.axes if axis in node.axes))
    first = ['smallest = float("inf") + tl.zeros((), DTYPE)', "where = tl.zeros((), tl.int64)"]
    store = [
        f"margin = {printer.text[id(node)]} + {printer.zeros(node)}",
        'margin = tl.where(margin == margin, margin, float("-inf"))',
        f'margin = tl.where({mask} | WHOLE, margin, float("inf"))',
        f"place = {address} + tl.zeros(margin.shape, tl.int64)",
        "found = tl.min(margin)",
        "at = tl.min(tl.where(margin == found, place, 0x7FFFFFFFFFFFFFFF))",
        "where = tl.where(found < smallest, at, where)",
        "smallest = tl.minimum(found, smallest)",
    ]
    last = ["tl.store(smallest_ptr + tl.program_id(0), smallest)", "tl.store(where_ptr + tl.program_id(0), where)"]
    kernel = _kernel(printer, "smallest_ptr, where_ptr", first, store, last)
    doc = f"Smallest entry, and its flat index, of: {program.meaning}"
    return kernel + "\n\n" + _wrapper(printer, program.name, doc, True)
