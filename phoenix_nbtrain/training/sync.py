"""The draft's way to the service: debounced, one flight at a time, never while the model trains.

A flight reads the model first, merges, and sends only what is missing. Whatever it stops at, the
next flight goes on from what the service then holds, so nothing is sent twice and nothing lost.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import Draft, ImageRow, PairTriple
from phoenix_nbtrain.errors import (
    NotFound,
    PhoenixError,
    PlanLimitReached,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.records import TrainingPair
from phoenix_nbtrain.runner import Timer
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.store.lease import lease
from phoenix_nbtrain.training.live import Live
from phoenix_nbtrain.training.merge import merge
from phoenix_nbtrain.training.order import wire_parameters
from phoenix_nbtrain.training.service import Service
from phoenix_nbtrain.training.state import SyncState

__all__ = ["Sync"]

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 1.0
ASSETS_PER_CALL = 10
"""Most asset ids that one call adds to a training set (SDK)."""
_PASSING = (ServiceUnreachable, ServiceFailed, Throttled)
"""Failures after which the same request may succeed: the flight ends and is tried again."""


class Sync:
    """Keeps the service's copy of one draft up to date."""

    def __init__(
        self,
        live: Live,
        service: Service,
        *,
        journal: Journal,
        pictures: Contents,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self._live = live
        self.service = service
        self._journal = journal
        self._pictures = pictures
        self._after = after
        self._timer: Timer | None = None
        self._failures = 0

    # -- when -----------------------------------------------------------------------------------

    def request(self) -> None:
        """Begin a flight once nobody has edited for a second. Never blocks."""
        if self._timer is not None:
            self._timer.cancel()
        if self._live.state.sync.phase in ("idle", "failed"):
            self._live.show(sync=SyncState(phase="waiting"))
        self._timer = self._live.runner.later(DEBOUNCE_SECONDS, self.in_background)

    def in_background(self) -> Future[None]:
        """Begin a flight now, on a thread of its own."""
        return self._live.runner.alone("sync", self._quietly)

    def now(self) -> None:
        """Fly now and wait.

        Raises:
            ServiceUnreachable, ServiceError: what ended the flight early; the draft stays here.
        """
        with lease("sync", self._live.origin, self._live.model_id):
            try:
                self._fly()
            except PhoenixError as error:
                self._failed(error)
                raise
            else:
                self._failures = 0
            finally:
                self._live.change(_landed).result()
        self._after()

    def _quietly(self) -> None:
        try:
            self.now()
        except PhoenixError:
            pass  # shown as state, and tried again by the timer that _failed set
        except Exception as error:
            log.exception("the sync of %s failed", self._live.model_id)
            self._live.show(
                problem=f"The sync failed: {error!r}"[:200],
                sync=SyncState(phase="failed", message="Kept on this computer; the sync failed"),
            )

    def _failed(self, error: PhoenixError) -> None:
        self._failures += 1
        wait = min(60.0, 2.0**self._failures)
        self._live.show(
            sync=SyncState(phase="failed", message=f"Kept on this computer. {error}"[:200])
        )
        if isinstance(error, _PASSING):
            self._timer = self._live.runner.later(wait, self.in_background)

    # -- one flight -----------------------------------------------------------------------------

    def _fly(self) -> None:
        model = self.service.get_model(self._live.model_id)
        self._live.show(model=model)
        draft = self._change(lambda d: merge(d, model))
        if model.status == "training":
            self._live.show(
                sync=SyncState(
                    phase="blocked" if draft.unsent else "idle",
                    message="Kept on this computer until the training is over"
                    if draft.unsent
                    else "",
                )
            )
            return
        if draft.unsent:
            self._live.show(sync=SyncState(phase="sending"))
            self._upload(draft)
            self._attach()
            self._remove()
            self._captions()
            self._pairs()
            self._config(model.type)
        self._live.show(sync=SyncState())

    def _change(self, edit: Callable[[Draft], Draft]) -> Draft:
        return self._live.change(edit).result()

    def _row(self, image_id: str, **changes: Any) -> Draft:
        """Change one image row, unless it was removed meanwhile."""

        def edit(draft: Draft) -> Draft:
            row = draft.image.get(image_id)
            return draft if row is None else draft.with_images({image_id: replace(row, **changes)})

        return self._change(edit)

    def _upload(self, draft: Draft) -> None:
        scope = {
            "origin": self._live.origin,
            "project": self.service.project_id or "",
            "model_id": self._live.model_id,
        }
        known = self._journal.uploads(**scope)
        todo = []
        for row in draft.images:
            if row.asset_id or row.refusal or row.content_hash is None:
                continue
            if row.content_hash in known:
                self._row(row.image_id, asset_id=known[row.content_hash])
            else:
                todo.append(row)
        if not todo:
            return
        ids = {row.image_id for row in todo}
        self._change(lambda d: _sending(d, ids))
        done = itertools.count(1)
        self._live.show(sync=SyncState(phase="sending", total=len(todo)))

        def send(row: ImageRow) -> None:
            content = self._pictures.get(row.content_hash or "")
            if content is None:
                self._row(
                    row.image_id, sending=False, refusal="Its file is gone from this computer"
                )
                return
            try:
                asset = self.service.upload_image(row.name, metadata.strip(content))
            except _PASSING:
                raise
            except ServiceError as error:
                self._row(row.image_id, sending=False, refusal=str(error)[:200])
                return
            self._journal.remember_upload(
                **scope, content_hash=row.content_hash or "", asset_id=asset.id
            )
            self._row(row.image_id, asset_id=asset.id, automatic_caption=asset.automatic_captioning)
            self._live.show(sync=SyncState(phase="sending", done=next(done), total=len(todo)))

        flights = [self._live.runner.submit("io", send, row) for row in todo]
        _raise_first([flight.exception() for flight in flights])

    def _attach(self) -> None:
        draft = self._live.state.draft
        waiting = [r for r in draft.images if r.asset_id and not r.attached and not r.refusal]
        for start in range(0, len(waiting), ASSETS_PER_CALL):
            self._attach_rows(waiting[start : start + ASSETS_PER_CALL])

    def _attach_rows(self, rows: Sequence[ImageRow]) -> None:
        ids = [row.asset_id or "" for row in rows]
        try:
            self.service.add_training_images(self._live.model_id, ids)
        except _PASSING:
            raise
        except ServiceError as error:
            # Whether a refused batch was taken in part is not stated anywhere: look.
            model = self.service.get_model(self._live.model_id)
            there = {image.id for image in model.training_images}
            left = [row for row in rows if row.asset_id not in there]
            for row in rows:
                if row not in left:
                    self._attached(row)
            if isinstance(error, PlanLimitReached) or len(left) == 1:
                for row in left:
                    self._refused(row, error)
            else:
                for row in left:
                    self._attach_rows([row])
        else:
            for row in rows:
                self._attached(row)

    def _attached(self, row: ImageRow) -> None:
        # A fresh asset carries no caption of anybody's; one given by its id was read before.
        served = row.served_caption if row.served_caption is not None else ""

        def edit(draft: Draft) -> Draft:
            stands = draft.image.get(row.image_id)
            if stands is None:  # removed while it was on its way: take it out again
                return replace(draft, removed=draft.removed | {row.asset_id or ""})
            landed = replace(stands, attached=True, served_caption=served, sending=False)
            return draft.with_images({row.image_id: landed})

        self._change(edit)

    def _refused(self, row: ImageRow, error: ServiceError) -> None:
        if isinstance(error, NotFound) and row.content_hash is not None:
            # The asset was deleted there. Forget it, and the next flight uploads it again.
            self._journal.forget_upload(
                origin=self._live.origin,
                model_id=self._live.model_id,
                asset_id=row.asset_id or "",
            )
            self._row(row.image_id, asset_id=None, sending=False)
            self.request()
            return
        self._row(row.image_id, sending=False, refusal=str(error)[:200])

    def _remove(self) -> None:
        for asset_id in sorted(self._live.state.draft.removed):
            with suppress(NotFound):  # gone already, which is what was wanted
                self.service.delete_training_image(self._live.model_id, asset_id)
            self._change(partial(_gone, asset_id=asset_id))

    def _captions(self) -> None:
        changed = [
            row
            for row in self._live.state.draft.images
            if row.attached
            and row.asset_id
            and not row.refusal
            and row.caption != row.served_caption
        ]

        def send(row: ImageRow) -> None:
            try:
                self.service.update_asset(row.asset_id or "", description=row.caption)
            except _PASSING:
                raise
            except ServiceError as error:
                self._row(row.image_id, refusal=str(error)[:200])
            else:
                self._row(row.image_id, served_caption=row.caption)

        flights = [self._live.runner.submit("io", send, row) for row in changed]
        _raise_first([flight.exception() for flight in flights])

    def _pairs(self) -> None:
        draft = self._live.state.draft
        rows = [row for row in draft.pairs if not row.refusal]
        ready = [
            row
            for row in rows
            if all(i in draft.image and draft.image[i].attached for i in (row.source, row.target))
        ]
        wanted: tuple[PairTriple, ...] = tuple(row.triple for row in ready)
        if wanted == (draft.served_pairs or ()):
            return
        try:
            self.service.replace_pairs(
                self._live.model_id,
                [
                    TrainingPair(
                        source_id=draft.image[source].asset_id or "",
                        target_id=draft.image[target].asset_id or "",
                        instruction=text,
                    )
                    for source, target, text in wanted
                ],
            )
        except _PASSING:
            raise
        except ServiceError as error:
            refusal = str(error)[:200]
            self._change(
                lambda d: d.with_pairs(
                    {
                        r.pair_id: replace(r, refusal=refusal)
                        for r in d.pairs
                        if r.triple not in (d.served_pairs or ())
                    }
                )
            )
        else:
            self._change(lambda d: replace(d, served_pairs=wanted))

    def _config(self, type_name: str) -> None:
        draft = self._live.state.draft
        if dict(draft.config) == dict(draft.served_config or {}):
            return
        self.service.update_model(self._live.model_id, parameters=wire_parameters(draft, type_name))
        held: Mapping[str, Any] = MappingProxyType(dict(draft.config))
        self._change(lambda d: replace(d, served_config=held))


def _sending(draft: Draft, ids: Iterable[str]) -> Draft:
    return draft.with_images(
        {i: replace(draft.image[i], sending=True) for i in ids if i in draft.image}
    )


def _gone(draft: Draft, *, asset_id: str) -> Draft:
    """Return the draft after the service let go of an asset, though undo may have restored it."""
    back = {
        row.image_id: replace(row, attached=False)
        for row in draft.images
        if row.asset_id == asset_id
    }
    return replace(draft.with_images(back), removed=draft.removed - {asset_id})


def _landed(draft: Draft) -> Draft:
    """Return the draft with nothing on its way any more."""
    flying = [row.image_id for row in draft.images if row.sending]
    if not flying:
        return draft
    return draft.with_images({i: replace(draft.image[i], sending=False) for i in flying})


def _raise_first(errors: Iterable[BaseException | None]) -> None:
    for error in errors:
        if error is not None:
            raise error
