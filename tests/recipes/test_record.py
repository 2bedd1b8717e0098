"""What an override changed is found by the name of its artifacts."""

from pathlib import Path

import pytest

from nano3.recipes.record import Override, note_override, noted_overrides, read_override

NAME = "tiny+63c97beea075"
OVERRIDE = Override(recipe="tiny", set="train.seed=5", sample=0, changes={"train.seed": (1234, 5)})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_name_says_what_was_changed() -> None:
    assert (read_override(NAME), list(noted_overrides())) == (None, [])
    note_override(NAME, OVERRIDE)
    assert (read_override(NAME), list(noted_overrides())) == (OVERRIDE, [NAME])


def test_a_note_that_says_the_same_is_left_alone() -> None:
    note_override(NAME, OVERRIDE)
    file = Path(f"results/recipes/{NAME}.json")
    before = file.stat().st_ino
    note_override(NAME, OVERRIDE)
    assert file.stat().st_ino == before
    other = Override(recipe="tiny", set="train.seed=5", sample=0, changes={"train.seed": (1, 5)})
    note_override(NAME, other)
    assert read_override(NAME) == other


def test_a_damaged_note_says_nothing() -> None:
    note_override(NAME, OVERRIDE)
    Path(f"results/recipes/{NAME}.json").write_text('{"recipe": 5}')
    assert read_override(NAME) is None
