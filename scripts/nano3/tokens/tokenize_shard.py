"""
One raw shard becomes a token pair, held-out documents and a receipt.

What decides a byte is nano3.tokens.pipeline. Here is what looks on and speaks for it: the raw file is digested, and
some documents are encoded again by the reference tokenizer, while the pipeline works; the receipt comes last.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import ShardFacts, ShardKey, ShardReceipt
from nano3.core.arrow import int64_values
from nano3.core.formatting import many
from nano3.formats.readers import TextSource, count_rows, look
from nano3.formats.source import BAD_ROWS_AT_MOST
from nano3.tokens.encoder import Encoder, Ids, Lengths
from nano3.tokens.pipeline import Batch, Observer, write_pairs
from nano3.tokens.reference_tokenizer import ReferenceTokenizer

LARGEST_CHECKED_CHARACTERS = 1_000_000
PACKAGES = ("gigatoken", "tokenizers", "pyarrow", "numpy", "awkward", "msgspec", "xxhash", "backports.zstd")


class TokenError(Nano3Error):
    """A shard can't be tokenized as asked."""


@dataclass(frozen=True)
class CheckedEncoder:
    """An encoder, and the reference that says whether its ids are right; None where that is what encodes."""

    encoder: Encoder
    reference: ReferenceTokenizer | None

    @classmethod
    @contextmanager
    def load(cls, file: Path, settings: Mapping[str, Any], engine: str, threads: int = 2) -> Iterator["CheckedEncoder"]:
        """Arguments are those of Encoder.load. The reference lives as long as the with block."""
        with ExitStack() as stack:
            started = None if engine == "tokenizers" else stack.enter_context(ReferenceTokenizer(file, settings))
            encoder = Encoder.load(file, settings, engine, threads)
            reference = started if encoder.is_fast else None
            for name, ids in (("bos_token", encoder.before), ("eos_token", encoder.after)):
                if reference and ids:
                    reference.confirm(settings[name], *ids)
            yield cls(encoder, reference)


def tokenize_shard(
    raw: Path,
    tokenizer: Path,
    key: ShardKey,
    train: Path,
    holdout: Path,
    receipt: Path,
    engine: str = "auto",
    checked_documents: int = 4,
    origin: str = "",
    threads: int = 2,
    bad_rows_at_most: float = BAD_ROWS_AT_MOST,
) -> None:
    """
    One raw shard becomes a Megatron pair for training, a pair of held-out documents, and a receipt.

    raw: the shard's file. tokenizer: its tokenizer.json. key: sha256 of the shard, rows to take (None: all), text
    column, token settings. train, holdout: prefixes of the two pairs; the second holds validation and test documents
    in row order, and the receipt says which row is which. engine: see Encoder.load; the ids are the same, which is
    checked for the first checked_documents and for some later ones, see checked_rows. origin: where raw came from, if
    it was downloaded; for the receipt. threads: how many processors to keep busy. bad_rows_at_most: share of the rows
    that may be bad, where bad rows are skipped.
    Raises TokenError if raw is not the file that was pinned or has too many bad rows, EncodeError or TextError for what
    can't be encoded, ReferenceTokenizerError for other ids than Hugging Face's.
    """
    with CheckedEncoder.load(tokenizer, key["tokenizer"], engine, threads) as encoder:
        tokenize(encoder, raw, tokenizer, key, train, holdout, receipt, checked_documents, origin, bad_rows_at_most)


def tokenize(
    checked: CheckedEncoder,
    raw: Path,
    tokenizer: Path,
    key: ShardKey,
    train: Path,
    holdout: Path,
    receipt: Path,
    checked_documents: int,
    origin: str,
    bad_rows_at_most: float = BAD_ROWS_AT_MOST,
) -> None:
    """tokenize_shard with an encoder that was loaded before."""
    run = Run(PACKAGES)
    with Watch(checked, raw, key, checked_documents, bad_rows_at_most) as watch:
        pairs = write_pairs(raw, checked.encoder, key, train, holdout, watch)
    rows = pairs.rows
    ShardReceipt.made(
        run,
        key=key,
        inputs=[Input("file", str(raw), key["sha256"]), Input("file", str(tokenizer), key["tokenizer"]["sha256"])],
        outputs=[Output(*file) for file in pairs.files],
        content=pairs.content,
        facts=ShardFacts(
            bytes_in=raw.stat().st_size,
            rows=pairs.train.documents + len(rows.valid) + len(rows.test) + len(rows.skipped),
            documents=pairs.train.documents,
            tokens=pairs.train.tokens,
            valid=rows.valid,
            test=rows.test,
            skipped=rows.skipped,
            bad=rows.bad,
            valid_bytes=watch.bytes_of(rows.valid),
            dropped={reason: len(numbers) for reason, numbers in rows.dropped.items()},
            **watch.facts(),
            origin=origin or str(raw),
        ),
    ).write(receipt)


class Watch(Observer):
    """
    Counts and times a shard on its way, digests its file, and has documents checked by the reference tokenizer.

    Inside its with block, an error of ours gives way to TokenError if the file is not the one that was pinned.
    """

    def __init__(
        self, checked: CheckedEncoder, raw: Path, key: ShardKey, checked_documents: int, bad_rows_at_most: float
    ) -> None:
        self.truncated = self.characters = self.special_tokens_in_text = 0
        self.exceptions = self.doubtful = 0
        self.lengths: Counter[int] = Counter()
        self.seconds: dict[str, float] = {}
        self._held_bytes: dict[int, int] = {}
        self._raw, self._sha256, self._documents = raw, key["sha256"], checked_documents
        self._key, self._bad_rows_at_most = key, Fraction(str(bad_rows_at_most))  # 0.29 * 100 is less than 29
        self._rows = 0
        self._bad: Sequence[int] = ()
        self._encoder, self._reference, self._checks = checked.encoder, checked.reference, list[Future[None]]()
        self._stack = ExitStack()

    def __enter__(self) -> "Watch":
        self._digest = self._stack.enter_context(ThreadPoolExecutor(1)).submit(self._digest_raw)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        with self._stack:
            if isinstance(error, Nano3Error):
                self._require_pinned()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block to a stage; stages overlap."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def read(self, batch: Batch) -> None:
        """Count characters, bytes of what is held out, and control tokens that are spelled out."""
        self.characters += pc.sum(pc.utf8_length(batch.texts)).as_py() or 0
        held = ~batch.training
        sizes = int64_values(pc.binary_length(batch.texts), null=0)[held]
        self._held_bytes.update(zip(batch.rows[held].tolist(), sizes.tolist(), strict=True))
        self.special_tokens_in_text += self._encoder.exceptions.control_tokens(batch.texts, batch.kinds)
        self.exceptions += int(batch.kinds.exceptions.sum())

    def rows_read(self, rows: int, bad: Sequence[int]) -> None:
        """Raises TokenError early if more rows are bad than all that are asked for allow."""
        self._rows, self._bad = rows, bad
        if len(bad) > self._bad_rows_at_most * rows:
            self._require_few_bad(self._all_rows, "at least " if rows < self._all_rows else "")

    def encoded(self, batch: Batch, ids: Ids, lengths: Lengths) -> None:
        """Have some documents encoded again: of all, and of those that are doubtful."""
        if self._reference is None:
            return
        ends = np.cumsum(lengths)
        chosen = checked_rows(batch.rows, self._documents, self._sha256)
        doubtful = np.flatnonzero(batch.kinds.doubtful)
        chosen[doubtful] |= checked_rows(self.doubtful + np.arange(len(doubtful)), self._documents, self._sha256)
        self.doubtful += len(doubtful)
        for place in np.flatnonzero(chosen).tolist():
            text = batch.texts[place].as_py()
            if len(text) <= LARGEST_CHECKED_CHARACTERS:
                document = ids[ends[place] - lengths[place] : ends[place]].tolist()
                self._checks.append(self._reference.check(text, document))

    def written(self, lengths: Lengths, truncated: int) -> None:
        """Count documents by tokens, under the next power of two."""
        self.truncated += truncated
        powers, counts = np.unique(np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64), return_counts=True)
        self.lengths.update(dict(zip((1 << powers).tolist(), counts.tolist(), strict=True)))

    def complete(self) -> None:
        """Raises TokenError for another file than was pinned or too many bad rows, ReferenceTokenizerError for ids."""
        self._require_pinned()
        self._require_few_bad(self._rows)
        for check in self._checks:
            check.result()

    def bytes_of(self, rows: Sequence[int]) -> int | None:
        """Bytes of the texts of these rows, which are held out; None where a text may be cut."""
        if self._key["tokenizer"].get("max_doc_tokens") is not None:
            return None
        return sum(self._held_bytes[row] for row in rows)

    def facts(self) -> dict[str, Any]:
        """For the receipt."""
        return {
            "truncated": self.truncated,
            "characters": self.characters,
            "special_tokens_in_text": self.special_tokens_in_text,
            "engine": "gigatoken" if self._encoder.is_fast else "tokenizers",
            "exceptions": self.exceptions if self._encoder.is_fast else 0,
            "checked": len(self._checks),
            "lengths": {str(size): count for size, count in sorted(self.lengths.items())},
            "seconds": {stage: round(seconds, 3) for stage, seconds in sorted(self.seconds.items())},
        }

    @cached_property
    def _all_rows(self) -> int:
        """Rows that are asked for; counted only where bad rows so far may be too many."""
        rows = self._key["rows"]
        return count_rows(self._raw, None, TextSource.of(self._key)) if rows is None else rows

    def _require_few_bad(self, rows: int, so_far: str = "") -> None:
        """rows: to which the bad ones are compared. so_far: at least, if there may be more bad ones."""
        bad = len(self._bad)
        if bad <= self._bad_rows_at_most * rows:
            return
        # Nobody noted what is wrong with the first one: a look says so.
        first = look(self._raw, TextSource.of(self._key), self._bad[0] + 1).first_bad
        raise TokenError(
            f"{self._raw}: {so_far}{bad:,} of {many(rows, 'row')} {'is' if bad == 1 else 'are'} bad, more than "
            f"bad_rows_at_most, {float(self._bad_rows_at_most):g}, allows; the first is {first}: "
            "fix the rows and pin the dataset again, or raise bad_rows_at_most in its description"
        )

    def _digest_raw(self) -> str:
        with self.stage("digest"):
            return digest_file(self._raw)

    def _require_pinned(self) -> None:
        if (digest := self._digest.result()) != self._sha256:
            raise TokenError(
                f"{self._raw}: SHA-256 is {digest}, pinned was {self._sha256}: if the file was meant to change, "
                "pin its dataset again (`nano3 pin NAME`); if not, restore it"
            )


def checked_rows(rows: npt.NDArray[np.int64], documents: int, sha256: str) -> npt.NDArray[np.bool_]:
    """
    Which of a batch's rows are checked, shape [rows]; the same for the same shard. rows: numbers, from 0 in the shard.

    Row r is with chance documents / (r + 1): always the first ones, and of any later rows from r to 2r about 0.7 times
    as many, so that nobody needs to know where the shard ends.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=np.bool_)
    draws = np.random.default_rng([int(sha256, 16), int(rows[0])]).random(len(rows))
    return draws < documents / (rows + 1)
