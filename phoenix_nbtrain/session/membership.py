"""Uploaded images' way into the model's training set: in tens, in order, as many as fit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import NotFound, PlanLimitReached, ServiceError
from phoenix_nbtrain.session.service import ASSETS_PER_CALL, ENDING, Service, reason
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.uploads import Uploads


class _Queue:
    """The images that wait to be added, and how many of them may still be."""

    def __init__(self, rows: Sequence[ImageRow], *, ahead: int = 0) -> None:
        self.rows = list(rows)
        self.total = len(self.rows) + ahead
        self.added = ahead
        self.full: PlanLimitReached | None = None
        self._room: int | None = None
        self._singly: set[str] = set()

    def batch(self) -> list[ImageRow]:
        """Return what the next call adds; nothing where nothing waits or fits."""
        most = ASSETS_PER_CALL if self._room is None else min(ASSETS_PER_CALL, self._room)
        if self.rows and self.rows[0].image_id in self._singly:
            most = min(most, 1)
        return self.rows[:most]

    def drop(self, rows: Collection[ImageRow]) -> None:
        """Take out rows of which it is known what became."""
        self.rows = [row for row in self.rows if row not in rows]

    def took(self, rows: Collection[ImageRow]) -> None:
        """Note what was added."""
        self.drop(rows)
        self.added += len(rows)
        if self._room is not None:
            self._room -= len(rows)

    def one_by_one(self, rows: Collection[ImageRow]) -> None:
        """Try these by themselves: something is wrong with one of them, or with the count."""
        self._singly.update(row.image_id for row in rows)

    def stop_at(self, error: PlanLimitReached, *, held: int, left: Sequence[ImageRow]) -> None:
        """Note the ceiling that refused ``left`` while the service held ``held`` images."""
        self.full = error
        fit = None if error.limit is None else max(0, error.limit - held)
        if len(left) == 1:
            self._room = 0
        elif fit is None or fit >= len(left):
            self.one_by_one(left)
        else:
            self._room = fit


class Attaching:
    """Lists a draft's assets among the model's training images."""

    def __init__(self, live: StateStore, uploads: Uploads) -> None:
        self._live = live
        self._uploads = uploads

    def make_room(self) -> None:
        """Let images that a ceiling kept out wait again, as many as now fit."""
        images = self._live.state.draft.images
        held = sum(row.attached or not row.refusal for row in images)
        for row in images:
            if row.refusal and row.ceiling is not None and held < row.ceiling:
                self._live.set_row(row, refusal="", ceiling=None)
                held += 1

    def attach_ahead(self, service: Service) -> int:
        """Add the next ten images while others are still on their way; return how many it did.

        Only where nothing has to make room first. A refusal is left to `attach`, which meets it
        again and finds out what it means.
        """
        draft, batch = self._live.state.draft, list[ImageRow]()
        for row in draft.images:
            if row.attached or row.refusal:
                continue
            if row.asset_id is None or row.replaces is not None or len(batch) == ASSETS_PER_CALL:
                break
            batch.append(row)
        if len(batch) < ASSETS_PER_CALL or draft.removed:
            return 0
        try:
            service.add_training_images(self._live.model_id, [r.asset_id or "" for r in batch])
        except ENDING:
            raise
        except ServiceError:
            return 0
        self._took(_Queue(batch), batch)
        return len(batch)

    def attach(self, service: Service, *, ahead: int = 0) -> None:
        """Add every waiting image that has an asset, or say why not.

        Args:
            service: where to.
            ahead: how many of these images `attach_ahead` has added already.

        Raises:
            ServiceUnreachable, ServiceError: what ended it early; the next flight goes on.
        """
        images = self._live.state.draft.images
        waiting = [r for r in images if r.asset_id and not r.attached and not r.refusal]
        queue = _Queue(waiting, ahead=ahead)
        while batch := queue.batch():
            ids = [row.asset_id or "" for row in batch]
            try:
                service.add_training_images(self._live.model_id, ids)
            except ENDING:
                raise
            except ServiceError as error:
                self._refused(service, queue, batch, error)
            else:
                self._took(queue, batch)
        if queue.full is not None:
            limit = queue.full.limit
            takes = "no more images" if limit is None else f"{limit} images per model"
            why = (
                f"The plan allows {takes}: {queue.added} of these {queue.total} fit. Remove some "
                "and sync() again."
            )
            for row in queue.rows:
                self._live.refuse_row(row, why, ceiling=limit)

    def _refused(
        self, service: Service, queue: _Queue, batch: Sequence[ImageRow], error: ServiceError
    ) -> None:
        # Whether a refused batch was taken in part is not stated anywhere: look.
        there = {image.id for image in service.get_model(self._live.model_id).training_images}
        self._took(queue, [row for row in batch if row.asset_id in there])
        left = [row for row in batch if row.asset_id not in there]
        if not left:
            return
        if isinstance(error, PlanLimitReached) and error.action in ("", "add-training-image"):
            queue.stop_at(error, held=len(there), left=left)
        elif isinstance(error, NotFound) and (gone := self._uploads.verify(service, left)):
            queue.drop(gone)  # deleted there since it was looked for; it is sent again
        elif len(left) > 1:
            queue.one_by_one(left)
        else:
            self._live.refuse_row(left[0], reason(error))
            queue.drop(left)

    def _took(self, queue: _Queue, rows: Sequence[ImageRow]) -> None:
        def edit(draft: Draft) -> Draft:
            for row in rows:
                draft = _attached(draft, row)
            return draft

        self._live.change(edit).result()
        queue.took(rows)


def _attached(draft: Draft, row: ImageRow) -> Draft:
    stands = draft.image.get(row.image_id)
    if stands is None or stands.asset_id != row.asset_id:
        # Removed or replaced while it was on its way: take it out again.
        return replace(draft, removed=draft.removed | {row.asset_id or ""})
    landed = replace(stands, attached=True, replaces=None, sending=False)
    return draft.with_images({row.image_id: landed})
