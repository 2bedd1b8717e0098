"""
How fast are rules tokenize_shard and tokenize_bundle, next to what else makes tokens of text, and to no encoding at
all? `make bench`.

    in    the corpora and the tokenizer, made in the folder unless they are there
    out   {folder}/results.json, {document}.md with the table, {document}.png with the picture, {summary}'s section

Every figure is a whole process, started fresh, its input in the page cache, on the same cores. Our pair must equal the
pair that megatron-core's own builder writes from Hugging Face's ids, byte for byte, whatever the format, the number of
cores and the size of a batch; the benchmark fails where it does not.
"""

import json
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

import comparing
import corpus
import page
import tekken
from nano3.core.cli import run
from nano3.artifact.digest import canonical_json, digest_file
from nano3.artifact.steps import ShardKey, ShardSettings
from nano3.config.load import load_recipe
from nano3.corpus.bundles import Bundle
from nano3.graph.keys import bundle_key
from nano3.raw.datasets import Shard, pins_path, read_pins, sampled, write_pins
from nano3.tokens.indexed_dataset import Pair, PairReader
from process import Cost, measure

HERE = Path(__file__).parent
FORMATS = ("parquet", "jsonl", "jsonl.zst")
CORES = 2
REPEATS = 3
DATATROVE_BYTES = 100_000_000  # of text; it holds what it has tokenized: 1.1 GB took it 17 GB, and longer per MB
OTHER_BATCH_BYTES = 1_000_003
OTHER_BATCH = (
    "import sys; sys.path.insert(0, 'scripts'); import nano3.formats.source; "
    f"nano3.formats.source.BATCH_BYTES = {OTHER_BATCH_BYTES}; "
    "from nano3.core.cli import run; from nano3.tokens.tokenize_shard import tokenize_shard; run(tokenize_shard)"
)
COMPARED_DOCUMENTS = 100
RECIPE = load_recipe("tiny")[1]
CHECKED_DOCUMENTS = RECIPE.tokenizer.checked_documents
PACKAGES = ("gigatoken", "tokenizers", "megatron-core", "pyarrow", "numpy")


@dataclass
class Bench:
    """
    A benchmark in a folder. facts, bulk_facts: of the corpus that is one shard, and of the larger one. results: what
    was measured, by name, with the bytes of text that went in.
    """

    folder: Path
    facts: dict[str, Any]
    bulk_facts: dict[str, Any]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def tokenizer(self) -> Path:
        """The tokenizer.json."""
        return self.folder / "tokenizer.json"

    def shard(self, ending: str) -> Path:
        """The corpus in a format."""
        return self.folder / f"corpus.{ending}"

    @property
    def bulk_shards(self) -> list[Path]:
        """The larger corpus in shards."""
        return sorted((self.folder / "bulk").glob("shard-*.parquet"))

    @property
    def bulk_lines(self) -> Path:
        """The larger corpus in one file."""
        return self.folder / "bulk" / "bulk.jsonl"

    def pair(self, name: str) -> Pair:
        """Where somebody's tokens go."""
        return Pair(self.folder / "out" / name / "train")

    @property
    def key(self) -> ShardSettings:
        """What decides tokens, but for what is a shard's own."""
        tokenizer = RECIPE.token_settings()["tokenizer"]
        tokenizer |= {"sha256": digest_file(self.tokenizer), "eos_token": tekken.END, "add_eos": True}
        return {
            "tokenizer": tokenizer,
            "holdout": {"valid": 0.0, "test": 0.0},
            "text_column": "text",
            "code": "bench",
        }

    def ours(
        self,
        ending: str,
        cores: int,
        program: tuple[str, ...] = ("scripts/tokenize_shard.py",),
        checked: int = CHECKED_DOCUMENTS,
        tokenizer: Path | None = None,
    ) -> Cost:
        """Rule tokenize_shard's command line, as the workflow gives it. tokenizer: if not the benchmark's."""
        raw, out, file = self.shard(ending), self.pair("ours").prefix.parent, tokenizer or self.tokenizer
        key: ShardKey = {**self.key, "sha256": digest_file(raw), "rows": self.facts["documents"]}
        key["tokenizer"] = {**key["tokenizer"], "sha256": digest_file(file)}
        command = [sys.executable, *program, "--raw", str(raw), "--tokenizer", str(file)]
        command += ["--key", canonical_json(key), "--train", str(out / "train"), "--holdout", str(out / "holdout")]
        command += ["--receipt", str(out / "receipt.json"), "--engine", "gigatoken", "--threads", str(cores)]
        command += ["--checked-documents", str(checked)]
        return self.measure(command, cores, [raw, file])

    def receipt_facts(self) -> dict[str, Any]:
        """What the receipt of our last pair counts."""
        receipt = json.loads((self.pair("ours").prefix.parent / "receipt.json").read_text())
        facts: dict[str, Any] = receipt["facts"]
        return facts

    def exactness(self) -> dict[str, Any]:
        """
        What it costs to be exact, from JSON lines: seconds and counts as usual, without checks, and with a tokenizer
        that normalizes, whose documents with combining marks are encoded by Hugging Face's tokenizers. In turn.
        """
        normalizing = self.folder / "normalizing.json"
        definition = json.loads(self.tokenizer.read_text(encoding="utf-8")) | {"normalizer": {"type": "NFC"}}
        normalizing.write_text(json.dumps(definition), encoding="utf-8")
        ways: dict[str, dict[str, Any]] = {
            "usual": {},
            "unchecked": {"checked": 0},
            "normalizing": {"tokenizer": normalizing},
        }
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        counts = {}
        for _ in range(REPEATS):
            print("as usual, without checks, with a normalizer", flush=True)
            for way, options in ways.items():
                costs[way].append(self.ours("jsonl", CORES, **options))
                counts[way] = {name: self.receipt_facts()[name] for name in ("documents", "checked", "exceptions")}
        return {
            way: counts[way]
            | {
                "seconds": statistics.median(cost.seconds for cost in each),
                "processor_seconds": statistics.median(cost.processor_seconds for cost in each),
            }
            for way, each in costs.items()
        }

    def bundle(self, cores: int) -> Cost:
        """Rule tokenize_bundle's command line for all shards of the larger corpus, as the workflow gives it."""
        out, pins = self.folder / "out" / "bundle", self.folder / "bulk" / "bulk.tsv"
        shutil.rmtree(out, ignore_errors=True)  # a bundle passes over shards that are fresh
        shards = read_pins("bulk", pins.parent)
        key = bundle_key(dict(self.key), sampled(shards, 0))
        command = [
            sys.executable,
            "scripts/tokenize_bundle.py",
            "--bundle",
            str(Bundle(0, len(shards))),
            "--pins",
            str(pins),
        ]
        command += ["--tokenizer", str(self.tokenizer), "--key", canonical_json(key), "--folder", str(out)]
        command += ["--done", str(out / "done.json"), "--threads", str(cores)]
        command += ["--checked-documents", str(CHECKED_DOCUMENTS)]
        return self.measure(command, cores, [*self.bulk_shards, self.tokenizer])

    def pin_bulk(self) -> None:
        """The larger corpus as a dataset of the catalogue."""
        folder = self.folder / "bulk"
        about = {"text_column": "text", "category": "code", "licence": "many", "about": "Files of packages."}
        source = {"source": str(folder), "files": "shard-*.parquet"}
        (folder / "bulk.yaml").write_text(json.dumps(source | about), encoding="utf-8")
        pins = [
            Shard(path.stem, str(path), path.stat().st_size, pq.ParquetFile(path).metadata.num_rows, digest_file(path))
            for path in self.bulk_shards
        ]
        write_pins(pins_path("bulk", folder), pins)

    def floor(self, ending: str, cores: int) -> Cost:
        """Decode and write, without encoding."""
        size = self.pair("megatron").bin.stat().st_size
        raw, out = self.shard(ending), self.folder / "out" / "floor.bin"
        return self.measure([sys.executable, str(HERE / "floor.py"), str(raw), str(size), str(out)], cores, [raw])

    def megatron(self, raw: Path, name: str) -> Cost:
        """Megatron's older way, from JSON lines."""
        prefix = self.pair(name).prefix
        prefix.parent.mkdir(parents=True, exist_ok=True)
        arguments = [str(raw), str(self.tokenizer), str(tekken.END_ID), str(prefix), str(CORES)]
        return self.measure([sys.executable, str(HERE / "megatron_peer.py"), *arguments], CORES, [raw, self.tokenizer])

    def megatron_fast(self, raw: Path, name: str) -> Cost:
        """Megatron's newer way, from JSON lines: the only ones that it reads."""
        prefix = self.pair(name).prefix
        prefix.parent.mkdir(parents=True, exist_ok=True)
        arguments = [str(raw), str(self.tokenizer), str(tekken.END_ID), str(prefix)]
        command = [sys.executable, str(HERE / "megatron_fast_peer.py"), *arguments]
        return self.measure(command, CORES, [raw, self.tokenizer])

    def datatrove(self, python: Path) -> Cost:
        """Datatrove's tokenizer on a slice that lies in a file per worker."""
        folder = self.folder / "slices"
        arguments = [str(folder), str(self.tokenizer), str(self.folder / "out" / "datatrove"), str(CORES)]
        command = [str(python.absolute()), str(HERE / "datatrove_peer.py"), *arguments]
        return self.measure(command, CORES, [*folder.iterdir(), self.tokenizer])

    def warm(self, raws: list[Path], what: str) -> dict[str, float]:
        """The last of some shards that one process takes: its seconds and processor_seconds. what: see warm.py."""
        command = [sys.executable, str(HERE / "warm.py"), "--tokenizer", str(self.tokenizer), "--raws", *map(str, raws)]
        command += ["--key", canonical_json(self.key), "--out", str(self.folder / "out" / "warm")]
        command += ["--threads", str(CORES), "--checked-documents", str(CHECKED_DOCUMENTS)]
        self.measure([*command, "--what", what], CORES, raws)
        found: dict[str, float] = json.loads((self.folder / "log.txt").read_text().splitlines()[-1])
        return found

    def after_another(self, shard: str, raws: list[Path], text_bytes: int) -> dict[str, Any]:
        """
        Shards that one process takes: ours, gigatoken alone and the floor in turn. shard: the last one, of so many
        bytes of text.
        """
        print(f"in one process: {shard}", flush=True)
        runs = [{what: self.warm(raws, what) for what in page.WARM} for _ in range(REPEATS)]
        medians = {
            what: {
                name: statistics.median(run[what][name] for run in runs) for name in ("seconds", "processor_seconds")
            }
            for what in page.WARM
        }
        return {"shard": shard, "text_bytes": text_bytes, **medians, "runs": runs}

    def measure(self, command: list[str], cores: int, reads: list[Path]) -> Cost:
        """Run a command and say on the terminal what it took."""
        cost = measure(command, cores, self.folder / "log.txt", reads)
        print(f"    {cost.seconds:7.2f} s  {cost.processor_seconds:7.2f} s of processors", flush=True)
        return cost

    def record(self, name: str, ending: str, cores: int, costs: Sequence[Cost], text_bytes: int) -> None:
        """Keep what repeated runs took; median and best are of wall seconds."""
        seconds = [cost.seconds for cost in costs]
        self.results[f"{name} {ending} {cores} {text_bytes}"] = {
            "name": name,
            "format": ending,
            "cores": cores,
            "text_bytes": text_bytes,
            "seconds": statistics.median(seconds),
            "processor_seconds": statistics.median(cost.processor_seconds for cost in costs),
            "best_seconds": min(seconds),
            "peak_bytes": max(cost.peak_bytes for cost in costs),
            "runs": [cost.facts() for cost in costs],
        }

    def check(self, what: str) -> None:
        """End the program unless our last pair has the bytes of Megatron's."""
        comparing.same_files(self.pair("ours"), self.pair("megatron"), what)

    def check_bundle(self) -> None:
        """End the program unless the bundle's pairs, one after the other, have the bytes of Megatron's."""
        pairs = [Pair(self.folder / "out" / "bundle" / "train" / path.stem) for path in self.bulk_shards]
        comparing.same_documents(pairs, self.pair("megatron-bulk"))

    def parsed(self, corpus: str, lines: Path) -> int:
        """How many documents the newer way holds otherwise than the older: it parses control tokens."""
        newer, older = self.pair(f"megatron-fast{corpus}"), self.pair(f"megatron{corpus}")
        return comparing.parsed_documents(newer, older, lines, self.tokenizer)

    def alternating(self, ending: str, cores: int) -> None:
        """Ours, the floor and who else reads the format in turn, so that what else the machine does strikes all."""
        ours, floor, fast = [], [], []
        for _ in range(REPEATS):
            print(f"ours and others, {ending}, {cores} cores", flush=True)
            ours.append(self.ours(ending, cores))
            self.check(f"{ending}, {cores} cores")
            floor.append(self.floor(ending, cores))
            if ending == "jsonl":
                fast.append(self.megatron_fast(self.shard(ending), "megatron-fast"))
        size = self.facts["bytes"]
        self.record("ours", ending, cores, ours, size)
        self.results[f"ours {ending} {cores} {size}"]["stages"] = self.receipt_facts()["seconds"]
        self.record("floor", ending, cores, floor, size)
        if fast:
            self.record("megatron-fast", ending, cores, fast, size)


def cut(lines: Path, folder: Path, parts: int, text_bytes: int) -> int:
    """The first rows of a file of JSON lines in several files, a row to each in turn. Returns their bytes of text."""
    folder.mkdir(exist_ok=True)
    size = 0
    files = [(folder / f"part-{part}.jsonl").open("wb") for part in range(parts)]
    with lines.open("rb") as rows:
        for number, row in enumerate(rows):
            files[number % parts].write(row)
            size += len(json.loads(row)["text"].encode("utf-8"))
            if size >= text_bytes:
                break
    for file in files:
        file.close()
    return size


def halves(shard: Path, folder: Path) -> tuple[list[Path], int]:
    """A parquet shard in two, and the second one's bytes of text."""
    table = pq.read_table(shard)
    paths = [folder / f"half-{number}.parquet" for number in (1, 2)]
    middle = len(table) // 2
    for path, part in zip(paths, (table[:middle], table[middle:]), strict=True):
        pq.write_table(part, path, compression="zstd", row_group_size=corpus.ROW_GROUP_ROWS)
    return paths, int(pc.sum(pc.binary_length(table[middle:]["text"])).as_py())


def bench(folder: Path, datatrove: Path, document: Path, summary: Path) -> None:
    """
    Measure, check, and write the page.

    folder: for the corpus and all outputs, several GB. datatrove: the Python of an environment that has it.
    document: the page's path without .md and .png. summary: another page, with the marks of page.py.
    """
    busy = os.getloadavg()[0]
    print("corpora", flush=True)
    this = Bench(folder, corpus.build(folder), corpus.build_bulk(folder))
    this.pin_bulk()
    if not this.tokenizer.exists():
        tekken.write_tokenizer(this.tokenizer)
    print("Megatron's older way", flush=True)
    shard, bulk = this.facts["bytes"], this.bulk_facts["bytes"]
    this.record("megatron", "jsonl", CORES, [this.megatron(this.shard("jsonl"), "megatron")], shard)
    exactness = this.exactness()
    for ending in FORMATS:
        this.alternating(ending, CORES)
        print(f"ours, {ending}, 1 core", flush=True)
        this.record("ours", ending, 1, [this.ours(ending, 1)], shard)
        this.check(f"{ending}, 1 core")
    print("ours, another size of batch", flush=True)
    this.ours("parquet", CORES, ("-c", OTHER_BATCH))
    this.check("another size of batch")
    documents, lines = this.facts["documents"], this.shard("jsonl")
    comparing.as_megatron_reads(this.pair("ours"), documents, lines, COMPARED_DOCUMENTS, this.tokenizer)
    parts, part_bytes = halves(this.shard("parquet"), folder)
    warm = [
        this.after_another("a shard, after another of the same kind", parts, part_bytes),
        this.after_another("the same shard again", [this.shard("parquet")] * 2, this.facts["bytes"]),
    ]
    print("Megatron's older way, the larger corpus", flush=True)
    this.record("megatron", "jsonl", CORES, [this.megatron(this.bulk_lines, "megatron-bulk")], bulk)
    sliced = cut(this.shard("jsonl"), folder / "slices", CORES, DATATROVE_BYTES)
    costs = []
    for _ in range(REPEATS):  # in turn, so that what else the machine does strikes both
        print("a bundle, Megatron's newer way and datatrove", flush=True)
        bundle = this.bundle(CORES)
        costs.append((bundle, this.megatron_fast(this.bulk_lines, "megatron-fast-bulk"), this.datatrove(datatrove)))
    this.check_bundle()
    bundles, fast, slices = zip(*costs, strict=True)
    this.record("bundle", "parquet", CORES, bundles, bulk)
    this.record("megatron-fast", "jsonl", CORES, fast, bulk)
    this.record("datatrove", "jsonl", CORES, slices, sliced)
    value = {
        "corpus": this.facts | {"tokens": int(PairReader.open(this.pair("ours")).lengths.sum())},
        "machine": machine() | {"busy": [busy, os.getloadavg()[0]]},
        "results": this.results,
        "bulk": this.bulk_facts | {"shards": len(this.bulk_shards)},
        "checked": CHECKED_DOCUMENTS,
        "exactness": exactness,
        "parsed": {"shard": this.parsed("", lines), "bulk": this.parsed("-bulk", this.bulk_lines)},
        "warm": warm,
    }
    (folder / "results.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    page.write(value, document, summary)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "processor": model[0] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    run(bench)
