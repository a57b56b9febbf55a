"""The one live state of a training, and who is told of its changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import Runner
from phoenix_nbtrain.session.order import order_of
from phoenix_nbtrain.session.service import REASON_MAX
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.store.batch import Batch
from phoenix_nbtrain.store.drafts import Drafts

log = logging.getLogger(__name__)

UPDATE_SECONDS = 0.2
"""Jupyter Server drops comm messages above a rate; five updates a second stay far below it."""


class StateStore:
    """Holds the state; every change of it goes through here.

    A change of the draft runs on the runner's serial ``state`` lane and is on disk before it is
    seen. Other changes only swap a frozen record under a lock that is never held over I/O.
    """

    def __init__(self, *, model: Model, origin: str, drafts: Drafts, runner: Runner) -> None:
        self.model_id = model.id
        self.origin = origin
        self.runner = runner
        self._drafts = drafts
        self._lock = threading.Lock()
        self._subscribers: dict[int, Callable[[TrainingState], None]] = {}
        self._next = 0
        self._edits = Batch(self._write)
        self._announced = 0.0
        self._due = False
        self.state = TrainingState(model=model, draft=drafts.read(origin=origin, model_id=model.id))

    # -- reading --------------------------------------------------------------------------------

    def read(self) -> Draft:
        """Return the draft as it stands on disk, which another kernel may have changed.

        Raises:
            StoreError: the file cannot be read or trusted.
        """
        return self.runner.submit("state", self._read).result()

    def _read(self) -> Draft:
        draft = self._drafts.read(origin=self.origin, model_id=self.model_id)
        if draft is not self.state.draft:
            self.show(draft=draft)
        return draft

    # -- changing -------------------------------------------------------------------------------

    def change(self, edit: Callable[[Draft], Draft]) -> Future[Draft]:
        """Apply a pure edit to the draft as it stands on disk, then show the outcome.

        Edits that wait at the same moment are written together: a disk takes as long for one as
        for all of them. Each has its own outcome; one that raises changes nothing.
        """
        future = self._edits.add(edit)
        try:
            self.runner.submit("state", self._edits.flush)
        except RuntimeError:  # the system has no thread to spare
            future.cancel()  # the caller is told that it failed, so no later write may take it along
            raise
        return future

    def _write(self, edits: Sequence[Callable[[Draft], Draft]]) -> list[Draft | BaseException]:
        outcomes: list[Draft | BaseException] = []

        def all_of_them(draft: Draft) -> Draft:
            for edit in edits:
                try:
                    draft = edit(draft)
                except BaseException as error:  # handed to whoever asked for it
                    outcomes.append(error)
                else:
                    outcomes.append(draft)
            return draft

        draft = self._drafts.change(all_of_them, origin=self.origin, model_id=self.model_id)
        if draft is not self.state.draft:
            self.show(draft=draft)
        return outcomes

    def edit_row(self, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Draft:
        """Change one row, unless it was removed or another image took its place meanwhile."""
        return self.edit_row_later(row, edit).result()

    def edit_row_later(self, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Future[Draft]:
        """Change one row on the same terms, without waiting for the disk."""
        return self.change(partial(_edited, row=row, edit=edit))

    def set_row(self, row: ImageRow, **changes: Any) -> Draft:
        """Set fields of one row, on the same terms."""
        return self.set_rows([row], **changes)

    def set_rows(self, rows: Iterable[ImageRow], **changes: Any) -> Draft:
        """Set fields of several rows at once, on the same terms."""

        def change(draft: Draft) -> Draft:
            for row in rows:
                draft = _edited(draft, row=row, edit=lambda stands: replace(stands, **changes))
            return draft

        return self.change(change).result()

    def refuse_row(self, row: ImageRow, why: str, *, ceiling: int | None = None) -> Draft:
        """Say why the service did not take one row."""
        return self.set_row(row, sending=False, refusal=why[:REASON_MAX], ceiling=ceiling)

    def show(self, **changes: Any) -> TrainingState:
        """Swap parts of the state and tell the subscribers."""
        with self._lock:
            state = replace(self.state, **changes)
            if "draft" in changes or "price" in changes:
                state = replace(state, price=_judged(state))
            self.state = state
        self._announce()
        return state

    # -- telling --------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[TrainingState], None]) -> Callable[[], None]:
        """Call ``callback`` with the latest state after changes; return how to end that."""
        with self._lock:
            key = self._next
            self._next += 1
            self._subscribers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    def _announce(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._due or not self._subscribers:
                return
            self._due = True
            wait = self._announced + UPDATE_SECONDS - now
        if wait <= 0:
            self._tell_soon()
        else:
            self.runner.later(wait, self._tell_soon)

    def _tell_soon(self) -> None:
        try:
            self.runner.submit("notify", self._tell)
        except RuntimeError:  # the system has no thread to spare: the next change is told
            with self._lock:
                self._due = False

    def _tell(self) -> None:
        with self._lock:
            self._due = False
            self._announced = time.monotonic()
            state, callbacks = self.state, list(self._subscribers.values())
        for callback in callbacks:
            try:
                callback(state)
            except Exception:
                # One broken view must not keep the others from hearing.
                log.exception("a view failed to show a change")


def _judged(state: TrainingState) -> Any:
    """Return the price with whether it is still the price of what the draft holds."""
    price, estimate = state.price, state.price.estimate
    fits = (
        estimate is not None
        and price.covers >= price.of
        and state.draft.unsent == 0
        and order_of(state.draft, state.model).fingerprint == estimate.fingerprint
    )
    return price if price.acceptable == fits else replace(price, acceptable=fits)


def _edited(draft: Draft, *, row: ImageRow, edit: Callable[[ImageRow], ImageRow]) -> Draft:
    stands = draft.image.get(row.image_id)
    if stands is None or set(stands.keys).isdisjoint(row.keys):
        return draft
    after = edit(stands)
    if after == stands:
        return draft
    revision = draft.revision + (after.caption != stands.caption)
    return replace(draft.with_images({row.image_id: after}), revision=revision)
