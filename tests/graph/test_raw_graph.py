"""Raw shards of the Hub in the workflow: what is downloaded when, and what a token never gets into."""

import json
import os
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nano3.raw.datasets import Shard, write_pins
from tests.conftest import House
from tests.hub import Fault, Hub

pytestmark = pytest.mark.slow

REPOSITORY, TOKEN = "org/english", "hf_NobodyMustEverSeeThis"
NAMES = [f"train-0000{number}-of-00003.parquet" for number in range(3)]


@pytest.fixture
def remote(hub: Hub, bare_house: House) -> House:
    """The repository with tiny-english on a gated Hub, and pinned."""
    hub.gated.add(REPOSITORY)
    hub.tokens.add(TOKEN)
    again(hub, bare_house)
    return bare_house


def again(hub: Hub, house: House) -> str:
    """Upload tiny-english, name the new commit in its yaml, pin it; returns what was said."""
    folder = house.root / "resources/tiny/english"
    commit = hub.commit(REPOSITORY, {f"data/{name}": (folder / name).read_bytes() for name in NAMES})
    (house.root / "config/datasets/tiny-english.yaml").write_text(
        f"source: hf://{REPOSITORY}\nrevision: {commit}\n"
        "text_column: text\ncategory: english\nlicence: public domain\nabout: Novels.\n"
    )
    done = house.nano3("pin", "tiny-english", HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    return done.stdout


def target(house: House, number: int = 0) -> str:
    """The token pair of a shard, by the path the workflow has for it."""
    tokens = house.run(
        "-c",
        "import sys; sys.path.insert(0, 'scripts'); from nano3.config.load import load_recipe;"
        "print(load_recipe('tiny')[1].tokens_name)",
    ).stdout.strip()
    return f"results/tokens/{tokens}/tiny-english/train/data.train-0000{number}-of-00003.bin"


def test_a_shard_is_downloaded_and_tokenized_once(hub: Hub, remote: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shard = target(remote)
    assert remote.ran(shard) == {"download_shard": 1, "tokenize_shard": 1}
    raw = remote.root / "resources/raw/tiny-english/data.train-00000-of-00003.parquet"
    assert raw.read_bytes() == (remote.root / "resources/tiny/english" / NAMES[0]).read_bytes()
    facts = json.loads((remote.root / shard).with_suffix(".json").read_text())["facts"]
    (commit,) = hub.repositories[REPOSITORY]
    assert facts["origin"] == f"hf://datasets/{REPOSITORY}@{commit}/data/{NAMES[0]}"
    assert facts["rows"] == 243
    assert remote.planned(shard) == {}

    assert len(again(hub, remote).splitlines()) == 1
    assert remote.planned(shard) == {}
    done = remote.nano3("pin", "--rows", "tiny-english")
    assert "counted" in done.stdout, done.stderr
    assert remote.planned(shard) == {}
    shutil.rmtree(raw.parent)
    assert remote.planned(shard) == {}

    seen = [headers.get("Authorization") or headers.get("authorization") for headers in hub.asked("GET .*resolve")]
    assert seen
    assert set(seen) == {f"Bearer {TOKEN}"}
    folders = (remote.root, Path(os.environ["HF_HOME"]))
    everything = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert any(".snakemake/log" in str(path) for path in everything)
    assert not [path for path in everything if TOKEN.encode() in path.read_bytes()]


def test_raw_files_go_when_their_tokens_are_there(hub: Hub, remote: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shard = target(remote)
    assert remote.ran(shard, "--config", "keep_raw=false") == {"download_shard": 1, "tokenize_shard": 1}
    assert not [path for path in (remote.root / "resources/raw").rglob("*") if path.is_file()]
    assert remote.planned(shard, "--config", "keep_raw=false") == {}
    assert remote.planned(shard) == {}


def test_another_content_is_downloaded_again(hub: Hub, remote: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shard = target(remote)
    remote.ran(shard)
    folder = remote.root / "resources/tiny/english"
    table = pq.read_table(folder / NAMES[0])
    pq.write_table(table.slice(1), folder / NAMES[0])
    assert "tiny-english: changed data.train-00000-of-00003" in again(hub, remote)
    assert remote.planned(shard) == {"download_shard": 1, "tokenize_shard": 1}
    assert remote.ran(shard) == {"download_shard": 1, "tokenize_shard": 1}


def test_wrong_bytes_fail_the_job_with_one_sentence(hub: Hub, remote: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.faults.append(Fault("(GET|HEAD) .*resolve", "wrong", times=99))
    done = remote.try_snakemake(target(remote))
    assert done.returncode != 0
    log = Path(remote.root / "results/raw/tiny-english/data.train-00000-of-00003.parquet.log").read_text()
    assert "download_shard: hf://datasets/org/english@" in log
    assert "pin its dataset again" in log
    assert "Traceback" not in log
    assert not [path for path in (remote.root / "resources/raw").rglob("*") if path.is_file()]


def test_a_sample_of_uncounted_shards_says_how_to_count_them(remote: House) -> None:
    done = remote.try_snakemake("-n", "--config", "sample=10")
    assert "run `nano3 pin --rows tiny-english`" in done.stdout + done.stderr


def test_every_job_that_downloads_counts_as_one_download(bare_house: House) -> None:
    catalogue = bare_house.root / "config/datasets"
    for name, count in (("tiny-english", 2), ("tiny-code", 40)):
        pins = [Shard(f"part-{number:02}", f"part-{number:02}.parquet", 1, 1, "0" * 64) for number in range(count)]
        write_pins(catalogue / f"{name}.tsv", pins)
        (catalogue / f"{name}.yaml").write_text(
            f"source: hf://{REPOSITORY}\nrevision: {'a' * 40}\ntext_column: text\ncategory: x\nlicence: y\nabout: z\n"
        )
    printed = bare_house.snakemake("--dry-run")
    jobs = [job for job in re.split(r"\n(?=rule |checkpoint )", printed) if "downloads=" in job]
    counts: dict[str, set[str]] = {}
    for job in jobs:
        dataset = re.search("dataset=([a-z-]+)", job)
        counts.setdefault(f"{job.split()[1]} {dataset and dataset[1]}", set()).update(re.findall(r"downloads=\d", job))
    assert counts == {"download_shard: tiny-english": {"downloads=1"}, "tokenize_bundle: tiny-code": {"downloads=1"}}
