"""A sample is bounded, spread over files and rows, and the same for the same data."""

from pathlib import Path

import pytest

from nano3.raw.datasets import Dataset, Shard
from nano3.start.sample import FEW, sample_texts
from tests.start.data import rows, text, write

DATASET = Dataset.model_validate(
    {"source": "raw", "files": "*", "text_column": "text", "category": "c", "licence": "l", "about": "a"}
)


def shards(folder: Path, *counts: int, words: int = 60) -> list[Shard]:
    files = [
        write(folder / f"{number:03}.jsonl", rows(count, number, words=words)) for number, count in enumerate(counts)
    ]
    return [
        Shard(file.stem, str(file), file.stat().st_size, count, "") for file, count in zip(files, counts, strict=True)
    ]


def test_a_small_dataset_is_its_own_sample(tmp_path: Path) -> None:
    sample = sample_texts(DATASET, shards(tmp_path, 5, 3), 10**6)
    expected = [text((number, row)) for number, count in enumerate((5, 3)) for row in range(count)]
    assert (sample.texts, sample.rows) == (expected, 8)
    assert sample.bytes == sample.taken == sum(map(len, expected))


def test_a_sample_reaches_through_the_file_and_through_the_files(tmp_path: Path) -> None:
    pinned = shards(tmp_path, *[1000] * (3 * FEW))
    sample = sample_texts(DATASET, pinned, 200_000)
    assert 150_000 < sample.taken < 210_000
    assert sample == sample_texts(DATASET, pinned, 200_000)
    places = {text((number, row)): (number, row) for number in range(3 * FEW) for row in range(1000)}
    found = [places[each] for each in sample.texts if each in places]
    assert len({number for number, _ in found}) == FEW
    assert {0, 3 * FEW - 1} < {number for number, _ in found}, "first and last"
    assert max(row for _, row in found) > 800


def test_many_small_files_fill_a_sample_as_one_large_file_does(tmp_path: Path) -> None:
    pinned = shards(tmp_path, *[1] * (10 * FEW))
    whole = sum(len(text((number, 0))) for number in range(10 * FEW))
    assert sample_texts(DATASET, pinned, whole // 2).taken > whole // 3
    assert sample_texts(DATASET, pinned, 2 * whole).taken == whole


def test_rows_without_text_count_as_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "abc"}, {"text": None}, {"text": ""}, {"text": "de"}])
    sample = sample_texts(DATASET, [Shard("a", str(path), 1, 4, "")], 10**6)
    assert (sample.texts, sample.rows, sample.bytes) == (["abc", "de"], 4, 5)


@pytest.mark.parametrize("letter", ["a", "é", "中"])
def test_a_huge_document_is_cut_and_its_whole_length_counts(tmp_path: Path, letter: str) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": letter * 10_000}])
    sample = sample_texts(DATASET, [Shard("a", str(path), 1, 1, "")], 1000)
    assert sample.texts == [letter * (1000 // len(letter.encode()))]
    assert sample.bytes == 10_000 * len(letter.encode())
