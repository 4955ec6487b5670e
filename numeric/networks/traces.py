"""Traces of trained networks as committed evidence, one file for all.

    python -m s6flow.numeric.networks --text LICENSE --length 1024 NAME=CHECKPOINT ...
    python -m s6flow.numeric.networks --package opensr_mamba --image PICTURE --side 64 --add

runs `trace` on each network and writes `traces.json`: name -> the trace's document with its provenance, and the largest |update|/|x| of a flow (command, code, date,
device, versions, text or picture, weights). The file is written whole after each network. With --add what it holds is kept, and of the
networks named those that this very code has traced: so a run that was cut off goes on, and networks may be traced on
different machines.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import math
import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from s6flow.errors import FormatError, S6FlowError
from s6flow.files import write_atomic
from s6flow.numeric.evidence import evidence_of
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.health.diagnosis import CONTEXT
from s6flow.numeric.networks import SCHEMA, TRACES, read
from s6flow.numeric.networks.packaged import PACKAGES, image_bands, packaged_networks, plain_scan
from s6flow.numeric.refinements.mixer import kernel_scan
from s6flow.numeric.trace import CONTINUOUS
from s6flow.numeric.trace.inputs import load_network, text_tokens
from s6flow.numeric.trace.run import trace
from s6flow.numeric.weights.in_memory import MemoryStore
from s6flow.numeric.zoo.audits import weights_digest

__all__ = ["entry", "main", "scan_name", "written"]

#: Significant digits that are kept, so that the file stays the same where arithmetic differs in the last ones.
_DIGITS = 6
_PACKAGES = ("s6flow", "numpy", "torch", "mamba-ssm", "transformers", "opensr-mamba")


def entry(source: str, text: Path, length: int, device: str | None, command: str) -> dict[str, Any]:
    """Trace and provenance of one network on a text.

    Args:
        source: as `load_network` takes it; no path of it is kept.
        text: a file. length: tokens of it, at most.
        device: where to run; the processor by default.
        command: that was given, without paths.
    Raises: as `trace`, `load_network` and `text_tokens`.
    """
    ids, said = text_tokens(source, text, length)
    return _entry(load_network(source), ids, {"text": _read(text, said)}, device, command)


def _read(file: Path, notes: list[str]) -> dict[str, Any]:
    return {"name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "notes": notes}


def _entry(
    network: torch.nn.Module, batch: torch.Tensor, read_from: dict[str, Any], device: str | None, command: str
) -> dict[str, Any]:
    found = trace(network, batch, device=device, source=type(network).__name__, context=CONTEXT)
    provenance = {
        "command": command,
        "code": evidence_of(TRACES).digest(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "device": torch.cuda.get_device_name() if found.device.startswith("cuda") else f"cpu ({platform.machine()})",
        "scan": scan_name(network, found.device),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        **read_from,
        "weights": weights_digest(MemoryStore(network)),
    }
    return {"provenance": provenance, "continuous_below": CONTINUOUS.value, **_rounded(found.document())}


def scan_name(network: torch.nn.Module, device: str) -> str:
    """What ran the network's own scan; what a trace measures is recomputed from its inputs either way.

    Args:
        network: that was traced; device: where, as PyTorch spells it ("cpu", "cuda:0").
    """
    if any(getattr(module, "selective_scan", None) is plain_scan for module in network.modules()):
        return "plain PyTorch"
    if not device.startswith("cuda"):
        return "plain PyTorch"
    if isinstance(network, S6Stack):
        return "plain PyTorch" if kernel_scan() is None else "mamba-ssm's selective_scan_fn"
    return "as transformers chooses: mamba-ssm's kernels where they are installed"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else value


def written(traces: Mapping[str, Any]) -> str:
    """The file's text: one line a network."""
    rows = (f"  {json.dumps(name)}: {json.dumps(row, allow_nan=False)}" for name, row in traces.items())
    return f'{{\n "schema": "{SCHEMA}",\n "traces": {{\n' + ",\n".join(rows) + "\n }\n}\n"


def _named(word: str) -> tuple[str, str]:
    name, equals, source = word.partition("=")
    if not (name and equals and source):
        raise FormatError("a network is given as NAME=CHECKPOINT", word, "networks")
    return name, source


def main(arguments: list[str]) -> int:
    """Trace the networks that are named and write the file after each."""
    parser = argparse.ArgumentParser(
        prog="python -m s6flow.numeric.networks", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("networks", nargs="*", metavar="NAME=CHECKPOINT", help="a path, or a hub id of Hugging Face")
    parser.add_argument("--out", type=Path, default=TRACES)
    parser.add_argument("--text", type=Path, help="a file for the networks that are named")
    parser.add_argument("--length", type=int, default=1024, help="tokens of it, at most; bytes without a tokenizer")
    parser.add_argument("--package", choices=PACKAGES, help="an installed package whose networks read a picture")
    parser.add_argument("--image", type=Path, help="the picture")
    parser.add_argument("--side", type=int, default=64, help="pixels of its middle, in height and width")
    parser.add_argument("--device", help="cpu or cuda")
    parser.add_argument(
        "--add",
        action="store_true",
        help="keep what the file holds; trace what is not in it, or was traced by other code",
    )
    given = parser.parse_args(arguments)
    try:
        makers = _makers(given)
        traces = read(given.out) if given.add and given.out.exists() else {}
        for name, make in makers.items():
            if traces.get(name, {}).get("provenance", {}).get("code") == evidence_of(TRACES).digest():
                print(f"{name}: kept")
                continue
            traces[name] = make()
            write_atomic(given.out, written(traces))
            print(f"{name}: {len(traces[name]['layers'])} layers", flush=True)
    except S6FlowError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _makers(given: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    """Name -> what traces it.

    Raises: FormatError: something is missing. As `packaged_networks`.
    """
    named = dict(_named(word) for word in given.networks)
    if named and given.text is None:
        raise FormatError("networks that are named read a --text", "none", "networks")
    if bool(given.package) != bool(given.image) or not (named or given.package):
        raise FormatError("give NAME=CHECKPOINT, or --package with --image", "neither", "networks")
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(entry, source, given.text, given.length, given.device, _command(given, name, source))
        for name, source in named.items()
    }
    for name, network in packaged_networks(given.package).items() if given.package else ():
        makers[name] = partial(_of_picture, network, given)
    return makers


def _of_picture(network: torch.nn.Module, given: argparse.Namespace) -> dict[str, Any]:
    """Trace and provenance of a network on the middle of a picture."""
    bands = next(module.in_channels for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    pixels, said = image_bands(given.image, bands, given.side)
    device = ["--device", given.device] if given.device else []
    words = ["--package", given.package, "--image", given.image.name, "--side", str(given.side), *device, "--add"]
    command = shlex.join(["python", "-m", "s6flow.numeric.networks", *words])
    return _entry(network, pixels, {"image": _read(given.image, [said])}, given.device, command)


def _command(given: argparse.Namespace, name: str, source: str) -> str:
    """What makes this trace, with names in place of paths."""
    device = ["--device", given.device] if given.device else []
    words = ["--text", given.text.name, "--length", str(given.length), *device, "--add", f"{name}={Path(source).name}"]
    return shlex.join(["python", "-m", "s6flow.numeric.networks", *words])
