import json
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import BlendKey, IndexFacts, IndexReceipt, ShardsDigest, SplitCount
from nano3.config.mixture import MixtureError
from nano3.corpus.shard_table import ShardEntry, ShardTableError, digest_entries, write_entries
from nano3.sampling.blend import BlendError, write_blend
from tests.receipts import BLEND_KEY, INDEX_KEY

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


def index(folder: Path, dataset: str, shards: dict[str, int], held_out: int = 10, byte: str = "0") -> Path:
    path = folder / dataset / "index.json"
    rows = entries(shards, byte)
    write_entries(path.parent, rows)
    split = SplitCount(held_out, 1)
    facts = IndexFacts(
        tokens=sum(shards.values()),
        documents=len(shards),
        rows=0,
        skipped=0,
        shards=ShardsDigest(len(rows), digest_entries(rows)),
        valid=split,
        test=split,
    )
    outputs = [Output(f"{dataset}/{name}", 1, "3" * 64) for name in ("valid.bin", "valid.idx", "test.bin", "test.idx")]
    IndexReceipt.made(Run(), key=INDEX_KEY, inputs=[], outputs=outputs, facts=facts).write(path)
    return path


def blended(folder: Path, indexes: list[Path], mixture: dict[str, float]) -> tuple[dict[str, Any], dict[str, Any]]:
    write_blend(indexes, {**BLEND_KEY, "mixture": mixture}, folder / "blend.json", folder / "blend.receipt.json")
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
    write_blend(paths, key, tmp_path / "blend.json", tmp_path / "blend.receipt.json")
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


def test_no_held_out_documents_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlendError, match=r"no valid documents in any dataset: raise holdout\.valid"):
        blended(tmp_path, [index(tmp_path, "x", SHARDS, held_out=0)], {"x": 1})
    assert not (tmp_path / "blend.json").exists()


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
