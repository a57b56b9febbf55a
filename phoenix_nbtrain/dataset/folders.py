"""What a folder holds, listed without opening a file that a name or its kind can tell of."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.images.header import looks_like_an_image
from phoenix_nbtrain.text import natural_key, shown

FILES_MAX = 100_000
"""Most files of one listing: a home folder, given by mistake, is not walked to its end."""

_NOISE = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_IMAGES = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that its name, or its first bytes where it has no extension, calls an image."""

    path: str
    inside: str
    """Where it is within the folder, with forward slashes."""
    bytes: int = 0
    changed: int = 0
    """When its content last changed: nanoseconds since 1970."""
    problem: str = ""
    """Why it cannot be read, where that is known already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """The images of a folder."""

    path: Path
    files: tuple[Found, ...] = ()
    """In natural order of where they are."""
    others: int = 0
    """How many files are called otherwise. Captions and what systems leave behind do not count."""
    folders: int = 0
    """How many folders are in it that were not looked into."""
    unread: tuple[str, ...] = ()
    """Folders below it that cannot be read."""


def images_in(path: Path, *, recursive: bool = False) -> ImageFiles:
    """List a folder's images. Links to folders are not followed.

    Args:
        path: the folder.
        recursive: whether the folders below it count too.

    Raises:
        InputError: it cannot be read, or holds too many files.
    """
    files: list[Found] = []
    unread: list[str] = []
    others = folders = total = 0
    for folder, below, names in walk(path, unread):
        inside = Path(folder).relative_to(path).as_posix()
        before = "" if inside == "." else f"{inside}/"
        for name in names:
            found = _found(f"{folder}{os.sep}{name}", before + name)
            if found is not None:
                files.append(found)
            else:
                others += 1
        total += len(names)
        if total > FILES_MAX:
            raise too_many(path)
        if not recursive:
            folders = len(below)
            below.clear()
    files.sort(key=lambda found: natural_key(found.inside))
    return ImageFiles(
        path=path, files=tuple(files), others=others, folders=folders, unread=tuple(unread)
    )


def walk(path: Path, unread: list[str] | None = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk a folder without following links to folders, leaving out what is no one's image.

    Yields:
        As `os.walk` does: a folder, the folders in it, which may be taken from, and its files.

    Raises:
        InputError: the folder itself cannot be read. Those below that cannot are added to
            ``unread``.
    """

    def raised(error: OSError) -> None:
        if Path(error.filename) == path:
            raise InputError(
                f"{shown(str(path))} cannot be read: {error.strerror}.",
                remedy="Check its permissions.",
            ) from None
        if unread is not None:
            unread.append(os.fsdecode(error.filename))

    for folder, below, names in os.walk(path, onerror=raised):
        below[:] = sorted(f for f in below if not f.startswith(".") and f != "__MACOSX")
        yield folder, below, [n for n in names if not noise(n)]


def noise(name: str) -> bool:
    """Return whether a file is none that anybody means: hidden, a system's, a caption."""
    return name.startswith(".") or name.lower() in _NOISE or name.lower().endswith(".txt")


def too_many(path: Path) -> InputError:
    """Return what is said of a folder with more files than are listed."""
    return InputError(
        f"{shown(str(path))} contains more than {FILES_MAX:,} files.",
        remedy="Give the folder that holds the images.",
    )


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file of whoever's folder it is.

    Raises:
        ImageError: it is gone, cannot be read, or is no ordinary file.
    """
    try:
        # Looked at before it is opened: opening a pipe would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError("It is not a regular file.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _unreadable(error) from None


def read_file(path: Path, limit: int) -> bytes:
    """Return a file's content, or of a longer one the first ``limit`` bytes and one more.

    Raises:
        ImageError: as `reading`.
    """
    with reading(path) as file:
        return file.read(limit + 1)


def _unreadable(error: OSError) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("It no longer exists.", remedy="Add it again once it is back.")
    return ImageError(
        f"It cannot be read: {error.strerror or type(error).__name__}.",
        remedy="Check its permissions, or copy it.",
    )


def _found(path: str, inside: str) -> Found | None:
    """Return the file, or ``None`` where it is called otherwise or is gone already."""
    _, dot, suffix = inside.rpartition("/")[2].rpartition(".")
    if dot and suffix.lower() not in _IMAGES:
        return None
    problem = ""
    try:
        status = os.stat(path)  # noqa: PTH116  # a Path for each file takes as long as all the rest
    except FileNotFoundError:
        if not Path(path).is_symlink():
            return None
        problem = "It is a link to a missing file."
    except OSError as error:
        problem = str(_unreadable(error))
    else:
        if not stat.S_ISREG(status.st_mode):
            problem = "It is not a regular file."
    if not dot and (problem or not _begins_like_one(path)):
        return None
    if problem:
        return Found(path=path, inside=inside, problem=problem)
    return Found(path=path, inside=inside, bytes=status.st_size, changed=status.st_mtime_ns)


def _begins_like_one(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return looks_like_an_image(file.read(16))
    except OSError:
        return False
