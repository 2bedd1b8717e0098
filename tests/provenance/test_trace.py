"""Recipe tiny, traced: the trace of a step is what training read, and rows lead to steps and back."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tokenizers
import zstandard

from nano3.artifact.steps import read_receipt
from nano3.provenance.trace import Piece, Row, TracedSegment, TraceError, segments, trace_row, trace_steps
from tests.conftest import House

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(quick_house: House, monkeypatch: pytest.MonkeyPatch) -> list[TracedSegment]:
    monkeypatch.chdir(quick_house.root)
    (checkpoints,) = Path("results/checkpoints").iterdir()
    return segments(checkpoints)


def every_piece(trained: list[TracedSegment]) -> list[Piece]:
    return list(trace_steps(trained, 0, trained[-1].steps.stop - 1, text=True))


def raw_texts(path: str) -> list[str]:
    """A raw file's texts, read without any of our code."""
    if path.endswith(".parquet"):
        return list(pq.read_table(path).column("text").to_pylist())
    data = Path(path).read_bytes()
    lines = gzip.decompress(data) if path.endswith(".gz") else zstandard.ZstdDecompressor().stream_reader(data).read()
    rows = [json.loads(line) for line in lines.decode().splitlines()]
    return [row.get("text", row.get("content")) for row in rows]


def test_a_steps_pieces_are_what_training_read(
    trained: list[TracedSegment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from megatron.core.transformer.moe.moe_utils import get_moe_layer_wise_logging_tracker

    from nano3.training.samples import TrainSamples
    from nano3.training.segment import train_segment

    get_moe_layer_wise_logging_tracker().clear()  # of another test's network in this process

    first, read = trained[0], []
    plain = TrainSamples.read

    def recorded(samples: TrainSamples, place: Any) -> Any:
        tokens = plain(samples, place)
        read.append(tokens[:-1].tolist())
        return tokens

    monkeypatch.setattr(TrainSamples, "read", recorded)
    inputs = {read_receipt(source.path).step: Path(source.path) for source in first.receipt.inputs}
    train_segment(
        first.spec,
        first.phase,
        first.name,
        inputs["write_blend"].with_name("blend.json"),
        inputs["write_blend"],
        inputs["build_index_cache"],
        [],
        tmp_path / "weights",
        tmp_path / "receipt.json",
        tmp_path / "metrics.jsonl",
        evaluation_tokens=1024,
        layout={"micro_batch_tokens": 2048, "threads": 2},
        threads=2,
        save_interval=1000,
        attempt=1,
    )
    assert len(read) == first.count * first.size
    decoder = tokenizers.Tokenizer.from_file("resources/tiny/tokenizer/tokenizer.json")
    pieces: dict[int, list[Piece]] = defaultdict(list)
    for piece in trace_steps(trained, first.first, first.steps.stop - 1, text=True):
        pieces[(piece.step - first.first) * first.size + piece.sequence].append(piece)
    for number, tokens in enumerate(read):
        assert sum(piece.tokens for piece in pieces[number]) == len(tokens)
        for piece in pieces[number]:
            own = tokens[piece.position : piece.position + piece.tokens]
            assert decoder.decode(own, skip_special_tokens=False) == piece.text


def test_a_pieces_text_stands_in_its_raw_row(trained: list[TracedSegment]) -> None:
    texts: dict[str, list[str]] = {}
    for piece in every_piece(trained):
        document = texts.setdefault(piece.raw, raw_texts(piece.raw))[piece.row_index] + "</s>"
        assert piece.text is not None
        assert piece.text.strip("\N{REPLACEMENT CHARACTER}") in document  # a piece may begin inside a character


def test_rows_lead_to_the_steps_that_held_them_and_nowhere_else(trained: list[TracedSegment]) -> None:
    pieces: dict[tuple[str, str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for piece in every_piece(trained):
        pieces[piece.dataset, piece.shard, piece.row_index].append(
            (piece.step, piece.sequence, piece.token, piece.tokens)
        )
    fates = set()
    for shard, rows in (("set-mm-01", 60), ("set-mm-00", 40)):
        for row in range(rows):
            trace = trace_row(trained, "tiny-math", shard, row)
            fates.add(trace.fate)
            where = [(each.step, each.sequence, each.token, each.tokens) for each in trace.occurrences]
            assert where == sorted(pieces.get(("tiny-math", shard, row), []))
            assert trace.fate == "training" or not where
    assert {"training", "valid"} <= fates


def test_a_file_is_named_by_shard_or_by_path(trained: list[TracedSegment]) -> None:
    rows: list[Row] = [
        trace_row(trained, "tiny-math", file, 5)
        for file in ("set-mm-01", "set-mm-01.jsonl.gz", "resources/tiny/math/set-mm-01.jsonl.gz")
    ]
    assert rows[0] == rows[1] == rows[2]


def test_what_does_not_exist_is_named(trained: list[TracedSegment]) -> None:
    with pytest.raises(TraceError, match="step 999: not among the steps that were trained, 0 to"):
        list(trace_steps(trained, 999, 999))
    with pytest.raises(TraceError, match="dataset novels: no segment was trained on it: name one of: tiny-code,"):
        trace_row(trained, "novels", "a", 0)
    with pytest.raises(
        TraceError, match=r"elsewhere: no shard with tokens of tiny-math: name a shard, e\.g\. set-mm-00"
    ):
        trace_row(trained, "tiny-math", "elsewhere", 0)
    with pytest.raises(TraceError, match=r"row 100000: resources/tiny/math/set-mm-01\.jsonl\.gz has rows 1 to \d+,"):
        trace_row(trained, "tiny-math", "set-mm-01", 99_999)
    with pytest.raises(TraceError, match=r"^row 0: .* has rows 1 to \d+, counted from 1$"):
        trace_row(trained, "tiny-math", "set-mm-01", -1)
    with pytest.raises(TraceError, match="no trained segments: name a trained recipe"):
        segments(Path("results/checkpoints/other"))
