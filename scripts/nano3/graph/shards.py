"""What do the rules of raw shards, tokens and dataset indexes ask?"""

import os
from collections.abc import Mapping
from functools import cache, cached_property, partial
from typing import Any

from nano3.artifact.digest import canonical_json
from nano3.artifact.paths import Folders
from nano3.config.load import Settings
from nano3.core.schema import ConfigError
from nano3.corpus.bundles import Bundle
from nano3.corpus.dropped import dropped_rows_of
from nano3.corpus.freshness import NEW, Survey, shard_reason
from nano3.graph import judge, keys
from nano3.graph.inputs import Engine, ancient, temp
from nano3.graph.judge import Freshness
from nano3.graph.request import Request
from nano3.graph.state import bundles
from nano3.raw import tokenizers
from nano3.raw.datasets import Shard, pins_path, raw_file


class ShardInputs:
    """The answers, for one recipe. Raises ConfigError, where planning, for a dataset that can't be read."""

    def __init__(self, engine: Engine, settings: Settings, request: Request) -> None:
        self.engine = engine
        self.settings = settings
        self.request = request
        self.recipe = request.recipe
        self._run_shards: dict[str, set[str]] = {}  # shards of this run, by dataset
        if engine.main:  # a job's own process looks at its own dataset only
            for dataset in request.datasets:
                request.shards[dataset]

    @property
    def paths(self) -> Folders:
        """Where all artifacts lie."""
        return self.request.paths

    # ---- raw shards and tokenizers ----------------------------------------------------------------------------------

    def pinned_shard(self, dataset: str, shard: str) -> Shard:
        """The raw shard of this name. Raises ConfigError if the dataset has none."""
        shards = self.request.shards[dataset]
        if shard not in shards:
            some = ", ".join(list(shards)[:5])
            raise ConfigError(f"{pins_path(dataset)}: has no shard {shard}; it has {len(shards)}, e.g. {some}")
        return shards[shard][0]

    def shard_origin(self, dataset: str, shard: str) -> str:
        """Where a raw shard comes from, which decides nothing: the same bytes elsewhere are the same shard."""
        return self.request.datasets[dataset].origin(self.pinned_shard(dataset, shard).path)

    def bad_rows_at_most(self, dataset: str) -> float:
        """Share of a shard's rows that may be skipped as bad; it decides whether there are tokens, not which."""
        return self.request.datasets[dataset].bad_rows_at_most

    def downloaded(self, path: str) -> Any:
        """A raw shard that is here only as long as somebody needs it, if the settings say so."""
        return path if self.settings.keep_raw else temp(path)

    @property
    def tokenizer_file(self) -> Any:
        """The tokenizer.json of the recipe; its digest is part of the keys."""
        return ancient(str(self.recipe.tokenizer_file))

    @property
    def beside_tokenizer(self) -> list[Any]:
        """The files that are downloaded with a tokenizer.json of the Hub."""
        file = self.recipe.tokenizer_file
        names = [] if self.recipe.tokenizer.path else sorted(self.recipe.tokenizer_digests().keys() - {file.name})
        return [ancient(str(file.with_name(name))) for name in names]

    def tokenizer_origin(self, file: str) -> str:
        """Where a file of the recipe's tokenizer comes from."""
        return tokenizers.read_tokenizer(self.recipe.tokenizer.name).origin(file)

    def tokenizer_pin(self, file: str) -> Any:
        """What is pinned of a file of the recipe's tokenizer."""
        return next(pin for pin in tokenizers.read_pins(self.recipe.tokenizer.name) if pin.name == file)

    # ---- tokens and dataset indexes ---------------------------------------------------------------------------------

    def raw_shard(self, dataset: str, shard: str) -> Any:
        """
        The raw file of a shard, whose pin says what its time can't. Where its tokens are made again it is not ancient:
        Snakemake forgets what is forced of a job whose ancient input is made again, too, by a download.

        Raises ConfigError for a file that a run needs, that is gone and that nothing downloads.
        """
        file = raw_file(dataset, self.request.datasets[dataset], self.pinned_shard(dataset, shard))
        if self.engine.main:
            reason = shard_reason(self.request.tokens(dataset), shard, self.request.shard_key(dataset, shard))
            if reason or self.engine.forced("tokenize_shard"):
                self._run_shards.setdefault(dataset, set()).add(shard)
                self._require_raw(dataset, shard, file, reason)
            if reason not in (None, NEW):
                self.engine.force([self.paths.train(dataset, shard, ".json")])
                return file
        return ancient(file)

    def _require_raw(self, dataset: str, shard: str, file: str, reason: str | None) -> None:
        if self.request.datasets[dataset].remote or os.path.exists(file) or not self.engine.reaches("tokenize_shard"):
            return
        if (
            reason != NEW or not self.index_verdict(dataset).fresh
        ):  # else nothing needs tokens that an index knows already
            raise ConfigError(
                f"{file}: missing, and shard {shard} of dataset {dataset} is to be tokenized: restore the file, or pin "
                f"the dataset as it is now with `nano3 pin {dataset}`"
            )

    def shard_key(self, dataset: str, shard: str) -> str:
        """All that decides a shard's tokens, as one value."""
        self.pinned_shard(dataset, shard)
        return canonical_json(self.request.shard_key(dataset, shard))

    @cache  # noqa: B019  one workflow lives as long as the process
    def bundle_key(self, dataset: str) -> str:
        """All that decides the tokens of a dataset's shards, for a job that makes many of them."""
        shards = self.request.shards[dataset].values()
        return canonical_json(keys.bundle_key(self.request.shared_key(dataset), shards))

    def index_key(self, dataset: str) -> str:
        """All that decides a dataset index, given its shards' tokens."""
        return canonical_json(self.request.index_key(dataset))

    def downloads(self, dataset: str) -> int:
        """How many downloads a bundle of a dataset makes at a time: one, or none of files that are read in place."""
        return int(self.request.datasets[dataset].remote)

    def pins(self, dataset: str) -> Any:
        """The pins of a dataset; what they say is part of the keys."""
        return ancient(str(pins_path(dataset)))

    def shards_to_index(self, dataset: str) -> list[Any]:
        """
        Receipts of the shards, or bundles of them, that have to be made before an index. Those that are proved fresh
        are left out, and with them their jobs: a graph of 100,000 fresh shards is planned in seconds.
        """
        if not self.engine.main:
            return []
        if self.index_verdict(dataset).stale:
            self.engine.force([self.paths.index(dataset)])
        stale = self.survey(dataset).stale
        if stale:
            self._run_shards.setdefault(dataset, set()).update(stale)
        if self._bundled and self._bundles[dataset]:
            done = [self.paths.bundle(dataset, str(bundle)) for bundle in self._bundles[dataset]]
            self.engine.force(filter(os.path.exists, done))  # of a run that failed
            return done
        wanted = stale if self._pruned else self.request.shards[dataset]
        again = self.engine.forced("tokenize_shard")
        files = {shard: self.paths.train(dataset, shard, ".json") for shard in wanted}
        return [file if again or shard in stale else ancient(file) for shard, file in files.items()]

    @property
    def _pruned(self) -> bool:
        """Whether fresh shards are left out of the graph: not if all of them are made again anyway."""
        return self.settings.prune and not self.engine.forced("tokenize_shard")

    @property
    def _bundled(self) -> bool:
        return bool(self.settings.bundles and self._pruned)

    @cache  # noqa: B019
    def survey(self, dataset: str) -> Survey:
        """The shards of a dataset as they were when somebody first asked."""
        return judge.judge_tokens(self.request, dataset, self.settings.prune)

    @cache  # noqa: B019
    def index_verdict(self, dataset: str) -> Freshness:
        """A dataset's index as it was when somebody first asked."""
        return judge.judge_index(self.request, dataset, self.survey(dataset))

    @cached_property
    def _bundles(self) -> Mapping[str, list[Bundle]]:
        surveys = {dataset: self.survey(dataset) for dataset in self.request.datasets}
        return bundles(self.request, surveys, self.settings.bundles)

    def tell_dropped(self) -> None:
        """At the end of a run: say which rows of the datasets that it tokenized are in no pair."""
        for dataset, names in self._run_shards.items():
            folder, shards = self.request.tokens(dataset), self.request.shards[dataset]
            files = {name: shard.path for name, (shard, _) in shards.items()}
            is_fresh = partial(self._is_fresh, dataset)
            if line := dropped_rows_of(dataset, folder, files, sorted(names), is_fresh):
                self.engine.tell(line)

    def _is_fresh(self, dataset: str, shard: str) -> bool:
        return shard_reason(self.request.tokens(dataset), shard, self.request.shard_key(dataset, shard)) is None

    def index_rests(self, dataset: str) -> bool:
        """Whether a dataset's index is fresh, and so is all that it is made from."""
        again = self.engine.forced("tokenize_shard")
        return self.index_verdict(dataset).fresh and not self.survey(dataset).stale and not again
