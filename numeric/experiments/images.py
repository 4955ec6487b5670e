"""Images as sequences of tokens: rows, or squares of pixels row by row.

Fashion-MNIST (Xiao et al. 2017, MIT licence) comes with Debian's `dataset-fashion-mnist`, or as the same files in the
data folder; CIFAR-10 through the package datasets, or as the files of its Python version in the data folder.
"""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from s6flow.errors import FormatError, MissingDependencyError, SourceError

__all__ = ["FASHION", "image_tokens", "load_cifar", "load_fashion"]

#: Where Debian's package puts its files.
FASHION = Path("/usr/share/datasets/fashion-mnist")
_PARTS = {"train": "train", "test": "t10k"}
_CIFAR = ([f"data_batch_{index}" for index in range(1, 6)], ["test_batch"])

Images = tuple[np.ndarray, np.ndarray]


def image_tokens(
    images: UInt8[np.ndarray, "image row column colour"], patch: int
) -> UInt8[np.ndarray, "image token pixel"]:
    """Rows (patch 0), or squares of `patch` pixels a side in reading order.

    Raises: FormatError: the side does not divide the image's.
    """
    count, rows, columns, colours = images.shape
    if patch == 0:
        return np.ascontiguousarray(images.reshape(count, rows, columns * colours))
    if patch < 0 or rows % patch or columns % patch:
        raise FormatError("a patch must divide an image's sides", f"{patch} of {rows} x {columns}", "data.patch")
    cut = images.reshape(count, rows // patch, patch, columns // patch, patch, colours).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(count, -1, patch * patch * colours))


def _idx(path: Path, header: int) -> UInt8[np.ndarray, " byte"]:
    try:
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)[header:]
    except (OSError, EOFError) as error:
        raise SourceError("an image file must be a gzip file", error, path.name) from error


def load_fashion(folder: Path | None) -> dict[str, Images]:
    """Images (image, row, column, 1) and labels of train and test.

    Raises: MissingDependencyError: neither Debian's package nor its files in the folder.
    """
    places = [place for place in (folder, FASHION) if place and (place / "train-images-idx3-ubyte.gz").exists()]
    if not places:
        raise MissingDependencyError(
            "fashion needs Debian's dataset-fashion-mnist",
            "not installed",
            "data.name",
            "Run apt-get install dataset-fashion-mnist, or put its .gz files into the folder given by --data.",
        )
    found = {}
    for part, name in _PARTS.items():
        pixels = _idx(places[0] / f"{name}-images-idx3-ubyte.gz", 16)
        labels = _idx(places[0] / f"{name}-labels-idx1-ubyte.gz", 8)
        if len(pixels) != 784 * len(labels) or not len(labels):
            raise SourceError("images and labels must fit", f"{len(pixels)} pixels, {len(labels)} labels", name)
        found[part] = pixels.reshape(-1, 28, 28, 1), labels.astype(np.int64)
    return found


def _cifar_file(path: Path) -> Images:
    with path.open("rb") as stream:  # NumPy arrays and plain objects, as the data set's authors wrote them
        table = _Plain(stream, encoding="bytes").load()
    pixels = np.asarray(table[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels, np.asarray(table[b"labels"], np.int64)


class _Plain(pickle.Unpickler):
    """Reads arrays alone: a pickle can otherwise run anything."""

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module, name)
        raise SourceError("a CIFAR-10 file holds arrays only", f"{module}.{name}", "data_batch")


def load_cifar(folder: Path | None) -> dict[str, Images]:
    """Images (image, row, column, 3) and labels of train and test.

    Raises: MissingDependencyError: neither the folder cifar-10-batches-py in the data folder nor the package datasets.
    """
    local = None if folder is None else folder / "cifar-10-batches-py"
    if local is not None and local.is_dir():
        parts = [[_cifar_file(local / name) for name in names] for names in _CIFAR]
        joined = [(np.concatenate([i for i, _ in part]), np.concatenate([k for _, k in part])) for part in parts]
        return dict(zip(_PARTS, joined, strict=True))
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingDependencyError(
            "cifar-10 needs the package datasets",
            "not installed",
            "data.name",
            "Install datasets, or put cifar-10-batches-py into the folder given by --data.",
        ) from error
    whole = load_dataset("uoft-cs/cifar10")
    return {
        part: (np.stack([np.asarray(row) for row in whole[part]["img"]]), np.asarray(whole[part]["label"], np.int64))
        for part in _PARTS
    }
