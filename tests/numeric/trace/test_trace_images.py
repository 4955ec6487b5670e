"""Traces of vision models: images go in as they are, and mixers of vision families are watched where they can be.

One long file: its cases share the made vision models.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import s6flow as sf  # noqa: E402
from s6flow.errors import FormatError  # noqa: E402
from s6flow.numeric.experiments.config import ModelConfig  # noqa: E402
from s6flow.numeric.experiments.model import Block, S6Stack  # noqa: E402
from s6flow.numeric.trace import run, trace  # noqa: E402
from s6flow.numeric.trace.scans import hidden, s6_inputs, tap  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone")
WIDTH, STATES, INNER, RANK, SIDE, PATCH = 16, 4, 16, 2, 16, 4
TOKENS = (SIDE // PATCH) ** 2
nn = torch.nn


class Patches(nn.Module):  # type: ignore[misc]
    """Pixels to tokens, shape (batch, token, width), or to an image of them with the channels first."""

    def __init__(self, flat: bool = True) -> None:
        super().__init__()
        self.proj, self.flat = nn.Conv2d(3, WIDTH, PATCH, PATCH), flat

    def forward(self, pixels: Any) -> Any:
        found = self.proj(pixels)
        return found.flatten(2).mT if self.flat else found


class Plain(nn.Module):  # type: ignore[misc]
    """A Hugging Face-like backbone of our own blocks."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        sizes = ModelConfig(width=WIDTH, layers=layers, state=STATES)
        self.embed = Patches()
        self.layers = nn.ModuleList([Block(sizes, index, False) for index in range(layers)])
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, pixel_values: Any) -> Any:
        x = self.embed(pixel_values)
        for block in self.layers:
            x = x + block.update(x)
        return self.head(x.mean(1))


class Last(nn.Module):  # type: ignore[misc]
    """Patches as an image whose channels come last."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Patches(flat=False)

    def forward(self, x: Any) -> Any:
        return self.inner(x).movedim(1, -1)


class Vision(nn.Module):  # type: ignore[misc]
    """MambaVision's mixer: a scan on one half, a branch beside it on the other, and the step bias added twice."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj = nn.Linear(WIDTH, 2 * INNER, bias=False)
        self.x_proj = nn.Linear(INNER, RANK + 2 * STATES, bias=False)
        self.dt_proj = nn.Linear(RANK, INNER)
        self.conv1d_x, self.conv1d_z = (nn.Conv1d(INNER, INNER, 3, groups=INNER, padding="same") for _ in "xz")
        self.A_log = nn.Parameter(torch.arange(1.0, STATES + 1).log().repeat(INNER, 1))
        self.D = nn.Parameter(torch.ones(INNER))
        self.out_proj = nn.Linear(2 * INNER, WIDTH, bias=False)
        self.states: Any = None

    def forward(self, x: Any) -> Any:
        u, z = self.in_proj(x).mT.chunk(2, dim=1)
        u, z = (nn.functional.silu(conv(part)) for conv, part in ((self.conv1d_x, u), (self.conv1d_z, z)))
        flat = self.x_proj(u.mT.reshape(-1, INNER))
        low, B, C = (part.reshape(len(x), -1, part.shape[-1]) for part in flat.split([RANK, STATES, STATES], dim=-1))
        step = nn.functional.softplus(self.dt_proj(low) + self.dt_proj.bias)
        h, outs, states = 0.0, [], []
        for t in range(x.shape[1]):
            gate = torch.exp(-step[:, t, :, None] * self.A_log.exp())
            h = gate * h + step[:, t, :, None] * u[:, :, t, None] * B[:, t, None, :]
            outs.append((h * C[:, t, None, :]).sum(-1) + self.D * u[:, :, t])
            states.append(h)
        self.states, self.steps = torch.stack(states), step
        return self.out_proj(torch.cat([torch.stack(outs, 1), z.mT], dim=-1))


class Stacked(nn.Module):  # type: ignore[misc]
    """VMamba's op: a gate, a convolution, scans along rows, columns and both from their ends, whose sum is normalised."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.A_logs = nn.Parameter(torch.zeros(4 * INNER, STATES))
        self.x_proj_weight = nn.Parameter(0.1 * torch.randn(4, RANK + 2 * STATES, INNER))
        self.dt_projs_weight = nn.Parameter(0.1 * torch.randn(4, INNER, RANK))
        self.dt_projs_bias = nn.Parameter(torch.zeros(4, INNER))
        self.Ds = nn.Parameter(torch.ones(4 * INNER))
        self.in_proj, self.out_proj = nn.Linear(WIDTH, 2 * INNER, bias=False), nn.Linear(INNER, WIDTH, bias=False)
        self.conv2d, self.act = nn.Conv2d(INNER, INNER, 3, padding=1, groups=INNER), nn.SiLU()
        self.out_norm = nn.LayerNorm(INNER)

    def forward(self, x: Any) -> Any:
        x = x.movedim(1, -1) if self.first else x
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u = self.act(self.conv2d(u.movedim(-1, 1)))
        rows = [u.flatten(2), u.mT.flatten(2)]
        self.lines = [*rows, *(line.flip(-1) for line in rows)]
        self.scans = [self.scan(place, line) for place, line in enumerate(self.lines)]
        forth = [self.scans[place][1] + self.scans[place + 2][1].flip(-1) for place in (0, 1)]
        y = forth[0] + forth[1].unflatten(-1, u.shape[:1:-1]).mT.flatten(2)
        y = self.out_norm(y.mT).unflatten(1, u.shape[2:])
        out = self.out_proj(y * nn.functional.silu(z))
        return out.movedim(-1, 1) if self.first else out

    def scan(self, k: int, line: Any) -> Any:
        """States and outputs of a direction, token by token; line: batch, channel, token."""
        parts = (self.x_proj_weight[k] @ line).split([RANK, STATES, STATES], dim=1)
        step = nn.functional.softplus(self.dt_projs_weight[k] @ parts[0] + self.dt_projs_bias[k][:, None])
        own = slice(k * INNER, (k + 1) * INNER)
        h, states, outs = 0.0, [], []
        for t in range(line.shape[-1]):
            gate = torch.exp(-step[:, :, t, None] * self.A_logs[own].exp())
            h = gate * h + step[:, :, t, None] * line[:, :, t, None] * parts[1][:, None, :, t]
            states.append(h)
            outs.append((h * parts[2][:, None, :, t]).sum(-1) + self.Ds[own] * line[:, :, t])
        return torch.stack(states), torch.stack(outs, -1), step


class Norm2d(nn.LayerNorm):  # type: ignore[misc]
    """A norm of the channels of an image that has them first."""

    def forward(self, x: Any) -> Any:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class VisionBlock(nn.Module):  # type: ignore[misc]
    """norm1, mixer and, as MambaVision has it, a gain on what the mixer gives."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.norm1, self.mixer = nn.LayerNorm(WIDTH), Vision()
        self.gamma_1 = nn.Parameter(torch.full((WIDTH,), gain))

    def forward(self, x: Any) -> Any:
        return x + self.gamma_1 * self.mixer(self.norm1(x))


class StackedBlock(nn.Module):  # type: ignore[misc]
    """norm and op; as MambaIR has it, with a scale on the stream."""

    def __init__(self, first: bool, scale: bool) -> None:
        super().__init__()
        self.norm, self.op = Norm2d(WIDTH) if first else nn.LayerNorm(WIDTH), Stacked(first)
        self.skip_scale = nn.Parameter(torch.full((WIDTH,), 0.5)) if scale else None

    def forward(self, x: Any) -> Any:
        return x * (1.0 if self.skip_scale is None else self.skip_scale) + self.op(self.norm(x))


class Chain(nn.Module):  # type: ignore[misc]
    """Patches, then blocks; keeps the stream in front of each and behind the last."""

    def __init__(self, patches: Any, *blocks: Any) -> None:
        super().__init__()
        self.patches, self.blocks = patches, nn.ModuleList(blocks)

    def forward(self, x: Any) -> Any:
        x = self.patches(x)
        self.stream = [x]
        for block in self.blocks:
            x = block(x)
            self.stream.append(x)
        return x


@pytest.fixture
def images() -> Any:
    return torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


def drawn(make: Callable[[], Any]) -> Any:
    torch.manual_seed(3)
    return make()


def known(layer: Any) -> dict[str, float]:
    """A layer's numbers, -1 where there is none."""
    return {name: -1.0 if value is None else value for name, value in layer.numbers.items()}


def test_pixel_values_go_in_as_they_are_and_give_what_their_tokens_give(images: Any) -> None:
    model = drawn(Plain)
    found = sf.trace(model, {"pixel_values": images})
    assert (found.batch, found.length, found.inputs) == (3, TOKENS, f"images of 3 x {SIDE} x {SIDE}")
    assert {check.verdict for layer in found.layers for check in layer.checks} == {"HOLDS"}
    assert f"3 x {TOKENS} tokens of images of 3 x {SIDE} x {SIDE}" in " ".join(repr(found).split())
    stack = S6Stack(ModelConfig(width=WIDTH, layers=3, state=STATES), 5)
    stack.backbone.layers.load_state_dict(model.layers.state_dict())
    stack.backbone.embedding = nn.Identity()
    for one, two in zip(found.layers, trace(stack, model.embed(images).detach()).layers, strict=True):
        assert known(one) == pytest.approx(known(two), rel=1e-6, abs=1e-12)
    assert trace(model, images).layers == found.layers  # a bare tensor of four axes is an image, too
    assert trace(model, images.double()).layers == found.layers  # in the model's own format
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["inputs"] == found.inputs


def test_a_batch_of_images_that_does_not_fit_is_halved(images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, real = drawn(Plain), run.forward_pass
    whole = trace(model, images)

    def full(network: Any, part: Any) -> None:
        if len(part) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        real(network, part)

    monkeypatch.setattr(run, "forward_pass", full)
    again = trace(model, images)
    assert again.notes == ("Out of memory: 3 sequences were run as 1 and 2.",)
    assert (again.batch, again.length) == (whole.batch, whole.length)
    assert known(again.layers[2]) == pytest.approx(known(whole.layers[2]), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("gain", [0.5, -3.0])
def test_a_mixer_as_mambavision_has_it(images: Any, gain: float) -> None:
    model = drawn(lambda: Chain(Patches(), VisionBlock(gain), VisionBlock(gain)))
    found = trace(model, images)
    model(images)
    for place, (layer, block) in enumerate(zip(found.layers, model.blocks, strict=True)):
        assert layer.untraced == ()
        assert {check.verdict for check in layer.checks} == {"HOLDS"}
        states, steps = block.mixer.states.detach().double(), block.mixer.steps.detach().double()
        assert layer.numbers["h_max"] == pytest.approx(float(states.abs().max()), rel=1e-4)
        assert layer.numbers["step_max"] == pytest.approx(float(steps.max()), rel=1e-4)
        x, after = (model.stream[place + shift].detach().double() for shift in (0, 1))
        ratio = ((after - x).norm(dim=-1) / x.norm(dim=-1)).flatten().numpy()
        assert layer.numbers["ratio"] == pytest.approx(float(np.median(ratio)), rel=1e-5)
    mixer = model.blocks[0].mixer
    with torch.no_grad():
        mixer.x_proj.weight.zero_()
        given = s6_inputs(mixer, torch.zeros(1, 1, INNER))
    assert torch.equal(given.step[0, 0], nn.functional.softplus(2 * mixer.dt_proj.bias.double()))


@pytest.mark.parametrize("first", [False, True])
def test_stacked_directions_are_traced_whole(images: Any, first: bool) -> None:
    model = drawn(
        lambda: Chain(Patches(flat=False) if first else Last(), StackedBlock(first, False), StackedBlock(first, False))
    )
    found = trace(model, images)
    model(images)
    assert [layer.name for layer in found.layers] == ["blocks.0.op", "blocks.1.op"]
    assert found.length == TOKENS
    for place, layer in enumerate(found.layers):
        stream = model.stream[place].double()
        rms = stream.square().mean(1 if first else -1).sqrt().flatten().detach().numpy()
        assert layer.numbers["rms"] == pytest.approx(float(np.median(rms)), rel=1e-6)
        assert layer.untraced == ()
        op = model.blocks[place].op
        states, outs, steps = (torch.stack(parts).detach().double() for parts in zip(*op.scans, strict=True))
        for name, value in (("h_max", states), ("y_max", outs), ("step_max", steps), ("u_max", op.lines[0].detach())):
            assert layer.numbers[name] == pytest.approx(float(value.abs().max()), rel=1e-5), name
        verdicts = {check.name: (check.verdict, check.why) for check in layer.checks}
        assert verdicts.pop("E[C.B]") == ("NOT JUDGED", "each direction has maps of its own")
        assert {verdict for verdict, _ in verdicts.values()} == {"HOLDS"}
        assert {"u", "step", "h", "y", "update", "h over its bound", "h, for inputs as seen"} < set(verdicts)


def test_each_direction_is_scanned_in_its_own_order(images: Any) -> None:
    """Channel by channel, and no other order gives the same states."""
    model = drawn(lambda: Chain(Patches(flat=False), StackedBlock(True, False)))
    op, seen = model.blocks[0].op, []
    op.conv2d.register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.no_grad():
        model(images)
        given = tap(op).inputs(seen[0])
    lines = torch.cat(op.lines, dim=1).mT.double()
    assert torch.allclose(given.x, lines, rtol=1e-5)
    assert torch.allclose(given.step, torch.cat([scan[2] for scan in op.scans], dim=1).mT.double(), rtol=1e-4)
    assert not torch.allclose(given.x[..., :INNER], given.x[..., INNER : 2 * INNER])
    assert tap(op).parts == tuple(f"[direction {place}]" for place in range(4))


def test_stacks_that_are_laid_out_otherwise_are_traced_in_the_residual_stream(images: Any) -> None:
    model = drawn(lambda: Chain(Patches(flat=False), StackedBlock(True, False)))
    op = model.blocks[0].op
    assert hidden(op, "") == ""
    op.x_proj_weight = nn.Parameter(op.x_proj_weight.data[:2])
    assert hidden(op, "").startswith("2 directions, where VMamba has 4")
    op = drawn(lambda: Stacked(True))
    op.act = nn.GELU()
    assert "not SiLU" in hidden(op, "")
    del op.conv2d
    assert "no conv2d" in hidden(op, "")


def test_a_stream_that_the_block_scales_is_not_traced(images: Any) -> None:
    (layer,) = trace(Chain(Last(), StackedBlock(False, True)), images).layers
    assert layer.numbers["rms"] is None
    assert layer.untraced[0].startswith("residual stream")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"pixel_values": torch.zeros(1, 3, 8)}, r"pixel values must be floats with axes .* got torch.float32, \(1, 3, 8\)"),
        ({"pixel_values": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, "pixel values must be floats"),
        ({"pixel_values": "words"}, "array of images"),
        ({"pixel_values": torch.zeros(0, 3, 8, 8)}, "at least one token"),
        (torch.zeros(1, 1, 3, 8, 8), "axes"),
        (torch.zeros(1, 4, 8, 8), r"the model must take what it is given; got images of 4 x 8 x 8: .*channels"),
        (torch.zeros(1, 3, 2, 2), "images of 3 x 2 x 2: "),
        (torch.tensor([[1, 2, 3]]), r"the model must take what it is given; got tokens: .* \(--images\)"),
    ],
)  # fmt: skip
def test_images_of_a_wrong_shape_are_one_line(batch: Any, words: str) -> None:
    with pytest.raises(FormatError, match=words) as caught:
        trace(drawn(Plain), batch)
    assert len(str(caught.value).splitlines()) == 1


def test_images_for_a_language_model_are_one_line(images: Any) -> None:
    with pytest.raises(FormatError, match="the model must take what it is given; got images"):
        trace(S6Stack(ModelConfig(width=WIDTH, layers=1, state=STATES), 7), images)


def test_nan_is_named_by_the_first_layer_and_tensor(images: Any) -> None:
    model = drawn(Plain)
    wrong = images.clone()
    wrong[1, 2, 0, 5] = float("nan")
    with pytest.raises(FormatError, match=r"^inputs must be finite; got nan at batch\[1, 2, 0, 5\]"):
        trace(model, wrong)
    with torch.no_grad():
        model.layers[1].mixer.D[3] = float("nan")
    with pytest.raises(FormatError, match=r"^activations must be finite; got nan in its update, .* at layers.1.mixer") as caught:  # fmt: skip
        trace(model, images)
    assert "mixer.D[3] = nan" in str(caught.value)
    model = drawn(lambda: Chain(Patches(), VisionBlock(1.0), VisionBlock(1.0)))
    with torch.no_grad():
        model.patches.proj.bias[0] = float("inf")
    with pytest.raises(FormatError, match=r"inf in the residual stream in front of it, .* at blocks\.0\.mixer"):
        trace(model, images)


def test_damage_of_one_direction_is_that_of_its_mixer(images: Any) -> None:
    model = drawn(lambda: Chain(Last(), StackedBlock(False, False)))
    with torch.no_grad():
        model.blocks[0].op.dt_projs_bias[2, 1] = float("nan")
        model.blocks[0].op.in_proj.weight[0, 0] = float("nan")
    with pytest.raises(FormatError, match="nan in u, the input of its scan") as caught:
        trace(model, images)
    assert "Its weights hold" in str(caught.value)
    model = drawn(lambda: Chain(Last(), StackedBlock(False, False)))
    with torch.no_grad():
        model.blocks[0].op.dt_projs_bias[2, 1] = float("nan")
    with pytest.raises(FormatError, match=r"nan in its update, .* Its weights hold blocks.0.op.dt_projs_bias\[1\]"):
        trace(model, images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vision model that transformers knows by its configuration, saved."""
    transformers = pytest.importorskip("transformers")

    class TinyConfig(transformers.PretrainedConfig):  # type: ignore[misc]
        model_type = "tiny-vision-of-the-tests"

    class TinyVision(transformers.PreTrainedModel):  # type: ignore[misc]
        config_class, main_input_name = TinyConfig, "pixel_values"

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.inner = Plain(2)
            self.post_init()

        def forward(self, pixel_values: Any) -> Any:
            return self.inner(pixel_values)

    transformers.AutoConfig.register(TinyConfig.model_type, TinyConfig)
    transformers.AutoModel.register(TinyConfig, TinyVision)
    path = tmp_path_factory.mktemp("vision") / "model"
    drawn(lambda: TinyVision(TinyConfig())).save_pretrained(path)
    return path


def test_the_command_reads_images(command: Any, folder: Path, images: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images.numpy())
    status, out, err = command(folder, "--images", tmp_path / "images.npz", "--json")
    assert (status, "Error" in err) == (0, False)
    document = json.loads(out)
    assert (document["batch"], document["length"], len(document["layers"])) == (3, TOKENS, 2)
    assert document["inputs"] == f"images of 3 x {SIDE} x {SIDE}"


def test_bad_files_of_images_are_one_line(command: Any, folder: Path, images: Any, tmp_path: Path) -> None:
    files = {
        "flat": images[0].numpy(),
        "bytes": np.zeros((1, 3, SIDE, SIDE), np.uint8),
        "nan": np.full((1, 3, SIDE, SIDE), np.nan, np.float32),
        "grey": np.zeros((1, 1, SIDE, SIDE), np.float32),
    }
    for name, array in files.items():
        np.savez(tmp_path / f"{name}.npz", array)
    text = tmp_path / "text"
    text.write_text("no picture")
    for arguments, words in (
        (("--images", tmp_path / "flat.npz"), "--images needs one array, shape (batch, channel, height, width)"),
        (("--images", tmp_path / "bytes.npz"), "--images needs floats; got uint8"),
        (("--images", tmp_path / "nan.npz"), "inputs must be finite; got nan at batch[0, 0, 0, 0]"),
        (("--images", tmp_path / "grey.npz"), "images of 1 x 16 x 16"),
        (("--images", text), "--images needs an npz file of images"),
        (("--images", tmp_path / "flat.npz", "--text", text), "one of --text, --tokens and --images"),
        (("--text", text), "(--images)"),
    ):
        status, _, err = command(folder, *arguments)
        assert status == 1, arguments
        lines = [line for line in err.splitlines() if "Error" in line]
        assert len(lines) == 1, err
        assert words in lines[0]


def _hugging_face(kind: str, **options: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 11, "hidden_size": WIDTH, "num_hidden_layers": 2, **options}
    return getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**sizes))


_SMALL = {"state_size": STATES, "time_step_rank": RANK}
FAMILY: dict[str, tuple[Callable[[], Any], bool]] = {
    "Mamba (state-spaces, Hugging Face)": (lambda: _hugging_face("Mamba", **_SMALL), False),
    "Falcon-Mamba": (lambda: _hugging_face("FalconMamba", **_SMALL), False),
    "Mamba-2, Bamba, Zamba-2": (lambda: _hugging_face("Mamba2", num_heads=4, head_dim=8, n_groups=1, chunk_size=8), False),
    "MambaVision": (lambda: Chain(Patches(), VisionBlock(1.0)), True),
    "VMamba, MambaIR, opensr-mamba": (lambda: Chain(Last(), StackedBlock(False, False)), True),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILY)
def test_the_table_of_families_says_what_is_traced(images: Any, name: str) -> None:
    from s6flow.numeric.health.families import FAMILIES

    told = next(row.trace for row in FAMILIES if row.name == name)
    make, sees = FAMILY[name]
    for layer in trace(drawn(make), images if sees else torch.arange(16).reshape(2, 8) % 11).layers:
        assert layer.numbers["ratio"] > 0
        assert (layer.numbers["h_max"] is not None) is (told == "whole")
        assert told in ("whole", "stream")


class Both(nn.Module):  # type: ignore[misc]
    """Vim's mixer where neither scan writes: what it adds are the skips of its two directions."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(WIDTH, 2 * INNER, bias=False), nn.Linear(INNER, WIDTH, bias=False)
        for end in ("", "_b"):
            setattr(self, f"conv1d{end}", nn.Conv1d(INNER, INNER, 1, groups=INNER))
            setattr(self, f"x_proj{end}", nn.Linear(INNER, RANK + 2 * STATES, bias=False))
            setattr(self, f"dt_proj{end}", nn.Linear(RANK, INNER))
            getattr(self, f"x_proj{end}").weight.data.zero_()
        self.A_log, self.A_b_log = (nn.Parameter(torch.zeros(INNER, STATES)) for _ in "fb")
        self.D, self.D_b = nn.Parameter(torch.zeros(INNER)), nn.Parameter(torch.ones(INNER))

    def forward(self, x: Any) -> Any:
        u, z = self.in_proj(x).mT.chunk(2, dim=1)
        sides = ((self.conv1d, self.D, u), (self.conv1d_b, self.D_b, u.flip(-1)))
        one, two = (nn.functional.silu(conv(line)) * skip[:, None] for conv, skip, line in sides)
        return self.out_proj(((one + two.flip(-1)) * nn.functional.silu(z)).mT)


def test_an_update_of_two_directions_is_judged_beside_the_bounds_of_both() -> None:
    """The forward layer alone can add nothing; the backward one does, and its bound is counted."""
    torch.manual_seed(0)
    block = nn.Module()
    block.norm, block.mixer = nn.LayerNorm(WIDTH), Both()
    block.forward = lambda x: x + block.mixer(block.norm(x))
    network = nn.Sequential(block)
    layer = sf.trace(network, torch.randn(2, 9, WIDTH)).layers[0]
    (check,) = (row for row in layer.checks if row.name == "update")
    assert check.verdict == "HOLDS"
    assert 0 < check.measured <= check.bound
    with torch.no_grad():
        block.mixer.D_b.zero_()
        block.mixer.D.fill_(1.0)
    (other,) = (row for row in sf.trace(network, torch.randn(2, 9, WIDTH)).layers[0].checks if row.name == "update")
    assert other.bound == pytest.approx(check.bound, rel=0.5)
