"""Several files appear all or not at all, and none is replaced."""

import os
from pathlib import Path

import pytest

from nano3.start.files import create
from nano3.start.folder import StartError


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_appear_before_they_are_checked(tmp_path: Path) -> None:
    files = {tmp_path / "a/b/one": b"1", tmp_path / "two": b"2"}
    assert create(files, lambda: tree(tmp_path)) == {"a/b/one": b"1", "two": b"2"}


def test_none_is_left_if_the_check_fails(tmp_path: Path) -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt):
        create({tmp_path / "a/b/one": b"1", tmp_path / "c/two": b"2"}, fails)
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_what_exists_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"mine")
    with pytest.raises(StartError, match=r"two exists already: nothing was written; move it away, or choose another"):
        create({tmp_path / "one": b"1", tmp_path / "two": b"2"}, list)
    assert tree(tmp_path) == {"two": b"mine"}


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_place_that_can_not_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    replace = os.replace

    def read_only(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise OSError(30, "Read-only file system", str(target))
        replace(source, target)

    monkeypatch.setattr("pathlib.os.replace", read_only)
    with pytest.raises(StartError, match=rf"{name}: can't be written: Read-only file system; nothing was written$"):
        create({tmp_path / "one": b"1", tmp_path / "two": b"2"}, list)
    assert tree(tmp_path) == {}
