"""Bytes for the readers of checkpoints, guided by the coverage that they reach: pip install atheris, then

python tests/fuzz/guided.py --folder /tmp/guided --seconds 600

The engine, Atheris, begins from the files of the numbered campaign and keeps every change of them that runs a new branch of
`s6flow.numeric.weights`. What must not happen is the campaign's: any exception but S6FlowError, 5 s, 1 GB, code that is run.
The bytes of a failure are left in the folder; its first byte is the ending of the file's name, by its place in `ENDINGS`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

#: Formats of one file; folders of shards and configurations are the numbered campaign's alone.
ENDINGS = (".safetensors", ".pt", ".npz")
#: Seeds are as small as what is changed should be.
_LARGEST = 60_000
#: Seeds that are read before anything is watched: Python loads the bytecode of what is imported late.
_WARM = 200


def seeded(folder: Path, count: int) -> int:
    """Write the files of numbered inputs, each behind the byte of its ending; how many there are."""
    from cases import case

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "case")
        for number in range(count):
            with suppress(Exception):  # what cannot be made is no seed
                case(number, place, 10)
            for path in place.glob("*"):
                if path.suffix in ENDINGS and path.is_file() and path.stat().st_size < _LARGEST:
                    behind = bytes([ENDINGS.index(path.suffix)]) + path.read_bytes()
                    (folder / f"{number}{path.suffix}").write_bytes(behind)
    return len(list(folder.iterdir()))


def read(data: bytes, folder: Path) -> None:
    """Open a checkpoint of these bytes and read every layer.

    Raises: anything but S6FlowError that reading raises. AssertionError: a name or a reason is not one line.
    """
    from s6flow.errors import S6FlowError
    from s6flow.numeric.weights import S6Layer, open_checkpoint

    if not data:
        return
    path = folder / f"m{ENDINGS[data[0] % len(ENDINGS)]}"
    path.write_bytes(data[1:])
    said = ""
    try:
        for entry in open_checkpoint(str(path)).entries():
            assert entry.name.isprintable(), "names are shown ones"
            assert isinstance(entry, S6Layer) or entry.reason.isprintable(), "reasons are one line"
    except S6FlowError as error:
        said = str(error)
    assert said.isprintable(), "an error is one line"


def main() -> None:
    """Run the engine, which ends the process itself: 0 if nothing was found."""
    import atheris

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of inputs that reach something new; kept")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1_500, help="numbered inputs to begin from")
    options = parser.parse_args()
    with atheris.instrument_imports(include=["s6flow.numeric.weights"]):
        import s6flow.numeric.weights.archives
        import s6flow.numeric.weights.opcodes
        import s6flow.numeric.weights.readers  # noqa: F401
    print(f"{seeded(options.folder / 'inputs', options.seeds)} inputs to begin from", flush=True)

    from campaign import BYTES, SECONDS, Watch

    watch, place = Watch(), Path(tempfile.mkdtemp(prefix="s6flow-guided-"))
    for path in list((options.folder / "inputs").iterdir())[:_WARM]:
        read(path.read_bytes(), place)

    def judged(data: bytes) -> None:
        watch.seen.clear()
        watch.on = True
        try:
            read(data, place)
        finally:
            watch.on = False
        if watch.seen:
            raise RuntimeError(f"code was run: {', '.join(watch.seen)}")

    limits = (f"-timeout={SECONDS}", f"-rss_limit_mb={BYTES >> 20}", f"-max_total_time={options.seconds}")
    kept = f"-artifact_prefix={options.folder}{os.sep}"
    atheris.Setup([sys.argv[0], str(options.folder / "inputs"), *limits, kept], judged)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
