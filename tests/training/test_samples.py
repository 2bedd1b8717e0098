import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.indexed_dataset import IndexedDataset
from megatron.core.datasets.utils import Split

from nano3.artifact.digest import digest_file
from nano3.artifact.steps import IndexCacheReceipt, Spec, read_receipt
from nano3.sampling.index_cache import IndexCacheError, build_index_cache, open_streams
from nano3.sampling.streams import document_order, pool_seed
from nano3.training.cpu.process_group import init_process_group
from nano3.training.samples import TrainSamples, ValidationSamples, validation_sets
from tests.mixture import Mixture
from tests.training.conftest import BATCH, LENGTH, SHARES, Corpus, index_cache_key


class Vocabulary:
    """What GPTDataset asks of a tokenizer."""

    vocab_size, eod, pad = 64, -1, -2
    unique_identifiers = {"class": "Vocabulary"}  # noqa: RUF012


def samples_of(corpus: Corpus, spec: Spec, count: int) -> TrainSamples:
    folders = read_receipt(corpus.indexed(spec), IndexCacheReceipt).facts.folders
    return TrainSamples(corpus.blend, folders, spec["data"], spec["batch"]["sequence_length"], count, spec["seed"])


def gpt_dataset(prefix: str, seed: int, folder: Path) -> GPTDataset:
    """Megatron-Core's own dataset on a pair, one epoch."""
    init_process_group(1)
    config = GPTDatasetConfig(
        random_seed=seed,
        sequence_length=LENGTH,
        split="1,0,0",
        path_to_cache=str(folder),
        tokenizer=Vocabulary(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=False,
    )
    pair = IndexedDataset(prefix)
    return GPTDataset(pair, prefix, np.arange(len(pair), dtype=np.int32), None, Split.train, config)


def test_an_epoch_of_a_pair_is_that_of_megatrons_own_dataset(corpus: Corpus, tmp_path: Path) -> None:
    spec = corpus.spec(steps=400)  # some epochs
    ours = samples_of(corpus, spec, 400 * BATCH)
    places = ours.sampler.at(0, len(ours))
    streams = open_streams(corpus.blend, read_receipt(corpus.indexed(spec), IndexCacheReceipt).facts.folders)
    for dataset, epoch in {(place.dataset, place.epoch) for place in places if place.epoch < 2}:
        (prefix,) = streams[dataset].prefixes
        seed = pool_seed(spec["seed"], [digest_file(f"{prefix}.bin")], epoch)
        theirs = gpt_dataset(prefix, seed, tmp_path / f"{dataset}{epoch}")
        assert streams[dataset].epoch(epoch).of(0)[0].tolist() == theirs.document_index.tolist()
        mine = [number for number, place in enumerate(places) if (place.dataset, place.epoch) == (dataset, epoch)]
        assert len(mine) == len(theirs)  # every sample of the epoch, once
        unshuffled = np.argsort(theirs.shuffle_index)
        for number in mine:
            wanted = theirs[int(unshuffled[places[number].begin // LENGTH])]
            found = ours[number]
            assert found.keys() == wanted.keys()
            for name, tensor in wanted.items():
                assert torch.equal(found[name], tensor), name


def test_what_is_read_is_the_mixture_that_was_asked_for(corpus: Corpus) -> None:
    spec = corpus.spec(steps=25)
    samples = samples_of(corpus, spec, 25 * BATCH)
    read = Counter(
        "plain" if int(samples[number]["tokens"].max()) < 30 else "shifted" for number in range(len(samples))
    )
    for dataset, share in SHARES.items():
        assert read[dataset] / len(samples) == pytest.approx(share, abs=4 / len(samples))


def test_training_builds_nothing_and_says_what_is_missing(corpus: Corpus, tmp_path: Path) -> None:
    spec = corpus.spec(steps=2)
    receipt = tmp_path / "index_cache.json"
    key = index_cache_key(spec, 2 * BATCH)
    build_index_cache(corpus.blend, corpus.blend_receipt, key, tmp_path / "streams", receipt)
    folders = read_receipt(receipt, IndexCacheReceipt).facts.folders
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "streams").rglob("*")}
    samples = TrainSamples(corpus.blend, folders, spec["data"], LENGTH, 2 * BATCH, spec["seed"])
    assert [int(samples[number]["tokens"][0]) for number in range(len(samples))]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "streams").rglob("*")} == before
    (Path(folders["plain"]) / "epoch_0000.offsets.npy").unlink()
    with pytest.raises(IndexCacheError, match=r"epoch_0000\.offsets\.npy: missing: run snakemake again"):
        TrainSamples(corpus.blend, folders, spec["data"], LENGTH, 2 * BATCH, spec["seed"])


def test_held_out_samples_are_whole_documents_in_one_order(corpus: Corpus) -> None:
    prefix = json.loads(corpus.blend.read_text())["valid"][1]
    samples = ValidationSamples(prefix, LENGTH, 10**6)
    pair = IndexedDataset(prefix)
    tokens = np.concatenate([pair[int(document)] for document in document_order(len(pair), 0)]).tolist()
    assert len(samples) == (len(tokens) - 1) // LENGTH
    for number in range(len(samples)):
        assert samples[number]["tokens"].tolist() == tokens[number * LENGTH :][:LENGTH]
        assert samples[number]["labels"].tolist() == tokens[number * LENGTH + 1 :][:LENGTH]
    assert len(ValidationSamples(prefix, len(tokens), 1)) == 0
    assert len(ValidationSamples(prefix, LENGTH, 3)) == 3


def test_an_epoch_of_short_shards_reads_every_one_of_them(tmp_path: Path) -> None:
    mixture = Mixture(tmp_path, {f"shard_{number:02}": [3, 4] for number in range(50)}, block=20)
    key = mixture.key(length=10, samples=60)
    facts = mixture.build(key)
    samples = TrainSamples(mixture.blend, facts.folders, key["segments"][0]["data"], 10, 60, key["seed"])
    epochs: dict[int, Counter[int]] = {}
    for place in samples.sampler.at(0, 60):
        epochs.setdefault(place.epoch, Counter()).update(samples.read(place)[:-1].tolist())
    first = epochs[0]
    assert all(first[number] <= 7 for number in range(50))  # no token twice
    assert sum(first.values()) == 50 * 7 - facts.skipped["many"][10]
    assert {*first, *epochs[1]} == set(range(50))  # what one epoch skips at the ends of blocks, another reads


def test_a_document_of_a_pool_is_read_from_its_own_pair(tmp_path: Path) -> None:
    mixture = Mixture(tmp_path, {"a": [6], "b": [5], "c": [7, 4]}, block=100)
    key = mixture.key(length=21, samples=1)
    facts = mixture.build(key)
    samples = TrainSamples(mixture.blend, facts.folders, key["segments"][0]["data"], 21, 1, key["seed"])
    tokens = samples.read(samples.sampler.at(0, 1)[0]).tolist()
    assert Counter(tokens) == {0: 6, 1: 5, 2: 11}
    seed = pool_seed(7, [digest_file(f"{mixture.prefix(name)}.bin") for name in "abc"], 0)
    pairs = [(0, 6), (1, 5), (2, 7), (2, 4)]
    assert tokens == [token for number in document_order(4, seed) for token in [pairs[number][0]] * pairs[number][1]]


def test_validation_sets_that_are_shorter_than_a_sample_are_left_out_by_name(corpus: Corpus, tmp_path: Path) -> None:
    sets = validation_sets(corpus.blend, LENGTH, 4 * LENGTH)
    assert {name: len(samples) for name, samples in sets.samples.items()} == {"plain": 4, "shifted": 4}
    assert sets.skipped == {}
    tokens = {name: samples.tokens for name, samples in sets.samples.items()}
    [(shorter, least), (longer, most)] = sorted(tokens.items(), key=lambda each: each[1])
    sets = validation_sets(corpus.blend, least, 1)
    assert (list(sets.samples), sets.skipped) == ([longer], {shorter: least})
    assert validation_sets(corpus.blend, most, 1).skipped == tokens
    blend = json.loads(corpus.blend.read_text())
    (tmp_path / "blend.json").write_text(json.dumps({**blend, "valid": []}))
    sets = validation_sets(tmp_path / "blend.json", LENGTH, LENGTH)
    assert (sets.samples, sets.skipped) == ({}, {"plain": 0, "shifted": 0})
