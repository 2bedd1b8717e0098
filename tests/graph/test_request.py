"""A request is a recipe with its pinned shards and paths."""

from dataclasses import replace
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from nano3.graph.request import Pins, Request
from nano3.raw.datasets import read_pins
from tests.graph.changes import pin, pinned_shards
from tests.graph.conftest import tiny


def test_pins_are_read_in_catalogue_order_all_of_each_shard(bare: Path) -> None:
    shards = tiny().shards["tiny-math"]
    assert list(shards.values()) == [(shard, None) for shard in read_pins("tiny-math")]
    assert list(shards) == ["set-mm-00", "set-mm-01", "set-mm-02"]


def test_pins_of_a_dataset_are_read_once_and_not_before_they_are_asked_for(bare: Path) -> None:
    Path("config/datasets/tiny-code.tsv").write_text("not pins\n")
    pins = Pins(tiny().recipe)
    assert list(pins) == ["tiny-code", "tiny-english", "tiny-math", "tiny-spanish"]
    assert len(pins) == 4
    assert pins["tiny-math"] is pins["tiny-math"]
    with pytest.raises(ConfigError, match=r"^config/datasets/tiny-code\.tsv: line 1: the columns must be "):
        pins["tiny-code"]


def test_a_dataset_that_is_not_pinned_is_refused_with_the_remedy(bare: Path) -> None:
    Path("config/datasets/tiny-math.tsv").unlink()
    said = r"dataset tiny-math is not pinned: run `nano3 pin tiny-math`$"
    with pytest.raises(ConfigError, match=said):
        tiny().shards["tiny-math"]


def test_a_dataset_of_the_catalogue_that_the_recipe_does_not_read_has_no_pins_here(bare: Path) -> None:
    assert "cc-math-v1-3" not in Pins(tiny().recipe)


def test_a_sample_takes_the_first_rows_of_each_dataset(bare: Path) -> None:
    request = Request.of(*load_recipe("tiny", sample=400))
    assert {name: rows for name, (_, rows) in request.shards["tiny-math"].items()} == {
        "set-mm-00": None,
        "set-mm-01": 65,
    }
    assert request.shard_key("tiny-math", "set-mm-01")["rows"] == 65
    assert request.index_key("tiny-math")["sample"] == 400


def test_a_sample_of_uncounted_rows_is_refused(bare: Path) -> None:
    pin(bare, "tiny-math", [replace(shard, rows=None) for shard in pinned_shards(bare, "tiny-math")])
    assert len(tiny().shards["tiny-math"]) == 3, "all rows need no count"
    with pytest.raises(ConfigError, match=r"sample: 400 rows need the row count of shard set-mm-00, .* --rows tiny-ma"):
        Request.of(*load_recipe("tiny", sample=400)).shards["tiny-math"]


def test_a_dataset_that_is_not_described_is_refused(bare: Path) -> None:
    name, recipe = load_recipe("tiny")
    Path("config/datasets/tiny-math.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config/datasets/tiny-math\.yaml"):
        Request.of(name, recipe)


def test_a_sample_and_an_override_have_paths_of_their_own(bare: Path) -> None:
    plain = tiny()
    sample = Request.of(*load_recipe("tiny", sample=400))
    override = Request.of(*load_recipe("tiny", "train.seed=7"))
    assert plain.tokens("tiny-math") == Path(plain.paths.index("tiny-math")).parent
    assert sample.tokens("x") == Path(f"{plain.paths.tokens}-sample400/x")
    assert override.tokens("x") == plain.tokens("x"), "a seed decides no token"
    assert plain.segment("phase1", "decay") == Path("results/checkpoints/tiny/phase1/decay/receipt.json")
    assert len({request.segment("phase1", "decay") for request in (plain, sample, override)}) == 3


def test_places_are_in_the_order_of_training() -> None:
    long_context = [("long_context", name) for name in ("long_1", "short", "long_2")]
    assert tiny().places == [("phase1", "stable"), ("phase1", "decay"), ("phase2", "anneal"), *long_context]


@pytest.mark.parametrize(
    ("phase", "phases"),
    [
        ("phase1", ["phase1"]),
        ("phase2", ["phase1", "phase2"]),
        ("long_context", ["phase1", "phase2", "long_context"]),
    ],
)
def test_phases_up_to_one_end_with_it(phase: str, phases: list[str]) -> None:
    assert tiny().phases_up_to(phase) == phases


def test_a_shards_key_is_its_datasets_with_its_own_bytes(bare: Path) -> None:
    request = tiny()
    shard, _ = request.shards["tiny-math"]["set-mm-01"]
    shared = request.shared_key("tiny-math")
    assert request.shard_key("tiny-math", "set-mm-01") == shared | {"sha256": shard.sha256, "rows": None}
    assert request.shared_key("tiny-math") is shared, "it is asked for 100,000 times"
