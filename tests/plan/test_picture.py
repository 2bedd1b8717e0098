"""The plan as a picture."""

import itertools
from pathlib import Path

from tests.plan.conftest import plan


def test_a_picture_of_many_datasets_has_a_line_for_each_and_stays_readable(bare: Path) -> None:
    from nano3.plan.picture import picture

    names = [f"corpus-{number:02}" for number in range(30)]
    for name in names:
        for ending in ("yaml", "tsv"):
            Path(f"config/datasets/{name}.{ending}").write_bytes(
                Path(f"config/datasets/tiny-math.{ending}").read_bytes()
            )
    drawn = picture(plan(what_if={f"phases.phase1.mixture.{name}": 1 for name in names}))
    boxes = [each for each in drawn.boxes if each.box.title in names]
    assert len(boxes) == 30
    assert all(above.bottom < below.y for above, below in itertools.pairwise(boxes))
    assert drawn.height < 1500
