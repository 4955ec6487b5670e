"""The verdict on one system: that of the audit, with what its tokens add."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.numeric.audit import audit
from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.numeric.flow import FlowParameters
from s6flow.numeric.weights import open_checkpoint

BOTH = {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "b": 1.0}
ROOT = {"mu": [-0.1, 1.2], "a": [0.2, 4.0], "b": -3.0}  # K(0) = 0.81, and K falls through 0 at 2.92


@pytest.mark.parametrize(
    ("change", "x0", "verdict"),
    [
        ({"mu": [-1.0], "a": [1.0]}, [1.0, -2.0], ("convergent", "convergence-rate")),
        ({"mu": [1.0], "a": [1.0]}, [-1.0, -2.0], ("slow", "slow-log-rate")),
        ({"mu": [1.0], "a": [1.0]}, [1.0, 2.0], ("fast", "fast-blow-up-time")),
        ({"mu": [1.0], "a": [1.0]}, [-1.0, 2.0], ("fast", "dichotomy")),
        ({"mu": [1.0], "a": [1.0], "floor": 0.5}, [-1.0], ("fast", "step-floor")),
        ({"mu": [0.0], "a": [1.0]}, [1.0], ("stationary", "stationary")),
        ({}, [0.0, 0.0], ("stationary", "sign-invariance")),
        ({}, [1.0, 0.5], ("coexistence", "coexistence")),  # held: K + h(x_2)/h(x_1) < 0 down to 0
        ({}, [1e-9, 1e-6], ("not decided", "none")),  # K(0) < 0, but token 2 is far ahead, and blows up first
        ({}, [1.0, -30.0], ("not decided", "none")),  # K(x_2) > 0
        ({}, [1.0, 0.0, 0.5], ("not decided", "none")),  # behind a zero token K acts at the sum of the steps
        ({}, [1.0, 0.5, 0.5], ("not decided", "none")),  # a third token may blow up first
        ({}, [-1.0, 0.5], ("not decided", "none")),  # token 1 is slow
        (ROOT, [20.0, 0.5], ("finite limit", "carried-root-attracts")),
        (ROOT, [20.0, 3.5], ("finite limit", "carried-root-attracts")),  # from beyond the root
        (ROOT, [20.0, 60.0], ("not decided", "none")),  # K < 0 there, but token 2 outruns token 1
        (ROOT, [1.0, 0.5], ("not decided", "none")),  # token 1 is not ahead enough for any barrier
        ({}, [1.0], ("fast", "fast-blow-up-time")),  # a token alone has nobody to coexist with
        ({}, [0.0, 1.0, 0.0], ("fast", "fast-blow-up-time")),
        ({"mu": [2.0, -1.0], "a": [1.0, 3.0]}, [1.0, 0.5], ("fast", "carried-order")),
        ({"mu": [1.0, -1.5]}, [1.0, -30.0], ("convergent", "state-convergence")),
        ({"mu": [1.0, -1.5]}, [1.0, 0.0, -30.0], ("not decided", "none")),  # the counterexample of `dichotomy`
        ({"mu": [1.0, -1.5]}, [0.0, 1.0, -30.0, 0.0], ("convergent", "state-convergence")),
        ({"mu": [-1.0, 1.0]}, [1.0, 1.0], ("not decided", "none")),
    ],
)
def test_verdicts(change: dict, x0: list[float], verdict: tuple[str, str]) -> None:
    params = FlowParameters(**{"s": 1.0, "b": 0.0, **BOTH, **change})
    assert axis_verdict(params, np.array(x0)) == verdict


def test_same_as_the_audit_on_trained_channels() -> None:
    source = str(shipped_checkpoint("unconstrained"))
    judged = audit(source, layers=["5"], shuffles=2).layers[0]
    layer = open_checkpoint(source).layer(judged.name)
    starts = {"positive": [1e3, 0.3], "negative": [-1e3, -0.3], "mixed": [1e3, -0.3]}
    seen = set()
    for channel in range(40, 110):
        params = FlowParameters(layer.mu_n[channel], layer.a[channel], layer.s[channel], layer.b[channel])
        for name in SIGNS:
            words = tuple(judged.words(f"{what}_{name}").word(channel) for what in ("scenario", "theorem"))
            found = axis_verdict(params, np.array(starts[name]))
            assert found == words or words == ("not decided", "none")
            seen |= {words[0], found[0]}
    assert seen == {"convergent", "slow", "fast", "not decided", "coexistence", "finite limit"}
