"""
What of a plan's data should a person know, though no artifact's state says it? Files that are not pinned or that are
gone, rows that are in no pair, and an encoder that is slow.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nano3.core.formatting import many
from nano3.corpus.dropped import dropped_rows
from nano3.graph import judge
from nano3.graph.nodes import Certainty, Node
from nano3.graph.request import Request
from nano3.raw.datasets import raw_file
from nano3.raw.listing import shown, unpinned_files
from nano3.raw.tokenizer_json import TokenizerJson


def unpinned(request: Request, datasets: Iterable[str]) -> list[str]:
    """A sentence for each dataset whose folder has files that match and are not pinned."""
    lines = []
    for name in datasets if not request.recipe.sample else []:  # of a sample not all pins are known
        pinned = (shard.path for shard, _ in request.shards[name].values())
        if files := unpinned_files(request.datasets[name], pinned):
            number = f"{many(len(files), 'matching file')} {'is' if len(files) == 1 else 'are'} not pinned"
            lines.append(f"{name}: {number}, e.g. {shown(files[0])}: run `nano3 pin {name}`")
    return lines


def dropped(request: Request, datasets: Iterable[str]) -> list[str]:
    """A sentence for each dataset that has rows in no pair, as it is indexed now."""
    indexes = {name: judge.read_index(request.paths.index(name)) for name in datasets}
    lines = (dropped_rows(name, index.facts) for name, index in indexes.items() if index)
    return [line for line in lines if line]


def gone(request: Request, nodes: Iterable[Node]) -> dict[str, list[str]]:
    """
    Local raw files that are not there, though tokens will be made of them, by dataset. nodes: settled. Each folder is
    listed once: 100,000 files are not looked up one by one.
    """
    found, folders = {}, dict[str, set[str]]()
    for name, shards in to_tokenize(nodes).items():
        description = request.datasets[name]
        files = [raw_file(name, description, request.shards[name][shard][0]) for shard in shards]
        missing = [] if description.remote else [file for file in files if not _is_there(file, folders)]
        if missing:
            found[name] = sorted(missing)
    return found


def to_tokenize(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Shards whose tokens will be made, by dataset. nodes: settled."""
    return {
        node.name: [shard for names in (node.changed | node.absent).values() for shard in names]
        for node in nodes
        if node.kind == "tokens" and node.runs == Certainty.WILL
    }


def gone_sentences(files: Mapping[str, Sequence[str]]) -> list[str]:
    """Why snakemake would stop for files that are gone, with the remedy, for each dataset."""
    return [
        f"{name}: {many(len(missing), 'raw file')} {'is' if len(missing) == 1 else 'are'} gone and to be tokenized, "
        f"e.g. {shown(missing[0])}: restore {'it' if len(missing) == 1 else 'them'}, or pin the dataset as it is now "
        f"with `nano3 pin {name}`"
        for name, missing in files.items()
    ]


def slow_engine(request: Request) -> str | None:
    """Why Hugging Face's tokenizers encodes, as a clause; None if gigatoken does, or nobody can tell yet."""
    tokenizer, file = request.recipe.tokenizer, request.recipe.tokenizer_file
    if tokenizer.engine == "tokenizers":
        return "the recipe says tokenizer.engine: tokenizers"
    if tokenizer.engine == "gigatoken" or not file.is_file():
        return None
    from nano3.tokens.fast_layouts import against_gigatoken  # imports numpy, which nothing else here needs

    return against_gigatoken(TokenizerJson.read(file), request.recipe.token_settings()["tokenizer"])


def _is_there(file: str, folders: dict[str, set[str]]) -> bool:
    folder, name = os.path.split(file)
    if folder not in folders:
        folders[folder] = set(os.listdir(folder or ".")) if Path(folder).is_dir() else set()
    return name in folders[folder]
