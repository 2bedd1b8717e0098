"""
What it takes to find any sample of a phase: our index cache, and Megatron-Core's own indices for the same blend.

Both are built once and opened once, each in a process of its own, for one dataset of 1,000 and of 10,000 pairs. The
pairs have real .idx files of 1,000 documents each; their .bin are holes, for no token is read but one sample's. The
phase is PASSES of the tokens long, as a phase that repeats its data. Writes docs/benchmarks/index_cache.md.

    python benchmarks/index_cache.py [PAIRS ...]
    python benchmarks/index_cache.py STEP FOLDER     one process of it, STEP from STEPS
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Template

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Run
from nano3.artifact.steps import (
    BlendedDataset,
    BlendFacts,
    BlendReceipt,
    IndexCacheKey,
    IndexCacheReceipt,
    IndexFacts,
    IndexKey,
    IndexReceipt,
    SegmentData,
    SegmentSamples,
    ShardsDigest,
    SplitCount,
    read_receipt,
)
from nano3.corpus.shard_table import ShardEntry, digest_entries, write_entries
from nano3.sampling.index_cache import build_index_cache
from nano3.tokens.indexed_dataset import Pair, index_bytes
from process import Cost, measure

WORK = Path("build/index_cache")
PAGE = Path("docs/benchmarks/index_cache.md")
DOCUMENTS, MEAN_TOKENS = 1_000, 500  # of a pair, of a document
LENGTH, BLOCK, PASSES, SEED = 4_096, 2**24, 1.5, 1234
TIMES = 2  # a process that opens is measured so often; the one with the least processor time counts


def corpus(pairs: int) -> Path:
    """A dataset of so many pairs with its index and a blend of it alone."""
    folder = WORK / str(pairs)
    shutil.rmtree(folder, ignore_errors=True)
    dataset = folder / "crawl"
    random, entries = np.random.default_rng(pairs), []
    (dataset / "train").mkdir(parents=True)
    for number in range(pairs):
        name = f"shard_{number:05d}"
        lengths = random.integers(1, 2 * MEAN_TOKENS, DOCUMENTS).astype(np.int32)
        pair, tokens = Pair(dataset / "train" / name), int(lengths.sum())
        pair.idx.write_bytes(index_bytes(lengths, np.int32))
        pair.bin.touch()
        os.truncate(pair.bin, 4 * tokens)
        entries.append(
            ShardEntry(name, "", "", "", tokens, DOCUMENTS, 0, 0, 0, 0, digest_json(name), "", "", 0, 0, "", 0, 0, 0)
        )
    write_entries(dataset, entries)
    index = dataset / "index.json"
    total, nothing = sum(entry.tokens for entry in entries), SplitCount(0, 0)
    facts = IndexFacts(
        tokens=total,
        documents=pairs * DOCUMENTS,
        rows=pairs * DOCUMENTS,
        skipped=0,
        shards=ShardsDigest(pairs, digest_entries(entries)),
        valid=nothing,
        test=nothing,
    )
    key: IndexKey = {"shards": "bench", "sample": 0, "code": "bench"}
    indexed = IndexReceipt.made(Run(), key=key, inputs=[], outputs=[], facts=facts)
    indexed.write(index)
    words = [word for entry in entries for word in (repr(entry.tokens / total), str(dataset / "train" / entry.shard))]
    (folder / "blend.json").write_text(json.dumps({"train": words, "valid": words[:2], "test": words[:2]}))
    BlendReceipt.made(
        Run(),
        key={"mixture": {"crawl": 1.0}, "tokens": "bench", "code": "bench"},
        inputs=[indexed.as_input(index)],
        outputs=[],
        facts=BlendFacts(datasets={"crawl": BlendedDataset(1.0, total, pairs * DOCUMENTS)}, pairs={"train": pairs}),
    ).write(folder / "blend.receipt.json")
    return folder


def segment(folder: Path) -> SegmentSamples:
    """The phase as one segment of PASSES over its tokens."""
    blend = read_receipt(folder / "blend.receipt.json", BlendReceipt)
    data: SegmentData = {
        "blend": blend.content,
        "shares": {"crawl": 1.0},
        "block_tokens": BLOCK,
        "first_sample": 0,
        "consumed": {},
    }
    return {"data": data, "length": LENGTH, "samples": int(PASSES * blend.facts.datasets["crawl"].tokens / LENGTH)}


def ours_build(folder: Path) -> None:
    """As rule build_index_cache does."""
    key: IndexCacheKey = {"segments": [segment(folder)], "seed": SEED, "code": "bench"}
    cores = len(os.sched_getaffinity(0))
    blend = folder / "blend.json"
    build_index_cache(blend, folder / "blend.receipt.json", key, folder / "streams", folder / "index_cache.json", cores)


def ours_open(folder: Path) -> None:
    """As training does, up to the first sample."""
    from nano3.training.cpu.patches import patch_megatron

    patch_megatron()
    from nano3.training.samples import TrainSamples

    phase, folders = segment(folder), read_receipt(folder / "index_cache.json", IndexCacheReceipt).facts.folders
    samples = TrainSamples(folder / "blend.json", folders, phase["data"], LENGTH, phase["samples"], SEED)
    assert len(samples[0]["tokens"]) == LENGTH


def megatron(folder: Path) -> None:
    """As Megatron-Core's training does, up to the first sample; indices that are there are opened."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    from nano3.training.cpu.patches import patch_megatron
    from nano3.training.cpu.process_group import init_process_group

    class Vocabulary:
        vocab_size, eod, pad = 131_072, -1, -2
        unique_identifiers = {"class": "Vocabulary"}  # noqa: RUF012 (as Megatron-Core has it)

    patch_megatron()
    init_process_group(SEED)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    words, built = json.loads((folder / "blend.json").read_text())["train"], (folder / "megatron").is_dir()
    config = GPTDatasetConfig(
        random_seed=SEED,
        sequence_length=LENGTH,
        blend=(words[1::2], [float(word) for word in words[0::2]]),
        split="1,0,0",
        path_to_cache=str(folder / "megatron"),
        mmap_bin_files=False,  # with these two it has fewer files of every pair open: a process may have only so many
        defer_npy_index_mmap=built,
        tokenizer=Vocabulary(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=False,
    )
    sizes = [segment(folder)["samples"], 1, 1]
    samples, *_ = BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()
    assert len(samples[0]["tokens"]) == LENGTH


def imports(_folder: Path) -> None:
    """What any training process takes before it looks for samples."""
    from nano3.training.cpu.patches import patch_megatron
    from nano3.training.cpu.process_group import init_process_group

    patch_megatron()
    from megatron.core.datasets.gpt_dataset import GPTDataset  # noqa: F401

    from nano3.training.samples import TrainSamples  # noqa: F401

    init_process_group(SEED)


STEPS: dict[str, Callable[[Path], None]] = {
    "imports": imports,
    "ours_build": ours_build,
    "ours_open": ours_open,
    "megatron_build": megatron,
    "megatron_open": megatron,
}
WORDS = {
    "imports": "imports alone",
    "ours_build": "index cache, build",
    "ours_open": "index cache, open",
    "megatron_build": "Megatron-Core, build",
    "megatron_open": "Megatron-Core, open",
}


def fastest(step: str, folder: Path, times: int) -> Cost:
    """The cost of a step in a process of its own."""
    command = [sys.executable, __file__, step, str(folder)]
    cores = len(os.sched_getaffinity(0))
    return min(
        (measure(command, cores, WORK / f"{step}.log", []) for _ in range(times)),
        key=lambda cost: cost.processor_seconds,
    )


def compare(pairs: int) -> list[dict[str, Any]]:
    """Every step for a blend of so many pairs."""
    folder, rows = corpus(pairs), []
    for step in STEPS:
        cost = fastest(step, folder, 1 if step.endswith("build") else TIMES)
        cache = {"ours_build": "streams", "megatron_build": "megatron"}.get(step)
        files = [path for path in (folder / cache).rglob("*") if path.is_file()] if cache else []
        rows.append(
            {
                "pairs": f"{pairs:,}",
                "what": WORDS[step],
                "cost": cost,
                "files": f"{len(files):,}" if cache else "",
                "size": f"{sum(path.stat().st_size for path in files) / 1e6:,.0f}" if cache else "",
            }
        )
        print(rows[-1], flush=True)
    shutil.rmtree(folder)
    return rows


def main(words: list[str]) -> None:
    """See the top."""
    if words and words[0] in STEPS:
        STEPS[words[0]](Path(words[1]))
        return
    WORK.mkdir(parents=True, exist_ok=True)
    groups = [compare(int(word)) for word in words or ["1000", "10000"]]
    saved = {
        group[0]["pairs"]: group[-1]["cost"].processor_seconds - group[2]["cost"].processor_seconds for group in groups
    }
    template = Template(Path(__file__).with_suffix(".md.j2").read_text(), trim_blocks=True, keep_trailing_newline=True)
    PAGE.write_text(
        template.render(
            groups=groups,
            saved=saved,
            passes=PASSES,
            documents=f"{DOCUMENTS:,}",
            length=f"{LENGTH:,}",
            block=BLOCK,
            pooled=round(BLOCK / (DOCUMENTS * MEAN_TOKENS)),
            cores=len(os.sched_getaffinity(0)),
            load=os.getloadavg()[0],
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
