"""Two recipes side by side."""

from nano3.config.load import load_recipe
from nano3.preview.sides import as_text, sides


def test_every_key_that_differs_is_listed_and_no_other() -> None:
    other = load_recipe("tiny", "train.seed=5 learning_rate.floor=2e-5")
    data = sides(*load_recipe("tiny"), "other", other[1])
    assert data["keys"] == {"learning_rate.floor": (3e-5, 2e-5), "train.seed": (1234, 5)}
    assert "| `train.seed` | 1,234 | 5 |" in as_text(data)
