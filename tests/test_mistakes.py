"""
What a person mistypes or forgets is told in one sentence, with its remedy and without a traceback.

Each mistake is made in the repository as it is cloned, by its own command, and the whole sentence is compared: where it
says another thing, read it aloud before you change it here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import House

RECIPE, DATASET = "config/recipes/tiny.yaml", "config/datasets/tiny-math.yaml"
Change = Callable[[House], None]


@dataclass(frozen=True)
class Mistake:
    """words: of the command line. said: all that is printed, but for what `…` stands for. changes: made before."""

    words: tuple[str, ...]
    said: str
    changes: tuple[Change, ...] = field(default=())


def edit(file: str, old: str, new: str) -> Change:
    return lambda house: house.edit(file, old, new)


def write(file: str, text: str | bytes) -> Change:
    def written(house: House) -> None:
        path = house.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return written


def remove(file: str) -> Change:
    return lambda house: (house.root / file).unlink()


def in_recipe(old: str, new: str, said: str) -> Mistake:
    return Mistake(("plan",), said, (edit(RECIPE, old, new),))


def override(words: str, said: str) -> Mistake:
    return Mistake(("plan", "--set", words), said)


def pinning(said: str, *changes: Change) -> Mistake:
    return Mistake(("pin", "tiny-math"), said, changes)


MISTAKES = {
    # the words of a command line
    "a command that does not exist": Mistake(("plann",), ""),
    "an option that does not exist": Mistake(("plan", "--recpie", "tiny"), ""),
    "an option without its value": Mistake(("plan", "--recipe"), ""),
    "a number that is none": Mistake(("plan", "--sample", "abc"), ""),
    "a negative sample": Mistake(("plan", "--sample", "-1"), ""),
    "two recipes": Mistake(("mixture", "tiny", "--recipe", "nano3"), ""),
    "nothing to pin": Mistake(("pin",), ""),
    "a dataset that does not exist": Mistake(("pin", "tiny-maths"), ""),
    "a recipe that does not exist": Mistake(("plan", "--recipe", "tinny"), ""),
    "a recipe in another folder": Mistake(("plan", "--recipe", "elsewhere/tiny.yaml"), ""),
    "a recipe with overrides by its name": Mistake(("plan", "--recipe", "tiny+63c97beea075"), ""),
    "a target that does not exist": Mistake(("plan", "tiny-maths"), ""),
    "a target that another recipe has": Mistake(("verify", "phase9"), ""),
    "a step that is no number": Mistake(("trace", "step", "x"), ""),
    "a step of what was never trained": Mistake(("trace", "step", "3"), ""),
    "a comparison of what was never trained": Mistake(("compare", "tiny", "nano3"), ""),
    "a what-if that is no key": Mistake(("plan", "--what-if", "learning_rate.flor=1e-5"), ""),
    "a what-if without a value": Mistake(("plan", "--what-if", "learning_rate.floor"), ""),
    # overrides
    "an override with a typo": override("train.trian_iters=5", ""),
    "text for a number": override("train.seed=abc", ""),
    "an override without =": override("train.seed", ""),
    "an override of a section": override("train=5", ""),
    "an override below a value": override("train.seed.x=5", ""),
    "a share of 0 to leave a dataset out": override("phases.phase2.mixture.tiny-math=0", ""),
    "a mapping without quotes": override("phases.phase2.mixture={tiny-math: 70, tiny-code: 30}", ""),
    "a sequence longer than a shuffle block": override("train.sequence_length=4096", ""),
    "bf16 on a CPU": override("train.precision=bf16", ""),
    "tensor parallelism on a CPU": override("layout.tensor_model_parallel_size=3", ""),
    "no thread": override("layout.threads=0", ""),
    "fewer steps than segments": override("train.train_iters=1", ""),
    # recipes
    "a key with a typo": in_recipe("  global_batch_size:", "  global_batchsize:", ""),
    "a key is missing": in_recipe("  floor: 3.0e-5", "", ""),
    "a key given twice": in_recipe("  seed: 1234", "  seed: 1234\n  seed: 5", ""),
    "a tab": in_recipe("  seed: 1234", "\tseed: 1234", ""),
    "a missing colon": in_recipe("optimizer:", "optimizer", ""),
    "an unclosed quote": in_recipe('bos_token: "<s>"', 'bos_token: "<s>', ""),
    "an empty recipe": Mistake(("plan",), "", (write(RECIPE, ""),)),
    "a dataset with a typo in a mixture": in_recipe("tiny-math: 15", "tiny-maht: 15", ""),
    "a negative share": in_recipe("tiny-math: 15", "tiny-math: -15", ""),
    "a share with a percent sign": in_recipe("tiny-math: 15", "tiny-math: 15%", ""),
    "an empty mixture": in_recipe("    mixture:            # percent of the samples\n      tiny-english: 40\n      tiny-code: 25\n      tiny-math: 15\n      tiny-spanish: 20", "    mixture: {}", ""),
    "a vocabulary smaller than the tokenizer's": in_recipe("vocab_size: 4096", "vocab_size: 2048", ""),
    "heads that no group divides": in_recipe("num_attention_heads: 4", "num_attention_heads: 5", ""),
    "a layer of no kind": in_recipe("MEM*EME", "MEM+EME", ""),
    "a warm-up longer than the curve": in_recipe("warmup_tokens: 10_240", "warmup_tokens: 900_000", ""),
    "a floor above the peak": in_recipe("floor: 3.0e-5", "floor: 3.0e-2", ""),
    "a segment shorter than a batch": in_recipe("short: {tokens: 4_096", "short: {tokens: 96", ""),
    "a tokenizer folder that does not exist": in_recipe("path: resources/tiny/tokenizer", "path: resources/tokenizer", ""),
    "the tokenizer's file instead of its folder": in_recipe("path: resources/tiny/tokenizer", "path: resources/tiny/tokenizer/tokenizer.json", ""),
    "a control token that the tokenizer lacks": in_recipe('eos_token: "</s>"', 'eos_token: "<|end|>"', ""),
    "a tokenizer that is not JSON": Mistake(("plan",), "", (write("resources/tiny/tokenizer/tokenizer.json", "{"),)),
    "a frozen phase that a run may not train": Mistake(("plan",), "", (edit(RECIPE, "  phase1:  ", "  phase1:\n    frozen: tru  "),)),
    # config/config.yaml
    "a setting with a typo": Mistake(("plan",), "", (edit("config/config.yaml", "sample: 0", "smaple: 0"),)),
    # datasets
    "a dataset that is not pinned": Mistake(("plan",), "", (remove("config/datasets/tiny-math.tsv"),)),
    "a recipe that is not pinned": Mistake(("plan", "--recipe", "nano3"), ""),
    "a key of a dataset is missing": pinning("", edit(DATASET, "category: math\n", "")),
    "a key of a dataset with a typo": pinning("", edit(DATASET, "text_column:", "text_colum:")),
    "a glob without quotes": pinning("", edit(DATASET, '"*.jsonl.gz"', "*.jsonl.gz")),
    "a glob that matches nothing": pinning("", edit(DATASET, "*.jsonl.gz", "*.csv")),
    "a folder that does not exist": pinning("", edit(DATASET, "resources/tiny/math", "resources/tiny/maths")),
    "a file as source": pinning("", edit(DATASET, "resources/tiny/math", "resources/tiny/math/set-mm-00.jsonl.gz")),
    "a home folder by ~": pinning("", edit(DATASET, "resources/tiny/math", "~/math")),
    "a folder by a variable": pinning("", edit(DATASET, "resources/tiny/math", "$HOME/math")),
    "alternatives in braces": pinning("", edit(DATASET, "*.jsonl.gz", "*.{jsonl,json}.gz")),
    "a column that does not exist": pinning("", edit(DATASET, "text_column: text", "text_column: body")),
    "a format that nobody reads": pinning("", edit(DATASET, "*.jsonl.gz", "*.docx"), write("resources/tiny/math/a.docx", "x")),
    "an empty file": pinning("", write("resources/tiny/math/a.jsonl.gz", b"")),
    "a cut file": pinning("", write("resources/tiny/math/a.jsonl.gz", b"\x1f\x8b\x08\x00\x00")),
    "a file that is another's copy": pinning("", lambda house: write("resources/tiny/math/a.jsonl.gz", (house.root / "resources/tiny/math/set-mm-00.jsonl.gz").read_bytes())(house)),
    "two files of one shard name": pinning("", edit(DATASET, "*.jsonl.gz", "*.jsonl*"), write("resources/tiny/math/set-mm-00.jsonl", '{"text": "x"}\n')),
    "two datasets with the same files": Mistake(("plan",), "", (edit("config/datasets/tiny-code.yaml", "x", "x"),)),
}
