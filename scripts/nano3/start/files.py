"""How do several new files appear all or not at all? Written aside, renamed at the end; none is ever replaced."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from nano3.artifact.files import replaced
from nano3.start.folder import StartError

Result = TypeVar("Result")


def create(files: Mapping[Path, bytes], check: Callable[[], Result]) -> Result:
    """
    Create files, and return what check says of them; without it if it raises.

    Raises StartError if one is there already or can't be written. Nothing is left then.
    """
    for path in files:
        if path.exists():
            raise StartError(f"{path} exists already: nothing was written; move it away, or choose another name")
    folders = [folder for path in files for folder in _missing(path.parent)]
    try:
        with ExitStack() as stack:
            for path, content in files.items():
                stack.enter_context(replaced(path)).write_bytes(content)
        return check()
    except BaseException as error:
        for path in files:
            path.unlink(missing_ok=True)
        for folder in sorted(folders, reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, OSError):
            raise StartError(f"{error.filename}: can't be written: {error.strerror}; nothing was written") from None
        raise


def _missing(folder: Path) -> list[Path]:
    """A folder and those above it that are not there yet."""
    return [each for each in (folder, *folder.parents) if not each.exists()]
