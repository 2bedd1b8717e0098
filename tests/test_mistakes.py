"""
What a person mistypes or forgets is told in one sentence, with its remedy and without a traceback.

Each mistake is made in the repository as it is cloned, by its own command, and the whole sentence is compared: where it
says another thing, read it aloud before you change it here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

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
    "a command that does not exist": Mistake(
        ("plann",), "nano3: no such command 'plann'; did you mean plan?; see nano3 --help"
    ),
    "an option that does not exist": Mistake(
        ("plan", "--recpie", "tiny"),
        "nano3 plan: no such option '--recpie'. Did you mean '--recipe'?; see nano3 plan --help",
    ),
    "an option without its value": Mistake(
        ("plan", "--recipe"), "nano3: option '--recipe' requires an argument; see nano3 --help"
    ),
    "a number that is none": Mistake(
        ("plan", "--sample", "abc"),
        "nano3 plan: invalid value for '--sample': must be a whole number, 0 or more, not 'abc'; see nano3 plan --help",
    ),
    "a negative sample": Mistake(
        ("plan", "--sample", "-1"),
        "nano3 plan: invalid value for '--sample': must be a whole number, 0 or more, not '-1'; see nano3 plan --help",
    ),
    "two recipes": Mistake(
        ("mixture", "tiny", "--recipe", "nano3"),
        "nano3 mixture: two recipes are named, tiny and nano3: name one; see nano3 mixture --help",
    ),
    "nothing to pin": Mistake(("pin",), "nano3 pin: name datasets or tokenizers, or a --recipe; see nano3 pin --help"),
    "a dataset that does not exist": Mistake(
        ("pin", "tiny-maths"), "nano3 pin: config/datasets/tiny-maths.yaml: no such file; did you mean tiny-math?"
    ),
    "a recipe that does not exist": Mistake(
        ("plan", "--recipe", "tinny"), "nano3 plan: config/recipes/tinny.yaml: no such file; did you mean tiny?"
    ),
    "a recipe in another folder": Mistake(
        ("plan", "--recipe", "elsewhere/tiny.yaml"),
        "nano3 plan: elsewhere/tiny.yaml: a recipe is a file in config/recipes: move it there as tiny.yaml, and name it tiny",
    ),
    "a recipe with overrides by its name": Mistake(
        ("plan", "--recipe", "tiny+63c97beea075"),
        'nano3 plan: config/recipes/tiny+63c97beea075.yaml: no such file: tiny+63c97beea075 is recipe tiny with overrides: name the recipe and give them again, --recipe tiny --set "…", or for snakemake --config recipe=tiny set="…"',
    ),
    "a target that does not exist": Mistake(
        ("plan", "tiny-maths"), "nano3 plan: tiny-maths: recipe tiny makes no such thing; did you mean tiny-math?"
    ),
    "a target that another recipe has": Mistake(
        ("verify", "phase9"),
        "nano3 verify: phase9: recipe tiny has no such artifact: name a dataset, phase, segment or path, "
        "or another recipe with --recipe",
    ),
    "a step that is no number": Mistake(
        ("trace", "step", "x"), "nano3 trace step: 'x' is no step: write 120, or 120-125; see nano3 trace step --help"
    ),
    "a step of what was never trained": Mistake(
        ("trace", "step", "3"),
        "nano3 trace: results/checkpoints/tiny: no trained segments: name a trained recipe with --recipe",
    ),
    "a comparison of what was never trained": Mistake(
        ("compare", "tiny", "nano3"),
        "nano3 compare: tiny: no receipt, and no recipe with a trained segment: there are none yet",
    ),
    "a what-if that is no key": Mistake(
        ("plan", "--what-if", "learning_rate.flor=1e-5"),
        "nano3 plan: config/recipes/tiny.yaml with what-if: learning_rate.flor: no such key; did you mean floor?",
    ),
    "a what-if without a value": Mistake(
        ("plan", "--what-if", "learning_rate.floor"),
        "nano3 plan: set='learning_rate.floor': 'learning_rate.floor' is not key=value; write set='train.train_iters=50 holdout.valid=0.1'",
    ),
    # overrides
    "an override with a typo": override(
        "train.trian_iters=5",
        "nano3 plan: config/recipes/tiny.yaml with set='train.trian_iters=5': train.trian_iters: no such key; did you mean train_iters?",
    ),
    "text for a number": override(
        "train.seed=abc",
        "nano3 plan: config/recipes/tiny.yaml with set='train.seed=abc': train.seed: must be a whole number, not 'abc'",
    ),
    "an override without =": override(
        "train.seed",
        "nano3 plan: set='train.seed': 'train.seed' is not key=value; write set='train.train_iters=50 holdout.valid=0.1'",
    ),
    "an override of a section": override(
        "train=5", "nano3 plan: config/recipes/tiny.yaml with set='train=5': train: must be a group of keys, not 5"
    ),
    "an override below a value": override(
        "train.seed.x=5", "nano3 plan: set: train.seed.x: seed is a value, not a group of keys"
    ),
    "a share of 0 to leave a dataset out": override(
        "phases.phase2.mixture.tiny-math=0",
        "nano3 plan: config/recipes/tiny.yaml with set='phases.phase2.mixture.tiny-math=0': phases.phase2.mixture.tiny-math: a share must be above 0, not 0: leave it out, in an override with null",
    ),
    "a mapping without quotes": override(
        "phases.phase2.mixture={tiny-math: 70, tiny-code: 30}",
        "nano3 plan: set='phases.phase2.mixture={tiny-math: 70, tiny-code: 30}': phases.phase2.mixture: '{tiny-math:' is not a YAML value; quote a group: set=\"phases.phase2.mixture='{NAME: VALUE}'\"",
    ),
    "a sequence longer than a shuffle block": override(
        "train.sequence_length=4096",
        "nano3 plan: config/recipes/tiny.yaml with set='train.sequence_length=4096': train.block_tokens: 2,048 is less than the 4,096 tokens of a sequence of phases.phase1.segments.stable: raise it",
    ),
    "bf16 on a CPU": override(
        "train.precision=bf16",
        "nano3 plan: config/recipes/tiny.yaml with set='train.precision=bf16': train.precision: the cpu trainer computes in fp32 only: write fp32, or layout.trainer: bridge, which trains in bf16 on GPUs",
    ),
    "tensor parallelism on a CPU": override(
        "layout.tensor_model_parallel_size=3",
        "nano3 plan: config/recipes/tiny.yaml with set='layout.tensor_model_parallel_size=3': layout.trainer: for phase1/stable, the cpu trainer distributes sequences only: set tensor, pipeline, context and expert parallel sizes to 1, or use bridge (nano3/training/cpu/trainer.py)",
    ),
    "no thread": override(
        "layout.threads=0",
        "nano3 plan: config/recipes/tiny.yaml with set='layout.threads=0': layout.threads: must be above 0, not 0",
    ),
    # recipes
    "a key with a typo": in_recipe(
        "  global_batch_size:",
        "  global_batchsize:",
        "nano3 plan: config/recipes/tiny.yaml: train.global_batchsize: no such key; did you mean global_batch_size?",
    ),
    "a key is missing": in_recipe(
        "  floor: 3.0e-5         #",
        "  #",
        "nano3 plan: config/recipes/tiny.yaml: learning_rate.floor: this key is missing; add it",
    ),
    "a key given twice": in_recipe(
        "  seed: 1234",
        "  seed: 1234\n  seed: 5",
        "nano3 plan: config/recipes/tiny.yaml: line 62, column 3: not YAML: key 'seed' is given twice",
    ),
    "a tab": in_recipe(
        "  seed: 1234",
        "\tseed: 1234",
        "nano3 plan: config/recipes/tiny.yaml: line 61, column 1: not YAML: found character '\\t' that cannot start any token: indent with spaces",
    ),
    "a missing colon": in_recipe(
        "optimizer:",
        "optimizer",
        "nano3 plan: config/recipes/tiny.yaml: line 45, column 13: not YAML: could not find expected ':', while scanning a simple key from line 44: check quotes, colons and indentation there and above",
    ),
    "an unclosed quote": in_recipe(
        'bos_token: "<s>"',
        'bos_token: "<s>',
        "nano3 plan: config/recipes/tiny.yaml: line 16, column 15: not YAML: expected <block end>, but found '<scalar>', while parsing a block mapping from line 13: check quotes, colons and indentation there and above",
    ),
    "an empty recipe": Mistake(
        ("plan",),
        "nano3 plan: config/recipes/tiny.yaml: is empty: write keys with values, key: value",
        (write(RECIPE, ""),),
    ),
    "a dataset with a typo in a mixture": in_recipe(
        "tiny-math: 15",
        "tiny-maht: 15",
        "nano3 plan: config/recipes/tiny.yaml: phases.phase1.mixture.tiny-maht: no such dataset; did you mean tiny-math?",
    ),
    "a negative share": in_recipe(
        "tiny-math: 15",
        "tiny-math: -15",
        "nano3 plan: config/recipes/tiny.yaml: phases.phase1.mixture.tiny-math: a share must be above 0, not -15: leave it out, in an override with null",
    ),
    "a share with a percent sign": in_recipe(
        "tiny-math: 15",
        "tiny-math: 15%",
        "nano3 plan: config/recipes/tiny.yaml: phases.phase1.mixture.tiny-math: must be a number, not '15%'",
    ),
    "an empty mixture": in_recipe(
        "    mixture:            # percent of the samples\n      tiny-english: 40\n      tiny-code: 25\n      tiny-math: 15\n      tiny-spanish: 20",
        "    mixture: {}",
        "nano3 plan: config/recipes/tiny.yaml: phases.phase1.mixture: must be given at least 1 value, not {} (Share of each dataset or category in the samples, any scale)",
    ),
    "a vocabulary smaller than the tokenizer's": in_recipe(
        "vocab_size: 4096",
        "vocab_size: 2048",
        "nano3 plan: config/recipes/tiny.yaml: model.vocab_size: 2048 is less than the 4096 ids of resources/tiny/tokenizer/tokenizer.json, up to 4095: raise it",
    ),
    "heads that no group divides": in_recipe(
        "num_attention_heads: 4",
        "num_attention_heads: 5",
        "nano3 plan: config/recipes/tiny.yaml: model: num_attention_heads 5 is not a multiple of num_query_groups 2",
    ),
    "a layer of no kind": in_recipe(
        "MEM*EME",
        "MEM+EME",
        "nano3 plan: config/recipes/tiny.yaml: model.hybrid_override_pattern: must be text that matches ^[ME*]+$, not 'MEM+EME' (Layers: M Mamba-2, * attention, E MoE)",
    ),
    "a warm-up longer than the curve": in_recipe(
        "warmup_tokens: 10_240",
        "warmup_tokens: 900_000",
        "nano3 plan: config/recipes/tiny.yaml: learning_rate: warmup_tokens + decay_tokens = 926,624 exceed the 131,072 tokens of the phases on the curve: shorten one of them",
    ),
    "a floor above the peak": in_recipe(
        "floor: 3.0e-5",
        "floor: 3.0e-2",
        "nano3 plan: config/recipes/tiny.yaml: learning_rate.floor 0.03 is above learning_rate.peak 0.003: lower it",
    ),
    "a segment shorter than a batch": in_recipe(
        "short: {tokens: 4_096",
        "short: {tokens: 96",
        "nano3 plan: config/recipes/tiny.yaml: phases.long_context: segment short has 96 tokens, less than one batch of 2 x 128: lengthen it",
    ),
    "a tokenizer folder that does not exist": in_recipe(
        "path: resources/tiny/tokenizer",
        "path: resources/tokenizer",
        "nano3 plan: config/recipes/tiny.yaml: tokenizer.path: resources/tokenizer/tokenizer.json is missing; name a folder that has one",
    ),
    "the tokenizer's file instead of its folder": in_recipe(
        "path: resources/tiny/tokenizer",
        "path: resources/tiny/tokenizer/tokenizer.json",
        "nano3 plan: config/recipes/tiny.yaml: tokenizer.path: resources/tiny/tokenizer/tokenizer.json/tokenizer.json is missing; name a folder that has one",
    ),
    "a control token that the tokenizer lacks": in_recipe(
        'eos_token: "</s>"',
        'eos_token: "<|end|>"',
        "nano3 plan: config/recipes/tiny.yaml: tokenizer.eos_token: resources/tiny/tokenizer/tokenizer.json has no token '<|end|>'; it has <unk>, <s>, </s>, <pad>",
    ),
    "a tokenizer that is not JSON": Mistake(
        ("plan",),
        "nano3 plan: resources/tiny/tokenizer/tokenizer.json: not a tokenizer.json of Hugging Face's tokenizers (DecodeError('Input data was truncated')): name another one",
        (write("resources/tiny/tokenizer/tokenizer.json", "{"),),
    ),
    "a frozen phase that a run may not train": Mistake(
        ("plan",),
        "nano3 plan: config/recipes/tiny.yaml: phases.phase1.frozen: must be true or false, not 'tru'",
        (edit(RECIPE, "  phase1:  ", "  phase1:\n    frozen: tru  "),),
    ),
    # config/config.yaml
    "a setting with a typo": Mistake(
        ("plan",),
        "nano3 plan: config/config.yaml or --config: smaple: no such key; did you mean sample?",
        (edit("config/config.yaml", "sample: 0", "smaple: 0"),),
    ),
    # datasets
    "a dataset that is not pinned": Mistake(
        ("plan",),
        "nano3 plan: config/datasets/tiny-math.tsv: dataset tiny-math is not pinned: run `nano3 pin tiny-math`",
        (remove("config/datasets/tiny-math.tsv"),),
    ),
    "a recipe that is not pinned": Mistake(
        ("plan", "--recipe", "nano3"),
        "nano3 plan: config/recipes/nano3.yaml: tokenizer nemotron-3-nano and 26 of its 26 datasets are not pinned: run `nano3 pin --recipe nano3`",
    ),
    "a key of a dataset is missing": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: category: this key is missing; add it",
        edit(DATASET, "category: math\n", ""),
    ),
    "a key of a dataset with a typo": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: text_colum: no such key; did you mean text_column?",
        edit(DATASET, "text_column:", "text_colum:"),
    ),
    "a glob without quotes": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: line 3, column 9: not YAML: expected alphabetic or numeric character, but found '.', while scanning an alias from line 3: quote it, files: '*.jsonl.gz'",
        edit(DATASET, '"*.jsonl.gz"', "*.jsonl.gz"),
    ),
    "a glob that matches nothing": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: no file matches '*.csv' in resources/tiny/math: correct source or files; resources/tiny/math holds set-mm-00.jsonl.gz, set-mm-01.jsonl.gz, set-mm-02.jsonl.gz; '**/*.jsonl.gz' would match 3 files there",
        edit(DATASET, "*.jsonl.gz", "*.csv"),
    ),
    "a folder that does not exist": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: source: resources/tiny/maths: no such folder below …/resources/tiny: correct source, which is relative to the repository",
        edit(DATASET, "resources/tiny/math", "resources/tiny/maths"),
    ),
    "a file as source": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: source: resources/tiny/math/set-mm-00.jsonl.gz: is a file: write `source: resources/tiny/math` and `files: 'set-mm-00.jsonl.gz'`",
        edit(DATASET, "resources/tiny/math", "resources/tiny/math/set-mm-00.jsonl.gz"),
    ),
    "a home folder by ~": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: source: ~/math: ~ and $ stand for themselves here: write …/math",
        edit(DATASET, "resources/tiny/math", "~/math"),
    ),
    "a folder by a variable": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: source: $HOME/math: ~ and $ stand for themselves here: write …/math",
        edit(DATASET, "resources/tiny/math", "$HOME/math"),
    ),
    "alternatives in braces": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: files: '*.{jsonl,json}.gz' has braces, which mean nothing here: write one glob that covers all, e.g. '[ab]*.jsonl'",
        edit(DATASET, "*.jsonl.gz", "*.{jsonl,json}.gz"),
    ),
    "a column that does not exist": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: resources/tiny/math/set-mm-00.jsonl.gz: no row of the first 300 has a column 'body'; text_column must be one of: text, id\nconfig/datasets/tiny-math.yaml: resources/tiny/math/set-mm-01.jsonl.gz: no row has a column 'body'; text_column must be one of: text, id\nconfig/datasets/tiny-math.yaml: resources/tiny/math/set-mm-02.jsonl.gz: no row has a column 'body'; text_column must be one of: text, id",
        edit(DATASET, "text_column: text", "text_column: body"),
    ),
    "a format that nobody reads": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: a.docx: unknown format; raw shards end in .parquet, .arrow, .feather, .jsonl, .ndjson, .json, .csv, .tsv, .txt, the last 6 also with .gz, .zst, .bz2, .xz behind",
        edit(DATASET, "*.jsonl.gz", "*.docx"),
        write("resources/tiny/math/a.docx", "x"),
    ),
    "a cut file": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: resources/tiny/math/a.jsonl.gz: the compressed data is cut: it ends in the middle; fix or replace the file, then pin its dataset again",
        write("resources/tiny/math/a.jsonl.gz", b"\x1f\x8b\x08\x00\x00"),
    ),
    "a file that is another's copy": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: resources/tiny/math/a.jsonl.gz and resources/tiny/math/set-mm-00.jsonl.gz have the same bytes: remove all but one, or write `duplicates: keep` to read each of them",
        lambda house: write(
            "resources/tiny/math/a.jsonl.gz", (house.root / "resources/tiny/math/set-mm-00.jsonl.gz").read_bytes()
        )(house),
    ),
    "two files of one shard name": pinning(
        "nano3 pin: config/datasets/tiny-math.yaml: resources/tiny/math/set-mm-00.jsonl.gz and resources/tiny/math/set-mm-00.jsonl would both be shard set-mm-00: rename one of them",
        edit(DATASET, "*.jsonl.gz", "*.jsonl*"),
        write("resources/tiny/math/set-mm-00.jsonl", '{"text": "x"}\n'),
    ),
}


def test_there_are_enough() -> None:
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence(name: str, bare_house: House) -> None:
    mistake = MISTAKES[name]
    for change in mistake.changes:
        change(bare_house)
    done = bare_house.nano3(*mistake.words)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr
    said = "".join(map(re.escape, re.split("(…)", mistake.said))).replace("…", r"\S*")
    assert re.fullmatch(said, done.stderr.strip()), done.stderr
