"""Writes docs/overview.png and docs/overview.svg, the picture of README: the figure `overview`, small enough for a page.

python docs/overview.py [--check]   --check: only say whether the two files show what the figure shows (exit 1 if not)

The SVG carries a stamp: what is drawn, to four digits, and the code that draws it. Code that computes may change as
long as the numbers stay.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from s6flow.files import write_atomic
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Data
from s6flow.paper_figures.render import STYLE, render, write_csv
from s6flow.provenance import code_digest

NAME = "overview"
FOLDER = Path(__file__).parent
#: Width of the PNG [pixel]: twice what a README is wide. Largest size of a file [byte].
WIDTH, LARGEST = 1600, 150_000
_STAMP = re.compile(r"stamp ([0-9a-f]{20})")


def stamp(data: Data) -> str:
    """Of what is drawn and of how it is drawn."""
    rounded = {key: _rounded(value) for key, value in data.items()}
    drawing = code_digest([FIGURES[NAME].path], _places_ink, [STYLE])
    return hashlib.sha256((write_csv(rounded) + drawing).encode()).hexdigest()[:20]


def _places_ink(module: str) -> bool:
    return module in (FIGURES[NAME].path, "s6flow.paper_figures.palette", "s6flow.paper_figures.render")


def _rounded(value: np.ndarray) -> np.ndarray:
    if value.dtype.kind != "f":
        return value
    return np.array([float(f"{item:.4g}") for item in value.ravel()]).reshape(value.shape)


def recorded() -> str | None:
    """The stamp of the committed picture; None if there is none."""
    path = FOLDER / f"{NAME}.svg"
    found = _STAMP.search(path.read_text(encoding="utf-8")) if path.exists() else None
    return found.group(1) if found else None


def pictures(data: Data) -> dict[str, bytes]:
    """Suffix -> content of the two files."""
    figure = FIGURES[NAME]
    drawing = figure.drawing()
    files = render(drawing, data, figure.title, {"figure": NAME, "made by": f"docs/overview.py, stamp {stamp(data)}"})
    picture = Image.open(io.BytesIO(files["png"])).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    small.save(buffer, "png", optimize=True)
    return {"svg": files["svg"], "png": buffer.getvalue()}


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the pictures are not current")
    given = parser.parse_args()
    data = FIGURES[NAME].drawing().data()
    if given.check:
        current = recorded() == stamp(data)
        print("docs/overview.svg is current" if current else "docs/overview.svg is stale; run: python docs/overview.py")
        return 0 if current else 1
    for suffix, content in pictures(data).items():
        if len(content) > LARGEST:
            print(f"docs/{NAME}.{suffix} would have {len(content)} bytes; at most {LARGEST} are allowed")
            return 1
        write_atomic(FOLDER / f"{NAME}.{suffix}", content)
        print(f"wrote docs/{NAME}.{suffix}, {len(content)} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
