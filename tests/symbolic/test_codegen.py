"""Generated NumPy, PyTorch and ball code against the 50-digit oracle; determinism; refusal by name."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from s6flow.errors import CodegenError
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.printer import ArrayDialect, print_arrays
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.ir import OPS, make
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.rewrite import PASSES, apply_passes
from s6flow.symbolic.notation import softplus

NAMES = ("x", "mu", "a", "s", "b", "floor")


def cases(single: bool) -> list[dict[str, object]]:
    """Tokens 1e-12..1e6, |s x + b| up to 80, a up to 16, where results are normal numbers."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(25):
        tokens, states = generator.integers(1, 8), generator.integers(1, 5)
        x = 10 ** generator.uniform(-4 if single else -12, 6, tokens) * generator.choice([-1, 1], tokens)
        s = generator.uniform(-1, 1) * 60 / np.abs(x).max()
        data = {
            "x": x, "mu": 10 ** generator.uniform(-3, 3, states), "a": generator.uniform(0.01, 16, states),
            "s": s, "b": generator.uniform(-20, 20), "floor": 0.0,
        }  # fmt: skip
        if single:
            data = {key: np.float32(value).astype(float) for key, value in data.items()}
        found.append(data)
    return found


@pytest.mark.parametrize(
    ("backend", "single", "allowed"),
    [("numpy", False, 1e-13), ("torch", False, 1e-13), ("numpy", True, 2e-6), ("torch", True, 2e-6)],
)
def test_growth_rate_agrees_with_fifty_digits(backend: str, single: bool, allowed: float) -> None:
    function = generate(growth_rate_program(), backend)
    tiny = np.finfo(np.float32 if single else np.float64).tiny
    compared = 0
    for data in cases(single):
        exact = np.array([float(v) for v in interpret_reference(growth_rate_program(), data)["growth_rate"]])
        kind = np.float32 if single else np.float64
        values = [np.asarray(data[name], dtype=kind) for name in function.inputs]
        if backend == "torch":
            torch = pytest.importorskip("torch")
            values = [torch.from_numpy(np.array(value)) for value in values]
        result = np.asarray(function(*values), dtype=float)
        normal = np.abs(exact) > 1e6 * tiny  # products on the way must be normal too
        compared += int(normal.sum())
        assert np.all(np.abs(result - exact)[normal] <= allowed * np.abs(exact)[normal])
    assert compared > 50


def test_balls_enclose_fifty_digits() -> None:
    flint = pytest.importorskip("flint")
    function = generate(growth_rate_program(), "flint")
    for data in cases(False)[:10]:
        exact = interpret_reference(growth_rate_program(), data)["growth_rate"]
        balls = function(*(np.asarray(data[name]) for name in function.inputs))
        for ball, value in zip(balls, exact, strict=True):
            assert abs(ball - flint.arb(str(value))) <= abs(ball) * flint.arb(1e-12)


def test_text_is_the_same_in_every_process() -> None:
    script = (
        "from s6flow.symbolic.codegen.module import generate;"
        "from s6flow.symbolic.charts import growth_rate_program;"
        "print(''.join(generate(growth_rate_program(), b).text for b in ('numpy', 'flint')))"
    )
    texts = set()
    for seed in ("0", "12345"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        texts.add(run.stdout)
    assert len(texts) == 1
    assert generate(growth_rate_program(), "numpy").text in texts.pop()


def test_generated_text_names_its_source() -> None:
    text = generate(growth_rate_program()).text
    assert "do not edit" in text
    assert "theorem linear-recursion" in text
    assert growth_rate_program().digest in text


def test_a_missing_operation_is_refused_by_name() -> None:
    table = {key: form for key, form in NUMPY.table.items() if key != "scan"}
    dialect = ArrayDialect("small", NUMPY.header, table, NUMPY.constant)
    with pytest.raises(CodegenError, match="scan"):
        print_arrays(apply_passes(growth_rate_program(), "fast"), dialect)
    with pytest.raises(CodegenError, match="gamma"):
        make("gamma", make("const", attr=1))


@pytest.mark.parametrize("name", PASSES)
def test_passes_keep_the_meaning(name: str) -> None:
    data = cases(False)[0]
    before = interpret_reference(growth_rate_program(), data)["growth_rate"]
    after = interpret_reference(PASSES[name](growth_rate_program()), data)["growth_rate"]
    assert all(abs(x - y) <= 1e-40 * abs(x) for x, y in zip(before, after, strict=True))
    assert set(NUMPY.table) <= set(OPS) | {"swap"}


def test_functions_of_constants_alone() -> None:
    torch = pytest.importorskip("torch")
    y, third = sp.Symbol("y", real=True), sp.Rational(1, 3)
    roots = sp.log(2) * y + sp.sqrt(sp.pi) + sp.log(1 + sp.exp(sp.sqrt(2))) * y**2
    formula = roots + softplus(third) * y + sp.cosh(third)
    program = lower_program("constants", {"constants": formula}, "none", "Functions of constants", ("y",))
    values = np.array([-1.5, 0.0, 2.0])
    exact = [float(formula.rewrite(sp.log).subs(y, value)) for value in values]
    assert generate(program, "torch")(torch.from_numpy(values)).numpy() == pytest.approx(exact, rel=1e-14)
    assert generate(program, "numpy")(values) == pytest.approx(exact, rel=1e-14)
