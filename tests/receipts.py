"""The receipts of a finished training, in the shape that the steps write them: a house without its weights."""

import json
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import (
    BlendedDataset,
    BlendFacts,
    BlendKey,
    BlendReceipt,
    ExportFacts,
    ExportReceipt,
    IndexFacts,
    IndexKey,
    IndexReceipt,
    LogitCheck,
    LossRange,
    SegmentFacts,
    SegmentReceipt,
    ShardFacts,
    ShardKey,
    ShardReceipt,
    ShardsDigest,
    Spec,
    SplitCount,
    read_receipt,
)
from nano3.sampling.sampler import consumed_with, realized

PHASES = {
    "phase1": [("stable", 8, 128, 40), ("decay", 8, 128, 10)],
    "phase2": [("anneal", 8, 128, 6)],
    "long_context": [("long_1", 2, 1024, 3), ("short", 2, 128, 5), ("long_2", 2, 1024, 3)],
}
TOKENS, BLENDS, CHECKPOINTS = (Path(f"results/{kind}/tiny") for kind in ("tokens", "blends", "checkpoints"))
EXPORT, REPORT = Path("results/exports/tiny/receipt.json"), Path("results/reports/tiny")
LINEAGE, SHARDS, CRATE = (REPORT / name for name in ("lineage.json", "lineage.shards.tsv", "ro-crate-metadata.json"))
PAGE, RECEIPT = REPORT / "index.html", REPORT / "report.receipt.json"


# Keys as the steps write them; tests change what they are about.
SHARD_KEY: ShardKey = {
    "tokenizer": {"sha256": "1" * 64},
    "holdout": {"valid": 0.1, "test": 0.1},
    "text_column": "text",
    "code": "c",
    "sha256": "0" * 64,
    "rows": None,
}
INDEX_KEY: IndexKey = {"shards": "s", "sample": 0, "code": "c"}
BLEND_KEY: BlendKey = {"mixture": {}, "tokens": "tiny", "code": "c"}
SPEC: Spec = {
    "numerics_version": 1,
    "model": {},
    "optimizer": {},
    "precision": "fp32",
    "seed": 1,
    "learning_rate": {},
    "steps": {"first": 0, "count": 1, "first_token": 0},
    "batch": {"global_batch_size": 1, "sequence_length": 1},
    "data": {"blend": "", "shares": {}, "block_tokens": 64, "first_sample": 0, "consumed": {}},
    "before": None,
}


def training(datasets: list[str], shards: int = 2) -> None:
    """Receipts of a finished training on these datasets, up to its export."""
    indexes = [dataset_index(name, number, shards) for number, name in enumerate(datasets)]
    before: list[Path] = []
    step = token = 0
    for phase, segments in PHASES.items():
        blend = phase_blend(phase, indexes)
        for name, batch, length, steps in segments:
            before = [segment(phase, name, blend, before, (batch, length, steps), (step, token))]
            step, token = step + steps, token + steps * batch * length
    ExportReceipt.made(
        Run(("numpy",)),
        key={"tokenizer": {}, "longest_sequence": 1024, "code": "c"},
        inputs=[receipt_input(before[0])],
        outputs=[made(EXPORT.parent / "model/model.safetensors", "weights")],
        facts=ExportFacts(logits=LogitCheck(2e-6, 1e-4, 1024)),
    ).write(EXPORT)


def receipt_input(path: Path) -> Input:
    """An artifact as what another one was made from."""
    return read_receipt(path).as_input(path)


def made(path: Path, text: str) -> Output:
    """A file on disk, as a receipt lists it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Output.of(path)


def shard_facts(**changes: Any) -> ShardFacts:
    """Facts of a shard, with changes."""
    facts: dict[str, Any] = {"rows": 0, "documents": 0, "tokens": 0, "valid": [], "test": [], "skipped": []}
    return ShardFacts(**facts | changes)


def dataset_index(name: str, number: int, shards: int) -> Path:
    """The index of a dataset and the receipts of its shards."""
    folder, receipts, tokens = TOKENS / name, [], 10_000 * (number + 1)
    for shard in range(shards):
        receipts.append(folder / "train" / f"shard_{shard:04}.json")
        ShardReceipt.made(
            Run(("pyarrow",)),
            key=SHARD_KEY,
            inputs=[Input("file", f"raw/{name}/shard_{shard:04}.parquet", f"{number:032x}{shard:032x}")],
            outputs=[made(folder / "train" / f"shard_{shard:04}.bin", f"{name} {shard}")],
            facts=shard_facts(rows=55, documents=50, tokens=tokens, valid=[1, 2, 3], test=[4], skipped=[9]),
        ).write(receipts[-1])
    IndexReceipt.made(
        Run(),
        key={**INDEX_KEY, "shards": digest_json([name, shards])},
        inputs=[receipt_input(path) for path in receipts],
        outputs=[made(folder / "valid.bin", name)],
        facts=IndexFacts(
            tokens=tokens * shards,
            documents=50 * shards,
            rows=55 * shards,
            skipped=shards,
            shards=ShardsDigest(shards, digest_json(name)),
            valid=SplitCount(300, 3 * shards),
            test=SplitCount(100, shards),
        ),
    ).write(folder / "index.json")
    return folder / "index.json"


def phase_blend(phase: str, indexes: list[Path]) -> Path:
    """The blend of a phase: a dataset's share grows with its place."""
    receipt = BLENDS / phase / "blend.receipt.json"
    mixture = {path.parent.name: float(place + 1) for place, path in enumerate(indexes)}
    BlendReceipt.made(
        Run(),
        key={**BLEND_KEY, "mixture": mixture},
        inputs=[receipt_input(path) for path in indexes],
        outputs=[made(receipt.with_name("blend.json"), json.dumps(_blend_lists(phase, indexes)))],
        facts=BlendFacts(
            datasets={path.parent.name: _blended(path, mixture) for path in indexes},
            pairs={"train": 2 * len(indexes), "valid": len(indexes), "test": len(indexes)},
        ),
    ).write(receipt)
    return receipt


def _blend_lists(phase: str, indexes: list[Path]) -> dict[str, list[str]]:
    """Weights and prefixes of the training pairs, and something that tells phases apart."""
    shards = [Path(each.path) for path in indexes for each in read_receipt(path, IndexReceipt).inputs]
    return {"train": [word for path in shards for word in ("1.0", str(path.with_suffix("")))], "test": ["1.0", phase]}


def _blended(path: Path, mixture: dict[str, float]) -> BlendedDataset:
    facts = read_receipt(path, IndexReceipt).facts
    return BlendedDataset(mixture[path.parent.name] / sum(mixture.values()), facts.tokens, facts.documents)


def segment(
    phase: str, name: str, blend: Path, before: list[Path], batch: tuple[int, int, int], done: tuple[int, int]
) -> Path:
    """A segment: its metrics and its receipt. The first dataset gets all samples that rounding leaves over."""
    folder = CHECKPOINTS / phase / name
    (size, length, steps), (step, token) = batch, done
    mixture = read_receipt(blend, BlendReceipt).key["mixture"]
    total = sum(mixture.values())
    samples = {dataset: int(steps * size * share / total) for dataset, share in mixture.items()}
    samples[next(iter(samples))] += steps * size - sum(samples.values())
    lines: list[dict[str, Any]] = []
    for number in range(step, step + steps):
        wobble = 0.15 * ((number * 7) % 5 - 2) / 2
        end = token + (number - step + 1) * size * length
        lines.append(
            {
                "step": number,
                "tokens": end,
                "loss": 4 + 4 / (1 + number / 9) + wobble,
                "learning_rate": 3e-3,
                "grad_norm": 1.0,
            }
        )
    metrics = made(folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    losses = {dataset: 4 + 0.07 * place + 4 / (1 + step / 9) for place, dataset in enumerate(mixture)}
    validation = {"after": {dataset: loss - 0.1 for dataset, loss in losses.items()}}
    if PHASES[phase][0][0] == name:
        validation["before"] = losses
    SegmentReceipt.made(
        Run(("numpy",)),
        key={
            **SPEC,
            "steps": {"first": step, "count": steps, "first_token": token},
            "batch": {"global_batch_size": size, "sequence_length": length},
        },
        inputs=[receipt_input(path) for path in (blend, *before)],
        outputs=[made(folder / "weights/common.pt", f"{phase} {name}"), metrics],
        facts=SegmentFacts(
            phase=phase,
            segment=name,
            parameters=1_947_080,
            steps=step + steps,
            tokens=steps * size * length,
            tokens_seen=token + steps * size * length,
            loss=LossRange(lines[0]["loss"], lines[-1]["loss"]),
            validation=validation,
            checkpoint=str(folder / "weights"),
            ledger=consumed_with(
                read_receipt(before[0], SegmentReceipt).facts.ledger if before else {}, samples, length
            ),
            mixture=realized({key: share / total for key, share in mixture.items()}, samples),
            seconds_of_steps=2.5,
        ),
    ).write(folder / "receipt.json")
    return folder / "receipt.json"
