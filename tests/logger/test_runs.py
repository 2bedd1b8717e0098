"""What the real Snakemake shows with our logger: a run, a failing job, and the mistakes of a command line."""

import gzip
import subprocess
from pathlib import Path

import pytest

from tests.conftest import House

pytestmark = pytest.mark.slow

RAW = "resources/tiny/math/set-mm-01.jsonl.gz"
PREFACE = "Using workflow specific profile profiles/default for setting default command line arguments.\n"


def math_index(house: House) -> str:
    """The index of a small dataset, as a target."""
    jobs = house.jobs("--until", "index_dataset")
    [path] = [job.split()[1] for job in jobs if job.startswith("index_dataset:") and "tiny-math" in job]
    return path


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """What a run showed, without the line that Snakemake prints before it has a logger."""
    return (done.stdout + done.stderr).replace(PREFACE, "").strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--config", "set=train.seed=1", "train.train_iters=6"],
            "--config: train.train_iters=6 is an override of the recipe: all of them go into set, in one pair of "
            'quotes: type `snakemake --config set="train.seed=1 train.train_iters=6"`',
        ),
        (
            ["--config", "recipe=tiny", "results/reports/tiny/index.html"],
            "--config: results/reports/tiny/index.html is not NAME=VALUE: --config takes all words that follow, so "
            "targets go first: type `snakemake results/reports/tiny/index.html --config recipe=tiny`",
        ),
        (
            ["results/reports/nano3/index.html"],
            "results/reports/nano3/index.html: this run is of recipe tiny, the target is of nano3: type `snakemake "
            "results/reports/nano3/index.html --config recipe=nano3`",
        ),
        (
            ["--until", "tokenise_shard"],
            "tokenise_shard: no rule makes this in a run of recipe tiny; did you mean tokenize_shard?",
        ),
        (["--config", "recpie=tiny"], "config/config.yaml or --config: recpie: no such key; did you mean recipe?"),
        (
            ["-n", "--config", "recipe=tinny"],
            "config/recipes/tinny.yaml: no such file; did you mean tiny?",
        ),
    ],
)
def test_a_mistake_of_the_command_line_is_one_sentence(bare_house: House, words: list[str], said: str) -> None:
    done = bare_house.try_snakemake(*words)
    assert done.returncode == 1
    lines = printed(done).splitlines()
    assert lines[-1] == said
    assert len(lines) == 1 + ("-n" in words), "a dry run says which file --config changes"
    assert not (bare_house.root / "results").exists()


def test_a_run_and_what_goes_wrong_in_it(bare_house: House) -> None:
    index, raw = math_index(bare_house), bare_house.root / RAW
    whole = raw.read_bytes()
    raw.write_bytes(gzip.compress(gzip.decompress(whole) + b'{"text": torn'))

    failed = printed(bare_house.try_snakemake(index))
    lines = failed.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{RAW}: SHA-256 is "))
    assert lines[first + 1 : first + 2] == ["  in tokenize_shard tiny-math/set-mm-01"]
    assert lines[first + 2].startswith("  log: results/tokens/")
    assert lines[-1].startswith("1 job failed; ")
    assert failed.count("SHA-256 is") == 1, "once, not twice"
    for noise in ("resources:", "shell:", "reason:", "set -euo", "Traceback", "\x1b", "\r"):
        assert noise not in failed
    log = bare_house.last_log()
    assert "reason: " in log
    assert "--raw" in log, "all of it is in Snakemake's log"

    quiet = printed(bare_house.try_snakemake(index, "--quiet")).splitlines()
    assert quiet[0].startswith(f"{RAW}: SHA-256 is ")
    assert len(quiet) == 4

    raw.unlink()
    assert printed(bare_house.try_snakemake(index)) == (
        f"{RAW}: missing, and shard set-mm-01 of dataset tiny-math is to be tokenized: restore the file, or pin the "
        "dataset as it is now with `nano3 pin tiny-math`"
    )

    raw.write_bytes(whole)
    dry = printed(bare_house.try_snakemake("-n", index))
    assert "rule tokenize_shard:" in dry
    assert "reason: " in dry

    done = printed(bare_house.try_snakemake(index)).splitlines()
    assert "index: 1 of 1" in done[-2]
    assert done[-1].startswith("Done: ")
    assert done[-1].endswith("1 dataset index. `nano3 plan --recipe tiny` says what is left up to the report")
    assert printed(bare_house.try_snakemake(index)) == "Nothing to be done: all of it is there, and fresh"

    lock = bare_house.root / ".snakemake/locks"
    lock.mkdir(exist_ok=True)
    (lock / "0.output.lock").write_text(f"{index}\n")
    (lock / "0.input.lock").write_text("")
    (bare_house.root / index).unlink()
    assert "`snakemake --unlock`" in printed(bare_house.try_snakemake(index))


def test_snakemake_itself_stays_as_it_is(bare_house: House) -> None:
    """Without our logger, and for what is not a run."""
    profile = Path(bare_house.root / "profiles/default/config.yaml")
    assert "tokenize_shard" in bare_house.snakemake("--list-rules")
    assert "Traceback" not in bare_house.snakemake("--unlock")
    text = profile.read_text()
    profile.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("logger:")))
    index = math_index(bare_house)
    said = bare_house.snakemake(index)
    assert "rule tokenize_shard:" in said
    assert "Done: " in said
    done = bare_house.try_snakemake("--config", "recipe=tinny")
    assert (done.returncode, "did you mean tiny?" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
