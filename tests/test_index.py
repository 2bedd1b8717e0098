import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from nano3.catalog import Shard, write_pins
from nano3.digest import digest_file
from nano3.freshness import read_entries
from nano3.index import MergeError, index_dataset
from tests.test_tokens import TOKENIZER, documents, tokenize

SPLITS = ("valid", "test")


def test_an_index_counts_its_shards_and_merges_what_they_held_out(tmp_path: Path) -> None:
    pins, facts, texts = [], {}, {}
    for number, rows in ((0, 243), (1, 192), (2, 110)):
        raw = Path(f"resources/tiny/english/train-0000{number}-of-00003.parquet")
        facts[raw.stem] = tokenize(raw, tmp_path, rows=rows)["facts"]
        texts[raw.stem] = pq.read_table(raw).column("text").to_pylist()
        pins.append(Shard(raw.stem, str(raw), 1, rows, digest_file(raw)))
    write_pins(tmp_path / "x.tsv", pins)
    index_dataset(tmp_path, tmp_path / "x.tsv", {"sample": 0}, tmp_path / "index.json", *(tmp_path / n for n in SPLITS))
    index = json.loads((tmp_path / "index.json").read_text())["facts"]
    assert index["tokens"] == sum(fact["tokens"] for fact in facts.values())
    assert index["rows"] == 545
    entries = read_entries(tmp_path, index["shards"]["digest"])
    assert [entry.shard for entry in entries] == [pin.name for pin in pins]
    assert [entry.tokens for entry in entries] == [fact["tokens"] for fact in facts.values()]
    oracle = Tokenizer.from_file(str(TOKENIZER))
    for split in SPLITS:
        merged = documents(tmp_path / split)
        expected = [texts[shard][row] for shard, fact in facts.items() for row in fact[split]]
        assert [oracle.decode(ids[:-1]) for ids in merged] == expected
        assert index[split]["documents"] == len(expected) > 0

    holdout = tmp_path / "holdout" / f"{pins[0].name}.bin"
    holdout.write_bytes(bytes(holdout.stat().st_size))
    with pytest.raises(MergeError, match=r"not the bytes that were written: delete it and build it with `snakemake"):
        index_dataset(tmp_path, tmp_path / "x.tsv", {"sample": 0}, tmp_path / "i.json", *(tmp_path / n for n in SPLITS))
