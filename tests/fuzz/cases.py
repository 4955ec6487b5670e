"""Inputs by number: the same number gives the same input. A case is a folder's content and what is done with it.

One long file: a number names a case in all of them.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from containers import JUNK, WRITERS, Random, damaged, json_file, npy_bytes, npz_bytes, pick

__all__ = ["KINDS", "Case", "checkpoint_case", "imported"]

_SHARE_WHOLE = 0.15
#: Steps that a flow may take, the fewest of the longest, and states times tokens times steps: the arithmetic of more would
#: itself be the seconds of a hang (10 steps of 3 x 10^5 are 4 of the 5 on a slow core).
_STEPS, _FEWEST, _STATE_STEPS = 200, 3, 600_000


@dataclass(frozen=True)
class Case:
    """An input.

    Args:
        kind: what it is, in a word of `KINDS`.
        run: what is done with it; returns how it ended.
    """

    kind: str
    run: Callable[[], str]


def numbers(rng: Random, shape: tuple[int, ...]) -> np.ndarray:
    """Weights as trained ones are, or of any size, or what is no number."""
    match int(rng.integers(0, 8)):
        case 0:
            values = 10.0 ** rng.uniform(-320, 308, shape) * rng.choice([-1, 1], shape)
        case 1:
            values = np.full(shape, pick(rng, (0.0, 1.0, np.nan, np.inf, 1e38, 1e-45, -87.0, 88.7, 1e308)))
        case _:
            values = rng.normal(size=shape)
    if values.size and rng.random() < 0.05:
        values.reshape(-1)[int(rng.integers(values.size))] = pick(rng, (np.nan, np.inf, -np.inf, 1e39))
    kind = pick(rng, ("<f4",) * 6 + ("<f8", "<f8", "<f2", "<i4", "|u1", "|b1") if rng.random() < 0.3 else ("<f4",))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(values).astype(kind)


def layer(rng: Random) -> dict[str, np.ndarray]:
    """The tensors of one layer of some family, whole or with one of them missing, misshapen or of another name."""
    channels, states, rank = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    rows = rank + 2 * states
    heads = int(rng.integers(1, 4))
    prefix = pick(rng, ("", "layers.0.mixer.", "backbone.layers.0.mixer.", "backbone.layers.3.mixer.", "m.0.mamba."))
    plain = {"A_log": (channels, states), "D": (channels,)}
    linear = {"x_proj.weight": (rows, channels), "dt_proj.weight": (channels, rank), "dt_proj.bias": (channels,)}
    around = {
        "in_proj.weight": (2 * channels, 3), "conv1d.weight": (channels, 1, 4), "conv1d.bias": (channels,),
        "out_proj.weight": (3, channels), "norm.weight": (3,),
    }  # fmt: skip
    match int(rng.integers(0, 9)):
        case 0:
            shapes = {
                "A_log": (heads, channels, states),
                "x_proj_weight": (heads, rows, channels),
                "dt_proj_weight": (heads, channels, rank),
                "dt_proj_bias": (heads, channels),
                "D": (heads, channels),
            }
        case 1:
            shapes = {
                "A_logs": (heads * channels, states),
                "x_proj_weight": (heads, rows, channels),
                "dt_projs_weight": (heads, channels, rank),
                "dt_projs_bias": (heads, channels),
                "Ds": (heads * channels,),
            }
        case 2:
            shapes = {
                "A_log": (channels,),
                "D": (channels,),
                "dt_bias": (channels,),
                "in_proj.weight": (4 * channels, 3),
            }
        case 3:
            back = {
                "A_b_log": (channels, states),
                "D_b": (channels,),
                **{key.replace(".", "_b.", 1): shape for key, shape in linear.items()},
            }
            shapes = {**plain, **linear, **back}
        case 4:
            shapes = {**plain, **linear, "dt_layernorm.weight": (rank,), "b_layernorm.weight": (states,)}
        case 5:
            shapes = {**plain, **linear, "x_proj.bias": (rows,)}
        case _:
            shapes = {**plain, **linear, **(around if rng.random() < 0.5 else {})}
    found = {prefix + key: numbers(rng, shape) for key, shape in shapes.items()}
    while rng.random() < 0.25:
        key = pick(rng, list(found) or ["A_log"])
        match int(rng.integers(0, 4)):
            case 0:
                found.pop(key, None)
            case 1:
                found[key] = numbers(rng, tuple(int(size) for size in rng.integers(0, 5, int(rng.integers(0, 4)))))
            case 2:
                found[str(pick(rng, JUNK)) + key] = found.pop(key, np.ones(1, np.float32))
            case _:
                found[
                    pick(
                        rng,
                        (
                            "A_log",
                            "x.A_log",
                            "A_logs",
                            "A_b_log",
                            "reorder.x",
                            prefix + "parametrizations.x_proj.original",
                        ),
                    )
                ] = numbers(rng, (2, 2))
    return found


def checkpoint(rng: Random, folder: Path) -> str:
    """Write a checkpoint into a folder; what a user would type to name it."""
    wrong = 0.0 if rng.random() < _SHARE_WHOLE else float(rng.uniform(0.2, 0.9))
    tensors = layer(rng)
    if rng.random() < 0.3:
        tensors = {**{f"x{name}": array for name, array in layer(rng).items()}, **tensors}
    suffix = pick(rng, list(WRITERS))
    if rng.random() < 0.8:
        data = WRITERS[suffix](rng, tensors, wrong)
        data = damaged(rng, data) if rng.random() < 0.3 * wrong else data
        path = folder / pick(rng, (f"m{suffix}",) * 6 + ("m", "m.bin", "m.ckpt", "m.npz", "m.safetensors"))
        path.write_bytes(data)
        if rng.random() < 0.2:
            json_file(rng, folder / "config.json", {"model_type": "mamba", "state_size": 16, "layers": [1, 2]}, wrong)
        return str(path)
    names = list(tensors)
    half = int(rng.integers(0, len(names) + 1))
    endings = {
        ".safetensors": ("model-{}.safetensors", "model.safetensors.index.json"),
        ".pt": ("pytorch_model-{}.bin", "pytorch_model.bin.index.json"),
        ".npz": ("m-{}.npz", "x.json"),
    }
    shard, index = endings[suffix]
    for number, part in enumerate((names[:half], names[half:])):
        (folder / shard.format(number)).write_bytes(
            WRITERS[suffix](rng, {key: tensors[key] for key in part}, 0.3 * wrong)
        )
    weight_map = {key: shard.format(int(key in names[half:])) for key in names}
    json_file(rng, folder / index, {"metadata": {"total_size": 1}, "weight_map": weight_map}, 0.5 * wrong)
    if rng.random() < 0.2 * wrong:
        (folder / "loop.safetensors").symlink_to("loop.safetensors")
    return str(folder)


def checkpoint_case(rng: Random, folder: Path, number: int) -> Case:
    """Open it and read every layer; one in sixteen is audited, and its document held against the published schema."""
    source = checkpoint(rng, folder)
    return Case("checkpoint", lambda: _audited(source) if number % 16 == 0 else _opened(source))


def _opened(source: str) -> str:
    from s6flow.numeric.weights import S6Layer, open_checkpoint

    entries = list(open_checkpoint(source).entries())
    for entry in entries:
        assert entry.name.isprintable(), "names are shown ones"
        assert isinstance(entry, S6Layer) or entry.reason.isprintable(), "reasons are one line"
    return "layers" if all(isinstance(entry, S6Layer) for entry in entries) else "withheld"


def _audited(source: str) -> str:
    import json

    from s6flow.numeric.audit import audit, to_json

    report = audit(source, shuffles=2)
    valid(json.loads(json.dumps(to_json(report), allow_nan=False)))
    return "layers" if not report.withheld else "withheld"


def valid(document: Any) -> None:
    """Hold a document of the audit against its published schema."""
    import jsonschema

    from s6flow.numeric.audit import schema

    if not _VALIDATOR:
        _VALIDATOR.append(jsonschema.Draft202012Validator(schema()))
    _VALIDATOR[0].validate(document)


_VALIDATOR: list[Any] = []


def anywhere(rng: Random, *shape: int, high: float = 308.0) -> np.ndarray:
    """Numbers of every size that float64 has, or moderate ones, of both signs."""
    spread = pick(rng, (1.0, 1.0, 0.01, 0.1))
    sizes = np.maximum(10.0 ** (rng.uniform(-323.5, high, shape) * spread), 5e-324)
    found = np.asarray(sizes * rng.choice([-1.0, 1.0], shape))
    return np.where(rng.random(shape) < 0.05, 0.0, found)


def flow_case(rng: Random, folder: Path, number: int, longest: int) -> Case:
    """A flow of any parameters, lengths up to `longest`, batches from 0 on; nothing is NaN without a word."""
    batch = int(pick(rng, (0, 1, 2, 4)))
    states, tokens = int(rng.integers(1, 4)), int(pick(rng, (1, 2, 3, 8, 64)))
    if rng.random() < 0.02:
        tokens, batch = longest, 1
    if rng.random() < 0.1:
        letters = [anywhere(rng, batch, states) for _ in range(4)] + [np.abs(anywhere(rng, batch, states)) + 5e-324]
        given = ("axis", [*letters, anywhere(rng, batch)])
    else:
        decay = np.maximum(np.abs(anywhere(rng, batch, states)), 5e-324)
        given = (
            "flow",
            [
                anywhere(rng, batch, states),
                decay,
                anywhere(rng, batch),
                anywhere(rng, batch),
                np.abs(anywhere(rng, batch)) * (rng.random() < 0.3),
            ],
        )
    start = anywhere(rng, batch, tokens, high=99.5 if given[0] == "flow" else 59.0)
    log_times = np.sort(rng.uniform(-700, 600, int(rng.integers(1, 4))))
    backend = "numba" if given[0] == "flow" and rng.random() < 0.9 else "numpy"
    steps = max(_FEWEST, min(_STEPS, longest // 5, _STATE_STEPS // (states * tokens)))
    return Case("flow", lambda: _flowed(given, start, log_times, backend, steps))


def _flowed(
    given: tuple[str, list[np.ndarray]], start: np.ndarray, log_times: np.ndarray, backend: str, steps: int
) -> str:
    import json

    import s6flow as sf
    from s6flow.numeric.flow import AxisParameters, FlowParameters

    params = {"axis": AxisParameters, "flow": FlowParameters}[given[0]](*given[1])  # type: ignore[arg-type]
    run = sf.integrate(start, params, log_times=log_times, backend=backend, max_steps=steps)
    unknown = ~run.rates_known
    assert not run.ended_well[unknown].any(), "only failed runs lack a pace"
    for value in (run.final_pace, run.final_share):
        assert (np.isnan(value).any(axis=-1) == unknown).all(), "NaN in a pace that is said to be known"
    for value in (run.final_log_time, run.final_log_abs, run.final_sign, run.log_blow_up_time, run.blow_up_time):
        assert not np.isnan(value).any(), "NaN in an end"
    assert not np.isnan(run.log_abs.compressed()).any(), "NaN in a trajectory"
    if given[0] == "flow":
        json.dumps(run.to_json(), allow_nan=False)
    return "failed runs" if len(unknown) and not run.ended_well.all() else "runs"


def array_case(rng: Random, folder: Path, number: int, longest: int) -> Case:
    """A file of token states, or of token ids."""
    wrong = 0.0 if rng.random() < _SHARE_WHOLE else 0.7
    kind = pick(rng, ("<f4", "<f8", "<i8", "<i4", "|u1", "|O", "<U3", "<c8", "|b1", "<M8[s]"))
    shape = tuple(int(size) for size in rng.integers(0, 4, int(rng.integers(0, 4))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays = {f"layers.{place}": rng.integers(0, 9, shape).astype(kind) for place in range(int(rng.integers(1, 3)))}
    data = npz_bytes(rng, arrays, wrong) if rng.random() < 0.9 else npy_bytes(rng, next(iter(arrays.values())), wrong)
    path = folder / "states.npz"
    path.write_bytes(damaged(rng, data) if rng.random() < 0.3 * wrong else data)
    return Case("arrays", lambda: _states(path) if number % 2 else _tokens(path))


def _states(path: Path) -> str:
    from s6flow.commands.audit import token_states

    found = token_states(path)
    assert all(np.isfinite(value).all() for value in found.values()), "states are finite"
    return "states"


def _tokens(path: Path) -> str:
    from s6flow.numeric.trace.inputs import token_file

    found = token_file(path, 100)
    assert found.ndim == 2, "tokens have two axes"
    return "tokens"


def check_case(rng: Random, folder: Path, number: int, longest: int) -> Case:
    """A check of some theorem with any numbers of examples and seeds, or of what is no theorem."""
    identifier = pick(
        rng, ("scaling", "linear-recursion", "stationary", "channel-invariance", "", "x\n", "[/b]", "../x", "A" * 3000)
    )
    backend = pick(rng, ("numpy", "numpy", "numpy", "flint", "", "torch\n"))
    examples, seed = int(pick(rng, (-1, 0, 1, 5, 19, 20, 30))), int(pick(rng, (0, 1, 2**31, 2**63, 2**70)))
    return Case("check", lambda: _checked(identifier, backend, examples, seed))


def _checked(identifier: str, backend: str, examples: int, seed: int) -> str:
    import json

    import s6flow as sf
    from s6flow.numeric.checks.check import LEAST_JUDGED

    found = sf.check(identifier, backend=backend, examples=examples, seed=seed)
    json.dumps(found.to_json(), allow_nan=False)
    assert all(report.examples >= LEAST_JUDGED for report in found.reports if report.verdict.passes), "too few pass"
    return "verdict"


#: What stands in the place of a value of a configuration.
_VALUES = (
    "-1", "0", "1e400", "-1e400", "nan", "10" * 40, "0x" + "f" * 5000, "9" * 5000, "1.5", "true", '""', '"lm"', "[]", "[[]]", "[1, -1]",
    "[0xffffffffffffffffffffffffffffff]", "{}", "{ a = 1 }", '"\\u202e[/b]"', "1979-05-27", "07:32:00", "1" + "[" * 300, "[" * 3000, "",
)  # fmt: skip


def imported() -> None:
    """What cases import late: a first import in the middle of an input would be taken for its deed."""
    if find_spec("torch"):
        import s6flow.numeric.experiments.settings  # noqa: F401


def config_case(rng: Random, folder: Path, number: int, longest: int) -> Case:
    """A configuration with other values, lines that are missing or there twice, or damaged bytes."""
    if not find_spec("torch"):  # which configurations want
        return array_case(rng, folder, number, longest)
    from s6flow.numeric.experiments import config

    source = pick(rng, sorted((Path(config.__file__).parent / "configs").glob("*.toml")))
    lines = source.read_text().splitlines()
    for _ in range(int(rng.integers(0, 4))):
        place = int(rng.integers(len(lines)))
        key = lines[place].partition("=")[0]
        value = pick(rng, _VALUES)
        changed = (
            f"{key}= {value}",
            f"{key}= {value}",
            "",
            f"{lines[place]}\n{lines[place]}",
            f"[{key.strip(' []')}]",
            "x" + lines[place],
        )
        lines[place] = pick(rng, changed)
    data = "\n".join(lines).encode()
    path = folder / pick(rng, ("c.toml",) * 5 + ("c", "c.json"))
    path.write_bytes(damaged(rng, data) if rng.random() < 0.2 else data)
    return Case("config", lambda: _configured(path))


def _configured(path: Path) -> str:
    import json

    from s6flow.numeric.experiments.config import recorded
    from s6flow.numeric.experiments.settings import load_config

    found = load_config(path)
    json.dumps(recorded(found), allow_nan=False)
    assert all(isinstance(seed, int) and seed >= 0 for seed in found.seeds), "seeds are what a generator takes"
    return "config"


#: Kind -> (share of the inputs, what makes one).
KINDS: dict[str, tuple[float, Callable[[Random, Path, int, int], Case]]] = {
    "checkpoint": (0.80, lambda rng, folder, number, longest: checkpoint_case(rng, folder, number)),
    "flow": (0.10, flow_case),
    "arrays": (0.085, array_case),
    "config": (0.01, config_case),
    "check": (0.005, check_case),
}


def case(number: int, folder: Path, longest: int = 1_000) -> Case:
    """The input of a number, made in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    rng = np.random.default_rng((22, number))
    draw = rng.random()
    borders = np.cumsum([share for share, _ in KINDS.values()])
    _, make = list(KINDS.values())[min(int(np.searchsorted(borders, draw, side="right")), len(KINDS) - 1)]
    return make(rng, folder, number, longest)
