"""Each kind of artifact is judged by its receipt: content and key count, times do not."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.paths import Folders
from nano3.artifact.receipt import SchemaError
from nano3.artifact.steps import BlendReceipt, Spec, read_receipt
from nano3.corpus.freshness import Survey
from nano3.graph import judge, keys, reasons
from nano3.graph.judge import Freshness
from nano3.graph.request import Place, Request
from nano3.training.spec import segment_specs
from tests.graph.changes import new_shard, removed_shard
from tests.graph.conftest import rewrite, tiny

DECAY = ("phase1", "decay")
FRESH = Freshness(True)


def specs(request: Request) -> dict[Place, Spec]:
    return segment_specs(request.recipe, judge.phase_blends(request, request.recipe.phases))


@dataclass(frozen=True)
class Kind:
    """A kind of artifact. files: of one of them, its receipt first. verdict: on it."""

    files: Callable[[Folders], Sequence[str]]
    verdict: Callable[[Request], Freshness]


KINDS = {
    "index": Kind(
        lambda paths: [paths.index("tiny-math")],
        lambda request: judge.judge_index(request, "tiny-math", judge.judge_tokens(request, "tiny-math")),
    ),
    "blend": Kind(
        lambda paths: paths.blend_files("phase2"),
        lambda request: judge.judge_blend(request, "phase2", partial(judge.judge_tokens, request)),
    ),
    "cache": Kind(
        lambda paths: [paths.index_cache("phase2")],
        lambda request: judge.judge_cache(request, "phase2", specs(request)),
    ),
    "segment": Kind(
        lambda paths: paths.segment_files(*DECAY),
        lambda request: judge.judge_segment(request, DECAY, specs(request)[DECAY]),
    ),
    "export": Kind(lambda paths: paths.export_files, judge.judge_export),
    "lineage": Kind(lambda paths: paths.lineage_files, judge.judge_lineage),
    "report": Kind(lambda paths: paths.report_files, judge.judge_report),
}


def verdict(kind: str, edits: Mapping[str, Any] | None = None) -> Freshness:
    return KINDS[kind].verdict(tiny(edits))


def receipt_of(kind: str) -> str:
    return KINDS[kind].files(tiny().paths)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_built_is_fresh_and_stays_so_when_it_is_touched(tiny_house: Path, kind: str) -> None:
    assert verdict(kind) == FRESH
    for file in tiny_house.rglob("*"):
        os.utime(file, (1, 1))
    assert verdict(kind) == FRESH


@pytest.mark.parametrize("kind", KINDS)
def test_without_one_of_its_files_an_artifact_is_not_there_or_stale(tiny_house: Path, kind: str) -> None:
    files = KINDS[kind].files(tiny().paths)
    for file in files:
        os.rename(file, "aside")
        torn = file != files[0] and kind in ("segment", "export")  # Snakemake would leave these two as they are
        assert verdict(kind) == (Freshness(True, reasons.GONE) if torn else Freshness(False)), file
        os.rename("aside", file)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_receipt_is_a_reason_and_one_of_another_version_an_error(tiny_house: Path, kind: str) -> None:
    rewrite(receipt_of(kind), schema=2)
    with pytest.raises(SchemaError, match=r"written by a newer version .*: delete it and build it again with `snake"):
        verdict(kind)
    Path(receipt_of(kind)).write_text("{", encoding="utf-8")
    assert verdict(kind) == Freshness(True, reasons.DAMAGED)


@pytest.mark.parametrize("kind", reasons.CODE)
def test_changed_code_is_a_reason(tiny_house: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(keys, "digest_code", lambda step: f"another {step}" if step != "tokenize_shard" else "")
    expected = reasons.CODE[kind]
    said = judge.judge_index(tiny(), "tiny-math", Survey({}, None, {})) if kind == "index" else verdict(kind)
    assert said == Freshness(True, expected)


@pytest.mark.parametrize(
    ("kind", "edits", "reason"),
    [
        ("blend", {"phases.phase2.mixture.tiny-math": 40}, "share of tiny-math: 35 is now 40"),
        ("cache", {"phases.phase2.segments.anneal.tokens": 16_384}, "other samples are drawn"),
        ("segment", {"learning_rate.floor": 2e-5}, "learning_rate.decay.floor: 3e-05 is now 2e-05"),
        ("export", {"phases.long_context.segments.long_1.sequence_length": 2048}, "longest_sequence: 1024 is now 2048"),
    ],
)
def test_a_changed_key_is_a_reason_in_words(tiny_house: Path, kind: str, edits: dict[str, Any], reason: str) -> None:
    assert verdict(kind, edits) == Freshness(True, reason)


def test_of_other_tokens_a_blend_says_no_more_than_its_sources_do(tiny_house: Path) -> None:
    assert verdict("blend", {"tokenizer.add_bos": True}) == Freshness(True, reasons.TOKENS, implied=True)


@pytest.mark.parametrize(
    ("kind", "source", "reason"),
    [
        ("blend", lambda paths: paths.index("tiny-math"), "the index of tiny-math was made again"),
        ("segment", lambda paths: paths.segment("phase1", "stable"), reasons.BEFORE),
        ("export", lambda paths: paths.segment("long_context", "long_2"), "the segment was made again"),
        ("lineage", lambda paths: paths.export_files[0], "the export was made again"),
        ("report", lambda paths: paths.export_files[0], "the export was made again"),
    ],
)
def test_a_source_made_again_counts_by_its_content(
    tiny_house: Path, kind: str, source: Callable[[Folders], str], reason: str
) -> None:
    receipt = source(tiny().paths)
    rewrite(receipt, run=json.loads(Path(receipt).read_text())["run"] | {"host": "another"})
    assert verdict(kind) == FRESH
    rewrite(receipt, content="0" * 64)
    assert verdict(kind) == Freshness(True, reason)


def test_a_report_counts_the_lineages_files_by_their_bytes(tiny_house: Path) -> None:
    lineage = json.loads(Path(receipt_of("lineage")).read_text())
    sources = [{"kind": "file", "path": file["path"], "digest": file["sha256"]} for file in lineage["outputs"][:2]]
    rewrite(receipt_of("report"), inputs=sources)
    assert verdict("report") == FRESH
    rewrite(receipt_of("lineage"), outputs=[file | {"sha256": "0" * 64} for file in lineage["outputs"]])
    assert verdict("report") == Freshness(True, "the lineage was made again")


def test_a_new_shard_makes_the_index_stale_and_without_one_the_blend(tiny_house: Path) -> None:
    new_shard(tiny_house)
    assert verdict("index") == Freshness(True, reasons.SHARDS, implied=True), "the shard's own reason says so"
    assert verdict("blend") == FRESH, "it is judged by the index as it is"
    os.remove(receipt_of("index"))
    assert verdict("blend") == Freshness(True, "the list of shards of tiny-math changed")


def test_a_shard_that_left_is_the_indexs_own_reason(tiny_house: Path) -> None:
    removed_shard(tiny_house)
    assert verdict("index") == Freshness(True, reasons.SHARDS)


def test_tokens_that_are_merely_gone_make_neither_index_nor_blend_stale(tiny_house: Path) -> None:
    for file in (tiny().tokens("tiny-math") / "train").iterdir():
        file.unlink()
    assert judge.judge_tokens(tiny(), "tiny-math").stale
    assert verdict("index") == FRESH
    os.remove(receipt_of("index"))
    assert verdict("blend") == FRESH


def test_a_shard_made_again_with_other_tokens_makes_the_index_stale(tiny_house: Path) -> None:
    rewrite(tiny().paths.train("tiny-math", "set-mm-01", ".json"), content="0" * 64)
    assert verdict("index") == Freshness(True, "1 of its shards were made again")


def test_a_cache_whose_files_are_gone_is_stale(tiny_house: Path) -> None:
    Path(json.loads(Path(receipt_of("cache")).read_text())["outputs"][0]["path"]).unlink()
    assert verdict("cache") == Freshness(True, reasons.GONE)


def test_what_a_blend_decides_is_no_reason_while_the_blend_is_unknown(tiny_house: Path) -> None:
    for phase in ("phase1", "phase2"):
        rewrite(tiny().paths.blend_receipt(phase), content="0" * 64)
    request, today = tiny(), specs(tiny())
    assert verdict("segment") == Freshness(True, f"{reasons.BEFORE}; {reasons.BLEND}")
    assert judge.judge_segment(request, DECAY, today[DECAY], blend_known=False, before_known=False) == FRESH
    assert verdict("cache") == Freshness(True, "other samples are drawn")
    assert judge.judge_cache(request, "phase2", today, blend_known=False) == FRESH


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({}, False),
        ({"phases.phase2.mixture": {"tiny-english": 50, "tiny-code": 50, "tiny-math": 70, "tiny-spanish": 30}}, False),
        ({"phases.phase2.mixture.tiny-math": 40}, True),
        ({"phases.phase2.mixture": {"tiny-english": 50, "tiny-code": 50}}, True),
        ({"phases.phase1.mixture.tiny-math": 40}, False),
    ],
)
def test_a_share_moved_if_it_is_another_part_of_the_whole(
    tiny_house: Path, edits: dict[str, Any], expected: bool
) -> None:
    request = tiny(edits)
    for made_with in (
        judge.cache_shares(request, "phase2"),
        judge.segment_shares(request, ("phase2", "anneal")),
        None,  # then by the blend's receipt
    ):
        assert judge.share_moved(request, "phase2", made_with) == expected
    assert judge.share_moved(request, "phase2", {"another": 1.0}), "a dataset of the phase had no share"


def test_no_share_is_known_to_have_moved_under_caps_or_without_a_blend(tiny_house: Path) -> None:
    edits = {"phases.phase2.mixture.tiny-math": 40}
    caps = {"repetition": {"max_epochs": 4, "over_cap": "redistribute"}}
    assert not judge.share_moved(tiny(edits | caps), "phase2", judge.cache_shares(tiny(), "phase2"))
    os.remove(tiny().paths.blend_receipt("phase2"))
    assert not judge.share_moved(tiny(edits), "phase2", None)


def test_a_receipt_is_read_once_as_long_as_it_is_the_same_file(tiny_house: Path) -> None:
    path = receipt_of("blend")
    receipt = judge.read(path, BlendReceipt)
    assert receipt == read_receipt(path, BlendReceipt)
    assert judge.read(path, BlendReceipt) is receipt
    rewrite(path, content="another")
    again = judge.read(path, BlendReceipt)
    assert again
    assert again.content == "another"
