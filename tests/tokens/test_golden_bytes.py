"""The bytes of every format with every policy are those that they were."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nano3.artifact.code import digest_code
from nano3.corpus.certificates import certified_ancestors
from nano3.formats import source
from nano3.tokens import pipeline
from nano3.tokens.golden_bytes import (
    ENDINGS,
    LONG_CHARACTERS,
    LONG_LINE_CHARACTERS,
    MANY_ROWS,
    POLICIES,
    Case,
    Digests,
    Golden,
    golden_table,
)
from nano3.tokens.indexed_dataset import Pair, PairReader


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(scope="module")
def table(folder: Path) -> dict[Case, Digests]:
    return golden_table(folder)


def test_every_case_has_its_golden_bytes(table: dict[Case, Digests]) -> None:
    assert Golden.read().differing(table) == []


def test_every_format_meets_every_policy(table: dict[Case, Digests]) -> None:
    assert {(case.policy, case.ending) for case in table} == {(policy, end) for policy in POLICIES for end in ENDINGS}
    assert Golden.read().bytes.keys() == POLICIES.keys()
    assert {case.engine for case in table} == {"gigatoken", "tokenizers"}


def test_the_golden_shards_exceed_the_pipelines_limits() -> None:
    assert MANY_ROWS > source.LARGEST_BATCH_ROWS
    assert LONG_CHARACTERS > pipeline.LONG_BYTES
    assert LONG_LINE_CHARACTERS > source.BATCH_BYTES


def test_every_policy_makes_other_bytes() -> None:
    contents = Counter(digests["content"] for digests in Golden.read().bytes.values())
    assert [*contents.values()] == [1] * len(POLICIES)


def test_the_last_case_was_cut_and_no_other_file_is_empty(folder: Path, table: dict[Case, Digests]) -> None:
    assert [*table][-1].policy == "long, cut"
    lengths = np.concatenate([PairReader.open(Pair(folder / name)).lengths for name in ("train", "holdout")])
    assert lengths.max() == 100_000
    empty = {policy for policy, digests in Golden.read().bytes.items() if len(set(digests.values())) < 5}
    assert empty == set()


def test_todays_code_made_the_golden_bytes_or_is_certified() -> None:
    today, golden = digest_code("tokenize_shard"), Golden.read().code
    assert golden in {today, *certified_ancestors("tokenize_shard", today)}, (
        "the tokens' code changed: if the golden bytes are the same, `nano3 certify` keeps every "
        "shard fresh; without a certificate all are stale"
    )
