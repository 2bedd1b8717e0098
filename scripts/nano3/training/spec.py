"""
When must a segment be trained again? When its spec has changed.

A spec holds all that affects the numerics of a segment up to its end: the model, the optimizer, the data (by the digest
of the blend's content, and by what was consumed of its datasets' streams before), the learning-rate curve so far,
batch, seed, precision and the segment before it. It does not hold the machine, its layout, the folder of the weights or
anything that happens after the segment's end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nano3.artifact.digest import differences, digest_json
from nano3.artifact.steps import BlendReceipt, SegmentReceipt, Spec
from nano3.config.recipe import Recipe

# Raise it when a change to the training code changes what is computed: everything is then trained again. The code
# itself is in no key, because weeks of a cluster must not depend on how a line is written.
NUMERICS_VERSION = 3
OTHER_TOKENS = "the tokens of its datasets"
SAMPLES_SINCE = 3  # the first version whose samples lie where nano3.sampling finds them today


@dataclass(frozen=True)
class ScheduledSegment:
    """
    A segment's place in the whole training, counted in optimizer steps, tokens and samples.

    first_step, first_token: steps and tokens of earlier segments. first_sample: its first sample among the phase's.
    """

    phase: str
    segment: str
    steps: int
    global_batch_size: int
    sequence_length: int
    first_step: int
    first_token: int
    first_sample: int

    @property
    def samples(self) -> int:
        """Sequences of the segment."""
        return self.steps * self.global_batch_size

    @property
    def tokens(self) -> int:
        """Tokens of the segment."""
        return self.samples * self.sequence_length

    @property
    def last_step_token(self) -> int:
        """Tokens trained on before its last step, whose learning rate is that of this token."""
        return self.last_token - self.global_batch_size * self.sequence_length

    @property
    def last_token(self) -> int:
        """Tokens trained on when it ends, from the beginning of training."""
        return self.first_token + self.tokens


def scheduled_segments(recipe: Recipe) -> list[ScheduledSegment]:
    """
    All segments in the order of training.

    A segment ends with the step nearest to its target, counted from the beginning of training, so rounding never adds
    up: the tokens of the whole differ from the recipe's by less than a batch. Every segment has at least one step.
    """
    out: list[ScheduledSegment] = []
    step = token = target = sample = 0
    for phase, name, segment, batch, length in recipe.segments():
        if out and out[-1].phase != phase:
            sample = 0
        target += segment.tokens
        steps = max(1, round((target - token) / (batch * length)))
        out.append(ScheduledSegment(phase, name, steps, batch, length, step, token, sample))
        step, token, sample = step + steps, out[-1].last_token, sample + out[-1].samples
    return out


@dataclass(frozen=True)
class PhaseBlend:
    """A phase's blend. content: of its receipt. shares: of the samples, by dataset, as it was blended."""

    content: str
    shares: Mapping[str, float]

    @classmethod
    def of(cls, receipt: BlendReceipt) -> "PhaseBlend":
        """The blend of a receipt."""
        return cls(receipt.content, {name: blended.share for name, blended in receipt.facts.datasets.items()})


def segment_specs(recipe: Recipe, blends: Mapping[str, PhaseBlend]) -> dict[tuple[str, str], Spec]:
    """Specs by phase and segment, as far as blends are known. blends: of the first phases of the recipe."""
    from nano3.sampling.sampler import consumed_samples, consumed_with  # imports numpy, which planning avoids

    specs: dict[tuple[str, str], Spec] = {}
    before: Spec | None = None
    consumed: dict[str, list[list[int]]] = {}
    for scheduled in scheduled_segments(recipe):
        if scheduled.phase not in blends:
            break
        blend = blends[scheduled.phase]
        before = {
            "numerics_version": NUMERICS_VERSION,
            "model": recipe.model.model_dump(),
            "optimizer": recipe.optimizer.model_dump(),
            "precision": recipe.train.precision,
            "seed": recipe.train.seed,
            "learning_rate": curve_until(recipe, scheduled),
            "steps": {"first": scheduled.first_step, "count": scheduled.steps, "first_token": scheduled.first_token},
            "batch": {"global_batch_size": scheduled.global_batch_size, "sequence_length": scheduled.sequence_length},
            "data": {
                "blend": blend.content,
                "shares": dict(blend.shares),
                "block_tokens": recipe.train.block_tokens,
                "first_sample": scheduled.first_sample,
                "consumed": {name: entries for name, entries in consumed.items() if name in blend.shares},
            },
            "before": digest_json(before) if before else None,
        }
        specs[scheduled.phase, scheduled.segment] = before
        samples = consumed_samples(blend.shares, recipe.train.seed, scheduled.first_sample, scheduled.samples)
        consumed = consumed_with(consumed, samples, scheduled.sequence_length)
    return specs


def why_trained(receipt: SegmentReceipt | None, spec: Spec, shares: Mapping[str, float] | None) -> str | None:
    """
    Why a segment has to be trained, in words; None if its receipt is that of its spec.

    receipt: of the segment as it was trained; None if it is missing. shares: of the phase's datasets; None if they
    are not known.
    """
    if receipt is None:
        return "it has no receipt"
    changes = differences(dict(receipt.key), dict(spec))
    reasons = [
        f"{key}: {was} is now {now}"
        for key, (was, now) in changes.items()
        if key != "before" and not key.startswith("data.")
    ]
    moves = _moves(receipt.facts.mixture.target, shares) if shares else ""
    if moves or "data.blend" in changes:
        reasons.insert(0, f"its blend changed, in {moves or OTHER_TOKENS}")
    if "before" in changes:
        reasons.append("the segment before it is trained again")
    return "; ".join(reasons) or None


def _moves(before: Mapping[str, float], shares: Mapping[str, float]) -> str:
    """The changed shares, in words."""
    pairs = [(name, before.get(name, 0.0), shares.get(name, 0.0)) for name in sorted({*before, *shares})]
    return ", ".join(
        f"the share of {name} ({was:.4g} is now {now:.4g})" for name, was, now in pairs if not math.isclose(was, now)
    )


def curve_until(recipe: Recipe, scheduled: ScheduledSegment) -> dict[str, Any]:
    """The learning rate up to the end of a segment, in tokens; the decay appears only once it has begun."""
    constant = recipe.phases[scheduled.phase].learning_rate
    if constant is not None:
        return {"constant": constant}
    curve = recipe.learning_rate
    rate: dict[str, Any] = {"peak": curve.peak, "warmup_tokens": curve.warmup_tokens}
    decay_from = recipe.curve_tokens - curve.decay_tokens
    if curve.decay_tokens and scheduled.last_step_token > decay_from:
        rate["decay"] = {
            "from_token": decay_from,
            "tokens": curve.decay_tokens,
            "floor": curve.floor,
            "style": curve.decay_style,
        }
    return rate
