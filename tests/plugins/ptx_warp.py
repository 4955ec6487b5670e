"""Runs one warp of a compiled kernel on the CPU, from the PTX that Triton's compiler writes: what the interpreter does not see.

The interpreter executes a kernel's text; layouts, exchanges between lanes and fused products are the compiler's. Here each lane is
a generator over its own registers that stops where lanes exchange values. It knows what kernels of one warp without shared memory
are made of; functions that the device approximates are rounded ones here.

One long file: the translation is one table of instructions.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

__all__ = ["Memory", "run_warp"]

LANES = 32
_FULL = {32: (1 << 32) - 1, 64: (1 << 64) - 1}
_COMPARED = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!="}
_OPPOSITE = {"lt": ">=", "gt": "<=", "le": ">", "ge": "<", "eq": "!=", "ne": "=="}
_BITWISE = {"and": "&", "or": "|", "xor": "^"}
NAN = math.nan
#: Arithmetic of both floating types, and what each has besides.
_FLOATING = {
    "mul": "{} * {}", "add": "{} + {}", "sub": "{} - {}", "neg": "-{}", "abs": "abs({})", "max": "extreme(max, {}, {})",
    "min": "extreme(min, {}, {})", "div": "quotient({}, {})", "sqrt": "root({})",
    "rsqrt": "inverse_root({})",
}  # fmt: skip
_DOUBLE = {**_FLOATING, "fma": "fused({}, {}, {})", "rcp": "reciprocal({})"}
_SINGLE = {**_FLOATING, "fma": "{} * {} + {}", "rcp": "quotient(1.0, {})", "ex2": "power_of_two({})"}


class Memory:
    """Global memory: arrays, each at an address of its own.

    Between two exchanges lanes may write the same place if they write the same bits; `clashes` counts the others.
    """

    def __init__(self, *arrays: Any) -> None:
        self.parts = [bytearray(np.ascontiguousarray(array).tobytes()) for array in arrays]
        self.shapes = [(array.dtype, array.shape) for array in arrays]
        self.addresses = [(place + 1) << 32 for place in range(len(arrays))]
        self.written: dict[tuple[int, int], tuple[int, int]] = {}
        self.clashes = 0

    def read(self, address: int, count: int) -> int:
        """The bits of `count` bytes."""
        part, at = (address >> 32) - 1, address & _FULL[32]
        return int.from_bytes(self.parts[part][at : at + count], "little")

    def write(self, lane: int, site: int, address: int, value: float, count: int) -> None:
        """Store the low `count` bytes; `site` is the instruction."""
        part, at = (address >> 32) - 1, address & _FULL[32]
        assert at + count <= len(self.parts[part]), "a store leaves its array"
        bits = as_bits(value) & ((1 << 8 * count) - 1)
        other, before = self.written.get((site, address), (lane, bits))
        self.clashes += other != lane and before != bits
        self.written[site, address] = lane, bits
        self.parts[part][at : at + count] = bits.to_bytes(count, "little")

    def arrays(self) -> list[Any]:
        """What is in memory now."""
        return [
            np.frombuffer(bytes(part), dtype=kind).reshape(shape)
            for part, (kind, shape) in zip(self.parts, self.shapes, strict=True)
        ]


def as_float(value: float) -> float:
    """A float64 register, which may hold bits."""
    return value if isinstance(value, float) else float(struct.unpack("<d", struct.pack("<Q", value))[0])


def as_bits(value: float) -> int:
    """The bits of a register, which may hold a float64."""
    return value if isinstance(value, int) else int(struct.unpack("<Q", struct.pack("<d", value))[0])


def single(bits: int) -> float:
    """The float32 of a register's bits."""
    return float(struct.unpack("<f", struct.pack("<I", bits & _FULL[32]))[0])


def power_of_two(x: float) -> float:
    """2^x."""
    with np.errstate(all="ignore"):
        return float(np.exp2(np.float64(x)))


def narrow(value: float) -> int:
    """The bits of the nearest float32."""
    with np.errstate(all="ignore"):
        return int(np.float32(value).view(np.uint32))


def signed(value: int, width: int) -> int:
    """The bits as a signed integer."""
    value = as_bits(value) & _FULL[width]
    return value - (1 << width) if value >> (width - 1) else value


def fused(a: float, b: float, c: float) -> float:
    """a b + c, rounded once (but for a rare tie)."""
    a, b, c = as_float(a), as_float(b), as_float(c)
    if not math.isfinite(a * b) or not math.isfinite(c):
        return a * b + c
    return float(np.longdouble(a) * np.longdouble(b) + np.longdouble(c))


def extreme(choose: Callable[[float, float], float], a: float, b: float) -> float:
    """The larger or the smaller; a NaN does not count."""
    a, b = as_float(a), as_float(b)
    return b if a != a else a if b != b else choose(a, b)


def quotient(a: float, b: float) -> float:
    """a / b as IEEE has it."""
    a, b = as_float(a), as_float(b)
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def reciprocal(a: float) -> float:
    """1 / a to the upper half of its bits."""
    return as_float(as_bits(quotient(1.0, a)) & ~_FULL[32])


def root(a: float) -> float:
    """The square root, NaN below 0."""
    return math.sqrt(as_float(a)) if as_float(a) >= 0 else math.nan


def inverse_root(a: float) -> float:
    """1 over the square root: infinite at 0, NaN below."""
    return quotient(1.0, root(a))


def _register(text: str) -> str:
    """A register or a literal in Python."""
    text = text.strip()
    if found := re.fullmatch(r"%(p|r|rd)(\d+)", text):
        return found[1] + found[2]
    if found := re.fullmatch(r"0d([0-9A-Fa-f]{16})", text):
        return f"as_float({int(found[1], 16)})"
    if found := re.fullmatch(r"0f([0-9A-Fa-f]{8})", text):
        return str(int(found[1], 16))
    known = {"%tid.x": "lane", "%ctaid.x": "0", "true": "True", "false": "False", "_": "_", "tmp": "tmp"}
    return known[text] if text in known else str(int(text, 0))


def _operands(text: str) -> list[str]:
    return [part.strip() for part in re.findall(r"(?:\{[^}]*\}|\[[^\]]*\]|[^,])+", text)]


def _compared(kind: str, left: str, right: str) -> str:
    """A comparison of floats: with NaN false, or true where the kind ends with u."""
    if kind in ("num", "nan"):
        return f"{'' if kind == 'num' else 'not '}({left} == {left} and {right} == {right})"
    if kind.endswith("u"):
        return f"not ({left} {_OPPOSITE[kind[:-1]]} {right})" if kind != "neu" else f"{left} != {right}"
    known = f" and {left} == {left} and {right} == {right}" if kind == "ne" else ""
    return f"{left} {_COMPARED[kind]} {right}{known}"


def _statement(name: str, rest: str, blocks: dict[str, int], site: int) -> list[str]:
    """One instruction as Python statements.

    Raises: KeyError: an instruction that these kernels have not had.
    """
    parts, given = name.split("."), _operands(rest)
    op, kind = parts[0], parts[-1]
    if op == "bra":
        return [f"block = {blocks[given[0]]}", "continue"]
    if op == "ret":
        return ["return"]
    if name.startswith("ld.param"):
        place = given[1].partition("_param_")[2].rstrip("]")
        return [f"{_register(given[0])} = params[{place}]"]
    if op in ("ld", "st"):
        count = int(kind[1:]) // 8
        found = re.search(r"\[\s*(%\w+)\s*\+?\s*(-?\d*)\s*\]", rest)
        group = re.search(r"\{(.*?)\}", rest)
        assert found is not None and group is not None, rest  # noqa: PT018
        base, offset = found.groups()
        moved = [_register(item) for item in group[1].split(",")]
        places = [f"{_register(base)} + {int(offset or 0) + count * i}" for i in range(len(moved))]
        if op == "ld":
            return [f"{one} = memory.read({place}, {count})" for one, place in zip(moved, places, strict=True)]
        return [f"memory.write(lane, {site}, {p}, {one}, {count})" for one, p in zip(moved, places, strict=True)]
    if op == "mov":
        if given[0].startswith("{"):
            low, high = (_register(item) for item in given[0].strip("{}").split(","))
            source = f"as_bits({_register(given[1])})"
            return [f"{one} = ({source} >> {32 * i}) & {_FULL[32]}" for i, one in enumerate((low, high)) if one != "_"]
        if given[1].startswith("{"):
            low, high = (_register(item) for item in given[1].strip("{}").split(","))
            return [f"{_register(given[0])} = ({low} & {_FULL[32]}) | (({high} & {_FULL[32]}) << 32)"]
        value = _register(given[1])
        wrapped = f"{value} & {_FULL[64 if kind.endswith('64') else 32]}" if re.fullmatch(r"-\d+", value) else value
        return [f"{_register(given[0])} = {wrapped}"]
    into = _register(given[0].partition("|")[0])
    x = [_register(item) for item in given[1:]]
    if op == "shfl":
        return [f"{into} = yield ('{parts[2]}', {x[0]}, {x[1]})"]
    if op == "redux":
        return [f"{into} = yield ('{parts[2]}', {x[0]}, 0)"]
    if op == "selp":
        return [f"{into} = {x[0]} if {x[2]} else {x[1]}"]
    value = _value(op, parts, kind, x)
    return [f"{into} = {value}"]


def _value(op: str, parts: list[str], kind: str, x: list[str]) -> str:
    """What an instruction of arithmetic computes."""
    if op == "cvt":
        known = {
            "f64.f32": f"single({x[0]})", "u64.u32": f"{x[0]} & {_FULL[32]}", "u32.u64": f"as_bits({x[0]}) & {_FULL[32]}",
            "s64.s32": f"signed({x[0]}, 32) & {_FULL[64]}", "f32.s32": f"narrow(signed({x[0]}, 32))",
        }  # fmt: skip
        return known[".".join(parts[-2:])]
    if kind == "f64":
        f = [f"as_float({item})" for item in x]
        if op == "setp":
            return _compared(parts[1], f[0], f[1])
        return _DOUBLE[op].format(*f)
    if "f32" in parts:
        f = [f"single({item})" for item in x]
        if op == "setp":
            return _compared(parts[1], f[0], f[1])
        nan = f" if {f[0]} == {f[0]} and {f[1]} == {f[1]} else NAN" if "NaN" in parts else ""
        return f"narrow({_SINGLE[op].format(*f)}{nan})"
    if kind == "pred":
        known = {"and": "{} and {}", "or": "{} or {}", "xor": "bool({}) != bool({})", "not": "not {}"}
        return known[op].format(*x)
    width = int(kind[1:])
    full, i = _FULL[width], [f"as_bits({item})" for item in x]
    s = [f"signed({item}, {width})" for item in x] if kind[0] == "s" else [f"({item} & {full})" for item in i]
    if op == "setp":
        return f"{s[0]} {_COMPARED[parts[1]]} {s[1]}"
    if op in ("min", "max"):
        return f"{op}({s[0]}, {s[1]}) & {full}"
    if op in ("mul", "mad"):
        added = f" + {x[2]}" if op == "mad" else ""
        return f"({s[0]} * {s[1]}{added}) & {_FULL[64] if parts[1] == 'wide' else full}"
    if op == "shr":
        return f"({s[0]} >> {x[1]}) & {full}"
    if op == "bfe":
        return f"({i[0]} >> {x[1]}) & ((1 << {x[2]}) - 1)"
    known = {"add": "({} + {}) & {}", "sub": "({} - {}) & {}", "shl": "({} << {}) & {}"}
    known |= {word: f"({{}} {sign} {{}}) & {{}}" for word, sign in _BITWISE.items()}
    return known[op].format(i[0], i[1], full)


def _instructions(text: str) -> list[str]:
    """Labels and instructions of the kernel, one a line."""
    inside, found = False, list[str]()
    for raw in text.splitlines():
        line = raw.partition("//")[0].strip()
        if line == "{" and not inside:
            inside = True
        elif line == "}" and inside:
            break
        elif inside and "tmp;" in line:  # a block of its own around one move
            found += [part.strip() for part in line.strip("{} ").split(";") if part.strip() and ".reg" not in part]
        elif inside and line and not line.startswith((".", "$L__tmp", "{", "}", "$tmp")):
            found.append(line.rstrip(";"))
    return found


def _program(text: str) -> str:
    """A generator of one lane in Python, by basic blocks."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in _instructions(text):
        if label := re.fullmatch(r"(\$\w+):", line):
            blocks.append((label[1], []))
            continue
        blocks[-1][1].append(line)
        if "bra" in line.split(".")[0].split():
            blocks.append(("", []))
    names = {name: place for place, (name, _) in enumerate(blocks) if name}
    bodies, site = [], 0
    for place, (_, lines) in enumerate(blocks):
        body = list[str]()
        for line in lines:
            site += 1
            guard = re.match(r"@(!?)(%p\d+)\s+", line)
            name, _, rest = line[guard.end() if guard else 0 :].strip().replace("\t", " ").partition(" ")
            statements = _statement(name, rest, names, site)
            if guard:
                body.append(f"if {'not ' if guard[1] else ''}{_register(guard[2])}:")
                statements = [f" {statement}" for statement in statements]
            body += statements
        bodies.append([*body, f"block = {place + 1}", "continue"])

    def chosen(low: int, high: int, indent: str) -> list[str]:
        if high - low == 1:
            return [indent + line for line in bodies[low]]
        middle = (low + high) // 2
        first, second = chosen(low, middle, indent + " "), chosen(middle, high, indent + " ")
        return [f"{indent}if block < {middle}:", *first, f"{indent}else:", *second]

    return "\n".join(
        ["def lane_of(lane, params, memory):", " block = 0", " while True:", *chosen(0, len(bodies), "  ")]
    )


def run_warp(ptx: str, memory: Memory, numbers: tuple[int, ...]) -> None:
    """Run the first program of a kernel whose programs are one warp.

    Args:
        ptx: the kernel's text.
        memory: what its pointers, which come first, point to.
        numbers: its other arguments, as bits; two of Triton's own follow.
    """
    params = [*memory.addresses, *numbers, 0, 0]
    space: dict[str, Any] = dict(globals())
    exec(compile(_program(ptx), "ptx", "exec"), space)
    lanes: list[Generator[Any, Any, None]] = [space["lane_of"](lane, params, memory) for lane in range(LANES)]
    answers: list[Any] = [None] * LANES
    while True:
        memory.written.clear()
        asked = [_next(one, answer) for one, answer in zip(lanes, answers, strict=True)]
        if None in asked:
            assert asked == [None] * LANES, "lanes end apart"
            return
        kinds = {kind for kind, _, _ in asked}
        assert len(kinds) == 1, f"lanes are apart: {kinds}"
        kind = kinds.pop()
        if kind in ("max", "min"):
            most = {"max": max, "min": min}[kind](signed(value, 32) for _, value, _ in asked) & _FULL[32]
            answers = [most] * LANES
        else:
            sources = [lane ^ mask if kind == "bfly" else mask % LANES for lane, (_, _, mask) in enumerate(asked)]
            answers = [asked[source][1] for source in sources]


def _next(lane: Generator[Any, Any, None], answer: Any) -> Any:
    try:
        return lane.send(answer)
    except StopIteration:
        return None
