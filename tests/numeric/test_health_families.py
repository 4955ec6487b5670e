"""The table of families says what the code does, and the committed pages and the zoo are what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from s6flow.errors import AssumptionError
from s6flow.numeric import zoo
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.numeric.health import diagnose, families, pages
from s6flow.numeric.health.families import FAMILIES
from s6flow.numeric.weights import S6Layer, open_checkpoint

ROOT = Path(__file__).parents[2]
C, N, R, M, H, K = 12, 4, 2, 6, 3, 4
Tensors = dict[str, np.ndarray]


def drawn(**shapes: tuple[int, ...]) -> Tensors:
    rng = np.random.default_rng(len(shapes))
    return {name.replace("__", "."): rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


AROUND: dict[str, tuple[int, ...]] = {
    "in_proj__weight": (2 * C, M),
    "out_proj__weight": (M, C),
    "conv1d__weight": (C, 1, K),
}
PLAIN: dict[str, tuple[int, ...]] = {
    "A_log": (C, N), "D": (C,), "x_proj__weight": (R + 2 * N, C), "dt_proj__weight": (C, R), "dt_proj__bias": (C,), **AROUND,
}  # fmt: skip


def vim() -> Tensors:
    back = {
        "A_b_log": (C, N),
        "D_b": (C,),
        "x_proj_b__weight": (R + 2 * N, C),
        "dt_proj_b__weight": (C, R),
        "dt_proj_b__bias": (C,),
    }
    return drawn(**PLAIN, **back, conv1d_b__weight=(C, 1, K))


def vmamba() -> Tensors:
    return drawn(
        A_logs=(K * C, N), Ds=(K * C,), x_proj_weight=(K, R + 2 * N, C), dt_projs_weight=(K, C, R), dt_projs_bias=(K, C),
        in_proj__weight=(2 * C, M), out_proj__weight=(M, C), conv2d__weight=(C, 1, 3, 3), out_norm__weight=(C,),
    )  # fmt: skip


def zamba() -> Tensors:
    return drawn(
        A_log=(H, C, N), D=(H, C), x_proj_weight=(H, R + 2 * N, C), dt_proj_weight=(H, C, R), dt_proj_bias=(H, C),
        in_proj__weight=(2 * H * C, M), out_proj__weight=(M, H * C), conv1d__weight=(H * C, 1, K),
    )  # fmt: skip


def mamba2(skip: bool) -> Tensors:
    found = drawn(
        A_log=(H,), D=(H,), dt_bias=(H,), in_proj__weight=(2 * C + 2 * N + H, M), conv1d__weight=(C + 2 * N, 1, K),
        norm__weight=(C,), out_proj__weight=(M, C),
    )  # fmt: skip
    return found if skip else {key: found[key] for key in ("A_log", "dt_bias", "out_proj.weight")}


NORMS: dict[str, tuple[int, ...]] = {
    "dt_layernorm__weight": (R,),
    "b_layernorm__weight": (N,),
    "c_layernorm__weight": (N,),
}
#: Name in the table -> tensors of a layer, and a config.json.
EXAMPLES: dict[str, tuple[Callable[[], Tensors], dict[str, Any]]] = {
    "Mamba (state-spaces, Hugging Face)": (lambda: drawn(**PLAIN), {}),
    "Vim": (vim, {}),
    "VMamba, MambaIR, opensr-mamba": (vmamba, {}),
    "MambaVision": (lambda: drawn(**{**PLAIN, "out_proj__weight": (M, 2 * C)}, conv1d_x__weight=(C, 1, K)), {}),
    "Zamba": (zamba, {}),
    "x_proj for B and C only": (
        lambda: drawn(**{**PLAIN, "x_proj__weight": (2 * N, C), "dt_proj__weight": (C, C)}),
        {},
    ),
    "Falcon-Mamba": (lambda: drawn(**PLAIN), {"model_type": "falcon_mamba"}),
    "Jamba": (lambda: drawn(**PLAIN, **NORMS), {}),
    "Mamba-2, Bamba, Zamba-2": (lambda: mamba2(True), {}),
    "gated linear attention": (lambda: mamba2(False), {}),
}


def source(folder: Path, name: str) -> str:
    if name == "typeseg (Flax)":
        return "typeseg"
    make, config = EXAMPLES[name]
    (folder / "config.json").write_text(json.dumps(config))
    save_file({f"backbone.layers.0.mixer.{key}": value for key, value in make().items()}, folder / "model.safetensors")
    return str(folder)


@pytest.mark.parametrize("row", FAMILIES, ids=lambda row: row.name)
def test_the_table_says_what_is_audited(row: families.Family, tmp_path: Path) -> None:
    place = source(tmp_path, row.name)
    entries = list(open_checkpoint(place).entries())
    found = diagnose(place)
    assert all(isinstance(entry, S6Layer) is row.axis for entry in entries)
    assert [layer.name for layer in found.layers] == [entry.name for entry in entries]
    for layer in found.layers:
        assert (layer.numbers["response"] is not None) is row.bounds
        assert layer.numbers["half_life_median"] is not None
        assert layer.numbers["rounds_bf16"] is not None


def test_every_family_has_an_example() -> None:
    assert {row.name for row in FAMILIES} == {*EXAMPLES, "typeseg (Flax)"}


@pytest.mark.parametrize("family", ["Jamba", "FalconMamba"])
@pytest.mark.filterwarnings("ignore:.*normalised")
def test_constrain_refuses_what_has_no_mu(family: str) -> None:
    transformers = pytest.importorskip("transformers")
    from s6flow.numeric.refinements import constrain

    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 11}
    if family == "Jamba":
        sizes |= {
            "intermediate_size": 16,
            "mamba_d_state": 4,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "num_experts": 2,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
        }
    else:
        sizes |= {"state_size": 4}
    model = getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**sizes))
    with pytest.raises(AssumptionError, match="linear maps of x"):
        constrain(model, scenario="positive")


def test_pages_are_what_the_tables_write() -> None:
    for name, made in pages.PAGES.items():
        assert (ROOT / "docs" / name).read_text() == made()
    document = json.loads(zoo.ZOO.read_text())
    assert (ROOT / "docs" / "zoo.md").read_text() == zoo.page(document)


def test_names_are_told_by_what_varies() -> None:
    from s6flow.numeric.audit.output.names import short_names

    assert short_names(["a.0.m", "a.10.m"]) == ("a.*.m", ["0", "10"])
    wide = [f"m/layers.{i}.blocks.{j}.self_attention[direction {k}]" for i, j, k in ((0, 0, 0), (0, 1, 3), (2, 0, 1))]
    assert short_names(wide) == ("m/layers.*.blocks.*.self_attention[direction *]", ["0.0.0", "0.1.3", "2.0.1"])
    assert short_names(["l.3.m", "l.3.m[backward]"])[1] == ["*", "[backward]"]


def test_the_zoo_holds_no_path_and_is_reproduced() -> None:
    text = zoo.ZOO.read_text()
    assert not any(word in text for word in ("/work", "/home", "/tmp", "/root"))
    rows = {row["name"]: row for row in json.loads(text)["checkpoints"]}
    assert all({"licence"} < set(row["origin"]) for row in rows.values())
    for name, place in (("shipped: mixed", str(shipped_checkpoint("mixed"))), ("typeseg", "typeseg")):
        assert zoo.entry(name, place, rows[name]["origin"]) == rows[name]
    dead = [name for name, row in rows.items() if row["counts"].get("dead") == len(row["layers"])]
    assert len(dead) == 2
    assert all("CryptoMamba" in name for name in dead)


def test_heads_leave_by_their_own_columns(tmp_path: Path) -> None:
    content = zamba()
    content["out_proj.weight"][:, C : 2 * C] *= np.float32(1e-25)
    save_file({f"model.layers.0.mamba.{key}": value for key, value in content.items()}, tmp_path / "model.safetensors")
    assert [layer.has("dead") for layer in diagnose(str(tmp_path)).layers] == [False, True, False]


def test_a_branch_beside_the_scan_is_no_gate(tmp_path: Path) -> None:
    """MambaVision concatenates: a vanishing branch beside the scan does not make the scan dead."""
    content = EXAMPLES["MambaVision"][0]()
    content["in_proj.weight"][C:] = 0
    for columns, dead in ((2 * C, False), (C, True)):
        content["out_proj.weight"] = np.ones((M, columns), np.float32)
        save_file({f"l.0.mixer.{key}": value for key, value in content.items()}, tmp_path / "model.safetensors")
        assert diagnose(str(tmp_path)).layers[0].has("dead") is dead
