"""Numbers as people write them."""

import pytest

from nano3.core.formatting import (
    MINUS,
    compact,
    duration,
    listed,
    loss,
    many,
    moment,
    percent,
    points,
    rate,
    signed,
    size,
    skipped,
)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (compact(999), "999"),
        (compact(999_999), "1M"),
        (compact(25e12), "25T"),
        (size(999_999), "1 MB"),
        (duration(0.003), "3 ms"),
        (duration(59.97), "1 min"),
        (duration(3599.8), "1 h"),
        (duration(200), "3 min 20 s"),
        (rate(3e-5), f"3e{MINUS}5"),
        (rate(5.3e-4), f"5.3e{MINUS}4"),
        (signed(-0.0196), f"{MINUS}0.020"),
        (signed(0.0001), "±0.000"),
        (points(0.0052), "+0.52"),
        (percent(0.25), "25.0 %"),
        (loss(4.9571), "4.957"),
        (loss(None), "–"),
        (skipped({128: 3, 1024: 21}, 1000), "2.1 % at 1,024, 0.3 % at 128"),
        (skipped({}, 0), ""),
        (many(1, "shard"), "1 shard"),
        (many(12_000, "shard"), "12,000 shards"),
        (moment("2026-01-02T03:04:05.678+00:00"), "2026-01-02 03:04:05 UTC"),
    ],
)
def test_numbers_read_well(written: str, wanted: str) -> None:
    assert written.replace("\N{NARROW NO-BREAK SPACE}", " ") == wanted


def test_a_long_list_ends_with_a_count() -> None:
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed([*"abcdefghij"]) == "a, b, c and 7 more"
