"""
The benchmark's corpora: real text of many kinds and languages, the same bytes on every machine.

    in    pinned wheels from PyPI, those of bulk_code.txt among them, and resources/tiny
    out   {folder}/corpus.parquet, corpus.jsonl, corpus.jsonl.zst    a shard of about 300 MB: the same rows in the same
                                                                     order, column `text`
          {folder}/bulk/shard-*.parquet, bulk.jsonl                  about 1.1 GB, those 300 MB among them, in shards
                                                                     and in one file
          corpus.json, bulk/bulk.json                                documents and bytes of text per kind

What stands in a wheel hundreds of times is taken once: of messages (a translation, an API's description) each one, of
files each whole text. Messages make documents of about a web page's length. Documents are in the order of their hash,
so that kinds and languages alternate as they do on the web.
"""

import gzip
import html
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import zstandard

from nano3.formats.readers import read_text
from nano3.raw.datasets import read_dataset, read_pins

PAGE_CHARACTERS = 4_000
ROW_GROUP_ROWS = 5_000
BULK_SHARDS = 8
BULK_CODE = Path(__file__).parent / "bulk_code.txt"
TINY_KINDS = {"tiny-english": "prose", "tiny-spanish": "languages", "tiny-code": "code", "tiny-math": "mathematics"}

Reader = Callable[[bytes], Iterator[str]]


@dataclass(frozen=True)
class Source:
    """Files of a wheel that make documents. name: a regular expression found in the file's name inside the wheel."""

    wheel: str
    kind: str
    name: str
    reader: Reader
    messages: bool


def whole(data: bytes) -> Iterator[str]:
    """A file as one document."""
    yield data.decode("utf-8", errors="ignore")


def translations(data: bytes) -> Iterator[str]:
    """The translated messages of a gettext catalogue (.po)."""
    quoted = r'"((?:[^"\\\n]|\\.)*)"'
    for message in re.finditer(rf"^msgstr(?:\[\d\])? ((?:{quoted}\s*)+)", data.decode("utf-8"), re.MULTILINE):
        text = "".join(part[1] for part in re.finditer(quoted, message[1]))
        yield text.replace(r"\n", "\n").replace(r"\"", '"')


def values(data: bytes) -> Iterator[str]:
    """All texts of a JSON file."""
    yield from (text for _, text in _walk(json.loads(data), ""))


def descriptions(data: bytes) -> Iterator[str]:
    """What the JSON definition of a web service says about itself, without HTML tags."""
    definition = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    for key, text in _walk(definition, ""):
        if key in {"documentation", "description"}:
            yield html.unescape(re.sub(r"<[^>]*>", "", text)).strip()


def _walk(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the key that it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, key)
    elif isinstance(value, str):
        yield key, value


def prose(wheel: str, name: str, reader: Reader = descriptions) -> Source:
    """Descriptions in English."""
    return Source(wheel, "prose", name, reader, messages=True)


def languages(wheel: str, name: str, reader: Reader = translations) -> Source:
    """Messages in up to a hundred languages, Chinese, Japanese, Korean, Russian and Arabic among them."""
    return Source(wheel, "languages", name, reader, messages=True)


def code(wheel: str, name: str = r"\.py$", kind: str = "code") -> Source:
    """Modules, each a document."""
    return Source(wheel, kind, name, whole, messages=False)


SOURCES = (
    prose("botocore==1.44.5", r"service-2\.json\.gz$"),
    prose("google-api-python-client==2.202.0", r"documents/.*\.json$"),
    languages("weblate==5.14.3", r"\.po$"),
    languages("plone.app.locales==7.0.4", r"\.po$"),
    languages("django==5.2.19", r"\.po$"),
    languages("horizon==27.0.0", r"\.po$"),
    languages("sphinx==9.0.4", r"\.po$"),
    languages("ckan==2.12.0", r"\.po$"),
    languages("wagtail==8.0.1", r"\.po$"),
    languages("geonode==5.1.1", r"\.po$"),
    languages("homeassistant==2024.3.3", r"translations/.*\.json$", values),
    languages("home-assistant-frontend==20250109.2", r"translations/.*\.json$", values),
    code("homeassistant==2024.3.3"),
    # A model's module is generated from its modular_*.py: one of the two.
    code("transformers==5.23.0", r"/(?!modular_)[^/]*\.py$"),
    code("django==5.2.19"),
    code("wagtail==8.0.1"),
    code("faker==40.54.0"),
    # Modules of Ansible's collections, but not those that a vendor generates by the hundred.
    code(
        "ansible==12.3.0",
        r"^ansible_collections/(?!fortinet|cisco|dellemc|f5networks|hitachivantara|netapp|check_point).*\.py$",
    ),
    code("sympy==1.14.0", kind="mathematics"),
    code("pennylane==0.45.1", kind="mathematics"),
    code("torch-geometric==2.8.1", kind="mathematics"),
)

BULK_SOURCES = (
    *SOURCES,
    prose("awscli==1.46.3", r"\.rst$", whole),
    prose("awscli==1.46.3", r"\.json$", values),
    languages("pretix==2026.8.0", r"\.po$"),
    languages("indico==3.2.9", r"\.po$"),
    languages("apache-superset==6.1.0", r"\.po$"),
    languages("kolibri==0.19.5", r"\.po$"),
    languages("spyder==6.1.8", r"\.po$"),
    languages("django-cms==5.1.3", r"\.po$"),
    *map(code, BULK_CODE.read_text(encoding="utf-8").split()),
)


def download(folder: Path, sources: Sequence[Source]) -> dict[str, Path]:
    """The wheels of sources, by requirement; those that are there already are not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sorted({source.wheel for source in sources})
    found = {wheel: _wheel(folder, wheel) for wheel in wanted}
    missing = [wheel for wheel, path in found.items() if path is None]
    if missing:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(folder), *missing], check=True)
    return {wheel: path for wheel in wanted if (path := _wheel(folder, wheel))}


def _wheel(folder: Path, requirement: str) -> Path | None:
    name, version = requirement.split("==")
    return next(folder.glob(f"{re.sub('[-.]', '_', name)}-{version}-*.whl"), None)


def documents(wheels: Mapping[str, Path], sources: Sequence[Source]) -> Iterator[tuple[str, str]]:
    """Every document with its kind: those of resources/tiny, then of sources. No file and no message comes twice."""
    seen: set[int] = set()
    for dataset, kind in TINY_KINDS.items():
        text_source = read_dataset(dataset).text_source
        for shard in read_pins(dataset):
            for batch in read_text(Path(shard.path), text_source, shard.rows, []):
                yield from ((kind, text) for text in _new(filter(None, batch.to_pylist()), seen))
    for source in sources:
        with ZipFile(wheels[source.wheel]) as archive:
            for name in sorted(archive.namelist()):
                if re.search(source.name, name):
                    texts = _new(source.reader(archive.read(name)), seen)
                    yield from ((source.kind, text) for text in (_pages(texts) if source.messages else texts))


def _new(texts: Iterator[str], seen: set[int]) -> Iterator[str]:
    """The texts that are not blank and have not been seen before."""
    for text in texts:
        digest = xxhash.xxh3_64_intdigest(text.encode("utf-8"))
        if text.strip() and digest not in seen:
            seen.add(digest)
            yield text


def _pages(messages: Iterator[str]) -> Iterator[str]:
    """Consecutive messages, a line each, up to about PAGE_CHARACTERS."""
    page: list[str] = []
    size = 0
    for message in messages:
        page.append(message)
        size += len(message)
        if size >= PAGE_CHARACTERS:
            yield "\n".join(page)
            page, size = [], 0
    if page:
        yield "\n".join(page)


def build(folder: Path) -> dict[str, Any]:
    """The shard in all formats, made in a folder unless it is there. Returns what corpus.json says."""

    def write(texts: list[str]) -> None:
        _write_parquet(texts, folder / "corpus.parquet")
        lines = _lines(texts)
        (folder / "corpus.jsonl").write_bytes(lines)
        (folder / "corpus.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines))

    return _built(folder / "corpus.json", folder / "wheels", SOURCES, write)


def build_bulk(folder: Path) -> dict[str, Any]:
    """The larger corpus in shards and as one file, made in {folder}/bulk unless it is there. Returns bulk.json."""
    bulk = folder / "bulk"

    def write(texts: list[str]) -> None:
        each = -(-len(texts) // BULK_SHARDS)
        for number in range(BULK_SHARDS):
            _write_parquet(texts[number * each : (number + 1) * each], bulk / f"shard-{number}.parquet")
        (bulk / "bulk.jsonl").write_bytes(_lines(texts))

    return _built(bulk / "bulk.json", folder / "wheels", BULK_SOURCES, write)


def _built(facts: Path, wheels: Path, sources: Sequence[Source], write: Callable[[list[str]], None]) -> dict[str, Any]:
    """What a corpus holds; it is written unless its facts, which come last, are there."""
    if not facts.exists():
        facts.parent.mkdir(parents=True, exist_ok=True)
        rows = list(documents(download(wheels, sources), sources))
        rows.sort(key=lambda row: xxhash.xxh3_64_intdigest(row[1].encode("utf-8")))
        write([text for _, text in rows])
        sizes: Counter[str] = Counter()
        for kind, text in rows:
            sizes[kind] += len(text.encode("utf-8"))
        counts = Counter(kind for kind, _ in rows)
        kinds = {kind: {"documents": counts[kind], "bytes": size} for kind, size in sizes.most_common()}
        value = {"documents": len(rows), "bytes": sum(sizes.values()), "kinds": kinds}
        facts.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    found: dict[str, Any] = json.loads(facts.read_text(encoding="utf-8"))
    return found


def _write_parquet(texts: list[str], path: Path) -> None:
    table = pa.table({"text": pa.array(texts, type=pa.large_string())})
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def _lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode("utf-8")
