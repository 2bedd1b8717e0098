"""
Does the pipeline still make the bytes that it made? A fixed shard of every format, tokenized with every policy.

The bytes that they must become are in GOLDEN, and a test compares. So a change of code that keeps all of them keeps
every corpus, and one that does not says which formats and policies it touches.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from nano3.artifact.digest import digest_file
from nano3.artifact.files import write_json
from nano3.tokens.encoder import Encoder
from nano3.tokens.pipeline import Observer, write_pairs

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd  # noqa: PLR0402 - tests take the distribution from the whole name

GOLDEN = Path("resources/tiny/golden_bytes.json")
TOKENIZER = Path("resources/tiny/tokenizer/tokenizer.json")
WIDE_VOCABULARY = 70_000  # does not fit into uint16
HOLDOUT = {"valid": 0.2, "test": 0.1}
SETTINGS: dict[str, Any] = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "add_bos": False,
    "add_eos": True,
    "special_tokens_in_text": "characters",
    "min_doc_chars": 0,
    "max_doc_tokens": None,
}
# By name: which rows, and what differs from SETTINGS and from the rest of the key.
POLICIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "plain": ("short", {}, {}),
    "bos": ("short", {"add_bos": True, "add_eos": False}, {}),
    "bos and eos": ("short", {"add_bos": True}, {}),
    "neither": ("short", {"add_eos": False}, {}),
    "another eos": ("short", {"eos_token": "<pad>"}, {}),
    "cut": ("short", {"add_bos": True, "max_doc_tokens": 20}, {}),
    "no short documents": ("short", {"min_doc_chars": 40}, {}),
    "control tokens parsed": ("short", {"special_tokens_in_text": "parse"}, {}),
    "nothing held out": ("short", {}, {"holdout": {"valid": 0.0, "test": 0.0}}),
    "everything held out": ("short", {}, {"holdout": {"valid": 0.5, "test": 0.5}}),
    "first rows": ("short", {}, {"rows": 50}),
    "inner column": ("short", {}, {"text_column": "inner.text"}),
    "wide vocabulary": ("short", {}, {}),
    "many rows": ("many", {}, {}),
    "long": ("long", {}, {}),
    "long, cut": ("long", {"add_bos": True, "max_doc_tokens": 100_000}, {}),
}
ROWS = ("short", "many", "long")
# One of each reader, and how bytes are decompressed; how they may be decompressed otherwise, tests of formats say.
ENDINGS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".csv", ".arrow")
# Fixed numbers: a shard that grew with the pipeline's own limits would become other bytes whenever one is changed.
MANY_ROWS = 5096  # more than a batch
BLOCK = 2**16
LONG_CHARACTERS = 2**24 + BLOCK  # a document that is encoded in parts
LONG_LINE_CHARACTERS = 2**23 + BLOCK  # a line that is decoded in place
WORDS = [
    *("the", "a", "of", "tokens", "shard", "Recipe", "house", "x=1;", "3.14", "don't", "\\", '"', "/", "<s"),
    *("naïve", "façade", "日本語", "русский", "عربي", "e\u0301", "👩\u200d👩\u200d👧"),
]
WHITESPACE = [" ", " ", " ", "\n", "  ", "\r\n\r\n", ""]
ODD_TEXTS = [
    *("", " ", "\r\n\t", "\n\n\n", "</s>", "before </s> after <s><pad>", "\N{NO-BREAK SPACE}\u2003\u3000", "a" * 5000),
    *("\x00\x01", "\ufeffmarked", "1234567890" * 20, "same", "same", "\u2028", "\U0010ffff", "tab\tand \\n"),
]

Digests = dict[str, str]  # of the four files by name, and `content`


class Case(NamedTuple):
    """One shard made with one policy. ending: of its format."""

    policy: str
    ending: str
    engine: str

    def __str__(self) -> str:
        return f"{self.policy} ({self.ending}, {self.engine})"


class Golden(msgspec.Struct):
    """The bytes that are expected, by policy: formats and engines agree. code: digest of the code that made them."""

    code: str
    bytes: dict[str, Digests]

    @classmethod
    def read(cls, path: Path = GOLDEN) -> "Golden":
        """The file as it was written."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path = GOLDEN) -> None:
        """Write the file."""
        write_json(path, msgspec.to_builtins(self))

    def differing(self, table: Mapping[Case, Digests]) -> list[Case]:
        """Cases that became other bytes than expected."""
        return [case for case, digests in table.items() if digests != self.bytes.get(case.policy)]


def golden_table(folder: Path) -> dict[Case, Digests]:
    """
    What every case becomes today. folder: to work in.

    Hugging Face's engine takes one format, and no long document.
    """
    shards = {(rows, ending): _write_shard(folder, rows, ending) for rows in ROWS for ending in ENDINGS}
    table: dict[Case, Digests] = {}
    for policy, (rows, settings, changes) in POLICIES.items():
        tokenizer = _wide_tokenizer(folder) if policy == "wide vocabulary" else TOKENIZER
        key = {"tokenizer": SETTINGS | settings | {"sha256": digest_file(tokenizer)}}
        key |= {"holdout": HOLDOUT, "text_column": "text", "rows": None} | changes
        for engine in ("gigatoken", "tokenizers") if rows != "long" else ("gigatoken",):
            encoder = Encoder.load(tokenizer, key["tokenizer"], engine)
            for ending in ENDINGS if engine == "gigatoken" else ENDINGS[:1]:
                table[Case(policy, ending, engine)] = _digests(shards[rows, ending], encoder, key, folder)
    return table


def _digests(raw: Path, encoder: Encoder, key: Mapping[str, Any], folder: Path) -> Digests:
    pairs = write_pairs(raw, encoder, key, folder / "train", folder / "holdout", Observer())
    return {Path(file.path).name: file.sha256 for file in pairs.files} | {"content": pairs.content}


def _texts(rows: str) -> Iterator[str | None]:
    """
    short: everything odd. many: more than one batch. long: one document that is encoded in parts, one that is decoded
    in place, and others.
    """
    if rows == "many":
        yield from (f"row {number}" if number % 7 else None for number in range(MANY_ROWS))
        return
    if rows == "long":
        yield "first"
        yield _text(7, BLOCK) * (LONG_CHARACTERS // BLOCK)
        yield _text(11, BLOCK) * (LONG_LINE_CHARACTERS // BLOCK)
        yield from ("", None, "last")
        return
    for number in range(200):
        yield _text(number, 20 + number * number % 3000)
    yield from [*ODD_TEXTS, None]


def _text(seed: int, size: int) -> str:
    """At least `size` characters of words and whitespace, from a generator that gives the same everywhere."""
    parts, length, state = [], 0, seed
    while length < size:
        state = (state * 1103515245 + 12345) % 2**31
        parts.append(WORDS[state // 2**16 % len(WORDS)] + WHITESPACE[state // 2**24 % len(WHITESPACE)])
        length += len(parts[-1])
    return "".join(parts)


def _write_shard(folder: Path, rows: str, ending: str) -> Path:
    """The rows in a format, each text as `text` and, where short, backwards as `inner.text`. A .json is an array."""
    path = folder / f"{rows}{ending}"
    if ending in (".parquet", ".arrow"):
        texts = [*_texts(rows), None, None]
        table = pa.table({"text": texts, "inner": [{"text": text and text[::-1]} for text in texts]})
        if ending == ".parquet":
            pq.write_table(table, path, compression="zstd", row_group_size=64)
        else:
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table, max_chunksize=64)
        return path
    if ending == ".csv":
        path.write_bytes(_csv([*_texts(rows), None, None]))
        return path
    values: list[dict[str, Any]] = [{"text": text} for text in _texts(rows)]
    if rows == "short":
        values = [value | {"inner": {"text": value["text"] and value["text"][::-1]}} for value in values]
    if ending == ".json":
        path.write_text(json.dumps([*values, {"other": 1}, {"inner": None}], indent=1), encoding="utf-8")
        return path
    data = b"".join(json.dumps(value, ensure_ascii=bool(at % 2)).encode() + b"\n" for at, value in enumerate(values))
    data += b'{"other": 1}\n\n{"inner": null}'  # no text; a line that is blank; no line break at the end
    packed = {".gz": lambda: gzip.compress(data, 1), ".zst": lambda: zstd.compress(data)}
    path.write_bytes(packed[path.suffix]() if path.suffix in packed else data)
    return path


def _csv(texts: Sequence[str | None]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["text", "inner.text"])
    writer.writerows([text or "", (text or "")[::-1]] for text in texts)
    return file.getvalue().encode()


def _wide_tokenizer(folder: Path) -> Path:
    """The tokenizer with enough unused entries that a token takes four bytes."""
    definition = msgspec.json.decode(TOKENIZER.read_bytes())
    vocabulary = definition["model"]["vocab"]
    vocabulary |= {f"<unused {number}>": number for number in range(len(vocabulary), WIDE_VOCABULARY)}
    path = folder / "wide.json"
    path.write_bytes(msgspec.json.encode(definition))
    return path
