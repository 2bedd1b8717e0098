"""Snakemake as the workflow asks it, without Snakemake: tests/graph/test_inputs.py holds the real one."""

import sys
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from nano3.artifact.paths import Folders
from nano3.graph.inputs import Engine


class WaitError(Exception):
    """What Snakemake raises while a checkpoint's output is not known."""


class FakeEngine(Engine):
    """
    An engine that notes what is forced. paths: of the recipe. main: whether the process plans. unknown: phases whose
    blends are not known yet. rules: that the command line forces. beyond: rules that --until leaves out.
    """

    def __init__(
        self,
        paths: Folders,
        main: bool = True,
        unknown: Iterable[str] = (),
        rules: Iterable[str] = (),
        beyond: Iterable[str] = (),
    ) -> None:
        self.paths, self._main, self.unknown, self.rules, self.beyond = paths, main, [*unknown], [*rules], [*beyond]
        self.files: set[str] = set()
        self.built = False

    @property
    def main(self) -> bool:
        return self._main

    def tell(self, sentence: str, **_more: Any) -> None:
        sys.stderr.write(f"{sentence}\n")

    def force(self, files: Iterable[str]) -> None:
        self.files.update(files)

    def forced(self, rule: str) -> bool:
        return rule in self.rules

    def reaches(self, rule: str) -> bool:
        return rule not in self.beyond

    def output(self, checkpoint: str, **wildcards: str) -> Any:
        phase = wildcards["phase"]
        if not self.known("write_blend", phase=phase):
            raise WaitError(f"{checkpoint} {phase}")
        receipt = {"write_blend": self.paths.blend_receipt, "build_index_cache": self.paths.index_cache}[checkpoint]
        return SimpleNamespace(blend=self.paths.blend(phase), receipt=receipt(phase))

    def wait(self, checkpoint: str, file: str) -> Any:
        raise WaitError(f"{checkpoint} {file}")

    def known(self, checkpoint: str, **wildcards: str) -> bool:
        return wildcards["phase"] not in self.unknown


def is_ancient(file: Any) -> bool:
    """Whether Snakemake is told not to look at a file's time."""
    return "ancient" in getattr(file, "flags", {})
