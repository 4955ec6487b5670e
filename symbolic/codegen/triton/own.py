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
    """The velocity of a block, PER_LANE consecutive tokens a lane, see `rt.scan_tokens`.

    A place behind the last token has the unit 0, and does not move.
    """
    listed = "".join(f"{name}, " for name in (*tokens, *scalars))
    names = {"unit": "units"}
    call = ", ".join([*(names.get(inp.name, inp.name) for inp in form.inputs), "place"])
    lines = [
        "units = tl.where(unit > 0, unit, 1.0)",
        "place = (lane * w.shape[2] + tl.arange(0, w.shape[2])[None, None, :] + 1).to(w.dtype)",
    ]
    if any(inp.name == "time" for inp in form.inputs):
        lines.append("first = rt.in_lane(tl.where(place == 1, units * rt.sinh(w), 0.0))[0]")
        lines.append("time = tl.sum(rt.shaped(first, lane), 1, keep_dims=True)")
    if scanned:
        lines += [
            f"gate, increment = leaves({call})",
            "before = rt.scan_tokens(gate + 0.0 * w, increment + 0.0 * w, lane, True)",
        ]
        call += ", before"
    lines.append(f"return tl.where(unit > 0, moves({call}), 0.0)")
    body = "\n    ".join(lines)
    return f'''@triton.jit
def rates(w, {listed}row, lane, STATES: tl.constexpr):
    """The velocity of every token, (SYSTEMS, LANES, PER_LANE)."""
    {body}
'''
