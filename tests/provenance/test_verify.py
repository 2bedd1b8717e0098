"""A flipped byte in any kind of artifact is found, and its remedy repairs it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import QUICK, House

pytestmark = pytest.mark.slow

OVERRIDES = QUICK.removeprefix("set=")
DAMAGED = {
    "tokens/*/tiny-math/train/set-mm-00.bin": "shard",
    "tokens/*/tiny-math/train/set-mm-01.idx": "shard",
    "tokens/*/tiny-code/holdout/shard_0000.bin": "shard",
    "tokens/*/tiny-english/valid.bin": "index",
    "tokens/*/tiny-spanish/shards.tsv": "index",
    "tokens/*/tiny-code/index.json": "index",
    "blends/*/phase2/blend.json": "blend",
    "streams/*/epoch_0000.order.npy": "cache",
    "checkpoints/*/phase1/*/metrics.jsonl": "segment",
    "weights/*/iter_*/*.distcp": "segment",
    "exports/*/model/model.safetensors": "export",
    "reports/*/lineage.json": "lineage",
    "reports/*/index.html": "report",
}
RAW = "resources/tiny/math/set-mm-02.jsonl.gz"


def verdict(house: House, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = house.nano3("verify", "--json", "--set", OVERRIDES, *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def flip(path: Path) -> None:
    """Another first byte, with size and time kept. In a new file, because copies of a house share their weights."""
    data, before = bytearray(path.read_bytes()), path.stat()
    data[0] ^= 1
    path.unlink()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_flipped_byte_in_any_kind_of_artifact_is_found_and_its_remedy_repairs_it(house: House) -> None:
    notes = str(house.root / "build/notes.tsv")
    Path(notes).parent.mkdir()
    status, whole = verdict(house, "--raw", "--notes", notes)
    assert (status, whole["faults"], whole["unmade"]) == (0, [], {})
    assert verdict(house, "--raw", "--notes", notes)[1]["passed"] == whole["files"] > 0

    damaged = {}
    for pattern, kind in DAMAGED.items():
        path = sorted((house.root / "results").glob(pattern))[-1]
        flip(path)
        damaged[str(path.relative_to(house.root))] = kind
    flip(house.root / RAW)
    status, result = verdict(house, "--raw")
    assert status == 1
    assert {fault["path"]: fault["kind"] for fault in result["faults"]} == damaged | {RAW: "raw"}
    status, sizes = verdict(house, "--sizes")
    assert {fault["path"] for fault in sizes["faults"]} == {path for path in damaged if path.endswith("index.json")}
    status, math = verdict(house, "tiny-math")
    assert {Path(fault["path"]).name for fault in math["faults"]} == {"set-mm-00.bin", "set-mm-01.idx"}

    flip(house.root / RAW)
    for fault in result["faults"]:
        for path in (house.root / path for path in fault["delete"]):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    house.snakemake(*sorted({fault["build"] for fault in result["faults"] if fault["build"]}), "--config", QUICK)
    assert verdict(house)[1]["faults"] == []
    house.snakemake("--config", QUICK)
    assert verdict(house)[0] == 0
    assert house.planned("--config", QUICK) == {}


def test_what_is_missing_differs_from_what_is_not_built_and_a_wrong_target_is_refused(house: House) -> None:
    folder = next((house.root / "results/tokens").glob("*/tiny-math"))
    (folder / "train/set-mm-00.bin").unlink()
    (folder / "train/set-mm-01.json").unlink()
    os.truncate(folder / "train/set-mm-02.bin", 8)
    next((house.root / "results/reports").glob("*/report.receipt.json")).unlink()
    done = house.nano3("verify", "--set", OVERRIDES)
    assert done.returncode == 1
    for message in (
        "set-mm-00.bin: missing: run `snakemake ",
        "set-mm-01.json: missing: run `snakemake ",
        "set-mm-02.bin: 8 bytes instead of ",
        "3 damaged or missing; report: 1 not made yet",
    ):
        assert message in done.stdout
    done = house.nano3("verify", "phase9")
    assert done.returncode == 1
    said = "phase9: recipe tiny has no such artifact: name a dataset, phase, segment or path, or another recipe with"
    assert said in done.stderr
