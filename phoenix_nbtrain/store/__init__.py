"""What this computer remembers: one journal and one file of drafts per data folder."""

from __future__ import annotations

import threading
from typing import TypeVar

from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal

__all__ = ["home_drafts", "home_journal"]

T = TypeVar("T", Journal, Drafts)

_journals: list[Journal] = []
_drafts: list[Drafts] = []
"""At most one: of the data folder that was asked for last."""
_lock = threading.Lock()


@after_fork
def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _journals.clear()
    _drafts.clear()


def home_journal() -> Journal:
    """Return the journal of the data folder, shared by all that is open in this kernel."""
    return _shared(Journal(), _journals)


def home_drafts() -> Drafts:
    """Return the drafts of the data folder, shared by all that is open in this kernel."""
    return _shared(Drafts(), _drafts)


def _shared(new: T, kept: list[T]) -> T:
    """Return what is kept, unless the file was deleted or another is meant or in its place."""
    with _lock:
        if not kept or kept[0].path != new.path or not kept[0].stands:
            kept[:] = [new]
        return kept[0]
