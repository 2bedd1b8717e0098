"""What decides an artifact is one value, and nothing else is in it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nano3.artifact.code import SCRIPTS, STEPS, digest_code
from nano3.artifact.steps import BlendReceipt, read_receipt
from nano3.graph import judge, keys
from nano3.raw.datasets import Shard, read_dataset, shards_digest
from nano3.training.spec import segment_specs
from tests.graph.conftest import tiny

A, B = (Shard(name, f"folder/{name}.parquet", 10, 5, name * 64) for name in "ab")
CAPS = {"repetition": {"max_epochs": 4, "max_epochs_of": {"tiny-math": 2}, "over_cap": "redistribute"}}
PHASE2 = {"tiny-code": 25.0, "tiny-english": 25.0, "tiny-math": 35.0, "tiny-spanish": 15.0}


def test_shards_count_by_name_bytes_rows_to_take_and_order() -> None:
    whole = shards_digest([(A, None), (B, None)])
    assert whole != shards_digest([(B, None), (A, None)])
    assert whole != shards_digest([(A, None), (B, 3)])
    assert whole != shards_digest([(A, None), (replace(B, name="c"), None)])
    assert whole != shards_digest([(A, None), (replace(B, sha256="c" * 64), None)])
    assert whole == shards_digest([(replace(A, path="elsewhere", bytes=9, rows=None), None), (B, None)])


def test_a_shards_a_bundles_and_an_indexs_key_differ_by_what_they_are_of() -> None:
    recipe, shared = tiny().recipe, tiny().shared_key("tiny-math")
    digest = shards_digest([(A, None), (B, 3)])
    skips = read_dataset("tiny-math").model_copy(update={"on_bad_row": "skip", "bad_rows_at_most": 0.5})
    assert keys.shared_key(recipe, skips) == shared | {"on_bad_row": "skip"}, "the share decides no byte"
    assert shared.keys() == {"tokenizer", "holdout", "text_column", "code"}
    assert keys.whole_key(shared, B, 3) == shared | {"sha256": "b" * 64, "rows": 3}
    assert keys.bundle_key(shared, [(A, None), (B, 3)]) == shared | {"shards": digest}
    index = {"shards": digest, "sample": 0, "code": digest_code("index_dataset")}
    assert keys.index_key(recipe, [(A, None), (B, 3)]) == index


def test_without_caps_a_phases_mixture_alone_decides() -> None:
    assert keys.mixture_decision(tiny().recipe, "phase2") == {"mixture": PHASE2}
    recipe = tiny({"repetition": {"max_epochs": 4, "over_cap": "allow"}}).recipe
    assert keys.mixture_decision(recipe, "phase2") == {"mixture": PHASE2}, "no cap can change a share"
    assert keys.blend_datasets(recipe, "phase2") == sorted(PHASE2)


def test_with_caps_what_earlier_phases_draw_decides_too_and_what_later_ones_draw_does_not() -> None:
    edits = CAPS | {"phases.phase2.mixture": {"tiny-math": 1}, "phases.phase2.max_epochs": 3}
    decision = keys.mixture_decision(tiny(edits).recipe, "phase2")
    [first] = decision.pop("earlier")
    math = {"mixture": {"tiny-math": 1.0}, "phase_tokens": 8192, "max_epochs": {"tiny-math": 2}}
    assert decision == math | {"over_cap": "redistribute"}
    assert (first["phase_tokens"], first["max_epochs"]["tiny-code"]) == (104_448 + 18_432, 4)
    assert keys.mixture_decision(tiny(edits).recipe, "phase1")["earlier"] == []
    assert keys.blend_datasets(tiny(edits).recipe, "phase2") == sorted(PHASE2), "phase1 draws the others"


def test_only_categories_that_a_phase_draws_from_decide() -> None:
    categories = {
        "math": {"datasets": ["tiny-math"], "factors": [2]},
        "code": {"datasets": ["tiny-code"]},
    }
    recipe = tiny({"categories": categories, "phases.phase2.mixture": {"math": 3, "tiny-english": 1}}).recipe
    categories_in_use = {"math": {"datasets": ["tiny-math"], "factors": [2.0]}}
    decision = {"mixture": {"math": 3.0, "tiny-english": 1.0}, "categories": categories_in_use}
    assert keys.mixture_decision(recipe, "phase2") == decision
    assert keys.blend_datasets(recipe, "phase2") == ["tiny-english", "tiny-math"]


def test_shares_are_expected_as_far_as_tokens_are_known(tiny_house: Path) -> None:
    recipe = tiny({"phases.phase2.mixture": {"tiny-math": 3, "tiny-code": 1}}).recipe
    blend = read_receipt(tiny().paths.blend_receipt("phase1"), BlendReceipt)
    assert keys.expected_shares(recipe, "phase2", []) == {"tiny-math": 0.75, "tiny-code": 0.25}
    recipe_with_caps = tiny(CAPS).recipe
    shares = {name: share / 100 for name, share in PHASE2.items()}
    assert keys.expected_shares(recipe_with_caps, "phase2", [blend]) == pytest.approx(shares)
    assert keys.expected_shares(recipe_with_caps, "phase2", []) is None, "caps are of tokens"


def test_an_index_cache_is_decided_by_its_own_phases_segments(tiny_house: Path) -> None:
    recipe = tiny().recipe
    specs = segment_specs(recipe, judge.phase_blends(tiny(), recipe.phases))
    key = keys.index_cache_key(specs, "phase1")
    assert [(each["length"], each["samples"]) for each in key["segments"]] == [(128, 816), (128, 144)]
    assert [each["data"] for each in key["segments"]] == [specs["phase1", name]["data"] for name in ("stable", "decay")]
    assert key["seed"] == 1234


def test_an_export_is_decided_by_its_tokenizer_and_the_longest_sequence() -> None:
    key = keys.export_key(tiny().recipe)
    assert (key["longest_sequence"], key["tokenizer"]) == (1024, tiny().recipe.tokenizer_digests())
    assert key["tokens"] == {"bos": "<s>", "eos": "</s>"}


def test_a_report_without_templates_has_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("report", "drawing"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.j2").write_text("one")
    monkeypatch.setattr(keys, "PACKAGE", tmp_path)
    before = keys.report_key("tiny")
    (tmp_path / "drawing/page.j2").write_text("another")
    assert keys.report_key("tiny")["template"] != before["template"]
    assert keys.report_key("tinier")["recipe"] == "tinier"
    (tmp_path / "drawing/page.j2").unlink()
    with pytest.raises(FileNotFoundError, match=r"no templates \(\*\.j2\) in report/ or drawing/$"):
        keys.report_key("tiny")


def test_a_comment_in_any_module_changes_no_key(tmp_path: Path) -> None:
    scripts = shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for path in scripts.rglob("*.py"):
        path.write_text(path.read_text(encoding="utf-8") + "\n\n# a thought\n", encoding="utf-8")
    assert {step: digest_code(step, scripts) for step in STEPS} == {step: digest_code(step) for step in STEPS}


def test_what_sequences_need_is_of_one_phase_and_decides_no_blend() -> None:
    plain = tiny().recipe
    other = tiny({"phases.long_context.segments.long_1.sequence_length": 512, "evaluation.too_small": "skip"}).recipe
    for phase in plain.phases:
        assert keys.blend_key(other, phase) == keys.blend_key(plain, phase)
    assert keys.sequence_needs(plain, "long_context") == {
        "phase": "long_context",
        "lengths": [128, 1024],
        "too_small": "fail",
    }
    assert keys.sequence_needs(other, "long_context")["lengths"] == [128, 512, 1024]
    assert keys.sequence_needs(other, "phase1") == {"phase": "phase1", "lengths": [128], "too_small": "skip"}
