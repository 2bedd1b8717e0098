"""The pruned graph and the whole one run the same jobs; bundles are the same work in fewer jobs."""

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import QUICK, House

pytestmark = pytest.mark.slow


def a_shard(house: House, dice: random.Random) -> Path:
    """The .bin of some shard's training pair."""
    return dice.choice(sorted((house.root / "results/tokens").glob("*/*/train/*.bin")))


def touch(house: House, dice: random.Random) -> None:
    os.utime(dice.choice([path for path in sorted(house.root.rglob("*.*")) if path.is_file()]))


def delete(house: House, dice: random.Random) -> None:
    pair = a_shard(house, dice)
    file = dice.choice([pair, pair.with_suffix(".idx"), pair.with_suffix(".json")])
    dice.choice([file, file.parent.parent / "index.json", file.parent.parent / "shards.tsv"]).unlink(missing_ok=True)


def cut(house: House, dice: random.Random) -> None:
    pair = a_shard(house, dice)
    os.truncate(pair, pair.stat().st_size // 2) if pair.exists() else None


def change_a_raw_shard(house: House, dice: random.Random) -> None:
    path = dice.choice(sorted((house.root / "resources/tiny/math").glob("*.gz")))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b'{"text": "one more"}\n'))
    assert house.nano3("pin", "tiny-math").returncode == 0


def remove_a_raw_shard(house: House, dice: random.Random) -> None:
    path = dice.choice(sorted((house.root / "resources/tiny/english").glob("*.parquet"))[1:])
    path.unlink()
    assert house.nano3("pin", "tiny-english").returncode == 0


def change_a_share(house: House, dice: random.Random) -> None:
    house.edit("config/recipes/tiny.yaml", "tiny-spanish: ", f"tiny-spanish: {dice.randint(1, 9)}")


def change_the_code(house: House, dice: random.Random) -> None:
    house.edit("scripts/nano3/tokens/pipeline.py", "LONG_BYTES = ", f"LONG_BYTES = {dice.randint(1, 9)} * ")


def build_a_shard(house: House, dice: random.Random) -> None:
    pair = a_shard(house, dice)
    house.try_snakemake(str(pair.relative_to(house.root)), "--config", QUICK)


EDITS: list[Callable[[House, random.Random], None]] = [
    touch,
    delete,
    cut,
    change_a_raw_shard,
    remove_a_raw_shard,
    change_a_share,
    change_the_code,
    build_a_shard,
]


@pytest.mark.parametrize("seed", range(4))
def test_the_pruned_and_the_whole_graph_run_the_same_jobs(house: House, seed: int) -> None:
    dice = random.Random(seed)
    for edit in dice.sample(EDITS, 3):
        edit(house, dice)
        pruned, whole = (house.jobs("--config", QUICK, f"prune={prune}") for prune in ("true", "false"))
        assert pruned == whole, edit.__name__


@pytest.fixture
def many(bare_house: House) -> House:
    """The repository with a dataset of 40 shards in its recipe."""
    rows = gzip.decompress((bare_house.root / "resources/tiny/math/set-mm-00.jsonl.gz").read_bytes()).splitlines()
    folder = bare_house.root / "resources/many"
    folder.mkdir()
    for number in range(40):
        (folder / f"part-{number:02}.jsonl").write_bytes(b"\n".join(rows[number::40]))
    (bare_house.root / "config/datasets/many.yaml").write_text(
        "source: resources/many\nfiles: '*.jsonl'\ntext_column: text\ncategory: math\nlicence: CC0-1.0\nabout: Many.\n"
    )
    assert bare_house.nano3("pin", "many").returncode == 0
    bare_house.edit("config/recipes/tiny.yaml", "tiny-math: 15", "many: 15")
    return bare_house


def test_many_stale_shards_are_few_jobs_and_a_few_are_jobs_of_their_own(many: House) -> None:
    jobs = many.jobs("--until", "index_dataset")
    bundles = [job for job in jobs if job.startswith("tokenize_bundle")]
    assert 1 < len(bundles) < 40
    assert len([job for job in many.jobs("--until", "index_dataset", "--config", "bundles=0") if "/many/" in job]) == 41
    [index] = [job.split()[1] for job in jobs if job.startswith("index_dataset") and "/many/" in job]

    bad = many.root / "resources/many/part-07.jsonl"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    done = many.try_snakemake(index)
    assert done.returncode != 0
    assert "1 of " in done.stdout + done.stderr
    assert "part-07.jsonl: SHA-256 is" in done.stdout + done.stderr
    bad.write_bytes(good)
    folder = (many.root / index).parent
    before = {path: path.stat().st_ino for path in folder.glob("train/*.json")}
    many.snakemake(index)
    assert {path: path.stat().st_ino for path in before} == before, "what a failed bundle has made stays"
    assert json.loads((many.root / index).read_text())["facts"]["shards"]["count"] == 40
    assert many.planned(index) == {}

    with bad.open("ab") as file:
        file.write(b'\n{"text": "one more"}')
    assert "changed part-07" in many.nano3("pin", "many").stdout
    assert many.ran(index) == {"tokenize_shard": 1, "index_dataset": 1}
