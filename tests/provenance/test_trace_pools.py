"""Rows of shards that are shorter than a sample lead to the steps that read them, and steps to their rows."""

from collections import defaultdict
from pathlib import Path

import pytest

from nano3.artifact.receipt import Input, Run
from nano3.artifact.steps import LossRange, SegmentFacts, SegmentReceipt, ShardReceipt, Spec
from nano3.provenance.trace import TracedSegment, TraceError, segments, trace_row, trace_steps
from nano3.sampling.sampler import realized
from nano3.training.samples import TrainSamples
from nano3.training.spec import SAMPLES_SINCE
from tests.mixture import Mixture
from tests.receipts import SHARD_KEY, SPEC, receipt_input, shard_facts

LENGTH, BATCH, STEPS = 10, 4, 12
SHARDS = {f"shard_{number:02}": [3, 4] for number in range(40)} | {"long": [30, 30, 30], "tail": [2]}


def trained(folder: Path, version: int = SAMPLES_SINCE) -> tuple[Mixture, list[TracedSegment]]:
    """A segment of some epochs over short shards, by receipts alone; the first row of each shard was skipped."""
    mixture = Mixture(folder, SHARDS, block=20)
    for name, lengths in SHARDS.items():
        ShardReceipt.made(
            Run(),
            key=SHARD_KEY,
            inputs=[Input("file", f"raw/{name}.jsonl", "0" * 64), Input("file", "tokenizer.json", "1" * 64)],
            outputs=[],
            content=name,
            facts=shard_facts(rows=len(lengths) + 1, documents=len(lengths), tokens=sum(lengths), skipped=[0]),
        ).write(Path(f"{mixture.prefix(name)}.json"))
    mixture.build(mixture.key(length=LENGTH, samples=STEPS * BATCH))
    spec: Spec = {
        **SPEC,
        "numerics_version": version,
        "seed": 7,
        "steps": {"first": 0, "count": STEPS, "first_token": 0},
        "batch": {"global_batch_size": BATCH, "sequence_length": LENGTH},
        "data": mixture.data(),
    }
    facts = SegmentFacts(
        phase="phase1",
        segment="only",
        checkpoint="",
        steps=STEPS,
        tokens=0,
        tokens_seen=0,
        loss=LossRange(1.0, 1.0),
        mixture=realized({"many": 1.0}, {"many": STEPS * BATCH}),
        ledger={},
        seconds_of_steps=1.0,
        parameters=1,
        validation={},
    )
    receipt = folder / "checkpoints/phase1/only/receipt.json"
    inputs = [receipt_input(path) for path in (mixture.blend_receipt, mixture.index_cache)]
    SegmentReceipt.made(Run(), key=spec, inputs=inputs, outputs=[], content="weights", facts=facts).write(receipt)
    return mixture, segments(folder / "checkpoints")


def test_a_steps_pieces_are_the_documents_that_training_reads(tmp_path: Path) -> None:
    mixture, traced = trained(tmp_path)
    folders = {name: str(stream.folder) for name, stream in traced[0].streams.items()}
    samples = TrainSamples(mixture.blend, folders, mixture.data(), LENGTH, STEPS * BATCH, 7)
    read: dict[int, list[int]] = defaultdict(list)
    for piece in trace_steps(traced, 0, STEPS - 1):
        number = piece.step * BATCH + piece.sequence
        assert piece.position == len(read[number])
        assert piece.raw == f"raw/{piece.shard}.jsonl"
        assert piece.token + piece.tokens <= SHARDS[piece.shard][piece.row_index - 1]
        read[number] += [list(SHARDS).index(piece.shard)] * piece.tokens
    assert [read[number] for number in range(STEPS * BATCH)] == [
        samples[number]["tokens"].tolist() for number in range(STEPS * BATCH)
    ]


def test_rows_lead_to_the_steps_that_read_them_and_nowhere_else(tmp_path: Path) -> None:
    _, traced = trained(tmp_path)
    pieces: dict[tuple[str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for piece in trace_steps(traced, 0, STEPS - 1):
        pieces[piece.shard, piece.row_index].append((piece.step, piece.sequence, piece.token, piece.tokens))
    for shard, lengths in SHARDS.items():
        assert trace_row(traced, "many", shard, 0).fate == "skipped"
        for row in range(1, len(lengths) + 1):
            occurrences = trace_row(traced, "many", shard, row).occurrences
            where = [(each.step, each.sequence, each.token, each.tokens) for each in occurrences]
            assert where == sorted(pieces.get((shard, row), []))
    assert {shard for shard, _ in pieces} == set(SHARDS)


def test_samples_of_before_pools_are_not_traced_as_if_they_lay_here(tmp_path: Path) -> None:
    _, traced = trained(tmp_path, version=SAMPLES_SINCE - 1)
    with pytest.raises(TraceError, match=r"^phase1/only: was trained when samples were read in another order \(numer"):
        list(trace_steps(traced, 0, 0))
    with pytest.raises(TraceError, match="trace it with the commit of its receipt"):
        trace_row(traced, "many", "long", 1)
