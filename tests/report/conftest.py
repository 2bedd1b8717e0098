"""A finished training with its lineage, and the report on it."""

from pathlib import Path

import pytest

from nano3.artifact.steps import ReportKey
from nano3.provenance.lineage import closure
from nano3.provenance.shard_records import read_shards
from nano3.report.collect import collect
from nano3.report.facts import Story
from nano3.report.page import write_report
from tests.conftest import REPOSITORY
from tests.lineage import build
from tests.receipts import EXPORT, LINEAGE, PAGE, RECEIPT, SHARDS

RECIPE = REPOSITORY / "config/recipes/tiny.yaml"


KEY: ReportKey = {"recipe": "tiny", "code": "c", "template": "t"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the receipts of a finished training, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    build(["web", "code", "maths"])
    return tmp_path


def read_story() -> Story:
    return collect(closure(EXPORT), read_shards(SHARDS))


def page() -> str:
    """The report on what is in the house."""
    write_report(EXPORT, LINEAGE, SHARDS, KEY, PAGE, RECEIPT, RECIPE, [])
    return PAGE.read_text(encoding="utf-8")
