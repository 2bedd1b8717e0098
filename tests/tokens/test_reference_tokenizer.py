"""
The reference: megatron-core's own builder, fed by Hugging Face's `tokenizers`, with a tokenizer of 131,072 entries.
"""

import gzip
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from tokenizers import Tokenizer

import tekken
from nano3.artifact.digest import digest_file
from nano3.artifact.steps import ShardKey
from nano3.config.load import load_recipe
from nano3.formats.readers import read_text
from nano3.raw.datasets import read_dataset, read_pins
from nano3.tokens.indexed_dataset import Pair, token_dtype
from nano3.tokens.tokenize_shard import tokenize_shard

SHARDS = ("corpus.parquet", "corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.zst")
MODULES = 60
ODD_TEXTS = [
    "</s>",
    "before </s> after [INST] <SPECIAL_7>",
    " ",
    "\r\n\t",
    "é",
    "e\u0301",
    "👩‍👩‍👧",
    "日本語 العربية русский",
    "a" * 9000,
]


def texts() -> Iterator[str]:
    """English, Spanish, mathematics and code of recipe tiny, modules of the standard library, and odd ones."""
    for dataset in ("tiny-english", "tiny-spanish", "tiny-math", "tiny-code"):
        for shard in read_pins(dataset):
            for batch in read_text(Path(shard.path), read_dataset(dataset).text_source, shard.rows, []):
                yield from filter(None, batch.to_pylist())
    for module in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:MODULES]:
        yield from filter(None, [module.read_text(encoding="utf-8")])
    yield from ODD_TEXTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer, the same rows in every format, and the reference's pair of them."""
    from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder

    folder = tmp_path_factory.mktemp("reference")
    tekken.write_tokenizer(folder / "tokenizer.json")
    rows = list(texts())
    pq.write_table(pa.table({"text": rows}), folder / "corpus.parquet", compression="zstd")
    lines = "".join(json.dumps({"text": row}) + "\n" for row in rows).encode()
    (folder / "corpus.jsonl").write_bytes(lines)
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(lines, 1))
    (folder / "corpus.jsonl.zst").write_bytes(zstandard.compress(lines))

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 131_072
    tokenizer.encode_special_tokens = True
    reference = Pair(folder / "reference")
    builder = IndexedDatasetBuilder(str(reference.bin), dtype=token_dtype(131_072))
    for encoding in tokenizer.encode_batch(rows, add_special_tokens=False):
        builder.add_document([*encoding.ids, tekken.END_ID], [len(encoding.ids) + 1])
    builder.finalize(str(reference.idx))
    assert reference.bin.stat().st_size > 2_000_000
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("shard", "engine"), [*((shard, "gigatoken") for shard in SHARDS), (SHARDS[0], "tokenizers")])
def test_our_pair_has_the_bytes_of_megatrons_own_builder(folder: Path, tmp_path: Path, shard: str, engine: str) -> None:
    raw, tokenizer, ours, reference = (
        folder / shard,
        folder / "tokenizer.json",
        Pair(tmp_path / "ours"),
        Pair(folder / "reference"),
    )
    key = load_recipe("tiny")[1].token_settings()
    key["tokenizer"] |= {"sha256": digest_file(tokenizer)}
    key |= {"sha256": digest_file(raw), "rows": len(list(texts())), "text_column": "text"}
    key |= {"holdout": {"valid": 0.0, "test": 0.0}, "code": "c"}
    tokenize_shard(
        raw, tokenizer, cast(ShardKey, key), ours.prefix, tmp_path / "holdout", tmp_path / "receipt.json", engine
    )
    assert ours.idx.read_bytes() == reference.idx.read_bytes()
    assert ours.bin.read_bytes() == reference.bin.read_bytes()


@pytest.mark.slow
def test_the_tokenizers_ids_are_mistrals(folder: Path) -> None:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    mistral = Tekkenizer.from_file(tekken.source())
    ours = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ours.encode_special_tokens = True
    assert mistral.eos_id == ours.token_to_id(tekken.END) == tekken.END_ID
    for text in ODD_TEXTS:
        assert ours.encode(text, add_special_tokens=False).ids == mistral.encode(text, bos=False, eos=False)
