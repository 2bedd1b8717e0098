"""
The closure of receipts from an artifact back to the indexes of its datasets; for their shards see
nano3.provenance.shard_records.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json, short
from nano3.artifact.receipt import Input, Receipt
from nano3.artifact.steps import IndexReceipt, StepReceipt, read_receipt

Receipts = dict[str, StepReceipt]


class LineageError(Nano3Error):
    """Receipts do not fit together."""


def closure(receipt: Path) -> Receipts:
    """
    All receipts that an artifact stands on, by path, nearest first; an index stands for those of its dataset's shards.

    Raises LineageError where a receipt names an artifact that is not there any more in that form.
    """
    found = {str(receipt): read_receipt(receipt)}
    waiting = [str(receipt)]
    while waiting:
        user = waiting.pop(0)
        if isinstance(found[user], IndexReceipt):
            continue
        for source in found[user].inputs:
            path = source.path
            if source.kind != "receipt":
                continue
            if path not in found:
                found[path] = read_receipt(path)
                waiting.append(path)
            check(user, source, found[path])
    return found


def software_of(receipt: Receipt[Any, Any]) -> dict[str, Any]:
    """What made an artifact: commit, code digest, container, versions. Many artifacts share it."""
    run = receipt.run
    return {
        "git": run.git and {"commit": run.git.commit, "dirty": run.git.dirty},
        "code": receipt.key.get("code"),
        "container": run.container,
        "packages": run.packages | {"python": run.python},
    }


def software_name(software: Mapping[str, Any]) -> str:
    """A short name for it."""
    return short(digest_json(software))


def dataset_of_index(path: str) -> str:
    """The dataset that an index is of."""
    return Path(path).parent.name


def check(user: str, source: Input, receipt: Receipt[Any, Any]) -> None:
    """Raises LineageError if a receipt is not the one that `user`, another receipt's path, was made from."""
    if receipt.content != source.digest:
        raise LineageError(
            f"{user}: was made from another content of {source.path}: build it again with `snakemake {user}`"
        )
