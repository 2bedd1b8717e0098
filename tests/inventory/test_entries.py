"""Every recipe and every name that results/ knows is listed, with what it is and what it left."""

import shutil
from pathlib import Path

from nano3.inventory.entries import RecipeEntry, as_text, entries


def by_name() -> dict[str, RecipeEntry]:
    return {entry.name: entry for entry in entries()}


def test_a_recipe_and_its_overrides_say_what_they_are_and_what_they_left(built: str) -> None:
    found = by_name()
    assert list(found) == ["nano3", "nano3-report", "tiny", built]
    tiny, other = found["tiny"], found[built]
    assert tiny.about == "Nemotron 3 Nano's stage 0 in miniature, on text that is part of this repository."
    assert (tiny.base, tiny.trained) == (None, "2026-01-01T00:00:00+00:00")
    assert (other.base, other.about) == ("tiny", None)
    assert other.changes["train.seed"] == (1234, 5)
    assert other.changes["phases.phase2.mixture.tiny-code"][0] == 25
    assert found["nano3"].trained is None
    assert found["nano3"].bytes == 0 < tiny.bytes


def test_weights_count_in_the_size_of_each_recipe_that_has_them(built: str) -> None:
    before = by_name()[built].bytes
    receipt = next(Path("results/weights").glob("*/iter_*"))
    for weights in Path("results/weights").glob("*/iter_*"):
        (weights / "model.bin").write_bytes(bytes(1000))
    assert receipt.exists()
    assert by_name()[built].bytes == before + 6 * 1000


def test_the_list_says_how_to_ask_again(built: str) -> None:
    text = as_text(entries())
    assert f"{built}: trained 2026-01-01 00:00:00 UTC, " in text
    assert "  train.seed: 1234 -> 5\n" in text
    assert "  phases.phase2.mixture.tiny-code: 25 -> none\n" in text
    assert "  again: nano3 plan --recipe tiny --set 'train.seed=5 phases.phase2.mixture.tiny-code=null'" in text


def test_an_override_that_nobody_noted_is_listed_all_the_same(built: str) -> None:
    shutil.rmtree("results/recipes")
    assert (by_name()[built].base, by_name()[built].set) == ("tiny", None)
    assert "what it changed was not noted" in as_text(entries())


def test_a_recipe_that_is_gone_or_cannot_be_read_says_so(built: str) -> None:
    Path("config/recipes/nano3.yaml").write_text("about: [\n")
    Path("config/recipes/tiny.yaml").unlink()
    found = by_name()
    assert found["tiny"].about == "its file config/recipes/tiny.yaml is gone"
    assert str(found["nano3"].about).startswith("config/recipes/nano3.yaml: line 2, column 1: not YAML")


def test_a_damaged_receipt_is_left_out(built: str) -> None:
    for receipt in Path("results/checkpoints/tiny").glob("*/*/receipt.json"):
        receipt.write_text("{")
    assert by_name()["tiny"].trained is None
