"""
Where does an artifact lie? Every path of results/, as text relative to the repository.

A wildcard in braces goes through unchanged, so a rule asks for its pattern as a script asks for a file.
"""

from dataclasses import dataclass

RESULTS = "results"
TOKENS = f"{RESULTS}/tokens"
BLENDS = f"{RESULTS}/blends"
CHECKPOINTS = f"{RESULTS}/checkpoints"
EXPORTS = f"{RESULTS}/exports"
REPORTS = f"{RESULTS}/reports"
BY_RECIPE = (BLENDS, CHECKPOINTS, EXPORTS, REPORTS)  # with a folder for each recipe
OVERRIDES = f"{RESULTS}/recipes"  # what recipes with overrides changed, no artifact
# Shared by recipes, and no output of a rule: what lies in a folder is named by what decides it.
WEIGHTS = f"{RESULTS}/weights"
STREAMS = f"{RESULTS}/streams"

RAW_LOGS = f"{RESULTS}/raw"


@dataclass(frozen=True)
class Folders:
    """Where a recipe's artifacts lie. Recipes whose tokens are the same share them."""

    tokens: str
    blends: str
    checkpoints: str
    export: str
    report: str

    @classmethod
    def of(cls, name: str, tokens_name: str) -> "Folders":
        """The folders of a recipe. name: that its artifacts go by. tokens_name: that its tokens go by."""
        return cls(
            f"{TOKENS}/{tokens_name}",
            f"{BLENDS}/{name}",
            f"{CHECKPOINTS}/{name}",
            f"{EXPORTS}/{name}",
            f"{REPORTS}/{name}",
        )

    def dataset(self, dataset: str) -> str:
        """The folder of a dataset's tokens."""
        return f"{self.tokens}/{dataset}"

    def train(self, dataset: str, shard: str, ending: str) -> str:
        """A file of a shard's training pair, .bin or .idx, or its receipt, .json."""
        return f"{self.tokens}/{dataset}/train/{shard}{ending}"

    def holdout(self, dataset: str, shard: str, ending: str) -> str:
        """A file of a shard's held-out pair, .bin or .idx."""
        return f"{self.tokens}/{dataset}/holdout/{shard}{ending}"

    def bundle(self, dataset: str, bundle: str) -> str:
        """What a bundle leaves while its dataset's index waits for others."""
        return f"{self.tokens}/{dataset}/bundles/{bundle}.json"

    def index(self, dataset: str) -> str:
        """A dataset index, which is its own receipt."""
        return f"{self.tokens}/{dataset}/index.json"

    def indexed(self, dataset: str, name: str) -> str:
        """A file beside a dataset index: shards.tsv, or one of the merged held-out pairs."""
        return f"{self.tokens}/{dataset}/{name}"

    def token_log(self, rule: str, name: str) -> str:
        """The log of a rule that makes tokens."""
        return f"{self.tokens}/logs/{rule}/{name}.log"

    def blend(self, phase: str) -> str:
        """A phase's blend."""
        return f"{self.blends}/{phase}/blend.json"

    def blend_receipt(self, phase: str) -> str:
        """The receipt of a phase's blend."""
        return f"{self.blends}/{phase}/blend.receipt.json"

    def index_cache(self, phase: str) -> str:
        """The receipt of a phase's index cache, which lies in STREAMS."""
        return f"{self.blends}/{phase}/index_cache.json"

    def blend_log(self, phase: str, rule: str) -> str:
        """The log of a rule that makes something of a phase's blend."""
        return f"{self.blends}/{phase}/{rule}.log"

    def segment(self, phase: str, segment: str) -> str:
        """The receipt of a segment, whose checkpoint lies in WEIGHTS."""
        return f"{self.checkpoints}/{phase}/{segment}/receipt.json"

    def metrics(self, phase: str, segment: str) -> str:
        """A line for each step of a segment."""
        return f"{self.checkpoints}/{phase}/{segment}/metrics.jsonl"

    def segment_log(self, phase: str, segment: str) -> str:
        """The log of a segment's training."""
        return f"{self.checkpoints}/{phase}/{segment}/train_segment.log"

    def exported(self, name: str) -> str:
        """A file of the export: the folder model, manifest.json, receipt.json or a log."""
        return f"{self.export}/{name}"

    def reported(self, name: str) -> str:
        """A file of the report's folder."""
        return f"{self.report}/{name}"

    def blend_files(self, phase: str) -> tuple[str, str]:
        """A phase's blend, its receipt first."""
        return self.blend_receipt(phase), self.blend(phase)

    def segment_files(self, phase: str, segment: str) -> tuple[str, str]:
        """A segment's receipt and its metrics."""
        return self.segment(phase, segment), self.metrics(phase, segment)

    @property
    def export_files(self) -> tuple[str, ...]:
        """All that the export is, its receipt first."""
        return tuple(map(self.exported, ("receipt.json", "manifest.json", "model")))

    @property
    def lineage_files(self) -> tuple[str, ...]:
        """All that the lineage is, its receipt first."""
        return tuple(map(self.reported, LINEAGE))

    @property
    def report_files(self) -> tuple[str, ...]:
        """All that the report is, its receipt first."""
        return tuple(map(self.reported, ("report.receipt.json", "index.html")))


LINEAGE = ("lineage.receipt.json", "lineage.json", "lineage.shards.tsv", "ro-crate-metadata.json", "Snakefile")
