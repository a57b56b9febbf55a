"""Files kept by the hash of their content: once, and never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from phoenix_nbtrain.home import write_whole


class Contents:
    """A folder of files named for their SHA-256.

    An image may come from a folder that is gone tomorrow, or from memory. What is kept here can
    be sent after a kernel died, and needs no network to be shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Keep ``content`` and return its hash, hexadecimal.

        Keeping it twice writes it once, unless what was written is damaged by now.
        """
        content_hash = hashlib.sha256(content).hexdigest()
        if self.get(content_hash) is None:
            write_whole(self._path(content_hash), content)
        return content_hash

    def get(self, content_hash: str) -> bytes | None:
        """Return what was kept, or ``None`` where it is gone or its bytes have changed."""
        try:
            content = self._path(content_hash).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == content_hash else None

    def _path(self, content_hash: str) -> Path:
        return self.folder / content_hash[:2] / content_hash
