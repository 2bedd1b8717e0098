"""A target that no rule makes is told with the recipe of the run, and with what was meant."""

from types import SimpleNamespace

import pytest

from snakemake_logger_plugin_nano3.targets import Known, no_rule
from tests.graph.conftest import bare, tiny  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("bare")
NAMES = ["tokenize_shard", "train_segment", "all"]


def known() -> Known:
    request = tiny()
    settings, engine = SimpleNamespace(recipe="tiny"), SimpleNamespace(rule_names=NAMES)
    return Known.of(SimpleNamespace(request=request, paths=request.paths, settings=settings, engine=engine))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "results/reports/nano3/index.html",
            "this run is of recipe tiny, the target is of nano3: type `snakemake results/reports/nano3/index.html "
            "--config recipe=nano3`",
        ),
        (
            "results/checkpoints/tiny+0123456789ab/phase1/stable/receipt.json",
            'this run is of recipe tiny, the target is of tiny with overrides: give them, --config recipe=tiny set="…"',
        ),
        (
            "results/reports/tiyn/index.html",
            "this run is of recipe tiny, and there is no recipe tiyn; did you mean tiny?",
        ),
        ("results/reports/zzz/index.html", "and there is no recipe zzz; there are nano3, nano3-report, tiny"),
        ("results/tokens/tiny-0/tiny-mth/index.json", "recipe tiny has no dataset tiny-mth; did you mean tiny-math?"),
        ("results/reports/tiny/index.htm", "did you mean results/reports/tiny/index.html?"),
        ("tokenise_shard", "no rule makes this in a run of recipe tiny; did you mean tokenize_shard?"),
        (
            "zzz",
            "no rule makes this in a run of recipe tiny: name a file such as results/reports/tiny/index.html, or none",
        ),
    ],
)
def test_a_wrong_target_is_one_sentence(target: str, said: str) -> None:
    told = no_rule(target, known())
    assert told.startswith(f"{target}: ")
    assert told.endswith(said)
    assert "\n" not in told


def test_a_workflow_whose_recipe_was_not_read_names_the_target() -> None:
    assert no_rule("x", None) == "x: no rule makes this"
