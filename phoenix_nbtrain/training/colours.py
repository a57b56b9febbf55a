"""The mean colour of every picture that was looked at: what a view paints until it has more."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from pathlib import Path

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import private_folder, write_whole

__all__ = ["Colours"]

log = logging.getLogger(__name__)

KEPT = 50_000
"""Colours in the file, 40 bytes each; it may grow to twice as many before the older half goes."""

_LINE = re.compile(rb"([0-9a-f]{32}) ([0-9a-f]{6})\n")


class Colours:
    """Colours by the key of a picture, in memory and in one file of lines.

    The file is read once. Each kernel adds its lines at the end, which a system does in one step;
    what is no line there is passed over. So nothing here waits, and nothing fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._by_key = self._read()

    def get(self, key: str) -> str:
        """Return the colour as ``#rrggbb``, or nothing where it is not known."""
        return self._by_key.get(_short(key), "")

    def put(self, key: str, colour: str) -> None:
        """Remember a picture's colour, here and for kernels to come."""
        short = _short(key)
        with self._lock:
            if self._by_key.get(short) == colour:
                return
            self._by_key[short] = colour
        try:
            private_folder(self._path.parent)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, _line(short, colour))
            finally:
                os.close(descriptor)
        except (OSError, StoreError) as error:  # a full disk, or one that is read only
            log.info("%s takes no colour: %s", self._path, error)

    def _read(self) -> dict[str, str]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        found = {m[1].decode(): f"#{m[2].decode()}" for m in _LINE.finditer(content)}
        if len(found) > KEPT or len(content) > 2 * KEPT * len(_line("0" * 32, "#000000")):
            found = dict(list(found.items())[-KEPT:])
            try:
                write_whole(self._path, b"".join(_line(*item) for item in found.items()))
            except StoreError as error:
                log.info("%s stays as long as it is: %s", self._path, error)
        return found


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _line(short: str, colour: str) -> bytes:
    return f"{short} {colour.removeprefix('#')}\n".encode()
