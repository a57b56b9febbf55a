"""Where this computer keeps what must outlive a kernel, and how it is written there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from phoenix_nbtrain.errors import InputError, StoreError
from phoenix_nbtrain.text import ending, shown

FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
"""How systems refuse what there is no room for: on the disk, in a quota, in a file's limit."""
PATH_BYTES_MAX = 500
"""SQLite opens no longer path than 512, its journal's ending included."""
_FOLDER_BYTES_MAX = PATH_BYTES_MAX - 30
"""The names of its files come after this."""

WRITING = ".writing-"
"""What the name of a file begins with until it is whole."""


def home() -> Path:
    """Return the toolkit's data folder: ``PHOENIX_NBTRAIN_HOME``, else the platform's own.

    The folder is not created here; who writes first does, with `private_folder`. A relative one is
    taken from the current folder.

    Raises:
        StoreError: it begins with ``~`` and a user that there is not, its path is too long, or
            this computer knows no home folder of this user.
    """
    given = os.environ.get("PHOENIX_NBTRAIN_HOME")
    if given:
        try:
            folder = Path(given).expanduser().absolute()
            if len(os.fsencode(folder)) <= _FOLDER_BYTES_MAX:
                return folder
            raise StoreError(
                f"The path of PHOENIX_NBTRAIN_HOME is too long: {ending(folder)}.",
                remedy=f"Name a folder whose path has at most {_FOLDER_BYTES_MAX} bytes.",
            )
        except RuntimeError:
            raise StoreError(
                f"PHOENIX_NBTRAIN_HOME is not a folder: {shown(given)}.",
                remedy="Give its full path.",
            ) from None
    from platformdirs import user_data_path

    with suppress(RuntimeError):  # of platformdirs; older ones return "~/…"
        folder = user_data_path("phoenix-nbtrain", appauthor=False)
        if folder.is_absolute():
            return folder
    raise StoreError(
        "No home folder was found for you, so nothing can be saved.",
        remedy="Set PHOENIX_NBTRAIN_HOME to a folder that you can write to.",
    )


def folder_given(value: object, name: str) -> Path:
    """Return the folder that an argument names, ``~`` resolved.

    Raises:
        InputError: it is no path.
    """
    if isinstance(value, str | Path) and str(value).strip() and "\0" not in str(value):
        with suppress(RuntimeError):  # a user that there is not
            return Path(value).expanduser().absolute()
    raise InputError(f"{name} is not a folder: {shown(value)}.", remedy="Give its path.")


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
        if error.errno in FULL:
            remedy = "Free up space there."
        elif error.errno == errno.ENAMETOOLONG:
            remedy = "Name one with a shorter path: PHOENIX_NBTRAIN_HOME, or data_dir."
        else:
            remedy = "Make it writable, or name another: PHOENIX_NBTRAIN_HOME, or data_dir."
        raise StoreError(
            f"Nothing can be saved in {ending(folder)}: {error.strerror or type(error).__name__}.",
            remedy=remedy,
        ) from error


def write_whole(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file, its owner's only, so that a reader or a crash sees the old or the new one.

    Without ``synced``, a power cut may leave it empty: for what can be made again.

    Raises:
        StoreError: it cannot be written there.
    """
    private_folder(path.parent)
    with writing_in(path.parent):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                if synced:
                    file.flush()
                    os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
