"""Which rows a view lists, and in which order: searched, filtered and sorted. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix_nbtrain.text import natural_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a row is found and sorted by."""

    id: str
    name: str
    text: str = ""
    """What else a search looks through."""
    captioned: bool = True
    size: int = 0
    """Pixels, or bytes; 0 where unknown."""
    state: str = "saved"
    """Where its content is, as `RowState` says."""
    attention: bool = False
    """Whether somebody should look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to see of some rows."""

    search: str = ""
    """Words that a row's name or text holds, all of them, in any order and case."""
    attention: bool = False
    """Only what needs attention."""
    sort: str = "added"
    """One of `SORTS`."""
    keep: tuple[tuple[str, int], ...] = ()
    """Ids and places of rows that stay where they are, fitting or not: what is worked on must not
    jump away from under the hands that change it."""

    @property
    def plain(self) -> bool:
        """Whether it is every row as it stands."""
        return not (self.search.strip() or self.attention or self.sort != "added")


_STATES = {"refused": 0, "kept": 1, "sending": 2}

_KEYS: Mapping[str, Callable[[Entry], Any] | None] = {
    "added": None,
    "name": lambda entry: natural_key(entry.name),
    "caption": lambda entry: entry.captioned,
    "size": lambda entry: (entry.size == 0, entry.size),
    "state": lambda entry: _STATES.get(entry.state, 3),
}

SORTS = tuple(_KEYS)
"""As added; by name (img2 before img10); those without a caption first; the smallest first; what
is not on the service first. Ties stand as added."""


def listed(entries: Sequence[Entry], wish: Wish) -> tuple[str, ...]:
    """Return the ids of what fits ``wish``, in its order."""
    words, kept = _compared(wish.search).split(), dict(wish.keep)
    fits = [
        entry
        for entry in entries
        if entry.id not in kept
        and (entry.attention or not wish.attention)
        and (not words or _holds(entry, words))
    ]
    key = _KEYS[wish.sort]
    if key is not None:
        fits.sort(key=key)
    ids = [entry.id for entry in fits]
    if kept:
        there = {entry.id for entry in entries}
        for place, row in sorted((place, i) for i, place in kept.items() if i in there):
            ids.insert(place, row)
    return tuple(ids)


def _holds(entry: Entry, words: Sequence[str]) -> bool:
    text = _compared(f"{entry.name}\n{entry.text}")
    return all(word in text for word in words)


def _compared(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())
