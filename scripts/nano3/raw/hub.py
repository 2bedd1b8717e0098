"""
The Hugging Face Hub: which files are a split of a dataset, what bytes they have, and how they come here.

Which files are a split is for the library `datasets` to say, which reads the repository's README or, without one, its
folders: a prefix of names would take sibling subsets along. Access is by HF_TOKEN of the environment, which the
libraries read themselves; it is no argument of anything here.
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

Kind = Literal["dataset", "model"]
HUB = "hf://"
PREFIX = HUB + "datasets/"
PATHS_A_REQUEST = 500
PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class HubError(Nano3Error):
    """The Hub does not give what was asked of it."""


def latest_commit(repository: str, name: str, kind: Kind = "dataset") -> str:
    """The commit that a branch or tag is now."""
    from huggingface_hub import HfApi

    with _explained(repository, name, kind=kind):
        return _retried(lambda: str(HfApi().repo_info(repository, repo_type=kind, revision=name).sha))


def full_commit(repository: str, begin: str, kind: Kind = "dataset") -> str:
    """The commit of a repository's main branch whose hash begins so. Raises HubError unless it is exactly one."""
    from huggingface_hub import HfApi

    with _explained(repository, "main", kind=kind):
        commits = _retried(lambda: HfApi().list_repo_commits(repository, repo_type=kind))
    found = [commit.commit_id for commit in commits if commit.commit_id.startswith(begin)]
    if len(found) != 1:
        raise HubError(
            f"revision: {repository} has {len(found) or 'no'} commits on main that begin with {begin}: "
            "write one of its commits"
        )
    return str(found[0])


def split_files(repository: str, commit: str, subset: str | None, split: str) -> list[str]:
    """Paths in the repository of a split's files, as the library `datasets` would load them. subset None: default."""
    from datasets import get_dataset_config_names, load_dataset_builder
    from huggingface_hub import HfApi

    with _explained(repository, commit), tempfile.TemporaryDirectory() as cache:
        _retried(lambda: HfApi().auth_check(repository, repo_type="dataset"))
        _retried(lambda: HfApi().dataset_info(repository, revision=commit))
        source = PREFIX + repository  # without the prefix, a folder of that name here would be taken
        try:
            config = _retried(lambda: load_dataset_builder(source, subset, revision=commit, cache_dir=cache).config)
        except ValueError:
            known = _retried(lambda: get_dataset_config_names(source, revision=commit, cache_dir=cache))
            if subset in known or (known == ["default"] and not subset):
                raise
            asked = f"has no subset {subset}" if subset else "has no default subset"
            raise HubError(f"subset: {repository} {asked}: name one of: {', '.join(known)}") from None
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
        return sorted(_retried(lambda: HfApi().list_repo_files(repository, revision=commit)))


def describe_files(
    repository: str, commit: str, paths: Sequence[str], kind: Kind = "dataset"
) -> Iterator[tuple[str, int, str]]:
    """
    Path, size and SHA-256 of files in a repository. Raises HubError if one of them is not there.

    The Hub knows the digest of what is stored as LFS or Xet; other files are small, and read.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    for first in range(0, len(paths), PATHS_A_REQUEST):
        some = list(paths[first : first + PATHS_A_REQUEST])
        with _explained(repository, commit, kind=kind):
            ask = partial(HfApi().get_paths_info, repository, some, revision=commit, repo_type=kind)
            found = _retried(ask)
        files = [file for file in found if isinstance(file, RepoFile)]
        if missing := sorted({*some} - {file.path for file in files}):
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
    Download a file into a folder, which is nobody else's; returns where in it the file is.

    origin: hf://datasets/org/repo@commit/path, or hf://org/repo@commit/path for a model's file. A cut connection goes
    on where it was cut, and a file that is there already, whole, stays. Raises HubError, and removes the folder.
    """
    from huggingface_hub import hf_hub_download

    repository, commit, path, kind = _parts(origin)
    try:
        with _explained(repository, commit, path, kind):
            return Path(
                _retried(lambda: hf_hub_download(repository, path, repo_type=kind, revision=commit, local_dir=folder))
            )
    except HubError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def opened(origin: str) -> Iterator[BinaryIO]:
    """A file of a repository to read at any place: a request for each stretch. origin: as for fetch."""
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
    """The other direction of _parts."""
    return f"{PREFIX if kind == 'dataset' else HUB}{repository}@{commit}/{path}"


def _retried(action: Callable[[], Result]) -> Result:
    return retry(action, _is_transient)


def _is_transient(error: Exception) -> bool:
    """Whether it may go well the next time: no connection, a cut one, an overloaded server."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    for cause in causes(error):
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code in PASSING_STATUSES
        if isinstance(cause, TransportError) or (type(cause) is OSError and cause.errno is None):
            return True
    return isinstance(error, RuntimeError)  # what the Xet client raises


@contextmanager
def _explained(repository: str, commit: str, path: str = "", kind: Kind = "dataset") -> Iterator[None]:
    """What the libraries raise becomes one sentence with the remedy."""
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
    """What an error of the libraries means and what to do; None if it says nothing by itself."""
    from httpx2 import TransportError
    from huggingface_hub import constants, errors

    hub = f"the Hub at {constants.ENDPOINT}"
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    meanings = [
        (
            isinstance(error, errors.OfflineModeIsEnabled),
            "the environment says HF_HUB_OFFLINE: unset it to reach the Hub",
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
            f"{repository} is gated and the account of HF_TOKEN has no access: ask for it on {page}",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError) and status == 401,
            f"{repository} is no public {kind}: mend source, or set HF_TOKEN if it is private",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError),
            f"there is no {kind} {repository} that you may see: mend source, or set another HF_TOKEN",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            f"revision: {repository} has no {commit}: write main there and pin it to be told today's commit",
        ),
        (
            isinstance(error, errors.RemoteEntryNotFoundError) and path != "",
            f"{path} is not in {repository} at {commit}: pin its dataset again with scripts/pin_dataset.py",
        ),
        (status == 401, f"{hub} does not know HF_TOKEN: make a new token on {constants.ENDPOINT}/settings/tokens"),
        (status == 403, f"HF_TOKEN does not allow to read {repository}: give it that right, see {page}"),
        (status in PASSING_STATUSES, f"{hub} answered {status} for {repository} every time: try again later"),
    ]
    return next((sentence for applies, sentence in meanings if applies), None)
