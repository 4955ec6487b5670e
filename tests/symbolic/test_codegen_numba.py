"""The Numba printer: parity with the oracle, determinism, its own functions, and refusal of what it lacks."""

from __future__ import annotations

import json

import mpmath
import numpy as np
import pytest
from representatives import sweep

from s6flow.errors import CodegenError
from s6flow.symbolic.attention import attention_program
from s6flow.symbolic.charts import asinh_layer_program, growth_rate_program, log_program
from s6flow.symbolic.codegen import polynomials
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.ir import Input, Node, Program, make
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.numba import printer as printer
from s6flow.symbolic.codegen.numba.printer import print_numba
from s6flow.symbolic.codegen.rewrite import apply_passes

pytest.importorskip("numba")

SIZES = {"token": 5, "channel": 3, "state": 2, "rank": 2}
PROGRAMS = {
    "growth-rate": growth_rate_program,
    "log": log_program,
    "layer": asinh_layer_program,
    "attention": attention_program,
}


def _inputs(program: Program, seed: int, batch: int = 3, **sizes: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    size = {**SIZES, **sizes}
    arrays = {inp.name: rng.normal(size=(batch, *(size[axis] for axis in inp.axes))) for inp in program.inputs}
    for name in {"a", "floor"} & set(arrays):
        arrays[name] = np.abs(arrays[name]) + 0.01
    if "sigma" in arrays:
        arrays["sigma"] = np.sign(arrays["sigma"])
        arrays["sigma"][0, 1] = 0.0
    return arrays


@pytest.mark.parametrize("name", sweep(PROGRAMS, ["growth-rate", "attention"]))
def test_parity_with_the_oracle(name: str) -> None:
    program = PROGRAMS[name]()
    arrays = _inputs(program, 1)
    got = generate(program, "numba", "fast")(*(arrays[inp.name] for inp in program.inputs))
    for row in range(3):
        (exact,) = interpret_reference(program, {k: v[row] for k, v in arrays.items()}).values()
        expected = exact.astype(float)
        np.testing.assert_allclose(got[row], expected, rtol=1e-13, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("tokens", [1, printer.BLOCK - 1, printer.BLOCK, 2 * printer.BLOCK + 7])
def test_blocks_join_without_a_seam(tokens: int) -> None:
    program = growth_rate_program()
    arrays = _inputs(program, tokens, batch=2, token=tokens, state=3)
    values = [arrays[inp.name] for inp in program.inputs]
    expected = generate(program, "numpy")(*values)
    got = generate(program, "numba", "fast")(*values)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())


def test_extremes_of_the_growth_rate() -> None:
    program = growth_rate_program()
    rng = np.random.default_rng(3)
    sign = rng.choice([-1.0, 1.0], (40, 5))
    x = sign * 10 ** rng.uniform(-8, 3, (40, 5))
    x[:, 2] = 0.0
    mu, a = 10 ** rng.uniform(-6, 3, (40, 2)), 10 ** rng.uniform(-3, 2, (40, 2))
    s, b, floor = 10 ** rng.uniform(-6, 3, 40), rng.normal(size=40) * 10, np.zeros(40)
    values = {"x": x, "mu": mu, "a": a, "s": s, "b": b, "floor": floor}
    got = generate(program, "numba")(*(values[inp.name] for inp in program.inputs))
    for row in range(40):
        (exact,) = interpret_reference(program, {k: v[row] for k, v in values.items()}).values()
        np.testing.assert_allclose(got[row], exact.astype(float), rtol=1e-13, atol=0)


def _exp_program() -> Program:
    x = make("input", attr=("x", ("token",)))
    return Program("only_exp", (Input("x", ("token",)),), (("y", make("exp", x)),), "test", "e^x")


def test_exponential_to_two_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-707.0, 709.7, 4001), np.random.default_rng(0).uniform(-1, 1, 2000)])
    got = generate(_exp_program(), "numba")(x)
    with mpmath.workdps(40):
        worst = max(abs(mpmath.mpf(float(y)) / mpmath.exp(float(v)) - 1) for v, y in zip(x, got, strict=True))
    assert worst < 2 * np.finfo(float).eps
    edges = generate(_exp_program(), "numba")(np.array([-1e308, -np.inf, -760.0, 0.0, 710.0, np.inf, np.nan, -740.0]))
    np.testing.assert_array_equal(edges[:7], [0.0, 0.0, 0.0, 1.0, np.inf, np.inf, np.nan])
    assert edges[7] == pytest.approx(np.exp(-740.0), abs=5e-324)


def test_text_is_deterministic_and_marked() -> None:
    program = log_program()
    assert print_numba(apply_passes(program, "fast")) == print_numba(apply_passes(program, "fast"))
    text = generate(program, "numba", "fast").text
    assert "do not edit" in text
    assert program.digest in text
    assert program.source in text


def test_recurrence_alone_has_its_loop() -> None:
    """Beside a recurrence nothing vectorises: no exponential may stand in the loop that carries the state."""
    text = print_numba(apply_passes(log_program(), "fast"))
    loops = text.split("for i in range(count):")
    (carrying,) = (loop for loop in loops if " * carry" in loop)
    assert "exp(" not in carrying


def test_unknown_operation_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer, "TABLE", {k: v for k, v in printer.TABLE.items() if k != "exp"})
    with pytest.raises(CodegenError, match=r"numba printer.*exp"):
        print_numba(_exp_program())


def test_a_mutated_table_fails_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    program = growth_rate_program()
    monkeypatch.setattr(printer, "TABLE", {**printer.TABLE, "neg": "{0}"})
    text = print_numba(apply_passes(program, "fast"))
    monkeypatch.undo()
    assert text != print_numba(apply_passes(program, "fast"))
    from s6flow.symbolic.codegen.load import load_module

    module, _ = load_module(printer.HEADER + "\n\n" + text, "mutant", ("numba",), "cpu")
    arrays = _inputs(program, 5)
    values = [arrays[inp.name] for inp in program.inputs]
    assert not np.allclose(module.growth_rate(*values), generate(program, "numpy")(*values), rtol=1e-3)


def test_a_reduction_read_behind_its_loop_keeps_every_channel() -> None:
    """The sum over states is made in the loop over channels, and read after a reduction over channels."""
    w: Node = make("input", attr=("w", ("channel", "state")))
    total = make("reduce_sum", w, attr="state")
    share = make("div", total, make("reduce_max", total, attr="channel"))
    program = Program("share", (Input("w", ("channel", "state")),), (("share", share),), "test", "share")
    values = np.random.default_rng(4).uniform(0.1, 1.0, (2, 3, 4))
    expected = values.sum(axis=2) / values.sum(axis=2).max(axis=1, keepdims=True)
    np.testing.assert_allclose(generate(program, "numba")(values), expected, rtol=1e-14)


def test_reductions_over_tokens_and_shifts() -> None:
    """The largest difference of neighbouring tokens, over several blocks."""
    x: Node = make("input", attr=("x", ("token",)))
    jump = make("abs", make("sub", make("mul", x, x), make("shift", make("mul", x, x))))
    outputs = (("top", make("reduce_max", jump, attr="token")), ("jump", jump))
    program = Program("jumps", (Input("x", ("token",)),), outputs, "test", "jumps")
    values = np.random.default_rng(2).normal(size=(4, 600))
    top, jumps = generate(program, "numba")(values)
    expected = np.abs(np.diff(values**2, axis=1, prepend=0.0))
    np.testing.assert_allclose(jumps, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(top, expected.max(axis=1), rtol=1e-12)


def test_kept_polynomials_are_what_is_computed() -> None:
    kept = {key: tuple(row) for key, row in json.loads(polynomials.FILE.read_text(encoding="utf-8")).items()}
    assert kept == polynomials.computed(), "run make generated"
    assert polynomials.log1p_coefficients(polynomials.LOG1P_DEGREE) == kept[f"log1p/{polynomials.LOG1P_DEGREE}"]
    assert len(polynomials.exp_coefficients(8)) == 7  # one that the file lacks
