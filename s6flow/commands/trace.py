"""s6flow trace: a network on real tokens, layer by layer, beside the theorems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from s6flow.commands.outputs import STDOUT, OutputFile, say, say_json, say_note, say_numbers, say_table, say_written
from s6flow.errors import FormatError, S6FlowError, SourceError
from s6flow.files import refuse_clashes, write_atomic
from s6flow.progress import bar

if TYPE_CHECKING:
    from s6flow.api.traces import Trace

__all__ = ["trace"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
#: Number, or number and its bound -> what stands above it.
_COLUMNS = {
    ("rms",): "|x| rms", ("ratio",): "|upd|/|x|", ("turn",): "turn", ("alignment",): "align", ("top",): "top",
    ("participation",): "channels", ("own_positive",): "C.B > 0", ("own_mean",): "E[C.B]", ("life_median",): "half-life",
    ("full_max",): "h/seen bound", ("rounds_bf16",): "bf16 = 1", ("margin_fp16",): "fp16 bits", ("u_max", "u_bound"): "u / bound",
    ("step_max", "step_bound"): "step / bound", ("h_max", "h_bound"): "h / bound", ("y_max", "y_bound"): "y / bound",
    ("update_max", "update_bound"): "update / bound",
}  # fmt: skip
#: What the columns are, for one who sees them for the first time.
_LEGEND = (
    "flow?: whether the continuous limit describes the layer. |x|: the stream in front of it; upd: what it adds; turn: by how "
    "much that turns x, in radians; align: cosine of the two; top: share of the largest channel in |x|^2; channels: how many "
    "carry it. C.B > 0: share of tokens; half-life: in tokens, counted; h/seen bound: largest share of a state's bound for the "
    "inputs and steps that it saw, 1 at most; bf16 = 1: share of gates that round to one there, which never forget; fp16 bits: "
    "between the largest number met and the largest of the format."
)


@click.command()
@click.argument("model", required=False)
@click.option("--text", type=_FILE, help="A text to read; else the source of a module of Python.")
@click.option("--tokens", type=_FILE, help="npz: one array of token ids, (token,) or (batch, token).")
@click.option(
    "--images", type=_FILE, help="npz: one array of floats, (batch, channel, height, width), for a vision model."
)
@click.option(
    "--length", type=click.IntRange(1), default=2048, show_default=True, help="Tokens of a sequence, at most."
)
@click.option(
    "--context", type=click.IntRange(1), default=2048, show_default=True, help="Tokens that memory is compared with."
)
@click.option("--device", help="cpu or cuda; where the weights are by default.")
@click.option("--certify", is_flag=True, help="Compute the bounds from weights in ball arithmetic.")
@click.option(
    "--json", "path", type=OutputFile(), is_flag=False, flag_value=STDOUT, help="Write JSON; alone: print it."
)
def trace(
    model: str | None,
    text: Path | None,
    tokens: Path | None,
    images: Path | None,
    length: int,
    context: int,
    device: str | None,
    certify: bool,
    path: Path | None,
) -> int:
    """Run the network MODEL on a text and measure every layer beside what the theorems say.

    MODEL is a Hugging Face folder or hub id (Mamba, Mamba-2 and its kin, Falcon-Mamba, Jamba; vision models with --images), or a
    file or folder with mamba-ssm's names of tensors; without MODEL the shipped one. Exit status 1: a theorem's bound is exceeded; its name is on stderr.
    """
    given = {"--text": text, "--tokens": tokens, "--images": images}
    named = [option for option, file in given.items() if file is not None]
    if len(named) > 1:
        raise FormatError(
            "a trace reads one of --text, --tokens and --images", ", ".join(named), "trace", "Choose one."
        )
    from s6flow.api.traces import trace as traced
    from s6flow.numeric.experiments import shipped_checkpoint
    from s6flow.numeric.trace import TraceError
    from s6flow.numeric.trace.inputs import image_file, load_network, text_tokens, token_file
    from s6flow.numeric.weights.locate import input_files

    if model is None:
        model = str(shipped_checkpoint())
        say_note("No MODEL: the shipped checkpoint trained without a constraint, on bytes.")
    else:
        _refuse_missing(model)
    if path is not None and path != STDOUT:
        read = {option: [file] if file else [] for option, file in given.items()}
        refuse_clashes({"--json": [path]}, {"MODEL": list(input_files(model)), **read})
    if images is not None:
        ids, said = image_file(images), list[str]()
    elif tokens is not None:
        ids, said = token_file(tokens, length), list[str]()
    else:
        ids, said = text_tokens(model, text, length)
    network = load_network(model)
    for line in said:  # before the run, which may refuse what they speak of
        say_note(line)
    failed = None
    try:
        with _layer_by_layer(network):
            found = traced(network, ids, context=context, device=device, certify=certify, source=model)
    except TraceError as error:
        failed, found = error, error.found
    if path == STDOUT:
        say_json(found.to_json())
    else:
        _show(found)
        if path is not None:
            import json

            text_out = json.dumps(found.to_json(), allow_nan=False, ensure_ascii=False)
            say_written([write_atomic(path, text_out + "\n")])
    if failed is not None:
        raise failed
    return 0


@contextmanager
def _layer_by_layer(network: Any) -> Iterator[None]:
    """A bar that moves when a layer has run, before it is measured; a batch that is taken in parts moves it again for each."""
    from s6flow.numeric.trace.places import places

    with bar("tracing") as tell:
        try:
            found = places(network)
        except S6FlowError:  # which the trace itself says
            found = ()
        handles = []
        for index, place in enumerate(found):

            def moved(*_: Any, done: int = index + 1, name: str = place.name) -> None:
                tell(done, len(found), name)

            handles.append(place.mixer.register_forward_hook(moved))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _refuse_missing(model: str) -> None:
    """Raises: SourceError: neither there nor a hub id; transformers would ask the hub for it, again and again."""
    from s6flow.numeric.weights.locate import is_hub_id

    if not Path(model).expanduser().exists() and not is_hub_id(model):
        rule = "MODEL must be an existing file or folder, or a hub id org/name"
        raise SourceError(rule, repr(model), "", "Check the spelling.")


def _show(found: Trace) -> None:
    from s6flow.numeric.audit.output.names import short_names

    for line in found.lines():
        say(line)
    pattern, names = short_names([layer.name for layer in found.layers])
    say(f"Layers {pattern}; medians over tokens, the largest numbers beside their bounds from weights alone.")
    header = ("layer", "theorems", "flow?", *_COLUMNS.values())
    rows = []
    for name, layer in zip(names, found.layers, strict=True):
        flow = {True: "yes", False: "no", None: "-"}[layer.continuous]
        rows.append(
            (name, layer.verdict, flow, *(" / ".join(_shown(layer.numbers[key]) for key in keys) for keys in _COLUMNS))
        )
    say_numbers(header, rows)
    say(_LEGEND)
    wrong = [(name, c) for name, layer in zip(names, found.layers, strict=True) for c in layer.checks if c.verdict == "VIOLATED"]  # fmt: skip
    if wrong:
        say_table(
            ("layer", "theorem", "what"),
            [(name, c.theorem, f"{c.name} {_shown(c.measured)} > {_shown(c.bound)}") for name, c in wrong],
        )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
