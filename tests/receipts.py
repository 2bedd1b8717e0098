"""The receipts of a finished training, in the shape that the steps write them: a house without its weights."""

import json
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Input, Output, Run, read_receipt, write_receipt
from nano3.provenance.prov import write_lineage
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


def build(datasets: list[str], shards: int = 2) -> None:
    """Receipts of a training on these datasets, in the shape that the steps write them."""
    indexes = [dataset_index(name, number, shards) for number, name in enumerate(datasets)]
    before: list[Path] = []
    step = token = 0
    for phase, segments in PHASES.items():
        blend = phase_blend(phase, indexes)
        for name, batch, length, steps in segments:
            before = [segment(phase, name, blend, before, (batch, length, steps), (step, token))]
            step, token = step + steps, token + steps * batch * length
    write_receipt(
        EXPORT,
        "export_hf",
        Run(("numpy",)),
        key={},
        inputs=[Input.receipt(before[0])],
        outputs=[made(EXPORT.parent / "model/model.safetensors", "weights")],
        facts={"logits": {"largest_difference": 2e-6, "tolerance": 1e-4, "tokens": 1024}},
    )
    write_lineage(EXPORT, {}, LINEAGE, SHARDS, CRATE, REPORT / "lineage.receipt.json")


def made(path: Path, text: str) -> Output:
    """A file on disk, as a receipt lists it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Output.of(path)


def dataset_index(name: str, number: int, shards: int) -> Path:
    """The index of a dataset and the receipts of its shards."""
    folder, receipts, tokens = TOKENS / name, [], 10_000 * (number + 1)
    for shard in range(shards):
        receipts.append(folder / "train" / f"shard_{shard:04}.json")
        write_receipt(
            receipts[-1],
            "tokenize_shard",
            Run(("pyarrow",)),
            key={},
            inputs=[Input("file", f"raw/{name}/shard_{shard:04}.parquet", f"{number:032x}{shard:032x}")],
            outputs=[made(folder / "train" / f"shard_{shard:04}.bin", f"{name} {shard}")],
            facts={"rows": 55, "documents": 50, "tokens": tokens, "valid": [1, 2, 3], "test": [4], "skipped": [9]},
        )
    held_out = {"valid": {"tokens": 300, "documents": 3 * shards}, "test": {"tokens": 100, "documents": shards}}
    counts: dict[str, Any] = {
        "tokens": tokens * shards,
        "documents": 50 * shards,
        "rows": 55 * shards,
        "skipped": shards,
    }
    counts["shards"] = {"count": shards, "digest": digest_json(name)}
    write_receipt(
        folder / "index.json",
        "index_dataset",
        Run(),
        key={"shards": digest_json([name, shards])},
        inputs=[Input.receipt(path) for path in receipts],
        outputs=[made(folder / "valid.bin", name)],
        facts=counts | held_out,
    )
    return folder / "index.json"


def phase_blend(phase: str, indexes: list[Path]) -> Path:
    """The blend of a phase: a dataset's share grows with its place."""
    receipt = BLENDS / phase / "blend.receipt.json"
    mixture = {path.parent.name: float(place + 1) for place, path in enumerate(indexes)}
    write_receipt(
        receipt,
        "write_blend",
        Run(),
        key={"mixture": mixture},
        inputs=[Input.receipt(path) for path in indexes],
        outputs=[made(receipt.with_name("blend.json"), json.dumps({"train": ["1.0", phase]}))],
        facts={"datasets": {}, "pairs": {"train": 2 * len(indexes), "valid": len(indexes), "test": len(indexes)}},
    )
    return receipt


def segment(
    phase: str, name: str, blend: Path, before: list[Path], batch: tuple[int, int, int], done: tuple[int, int]
) -> Path:
    """A segment: its metrics and its receipt. The first dataset gets all samples that rounding leaves over."""
    folder = CHECKPOINTS / phase / name
    (size, length, steps), (step, token) = batch, done
    mixture = json.loads(blend.read_text())["key"]["mixture"]
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
    write_receipt(
        folder / "receipt.json",
        "train_segment",
        Run(("numpy",)),
        key={
            "steps": {"first": step, "count": steps, "first_token": token},
            "batch": {"global_batch_size": size, "sequence_length": length},
        },
        inputs=[Input.receipt(path) for path in (blend, *before)],
        outputs=[made(folder / "weights/common.pt", f"{phase} {name}"), metrics],
        facts={
            "phase": phase,
            "segment": name,
            "parameters": 1_947_080,
            "steps": step + steps,
            "tokens": steps * size * length,
            "tokens_seen": token + steps * size * length,
            "loss": {"first": lines[0]["loss"], "last": lines[-1]["loss"]},
            "validation": validation,
            "checkpoint": str(folder / "weights"),
            "ledger": consumed_with(read_receipt(before[0])["facts"]["ledger"] if before else {}, samples, length),
            "mixture": realized({key: share / total for key, share in mixture.items()}, samples),
            "seconds_of_steps": 2.5,
        },
    )
    return folder / "receipt.json"
