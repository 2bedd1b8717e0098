"""Errors as Snakemake words them become one sentence with the remedy; what nobody knows is shown whole."""

import pytest

from snakemake_logger_plugin_nano3.mistakes import config_words, sentence, unframed

OURS = "config/recipes/tiny.yaml: phases.phase1 is frozen, but would be trained again. Undo that, or allow it"
CONFIG = """Traceback (most recent call last):
  File "/venv/snakemake/cli.py", line 2138, in args_to_api
    config=parse_config(args.config),
ValueError: Invalid config definition: Config entry must start with a valid identifier.
"""


def said(text: str, exception: str, *words: str) -> str | None:
    return sentence(text, exception, words, lambda target: f"no rule for {target}")


@pytest.mark.parametrize(
    "text",
    [
        f'WorkflowError in file "/house/rules/common.smk", line 53:\n{OURS}\n  File "/x.smk", line 53, in <module>',
        f'InputFunctionException in rule train_segment in file "/house/rules/checkpoints.smk", line 21:\nError:\n'
        f'  WorkflowError:\n    {OURS}\nWildcards:\n  phase=phase1\n  a=b\nTraceback:\n  File "x", line 1, in y',
        f'InputFunctionException in rule train_segment in file "/house/rules/checkpoints.smk", line 21:\nError:\n'
        f"  WorkflowError: {OURS}\nWildcards:\n  phase=phase1",
        f"WorkflowError:\n{OURS}",
    ],
)
def test_a_sentence_of_ours_loses_its_frames(text: str) -> None:
    assert said(text, text.split(maxsplit=1)[0].rstrip(":")) == OURS


def test_a_message_of_several_lines_keeps_them() -> None:
    assert unframed("WorkflowError:\none thing\nanother thing") == "one thing\nanother thing"
    assert unframed("Error: no Snakefile found, tried a, b.") == "no Snakefile found, tried a, b."


@pytest.mark.parametrize(
    ("words", "wrong", "command"),
    [
        (
            "--config set=a.b=1 c.d=2",
            "c.d=2 is an override",
            'snakemake --config set="a.b=1 c.d=2"',
        ),
        (
            "-n --config recipe=team train.seed=5 --cores 2",
            "train.seed=5 is an override",
            'snakemake -n --cores 2 --config recipe=team set="train.seed=5"',
        ),
        (
            "--config recipe=team results/reports/team/index.html",
            "results/reports/team/index.html is not NAME=VALUE",
            "snakemake results/reports/team/index.html --config recipe=team",
        ),
        (
            "--config set=a.b=1 c.d=2 results/x",
            "c.d=2 is an override",
            'snakemake results/x --config set="a.b=1 c.d=2"',
        ),
    ],
)
def test_words_after_config_are_told_with_what_to_type(words: str, wrong: str, command: str) -> None:
    told = said(CONFIG, "ValueError", *words.split())
    assert told is not None
    assert told.startswith(f"--config: {wrong}")
    assert told.endswith(f": type `{command}`")


def test_a_config_that_another_place_says_has_a_sentence_too() -> None:
    assert config_words(["-n"]) == "--config: each word must be NAME=VALUE, e.g. recipe=tiny"


def test_another_value_error_is_shown_whole() -> None:
    assert said("Traceback (most recent call last):\nValueError: math domain error", "ValueError") is None


def test_a_target_that_nothing_makes_is_looked_up() -> None:
    text = (
        "MissingRuleException:\nNo rule to produce results/reports/team/index.html (if you use input functions make "
        "sure that they don't raise unexpected exceptions)."
    )
    assert said(text, "MissingRuleException") == "no rule for results/reports/team/index.html"


def test_a_lock_says_how_it_goes_away() -> None:
    told = said("LockException:\nError: Directory cannot be locked. …", "LockException")
    assert told is not None
    assert "`snakemake --unlock`" in told
    assert "\n" not in told


def test_a_missing_file_is_named_with_its_dataset() -> None:
    text = """MissingInputException in rule tokenize_shard in file "/house/rules/tokens.smk", line 17:
Missing input files for rule tokenize_shard:
    output: results/tokens/tiny/my-web/train/a.bin
    wildcards: dataset=my-web, shard=a
    affected files:
        /data/a.jsonl"""
    assert said(text, "MissingInputException") == (
        "/data/a.jsonl: missing, and tokenize_shard needs it: restore it, or pin the dataset as it is now with "
        "`nano3 pin my-web`"
    )


@pytest.mark.parametrize("number", [28, 122])
def test_a_full_disk_is_told_in_one_sentence(number: int) -> None:
    text = (
        f"Traceback (most recent call last):\n  x\nOSError: [Errno {number}] No space left on device: '/data/results/x'"
    )
    told = said(text, "OSError")
    assert told is not None
    assert told.startswith("the disk of /data/results/x is full: free some of it")


def test_a_folder_that_may_not_be_written_is_told_with_its_remedy() -> None:
    text = (
        "WorkflowError:\nFailed to create output directory results/tokens/x.\n"
        "OSError: [Errno 30] Read-only file system: 'results/tokens/x'"
    )
    assert said(text, "WorkflowError") == (
        "results/tokens/x: can't be made (Read-only file system): make the folder above it writable, or make results/ "
        "a link to a folder that is"
    )
