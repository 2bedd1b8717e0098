import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import IndexKey, IndexReceipt, ShardReceipt
from nano3.corpus import index_dataset as module
from nano3.corpus.index_dataset import MergeError, index_dataset
from nano3.corpus.shard_table import INDEX_FILES, read_entries
from nano3.raw.datasets import Shard, write_pins
from nano3.tokens.indexed_dataset import Pair, PairWriter
from tests.receipts import INDEX_KEY, SHARD_KEY, shard_facts
from tests.tokens.test_tokenize_shard import TOKENIZER, documents, tokenize

SPLITS = ("valid", "test")


def test_an_index_counts_its_shards_and_merges_what_they_held_out(tmp_path: Path) -> None:
    pins, facts, texts = [], {}, {}
    for number, rows in ((0, 243), (1, 192), (2, 110)):
        raw = Path(f"resources/tiny/english/train-0000{number}-of-00003.parquet")
        facts[raw.stem] = tokenize(raw, tmp_path, rows=rows)["facts"]
        texts[raw.stem] = pq.read_table(raw).column("text").to_pylist()
        pins.append(Shard(raw.stem, str(raw), 1, rows, digest_file(raw)))
    write_pins(tmp_path / "x.tsv", pins)
    index_dataset(tmp_path, tmp_path / "x.tsv", INDEX_KEY, tmp_path / "index.json", *(tmp_path / n for n in SPLITS))
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
        index_dataset(tmp_path, tmp_path / "x.tsv", INDEX_KEY, tmp_path / "i.json", *(tmp_path / n for n in SPLITS))


class Dataset:
    """Tokens of a dataset as tokenize_shard leaves them, and edits of them. shards: those that are pinned."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.code = folder, "c"
        self.shards: set[str] = set()
        for name in ("b", "d", "e"):
            self.make(name, random.Random(name))

    def make(self, name: str, dice: random.Random) -> None:
        """Tokenize a shard, to some documents; none is held out, or there is none at all, where the dice say so."""
        documents = [dice.choice(("train", "valid", "test", "skipped")) for _ in range(dice.choice((0, 1, 9)))]
        documents = [dice.choice((kind, "train")) for kind in documents] if dice.random() < 0.3 else documents
        rows = {
            kind: [row for row, each in enumerate(documents) if each == kind] for kind in ("valid", "test", "skipped")
        }
        train, held = (Pair(self.folder / split / name) for split in ("train", "holdout"))
        with PairWriter(train, np.int32) as kept, PairWriter(held, np.int32) as aside:
            for kind in documents:
                if kind != "skipped":
                    tokens = np.array([dice.randrange(1000) for _ in range(dice.randrange(1, 5))])
                    (kept if kind == "train" else aside).add(tokens, np.array([len(tokens)]))
        ShardReceipt.made(
            Run(),
            key=SHARD_KEY,
            inputs=[Input("file", f"raw/{name}", "0" * 64)],
            outputs=[Output(*file) for file in kept.files + aside.files],
            facts=shard_facts(rows=len(documents), documents=kept.documents, tokens=kept.tokens, **rows),
        ).write(self.folder / f"train/{name}.json")
        self.shards.add(name)

    def remove(self, name: str, _dice: random.Random) -> None:
        self.shards -= {name} if len(self.shards) > 1 else set()

    def touch(self, name: str, _dice: random.Random) -> None:
        path = self.folder / f"train/{name}.json"
        os.utime(path) if path.exists() else None

    def damage(self, _name: str, dice: random.Random) -> None:
        """Another byte in a file of the index."""
        path = self.folder / dice.choice(INDEX_FILES)
        if data := bytearray(path.read_bytes() if path.exists() else b""):
            place = int(dice.random() * len(data))  # the length of a receipt varies with the times in it
            data[place] ^= 1
            path.write_bytes(data)

    def lose(self, _name: str, dice: random.Random) -> None:
        """A file of the index, or its end."""
        path = self.folder / dice.choice(INDEX_FILES)
        if path.exists():
            os.truncate(path, path.stat().st_size // 2) if dice.random() < 0.5 else path.unlink()

    def edit_code(self, _name: str, _dice: random.Random) -> None:
        self.code += "c"

    def interrupt(self, _name: str, dice: random.Random) -> None:
        """An index that is cut after some of its files."""
        target, step = dice.choice(((module, "write_entries"), (IndexReceipt, "write")))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                self.index(self.folder)

    def index(self, folder: Path) -> dict[str, Any]:
        """Make the index and say what came out, but for when and where."""
        pins = [Shard(name, f"raw/{name}", 1, None, "0" * 64) for name in sorted(self.shards)]
        write_pins(self.folder / "x.tsv", pins)
        key: IndexKey = {**INDEX_KEY, "code": self.code}
        index_dataset(folder, self.folder / "x.tsv", key, folder / "index.json", *(folder / split for split in SPLITS))
        index: dict[str, Any] = json.loads((folder / "index.json").read_text().replace(str(folder), "FOLDER"))
        files = {name: (folder / name).read_bytes() for name in INDEX_FILES[1:]}
        return files | {"digests": [digest_file(folder / name) for name in INDEX_FILES[2:]]} | index | {"run": None}


Edit = Callable[[Dataset, str, random.Random], None]
EDITS: list[Edit] = [
    Dataset.make,
    Dataset.make,
    Dataset.remove,
    Dataset.touch,
    Dataset.damage,
    Dataset.lose,
    Dataset.edit_code,
    Dataset.interrupt,
]
STEPS = st.tuples(st.sampled_from(EDITS), st.sampled_from("abcdef"), st.randoms(use_true_random=False))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(STEPS, max_size=3), max_size=6))
def test_an_index_that_was_brought_up_to_date_is_the_one_made_from_nothing(
    rounds: list[list[tuple[Edit, str, random.Random]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        dataset = Dataset(Path(name) / "dataset")
        dataset.index(dataset.folder)
        for number, edits in enumerate(rounds):
            for edit, shard, dice in edits:
                edit(dataset, shard, dice)
            bare = Path(name) / str(number)
            shutil.copytree(dataset.folder, bare, ignore=shutil.ignore_patterns(*INDEX_FILES))
            assert dataset.index(dataset.folder) == dataset.index(bare)


def test_what_is_fresh_is_read_again_only_for_other_code_or_damaged_pairs(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    dataset.index(tmp_path)
    for name in "bde":
        held = tmp_path / f"holdout/{name}.bin"
        held.write_bytes(bytes(held.stat().st_size))  # would be an error if it were read
    dataset.make("c", random.Random(0))
    dataset.index(tmp_path)
    before = (tmp_path / "valid.bin").read_bytes()
    for damage in (lambda: dataset.edit_code("", random.Random()), lambda: (tmp_path / "valid.bin").write_bytes(b"")):
        damage()
        with pytest.raises(MergeError):
            dataset.index(tmp_path)
        dataset.code = "c"
        assert (tmp_path / "valid.bin").read_bytes() in (before, b"")
