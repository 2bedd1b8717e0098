"""Tokenize the stale shards of a bundle, one after the other, in one process."""

from pathlib import Path
from typing import cast

from nano3 import Nano3Error
from nano3.artifact.files import write_json
from nano3.artifact.steps import BundleKey, ShardKey, ShardSettings
from nano3.core.answers import RemoteError
from nano3.corpus.bundles import Bundle
from nano3.corpus.freshness import shard_reason
from nano3.corpus.twins import link_twin
from nano3.formats.source import BAD_ROWS_AT_MOST
from nano3.raw.datasets import raw_file, read_dataset, read_pins, sampled, shards_digest
from nano3.raw.download import download_shard
from nano3.tokens.tokenize_shard import CheckedEncoder, tokenize


class BundleError(Nano3Error):
    """Some shards of a bundle can't be tokenized; the others were."""


def tokenize_bundle(
    bundle: str,
    pins: Path,
    tokenizer: Path,
    key: BundleKey,
    folder: Path,
    done: Path,
    sample: int = 0,
    keep_raw: int = 1,
    engine: str = "auto",
    checked_documents: int = 4,
    threads: int = 2,
    bad_rows_at_most: float = BAD_ROWS_AT_MOST,
) -> None:
    """
    Make of each shard of a bundle what tokenize_shard makes of it. Fresh shards are skipped; tokens that
    another dataset has are linked, see nano3.corpus.twins.

    bundle: its name, see nano3.corpus.bundles. pins: the dataset's pinned shards. tokenizer: its tokenizer.json. key:
    what decides all shards' tokens alike, and `shards`, the digest of what was planned. folder: of the dataset's
    tokens. done: the file to write when all is well. sample: rows taken of the dataset. keep_raw: 0 deletes downloads
    that were tokenized. threads: how many processors to keep busy. bad_rows_at_most: see tokenize_shard. A shard that
    can't be tokenized does not stop the others; a server that does not come back does. Raises BundleError with all that
    failed.
    """
    name = pins.stem
    dataset, taken = read_dataset(name, pins.parent), sampled(read_pins(name, pins.parent), sample, name)
    if shards_digest(taken) != key["shards"]:
        raise BundleError(f"{pins}: changed while the graph was running: run snakemake again")
    shared = cast(ShardSettings, {part: value for part, value in key.items() if part != "shards"})
    interval, faults, made = Bundle.parse(bundle), [], 0
    with CheckedEncoder.load(tokenizer, shared["tokenizer"], engine, threads) as checked:
        for shard, rows in taken[interval.begin : interval.end]:
            whole: ShardKey = {**shared, "sha256": shard.sha256, "rows": rows}
            if shard_reason(folder, shard.name, whole) is None:
                continue
            raw = Path(raw_file(name, dataset, shard))
            train, holdout = folder / "train" / shard.name, folder / "holdout" / shard.name
            origin = dataset.origin(shard.path)
            try:
                receipt = train.with_name(f"{shard.name}.json")
                ends = (train, holdout, receipt)
                if link_twin(raw, tokenizer, whole, *ends, bad_rows_at_most):
                    made += 1
                    continue
                if dataset.remote and not raw.exists():
                    download_shard(origin, shard.sha256, shard.bytes, raw)
                tokenize(checked, raw, tokenizer, whole, *ends, checked_documents, origin, bad_rows_at_most)
                made += 1
                if dataset.remote and not keep_raw:
                    raw.unlink()
            except (Nano3Error, OSError) as error:
                faults.append(str(error))
                if isinstance(error, RemoteError) and error.outage:
                    break
    if faults:
        raise BundleError(f"{len(faults)} of {made + len(faults)} shards failed:\n" + "\n".join(faults))
    write_json(done, {"bundle": bundle, "made": made})
