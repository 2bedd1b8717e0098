"""The schedule of a recipe, before anything runs."""

from nano3.config.load import load_recipe
from nano3.preview.schedule import as_text, schedule


def test_long_context_is_a_chain_whose_names_stay_when_it_grows() -> None:
    rows = [row for row in schedule("", load_recipe("nano3")[1])["segments"] if row["phase"] == "long_context"]
    assert {(row["sequence_length"], row["global_batch_size"]) for row in rows} == {(524_288, 48), (4_096, 6_144)}
    assert {row["first_rate"] for row in rows} == {row["last_rate"] for row in rows} == {1e-5}
    assert sum(row["asked"] for row in rows) == 121_000_000_000
    assert [row["segment"] for row in rows[:4]] == ["long_1", "short_1", "long_2", "short_2"]
    longer = load_recipe("nano3", "phases.long_context.chain.rounds=12")[1]
    more = [row for row in schedule("", longer)["segments"] if row["phase"] == "long_context"]
    assert more[: len(rows)] == rows
    assert [row["segment"] for row in more[len(rows) :]] == ["long_12", "short_12"]


def test_the_table_shows_the_rounding() -> None:
    text = as_text(schedule("nano3", load_recipe("nano3")[1]))
    assert "749,866 steps, 25,120,995,278,848 tokens: -4,721,152 to the 25,121,000,000,000 asked for" in text
    assert "warm-up ends at 8,400,000,000 tokens, 0.0336% of the curve, in step 251" in text
