"""Every path of results/, for one recipe and its sample: what is written here lies on users' disks."""

from collections.abc import Callable

import pytest

from nano3.artifact.paths import STREAMS, WEIGHTS, Folders
from nano3.config.load import load_recipe

PATHS = Folders.of("tiny", "gpt-0a1b")
REPORTED = ("lineage.receipt.json", "lineage.json", "lineage.shards.tsv", "ro-crate-metadata.json", "Snakefile")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PATHS.dataset("math"), "results/tokens/gpt-0a1b/math"),
        (PATHS.train("math", "s1", ".bin"), "results/tokens/gpt-0a1b/math/train/s1.bin"),
        (PATHS.holdout("math", "s1", ".idx"), "results/tokens/gpt-0a1b/math/holdout/s1.idx"),
        (PATHS.bundle("math", "0-7"), "results/tokens/gpt-0a1b/math/bundles/0-7.json"),
        (PATHS.index("math"), "results/tokens/gpt-0a1b/math/index.json"),
        (PATHS.indexed("math", "shards.tsv"), "results/tokens/gpt-0a1b/math/shards.tsv"),
        (PATHS.token_log("tokenize_shard", "math/s1"), "results/tokens/gpt-0a1b/logs/tokenize_shard/math/s1.log"),
        (PATHS.blend("phase1"), "results/blends/tiny/phase1/blend.json"),
        (PATHS.blend_receipt("phase1"), "results/blends/tiny/phase1/blend.receipt.json"),
        (PATHS.index_cache("phase1"), "results/blends/tiny/phase1/index_cache.json"),
        (PATHS.blend_log("phase1", "write_blend"), "results/blends/tiny/phase1/write_blend.log"),
        (PATHS.segment("phase1", "decay"), "results/checkpoints/tiny/phase1/decay/receipt.json"),
        (PATHS.metrics("phase1", "decay"), "results/checkpoints/tiny/phase1/decay/metrics.jsonl"),
        (PATHS.segment_log("phase1", "decay"), "results/checkpoints/tiny/phase1/decay/train_segment.log"),
        (PATHS.exported("model"), "results/exports/tiny/model"),
        (PATHS.reported("index.html"), "results/reports/tiny/index.html"),
        (WEIGHTS, "results/weights"),
        (STREAMS, "results/streams"),
    ],
)
def test_an_artifact_lies_where_it_always_did(path: str, expected: str) -> None:
    assert path == expected


def test_files_of_an_artifact_begin_with_its_receipt() -> None:
    assert PATHS.blend_files("phase1") == (PATHS.blend_receipt("phase1"), PATHS.blend("phase1"))
    segment = "results/checkpoints/tiny/phase1/decay"
    assert PATHS.segment_files("phase1", "decay") == (f"{segment}/receipt.json", f"{segment}/metrics.jsonl")
    assert PATHS.export_files == tuple(
        f"results/exports/tiny/{name}" for name in ("receipt.json", "manifest.json", "model")
    )
    assert PATHS.lineage_files == tuple(f"results/reports/tiny/{name}" for name in REPORTED)
    assert PATHS.report_files == tuple(f"results/reports/tiny/{name}" for name in ("report.receipt.json", "index.html"))


@pytest.mark.parametrize(
    "pattern",
    [
        lambda paths, *names: paths.train(*names, ".bin"),
        lambda paths, *names: paths.bundle(*names),
        lambda paths, *names: paths.segment(*names),
        lambda paths, *names: paths.token_log("tokenize_shard", "/".join(names)),
    ],
)
def test_a_rules_pattern_filled_in_is_the_path(pattern: Callable[..., str]) -> None:
    whole = pattern(Folders.of("{recipe}", "{tokens}"), "{one}", "{other}")
    assert whole.format(recipe="tiny", tokens="gpt-0a1b", one="a", other="b") == pattern(PATHS, "a", "b")


def test_a_recipe_shares_its_tokens_with_others_and_a_sample_has_its_own() -> None:
    folders = [
        Folders.of(name, recipe.tokens_name)
        for name, recipe in (load_recipe("tiny"), load_recipe("tiny", "train.seed=7"), load_recipe("tiny", "", 20))
    ]
    plain, other, sample = folders
    assert plain.tokens == other.tokens
    assert sample.tokens == f"{plain.tokens}-sample20"
    for kind in ("blends", "checkpoints", "export", "report"):
        assert len({getattr(folder, kind) for folder in folders}) == 3, kind
