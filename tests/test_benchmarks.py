import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import corpus
import page
import planning
import planning_page
from process import measure
from tokenizing import cut


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


def test_ratios_are_to_the_faster_peer_and_to_the_floor_of_the_same_format() -> None:
    def result(name: str, seconds: float, text_bytes: int = 300_000_000) -> dict[str, object]:
        value = {"name": name, "format": "jsonl", "cores": 2, "text_bytes": text_bytes, "seconds": seconds}
        return value | {"best_seconds": seconds, "processor_seconds": seconds * 1.5, "peak_bytes": 10**9}

    seconds = {"megatron": 100.0, "datatrove": 50.0, "ours": 5.0, "floor": 2.0}
    results = {f"{name} jsonl 2 300000000": result(name, taken) for name, taken in seconds.items()}
    results["bundle jsonl 2 1000000000"] = result("bundle", 5.0, 1_000_000_000)
    lines = page.table(results).splitlines()
    ours, bundle = (
        next(line for line in lines if line.startswith(f"| tokenize_{what}")) for what in ("shard", "bundle")
    )
    assert ours.endswith("| 7.5 | 60.0 | 1000 | 10.0× (10.0×) | 0.40 |")
    assert bundle.endswith("| 1,000 | 5.00 (5.00) | 7.5 | 200.0 | 1000 | 33.3× (33.3×) |  |")
    warm = {"tokenize": {"seconds": 1.8}, "encode": {"seconds": 1.25}, "decode": {"seconds": 1.0}}
    of_pack, of_shard, floor = page.goals({"results": results, "warm": [warm]}).splitlines()
    assert "met by tokenize_bundle on 1,000 MB, 33.3× by wall time" in of_pack
    assert "missed by tokenize_shard on 300 MB, 10.0× by wall time" in of_shard
    assert "met, at best 0.56×; gigatoken alone, its text in memory, has 0.80×" in floor


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
