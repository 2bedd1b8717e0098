"""What is in a file once it is decompressed, and what is refused because it is something else."""

import gzip
import io
import lzma
import struct
import tarfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from backports import zstd

from nano3.formats.contents import CHUNK_BYTES, HEAD_BYTES, chunks, refusal
from nano3.formats.source import BY_LINE, FORMATS, TextError, TextSource
from tests.formats.rows import PACK, TEXTS, json_lines, read, skipping

DATA = json_lines()
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0123456789abcdef" * 4 + b"\nsize 123456\n"


@pytest.mark.parametrize("packing", PACK)
def test_every_compression_in_members_with_nul_bytes_behind(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    half = len(DATA) // 2
    pack = PACK[packing]
    for packed in (pack(DATA), pack(DATA[:half]) + pack(DATA[half:])):
        path.write_bytes(packed)
        assert read(path) == TEXTS
    if packing:
        for behind in (bytes(1), bytes(512), bytes(70_000), bytes(4) + pack(b"") + bytes(8)):
            path.write_bytes(pack(DATA) + behind)
            assert read(path) == TEXTS


@pytest.mark.parametrize("packing", [packing for packing in PACK if packing])
@pytest.mark.parametrize("behind", [b"\n", b"x", b"more", b"\0\0\0\0x", b'{"text": "plain"}\n', b"\x1f\x8b\x08"])
def test_anything_else_behind_is_refused(tmp_path: Path, packing: str, behind: bytes) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(PACK[packing](DATA) + behind)
    with pytest.raises(TextError, match=r"the compressed data is (damaged or followed by something else|cut)"):
        read(path)


@pytest.mark.parametrize("packing", [packing for packing in PACK if packing])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    whole = PACK[packing](DATA)
    for size in (len(whole) - 1, len(whole) - 5, len(whole) // 2, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(TextError, match=r"cut|damaged"):
            read(path)
        path.write_bytes(whole + whole[:size])  # a second member that is cut
        with pytest.raises(TextError, match=r"cut|damaged"):
            read(path)


@pytest.mark.parametrize("packing", [".gz", ".zst", ".bz2", ".xz"])
def test_a_wrong_checksum_is_refused(tmp_path: Path, packing: str) -> None:
    whole = bytearray(PACK[packing](DATA))
    if packing == ".zst":
        whole = bytearray(zstd.compress(DATA, options={zstd.CompressionParameter.checksum_flag: 1}))
    whole[-1 if packing == ".zst" else -6 if packing == ".gz" else len(whole) // 2] ^= 0x55
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(whole)
    with pytest.raises(TextError, match=r"damaged|cut"):  # bad rows may come before the checksum
        read(path, skipping())


@pytest.mark.parametrize("packing", PACK)
def test_no_bytes_are_no_rows(tmp_path: Path, packing: str) -> None:
    for name in (f"a.jsonl{packing}", f"a.csv{packing}", f"a.json{packing}"):
        for data in (b"", PACK[packing](b""), PACK[packing](b"\n\n")):
            (tmp_path / name).write_bytes(data)
            assert read(tmp_path / name) == []


def test_skippable_frames_and_headers_with_names_hold_no_text(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"
    (tmp_path / "a.jsonl.zst").write_bytes(skippable + zstd.compress(DATA) + skippable)
    assert read(tmp_path / "a.jsonl.zst") == TEXTS
    named = io.BytesIO()
    with gzip.GzipFile("a long name.jsonl", "wb", fileobj=named) as file:
        file.write(DATA)
    (tmp_path / "a.jsonl.gz").write_bytes(named.getvalue())
    assert read(tmp_path / "a.jsonl.gz") == TEXTS


def test_a_zstd_window_of_two_gigabytes_is_allowed(tmp_path: Path) -> None:
    long = zstd.compress(DATA, options={zstd.CompressionParameter.window_log: 31})
    (tmp_path / "a.jsonl.zst").write_bytes(long)
    assert read(tmp_path / "a.jsonl.zst") == TEXTS


@pytest.mark.parametrize("packing", [packing for packing in PACK if packing])
def test_what_expands_a_thousandfold_comes_in_chunks(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(PACK[packing](b"1" * (5 * CHUNK_BYTES)))
    sizes = [len(chunk) for chunk in chunks(path)]
    assert sum(sizes) == 5 * CHUNK_BYTES
    assert max(sizes) <= CHUNK_BYTES + HEAD_BYTES


@pytest.mark.parametrize("packing", PACK)
def test_a_byte_order_mark_is_no_text(tmp_path: Path, packing: str) -> None:
    for name, data in (("a.jsonl", b'{"text": "x"}'), ("a.json", b'[{"text": "x"}]'), ("a.csv", b"text\nx\n")):
        path = tmp_path / (name + packing)
        path.write_bytes(PACK[packing](b"\xef\xbb\xbf" + data))
        assert read(path) == ["x"]


def test_a_file_that_can_t_be_opened_is_named(tmp_path: Path) -> None:
    for kind in (".jsonl", ".parquet", ".arrow", ".txt.gz"):
        with pytest.raises(TextError, match=rf"none\{kind}: can't be read: No such file"):
            read(tmp_path / f"none{kind}", source_of(kind))


def source_of(ending: str) -> TextSource:
    return TextSource(None, "file") if ending.startswith(".txt") else TextSource("text")


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jsonl"))
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["x"]}), file)
    return file.getvalue()


def orc() -> bytes:
    file = io.BytesIO()
    pyarrow.orc.write_table(pa.table({"text": ["x"]}), file)
    return file.getvalue()


def ipc(stream: bool) -> bytes:
    file = io.BytesIO()
    schema = pa.schema({"text": pa.string()})
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(file, schema) as writer:
        writer.write(pa.record_batch([["x"]], schema=schema))
    return file.getvalue()


REFUSED = [
    ("a.jsonl", LFS, "a Git LFS pointer, not the data: run `git lfs pull`"),
    ("a.parquet", LFS, "a Git LFS pointer"),
    ("a.jsonl.gz", LFS, "a Git LFS pointer"),
    ("a.txt", LFS, "a Git LFS pointer"),
    ("a.arrow", LFS, "a Git LFS pointer"),
    ("a.parquet", b"/annex/objects/SHA256E-s3--0.parquet\n", "a git-annex pointer"),
    ("a.jsonl", b"<!DOCTYPE html>\n<html><head>", "a web page or a server's error message"),
    ("a.parquet", b"  <html>", "a web page"),
    ("a.csv", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page"),
    ("a.jsonl.zst", b"<HTML>", "a web page"),
    ("a.jsonl", '{"text": "x"}\n'.encode("utf-16"), "UTF-16 text: convert it to UTF-8"),
    ("a.jsonl", '{"text": "x"}\n'.encode("utf-16-le"), "UTF-16 text"),
    ("a.csv", "text\nx\n".encode("utf-16-be"), "UTF-16 text"),
    ("a.jsonl", '{"text": "x"}\n'.encode("utf-32"), "UTF-32 text"),
    ("a.txt", "some text".encode("utf-32-be"), "UTF-32 text"),
    ("a.parquet", b"PARE" + bytes(50) + b"PARE", "a parquet file whose footer is encrypted: decrypt it"),
    ("a.jsonl", gzip.compress(DATA), "compressed as .gz, which its name does not say: let it end in .jsonl.gz"),
    ("a.json", PACK[".zst"](DATA), "compressed as .zst, which its name does not say"),
    ("a.csv", PACK[".bz2"](DATA), "compressed as .bz2, which its name does not say"),
    ("a.txt", PACK[".xz"](DATA), "compressed as .xz, which its name does not say"),
    ("a.jsonl.gz", PACK[".zst"](DATA), "compressed as .zst, which its name does not say"),
    ("a.parquet", gzip.compress(parquet()), "compressed as .gz: decompress it"),
    ("a.jsonl", parquet(), "a .parquet file: name it so"),
    ("a.arrow", parquet(), "a .parquet file: name it so"),
    ("a.parquet", ipc(stream=False), "a .arrow file: name it so"),
    ("a.jsonl", ipc(stream=True), "a .arrow file: name it so"),
    ("a.jsonl.gz", DATA, "not .gz data: name it a.jsonl if it is not compressed"),
    ("a.jsonl.zst", b"\x1f\x9d" + DATA, "data of Unix compress"),
    ("a.jsonl", b"PK\x03\x04" + bytes(40), "a zip archive: unpack it"),
    ("a.jsonl.gz", b"PK\x05\x06" + bytes(18), "an empty zip archive"),
    ("a.jsonl", b"7z\xbc\xaf\x27\x1c" + bytes(40), "a 7z archive"),
    ("a.jsonl", tar(), "a tar archive: unpack it"),
    ("a.jsonl.zst", b"\x04\x22\x4d\x18" + bytes(40), "lz4 data"),
    ("a.jsonl.xz", b"\x5d\x00\x00\x80\x00" + bytes(40), "data of the old lzma format"),
    ("._a.jsonl", b"\x00\x05\x16\x07" + bytes(100), "macOS metadata of another file (AppleDouble): delete it"),
    ("a.parquet", b"SQLite format 3\0" + bytes(80), "an SQLite database"),
    ("a.feather", b"FEA1" + bytes(80), "a Feather file of version 1"),
    ("a.parquet", orc(), "an ORC file"),
    ("a.jsonl", b"Obj\x01" + bytes(40), "an Avro file"),
    ("a.txt", b"%PDF-1.7\n", "a PDF document"),
    ("a.jsonl", bytes(4096), "begins with NUL bytes alone, as a download that was cut does"),
    ("a.parquet", bytes(4096), "begins with NUL bytes alone"),
    ("a.csv.gz", bytes(4096), "begins with NUL bytes alone"),
    ("a.parquet", b"", "holds 0 bytes: replace it"),
    ("a.arrow", b"", "holds 0 bytes"),
]


@pytest.mark.parametrize(("name", "data", "what"), REFUSED, ids=[f"{name} {what[:30]}" for name, _, what in REFUSED])
def test_what_is_something_else_than_its_name_says(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TextError) as told:
        read(tmp_path / name, source_of(Path(name).suffix))
    assert what in str(told.value)
    assert str(told.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(told.value)
    assert what in str(refusal(data[:HEAD_BYTES], name))


@pytest.mark.parametrize(
    ("data", "what"),
    [(gzip.compress(DATA), "compressed as .gz"), (parquet(), "a .parquet file"), (LFS, "Git LFS"), (tar(), "a tar")],
)
@pytest.mark.parametrize("packing", [".gz", ".zst", ".bz2", ".xz"])
def test_what_is_something_else_inside_its_compression(tmp_path: Path, packing: str, data: bytes, what: str) -> None:
    (tmp_path / f"a.jsonl{packing}").write_bytes(PACK[packing](data))
    with pytest.raises(TextError, match=what):
        read(tmp_path / f"a.jsonl{packing}")


@pytest.mark.parametrize("name", [f"a{ending}" for ending in FORMATS])
def test_what_is_right_is_not_refused(name: str) -> None:
    whole = {".parquet": parquet(), ".arrow": ipc(stream=True), ".feather": ipc(stream=False)}
    packing = Path(name).suffix if Path(name).suffix in PACK else ""
    data = whole.get(Path(name).suffix) or PACK[packing](DATA)
    assert refusal(data[:HEAD_BYTES], name) is None


@pytest.mark.parametrize(
    "start",
    [
        *(
            "ORCHARD. A play in four acts",
            "ORCID,text",
            "PARENTS AND CHILDREN",
            "PARE, v.: to peel",
            "PAR1s is no word",
        ),
        *("Rar! said the crow", "BZh is a name", "BZh9 too", "FEA1 of 3", "ARROW1,text", "]\0\0 with two NUL bytes"),
        *("Obj\x01 with a control character", "ORC", "ORC " + "é" * 400, "ORCé" + "é" * 400),
    ],
    ids=lambda start: start[:12],
)
@pytest.mark.parametrize("kind", BY_LINE)
def test_a_text_that_begins_as_other_formats_do_is_not_refused(start: str, kind: str) -> None:
    assert refusal(start.encode()[:HEAD_BYTES], f"a{kind}") is None


@pytest.mark.parametrize("kind", [".txt", ".csv"])
def test_what_other_formats_write_is_refused_all_the_same(kind: str) -> None:
    feather, old = io.BytesIO(), lzma.compress(DATA, lzma.FORMAT_ALONE)
    pyarrow.feather.write_feather(pa.table({"text": ["x"]}), feather, version=1)
    rar, empty = b"Rar!\x1a\x07\x01\x00\x33\x92\xb5\xe5", PACK[".bz2"](b"")
    for data, what in (
        *((orc(), "an ORC file"), (parquet(), "a .parquet file"), (feather.getvalue(), "a Feather file")),
        *((rar, "a rar archive"), (old, "the old lzma format"), (PACK[".bz2"](DATA), "compressed as .bz2")),
        *((empty, "compressed as .bz2"), (ipc(stream=False), "a .arrow file")),
    ):
        assert what in str(refusal(data[:HEAD_BYTES], f"a{kind}"))


def test_html_is_a_text_as_good_as_any_in_a_txt() -> None:
    assert refusal(b"<html><body>a page of a crawl", "page.txt") is None


def test_zlib_without_gzips_header_is_not_gzip() -> None:
    assert "not .gz data" in str(refusal(zlib.compress(DATA), "a.jsonl.gz"))
