"""
Which files of the Hugging Face Hub are a split of a dataset, what are their bytes, and how are they downloaded?

The library `datasets` decides which files are a split, from the repository's README or, without one, its folders: a
prefix of names would include sibling subsets. The libraries read HF_TOKEN from the environment themselves.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file
from nano3.core.retry import Result, causes, first_line, retry
from nano3.raw.datasets import HUB

Kind = Literal["dataset", "model"]
PREFIX = HUB + "datasets/"
PATHS_PER_REQUEST = 500
TRANSIENT_STATUSES = (408, 429, 500, 502, 503, 504)


class HubError(Nano3Error):
    """The Hub does not deliver what was requested."""


def latest_commit(repository: str, name: str, kind: Kind = "dataset") -> str:
    """The commit that a branch or tag points to now."""
    from huggingface_hub import HfApi

    with _explained(repository, name, kind=kind):
        return _retry(lambda: str(HfApi().repo_info(repository, repo_type=kind, revision=name).sha))


def full_commit(repository: str, begin: str, kind: Kind = "dataset") -> str:
    """The one commit on main that starts with `begin`. Raises HubError if there is none or more than one."""
    from huggingface_hub import HfApi

    with _explained(repository, "main", kind=kind):
        commits = _retry(lambda: HfApi().list_repo_commits(repository, repo_type=kind))
    matches = [commit.commit_id for commit in commits if commit.commit_id.startswith(begin)]
    if len(matches) != 1:
        raise HubError(
            f"revision: {repository} has {len(matches) or 'no'} commits on main that begin with {begin}: "
            "write one of its commits"
        )
    return str(matches[0])


def split_files(repository: str, commit: str, subset: str | None, split: str) -> list[str]:
    """Paths in the repository of a split's files, as the library `datasets` would load them. subset None: default."""
    from datasets import get_dataset_config_names, load_dataset_builder
    from huggingface_hub import HfApi

    with _explained(repository, commit), tempfile.TemporaryDirectory() as cache:
        _retry(lambda: HfApi().auth_check(repository, repo_type="dataset"))
        _retry(lambda: HfApi().dataset_info(repository, revision=commit))
        source = PREFIX + repository  # without the prefix, a local folder of that name would be read
        try:
            config = _retry(lambda: load_dataset_builder(source, subset, revision=commit, cache_dir=cache).config)
        except ValueError:
            subsets = _retry(lambda: get_dataset_config_names(source, revision=commit, cache_dir=cache))
            if subset in subsets or (subsets == ["default"] and not subset):
                raise
            problem = f"has no subset {subset}" if subset else "has no default subset"
            raise HubError(f"subset: {repository} {problem}: name one of: {', '.join(subsets)}") from None
    if split not in (config.data_files or {}):
        raise HubError(
            f"split: {repository} has no split {split} in subset {config.name}: "
            f"name one of: {', '.join(map(str, config.data_files or {}))}"
        )
    begin = f"{PREFIX}{repository}@{commit}/"
    return [str(file).removeprefix(begin) for file in config.data_files[split]]


def list_files(repository: str, commit: str) -> list[str]:
    """Paths of all files of a model's repository, sorted."""
    from huggingface_hub import HfApi

    with _explained(repository, commit, kind="model"):
        return sorted(_retry(lambda: HfApi().list_repo_files(repository, revision=commit)))


def describe_files(
    repository: str, commit: str, paths: Sequence[str], kind: Kind = "dataset"
) -> Iterator[tuple[str, int, str]]:
    """
    Path, size and SHA-256 of files in a repository. Raises HubError if one is missing.

    The Hub stores the digest of LFS and Xet files; other files are small, so they are downloaded and digested.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    for first in range(0, len(paths), PATHS_PER_REQUEST):
        batch = list(paths[first : first + PATHS_PER_REQUEST])
        with _explained(repository, commit, kind=kind):
            request = partial(HfApi().get_paths_info, repository, batch, revision=commit, repo_type=kind)
            entries = _retry(request)
        files = [file for file in entries if isinstance(file, RepoFile)]
        if missing := sorted({*batch} - {file.path for file in files}):
            raise HubError(f"{missing[0]} is not in {repository} at {commit}: try again")
        for file in files:
            yield (
                file.path,
                file.size,
                file.lfs.sha256 if file.lfs else _digest(_origin(repository, commit, file.path, kind)),
            )


def _digest(origin: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return digest_file(fetch(origin, Path(folder) / "file"))


def fetch(origin: str, folder: Path) -> Path:
    """
    Download a file into a folder of its own; returns the file's path.

    origin: hf://datasets/org/repo@commit/path, or hf://org/repo@commit/path for a model's file. A cut connection
    resumes where it was cut; a complete file is not downloaded again. Raises HubError, and removes the folder.
    """
    from huggingface_hub import hf_hub_download

    repository, commit, path, kind = _parts(origin)
    try:
        with _explained(repository, commit, path, kind):
            return Path(
                _retry(lambda: hf_hub_download(repository, path, repo_type=kind, revision=commit, local_dir=folder))
            )
    except HubError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def opened(origin: str) -> Iterator[BinaryIO]:
    """A file of a repository for random access: one request per read. origin: as for fetch."""
    from huggingface_hub import HfFileSystem

    with _explained(*_parts(origin)), HfFileSystem().open(origin.removeprefix(HUB), "rb") as file:
        yield file


def _parts(origin: str) -> tuple[str, str, str, Kind]:
    """Repository, commit, path and kind of an origin; see fetch."""
    kind: Kind = "dataset" if origin.startswith(PREFIX) else "model"
    repository, _, rest = origin.removeprefix(PREFIX).removeprefix(HUB).partition("@")
    commit, _, path = rest.partition("/")
    return repository, commit, path, kind


def _origin(repository: str, commit: str, path: str, kind: Kind) -> str:
    """The inverse of _parts."""
    return f"{PREFIX if kind == 'dataset' else HUB}{repository}@{commit}/{path}"


def _retry(action: Callable[[], Result]) -> Result:
    return retry(action, _is_transient)


def _is_transient(error: Exception) -> bool:
    """True if a retry may succeed: no connection, a cut one, an overloaded server."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    for cause in causes(error):
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code in TRANSIENT_STATUSES
        if isinstance(cause, TransportError) or (type(cause) is OSError and cause.errno is None):
            return True
    return isinstance(error, RuntimeError)  # what the Xet client raises


@contextmanager
def _explained(repository: str, commit: str, path: str = "", kind: Kind = "dataset") -> Iterator[None]:
    """Turn the libraries' errors into one sentence with the remedy."""
    try:
        yield
    except Nano3Error:
        raise
    except Exception as error:
        sentences = (_sentence(cause, repository, commit, path, kind) for cause in causes(error))
        sentence = next((sentence for sentence in sentences if sentence), None)
        if sentence is None and not isinstance(error, OSError | ValueError | RuntimeError):
            raise
        place = _origin(repository, commit, path, kind).rstrip("/")
        raise HubError(sentence or f"{place}: {first_line(error)}") from None


def _sentence(error: BaseException, repository: str, commit: str, path: str, kind: Kind) -> str | None:
    """An error's meaning and remedy; None if it has none of its own."""
    from httpx2 import TransportError
    from huggingface_hub import constants, errors

    hub = f"the Hub at {constants.ENDPOINT}"
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    meanings = [
        (
            isinstance(error, errors.OfflineModeIsEnabled),
            "HF_HUB_OFFLINE is set: unset it to reach the Hub",
        ),
        (
            isinstance(error, TransportError),
            f"{hub} can't be reached ({first_line(error)}): check the network, then try again",
        ),
        (
            isinstance(error, errors.GatedRepoError) and status == 401,
            f"{repository} is gated: set HF_TOKEN to a token of an account that has access, see {page}",
        ),
        (
            isinstance(error, errors.GatedRepoError),
            f"{repository} is gated and the account of HF_TOKEN has no access: request it on {page}",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError) and status == 401,
            f"{repository} is not a public {kind}: correct source, or set HF_TOKEN if it is private",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError),
            f"{repository} is not a {kind} that HF_TOKEN can read: correct source, or set another HF_TOKEN",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            f"revision: {repository} has no commit {commit}: write `main`, pin again, and use the commit in that error",
        ),
        (
            isinstance(error, errors.RemoteEntryNotFoundError) and path != "",
            f"{path} is not in {repository} at {commit}: pin its dataset again with scripts/pin_dataset.py",
        ),
        (status == 401, f"{hub} rejects HF_TOKEN: create a new token on {constants.ENDPOINT}/settings/tokens"),
        (status == 403, f"HF_TOKEN may not read {repository}: give it read access, see {page}"),
        (status in TRANSIENT_STATUSES, f"{hub} answered {status} for {repository} every time: try again later"),
    ]
    return next((sentence for applies, sentence in meanings if applies), None)
