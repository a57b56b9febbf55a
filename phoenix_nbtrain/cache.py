"""Files that can be made again: kept by key within a bound, the longest unused let go first."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import write_whole

log = logging.getLogger(__name__)

USED_SECONDS = 3600
"""How exactly it is known when a file was last used: to note it at every read would cost a write."""
_CHECK_BYTES = 16


class Cache:
    """A folder of files by key. Any number of threads and kernels may use it.

    Nothing here fails: what is not there, damaged or cannot be written is made again by whoever
    asks. So nothing is flushed to the disk, and each file begins with a check of its content.

    Args:
        folder: where it is; made with the first file, its owner's only.
        bytes_max: how much all files may take together. Each kernel counts what it writes itself
            and looks at the folder after every tenth of this, so that much may be above it.
    """

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self.folder = folder
        self._bytes_max = bytes_max
        self._written = bytes_max  # what an earlier kernel left is counted with the first file
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what was kept under ``key``, whole, or ``None``."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                check, content = file.read(_CHECK_BYTES), file.read()
                used = os.fstat(file.fileno()).st_mtime
        except OSError:
            return None
        whole = check == _check(key, content)
        with suppress(OSError):
            if not whole:
                path.unlink()
            elif abs(time.time() - used) > USED_SECONDS:
                os.utime(path)
        return content if whole else None

    def put(self, key: str, content: bytes) -> None:
        """Keep ``content``, if that can be done."""
        path = self._path(key)
        try:
            write_whole(path, _check(key, content) + content, synced=False)
        except StoreError as error:  # a full disk, or one that is read only
            log.info("%s keeps nothing: %s", self.folder, error)
            return
        with self._lock:
            self._written += len(content)
            due = self._written > self._bytes_max // 10
            if due:
                self._written = 0
        if due:
            self._let_go()

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        return self.folder / name[:2] / name

    def _let_go(self) -> None:
        """Delete what was not used for longest until a tenth of the bound is free."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        if left <= self._bytes_max:
            return
        for _, size, path in files:
            with suppress(OSError):  # another kernel is at it too
                path.unlink()
            left -= size
            if left <= self._bytes_max * 9 // 10:
                return

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was last used, its bytes and where it is.

        Those that a killed kernel left half written are among them, and go with the others.
        """
        with suppress(OSError):
            for folder in sorted(self.folder.iterdir()):
                with suppress(OSError), os.scandir(folder) as entries:
                    for entry in entries:
                        with suppress(OSError):
                            status = entry.stat()
                            yield status.st_mtime, status.st_size, Path(entry.path)


def _check(key: str, content: bytes) -> bytes:
    """Return what tells a whole file from a damaged one, and from another's."""
    known = hashlib.sha256(key.encode("utf-8", "surrogatepass"))
    known.update(content)
    return known.digest()[:_CHECK_BYTES]
