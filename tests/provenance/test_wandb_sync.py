"""W&B: everything is sent once, by reference, and no failure affects a job."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wandb

from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.config.load import load_recipe
from nano3.provenance.wandb_sync import DATA, FOLDER, MODEL, Target, left_out, publications, publish
from tests.conftest import REPOSITORY, nano3
from tests.lineage import build
from tests.receipts import BLENDS, CHECKPOINTS, INDEX_KEY, PHASES
from tests.wandb_files import written

OFFLINE = Target("offline", "stage0", "a-team")
SEGMENTS = [f"{phase}/{segment[0]}" for phase, segments in PHASES.items() for segment in segments]


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("config", "resources"):
        Path(name).symlink_to(REPOSITORY / name)
    for variable in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "no-login"))
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    build(["tiny-english", "tiny-code"])


def send(target: Target = OFFLINE) -> list[str]:
    return publish("tiny", publications("tiny", load_recipe("tiny")[1]), target)


def test_offline_all_is_written_as_wandb_has_it_and_only_once() -> None:
    assert send() == [*(f"data/{phase}" for phase in PHASES), *SEGMENTS]
    runs = {run.name: run for run in written(FOLDER).values()}
    assert {run.project for run in runs.values()} == {"stage0"}
    assert {run.entity for run in runs.values()} == {"a-team"}
    assert {run.group for run in runs.values()} == {"tiny"}

    data = runs["tiny/data/phase1"].artifacts[DATA]
    assert set(data["aliases"]) == {"latest", "phase1"}
    assert data["metadata"]["mixture"] == {"tiny-english": 1.0, "tiny-code": 2.0}
    index = Path("results/tokens/tiny/tiny-code/index.json").resolve().as_uri()
    assert data["entries"] == {
        "blend.json": "",
        "content.json": "",
        "tiny-code/index.json": index,
        "tiny-english/index.json": index.replace("tiny-code", "tiny-english"),
    }

    run, receipt = runs["tiny/phase1/decay"], read_receipt(CHECKPOINTS / "phase1/decay/receipt.json", SegmentReceipt)
    model = run.artifacts[MODEL]
    weights = Path(receipt.facts.checkpoint).resolve()
    assert model["entries"]["checkpoint/common.pt"] == (weights / "common.pt").as_uri()
    assert model["metadata"]["step"] == 50
    assert model["metadata"]["loss"] == msgspec.to_builtins(receipt.facts.loss)
    assert [(line["tokens"], line["phase1/loss"]) for line in run.history] == [
        (line["tokens"], line["loss"])
        for line in map(json.loads, (CHECKPOINTS / "phase1/decay/metrics.jsonl").read_text().splitlines())
    ]
    assert run.summary["validation/tiny-code"] == receipt.facts.validation["after"]["tiny-code"]

    assert send() == []
    assert len(written(FOLDER)) == len(runs)


def test_later_artifacts_are_sent_later() -> None:
    receipt = CHECKPOINTS / "long_context/long_2/receipt.json"
    text = receipt.read_text()
    receipt.unlink()
    assert "long_context/long_2" not in send()
    receipt.write_text(text)
    assert send() == ["long_context/long_2"]
    assert left_out("tiny", load_recipe("tiny")[1]) == []
    (BLENDS / "phase2/blend.receipt.json").unlink()
    assert send() == []


def test_what_is_not_sent_is_named_with_its_reason() -> None:
    receipt = CHECKPOINTS / "long_context/short/receipt.json"
    receipt.unlink()
    assert left_out("tiny", load_recipe("tiny")[1]) == [
        f"long_context/short: not sent: {receipt} is missing: build it with snakemake",
        "long_context/long_2: not sent: it comes after long_context/short",
    ]
    output = {mode: nano3("publish", "--mode", mode).stdout for mode in ("offline", "disabled")}
    assert f"offline: {len(PHASES) + len(SEGMENTS) - 2} sent" in output["offline"]
    assert output["offline"].count("not sent") == 2
    assert output["disabled"] == "disabled: 0 sent\n"


class Recorder:
    """Stands in for a run that W&B would keep."""

    runs: list["Recorder"] = []  # noqa: RUF012

    def __init__(self, **about: Any) -> None:
        self.about = about
        self.used: list[str] = []
        self.logged: list[str] = []
        self.summary: dict[str, float] = {}
        Recorder.runs.append(self)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None: ...

    def use_artifact(self, artifact: wandb.Artifact) -> None:
        self.used.append(f"{artifact.name}@{artifact.digest}")

    def log_artifact(self, artifact: wandb.Artifact, aliases: list[str]) -> "Recorder":
        self.logged.append(f"{artifact.name}@{artifact.digest}")
        return self

    def wait(self) -> None: ...

    def log(self, values: dict[str, float], step: int) -> None: ...

    def define_metric(self, name: str, step_metric: str) -> None: ...


def test_online_every_version_used_is_one_that_was_made_or_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "init", Recorder)
    monkeypatch.setattr(Recorder, "runs", [])
    send(Target("online", "stage0", None))
    made = {each for run in Recorder.runs for each in run.logged}
    used = {each for run in Recorder.runs for each in run.used}
    assert {each.split("@")[0] for each in used - made} == {"raw-tiny-english", "raw-tiny-code", "tokenizer-tiny"}
    by_name = {run.about["name"]: run for run in Recorder.runs}
    first, second, third = (by_name[f"tiny/{name}"] for name in SEGMENTS[:3])
    assert first.used == by_name["tiny/data/phase1"].logged
    assert second.used == by_name["tiny/data/phase1"].logged + first.logged
    assert third.used == by_name["tiny/data/phase2"].logged + second.logged


def test_other_raw_bytes_are_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def versions() -> set[str]:
        inputs = next(publications("tiny", load_recipe("tiny")[1])).inputs
        return {f"{each.name}@{each.made().digest}" for each in inputs}

    before = versions()
    index = Path("results/tokens/tiny/tiny-code/index.json")
    receipt = json.loads(index.read_text())
    index.write_text(json.dumps(receipt | {"key": INDEX_KEY | {"shards": "other"}}))
    assert {each.split("@")[0] for each in versions() - before} == {"raw-tiny-code"}


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, "0" * 40])
def test_a_missing_key_or_server_is_reported_and_nothing_is_logged(key: str | None) -> None:
    environment = os.environ | {"WANDB_BASE_URL": "http://127.0.0.1:9"} | ({"WANDB_API_KEY": key} if key else {})
    environment.pop("WANDB_SERVICE", None)  # of this process
    environment["PYTHONPATH"] = str(REPOSITORY / "scripts")
    command = [sys.executable, "-m", "nano3", "publish", "--mode", "online"]
    soon = environment | {"WANDB_INIT_TIMEOUT": "3"}
    done = subprocess.run(command, env=soon, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "publish: data/phase1: W&B did not accept it" in done.stderr
    assert "run `nano3 publish`" in done.stderr
    assert not (FOLDER / "tiny.json").exists()
    command[-1] = "offline"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert f"offline: {len(PHASES) + len(SEGMENTS)} sent" in done.stdout, done.stderr


def test_disabled_sends_nothing() -> None:
    assert send(Target("disabled", "stage0", None)) == []
    assert not FOLDER.exists()
