"""Pins are the content of a source: they change with its bytes alone, and pinning reports what changed."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from nano3 import Nano3Error
from nano3.core.schema import ConfigError
from nano3.formats.readers import Look
from nano3.raw.datasets import DATASETS, read_dataset, read_pins
from nano3.raw.hub import HubError
from nano3.raw.looks import RawFile
from nano3.raw.pin import pin_datasets
from tests.conftest import REPOSITORY as ROOT
from tests.hub import Hub
from tests.raw.corpus import FILES, PART, README, REPOSITORY, describe, parquet


def test_the_same_bytes_under_another_commit_are_the_same_pins(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["corpus"], catalogue)
    before = (catalogue / "corpus.tsv").read_bytes()
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    assert len(pin_datasets(["corpus"], catalogue)) == 1
    assert (catalogue / "corpus.tsv").read_bytes() == before


def test_rows_are_counted_on_request_and_kept_while_the_bytes_stay(hub: Hub, catalogue: Path) -> None:
    lines = gzip.compress(b'{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    large = parquet(*(f"{number} " + "y" * 100_000 for number in range(100)))
    files = {"train/a.parquet": large, "train/b.parquet": PART}
    describe(catalogue, revision=hub.commit(REPOSITORY, files))
    describe(catalogue, "lines", revision=hub.commit("org/lines", {"train.jsonl.gz": lines}), source="hf://org/lines")
    hub.requests.clear()
    changes = pin_datasets(["corpus", "lines"], catalogue, rows=True)
    assert "corpus: added train.a" in changes
    assert [shard.rows for shard in read_pins("corpus", catalogue)] == [100, 100]
    assert [shard.rows for shard in read_pins("lines", catalogue)] == [3]
    ranges = [
        headers.get("Range") or headers.get("range", "") for headers in hub.asked("GET .*resolve.*/train/a.parquet")
    ]
    assert ranges
    assert all(ranges)
    hub.requests.clear()
    pin_datasets(["corpus"], catalogue)
    assert [shard.rows for shard in read_pins("corpus", catalogue)] == [100, 100]
    assert not hub.asked("GET .*resolve.*parquet")


def test_a_branch_is_refused_with_its_commit(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, FILES)
    describe(catalogue, revision="main")
    with pytest.raises(ConfigError, match=rf"corpus\.yaml: revision: main can move: write `revision: {commit}`"):
        pin_datasets(["corpus"], catalogue)
    with pytest.raises(ConfigError, match=r"revision: main can move; write a commit.*`nano3 pin` prints today's"):
        read_dataset("corpus", catalogue)


def test_an_abbreviated_commit_is_completed_in_the_description(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, FILES)
    hub.commit(REPOSITORY, FILES | {"README.md": README.encode() + b"more"})
    describe(catalogue, revision=f'"{commit[:7]}"   # of its commit', subset="High-Quality")
    assert read_dataset("corpus", catalogue).abbreviated
    changes = pin_datasets(["corpus"], catalogue)
    assert changes[0] == f"corpus: revision {commit[:7]} is {commit}: written to {catalogue}/corpus.yaml"
    assert f'revision: "{commit}"   # of its commit\n' in (catalogue / "corpus.yaml").read_text()
    assert not read_dataset("corpus", catalogue).abbreviated
    assert pin_datasets(["corpus"], catalogue) == changes[-1:]


def test_an_abbreviation_of_no_commit_is_an_error(hub: Hub, catalogue: Path) -> None:
    hub.commit(REPOSITORY, FILES)
    describe(catalogue, revision="abcdef0")
    with pytest.raises(HubError, match=r"org/corpus has no commits on main that begin with abcdef0: write one"):
        pin_datasets(["corpus"], catalogue)


def test_a_raw_file_of_two_datasets_is_reported(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, "one", revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    describe(catalogue, "two", revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["one"], catalogue)
    assert pin_datasets(["two"], catalogue)[-2] == (
        "two: 2 of its raw files are also claimed by one, e.g. hf://org/corpus/High-Quality/part-0.parquet"
    )


@pytest.fixture
def math(catalogue: Path) -> None:
    """A dataset in the catalogue whose raw shards may be edited."""
    shutil.copytree(ROOT / "resources/tiny/math", "raw")
    describe(catalogue, "math", source="raw", files="'*.jsonl.gz'", category="math")


def test_the_committed_pins_are_those_of_the_committed_shards() -> None:
    for dataset in ("tiny-code", "tiny-english", "tiny-math", "tiny-spanish"):
        before = (DATASETS / f"{dataset}.tsv").read_bytes()
        assert not re.search(rf"{dataset}: (added|changed|removed|moved|counted) ", "\n".join(pin_datasets([dataset])))
        assert (DATASETS / f"{dataset}.tsv").read_bytes() == before


def test_an_unknown_dataset_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"^config/datasets/tiny-mth\.yaml: no such file; did you mean tiny-math\?$"):
        pin_datasets(["tiny-mth"])


@pytest.mark.usefixtures("math")
def test_pinning_says_what_changed_and_keeps_the_rest(catalogue: Path) -> None:
    assert pin_datasets(["math"], catalogue)[:3] == [f"math: added set-mm-0{number}" for number in range(3)]
    before = read_pins("math", catalogue)
    Path("raw/set-mm-01.jsonl.gz").rename("raw/set-mm-03.jsonl.gz")
    changes = pin_datasets(["math"], catalogue)
    assert changes[:-1] == ["math: removed set-mm-01", "math: added set-mm-03"]
    after = read_pins("math", catalogue)
    assert (after[0], after[1]) == (before[0], before[2])
    assert after[2].sha256 == before[1].sha256


@pytest.mark.usefixtures("math")
def test_two_files_of_one_name_are_refused(catalogue: Path) -> None:
    (catalogue / "math.yaml").write_text((catalogue / "math.yaml").read_text().replace("'*.jsonl.gz'", "'*'"))
    Path("raw/set-mm-00.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(ConfigError, match="would both be shard set-mm-00"):
        pin_datasets(["math"], catalogue)


# The time in it would be in the tests' names, and differ from process to process.
ONE_LINE = gzip.compress(b'{"text": "x"}\n', mtime=0)


@pytest.mark.usefixtures("math")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x{y}.jsonl.gz", ONE_LINE, "can't have braces: rename it"),
        ("cut.jsonl.gz", ONE_LINE[:-9], "cut.jsonl.gz: the compressed data is cut"),
    ],
)
def test_a_file_that_cannot_be_a_shard_is_named_when_pinning(
    catalogue: Path, name: str, content: bytes, message: str
) -> None:
    (Path("raw") / name).write_bytes(content)
    with pytest.raises(Nano3Error, match=message):
        pin_datasets(["math"], catalogue)


@pytest.mark.usefixtures("math")
def test_a_source_without_files_is_an_error(catalogue: Path) -> None:
    for file in Path("raw").iterdir():
        file.unlink()
    with pytest.raises(ConfigError, match=r"math\.yaml: no file matches .*or files; raw holds nothing$"):
        pin_datasets(["math"], catalogue)
    Path("raw/part.jsonl.gz").mkdir()
    with pytest.raises(ConfigError, match=r"1 folder that the glob matches left out: part\.jsonl\.gz; a glob such as"):
        pin_datasets(["math"], catalogue)


def rows(*texts: str | None, column: str = "text") -> bytes:
    return b"".join(json.dumps({column: text}).encode() + b"\n" for text in texts)


def pinned(catalogue: Path, content: Mapping[str, bytes], **keys: str) -> list[str]:
    """What pinning says of a dataset of these files; without the changes."""
    for name, data in content.items():
        path = Path("raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    describe(catalogue, "web", **{"source": "raw", "files": "'**/*'", **keys})
    lines = pin_datasets(["web"], catalogue)
    return [line.removeprefix("web: ") for line in lines if not line.startswith("web: added")]


def refused(catalogue: Path, content: Mapping[str, bytes], **keys: str) -> list[str]:
    """Why pinning these files is refused; no pins are written then."""
    with pytest.raises(ConfigError) as error:
        pinned(catalogue, content, **keys)
    assert [file.name for file in catalogue.iterdir() if file.suffix != ".yaml"] == []
    lines = str(error.value).splitlines()
    assert all(line.startswith(f"{catalogue}/web.yaml: ") for line in lines)
    return [line.removeprefix(f"{catalogue}/web.yaml: ") for line in lines]


def test_files_without_rows_are_told_by_name(catalogue: Path) -> None:
    files = {
        "a.jsonl": b"",
        "b.jsonl.gz": b"",
        "c.jsonl.zst": b"",
        "d.jsonl": b"\n\n",
        "e.jsonl.gz": gzip.compress(b""),
    }
    assert pinned(catalogue, files | {"f.jsonl": rows("x"), "g.parquet": parquet()}) == [
        "3 files of 0 bytes: raw/a.jsonl, raw/b.jsonl.gz, raw/c.jsonl.zst",
        "3 files without rows: raw/d.jsonl, raw/e.jsonl.gz, raw/g.parquet",
        f"7 shards, 1 row, {2 + 14 + len(gzip.compress(b'')) + len(parquet()):,} bytes",
    ]
    assert [shard.rows for shard in read_pins("web", catalogue)] == [0, 0, 0, 0, 0, 1, 0]


def test_a_parquet_file_of_0_bytes_is_refused(catalogue: Path) -> None:
    (said,) = refused(catalogue, {"a.parquet": b"", "b.jsonl": rows("x")})
    assert said == "raw/a.parquet: holds 0 bytes: replace it, then pin its dataset again"


def test_a_dataset_without_any_row_is_refused(catalogue: Path) -> None:
    said = "none of its 2 files has a row: correct source or files"
    assert refused(catalogue, {"a.jsonl": b"", "b.jsonl": b"\n"}) == [said]


def test_a_url_of_empty_files_is_refused_too(catalogue: Path) -> None:
    said = "none of its 1 file has a row: correct source or files"
    assert refused(catalogue, {"a.jsonl": b""}, source=f"file://{Path.cwd()}/raw") == [said]


def test_a_column_that_no_row_has_is_refused_with_those_there(catalogue: Path) -> None:
    files = {f"{name}.jsonl": rows(*(f"{name} {n}" for n in range(400)), column="content") for name in "ab"}
    assert refused(catalogue, files) == [
        f"raw/{name}.jsonl: no row of the first 300 has a column 'text'; text_column must be one of: content"
        for name in "ab"
    ]


@pytest.mark.parametrize("where", ["", "file://{folder}/"])
def test_a_url_of_files_is_looked_at_like_a_folder(catalogue: Path, where: str) -> None:
    prefix = where.format(folder=Path.cwd())
    place = f"{prefix.removeprefix('file://')}raw"
    files = {"a.jsonl": rows("x", column="content"), "b.jsonl": b'{"text": 1}\n', "c.jsonl": rows("x")}
    bad, lacks = refused(catalogue, files, source=f"{prefix}raw")
    assert bad.startswith(f"{place}/b.jsonl: line 1: the text is a number; fix the row, or write on_bad_row: skip")
    assert lacks == f"{place}/a.jsonl: no row has a column 'text'; text_column must be one of: content"
    same = {"a.jsonl": rows("x"), "b.jsonl.gz": gzip.compress(rows("x"))}
    (Path("raw") / "b.jsonl").unlink()
    (Path("raw") / "c.jsonl").unlink()
    assert "a.jsonl and " in refused(catalogue, same, source=f"{prefix}raw")[0]
    pinned(catalogue, same, source=f"{prefix}raw", duplicates="keep")
    assert [shard.rows for shard in read_pins("web", catalogue)] == [1, 1]


def test_a_url_of_files_that_is_no_folder_is_refused(catalogue: Path) -> None:
    source = f"file://{Path.cwd()}/gone"
    assert refused(catalogue, {}, source=source) == [
        f"{Path.cwd()}/gone: can't be listed: No such file or directory: allow it, or narrow files"
    ]


def test_many_files_of_unknown_formats_are_counted_with_the_remedy(catalogue: Path) -> None:
    files = {f"{number:02}.py": b"x" for number in range(25)} | {"a.jsonl": rows("x"), "e{f}.jsonl": b""}
    said = refused(catalogue, files)
    assert [line.partition(":")[0] for line in said[:10]] == [f"{number:02}.py" for number in range(10)]
    assert said[10:] == ["and 16 more; 25 files have an unknown format: narrow files, e.g. to '**/*.parquet'"]


def test_a_row_count_that_fails_names_the_dataset(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, {"train.jsonl.gz": b"damaged"}))
    with pytest.raises(Nano3Error, match=rf"^{catalogue}/corpus\.yaml: train\.jsonl\.gz: is not \.gz data"):
        pin_datasets(["corpus"], catalogue, rows=True)
    assert not (catalogue / "corpus.tsv").exists()


def test_one_file_of_many_without_the_column_is_refused(catalogue: Path) -> None:
    files = {"a.jsonl": rows("x"), "b.jsonl": rows(*map(str, range(500)), column="content")}
    assert refused(catalogue, files) == ["raw/b.jsonl: no row has a column 'text'; text_column must be one of: content"]


def test_a_file_whose_text_comes_late_is_told(catalogue: Path) -> None:
    late = rows(*map(str, range(500)), column="id") + rows("late")
    (told, _) = pinned(catalogue, {"a.jsonl": rows("x"), "b.jsonl": late})
    assert told == "raw/b.jsonl: 300 of the first 300 rows have no text in column 'text'; they have: id"


def test_rows_without_text_are_told_with_numbers(catalogue: Path) -> None:
    (told, _) = pinned(catalogue, {"a.jsonl": rows(*map(str, range(37)), column="content") + rows("x", "y", "z")})
    assert told == "raw/a.jsonl: 37 of the first 40 rows have no text in column 'text'; they have: content"


def test_of_many_files_with_such_rows_ten_are_named(catalogue: Path) -> None:
    told = pinned(catalogue, {f"{number:02}.jsonl": rows(str(number), None) for number in range(30)})
    assert len(told) == 12
    assert told[-2] == "and 20 more"


def test_bad_rows_are_refused_before_anything_is_written_all_at_once(catalogue: Path) -> None:
    files = {"a.jsonl": b'{"text": 1}\n', "b.jsonl": rows("x"), "c.jsonl": b"[]\n", "d.txt.doc": b"", "e{f}.jsonl": b""}
    (one, two) = refused(catalogue, files)
    assert one.startswith("d.txt.doc: unknown format; raw shards end in .parquet, .arrow, .feather, .jsonl, ")
    assert two == "raw/e{f}.jsonl: a shard's name can't have braces: rename it"
    for name in ("d.txt.doc", "e{f}.jsonl"):
        (Path("raw") / name).unlink()
    (one, two) = refused(catalogue, {})
    assert one.startswith("raw/a.jsonl: line 1: the text is a number; fix the row, or write on_bad_row: skip")
    assert two.startswith("raw/c.jsonl: line 1: a list, not an object; fix the row")


def test_damage_behind_the_beginning_is_refused_for_every_file(catalogue: Path) -> None:
    whole = gzip.compress(rows(*(str(number) for number in range(100_000))), mtime=0)
    cut = dict.fromkeys(("a.jsonl.gz", "b.jsonl.gz"), whole[:-20])
    said = refused(catalogue, cut | {"c.jsonl": rows("x")})
    assert [line.partition(": ")[0] for line in said] == ["raw/a.jsonl.gz", "raw/b.jsonl.gz"]


def test_a_file_that_may_not_be_read_is_refused(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, _dataset: object) -> Look:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("nano3.raw.looks.look_at", deny)
    said = "raw/a.jsonl: can't be read: Permission denied: allow it, or narrow files"
    assert refused(catalogue, {"a.jsonl": rows("x")}) == [said]


def test_a_file_that_fails_while_it_is_read_is_refused(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, _source: object) -> RawFile:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("nano3.raw.looks.measure", fail)
    said = "raw/a.jsonl: can't be read: Input/output error: allow it, or narrow files"
    assert refused(catalogue, {"a.jsonl": rows("x")}) == [said]


def test_a_glob_that_matches_nothing_says_what_is_there(catalogue: Path) -> None:
    (said,) = refused(catalogue, {"sub/a.jsonl": rows("x"), "b.json.txt": b"", "_SUCCESS": b""}, files="'*.jsonl'")
    assert said == (
        "no file matches '*.jsonl' in raw: correct source or files; raw holds _SUCCESS, b.json.txt, sub/; "
        "'**/*.jsonl' would match 1 file there"
    )


def test_a_link_to_nowhere_is_refused_with_its_target(catalogue: Path) -> None:
    Path("raw").mkdir()
    Path("raw/b.jsonl").symlink_to("gone.jsonl")
    said = "raw/b.jsonl: a link to gone.jsonl, which does not exist: restore that or remove the link"
    assert refused(catalogue, {"a.jsonl": rows("x")}) == [said]


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize("at_url", [False, True])
def test_a_pointer_of_git_lfs_is_refused_here_and_at_a_url(catalogue: Path, at_url: bool) -> None:
    keys = {"source": f"file://{Path.cwd()}/raw"} if at_url else {}
    (said,) = refused(catalogue, {"a.jsonl": rows("x"), "b.parquet": LFS}, **keys)
    assert "b.parquet: is a Git LFS pointer, not the data: run `git lfs pull` where it comes from" in said


def test_the_same_bytes_under_two_names_are_refused_or_kept(catalogue: Path) -> None:
    files = {"a.jsonl": rows("x"), "b.jsonl": rows("x"), "c.jsonl": rows("y"), "d.jsonl": rows("x")}
    what = "raw/a.jsonl and raw/b.jsonl and raw/d.jsonl have the same bytes"
    remedy = "remove all but one, or write `duplicates: keep` to read each of them"
    assert refused(catalogue, files) == [f"{what}: {remedy}"]
    assert pinned(catalogue, {}, duplicates="keep")[0] == what
    assert len(read_pins("web", catalogue)) == 4


@pytest.mark.parametrize(
    ("ending", "compress"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_the_same_content_compressed_is_refused(
    catalogue: Path, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    files = {"a.jsonl": rows("x", "y"), f"b.jsonl{ending}": compress(rows("x", "y")), "c.jsonl.gz": gzip.compress(b"")}
    (said,) = refused(catalogue, files)
    assert said.startswith(f"raw/a.jsonl and raw/b.jsonl{ending} have the same content: ")


def test_a_hard_link_is_the_same_bytes_and_empty_files_are_none(catalogue: Path) -> None:
    Path("raw").mkdir()
    Path("raw/a.jsonl").write_bytes(rows("x"))
    Path("raw/b.jsonl").hardlink_to("raw/a.jsonl")
    assert "have the same bytes" in refused(catalogue, {})[0]
    Path("raw/b.jsonl").unlink()
    pinned(catalogue, {"b.jsonl": b"", "c.jsonl": b"", "d.parquet": parquet(), "e.parquet": parquet()})


def test_duplicates_at_a_url_and_on_the_hub_are_found_by_their_digest(hub: Hub, catalogue: Path) -> None:
    files = {"a.jsonl": rows("x"), "b.jsonl": rows("x")}
    (said,) = refused(catalogue, files, source=f"file://{Path.cwd()}/raw")
    assert said.startswith("a.jsonl and b.jsonl have the same bytes: remove all but one, or write `duplicates: keep`")
    commit = hub.commit(REPOSITORY, {"train/a.parquet": PART, "train/b.parquet": PART})
    describe(catalogue, revision=commit)
    with pytest.raises(ConfigError, match=r"train/a\.parquet and train/b\.parquet .* write `duplicates: keep` to read"):
        pin_datasets(["corpus"], catalogue)
    describe(catalogue, revision=commit, duplicates="keep")
    assert len(pin_datasets(["corpus"], catalogue)) == 4


def test_the_bytes_of_another_dataset_are_told(catalogue: Path) -> None:
    Path("other").mkdir()
    for name, text in (("x", "same"), ("y", "new"), ("z", "same too")):
        (Path("other") / f"{name}.jsonl").write_bytes(rows(text))
    describe(catalogue, "other", source="other", files="'*'")
    pin_datasets(["other"], catalogue)
    files = {"a.jsonl": rows("same"), "b.jsonl": rows("same too"), "c.jsonl": b""}
    (_, told, _) = pinned(catalogue, files)
    assert told == "other has 2 shards with bytes of this dataset, e.g. other/x.jsonl and raw/a.jsonl"


def test_a_damaged_neighbour_stops_no_pinning(catalogue: Path) -> None:
    describe(catalogue, "other", source="other", files="'*'")
    (catalogue / "other.tsv").write_text("nonsense\n")
    told = pinned(catalogue, {"a.jsonl": rows("x")})
    assert told[0].startswith(f"not compared with other: {catalogue}/other.tsv: line 1: the columns must be")


def test_damaged_pins_are_replaced_and_told(catalogue: Path) -> None:
    (catalogue / "web.tsv").write_text("nonsense\n")
    told = pinned(catalogue, {"a.jsonl": rows("x")})
    assert told[0].startswith(f"replaced pins that could not be read: {catalogue}/web.tsv: line 1: the columns must be")
    assert len(read_pins("web", catalogue)) == 1


def test_hidden_files_are_left_out_and_told_in_a_folder_and_at_a_url(catalogue: Path) -> None:
    files = {"a.jsonl": rows("x"), "._a.jsonl": b"\0\5\x16\7", "_SUCCESS": b"", "_temporary/a.jsonl": rows("y")}
    told = pinned(catalogue, files, files="'**'")
    assert told[0].startswith("3 hidden names left out: ._a.jsonl, _SUCCESS, _temporary/; a glob that begins with")
    assert [shard.name for shard in read_pins("web", catalogue)] == ["a"]
    told = pinned(catalogue, {}, files="'**'", source=f"file://{Path.cwd()}/raw")
    assert told[1].startswith("3 hidden names left out: ._a.jsonl, _SUCCESS, _temporary/; a glob that begins")
    assert [shard.name for shard in read_pins("web", catalogue)] == ["a"]
    pinned(catalogue, {}, files="'_temporary/*'")
    assert [shard.name for shard in read_pins("web", catalogue)] == ["_temporary.a"]


def test_names_that_differ_by_case_are_told(catalogue: Path) -> None:
    (told, _) = pinned(catalogue, {"a.jsonl": rows("x"), "A.jsonl": rows("y")})
    assert told.startswith("shards A and a differ only by case")


ODD = ["-a", "a b", "a'b", 'a"b', "a$HOME", "a;b", "[a]", "a*", "日本", "a\\b", "a%20b", "--help", " a"]


def test_odd_names_are_pinned_and_read_back(catalogue: Path) -> None:
    pinned(catalogue, {f"{name}.jsonl": rows(name) for name in ODD}, files="'*'")
    assert sorted(shard.name for shard in read_pins("web", catalogue)) == sorted(ODD)
    assert len(pinned(catalogue, {}, files="'*'")) == 1


def test_a_name_that_is_no_text_is_refused_in_printable_letters(catalogue: Path) -> None:
    Path("raw").mkdir()
    Path(os.fsdecode(b"raw/caf\xe9.jsonl")).write_bytes(rows("x"))
    assert refused(catalogue, {"a\nb.jsonl": rows("y")}) == [
        r"raw/a\x0ab.jsonl: its name has a line break, a tab or another control character: rename it",
        r"raw/caf\udce9.jsonl: its name is not UTF-8: rename it",
    ]


def test_a_name_that_is_too_long_is_refused_with_the_limit(catalogue: Path) -> None:
    limit = os.pathconf(".", "PC_NAME_MAX")
    (said,) = refused(
        catalogue, {"a.jsonl": rows("x"), f"{('abcdefghijklmnopqrstuvwxyz' * 10)[: limit - 19]}.jsonl": rows("y")}
    )
    assert said.endswith(
        f"its name is 1 byte too long: while it is made into tokens it takes {limit + 1}, "
        f"and a name has at most {limit} here: rename it"
    )


@pytest.mark.parametrize("moment", ["nano3.raw.looks.measure", "nano3.raw.datasets.write_table"])
def test_an_interrupt_leaves_the_pins_as_they_were(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    pinned(catalogue, {"a.jsonl": rows("x")})
    before = (catalogue / "web.tsv").read_bytes()

    def interrupt(path: Path, *_: object) -> None:
        if path.suffix != ".jsonl":
            path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(moment, interrupt)
    with pytest.raises(KeyboardInterrupt):
        pinned(catalogue, {"b.jsonl": rows("y")})
    assert (catalogue / "web.tsv").read_bytes() == before
    assert sorted(file.name for file in catalogue.iterdir()) == ["web.tsv", "web.yaml"]


def test_a_commit_is_completed_only_when_its_shards_are_pinned(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, {"train/a.parquet": PART, "train/b.parquet": PART})
    describe(catalogue, revision=f'"{commit[:7]}"')
    before = (catalogue / "corpus.yaml").read_bytes()
    with pytest.raises(ConfigError, match="have the same bytes"):
        pin_datasets(["corpus"], catalogue)
    assert (catalogue / "corpus.yaml").read_bytes() == before


def test_rows_are_counted_in_the_last_line_where_all_are_known(catalogue: Path) -> None:
    assert pinned(catalogue, {"a.jsonl": rows("x", "y"), "b.jsonl": rows("z")})[-1] == "2 shards, 3 rows, 42 bytes"


def test_data_files_that_the_glob_does_not_match_are_told_with_one_that_does(catalogue: Path) -> None:
    files = {"a.parquet": parquet("x"), "2024/b.parquet": parquet("y"), "2024/c.parquet": parquet("z")}
    line = (
        "2 data files of the folder not pinned, for '*.parquet' does not match: raw/2024/b.parquet, raw/2024/c.parquet;"
        " '**/*.parquet' would"
    )
    assert line in pinned(catalogue, files | {"README.txt": b"x"}, files="'*.parquet'")
    assert line not in pinned(catalogue, files, files="'**/*.parquet'")


def test_files_of_another_dataset_in_the_folder_are_not_told(catalogue: Path) -> None:
    for name, text in (("en", "x"), ("es", "y")):
        Path("raw").mkdir(exist_ok=True)
        (Path("raw") / f"{name}.jsonl").write_bytes(rows(text))
        describe(catalogue, name, source="raw", files=f"'{name}*.jsonl'")
    assert any("not pinned" in line for line in pin_datasets(["en"], catalogue))
    assert not any("not pinned" in line for line in pin_datasets(["es"], catalogue)), "en has pinned the other"


def test_only_the_folder_that_the_glob_names_is_compared(catalogue: Path) -> None:
    files = {"en/a.jsonl": rows("x"), "es/b.jsonl": rows("y"), "en/deep/c.jsonl": rows("z")}
    (line,) = [line for line in pinned(catalogue, files, files="'en/*.jsonl'") if "not pinned" in line]
    assert line.startswith("1 data file of the folder not pinned, for 'en/*.jsonl' does not match: raw/en/deep/c.jsonl")


def test_a_glob_that_misses_nested_files_is_refused_with_one_that_matches(catalogue: Path) -> None:
    Path("raw/2024").mkdir(parents=True)
    Path("raw/2024/a.parquet").write_bytes(parquet("x"))
    describe(catalogue, "web", source="raw", files="'*.parquet'")
    with pytest.raises(ConfigError, match=r"raw holds 2024/; '\*\*/\*\.parquet' would match 1 file there$"):
        pin_datasets(["web"], catalogue)
