"""Texts, images and recall: what they hold, where they come from, and what is said where they are missing."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.numeric.experiments import corpora, images
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.classes import load_labelled
from s6flow.numeric.experiments.config import DataConfig, ModelConfig, load_config
from s6flow.numeric.experiments.corpora import load_corpus
from s6flow.numeric.experiments.data_sources import load_source, prepare_source
from s6flow.numeric.experiments.images import image_tokens
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.recall import KEYS, VALUES, answer, recall_sequences
from s6flow.numeric.experiments.train import mean_loss

CPU = torch.device("cpu")
WORDS = b"".join(
    b'Entry %d \\En"try\\, n. That which is entered; see {Caf\xc3\xa9}.\n' % number for number in range(1500)
)


@pytest.fixture
def dictionary(tmp_path, library):
    """A folder with a small dictionary under the package's name, and a small library as the other text."""
    (tmp_path / "gcide.dict.dz").write_bytes(gzip.compress(WORDS))
    return tmp_path


@pytest.fixture
def pictures(tmp_path):
    """A folder with 30 + 20 images under the package's names; pixel (row, column) of image i is i + row + column."""
    for part, count in (("train", 30), ("t10k", 20)):
        rows = np.arange(count)[:, None, None] + np.arange(28)[:, None] + np.arange(28)
        pixels, labels = rows.astype(np.uint8).tobytes(), (np.arange(count) % 10).astype(np.uint8).tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">4i", 2051, count, 28, 28) + pixels)
        )
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2i", 2049, count) + labels))
    return tmp_path


def test_the_dictionary_is_split_into_unbroken_parts(dictionary):
    corpus = load_corpus(DataConfig("gcide"), dictionary)
    assert len(corpus.train) + len(corpus.valid) + len(corpus.test) == len(WORDS)
    for part in (corpus.valid, corpus.test):
        assert WORDS.count(part.tobytes()) == 1
        assert part.tobytes() not in corpus.train.tobytes()
    assert b"import" in corpus.other.tobytes()  # another source
    assert set(corpus.describe()["bytes"]) == {"train", "valid", "test", "other"}
    short = load_corpus(DataConfig("gcide", megabytes=0), dictionary)
    assert short.describe() == corpus.describe()


def test_byte_pairs_stand_for_the_same_bytes(dictionary):
    pytest.importorskip("tokenizers")
    whole = load_corpus(DataConfig("gcide"), dictionary)
    pairs = load_corpus(DataConfig("gcide", tokenizer="bpe", vocabulary=300), dictionary)
    assert pairs.vocabulary == 300
    assert len(pairs.train) < len(whole.train)
    found, wanted = pairs.describe()["bytes"], whole.describe()["bytes"]
    for split in ("train", "test", "other"):  # a character cut at a split's end becomes a mark of three bytes
        assert abs(found[split] - wanted[split]) <= 4
    with pytest.raises(FormatError, match="257"):
        load_corpus(DataConfig("gcide", tokenizer="bpe", vocabulary=256), dictionary)


def test_loss_of_byte_pairs_is_a_loss_of_bytes(dictionary):
    """The same nats a token are fewer bits a byte where tokens are longer."""
    pytest.importorskip("tokenizers")
    config = load_config("depth_cpu")
    losses = {}
    for kind, vocabulary in (("bytes", 0), ("bpe", 300)):
        changed = replace(config, data=DataConfig("gcide", tokens=16, tokenizer=kind, vocabulary=vocabulary))
        data = Data(load_corpus(changed.data, dictionary), changed, CPU)
        model = S6Stack(ModelConfig(8, 1, state=4), data.vocabulary)
        with torch.no_grad():
            model.backbone.embedding.weight.zero_()  # every token is as likely
        losses[kind] = mean_loss(model, data, data.evaluation("test"))["bits_per_byte"]
    assert losses["bytes"] == pytest.approx(8, rel=1e-6)
    assert losses["bpe"] < 4


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(corpora, "GCIDE", tmp_path / "gcide.dict.dz")
    monkeypatch.setattr(images, "FASHION", tmp_path / "fashion-mnist")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    for name, package in (("gcide", "dict-gcide"), ("fashion", "dataset-fashion-mnist"), ("cifar-10", "datasets")):
        with pytest.raises(MissingDependencyError, match=package) as caught:
            load_source(replace(load_config("depth_cpu"), data=DataConfig(name)), tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / "gcide.dict.dz").write_bytes(b"no gzip")
    with pytest.raises(SourceError, match="gzip"):
        load_corpus(DataConfig("gcide"), tmp_path)
    with pytest.raises(SourceError, match="wikitext-103-raw"):
        load_corpus(DataConfig("wikitext-103-folder"), tmp_path)


def test_prepared_data_needs_no_package(monkeypatch, dictionary, tmp_path):
    config = replace(load_config("depth_cpu"), data=DataConfig("gcide", tokens=16))
    made = load_source(config, dictionary)
    prepare_source(config.data, dictionary)
    (dictionary / "gcide.dict.dz").unlink()
    monkeypatch.setattr(corpora, "GCIDE", tmp_path / "nowhere")
    assert load_source(config, dictionary).describe() == made.describe()
    monkeypatch.setenv("S6FLOW_DATA", str(dictionary))
    assert load_source(config, None).describe() == made.describe()


def test_images_become_rows_or_squares(pictures):
    config = DataConfig("fashion", train=20, held_out=5, patch=4)
    source = load_labelled(config, pictures)
    assert source.tokens.shape == (30, 49, 16)
    first = source.tokens[3, 8].reshape(4, 4)  # second row of squares, second column
    assert (first == 3 + 8 + np.arange(4)[:, None] + np.arange(4)).all()
    assert source.labels[20:25].tolist() == [5, 6, 7, 8, 9]  # the back of the training set
    assert load_labelled(replace(config, patch=0), pictures).tokens.shape == (30, 28, 28)
    with pytest.raises(FormatError, match="divide"):
        image_tokens(np.zeros((1, 28, 28, 1), np.uint8), 5)
    with pytest.raises(FormatError, match="fit the images"):
        load_labelled(replace(config, train=28), pictures)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_scan_directions_are_undone(turn):
    """A block that scans another way: a plain one on tokens in that order, put back where they came from."""
    torch.manual_seed(0)
    block = S6Stack(ModelConfig(8, 1, state=4), 16).eval().backbone.layers[0]
    hidden = torch.randn(1, 9, 8)
    down = [0, 3, 6, 1, 4, 7, 2, 5, 8]
    order = {1: list(range(9))[::-1], 2: down, 3: down[::-1]}[turn]
    with torch.no_grad():
        wanted = block(hidden[:, order])
        block.turn = turn
        found = block(hidden)
    torch.testing.assert_close(found[:, order], wanted)
    if turn > 1:
        with pytest.raises(FormatError, match="square"):
            block(hidden[:, :8])


def test_directions_let_early_tokens_see_late_ones():
    def moved(directions: int) -> bool:
        torch.manual_seed(0)
        model = S6Stack(ModelConfig(8, 2, state=4, directions=directions), 16).eval()
        tokens = torch.randint(0, 16, (1, 9))
        other = tokens.clone()
        other[0, -1] = (other[0, -1] + 1) % 16
        return bool((model(tokens)[0, 0] != model(other)[0, 0]).any())

    assert moved(2)
    assert not moved(1)


def test_recall_has_one_right_answer():
    tokens, labels = recall_sequences(300, 24, 5)
    assert [answer(row) for row in tokens.tolist()] == labels.tolist()
    keys = (tokens >= VALUES) & (tokens < VALUES + KEYS)
    assert (keys.sum(1) == 6).all()  # five keys, and the one asked for again
    assert len(set(labels.tolist())) == VALUES
    again, _ = recall_sequences(300, 24, 5)
    assert (again == tokens).all()
    with pytest.raises(FormatError, match="pairs"):
        recall_sequences(3, 10, 5)
