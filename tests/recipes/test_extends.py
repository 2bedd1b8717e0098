"""A recipe that extends another says only what differs, and every value knows who said it."""

from pathlib import Path

import pytest
import yaml

from nano3.core.schema import ConfigError
from nano3.recipes.extends import read_composition

BASE = """\
about: The base.
train: {seed: 1, sequence_length: 128}
repetition: {max_epochs: 4, max_epochs_of: {web: 2}}
categories: {math: {datasets: [a, b]}}
phases:
  phase1:
    segments: {stable: {tokens: 100}, decay: {tokens: 20}}
    mixture: {web: 70, math: 30}
    without_data: {books: 5}
  phase2:
    chain: {rounds: 2, segments: {long: {tokens: 10}}}
    mixture: {math: 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def whole(folder: Path, text: str, name: str = "own") -> dict[str, object]:
    (folder / f"{name}.yaml").write_text(text)
    return read_composition(name, folder).values


def base_with(**values: object) -> dict[str, object]:
    return {**yaml.safe_load(BASE), "about": "Recipe base with other values.", **values}


def test_groups_are_merged_key_by_key_and_the_rest_is_inherited(folder: Path) -> None:
    train = {"seed": 2, "sequence_length": 128}
    assert whole(folder, "extends: base\ntrain: {seed: 2}\n") == base_with(train=train)


def test_about_is_said_anew_or_by_default_and_never_inherited(folder: Path) -> None:
    assert whole(folder, "extends: base\nabout: Mine.\n")["about"] == "Mine."
    whole(folder, "extends: base\nabout: Middle.\n", "middle")
    assert whole(folder, "extends: middle\n")["about"] == "Recipe middle with other values."


@pytest.mark.parametrize(
    ("own", "phase"),
    [
        (
            "{mixture: {code: 1}}",
            {"mixture": {"code": 1}, "segments": {"stable": {"tokens": 100}, "decay": {"tokens": 20}}},
        ),
        (
            "{chain: {rounds: 1, segments: {x: {tokens: 1}}}}",
            {
                "mixture": {"web": 70, "math": 30},
                "without_data": {"books": 5},
                "chain": {"rounds": 1, "segments": {"x": {"tokens": 1}}},
            },
        ),
        (
            "{without_data: null, segments: {stable: {tokens: 7}}}",
            {"mixture": {"web": 70, "math": 30}, "segments": {"stable": {"tokens": 7}}},
        ),
    ],
)
def test_what_is_one_choice_is_taken_whole(folder: Path, own: str, phase: object) -> None:
    phases = whole(folder, f"extends: base\nphases: {{phase1: {own}}}\n")["phases"]
    assert phases == {"phase1": phase, "phase2": yaml.safe_load(BASE)["phases"]["phase2"]}


def test_categories_and_single_caps_are_one_choice_too(folder: Path) -> None:
    own = "extends: base\ncategories: {code: {datasets: [c]}}\nrepetition: {max_epochs_of: {code: 3}}\n"
    values = whole(folder, own)
    assert values["categories"] == {"code": {"datasets": ["c"]}}
    assert values["repetition"] == {"max_epochs": 4, "max_epochs_of": {"code": 3}}


def test_null_removes_what_the_base_says(folder: Path) -> None:
    values = whole(folder, "extends: base\nrepetition: null\nphases: {phase2: null}\n")
    assert "repetition" not in values
    assert list(values["phases"]) == ["phase1"]  # type: ignore[call-overload]


def test_null_that_removes_nothing_is_left_for_validation(folder: Path) -> None:
    assert whole(folder, "extends: base\noptimzer: null\n")["optimzer"] is None


def test_phases_of_the_base_keep_its_order(folder: Path) -> None:
    own = "extends: base\nphases: {phase2: {mixture: {web: 1}}, phase1: {mixture: {web: 1}}}\n"
    assert list(whole(folder, own)["phases"]) == ["phase1", "phase2"]  # type: ignore[call-overload]


def test_a_phase_of_its_own_makes_a_list_of_all_phases_in_order(folder: Path) -> None:
    cooldown = "{mixture: {web: 1}, segments: {anneal: {tokens: 3}}}"
    phases = whole(folder, f"extends: base\nphases: {{cooldown: {cooldown}, phase1: {{}}}}\n")["phases"]
    assert list(phases) == ["cooldown", "phase1"]  # type: ignore[call-overload]
    assert phases == {"cooldown": yaml.safe_load(cooldown), "phase1": yaml.safe_load(BASE)["phases"]["phase1"]}


def test_chains_of_recipes_are_followed_to_their_end(folder: Path) -> None:
    whole(folder, "extends: base\ntrain: {seed: 2}\nphases: {phase1: {mixture: {code: 1}}}\n", "middle")
    (folder / "own.yaml").write_text("extends: middle.yaml\ntrain: {sequence_length: 64}\n")
    composition = read_composition("own", folder)
    assert composition.values["train"] == {"seed": 2, "sequence_length": 64}
    assert [file.name for file in composition.files] == ["own.yaml", "middle.yaml", "base.yaml"]
    assert composition.file("train.sequence_length") == str(folder / "own.yaml")
    assert composition.file("train.seed") == str(folder / "middle.yaml")
    assert composition.file("phases.phase1.mixture.code") == str(folder / "middle.yaml")
    assert composition.file("phases.phase1.segments.decay.tokens") == str(folder / "base.yaml")


def test_a_fault_is_corrected_where_the_value_is_said(folder: Path) -> None:
    (folder / "own.yaml").write_text("extends: base\nphases: {phase1: {mixture: {cc-v2.1: 1}}}\n")
    composition = read_composition("own", folder)
    own, base = str(folder / "own.yaml"), str(folder / "base.yaml")
    assert composition.file("phases.phase1.mixture.cc-v2.1") == own
    assert composition.file("phases.phase1") == own, "it says something in this group"
    assert composition.file("phases.phase2") == base
    assert composition.file("train.precision") == base, "what is missing belongs where its group is"
    assert composition.file("optimizer") == composition.file("") == own
    assert composition.owner("about") is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"own": "extends: own\n"},
            r"own\.yaml: extends: recipes extend each other in a circle, own -> own: break it$",
        ),
        (
            {"own": "extends: a\n", "a": "extends: b\n", "b": "extends: a\n"},
            r"/b\.yaml: extends: recipes extend each other in a circle, a -> b -> a: break it$",
        ),
        ({"own": "extends: bass\n"}, r"own\.yaml: extends: .*/bass\.yaml: no such file; did you mean base\?$"),
        ({"own": "extends: [base]\n"}, r"own\.yaml: extends: must be the name of a recipe, not \['base'\]$"),
        ({"own": "extends: a\n", "a": "x: [1\n"}, r"^[^:]*/a\.yaml: line 2, column 1: not YAML"),
        (
            {"own": "extends: base\nphases: {phse1: {mixture: {web: 1}}}\n"},
            r"own\.yaml: phases\.phse1: no phase of its base; did you mean phase1\?$",
        ),
        (
            {"own": "extends: base\nphases: {cooldown: null}\n"},
            r"phases\.cooldown: no phase of its base; a phase of its own needs a mixture and segments; the base has "
            r"phase1, phase2$",
        ),
    ],
)
def test_what_cannot_be_extended_is_one_sentence(folder: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_composition("own", folder)
    assert "\n" not in str(caught.value)
