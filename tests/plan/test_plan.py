"""The plan: what would run, why, and what it would cost, told from receipts alone."""

import json
import re
from pathlib import Path

import pytest

from nano3.artifact.code import digest_code
from nano3.artifact.steps import IndexCacheReceipt, IndexReceipt, read_receipt
from nano3.config.load import load_recipe
from nano3.corpus.certificates import CERTIFICATES
from nano3.corpus.shard_table import INDEX_FILES
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.plan import PlanError, as_json
from nano3.plan.text import as_text, sentences, verdict
from tests.built import tokens
from tests.plan.conftest import RECIPE, edit, pin_again, plan, runs


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
    [sentence] = found.frozen
    assert sentence.startswith("config/recipes/tiny.yaml: phases.phase2 is frozen, but phase2/anneal would be trained")
    said = " ".join(as_text(found, colour=False).split())
    assert f"snakemake will stop before any job: {sentence}" in said
    assert plan(what_if={"phases.phase2.mixture.tiny-math": 40}, thaw="phase2").refused == {}
    pin_again("tiny-math", "set-mm-01")
    text = " ".join(as_text(plan(), colour=False).split())
    assert "if the bytes of a blend change, snakemake will stop before phase2 is trained, which is frozen" in text


def few_validation_tokens(dataset: str, tokens: int) -> None:
    """As if a dataset's validation set, and nothing else of its index, were another."""
    index = Path(Request.of(*load_recipe("tiny")).paths.index(dataset))
    receipt = json.loads(index.read_text())
    receipt["facts"]["valid"]["tokens"] = tokens
    index.write_text(json.dumps(receipt))


def test_a_validation_set_that_is_too_short_stops_the_run_or_is_told_to_be_left_out(house: Path) -> None:
    assert plan().shortages == {}
    few_validation_tokens("tiny-code", 500)
    assert "snakemake will stop" not in as_text(plan(), colour=False), "all is trained"
    assert as_json(plan(), [])["shortages"]["long_context"]["stops"] is False
    assert plan(what_if={"phases.phase2.mixture.tiny-math": 30}).stopped == {"long_context": Certainty.WILL}
    found = plan(what_if={"learning_rate.peak": 0.5})
    said = (
        "snakemake will stop before any job: phase long_context: validation sets are shorter than one sample: "
        "sequences of 1,024 need 1,025 tokens, tiny-code has 500: raise holdout.valid"
    )
    assert said in " ".join(as_text(found, colour=False).split())
    value = json.loads(json.dumps(as_json(found, sentences(found))))
    assert value["shortages"] == {
        "long_context": {"train": {}, "valid": {"1024": {"tiny-code": 500}}, "stops": True},
    }
    left_out = plan(what_if={"evaluation.too_small": "skip"})
    text = " ".join(as_text(left_out, colour=False).split())
    assert left_out.empty
    assert "snakemake will stop" not in text
    assert "phase long_context leaves out validation sets that are shorter than one sample: sequences of 1,024" in text
    assert as_json(left_out, [])["shortages"]["long_context"]["stops"] is False
    assert plan("phase1").shortages == {}, "its sequences are short"
    pin_again("tiny-code", "shard_0000")
    assert plan().shortages == {}, "nobody knows yet how many tokens there will be"


def test_what_an_epoch_skips_is_told_where_it_is_much(house: Path) -> None:
    assert "in no sample" not in as_text(plan(), colour=False)
    cache = Path(Request.of(*load_recipe("tiny")).paths.index_cache("long_context"))
    receipt = json.loads(cache.read_text())
    receipt["facts"]["skipped"] = {"tiny-code": {"128": 20_000, "1024": 150_000}, "tiny-math": {"128": 1}}
    cache.write_text(json.dumps(receipt))
    found = plan()
    assert "tokens of a sequence: tiny-code 5 % at 1,024." in " ".join(as_text(found, colour=False).split())
    assert as_json(found, [])["skipped"] == {"tiny-code": {128: 20_000, 1024: 150_000}, "tiny-math": {128: 1}}


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
