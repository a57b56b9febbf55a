"""Finding the image that somebody means: by id, by name, by path."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from phoenix_nbtrain.draft import ImageRow
from phoenix_nbtrain.errors import InputError, PairError
from phoenix_nbtrain.text import shown

NAME_MAX = 255
"""Most characters of a name that others are compared with."""
MISSES_MAX = 500
"""Most unknown names that near ones are looked for; a pasted table may hold thousands."""


def path_parts(text: str) -> tuple[str, ...]:
    """Return a path's parts, composed (NFC); both kinds of slash separate. Nothing is opened."""
    text = unicodedata.normalize("NFC", text.replace("\\", "/"))
    return tuple(p for p in text.split("/") if p and p != ".")


def stem(name: str) -> str:
    """Return a name without the extension of an image or caption file."""
    base, dot, extension = name.rpartition(".")
    known = extension.lower() in ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "txt")
    return base if dot and base and known else name


class Lookup:
    """The images of a draft, by everything they are called."""

    def __init__(self, rows: Iterable[ImageRow], *, refused: type[InputError] = PairError) -> None:
        self._refused = refused
        self._ids: dict[str, ImageRow] = {}
        self._exact: dict[str, list[ImageRow]] = defaultdict(list)
        self._last: dict[str, list[ImageRow]] = defaultdict(list)
        self._last_stem: dict[str, list[ImageRow]] = defaultdict(list)
        self._misses: dict[str, str] = {}
        for row in rows:
            self._ids[row.image_id] = row
            if row.asset_id:
                self._ids[row.asset_id] = row
            self._exact[row.name].append(row)
            parts = path_parts(row.name)
            if parts:
                self._last[parts[-1]].append(row)
                self._last_stem[stem(parts[-1])].append(row)

    def find(self, value: object) -> ImageRow:
        """Return the one image that ``value`` means.

        In this order: an image or asset id; the exact name; the last parts of a path, where the
        more parts agree the better; the same without the extension.

        Raises:
            InputError: there is none, or there are several; these are listed. Of the kind that
                was asked for.
        """
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or not value.strip():
            raise self._refused(
                "No image is named."
                if value is None or isinstance(value, str)
                else f"{shown(value, 40)} does not name an image.",
                remedy="Give a file name or an image id, as text.",
            )
        if value in self._ids:
            return self._ids[value]
        for found in (self._exact.get(value, []), self._by_path(value)):
            if len(found) == 1:
                return found[0]
            if found:
                raise self._refused(
                    f"{shown(value, 40)} could be {_listed(found)}.",
                    remedy="Give the folder too, or the image id.",
                )
        raise self._refused(
            f"There is no image {shown(value, 60)} in the dataset.", remedy=self._near(value)
        )

    def _near(self, value: str) -> str:
        """Return what to do about a name that nothing has: the names nearest to it, if any."""
        if value not in self._misses and len(self._misses) < MISSES_MAX:
            called = {s.casefold(): rows[0].name for s, rows in self._last_stem.items()}
            called |= {name.casefold(): name for name in self._exact}
            near = get_close_matches(value[:NAME_MAX].casefold(), called, n=3, cutoff=0.7)
            names = list(dict.fromkeys(called[word] for word in near))[:2]
            self._misses[value] = " or ".join(shown(name, 40) for name in names)
        near_names = self._misses.get(value)
        if near_names:
            return f"Did you mean {near_names}?"
        return "Add it first, or use a name from training.images."

    def _by_path(self, value: str) -> list[ImageRow]:
        parts = path_parts(value)
        if not parts:
            return []
        for rows, bare in ((self._last, False), (self._last_stem, True)):
            key = stem(parts[-1]) if bare else parts[-1]
            best, found = 0, list[ImageRow]()
            for row in rows.get(key, ()):
                common = _common(path_parts(row.name), parts)
                if common and common >= best:
                    found = [row] if common > best else [*found, row]
                    best = common
            if found:
                return found
        return []


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Return how many last parts agree, the very last taken for granted; 0 where two differ.

    The shorter one must agree wholly: ``line/cat.png`` is not meant by ``colour/cat.png``.
    """
    length = min(len(a), len(b))
    return length if a[len(a) - length : -1] == b[len(b) - length : -1] else 0


def _listed(rows: list[ImageRow]) -> str:
    names = [f"{shown(r.name, 24)} ({r.image_id[:12]})" for r in rows[:2]]
    more = f" or {len(rows) - 2} more" if len(rows) > 2 else ""
    return " or ".join(names) + more
