"""A segment stops early for a signal or near its time limit, and its status says for which."""

import os
import signal

import pytest

from nano3.cluster.preemption import OUT_OF_TIME, STOP_AT, Preempted, Preemption


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_noted_and_the_handler_put_back(number: signal.Signals, status: int) -> None:
    before, preemption = signal.getsignal(number), Preemption()
    with preemption.listening():
        assert preemption.wanted == 0
        os.kill(os.getpid(), number)
        assert preemption.wanted == status
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_ends_at_once() -> None:
    with Preemption().listening():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(SystemExit, match="130"):
            os.kill(os.getpid(), signal.SIGINT)


def test_past_its_time_a_sigterm_means_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STOP_AT, "0")
    preemption = Preemption()
    with preemption.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        assert preemption.wanted == OUT_OF_TIME


def test_the_reason_is_told() -> None:
    assert str(Preempted(OUT_OF_TIME, 12)) == "its time limit is near; saved at step 12"
    assert Preempted(143, 12).code == 143
