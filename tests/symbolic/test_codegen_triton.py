"""Generated Triton kernels, executed on the CPU by Triton's interpreter in a process of its own, and their text.

One long file: one process of the interpreter serves all of its tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from s6flow.errors import CodegenError, FormatError
from s6flow.numeric.flow import Status
from s6flow.numeric.flow.backends.triton.doubt import doubted
from s6flow.numeric.flow.backends.triton.kernels import fixed_text, flow_text
from s6flow.numeric.flow.problem import Run
from s6flow.symbolic.charts import asinh_axis_program, growth_rate_program, log_program
from s6flow.symbolic.codegen.ir import Input, Program, make
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.polynomials import log1p_coefficients
from s6flow.symbolic.codegen.triton.cell import print_cell
from s6flow.symbolic.codegen.triton.printer import TABLE, print_triton, spell
from s6flow.symbolic.codegen.triton.registers import print_rates
from s6flow.symbolic.codegen.triton.special import bind, kernel_form, merge_squares, share_exponentials

SCRIPT = Path(__file__).with_name("triton_interpreted.py")
INTERPRETER = {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}


def measured(*arguments: str) -> dict[str, float]:
    """What `triton_interpreted.py` measured: differences from the CPU reference, by name."""
    pytest.importorskip("triton")
    command, environment = [sys.executable, str(SCRIPT), *arguments], {**os.environ, **INTERPRETER}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def interpreted() -> dict[str, float]:
    return measured()


@pytest.fixture(scope="module")
def interpreted_for_long() -> dict[str, float]:
    return measured("long")


@pytest.mark.parametrize("name", ["growth_rate", "scaled_growth_rate", "axis_velocity", "layer_velocity"])
def test_block_kernels_equal_numpy(interpreted: dict[str, float], name: str) -> None:
    assert interpreted[f"{name} float64"] <= 1e-11
    assert interpreted[f"{name} float32"] <= 1e-5


def test_float32_exponentials_have_no_bias(interpreted: dict[str, float]) -> None:
    """A rounding to one side in every gate would add up along thousands of tokens."""
    assert interpreted["exp float32"] < 2.0
    assert interpreted["exp bias"] < 0.05
    assert interpreted["exp ends"] == interpreted["exp nan"] == 0
    assert interpreted["exp tiny"] <= 1.0


def test_the_exponential_under_a_logarithm_ends_well(interpreted: dict[str, float]) -> None:
    assert 0.1 < interpreted["unit exp"] < 1.5
    assert interpreted["unit exp ends"] == interpreted["unit exp nan"] == 0


def test_only_programs_without_error_terms_take_it() -> None:
    texts = {passes: generate(growth_rate_program(), "triton", passes).text for passes in ("fast", "accurate")}
    assert {passes: text.count("rt.exp_unit(") for passes, text in texts.items()} == {"fast": 1, "accurate": 0}
    x = make("input", attr=("x", ("token",)))
    tail = make("exp", make("neg", make("abs", x)))
    logarithm = make("log1p", tail)
    for node, count in (
        (logarithm, 1),
        (make("div", logarithm, make("add", make("const", attr=1), tail)), 0),
        (tail, 0),
    ):
        program = Program("own", (Input("x", ("token",)),), (("y", node),), "source", "meaning")
        assert print_triton(program).count("rt.exp_unit(") == count


def test_the_exponential_has_the_coefficients_of_the_table() -> None:
    from s6flow.symbolic.codegen.polynomials import exp_coefficients

    text = (Path(__file__).parents[2] / "symbolic/codegen/triton/functions.py").read_text()
    body = text.split("def exp_single")[1].split("@triton.jit")[0]
    used = [float(word) for word in re.findall(r"tl\.fma\(.*?(-?[0-9.]+)\)", body)]
    assert [f"{2 * c:.8g}" for c in exp_coefficients(6)[1:]] == [f"{c:.8g}" for c in used[-6:-2]]
    assert used[-2:] == [2.0, 2.0]
    assert f"{2 * exp_coefficients(6)[0]:.9g}" in body


def test_long_sequences_go_by_chunks_with_the_same_result(interpreted: dict[str, float]) -> None:
    assert interpreted["chunks"] <= 1e-12
    assert interpreted["chunk count"] > 1


@pytest.mark.parametrize(
    "name", ["alone accurate", "chunks alone accurate", "alone fast", "chunks alone fast", "whole"]
)
def test_one_state_goes_by_blocks_of_its_own_with_the_same_result(interpreted: dict[str, float], name: str) -> None:
    assert interpreted[name] <= 1e-12


def test_one_scan_by_lanes_of_any_length_is_the_recurrence(interpreted: dict[str, float]) -> None:
    assert all(interpreted[f"scan by {tokens}"] <= 1e-13 for tokens in (1, 2, 8, 64))
    assert interpreted["lanes alone fast"] <= 2e-5


def test_smallest_margin_is_found_with_its_place_and_nan_counts_as_smallest(interpreted: dict[str, float]) -> None:
    assert interpreted["margin value"] <= 1e-14
    assert interpreted["margin place"] == 0
    assert interpreted["nan place"] == 0


def test_device_functions_agree_with_numpy(interpreted: dict[str, float]) -> None:
    for name in ("log1p", "expm1", "sinh", "cosh", "sigmoid", "sign", "power", "sum_error"):
        assert interpreted[name] <= 2e-15, name


@pytest.mark.parametrize(
    "layouts", ["interpreted", pytest.param("interpreted_for_long", marks=pytest.mark.slow)], ids=["some", "every"]
)
def test_fixed_steps_equal_runge_kutta_in_every_layout(layouts: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(layouts)
    assert found["fixed steps"] <= 1e-14
    assert found["swept steps"] <= 1e-14


@pytest.mark.parametrize(
    ("systems", "tokens", "steps", "states", "processors", "lanes", "at_once"),
    [
        (32768, 1024, 1000, 1, 132, 16, 2), (4096, 8192, 1000, 1, 132, 32, 2), (2048, 65536, 1000, 1, 132, 32, 4),
        (512, 65536, 1000, 1, 132, 256, 1), (32768, 1024, 1000, 16, 132, 16, 1), (32768, 1024, 100, 1, 132, 16, 1),
        (1, 1024, 1000, 1, 132, 256, 1), (1, 1024, 1000, 1, 0, 16, 2),
    ],
)  # fmt: skip
def test_long_systems_get_lanes_for_the_device_and_steps_for_the_run(
    systems: int, tokens: int, steps: int, states: int, processors: int, lanes: int, at_once: int
) -> None:
    pytest.importorskip("triton")
    from s6flow.numeric.flow.backends.triton.fixed import sweep_of

    sweep = sweep_of(systems, tokens, steps, states, processors)
    assert (sweep.lanes, sweep.steps) == (lanes, at_once)
    assert sweep.systems * sweep.lanes == 32 * sweep.warps >= 32


@pytest.mark.parametrize(
    ("tokens", "systems", "plain", "block", "warps"),
    [
        (128, 9, True, 128, 2), (129, 9, True, 256, 1), (1000, 1, True, 1024, 1), (1025, 4096, True, 1024, 1),
        (65536, 4095, False, 1024, 2), (65536, 4096, False, 512, 1),
    ],
)  # fmt: skip
def test_tokens_alone_lie_in_warps_as_measured(tokens: int, systems: int, plain: bool, block: int, warps: int) -> None:
    pytest.importorskip("triton")
    from s6flow.symbolic.codegen.triton.runtime import TOKENS_ALONE

    assert TOKENS_ALONE.of(tokens, systems, plain) == (block, warps)


@pytest.mark.parametrize(
    ("tokens", "block", "warps", "plain", "halvings"),
    [(1000, 1024, 1, True, 5), (65536, 1024, 1, True, 5), (65536, 1024, 2, True, 0), (65536, 1024, 1, False, 0), (512, 512, 1, True, 0)],
)  # fmt: skip
def test_a_scan_goes_by_lanes_in_one_warp_of_long_blocks(
    tokens: int, block: int, warps: int, plain: bool, halvings: int
) -> None:
    pytest.importorskip("triton")
    from s6flow.symbolic.codegen.triton.runtime import TOKENS_ALONE

    assert TOKENS_ALONE.of_scan(tokens, block, warps, plain)["HALVINGS"] == halvings


def test_the_next_chunk_is_loaded_ahead_only_where_registers_allow_it() -> None:
    for passes, count in (("fast", 2), ("accurate", 0)):
        text = generate(growth_rate_program(), "triton", passes).text
        assert text.count("x_ahead = tl.load(") == count
        assert text.count("= tl.load(x_ptr") == max(count, 1)


@pytest.mark.parametrize("method", ["RK45"])
def test_fused_flow_agrees_with_the_cpu_driver(interpreted: dict[str, float], method: str) -> None:
    assert interpreted[f"{method} status"] == 0
    assert interpreted[f"{method} log_abs"] <= 1e-5
    assert interpreted[f"{method} blow-up"] <= 1e-5


def test_decaying_systems_run_in_log_time_to_the_same_ends(interpreted: dict[str, float]) -> None:
    assert interpreted["log time status"] == 0
    assert interpreted["log time log_abs"] <= 1e-6
    assert interpreted["log time from x"] <= 1e-6
    assert interpreted["ends alone"] == 0


def test_lanes_of_four_and_eight_tokens_agree_with_the_cpu_driver(interpreted: dict[str, float]) -> None:
    assert interpreted["wide lanes"] <= 1e-6
    assert interpreted["alone"] == 0
    assert interpreted["order of arrays"] <= 1e-3


def test_a_landing_that_errors_refuse_is_given_up(interpreted: dict[str, float]) -> None:
    """The system once sought its horizon until it ran out of steps."""
    assert interpreted["refused landing"] == 0
    assert interpreted["refused landing attempts"] <= 12


def test_an_output_costs_a_step_at_most(interpreted: dict[str, float]) -> None:
    """Where a step was cut to reach one by searching its length, it cost three."""
    assert interpreted["outputs missed"] == 0
    assert interpreted["attempts an output"] <= 1.0


def test_dense_outputs_change_no_fate(interpreted: dict[str, float]) -> None:
    """A system that grows slowly was called at rest, and one that grows past its limit was followed on."""
    assert interpreted["dense outputs"] == 0


@pytest.mark.slow
def test_growth_in_log_time_is_reported(interpreted_for_long: dict[str, float]) -> None:
    assert interpreted_for_long["log time growth"] == 0


@pytest.mark.slow
def test_a_float32_system_that_a_rounding_moves_runs_again_in_float64(interpreted_for_long: dict[str, float]) -> None:
    assert interpreted_for_long["single"] > 1e-5
    assert interpreted_for_long["completed"] < 1e-6
    assert (interpreted_for_long["in doubt"], interpreted_for_long["in doubt, cpu"]) == (1, 0)
    assert interpreted_for_long["left alone"] == 0
    assert interpreted_for_long["sure"] < 1e-6


@pytest.mark.parametrize("apart", ["nothing", "a rounding", "ln|x|", "fate", "reached", "ln T"])
def test_runs_that_disagree_are_in_doubt(apart: str) -> None:
    """Planted: the second of two systems, between two runs at a tolerance of 1e-5."""
    one, other = Run.empty(2, 1, 3), Run.empty(2, 1, 3)
    for run in (one, other):
        run.status[:], run.reached[:], run.states[:] = Status.BLOW_UP, True, 2.0
        run.end_log_time[:], run.log_remaining[:] = 1.0, -5.0
    match apart:
        case "a rounding":
            other.states[1, 0, 2] += 1e-4
        case "ln|x|":
            other.states[1, 0, 2] += 1e-3
        case "fate":
            other.status[1] = Status.UNDERFLOW
        case "reached":
            other.reached[1] = False
        case "ln T":
            other.end_log_time[1] += 1e-3
    assert doubted(one, other, 1e-5).tolist() == [False, apart not in ("nothing", "a rounding")]


def test_no_systems_give_no_results(interpreted: dict[str, float]) -> None:
    assert interpreted["no systems"] == 0


def test_text_depends_on_the_program_alone() -> None:
    assert print_triton(growth_rate_program()) == print_triton(growth_rate_program())
    assert print_cell(log_program(), 7, True) == print_cell(log_program(), 7, True)


def test_scan_cell_is_cut_into_its_parts() -> None:
    cell = print_cell(asinh_axis_program(), 20)
    assert (cell.state, cell.scalars, cell.states) == (
        "v",
        ("s", "b", "floor"),
        ("S_B", "S_C", "beta_B", "beta_C", "a"),
    )
    assert "return v2, v5, v7" in cell.text, "gate, increment and the readout that the sum over states needs"
    assert "w0" in print_rates(cell)


def test_unknown_operation_is_refused_by_name() -> None:
    x = make("input", attr=("x", ("token",)))
    program = Program("f", (Input("x", ("token",)),), (("f", make("exp", x)),), "source", "meaning")
    with pytest.raises(CodegenError, match="exp"):
        spell(program.outputs[0][1], ["x_"], {op: form for op, form in TABLE.items() if op != "exp"})


def test_program_that_is_no_scan_cell_is_refused() -> None:
    x = make("input", attr=("x", ("token",)))
    program = Program("f", (Input("x", ("token",)),), (("f", make("exp", x)),), "source", "meaning")
    with pytest.raises(CodegenError, match="one scan"):
        print_cell(program, 7, True)


def test_special_functions_are_spared() -> None:
    """Three exponentials a token and state remain of five, and the logarithm is a polynomial."""
    text = print_cell(bind(log_program(), {"floor": 0}), 7, True).text
    per_token = text.split("def token_part")[1].split("def summand")[0]
    assert per_token.count("tl.exp2") == 4, "e^u, e^-|z|, the gate, and one a system"
    assert "tl.log" not in text
    before = sum(node.op == "exp" for node in kernel_form(log_program()).nodes())
    assert before == 4


def test_rewrites_keep_the_meaning() -> None:
    from s6flow.symbolic.codegen.interpret import interpret_reference

    values = {"u": [0.3, -0.2, 1.1], "sigma": [1, 0, -1], "log_scale": 0.7, "mu": [0.5, -1.5], "a": [0.4, 2.0]}
    values |= {"s": -0.8, "b": 0.2, "floor": 0.0}
    plain = interpret_reference(log_program(), values)["scaled_growth_rate"]
    for changed in (merge_squares(share_exponentials(log_program())), kernel_form(log_program())):
        assert max(abs(interpret_reference(changed, values)["scaled_growth_rate"] - plain)) < 1e-30
    bound = bind(log_program(), {"floor": 0})
    assert "floor" not in [inp.name for inp in bound.inputs]
    del values["floor"]
    assert max(abs(interpret_reference(bound, values)["scaled_growth_rate"] - plain)) < 1e-30


@pytest.mark.parametrize(("degree", "error"), [(7, 3e-7), (20, 3e-16)])
def test_polynomial_logarithm_is_as_exact_as_promised(degree: int, error: float) -> None:
    import mpmath

    for y in (1e-300, 1e-9, 0.01, 0.3, 0.77, 1.0):
        value = y * sum(c * mpmath.mpf(y) ** k for k, c in enumerate(reversed(log1p_coefficients(degree))))
        assert abs(value / mpmath.log1p(y) - 1) < error


def test_without_cuda_the_error_names_the_cpu_way() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    from s6flow.errors import MissingDependencyError
    from s6flow.symbolic.codegen.triton.runtime import require_device

    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("the interpreter stands in for the device")
    with pytest.raises(MissingDependencyError, match="cpu"):
        require_device()


def test_fixed_steps_refuse_other_arrays_of_tokens() -> None:
    with pytest.raises(CodegenError, match="one array of tokens"):
        fixed_text(log_program(), "float64")


def test_another_clock_is_refused_by_name() -> None:
    with pytest.raises(FormatError, match="work, log; got wall"):
        flow_text(log_program(), "RK45", "float64", clock="wall")
