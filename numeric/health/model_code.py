"""What a model's code does to a layer beside its weights: limits of the step, factors, the norm behind the scan.

Mamba-2's scan clamps the step after the softplus (mamba-ssm `dt_limit`, Hugging Face `time_step_limit`); the kernels that
make one token at a time do not. `time_step_floor`, `time_step_max` and mamba-ssm's `dt_init_floor` bound the initialisation
only, and Mamba-1 and its kin clamp nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FIRST_STEP", "NONE", "Settings", "limits_of", "settings"]

#: Limits of the step that are none.
NONE = (0.0, math.inf)
#: Families whose code keeps the step above config.time_step_min, with no upper limit, and that number's default.
FIRST_STEP = {"zamba2": 0.001, "nemotron_h": 0.001}
#: Where a config.json holds the two limits.
_LIMITS = ("time_step_limit", "mamba_dt_limit", "dt_limit")
#: What norms behind a scan add to the mean square, at most; a smaller number makes a larger bound.
EPSILON = 1e-5
_PARTS = 5


@dataclass(frozen=True)
class Settings:
    """One layer's.

    Args:
        low, high: between which the step is kept.
        norm_first: whether the norm behind the scan comes before the gate.
        epsilon: what that norm adds to the mean square.
        entering: factor of what in_proj gets.
        factors: of what in_proj makes: gate, u, B, C, step.
        added: factor of what the block adds to the residual stream.
        used: what of this is not the family's plain form, in words.
        assumed: what was not found, and what stands for it.
    """

    low: float = NONE[0]
    high: float = NONE[1]
    norm_first: bool = False
    epsilon: float = EPSILON
    entering: float = 1.0
    factors: tuple[float, ...] = (1.0,) * _PARTS
    added: float = 1.0
    used: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


def settings(module: Any, parent: Any, config: Mapping[str, Any] | None) -> Settings:
    """Of a layer with one decay rate a head.

    Args:
        module, parent: the mixer and its block, where the model is in memory: what they hold is what runs.
        config: config.json otherwise, or None.
    """
    if module is not None:
        told = _of_module(module, parent)
    elif config is not None:
        told = _of_config({**config, **_inner(config)})
    else:
        told = {
            "assumed": ("no config.json says between which limits the step is kept: Mamba-2's default, 0 to infinity",)
        }
    found = Settings(**told)
    words = []
    if (found.low, found.high) != NONE:
        words.append(
            f"the step is kept between {found.low:g} and {found.high:g} after the softplus, as the scan of a sequence does; "
            "the kernels for one token at a time apply no limit"
        )
    if found.norm_first:
        words.append("the norm behind the scan comes before the gate")
    if any(factor != 1 for factor in (found.entering, *found.factors, found.added)):
        told_factors = ", ".join(f"{factor:g}" for factor in found.factors)
        words.append(
            f"factors beside the weights: {found.entering:g} of in_proj's input; {told_factors} of gate, u, B, C and step; "
            f"{found.added:g} of what the block adds"
        )
    return Settings(**{**told, "used": tuple(words)})


def limits_of(module: Any) -> tuple[float, float]:
    """Between which a mixer in memory keeps its steps: none where it says nothing.

    Raises: TypeError, ValueError: it holds no two numbers there.
    """
    return _pair(getattr(module, "time_step_limit", getattr(module, "dt_limit", None)))


def _pair(value: Any) -> tuple[float, float]:
    if value is None:
        return NONE
    low, high = (float(part["__float__"] if isinstance(part, Mapping) else part) for part in value)
    if not 0 <= low < math.inf or not high > 0:
        raise ValueError("limits of a step are positive")
    return low, high


def _of_module(module: Any, parent: Any) -> dict[str, Any]:
    norm = getattr(module, "norm", None)
    added = float(getattr(parent, "ssm_out_multiplier", 1.0)) * float(getattr(parent, "residual_multiplier", 1.0))
    found = {
        "norm_first": bool(getattr(norm, "norm_before_gate", False)),
        "epsilon": _epsilon(getattr(norm, "variance_epsilon", getattr(norm, "eps", None))),
        "entering": abs(float(getattr(module, "ssm_in_multiplier", 1.0))),
        "factors": _of_vector(module),
        "added": abs(added),
    }
    return found | _limits(getattr(module, "time_step_limit", getattr(module, "dt_limit", None)), "the module")


def _of_vector(module: Any) -> tuple[float, ...]:
    """Largest factor of each part of in_proj's output, of a mixer that scales it (Falcon-H1's mup_vector)."""
    vector = getattr(module, "mup_vector", None)
    if vector is None:
        return (1.0,) * _PARTS
    inner, heads = module.out_proj.weight.shape[1], len(module.A_log)
    both = (module.conv1d.weight.shape[0] - inner) // 2
    parts = vector.detach().abs().flatten().split([inner, inner, both, both, heads])
    return tuple(float(part.max()) for part in parts)


def _of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    kind = config.get("model_type")
    own = config.get("ssm_cfg")
    own = own if isinstance(own, Mapping) else {}
    norm_first = own.get("norm_before_gate", False)
    if kind == "falcon_h1":
        norm_first = config.get("mamba_rms_norm", False) and config.get("mamba_norm_before_gate", True)
    each = config.get("ssm_multipliers")
    each = each if isinstance(each, list | tuple) and len(each) == _PARTS else [1.0] * _PARTS
    found = {
        "norm_first": bool(norm_first),
        "epsilon": _epsilon(config.get("layer_norm_epsilon", config.get("rms_norm_eps"))),
        "entering": abs(_number(config.get("ssm_in_multiplier"))),
        "factors": tuple(abs(_number(part)) for part in each),
        "added": abs(_number(config.get("ssm_out_multiplier")) * _number(config.get("residual_multiplier"))),
    }
    if kind in FIRST_STEP:
        low = config.get("time_step_min", config.get("mamba_dt_min", FIRST_STEP[kind]))
        return found | _limits((low, math.inf), "time_step_min of config.json")
    name = next((key for key in _LIMITS if config.get(key) is not None), None)
    value = own.get("dt_limit") if name is None else config[name]
    return found | _limits(value, f"{name or 'dt_limit'} of config.json")


def _limits(value: Any, where: str) -> dict[str, Any]:
    try:
        low, high = _pair(value)
    except (TypeError, ValueError, KeyError):
        told = f"the limits of the step in {where} are no two positive numbers: 0 to infinity"
        return {"assumed": (told,)}
    return {"low": low, "high": high}


def _inner(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a model of several parts says of its language model."""
    part = config.get("text_config", config.get("llm_config"))
    return part if isinstance(part, Mapping) else {}


def _number(value: Any) -> float:
    """A factor; 1 where there is none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 1.0


def _epsilon(value: Any) -> float:
    return min(float(value), EPSILON) if isinstance(value, int | float) and value >= 0 else EPSILON
