"""An index cache holds each pool's documents in the order of each epoch; nothing of it is built twice."""

from pathlib import Path

import numpy as np
import pytest

from nano3.artifact.digest import digest_file
from nano3.artifact.steps import IndexCacheReceipt, read_receipt
from nano3.sampling.index_cache import DatasetStream, IndexCacheError, build_index_cache, open_streams
from nano3.sampling.streams import document_order, pool_seed, skipped_tokens
from tests.mixture import Mixture
from tests.training.conftest import BATCH, Corpus, corpus, index_cache_key

__all__ = ["corpus"]

SHARDS = {"a": [3, 5, 8], "empty": [], "b": [4, 1, 7, 2], "c": [2, 3], "d": [1, 4, 2]}  # tokens of each document
POOLS = [["a"], ["b"], ["c", "d"]]  # by blocks of 8 tokens


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    return Mixture(tmp_path, SHARDS)


def test_an_epoch_has_each_pools_documents_in_an_order_of_its_own(mixture: Mixture) -> None:
    facts = mixture.build(mixture.key())
    stream = open_streams(mixture.blend, facts.folders)["many"]
    assert stream.pools.tokens.tolist() == [sum(sum(SHARDS[name]) for name in names) for names in POOLS]
    assert len(facts.epochs["many"]) > 1
    for epoch in facts.epochs["many"]:
        for pool, names in enumerate(POOLS):
            seed = pool_seed(7, [digest_file(f"{mixture.prefix(name)}.bin") for name in names], epoch)
            order, offsets = stream.epoch(epoch).of(pool)
            lengths = [length for name in names for length in SHARDS[name]]
            assert order.tolist() == document_order(len(lengths), seed).tolist()
            assert offsets[0] == 0
            assert np.diff(offsets).tolist() == [lengths[document] for document in order]


def test_a_document_of_a_pool_is_one_of_its_pairs(mixture: Mixture) -> None:
    stream = open_streams(mixture.blend, mixture.build(mixture.key()).folders)["many"]
    for pool, names in enumerate(POOLS):
        expected = [(name, document) for name in names for document in range(len(SHARDS[name]))]
        located = [stream.pools.document(pool, number) for number in range(len(expected))]
        assert [(Path(stream.prefixes[pair]).name, document) for pair, document in located] == expected


def test_an_appended_shard_leaves_the_orders_of_all_pools_but_the_last(mixture: Mixture, tmp_path: Path) -> None:
    longer = Mixture(tmp_path / "longer", {**SHARDS, "e": [1, 2]})
    before, after = (
        open_streams(each.blend, each.build(each.key()).folders)["many"].epoch(0) for each in (mixture, longer)
    )
    for pool in range(len(POOLS) - 1):
        (order, offsets), (later_order, later_offsets) = before.of(pool), after.of(pool)
        assert order.tolist() == later_order.tolist()
        assert offsets.tolist() == later_offsets.tolist()


def test_facts_count_pools_and_the_tokens_that_an_epoch_skips(mixture: Mixture) -> None:
    key = mixture.key()
    key["segments"].append({**key["segments"][0], "length": 5})
    facts = mixture.build(key)
    assert (facts.pairs, facts.pools) == ({"many": 4}, {"many": 3})
    tokens = np.array([16, 14, 12])
    assert facts.skipped == {"many": {length: skipped_tokens(tokens, 8, length) for length in (2, 5)}}
    assert facts.skipped["many"][5] == 42 - 5 * (1 + 1 + 1 + 1 + 1)


def test_pools_of_other_blocks_have_a_folder_of_their_own_and_the_same_pools_share_it(mixture: Mixture) -> None:
    def folder(block: int) -> str:
        key = mixture.key()
        key["segments"][0]["data"]["block_tokens"] = block
        return mixture.build(key).folders["many"]

    assert folder(8) == folder(9)
    assert folder(15) != folder(8)


def test_many_pairs_are_read_by_other_processes_to_the_same_files(
    mixture: Mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture.build(mixture.key(), "one")
    monkeypatch.setattr("nano3.sampling.index_cache.SMALL", 0)
    mixture.build(mixture.key(), "two", processes=2)
    folders = [mixture.folder / streams for streams in ("one", "two")]
    one, two = ({path.name: path.read_bytes() for path in folder.rglob("*.npy")} for folder in folders)
    assert one == two != {}


def test_what_is_there_is_not_built_again_and_a_longer_phase_adds_epochs(corpus: Corpus, tmp_path: Path) -> None:
    spec, receipt, streams = corpus.spec(), tmp_path / "index_cache.json", tmp_path / "streams"
    made: dict[Path, int] = {}
    for steps in (2, 2, 400):
        key = index_cache_key(spec, steps * BATCH)
        build_index_cache(corpus.blend, corpus.blend_receipt, key, streams, receipt)
        times = {path: path.stat().st_mtime_ns for path in streams.rglob("*.npy")}
        assert times.items() >= made.items()
        made = times
    epochs = read_receipt(receipt, IndexCacheReceipt).facts.epochs["plain"]
    assert len(epochs) > 2
    assert epochs == list(range(len(epochs)))


def test_another_seed_has_a_folder_of_its_own(mixture: Mixture) -> None:
    first = mixture.build(mixture.key()).folders
    assert mixture.build(mixture.key()).folders == first
    assert mixture.build(mixture.key(seed=8)).folders != first


def test_another_blend_than_was_planned_is_refused(mixture: Mixture) -> None:
    key = mixture.key()
    key["segments"][0]["data"]["blend"] = "another"
    with pytest.raises(IndexCacheError, match=r"blend\.json: changed since the job was planned: run snakemake again"):
        mixture.build(key)
    assert not (mixture.folder / "streams").exists()


def test_a_pair_that_its_index_does_not_know_is_refused_and_its_epoch_not_written(mixture: Mixture) -> None:
    mixture.write_shard("b", [4, 1, 7, 3])
    with pytest.raises(IndexCacheError, match=r"train/b\.idx: differs from its dataset's index: run snakemake again"):
        mixture.build(mixture.key())
    assert not list((mixture.folder / "streams").rglob("*epoch*"))


def test_an_index_cache_of_other_pairs_is_refused(mixture: Mixture) -> None:
    folder = Path(mixture.build(mixture.key()).folders["many"])
    with pytest.raises(IndexCacheError, match=r"holds 4 pairs, the blend 1: delete it and run snakemake again"):
        DatasetStream.open(folder, [str(mixture.prefix("a"))])


def test_an_index_cache_of_before_pools_is_refused(mixture: Mixture) -> None:
    folder = Path(mixture.build(mixture.key()).folders["many"])
    np.save(folder / "pairs.npy", np.load(folder / "pairs.npy")[:, :2])
    with pytest.raises(IndexCacheError, match="written by an older version: run snakemake again, which builds another"):
        DatasetStream.open(folder, [str(mixture.prefix(name)) for name in mixture.names])
