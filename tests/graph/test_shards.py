"""What the rules of raw shards, tokens and dataset indexes get as inputs and params."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import Settings
from nano3.core.schema import ConfigError
from nano3.graph.shards import ShardInputs
from tests.graph.changes import new_shard, pin, pinned_shards
from tests.graph.conftest import rewrite, tiny
from tests.graph.engine import FakeEngine, is_ancient

MATH = "tiny-math"


class Answers(ShardInputs):
    """The answers for recipe tiny, from an engine that notes what is forced."""

    def __init__(self, main: bool = True, rules: tuple[str, ...] = (), **settings: Any) -> None:
        request = tiny()
        self.notes = FakeEngine(request.paths, main, rules=rules)
        super().__init__(self.notes, Settings(recipe="tiny", **settings), request)

    def receipt(self, shard: str) -> str:
        return self.paths.train(MATH, shard, ".json")


def many(root: Path, count: int) -> None:
    """Pin so many shards of the dataset."""
    shard = pinned_shards(root, MATH)[0]
    pin(root, MATH, [replace(shard, name=f"s{number:03}") for number in range(count)])


def test_all_pins_are_read_where_planning_and_a_jobs_own_dataset_only(bare: Path) -> None:
    Path("config/datasets/tiny-code.tsv").unlink()
    with pytest.raises(ConfigError, match="dataset tiny-code is not pinned"):
        Answers()
    assert Answers(main=False).pinned_shard(MATH, "set-mm-01").rows == 261


@pytest.mark.parametrize("question", ["pinned_shard", "shard_origin", "raw_shard", "shard_key"])
def test_a_shard_that_the_dataset_does_not_have_is_one_clear_error(bare: Path, question: str) -> None:
    said = r"^config/datasets/tiny-math\.tsv: has no shard set-mm-9; it has 3, e\.g\. set-mm-00, set-mm-01, set-mm-02$"
    with pytest.raises(ConfigError, match=said):
        getattr(Answers(), question)(MATH, "set-mm-9")


def test_of_many_shards_the_error_names_five(bare: Path) -> None:
    many(bare, 40)
    with pytest.raises(ConfigError, match=r"it has 40, e\.g\. s000, s001, s002, s003, s004$"):
        Answers().pinned_shard(MATH, "set-mm-00")


def test_a_raw_file_is_ancient_but_where_its_tokens_are_made_again(tiny_house: Path) -> None:
    plan, job = Answers(), Answers(main=False)
    Path(plan.receipt("set-mm-01")).write_text("{")
    for file in plan.request.tokens(MATH).glob("*/set-mm-02.*"):
        file.unlink()
    files = [plan.raw_shard(MATH, f"set-mm-0{number}") for number in range(3)]
    assert files == [f"resources/tiny/math/set-mm-0{number}.jsonl.gz" for number in range(3)]
    assert [is_ancient(file) for file in files] == [True, False, True], "what is not made yet is made in any case"
    assert plan.notes.files == {plan.receipt("set-mm-01")}
    assert is_ancient(job.raw_shard(MATH, "set-mm-01"))
    assert job.notes.files == set()


def test_a_download_goes_with_its_last_reader_if_the_settings_say_so(bare: Path) -> None:
    assert not hasattr(Answers().downloaded("a.parquet"), "flags")
    assert Answers(keep_raw=False).downloaded("a.parquet").flags == {"temp": True}


def test_how_many_rows_may_be_bad_is_told_and_in_no_key(bare: Path) -> None:
    with Path("config/datasets/tiny-math.yaml").open("a") as file:
        file.write("on_bad_row: skip\nbad_rows_at_most: 0.25\n")
    answers = Answers()
    assert (answers.bad_rows_at_most(MATH), answers.bad_rows_at_most("tiny-code")) == (0.25, 0.01)
    key = json.loads(answers.shard_key(MATH, "set-mm-00"))
    assert (key["on_bad_row"], "bad_rows_at_most" in key) == ("skip", False)


def test_only_shards_that_are_not_fresh_are_in_the_graph(tiny_house: Path) -> None:
    assert Answers().shards_to_index(MATH) == []
    Path(Answers().receipt("set-mm-01")).unlink()
    answers = Answers()
    [file] = answers.shards_to_index(MATH)
    assert (file, is_ancient(file)) == (answers.receipt("set-mm-01"), False)
    assert answers.notes.files == set(), "the shard's tokens may come out the same"


def test_the_whole_graph_has_fresh_shards_too_but_looks_at_no_times_of_them(tiny_house: Path) -> None:
    Path(Answers().receipt("set-mm-01")).unlink()
    files = Answers(prune=False).shards_to_index(MATH)
    assert [(Path(file).stem, is_ancient(file)) for file in files] == [
        ("set-mm-00", True),
        ("set-mm-01", False),
        ("set-mm-02", True),
    ]


def test_shards_that_the_command_line_forces_are_all_made(tiny_house: Path) -> None:
    answers = Answers(rules=("tokenize_shard",))
    files = answers.shards_to_index(MATH)
    assert len(files) == 3
    assert not any(map(is_ancient, files))
    assert not answers.index_rests(MATH)


def test_an_index_that_is_stale_is_forced_and_not_by_a_job(tiny_house: Path) -> None:
    new_shard(tiny_house)
    answers, job = Answers(), Answers(main=False)
    assert answers.shards_to_index(MATH) == [answers.receipt("set-mm-77")]
    assert answers.notes.files == {answers.paths.index(MATH)}
    assert (job.shards_to_index(MATH), job.notes.files) == ([], set())


def test_many_stale_shards_are_made_in_bundles(tiny_house: Path) -> None:
    many(tiny_house, 40)
    answers = Answers(bundles=4)
    files = answers.shards_to_index(MATH)
    assert files == [answers.paths.bundle(MATH, name) for name in ("0-10", "10-20", "20-30", "30-40")]
    assert answers.notes.files == {answers.paths.index(MATH)}
    Path(files[1]).parent.mkdir(parents=True)
    Path(files[1]).touch()
    again = Answers(bundles=4)
    assert again.shards_to_index(MATH) == files
    assert again.notes.files == {answers.paths.index(MATH), files[1]}, "left by a run that failed"
    for alone in (Answers(bundles=0), Answers(prune=False), Answers(rules=("tokenize_shard",))):
        assert len(alone.shards_to_index(MATH)) == 40


def test_a_few_stale_shards_are_jobs_of_their_own(bare: Path) -> None:
    many(bare, 32)
    answers = Answers(bundles=4)
    assert answers.shards_to_index(MATH)[0] == answers.receipt("s000")


def test_an_index_rests_if_it_and_all_its_shards_are_fresh(tiny_house: Path) -> None:
    assert Answers().index_rests(MATH)
    rewrite(Answers().receipt("set-mm-01"), content="0" * 64)
    assert not Answers().index_rests(MATH), "it is stale itself"
    os.remove(Answers().receipt("set-mm-01"))
    assert not Answers().index_rests(MATH), "a shard is"


def test_a_dataset_is_judged_once_as_it_was_when_first_asked(tiny_house: Path) -> None:
    answers = Answers()
    assert answers.index_rests(MATH)
    os.remove(answers.paths.index(MATH))
    assert answers.index_rests(MATH)


def test_keys_are_one_value_and_pins_and_tokenizer_count_by_them_not_by_time(bare: Path) -> None:
    answers, request = Answers(), tiny()
    assert json.loads(answers.shard_key(MATH, "set-mm-01")) == request.shard_key(MATH, "set-mm-01")
    assert json.loads(answers.index_key(MATH)) == request.index_key(MATH)
    assert json.loads(answers.bundle_key(MATH)) == request.shared_key(MATH) | {
        "shards": request.index_key(MATH)["shards"]
    }
    files = [answers.pins(MATH), answers.tokenizer_file]
    assert files == ["config/datasets/tiny-math.tsv", "resources/tiny/tokenizer/tokenizer.json"]
    assert all(map(is_ancient, files))
    assert answers.beside_tokenizer == [], "a local tokenizer is not downloaded"


def dropped(receipt: Path, count: int) -> None:
    facts = json.loads(receipt.read_text())["facts"]
    rewrite(receipt, facts=facts | {"rows": 40, "skipped": [*range(count)], "dropped": {"no text": count}})


def test_the_rows_that_a_run_dropped_are_told_at_its_end(tiny_house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(Answers().receipt("set-mm-01"))
    receipt = path.read_text()
    path.unlink()
    answers = Answers()
    answers.shards_to_index(MATH)
    answers.tell_dropped()
    assert capsys.readouterr().err == "", "nothing was made yet"
    path.write_text(receipt)
    dropped(path, 37)
    answers.tell_dropped()
    assert capsys.readouterr().err == (
        "tiny-math: 37 of 40 rows of 1 shard that this run tokenized are in no pair: "
        "37 without text (set-mm-01.jsonl.gz: 37)\n"
    )


def test_a_run_that_tokenized_nothing_tells_nothing(tiny_house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = Answers()
    dropped(Path(answers.receipt("set-mm-01")), 37)
    answers.shards_to_index(MATH)
    answers.raw_shard(MATH, "set-mm-01")
    answers.tell_dropped()
    assert capsys.readouterr().err == ""


def test_a_shard_that_is_asked_for_alone_or_forced_is_told(
    tiny_house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(Answers().receipt("set-mm-01"))
    dropped(path, 1)
    answers = Answers(rules=("tokenize_shard",))
    answers.raw_shard(MATH, "set-mm-01")
    answers.tell_dropped()
    assert "1 of 40 rows of 1 shard that this run tokenized" in capsys.readouterr().err


@pytest.mark.parametrize("reason", ["new", "receipt"])
def test_a_raw_file_that_is_gone_and_needed_is_named_before_any_job(tiny_house: Path, reason: str) -> None:
    answers = Answers()
    Path(answers.receipt("set-mm-01")).unlink()
    if reason == "new":
        for path in tiny_house.glob("results/tokens/*/tiny-math/*/set-mm-01.*"):
            path.unlink()
        Path(answers.paths.index(MATH)).unlink()
    raw = Path("resources/tiny/math/set-mm-01.jsonl.gz")
    Answers().raw_shard(MATH, "set-mm-01")
    raw.unlink()
    said = (
        rf"^{raw}: missing, and shard set-mm-01 of dataset tiny-math is to be tokenized: restore the file, or pin the"
    )
    with pytest.raises(ConfigError, match=said):
        Answers().raw_shard(MATH, "set-mm-01")
    Answers(main=False).raw_shard(MATH, "set-mm-01")


def test_a_raw_file_that_is_gone_and_not_needed_stops_nothing(tiny_house: Path) -> None:
    Path("resources/tiny/math/set-mm-01.jsonl.gz").unlink()
    Answers().raw_shard(MATH, "set-mm-01")
    for path in tiny_house.glob("results/tokens/*/tiny-math/*/set-mm-01.*"):
        path.unlink()
    Answers().raw_shard(MATH, "set-mm-01")  # its index knows it: nothing asks for its tokens
