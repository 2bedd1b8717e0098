"""
What the lineage of a corpus of 100,000 shards takes, and the report on it: time, memory and the size of their files.

Receipts are synthetic, in the shape that the steps write them, with HELD_OUT rows each; there are no tokens, for
neither step reads any. Each is a whole process. Writes docs/benchmarks/lineage.md.

    python benchmarks/lineage.py [SHARDS ...]
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Template

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import MODELS, LineageReceipt, read_receipt
from process import Cost, measure

WORK = Path("build/lineage")
PAGE = Path("docs/benchmarks/lineage.md").resolve()
SCRIPTS = Path("scripts").resolve()
DATASETS = 20
HELD_OUT = 300  # rows of a shard that are validation or test documents
TOKENS, DOCUMENTS = 250_000_000, 300_000  # of a shard, as of the open datasets' parquet files
TOKENIZER = digest_json("tokenizer")
KEY = {"code": digest_json("code"), "tokenizer": TOKENIZER}
FILES = ("lineage.json", "lineage.shards.tsv", "ro-crate-metadata.json", "index.html")
MOST_SECONDS, MOST_BYTES = 60, 1.5e9


def corpus(shards: int) -> None:
    """Receipts of a finished training on so many shards, in the working directory."""
    indexes = [dataset(f"crawl-{number:02d}", shards // DATASETS) for number in range(DATASETS)]
    blend = Path("blend.receipt.json")
    pairs = {"train": shards, "valid": DATASETS, "test": DATASETS}
    inputs = [read_receipt(path).as_input(path) for path in indexes]
    made(
        blend, "write_blend", inputs, [Output("blend.json", 1, digest_json("blend"))], {"datasets": {}, "pairs": pairs}
    )
    metrics = Path("metrics.jsonl")
    steps = [{"step": n, "tokens": 128 * (n + 1), "loss": 8 - n / 100, "learning_rate": 1e-3} for n in range(200)]
    metrics.write_text("".join(json.dumps(step) + "\n" for step in steps))
    share = {path.parent.name: 1 / DATASETS for path in indexes}
    losses = {"before": dict.fromkeys(share, 8.0), "after": dict.fromkeys(share, 6.0)}
    facts = {
        "phase": "phase1",
        "segment": "stable",
        "parameters": 1,
        "steps": 200,
        "tokens": 200 * 128,
        "loss": {"first": 8.0, "last": 6.0},
        "validation": losses,
        "mixture": {"target": share, "samples": dict.fromkeys(share, 10), "largest_deviation": 0.0, "allowed": 0.1},
        "ledger": {name: [[128, 10]] for name in share},
        "seconds_of_steps": 1.0,
    }
    key = {
        "steps": {"first": 0, "count": 200, "first_token": 0},
        "batch": {"global_batch_size": 1, "sequence_length": 128},
        "learning_rate": {"constant": 1e-3},
    }
    made(Path("segment.json"), "train_segment", [read_receipt(blend).as_input(blend)], [Output.of(metrics)], facts, key)
    logits = {"logits": {"largest_difference": 1e-6, "tolerance": 1e-4, "tokens": 128}}
    made(
        Path("export/receipt.json"),
        "export_hf",
        [read_receipt(Path("segment.json")).as_input(Path("segment.json"))],
        [],
        logits,
    )


def dataset(name: str, shards: int) -> Path:
    """A dataset's index and the receipts of its shards."""
    folder, inputs = Path("tokens") / name, []
    (folder / "train").mkdir(parents=True)
    rows = list(range(0, HELD_OUT * 10, 10))
    for number in range(shards):
        shard, sha256 = f"part-{number:05d}", digest_json([name, number])
        outputs = [
            Output(f"{folder}/{split}/{shard}{end}", TOKENS, sha256)
            for split in ("train", "holdout")
            for end in (".bin", ".idx")
        ]
        facts = {
            "rows": DOCUMENTS,
            "documents": DOCUMENTS - HELD_OUT,
            "tokens": TOKENS,
            "valid": rows[: HELD_OUT // 2],
            "test": rows[HELD_OUT // 2 :],
            "skipped": [],
            "origin": f"hf://datasets/org/{name}@{'0' * 40}/data/{shard}.parquet",
        }
        path = folder / "train" / f"{shard}.json"
        raw = Input("file", f"resources/raw/{name}/{shard}.parquet", sha256)
        tokenizer = Input("file", "resources/tokenizer.json", TOKENIZER)
        made(path, "tokenize_shard", [raw, tokenizer], outputs, facts)
        inputs.append(read_receipt(path).as_input(path))
    held_out = {split: {"tokens": 1, "documents": 1} for split in ("valid", "test")}
    counts = {"tokens": TOKENS * shards, "documents": DOCUMENTS * shards, "rows": DOCUMENTS * shards, "skipped": 0}
    index = folder / "index.json"
    made(index, "index_dataset", inputs, [Output(f"{folder}/valid.bin", 1, digest_json(name))], counts | held_out)
    return index


def made(
    path: Path,
    step: str,
    inputs: list[Input],
    outputs: list[Output],
    facts: dict[str, Any],
    key: dict[str, Any] = KEY,
) -> None:
    """Write a receipt."""
    content = digest_json([step, str(path)])
    record = {"step": step, "schema": 1, "content": content, "key": key, "inputs": inputs, "outputs": outputs}
    msgspec.convert(
        msgspec.to_builtins(record | {"facts": facts, "run": Run(("numpy",)).record()}), MODELS[step]
    ).write(path)


def cost(shards: int) -> dict[str, Any]:
    """What both steps take for so many shards."""
    folder = WORK / str(shards)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = Path.cwd()
    os.chdir(folder)
    corpus(shards)
    export, cores = ["--export", "export/receipt.json"], len(os.sched_getaffinity(0))
    lineage = ["--lineage", "out/lineage.json", "--shards", "out/lineage.shards.tsv"]
    crate = [
        "--crate",
        "out/ro-crate-metadata.json",
        "--receipt",
        "out/lineage.receipt.json",
        "--key",
        json.dumps({"code": "bench"}),
    ]
    recipe = ["--recipe", str(SCRIPTS.parent / "config/recipes/tiny.yaml"), "--overrides"]
    page = [
        *recipe,
        "--page",
        "out/index.html",
        "--receipt",
        "out/report.receipt.json",
        "--key",
        json.dumps({"recipe": "bench", "code": "bench", "template": "bench"}),
    ]
    taken: dict[str, Cost] = {}
    for step, words in (("write_lineage", crate), ("write_report", page)):
        command = [sys.executable, str(SCRIPTS / f"{step}.py"), *export, *lineage, *words]
        taken[step] = measure(command, cores, Path(f"{step}.log"), [])
    sizes = {name: Path("out", name).stat().st_size for name in FILES}
    assert read_receipt("out/lineage.receipt.json", LineageReceipt).facts.shards == shards
    os.chdir(here)
    shutil.rmtree(folder)
    for step, each in taken.items():
        if each.seconds > MOST_SECONDS or each.peak_bytes > MOST_BYTES:
            sys.exit(f"{step} of {shards:,} shards: {each.seconds:.0f} s, {each.peak_bytes / 1e6:.0f} MB: too much")
    return {"shards": f"{shards:,}", "taken": taken, "sizes": sizes}


def main(words: list[str]) -> None:
    """See the top."""
    rows = [cost(int(word)) for word in words or ["1000", "10000", "100000"]]
    template = Template(Path(__file__).with_suffix(".md.j2").read_text(), trim_blocks=True, keep_trailing_newline=True)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    text = template.render(rows=rows, files=FILES, cores=cores, load=load, datasets=DATASETS, held_out=HELD_OUT)
    PAGE.write_text(text)
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
