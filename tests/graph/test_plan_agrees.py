"""The plan says what Snakemake would do: the same kinds and counts, for every change docs/rebuilds.md promises on."""

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import QUICK, House
from tests.graph.changes import CHANGES
from tests.graph.dry_run import RULES

pytestmark = pytest.mark.slow

CONFIG = ("--config", QUICK)
RECIPE, DATASETS = "config/recipes/tiny.yaml", "config/datasets"
MORE = (
    "source: resources/tiny/math\nfiles: 'set-mm-00.jsonl.gz'\ntext_column: text\n"
    "category: math\nlicence: CC0-1.0\nabout: More.\n"
)


def plan(house: House, *arguments: str) -> dict[str, Any]:
    done = house.nano3("plan", "--json", "--set", QUICK.removeprefix("set="), *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def jobs(found: dict[str, Any], *states: str) -> dict[str, int]:
    """Jobs of each rule that a plan counts in these states."""
    counts = {RULES[kind]: sum(each[state] for state in states) for kind, each in found["kinds"].items()}
    return {rule: count for rule, count in counts.items() if count}


def all_jobs(found: dict[str, Any]) -> dict[str, int]:
    return jobs(found, "stale", "new", "conditional")


def edited(file: str, old: str, new: str) -> Callable[[House], None]:
    return lambda house: house.edit(file, old, new)


def deleted(*patterns: str) -> Callable[[House], None]:
    def delete(house: House) -> None:
        paths = [path for pattern in patterns for path in (house.root / "results").glob(pattern)]
        assert paths
        for path in paths:
            path.unlink()

    return delete


def damaged(pattern: str) -> Callable[[House], None]:
    def damage(house: House) -> None:
        (path,) = (house.root / "results").glob(pattern)
        path.write_text("{")

    return damage


def both(*changes: Callable[[House], None]) -> Callable[[House], None]:
    def change(house: House) -> None:
        for one in changes:
            one(house)

    return change


def pinned(*datasets: str) -> Callable[[House], None]:
    def pin(house: House) -> None:
        assert house.nano3("pin", *datasets).returncode == 0

    return pin


def a_raw_shard(house: House) -> None:
    path = house.root / "resources/tiny/math/set-mm-01.jsonl.gz"
    path.write_bytes(path.read_bytes() * 2)
    pinned("tiny-math")(house)


def a_removed_shard(house: House) -> None:
    path = house.root / DATASETS / "tiny-math.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def a_new_dataset(house: House) -> None:
    (house.root / DATASETS / "more.yaml").write_text(MORE)
    pinned("more")(house)
    house.edit(RECIPE, "tiny-math: 35", "tiny-math: 35\n      more: 1")


def an_interrupted_rebuild(house: House) -> None:
    a_raw_shard(house)
    house.snakemake(*CONFIG, "--until", "index_dataset")


TOKENS = {"tokenize_shard": 12, "index_dataset": 4, "write_blend": 3}
ONE_SHARD = {"tokenize_shard": 1, "index_dataset": 1, "write_blend": 3}
OTHER_TOKENS = {"build_index_cache": 3, "train_segment": 4, "end": 3}
TEMPLATE = edited(
    "scripts/nano3/report/page.html.j2", '{% extends "base.html.j2" %}', '{% extends "base.html.j2" %}{# signed #}'
)
SHARE = edited(RECIPE, "tiny-math: 35", "tiny-math: 36")


@pytest.mark.parametrize(
    ("change", "certain"),
    [
        (lambda house: None, {}),
        (
            edited(
                "scripts/nano3/tokens/pipeline.py",
                "TRAIN, VALID, TEST = 0, 1, 2",
                "# a\nTRAIN, VALID,  TEST = (0, 1, 2)",
            ),
            {},
        ),
        (edited("scripts/nano3/training/cpu/trainer.py", "DECAY_DIMENSIONS = 1", "DECAY_DIMENSIONS = 0x1"), {}),
        (edited(RECIPE, "threads: 2", "threads: 1"), {}),
        (edited(RECIPE, "save_interval: 40", "save_interval: 7"), {}),
        (a_raw_shard, ONE_SHARD),
        (a_removed_shard, {"index_dataset": 1, "write_blend": 3} | OTHER_TOKENS),
        (an_interrupted_rebuild, {"write_blend": 3} | OTHER_TOKENS),
        (
            edited("scripts/nano3/tokens/pipeline.py", "LONG_BYTES = 2**24", "LONG_BYTES = 2**25"),
            TOKENS,
        ),
        (edited(RECIPE, "add_bos: false", "add_bos: true"), TOKENS),
        (
            edited("scripts/nano3/corpus/index_dataset.py", "begin = end = 0", "end = begin = 0"),
            {"index_dataset": 4, "write_blend": 3},
        ),
        (edited("scripts/nano3/sampling/blend.py", "if part.share}", "if part.share > 0}"), {"write_blend": 3}),
        (
            edited("scripts/nano3/training/spec.py", "NUMERICS_VERSION = 3", "NUMERICS_VERSION = 4"),
            {"train_segment": 4, "end": 3},
        ),
        (SHARE, {"write_blend": 1, "build_index_cache": 1, "train_segment": 2, "end": 3}),
        (edited(RECIPE, "floor: 3.0e-5", "floor: 2.0e-5"), {"train_segment": 3, "end": 3}),
        (
            a_new_dataset,
            {
                "tokenize_shard": 1,
                "index_dataset": 1,
                "write_blend": 1,
                "build_index_cache": 1,
                "train_segment": 2,
                "end": 3,
            },
        ),
        (TEMPLATE, {"write_report": 1}),
        (edited("scripts/nano3/provenance/prov.py", "PREFIXES = (", "PREFIXES: tuple[str, ...] = ("), {"end": 2}),
        (deleted("tokens/*/tiny-math/train/set-mm-01.bin"), ONE_SHARD),
        (deleted("tokens/*/tiny-math/valid.bin"), {"index_dataset": 1, "write_blend": 3}),
        (deleted("tokens/*/tiny-math/index.json"), {}),
        (deleted("tokens/*/tiny-math/*/set-mm-01.*"), {}),
        (deleted("blends/*/phase2/blend.json", "exports/*/receipt.json"), {"write_blend": 1}),
        (
            both(deleted("blends/*/phase2/blend.json"), TEMPLATE),
            {"write_blend": 1, "write_report": 1},
        ),
        (deleted("reports/*/report.receipt.json"), {"write_report": 1}),
        (deleted("reports/*/lineage.json"), {"end": 2}),
        (
            both(SHARE, deleted("tokens/*/tiny-math/index.json")),
            {"index_dataset": 1, "write_blend": 3, "build_index_cache": 1, "train_segment": 2, "end": 3},
        ),
        (
            both(SHARE, deleted("checkpoints/*/phase1/decay/receipt.json")),
            {"write_blend": 1, "build_index_cache": 1, "train_segment": 3, "end": 3},
        ),
        (
            both(SHARE, deleted("blends/*/phase1/blend.json")),
            {"write_blend": 2, "build_index_cache": 1, "train_segment": 2, "end": 3},
        ),
        (damaged("tokens/*/tiny-math/index.json"), {"index_dataset": 1, "write_blend": 3}),
        (damaged("blends/*/phase2/blend.receipt.json"), {"write_blend": 1}),
        (damaged("checkpoints/*/phase1/decay/receipt.json"), {"train_segment": 3, "end": 3}),
        (damaged("exports/*/receipt.json"), {"end": 3}),
        (damaged("reports/*/lineage.receipt.json"), {"end": 2}),
        (damaged("reports/*/report.receipt.json"), {"write_report": 1}),
    ],
)
def test_the_plan_is_what_snakemake_would_do(
    house: House, change: Callable[[House], None], certain: dict[str, int]
) -> None:
    change(house)
    found = plan(house)
    assert all_jobs(found) == house.planned(*CONFIG)
    ends = ("export_hf", "write_lineage", "write_report")
    expected = {rule: count for rule, count in certain.items() if rule != "end"}
    expected |= dict.fromkeys(ends[3 - certain.get("end", 0) :], 1)
    assert jobs(found, "stale", "new") == expected


@pytest.mark.parametrize(
    ("change", "caches"),
    [(deleted("streams/tiny-math-*/epoch_0000.order.npy"), 3), (damaged("blends/*/phase2/index_cache.json"), 1)],
)
def test_an_index_cache_whose_files_are_gone_is_built_again_and_nothing_trains(
    house: House, change: Callable[[House], None], caches: int
) -> None:
    """A dry run can't know that nothing follows, and lists training; the plan does."""
    change(house)
    found = all_jobs(plan(house))
    assert house.ran(*CONFIG) == found == {"build_index_cache": caches}
    assert house.planned(*CONFIG) == {}


@pytest.mark.parametrize(
    "changes", [("new_shard",), ("removed_shard", "changed_share"), ("renamed_shard",)], ids="+".join
)
def test_a_run_does_all_that_is_certain_and_nothing_that_was_not_listed(house: House, changes: tuple[str, ...]) -> None:
    """Blends are made again, and what follows each is judged when it is there."""
    for change in changes:
        CHANGES[change](house.root)
    found = plan(house)
    certain, listed = jobs(found, "stale", "new"), all_jobs(found)
    assert house.planned(*CONFIG) == listed
    ran = house.ran(*CONFIG)
    assert all(ran.get(rule, 0) >= count for rule, count in certain.items()), (certain, ran)
    assert all(listed.get(rule, 0) >= count for rule, count in ran.items()), (listed, ran)
    assert all_jobs(plan(house)) == house.planned(*CONFIG) == {}


def test_a_shard_that_comes_back_after_it_was_built_without_needs_no_tokenizing(house: House) -> None:
    pins = house.root / DATASETS / "tiny-math.tsv"
    before = pins.read_text()
    a_removed_shard(house)
    house.snakemake(*CONFIG, "--until", "write_blend")
    pins.write_text(before)
    found = plan(house)
    assert all_jobs(found) == house.planned(*CONFIG)
    assert jobs(found, "stale", "new") == {"index_dataset": 1, "write_blend": 3}
    assert house.ran(*CONFIG) == {"index_dataset": 1, "write_blend": 3}, "the blends are those that were trained on"
    assert all_jobs(plan(house)) == house.planned(*CONFIG) == {}


def test_without_snakemakes_own_notes_the_judge_says_the_same(house: House) -> None:
    """A copy of the results to another machine is worth as much as they are."""
    shutil.rmtree(house.root / ".snakemake")
    for path in (house.root / "results").rglob("*.json"):
        os.utime(path)
    assert all_jobs(plan(house)) == house.planned(*CONFIG) == {}
    SHARE(house)
    assert all_jobs(plan(house)) == house.planned(*CONFIG) != {}


def test_a_recipe_of_its_own_and_a_sample_are_planned_as_snakemake_does(house: House) -> None:
    other = QUICK + " learning_rate.floor=1e-5"
    found = plan(house, "--set", other.removeprefix("set="))
    assert all_jobs(found) == house.planned("--config", other)
    assert found["estimate"]["training"]["tokens"] < sum([1024 * 6, 2048])  # phase1/stable has its weights already
    assert all_jobs(plan(house, "--sample", "20")) == house.planned("--config", QUICK, "sample=20")


def test_what_snakemake_refuses_for_a_frozen_phase_the_plan_tells(house: House) -> None:
    house.edit(RECIPE, "    segments:\n      anneal:", "    frozen: true\n    segments:\n      anneal:")
    assert (plan(house)["refused"], house.planned(*CONFIG)) == ({}, {})
    SHARE(house)
    assert plan(house)["refused"] == {"phase2": "will"}
    done = house.try_snakemake("--dry-run", *CONFIG)
    assert done.returncode != 0
    assert "phases.phase2 is frozen" in done.stdout + done.stderr
    assert all_jobs(plan(house)) == house.planned("--config", QUICK, "thaw=phase2")


def test_a_plan_of_a_fresh_clone_has_everything(bare_house: House) -> None:
    done = bare_house.nano3("plan", "--json")
    found = json.loads(done.stdout)
    assert all_jobs(found) == jobs(found, "new") == bare_house.planned()
    assert found["estimate"]["tokenizing"]["seconds"] is None
    done = bare_house.nano3("plan")
    assert "no estimate: nothing was measured yet" in done.stdout


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("phases.phase2.mixture.tiny-math=36", "tiny-math: 35", "tiny-math: 36"),
        ("learning_rate.floor=2e-5", "floor: 3.0e-5", "floor: 2.0e-5"),
        ("layout.threads=1", "threads: 2", "threads: 1"),
        ("tokenizer.add_bos=true", "add_bos: false", "add_bos: true"),
    ],
)
def test_what_if_answers_for_an_edit_that_was_not_made(house: House, key: str, old: str, new: str) -> None:
    before = plan(house, "--what-if", key)
    house.edit(RECIPE, old, new)
    after = plan(house)
    assert before | {"what_if": {}, "recipe": after["recipe"]} == after
    assert all_jobs(before) == house.planned(*CONFIG)


def test_targets_are_planned_as_snakemake_does(house: House) -> None:
    a_raw_shard(house)
    folder = next((house.root / "results/tokens").glob("*/tiny-math")).relative_to(house.root)
    recipe = next((house.root / "results/blends").iterdir()).name
    for word, path in (
        ("tiny-math", f"{folder}/index.json"),
        ("tiny-code", f"{folder.parent}/tiny-code/index.json"),
        ("phase1", f"results/checkpoints/{recipe}/phase1/decay/receipt.json"),
        (f"{folder}/train/set-mm-01.bin", f"{folder}/train/set-mm-01.bin"),
        (f"{folder}/train/set-mm-00.bin", f"{folder}/train/set-mm-00.bin"),
    ):
        assert all_jobs(plan(house, word)) == house.planned(path, *CONFIG), word
        assert plan(house, word) == plan(house, path), word


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("phase3",), "phase3: recipe tiny makes no such thing; did you mean phase2?"),
        (("results/tokens/nowhere/x.bin",), "makes no such thing; name one of tiny-code, "),
        (("--what-if", "lerning_rate.floor=1"), "lerning_rate: no such key; did you mean learning_rate?"),
        (("--what-if", "layout"), "'layout' is not key=value"),
        (("--recipe", "tinny"), "config/recipes/tinny.yaml: no such file"),
        (("--what-if", "phases.phase1.mixture.none=1"), "phases.phase1.mixture.none: no such dataset"),
    ],
)
def test_a_wrong_question_is_one_clear_error(bare_house: House, arguments: tuple[str, ...], said: str) -> None:
    done = bare_house.nano3("plan", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_the_exit_status_can_tell_whether_there_is_something_to_do(bare_house: House) -> None:
    assert bare_house.nano3("plan").returncode == 0
    assert bare_house.nano3("plan", "--detailed-exitcode").returncode == 2
    (bare_house.root / DATASETS / "tiny-code.tsv").unlink()
    done = bare_house.nano3("plan", "--detailed-exitcode")
    assert done.returncode == 1
    assert done.stderr.startswith("nano3 plan: config/datasets/tiny-code.tsv: dataset tiny-code is not pinned")
