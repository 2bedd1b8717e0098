"""
Which shards of a dataset have to be tokenized, and why?

A shard is fresh when its files are there with the sizes that were written, and it was made from the bytes that are
pinned now, with today's settings and code, or with code that is certified to make the same bytes (see
nano3.corpus.certificates). Its receipt says so. For all shards at once the dataset's shards.tsv does: a line whose
files have the sizes, and whose receipt the time, that were noted is believed; any other shard's receipt is read. So a
touched or copied tree costs some reading and rebuilds nothing, and nothing is skipped that a receipt would not prove.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nano3.artifact.digest import differences
from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import ShardReceipt, read_receipt
from nano3.corpus.certificates import certified_ancestors
from nano3.corpus.shard_table import CONTENT, INDEX_FILES, TOKENS, made_with, read_lines, rows_cell, shard_files
from nano3.raw.datasets import Shard

NEW = "not made yet"
WORDS = {"sha256": "raw bytes changed", "rows": "another number of rows", "code": "tokenizing code changed"}


@dataclass(frozen=True)
class Survey:
    """
    The state of a dataset's tokens. stale: why each shard that must be made is, in catalogue order. behind: why the
    index must be made again though no shard has to be; None if it need not. relisted: whether its shards.tsv lists
    other shards than there are to be. certified: how many fresh shards were made by other code than today's, by its
    digest.
    """

    stale: Mapping[str, str]
    behind: str | None
    certified: Mapping[str, int]
    relisted: bool = False
    came: Sequence[str] = ()
    gone: Sequence[str] = ()


class _Judgement(NamedTuple):
    """Of a shard by its receipt. stale: why; None if it is fresh, and then its content and the code that made it."""

    stale: str | None
    content: str = ""
    code: str = ""


def survey(
    folder: Path, wanted: Mapping[str, tuple[Shard, int | None]], settings: Mapping[str, Any], trust: bool = True
) -> Survey:
    """
    The state of a dataset's tokens.

    folder: of the dataset's tokens. wanted: the shards by name, with the rows to take. settings: the key of its shards
    but for sha256 and rows. trust: believe shards.tsv; otherwise every receipt is read.
    """
    codes = {made_with({**settings, "code": code}): code for code in _accepted(settings["code"])}
    believed: dict[str, str] = {}
    indexed: dict[str, str] = {}
    with shard_files(folder) as files:
        for line in read_lines(folder):
            name, sha256, cell, made, _, _, *sizes = line[:10]
            indexed[name] = line[CONTENT]
            shard, rows = wanted.get(name, (None, None)) if trust and made in codes else (None, None)
            pinned = shard and sha256 == shard.sha256 and cell == rows_cell(rows)
            if pinned and files.are_as_noted(name, sizes, line[-1]):
                believed[name] = made
    certified = Counter({codes[made]: count for made, count in Counter(believed.values()).items()})
    stale: dict[str, str] = {}
    others = 0
    for name, (shard, rows) in wanted.items():
        if name not in believed:
            judgement = _judge(folder, name, {**settings, "sha256": shard.sha256, "rows": rows})
            if judgement.stale:
                stale[name] = judgement.stale
            else:
                certified[judgement.code] += 1
                others += indexed.get(name) != judgement.content
    del certified[settings["code"]]
    other_list = list(indexed) != list(wanted)
    behind = [
        *(f"{name} is missing" for name in INDEX_FILES if not (folder / name).is_file()),
        *(["the list of shards changed"] if other_list else []),
        *([f"{others} of its shards were made again"] if others else []),
    ]
    relisted = bool(indexed) and other_list
    came, gone = _moved(folder, wanted) if relisted else ([], [])
    return Survey(stale, behind[0] if behind else None, dict(certified), relisted, came, gone)


def _moved(folder: Path, wanted: Mapping[str, tuple[Shard, int | None]]) -> tuple[list[str], list[str]]:
    """Names of shards that are wanted and not in shards.tsv, and the other way round; not where the bytes are known."""
    listed = {line[0]: (line[1], line[TOKENS]) for line in read_lines(folder)}
    pinned = {shard.sha256 for shard, _ in wanted.values()}
    known = {sha256 for sha256, _ in listed.values()}
    came = [
        name
        for name, (shard, _) in wanted.items()
        if name not in listed and shard.sha256 not in known and shard.rows != 0
    ]
    lost = {name: line for name, line in listed.items() if name not in wanted}
    return came, [name for name, (sha256, tokens) in lost.items() if sha256 not in pinned and tokens != "0"]


def shard_reason(folder: Path, name: str, key: Mapping[str, Any]) -> str | None:
    """Why a shard has to be tokenized, by its receipt alone; None if it is fresh. key: all that decides its tokens."""
    return _judge(folder, name, key).stale


def _accepted(code: str) -> Iterable[str]:
    """Digests of the code that makes the bytes that this code makes."""
    return [code, *sorted(certified_ancestors("tokenize_shard", code))]


def _judge(folder: Path, name: str, key: Mapping[str, Any]) -> _Judgement:
    # Strings, because a first plan comes here 100,000 times.
    train = f"{folder}/train/{name}"
    files = [f"{prefix}.{ending}" for prefix in (train, f"{folder}/holdout/{name}") for ending in ("bin", "idx")]
    try:
        receipt = read_receipt(f"{train}.json", ShardReceipt)
    except ReceiptError:
        remains = any(map(os.path.exists, (f"{train}.json", *files)))
        return _Judgement("its receipt is missing or damaged" if remains else NEW)
    changes = differences(receipt.key, dict(key))
    if changes.keys() == {"code"} and receipt.key.get("code") in _accepted(key["code"]):
        changes = {}
    if changes:
        reasons = (WORDS.get(what, f"{what}: {was} is now {now}") for what, (was, now) in changes.items())
        return _Judgement("; ".join(reasons))
    for file, output in zip(files, receipt.outputs, strict=True):
        size = os.path.getsize(file) if os.path.exists(file) else None
        if size != output.bytes:
            kind = f"{'training' if file.startswith(train) else 'held-out'} .{file[-3:]}"
            return _Judgement(f"{kind} is missing" if size is None else f"{kind} has another size than was written")
    return _Judgement(None, receipt.content, receipt.key["code"])
