"""Time for tests: nobody waits, and what would have been waited is noted."""

from dataclasses import dataclass, field

import pytest

from nano3.core import retry


@dataclass
class Waits:
    """Seconds that would have been waited, one after the other."""

    seconds: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.seconds)


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Let a wait take no time, and the clock move by it."""
    waits = Waits()
    monkeypatch.setattr(retry, "CLOCK", retry.Clock(now=lambda: waits.total, sleep=waits.seconds.append))
    return waits
