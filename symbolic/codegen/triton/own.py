"""The velocity of an equation of the user's own as Triton device functions, for kernels that keep tokens in registers.

The program is cut at its scan, if it has one: gate and increment of a token, and its velocity from the state that earlier
tokens left. Where the time is a component, it is the first of lane 0.
"""

from __future__ import annotations

from s6flow.symbolic.codegen.ir import Node, Program
from s6flow.symbolic.codegen.triton.cell import CellText, DeviceFunction
from s6flow.symbolic.codegen.triton.logarithm import log1p_unit_text

__all__ = ["print_own"]


def print_own(form: Program, degree: int) -> CellText:
    """The device functions, `rates` among them.

    Args:
        form: the program of an `Equation` in kernel form.
        degree: of the polynomial logarithm, see `log1p_coefficients`.
    Raises: CodegenError: if the program is none of those.
    """
    nodes = form.nodes()
    inputs = {node: node.array[0] for node in nodes if node.op == "input"}
    names = [inp.name for inp in form.inputs]
    position = {node: "place" for node in nodes if node.op == "position"}
    shifts = [node for node in nodes if node.op == "shift"]
    given: dict[Node, str] = {**inputs, **position}
    texts = [log1p_unit_text({"": degree})]
    arguments = ", ".join([*names, "place"])
    if shifts:
        scan = shifts[0].args[0]
        texts.append(
            _function("leaves", f"{arguments}", "Gate and increment of a token's scan", given, list(scan.args))
        )
        texts.append(
            _function(
                "moves", f"{arguments}, before", form.meaning, {**given, shifts[0]: "before"}, [form.outputs[0][1]]
            )
        )
    else:
        texts.append(_function("moves", arguments, form.meaning, given, [form.outputs[0][1]]))
    tokens = tuple(inp.name for inp in form.inputs[1:] if inp.axes)
    scalars = tuple(inp.name for inp in form.inputs if not inp.axes and inp.name != "time")
    texts.append(_rates(form, bool(shifts), (*tokens, "log_unit"), scalars))
    return CellText(
        "\n\n".join(texts),
        form.inputs[0].name,
        (*tokens, "log_unit"),
        scalars,
        (),
        (),
        form.digest,
        form.passes,
        form.source,
    )


def _function(name: str, arguments: str, doc: str, given: dict[Node, str], roots: list[Node]) -> str:
    body = DeviceFunction(False, given)
    results = body.need(roots)
    inner = "\n    ".join([f'"""{doc}."""', *body.body(results), f"return {', '.join(results)}"])
    return f"@triton.jit\ndef {name}({arguments}):\n    {inner}\n"


def _rates(form: Program, scanned: bool, tokens: tuple[str, ...], scalars: tuple[str, ...]) -> str:
    """The velocity of a block: PER_LANE consecutive tokens a lane; lanes scan theirs and then each other's.

    A place behind the last token has the unit 0, and does not move.
    """
    listed = "".join(f"{name}, " for name in (*tokens, *scalars))
    each = {inp.name: f"{inp.name}[i]" if inp.axes else inp.name for inp in form.inputs} | {"unit": "units[i]"}
    call = ", ".join([*(each[inp.name] for inp in form.inputs), "(lane * PER_LANE + i + 1).to(w[0].dtype)"])
    lines = [
        "units = ()",
        "for i in tl.static_range(PER_LANE):",
        "    units = units + (tl.where(unit[i] > 0, unit[i], 1.0),)",
    ]
    if any(inp.name == "time" for inp in form.inputs):
        lines.append("time = rt.over_lanes_sum(tl.where(lane == 0, units[0] * rt.sinh(w[0]), 0.0))")
    if scanned:
        lines += [
            "products, values = (), ()",
            "product, value = tl.full(w[0].shape, 1.0, w[0].dtype), tl.zeros_like(w[0])",
            "for i in tl.static_range(PER_LANE):",
            "    products = products + (product,)",
            "    values = values + (value,)",
            f"    gate, increment = leaves({call})",
            "    product, value = rt.linear(product, value, gate + 0.0 * w[0], increment + 0.0 * w[0])",
            "earlier = rt.before(product, value, lane, LANES) if LANES > 1 else tl.zeros_like(w[0])",
        ]
        call += ", products[i] * earlier + values[i]"
    lines += [
        "out = ()",
        "for i in tl.static_range(PER_LANE):",
        f"    out = out + (tl.where(unit[i] > 0, moves({call}), 0.0),)",
        "return out",
    ]
    body = "\n    ".join(lines)
    return f'''@triton.jit
def rates(w, {listed}row, lane, STATES: tl.constexpr, LANES: tl.constexpr, PER_LANE: tl.constexpr):
    """The velocity of every token, PER_LANE tokens a lane."""
    {body}
'''
