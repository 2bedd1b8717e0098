"""What no recipe needs is listed with its size, and nothing else; nothing is deleted."""

import shutil
from pathlib import Path

import pytest

from nano3.artifact.paths import STREAMS
from nano3.inventory.unused import as_text, unused


@pytest.fixture(autouse=True)
def no_streams(built: str) -> None:
    """The receipts of index caches that tests build name no folders."""
    shutil.rmtree(STREAMS, ignore_errors=True)


def reasons() -> dict[str, str]:
    return {each.path: each.why for each in unused()[0]}


def test_what_is_built_is_needed() -> None:
    assert unused() == ([], [])
    assert as_text(*unused()) == "Everything in results/ is needed by a recipe, or by one with overrides."


def test_weights_that_no_receipt_refers_to_are_not_needed() -> None:
    orphan = Path("results/weights/0123456789ab")
    (orphan / "iter_0000001").mkdir(parents=True)
    (orphan / "iter_0000001/model.bin").write_bytes(bytes(5000))
    [found] = unused()[0]
    assert (found.path, found.bytes) == (str(orphan), 5000)
    assert "no receipt refers to it" in found.why
    text = as_text(*unused())
    assert "5 kB  results/weights/0123456789ab: no receipt" in text
    assert text.endswith("5 kB in all. Nothing was deleted; going back to an earlier recipe needs some of it again.")
    assert orphan.exists()


def test_weights_of_a_segment_that_is_being_trained_are_needed() -> None:
    """Its receipt is not there yet; its blend is."""
    Path("results/checkpoints/tiny/long_context/long_2/receipt.json").unlink()
    assert unused()[0] == []


def test_what_only_an_override_uses_is_needed_as_long_as_its_recipe_is_there(built: str) -> None:
    shutil.rmtree(f"results/checkpoints/{built}")
    assert unused()[0] == [], "it would use its weights today"
    Path(f"results/recipes/{built}.json").unlink()
    assert set(reasons().values()) == {"no receipt refers to it, and no recipe would use it today"}


def test_what_a_recipe_left_whose_file_is_gone_is_not_needed(built: str) -> None:
    Path("config/recipes/tiny.yaml").unlink()
    found = reasons()
    assert found[f"results/checkpoints/{built}"] == "config/recipes/tiny.yaml is gone"
    assert {path.split("/")[1] for path in found} == {
        "blends",
        "checkpoints",
        "exports",
        "reports",
        "weights",
        "tokens",
    }


def test_tokens_of_another_tokenizer_and_of_other_datasets_are_not_needed() -> None:
    tokens = next(Path("results/tokens").glob("tiny-*"))
    shutil.copytree(tokens / "tiny-math", tokens / "more")
    shutil.copytree(tokens, "results/tokens/old-0123456789ab")
    found = reasons()
    assert len(found) == 1 + 5
    assert set(found.values()) == {"no recipe has this dataset with this tokenizer"}


def test_shards_that_are_no_longer_pinned_are_not_needed() -> None:
    tokens = next(Path("results/tokens").glob("tiny-*/tiny-math/train"))
    for ending in ("bin", "idx", "json"):
        (tokens / f"part-00008.{ending}").write_bytes(bytes(10))
    [found] = unused()[0]
    assert (found.path, found.bytes, found.why) == (str(tokens.parent), 30, "1 shard no longer pinned: part-00008")


def test_what_cannot_be_known_is_said_and_what_a_recipe_left_is_kept() -> None:
    Path("config/recipes/tiny.yaml").write_text("about: [\n")
    found, doubts = unused()
    assert found == []
    assert any("config/recipes/tiny.yaml: line 2" in doubt for doubt in doubts)
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.input.lock").touch()
    assert unused()[1][0] == "snakemake is running here: what it is making may be listed"
