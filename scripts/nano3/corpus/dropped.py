"""
Which rows of a dataset did tokenizing drop, and why?

Receipts count them by reason, shards.tsv has a cell of that for each shard and index.json the sums, so plan, report and
the end of a run say the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import IndexFacts, IndexReceipt, ShardReceipt, read_receipt
from nano3.core.formatting import many
from nano3.corpus.shard_table import ShardEntry, ShardTableError, read_entries, shard_files

WORDS = {"no text": "without text", "empty": "empty", "too short": "too short", "bad row": "that can't be read"}
EXAMPLES = 3


def dropped_rows(dataset: str, facts: IndexFacts) -> str | None:
    """A sentence on the rows of a dataset that are in no pair; None if all are in one. facts: of its index."""
    reasons = ", ".join(_count(facts.dropped[reason], reason) for reason in _by_number(facts.dropped))
    return _sentence(dataset, facts.skipped, f"{many(facts.rows, 'row')}", reasons)


def dropped_rows_of(
    dataset: str, folder: Path, shards: Mapping[str, str], tokenized: Sequence[str], is_fresh: Callable[[str], bool]
) -> str | None:
    """
    The same at the end of a run, with the files that they are in; None if the run made nothing of the dataset, too.

    folder: of the dataset's tokens. shards: its raw files by the names of its shards. tokenized: shards that the run
    set out to tokenize. is_fresh: whether the run got as far. Unless it made all of them and the index, the sentence is
    on those that it made.
    """
    entries, what = _indexed(folder, tokenized), ""
    if entries is None:
        entries = [*_made(folder, filter(is_fresh, tokenized))]
        what = f" of {many(len(entries), 'shard')} that this run tokenized"
    by_reason: dict[str, Counter[str]] = {}
    for entry in entries:
        for reason, count in entry.reasons.items():
            by_reason.setdefault(reason, Counter())[Path(shards.get(entry.shard, entry.shard)).name] += count
    totals = {reason: files.total() for reason, files in by_reason.items()}
    reasons = ", ".join(
        f"{_count(totals[reason], reason)} ({_files(by_reason[reason])})" for reason in _by_number(totals)
    )
    skipped, rows = (sum(getattr(entry, name) for entry in entries) for name in ("skipped", "rows_read"))
    return _sentence(dataset, skipped, f"{many(rows, 'row')}{what}", reasons)


def _sentence(dataset: str, skipped: int, rows: str, reasons: str) -> str | None:
    if not skipped:
        return None
    return f"{dataset}: {skipped:,} of {rows} are in no pair{f': {reasons}' if reasons else ''}"


def _count(number: int, reason: str) -> str:
    return f"{number:,} {WORDS.get(reason, reason)}"


def _files(counts: Counter[str]) -> str:
    """The files with the most such rows, and how many others there are."""
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    more = [f"{len(most) - EXAMPLES:,} more files"] if len(most) > EXAMPLES else []
    return ", ".join([*(f"{file}: {count:,}" for file, count in most[:EXAMPLES]), *more])


def _by_number(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda reason: (-counts[reason], reason))


def _indexed(folder: Path, tokenized: Sequence[str]) -> list[ShardEntry] | None:
    """All shards as the dataset's index knows them; None if it does not know these as they are now."""
    try:
        digest = read_receipt(folder / "index.json", IndexReceipt).facts.shards.digest
        entries = read_entries(folder, digest)
    except (ReceiptError, ShardTableError):
        return None
    known = {entry.shard: entry for entry in entries}
    with shard_files(folder) as files:
        whole = all(
            name in known and files.are_as_noted(name, known[name].sizes, known[name].written) for name in tokenized
        )
    return entries if whole else None


def _made(folder: Path, names: Iterable[str]) -> Iterator[ShardEntry]:
    """Shards by their receipts."""
    for name in names:
        yield ShardEntry.of(name, read_receipt(folder / f"train/{name}.json", ShardReceipt), 0)
