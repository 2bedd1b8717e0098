"""
Which tokenizer makes the tokens, and which of its tokens begin and end a document?

Its configuration says so in most cases; else the names that tokenizers give these tokens do. A tokenizer that has only
an end takes that for the beginning, too, which no document gets unless a recipe says add_bos.
"""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_file
from nano3.config.recipe import SAME_TOKENS, Tokenizer
from nano3.core.retry import ATTENDED
from nano3.raw import hub, tokenizers
from nano3.raw.datasets import HUB
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.start.folder import StartError, expanded, valid_name
from nano3.start.train_tokenizer import BOS, EOS, require_entries, train_tokenizer

BEGINNINGS = ["<|bos|>", "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "[BOS]", "[CLS]"]
ENDS = ["<|endoftext|>", "</s>", "<|eos|>", "<eos>", "<|end_of_text|>", "<|end_of_document|>", "[EOS]", "[SEP]"]
CONFIGURATIONS = ("tokenizer_config.json", "special_tokens_map.json")
SHOWN_TOKENS = 6
Files = Mapping[Path, bytes]


@dataclass(frozen=True)
class ChosenTokenizer:
    """
    A tokenizer as a recipe names it. path: of its folder; None for one of config/tokenizers. folder: where its files
    are now. files: to write with the recipe. about: what it is, for a person.
    """

    name: str
    path: str | None
    folder: Path
    bos_token: str
    eos_token: str
    about: str
    files: Files = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Its tokenizer.json."""
        return self.folder / tokenizers.DEFINITION

    @property
    def entries(self) -> int:
        """One more than its largest id."""
        return TokenizerJson.read(self.file).entries

    @property
    def settings(self) -> dict[str, Any]:
        """As token settings of a recipe."""
        said = {"name": self.name, "bos_token": self.bos_token, "eos_token": self.eos_token}
        section = Tokenizer.model_validate(said).model_dump(exclude={"name", "path", *SAME_TOKENS})
        return section | {"sha256": digest_file(self.file)}


def local_tokenizer(text: str, bos_token: str | None = None, eos_token: str | None = None) -> ChosenTokenizer:
    """
    A tokenizer in a folder of this machine. text: the folder, or its tokenizer.json. bos_token, eos_token: instead of a
    guess.

    Raises StartError for another folder and for tokens that are not there or can't be guessed, TokenizerJsonError for
    a file that would not encode exactly.
    """
    folder = expanded(text)
    if not folder.exists() and (tokenizers.TOKENIZERS / f"{text}.yaml").is_file():
        raise StartError(
            f"--tokenizer {text}: config/tokenizers/{text}.yaml describes it: write "
            f"--tokenizer {tokenizers.read_tokenizer(text).source}"
        )
    if folder.name == tokenizers.DEFINITION and folder.is_file():
        folder = folder.parent
    if not (folder / tokenizers.DEFINITION).is_file():
        what = f"{folder} has no {tokenizers.DEFINITION}" if folder.is_dir() else f"no such folder: {folder}"
        raise StartError(
            f"--tokenizer {text}: {what}: name a folder that has one, hf://org/repo, or train one with "
            "--train-tokenizer 32000"
        )
    whole, here = folder.absolute(), Path.cwd()
    path = whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()
    bos, eos = ends(folder, bos_token, eos_token)
    return ChosenTokenizer(valid_name(whole.name), path, folder, bos, eos, path)


def ends(folder: Path, bos_token: str | None = None, eos_token: str | None = None) -> tuple[str, str]:
    """
    The tokens around a document of a tokenizer in a folder. bos_token, eos_token: instead of a guess.

    Raises StartError for one that it does not have, or if there is no telling which ends a document.
    """
    tokenizer = TokenizerJson.read(folder / tokenizers.DEFINITION)
    said = _said(folder)
    control = {token["content"] for token in tokenizer.added_tokens}
    for option, token in (("--bos-token", bos_token), ("--eos-token", eos_token)):
        if token is not None and token not in control:
            raise StartError(f"{option} {token}: {tokenizer.file} has no such added token; {_shown(tokenizer)}")
    eos = eos_token or _first([said.get("eos_token"), *ENDS], control)
    if eos is None:
        raise StartError(
            f"{tokenizer.file}: which token ends a document? Name it with --eos-token; {_shown(tokenizer)}"
        )
    return bos_token or _first([said.get("bos_token"), *BEGINNINGS], control) or eos, eos


def _first(tokens: Iterable[str | None], control: Container[str]) -> str | None:
    return next((token for token in tokens if token in control), None)


def hub_tokenizer(
    source: str, workspace: Path, bos_token: str | None = None, eos_token: str | None = None
) -> ChosenTokenizer:
    """
    A tokenizer of the Hub, downloaded: as config/tokenizers pins it or, if it does not, at its newest commit.

    source: hf://org/repo. workspace: folder to download to. bos_token, eos_token: see ends, as for errors.
    Raises HubError if the Hub can't be read, StartError if it has no such tokenizer.
    """
    repository = source.removeprefix(HUB)
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise StartError(f"--tokenizer {source}: write hf://org/repo, a model repository of the Hub")
    name = valid_name(repository.rpartition("/")[2])
    described = tokenizers.TOKENIZERS / f"{name}.yaml"
    if tokenizers.pins_path(name).is_file() and tokenizers.read_tokenizer(name).source == source:
        return _pinned_tokenizer(name, workspace, bos_token, eos_token)
    commit = hub.latest_commit(repository, "main", "model")
    paths = [path for path in hub.list_files(repository, commit) if path in tokenizers.FILES]
    if tokenizers.DEFINITION not in paths:
        raise StartError(
            f"--tokenizer {source}: {repository} has no {tokenizers.DEFINITION}: name a repository that has one"
        )
    pins = [tokenizers.TokenizerFile(*each) for each in hub.describe_files(repository, commit, paths, "model")]
    files = _downloaded(name, f"{HUB}{repository}@{commit}", pins, workspace)
    description = (
        "# yaml-language-server: $schema=../tokenizer.schema.json\n"
        f"source: {source}\n"
        f'revision: "{commit}"\n'
        f"licence: see https://huggingface.co/{repository}\n"
        f"about: The tokenizer of {repository}.\n"
    )
    pins_file = workspace / "pins.tsv"
    tokenizers.write_pins(name, pins, pins_file)
    files |= {described: description.encode(), tokenizers.pins_path(name): pins_file.read_bytes()}
    bos, eos = ends(workspace, bos_token, eos_token)
    return ChosenTokenizer(name, None, workspace, bos, eos, f"{source} at {commit[:7]}", files)


def require_trainable(name: str, entries: int) -> None:
    """Raises StartError if no tokenizer of so many entries can be trained, or one of this name is kept already."""
    require_entries(entries)
    folder = tokenizers.TOKENIZERS / name
    if folder.exists():
        raise StartError(f"{folder} exists already: take it, --tokenizer {folder}, or give the recipe another name")


def trained_tokenizer(name: str, entries: int, texts: Iterable[str], workspace: Path) -> ChosenTokenizer:
    """
    A tokenizer trained on texts, to be kept in config/tokenizers/{name}: like the recipe that names it, it is under
    review. entries: at most so many. workspace: folder to write it to now.
    """
    trained = train_tokenizer(texts, entries)
    for file, content in trained.files.items():
        (workspace / file).write_bytes(content)
    folder = tokenizers.TOKENIZERS / name
    about = f"trained on a sample of the data, kept in {folder}"
    if trained.entries < entries:
        about += f"; the sample has pairs for {trained.entries:,} entries only, not for {entries:,}"
    files = {folder / file: content for file, content in trained.files.items()}
    return ChosenTokenizer(name, folder.as_posix(), workspace, BOS, EOS, about, files)


def _pinned_tokenizer(name: str, workspace: Path, bos_token: str | None, eos_token: str | None) -> ChosenTokenizer:
    """One of config/tokenizers; what of it is not on this machine yet is downloaded."""
    described, pins, here = tokenizers.read_tokenizer(name), tokenizers.read_pins(name), tokenizers.folder(name)
    missing = [pin for pin in pins if not (here / pin.name).is_file()]
    files = _downloaded(name, f"{described.source}@{described.revision}", missing, workspace)
    for pin in pins:
        if pin not in missing:
            (workspace / pin.name).write_bytes((here / pin.name).read_bytes())
    bos, eos = ends(workspace, bos_token, eos_token)
    return ChosenTokenizer(name, None, workspace, bos, eos, f"{described.source}, as {name}.tsv pins it", files)


def _downloaded(name: str, origin: str, pins: Iterable[tokenizers.TokenizerFile], workspace: Path) -> dict[Path, bytes]:
    """Files of a tokenizer of the Hub by where they belong, also written to a workspace."""
    files = {}
    for pin in pins:
        file = hub.fetch(f"{origin}/{pin.name}", workspace / f".{pin.name}", ATTENDED)
        if digest_file(file) != pin.sha256:
            raise hub.HubError(f"{origin}/{pin.name}: SHA-256 is not {pin.sha256}, which was pinned: try again")
        file.replace(workspace / pin.name)
        files[tokenizers.folder(name) / pin.name] = (workspace / pin.name).read_bytes()
    return files


def _said(folder: Path) -> dict[str, str]:
    """Tokens by name, as the files beside a tokenizer.json have them."""
    said: dict[str, str] = {}
    for file in CONFIGURATIONS:
        try:
            values = json.loads((folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # a guess needs neither
            continue
        for name in ("bos_token", "eos_token"):
            token = values.get(name) if isinstance(values, dict) else None
            text = token.get("content") if isinstance(token, dict) else token
            if isinstance(text, str):
                said.setdefault(name, text)
    return said


def _shown(tokenizer: TokenizerJson) -> str:
    special = tokenizer.control_tokens([]) or [token["content"] for token in tokenizer.added_tokens]
    return (
        f"it has {', '.join(special[:SHOWN_TOKENS])}" if special else "it has no added tokens: name another tokenizer"
    )
