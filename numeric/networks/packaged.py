"""Networks that an installed package ships whole, built by its own code and run with its own weights: opensr-mamba's three.

The package loads them onto a GPU and calls mamba-ssm's kernel. Here its loader runs without that move, and on a processor its
layers scan by the plain recurrence. Of timm and einops it uses what sets weights that are then loaded over, and DropPath,
which is the identity in evaluation: where they are not installed, stand-ins that do the same.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.numeric.refinements.mixer import scan_reference

__all__ = ["PACKAGES", "image_bands", "packaged_networks", "plain_scan"]

#: Package -> names of the networks that its loader gives, in order.
PACKAGES = {"opensr_mamba": ("srmodel", "fusionmodel01", "fusionmodel02")}


def packaged_networks(package: str) -> dict[str, nn.Module]:
    """Name -> network in evaluation mode, on the processor.

    Raises: SourceError: no such package is known or installed.
    """
    if package not in PACKAGES:
        raise SourceError("--package must be one of " + ", ".join(PACKAGES), package, "networks")
    with _stand_ins():
        try:
            loader = importlib.import_module(f"{package}.main")
        except ImportError as error:
            raise SourceError("the package must be installed", error, package, "pip install opensr-mamba") from None
        with _at_home(loader.MambaSR):
            networks = loader.load_models()
    found = {}
    for name, network in zip(PACKAGES[package], networks, strict=True):
        for module in network.modules():
            if hasattr(module, "selective_scan"):
                module.selective_scan = plain_scan
        forward = network.forward
        # without its attention maps the package's own forward does not run
        network.forward = lambda x, forward=forward: forward(x, save_attention_maps=True)[0]
        found[f"{package}.{name}"] = network
    return found


def plain_scan(
    x: Tensor,
    step: Tensor,
    rates: Tensor,
    written: Tensor,
    read: Tensor,
    skip: Tensor,
    z: None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = True,
    return_last_state: bool = False,
) -> Tensor:
    """As mamba-ssm's `selective_scan_fn` where VMamba calls it, with B and C by group of channels.

    Args:
        x, step: shape (batch, channel, token); rates: -a, shape (channel, state); written, read: (batch, group, state, token).
    Source: theory section 1; `scan_reference`.
    """
    assert z is None, "VMamba gates behind its norm"
    assert delta_softplus, "its steps come before their softplus"
    assert not return_last_state, "VMamba asks for outputs alone"
    groups = written.shape[1]
    step = softplus(step if delta_bias is None else step + delta_bias[:, None])
    parts = zip(
        x.chunk(groups, 1),
        step.chunk(groups, 1),
        (-rates).chunk(groups),
        written.unbind(1),
        read.unbind(1),
        strict=True,
    )
    return torch.cat([scan_reference(*part) for part in parts], dim=1) + skip[:, None] * x


def image_bands(path: Path, bands: int, side: int) -> tuple[Tensor, str]:
    """The middle of a picture as floats in 0..1, shape (1, band, side, side), and what to say of it.

    Args:
        path: of an RGB picture. bands: a network of more than three gets red, green and blue in turn.
    Raises: SourceError: it cannot be read. FormatError: it is smaller. MissingDependencyError: no Pillow.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependencyError("a picture needs Pillow", "no PIL", str(path), "Run pip install pillow.") from None
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    except OSError as error:
        raise SourceError("--image must be a picture that can be read", error, path.name) from None
    height, width = ((size - side) // 2 for size in pixels.shape[:2])
    if min(height, width) < 0:
        raise FormatError(f"a picture must have {side} x {side} pixels", pixels.shape[:2], path.name)
    middle = torch.from_numpy(pixels[height : height + side, width : width + side]).movedim(-1, 0)
    turn = "" if bands == 3 else f"; {bands} bands, red, green and blue in turn, in place of a satellite's"
    return middle[[band % 3 for band in range(bands)]][None], f"{side} x {side} pixels of its middle, in 0..1{turn}"


@contextmanager
def _at_home(network: Any) -> Iterator[None]:
    """The loader's move to a GPU does nothing."""
    network.cuda = lambda self: self
    try:
        yield
    finally:
        del network.cuda


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Modules that are not installed, for as long as the package is imported and built."""
    made: dict[str, dict[str, Any]] = {
        "timm": {}, "timm.layers": {"DropPath": nn.Identity},
        "timm.models": {}, "timm.models.layers": {"trunc_normal_": nn.init.trunc_normal_, "to_2tuple": _pair},
        "einops": {"repeat": _repeated}, "mamba_ssm": {}, "mamba_ssm.ops": {},
        "mamba_ssm.ops.selective_scan_interface": {"selective_scan_fn": plain_scan},
    }  # fmt: skip
    missing = {root for root in ("timm", "einops", "mamba_ssm") if not _there(root)}
    put = {name: parts for name, parts in made.items() if name.partition(".")[0] in missing}
    for name, parts in put.items():
        module = ModuleType(name)
        vars(module).update(parts)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


def _there(root: str) -> bool:
    try:
        importlib.import_module(root)
    except ImportError:
        return False
    return True


def _pair(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)


def _repeated(values: Tensor, pattern: str, **sizes: int) -> Tensor:
    """einops' repeat along one new axis in front."""
    (count,) = sizes.values()
    return values.expand(count, *values.shape).clone()
