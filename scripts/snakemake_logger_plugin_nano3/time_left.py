"""How long will it take still? From what receipts measured, as the plan says it, and from the run so far."""

import threading
from dataclasses import dataclass
from typing import Any

from snakemake_logger_plugin_nano3.tally import Kind

ESTIMATED = ("tokenize", "train")  # the kinds that the plan knows the time of
TRUSTED = 0.2  # share of the work after which the run's own rate says more than receipts


@dataclass(frozen=True)
class Expected:
    """
    What a kind's jobs amount to. jobs: that the rest is of. amount: raw bytes to tokenize or tokens to train on.
    seconds: of one process, or of all GPUs side by side; None if nothing was measured.
    """

    jobs: int
    amount: int
    seconds: float | None


class Expectations:
    """The plan's estimate of this run, by kind of artifact. It is made beside the run: nothing waits for it."""

    def __init__(self) -> None:
        self.kinds: dict[str, Expected] = {}

    def ask(self, workflow: Any) -> None:
        """Begin to estimate. workflow: a nano3.graph.workflow.Workflow."""
        threading.Thread(target=self._estimate, args=[workflow], daemon=True).start()

    def _estimate(self, workflow: Any) -> None:
        from nano3 import Nano3Error

        try:
            self.kinds = expected(workflow.request, workflow.survey)
        except (Nano3Error, OSError):
            return  # what is wrong is told by what stops for it

    def of(self, kind: Kind) -> Expected | None:
        """What all jobs of a kind amount to; the plan's, in proportion, if the run makes only a part of it."""
        whole = self.kinds.get(kind.name)
        if whole is None or not whole.jobs:
            return None
        part = kind.total / whole.jobs
        return Expected(kind.total, round(whole.amount * part), None if whole.seconds is None else whole.seconds * part)


def expected(request: Any, survey: Any) -> dict[str, Expected]:
    """The plan's estimate of everything that a recipe asks for. survey: the shards of a dataset as they are judged."""
    from nano3.graph.nodes import settle
    from nano3.graph.state import read_state
    from nano3.plan.estimate import estimate

    state = read_state(request, survey)
    settle(state.nodes, state.nodes[-2:])
    cost = estimate(state, state.nodes, 1)
    kinds: dict[str, Expected] = {}
    if cost.tokenizing:
        kinds["tokenize"] = Expected(cost.tokenizing.shards, cost.tokenizing.bytes, cost.tokenizing.seconds)
    parts = [part for part in (cost.training, cost.perhaps) if part]
    if parts:
        known = [part.seconds / max(1, part.gpus) for part in parts if part.seconds is not None]
        seconds = sum(known) if len(known) == len(parts) else None
        kinds["train"] = Expected(sum(part.segments for part in parts), sum(part.tokens for part in parts), seconds)
    return kinds


def seconds_left(kind: Kind, whole: Expected | None, amount_done: float, now: float) -> float | None:
    """
    Seconds until a kind is made; None if nothing says so yet.

    whole: of the plan. amount_done: bytes or tokens of it so far, running jobs included. now: of the tally's clock.
    """
    if kind.over or kind.began is None:
        return None
    share = amount_done / whole.amount if whole and whole.amount else kind.done / kind.total
    took = kind.seconds(now)
    if whole and whole.seconds is not None and share < TRUSTED:
        return max(0.0, 1 - share) * whole.seconds / (1 if kind.name == "train" else max(1, kind.most))
    return took / share * max(0.0, 1 - share) if share else None
