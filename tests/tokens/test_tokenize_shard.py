import json
import math
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from nano3.artifact.digest import canonical_json, digest_file
from nano3.artifact.steps import ShardKey
from nano3.config.load import load_recipe
from nano3.formats.source import TextError
from nano3.raw.datasets import read_dataset, read_pins
from nano3.tokens.encoder import EncodeError, Encoder
from nano3.tokens.engines import TokenizerLoadError
from nano3.tokens.indexed_dataset import Pair, PairReader
from nano3.tokens.reference_tokenizer import ReferenceTokenizer, ReferenceTokenizerError
from nano3.tokens.tokenize_shard import TokenError, checked_rows, tokenize_shard

TOKENIZER = Path("resources/tiny/tokenizer/tokenizer.json")
ENGLISH = Path("resources/tiny/english/train-00001-of-00003.parquet")
END = 2


def key(raw: Path, rows: int | None, column: str = "text", **changes: Any) -> ShardKey:
    settings = load_recipe("tiny")[1].token_settings() | {"text_column": column, "code": "c"}
    return cast(ShardKey, settings | {"sha256": digest_file(raw), "rows": rows} | changes)


def tokenize(raw: Path, folder: Path, rows: int | None, **changes: Any) -> dict[str, Any]:
    """Tokenize and return the receipt."""
    shard = raw.name.split(".")[0]
    train, holdout = folder / "train" / shard, folder / "holdout" / shard
    receipt = train.with_name(f"{shard}.json")
    tokenize_shard(raw, TOKENIZER, key(raw, rows, **changes), train, holdout, receipt)
    value: dict[str, Any] = json.loads(receipt.read_text())
    return value


def write_texts(path: Path, texts: list[str | None]) -> Path:
    pq.write_table(pa.table({"text": texts}), path)
    return path


def documents(prefix: Path) -> list[list[int]]:
    return [document.tolist() for document in PairReader.open(Pair(prefix)).documents()]


def test_every_row_is_where_the_receipt_says_with_the_tokens_of_hugging_face(tmp_path: Path) -> None:
    facts = tokenize(ENGLISH, tmp_path, rows=192)["facts"]
    texts = pq.read_table(ENGLISH).column("text").to_pylist()
    oracle = Tokenizer.from_file(str(TOKENIZER))
    train, held = documents(tmp_path / "train" / ENGLISH.stem), documents(tmp_path / "holdout" / ENGLISH.stem)
    held_rows = sorted(facts["valid"] + facts["test"])
    train_rows = sorted(set(range(192)) - set(held_rows) - set(facts["skipped"]))
    assert facts["skipped"] == [row for row, text in enumerate(texts) if not text] != []
    assert held_rows
    for rows, tokens in ((train_rows, train), (held_rows, held)):
        assert tokens == [[*oracle.encode(texts[row], add_special_tokens=False).ids, END] for row in rows]
    assert facts["documents"] == len(train)
    assert facts["tokens"] == sum(map(len, train))


def test_bytes_of_validation_texts_are_counted_unless_a_text_may_be_cut(tmp_path: Path) -> None:
    facts = tokenize(ENGLISH, tmp_path, rows=192)["facts"]
    texts = pq.read_table(ENGLISH).column("text").to_pylist()
    assert facts["valid"]
    assert facts["valid_bytes"] == sum(len(texts[row].encode()) for row in facts["valid"])
    assert tokenize(ENGLISH, tmp_path, rows=192, holdout={"valid": 0.0, "test": 0.5})["facts"]["valid_bytes"] == 0
    cut = settings("tokenizer.max_doc_tokens=20")
    assert tokenize(ENGLISH, tmp_path, rows=192, tokenizer=cut)["facts"]["valid_bytes"] is None


def test_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = (tokenize(ENGLISH, tmp_path / name, rows=192) for name in ("a", "b"))
    assert first["content"] == second["content"]
    assert [output["sha256"] for output in first["outputs"]] == [output["sha256"] for output in second["outputs"]]


def test_all_rows_are_read_where_nobody_has_counted_them(tmp_path: Path) -> None:
    counted, uncounted = (tokenize(ENGLISH, tmp_path / str(rows), rows=rows) for rows in (192, None))
    assert uncounted["content"] == counted["content"]
    assert uncounted["facts"]["rows"] == 192


def test_the_first_documents_are_checked_and_ever_fewer_later_ones() -> None:
    batches = [checked_rows(np.arange(first, first + 1000), 16, "5" * 64) for first in range(0, 64_000, 1000)]
    rows = np.concatenate(batches).nonzero()[0].tolist()
    assert rows[:16] == list(range(16))
    later = [sum(end <= row < 2 * end for row in rows) for end in (1000, 4000, 16_000, 32_000)]
    assert all(3 <= count <= 25 for count in later), later
    assert np.array_equal(batches[1], checked_rows(np.arange(1000, 2000), 16, "5" * 64))
    assert not checked_rows(np.arange(100), 0, "5" * 64).any()
    assert checked_rows(np.arange(0), 16, "5" * 64).tolist() == []


def test_a_control_token_spelled_out_in_a_text_is_its_characters(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", ["before</s>after <s>", "<pad>"])
    tokenize(raw, tmp_path, rows=2, holdout={"valid": 0.0, "test": 0.0})
    for ids, text in zip(documents(tmp_path / "train/raw"), ["before</s>after <s>", "<pad>"], strict=True):
        assert min(ids[:-1]) > 3
        assert Tokenizer.from_file(str(TOKENIZER)).decode(ids[:-1], skip_special_tokens=False) == text
        assert ids[-1] == END


def test_documents_with_combining_marks_are_checked_beside_the_first_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str | None] = [f"row {number}" + "e\u0301" * (number % 100 == 99) for number in range(1000)]
    checked, check = list[str](), ReferenceTokenizer.check

    def listening(self: ReferenceTokenizer, text: str, ids: list[int]) -> Future[None]:
        checked.append(text)
        return check(self, text, ids)

    monkeypatch.setattr(ReferenceTokenizer, "check", listening)
    facts = tokenize(write_texts(tmp_path / "raw.parquet", texts), tmp_path, rows=None)["facts"]
    assert facts["checked"] == len(checked)
    assert {"row 0", "row 3", "row 99e\u0301", "row 199e\u0301", "row 299e\u0301", "row 399e\u0301"} <= set(checked)


def test_the_receipt_counts_what_gigatoken_left_to_tokenizers(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", ["plain", "a </s> b </s>", "\U000323b0", "e\u0301", None])
    facts = tokenize(raw, tmp_path, rows=None)["facts"]
    assert (facts["engine"], facts["exceptions"], facts["special_tokens_in_text"]) == ("gigatoken", 1, 2)


@pytest.mark.parametrize("around", ["tokenizer.add_bos=true", "tokenizer.add_eos=false tokenizer.add_bos=true", ""])
def test_the_shortest_documents_that_a_recipe_may_ask_for(tmp_path: Path, around: str) -> None:
    count = 3 if "eos" not in around and around else 2
    raw = write_texts(tmp_path / "raw.parquet", ["several words of text", "</s>", "\U000323b0(x y"])
    asked = settings(f"tokenizer.max_doc_tokens={count} {around}")
    assert tokenize(raw, tmp_path, rows=None, tokenizer=asked, holdout=EVERYTHING)["facts"]["truncated"] == 3
    oracle = Tokenizer.from_file(str(TOKENIZER))
    oracle.encode_special_tokens = True
    for ids, text in zip(
        documents(tmp_path / "train/raw"), ["several words of text", "</s>", "\U000323b0(x y"], strict=True
    ):
        whole = oracle.encode(text, add_special_tokens=False).ids
        expected = ([1] if "bos" in around else []) + whole
        assert ids == [*expected[: count - 1], 2] if "eos=false" not in around else ids == expected[:count]


@pytest.mark.parametrize("engine", ["gigatoken", "tokenizers"])
def test_a_text_too_long_to_be_encoded_in_parts_is_a_bad_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr("nano3.tokens.chunking.PIECE_BYTES", 1000)
    monkeypatch.setattr("nano3.tokens.encoder.LONGEST_PIECE", {"gigatoken": 5000, "tokenizers": 2000})
    words, run = "some words " * 2000, "0" * 5001
    raw = write_texts(tmp_path / "raw.parquet", ["first", words, run, "x </s> " + "0" * 1900, run[:3000], "last"])
    prefixes = (tmp_path / "train", tmp_path / "holdout", tmp_path / "receipt.json")
    message = r"raw\.parquet: row 3 \(counting from 1\): a text of 0 MiB can't be encoded in parts of LONGEST_PIECE"
    with pytest.raises(EncodeError, match=message):
        tokenize_shard(raw, TOKENIZER, key(raw, None), *prefixes, engine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw.parquet"]
    skipping = key(raw, None, on_bad_row="skip")
    tokenize_shard(raw, TOKENIZER, skipping, *prefixes, engine, bad_rows_at_most=0.5)
    facts = json.loads(prefixes[2].read_text())["facts"]
    assert facts["bad"] == ([2] if engine == "gigatoken" else [2, 4])
    assert facts["dropped"]["bad row"] == len(facts["bad"])


def test_tokens_around_a_document_are_as_asked(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", ["one", "two words"])
    around = settings("tokenizer.add_bos=true tokenizer.add_eos=false")
    tokenize(raw, tmp_path, rows=2, tokenizer=around, holdout=EVERYTHING)
    oracle = Tokenizer.from_file(str(TOKENIZER))
    expected = [[1, *oracle.encode(text, add_special_tokens=False).ids] for text in ("one", "two words")]
    assert documents(tmp_path / "train/raw") == expected


def test_another_file_than_was_pinned_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match=r"pinned was 0000.*pin its dataset again"):
        tokenize(ENGLISH, tmp_path, rows=192, sha256="0" * 64)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_token_that_the_tokenizer_lacks_is_named(tmp_path: Path) -> None:
    odd = settings("") | {"eos_token": "<|end|>"}
    with pytest.raises(EncodeError, match=r"has no token '<\|end\|>': fix tokenizer\.eos_token"):
        tokenize(ENGLISH, tmp_path, rows=192, tokenizer=odd)


def settings(overrides: str) -> dict[str, Any]:
    found: dict[str, Any] = load_recipe("tiny", overrides)[1].token_settings()["tokenizer"]
    return found


EVERYTHING = {"valid": 0.0, "test": 0.0}


def test_a_control_token_is_parsed_if_that_is_asked_for(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", ["before</s>after <s>", "plain"])
    parse = settings("tokenizer.special_tokens_in_text=parse")
    facts = tokenize(raw, tmp_path, rows=2, holdout=EVERYTHING, tokenizer=parse)["facts"]
    oracle = Tokenizer.from_file(str(TOKENIZER))
    expected = oracle.encode("before</s>after <s>", add_special_tokens=False).ids
    assert documents(tmp_path / "train/raw")[0] == [*expected, END]
    assert {1, END} <= set(expected)
    assert facts["special_tokens_in_text"] == 2


def test_documents_are_dropped_and_cut_as_asked_and_counted(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", ["", None, "tiny", "a document of some length", "word " * 500])
    limits = settings("tokenizer.min_doc_chars=5 tokenizer.max_doc_tokens=20 tokenizer.add_bos=true")
    facts = tokenize(raw, tmp_path, rows=5, holdout=EVERYTHING, tokenizer=limits)["facts"]
    short, long = documents(tmp_path / "train/raw")
    assert facts["dropped"] == {"no text": 1, "empty": 1, "too short": 1}
    assert facts["skipped"] == [0, 1, 2]
    assert facts["truncated"] == 1
    assert len(long) == 20
    assert (long[0], long[-1], short[0], short[-1]) == (1, END, 1, END)
    assert facts["lengths"] == {str(2 ** math.ceil(math.log2(len(document)))): 1 for document in (short, long)}
    assert facts["characters"] == len("a document of some length") + 5 * 500


@pytest.mark.parametrize("limits", ["", "tokenizer.max_doc_tokens=100 tokenizer.add_bos=true"])
@pytest.mark.parametrize("in_pieces", [True, False])
def test_a_long_document_is_what_a_short_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: str, in_pieces: bool
) -> None:
    rows = [{"text": text} for text in pq.read_table(ENGLISH).column("text").to_pylist()]
    raw = tmp_path / "raw.jsonl"
    raw.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = tokenize(raw, tmp_path / "before", rows=192, tokenizer=settings(limits))
    for limit in ("nano3.formats.source.BATCH_BYTES", "nano3.tokens.pipeline.LONG_BYTES"):
        monkeypatch.setattr(limit, 500)
    monkeypatch.setattr("nano3.tokens.chunking.PIECE_BYTES", 20)
    monkeypatch.setattr("nano3.tokens.encoder.may_be_cut", lambda definition: in_pieces)
    after = tokenize(raw, tmp_path / "after", rows=192, tokenizer=settings(limits))
    assert [output["sha256"] for output in after["outputs"]] == [output["sha256"] for output in before["outputs"]]
    same = {"seconds": 0, "checked": 0}  # a document that is encoded in parts is not checked
    assert after["facts"] | same == before["facts"] | same
    assert after["facts"]["bytes_in"] == raw.stat().st_size


@pytest.mark.parametrize("way", ["engine", "small batches", "no prefetch", "three threads"])
def test_the_way_it_is_done_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    before = tokenize(ENGLISH, tmp_path / "before", rows=192)
    if way == "small batches":
        monkeypatch.setattr("nano3.formats.source.BATCH_BYTES", 10_000)
    if way == "no prefetch":
        monkeypatch.setattr("nano3.tokens.pipeline._prefetch", lambda items: items)
    engine = "tokenizers" if way == "engine" else "gigatoken"
    shard = tmp_path / "after/train" / ENGLISH.stem
    holdout, receipt = tmp_path / "after/holdout" / ENGLISH.stem, shard.with_name("receipt.json")
    threads = 3 if way == "three threads" else 2
    tokenize_shard(ENGLISH, TOKENIZER, key(ENGLISH, 192), shard, holdout, receipt, engine, threads=threads)
    after = json.loads(receipt.read_text())
    assert after["content"] == before["content"]
    assert [output["sha256"] for output in after["outputs"]] == [output["sha256"] for output in before["outputs"]]


def test_ids_that_hugging_face_would_not_give_fail_the_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Encoder.encode

    def wrong(self: Encoder, texts: pa.LargeStringArray, *exceptions: Any) -> Any:
        ids, lengths = encode(self, texts, *exceptions)
        ids = ids.copy()
        ids[30:31] += 1
        return ids, lengths

    monkeypatch.setattr(Encoder, "encode", wrong)
    with pytest.raises(
        ReferenceTokenizerError, match=r"differ from token 30 on, near '.+': set tokenizer\.engine to tokenizers"
    ):
        tokenize(ENGLISH, tmp_path, rows=192)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_ids_that_nobody_could_check_fail_the_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = ReferenceTokenizer.check

    def killed(self: ReferenceTokenizer, text: str, ids: list[int]) -> Future[None]:
        self._process.kill()
        return check(self, text, ids)

    monkeypatch.setattr(ReferenceTokenizer, "check", killed)
    with pytest.raises(
        ReferenceTokenizerError, match=r"tokenizer\.json: the process that checks ids with it has ended"
    ):
        tokenize(ENGLISH, tmp_path, rows=192)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_tokenizer_that_gigatoken_cannot_load_says_what_to_do(tmp_path: Path) -> None:
    definition = json.loads(TOKENIZER.read_text())
    definition["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "[aeiou]+|[^aeiou]+"}
    other = tmp_path / "tokenizer.json"
    other.write_text(json.dumps(definition))
    odd = settings("") | {"sha256": digest_file(other)}
    message = r"not among those that gigatoken reads as tokenizers does: set tokenizer\.engine to auto or tokenizers"
    with pytest.raises(TokenizerLoadError, match=message):
        Encoder.load(other, odd, "gigatoken")
    encoder = Encoder.load(other, odd, "auto")
    assert not encoder.is_fast
    assert encoder.encode(pa.array(["abc"], type=pa.large_string()))[1].tolist() == [2]


def test_a_shard_without_documents_is_an_empty_pair(tmp_path: Path) -> None:
    raw = write_texts(tmp_path / "raw.parquet", [None, ""])
    assert tokenize(raw, tmp_path, rows=2)["facts"]["documents"] == 0
    assert documents(tmp_path / "train/raw") == documents(tmp_path / "holdout/raw") == []


def write_rows(path: Path, rows: int, bad: set[int]) -> Path:
    """JSON lines of which some are not JSON, and every tenth has no text."""
    good = (json.dumps({"text": None if number % 10 == 0 else f"document {number}"}) for number in range(rows))
    path.write_text("".join("nonsense\n" if number in bad else f"{row}\n" for number, row in enumerate(good)))
    return path


def test_bad_rows_are_dropped_counted_and_listed(tmp_path: Path) -> None:
    raw = write_rows(tmp_path / "raw.jsonl", 500, {3, 10, 499})
    facts = tokenize(raw, tmp_path, None, on_bad_row="skip", holdout=EVERYTHING)["facts"]
    assert facts["bad"] == [3, 10, 499]
    assert facts["dropped"] == {"no text": 49, "empty": 0, "too short": 0, "bad row": 3}
    assert facts["skipped"] == sorted({3, 10, 499, *range(0, 500, 10)})
    assert (facts["rows"], facts["documents"]) == (500, 500 - len(facts["skipped"]))
    sample = tokenize(raw, tmp_path / "sample", 200, on_bad_row="skip", holdout=EVERYTHING)["facts"]
    assert (sample["rows"], sample["bad"], sample["dropped"]["bad row"]) == (200, [3, 10], 2)


def test_a_shard_without_bad_rows_says_nothing_of_them(tmp_path: Path) -> None:
    facts = tokenize(write_rows(tmp_path / "raw.jsonl", 20, set()), tmp_path, None)["facts"]
    assert (facts["bad"], "bad row" in facts["dropped"]) == ([], False)


def test_a_bad_row_fails_the_shard_if_it_is_not_skipped_and_leaves_nothing(tmp_path: Path) -> None:
    raw = write_rows(tmp_path / "raw.jsonl", 20, {7})
    with pytest.raises(TextError, match=r"raw\.jsonl: line 8: not JSON, not an object; fix the row"):
        tokenize(raw, tmp_path / "out", None)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("rows", "sample", "bad", "seen"),
    [
        (500, None, 6, "6 of 500"),
        (40_000, None, 4000, "at least 595 of 40,000"),
        (40_000, 20_000, 4000, "at least 595 of 20,000"),
    ],
)
def test_too_many_bad_rows_fail_the_shard_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, sample: int | None, bad: int, seen: str
) -> None:
    """At the end, or as soon as there are more than all rows allow."""
    monkeypatch.setattr("nano3.formats.source.LARGEST_BATCH_ROWS", 600)
    raw = write_rows(tmp_path / "raw.jsonl", rows, {*range(5, 5 + bad)})
    with pytest.raises(TokenError) as told:
        tokenize(raw, tmp_path / "out", sample, on_bad_row="skip")
    assert f"raw.jsonl: {seen} rows are bad, more than bad_rows_at_most, 0.01, allows" in str(told.value)
    assert "; the first is line 6: not JSON, not an object: fix the rows" in str(told.value)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("begin", [0, 30_000, 59_400])
def test_where_bad_rows_stand_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: int) -> None:
    """As many as are allowed, all behind one another."""
    monkeypatch.setattr("nano3.formats.source.LARGEST_BATCH_ROWS", 2000)
    raw = write_rows(tmp_path / "raw.jsonl", 60_000, {*range(begin, begin + 600)})
    assert len(tokenize(raw, tmp_path / "out", None, on_bad_row="skip")["facts"]["bad"]) == 600


@pytest.mark.parametrize(("share", "bad"), [(0.29, 29), (0.07, 7), (0.57, 57), (1, 100), (0, 0)])
def test_exactly_the_share_that_is_allowed_is_allowed(tmp_path: Path, share: float, bad: int) -> None:
    ends = (tmp_path / "train", tmp_path / "holdout", tmp_path / "receipt.json")
    raw = write_rows(tmp_path / "raw.jsonl", 100, {*range(bad)})
    tokenize_shard(raw, TOKENIZER, key(raw, None, on_bad_row="skip"), *ends, bad_rows_at_most=share)
    if bad < 100:
        raw = write_rows(tmp_path / "raw.jsonl", 100, {*range(bad + 1)})
        verb = "is" if bad == 0 else "are"
        with pytest.raises(TokenError, match=rf"{bad + 1} of 100 rows {verb} bad, .*, {share}, allows"):
            tokenize_shard(raw, TOKENIZER, key(raw, None, on_bad_row="skip"), *ends, bad_rows_at_most=share)


def test_the_only_row_of_a_shard_is_bad(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="1 of 1 row is bad, more than bad_rows_at_most"):
        tokenize(write_rows(tmp_path / "raw.jsonl", 1, {0}), tmp_path / "out", None, on_bad_row="skip")


def test_how_many_rows_may_be_bad_is_for_the_dataset_to_say(tmp_path: Path) -> None:
    raw = write_rows(tmp_path / "raw.jsonl", 10, {1, 2})
    ends = (tmp_path / "train", tmp_path / "holdout", tmp_path / "receipt.json")
    skip = key(raw, None, on_bad_row="skip")
    tokenize_shard(raw, TOKENIZER, skip, *ends, bad_rows_at_most=0.2)
    assert json.loads(ends[2].read_text())["facts"]["bad"] == [1, 2]
    with pytest.raises(TokenError, match=r"2 of 10 rows are bad, more than bad_rows_at_most, 0\.1, allows"):
        tokenize_shard(raw, TOKENIZER, skip, *ends, bad_rows_at_most=0.1)


@pytest.mark.parametrize(("document", "documents_of_it"), [("file", 1), ("line", 3)])
def test_plain_text_is_documents_as_the_dataset_says(tmp_path: Path, document: str, documents_of_it: int) -> None:
    (tmp_path / "raw.txt").write_text("one line\n\nanother\nlast\n")
    values = tokenize(tmp_path / "raw.txt", tmp_path, None, text_column=None, document=document, holdout=EVERYTHING)
    assert values["facts"]["documents"] == documents_of_it
    assert values["key"]["document"] == document


@pytest.mark.parametrize("dataset", ["tiny-code", "tiny-english"])
def test_tokenizing_never_imports_pandas(tmp_path: Path, dataset: str) -> None:
    shard = read_pins(dataset)[0]
    text = canonical_json(key(Path(shard.path), None, str(read_dataset(dataset).text_column)))
    command = [sys.executable, "-X", "importtime", "scripts/tokenize_shard.py", "--raw", shard.path, "--key", text]
    command += ["--tokenizer", str(TOKENIZER), "--receipt", str(tmp_path / "receipt.json")]
    command += ["--train", str(tmp_path / "train"), "--holdout", str(tmp_path / "holdout")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "pyarrow" in modules
    assert not {name for name in modules if name.partition(".")[0] == "pandas"}
