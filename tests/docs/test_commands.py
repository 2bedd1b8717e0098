"""
Every command of the pages can be typed, and prints what they show.

The words of all of them are checked against the programs' own parsers. Those without a placeholder are run in a house
where recipe tiny was built. Snakemake only says what it would run, unless a page shows what it prints.
"""

import gzip
import json
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
import zstandard as zstd
from snakemake.cli import get_argument_parser

from nano3.commands.main import nano3
from tests.conftest import REPOSITORY, House, copy_house
from tests.docs.shown import Session, agrees, commands, has_placeholder, sessions

SESSIONS = list(sessions())
COMMANDS = commands()
SHOWN = {command for session in SESSIONS for command, _ in session.typed}
# Commands that nothing here runs, by how they begin, and why; their words are checked all the same.
NOT_RUN = {
    "make ": "it installs, builds or measures for minutes; `make -n` knows it",
    "pip ": "it installs",
    ". .venv/bin/activate": "it changes the shell alone",
    "nano3 pin --recipe nano3": "it asks the Hub",
    "nano3 pin --rows cc-": "it asks the Hub",
    "nano3 pin nemotron": "it asks the Hub",
    "nano3 submit": "it needs Slurm: tests/slurm",
    "nano3 certify": "tests/corpus/test_certify.py does, for a minute",
    "nano3 publish --mode offline": "tests/provenance/test_wandb_sync.py does",
    "snakemake --profile profiles/slurm": "it needs Slurm: tests/slurm",
    "PYTHONPATH=scripts python docs/refresh.py": "tests/docs/test_refresh.py does what it does",
}
# Their pages show what a mistake or damage looks like.
FAIL = ("nano3 plan --set", "nano3 verify tiny-math")
# With one of them Snakemake runs no job.
ANSWERS = {"--unlock", "--rulegraph", "--dag", "--report", "-n", "--dry-run"}


def words(command: str) -> list[str]:
    """Of the first program, without what its output is piped to."""
    return shlex.split(command.partition(" | ")[0], comments=True)


def unknown_options(command: str) -> list[str]:
    """Options of a command of nano3 that it does not have. Fails if there is no such command."""
    at: click.Command = nano3
    rest = words(command)[1:]
    while isinstance(at, click.Group) and rest and not rest[0].startswith("-"):
        inner = at.get_command(click.Context(at), rest[0])
        assert inner, f"{at.name} has no command {rest[0]}"
        at, rest = inner, rest[1:]
    known = {"-h", "--help", *(name for each in at.params for name in each.opts)}
    own = rest[: rest.index("--")] if "--" in rest else rest
    return [word for word in own if word.startswith("-") and word.partition("=")[0] not in known]


def names(at: click.Command, *above: str) -> set[str]:
    """What commands are called, without any word of their own."""
    own, context = (*above, str(at.name)), click.Context(at)
    inner = [at.get_command(context, name) for name in at.list_commands(context)] if isinstance(at, click.Group) else []
    return {" ".join(own)}.union(*(names(each, *own) for each in inner if each))


NAMES = names(nano3)


def is_a_name(command: str) -> bool:
    """Whether it has no word of its own but options, and so may only name a command: `nano3 trace --json`."""
    return " ".join(word for word in words(command) if not word.startswith("-")) in NAMES


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("nano3 ")])
def test_nano3_has_the_command_and_its_options(command: str) -> None:
    assert unknown_options(command) == []


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("snakemake ")])
def test_snakemake_takes_the_words(command: str) -> None:
    get_argument_parser().parse_args(words(command)[1:])


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("make ")])
def test_make_has_the_target(command: str) -> None:
    done = subprocess.run([*words(command), "--dry-run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [each for each in COMMANDS if "python " in each])
def test_python_finds_the_file(command: str) -> None:
    files = [word for word in words(command) if word.endswith(".py") and word != "data_prep.py"]  # NVIDIA's
    assert [file for file in files if not (REPOSITORY / file).is_file()] == []


def test_a_wrong_option_is_found() -> None:
    assert unknown_options("nano3 plan --recipie tiny --set a=1 -- --any") == ["--recipie"]


def test_every_block_of_commands_is_a_session() -> None:
    assert len(SESSIONS) > 8
    assert all(session.typed for session in SESSIONS)


@pytest.mark.parametrize(
    ("shown", "printed", "varies", "agree"),
    [
        ("a 1\n", "a 1\n", False, True),
        ("a 1\n", "a 2\n", False, False),
        ("a … c\n", "a b c\n", False, True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", False, True),
        ("a\n…\nd\n", "a\nb\n", False, False),
        ("779 ms of\n1 min 9 s", "2.1 s of 3 s\n", True, True),
        ("779 ms of text", "2.1 s of tokens\n", True, False),
    ],
)
def test_what_is_shown_is_compared_but_for_gaps(shown: str, printed: str, varies: bool, agree: bool) -> None:
    assert agrees(shown, printed, varies) is agree


def changed_shard(house: House) -> None:
    path = house.root / "resources/tiny/math/set-mm-01.jsonl.gz"
    rows = gzip.decompress(path.read_bytes())
    path.unlink()  # a link to the repository's
    path.write_bytes(gzip.compress(rows.rstrip(b"\n").rpartition(b"\n")[0] + b"\n", mtime=0))
    assert house.nano3("pin", "tiny-math").returncode == 0


def flipped_byte(house: House) -> None:
    [path] = house.root.glob("results/tokens/*/tiny-math/train/set-mm-00.bin")
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def override(house: House) -> None:
    house.snakemake("--config", "set=phases.phase2.mixture.tiny-math=40")


BEFORE: dict[str, Callable[[House], None]] = {
    "": lambda _house: None,
    "a changed shard": changed_shard,
    "a flipped byte": flipped_byte,
    "an override": override,
}


def own_data(house: House) -> None:
    """The reader's folders: data/web of six files, data/code of two."""
    tiny = house.root / "resources/tiny"
    english = [pq.read_table(path)["text"].to_pylist() for path in sorted(tiny.glob("english/*.parquet"))]
    lines = [
        line
        for path in sorted(tiny.glob("code/*.jsonl.zst"))
        for line in zstd.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines()
    ]
    write_shards(house.root / "data/web", [text for texts in english for text in texts if text], 6)
    write_shards(house.root / "data/code", [json.loads(line)["content"] for line in lines], 2)


def write_shards(folder: Path, texts: Sequence[str], files: int) -> None:
    folder.mkdir(parents=True)
    for number in range(files):
        rows = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts[number::files]]
        (folder / f"part-{number}.jsonl.zst").write_bytes(zstd.compress("".join(rows).encode()))


def run(house: House, command: str, builds: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command in a house. builds: Snakemake runs jobs."""
    program, *rest = words(command)
    if program == "nano3":
        return house.nano3(*rest)
    if program == "snakemake":
        return house.try_snakemake(*([] if builds or ANSWERS & set(rest) else ["--dry-run"]), *rest)
    assert program == "python", command
    return house.run(*rest)


def is_run(command: str) -> bool:
    return not command.startswith(tuple(NOT_RUN))


@pytest.fixture(scope="module")
def init(demo: House, tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """Recipe tiny, built, with the reader's own data and recipe; and what making that recipe printed."""
    house = copy_house(demo, tmp_path_factory.mktemp("commands") / "house")
    own_data(house)
    [own] = {each for each in SHOWN if each.startswith("nano3 init ")}
    done = run(house, own)
    assert done.returncode == 0, done.stderr
    return house, done.stdout


@pytest.fixture
def built(init: tuple[House, str]) -> House:
    return init[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "session", [each for each in SESSIONS if any(is_run(command) for command, _ in each.typed)], ids=str
)
def test_a_session_prints_what_is_shown(session: Session, init: tuple[House, str], tmp_path: Path) -> None:
    house, printed_by_init = init
    if session.after:
        house = copy_house(house, tmp_path / "house")
        BEFORE[session.after](house)
    for command, shown in session.typed:
        if not is_run(command):
            continue
        if command.startswith("nano3 init "):
            printed, status = printed_by_init, 0
        else:
            done = run(house, command, builds=bool(shown.strip()))
            printed, status = done.stdout + done.stderr, done.returncode
        assert bool(status) == command.startswith(FAIL), f"$ {command}\n{printed}"
        if shown.strip():
            assert agrees(shown, printed, session.varies), f"$ {command}\n{printed}\nwhere the page shows\n{shown}"


RUN = [each for each in COMMANDS if is_run(each) and not (has_placeholder(each) or is_a_name(each) or each in SHOWN)]


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_a_command_runs(command: str, built: House) -> None:
    done = run(built, command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reason_is_needed() -> None:
    assert [begin for begin in NOT_RUN if not any(command.startswith(begin) for command in COMMANDS)] == []
