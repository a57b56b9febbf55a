"""The pictures of the drafts, by the hash of their content.

A picture may come from a folder that is gone tomorrow, or from memory. The draft keeps its own
copy, so that an upload can go on after a kernel died and thumbnails need no network.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from phoenix_nbtrain.home import home, private_folder

__all__ = ["Pictures"]


class Pictures:
    """A folder of files named for their SHA-256."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "pictures"

    def put(self, content: bytes) -> str:
        """Keep ``content`` and return its hash; keeping it twice writes it once."""
        content_hash = hashlib.sha256(content).hexdigest()
        path = self._path(content_hash)
        if path.exists():
            return content_hash
        private_folder(path.parent)
        unfinished = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return content_hash

    def get(self, content_hash: str) -> bytes | None:
        """Return a kept picture, or ``None`` where there is none or its bytes have changed."""
        try:
            content = self._path(content_hash).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == content_hash else None

    def _path(self, content_hash: str) -> Path:
        return self.folder / content_hash[:2] / content_hash
