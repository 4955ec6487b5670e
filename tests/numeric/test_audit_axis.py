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
        ({}, [1.0, 0.5], ("coexistence", "coexistence")),
        ({}, [1.0], ("fast", "fast-blow-up-time")),  # a token alone has nobody to coexist with
        ({}, [0.0, 1.0, 0.0], ("fast", "fast-blow-up-time")),
        ({"mu": [2.0, -1.0], "a": [1.0, 3.0]}, [1.0, 0.5], ("fast", "carried-order")),
        ({"mu": [1.0, -1.5]}, [1.0, -30.0], ("convergent", "state-convergence")),
        ({"mu": [1.0, -1.5]}, [1.0, 0.0, -30.0], ("not predicted", "none")),  # the counterexample of `dichotomy`
        ({"mu": [1.0, -1.5]}, [0.0, 1.0, -30.0, 0.0], ("convergent", "state-convergence")),
        ({"mu": [-1.0, 1.0]}, [1.0, 1.0], ("not predicted", "none")),
    ],
)
def test_verdicts(change: dict, x0: list[float], verdict: tuple[str, str]) -> None:
    params = FlowParameters(**{"s": 1.0, "b": 0.0, **BOTH, **change})
    assert axis_verdict(params, np.array(x0)) == verdict


def test_same_as_the_audit_on_trained_channels() -> None:
    source = str(shipped_checkpoint("unconstrained"))
    judged = audit(source, layers=["1"], shuffles=2).layers[0]
    layer = open_checkpoint(source).layer(judged.name)
    starts = {"positive": [1.0, 0.3], "negative": [-1.0, -0.3], "mixed": [1.0, -0.3]}
    seen = set()
    for channel in range(0, 512, 7):
        params = FlowParameters(layer.mu_n[channel], layer.a[channel], layer.s[channel], layer.b[channel])
        for name in SIGNS:
            words = tuple(judged.words(f"{what}_{name}").word(channel) for what in ("scenario", "theorem"))
            assert axis_verdict(params, np.array(starts[name])) == words
            seen.add(words[0])
    assert seen == {"convergent", "slow", "fast", "coexistence"}
