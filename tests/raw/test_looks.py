"""The beginning of a raw file says whether its rows have text, and one reading says all else."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from snakemake.io import PeriodicityDetector
from snakemake.pathvars import PATHVAR_REGEX

from nano3.artifact.files import replaced
from nano3.formats.readers import Look
from nano3.formats.source import COLUMNAR, FORMATS, TextError, TextSource, kind_of, packing_of
from nano3.raw import looks
from nano3.raw.datasets import read_pins
from nano3.raw.download import download_shard
from nano3.raw.listing import shown
from nano3.raw.looks import (
    DOWNLOAD_ASIDE,
    RECEIPT_ASIDE,
    DigestedChunks,
    DigestedFile,
    column_fault,
    fault_of,
    late_column_fault,
    look_at,
    measure,
    name_fault,
    near_names,
    remark_of,
)
from nano3.raw.pin import pin_datasets
from tests.raw.corpus import describe, local, sha256

TEXT = TextSource("text")
TEXTS = [{"text": f"document {number}"} for number in range(1000)]


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def written(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(lines(rows))
    return path


def test_a_look_counts_rows_with_text_and_names_the_columns_of_the_others(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"content": "x"}] * 37 + [{"text": "x"}] * 3)
    look = look_at(path, local())
    assert look == Look(40, 3, ("content",), None)
    said = f"{path}: 37 of the first 40 rows have no text in column 'text'; they have: content"
    assert remark_of(look, path, local()) == said
    assert fault_of(look, path, local()) is None


def test_a_look_reads_the_beginning_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*TEXTS, "no object"])
    assert look_at(path, local()) == Look(looks.LOOK_ROWS, looks.LOOK_ROWS, (), None)
    assert remark_of(look_at(path, local()), path, local()) is None


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([1], "a list, not an object"),
        ("x", "a string, not an object"),
        ({"text": 1}, "the text is a number"),
        ({"text": {"a": 1}}, "the text is an object"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, row: Any, fault: str) -> None:
    path = written(tmp_path / "a.jsonl", [{"text": "x"}, row, {"text": "x"}])
    look = look_at(path, local())
    assert (look.rows, look.with_text) == (3, 2)
    assert f"{path}: line 2: {fault}" in str(fault_of(look, path, local()))
    assert "a bad row in the first 3 rows: line 2" in str(remark_of(look, path, local()))
    assert not look.lacks_column


def test_a_line_that_is_cut_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "x"}\n{"text": "y\n')
    assert "line 2: " in str(fault_of(look_at(path, local()), path, local()))


def test_empty_text_and_null_are_no_text_but_the_column_is_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"text": ""}, {"text": None}, {"id": 1}, {"text": "x"}])
    look = look_at(path, local())
    assert (look.rows, look.with_text, look.lacks_column) == (4, 1, False)
    said = f"{path}: 3 of the first 4 rows have no text in column 'text'; they have: id"
    assert remark_of(look, path, local()) == said


def test_a_field_inside_a_column_is_found_and_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"meta": {"body": "x"}}, {"meta": None}, {"meta": {"title": "x"}}])
    assert look_at(path, local(column="meta.body")) == Look(3, 1, ("meta", "meta.title"), None)


def test_no_row_of_the_look_has_the_column(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"content": "x"}] * 40)
    look = look_at(path, local())
    assert look.lacks_column
    assert column_fault(look, path, local()) == (
        f"{path}: no row has a column 'text'; text_column must be one of: content"
    )


def test_a_column_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    late = written(tmp_path / "a.jsonl", [{"id": 1}] * 5000 + [{"text": "x"}])
    assert look_at(late, local()).lacks_column
    assert late_column_fault(late, local()) is None
    never = written(tmp_path / "b.jsonl", [{"id": 1}] * 5000)
    assert "b.jsonl: no row has a column 'text'; text_column must be one of: id" in str(
        late_column_fault(never, local())
    )
    null = written(tmp_path / "c.jsonl", [{"id": 1}] * 5000 + [{"text": None}])
    assert late_column_fault(null, local()) is None


def test_parquet_says_how_many_of_its_first_rows_have_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x"] * 10 + [None] * 20 + [""] * 10}), path)
    look = look_at(path, local())
    assert (look.rows, look.with_text) == (40, 10)
    assert "30 of the first 40 rows have no text in column 'text'" in str(remark_of(look, path, local()))
    with pytest.raises(TextError, match="no column 'content'; text_column must be one of: text"):
        look_at(path, local(column="content"))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert look_at(path, local()).rows == 0


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_rows_lacks_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    look = look_at(path, local())
    assert not look.lacks_column
    assert remark_of(look, path, local()) is None


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("", bytes), (".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)],
)
def test_a_file_is_measured_and_its_content_known_in_one_reading(tmp_path: Path, ending: str, compress: Any) -> None:
    path, plain = tmp_path / f"a.jsonl{ending}", lines(TEXTS * 50)
    path.write_bytes(compress(plain))
    file = measure(path, TEXT)
    assert (file.bytes, file.rows) == (path.stat().st_size, 50_000)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.content == hashlib.sha256(plain).hexdigest()


def test_no_byte_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.jsonl", TEXTS * 100)
    read: list[int] = []
    real = DigestedFile.read

    def counted(self: DigestedFile, size: int | None = -1) -> bytes:
        data = real(self, size)
        read.append(len(data))
        return data

    monkeypatch.setattr(DigestedFile, "read", counted)
    measure(path, TEXT)
    assert sum(read) == path.stat().st_size


def test_a_parquet_file_is_measured_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 100] * 1000}), path, compression="none")
    file = measure(path, TEXT)
    assert file.rows == 1000
    assert file.sha256 == file.content == hashlib.sha256(path.read_bytes()).hexdigest()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def raw_bytes(ending: str) -> bytes:
    """A raw file of each ending, with the texts one and two."""
    table = pa.table({"text": ["one", "two"]})
    sink = pa.BufferOutputStream()
    if ending == ".parquet":
        pq.write_table(table, sink)
    elif ending in (".arrow", ".feather"):
        with (pa.ipc.new_file if ending == ".arrow" else pa.ipc.new_stream)(sink, table.schema) as out:
            out.write_table(table)
    if ending in COLUMNAR:
        return bytes(sink.getvalue().to_pybytes())
    packing = packing_of(ending)
    plain = {".csv": b"text\none\ntwo\n", ".tsv": b"text\none\ntwo\n", ".txt": b"one\ntwo\n"}
    return PACK[packing](plain.get(kind_of(ending), lines([{"text": "one"}, {"text": "two"}])))


@pytest.mark.parametrize("source", ["raw", "file://{folder}/raw"])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_of_every_ending_is_measured_and_pinned(catalogue: Path, ending: str, source: str) -> None:
    raw, content = Path("raw") / f"a{ending}", raw_bytes(ending)
    raw.parent.mkdir()
    raw.write_bytes(content)
    is_text = kind_of(ending) == ".txt"
    file = measure(raw, TextSource(None, "line") if is_text else TEXT)
    assert (file.bytes, file.rows, file.sha256) == (len(content), 2, sha256(content))
    keys = {"text_column": None, "document": "line"} if is_text else {}
    describe(catalogue, "odd", source=source.format(folder=Path.cwd()), files="'*'", **keys)
    assert pin_datasets(["odd"], catalogue)[0] == "odd: added a"
    (shard,) = read_pins("odd", catalogue)
    assert (shard.bytes, shard.rows, shard.sha256) == (len(content), 2, sha256(content))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", ""), (b"x", r"is not \.\w+ data"), (gzip.compress(lines(TEXTS))[:-9], r"data is cut|is compressed as \.gz")],
)
def test_damage_is_named_with_the_file(tmp_path: Path, ending: str, content: bytes, said: str) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(content)
    if not content:
        assert measure(path, TEXT).rows == 0
        return
    with pytest.raises(TextError, match=rf"a\.jsonl\{ending}: .*{said}"):
        measure(path, TEXT)


def test_chunks_are_read_in_any_sizes() -> None:
    chunks = [b"", b"abc", b"", b"defgh", b""]
    for size in (1, 2, 100):
        stream, data = DigestedChunks(iter(chunks)), b""
        while piece := stream.read(size):
            data += piece
        assert data == b"abcdefgh"
        assert stream.digest() == hashlib.sha256(b"abcdefgh").hexdigest()
    assert DigestedChunks(iter(chunks)).digest() == hashlib.sha256(b"abcdefgh").hexdigest()


def test_a_file_is_digested_whichever_way_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 100)
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    with DigestedFile(path) as file:
        file.seek(20_000)
        file.read(10)
        file.seek(0)
        file.read(300)
        file.seek(0)
        file.read(100)
        file.seek(300)
        file.readinto(bytearray(50))
        assert file.digest() == whole


LIMIT, LONG = os.pathconf("/", "PC_NAME_MAX"), "abcdefghijklmnopqrstuvwxyz" * 10


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("raw/a\nb.jsonl", "line break"),
        ("raw/a\tb.jsonl", "tab"),
        ("raw/a\rb.jsonl", "control character"),
        ("raw/a\x1bb.jsonl", "control character"),
        ("raw/a\udce9.jsonl", "not UTF-8"),
        ("raw/a{b}.jsonl", "braces"),
        ("raw/<x>.jsonl", "has <x>, which Snakemake replaces"),
        ("raw/a<b>c>.jsonl", "has <b>, which Snakemake replaces"),
        ("<raw>/a.jsonl", "has <raw>, which Snakemake replaces"),
        ("-a.jsonl", "begins with a dash"),
        ("-raw/a.jsonl", "begins with a dash"),
        ("raw/.jsonl", "nothing but an ending"),
        (f"raw/{LONG[:249]}.jsonl", " too long"),
        (f"raw/{(LONG[:19] + 'é') * 12}.jsonl", " too long"),
        (f"raw/part-{'0' * 20}.jsonl", "20 times in a row"),
    ],
)
def test_a_name_that_can_be_no_shard_says_why(path: str, fault: str) -> None:
    said = name_fault(path, path.removeprefix("raw/").removesuffix(".jsonl"), remote=False) or ""
    assert fault in said
    assert ": rename it" in said
    shown(path).encode()
    assert shown(path).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "-a",
        "a b",
        " a ",
        "a'b",
        'a"b',
        "a;b",
        "a$b",
        "a*b",
        "[a]",
        "a\\b",
        "a%b",
        "é",
        "日本",
        "a`b",
        "a<b",
        "a>b",
        ">a<",
    ],
)
def test_other_odd_names_are_right(name: str) -> None:
    assert name_fault(f"raw/{name}.jsonl", name, remote=False) is None


def test_the_longest_name_is_that_of_a_receipt_or_a_download_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replaced(tmp_path / "shard.json") as aside:
        assert len(aside.name) == len("shard" + RECEIPT_ASIDE)
    raw, content = tmp_path / "resources/raw/c/shard.jsonl", b"x"
    look: list[str] = []

    def fetch(_url: str, partial: Path) -> Path:
        look.append(partial.name)
        (partial / "shard.part").write_bytes(content)
        return partial / "shard.part"

    monkeypatch.setattr("nano3.raw.remote.fetch", fetch)
    download_shard("file:///there/shard.jsonl", sha256(content), 1, raw)
    assert len(look[0]) == len(raw.name + DOWNLOAD_ASIDE)


@pytest.mark.parametrize("remote", [False, True])
def test_the_longest_name_that_pinning_takes_can_be_written_and_no_longer_one(tmp_path: Path, remote: bool) -> None:
    extra = max(len(RECEIPT_ASIDE), len(".jsonl.zst" + DOWNLOAD_ASIDE) if remote else 0)
    longest = LONG[: LIMIT - extra]
    assert name_fault(f"{longest}.jsonl.zst", longest, remote) is None
    (tmp_path / LONG[:LIMIT]).touch()
    assert "1 byte too long" in (name_fault(f"{longest}x.jsonl.zst", longest + "x", remote) or "")
    with replaced(tmp_path / f"{longest}.json") as aside:
        aside.write_text("{}")
    if not remote:
        with pytest.raises(OSError, match="File name too long"), replaced(tmp_path / f"{longest}x.json"):
            pass


def test_names_that_some_file_systems_take_for_one_are_told() -> None:
    assert near_names(["a", "b"]) == []
    (case,) = near_names(["Part-0", "part-0", "b"])
    assert case.startswith("shards Part-0 and part-0 differ only by case")
    assert len(near_names(["caf\u00e9", "cafe\u0301", "STRASSE", "straße"])) == 2


@pytest.mark.parametrize("part", ["0", "ab", "0123456789"])
@pytest.mark.parametrize("times", [19, 20, 21])
@pytest.mark.parametrize("ends", ["{}", "part-{}", "{}-part", "0{}"])
def test_what_snakemake_takes_for_a_loop_is_refused_and_nothing_else(part: str, times: int, ends: str) -> None:
    shard = ends.format(part * times)
    loops = PeriodicityDetector().is_periodic(shard) is not None
    assert (name_fault(f"raw/{shard}.jsonl", shard, remote=False) is not None) == loops


@pytest.mark.parametrize("name", ["<x>", "a<b_1>", "<<x>>", "<X>", "<1>", "<a b>", "<>", "a<b", ">a<"])
def test_what_snakemake_takes_for_a_variable_is_refused_and_nothing_else(name: str) -> None:
    replaces = PATHVAR_REGEX.search(name) is not None
    assert (name_fault(f"raw/{name}.jsonl", name, remote=False) is not None) == replaces
