"""What a person removed stays out of the dataset when the cell that added it runs again.

An image is remembered by its keys (`ImageRow.keys`), a pair by one key of each of its images.
Whatever is in the dataset is forgotten here, however it came back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.draft import Draft, ImageRow, PairKey
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import counted


def keys(draft: Draft) -> frozenset[str]:
    """Return everything that tells the images apart that a person removed."""
    return frozenset(key for row in draft.left_out for key in row.keys)


def ids(draft: Draft) -> dict[str, str]:
    """Return the free ids of removed images by their keys: where one was replaced, of the last."""
    last = {row.image_id: row for row in draft.left_out if row.image_id not in draft.image}
    return {key: row.image_id for row in last.values() for key in row.keys}


def has_pair(draft: Draft, source: str, target: str) -> bool:
    """Return whether a person removed the pair of these two images, given by id."""
    return not draft.left_out_pairs.isdisjoint(_keys_of(draft.image, source, target))


class Names:
    """What the images of a draft are called that a person removed."""

    def __init__(self, draft: Draft) -> None:
        self._there = Lookup(draft.images)
        # The last of a name: an image may have been replaced before it was removed.
        self._out = Lookup({row.name: row for row in draft.left_out}.values())

    def find(self, value: object) -> ImageRow | None:
        """Return the removed image that ``value`` names, if it names none that is there."""
        return None if _found(self._there, value) else _found(self._out, value)

    def __contains__(self, value: object) -> bool:
        return self.find(value) is not None


def noted(before: Draft, after: Draft, *, taken_out: bool) -> tuple[Draft, list[Mapping[str, Any]]]:
    """Return ``after`` with what is left out of it noted, and the operations that undo the rest.

    Args:
        before: the draft before some edits.
        after: the draft after them.
        taken_out: whether a person made them, so that what is gone stays out. If not, they are
            somebody's undo.
    """
    images, inverse = after.left_out, list[Mapping[str, Any]]()
    if images or (taken_out and before.images != after.images):
        there = {key for row in after.images for key in row.keys}
        if taken_out:
            gone = (row for row in before.images if row.keys and there.isdisjoint(row.keys))
            images += tuple(_bare(row) for row in gone)
        back = [row for row in images if not there.isdisjoint(row.keys)]
        if back:
            images = tuple(row for row in images if row not in back)
            inverse.append({"op": "leave out", "table": "images", "rows": back})
    pairs = after.left_out_pairs
    if before.pairs != after.pairs:
        stood, stand = ({row.triple[:2] for row in draft.pairs} for draft in (before, after))
        known = {row.image_id: row for row in (*images, *before.images, *after.images)}
        if taken_out:
            pairs |= {key for pair in stood - stand for key in list(_keys_of(known, *pair))[:1]}
        new = {key for pair in stand - stood for key in _keys_of(known, *pair)}
        if pairs & new:
            inverse.append({"op": "leave out", "table": "pairs", "rows": sorted(pairs & new)})
            pairs -= new
    return replace(after, left_out=images, left_out_pairs=pairs), inverse


def moved(pairs: frozenset[PairKey], replaced: ImageRow, by: ImageRow) -> frozenset[PairKey]:
    """Return the pairs that stay out, those of an image that was replaced included."""
    new = by.keys[0]
    return pairs | {
        (new if source in replaced.keys else source, new if target in replaced.keys else target)
        for source, target in pairs
    }


def said(*, images: int = 0, pairs: int = 0) -> str:
    """Return how much was left out, in words; empty where nothing was."""
    counts = [counted(n, noun) for n, noun in ((images, "image"), (pairs, "pair")) if n]
    were = "was" if images + pairs == 1 else "were"
    return f"{' and '.join(counts)} you removed {were} left out" if counts else ""


def _found(lookup: Lookup, value: object) -> ImageRow | None:
    try:
        return lookup.find(value)
    except InputError:
        return None


def _keys_of(known: Mapping[str, ImageRow], source: str, target: str) -> Iterator[PairKey]:
    """Yield what the pair may be remembered by, what it is remembered by first."""
    if source in known and target in known:
        for key in known[source].keys:
            yield from ((key, other) for other in known[target].keys)


def _bare(row: ImageRow) -> ImageRow:
    return ImageRow(
        image_id=row.image_id,
        name=row.name,
        content_hash=row.content_hash,
        url_key=row.url_key,
        asset_id=row.asset_id,
        bytes=row.bytes,
    )
