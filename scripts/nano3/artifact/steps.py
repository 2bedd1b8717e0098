"""
What decides each step, and what does it count? One model of key and facts for each rule that writes a receipt.

A key is a JSON value, compared and digested as one; facts decide nothing. A new fact needs a default and a new key must
be NotRequired, so older receipts stay readable; any other change raises the SCHEMA of its receipt, and older ones are
refused by name. A test fails if a model changes without its schema.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeVar, cast, get_args, overload

import msgspec

from nano3.artifact.receipt import Receipt, ReceiptError, SchemaError


class HoldoutKey(TypedDict):
    """Fractions of the documents that are kept out of training."""

    valid: float
    test: float


class ShardSettings(TypedDict):
    """
    What decides the tokens of all shards of a dataset alike. tokenizer: the recipe's settings and `sha256`.
    text_column, document, on_bad_row: see nano3.formats.source; the last two where they are not the default.
    """

    tokenizer: dict[str, Any]
    holdout: HoldoutKey
    text_column: str | None
    document: NotRequired[Literal["file", "line"]]
    on_bad_row: NotRequired[Literal["fail", "skip"]]
    code: str


class ShardKey(ShardSettings):
    """All that decides a shard's tokens. sha256: of the raw file. rows: to read of it; None: all."""

    sha256: str
    rows: int | None


class BundleKey(ShardSettings):
    """What decides the tokens of a bundle's shards. shards: digest of the dataset's shards."""

    shards: str


class ShardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    A shard in numbers. bytes_in: of the raw file. rows: of it. documents, tokens: of the training pair. valid, test,
    skipped: rows that are not training documents. dropped: rows by reason. bad: skipped rows that can't be read as
    text. valid_bytes: of the validation documents' texts; None if documents may be cut, or older receipts do not say.
    truncated: documents that were cut. lengths: documents by tokens, counted under the next power of two. engine:
    gigatoken or tokenizers. exceptions: documents that gigatoken left to tokenizers. checked: documents that were
    encoded again. seconds: by stage; stages overlap. origin: where the raw file came from. linked_from: the receipt of
    the same tokens under another name, if these are linked to them; then origin, seconds and run are of those.
    """

    rows: int
    documents: int
    tokens: int
    valid: list[int]
    test: list[int]
    skipped: list[int]
    bytes_in: int = 0
    dropped: dict[str, int] = {}
    bad: list[int] = []
    valid_bytes: int | None = None
    truncated: int = 0
    characters: int = 0
    special_tokens_in_text: int = 0
    lengths: dict[str, int] = {}
    engine: str = ""
    exceptions: int = 0
    checked: int = 0
    seconds: dict[str, float] = {}
    origin: str = ""
    linked_from: str = ""


class ShardReceipt(Receipt[ShardKey, ShardFacts], frozen=True, kw_only=True, tag="tokenize_shard"):
    """A raw shard's token pair, and the pair of its held-out documents: outputs in this order, .bin before .idx."""


class IndexKey(TypedDict):
    """The shards (a digest of names, raw bytes and rows), the rows of a sample, and the code that merges them."""

    shards: str
    sample: int
    code: str


class ShardsDigest(msgspec.Struct, frozen=True):
    """Number of a dataset's shards, and the digest of their tokens."""

    count: int
    digest: str


class SplitCount(msgspec.Struct, frozen=True):
    """A dataset's validation or test set."""

    tokens: int
    documents: int


class IndexFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    A dataset in numbers. tokens, documents: of training. rows: of the raw shards. skipped: rows in no pair. dropped:
    these by reason; empty if older receipts do not say.
    """

    tokens: int
    documents: int
    rows: int
    skipped: int
    shards: ShardsDigest
    valid: SplitCount
    test: SplitCount
    dropped: dict[str, int] = {}


class IndexReceipt(Receipt[IndexKey, IndexFacts], frozen=True, kw_only=True, tag="index_dataset"):
    """A dataset's index. inputs: receipts of its shards in catalogue order. outputs: its validation and test pair."""


class BlendKey(TypedDict):
    """What decides a phase's shares, see nano3.config.mixture, and the folder of the tokens."""

    mixture: dict[str, float]
    tokens: str
    code: str
    categories: NotRequired[dict[str, Any]]
    phase_tokens: NotRequired[int]
    max_epochs: NotRequired[dict[str, float | None]]
    earlier: NotRequired[list[dict[str, Any]]]
    over_cap: NotRequired[str]


class BlendedDataset(msgspec.Struct, frozen=True):
    """A dataset's share of a phase's samples, and its size."""

    share: float
    tokens: int
    documents: int


class BlendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A blend in numbers. datasets: by name. pairs: by split."""

    datasets: dict[str, BlendedDataset]
    pairs: dict[str, int]


class BlendReceipt(Receipt[BlendKey, BlendFacts], frozen=True, kw_only=True, tag="write_blend"):
    """A phase's blend.json. Its content is that of weights and the pairs' bytes, so a moved folder changes nothing."""


class SegmentData(TypedDict):
    """
    What a segment reads. blend: content of its phase's blend. shares: of the samples, by dataset. block_tokens: tokens
    of a shuffle block. first_sample: its first sample among the phase's. consumed: of each dataset's stream before it,
    as [tokens of a sample, samples].
    """

    blend: str
    shares: dict[str, float]
    block_tokens: int
    first_sample: int
    consumed: dict[str, list[list[int]]]


class SegmentSamples(TypedDict):
    """The samples of a segment. length: tokens of each."""

    data: SegmentData
    length: int
    samples: int


class IndexCacheKey(TypedDict):
    """The samples that a phase's segments consume of its datasets' streams."""

    segments: list[SegmentSamples]
    seed: int
    code: str


class IndexCacheFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    By dataset: folder of its document orders, epochs in use, number of pairs and of the pools that they form; skipped:
    tokens of an epoch that are in no sample, by tokens of a sample.
    """

    folders: dict[str, str]
    epochs: dict[str, list[int]]
    pairs: dict[str, int]
    pools: dict[str, int] = {}
    skipped: dict[str, dict[int, int]] = {}


class IndexCacheReceipt(Receipt[IndexCacheKey, IndexCacheFacts], frozen=True, kw_only=True, tag="build_index_cache"):
    """A phase's index cache. Its files lie in results/streams, because phases and recipes share them."""


class Steps(TypedDict):
    """first: steps before the segment. first_token: tokens before it."""

    first: int
    count: int
    first_token: int


class BatchSize(TypedDict):
    """Sequences of an optimizer step, and tokens of a sequence."""

    global_batch_size: int
    sequence_length: int


class Spec(TypedDict):
    """All that decides what a segment computes, see nano3.training.spec. before: digest of the spec before it."""

    numerics_version: int
    model: dict[str, Any]
    optimizer: dict[str, Any]
    precision: str
    seed: int
    learning_rate: dict[str, Any]
    steps: Steps
    batch: BatchSize
    data: SegmentData
    before: str | None


class LossRange(msgspec.Struct, frozen=True):
    """Training loss of a segment's first and last step, in nats per token."""

    first: float
    last: float


class RealizedMixture(msgspec.Struct, frozen=True):
    """
    The consumed mixture beside its target. target: shares. samples: by dataset. largest_deviation: between the two
    shares of any dataset. allowed: the deviation that rounding explains.
    """

    target: dict[str, float]
    samples: dict[str, int]
    largest_deviation: float
    allowed: float


class SegmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    A trained segment in numbers. checkpoint: folder of its weights. steps, tokens_seen: from the beginning of training.
    tokens: of the segment. validation: loss by dataset, `after` it and, in a phase's first segment, `before` it.
    skipped_validation: tokens of the validation sets that are shorter than a sample, by dataset. evaluation_tokens: of
    each set, most that were measured; 0 if older receipts do not say. ledger: samples
    consumed of each dataset so far, as [tokens of a sample, samples]. ranks, gpus, layout: how the work was laid out.
    attempts: number of them.
    """

    phase: str
    segment: str
    checkpoint: str
    steps: int
    tokens: int
    tokens_seen: int
    loss: LossRange
    mixture: RealizedMixture
    ledger: dict[str, list[list[int]]]
    seconds_of_steps: float
    parameters: int
    validation: dict[str, dict[str, float]]
    ranks: int = 1
    gpus: int = 0
    layout: dict[str, Any] = {}
    attempts: int = 1
    skipped_validation: dict[str, int] = {}
    evaluation_tokens: int = 0


class SegmentReceipt(Receipt[Spec, SegmentFacts], frozen=True, kw_only=True, tag="train_segment"):
    """A segment's checkpoint and its metrics. Its content is the digest of the weights alone."""


class ExportKey(TypedDict):
    """
    What accompanies the weights: digests of the tokenizer's files, and tokens of the longest training sequence. tokens:
    the recipe's `bos` and `eos`.
    """

    tokenizer: dict[str, str]
    longest_sequence: int
    code: str
    tokens: NotRequired[dict[str, str]]


class LogitCheck(msgspec.Struct, frozen=True):
    """Difference of the exported model's logits from the trained one's, its tolerance, and the tokens compared."""

    largest_difference: float
    tolerance: float
    tokens: int


class ExportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The check of an export."""

    logits: LogitCheck


class ExportReceipt(Receipt[ExportKey, ExportFacts], frozen=True, kw_only=True, tag="export_hf"):
    """The last checkpoint for Hugging Face transformers, with its manifest."""


class LineageKey(TypedDict):
    """How receipts become provenance."""

    code: str


class LineageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A lineage in numbers: entities, activities and agents of W3C PROV, and shards in its table."""

    entity: int
    activity: int
    agent: int
    shards: int


class LineageReceipt(Receipt[LineageKey, LineageFacts], frozen=True, kw_only=True, tag="write_lineage"):
    """The lineage of an export."""


class ReportKey(TypedDict):
    """The report's recipe, code and template."""

    recipe: str
    code: str
    template: str


class ReportFacts(msgspec.Struct, frozen=True):
    """None: a report counts nothing of its own."""


class ReportReceipt(Receipt[ReportKey, ReportFacts], frozen=True, kw_only=True, tag="write_report"):
    """The passport of a training: one page."""


StepReceipt = (
    ShardReceipt
    | IndexReceipt
    | BlendReceipt
    | IndexCacheReceipt
    | SegmentReceipt
    | ExportReceipt
    | LineageReceipt
    | ReportReceipt
)
MODELS: dict[str, type[Receipt[Any, Any]]] = {kind.__struct_config__.tag: kind for kind in get_args(StepReceipt)}

R = TypeVar("R", bound=Receipt[Any, Any])


class _Envelope(msgspec.Struct):
    """The fields of every step's receipt. Receipts older than schemas have schema 0."""

    step: str
    content: str
    key: dict[str, msgspec.Raw]
    schema: int = 0


@overload
def read_receipt(path: Path | str) -> StepReceipt: ...
@overload
def read_receipt(path: Path | str, kind: type[R]) -> R: ...
def read_receipt(path: Path | str, kind: Any = StepReceipt) -> Any:
    """
    A receipt, typed. kind: the model that it must be of; by default that of any step.

    Raises ReceiptError, with the remedy, if it is missing, damaged, of another step or of another schema.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ReceiptError(f"{path}: no such receipt: build it with `snakemake {path}`") from None
    try:
        receipt = msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise _refusal(path, data, kind, str(error)) from None
    if receipt.schema != receipt.SCHEMA or (_required(cast(Any, type(receipt))) - receipt.key.keys()):
        raise _refusal(path, data, kind, "its key is incomplete")
    return receipt


@overload
def receipt_or_none(path: Path | str) -> StepReceipt | None: ...
@overload
def receipt_or_none(path: Path | str, kind: type[R]) -> R | None: ...
def receipt_or_none(path: Path | str, kind: Any = StepReceipt) -> Any:
    """As read_receipt; None if it is missing, damaged, of another step or of another schema."""
    try:
        return read_receipt(path, kind)
    except ReceiptError:
        return None


def is_damaged(path: Path | str) -> bool:
    """True if the file exists but is not a valid receipt."""
    try:
        read_receipt(path)
    except ReceiptError:
        return Path(path).exists()
    return False


@cache
def _required(kind: type[Receipt[Any, Any]]) -> frozenset[str]:
    """Required names of a step's key."""
    key, _ = get_args(cast(Any, kind).__orig_bases__[0])
    return frozenset(key.__required_keys__)


def _refusal(path: Path | str, data: bytes, kind: Any, reason: str) -> ReceiptError:
    """Why data is not a receipt of a kind, with the remedy. reason: for a receipt of the right step and schema."""
    remedy = f"delete it and build it again with `snakemake {path}`"
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except msgspec.MsgspecError:
        return ReceiptError(f"{path}: not a receipt: {remedy}")
    steps = [*MODELS] if kind is StepReceipt else [kind.__struct_config__.tag]
    if envelope.step not in steps:
        return ReceiptError(f"{path}: a receipt of {envelope.step}, not of {' or '.join(steps)}: {remedy}")
    schema = MODELS[envelope.step].SCHEMA
    if envelope.schema != schema:
        age = "an older" if envelope.schema < schema else "a newer"
        versions = f"schema {envelope.schema} of {envelope.step}, this one reads {schema}"
        return SchemaError(f"{path}: written by {age} version ({versions}): {remedy}")
    return ReceiptError(f"{path}: a damaged receipt of {envelope.step} ({reason}): {remedy}")
