"""A folder is one dataset if one glob and one column do, else one for each format; what is not certain is asked."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nano3.core.formatting import size
from nano3.core.schema import validated
from nano3.raw.datasets import Dataset, write_pins
from nano3.raw.pin import pins_of
from nano3.start.describe import Ask, Described, Reading, described
from nano3.start.folder import StartError, places
from nano3.start.written import dataset_text
from tests.start.data import rows, text, web, write

PLAIN = Reading({})


def found(data: str, reading: Reading = PLAIN, ask: Ask | None = None) -> list[Described]:
    (place,) = places([data])
    return described(place, reading, ask)


def dataset(data: str, **keys: object) -> dict[str, object]:
    """What the only dataset of a folder says."""
    (each,) = found(data, Reading({}, **keys))  # type: ignore[arg-type]
    return each.dataset.model_dump(exclude_unset=True)


def test_the_usual_folder_is_one_dataset_with_honest_defaults(here: Path) -> None:
    web(here / "raw/my web", 6, 2)
    assert dataset("raw/my web") == {
        "source": "raw/my web",
        "files": "*.jsonl.zst",
        "text_column": "text",
        "category": "my-web",
        "licence": "not stated",
        "about": "6 .jsonl.zst files in raw/my web.",
    }


def test_nested_folders_and_columns_are_described(here: Path) -> None:
    for month in ("01", "02"):
        write(here / f"raw/2024/{month}/a.parquet", [{"doc": {"text": text(month), "lang": "en"}}] * 3)
    made = dataset("raw")
    assert (made["files"], made["text_column"]) == ("**/*.parquet", "doc.text")


def test_text_files_are_documents_or_lines(here: Path) -> None:
    for number in range(3):
        (here / f"raw/{number}.txt").parent.mkdir(exist_ok=True)
        (here / f"raw/{number}.txt").write_text("some lines\nof text\n")
    assert dataset("raw")["document"] == "line"
    assert dataset("raw", document="file")["document"] == "file"


def test_formats_that_are_read_alike_are_one_dataset(here: Path) -> None:
    write(here / "raw/a.jsonl", rows(3))
    write(here / "raw/b.csv", rows(3, 1))
    assert (dataset("raw")["files"], dataset("raw")["text_column"]) == ("*", "text")


def test_formats_that_are_read_otherwise_are_a_dataset_each(here: Path) -> None:
    write(here / "raw/a.jsonl.gz", rows(3, column="body"))
    write(here / "raw/b.parquet", rows(3, 1))
    (here / "raw/README.md").write_text("x")
    made = found("raw")
    assert [(each.name, each.dataset.files, each.dataset.text_column) for each in made] == [
        ("raw-jsonl-gz", "*.jsonl.gz", "body"),
        ("raw-parquet", "*.parquet", "text"),
    ]
    assert made[0].lines[-1] == "left out: README.md"


def test_a_file_without_text_beside_others_is_left_out_and_told(here: Path) -> None:
    web(here / "raw", 2, 2)
    (here / "raw/statistics.json").write_text('{"rows": 4}\n')
    (each,) = found("raw")
    assert each.dataset.files == "*.jsonl.zst"
    assert each.lines[-1] == "left out: statistics.json"


def test_a_column_that_was_named_is_taken(here: Path) -> None:
    web(here / "raw", 1, 2)
    write(here / "other/a.jsonl", rows(2, column="body"))
    reading = Reading(Reading.columns_of(["id", "other=body"]))
    assert [found(each, reading)[0].dataset.text_column for each in ("raw", "other")] == ["id", "body"]


def uncertain(here: Path) -> str:
    write(here / "raw/a.jsonl", [{"title": text(1, 3), "prose": text(2, 90)}] * 3)
    return "raw"


def test_an_uncertain_column_is_asked_with_samples(here: Path) -> None:
    asked = []

    def ask(question: str, options: Sequence[str], likely: str) -> str:
        asked.append((question, [*options], likely))
        return "title"

    (each,) = found(uncertain(here), ask=ask)
    assert each.dataset.text_column == "title"
    ((question, options, likely),) = asked
    assert (options, likely) == (["prose", "title"], "prose")
    assert question.startswith("raw: which column is the text?\n  prose: ")


def test_where_nobody_can_be_asked_an_uncertain_column_is_one_sentence_or_taken(here: Path) -> None:
    with pytest.raises(StartError) as error:
        found(uncertain(here))
    assert str(error.value) == (
        f"--data raw: which column is the text is not certain: prose ({len(text(2, 90))} characters), title "
        f"({len(text(1, 3))} characters): give --column raw=prose, or --yes to take this first one"
    )
    assert dataset("raw", guess=True)["text_column"] == "prose"


def test_what_was_found_is_said(here: Path) -> None:
    write(here / "raw/a.jsonl", rows(3))
    (each,) = found("raw")
    assert [line.partition(", e.g.")[0] for line in each.lines] == [
        f"raw: 1 .jsonl file in raw, {size((here / 'raw/a.jsonl').stat().st_size)}",
        f"text: column text, {sum(len(text((0, row))) for row in range(3)) / 3:,.0f} characters on average",
        "other columns of text: id; --column takes another",
    ]


def described_before(name: str, source: str, **keys: str) -> None:
    values = {"source": source, "files": "*.jsonl.zst", "text_column": "text", "category": "c", "licence": "l"}
    made = validated(Dataset, values | {"about": "x"} | keys, "x")
    Path(f"config/datasets/{name}.yaml").write_text(dataset_text(made))
    write_pins(Path(f"config/datasets/{name}.tsv"), pins_of(name, made, "x")[0])


def test_a_dataset_that_is_described_already_is_used_as_it_is(here: Path) -> None:
    web(here / "raw", 2, 2)
    described_before("raw", "raw", licence="CC-BY-4.0")
    (each,) = found("raw")
    assert (each.exists, each.dataset.licence) == (True, "CC-BY-4.0")


def test_a_name_that_another_dataset_has_is_refused_with_another(here: Path) -> None:
    web(here / "raw", 2, 2)
    web(here / "new/raw", 2, 2)
    described_before("raw", "raw")
    with pytest.raises(StartError) as error:
        found("new/raw")
    assert str(error.value) == (
        "config/datasets/raw.yaml exists and describes other data, raw/*.jsonl.zst: give the new data another name, "
        "--data raw-2=new/raw"
    )
    Path("config/datasets/raw.tsv").unlink()
    with pytest.raises(StartError, match=r"raw\.yaml describes this data but is not pinned: run `nano3 pin raw` first"):
        found("raw")


def test_braces_and_unseparable_files_are_one_sentence(here: Path) -> None:
    (here / "raw").mkdir()
    write(here / "raw/a.json", rows(2))
    (here / "raw/dataset_infos.json").write_text("{}")
    with pytest.raises(
        StartError, match=r"no glob matches a\.json and leaves out dataset_infos\.json: move one of the"
    ):
        found("raw")
