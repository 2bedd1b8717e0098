"""
Which raw shards does a dataset have? The catalogue pins them byte for byte.

config/datasets/{dataset}.yaml   where the dataset comes from, written by hand
config/datasets/{dataset}.tsv    its shards with size, rows and SHA-256, written by `nano3 pin`, reviewed like code
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, PositiveInt, field_validator, model_validator

from nano3.artifact.digest import digest_json
from nano3.artifact.files import replaced
from nano3.core.schema import Closed, ConfigError, read_yaml, validated
from nano3.core.tsv import read_table, write_table
from nano3.formats.source import BAD_ROWS_AT_MOST, Document, OnBadRow, TextSource

DATASETS = Path("config/datasets")
RAW = Path("resources/raw")
HUB = "hf://"
COMMIT_DIGITS = 40


class Dataset(Closed):
    """Where a dataset's raw shards lie and how to read them."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["files"]}, {"required": ["revision"]}],
            "anyOf": [{"required": ["text_column"]}, {"required": ["document"]}],
        }
    )

    source: str = Field(
        description="Folder of the raw shards, relative to the repository and read in place; "
        "hf://org/repo, a dataset repository of the Hugging Face Hub; or any other URL that fsspec knows, "
        "e.g. s3://bucket/prefix."
    )
    files: str | None = Field(
        None,
        json_schema_extra={"pattern": r"^[^/{}][^{}]*$"},
        description="Glob of the shards' files inside a folder or URL, e.g. *.parquet or **/part-*.jsonl.zst. "
        "Names that begin with . or _ match only where the glob begins so.",
    )
    revision: str | None = Field(
        None,
        description="hf:// only: the commit of the repository, in hexadecimal digits; "
        "pinning completes an abbreviation of 7 or more.",
    )
    subset: str | None = Field(None, description="hf:// only: the subset (config) of the dataset, if not its default.")
    split: str | None = Field(None, description="hf:// only: the split of the subset, if not train.")
    text_column: str | None = Field(
        None,
        json_schema_extra={"minLength": 1},
        description="Column that holds a document's text; a.b is field b of column a.",
    )
    document: Document | None = Field(
        None, description="For .txt files, which have no columns: whether a document is a file or a line."
    )
    on_bad_row: OnBadRow = Field(
        "fail",
        description="What to do about a row that can't be read as text: fail, with the row's place and what is wrong, "
        "or skip it, which is counted and recorded.",
    )
    bad_rows_at_most: float = Field(
        BAD_ROWS_AT_MOST,
        ge=0,
        le=1,
        description="Share of a shard's rows that on_bad_row: skip may skip before it fails after all.",
    )
    category: str = Field(description="Category of the curriculum that the dataset belongs to, e.g. code or math.")
    duplicates: Literal["refuse", "keep"] = Field(
        "refuse",
        description="Whether pinning refuses shards that hold the same content, or keeps them all, each counted.",
    )
    tokens_estimate: PositiveInt | None = Field(
        None, description="Tokens by the publisher's count, for planning until the dataset is tokenized."
    )
    licence: str = Field(description="Licence of the text, by name.")
    about: str = Field(description="One sentence: what the documents are.")

    @field_validator("text_column")
    @classmethod
    def _is_a_column(cls, text_column: str | None) -> str | None:
        if text_column == "":
            raise ValueError("is empty: name the column that holds a document's text")
        return text_column

    @field_validator("files")
    @classmethod
    def _is_a_glob(cls, files: str | None) -> str | None:
        parts = (files or "*").split("/")
        problems = {
            "is empty: write a glob, e.g. '*.parquet'": files == "",
            "has braces, which mean nothing here: write one glob that covers all, e.g. '[ab]*.jsonl'": set("{}")
            & set(files or ""),
            "begins with /: write the folder in source, and here what is below it": files and not parts[0],
            "has . or .. for a folder: write the folder in source, and here what is below it": {".", ".."} & set(parts),
            "has an empty part: write what the files there are called, e.g. '*.parquet' at the end": "" in parts,
            "has ** beside other letters: write **/ for any folders, e.g. '**/*.jsonl'": any(
                "**" in part and part != "**" for part in parts
            ),
        }
        for problem, applies in problems.items():
            if applies:
                raise ValueError(f"{files!r} {problem}")
        return files

    @model_validator(mode="after")
    def _says_what_a_document_is(self) -> "Dataset":
        if self.text_column is None and self.document is None:
            raise ValueError(
                "text_column: this key is missing; name the column that holds a document's text, "
                "or, for .txt files, write document: file or document: line"
            )
        if self.text_column is not None and self.document is not None:
            raise ValueError("text_column: .txt files have no columns: remove it, or remove document for other files")
        if self.on_bad_row == "fail" and "bad_rows_at_most" in self.model_fields_set:
            raise ValueError("bad_rows_at_most: no row is skipped: add on_bad_row: skip, or remove it")
        return self

    @model_validator(mode="after")
    def _is_one_kind_of_source(self) -> "Dataset":
        if not self.on_hub:
            if hub_keys := [key for key in ("revision", "subset", "split") if getattr(self, key) is not None]:
                raise ValueError(f"{hub_keys[0]}: only a source on the Hub, hf://org/repo, has one: remove it")
            if self.files is None:
                raise ValueError("files: this key is missing; add a glob of the shards' files, e.g. '*.parquet'")
            if self.remote and ("@" in self.source.split("/")[2] or "::" in self.source):
                raise ValueError("source: must be one URL without a password: pass that in its driver's environment")
            if not self.source.strip():
                raise ValueError("source: is empty: name the folder or URL of the raw shards, or . for the repository")
            return self
        if not re.fullmatch(HUB + r"[\w.-]+/[\w.-]+", self.source) or self.source.startswith(f"{HUB}datasets/"):
            raise ValueError(f"source: {self.source} is not hf://org/repo: write the repository alone")
        if self.files is not None:
            raise ValueError("files: the Hub knows a subset's files itself: use subset and split instead")
        if not re.fullmatch(r"[0-9a-f]{7,40}", self.revision or ""):
            problem = f"{self.revision} can move" if self.revision else "this key is missing"
            raise ValueError(f"revision: {problem}; write a commit, 40 hexadecimal digits: `nano3 pin` prints today's")
        return self

    @property
    def text_source(self) -> TextSource:
        """How its files are read."""
        return TextSource(self.text_column, self.document, self.on_bad_row)

    @property
    def on_hub(self) -> bool:
        """True if the source is a repository of the Hugging Face Hub."""
        return self.source.startswith(HUB)

    @property
    def abbreviated(self) -> bool:
        """True if its commit on the Hub is abbreviated; pinning completes it."""
        return self.on_hub and len(str(self.revision)) < COMMIT_DIGITS

    @property
    def remote(self) -> bool:
        """True if shards are downloaded first; a local folder's are read in place."""
        return "://" in self.source

    @property
    def repository(self) -> str:
        """The repository on the Hub: org/repo."""
        return self.source.removeprefix(HUB)

    def origin(self, path: str) -> str:
        """Location of a pinned path: a local path, a URL, or the Hub's hf://datasets/org/repo@commit/path."""
        if self.on_hub:
            return f"{HUB}datasets/{self.repository}@{self.revision}/{path}"
        return f"{self.source.rstrip('/')}/{path}" if self.remote else path


@dataclass(frozen=True, slots=True)
class Shard:
    """
    One raw file of a dataset.

    name: the file's name without its format's extension. path: relative to the repository for a local file, to the
    dataset's source for any other. rows: rows in the file; None if they are not counted.
    """

    name: str
    path: str
    bytes: int
    rows: int | None
    sha256: str


def read_dataset(name: str, folder: Path = DATASETS) -> Dataset:
    """The dataset's description. Raises ConfigError, with the known names, if there is none."""
    path = folder / f"{name}.yaml"
    return validated(Dataset, read_yaml(path), str(path))


def known_datasets(folder: Path = DATASETS) -> list[str]:
    """Names of all datasets described in the catalogue."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def pins_path(name: str, folder: Path = DATASETS) -> Path:
    """The file of a dataset's pins."""
    return folder / f"{name}.tsv"


def read_pins(name: str, folder: Path = DATASETS) -> list[Shard]:
    """The pinned shards in catalogue order. Raises ConfigError for a missing, damaged or empty pin file."""
    path = pins_path(name, folder)
    if not path.is_file():
        raise ConfigError(f"{path}: dataset {name} is not pinned: run `nano3 pin {name}`")
    lines = read_table(path)
    header = [field.name for field in fields(Shard)]
    remedy = f"pin the dataset again: `nano3 pin {name}`"
    if next(lines, None) != header:
        raise ConfigError(f"{path}: line 1: the columns must be {', '.join(header)}; {remedy}")
    shards = []
    for number, line in enumerate(lines, start=2):
        try:
            shard, raw, size, rows, sha256 = line
            shards.append(Shard(shard, raw, int(size), int(rows) if rows else None, sha256))
        except ValueError:
            raise ConfigError(f"{path}: line {number}: not a pinned shard: {line}; {remedy}") from None
        if len(sha256) != 64:
            raise ConfigError(f"{path}: line {number}: not a SHA-256: {sha256!r}; {remedy}")
    names = [shard.name for shard in shards]
    if not shards:
        raise ConfigError(f"{path}: no shards; {remedy}")
    if duplicates := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise ConfigError(f"{path}: shard {duplicates[0]} is listed more than once; {remedy}")
    return shards


def raw_file(name: str, dataset: Dataset, shard: Shard) -> str:
    """The file that a shard is read from: the local one, or its download."""
    return str(RAW / name / shard.path.replace("/", ".")) if dataset.remote else shard.path


def write_pins(path: Path, shards: Sequence[Shard]) -> None:
    """Write the pins, sorted by name, one shard a line, whole or not at all."""
    ordered = sorted(shards, key=lambda shard: shard.name)
    with replaced(path) as aside:
        write_table(aside, (field.name for field in fields(Shard)), map(astuple, ordered))


def sampled(shards: Sequence[Shard], rows: int, dataset: str = "DATASET") -> list[tuple[Shard, int | None]]:
    """
    The first rows of a dataset in catalogue order, as (shard, rows to read of it, None for all of them).

    rows: size of the sample; 0 for all. Shards beyond it are left out. dataset: its name, for the error.
    Raises ConfigError if the sample depends on a shard whose rows are not counted, or no shard has a row.
    """
    if rows == 0:
        return [(shard, None) for shard in shards]
    sample: list[tuple[Shard, int | None]] = []
    left = rows
    for shard in shards:
        if left <= 0:
            break
        if shard.rows is None:
            raise ConfigError(
                f"sample: {rows} rows need the row count of shard {shard.name}, which is not known: "
                f"run `nano3 pin --rows {dataset}`"
            )
        if shard.rows > 0:
            sample.append((shard, left if left < shard.rows else None))
            left -= shard.rows
    if not sample:
        raise ConfigError(f"sample: dataset {dataset} has no rows to take {rows} of: leave it out of the recipe")
    return sample


def shards_digest(shards: Iterable[tuple[Shard, int | None]]) -> str:
    """Digest of a dataset's shards and the rows to read of each."""
    return digest_json([(shard.name, shard.sha256, rows) for shard, rows in shards])
