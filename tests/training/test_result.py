"""What both trainers ask of a segment's task and leave in its receipt."""

import pytest

from nano3.training.attempts import TrainingError
from nano3.training.segment import train_segment
from tests.training.conftest import Corpus, trained


def test_another_blend_than_planned_is_refused(corpus: Corpus) -> None:
    spec = corpus.spec()
    other = spec | {"data": spec["data"] | {"blend": "0" * 64}}
    arguments = corpus.arguments("refused", other, index_cache=corpus.indexed(spec))
    with pytest.raises(TrainingError, match="changed since the segment was planned"):
        train_segment(**arguments)


@pytest.mark.slow
def test_weights_trained_again_are_the_same_artifact(corpus: Corpus) -> None:
    contents = [trained(corpus.arguments(name, corpus.spec(steps=3)))["content"] for name in ("once", "twice")]
    assert contents[0] == contents[1]
