"""
What do the rules ask? Inputs, params and resources of every rule, each a function of the rule's wildcards.

A file that is made before another is an input of its rule, and ancient unless what makes it may have something to do:
then Snakemake passes on that it was made again, and otherwise has no time to look at. What is stale in itself is
forced, see nano3.graph.judge and nano3.graph.inputs. Keys are untracked params for the same reason.

What follows a blend is judged once the blend is there, in the same run: a blend that comes out the same trains nothing.
That is what Snakemake's checkpoints are for, see Workflow.decided.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from nano3 import Nano3Error
from nano3.artifact.code import SCRIPTS
from nano3.artifact.digest import canonical_json
from nano3.artifact.steps import BlendReceipt, Spec
from nano3.cluster.profile import check_profiles
from nano3.config.checks import require_pins
from nano3.config.load import load, read_settings
from nano3.config.recipe import Layout
from nano3.core.schema import ConfigError
from nano3.graph import judge, keys
from nano3.graph.inputs import Engine, Guarded, ancient
from nano3.graph.judge import Freshness
from nano3.graph.nodes import Certainty, ancestors, settle
from nano3.graph.request import Place, Request
from nano3.graph.shards import ShardInputs
from nano3.graph.state import State, read_state, refusal, refusals, shortage, trains
from nano3.recipes.record import Override, note_override
from nano3.sampling.sufficiency import SufficiencyError
from nano3.training.spec import segment_specs

# A key while blends are unknown. Snakemake may ask for the params of a job that waits, and throws the answers away.
PENDING = "not known before its blends are"


class FrozenError(ConfigError):
    """A phase that took weeks would be trained again."""


class Workflow(ShardInputs):
    """
    The answers to what all rules ask, for one recipe.

    config: Snakemake's. Raises ConfigError if anything in it, the recipe or the catalogue can't be meant.
    """

    def __init__(self, engine: Engine, config: Mapping[str, Any]) -> None:
        settings = read_settings(config)
        self._loaded = load(settings.recipe, settings.set, settings.sample)
        recipe = self._loaded.recipe
        require_pins(settings.recipe, recipe)
        super().__init__(engine, settings, Request.of(self._loaded.name, recipe))
        self._thawed = settings.thaw.split()
        self._known_specs: dict[tuple[str, ...], dict[Place, Spec]] = {}
        self._blends_before: dict[str, BlendReceipt | None] = {}  # by phase, as they were before the run
        if unknown := sorted(set(self._thawed) - recipe.phases.keys()):
            raise ConfigError(f"thaw: {unknown[0]} is no phase of {settings.recipe}: it has {', '.join(recipe.phases)}")

    @classmethod
    def of(cls, workflow: Any, checkpoints: Any, config: Mapping[str, Any]) -> Guarded:
        """
        The workflow of a Snakefile, which sees objects of these names. Ends the process, with one clear sentence and
        before any job, for what __init__ refuses and for a cluster's profile that is not filled in.
        """
        try:
            engine = Engine(workflow, checkpoints)
            if engine.main:
                check_profiles(sys.argv[1:], os.environ)
            answers = cls(engine, config)
        except Nano3Error as error:
            raise SystemExit(str(error)) from None
        if engine.main:
            engine.show(answers)
        return Guarded(engine, answers)

    # ---- blends and index caches ------------------------------------------------------------------------------------

    def indexes_to_blend(self, phase: str) -> list[Any]:
        """
        The indexes that decide a phase's blend. A blend that is not there whole is made again, needed or not: as long
        as it is not, Snakemake does not look whether what was made from it is stale.

        Raises SufficiencyError if the blend will be made, these indexes stay and one of them counts too few tokens for
        the phase's sequences.
        """
        files = {dataset: self.paths.index(dataset) for dataset in keys.blend_datasets(self.recipe, phase)}
        if not self.engine.main:
            return list(files.values())
        self._blends_before.setdefault(phase, judge.read(self.paths.blend_receipt(phase), BlendReceipt))
        if not judge.judge_blend(self.request, phase, self.survey).fresh:
            if self.engine.reaches("write_blend"):
                self._refuse_short(phase)
            self.engine.force(self.paths.blend_files(phase))
        return [_as_input(file, self.index_rests(dataset)) for dataset, file in files.items()]

    def tell_left_out(self) -> None:
        """At the end of a run: say which validation sets the blends that it made leave out."""
        for phase, before in self._blends_before.items():
            made = judge.read(self.paths.blend_receipt(phase), BlendReceipt)
            short = shortage(self.request, phase, lambda _: True) if made and made != before else None
            if short and short.skipped:
                self.engine.tell(short.skipped)

    def blend_key(self, phase: str) -> str:
        """All that decides a phase's blend, given its indexes."""
        return canonical_json(keys.blend_key(self.recipe, phase))

    def sequence_needs(self, phase: str) -> str:
        """What a phase's sequences need of its datasets, which is checked and decides nothing."""
        return canonical_json(keys.sequence_needs(self.recipe, phase))

    def blend(self, phase: str) -> Any:
        """A phase's blend, once it is known."""
        return ancient(self.engine.output("write_blend", phase=phase).blend)

    def blend_receipt(self, phase: str) -> Any:
        """The receipt of a phase's blend, once it is known."""
        return ancient(self.engine.output("write_blend", phase=phase).receipt)

    def index_cache(self, phase: str) -> Any:
        """The receipt of a phase's index cache, once it is known: not before the blends that decide it are."""
        receipt = self.engine.output("build_index_cache", phase=phase).receipt
        if self.engine.main:
            known = self._are_known(phase)
            if not (known and judge.judge_cache(self.request, phase, self._specs(phase)).fresh):
                self.engine.wait("build_index_cache", receipt)
        return ancient(receipt)

    def judged_cache(self, phase: str) -> list[str]:
        """No file, see decided: an index cache is judged when its phase's blend and all before it are known."""
        specs = self._specs(phase)
        if self.engine.main and not judge.judge_cache(self.request, phase, specs).fresh:
            self.engine.force([self.paths.index_cache(phase)])
        return []

    def index_cache_key(self, phase: str) -> str:
        """What a phase's segments read, and from where in its datasets' streams on."""
        if not self._are_known(phase):
            return PENDING
        return canonical_json(keys.index_cache_key(self._specs(phase), phase))

    # ---- segments and what is made from the last one ----------------------------------------------------------------

    def decided(self, phases: Iterable[str]) -> list[str]:
        """
        No file: a job waits, in Snakemake's graph, until the blends and index caches of these phases are known.

        Snakemake asks for the inputs of such a job again at each of them, and of no other. A job that it did not ask
        again would keep the reason that it had when any blend could come out: a run that makes tokens again, byte for
        byte the same, would train, export and report all the same.
        """
        for phase in phases:
            self.blend_receipt(phase)
            self.index_cache(phase)
        return []

    def segment_before(self, phase: str, segment: str) -> list[Any]:
        """
        The receipt of the segment before this one, if there is one.

        Raises, if a segment would be trained for certain, FrozenError where its phase is frozen and SufficiencyError
        where a set of it is shorter than a sample.
        """
        places = self.request.places
        number = places.index((phase, segment))
        before = places[max(0, number - 1) : number]
        if self.engine.main:
            self._refuse_certain(phase, segment)
        return [_as_input(self.paths.segment(*place), self._segments_rest(place)) for place in before]

    def judged_segment(self, phase: str, segment: str) -> list[str]:
        """
        No file, see decided: a segment is judged when its blend and index cache and all before them are known.

        Raises, for the first one of its phase that would be trained, what segment_before raises.
        """
        self.decided(self.request.phases_up_to(phase))
        if self.engine.main:
            verdicts = self._verdicts(phase)
            stale = [place for place, verdict in verdicts.items() if place[0] == phase and not verdict.fresh]
            if stale and self.engine.reaches("train_segment"):
                if self._is_frozen(phase):
                    raise self._frozen(*stale[0], self._specs(phase)[stale[0]])
                self._refuse_short(phase)
            if verdicts[phase, segment].stale:
                self.engine.force([self.paths.segment(phase, segment)])
        return []

    def segment_spec(self, phase: str, segment: str) -> str:
        """The segment's spec; it contains, by digest, everything that was trained before it."""
        if not self._are_known(phase):
            return PENDING
        return canonical_json(self._specs(phase)[phase, segment])

    def last_checkpoint(self) -> Any:
        """The receipt of the last segment."""
        last = self.request.places[-1]
        return _as_input(self.paths.segment(*last), self._segments_rest(last))

    def judged_export(self) -> list[str]:
        """No file, see decided: the export is judged when all blends and index caches are known."""
        return self._judged_end(judge.judge_export(self.request), self.paths.export_files)

    def export_receipt(self) -> Any:
        """The receipt of the export."""
        rests = self._segments_rest(self.request.places[-1]) and judge.judge_export(self.request).fresh
        return _as_input(self.paths.export_files[0], rests)

    def judged_lineage(self) -> list[str]:
        """No file, see decided: the lineage is judged when all blends and index caches are known."""
        return self._judged_end(judge.judge_lineage(self.request), self.paths.lineage_files)

    def lineage(self, name: str) -> Any:
        """A file of the lineage, to report on."""
        last = self.request.places[-1]
        ends = (judge.judge_export(self.request), judge.judge_lineage(self.request))
        return _as_input(self.paths.reported(name), self._segments_rest(last) and all(end.fresh for end in ends))

    def judged_report(self) -> list[str]:
        """No file, see decided: the report is judged when all blends and index caches are known."""
        return self._judged_end(judge.judge_report(self.request), self.paths.report_files)

    def export_key(self) -> str:
        """What goes beside the weights of an export."""
        return canonical_json(keys.export_key(self.recipe))

    def lineage_key(self) -> str:
        """How receipts become provenance."""
        return canonical_json(keys.lineage_key())

    def report_key(self) -> str:
        """What the report is called, and how it is written."""
        return canonical_json(keys.report_key(self.request.name))

    def _judged_end(self, verdict: Freshness, files: Iterable[str]) -> list[str]:
        self.decided(self.recipe.phases)
        if self.engine.main and verdict.stale:
            self.engine.force(files)
        return []

    def _specs(self, phase: str) -> dict[Place, Spec]:
        """Specs of the segments of a phase and of those before it, once their blends are known."""
        phases = self.request.phases_up_to(phase)
        for name in phases:
            self.blend_receipt(name)
        blends = judge.phase_blends(self.request, phases)
        contents = tuple(blend.content for blend in blends.values())
        if contents not in self._known_specs:
            self._known_specs[contents] = segment_specs(self.recipe, blends)
        return self._known_specs[contents]

    def _verdicts(self, phase: str) -> dict[Place, Freshness]:
        """Verdicts on the segments of a phase and on those before it, once their blends are known."""
        return {place: judge.judge_segment(self.request, place, spec) for place, spec in self._specs(phase).items()}

    def _segments_rest(self, last: Place) -> bool:
        """Whether a segment and all before it are known to be fresh."""
        if not (self.engine.main and self._are_known(last[0])):
            return False
        verdicts = self._verdicts(last[0])
        return all(verdicts[place].fresh for place in self.request.places[: self.request.places.index(last) + 1])

    def _are_known(self, phase: str) -> bool:
        """Whether the blends of a phase and of those before it are known."""
        return all(self.engine.known("write_blend", phase=name) for name in self.request.phases_up_to(phase))

    # ---- phases that are not trained --------------------------------------------------------------------------------

    def _refuse_short(self, phase: str) -> None:
        short = shortage(self.request, phase, self.index_rests)
        if short and short.error:
            raise SufficiencyError(f"config/recipes/{self.settings.recipe}.yaml: {short.error}")

    def _is_frozen(self, phase: str) -> bool:
        return self.request.is_frozen(phase, self._thawed)

    @cached_property
    def _state(self) -> State:
        """Everything as it was before the run."""
        return read_state(self.request, self.survey)

    def _refuse_certain(self, phase: str, segment: str) -> None:
        """Before any job: what is certain to be trained. A blend that will be made again is judged when it is there."""
        short = shortage(self.request, phase, self.index_rests)
        refused = self._is_frozen(phase) or (short and short.error)
        if not (refused and self.engine.reaches("train_segment")):
            return
        node = self._state.node("segment", f"{phase}/{segment}")
        needed = ancestors([node])
        nodes = [each for each in self._state.nodes if each in needed]
        settle(nodes, [node])
        certain = [each for each, how in refusals(nodes, self.request, self._thawed).items() if how == Certainty.WILL]
        for name in (each.name for each in certain):
            place = (name.split("/")[0], name.split("/")[1])
            raise self._frozen(*place, self._state.specs[place])
        if trains(node) == Certainty.WILL:
            self._refuse_short(phase)

    def _frozen(self, phase: str, segment: str, spec: Spec) -> FrozenError:
        return FrozenError(refusal(self.request, (phase, segment), spec, self._state.moved))

    # ---- how training is laid out, and what is sent -----------------------------------------------------------------

    def layout(self, phase: str) -> Layout:
        """How a phase is laid out over nodes and processes, which changes no result."""
        return self.recipe.layout_of(phase)

    def cores(self, phase: str) -> int:
        """Cores of each node that trains a phase."""
        return self.layout(phase).processes_per_node * self.layout(phase).threads

    def gpus(self, phase: str) -> int:
        """GPUs of each node that trains a phase: one for each rank, where the trainer uses them."""
        return self.layout(phase).processes_per_node if self.layout(phase).trainer == "bridge" else 0

    def note_override(self) -> None:
        """Write down what the name of a recipe with overrides stands for: `nano3 recipes` tells it later."""
        if self.engine.main and self._loaded.changes:
            override = Override(
                recipe=self.settings.recipe,
                set=self.settings.set,
                sample=self.settings.sample,
                changes=self._loaded.changes,
            )
            note_override(self._loaded.name, override)

    def publish(self) -> None:
        """
        Send what was made to W&B, if the settings say so. What can't be sent is a warning: `nano3 publish`
        sends it later.
        """
        if os.environ.get("WANDB_MODE", self.settings.wandb_mode) == "disabled" or not self.engine.main:
            return
        options = {
            "--recipe": self.settings.recipe,
            "--set": self.settings.set,
            "--sample": str(self.settings.sample),
        }
        words = [word for option in options.items() for word in option]
        environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
        command = [sys.executable, "-m", "nano3", "publish", *words]
        done = subprocess.run(
            command, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in done.stdout.splitlines():
            self.engine.tell(line)


def _as_input(file: str, rests: bool) -> Any:
    """A file as an input. rests: whether what makes it has nothing to do, so that its time says nothing."""
    return ancient(file) if rests else file
