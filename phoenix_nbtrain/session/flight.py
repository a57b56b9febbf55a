"""What all parts of a flight to the service share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import PASSING, AuthenticationFailed, CoolingDown, PhoenixError
from phoenix_nbtrain.session.state_store import StateStore

__all__ = ["ASSETS_PER_CALL", "ENDING", "Rows", "all_done", "reason"]

ASSETS_PER_CALL = 10
"""Most asset ids that one call adds to a training set (SDK)."""
ENDING = (*PASSING, AuthenticationFailed, CoolingDown)
"""Failures that say nothing of the one row they met: no row is refused for them."""

REASON_MAX = 200


def reason(error: PhoenixError) -> str:
    """Return why a row was refused, in the length that rows take."""
    return str(error)[:REASON_MAX]


def all_done(flights: Iterable[Future[Any]]) -> None:
    """Wait for requests under way, and raise what the first of them raised.

    Where the wait itself is interrupted, those that have not begun never do.
    """
    flights = list(flights)
    try:
        errors = [flight.exception() for flight in flights]
    except BaseException:
        for flight in flights:
            flight.cancel()
        raise
    for error in errors:
        if error is not None:
            raise error


class Rows:
    """Changes of single image rows, as a flight learns of them."""

    def __init__(self, live: StateStore) -> None:
        self._live = live

    def edit(self, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Draft:
        """Change one row, unless it was removed or another picture took its place meanwhile."""
        return self.edit_later(row, edit).result()

    def edit_later(self, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Future[Draft]:
        """Change one row on the same terms, without waiting for the disk."""
        return self._live.change(partial(_edited, row=row, edit=edit))

    def set(self, row: ImageRow, **changes: Any) -> Draft:
        """Set fields of one row, on the same terms."""
        return self.set_all([row], **changes)

    def set_all(self, rows: Iterable[ImageRow], **changes: Any) -> Draft:
        """Set fields of several rows at once, on the same terms."""

        def change(draft: Draft) -> Draft:
            for row in rows:
                draft = _edited(draft, row=row, edit=lambda stands: replace(stands, **changes))
            return draft

        return self._live.change(change).result()

    def refuse(self, row: ImageRow, why: str, *, ceiling: int | None = None) -> Draft:
        """Say why the service did not take one row."""
        return self.set(row, sending=False, refusal=why[:REASON_MAX], ceiling=ceiling)


def _edited(draft: Draft, *, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Draft:
    stands = draft.image.get(row.image_id)
    if stands is None or set(stands.keys).isdisjoint(row.keys):
        return draft
    after = edit(stands)
    if after == stands:
        return draft
    revision = draft.revision + (after.caption != stands.caption)
    return replace(draft.with_images({row.image_id: after}), revision=revision)
