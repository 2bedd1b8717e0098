from pathlib import Path

from nano3.sampling.blend_json import dataset_of, train_prefixes
from tests.sampling.test_blend import SHARDS, blended, index


def test_a_prefix_leads_back_to_its_dataset(tmp_path: Path) -> None:
    blend, _ = blended(tmp_path, [index(tmp_path, "x", SHARDS)], {"x": 1})
    assert {dataset_of(prefix, split) for split in blend for prefix in blend[split][1::2]} == {"x"}


def test_training_pairs_are_listed_by_dataset_in_the_order_of_the_file(tmp_path: Path) -> None:
    blended(tmp_path, [index(tmp_path, "x", SHARDS), index(tmp_path, "y", {"c": 50})], {"y": 3, "x": 1})
    assert train_prefixes(tmp_path / "blend.json") == {
        "x": [str(tmp_path / "x/train/a"), str(tmp_path / "x/train/b")],
        "y": [str(tmp_path / "y/train/c")],
    }
