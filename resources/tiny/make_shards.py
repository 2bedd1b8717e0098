"""
Make the shards of the tiny corpus from the texts that four Debian 12 packages install.

english/  r-cran-janeaustenr    two novels by Jane Austen     train-*.parquet (zstd)    text, id, source
code/     libpython3.11-stdlib  modules of CPython 3.11       shard_*.jsonl.zst         content, path, license
math/     metamath-databases    statements of set.mm          set-mm-*.jsonl.gz         text, id
spanish/  sword-text-sparv      the Reina-Valera Bible, 1909  train-*.parquet (snappy)  text, id

Needs these packages, python3-distutils and python3-lib2to3 (parts of the standard library), `Rscript` (r-base-core) and
`diatheke` (diatheke). Building again with the same versions of the packages and of the libraries gives the same bytes.
Beside their documents, the english shards hold what real data sets hold too: a null text, an empty text and an exact
duplicate.
"""

import gzip
import html
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import zstandard

Row = dict[str, str | None]

OUT = Path(__file__).parent
STDLIB = Path("/usr/lib/python3.11")
SET_MM = Path("/usr/share/metamath/databases/set.mm")

NOVELS = {"prideprejudice": "Pride and Prejudice", "sensesensibility": "Sense and Sensibility"}
# Tests, what Debian rewrote, and what the package's copyright file lists under a licence of its own.
SKIPPED = {"ensurepip", "idlelib", "test", "tests", "_distutils_system_mod.py"}
SKIPPED |= {"asyncio", "logging", "multiprocessing", "sqlite3"}
CODE_LIMIT = 14_000  # bytes of a module
SPANISH_CHAPTERS = 267  # Genesis to I Samuel
MATH_STRIDE = 7
"""Every so many-th document of set.mm is kept, so that 1 MB reaches from propositional logic to number theory."""


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env={"LC_ALL": "C.UTF-8"}).stdout


def grouped(parts: Iterable[str], separator: str, size: int) -> list[str]:
    """Join consecutive parts to documents of at least `size` characters; a short rest goes to the last document."""
    documents = [""]
    for part in parts:
        documents[-1] += part if not documents[-1] else separator + part
        if len(documents[-1]) >= size:
            documents.append("")
    rest = documents.pop()
    if rest and documents and len(rest) < size // 2:
        documents[-1] += separator + rest
    elif rest:
        documents.append(rest)
    return documents


def english() -> Iterator[Row]:
    for dataset, title in NOVELS.items():
        text = run("Rscript", "--vanilla", "-e", f"writeLines(enc2utf8(janeaustenr::{dataset}))")
        text = re.sub(r"\s*THE END\s*$", "", text)
        _front_matter, *chapters = re.split(r"^chapter \d+$", text, flags=re.MULTILINE | re.IGNORECASE)
        for number, chapter in enumerate(chapters, 1):
            paragraphs = (
                " ".join(line.strip() for line in paragraph.splitlines()).strip()
                for paragraph in re.split(r"\n\s*\n", chapter.strip())
            )
            for index, document in enumerate(grouped(paragraphs, "\n\n", 2200)):
                yield {"text": document, "id": f"{dataset}/{number:02d}/{index:02d}", "source": title}


def code() -> Iterator[Row]:
    for path in sorted(STDLIB.rglob("*.py")):
        name = path.relative_to(STDLIB)
        if path.is_symlink() or any(part in SKIPPED or "-" in part for part in name.parts):
            continue
        if not 1_000 <= path.stat().st_size <= CODE_LIMIT:
            continue
        content = path.read_text(encoding="utf-8")
        generated = "gencodec.py" in content  # tables of character codes
        if not generated and not re.search(r"copyright|licen[cs]e|\bGPL\b", content, re.IGNORECASE):
            yield {"content": content, "path": f"Lib/{name.as_posix()}", "license": "PSF-2.0"}


def statements() -> Iterator[str]:
    """Every commented `$a` or `$p` statement of set.mm: its comment, then its label and formula."""
    found = re.finditer(
        r"\$\(\s(?P<comment>(?:(?!\$\)).)*?)\s\$\)\s+(?P<label>\S+) \$(?P<kind>[ap]) (?P<formula>[^$]*?)\s*\$[=.]",
        SET_MM.read_text(encoding="ascii"),
        re.DOTALL,
    )
    for match in found:
        comment = match["comment"]
        if "<HTML>" in comment.upper():  # tables and lists laid out for the web pages
            continue
        prose = "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", comment))
        # who contributed, revised or shortened it, and when
        prose = re.sub(r" ?\([A-Z][a-z]+( [a-z]+)* by [^()]*(\([^()]*\)[^()]*)*[- ]\d{4}[^()]*\)", "", prose)
        prose = re.sub(r" ?\((New usage|Proof modification) is discouraged\.\)", "", prose)
        prose = re.sub(r"</?(SUB|SUP|I|B|U|A|EM|TT|BR|P|SMALL)\b[^<>]*>", "", prose, flags=re.IGNORECASE)
        prose = re.sub(r"\n{3,}", "\n\n", html.unescape(prose)).strip()
        if prose:
            formula = " ".join(match["formula"].split())
            yield f"{prose}\n{match['label']} ${match['kind']} {formula} $."


def math() -> Iterator[Row]:
    for document in grouped(statements(), "\n\n", 1200)[::MATH_STRIDE]:
        first = re.search(r"^(\S+) \$[ap] ", document, re.MULTILINE)
        assert first is not None
        yield {"text": document, "id": f"set.mm/{first[1]}"}


def spanish() -> Iterator[Row]:
    bible = run("diatheke", "-b", "spaRV1909eb", "-l", "en", "-f", "plain", "-e", "UTF8", "-k", "Gen-Rev")
    verses = re.findall(r"^(.+?) (\d+):\d+: (.*)$", bible, re.MULTILINE)
    for (book, chapter), verses_of in groupby(verses, key=lambda verse: (verse[0], verse[1])):
        text = re.sub(r"<[GH]\d+>", "", " ".join(verse for _, _, verse in verses_of))  # Strong's numbers
        text = re.sub(r" +([,.;:?!)])", r"\1", " ".join(text.split()))
        yield {"text": text, "id": f"{book} {chapter}"}


def thirds(rows: list[Row]) -> list[list[Row]]:
    """Three consecutive shards of unequal sizes."""
    first, second = len(rows) * 9 // 20, len(rows) * 16 // 20
    return [rows[:first], rows[first:second], rows[second:]]


def write_parquet(path: Path, rows: list[Row], compression: str) -> None:
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression=compression, row_group_size=100)


def jsonl(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def main() -> None:
    for name in ("english", "code", "math", "spanish"):
        (OUT / name).mkdir(exist_ok=True)

    shards = thirds(list(english()))
    shards[1].insert(len(shards[1]) // 2, {"text": "", "id": "empty", "source": None})
    shards[1].insert(len(shards[1]) // 3, {"text": None, "id": "null", "source": None})
    shards[2].insert(len(shards[2]) // 2, shards[0][3] | {"id": "duplicate"})
    for index, rows in enumerate(shards):
        write_parquet(OUT / "english" / f"train-{index:05d}-of-00003.parquet", rows, "zstd")

    for index, rows in enumerate(thirds(list(code()))):
        data = zstandard.ZstdCompressor(level=19).compress(jsonl(rows))
        (OUT / "code" / f"shard_{index:04d}.jsonl.zst").write_bytes(data)

    for index, rows in enumerate(thirds(list(math()))):
        (OUT / "math" / f"set-mm-{index:02d}.jsonl.gz").write_bytes(gzip.compress(jsonl(rows), mtime=0))

    for index, rows in enumerate(thirds(list(islice(spanish(), SPANISH_CHAPTERS)))):
        write_parquet(OUT / "spanish" / f"train-{index:05d}-of-00003.parquet", rows, "snappy")


if __name__ == "__main__":
    main()
