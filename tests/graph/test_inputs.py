"""What we use of Snakemake's insides, each use held against the Snakemake that is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from nano3.graph.inputs import KNOWN, EngineError, check_version
from tests.conftest import REPOSITORY, job_counts

pytestmark = pytest.mark.slow

HEAD = f"""
import sys

sys.path.insert(0, {str(REPOSITORY / "scripts")!r})

from nano3.graph.inputs import Engine, ancient, untracked

engine = Engine(workflow, checkpoints)
"""
COPY = """
rule copy:
    input:
        files=lambda w: asked(),
    output:
        "{name}.txt",
    params:
        value=%s,
    shell:
        "echo {params.value:q} {input:q} >> {output}"
"""


def snakemake(folder: Path, *arguments: str, snakefile: str | None = None) -> str:
    """Run Snakemake in a folder and return all that it printed; fails if it fails."""
    if snakefile is not None:
        (folder / "Snakefile").write_text(HEAD + snakefile)
    words = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    return job_counts(snakemake(folder, *arguments, "--dry-run"))


def test_what_is_forced_is_made_again_and_nothing_else_becomes_a_target(tmp_path: Path) -> None:
    asked = "\ndef asked():\n    engine.force(%s)\n    return []\n"
    snakemake(tmp_path, "a.txt", snakefile=asked % "[]" + COPY % "1")
    assert planned(tmp_path, "a.txt") == {}
    (tmp_path / "Snakefile").write_text(HEAD + asked % "['a.txt', 'b.txt']" + COPY % "1")
    assert planned(tmp_path, "a.txt") == {"copy": 1}
    snakemake(tmp_path, "a.txt")
    assert not (tmp_path / "b.txt").exists()


@pytest.mark.parametrize("value", ["untracked({!r})", "untracked(lambda w: w.name + {!r})"])
def test_an_untracked_param_is_told_and_not_compared(tmp_path: Path, value: str) -> None:
    asked = "\ndef asked():\n    return []\n"
    snakemake(tmp_path, "a.txt", snakefile=asked + COPY % value.format("one {two}"))
    assert (tmp_path / "a.txt").read_text().strip().endswith("one {two}")
    (tmp_path / "Snakefile").write_text(HEAD + asked + COPY % value.format("another"))
    assert planned(tmp_path, "a.txt") == {}


def test_a_param_that_is_not_untracked_is_compared(tmp_path: Path) -> None:
    asked = "\ndef asked():\n    return []\n"
    snakemake(tmp_path, "a.txt", snakefile=asked + COPY % "lambda w: 'one'")
    (tmp_path / "Snakefile").write_text(HEAD + asked + COPY % "lambda w: 'another'")
    assert planned(tmp_path, "a.txt") == {"copy": 1}


def test_untracked_params_leave_pandas_alone(tmp_path: Path) -> None:
    """See the measurement in nano3.graph.inputs."""
    said = "\nimport atexit\natexit.register(lambda: print('pandas:', 'pandas' in sys.modules))\n"
    asked = "\ndef asked():\n    return []\n"
    snakemake(tmp_path, "a.txt", snakefile=said + asked + COPY % "untracked('one')")
    assert "pandas: False" in snakemake(tmp_path, "a.txt", "--dry-run")


def test_an_ancient_input_has_no_time_and_passes_nothing_on(tmp_path: Path) -> None:
    """A file that its maker will leave as it is; one whose maker runs is not ancient, and what stands on it follows."""
    rules = (
        "\nrule first:\n    output: 'first.txt'\n    params: value=%s\n    shell: 'echo 1 > {output}'\n"
        "\ndef asked():\n    return %s\n" + COPY % "untracked(1)"
    )
    snakemake(tmp_path, "a.txt", snakefile=rules % ("1", "ancient('first.txt')"))
    (tmp_path / "first.txt").write_text("2\n")
    assert planned(tmp_path, "a.txt") == {}
    (tmp_path / "Snakefile").write_text(HEAD + rules % ("2", "ancient('first.txt')"))
    assert planned(tmp_path, "a.txt") == {"first": 1}
    (tmp_path / "Snakefile").write_text(HEAD + rules % ("2", "'first.txt'"))
    assert planned(tmp_path, "a.txt") == {"first": 1, "copy": 1}


@pytest.mark.parametrize(
    ("arguments", "forced"), [((), False), (("--forcerun", "copy"), True), (("--forceall",), True)]
)
def test_what_the_command_line_forces_is_known(tmp_path: Path, arguments: tuple[str, ...], forced: bool) -> None:
    asked = "\ndef asked():\n    print('forced:', engine.forced('copy'), engine.forced('copied'))\n    return []\n"
    printed = snakemake(tmp_path, "a.txt", "--dry-run", *arguments, snakefile=asked + COPY % "untracked(1)")
    assert f"forced: {forced} {'--forceall' in arguments}" in printed


@pytest.mark.parametrize(
    ("until", "reached"), [((), True), (("copy",), False), (("a.txt",), False), (("last",), True), (("z.end",), True)]
)
def test_how_far_the_command_line_lets_a_run_get_is_known(
    tmp_path: Path, until: tuple[str, ...], reached: bool
) -> None:
    asked = "\ndef asked():\n    print('reached:', engine.reaches('middle'))\n    return []\n"
    later = "\nrule %s:\n    input: '%s'\n    output: '%s'\n    shell: 'cp {input} {output}'\n"
    later = later % ("middle", "{name}.txt", "{name}.mid") + later % ("last", "{name}.mid", "{name}.end")
    arguments = ("--until", *until) if until else ()
    targets = ("a.end", "z.end")
    printed = snakemake(tmp_path, *targets, "--dry-run", *arguments, snakefile=asked + COPY % "untracked(1)" + later)
    assert f"reached: {reached}" in printed


def test_the_process_of_a_job_does_not_plan(tmp_path: Path) -> None:
    asked = "\ndef asked():\n    print('main:', engine.main)\n    return []\n"
    printed = snakemake(tmp_path, "a.txt", "--dry-run", snakefile=asked + COPY % "untracked(1)")
    assert "main: True" in printed
    job = "--target-jobs copy:name=a --force --nolock --ignore-incomplete --allowed-rules copy --mode remote"
    assert "main: False" in snakemake(tmp_path, *job.split())
    assert (tmp_path / "a.txt").read_text() == "1\n"


CHECKPOINT = """
def asked():
    print("known:", engine.known("decide", name="a"))
    engine.output("decide", name="a").file
    %s
    return []

checkpoint decide:
    output:
        file="decided_{name}.txt"
    params:
        value=untracked(1)
    shell:
        "echo 1 > {output}"

rule first:
    input:
        "decided_a.txt"
    output:
        "first.txt"
    params:
        value=untracked(1)
    shell:
        "echo 1 > {output}"

rule last:
    input:
        first=%s,
        decided=lambda w: asked(),
    output:
        "last.txt"
    params:
        value=untracked(1)
    shell:
        "echo 1 > {output}"
"""


def test_a_job_that_waits_for_a_checkpoint_is_judged_when_its_output_is_known(tmp_path: Path) -> None:
    waits = CHECKPOINT % ("", "ancient('first.txt')")
    printed = snakemake(tmp_path, "last.txt", snakefile=waits)
    assert printed.index("known: False") < printed.index("known: True")
    printed = snakemake(tmp_path, "last.txt", "--dry-run")
    assert "known: True" in printed
    assert job_counts(printed) == {}
    (tmp_path / "Snakefile").write_text(HEAD + CHECKPOINT % ("engine.force(['last.txt'])", "ancient('first.txt')"))
    assert planned(tmp_path, "last.txt") == {"last": 1}


def test_a_job_that_does_not_wait_keeps_the_reason_of_the_first_plan(tmp_path: Path) -> None:
    """Why rules have an input that is no file: a checkpoint whose outcome changes nothing stops there."""
    free = CHECKPOINT.replace("        decided=lambda w: asked(),\n", "")
    for snakefile, ran in ((CHECKPOINT, {"decide": 1}), (free, {"decide": 1, "last": 1})):
        between = snakefile % ("", "lambda w: middle()")
        between += (
            "\ndef middle():\n    known = engine.known('decide', name='a')\n"
            "    return ancient('middle.txt') if known else 'middle.txt'\n"
            "\nrule middle:\n    input: decided=lambda w: asked()\n    output: 'middle.txt'\n"
            "    params: value=untracked(1)\n    shell: 'echo 1 > {output}'\n"
        )
        snakemake(tmp_path, "last.txt", snakefile=between)
        (tmp_path / "decided_a.txt").unlink()
        printed = snakemake(tmp_path, "last.txt", "--forcerun", "decide")
        finished = [line.split("Rule: ")[1].rstrip(")") for line in printed.splitlines() if "(Rule: " in line]
        assert {rule: finished.count(rule) for rule in finished} == ran, printed


@pytest.mark.parametrize("version", ["9.27.1", "9.27.9", "9.27.0rc1"])
def test_a_snakemake_that_was_looked_at_is_taken(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["8.30.0", "9.26.4", "9.28.0", "9.100.0", "10.0.1", "9"])
def test_a_snakemake_that_nobody_looked_at_is_refused_by_name_with_the_remedy(version: str) -> None:
    with pytest.raises(EngineError, match=rf"snakemake {version} is not .*`pip install 'snakemake>={KNOWN[0]},<"):
        check_version(version)


@pytest.mark.parametrize("built", [False, True])
def test_an_error_in_an_input_function_ends_the_run_with_its_sentence(tmp_path: Path, built: bool) -> None:
    """Snakemake takes a file for one that nobody makes if its rule's inputs can't be had, and it exists."""
    asked = f"""
from nano3 import Nano3Error
from nano3.graph.inputs import Guarded

class Answers:
    def files(self):
        raise Nano3Error("this can't be: do that")

engine.built = {built}
answers = Guarded(engine, Answers())

def asked():
    return answers.files()

rule middle:
    input: "a.txt"
    output: "middle.txt"
    shell: "cp {{input}} {{output}}"

rule last:
    input: "middle.txt"
    output: "last.txt"
    shell: "cp {{input}} {{output}}"
"""
    for name in ("a.txt", "middle.txt"):
        (tmp_path / name).write_text("there\n")
    (tmp_path / "Snakefile").write_text(HEAD + asked + COPY % "untracked(1)")
    words = [sys.executable, "-m", "snakemake", "last.txt", "--cores", "1", "--dry-run"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 1) == (not built), done.stdout + done.stderr
    assert ("\nthis can't be: do that\n" in done.stdout + done.stderr) == (not built)


def test_what_is_forced_is_forgotten_of_a_job_whose_ancient_input_is_made_again(tmp_path: Path) -> None:
    """Why an input of a stale artifact is not ancient where something may make it again."""
    rules = (
        "\nrule first:\n    output: 'first.txt'\n    params: value=%s\n    shell: 'echo 1 > {output}'\n"
        "\ndef asked():\n    engine.force(%s)\n    return %s\n" + COPY % "untracked(1)"
    )
    snakemake(tmp_path, "a.txt", snakefile=rules % (1, [], "ancient('first.txt')"))
    for given, jobs in (("ancient('first.txt')", {"first": 1}), ("'first.txt'", {"first": 1, "copy": 1})):
        (tmp_path / "Snakefile").write_text(HEAD + rules % (2, ["a.txt"], given))
        assert planned(tmp_path, "a.txt") == jobs


def test_a_job_can_wait_for_a_checkpoint_that_is_judged_stale_only_now(tmp_path: Path) -> None:
    waits = CHECKPOINT % ("engine.force(%s); %s", "ancient('first.txt')")
    stays, again = ("[]", "pass"), ("['decided_a.txt']", "engine.wait('decide', 'decided_a.txt')")
    snakemake(tmp_path, "last.txt", snakefile=waits % stays)
    assert planned(tmp_path, "last.txt") == {}
    (tmp_path / "Snakefile").write_text(HEAD + waits % again)
    assert planned(tmp_path, "last.txt") == {"decide": 1, "first": 1, "last": 1}


FOLLOWS = """
import logging
import snakemake.logging

class Follower:
    followed = None

    def follow(self, answers):
        self.followed = answers

class Noted(logging.Handler):
    def emit(self, record):
        if jobs := getattr(record, "jobs_by_rule", None):
            print("jobs:", sorted(jobs.items()))

snakemake.logging.logger.addHandler(Noted())
follower = Follower()
workflow.logger_manager.plugin_handlers.append(follower)
engine.show("the answers")
engine.tell("a sentence", ends=True)
print("follows:", follower.followed)
"""
GROWS = """
def asked():
    return [f"{number}.txt" for number in range(2)]

checkpoint decide:
    output: "decided.txt"
    shell: "echo 3 > {output}"

def numbers(wildcards):
    file = checkpoints.decide.get().output[0]
    return [f"{number}.txt" for number in range(int(open(file).read()))]

rule collect:
    input: numbers
    output: "all.txt"
    shell: "echo > {output}"

rule number:
    output: "{n}.txt"
    wildcard_constraints: n="[0-9]+"
    shell: "echo > {output}"

onsuccess:
    print("rules:", engine.rule_names, "jobs:", sorted(engine.jobs.items()))
"""


def test_a_logger_that_follows_knows_the_workflow_and_the_jobs_that_a_checkpoint_brings(tmp_path: Path) -> None:
    printed = snakemake(tmp_path, "all.txt", snakefile=FOLLOWS + GROWS)
    assert "follows: the answers" in printed
    assert "a sentence" in printed
    noted = [line for line in printed.splitlines() if line.startswith("jobs: ")]
    assert noted == [
        "jobs: [('collect', 1), ('decide', 1)]",
        "jobs: [('collect', 1), ('decide', 1), ('number', 3)]",
    ], "once at the start, and once where the graph changed"
    assert "rules: ['decide', 'collect', 'number'] jobs: [('collect', 1), ('decide', 1), ('number', 3)]" in printed
