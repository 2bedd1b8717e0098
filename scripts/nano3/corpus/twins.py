"""
Have these tokens been made before, under another name? Then they are linked, not made again.

What decides a shard's tokens names neither its dataset nor itself: the same raw bytes, read alike, with the same
tokenizer, split and code, are the same tokens. So a dataset that is renamed, a file that is, and one that moves to
another dataset cost no tokenizing. The tables of all datasets of a tokenizer are looked through, the twin's bytes are
compared with its receipt, and its files get a second name; the receipt is the twin's, with the new paths.
"""

import inspect
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec

from nano3.artifact.digest import differences, digest_file
from nano3.artifact.receipt import Input, Output, ReceiptError
from nano3.artifact.steps import ShardKey, ShardReceipt, read_receipt
from nano3.corpus.certificates import certified_ancestors
from nano3.corpus.shard_table import made_with, read_lines, rows_cell
from nano3.formats.source import BAD_ROWS_AT_MOST
from nano3.tokens import tokenize_shard as making

MAKING = inspect.signature(making.tokenize_shard)


@wraps(making.tokenize_shard)
def tokenize_shard(*arguments: Any, **options: Any) -> None:  # noqa: D103 - that of the function that it wraps
    bound = MAKING.bind(*arguments, **options)
    bound.apply_defaults()
    if not link_twin(**{name: bound.arguments[name] for name in inspect.signature(link_twin).parameters}):
        making.tokenize_shard(*arguments, **options)


def link_twin(
    raw: Path,
    tokenizer: Path,
    key: ShardKey,
    train: Path,
    holdout: Path,
    receipt: Path,
    bad_rows_at_most: float = BAD_ROWS_AT_MOST,
) -> bool:
    """
    Whether the tokens of a shard were made before and now have these names, too.

    Arguments are those of tokenize_shard. A twin whose bytes are not what its receipt says is left alone, and so is one
    with more bad rows than this dataset allows.
    """
    for path in _twins(train.parent.parent, key):
        try:
            twin = read_receipt(str(path), ShardReceipt)
        except ReceiptError:
            continue
        ends = [f"{prefix}.{ending}" for prefix in (train, holdout) for ending in ("bin", "idx")]
        too_many_bad = len(twin.facts.bad) > Fraction(str(bad_rows_at_most)) * twin.facts.rows
        if path == receipt or too_many_bad or not _is_same(twin.key, key) or not _are_whole(twin.outputs):
            continue
        receipt.unlink(missing_ok=True)
        for output, end in zip(twin.outputs, ends, strict=True):
            _link(Path(output.path), Path(end))
        outputs = [msgspec.structs.replace(each, path=end) for each, end in zip(twin.outputs, ends, strict=True)]
        inputs = [Input("file", str(raw), key["sha256"]), Input("file", str(tokenizer), key["tokenizer"]["sha256"])]
        facts = msgspec.structs.replace(twin.facts, linked_from=str(path))
        msgspec.structs.replace(twin, inputs=tuple(inputs), outputs=tuple(outputs), facts=facts).write(receipt)
        return True
    return False


def _twins(folder: Path, key: ShardKey) -> Iterator[Path]:
    """Receipts of shards that were made from the same, by the tables of all datasets beside a folder of tokens."""
    settings = {name: value for name, value in key.items() if name not in {"sha256", "rows"}}
    codes = [key["code"], *sorted(certified_ancestors("tokenize_shard", key["code"]))]
    wanted = {(key["sha256"], rows_cell(key["rows"]), made_with({**settings, "code": code})) for code in codes}
    for table in sorted(folder.parent.glob("*/shards.tsv")):
        for name, *made_from in read_lines(table.parent):
            if tuple(made_from[:3]) in wanted:
                yield table.parent / "train" / f"{name}.json"


def _is_same(twin: ShardKey, key: ShardKey) -> bool:
    changes = differences(dict(twin), dict(key))
    return not changes or (
        changes.keys() == {"code"} and twin["code"] in certified_ancestors("tokenize_shard", key["code"])
    )


def _are_whole(outputs: Sequence[Output]) -> bool:
    try:
        return all(digest_file(Path(output.path)) == output.sha256 for output in outputs)
    except OSError:
        return False


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:99]}.") as folder:
        aside = Path(folder) / "linked"
        try:
            os.link(source, aside)
        except OSError:
            shutil.copyfile(source, aside)
        aside.replace(target)
