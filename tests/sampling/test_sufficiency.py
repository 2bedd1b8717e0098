from typing import Any

import pytest

from nano3.artifact.steps import IndexFacts, ShardsDigest, SplitCount
from nano3.sampling.sufficiency import SequenceNeeds, Shortage


def facts(tokens: int, valid: int) -> IndexFacts:
    """Of an index of so many training and validation tokens."""
    return IndexFacts(
        tokens=tokens,
        documents=1,
        rows=1,
        skipped=0,
        shards=ShardsDigest(1, ""),
        valid=SplitCount(valid, 1),
        test=SplitCount(0, 0),
    )


def shortage(too_small: Any, lengths: list[int], **datasets: tuple[int, int]) -> Shortage:
    needs = SequenceNeeds(phase="long", lengths=lengths, too_small=too_small)
    return Shortage.of(needs, {name: facts(*counts) for name, counts in datasets.items()})


@pytest.mark.parametrize("too_small", ["fail", "skip"])
def test_a_sample_and_its_last_label_suffice(too_small: str) -> None:
    short = shortage(too_small, [16, 128], web=(129, 129), code=(1000, 500))
    assert (short.train, short.valid, short.error, short.skipped) == ({}, {}, None, None)


def test_each_short_validation_set_is_named_with_what_is_there_and_what_each_length_needs() -> None:
    short = shortage("fail", [1024, 128], web=(5000, 1024), code=(5000, 12), math=(5000, 0), long=(5000, 1025))
    assert short.error == (
        "phase long: validation sets are shorter than one sample: sequences of 128 need 129 tokens, code has 12, "
        "math has 0; sequences of 1,024 need 1,025 tokens, web has 1,024, code has 12, math has 0: raise "
        "holdout.valid, lower the sequence length, or leave such sets out with evaluation.too_small: skip"
    )


def test_a_short_validation_set_may_be_left_out_and_a_short_dataset_may_not() -> None:
    short = shortage("skip", [128], web=(5000, 128), code=(5000, 500))
    assert short.error is None
    assert short.skipped == (
        "phase long leaves out validation sets that are shorter than one sample: "
        "sequences of 128 need 129 tokens, web has 128"
    )
    short = shortage("skip", [128], web=(128, 128), code=(5000, 500))
    assert short.error == (
        "phase long: a dataset is shorter than one sample: sequences of 128 need 129 tokens, web has 128: "
        "lower the sequence length, remove the dataset from the mixture, or pin more shards"
    )
    assert short.skipped is None
