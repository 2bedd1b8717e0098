"""What rebuilds what: the promises of docs/rebuilds.md, on a real graph with real training."""

import gzip
import json
import os
import time

import pytest

from tests.conftest import QUICK, House

pytestmark = pytest.mark.slow

CONFIG = ("--config", QUICK)
CACHES = {"build_index_cache": 3}
BELOW_BLENDS = {"train_segment": 4, "export_hf": 1, "write_lineage": 1, "write_report": 1}
MATH = "resources/tiny/math/set-mm-01.jsonl.gz"


def test_nothing_changed_nothing_runs(house: House) -> None:
    assert "Nothing to be done" in house.snakemake(*CONFIG)


def test_touching_every_file_rebuilds_nothing(house: House) -> None:
    later = time.time() + 100
    for folder, _, files in os.walk(house.root):
        if "/.snakemake" not in folder:
            for file in files:
                os.utime(os.path.join(folder, file), (later, later))
    assert house.planned(*CONFIG) == {}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "scripts/nano3/tokens/pipeline.py",
            "TRAIN, VALID, TEST = 0, 1, 2",
            "# a thought\nTRAIN, VALID,  TEST = (0, 1, 2)",
        ),
        ("scripts/nano3/tokens/tokenize_shard.py", "CHARACTERS = 1_000_000", "CHARACTERS = 1_000_001"),
        ("scripts/nano3/formats/readers.py", "pin the dataset again", "pin it again"),
        ("scripts/nano3/artifact/receipt.py", '"SLURM_CONTAINER")', '"SLURM_CONTAINER", "ANOTHER")'),
        ("scripts/nano3/core/cli.py", "return Path(sys.argv[0]).stem", "return Path(sys.argv[0]).name"),
        ("scripts/nano3/training/cpu/trainer.py", '"""One optimizer step;', '"""One step of the optimizer;'),
        ("config/recipes/tiny.yaml", "save_interval: 40", "save_interval: 7"),
        ("config/recipes/tiny.yaml", "threads: 2", "threads: 1"),
        ("config/recipes/tiny.yaml", "micro_batch_tokens: 2048", "micro_batch_tokens: 512"),
        ("config/recipes/tiny.yaml", "about: Nemotron", "about: Nemotron, Nemotron"),
        ("config/datasets/tiny-math.yaml", "about: ", "about: Well, "),
        ("rules/tokens.smk", "rule tokenize_shard:", "# a thought\n\n\nrule tokenize_shard:"),
        ("rules/tokens.smk", '" --raw {input.raw:q}"', '"  --raw   {input.raw:q}"'),
        ("envs/tokens.yaml", "- pip\n", "- pip\n  - git\n"),
    ],
)
def test_what_means_the_same_rebuilds_nothing(house: House, file: str, old: str, new: str) -> None:
    house.edit(file, old, new)
    assert house.planned(*CONFIG) == {}


def test_a_damaged_receipt_is_made_again_and_the_weights_stay(house: House) -> None:
    weights = {path: path.stat().st_ino for path in (house.root / "results/weights").rglob("*.distcp")}
    assert weights
    (path,) = (house.root / "results/checkpoints").glob("*/phase1/decay/receipt.json")
    whole = json.loads(path.read_text())
    path.write_text("{")
    assert house.ran(*CONFIG) == BELOW_BLENDS | {"train_segment": 3}
    assert json.loads(path.read_text())["content"] == whole["content"]
    assert weights == {path: path.stat().st_ino for path in (house.root / "results/weights").rglob("*.distcp")}
    assert house.planned(*CONFIG) == {}


def test_all_shards_are_tokenized_again_if_that_is_forced(house: House) -> None:
    assert house.planned(*CONFIG, "--forcerun", "tokenize_shard")["tokenize_shard"] == 12


def test_a_share_of_one_phase_trains_again_from_that_phase_on(house: House) -> None:
    house.edit("config/recipes/tiny.yaml", "tiny-math: 35", "tiny-math: 36")
    trained = {path: path.stat().st_ino for path in house.receipts()}
    assert house.ran(*CONFIG) == {"write_blend": 1, "build_index_cache": 1, **BELOW_BLENDS, "train_segment": 2}
    again = [path.parent.parent.name for path, inode in trained.items() if path.stat().st_ino != inode]
    assert again == ["long_context", "phase2"]


def test_the_end_of_the_decay_leaves_earlier_segments(house: House) -> None:
    house.edit("config/recipes/tiny.yaml", "floor: 3.0e-5", "floor: 2.0e-5")
    assert house.planned(*CONFIG) == {**BELOW_BLENDS, "train_segment": 3}


def test_one_edited_raw_shard_rebuilds_its_own_way_down(house: House) -> None:
    path = house.root / MATH
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    first = json.loads(rows[0])
    rows[0] = json.dumps(first | {"text": first["text"] + " QED"})
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    assert house.planned(*CONFIG) == {}, "a shard changes when it is pinned"
    done = house.nano3("pin", "tiny-math")
    assert "tiny-math: changed set-mm-01" in done.stdout
    tokens = sorted((house.root / "results/tokens").glob("*/*/train/*.bin"))
    before = {path: path.stat().st_ino for path in tokens}
    assert house.ran(*CONFIG) == {"tokenize_shard": 1, "index_dataset": 1, "write_blend": 3, **CACHES, **BELOW_BLENDS}
    assert [path.stem for path in tokens if path.stat().st_ino != before[path]] == ["set-mm-01"]
    assert house.planned(*CONFIG) == {}


def test_a_shard_that_was_edited_but_not_pinned_again_is_refused(house: House) -> None:
    path = house.root / MATH
    path.write_bytes(path.read_bytes() + gzip.compress(b'{"text": "one more"}\n'))
    for pair in (house.root / "results/tokens").glob("*/tiny-math/train/set-mm-01.bin"):
        pair.unlink()
        done = house.try_snakemake(str(pair.relative_to(house.root)), *CONFIG)
        assert done.returncode != 0
        assert "if the file was meant to change, pin its dataset again" in done.stdout + done.stderr
        assert not pair.exists()


def test_tokenizing_code_that_makes_the_same_bytes_stops_there(house: House) -> None:
    house.edit("scripts/nano3/tokens/pipeline.py", "LONG_BYTES = 2**24", "LONG_BYTES = 2**25")
    assert house.ran(*CONFIG) == {"tokenize_shard": 12, "index_dataset": 4, "write_blend": 3}
    assert house.planned(*CONFIG) == {}


def test_tokenizing_code_that_is_certified_to_make_the_same_bytes_rebuilds_nothing(house: House) -> None:
    house.edit("scripts/nano3/tokens/pipeline.py", "LONG_BYTES = 2**24", "LONG_BYTES = 2**25")
    assert house.planned(*CONFIG)["tokenize_shard"] == 12
    assert house.nano3("certify").returncode == 0
    assert house.planned(*CONFIG) == {}
    plan = " ".join(house.nano3("plan", "--set", QUICK.removeprefix("set=")).stdout.split())
    assert "12 shards were made by earlier code that is certified to make the same bytes (config/certific" in plan


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config/recipes/tiny.yaml", "valid: 0.04", "valid: 0.05"),
        ("config/recipes/tiny.yaml", "add_bos: false", "add_bos: true"),
        ("resources/tiny/tokenizer/tokenizer.json", '"version": "1.0"', '"version":  "1.0"'),
    ],
)
def test_tokens_made_otherwise_lead_all_the_way_down(house: House, file: str, old: str, new: str) -> None:
    house.edit(file, old, new)
    assert house.planned(*CONFIG) == {
        "tokenize_shard": 12,
        "index_dataset": 4,
        "write_blend": 3,
        **CACHES,
        **BELOW_BLENDS,
    }


def test_training_again_is_one_number(house: House) -> None:
    house.edit("scripts/nano3/training/spec.py", "NUMERICS_VERSION = 3", "NUMERICS_VERSION = 4")
    assert house.planned(*CONFIG) == BELOW_BLENDS


def test_a_report_template_rebuilds_the_report(house: House) -> None:
    house.edit(
        "scripts/nano3/report/page.html.j2", '{% extends "base.html.j2" %}', '{% extends "base.html.j2" %}{# signed #}'
    )
    assert house.planned(*CONFIG) == {"write_report": 1}


@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_a_pair_that_is_deleted_or_cut_is_made_again_and_nothing_trains(house: House, damage: str) -> None:
    [pair] = (house.root / "results/tokens").glob("*/tiny-math/train/set-mm-01.bin")
    content = pair.read_bytes()
    if damage == "cut":
        os.truncate(pair, 100)
    else:
        pair.unlink()
    assert house.planned(str(pair.relative_to(house.root)), *CONFIG) == {"tokenize_shard": 1}
    assert house.ran(*CONFIG) == {"tokenize_shard": 1, "index_dataset": 1, "write_blend": 3}
    assert pair.read_bytes() == content
    assert house.planned(*CONFIG) == {}


def test_a_new_and_a_removed_shard_leave_the_tokens_of_the_others(house: House) -> None:
    (house.root / MATH).with_name("set-mm-77.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one more"}\n'))
    assert "added set-mm-77" in house.nano3("pin", "tiny-math").stdout
    below = {"index_dataset": 1, "write_blend": 3, **CACHES, **BELOW_BLENDS}
    assert house.planned(*CONFIG) == {"tokenize_shard": 1, **below}
    for name in ("set-mm-77", "set-mm-01"):
        (house.root / MATH).with_name(f"{name}.jsonl.gz").unlink()
    assert "removed set-mm-01" in house.nano3("pin", "tiny-math").stdout
    assert house.planned(*CONFIG) == below


@pytest.mark.parametrize(
    ("one", "other", "planned"),
    [
        ("tiny-code: 25", "tiny-math: 15", {"write_blend": 1, **CACHES, **BELOW_BLENDS}),
        ("adam_beta1: 0.9 ", "adam_beta2: 0.95", BELOW_BLENDS),
        ("moe_ffn_hidden_size: 64", "moe_shared_expert_intermediate_size: 128", BELOW_BLENDS),
    ],
)
def test_two_numbers_that_change_places_are_seen(house: House, one: str, other: str, planned: dict[str, int]) -> None:
    (key, value), (other_key, other_value) = one.split(": "), other.split(": ")
    house.edit("config/recipes/tiny.yaml", one, f"{key}: {other_value} ")
    house.edit("config/recipes/tiny.yaml", other, f"{other_key}: {value}")
    assert house.planned(*CONFIG) == planned


def test_a_dataset_of_a_later_phase_leaves_the_earlier_ones(house: House) -> None:
    (house.root / "config/datasets/more.yaml").write_text(
        "source: resources/tiny/math\nfiles: 'set-mm-00.jsonl.gz'\ntext_column: text\n"
        "category: math\nlicence: CC0-1.0\nabout: More.\n"
    )
    assert house.nano3("pin", "more").returncode == 0
    house.edit("config/recipes/tiny.yaml", "tiny-math: 35", "tiny-math: 35\n      more: 1")
    added = {"tokenize_shard": 1, "index_dataset": 1, "write_blend": 1, "build_index_cache": 2}
    assert house.planned(*CONFIG) == added | BELOW_BLENDS | {"train_segment": 2}


def test_a_frozen_phase_stops_the_run_before_any_job_and_says_why(house: House) -> None:
    house.edit("config/recipes/tiny.yaml", "  phase1: ", "  phase1:\n    frozen: true")
    assert house.planned(*CONFIG) == {}
    house.edit("config/recipes/tiny.yaml", "tiny-math: 35", "tiny-math: 36")
    assert house.planned(*CONFIG)["train_segment"] == 2, "phase2 is not frozen"
    house.edit("config/recipes/tiny.yaml", "tiny-math: 15", "tiny-math: 30")
    done = house.try_snakemake(*CONFIG)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "phases.phase1 is frozen, but phase1/stable would be trained again: its blend changed" in said
    assert "the share of tiny-math (0.15 is now 0.2609)" in said
    assert "allow it with --config thaw=phase1" in said
    assert "Finished jobid" not in house.last_log()
    assert house.planned(*CONFIG, "thaw=phase1")["train_segment"] == 4


def test_a_frozen_phase_is_safe_from_other_tokens_too(house: House) -> None:
    house.edit("config/recipes/tiny.yaml", "  phase1: ", "  phase1:\n    frozen: true")
    path = house.root / MATH
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1] + b' \n{"text": "one more"}\n'))
    assert "changed set-mm-01" in house.nano3("pin", "tiny-math").stdout
    done = house.try_snakemake(*CONFIG)
    assert done.returncode != 0
    assert "phase1/stable would be trained again: its blend changed, in the tokens of its datasets" in done.stderr
    assert "(Rule: train_segment)" not in house.last_log()


def test_an_override_leaves_the_artifacts_of_the_recipe_it_changes(house: House) -> None:
    before = sorted((house.root / "results").glob("*/tiny*"))
    other = ("--config", QUICK + " learning_rate.floor=1e-5")
    house.snakemake(*other, "--until", "write_blend")
    after = sorted((house.root / "results").glob("*/tiny*"))
    assert {path.parent.name for path in after if path not in before} == {"blends", "recipes"}
    assert house.planned(*CONFIG) == {}


def test_a_sample_is_another_set_of_tokens(house: House) -> None:
    sample = ("--config", QUICK, "sample=20")
    house.snakemake(*sample, "--until", "index_dataset")
    [index] = (house.root / "results/tokens").glob("*-sample20/tiny-english/index.json")
    assert json.loads(index.read_text())["facts"]["rows"] == 20
    assert house.planned(*CONFIG) == {}


def test_one_shard_is_a_target(bare_house: House) -> None:
    [tokens] = {line.split("/train/")[0] for line in _outputs(bare_house) if "/tiny-code/train/shard_0002.bin" in line}
    target = f"{tokens}/train/shard_0002.bin"
    assert bare_house.planned(target) == {"tokenize_shard": 1}
    bare_house.snakemake(target)
    assert sorted(path.name for path in (bare_house.root / tokens / "train").iterdir()) == [
        f"shard_0002.{ending}" for ending in ("bin", "idx", "json")
    ]


def _outputs(house: House) -> list[str]:
    printed = house.snakemake("--dry-run")
    return [word for line in printed.splitlines() if "output:" in line for word in line.replace(",", " ").split()]


@pytest.mark.parametrize(
    ("arguments", "edit", "said"),
    [
        (("set=train.trian_iters=5",), None, "train.trian_iters: no such key; did you mean train_iters?"),
        (("smaple=5",), None, "smaple: no such key; did you mean sample?"),
        (("recipe=tinny",), None, "config/recipes/tinny.yaml: no such file"),
        ((), ("config/recipes/tiny.yaml", "tiny-math: 15", "tiny-maths: 15"), "mixture.tiny-maths: no such dataset"),
        ((), ("config/recipes/tiny.yaml", "tiny-math: 15", "tiny-math: -15"), "a share must be above 0, not -15"),
        (
            (),
            ("config/datasets/tiny-math.yaml", "category", "kategory"),
            "kategory: no such key; did you mean category",
        ),
    ],
)
def test_bad_input_is_one_clear_error_before_any_job(
    bare_house: House, arguments: tuple[str, ...], edit: tuple[str, str, str] | None, said: str
) -> None:
    if edit:
        bare_house.edit(*edit)
    done = bare_house.try_snakemake(*(("--config", *arguments) if arguments else ()))
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "WorkflowError" not in done.stdout + done.stderr, "it is one sentence"
    assert not (bare_house.root / "results").exists()


def test_a_missing_pin_is_said_before_any_job(bare_house: House) -> None:
    (bare_house.root / "config/datasets/tiny-code.tsv").unlink()
    done = bare_house.try_snakemake()
    assert done.returncode != 0
    assert "dataset tiny-code is not pinned: run `nano3 pin tiny-code`" in done.stdout + done.stderr
    assert not (bare_house.root / "results").exists()


def test_a_dry_run_shows_the_whole_road(bare_house: House) -> None:
    assert bare_house.planned() == {
        "tokenize_shard": 12,
        "index_dataset": 4,
        "write_blend": 3,
        "build_index_cache": 3,
        "train_segment": 6,
        "export_hf": 1,
        "write_lineage": 1,
        "write_report": 1,
    }
