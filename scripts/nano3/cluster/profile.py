"""
Does the profile fit the cluster? What it leaves to the site, checked before a job is submitted: account and partitions.

A line that still says FILL_IN is one error that names it, and so is a partition that this cluster does not have.
"""

import argparse
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nano3 import Nano3Error

PROFILE = "profiles/slurm/config.yaml"
TO_FILL_IN = "FILL_IN"
PARTITION = "slurm_partition"

Resources = Mapping[str, object]


class SiteError(Nano3Error):
    """The profile does not fit the cluster."""


def check_profiles(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Check the profiles that a run of Snakemake uses. Their files are read, for Snakemake keeps no word of them.

    arguments: of Snakemake's command line. environment: variables. Raises SiteError as check_site does.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default=environment.get("SNAKEMAKE_PROFILE"))
    parser.add_argument("--workflow-profile")
    used = parser.parse_known_args(arguments)[0]
    for folder in filter(None, (used.profile, used.workflow_profile)):
        file = next(Path(folder).glob("config*.yaml"), None)  # else one of the user's own, which are not ours to check
        if file:
            settings = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            defaults = _written(settings.get("default-resources"))
            rules: Mapping[str, Any] = settings.get("set-resources") or {}
            of_rules = (
                {rule: _written(resources) for rule, resources in rules.items()} if isinstance(rules, dict) else {}
            )
            check_site(defaults, of_rules, str(file))


def check_site(defaults: Resources, of_rules: Mapping[str, Resources], profile: str = PROFILE) -> None:
    """
    Raises SiteError for the first line to fix.

    defaults, of_rules: default-resources and set-resources of the profile, as they are written. profile: its file.
    """
    lines = dict(_lines(defaults, of_rules))
    for line, value in lines.items():
        if value == TO_FILL_IN:
            raise SiteError(f"{profile}: {line} is not filled in: write your cluster's there")
    named = {line: str(value) for line, value in lines.items() if line.endswith(PARTITION)}
    known = _partitions() if named else set()
    for line, partition in named.items():
        for name in partition.split(","):
            if known and name not in known:
                raise SiteError(f"{profile}: {line}: this cluster has no partition {name}; it has {_listed(known)}")


def _written(resources: Any) -> Resources:
    """Resources of a profile, which may be written as a mapping or as a list of name=value."""
    if isinstance(resources, list):
        return dict(str(each).split("=", 1) for each in resources if "=" in str(each))
    return dict(resources or {})


def _lines(defaults: Resources, of_rules: Mapping[str, Resources]) -> Iterator[tuple[str, object]]:
    for key, value in defaults.items():
        yield f"default-resources.{key}", value
    for rule, resources in of_rules.items():
        for key, value in resources.items():
            yield f"set-resources.{rule}.{key}", value


def _partitions() -> set[str]:
    """Names of all partitions of this cluster; empty without Slurm."""
    if not shutil.which("sinfo"):
        return set()
    done = subprocess.run(["sinfo", "--all", "--noheader", "--format=%R"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteError(f"sinfo does not answer, so no job can be submitted: {done.stderr.strip()}")
    return set(done.stdout.split())


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
