"""What a glob matches is the same in a folder and at a URL; what is left out or can't be listed is named."""

import os
import socket
from pathlib import Path

import pytest
from fsspec import url_to_fs

from nano3.core.schema import ConfigError
from nano3.raw import listing
from nano3.raw.listing import (
    Glob,
    list_folder,
    local_folder,
    unpinned_files,
    without_hidden,
)
from tests.raw.corpus import local


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where tests make the folder `raw`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*names: str) -> None:
    for name in names:
        path = Path("raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def link(name: str, target: str) -> None:
    path = Path("raw") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


GLOBS = [
    "*", "**", "*.jsonl", "a/*", "a/*.jsonl", "*/*.jsonl", "**/*.jsonl", "a/**", "a/**/*.jsonl", "**/b/*", "**/b/**",
    "?.jsonl", "[xy].jsonl", "[!x].jsonl", "x.jsonl", "a/b/z.jsonl", "*/*/*", "**/**/z.*", "x[.]jsonl", "A/*",
]  # fmt: skip


@pytest.mark.parametrize("glob", GLOBS)
def test_a_glob_means_in_a_folder_what_fsspec_makes_of_it_at_a_url(folder: Path, glob: str) -> None:
    files(
        "x.jsonl", "y.jsonl", "x.txt", "a/x.jsonl", "a/y.txt", "a/b/z.jsonl", "b/z.jsonl", "a/b/c/z.jsonl", "xx.jsonl"
    )
    system, root = url_to_fs(f"file://{folder}/raw")
    matches = system.glob(f"{root}/{glob}", detail=True).values()
    expected = sorted(entry["name"].removeprefix(f"{root}/") for entry in matches if entry["type"] == "file")
    assert list_folder(Path("raw"), glob).files == expected
    assert without_hidden(expected, glob).files == expected


HIDDEN = ("._a.jsonl", ".part-0.jsonl", "_SUCCESS", "_temporary/a.jsonl", ".cache/a.jsonl", "sub/_a.jsonl")


@pytest.mark.parametrize(
    ("glob", "match", "hidden"),
    [
        ("*", ["a.jsonl"], ["._a.jsonl", ".part-0.jsonl", "_SUCCESS"]),
        ("*.jsonl", ["a.jsonl"], ["._a.jsonl", ".part-0.jsonl"]),
        ("[!a]*.jsonl", [], ["._a.jsonl", ".part-0.jsonl"]),
        ("**/*.jsonl", ["a.jsonl", "sub/a.jsonl"], ["._a.jsonl", ".part-0.jsonl", "sub/_a.jsonl"]),
        ("._*", ["._a.jsonl"], []),
        ("_*", ["_SUCCESS"], []),
        ("[._]*", ["._a.jsonl", ".part-0.jsonl", "_SUCCESS"], []),
        ("_temporary/*.jsonl", ["_temporary/a.jsonl"], []),
        ("**/_temporary/*.jsonl", ["_temporary/a.jsonl"], []),
        ("*/_a.jsonl", ["sub/_a.jsonl"], []),
    ],
)
def test_hidden_names_match_only_a_glob_that_begins_so(
    folder: Path, glob: str, match: list[str], hidden: list[str]
) -> None:
    files("a.jsonl", "sub/a.jsonl", *HIDDEN)
    found = list_folder(Path("raw"), glob)
    assert (found.files, [name for name in found.hidden if not name.endswith("/")]) == (match, hidden)
    at_url = without_hidden([name for name in [*HIDDEN, *match] if Glob.of(glob).matches(name, hidden=True)], glob)
    assert set(at_url.files) == set(match)
    assert set(at_url.hidden) >= set(hidden)


def test_what_is_left_out_is_told_with_numbers_and_first_names(folder: Path) -> None:
    files("a.jsonl", *HIDDEN, *(f"._{number:03}.jsonl" for number in range(100)), "b.jsonl/part-0.jsonl")
    assert list_folder(Path("raw"), "*.jsonl").notes == [
        "102 hidden names left out: ._000.jsonl, ._001.jsonl, ._002.jsonl, and 99 more; "
        "a glob that begins with . or _ at that place takes them in",
        "1 folder that the glob matches left out: b.jsonl; a glob such as 'b.jsonl/*' takes in the files there",
    ]
    assert "_temporary/" in list_folder(Path("raw"), "*/*.jsonl").hidden
    assert without_hidden(["a.jsonl", "._a.jsonl"], "*.jsonl").notes[0].startswith("1 hidden name left out: ._a.jsonl;")


def test_links_to_files_and_folders_are_followed_under_any_glob(folder: Path) -> None:
    files("a.jsonl")
    (folder / "away/deep").mkdir(parents=True)
    (folder / "away/deep/b.jsonl").touch()
    link("c.jsonl", "../away/deep/b.jsonl")
    link("sub/linked", "../../away")
    assert list_folder(Path("raw"), "**/*.jsonl").files == ["a.jsonl", "c.jsonl", "sub/linked/deep/b.jsonl"]
    assert list_folder(Path("raw"), "sub/*/deep/*").files == ["sub/linked/deep/b.jsonl"]
    assert list_folder(Path("raw/sub/linked"), "*/*").files == ["deep/b.jsonl"], "a source may be a link, too"


@pytest.mark.parametrize("target", ["..", ".", "../sub", "../../raw"])
def test_a_cycle_of_links_ends_and_is_told(folder: Path, target: str) -> None:
    files("sub/a.jsonl")
    link("sub/loop", target)
    found = list_folder(Path("raw"), "**/*.jsonl")
    assert found.files == ["sub/a.jsonl"]
    assert len(found.notes) == 1
    assert "by a link one of the folders that it lies in: not followed" in found.notes[0]


def test_links_that_lead_to_each_other_are_named(folder: Path) -> None:
    files("a.jsonl")
    link("b.jsonl", "c.jsonl")
    link("c.jsonl", "b.jsonl")
    said = "which can't be followed (Too many levels of symbolic links): restore that or remove the link"
    assert list_folder(Path("raw"), "*.jsonl").refusals == [
        f"raw/b.jsonl: a link to c.jsonl, {said}",
        f"raw/c.jsonl: a link to b.jsonl, {said}",
    ]


def test_a_link_to_nowhere_is_refused_where_it_matches_and_told_where_it_may_have_been_a_folder(folder: Path) -> None:
    link("a.jsonl", "../away/a.jsonl")
    link("old", "/nowhere/old")
    link("other.txt", "nothing")
    found = list_folder(Path("raw"), "**/*.jsonl")
    assert found.refusals == [
        "raw/a.jsonl: a link to ../away/a.jsonl, which does not exist: restore that or remove the link"
    ]
    assert found.notes[0].startswith("raw/old: a link to /nowhere/old, which does not exist")
    assert list_folder(Path("raw"), "*.jsonl").notes == []


def test_a_pipe_and_a_socket_are_no_files(folder: Path) -> None:
    files("a.jsonl")
    os.mkfifo("raw/b.jsonl")
    link("d.jsonl", "b.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("raw/c.jsonl")
        assert list_folder(Path("raw"), "*.jsonl").refusals == [
            "raw/b.jsonl: a pipe, not a file: remove it, or narrow files",
            "raw/c.jsonl: a socket, not a file: remove it, or narrow files",
            "raw/d.jsonl: a pipe, not a file: remove it, or narrow files",
        ]


def test_a_folder_that_may_not_be_listed_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files("a.jsonl", "locked/b.jsonl")
    scandir = os.scandir

    def locked(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("nano3.raw.listing.os.scandir", locked)
    assert list_folder(Path("raw"), "**/*.jsonl").refusals == [
        "raw/locked: can't be listed: Permission denied: allow it, or narrow files"
    ]
    assert list_folder(Path("raw"), "*.jsonl").refusals == [], "nothing there can match"


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("raw/a.jsonl", "is a file: write `source: raw` and `files: 'a.jsonl'`"),
        ("raw/b/c", "no such folder below {folder}/raw: correct source, which is relative to the repository"),
        ("~/raw", "~ and $ stand for themselves here: write /home/me/raw"),
        ("$HOME/raw", "~ and $ stand for themselves here: write /home/me/raw"),
        ("$NOBODY_SET_THIS/raw", "~ and $ stand for themselves here: write the whole path"),
        ("ra*", "is no folder: write the folder alone, and the glob in files"),
        ("{raw,other}", "is no folder: write the folder alone, and the glob in files"),
        ("gone", "is a link to away, which does not exist: restore that or correct source"),
    ],
)
def test_a_source_that_is_no_folder_says_what_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, remedy: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    files("a.jsonl")
    Path("gone").symlink_to("away")
    with pytest.raises(ConfigError) as error:
        local_folder(local(source), "c.yaml")
    assert str(error.value) == f"c.yaml: source: {source}: {remedy.format(folder=folder)}"


@pytest.mark.parametrize("source", ["raw", "raw/", "./raw", "raw/../raw", "$odd", "~odd"])
def test_a_source_that_is_a_folder_is_taken_as_it_is(folder: Path, source: str) -> None:
    files("a.jsonl")
    Path("$odd").mkdir()
    Path("~odd").mkdir()
    assert local_folder(local(source), "c.yaml") == Path(source)


def test_many_faults_are_cut_and_counted() -> None:
    with pytest.raises(ConfigError) as error:
        listing.refuse("c.yaml", [f"fault {number}" for number in range(25)])
    lines = str(error.value).splitlines()
    assert lines == [*(f"c.yaml: fault {number}" for number in range(10)), "c.yaml: and 15 more"]
    listing.refuse("c.yaml", [])


@pytest.mark.parametrize("source", ["raw", "raw/", "./raw"])
def test_files_that_are_not_pinned_are_those_that_match(folder: Path, source: str) -> None:
    files("a.jsonl", "b.jsonl", "._c.jsonl", "sub/d.jsonl")
    description = local(source).model_copy(update={"files": "**/*.jsonl"})
    assert unpinned_files(description, ["raw/a.jsonl"]) == ["raw/b.jsonl", "raw/sub/d.jsonl"]
    assert unpinned_files(description.model_copy(update={"source": "gone"}), []) == []
    assert unpinned_files(description.model_copy(update={"source": f"file://{folder}/raw"}), []) == []


def test_files_of_the_working_directory_are_compared_too(folder: Path) -> None:
    (folder / "a.jsonl").touch()
    (folder / "b.jsonl").touch()
    assert unpinned_files(local("."), ["a.jsonl"]) == ["b.jsonl"]
