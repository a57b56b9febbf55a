"""Uploads on their way to become assets, outside of any request.

The process that was asked about an upload imports it in a thread, under a lock file, so that only
one does. If that process ends, the next request that reads the upload starts the import again.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading

from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.local.new_assets import checked_image
from phoenix_nbtrain.local.rows import insert_asset, update, upload_row
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.url_fetch import fetch
from phoenix_nbtrain.locks import locked

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Imports of one process at a time; each may hold a whole image, decoded."""


class Importers:
    """Brings in the uploads of one data folder."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(AT_ONCE)
        self._going: set[str] = set()

    def ensure(self, upload_id: str) -> None:
        """Let a thread bring the upload in if none does. Cheap, and never waits."""
        with self._lock:
            if upload_id in self._going:
                return
            self._going.add(upload_id)
        # A daemon, since no interpreter should wait at its end for an image on the web.
        thread = threading.Thread(
            target=self._run, args=(upload_id,), name=f"import {upload_id}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has none to spare: whoever reads it next tries again
            with self._lock:
                self._going.discard(upload_id)

    def _run(self, upload_id: str) -> None:
        folder = self._store.upload_dir(upload_id)
        lock = folder.with_suffix(".lock")
        try:
            with self._slots, locked(lock) as mine:
                if mine and self._bring_in(upload_id):
                    shutil.rmtree(folder, ignore_errors=True)
        except Exception:
            log.exception("the upload %s could not be brought in", upload_id)
        finally:
            with self._lock:
                self._going.discard(upload_id)

    def _bring_in(self, upload_id: str) -> bool:
        """Make an asset of an upload, or say why not. Returns whether that was to be done."""
        with self._store.reading() as connection:
            row = upload_row(connection, upload_id)
            private = load(connection).import_private
        if row["status"] not in ("validating", "validated"):
            return False  # another process was faster
        try:
            content = fetch(row["url"], private=private) if row["url"] else self._joined(row)
            found = checked_image(self._store, row["file_name"], content)
        except InputError as error:
            self._set(upload_id, status="failed", error=str(error)[:200], url=None)
        except Exception:
            log.exception("the upload %s failed", upload_id)
            reason = "The image could not be read. Upload it again."
            self._set(upload_id, status="failed", error=reason, url=None)
        else:
            self._set(upload_id, status="validated")
            with self._store.writing() as connection:
                over = {"status": "imported", "entity_id": insert_asset(connection, found)}
                update(connection, "uploads", upload_id, **over, url=None)
        return True

    def _joined(self, row: sqlite3.Row) -> bytes:
        folder = self._store.upload_dir(row["id"])
        numbers = range(1, row["parts_count"] + 1)
        try:
            content = b"".join((folder / str(number)).read_bytes() for number in numbers)
        except FileNotFoundError:
            content = b""
        if len(content) != row["file_size"]:  # a part was sent again while it was completed
            raise ImageError(
                f"The parts have {len(content)} bytes, not {row['file_size']}.",
                remedy="Upload the file again.",
            )
        return content

    def _set(self, upload_id: str, **columns: str | None) -> None:
        """Write down how far it is. The URL of one that is over goes: it may hold a signature."""
        with self._store.writing() as connection:
            update(connection, "uploads", upload_id, **columns)
