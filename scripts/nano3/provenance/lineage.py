"""
Which receipts does an artifact depend on? Its closure, back to the indexes of its datasets; for their shards see
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
    """A receipt names an artifact whose content has changed since."""


def closure(receipt: Path) -> Receipts:
    """
    All receipts that an artifact depends on, by path, nearest first; an index stands for those of its dataset's shards.

    Raises LineageError if a receipt names an artifact whose content has changed since.
    """
    receipts = {str(receipt): read_receipt(receipt)}
    queue = [str(receipt)]
    while queue:
        user = queue.pop(0)
        if isinstance(receipts[user], IndexReceipt):
            continue
        for source in receipts[user].inputs:
            path = source.path
            if source.kind != "receipt":
                continue
            if path not in receipts:
                receipts[path] = read_receipt(path)
                queue.append(path)
            check(user, source, receipts[path])
    return receipts


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
    """A short digest that names it."""
    return short(digest_json(software))


def dataset_of_index(path: str) -> str:
    """The dataset of an index."""
    return Path(path).parent.name


def check(user: str, source: Input, receipt: Receipt[Any, Any]) -> None:
    """Raises LineageError unless a receipt has the content that `user`, another receipt's path, was built from."""
    if receipt.content != source.digest:
        raise LineageError(
            f"{user}: was built from another version of {source.path}: rebuild it with `snakemake {user}`"
        )
