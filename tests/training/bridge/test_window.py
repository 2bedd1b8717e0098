"""A segment's samples, numbered from the beginning of training."""

from typing import Any

import pytest

from nano3.training.bridge.window import Window
from tests.training.recipes import RECIPES, segments


def test_a_window_is_the_segments_own_samples() -> None:
    class Segment:
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"sample": index}

    window = Window(Segment(), before=816, count=16)
    assert [window[index]["sample"] for index in (816, 831)] == [0, 15]
    assert len(window) == 833
    for outside in (815, 832, 0):
        with pytest.raises(IndexError, match=f"sample {outside} is not of this segment: 816 to 832"):
            window[outside]


def test_windows_of_all_segments_meet_without_gap() -> None:
    until = 0
    for spec, parallel_plan, before in segments(RECIPES["uneven"]):
        assert before == until
        until = before + spec["steps"]["count"] * parallel_plan.batch
