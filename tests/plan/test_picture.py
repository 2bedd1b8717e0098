"""The plan as a picture."""

import itertools
from pathlib import Path

from nano3.plan.picture import picture
from tests.plan.conftest import pin_again, plan


def test_a_picture_of_many_datasets_has_a_line_for_each_and_stays_readable(bare: Path) -> None:
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


def test_signs_and_words_tell_the_state_of_every_box_and_edges_what_comes_along_them(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    drawn = picture(plan())
    lines = {each.box.title: (each.box.lines[0], each.box.state) for each in drawn.boxes}
    assert lines["tiny-math"] == ("↻ 1 of 3 shards will be made again", "stale")
    assert lines["tiny-code"] == ("✓ 3 shards fresh", "fresh")
    assert lines["phase2"] == ("↻ will be made again", "stale")
    assert lines["phase2/anneal"] == ("? if bytes change", "conditional")
    states = {(edge.start.name, edge.end.name): edge.state for edge, _ in drawn.edges}
    assert states["tiny-math", "phase2"] == "stale"
    assert states["tiny-code", "phase2"] == "fresh"
    assert states["phase2", "phase2/anneal"] == "conditional"
