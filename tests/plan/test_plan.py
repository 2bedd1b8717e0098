"""The plan: what would run, why, and what it would cost, told from receipts alone."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nano3.artifact.code import digest_code
from nano3.artifact.steps import IndexCacheReceipt, IndexReceipt, SegmentReceipt, read_receipt
from nano3.config.load import Settings, load_recipe
from nano3.corpus.certificates import CERTIFICATES
from nano3.corpus.shard_table import INDEX_FILES
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.plan import Plan, PlanError, as_json, make_plan
from nano3.plan.text import WIDTH, as_text, sentences, verdict
from nano3.training.spec import scheduled_segments
from tests.built import SHARD_SECONDS, TOKENS_PER_SECOND, copy_catalogue, everything, tokens
from tests.conftest import REPOSITORY

RECIPE = Path("config/recipes/tiny.yaml")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalogue and recipe tiny, nothing built."""
    monkeypatch.chdir(tmp_path)
    return copy_catalogue(tmp_path)


@pytest.fixture
def house(bare: Path) -> Path:
    """The same with everything built."""
    everything(Request.of(*load_recipe("tiny")))
    return bare


def plan(*targets: str, jobs: int = 4, what_if: Mapping[str, Any] | None = None, **given: Any) -> Plan:
    return make_plan(Settings(recipe="tiny", **given), what_if or {}, targets, jobs)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def pin_again(dataset: str, *shards: str) -> None:
    """As if the raw bytes of shards were others."""
    path = Path(f"config/datasets/{dataset}.tsv")
    for name in shards:
        digest = next(line.split("\t")[4] for line in path.read_text().splitlines() if line.startswith(f"{name}\t"))
        edit(path, digest, digest[::-1])


def runs(found: Plan) -> dict[str, list[str]]:
    return {
        certainty.name: [f"{node.kind}:{node.name}" for node in found.nodes if node.runs == certainty]
        for certainty in (Certainty.WILL, Certainty.IF)
    }


def test_when_all_is_fresh_nothing_is_to_be_done(house: Path) -> None:
    found = plan()
    assert found.empty
    assert (found.causes, found.jobs) == ([], 0)
    assert verdict(found) == "Nothing to be done: all is fresh."


def test_a_changed_shard_is_certain_down_to_the_blends_and_a_question_after_them(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    found = plan()
    blends = ["blend:phase1", "blend:phase2", "blend:long_context"]
    assert runs(found)["WILL"] == ["tokens:tiny-math", "index:tiny-math", *blends]
    assert len(runs(found)["IF"]) == 12
    assert sentences(found) == [
        "1 shard of tiny-math (set-mm-01): raw bytes changed; "
        "its index and the blends of phase1, phase2 and long_context will be made again; "
        "if the bytes of a blend change, phase1/stable and the 5 segments after it will be trained again "
        "and the export, the lineage and the report will follow"
    ]
    assert verdict(found) == (
        "Plan: 1 token pair, 1 dataset index, 3 blends will be made; "
        "3 index caches, 6 segments, 1 export, 1 lineage, 1 report if the bytes of a blend change."
    )


def test_code_that_is_certified_leaves_shards_fresh_and_the_plan_says_so(house: Path) -> None:
    code = digest_code("tokenize_shard")
    paths = sorted(Path("results/tokens").glob("*/tiny-math/train/*.json"))
    for path in paths:
        edit(path, code, "e" * 64)
    assert sentences(plan())[0].startswith("3 shards of tiny-math: tokenizing code changed")
    rest = {"proof": "0" * 64, "date": "2026-01-31", "python": "3.11.7", "packages": {}}
    certificate = {"tokenize_shard": {code: {"same_bytes_as": ["e" * 64], **rest}}}
    CERTIFICATES.write_text(json.dumps(certificate))
    found = plan()
    assert not [node for node in found.nodes if node.kind == "tokens" and node.runs]
    assert found.certified == as_json(found, [])["certified"] == {"e" * 64: len(paths)}
    said = "3 shards were made by earlier code that is certified to make the same bytes (config/certificates.yaml)."
    assert said in " ".join(as_text(found, colour=False).split())


def test_a_changed_share_is_certain_all_the_way(house: Path) -> None:
    found = plan(what_if={"phases.phase2.mixture.tiny-math": 40})
    assert sentences(found) == [
        "the blend of phase2: share of tiny-math: 35 is now 40; "
        "phase2/anneal and the 3 segments after it will be trained again; "
        "the export, the lineage and the report will follow"
    ]
    assert runs(found)["IF"] == ["cache:long_context"], "only if phase2 draws another number of some dataset's samples"


def test_an_index_cache_without_its_files_is_made_again_and_nothing_else(house: Path) -> None:
    cache = Path(Request.of(*load_recipe("tiny")).paths.index_cache("phase2"))
    Path(read_receipt(cache, IndexCacheReceipt).outputs[0].path).unlink()
    assert sentences(plan()) == ["the index cache of phase2: files that it names are gone"]
    assert runs(plan()) == {"WILL": ["cache:phase2"], "IF": []}
    cache.unlink()
    assert runs(plan()) == {"WILL": ["cache:phase2"], "IF": []}


def test_shares_on_another_scale_may_come_out_the_same(house: Path) -> None:
    mixture = {
        f"phases.phase2.mixture.{name}": share * 2
        for name, share in load_recipe("tiny")[1].phases["phase2"].mixture.items()
    }
    found = plan(what_if=mixture)
    assert runs(found)["WILL"] == ["blend:phase2"]
    assert "segment:phase2/anneal" in runs(found)["IF"]
    assert "segment:phase1/decay" not in runs(found)["IF"]
    assert "; if the blend's bytes change, phase2/anneal and the 3 segments after it " in sentences(found)[0]


def test_one_reason_for_many_datasets_is_one_sentence(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01", "set-mm-00")
    pin_again("tiny-code", "shard_0002")
    [said] = sentences(plan())
    assert said.startswith("3 shards of 2 datasets (tiny-code 1, tiny-math 2): raw bytes changed; their indexes and ")


def test_reasons_that_differ_are_told_apart(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    request = Request.of(*load_recipe("tiny"))
    (request.tokens("tiny-math") / "train/set-mm-00.bin").write_bytes(b"short")
    edit(RECIPE, "floor: 3.0e-5", "floor: 2.0e-5")
    said = sentences(plan())
    assert [each.split("; ")[0] for each in said] == [
        "1 shard of tiny-math (set-mm-00): training .bin has another size than was written",
        "1 shard of tiny-math (set-mm-01): raw bytes changed",
        "phase1/decay and phase2/anneal: learning_rate.decay.floor: 3e-05 is now 2e-05",
    ]
    caches = [f"cache:{phase}" for phase in ("phase1", "phase2", "long_context")]
    assert runs(plan())["IF"] == [*caches, "segment:phase1/stable"]


def test_tokens_made_otherwise_say_why_and_that_the_old_ones_stay(house: Path) -> None:
    found = plan(what_if={"tokenizer.add_bos": True})
    [said] = sentences(found)
    assert "tokenizer.add_bos: false is now true; the old tokens stay in results/tokens/tiny-" in said
    assert (found.counts["tokens"].new, found.counts["tokens"].stale) == (12, 0)
    assert found.counts["blend"].stale == 3


def test_what_changes_no_result_is_no_change(house: Path) -> None:
    assert plan(what_if={"layout.threads": 1, "checkpoint.save_interval": 3, "evaluation.tokens": 64}).empty


def test_a_what_if_keeps_the_recipes_name_and_an_override_does_not(house: Path) -> None:
    assert plan(what_if={"learning_rate.floor": 2e-5}).state.request.name == "tiny"
    other = plan(set="learning_rate.floor=2e-5")
    assert re.fullmatch(r"tiny\+[0-9a-f]{12}", other.state.request.name)
    assert other.counts["segment"].new == 6


def test_a_damaged_receipt_is_a_reason(house: Path) -> None:
    Path("results/blends/tiny/phase2/blend.receipt.json").write_text("{")
    assert sentences(plan())[0].startswith("the blend of phase2: its receipt is damaged; if the blend's bytes change, ")


def test_an_index_of_another_content_than_its_blends_is_a_reason_and_one_that_is_only_newer_is_not(house: Path) -> None:
    request = Request.of(*load_recipe("tiny"))
    tokens(request, "tiny-code")
    assert plan().empty
    receipt = Path(request.paths.index("tiny-code"))
    receipt.write_text(receipt.read_text().replace(read_receipt(receipt, IndexReceipt).content, "0" * 64))
    assert (
        "the blends of phase1, phase2 and long_context: the index of tiny-code was made again" in sentences(plan())[0]
    )


def test_what_is_missing_is_made_only_where_something_needs_it(house: Path) -> None:
    request = Request.of(*load_recipe("tiny"))
    index = request.tokens("tiny-math") / INDEX_FILES[0]
    index.unlink()
    found = plan()
    assert found.empty
    assert found.counts["index"].unneeded == 1
    assert "1 missing artifact that nothing needs now" in as_text(found, colour=False)
    assert plan("tiny-math").counts["index"].new == 1
    needed = plan(what_if={"phases.phase2.mixture.tiny-math": 40})
    assert (needed.counts["index"].new, needed.counts["blend"].stale) == (1, 3)
    assert sentences(needed)[0].startswith("the index of tiny-math: not made yet; ")


@pytest.mark.parametrize(
    ("target", "kinds"),
    [
        ("tiny-math", {"tokens": 3, "index": 1}),
        ("phase1", {"tokens": 12, "index": 4, "blend": 1, "cache": 1, "segment": 2}),
        ("phase1/stable", {"tokens": 12, "index": 4, "blend": 1, "cache": 1, "segment": 1}),
        ("results/blends/tiny/phase2/blend.json", {"tokens": 12, "index": 4, "blend": 1}),
        ("results/exports/tiny/model", {"tokens": 12, "index": 4, "blend": 3, "cache": 3, "segment": 6, "export": 1}),
        ("lineage", {"tokens": 12, "index": 4, "blend": 3, "cache": 3, "segment": 6, "export": 1, "lineage": 1}),
    ],
)
def test_a_target_needs_what_it_stands_on_and_nothing_else(bare: Path, target: str, kinds: dict[str, int]) -> None:
    assert {kind: counts.new for kind, counts in plan(target).counts.items()} == kinds


def test_a_target_that_does_not_exist_is_refused_with_the_nearest(bare: Path) -> None:
    with pytest.raises(PlanError, match=r"^tiny-maths: recipe tiny makes no such thing; did you mean tiny-math\?$"):
        plan("tiny-maths")
    tokens_folder = Request.of(*load_recipe("tiny")).paths.tokens
    with pytest.raises(PlanError, match="makes no such thing"):
        plan(f"{tokens_folder}/tiny-math/train/none.bin")


def test_costs_are_work_times_measured_rates(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01", "set-mm-00")
    cost = plan().estimate
    shards = Request.of(*load_recipe("tiny")).shards["tiny-math"]
    sizes = [shards[name][0].bytes for name in ("set-mm-00", "set-mm-01")]
    per_byte = 3 * SHARD_SECONDS / sum(shard.bytes for shard, _ in shards.values())
    assert cost.tokenizing
    assert cost.tokenizing.bytes == sum(sizes)
    assert cost.tokenizing.seconds == pytest.approx(sum(sizes) * per_byte)
    assert cost.wall(Certainty.WILL) == pytest.approx(max(*sizes, sum(sizes) / 2) * per_byte)
    assert cost.training is None
    assert cost.perhaps
    assert cost.perhaps.seconds == pytest.approx(cost.perhaps.tokens / TOKENS_PER_SECOND)
    both = (cost.wall(Certainty.WILL) or 0) + (cost.perhaps.seconds or 0)
    assert cost.wall(Certainty.IF) == pytest.approx(both)
    assert cost.tokenizing.basis.endswith("/s per process, from 12 receipts")


def test_gpus_are_counted_in_gpu_hours(house: Path) -> None:
    for path in Path("results/checkpoints").glob("*/*/*/receipt.json"):
        trained = read_receipt(path, SegmentReceipt)
        msgspec.structs.replace(trained, facts=msgspec.structs.replace(trained.facts, gpus=8)).write(path)
    found = plan(what_if={"train.seed": 5})
    cost = found.estimate.training
    assert cost
    assert cost.seconds == pytest.approx(cost.tokens / TOKENS_PER_SECOND * 8)
    assert found.estimate.wall(Certainty.WILL) == pytest.approx(cost.tokens / TOKENS_PER_SECOND)
    assert f"{(cost.seconds or 0) / 3600:.1f} GPU hours" in as_text(found, colour=False)


def test_what_was_trained_by_another_recipe_costs_nothing_again(house: Path) -> None:
    whole = sum(each.tokens for each in scheduled_segments(load_recipe("tiny")[1]))
    Path("results/checkpoints/tiny/phase2/anneal/receipt.json").unlink()
    cost = plan("phase2").estimate.training
    assert cost
    assert (cost.segments, cost.tokens, cost.seconds) == (1, 0, 0)
    again = plan(what_if={"train.seed": 5}).estimate.training
    assert again
    assert again.tokens == whole


def test_without_a_measurement_there_is_no_estimate(bare: Path) -> None:
    found = plan()
    assert found.estimate.wall(Certainty.WILL) is None
    text = as_text(found, colour=False)
    assert "no estimate: nothing was measured yet" in text
    assert "wall time" not in text


def test_another_models_speed_is_no_measurement(house: Path) -> None:
    cost = plan(what_if={"model.moe_router_topk": 3}).estimate.training
    assert cost
    assert (cost.seconds, cost.basis) == (None, "nothing was measured yet with this model")


def test_many_stale_shards_are_counted_in_the_jobs_they_make(bare: Path) -> None:
    path = Path("config/datasets/tiny-code.tsv")
    header, line = path.read_text().splitlines()[:2]
    name, rest = line.split("\t", 1)
    path.write_text("\n".join([header, *(f"{name}{number:04}\t{rest}" for number in range(500))]) + "\n")
    found = plan("tiny-code")
    assert found.counts["tokens"].new == 500
    assert 1 < found.jobs < 20
    assert f"500 shards in {found.jobs} jobs, " in as_text(found, colour=False)


def test_a_frozen_phase_says_that_it_will_not_be_trained(house: Path) -> None:
    edit(RECIPE, "    segments:\n      anneal:", "    frozen: true\n    segments:\n      anneal:")
    assert plan().refused == {}
    found = plan(what_if={"phases.phase2.mixture.tiny-math": 40})
    assert found.refused == {"phase2": Certainty.WILL}
    assert "phase2 is frozen: snakemake will stop before any job; undo" in as_text(found, colour=False)
    assert plan(what_if={"phases.phase2.mixture.tiny-math": 40}, thaw="phase2").refused == {}
    pin_again("tiny-math", "set-mm-01")
    text = " ".join(as_text(plan(), colour=False).split())
    assert "phase2 is frozen: if the bytes of a blend change, snakemake will stop before it is trained" in text


def test_the_text_fits_a_terminal_and_has_colour_only_if_asked_for(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    found = plan(what_if={"tokenizer.add_bos": True})
    text = as_text(found, colour=False)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\033" not in text
    assert re.sub(r"\033\[\d+m", "", as_text(found, colour=True)) == text


def test_json_tells_what_the_text_tells(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    found = plan()
    value = json.loads(json.dumps(as_json(found, sentences(found))))
    assert value["recipe"] == "tiny"
    assert value["kinds"]["tokens"] == {
        "total": 12, "fresh": 11, "stale": 1, "new": 0, "conditional": 0, "unneeded": 0
    }  # fmt: skip
    [cause] = value["causes"]
    assert cause["artifacts"] == {"tiny-math": {"count": 1, "first": ["set-mm-01"]}}
    assert cause["certain"][0] == "index:tiny-math"
    assert "segment:phase1/stable" in cause["conditional"]
    assert cause["sentence"] == sentences(found)[0]


def test_the_page_is_offline_and_tells_every_state_by_a_word(house: Path) -> None:
    from nano3.plan.page import write_picture, write_plan

    pin_again("tiny-math", "set-mm-01")
    found = plan()
    write_plan(found, Path("plan.html"))
    write_picture(found, Path("plan.svg"))
    for file in (Path("plan.html"), Path("plan.svg")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\bsrc=|<link|<script|@import", text)
        for words in ("1 of 3 shards will be made again", "3 shards fresh", "? if bytes change", "phase2/anneal"):
            assert words in text
    assert "raw bytes changed" in Path("plan.html").read_text(encoding="utf-8")


def test_a_picture_of_many_datasets_has_a_line_for_each_and_stays_readable(bare: Path) -> None:
    from nano3.plan.picture import picture

    names = [f"corpus-{number:02}" for number in range(30)]
    for name in names:
        for ending in ("yaml", "tsv"):
            Path(f"config/datasets/{name}.{ending}").write_bytes(
                Path(f"config/datasets/tiny-math.{ending}").read_bytes()
            )
    drawn = picture(plan(what_if={f"phases.phase1.mixture.{name}": 1 for name in names}))
    boxes = [each for each in drawn.boxes if each.box.title in names]
    assert len(boxes) == 30
    assert all(above.bottom < below.y for above, below in itertools.pairwise(boxes))
    assert drawn.height < 1500


def test_the_text_needs_no_library_that_is_slow_to_import(bare: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = []; import runpy; "
        f"sys.path.insert(0, {str(REPOSITORY / 'scripts')!r})\n"
        f"try: runpy.run_path({str(REPOSITORY / 'scripts/plan.py')!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print({'torch', 'megatron', 'pyarrow', 'matplotlib', 'jinja2'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
