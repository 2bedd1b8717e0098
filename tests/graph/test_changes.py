"""Whatever changes, alone or with another: the plan lists the jobs that Snakemake lists."""

import pytest

from tests.conftest import House
from tests.graph.changes import CHANGES
from tests.graph.test_plan_agrees import CONFIG, all_jobs, plan

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_planned_as_snakemake_does(house: House, change: str) -> None:
    CHANGES[change](house.root)
    assert all_jobs(plan(house)) == house.planned(*CONFIG)
