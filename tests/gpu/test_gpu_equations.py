"""Equations of one's own on a CUDA device; skipped, and reported as not run, elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.numeric.flow import EquationFlow, Status, integrate
from s6flow.numeric.flow.equation import flow_of
from tests.numeric.equation_cases import CASCADE, CASES, meet, x

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: no CUDA device")]
BACKENDS = ("triton", "torch")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_blow_up_times_of_the_literature(name: str, backend: str) -> None:
    meet(CASES[name], backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_ends_as_on_the_cpu(backend: str) -> None:
    """Cascades from positive and negative starts: those whose sums are all negative decay."""
    start = np.random.default_rng(5).normal(size=(2000, 5))
    options = {"times": [0.05, 0.2], "log_horizon": 3.0, "rtol": 1e-9}
    found, known = (integrate(start, EquationFlow(CASCADE), backend=name, **options) for name in (backend, "numpy"))
    np.testing.assert_array_equal(found.status, known.status)
    assert set(np.unique(known.status)) == {Status.HORIZON, Status.BLOW_UP}
    blown = known.status == Status.BLOW_UP
    np.testing.assert_allclose(found.blow_up_time[blown], known.blow_up_time[blown], rtol=1e-6)
    np.testing.assert_array_equal(found.reached, known.reached)
    inside = np.abs(np.ma.filled(known.x, 0)) < 1e3
    np.testing.assert_allclose(np.ma.filled(found.x, 0)[inside], np.ma.filled(known.x, 0)[inside], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dense_outputs_change_no_end(backend: str) -> None:
    times = [*np.expm1(np.linspace(0.005, 0.3, 60)), 1e9]
    run = integrate([1e-3], flow_of(x**2, None), times=times, rtol=1e-6, backend=backend)
    assert run.status == Status.BLOW_UP
    np.testing.assert_allclose(run.blow_up_time, 1e3, rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_ends_at_a_pole(backend: str) -> None:
    run = integrate([1.0], flow_of(-1 / x**2, {}), times=[0.01, 3.0], backend=backend)
    assert run.status == Status.UNDERFLOW
    np.testing.assert_allclose(run.final_log_time, np.log(1 / 3), atol=1e-3)
