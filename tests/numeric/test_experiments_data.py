"""Data, configurations and statistics of the experiments."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.numeric.experiments import config_names, load_config, prepare
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.claims import CLAIMS, LATER
from s6flow.numeric.experiments.classes import load_labelled
from s6flow.numeric.experiments.conditions import CONDITIONS
from s6flow.numeric.experiments.config import DataConfig
from s6flow.numeric.experiments.corpora import Corpus, load_corpus
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.listops import evaluate, expression
from s6flow.numeric.experiments.stats import Interval, decide, student_interval
from s6flow.numeric.experiments.train import learning_rate

LISTOPS = DataConfig("listops", tokens=20, longest=30, train=24, held_out=6, depth=3, arguments=4)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 200), st.integers(1, 6), st.integers(2, 8))
def test_expressions_have_their_length_and_value(seed, length, depth, arguments):
    tokens, value = expression(Random(seed), length, depth, arguments)
    assert len(tokens) == length
    assert evaluate(tokens) == value
    nesting = np.cumsum([(10 <= token < 14) - (token == 14) for token in tokens])
    assert nesting.max() <= depth
    assert nesting[-1] == 0


def test_an_expression_by_hand():
    assert evaluate([10, 2, 9, 11, 4, 7, 14, 0, 14]) == 9  # [MAX 2 9 [MIN 4 7 ] 0 ]
    assert evaluate([13, 8, 7, 12, 1, 5, 9, 14, 14]) == 0  # [SM 8 7 [MED 1 5 9 ] ]


def test_listops_is_deterministic_and_survives_a_file(tmp_path):
    first = load_labelled(LISTOPS, None)
    assert first.describe() == load_labelled(LISTOPS, None).describe()
    assert first.lengths.min() >= 20
    assert (first.tokens[0, first.lengths[0] :] == 15).all()
    config = tmp_path / "tiny.toml"
    source = load_config("reorder_listops")
    fewer = {"tokens = 512": "tokens = 40", "longest = 600": "longest = 60", "train = 16000": "train = 24"}
    text = open_text(source.name)
    for old, new in {**fewer, "held_out = 2000": "held_out = 6"}.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    path = prepare(config, tmp_path)
    made = load_config(config)
    assert load_source(made, tmp_path).describe() == load_source(made, None).describe()
    path.write_bytes(b"not an archive")
    with pytest.raises(SourceError, match="prepare again"):
        load_source(made, tmp_path)


def open_text(name: str) -> str:
    from importlib.resources import files

    return (files("s6flow.numeric.experiments") / "configs" / f"{name}.toml").read_text()


def test_digits():
    data = load_labelled(DataConfig("digits", tokens=64), None)
    assert data.tokens.shape == (1797, 64)
    assert data.tokens.max() < data.vocabulary
    assert 0.08 < data.describe()["majority_accuracy"] < 0.2


def test_corpus_is_deterministic_with_disjoint_splits(monkeypatch, small_library, tmp_path):
    """Of a library, that is of its modules and none of what is installed or tested beside them."""
    library = Path(shutil.copytree(small_library["stdlib"], tmp_path / "library"))
    monkeypatch.setattr(sysconfig, "get_paths", lambda *how: {**small_library, "stdlib": str(library)})
    corpus = load_corpus("stdlib")
    for folder in ("site-packages/numpy", "test", "json/tests"):
        (library / folder).mkdir(parents=True)
        (library / folder / "beside.py").write_text("beside")
    assert corpus.describe() == load_corpus("stdlib").describe()
    (library / "package").mkdir()
    (library / "package" / "within.py").write_text("within")
    assert sum(load_corpus("stdlib").describe()["bytes"].values()) > sum(corpus.describe()["bytes"].values())
    assert len(corpus.train) > 8 * (len(corpus.valid) + len(corpus.test)) > 0
    files = [set(bytes(getattr(corpus, split)).split(b"\0")) for split in ("train", "valid", "test")]
    big = [{text for text in part if len(text) > 1000} for part in files]
    assert not (big[0] & big[1])
    assert not (big[0] & big[2])
    assert not (big[1] & big[2])
    with pytest.raises(FormatError, match="a corpus is one of"):
        load_corpus("shakespeare")


def test_wikitext_comes_through_datasets(monkeypatch):
    asked = []

    def load_dataset(*names):
        asked.append(names)
        return {split: {"text": ["", f" = {split} = \n", "An é.\n"]} for split in ("train", "validation", "test")}

    monkeypatch.setitem(__import__("sys").modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    corpus = load_corpus("wikitext-103")
    assert asked == [("Salesforce/wikitext", "wikitext-103-raw-v1")]
    assert corpus.valid.tobytes() == " = validation = \nAn é.\n".encode()
    assert corpus.describe()["bytes"] == {"train": 19, "valid": 24, "test": 18}


def test_wikitext_without_datasets(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingDependencyError, match="datasets"):
        load_corpus("wikitext-103")


def test_batches_depend_on_seed_and_step_only_and_epochs_cover_the_data():
    config = load_config("reorder_listops")
    source = load_labelled(LISTOPS, None)
    data = Data(source, config.__class__(**{**vars(config), "data": LISTOPS}), torch.device("cpu"))
    data.batch = 10
    rows = [row for step in range(12) for row in data.training(7, step).tokens.tolist()]
    one_epoch = sorted(map(tuple, rows[:24]))
    assert one_epoch == sorted(map(tuple, source.tokens[:24].tolist()))
    assert sorted(map(tuple, rows[24:48])) == one_epoch
    assert rows[:24] != rows[24:48]
    assert torch.equal(data.training(7, 5).tokens, data.training(7, 5).tokens)
    assert not torch.equal(data.training(8, 5).tokens, data.training(7, 5).tokens)
    batch = data.training(7, 0)
    assert batch.mask is not None
    assert ((batch.tokens == 15) == ~batch.mask).all()
    assert sum(len(part.targets) for part in data.evaluation("test")) == 6


def test_text_targets_are_the_next_bytes():
    text = np.arange(200, dtype=np.uint8)
    config = load_config("lm_cpu")
    data = Data(Corpus("count", text, text, text), config, torch.device("cpu"))
    batch = data.training(0, 0)
    assert torch.equal(batch.targets, batch.tokens + 1)
    with pytest.raises(FormatError, match="longer than a sequence"):
        Data(Corpus("short", text[:9], text, text), config, torch.device("cpu"))


def test_learning_rate_schedule():
    train = load_config("lm").train
    rates = [learning_rate(train, step) for step in range(train.steps)]
    assert max(rates) == pytest.approx(train.lr)
    assert rates[train.warmup :] == sorted(rates[train.warmup :], reverse=True)
    assert 0 < rates[-1] < 1e-5 * train.lr  # at rest when the run ends


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=3, max_size=6))
def test_intervals(values):
    array = np.array(values)
    found = student_interval(array)
    if np.ptp(array) > 1e-6:
        known = ttest_1samp(array, 0.0).confidence_interval(0.95)
        assert (found.low, found.high) == (pytest.approx(known.low, rel=1e-9), pytest.approx(known.high, rel=1e-9))
    assert found.low <= found.mean <= found.high
    assert found.ends(-1.0) == sorted(-end for end in found.ends())
    assert student_interval(array[:1]).ends() == [None, None]


def test_verdicts_follow_the_rule():
    def verdict(low, high, count=5, band=0.1):
        return decide(Interval((low + high) / 2, low, high, count), band)

    assert verdict(-3, -1) == "reproduced"
    assert verdict(-3, -0.01) == "reproduced"
    assert verdict(1, 3) == "not reproduced"
    assert verdict(-0.05, -0.01) == "not reproduced"
    assert verdict(-3, 1) == "undecided"
    assert verdict(-3, -1, count=2) == "undecided"
    assert decide(student_interval(np.array([-1.0, -1.1, -0.9])), 0.01) == "reproduced"
    assert decide(student_interval(np.array([-1.0, 2.0, -0.9])), 0.01) == "undecided"


def test_claims_name_known_conditions():
    for kind, own in CLAIMS.items():
        claims = own + LATER.get(kind, ())
        assert len({claim.id for claim in claims}) == len(claims)
        for claim in claims:
            assert {claim.first, claim.second} - {None} <= set(CONDITIONS[kind])


def test_shipped_configurations_load_and_have_enough_seeds():
    assert {"lm", "lm_cpu", "lm_wikitext", "reorder_cpu", "reorder_digits", "reorder_listops"} <= set(config_names())
    for name in config_names():
        config = load_config(name)
        assert len(config.seeds) >= (5 if name in ("reorder_digits", "reorder_listops") else 3)
    assert load_config("lm", seeds=(9,)).digest() == load_config("lm").digest()
    assert load_config("reorder_listops").data.tokens >= 512


def test_bad_configurations(tmp_path):
    def check(change, match):
        path = tmp_path / "bad.toml"
        path.write_text(change(open_text("lm_cpu")))
        with pytest.raises(FormatError, match=match):
            load_config(path)

    check(lambda text: text.replace("width = 32", "wide = 32"), "wide")
    check(lambda text: text.replace("width = 32\n", ""), "required key")
    check(lambda text: text.replace("width = 32", "width = 0"), "positive integers")
    check(lambda text: text.replace("save_every = 20", "save_every = 15"), "multiple of log_every")
    check(lambda text: text.replace('"unconstrained"', '"unheard-of"'), "unheard-of")
    check(lambda text: text.replace('kind = "lm"', 'kind = "vision"'), "kind is one of")
    check(lambda text: text.replace("[grid]", "[grids]"), "a configuration has")
    check(lambda text: text + "[[[", "readable TOML")
    with pytest.raises(FormatError, match="shipped name"):
        load_config("no-such-config")
    with pytest.raises(FormatError, match="listops needs"):
        load_labelled(DataConfig("listops", tokens=20), None)
    with pytest.raises(FormatError, match="one of those known"):
        load_labelled(DataConfig("letters"), None)
    with pytest.raises(FormatError, match="every machine has"):
        prepare("lm", tmp_path)
