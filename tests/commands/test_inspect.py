"""Mistakes in what is asked of artifacts are one sentence."""

import json

import pytest
from click.testing import CliRunner

from nano3.commands.inspect import trace
from nano3.provenance.trace import Row
from tests.conftest import House, nano3


def test_a_step_is_a_number_or_a_range() -> None:
    done = nano3("trace", "step", "x-3")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "nano3 trace step: 'x-3' is no step: write 120, or 120-125; see nano3 trace step --help",
    )


def test_what_was_never_made_is_said(bare_house: House) -> None:
    for words in (["trace", "step", "1"], ["compare", "tiny", "tiny"]):
        done = bare_house.nano3(*words)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    done = bare_house.nano3("verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 damaged or missing" in done.stdout


@pytest.mark.usefixtures("in_repository")
def test_a_row_is_typed_from_1_and_is_an_index_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(_segments: object, dataset: str, file: str, row_index: int) -> Row:
        return Row(dataset, file, f"raw/{file}.jsonl", "", "0" * 64, row_index, "valid", None, ())

    monkeypatch.setattr("nano3.provenance.trace.segments", lambda _: [])
    monkeypatch.setattr("nano3.provenance.trace.trace_row", found)
    printed = CliRunner().invoke(trace, ["row", "web", "part-0", "13"])
    assert printed.output.startswith("row 13, counted from 1, of raw/part-0.jsonl"), printed.exception
    as_json = json.loads(CliRunner().invoke(trace, ["row", "web", "part-0", "13", "--json"]).output)
    assert as_json["row_index"] == 12
    assert "row" not in as_json
