"""What is said of a layer as a whole: eigenvalue signs, the permutation control, and the audit of real checkpoints.

One long file: its cases share the layers planted at the top.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError, MissingDependencyError, SourceError
from s6flow.numeric.audit import audit, audit_layer, report
from s6flow.numeric.audit.control import permutation_control
from s6flow.numeric.audit.spectrum import product_signature, symmetric_signature
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import NO_THEOREM, End, word
from s6flow.symbolic.programs.rules import cited

ROOT = Path(__file__).resolve().parents[2]


def random_layer(channels: int, states: int, seed: int = 0, shared: float = 0.0, tie: float = 0.0) -> S6Layer:
    """Random weights; `shared` tilts all columns one way, `tie` turns each column of S_C towards that of S_B."""
    rng = np.random.default_rng(seed)
    direction = np.full((states, 1), shared)
    S_B = rng.normal(size=(states, channels)) + direction
    S_C = rng.normal(size=(states, channels)) + direction + tie * S_B
    return S6Layer(
        name=f"random-{seed}",
        a=np.exp(rng.normal(size=(channels, states))),
        S_B=S_B,
        S_C=S_C,
        beta_B=np.zeros(states),
        beta_C=np.zeros(states),
        dt_in=rng.normal(size=(3, channels)),
        dt_out=rng.normal(size=(channels, 3)),
        b=rng.normal(size=channels),
    )


def signs(values: np.ndarray) -> tuple[int, int, int]:
    tolerance = 1e-9 * np.abs(values).max()
    positive, negative = int((values.real > tolerance).sum()), int((values.real < -tolerance).sum())
    return positive, negative, len(values) - positive - negative


class TestSpectrum:
    @pytest.mark.parametrize(
        ("channels", "states"), [(700, 4), (40, 4), (9, 4), (8, 4), (7, 4), (4, 4), (3, 4), (1, 3), (300, 130)]
    )
    def test_equals_the_large_matrix(self, channels: int, states: int) -> None:
        layer = random_layer(channels, states, seed=channels)
        full = layer.S_C.T @ layer.S_B
        product, symmetric = product_signature(layer), symmetric_signature(layer)
        values = np.linalg.eigvals(full)
        assert (product.positive, product.negative, product.zero) == signs(values)
        assert product.complex == int((np.abs(values.imag) > 1e-9 * np.abs(values).max()).sum())
        mirrored = np.linalg.eigvalsh((full + full.T) / 2)
        assert (symmetric.positive, symmetric.negative, symmetric.zero) == signs(mirrored)
        assert symmetric.largest == pytest.approx(mirrored.max(), abs=1e-12 * np.abs(full).max())
        assert symmetric.smallest == pytest.approx(mirrored.min(), abs=1e-12 * np.abs(full).max())
        assert product.largest == pytest.approx(values.real.max(), abs=1e-9)

    def test_sylvester(self) -> None:
        """Independent rows: N positive and N negative, however the layer was trained."""
        for tie in (0.0, 3.0, -3.0):
            found = symmetric_signature(random_layer(50, 6, tie=tie))
            assert (found.positive, found.negative, found.zero) == (6, 6, 38)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_the_constraint_makes_it_semidefinite(self, sign: float) -> None:
        """S_B = diag S_C leaves only N independent rows, and the signature is one-sided."""
        free = random_layer(50, 6)
        scale = sign * np.linspace(0.5, 2.0, 6)[:, None]
        tied = replace(free, S_B=scale * free.S_C)
        found = symmetric_signature(tied)
        assert (found.positive, found.negative, found.zero) == ((6, 0, 44) if sign > 0 else (0, 6, 44))
        assert product_signature(tied).complex == 0

    def test_scale_does_not_matter(self) -> None:
        free = random_layer(50, 6)
        for scale in (1e-30, 1e30):
            scaled = replace(free, S_B=scale * free.S_B)
            assert symmetric_signature(scaled).zero == 38
            assert product_signature(scaled).zero == 44

    def test_zero_projection(self) -> None:
        free = random_layer(50, 6)
        zero = replace(free, S_B=np.zeros_like(free.S_B))
        assert symmetric_signature(zero).zero == product_signature(zero).zero == 50


def exact_moments(layer: S6Layer) -> tuple[float, float]:
    """Mean and sd of the fraction over all permutations: Hoeffding's formula from all pairs of channels."""
    negative = (layer.S_C.T @ layer.S_B < 0).astype(float)
    rows, columns = negative.mean(axis=1, keepdims=True), negative.mean(axis=0, keepdims=True)
    centred = negative - rows - columns + negative.mean()
    count = layer.channels
    return float(negative.mean()), float(np.sqrt((centred**2).sum() / (count - 1)) / count)


class TestControl:
    @pytest.mark.parametrize("shared", [0.0, 1.0])
    def test_moments_are_those_of_all_permutations(self, shared: float) -> None:
        layer = random_layer(120, 5, shared=shared)
        mean, sd = exact_moments(layer)
        control = permutation_control(layer, 3000, seed=1)
        assert control.mean == pytest.approx(mean, abs=4 * sd / np.sqrt(3000))
        assert control.sd == pytest.approx(sd, rel=0.06)
        assert control.fraction == np.mean(layer.mu_n.sum(axis=1) < 0)
        assert control.z == pytest.approx((control.fraction - control.mean) / control.sd)

    def test_the_raw_fraction_misleads(self) -> None:
        """Columns that share a direction tilt the fraction far from one half, and the pairing has no part in it."""
        control = permutation_control(random_layer(400, 5, shared=1.0), 400)
        assert abs(control.fraction - 0.5) > 0.3
        assert abs(control.z) < 3
        assert control.p > 0.01

    def test_real_pairing_is_seen(self) -> None:
        control = permutation_control(random_layer(400, 5, tie=1.0), 400)
        assert control.z < -5
        assert control.p == pytest.approx(1 / 401)

    def test_p_is_uniform_without_pairing(self) -> None:
        values = np.array([permutation_control(random_layer(60, 4, seed=s), 99).p for s in range(200)])
        assert 0.02 < np.mean(values <= 0.1) < 0.2
        assert 0.35 < np.mean(values <= 0.5) < 0.65

    def test_seeds_and_scale(self) -> None:
        layer = random_layer(50, 4)
        first, again, other = (permutation_control(layer, 50, seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first.fractions, again.fractions)
        assert not np.array_equal(first.fractions, other.fractions)
        tiny = replace(layer, S_B=1e-42 * layer.S_B)
        np.testing.assert_array_equal(permutation_control(tiny, 50, 3).fractions, first.fractions)

    def test_no_spread_is_no_score(self) -> None:
        layer = random_layer(20, 3)
        positive = replace(layer, S_B=np.abs(layer.S_B), S_C=np.abs(layer.S_C))
        control = permutation_control(positive, 20)
        assert (control.fraction, control.mean, control.sd, control.p) == (0.0, 0.0, 0.0, 1.0)
        assert np.isnan(control.z)


@pytest.mark.weights
class TestTypeseg:
    def test_verdicts(self) -> None:
        report = audit("typeseg")
        assert [layer.channels for layer in report.layers] == [256] * 6
        assert all(layer.affine and layer.floor > 0 for layer in report.layers)
        assert report.flagged("paper_setting") == (0, 0)
        assert report.flagged("dichotomy_can_fail") == (0, 1536)
        for name in ("positive", "negative"):
            found = report.totals(f"scenario_{name}")
            assert sum(found.values()) == 1536
            # lambda > 0 in every layer: no channel lets small tokens die out, as mu < 0 alone would have it
            assert "convergent" not in found
            assert "slow" not in found
        assert report.totals("theorem_positive") == {"affine-phase-line": 1536}
        assert report.totals("scenario_mixed") == {"not decided": 1536}
        negative = sum(int((layer.numbers("mu") < 0).sum()) for layer in report.layers)
        assert 0 < negative < 1536
        for layer in report.layers:
            assert (layer.symmetric.positive, layer.symmetric.negative) == (16, 16)
            assert layer.product.positive + layer.product.negative == 16

    def test_layers_are_chosen(self) -> None:
        names = [layer.name for layer in audit("typeseg", layers=["*_1", "4"]).layers]
        assert names == ["CheckpointMambaBlock1D_1", "CheckpointMambaBlock1D_4"]
        some = audit("typeseg", layers=["CheckpointMambaBlock1D_4"])
        whole = audit("typeseg").layers[4]
        assert len(some.skipped) == 5
        np.testing.assert_array_equal(some.layers[0].control.fractions, whole.control.fractions)
        with pytest.raises(SourceError, match=r"must match a layer.*'nine'"):
            audit("typeseg", layers=["nine"])

    def test_progress(self) -> None:
        seen: list[tuple[int, int, str]] = []
        audit("typeseg", layers=["0", "3"], progress=lambda done, total, name: seen.append((done, total, name)))
        assert seen == [(1, 2, "CheckpointMambaBlock1D_0"), (2, 2, "CheckpointMambaBlock1D_3")]


def hugging_face(folder: Path, kind: str = "MambaConfig", **options: object) -> str:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    config = getattr(transformers, kind)(vocab_size=11, hidden_size=8, state_size=4, num_hidden_layers=2, **options)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
    model.save_pretrained(folder)
    return str(folder)


def test_hugging_face_mamba(tmp_path: Path) -> None:
    report = audit(hugging_face(tmp_path, time_step_rank=3), simulate=True)
    assert [layer.channels for layer in report.layers] == [16, 16]
    assert not any(layer.affine for layer in report.layers)
    for layer in report.layers:
        converges = layer.numbers("mu") < 0
        for name in ("positive", "negative", "mixed"):
            np.testing.assert_array_equal(layer.words(f"scenario_{name}").where("convergent"), converges)
        simulation = layer.simulation
        assert simulation is not None
        open_ = word(End.NOT_DECIDED)
        some = np.any([layer.words(f"scenario_{name}").where(open_) for name in SIGNS], axis=0)
        pairs = (
            simulation.starts - 6 * 16
        )  # two of either sign where theory decides no start, less those that K leaves open
        assert 0 <= pairs <= 4 * (some & ~converges).sum()
        assert sum(simulation.confusion.values()) == simulation.starts
        assert simulation.disagreements == ()
        assert simulation.reference_error < 1e-12
    assert {p for layer in report.layers for p, _ in layer.simulation.confusion} >= {"convergent", "slow"}  # type: ignore[union-attr]


def test_simulations_run_where_an_interruption_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python delivers Ctrl-C to the main thread alone; a pool would first finish its layers."""
    seen = []

    def interrupted(*_: object, **__: object) -> None:
        seen.append(threading.current_thread() is threading.main_thread())
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "audit_layer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        audit("typeseg", simulate=True)
    assert seen == [True]


def test_withheld_layers_have_their_health(tmp_path: Path) -> None:
    found = audit(hugging_face(tmp_path, "FalconMambaConfig", time_step_rank=3))
    assert found.layers == ()
    assert all("Falcon-Mamba" in entry.reason for entry in found.withheld)
    assert [layer.name for layer in found.health.layers] == [entry.name for entry in found.withheld]
    assert all(layer.kind == "normed S6" and layer.numbers["h_max"] for layer in found.health.layers)


class TestBadInput:
    def test_sources(self, tmp_path: Path) -> None:
        (tmp_path / "empty.safetensors").write_bytes(b"")
        (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
        (tmp_path / "folder").mkdir()
        for name, kind in (("missing", SourceError), ("empty.safetensors", FormatError), ("folder", SourceError)):
            with pytest.raises(kind):
                audit(str(tmp_path / name))
        with pytest.raises(FormatError):
            audit(str(tmp_path / "cut.safetensors"))

    def test_options(self) -> None:
        with pytest.raises(AssumptionError, match="seed"):
            audit("typeseg", seed=-1)
        with pytest.raises(AssumptionError, match="shuffles"):
            audit("typeseg", shuffles=1)
        with pytest.raises(AssumptionError, match="device must be one of cpu, cuda; got abacus"):
            audit("typeseg", device="abacus")

    def test_certificates_without_flint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "flint", None)
        with pytest.raises(MissingDependencyError, match="python-flint"):
            audit_layer(random_layer(5, 3), certify=True, shuffles=2)

    def test_nan_is_withheld_and_named(self, tmp_path: Path) -> None:
        from safetensors.numpy import save_file

        rng = np.random.default_rng(0)
        shapes = {
            "A_log": (8, 4),
            "D": (8,),
            "x_proj.weight": (2 + 2 * 4, 8),
            "dt_proj.weight": (8, 2),
            "dt_proj.bias": (8,),
        }
        tensors = {
            f"backbone.layers.{layer}.mixer.{name}": rng.normal(size=shape).astype(np.float32)
            for layer in range(3)
            for name, shape in shapes.items()
        }
        path = tmp_path / "m.safetensors"
        tensors["backbone.layers.1.mixer.x_proj.weight"][3, 5] = np.nan
        save_file(tensors, path)
        report = audit(str(path))
        assert [layer.name for layer in report.layers] == [f"backbone.layers.{i}.mixer" for i in (0, 2)]
        assert [entry.name for entry in report.withheld] == ["backbone.layers.1.mixer"]
        assert "nan" in report.withheld[0].reason.lower()


def test_certificates_agree_with_the_scan() -> None:
    pytest.importorskip("flint")
    layer = audit_layer(random_layer(60, 6), certify=True, shuffles=2)
    positive = layer.numbers("mu") > 0
    certified, fails = layer.words("certified"), layer.numbers("dichotomy_can_fail") == 1
    np.testing.assert_array_equal(~certified.where("not asked"), positive)
    np.testing.assert_array_equal(certified.where("fails"), fails)
    np.testing.assert_array_equal(certified.where("holds"), positive & ~fails)
    assert 3 < fails.sum() < positive.sum() - 3


def test_theorems_are_in_the_registry() -> None:
    files = {path.stem.replace("_", "-") for path in (ROOT / "s6flow" / "proofs" / "theorems").glob("*/*.py")}
    assert len(files) > 10
    assert set(cited()) - {NO_THEOREM} <= files


def test_memory_of_a_wide_layer() -> None:
    """4096 channels: a D x D matrix of float64 alone would take 128 MiB more than the layer."""
    code = (
        "import resource, sys; sys.path.insert(0, 'tests/numeric')\n"
        "from test_audit_layers import random_layer\n"
        "from s6flow.numeric.audit import audit_layer\n"
        "audit_layer(random_layer(64, 16), shuffles=3)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "audit_layer(random_layer(4096, 16), shuffles=200)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100 * 1024
