"""Which shards share a job."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nano3.corpus.bundles import ALONE, BUNDLE_BYTES, FEWEST, Bundle, bundle_bytes, bundle_shards
from nano3.raw.datasets import Shard


def shards(sizes: list[int]) -> dict[str, Shard]:
    return {f"s{number:05}": Shard(f"s{number:05}", "", size, None, "") for number, size in enumerate(sizes)}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=50, max_size=200), st.integers(0, 1000))
def test_packs_hold_every_stale_shard_once_and_begin_and_end_with_one(drawn: list[tuple[int, bool]], size: int) -> None:
    every = shards([size for size, _ in drawn])
    stale = {name: "new" for name, (_, wanted) in zip(every, drawn, strict=True) if wanted}
    bundles = bundle_shards(every, stale, size)
    assert bool(bundles) == (len(stale) > ALONE)
    names = list(every)
    held = [name for bundle in bundles for name in names[bundle.begin : bundle.end] if name in stale]
    assert held == (list(stale) if bundles else [])
    for bundle in bundles:
        inside = [name for name in names[bundle.begin : bundle.end] if name in stale]
        assert inside[0] == names[bundle.begin]
        assert inside[-1] == names[bundle.end - 1]
        assert len(inside) == 1 or sum(every[name].bytes for name in inside) <= size
        assert Bundle.parse(str(bundle)) == bundle


def test_the_number_of_packs_follows_the_work() -> None:

    for sizes, most, expected in (([1000] * 400, 1000, FEWEST), ([BUNDLE_BYTES // 10] * 400, 1000, 40)):
        every = shards(sizes)
        assert len(
            bundle_shards(every, dict.fromkeys(every, ""), bundle_bytes(list(every.values()), most))
        ) == pytest.approx(expected, abs=5)
    huge = shards([BUNDLE_BYTES] * 5000)
    assert len(bundle_shards(huge, dict.fromkeys(huge, ""), bundle_bytes(list(huge.values()), 1000))) == 1000
