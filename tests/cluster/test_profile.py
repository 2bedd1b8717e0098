from pathlib import Path
from typing import Any

import pytest
import yaml

from nano3.cluster.profile import SiteError, check_profiles, check_site
from tests.conftest import House

DEFAULTS = {"slurm_account": "us", "slurm_partition": "cpu", "runtime": 60}
OF_RULES = {"train_segment": {"slurm_partition": "gpu"}}


def profile(name: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(Path(f"profiles/{name}/config.yaml").read_text())
    return settings


@pytest.mark.parametrize("key", ["slurm_account", "slurm_partition"])
def test_what_is_not_filled_in_is_named(key: str) -> None:
    with pytest.raises(SiteError, match=rf"default-resources\.{key} is not filled in"):
        check_site(DEFAULTS | {key: "FILL_IN"}, OF_RULES)


def test_a_partition_that_the_cluster_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sinfo").write_text("#!/bin/sh\necho cpu\necho gpu\n")
    (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check_site(DEFAULTS, OF_RULES)
    with pytest.raises(
        SiteError, match=r"train_segment\.slurm_partition: this cluster has no partition gpus; it has cpu"
    ):
        check_site(DEFAULTS, {"train_segment": {"slurm_partition": "gpus"}})


def test_a_profile_that_is_not_filled_in_stops_before_any_job(bare_house: House) -> None:
    (bare_house.root / "site").mkdir()
    (bare_house.root / "site/config.yaml").write_text("default-resources: {slurm_account: FILL_IN}\n")
    done = bare_house.try_snakemake("--profile", "site", "--dry-run")
    assert done.returncode == 1
    assert "site/config.yaml: default-resources.slurm_account is not filled in" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--profile", "site", "--dry-run"), {}),
        (("--cores", "1", "--profile=site"), {}),
        (("--workflow-profile", "site", "some/target"), {}),
        ((), {"SNAKEMAKE_PROFILE": "site"}),
        (("--profile", "site"), {"SNAKEMAKE_PROFILE": "elsewhere"}),
    ],
)
@pytest.mark.parametrize(
    "written",
    [
        "default-resources: {slurm_account: FILL_IN}",
        "default-resources: [runtime=60, slurm_account=FILL_IN]",
        "default-resources: {runtime: 60}\nset-resources: {train_segment: {slurm_account: FILL_IN}}",
    ],
)
def test_the_profile_in_use_is_checked_however_it_is_named_and_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    written: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    check_profiles(arguments, environment)
    Path("site").mkdir()
    Path("site/config.v9+.yaml").write_text(written)
    with pytest.raises(SiteError, match=r"^site/config\.v9\+\.yaml: .*slurm_account is not filled in"):
        check_profiles(arguments, environment)
    check_profiles(("--profile", "another"), environment | {"SNAKEMAKE_PROFILE": ""})


def test_both_profiles_agree_on_what_makes_an_artifact_stale() -> None:
    default, slurm = profile("default"), profile("slurm")
    shared = default.keys() - {"cores", "resources"}
    assert {key: slurm[key] for key in shared} == {key: default[key] for key in shared}


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_each_profile_limits_the_downloads_at_a_time(name: str) -> None:
    (limit,) = profile(name)["resources"]
    resource, _, most = limit.partition("=")
    assert resource == "downloads"
    assert 1 <= int(most) <= 32
