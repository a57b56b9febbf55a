"""Zip archives of images, read member by member and never unpacked to disk."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.text import shown

MEMBERS_MAX = 10_000
DIRECTORY_BYTES_MAX = 4_000_000
"""Longest table of contents that is read: Python makes an object of each of its entries."""
UNPACKED_MAX = 2_500_000_000
"""Most bytes that all members may claim: fifty images of the largest size."""
RATIO_MAX = 100
"""How much a member may shrink. Images hardly do; a bomb shrinks a thousandfold."""

_AGAIN = "Unpack it yourself, check the files, and add the folder."


def members(path: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Return the files of a zip archive: their paths, and what reads them.

    Raises:
        InputError: not a zip archive, or one that is made to do harm: a member outside of the
            archive's own folder, a link, the same name twice, encryption, far too many or far
            too large members. Nothing of it is taken then.
    """
    try:
        _check_end(path)
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{shown(path.name)} cannot be read as a zip archive.", remedy="Pack it again."
        ) from None
    if len(infos) > MEMBERS_MAX:
        raise _refused(path, f"has {len(infos):,} members")
    seen: set[str] = set()
    unpacked = 0
    files: list[tuple[str, Callable[[], bytes]]] = []
    for info in infos:
        name = info.filename.replace("\\", "/")
        if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
            raise _refused(path, f"has a member outside of its folder, {shown(name, 40)}")
        if name.casefold() in seen:
            raise _refused(path, f"contains {shown(name, 40)} twice")
        seen.add(name.casefold())
        if info.flag_bits & 0x1:
            raise InputError(f"{shown(path.name)} is encrypted.", remedy=_AGAIN)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(path, f"contains a link, {shown(name, 40)}")
        unpacked += info.file_size
        if info.file_size > 1_000_000 and info.file_size > RATIO_MAX * info.compress_size:
            raise _refused(path, f"has a member that unpacks {RATIO_MAX}fold, {shown(name, 40)}")
        if not info.is_dir():
            files.append((name, _reader(path, info.filename)))
    if unpacked > UNPACKED_MAX:
        raise _refused(path, f"unpacks to {unpacked / 1e9:,.0f} GB")
    return files


def _check_end(path: Path) -> None:
    """Refuse a table of contents that is too long, before Python reads it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 22 - 65_535 - 20))
        tail = file.read()
    if b"PK\x06\x07" in tail:  # ZIP64: more than 65,535 members, or more than 4 GB
        raise _refused(path, "is a ZIP64 archive, far larger than a dataset")
    at = tail.find(b"PK\x05\x06")
    while at >= 0:
        if at + 22 <= len(tail):
            count, length = struct.unpack_from("<HI", tail, at + 10)
            if count > MEMBERS_MAX or length > DIRECTORY_BYTES_MAX:
                raise _refused(path, f"has {count:,} members")
        at = tail.find(b"PK\x05\x06", at + 1)


def _reader(path: Path, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(name) as member:
                # One byte more than is taken, whatever size the member claims.
                return member.read(BYTES_MAX + 1)
        except (OSError, zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
            raise ImageError(
                f"It cannot be unpacked: {shown(str(error), 80)}.", remedy="Pack it again."
            ) from None
        except Exception as error:  # zlib, lzma and bz2 have errors of their own
            raise ImageError(
                f"It cannot be unpacked: {type(error).__name__}.", remedy="Pack it again."
            ) from None

    return read


def _refused(path: Path, why: str) -> InputError:
    return InputError(f"{shown(path.name, 40)} {why}; nothing was added from it.", remedy=_AGAIN)
