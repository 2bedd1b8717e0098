"""
Which files of the Hugging Face Hub are a split of a dataset, what are their bytes, and how are they downloaded?

The library `datasets` decides which files are a split, from the repository's README or, without one, its folders: a
prefix of names would include sibling subsets. The libraries read HF_TOKEN from the environment themselves.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file
from nano3.core.answers import TRANSIENT_STATUSES, RemoteError, answer_in, causes, first_line, is_transient, no_answer
from nano3.core.refusals import again, card_refusal
from nano3.core.retry import ATTENDED, UNATTENDED, Patience, Result, retry
from nano3.formats.source import FORMATS, kind_of
from nano3.raw.datasets import HUB

Kind = Literal["dataset", "model"]
PREFIX = HUB + "datasets/"
PATHS_PER_REQUEST = 500
# What the library `datasets` writes beside data.
LIBRARY_FILES = ("dataset_infos.json", "dataset_dict.json", "dataset_info.json", "state.json")
CONNECT_SECONDS, READ_SECONDS = 10, 60  # without an answer, and without a byte


class HubError(RemoteError):
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
    with _loaded(repository, commit, subset) as builder:
        splits = builder.config.data_files or {}
        if split not in splits:
            names = ", ".join(map(str, splits))
            raise HubError(
                f"split: {repository} has no split {split} in subset {builder.config.name}: name one of: {names}"
            )
        return [_path(file) for file in splits[split]]


def left_out(repository: str, commit: str, subset: str | None) -> list[str]:
    """
    Paths of the repository's data files that are in no split of any subset, sorted: the library `datasets` loads none
    of them, and says nothing. subset: one of the repository's; None: its default.
    """
    from huggingface_hub import HfApi

    with _loaded(repository, commit, subset) as builder:
        paths = _retry(lambda: HfApi().list_repo_files(repository, revision=commit, repo_type="dataset"))
        splits = [_retry(partial(_resolved, builder, config)) for config in builder.builder_configs.values()]
    used = {_path(file) for files in splits for split in files.values() for file in split}
    return sorted(path for path in paths if _is_data(path) and path not in used)


@contextmanager
def _loaded(repository: str, commit: str, subset: str | None) -> Iterator[Any]:
    """The library's builder of a subset, which knows the files of all subsets. None of them is downloaded."""
    from datasets import get_dataset_config_names, load_dataset_builder
    from huggingface_hub import HfApi

    source = PREFIX + repository  # without the prefix, a local folder of that name would be read
    with _explained(repository, commit), tempfile.TemporaryDirectory() as cache:
        _retry(lambda: HfApi().auth_check(repository, repo_type="dataset"))
        _retry(lambda: HfApi().dataset_info(repository, revision=commit))
        with _card_explained(repository, commit):
            try:
                builder = _retry(lambda: load_dataset_builder(source, subset, revision=commit, cache_dir=cache))
            except ValueError:
                subsets = _retry(lambda: get_dataset_config_names(source, revision=commit, cache_dir=cache))
                if subset in subsets or (subsets == ["default"] and not subset):
                    raise
                problem = f"has no subset {subset}" if subset else "has no default subset"
                raise HubError(f"subset: {repository} {problem}: name one of: {', '.join(subsets)}") from None
        yield builder


def _is_data(path: str) -> bool:
    """Whether a file may hold rows. A .txt in a repository is its licence or a list of requirements."""
    names = PurePosixPath(path).parts
    hidden = any(name.startswith((".", "_")) for name in names)
    return path.endswith(FORMATS) and kind_of(path) != ".txt" and not hidden and names[-1] not in LIBRARY_FILES


def _resolved(builder: Any, config: Any) -> Mapping[str, Sequence[str]]:
    """The files of a subset by split; none if its patterns match none."""
    from datasets import DownloadConfig
    from datasets.data_files import DataFilesPatternsDict

    files = config.data_files or {}
    try:
        return files.resolve(builder.base_path, DownloadConfig()) if isinstance(files, DataFilesPatternsDict) else files
    except FileNotFoundError:
        return {}


def _path(file: object) -> str:
    """The path in its repository of hf://datasets/org/repo@commit/path."""
    return str(file).partition("@")[2].partition("/")[2]


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
        return digest_file(fetch(origin, Path(folder) / "file", ATTENDED))


def fetch(origin: str, folder: Path, patience: Patience = UNATTENDED) -> Path:
    """
    Download a file into a folder of its own; returns the file's path.

    origin: hf://datasets/org/repo@commit/path, or hf://org/repo@commit/path for a model's file. A cut connection
    resumes where it was cut; a complete file is not downloaded again. Raises HubError, and removes the folder.
    """
    from huggingface_hub import hf_hub_download

    repository, commit, path, kind = _parts(origin)

    def download() -> str:
        try:
            return str(hf_hub_download(repository, path, repo_type=kind, revision=commit, local_dir=folder))
        except RuntimeError as error:  # of the Xet client
            raise ConnectionError(first_line(error)) from error

    try:
        with _explained(repository, commit, path, kind):
            return Path(_retry(download, patience))
    except HubError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def opened(origin: str) -> Iterator[BinaryIO]:
    """A file of a repository for random access: one request per read. origin: as for fetch."""
    from huggingface_hub import HfFileSystem

    with _explained(*_parts(origin)), _retry(lambda: HfFileSystem().open(origin.removeprefix(HUB), "rb")) as file:
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


def _retry(action: Callable[[], Result], patience: Patience = ATTENDED) -> Result:
    _ask_once()
    return retry(action, patience, "the Hub")


@cache
def _ask_once() -> None:
    """Keep huggingface_hub from asking again by itself: it would, as often and as late as it likes, with warnings."""
    import httpx2
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import hf_raise_for_status, logging

    hooks = get_session().event_hooks

    class AskingOnce(httpx2.Client):
        """What fails leaves it as an error that the library does not retry."""

        def send(self, *arguments: Any, **options: Any) -> httpx2.Response:
            try:
                response = super().send(*arguments, **options)
            except httpx2.TransportError as error:
                raise ConnectionError(first_line(error)) from error
            if response.status_code in TRANSIENT_STATUSES:
                response.read()
                hf_raise_for_status(response)
            return response

    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    set_client_factory(lambda: AskingOnce(event_hooks=hooks, follow_redirects=True, timeout=timeout))
    logging.set_verbosity_error()


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
        raise HubError(sentence or f"{place}: {first_line(error)}", outage=is_transient(error)) from None


@contextmanager
def _card_explained(repository: str, commit: str) -> Iterator[None]:
    """Turn what the library `datasets` raises about a repository's card into one sentence with the remedy."""
    try:
        yield
    except Exception as error:
        answer = answer_in(error)
        refused = answer.status != 404 if answer else isinstance(error, OSError) and error.errno is not None
        if refused or isinstance(error, Nano3Error) or is_transient(error):
            raise
        raise HubError(f"{repository} at {commit}: {card_refusal(error)}") from None


def _sentence(error: BaseException, repository: str, commit: str, path: str, kind: Kind) -> str | None:
    """An error's meaning and remedy; None if it has none of its own."""
    from huggingface_hub import constants, errors

    hub = f"the Hub at {constants.ENDPOINT}"
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    answer = answer_in(error)
    status = answer.status if answer and isinstance(error, errors.HfHubHTTPError) else 0
    meanings = [
        (
            isinstance(error, errors.OfflineModeIsEnabled),
            "HF_HUB_OFFLINE is set: unset it to reach the Hub",
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
            f"{path} is not in {repository} at {commit}: pin its dataset again: `nano3 pin NAME`",
        ),
        (status == 401, f"{hub} rejects HF_TOKEN: create a new token on {constants.ENDPOINT}/settings/tokens"),
        (status == 403, f"HF_TOKEN may not read {repository}: give it read access, see {page}"),
    ]
    if answer and status in TRANSIENT_STATUSES:
        return f"{hub} answered {status} for {repository} every time: {again(answer)}"
    return next((sentence for applies, sentence in meanings if applies), no_answer(error, constants.ENDPOINT, hub))
