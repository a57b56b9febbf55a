"""Where this computer keeps what must outlive a kernel, and how it is written there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phoenix_nbtrain.errors import StoreError, shown

__all__ = ["WRITING", "ending", "home", "private_folder", "write_whole", "writing_in"]

WRITING = ".writing-"
"""What the name of a file begins with until it is whole."""


def home() -> Path:
    """Return the toolkit's data folder: ``PHOENIX_NBTRAIN_HOME``, else the platform's own.

    The folder is not created here; who writes first does, with `private_folder`. A relative one is
    taken from the current folder.

    Raises:
        StoreError: it begins with ``~`` and a user that there is not.
    """
    given = os.environ.get("PHOENIX_NBTRAIN_HOME")
    if given:
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError:
            raise StoreError(
                f"PHOENIX_NBTRAIN_HOME names no folder: {shown(given)}.",
                remedy="Give its whole path.",
            ) from None
    from platformdirs import user_data_path

    return user_data_path("phoenix-nbtrain", appauthor=False)


def private_folder(path: Path) -> Path:
    """Create ``path`` and what is missing above it, for its owner only, and return it.

    Raises:
        StoreError: it cannot be made there.
    """
    with writing_in(path):
        _make(path)
    return path


def _make(path: Path) -> None:
    try:
        # `parents=True` would make the folders above it with the usual mode.
        path.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        if path.parent == path:
            raise
        _make(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def writing_in(folder: Path) -> Iterator[None]:
    """Tell what the system refuses within the block as a `StoreError` that names ``folder``."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise StoreError(
            f"Nothing can be kept in {ending(folder)}: {error.strerror or type(error).__name__}.",
            remedy="Make room there."
            if full
            else "Make it writable, or name another: PHOENIX_NBTRAIN_HOME, or data_dir.",
        ) from error


def ending(folder: Path, limit: int = 70) -> str:
    """Return a folder as it is shown: of a long one the end, which tells more than the start."""
    whole = str(folder)
    return shown(whole if len(whole) <= limit else "…" + whole[1 - limit :], limit)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, its owner's only, so that a reader or a crash sees the old or the new one.

    Raises:
        StoreError: it cannot be written there.
    """
    private_folder(path.parent)
    with writing_in(path.parent):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
