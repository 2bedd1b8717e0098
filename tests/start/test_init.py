"""From a folder of files to a recipe that loads, in one command; or one sentence, and nothing is left behind."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nano3 import Nano3Error
from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe
from nano3.raw.datasets import read_dataset, read_pins
from nano3.start.describe import Ask, Reading
from nano3.start.folder import StartError
from nano3.start.init import Wishes, init, shares_of
from tests.conftest import QUICK, House
from tests.hub import Hub
from tests.start.data import rows, text, web, write
from tests.start.test_tokenizer import FILES, tokenizer


def start(*data: str, ask: Ask | None = None, **wishes: Any) -> list[str]:
    """What init says; a tokenizer is trained if none is wished for."""
    options: dict[str, Any] = {"reading": Reading({}), "entries": None if "tokenizer" in wishes else 300, **wishes}
    return list(init(Wishes("mine", data, **options), ask))


def started(*data: str, **wishes: Any) -> Recipe:
    start(*data, **wishes)
    return load_recipe("mine")[1]


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_folder_of_shards_becomes_a_recipe_that_loads(here: Path, tmp_path: Path) -> None:
    web(tmp_path / "my web", 6, 40)
    before = files(here)
    lines = start(str(tmp_path / "my web"))
    assert files(here) - before == {
        "config/datasets/my-web.tsv",
        "config/datasets/my-web.yaml",
        "config/recipes/mine.yaml",
        "config/tokenizers/mine/tokenizer.json",
        "config/tokenizers/mine/tokenizer_config.json",
    }
    _, recipe = load_recipe("mine")
    assert recipe.datasets == ["my-web"]
    assert recipe.model.vocab_size % 128 == 0
    assert 300 <= recipe.model.vocab_size < 300 + 128
    assert [shard.rows for shard in read_pins("my-web")] == [40] * 6
    assert len((here / "config/recipes/mine.yaml").read_text().splitlines()) <= 25
    assert "  240 rows (counted), pinned by SHA-256" in lines
    assert lines[-2:] == ["  nano3 plan --recipe mine", "  snakemake --config recipe=mine"]


def test_all_values_that_init_does_not_say_are_those_of_the_base(here: Path) -> None:
    web(here / "raw", 6, 100)
    mine, tiny = (
        recipe.model_dump(exclude={"about", "tokenizer", "phases", "train", "learning_rate", "evaluation", "model"})
        for recipe in (started("raw"), load_recipe("tiny")[1])
    )
    assert mine == tiny


SHAPES: dict[str, Any] = {
    "parquet in nested folders": lambda raw: [
        write(raw / f"2024/{month}/a.parquet", rows(60, month)) for month in range(3)
    ],
    "a field inside a column": lambda raw: write(raw / "a.jsonl", [{"doc": {"text": text(row)}} for row in range(99)]),
    "gzip": lambda raw: [write(raw / f"{number}.jsonl.gz", rows(60, number)) for number in range(2)],
    "spaces, accents, Chinese": lambda raw: [write(raw / f"{name}.jsonl", rows(60, name)) for name in ("é a", "中 文")],
    "csv": lambda raw: write(raw / "a.csv", rows(99)),
    "text": lambda raw: [
        path.write_text(text(path.name, 90))
        for number in range(25)
        if raw.mkdir(exist_ok=True) is None and (path := raw / f"{number}.txt")
    ],
    "a file beside others": lambda raw: [write(raw / "a.jsonl", rows(99)), (raw / "README.md").write_text("x")],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("where", ["inside", "linked"])
def test_every_shape_of_data_becomes_a_recipe(here: Path, tmp_path: Path, shape: str, where: str) -> None:
    raw = here / "raw" if where == "inside" else tmp_path / "data"
    SHAPES[shape](raw)
    if where == "linked":
        (here / "raw").symlink_to(raw)
    assert started("raw").datasets == ["raw"]
    assert sum(shard.rows or 0 for shard in read_pins("raw")) >= 25


def test_formats_that_differ_are_two_datasets(here: Path) -> None:
    write(here / "raw/a.jsonl", rows(60, column="body"))
    write(here / "raw/b.parquet", rows(60, 1))
    assert started("raw").datasets == ["raw-jsonl", "raw-parquet"]


def test_two_folders_share_by_the_bytes_of_their_texts_or_as_is_said(here: Path) -> None:
    web(here / "web", 3, 60)
    web(here / "math", 1, 60)
    assert started("web", "math").phases["phase1"].mixture == {"web": 75, "math": 25}
    (here / "config/recipes/mine.yaml").unlink()
    recipe = started("web", "math", tokenizer="config/tokenizers/mine", shares=shares_of(["web=1", "math=3"]))
    assert [phase.mixture for phase in recipe.phases.values()] == [{"web": 25, "math": 75}] * 3


def test_steps_are_those_of_the_base_or_what_the_data_allow_or_as_many_passes_as_asked_for(here: Path) -> None:
    web(here / "raw", 6, 600)
    assert started("raw").train.train_iters == 128, "as tiny"
    web(here / "few", 1, 60)
    (here / "config/recipes/mine.yaml").unlink()
    few = started("few", tokenizer="config/tokenizers/mine")
    assert few.train.train_iters is not None
    assert few.train.train_iters < 128
    (here / "config/recipes/mine.yaml").unlink()
    twice = started("raw", tokenizer="config/tokenizers/mine", epochs=2).train.train_iters
    (here / "config/recipes/mine.yaml").unlink()
    once = started("raw", tokenizer="config/tokenizers/mine", epochs=1).train.train_iters
    assert twice == pytest.approx(2 * (once or 0), abs=2)


def test_the_estimate_of_tokens_is_near(here: Path) -> None:
    web(here / "raw", 6, 200)
    lines = start("raw", tokenizer="resources/tiny/tokenizer")
    (line,) = [line for line in lines if line.startswith("about ")]
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_file("resources/tiny/tokenizer/tokenizer.json")
    texts = [text((number, row)) for number in range(6) for row in range(200)]
    exact = sum(len(each.ids) + 1 for each in encoder.encode_batch(texts, add_special_tokens=False))
    assert float(line.split()[1].rstrip("k")) * 1000 == pytest.approx(exact, rel=0.02)


def test_a_slow_tokenizer_is_said(here: Path, tmp_path: Path) -> None:
    web(here / "raw")
    made = tokenizer(tmp_path / "own", "<s>", "</s>")
    layout = (made / "tokenizer.json").read_text().replace('"use_regex":true', '"use_regex":false')
    (made / "tokenizer.json").write_text(layout.replace('"use_regex": true', '"use_regex": false'))
    lines = start("raw", tokenizer=str(made))
    assert any("encoded by Hugging Face's tokenizers, for gigatoken does not know its layout" in line for line in lines)
    assert load_recipe("mine")[1].tokenizer.path == str(made)


def answers(*given: str) -> Ask:
    left = [*given]

    def ask(_question: str, _answers: Sequence[str], _likely: str) -> str:
        return left.pop(0)

    return ask


def test_what_is_missing_is_asked(here: Path) -> None:
    write(here / "raw/a.jsonl", [{"title": text(1, 3), "prose": text(row, 90)} for row in range(60)])
    recipe = started("raw", ask=answers("prose", "300"), entries=None)
    assert (recipe.tokenizer.name, read_dataset("raw").text_column) == ("mine", "prose")
    (here / "config/recipes/mine.yaml").unlink()
    assert started("raw", ask=answers("prose", "resources/tiny/tokenizer"), entries=None).tokenizer.name == "tokenizer"


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"data": ["wbe"]}, "--data wbe: no such folder; "),
    ({"data": ["empty"]}, "--data empty: is empty; raw shards end in .parquet"),
    ({"data": ["pdf"]}, "--data pdf: has 1 file, none in a format that is read: a.pdf; raw shards end in "),
    (
        {"entries": None},
        "no tokenizer is named: give --tokenizer FOLDER, --tokenizer hf://org/repo or --train-tokenizer",
    ),
    ({"tokenizer": "web", "entries": None}, "--tokenizer web: web has no tokenizer.json: name a folder that has one"),
    ({"tokenizer": "web"}, "--tokenizer and --train-tokenizer: give one of them"),
    ({"entries": 7}, "--train-tokenizer 7: must be from 260"),
    ({"recipe": "tiny"}, "config/recipes/tiny.yaml exists already: give the recipe another name, or move that file"),
    ({"recipe": "my recipe"}, "'my recipe': a recipe's name has letters, digits, . _ - only: give it another"),
    ({"base": "tinny"}, "config/recipes/tinny.yaml: no such file; did you mean tiny?"),
    ({"shares": {"wbe": 1.0}}, "--share: give one for each of web, e.g. --share web=70"),
    (
        {"reading": Reading({"": "txt"})},
        "--data web=web: web/part-00000.jsonl.zst: no row has a column 'txt'; text_col",
    ),
    ({"data": ["bad"]}, "--data bad=bad: bad/a.jsonl: line 2: "),
    (
        {"data": ["twice"]},
        "--data twice=twice: twice/a.jsonl and twice/b.jsonl have the same bytes: remove all but one",
    ),
    ({"data": ["short"]}, "dataset short has about "),
    ({"recipe": "kept"}, "config/tokenizers/kept exists already: take it, --tokenizer config/tokenizers/kept, or give"),
    ({"data": ["cut"]}, "cut/a.jsonl.gz: the compressed data is cut"),
]


@pytest.mark.parametrize(("wishes", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_left_behind(
    here: Path, wishes: dict[str, Any], sentence: str
) -> None:
    web(here / "web", 1, 40)
    for folder in ("empty", "pdf", "bad", "cut"):
        (here / folder).mkdir()
    (here / "pdf/a.pdf").write_bytes(b"%PDF-")
    (here / "bad/a.jsonl").write_text(f'{{"text": "{text(1)}"}}\n{{"text": 3}}\n')
    write(here / "twice/a.jsonl", rows(40))
    write(here / "short/a.jsonl", rows(2, words=9))
    (here / "config/tokenizers/kept").mkdir()
    write(here / "twice/b.jsonl", rows(40))
    whole = write(here / "cut/a.jsonl.gz", rows(40)).read_bytes()
    (here / "cut/a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    before = files(here)
    options: dict[str, Any] = {"recipe": "mine", "data": ["web"], "reading": Reading({}), "entries": 300} | wishes
    with pytest.raises(Nano3Error) as error:
        list(init(Wishes(**options)))
    assert str(error.value).startswith(sentence), str(error.value)
    assert files(here) == before


def test_bad_rows_and_duplicates_can_be_taken_as_a_dataset_can_say(here: Path) -> None:
    write(here / "raw/a.jsonl", rows(60))
    with (here / "raw/a.jsonl").open("a") as file:
        file.write('{"text": 3}\n')
    (here / "raw/b.jsonl").write_bytes((here / "raw/a.jsonl").read_bytes())
    with pytest.raises(StartError, match=r"Nothing was written\. .*--on-bad-row and --duplicates set it here\.$"):
        start("raw")
    start("raw", reading=Reading({}, on_bad_row="skip", duplicates="keep"))
    assert (read_dataset("raw").on_bad_row, read_dataset("raw").duplicates) == ("skip", "keep")


def test_a_second_recipe_on_the_same_data_uses_the_dataset_as_it_is(here: Path) -> None:
    web(here / "raw", 2, 60)
    start("raw")
    pins = Path("config/datasets/raw.tsv").stat().st_mtime_ns
    (here / "config/recipes/mine.yaml").rename(here / "config/recipes/first.yaml")
    lines = start("raw", tokenizer="config/tokenizers/mine")
    assert "  described and pinned already in config/datasets/raw.yaml" in lines
    assert Path("config/datasets/raw.tsv").stat().st_mtime_ns == pins


def test_a_configuration_that_can_not_be_written_is_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web(here / "raw", 2, 60)
    before = files(here)

    def read_only(**options: Any) -> Any:
        if Path(options["dir"]) == Path("config/recipes"):
            raise OSError(30, "Read-only file system", f"{options['dir']}/.mine.yaml.part")
        return make(**options)

    make = tempfile.mkstemp

    monkeypatch.setattr("nano3.artifact.files.tempfile.mkstemp", read_only)
    with pytest.raises(StartError, match=r"can't be written: Read-only file system; nothing was written$"):
        start("raw")
    monkeypatch.setattr("nano3.start.init.os.access", lambda path, _mode: path != Path("config/datasets"))
    with pytest.raises(StartError, match=r"^config/datasets can't be written: give yourself access to it, then try ag"):
        start("raw")
    assert files(here) == before


@pytest.mark.slow
def test_the_whole_way_from_a_folder_to_a_report(bare_house: House, tmp_path: Path) -> None:
    web(tmp_path / "my web", 6, 60)
    done = bare_house.nano3("init", "mine", "--data", str(tmp_path / "my web"), "--train-tokenizer", "400")
    assert done.returncode == 0, done.stderr
    bare_house.snakemake("--config", "recipe=mine", QUICK)
    assert len(list(bare_house.root.glob("results/reports/mine+*/index.html"))) == 1


@pytest.mark.slow
def test_the_workflow_takes_the_tokenizer_that_init_downloaded(
    hub: Hub, bare_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bare_house.root)
    hub.commit("org/model", FILES)
    write(Path("raw/a.jsonl"), rows(200))
    tokens = started("raw", tokenizer="hf://org/model").tokens_name
    shard = f"results/tokens/{tokens}/raw/train/a.bin"
    assert bare_house.planned(shard, "--config", "recipe=mine") == {"tokenize_shard": 1}
