"""What is shown of a run? A row for each kind of artifact, and one for each segment that trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snakemake_logger_plugin_nano3.segment import Segment, Standing
from snakemake_logger_plugin_nano3.tally import Job, Kind, Tally
from snakemake_logger_plugin_nano3.time_left import ESTIMATED, Expectations, Expected, seconds_left


@dataclass(frozen=True)
class Row:
    """
    A kind of artifact. share: of its work that is done, 0 to 1. rate: in words, empty where not known. seconds: that
    are left; None if that is not known or not worth a word.
    """

    name: str
    done: int
    total: int
    failed: int
    running: int
    share: float
    rate: str
    seconds: float | None = None

    @property
    def left(self) -> str:
        """The time that is left, in words; empty where not known."""
        return about(self.seconds)

    @property
    def over(self) -> bool:
        """Whether all is made."""
        return self.done >= self.total

    @property
    def text(self) -> str:
        """Without its name: 3 of 7, 3.1 MB/s, about 12 s left."""
        failed = f"{self.failed} failed" if self.failed else ""
        return ", ".join(filter(None, [f"{self.done} of {self.total}", failed, self.rate, self.left]))


@dataclass(frozen=True)
class TrainingRow:
    """A segment that trains. standing: None before its first step."""

    name: str
    standing: Standing | None

    @property
    def text(self) -> str:
        """Without its name: step 12 of 80, loss 5.123, 11.9k tokens/s, about 40 s left."""
        from nano3.core.formatting import loss

        at = self.standing
        if at is None:
            return "no step yet"
        words = [f"step {at.step:,} of {at.steps:,}", f"loss {loss(at.loss)}", tokens_per_second(at.speed)]
        return ", ".join([*words, about(at.left) if at.step < at.steps else "measures validation losses, or saves"])


def rows(tally: Tally, expectations: Expectations, segments: Mapping[int, Segment], now: float) -> list[Row]:
    """A row for each kind that this run makes. segments: that train, by the number of their job."""
    return [
        _row(kind, expectations.of(kind), segments, now) for kind in tally.kinds.values() if kind.total or kind.failed
    ]


def training_rows(tally: Tally, segments: Mapping[int, Segment]) -> list[TrainingRow]:
    """A row for each segment that trains."""
    return [TrainingRow(job.name, segments[job.number].standing()) for job in tally.running if job.number in segments]


def seconds_of_run(tally: Tally, expectations: Expectations, shown: Sequence[Row]) -> float | None:
    """
    Seconds that the run takes still: of tokenizing and training, which come one after the other and are most of it.

    None if one of them is not estimated, or there is neither.
    """
    known = {row.name: row.seconds for row in shown}
    left: list[float | None] = []
    for kind in tally.kinds.values():
        if kind.name in ESTIMATED and not kind.over:
            whole = expectations.of(kind)
            before = whole.seconds if whole else None
            left.append(known[kind.name] if kind.began is not None else before)
    seconds = [each for each in left if each is not None]
    return sum(seconds) if seconds and len(seconds) == len(left) else None


def tokens_per_second(speed: float) -> str:
    """11.9k tokens/s."""
    from nano3.core.formatting import compact

    return f"{compact(speed)} tokens/s"


def about(seconds: float | None) -> str:
    """A time that is left: about 40 s left; nothing if it is not known."""
    from nano3.core.formatting import SPACE, duration

    if seconds is None:
        return ""
    rough = max(1.0, round(seconds) if seconds < 60 else round(seconds, -1))  # nobody knows it to a tenth of a second
    return f"about {duration(rough).replace(SPACE, ' ')} left"


def describe(job: Job) -> str:
    """A job as a person calls it: tokenize my-web/part-003."""
    return f"{job.kind} {job.name}".strip()


def _row(kind: Kind, whole: Expected | None, segments: Mapping[int, Segment], now: float) -> Row:
    if kind.name == "train":
        return _training(kind, whole, segments, now)
    amount = float(kind.bytes if whole and whole.amount else 0)
    counted = kind.name in ("download", "tokenize")
    left = seconds_left(kind, whole, amount, now) if counted else None
    share = min(1.0, amount / whole.amount) if whole and amount else kind.done / max(1, kind.total)
    return Row(kind.name, kind.done, kind.total, kind.failed, len(kind.running), share, _byte_rate(kind, now), left)


def _training(kind: Kind, whole: Expected | None, segments: Mapping[int, Segment], now: float) -> Row:
    stands = {number: segments[number].standing() for number in kind.running if number in segments}
    current = sum(at.step * segments[number].step_tokens for number, at in stands.items() if at)
    speed = sum(at.speed for at in stands.values() if at)
    done = sum(segment.tokens for number, segment in segments.items() if number not in kind.running) + current
    left = seconds_left(kind, whole, done, now)
    if whole and whole.amount and speed:  # what it does now says more than what it did
        left = max(0, whole.amount - done) / speed
    elif speed and kind.total == kind.done + len(kind.running):
        left = max(at.left for at in stands.values() if at)
    running = sum(at.step / at.steps for at in stands.values() if at)
    share = min(1.0, done / whole.amount) if whole and whole.amount else (kind.done + running) / max(1, kind.total)
    share = 1.0 if kind.over else share
    rate = tokens_per_second(speed) if speed else ""
    return Row(kind.name, kind.done, kind.total, kind.failed, len(kind.running), share, rate, left)


def _byte_rate(kind: Kind, now: float) -> str:
    from nano3.core.formatting import SPACE, size

    seconds = kind.seconds(now)
    return f"{size(round(kind.bytes / seconds)).replace(SPACE, ' ')}/s" if kind.bytes and seconds else ""
