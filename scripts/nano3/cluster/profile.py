"""
Is the cluster's profile filled in? Checked before a job is submitted: a line that still says FILL_IN is an error that
names it, and so is a partition that this cluster does not have.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping

from nano3 import Nano3Error

PROFILE = "profiles/slurm/config.yaml"
TO_FILL_IN = "FILL_IN"
PARTITION = "slurm_partition"

Resources = Mapping[str, object]


class SiteError(Nano3Error):
    """The profile does not fit the cluster."""


def check_site(defaults: Resources, of_rules: Mapping[str, Resources]) -> None:
    """
    Raises SiteError for the first line to fix.

    defaults, of_rules: default-resources and set-resources of the profile, as they are written there.
    """
    lines = dict(_lines(defaults, of_rules))
    for line, value in lines.items():
        if value == TO_FILL_IN:
            raise SiteError(f"{PROFILE}: {line} is not filled in: write your cluster's there")
    named = {line: str(value) for line, value in lines.items() if line.endswith(PARTITION)}
    known = _partitions() if named else set()
    for line, partition in named.items():
        for name in partition.split(","):
            if known and name not in known:
                raise SiteError(f"{PROFILE}: {line}: this cluster has no partition {name}; it has {_listed(known)}")


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
