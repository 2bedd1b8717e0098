"""A folder is taken as it is: what is data is found under one glob, what is not is named."""

from pathlib import Path

import pytest

from nano3.start.folder import StartError, contents, places, valid_name
from tests.start.data import rows, web, write


def glob_of(folder: Path) -> str | None:
    (place,) = places([str(folder)])
    held = contents(place)
    return held.glob([file for group in held.data.values() for file in group])


@pytest.mark.parametrize(
    ("files", "glob"),
    [
        (["a.jsonl.zst", "b.jsonl.zst"], "*.jsonl.zst"),
        (["a.parquet", "2024/01/b.parquet"], "**/*.parquet"),
        (["train/a.parquet", "train/b.parquet"], "train/*.parquet"),
        (["a.jsonl", "b.jsonl.gz"], "*.jsonl*"),
        (["a.jsonl", "b.csv"], "*"),
        (["a.jsonl", "b.csv", "README.md"], None),
        (["a.jsonl", "b.jsonl", "README.txt", ".cache/x.jsonl", "_SUCCESS"], "*.jsonl"),
        (["only one [v2].jsonl"], "*.jsonl"),
        (["Texte über Käse.csv", "中文.csv"], "*.csv"),
        (["a.jsonl", "dataset_infos.json"], "*.jsonl"),
        (["a.json", "b.json", "dataset_infos.json"], None),
        (["a.txt", "b.txt"], "*.txt"),
    ],
)
def test_the_data_of_a_folder_is_found_under_one_glob(tmp_path: Path, files: list[str], glob: str | None) -> None:
    for file in files:
        path = tmp_path / "raw" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert glob_of(tmp_path / "raw") == glob


def test_a_folder_is_named_by_its_own_name_or_as_somebody_says(tmp_path: Path) -> None:
    for name in ("Läufe 2024", "中文", "My_Data.v2"):
        (tmp_path / name).mkdir()
    given = [f"{tmp_path}/Läufe 2024", f"{tmp_path}/中文", f"{tmp_path}/My_Data.v2", f"mine={tmp_path}/My_Data.v2"]
    assert [place.name for place in places(given)] == ["laufe-2024", "data", "my_data.v2", "mine"]
    assert valid_name("  --Café au lait!--  ") == "cafe-au-lait"


def test_a_folder_of_the_repository_is_named_relative_to_it_and_any_other_wholly(here: Path, tmp_path: Path) -> None:
    (here / "raw/web").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to("elsewhere")
    given = ["raw/web/", str(here / "raw/web"), "raw/../raw/web"]
    assert {places([each])[0].source for each in given} == {"raw/web"}
    assert places([f"{tmp_path}/linked"])[0].source == f"{tmp_path}/linked", "a link is left as it was given"


def test_home_and_variables_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "raw").mkdir()
    assert [place.folder for place in places(["a=~/raw", "b=$HOME/raw"])] == [tmp_path / "raw"] * 2


def test_one_file_is_data_too(tmp_path: Path) -> None:
    write(tmp_path / "raw/Notes[1].jsonl.gz", rows(3))
    write(tmp_path / "raw/other.jsonl.gz", rows(3, 1))
    (place,) = places([f"{tmp_path}/raw/Notes[1].jsonl.gz"])
    held = contents(place)
    assert (place.name, held.data) == ("notes-1", {".jsonl.gz": ["Notes[1].jsonl.gz"]})
    assert held.glob(["Notes[1].jsonl.gz"]) == "Notes[[]1].jsonl.gz"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("{tmp}/wbe", "--data {tmp}/wbe: no such folder; {tmp} has: gone-too, web"),
        (
            "hf://org/corpus",
            "--data hf://org/corpus: only a folder of this machine can be looked at: describe what lies",
        ),
        ("{tmp}/gone", "--data {tmp}/gone: {tmp}/gone is a link to away, which does not exist: restore that, or name"),
    ],
)
def test_what_is_no_folder_is_one_sentence(tmp_path: Path, given: str, sentence: str) -> None:
    web(tmp_path / "web", 1, 1)
    (tmp_path / "gone-too").mkdir()
    (tmp_path / "gone").symlink_to("away")
    with pytest.raises(StartError) as error:
        places([given.format(tmp=tmp_path)])
    assert str(error.value).startswith(sentence.format(tmp=tmp_path))


def test_two_folders_of_one_name_need_another(tmp_path: Path) -> None:
    for part in ("a", "b"):
        (tmp_path / part / "web").mkdir(parents=True)
    with pytest.raises(StartError, match=r"dataset web is \S+/a/web already: .* --data web-2=\S+/b/web$"):
        places([f"{tmp_path}/a/web", f"{tmp_path}/b/web"])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "is empty; raw shards end in .parquet"),
        (["a.pdf", "b.docx"], "has 2 files, none in a format that is read: a.pdf, b.docx; raw shards end in .parquet"),
    ],
)
def test_a_folder_without_data_says_what_is_there(tmp_path: Path, files: list[str], said: str) -> None:
    (tmp_path / "raw").mkdir()
    for file in files:
        (tmp_path / "raw" / file).write_bytes(b"x")
    (place,) = places([f"{tmp_path}/raw"])
    with pytest.raises(StartError) as error:
        contents(place)
    assert str(error.value).startswith(f"--data {tmp_path}/raw: {said}")
    assert str(error.value).endswith("; plain text must end in .txt")
