from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano3.artifact.digest import digest_file
from nano3.tokens.indexed_dataset import Pair, PairError, PairReader, PairWriter, token_dtype

DOCUMENTS = [[5, 6, 7], [], [1], list(range(300))]


def write(pair: Pair, documents: list[list[int]], vocabulary: int) -> PairWriter:
    with PairWriter(pair, token_dtype(vocabulary)) as writer:
        for document in documents:
            writer.add(np.array(document, dtype=np.uint32), np.array([len(document)]))
    return writer


@pytest.mark.parametrize("vocabulary", [4096, 131072])
def test_the_pair_is_byte_for_byte_what_megatron_writes(tmp_path: Path, vocabulary: int) -> None:
    import torch
    from megatron.core.datasets.indexed_dataset import DType, IndexedDataset, IndexedDatasetBuilder

    builder = IndexedDatasetBuilder(str(tmp_path / "theirs.bin"), dtype=DType.optimal_dtype(vocabulary))
    for document in DOCUMENTS:
        builder.add_document(torch.tensor(document, dtype=torch.int32), [len(document)])
    builder.finalize(str(tmp_path / "theirs.idx"))
    write(Pair(tmp_path / "ours"), DOCUMENTS, vocabulary)
    for ending in ("bin", "idx"):
        assert (tmp_path / f"ours.{ending}").read_bytes() == (tmp_path / f"theirs.{ending}").read_bytes()
    read = IndexedDataset(str(tmp_path / "ours"))
    assert [read[number].tolist() for number in range(len(DOCUMENTS))] == DOCUMENTS


@given(st.lists(st.lists(st.integers(0, 65000), max_size=30), max_size=20), st.sampled_from([4096, 131072]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], size: int
) -> None:
    pair = Pair(tmp_path_factory.mktemp("pair") / "with.dots.in-it")
    writer = write(pair, documents, size)
    assert [document.tolist() for document in PairReader.open(pair).documents()] == documents
    assert (writer.documents, writer.tokens) == (len(documents), sum(map(len, documents)))
    assert [file.sha256 for file in writer.files] == [digest_file(pair.bin), digest_file(pair.idx)]
    assert [file.bytes for file in writer.files] == [pair.bin.stat().st_size, pair.idx.stat().st_size]


@pytest.mark.parametrize(("dtype", "fits", "largest"), [(np.uint16, 65_535, 65_536), (np.int32, 2**31 - 1, 2**31)])
def test_a_token_that_does_not_fit_is_refused_and_nothing_is_left(
    tmp_path: Path, dtype: type[np.integer[Any]], fits: int, largest: int
) -> None:
    with PairWriter(Pair(tmp_path / "fits"), dtype) as writer:
        writer.add(np.array([0, fits], dtype=np.uint32), np.array([2]))
    assert PairReader.open(Pair(tmp_path / "fits")).tokens.tolist() == [0, fits]
    with (
        pytest.raises(PairError, match=rf"odd\.bin: token {largest} does not fit into {dtype.__name__}"),
        PairWriter(Pair(tmp_path / "odd"), dtype) as writer,
    ):
        writer.add(np.array([0, largest], dtype=np.uint32), np.array([2]))
    assert not list(tmp_path.glob("*odd*"))


def test_a_failure_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    def fail() -> None:
        with PairWriter(Pair(tmp_path / "x"), np.uint16) as writer:
            writer.add(np.arange(5), np.array([5]))
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["bin", "idx"])
def test_a_truncated_pair_is_refused(tmp_path: Path, ending: str) -> None:
    pair = Pair(tmp_path / "x")
    write(pair, DOCUMENTS, 4096)
    path = tmp_path / f"x.{ending}"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(PairError, match=f"x\\.{ending}: .*build it again with `snakemake"):
        PairReader.open(pair)
