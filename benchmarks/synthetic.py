"""
A copy of the repository with a catalogue of many small shards whose tokens are all made: what a plan is timed on.

Every raw shard, pair and receipt is a file of its own. The shards' pairs are copies of one that was tokenized;
receipts, indexes and blends are true, so that Snakemake finds nothing to do. The pins say RAW_BYTES a shard, for
bundles are made by that. Beside it the same graph for make and for ninja, which compare times.

    python benchmarks/synthetic.py SHARDS FOLDER
"""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from os import chdir
from pathlib import Path

import yaml

from nano3.artifact.code import digest_code
from nano3.artifact.steps import ShardKey
from nano3.config.load import load_recipe
from nano3.raw.datasets import Shard, read_pins, write_pins
from nano3.tokens.tokenize_shard import tokenize_shard

REPOSITORY = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "config", "envs", "profiles", "resources/tiny", "rules", "scripts")
SHARES = {"crawl": 70, "code": 20, "math": 9, "books": 1}  # percent of the shards, and of the mixture
DOCUMENTS = 200  # of the pair that is copied: enough for held-out ones
RAW_BYTES = 100_000_000


def build(shards: int, house: Path) -> None:
    """Make the house, or bring the code of one that is there up to date."""
    copy_repository(house)
    chdir(house)
    recipe(SHARES)
    if not Path("results").exists():
        counts = {dataset: max(1, shards * share // 100) for dataset, share in SHARES.items()}
        for dataset, count in counts.items():
            catalogue(dataset, count)
        template = tokenized()
        for dataset, count in counts.items():
            tokens(dataset, count, *template)
        other_graphs()
    subprocess.run([sys.executable, "-m", "snakemake", "--quiet", "--until", "write_blend"], check=True)


def copy_repository(house: Path) -> None:
    """The repository as it is, without results."""
    for part in PARTS:
        source, target = REPOSITORY / part, house / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def catalogue(dataset: str, count: int) -> None:
    """Raw shards of one document each, described and pinned."""
    folder = described(dataset)
    pins = []
    for number in range(count):
        path = folder / f"part-{number:06}-of-{count:06}.jsonl"
        line = (json.dumps({"text": f"Shard {number} of {dataset}."}) + "\n").encode()
        path.write_bytes(line)
        pins.append(Shard(path.stem, str(path), RAW_BYTES, 1, sha256(line).hexdigest()))
    write_pins(Path(f"config/datasets/{dataset}.tsv"), pins)


def described(dataset: str) -> Path:
    """A dataset's description. Returns the folder of its raw shards, empty."""
    folder = Path(f"resources/plan/{dataset}")
    folder.mkdir(parents=True)
    values = {"source": str(folder), "files": "*.jsonl", "text_column": "text", "category": "plan"}
    values |= {"licence": "CC0-1.0", "about": "Made for a benchmark."}
    Path(f"config/datasets/{dataset}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


def recipe(shares: dict[str, int]) -> None:
    """Recipe plan: recipe tiny with other datasets, and the recipe of this house unless another is named."""
    values = yaml.safe_load(Path("config/recipes/tiny.yaml").read_text(encoding="utf-8"))
    for phase in values["phases"].values():
        phase["mixture"] = shares
    values["evaluation"]["too_small"] = "skip"  # shards of a sentence hold hardly a document out
    Path("config/recipes/plan.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    settings = Path("config/config.yaml").read_text(encoding="utf-8").replace("recipe: tiny", "recipe: plan")
    Path("config/config.yaml").write_text(settings, encoding="utf-8")


def tokenized() -> tuple[dict[str, bytes], str]:
    """The files of a shard's two pairs by the end of their paths, and its receipt."""
    folder = Path("build/template")
    folder.mkdir(parents=True)
    raw = folder / "raw.jsonl"
    raw.write_text("".join(json.dumps({"text": f"{n} documents."}) + "\n" for n in range(DOCUMENTS)), encoding="utf-8")
    settings = load_recipe("plan")[1]
    key: ShardKey = {
        **settings.token_settings(),  # type: ignore[typeddict-item]
        "text_column": "text",
        "code": digest_code("tokenize_shard"),
        "sha256": sha256(raw.read_bytes()).hexdigest(),
        "rows": None,
    }
    receipt = folder / "receipt.json"
    tokenize_shard(raw, settings.tokenizer_file, key, folder / "train/SHARD", folder / "holdout/SHARD", receipt)
    pairs = [f"{split}/SHARD.{ending}" for split in ("train", "holdout") for ending in ("bin", "idx")]
    return {name: (folder / name).read_bytes() for name in pairs}, receipt.read_text(encoding="utf-8")


def tokens(dataset: str, count: int, files: dict[str, bytes], receipt: str) -> None:
    """The dataset's tokens, as if each shard had become those of the template."""
    folder = Path("results/tokens") / load_recipe("plan")[1].tokens_name / dataset
    for split in ("train", "holdout"):
        (folder / split).mkdir(parents=True)
    values = json.loads(receipt)
    for number in range(count):
        name = f"part-{number:06}-of-{count:06}"
        raw = Path(f"resources/plan/{dataset}/{name}.jsonl")
        for end, content in files.items():
            (folder / end.replace("SHARD", name)).write_bytes(content)
        values["key"]["sha256"] = values["inputs"][0]["digest"] = sha256(raw.read_bytes()).hexdigest()
        values["inputs"][0]["path"] = values["facts"]["origin"] = str(raw)
        for output, end in zip(values["outputs"], files, strict=True):
            output["path"] = str(folder / end.replace("SHARD", name))
        (folder / f"train/{name}.json").write_text(json.dumps(values, indent=1), encoding="utf-8")


def other_graphs() -> None:
    """plan.mk, plan.ninja: raw shard to pair to index to blend. pairs.txt: all pairs' files."""
    recipe = load_recipe("plan")[1]
    indexes = {dataset: f"results/tokens/{recipe.tokens_name}/{dataset}/index.json" for dataset in SHARES}
    steps = [([f"results/blends/plan/{phase}/blend.json"], list(indexes.values())) for phase in recipe.phases]
    pairs: list[str] = []
    for dataset, index in indexes.items():
        shards = read_pins(dataset)
        made = [str(Path(index).with_name("train") / shard.name) for shard in shards]
        steps += [([f"{m}.bin", f"{m}.idx"], [shard.path]) for m, shard in zip(made, shards, strict=True)]
        steps.append(([index], [f"{m}.bin" for m in made]))
        pairs += [f"{m}.{ending}" for m in made for ending in ("bin", "idx")]
    blends = " ".join(outputs[0] for outputs, _ in steps[: len(recipe.phases)])
    Path("pairs.txt").write_text("\n".join(pairs), encoding="utf-8")
    with open("plan.mk", "w", encoding="utf-8") as makefile, open("plan.ninja", "w", encoding="utf-8") as ninja:
        makefile.write(f"MAKEFLAGS += --no-builtin-rules\n.PHONY: all\nall: {blends}\n")
        # generator: a command that is in no log of ninja's is no reason to run
        ninja.write(f"rule step\n command = step $out\n generator = 1\nbuild all: phony {blends}\ndefault all\n")
        for outputs, inputs in steps:
            makefile.write(f"{' '.join(outputs)} &: {' '.join(inputs)}\n\tstep $@\n")
            ninja.write(f"build {' '.join(outputs)}: step {' '.join(inputs)}\n")


if __name__ == "__main__":
    build(int(sys.argv[1]), Path(sys.argv[2]))
