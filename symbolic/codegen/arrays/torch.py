"""The PyTorch printer. The table needs no torch; the functions that generated code calls live in `torch_runtime`."""

from __future__ import annotations

from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.printer import ArrayDialect

__all__ = ["TORCH"]

TORCH = ArrayDialect(
    "torch",
    "import torch\n\nfrom s6flow.symbolic.codegen.arrays import torch_runtime as rt\n",
    {
        **{op: form for op, form in NUMPY.table.items() if "np." not in form},
        "input": "{0}",
        "swap": "{0}.transpose(-1, -2)",
        "sqrt": "torch.sqrt({0})",
        "hypot": "torch.hypot({0}, {1})",
        "exp": "torch.exp({0})",
        "expm1": "torch.expm1({0})",
        "sinh": "torch.sinh({0})",
        "cosh": "torch.cosh({0})",
        "log": "torch.log({0})",
        "log1p": "torch.log1p({0})",
        "sigmoid": "torch.sigmoid({0})",
        "softplus": "torch.logaddexp({0}, torch.zeros_like({0}))",
        "abs": "torch.abs({0})",
        "sign": "torch.sign({0})",
        "max": "rt.maximum({0}, {1})",
        "min": "rt.minimum({0}, {1})",
        "eq": "{0} == {1}",
        "and": "{0} & {1}",
        "or": "{0} | {1}",
        "not": "~{0}",
        "where": "rt.where({0}, {1}, {2})",
        "reduce_sum": "{0}.sum(dim={axis}, keepdim=True)",
        "reduce_max": "{0}.amax(dim={axis}, keepdim=True)",
        "contract": "torch.einsum('{signature}', {0}, {1})",
        "as_source": "{0}.transpose({token}, {source})",
        "position": "torch.arange(1, {0} + 1, dtype={like}.dtype, device={like}.device)",
    },
    NUMPY.constant,
    {
        **{name: f"rt.math.{name}({{0}})" for name in ("sqrt", "exp", "expm1", "sinh", "cosh", "log", "log1p")},
        "sigmoid": "1.0 / (1.0 + rt.math.exp(-{0}))",
        "softplus": "max({0}, 0.0) + rt.math.log1p(rt.math.exp(-abs({0})))",
        "abs": "abs({0})",
        "max": "max({0}, {1})",
        "min": "min({0}, {1})",
    },
)
