"""Where does an artifact lie? Every folder of results/."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Folders:
    """Where a recipe's artifacts lie, relative to the repository. Recipes whose tokens are the same share them."""

    tokens: str
    blends: str
    checkpoints: str
    export: str
    report: str

    @classmethod
    def of(cls, name: str, tokens_name: str) -> "Folders":
        """The folders of a recipe. name: that its artifacts go by. tokens_name: that its tokens go by."""
        return cls(
            f"results/tokens/{tokens_name}",
            f"results/blends/{name}",
            f"results/checkpoints/{name}",
            f"results/exports/{name}",
            f"results/reports/{name}",
        )
