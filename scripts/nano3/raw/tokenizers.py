"""
Which tokenizers come from the Hub? The catalogue pins them byte for byte.

config/tokenizers/{name}.yaml   where the tokenizer comes from, written by hand
config/tokenizers/{name}.tsv    its files with size and SHA-256, written by `nano3 pin`, reviewed like code
resources/tokenizers/{name}/    the files, downloaded
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from pydantic import Field

from nano3.core.schema import Closed, ConfigError, read_yaml, validated
from nano3.core.tsv import read_table, write_table

TOKENIZERS = Path("config/tokenizers")
DOWNLOADS = Path("resources/tokenizers")
DEFINITION = "tokenizer.json"
# All that transformers reads of a tokenizer; whatever else lies in its folder or repository is not the tokenizer.
FILES = (
    DEFINITION,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)


class HubTokenizer(Closed):
    """Where a tokenizer comes from."""

    source: str = Field(pattern=r"^hf://[\w.-]+/[\w.-]+$", description="Model repository on the Hub: hf://org/repo.")
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{7,40}$",
        description="The commit, in hexadecimal digits; pinning completes an abbreviation. "
        "Without it, the tokenizer is not pinned yet.",
    )
    licence: str = Field(description="Licence, by name.")
    about: str = Field(description="One sentence: what it is.")

    @property
    def repository(self) -> str:
        """The repository on the Hub: org/repo."""
        return self.source.removeprefix("hf://")

    def origin(self, file: str) -> str:
        """Location of a file: hf://org/repo@commit/file."""
        return f"{self.source}@{self.revision}/{file}"


@dataclass(frozen=True)
class TokenizerFile:
    """A file of a tokenizer. name: in its repository."""

    name: str
    bytes: int
    sha256: str


def files_in(folder: Path) -> list[Path]:
    """The tokenizer's files in a folder that may hold others, sorted by name."""
    return sorted(folder / name for name in FILES if (folder / name).is_file())


def folder(name: str) -> Path:
    """The folder of a tokenizer's downloaded files."""
    return DOWNLOADS / name


def read_tokenizer(name: str) -> HubTokenizer:
    """A tokenizer's description. Raises ConfigError, with the known names, if there is none."""
    path = TOKENIZERS / f"{name}.yaml"
    return validated(HubTokenizer, read_yaml(path), str(path))


def is_tokenizer(name: str) -> bool:
    """Whether config/tokenizers describes one of that name."""
    return (TOKENIZERS / f"{name}.yaml").is_file()


def pins_path(name: str) -> Path:
    """The file of a tokenizer's pins."""
    return TOKENIZERS / f"{name}.tsv"


def read_pins(name: str) -> list[TokenizerFile]:
    """The pinned files, sorted by name. Raises ConfigError if there are none, or no tokenizer.json among them."""
    path, remedy = pins_path(name), f"run `nano3 pin {name}`"
    if not path.is_file():
        raise ConfigError(f"{path}: tokenizer {name} is not pinned: {remedy}")
    lines = list(read_table(path))
    try:
        if lines[0] != [field.name for field in fields(TokenizerFile)]:
            raise ValueError(lines[0])
        files = [TokenizerFile(name, int(size), sha256) for name, size, sha256 in lines[1:]]
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{path}: not a tokenizer's pinned files ({error}): {remedy}") from None
    if DEFINITION not in [file.name for file in files]:
        raise ConfigError(f"{path}: has no {DEFINITION}: {remedy}")
    return files


def write_pins(name: str, files: Sequence[TokenizerFile], path: Path | None = None) -> None:
    """Write a tokenizer's pins, sorted by name, one file a line. path: if not where they belong."""
    ordered = sorted(files, key=lambda file: file.name)
    write_table(path or pins_path(name), (field.name for field in fields(TokenizerFile)), map(astuple, ordered))
