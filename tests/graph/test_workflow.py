"""What the rules from blends on get as inputs and params, from a planning process and from a job's own."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from nano3.graph import judge, keys, workflow
from nano3.graph.request import Request
from nano3.graph.workflow import PENDING, FrozenError, Workflow
from nano3.recipes.record import Override, read_override
from nano3.sampling.sufficiency import SufficiencyError
from nano3.training.spec import segment_specs
from tests.built import everything
from tests.conftest import REPOSITORY
from tests.graph.changes import RECIPE, edited, new_shard, pin, pinned_shards
from tests.graph.conftest import few_validation_tokens, rewrite, tiny
from tests.graph.engine import FakeEngine, WaitError, is_ancient

LAST = ("long_context", "long_2")


class Answers(Workflow):
    """
    The answers for recipe tiny, from an engine that notes what is forced. unknown: phases with unknown blends. beyond:
    rules that --until leaves out.
    """

    def __init__(
        self, main: bool = True, unknown: tuple[str, ...] = (), beyond: tuple[str, ...] = (), **config: Any
    ) -> None:
        self.notes = FakeEngine(tiny().paths, main, unknown, beyond=beyond)
        super().__init__(self.notes, {"recipe": "tiny", **config})

    def forced_by(self, question: str, *words: str) -> set[str]:
        """What is forced when a rule asks this."""
        self.notes.files.clear()
        getattr(self, question)(*words)
        return self.notes.files


def freeze(root: Path, phase: str) -> None:
    edited(root, RECIPE, f"  {phase}: ", f"  {phase}:\n    frozen: true")


def pin_again(root: Path) -> None:
    """As if a shard of a dataset of all phases had other bytes."""
    first, *others = pinned_shards(root, "tiny-math")
    pin(root, "tiny-math", [replace(first, sha256="0" * 64), *others])


def test_a_phase_to_thaw_that_does_not_exist_is_named_with_those_that_do(bare: Path) -> None:
    with pytest.raises(ConfigError, match=r"^thaw: phase9 is no phase of tiny: it has phase1, phase2, long_context$"):
        Answers(thaw="phase1 phase9")
    Answers(thaw="phase1 phase2")


def test_a_dataset_without_pins_is_refused_before_any_question(bare: Path) -> None:
    Path("config/datasets/tiny-math.tsv").unlink()
    with pytest.raises(ConfigError, match="dataset tiny-math is not pinned"):
        Answers(main=False)


def test_what_a_snakefile_is_refused_is_one_sentence_and_jobs_do_not_look_at_profiles(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: Any) -> None:
        raise ConfigError("the profile is not filled in")

    plan, job = SimpleNamespace(is_main_process=True), SimpleNamespace(is_main_process=False)
    with pytest.raises(SystemExit, match="thaw: phase9 is no phase of tiny"):
        Workflow.of(job, None, {"recipe": "tiny", "thaw": "phase9"})
    monkeypatch.setattr(workflow, "check_profiles", refuse)
    with pytest.raises(SystemExit, match="the profile is not filled in"):
        Workflow.of(plan, None, {"recipe": "tiny"})
    assert Workflow.of(job, None, {"recipe": "tiny"}).blend_key("phase1")


def test_where_all_is_fresh_nothing_is_forced_and_no_time_is_looked_at(tiny_house: Path) -> None:
    answers = Answers()
    files = [
        *answers.indexes_to_blend("phase2"),
        answers.blend("phase2"),
        answers.blend_receipt("phase2"),
        answers.index_cache("phase2"),
        *answers.segment_before("phase2", "anneal"),
        answers.last_checkpoint(),
        answers.export_receipt(),
        answers.lineage("lineage.json"),
    ]
    assert len(files) == 4 + 3 + 1 + 3
    assert [file for file in files if not is_ancient(file)] == []
    answers.judged_segment(*LAST)
    for question in ("judged_export", "judged_lineage", "judged_report"):
        getattr(answers, question)()
    assert answers.notes.files == set()


@pytest.mark.parametrize(
    ("question", "words", "files"),
    [
        ("indexes_to_blend", ("phase2",), lambda paths: paths.blend_files("phase2")),
        ("judged_cache", ("phase2",), lambda paths: [paths.index_cache("phase2")]),
        ("judged_segment", ("phase1", "decay"), lambda paths: [paths.segment("phase1", "decay")]),
        ("judged_export", (), lambda paths: paths.export_files),
        ("judged_lineage", (), lambda paths: paths.lineage_files),
        ("judged_report", (), lambda paths: paths.report_files),
    ],
)
def test_what_is_stale_is_forced_where_planning_and_not_by_a_job(
    tiny_house: Path, question: str, words: tuple[str, ...], files: Any
) -> None:
    stale = files(tiny().paths)
    rewrite(stale[0], key=json.loads(Path(stale[0]).read_text())["key"] | {"another": 1})
    assert Answers(main=False).forced_by(question, *words) == set()
    assert Answers().forced_by(question, *words) == set(stale)


def test_what_is_not_whole_is_forced_only_if_it_is_a_blend(tiny_house: Path) -> None:
    paths = tiny().paths
    Path(paths.blend("phase2")).unlink()
    Path(paths.segment("phase1", "decay")).unlink()
    assert Answers().forced_by("indexes_to_blend", "phase2") == set(paths.blend_files("phase2"))
    assert Answers().forced_by("judged_segment", "phase1", "decay") == set()


def test_an_index_whose_shards_are_made_again_is_no_ancient_input_of_a_blend(tiny_house: Path) -> None:
    new_shard(tiny_house)
    files = {Path(file).parent.name: is_ancient(file) for file in Answers().indexes_to_blend("phase2")}
    assert files == {"tiny-code": True, "tiny-english": True, "tiny-math": False, "tiny-spanish": True}
    assert not any(map(is_ancient, Answers(main=False).indexes_to_blend("phase2")))


def test_an_index_cache_that_is_stale_is_waited_for(tiny_house: Path) -> None:
    path = tiny().paths.index_cache("phase2")
    Path(path).write_text("{")
    with pytest.raises(WaitError, match=f"build_index_cache {path}"):
        Answers().index_cache("phase2")
    assert Answers(main=False).index_cache("phase2") == path


def test_while_a_blend_is_unknown_what_is_made_from_it_waits_and_has_no_key(tiny_house: Path) -> None:
    answers, request = Answers(unknown=("phase2",)), tiny()
    specs = segment_specs(request.recipe, judge.phase_blends(request, request.recipe.phases))
    assert json.loads(answers.segment_spec("phase1", "decay")) == specs["phase1", "decay"]
    assert json.loads(answers.index_cache_key("phase1")) == keys.index_cache_key(specs, "phase1")
    for phase, segment in (("phase2", "anneal"), LAST):
        assert (answers.segment_spec(phase, segment), answers.index_cache_key(phase)) == (PENDING, PENDING)
        with pytest.raises(WaitError):
            answers.judged_segment(phase, segment)
    for question in ("judged_export", "judged_lineage", "judged_report"):
        with pytest.raises(WaitError):
            getattr(answers, question)()
    ends = (answers.last_checkpoint(), answers.export_receipt(), answers.lineage("lineage.json"))
    assert not any(map(is_ancient, ends))


def test_the_first_segment_has_none_before_it_and_a_phases_first_that_of_the_phase_before(tiny_house: Path) -> None:
    answers = Answers()
    assert answers.segment_before("phase1", "stable") == []
    assert answers.segment_before("phase2", "anneal") == [answers.paths.segment("phase1", "decay")]


def test_a_frozen_phase_that_would_be_trained_for_certain_is_refused_before_any_job(tiny_house: Path) -> None:
    freeze(tiny_house, "phase1")
    assert len(Answers().segment_before("phase1", "decay")) == 1
    edited(tiny_house, RECIPE, "tiny-math: 15", "tiny-math: 30")
    said = (
        r"^config/recipes/tiny\.yaml: phases\.phase1 is frozen, but phase1/stable would be trained again: its blend "
        r"changed, in the share of .*\. Take that back in config/recipes/tiny\.yaml, or allow it with --config "
        r"thaw=phase1$"
    )
    with pytest.raises(FrozenError, match=said):
        Answers().segment_before("phase1", "decay")
    assert Answers(thaw="phase1").segment_before("phase1", "decay")
    assert Answers(main=False).segment_before("phase1", "decay"), "a job was planned"
    assert Answers(beyond=("train_segment",)).segment_before("phase1", "decay"), "nothing is trained"


def test_a_new_shard_of_a_frozen_phases_dataset_is_refused_before_any_job(tiny_house: Path) -> None:
    freeze(tiny_house, "phase1")
    shards = pinned_shards(tiny_house, "tiny-math")
    pin(tiny_house, "tiny-math", [*shards, replace(shards[0], name="set-mm-09", sha256="9" * 64)])
    said = (
        r"^config/recipes/tiny\.yaml: phases\.phase1 is frozen, but phase1/stable would be trained again: tiny-math "
        r"has 1 new shard, set-mm-09\. Take config/datasets/tiny-math\.tsv back and give new files a dataset of their "
        r"own, for the phases that shall read them, or allow it with --config thaw=phase1$"
    )
    with pytest.raises(FrozenError, match=said):
        Answers().segment_before("phase1", "stable")
    assert Answers(thaw="phase1").segment_before("phase1", "decay")
    pin(tiny_house, "tiny-math", shards[1:])
    with pytest.raises(FrozenError, match=f"tiny-math has 1 shard fewer, {shards[0].name}\\. Take config"):
        Answers().segment_before("phase1", "stable")
    pin(tiny_house, "tiny-math", [*shards[1:], replace(shards[0], name="set-mm-09")])
    assert Answers().segment_before("phase1", "stable") == [], "the same bytes by another name are the same tokens"


def test_a_frozen_phase_of_a_recipe_with_overrides_is_trained_once(tiny_house: Path) -> None:
    freeze(tiny_house, "phase1")
    assert Answers(set="train.seed=5").segment_before("phase1", "stable") == [], "it overwrites nothing"
    everything(Request.of(*load_recipe("tiny", "train.seed=5")))
    edited(tiny_house, RECIPE, "tiny-math: 15", "tiny-math: 30")
    with pytest.raises(FrozenError, match=r"in the share of .*\. Take that back in config/recipes/tiny\.yaml, or"):
        Answers(set="train.seed=5").segment_before("phase1", "stable")


def test_a_frozen_segment_without_a_receipt_is_to_be_restored(tiny_house: Path) -> None:
    freeze(tiny_house, "phase1")
    receipt = tiny().paths.segment("phase1", "decay")
    Path(receipt).unlink()
    with pytest.raises(FrozenError, match=f"it has no receipt\\. Restore {receipt}, or allow it with --config thaw"):
        Answers().segment_before("phase1", "decay")


def test_a_frozen_phase_whose_blend_may_come_out_the_same_is_refused_once_that_is_known(tiny_house: Path) -> None:
    freeze(tiny_house, "phase1")
    pin_again(tiny_house)
    assert Answers().segment_before("phase1", "stable") == []
    request = tiny()
    rewrite(request.paths.blend_receipt("phase1"), content="0" * 64)
    specs = segment_specs(request.recipe, judge.phase_blends(request, ["phase1"]))
    rewrite(request.paths.index_cache("phase1"), key=keys.index_cache_key(specs, "phase1"))
    said = "phase1/stable would be trained again: its blend changed, in the tokens of its datasets"
    with pytest.raises(FrozenError, match=said):
        Answers().judged_segment("phase1", "decay")
    stale = request.paths.segment("phase1", "decay")
    assert Answers(thaw="phase1").forced_by("judged_segment", "phase1", "decay") == {stale}


SHORT = (
    r"^config/recipes/tiny\.yaml: phase long_context: validation sets are shorter than one sample: sequences of "
    r"1,024 need 1,025 tokens, tiny-code has 500: raise holdout\.valid, lower the sequence length, or leave such "
    r"sets out with evaluation\.too_small: skip$"
)


def test_a_set_that_is_too_short_is_refused_before_any_job_for_the_phases_that_need_more(tiny_house: Path) -> None:
    few_validation_tokens("tiny-code", 500)
    for phase in ("phase1", "long_context"):
        Path(tiny().paths.blend(phase)).unlink()
    with pytest.raises(SufficiencyError, match=SHORT):
        Answers().indexes_to_blend("long_context")
    assert Answers().indexes_to_blend("phase1"), "its sequences are short"
    assert Answers(main=False).indexes_to_blend("long_context"), "a job was planned"
    assert Answers(set="evaluation.too_small=skip").indexes_to_blend("long_context")
    pin_again(tiny_house)
    assert Answers().indexes_to_blend("long_context"), "its blend checks it"


def test_a_set_that_is_too_short_for_a_fresh_blend_is_refused_before_a_segment_is_trained(tiny_house: Path) -> None:
    few_validation_tokens("tiny-code", 500)
    Path(tiny().paths.segment(*LAST)).unlink()
    answers = Answers()
    assert answers.indexes_to_blend("long_context"), "it is not made again"
    assert answers.segment_before("long_context", "long_1"), "it is trained already"
    with pytest.raises(SufficiencyError, match=SHORT):
        answers.segment_before(*LAST)
    with pytest.raises(SufficiencyError, match=SHORT):
        answers.judged_segment(*LAST)
    assert Answers(main=False).segment_before(*LAST), "a job was planned"


def test_a_set_that_is_too_short_stops_no_run_that_neither_blends_nor_trains(tiny_house: Path) -> None:
    few_validation_tokens("tiny-code", 500)
    fresh = Answers()
    assert fresh.indexes_to_blend("long_context")
    assert fresh.segment_before(*LAST)
    fresh.judged_segment(*LAST)
    Path(tiny().paths.segment(*LAST)).unlink()
    blends = Answers(beyond=("train_segment",))
    assert blends.segment_before(*LAST)
    blends.judged_segment(*LAST)
    Path(tiny().paths.blend("long_context")).unlink()
    with pytest.raises(SufficiencyError, match=SHORT):
        blends.indexes_to_blend("long_context")
    assert Answers(beyond=("write_blend", "train_segment")).indexes_to_blend("long_context"), "it only tokenizes"


def test_the_sets_that_a_new_blend_leaves_out_are_told_at_the_end_of_its_run(
    tiny_house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few_validation_tokens("tiny-code", 500)
    answers = Answers(set="evaluation.too_small=skip")
    receipt = answers.paths.blend_receipt("long_context")
    for phase in answers.recipe.phases:
        answers.indexes_to_blend(phase)
    answers.tell_left_out()
    assert capsys.readouterr().err == "", "no blend was made"
    Path(receipt).rename("before.json")
    answers.tell_left_out()
    assert capsys.readouterr().err == "", "it is being made"
    Path("before.json").rename(receipt)
    rewrite(receipt, run=json.loads(Path(receipt).read_text())["run"] | {"ended": "2031-01-01T00:00:00+00:00"})
    answers.tell_left_out()
    assert capsys.readouterr().err == (
        "phase long_context leaves out validation sets that are shorter than one sample: sequences of 1,024 need 1,025 "
        "tokens, tiny-code has 500\n"
    )


def test_a_changed_length_or_another_answer_to_short_sets_makes_no_blend_again(tiny_house: Path) -> None:
    before = Answers()
    edited(
        tiny_house, RECIPE, "short: {tokens: 4_096, sequence_length: 128", "short: {tokens: 4_096, sequence_length: 64"
    )
    edited(tiny_house, RECIPE, "evaluation:", "evaluation:\n  too_small: skip")
    after = Answers()
    assert after.sequence_needs("long_context") != before.sequence_needs("long_context")
    assert after.blend_key("long_context") == before.blend_key("long_context")
    assert after.forced_by("indexes_to_blend", "long_context") == set()


def test_no_key_in_the_rules_is_a_param_that_snakemake_compares() -> None:
    rules = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "rules").glob("*.smk"))
    params = re.findall(r"^ +\w+=(.*build\.\w*(?:_key|_spec|_needs)\(.*),$", rules, re.M)
    assert len(params) >= 10
    assert [param for param in params if not param.startswith("untracked(")] == []


def test_cores_and_gpus_are_those_of_a_node(bare: Path) -> None:
    layout = "{trainer: bridge, processes_per_node: 4, threads: 3, micro_batch_tokens: 256}"
    edited(bare, RECIPE, "  phase2: ", f"  phase2:\n    layout: {layout}")
    assert (Answers().cores("phase1"), Answers().gpus("phase1")) == (2, 0)
    assert (Answers().cores("phase2"), Answers().gpus("phase2")) == (12, 4)


@pytest.mark.parametrize(
    ("main", "mode", "variable", "sends"),
    [
        (True, "offline", None, True),
        (True, "disabled", None, False),
        (True, "disabled", "online", True),
        (True, "online", "disabled", False),
        (False, "online", None, False),
    ],
)
def test_what_was_made_is_sent_if_the_settings_say_so(
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: bool,
    mode: str,
    variable: str | None,
    sends: bool,
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_more: Any) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(stdout="1 sent\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if variable:
        monkeypatch.setenv("WANDB_MODE", variable)
    Answers(main, wandb_mode=mode, sample=20, set="train.seed=7").publish()
    words = ["-m", "nano3", "publish", "--recipe", "tiny", "--set", "train.seed=7", "--sample", "20"]
    assert [command[1:] for command in commands] == ([words] if sends else [])
    assert capsys.readouterr().err == ("1 sent\n" if sends else "")


def test_a_run_notes_what_an_override_changed_and_nothing_of_a_recipe_without(tiny_house: Path) -> None:
    Answers().note_override()
    Answers(main=False, set="train.seed=5").note_override()
    assert not Path("results/recipes").exists()
    Answers(set="train.seed=5 layout.threads=1").note_override()
    name = load_recipe("tiny", "train.seed=5")[0]
    assert read_override(name) == Override(
        recipe="tiny", set="train.seed=5 layout.threads=1", sample=0, changes={"train.seed": (1234, 5)}
    )
