"""All formats alike: which rows there are, how many, and how the first ones look."""

import contextlib
import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nano3.formats import readers, source
from nano3.formats.readers import FORMATS, Look, TextError, TextSource, count_rows, look, read_text
from nano3.formats.source import kind_of, packing_of
from tests.formats.memory import peak_of_reading
from tests.formats.rows import PACK, SOURCE, TEXTS, json_lines, read, read_with_bad, skipping

MB = 2**20
LONG = [f"row {number} " * 100 for number in range(5000)]


def csv_bytes(texts: list[str], separator: str) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows([["text"], *([text] for text in texts)])
    return file.getvalue().encode()


def parquet_bytes(texts: list[str]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), file, row_group_size=3000)
    return file.getvalue()


def ipc_bytes(texts: list[str]) -> bytes:
    file = io.BytesIO()
    table = pa.table({"text": texts})
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3000)
    return file.getvalue()


WRITE: dict[str, Callable[[list[str]], bytes]] = {
    ".parquet": parquet_bytes,
    ".arrow": ipc_bytes,
    ".feather": ipc_bytes,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": lambda texts: json.dumps([{"text": text} for text in texts], indent=1).encode(),
    ".csv": lambda texts: csv_bytes(texts, ","),
    ".tsv": lambda texts: csv_bytes(texts, "\t"),
    ".txt": lambda texts: "".join(f"{text}\n" for text in texts).encode(),
}


def written(path: Path, texts: list[str]) -> tuple[Path, TextSource]:
    path.write_bytes(PACK[packing_of(path.name)](WRITE[kind_of(path.name)](texts)))
    return path, TextSource(None, "line") if ".txt" in path.name else SOURCE


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_every_row_in_order_and_counts_it(tmp_path: Path, ending: str) -> None:
    path, text_source = written(tmp_path / f"a{ending}", LONG)
    assert read(path, text_source) == LONG
    assert read(path, text_source, rows=4321) == LONG[:4321]
    assert read(path, text_source, rows=0) == []
    with path.open("rb") as file:
        assert count_rows(path, file, text_source) == len(LONG)
    with pytest.raises(TextError, match="has 5000 rows where 5001 were pinned: pin the dataset again"):
        read(path, text_source, rows=5001)
    assert look(path, text_source, 1000) == Look(1000, 1000, look(path, text_source, 1).keys, None)


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".jsonl", ".json", ".csv", ".txt", ".jsonl.gz"])
def test_the_size_of_a_batch_changes_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path, text_source = written(tmp_path / f"a{ending}", LONG[:300])
    for size, rows in ((1, 4096), (3000, 4096), (8 * MB, 7)):
        monkeypatch.setattr(source, "BATCH_BYTES", size)
        monkeypatch.setattr(source, "LARGEST_BATCH_ROWS", rows)
        assert read(path, text_source) == LONG[:300]
        assert max(len(batch) for batch in read_text(path, text_source, None, [])) <= rows


def test_txt_is_counted_only_when_it_is_said_what_a_document_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\nb\n")
    assert [count_rows(tmp_path / "a.txt", None, TextSource(None, kind)) for kind in ("file", "line")] == [1, 2]
    with pytest.raises(TextError, match="write document: file or document: line"):
        count_rows(tmp_path / "a.txt")


def test_a_look_sees_rows_without_text_and_the_names_they_have_instead(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "x"}, {"content": "y", "id": 1}, {"body": "z", "id": 2}, {"text": None}, {"text": "x"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert look(path, SOURCE, 10) == Look(5, 2, ("content", "id", "body"), None)
    assert look(path, SOURCE, 2) == Look(2, 1, ("content", "id"), None)
    assert look(path, TextSource("other"), 10) == Look(5, 0, ("text", "content", "id", "body"), None, True)


def test_a_look_tells_of_the_first_bad_row_and_raises_for_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n\nnonsense\n{"text": 5}\n')
    assert look(path, SOURCE, 10) == Look(3, 1, (), "line 3: not JSON, not an object")
    assert look(path, SOURCE, 1) == Look(1, 1, (), None)


def test_a_look_reads_only_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(PACK[".gz"](json_lines([*TEXTS, *LONG] * 3))[:-9])
    assert look(path, SOURCE, 100).rows == 100
    with pytest.raises(TextError, match="cut"):
        look(path, SOURCE, 10**6)


def test_a_look_refuses_what_can_t_be_read_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet_bytes(["x"]))
    (tmp_path / "a.csv").write_text("body\nx\n")
    (tmp_path / "a.jsonl").write_bytes(parquet_bytes(["x"]))
    for name, message in (
        ("a.parquet", "no column 'b'"),
        ("a.csv", "no column 'b'"),
        ("a.jsonl", "is a .parquet file"),
    ):
        with pytest.raises(TextError, match=message):
            look(tmp_path / name, TextSource("b"), 10)
    assert look(tmp_path / "a.parquet", SOURCE, 10).keys == ("text",)


def test_every_kind_of_file_has_its_reader() -> None:
    assert {kind_of(f"a{ending}") for ending in FORMATS} == {*readers.READERS, ".txt"}


@pytest.mark.parametrize(
    "ending", [".parquet", ".arrow", ".jsonl", ".json", ".csv", ".jsonl.gz", ".jsonl.zst", ".jsonl.xz"]
)
def test_damage_anywhere_is_an_error_of_ours_or_leaves_rows(tmp_path: Path, ending: str) -> None:
    path, text_source = written(tmp_path / f"a{ending}", LONG[:60])
    whole, draw = path.read_bytes(), random.Random(ending)
    end = len(whole) - (1000 if ending == ".parquet" else 0)  # pyarrow itself ends the process for some footers
    for _ in range(60):
        data, at = bytearray(whole), draw.randrange(end)
        match draw.randrange(3):
            case 0:
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                data[at : min(end, at + draw.randrange(1, 30))] = draw.randbytes(5)
            case 2:
                data[at:at] = draw.randbytes(7)
        path.write_bytes(data)
        for source_of_it in (text_source, skipping()):
            with contextlib.suppress(TextError):
                texts, bad = read_with_bad(path, source_of_it)
                assert count_rows(path) == len(texts)
                assert bad == sorted(set(bad))
                assert not bad or bad[-1] < len(texts)


# ---- memory: 10 GB of zeros in little, as one row and as many -------------------------------------------------------


def many(packing: str, begin: bytes, middle: bytes, times: int, end: bytes) -> bytes:
    """Members or frames one behind the other, so that nobody has to compress 10 GB."""
    pack = PACK[packing]
    return pack(begin) + pack(middle) * times + pack(end)


@pytest.mark.slow
@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "begin", "end", "column", "document"),
    [
        ("a.jsonl", b'{"text": "', b'"}\n', "text", ""),
        ("a.json", b'[{"text": "', b'"}]', "text", ""),
        ("a.csv", b'text\n"', b'"\n', "text", ""),
        ("a.txt", b"", b"", "", "file"),
        ("a.txt", b"", b"\n", "", "line"),
    ],
)
def test_ten_gigabytes_as_one_row_are_a_bad_row(
    tmp_path: Path, packing: str, name: str, begin: bytes, end: bytes, column: str, document: str
) -> None:
    path = tmp_path / (name + packing)
    path.write_bytes(many(packing, begin, b"0" * (100 * MB), 100 if (name, packing) == ("a.jsonl", ".zst") else 6, end))
    rows, bad, size, peak, _ = peak_of_reading(path, column, document)
    assert (rows, bad, size < 100) == (1, 1, True)
    assert peak < 800 * MB


@pytest.mark.slow
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_the_longest_row_is_read_and_gigabytes_of_rows_are(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(many(packing, b'{"text": "', b"0" * (50 * MB), 10, b'"}\n'))
    rows, bad, size, peak, _ = peak_of_reading(path)
    assert (rows, bad, size >= 500 * MB) == (1, 0, True)
    assert peak < 800 * MB
    path.write_bytes(many(packing, b"", b'{"text": "%b"}\n' % (b"0" * 1000) * 50_000, 20, b""))
    rows, bad, _, peak, _ = peak_of_reading(path)
    assert (rows, bad) == (1_000_000, 0)
    assert peak < 200 * MB


def test_nul_bytes_alone_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(many(".zst", b"", bytes(100 * MB), 100, b""))
    rows, _, _, peak, message = peak_of_reading(path)
    assert rows == 0
    assert "begins with NUL bytes alone" in message
    assert peak < 100 * MB
