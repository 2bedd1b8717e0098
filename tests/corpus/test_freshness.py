"""What is proved fresh is fresh: random edits of a token tree, judged with the index, without it, and by a model."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import ShardKey, ShardReceipt, read_receipt
from nano3.corpus import freshness
from nano3.corpus.certificates import CERTIFICATES
from nano3.corpus.freshness import NEW, shard_reason, survey
from nano3.corpus.shard_table import (
    INDEX_FILES,
    ShardEntry,
    write_entries,
)
from nano3.raw.datasets import Shard
from tests.receipts import SHARD_KEY, shard_facts

SETTINGS: dict[str, Any] = {
    name: value for name, value in (SHARD_KEY | {"code": "c" * 64}).items() if name not in ("sha256", "rows")
}
FILES = ("train/{}.bin", "train/{}.idx", "holdout/{}.bin", "holdout/{}.idx", "train/{}.json")


def shard(name: str, version: int = 0) -> Shard:
    return Shard(name, f"raw/{name}.parquet", 10, None, f"{version:064}")


def make(folder: Path, of: Shard, rows: int | None, key: Mapping[str, Any]) -> None:
    """Leave what tokenize_shard leaves: four files, whose bytes follow from the key, and a receipt."""
    outputs = []
    for number, pattern in enumerate(FILES[:4]):
        path = folder / pattern.format(of.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number} {of.sha256[-3:]} {rows} {key['code'][:3]}")
        outputs.append(Output.of(path))
    whole = cast(ShardKey, SHARD_KEY | dict(key) | {"sha256": of.sha256, "rows": rows})
    ShardReceipt.made(
        Run(),
        key=whole,
        inputs=[Input("file", of.path, of.sha256)],
        outputs=outputs,
        facts=shard_facts(tokens=5, documents=1, rows=1),
    ).write(folder / FILES[4].format(of.name))


def index(folder: Path, names: list[str]) -> None:
    """Leave what index_dataset leaves."""
    entries = []
    for name in names:
        path = folder / FILES[4].format(name)
        entries.append(ShardEntry.of(name, read_receipt(path, ShardReceipt), path.stat().st_mtime_ns))
    write_entries(folder, entries)
    for file in INDEX_FILES:
        (folder / file).touch()


@dataclass
class Made:
    """What a shard was last made from, and whether its files were left alone since."""

    of: Shard
    rows: int | None
    code: str
    whole: bool = True


class Edits(RuleBasedStateMachine):
    """A dataset's tokens, edited at random. made is the model: what the files on disk were made from."""

    names = st.sampled_from(["a", "b", "c", "d"])

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.wanted: dict[str, tuple[Shard, int | None]] = {name: (shard(name), None) for name in "abc"}
        self.code = "c" * 64
        self.certificates: dict[str, set[str]] = {}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(freshness, "certified_ancestors", lambda _step, code: self.certificates.get(code, set()))
        self.made: dict[str, Made] = {}
        self.indexed: dict[str, Made] | None = None
        self.build_all()

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    @property
    def key(self) -> dict[str, Any]:
        return SETTINGS | {"code": self.code}

    def stale(self) -> set[str]:
        """By the model."""
        return {
            name
            for name, (of, rows) in self.wanted.items()
            if not (made := self.made.get(name)) or made not in [Made(of, rows, code) for code in self.accepted]
        }

    @property
    def accepted(self) -> set[str]:
        """Code that makes today's bytes."""
        return {self.code} | self.certificates.get(self.code, set())

    @rule()
    def build_all(self) -> None:
        for name in self.stale():
            self.build(name)
        index(self.folder, list(self.wanted))
        self.indexed = {name: replace(self.made[name]) for name in self.wanted}

    @rule(name=names)
    def build(self, name: str) -> None:
        if name in self.wanted:
            of, rows = self.wanted[name]
            make(self.folder, of, rows, self.key)
            self.made[name] = Made(of, rows, self.code)

    @rule(name=names, version=st.integers(0, 2))
    def pin(self, name: str, version: int) -> None:
        self.wanted = dict(sorted((self.wanted | {name: (shard(name, version), None)}).items()))

    @rule(name=names, rows=st.sampled_from([None, 3, 4]))
    def sample(self, name: str, rows: int | None) -> None:
        if name in self.wanted:
            self.wanted[name] = (self.wanted[name][0], rows)

    @rule(name=names)
    @precondition(lambda self: len(self.wanted) > 1)
    def unpin(self, name: str) -> None:
        self.wanted.pop(name, None)

    @rule(code=st.sampled_from("cde"))
    def edit_code(self, code: str) -> None:
        self.code = code * 64

    @rule(code=st.sampled_from("cde"), earlier=st.sets(st.sampled_from("cde")))
    def certify(self, code: str, earlier: set[str]) -> None:
        self.certificates[code * 64] = {each * 64 for each in earlier - {code}}

    @rule(name=names, file=st.sampled_from(FILES))
    def touch(self, name: str, file: str) -> None:
        path = self.folder / file.format(name)
        if path.exists():
            os.utime(path, (1, path.stat().st_atime_ns % 10**6))

    @rule(name=names, file=st.sampled_from(FILES))
    def delete(self, name: str, file: str) -> None:
        path = self.folder / file.format(name)
        if path.exists():
            path.unlink()
            self.made[name].whole = False

    @rule(name=names, file=st.sampled_from(FILES))
    def truncate(self, name: str, file: str) -> None:
        path = self.folder / file.format(name)
        if path.exists():
            os.truncate(path, path.stat().st_size // 2)
            self.made[name].whole = False

    @rule(file=st.sampled_from(INDEX_FILES))
    def delete_index(self, file: str) -> None:
        (self.folder / file).unlink(missing_ok=True)
        self.indexed = None

    @invariant()
    def all_three_agree(self) -> None:
        believing = survey(self.folder, self.wanted, self.key)
        reading = survey(self.folder, self.wanted, self.key, trust=False)
        assert believing == reading
        assert list(believing.stale) == [name for name in self.wanted if name in self.stale()]
        for name, (of, rows) in self.wanted.items():
            reason = shard_reason(self.folder, name, self.key | {"sha256": of.sha256, "rows": rows})
            assert reason == believing.stale.get(name)
        fresh = [self.made[name].code for name in self.wanted if name not in believing.stale]
        assert believing.certified == Counter(code for code in fresh if code != self.code)
        if not believing.stale:
            assert (believing.behind is None) == (self.indexed == {name: self.made[name] for name in self.wanted})


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Tokens of shards a, b, c and their index."""
    for name in "abc":
        make(tmp_path, shard(name), None, SETTINGS)
    index(tmp_path, list("abc"))
    return tmp_path


WANTED: dict[str, tuple[Shard, int | None]] = {name: (shard(name), None) for name in "abc"}


def test_reasons_are_said_in_words(tree: Path) -> None:
    def reason(**changes: Any) -> str | None:
        return survey(tree, WANTED | changes, SETTINGS).stale.get("b")

    assert reason() is None
    assert reason(b=(shard("b", 1), None)) == "raw bytes changed"
    assert reason(b=(shard("b"), 7)) == "another number of rows"
    assert survey(tree, WANTED, SETTINGS | {"code": "d" * 64}).stale["b"] == "tokenizing code changed"
    assert survey(tree, WANTED, SETTINGS | {"text_column": "x"}).stale["b"] == "text_column: text is now x"
    os.truncate(tree / "train/b.bin", 3)
    assert reason() == "training .bin has another size than was written"
    (tree / "holdout/b.idx").unlink()
    (tree / "train/b.bin").unlink()
    assert reason() == "training .bin is missing"
    for path in tree.glob("*/b.*"):
        path.unlink()
    assert reason() == NEW


def test_a_new_or_removed_shard_leaves_the_others_and_the_index_behind(tree: Path) -> None:
    assert survey(tree, WANTED, SETTINGS).behind is None
    more = survey(tree, {**WANTED, "d": (shard("d"), None)}, SETTINGS)
    assert more.stale == {"d": NEW}
    fewer = survey(tree, {name: WANTED[name] for name in "ab"}, SETTINGS)
    assert (fewer.stale, fewer.behind) == ({}, "the list of shards changed")


def test_a_copied_tree_is_fresh(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = tmp_path_factory.mktemp("copy") / "tree"
    shutil.copytree(tree, copy, copy_function=shutil.copy)
    state = survey(copy, WANTED, SETTINGS)
    assert (state.stale, state.behind) == ({}, None)


@pytest.mark.parametrize("trust", [True, False])
def test_certified_code_leaves_every_shard_fresh_and_says_so(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, trust: bool
) -> None:
    today = SETTINGS | {"code": "d" * 64}
    monkeypatch.chdir(tmp_path_factory.mktemp("repository"))
    assert set(survey(tree, WANTED, today, trust).stale.values()) == {"tokenizing code changed"}
    CERTIFICATES.parent.mkdir()
    rest = {"proof": "0" * 64, "date": "2026-01-31", "python": "3.11.7", "packages": {}}
    certificate = {"tokenize_shard": {"d" * 64: {"same_bytes_as": ["c" * 64], **rest}}}
    CERTIFICATES.write_text(yaml.safe_dump(certificate))
    state = survey(tree, WANTED, today, trust)
    assert (state.stale, state.behind, state.certified) == ({}, None, {"c" * 64: 3})
    assert shard_reason(tree, "a", today | {"sha256": shard("a").sha256, "rows": None}) is None
    other = survey(tree, WANTED, today | {"text_column": "x"}, trust)
    assert set(other.stale.values()) == {"tokenizing code changed; text_column: text is now x"}
    make(tree, shard("a"), None, today)
    state = survey(tree, WANTED, today, trust)
    assert (state.stale, state.behind) == ({}, "1 of its shards were made again")
    assert state.certified == {"c" * 64: 2}


def test_a_damaged_line_of_the_index_is_not_believed_and_harms_nothing(tree: Path) -> None:
    path = tree / "shards.tsv"
    lines = path.read_text().splitlines()
    for damaged in (lines[1][:40], "", lines[1].rsplit("\t", 1)[0] + "\tyesterday"):
        path.write_text("\n".join([lines[0], damaged, *lines[2:]]) + "\n")
        assert survey(tree, WANTED, SETTINGS).stale == {}
        (tree / "train/a.bin").rename(tree / "away")
        assert survey(tree, WANTED, SETTINGS).stale == {"a": "training .bin is missing"}
        (tree / "away").rename(tree / "train/a.bin")
