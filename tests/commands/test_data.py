"""What `nano3 init` asks and takes, what is pinned by `nano3 pin`, and how it is named."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from nano3.commands.data import init
from nano3.config.load import load_recipe
from nano3.start.folder import StartError
from tests.conftest import House, nano3
from tests.start.data import text, web, write


def test_a_dataset_is_pinned_by_its_name_or_its_path(bare_house: House) -> None:
    (bare_house.root / "config/datasets/tiny-math.tsv").unlink()
    assert "added set-mm-01" in bare_house.nano3("pin", "config/datasets/tiny-math.yaml").stdout
    assert "added" not in bare_house.nano3("pin", "tiny-math").stdout


def test_all_that_a_recipe_lacks_is_pinned(bare_house: House) -> None:
    for name in ("tiny-math", "tiny-code"):
        (bare_house.root / f"config/datasets/{name}.tsv").unlink()
    done = bare_house.nano3("pin", "--recipe", "tiny")
    assert done.returncode == 0, done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {"tiny-math", "tiny-code"}


def test_naming_nothing_is_a_mistake_in_the_words() -> None:
    done = nano3("pin")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "nano3 pin: name datasets or tokenizers, or a --recipe; see nano3 pin --help",
    )  # fmt: skip


@pytest.fixture
def here(bare_house: House, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(bare_house.root)
    return bare_house.root


def test_init_makes_a_recipe_of_folders_wherever_they_are_named(here: Path) -> None:
    web(here / "raw/web", 2, 60)
    web(here / "raw/code", 2, 60)
    words = [
        "mine",
        "--data",
        "raw/web",
        "raw/code",
        "--train-tokenizer",
        "300",
        "--share",
        "web=1",
        "--share",
        "code=3",
    ]
    done = CliRunner().invoke(init, words, catch_exceptions=False)
    assert done.output.splitlines()[-1] == "  snakemake --config recipe=mine"
    assert load_recipe("mine")[1].phases["phase1"].mixture == {"web": 25, "code": 75}


def test_init_asks_what_is_missing_on_a_terminal_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / "raw/a.jsonl", [{"title": text(1, 3), "prose": text(row, 90)} for row in range(60)])
    words = ["mine", "--data", "raw"]
    with pytest.raises(StartError, match="which column is the text is not certain"):
        CliRunner().invoke(init, words, catch_exceptions=False)
    with pytest.raises(StartError, match="no tokenizer is named"):
        CliRunner().invoke(init, [*words, "--yes"], catch_exceptions=False)
    monkeypatch.setattr("nano3.commands.data._is_attended", lambda: True)
    done = CliRunner().invoke(init, words, input="wrong\n\n300\n", catch_exceptions=False)
    assert "raw: which column is the text?\n  prose: " in done.output
    assert "Which tokenizer? a folder with a tokenizer.json, hf://org/repo, or a number of entries" in done.output
    assert load_recipe("mine")[1].tokenizer.path == "config/tokenizers/mine"


def test_init_without_data_is_a_mistake_in_the_words() -> None:
    done = nano3("init", "mine")
    assert (done.returncode, done.stderr.strip()) == (
        2, "nano3 init: name your data: --data FOLDER; see nano3 init --help",
    )  # fmt: skip


def test_a_mistake_of_init_is_one_sentence(bare_house: House) -> None:
    done = bare_house.nano3("init", "mine", "--data", "gone", "--train-tokenizer", "300")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("nano3 init: --data gone: no such folder; ")
