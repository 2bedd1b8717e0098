import json
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import BlendKey, IndexFacts, IndexReceipt, ShardsDigest, SplitCount
from nano3.config.mixture import MixtureError
from nano3.corpus.shard_table import ShardEntry, ShardTableError, digest_entries, write_entries
from nano3.sampling.blend import BlendError, write_blend
from nano3.sampling.sufficiency import SequenceNeeds, SufficiencyError
from tests.receipts import BLEND_KEY, INDEX_KEY

NEEDS: SequenceNeeds = {"phase": "phase1", "lengths": [4], "too_small": "fail"}
SHARDS = {"a": 100, "b": 300, "empty": 0}


def entries(shards: dict[str, int], byte: str = "0") -> list[ShardEntry]:
    """Entries of shards with these tokens."""
    return [
        ShardEntry(
            *(name, "3" * 64, "", "4" * 64, tokens, 1, 4 * tokens, 54, 0, 42, byte * 64, "1" * 64, byte * 64),
            *(1, 0, "", 0, 0, 0),
        )
        for name, tokens in shards.items()
    ]


def index(
    folder: Path, dataset: str, shards: dict[str, int], held_out: int = 10, byte: str = "0", test: int | None = None
) -> Path:
    path = folder / dataset / "index.json"
    rows = entries(shards, byte)
    write_entries(path.parent, rows)
    facts = IndexFacts(
        tokens=sum(shards.values()),
        documents=len(shards),
        rows=0,
        skipped=0,
        shards=ShardsDigest(len(rows), digest_entries(rows)),
        valid=SplitCount(held_out, 1),
        test=SplitCount(held_out if test is None else test, 1),
    )
    outputs = [Output(f"{dataset}/{name}", 1, "3" * 64) for name in ("valid.bin", "valid.idx", "test.bin", "test.idx")]
    IndexReceipt.made(Run(), key=INDEX_KEY, inputs=[], outputs=outputs, facts=facts).write(path)
    return path


def blended(
    folder: Path, indexes: list[Path], mixture: dict[str, float], needs: SequenceNeeds | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    key: BlendKey = {**BLEND_KEY, "mixture": mixture}
    write_blend(indexes, key, needs or NEEDS, folder / "blend.json", folder / "blend.receipt.json")
    return json.loads((folder / "blend.json").read_text()), json.loads((folder / "blend.receipt.json").read_text())


def test_a_share_is_divided_over_shards_by_their_tokens_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    paths = [index(tmp_path, "x", SHARDS), index(tmp_path, "y", {"c": 50})]
    blend, _ = blended(tmp_path, paths, {"x": 30, "y": 10})
    weights = dict(zip(blend["train"][1::2], map(float, blend["train"][0::2]), strict=True))
    assert weights == {
        str(tmp_path / "x/train/a"): pytest.approx(0.75 * 100 / 400),
        str(tmp_path / "x/train/b"): pytest.approx(0.75 * 300 / 400),
        str(tmp_path / "y/train/c"): pytest.approx(0.25),
    }
    assert sum(weights.values()) == pytest.approx(1)
    assert all(isinstance(word, str) for words in blend.values() for word in words)
    assert blend["valid"][1::2] == [str(tmp_path / "x/valid"), str(tmp_path / "y/valid")]


def test_shares_of_categories_and_caps_are_resolved_from_the_indexes_counts(tmp_path: Path) -> None:
    paths = [index(tmp_path, name, {"s": tokens}) for name, tokens in (("x", 100), ("y", 300), ("z", 1000))]
    key: BlendKey = {
        **BLEND_KEY,
        "mixture": {"both": 3, "z": 1},
        "categories": {"both": {"datasets": ["x", "y"], "factors": None}},
        "max_epochs": {"x": 1.0, "y": 2.0, "z": 2.0},
        "over_cap": "redistribute",
        "phase_tokens": 400,
        "earlier": [{"mixture": {"x": 1, "z": 1}, "phase_tokens": 200, "max_epochs": {"x": 1.0, "z": 2.0}}],
    }
    write_blend(paths, key, NEEDS, tmp_path / "blend.json", tmp_path / "blend.receipt.json")
    facts = json.loads((tmp_path / "blend.receipt.json").read_text())["facts"]["datasets"]
    assert {name: fact["share"] for name, fact in facts.items()} == {
        "y": 0.75,
        "z": 0.25,
    }  # all of x is consumed before
    assert facts["y"]["tokens"] == 300
    blend = json.loads((tmp_path / "blend.json").read_text())
    assert blend["train"] == ["0.75", str(tmp_path / "y/train/s"), "0.25", str(tmp_path / "z/train/s")]
    assert blend["valid"][1::2] == [str(tmp_path / "y/valid"), str(tmp_path / "z/valid")]


def test_content_is_weights_and_bytes_not_places_or_times(tmp_path: Path) -> None:
    def content(folder: str, mixture: dict[str, float], **options: Any) -> str:
        place = tmp_path / folder
        _, receipt = blended(place, [index(place, "x", SHARDS, **options), index(place, "y", {"c": 5})], mixture)
        return str(receipt["content"])

    first = content("one", {"x": 1, "y": 1})
    assert content("two", {"x": 1, "y": 1}) == first
    assert content("three", {"x": 2, "y": 2}) == first
    assert content("four", {"x": 2, "y": 1}) != first
    assert content("five", {"x": 1, "y": 1}, byte="f") != first


def test_a_share_without_tokens_is_an_error(tmp_path: Path) -> None:
    paths = [index(tmp_path, "x", {"empty": 0}), index(tmp_path, "y", SHARDS)]
    with pytest.raises(MixtureError, match=r"x has share 0\.5 but its index counts 0 tokens: drop it"):
        blended(tmp_path, paths, {"x": 1, "y": 1})


def test_no_test_documents_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlendError, match=r"no test documents in any dataset: raise holdout\.test"):
        blended(tmp_path, [index(tmp_path, "x", SHARDS, held_out=0)], {"x": 1}, {**NEEDS, "too_small": "skip"})
    assert not (tmp_path / "blend.json").exists()


def test_a_dataset_that_is_shorter_than_a_sample_is_found_before_anything_is_written(tmp_path: Path) -> None:
    paths = [index(tmp_path, "x", {"a": 60, "b": 40}), index(tmp_path, "y", {"a": 101}), index(tmp_path, "z", SHARDS)]
    for too_small in ("fail", "skip"):
        needs: SequenceNeeds = {"phase": "phase1", "lengths": [4, 100], "too_small": too_small}
        with pytest.raises(
            SufficiencyError, match=r"blend\.json: phase phase1: .* 100 need 101 tokens, x has 100: lower"
        ):
            blended(tmp_path, paths, {"x": 1, "y": 1, "z": 1}, needs)
    assert not (tmp_path / "blend.json").exists()
    blended(tmp_path, paths[1:], {"y": 1, "z": 1}, {"phase": "phase1", "lengths": [100], "too_small": "skip"})


def test_a_validation_set_that_is_shorter_than_a_sample_is_an_error_or_changes_no_byte(tmp_path: Path) -> None:
    paths = [index(tmp_path, "x", SHARDS, held_out=0), index(tmp_path, "y", SHARDS, held_out=10)]
    mixture = {"x": 1.0, "y": 1.0}
    needs: SequenceNeeds = {"phase": "phase1", "lengths": [4, 16], "too_small": "fail"}
    with pytest.raises(
        SufficiencyError, match=r"need 5 tokens, x has 0; .* need 17 tokens, x has 0, y has 10: raise hold"
    ):
        blended(tmp_path, paths, mixture, needs)
    assert not (tmp_path / "blend.json").exists()
    skipping, receipt = blended(tmp_path, paths, mixture, {**needs, "too_small": "skip"})
    assert skipping["valid"] == ["0.5", str(tmp_path / "y/valid")]
    others: SequenceNeeds = {"phase": "phase1", "lengths": [16, 64], "too_small": "skip"}
    assert blended(tmp_path, paths, mixture, others)[0] == skipping
    assert blended(tmp_path, paths, mixture, others)[1]["key"] == receipt["key"]


def test_the_log_says_which_validation_sets_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [index(tmp_path, "x", SHARDS, held_out=3), index(tmp_path, "y", SHARDS)]
    blended(tmp_path, paths, {"x": 1, "y": 1}, {**NEEDS, "too_small": "skip"})
    assert capsys.readouterr().out == (
        "phase phase1 leaves out validation sets that are shorter than one sample: sequences of 4 need 5 tokens, "
        "x has 3\n"
    )
    blended(tmp_path, paths[1:], {"y": 1}, {**NEEDS, "too_small": "skip"})
    assert capsys.readouterr().out == ""


def test_a_blend_without_any_validation_set_is_written_where_they_may_be_left_out(tmp_path: Path) -> None:
    path = index(tmp_path, "x", SHARDS, held_out=0, test=10)
    blend, _ = blended(tmp_path, [path], {"x": 1}, {**NEEDS, "too_small": "skip"})
    assert blend["valid"] == []
    assert blend["test"] == ["1.0", str(tmp_path / "x/test")]


def test_entries_of_another_index_are_refused(tmp_path: Path) -> None:
    path = index(tmp_path, "x", SHARDS)
    index(tmp_path / "other", "x", {"a": 1})
    (tmp_path / "other/x/shards.tsv").replace(tmp_path / "x/shards.tsv")
    for _ in ("of another index", "missing"):
        with pytest.raises(
            ShardTableError, match=r"x/shards\.tsv: missing, or not what its index was made with: delete"
        ):
            blended(tmp_path, [path], {"x": 1})
        (tmp_path / "x/shards.tsv").unlink(missing_ok=True)
