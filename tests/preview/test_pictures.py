"""Pictures of mixtures and schedules show the numbers that the tables have."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe
from nano3.preview.mixture import mixture_plan
from nano3.preview.pictures import _tokens, mixture_picture, schedule_picture, sides_picture
from nano3.preview.schedule import schedule
from nano3.preview.sides import sides


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def test_a_phase_has_a_bar_for_each_share_before_and_after_caps() -> None:
    plan = mixture_plan("nano3", load_recipe("nano3")[1])
    figure = mixture_picture(plan)
    for phase, data in plan["phases"].items():
        wide, narrow = panel(figure, phase).containers
        rows = data["datasets"].values()
        assert [bar.get_width() for bar in wide] == pytest.approx([row["asked"] * 100 for row in rows])
        assert [bar.get_width() for bar in narrow] == pytest.approx([row["share"] * 100 for row in rows])


def test_epochs_of_all_phases_are_stacked_and_what_is_over_its_cap_is_marked() -> None:
    plan = mixture_plan("nano3", load_recipe("nano3")[1])
    axes = panel(mixture_picture(plan), "epochs")
    ends: dict[float, float] = {}
    for [bar] in axes.containers:
        place = round(bar.get_y() + bar.get_height() / 2)
        assert bar.get_x() == pytest.approx(ends.get(place, 0.0)), "a phase begins where the one before it ends"
        ends[place] = bar.get_x() + bar.get_width()
    names = [text.get_text().split("  ")[0] for text in mixture_picture(plan).axes[0].get_yticklabels()]
    ends_by_name = {names[int(place)]: end for place, end in ends.items()}
    last = {name: row["epochs"] for data in plan["phases"].values() for name, row in data["datasets"].items()}
    assert ends_by_name == pytest.approx(last)
    assert "20.8 asked for" in {text.get_text() for text in axes.texts}


def test_each_phase_has_a_panel_of_its_own_tokens_in_every_row() -> None:
    data = schedule("tiny", load_recipe("tiny")[1])
    axes = schedule_picture(data).axes
    spans = []
    for phase in data["points"]:
        rows = [row for row in data["segments"] if row["phase"] == phase]
        spans.append((rows[0]["first_token"], rows[-1]["last_token"]))
    assert [each.get_xlim() for each in axes] == spans * 3
    lengths = {row["sequence_length"] for row in data["segments"]}
    assert set(axes[-1].get_yticks()) == lengths


@pytest.mark.parametrize(("first", "last"), [(0, 23_500_000_000_000), (25_000_000_000_000, 25_121_000_000_000)])
def test_ticks_of_an_axis_are_told_apart(first: int, last: int) -> None:
    ticks = [first + (last - first) * number / 5 for number in range(6)]
    assert len({_tokens(tick, last - first) for tick in ticks}) == 6


def test_the_curves_of_both_recipes_are_drawn_whole_and_named() -> None:
    longer = load_recipe("tiny", "train.train_iters=999")[1]
    data = sides(*load_recipe("tiny"), "longer", longer)
    [axes] = sides_picture(data).axes
    lines = [(line, *np.asarray(line.get_data()).tolist()) for line in axes.lines]
    curves = [each for each in lines if len(each[1]) > 2]  # others: where phases begin
    for (line, x, y), name, phases in zip(curves, data["recipes"], data["curves"], strict=True):
        assert x == [token for tokens, _ in phases.values() for token in tokens]
        assert y == [rate for _, rates in phases.values() for rate in rates]
        assert name in {text.get_text() for text in axes.texts if text.get_color() == line.get_color()}
    assert axes.get_xlim()[1] == max(max(x) for _, x, _ in curves)


def test_curves_of_very_different_length_are_both_drawn_over_the_whole_width() -> None:
    figure = sides_picture(sides(*load_recipe("nano3"), *load_recipe("tiny")))
    [axes] = figure.axes
    lines = [np.asarray(line.get_data()) for line in axes.lines]
    curves = [line for line in lines if line.shape[1] > 2]  # others: where phases begin
    assert [round(float(max(x))) for x, _ in curves] == [100, 100]
    assert axes.get_xlabel().startswith("tokens trained on, percent")
    assert axes.get_ylim()[0] < min(y[-1] for _, y in curves), "the end of a curve is in the picture"


def test_more_phases_than_colours_are_drawn() -> None:
    value = load_recipe("tiny")[1].model_dump()
    phase = value["phases"]["phase1"]
    value["phases"] = {f"part_{number}": phase for number in range(9)}
    recipe = Recipe.model_validate(value)
    mixture, lengths = mixture_picture(mixture_plan("many", recipe)), schedule_picture(schedule("many", recipe))
    assert len(mixture.axes) == 9 + 1
    assert len(lengths.axes) == 3 * 9
    assert all(axes.get_position().width > 0 for axes in lengths.axes)
