import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import comparing
import corpus
import page
import planning
import planning_page
from nano3.tokens.indexed_dataset import Pair, PairReader, PairWriter, read_lengths, token_dtype
from process import measure
from tokenizing import cut

TOKENIZER = Path("resources/tiny/tokenizer/tokenizer.json")
END_ID = 2


def test_messages_of_a_catalogue_are_its_translations() -> None:
    catalogue = (
        'msgid ""\nmsgstr ""\n"Language: es\\n"\n\nmsgid "say \\"hi\\""\nmsgstr "di \\"hola\\""\n\n#~ msgstr "old"\n'
    )
    assert list(corpus.translations(catalogue.encode())) == ["Language: es\n", 'di "hola"']


def test_descriptions_lose_their_tags() -> None:
    service = {"shapes": {"A": {"documentation": "<p>One &amp; <b>two</b></p>", "type": "string"}}}
    for data in (json.dumps(service).encode(), gzip.compress(json.dumps(service).encode())):
        assert list(corpus.descriptions(data)) == ["One & two"]


def test_a_slice_has_the_first_rows_and_counts_their_text(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps({"text": "é" * 10, "row": row}) + "\n" for row in range(9)), encoding="utf-8")
    assert cut(lines, tmp_path / "slices", parts=2, text_bytes=50) == 60
    rows = [[json.loads(row)["row"] for row in part.open()] for part in sorted((tmp_path / "slices").iterdir())]
    assert rows == [[0, 2], [1]]


def test_a_process_costs_what_it_and_its_children_hold(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(100_000_000); time.sleep(0.5)"
    parent = f"import subprocess, sys; held = bytearray(100_000_000); subprocess.run([sys.executable, '-c', {hold!r}])"
    cost = measure([sys.executable, "-c", parent], 1, tmp_path / "log", [])
    assert cost.peak_bytes > 200_000_000
    assert cost.seconds > 0.5


def test_a_process_that_fails_ends_the_benchmark_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such shard"):
        measure([sys.executable, "-c", "raise SystemExit('no such shard')"], 1, tmp_path / "log", [])


def test_a_run_replaces_the_lines_between_its_marks_and_no_others() -> None:
    before = f"# Page\n{page.BEGIN}\nold\n{page.END}\nrest\n"
    assert page.with_section(before, "new") == before.replace("old", "new")
    assert page.with_section(Path("docs/benchmarks.md").read_text(encoding="utf-8"), "new").count("new\n<!--") == 1


def result(name: str, seconds: float, text_bytes: int = 300_000_000, peak_bytes: int = 10**9) -> dict[str, Any]:
    value = {"name": name, "format": "jsonl", "cores": 2, "text_bytes": text_bytes, "seconds": seconds}
    return value | {"best_seconds": seconds, "processor_seconds": seconds * 1.5, "peak_bytes": peak_bytes}


def test_ratios_are_to_the_fastest_peer_on_the_same_text_and_to_the_floor_of_the_same_format() -> None:
    measured = [
        result("megatron", 100.0),
        result("megatron-fast", 10.0, peak_bytes=2 * 10**9),
        result("ours", 5.0),
        result("floor", 2.0),
        result("megatron-fast", 20.0, 10**9, peak_bytes=7 * 10**9),
        result("bundle", 8.0, 10**9),
        result("datatrove", 25.0, 10**8),
    ]
    results = {f"{each['name']} jsonl 2 {each['text_bytes']}": each for each in measured}
    rows = {name: line for name in page.NAMES.values() for line in page.table(results).splitlines() if name in line}
    assert rows["tokenize_shard"].endswith("| 7.5 | 60.0 | 1000 | 2.0× (2.0×) | 0.40 |")
    assert rows["tokenize_bundle"].endswith("| 1,000 | 8.00 (8.00) | 12.0 | 125.0 | 1000 | 2.5× (2.5×) |  |")
    assert rows["Megatron-LM's older way"].endswith("| 0.1× (0.1×) | 0.02 |")
    assert rows["datatrove"].endswith("|  |  |"), "nobody else was given its text"
    of_shard, of_bundle = page.against_peers(results).splitlines()
    assert "tokenize_shard, 300 MB of text: 2.0× (2.0×) from .jsonl; 1.0 GB" in of_shard
    assert of_shard.endswith("where Megatron-LM's newer way takes 2.0 GB.")
    assert of_bundle.endswith("2.5× (2.5×) from .jsonl; 1.0 GB of memory where Megatron-LM's newer way takes 7.0 GB.")


def test_ratios_by_wall_time_and_by_processor_seconds_may_be_to_different_peers() -> None:
    measured = [
        result("megatron", 10.0) | {"processor_seconds": 40.0},
        result("megatron-fast", 20.0) | {"processor_seconds": 20.0},
        result("ours", 5.0) | {"processor_seconds": 5.0},
    ]
    results = {each["name"]: each for each in measured}
    assert page.table(results).splitlines()[-1].endswith("| 2.0× (4.0×) |  |")


def test_a_warm_process_is_held_to_its_goal() -> None:
    warm = {"tokenize": {"seconds": 1.8}, "encode": {"seconds": 1.25}, "decode": {"seconds": 1.0}}
    assert "met, at best 0.56×; gigatoken alone, its text in memory, has 0.80×" in page.goal([warm])
    assert "missed, at best 0.25×" in page.goal([warm | {"tokenize": {"seconds": 4.0}}])


def pair_of(prefix: Path, documents: list[list[int]]) -> Pair:
    with PairWriter(Pair(prefix), token_dtype(4096)) as writer:
        lengths = np.array([len(document) for document in documents])
        writer.add(np.array([token for document in documents for token in document], dtype=np.uint32), lengths)
    return Pair(prefix)


def test_a_peer_may_differ_where_a_text_spells_out_a_control_token_and_nowhere_else(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("plain", "</s> inside")))
    theirs = pair_of(tmp_path / "theirs", [[5, 6, 2], [7, 8, 9, 2]])
    parsing = pair_of(tmp_path / "parsing", [[5, 6, 2], [2, 9, 2]])
    assert comparing.parsed_documents(parsing, theirs, lines, TOKENIZER) == 1
    wrong = pair_of(tmp_path / "wrong", [[5, 7, 2], [2, 9, 2]])
    with pytest.raises(SystemExit, match="document 0 differs"):
        comparing.parsed_documents(wrong, theirs, lines, TOKENIZER)
    short = pair_of(tmp_path / "short", [[5, 6, 2]])
    with pytest.raises(SystemExit, match="1 documents where"):
        comparing.parsed_documents(short, theirs, lines, TOKENIZER)


def test_pairs_end_to_end_are_compared_with_one(tmp_path: Path) -> None:
    whole = pair_of(tmp_path / "whole", [[5, 6, 2], [7, 2], [8, 2]])
    parts = [pair_of(tmp_path / "one", [[5, 6, 2]]), pair_of(tmp_path / "two", [[7, 2], [8, 2]])]
    comparing.same_documents(parts, whole)
    with pytest.raises(SystemExit, match="not the documents of"):
        comparing.same_documents(parts[::-1], whole)
    with pytest.raises(SystemExit, match="not the bytes of"):
        comparing.same_files(parts[0], whole, "from .jsonl")


@pytest.mark.slow
def test_megatrons_newer_way_writes_what_its_older_way_writes(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    texts = ["One document.", "é 日本語\n", "spells </s> out", "a" * 5000]
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    for program, rest in (("megatron_peer.py", ["1"]), ("megatron_fast_peer.py", [])):
        prefix = tmp_path / program / "train"
        prefix.parent.mkdir()
        command = [sys.executable, f"benchmarks/{program}", str(lines), str(TOKENIZER), str(END_ID), str(prefix), *rest]
        measure(command, 1, tmp_path / "log", [])
    newer, older = (Pair(tmp_path / program / "train") for program in ("megatron_fast_peer.py", "megatron_peer.py"))
    assert comparing.parsed_documents(newer, older, lines, TOKENIZER) == 1
    spelled = list(PairReader.open(newer).documents())[2].tolist()
    assert spelled.count(END_ID) == 2, "the tool parses it, and so does the peer"
    assert [len(document) for document in PairReader.open(newer).documents()] == read_lengths(newer)[0].tolist()


@pytest.mark.slow
def test_planning_is_measured_on_a_catalogue_that_is_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "FOLDER", tmp_path)
    monkeypatch.setattr(planning, "REPEATS", 1)
    results = planning.run([50])
    found = {(result.case, result.tool) for result in results}
    house = planning.House(tmp_path / "50", 50)
    assert found == {(case, tool) for case, _, tools in planning.cases(house) for tool in tools}
    assert all(result.seconds > 0 and result.cpu >= 0 and result.peak > 10 for result in results)
    for path in (house.root / house.tokens / name for name in planning.INDEX):
        assert path.stat().st_size, "what a case takes away, it puts back"
    rows = [asdict(result) for result in results]
    assert planning_page.table(rows).count("| nano3 |") == sum(result.tool == "nano3" for result in results) == 7
    planning_page.plot(rows, tmp_path / "plan.svg")
    assert "nano3, nothing changed" in (tmp_path / "plan.svg").read_text()
    over = planning.missed([planning.Result(100_000, "nothing changed", "nano3", 6.0, 5.5, 100, 0.5)])
    assert over == ["nothing changed, 6.0 s (5.5 of the processor) and 100 MB where 5 s and 300 MB are the goal"]
