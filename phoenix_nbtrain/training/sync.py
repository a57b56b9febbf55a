"""The draft's way to the service: debounced, one flight at a time, never while the model trains.

A flight reads the model first, merges, and sends only what is missing: pictures (`uploads`);
removals, so that there is room; pictures into the set (`attaching`); then, having read again,
captions, pairs and configuration.
Whatever it stops at, the next flight goes on from what the service then holds, so nothing is sent
twice and nothing lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import Draft, ImageRow, PairTriple
from phoenix_nbtrain.errors import NotFound, PhoenixError, ServiceError, Throttled
from phoenix_nbtrain.records import TrainingPair
from phoenix_nbtrain.runner import Timer
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.store.lease import lease
from phoenix_nbtrain.training.attaching import Attaching
from phoenix_nbtrain.training.flight import ENDING, PASSING, Rows, all_done, reason
from phoenix_nbtrain.training.live import Live
from phoenix_nbtrain.training.merge import merge
from phoenix_nbtrain.training.order import wire_parameters
from phoenix_nbtrain.training.service import Service
from phoenix_nbtrain.training.state import SyncState
from phoenix_nbtrain.training.uploads import Uploads

__all__ = ["Sync"]

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 1.0
RETRY_SECONDS_MAX = 300.0
"""The longest wait that the service may ask for and get."""


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
        self._rows = Rows(live)
        self._uploads = Uploads(live, journal=journal, pictures=pictures)
        self._attaching = Attaching(live, self._uploads)
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
        with self.landed():
            pass
        self._after()

    @contextmanager
    def landed(self) -> Iterator[None]:
        """Fly now, and let nobody on this computer begin another flight until the block ends.

        So what is priced in there is what is launched.

        Raises:
            ServiceUnreachable, ServiceError: as for `now`.
        """
        with lease("sync", self._live.origin, self._live.model_id):
            if self._timer is not None:
                self._timer.cancel()  # what it was for is done here
            try:
                self._fly()
            except PhoenixError as error:
                self._failed(error)
                raise
            except KeyboardInterrupt:
                # Whoever interrupts a cell wants the cell back; the draft still goes up.
                self._live.show(sync=SyncState(phase="waiting"))
                self.request()
                raise
            else:
                self._failures = 0
            finally:
                self._live.change(_landed).result()
            yield

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
        if isinstance(error, Throttled) and error.retry_after is not None:
            wait = max(wait, min(RETRY_SECONDS_MAX, error.retry_after))
        self._live.show(
            sync=SyncState(phase="failed", message=f"Kept on this computer. {error}"[:200])
        )
        if isinstance(error, PASSING):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._live.runner.later(wait, self.in_background)

    # -- one flight -----------------------------------------------------------------------------

    def _fly(self) -> None:
        if not self._read():
            return
        if self._live.state.draft.unsent:
            self._live.show(sync=SyncState(phase="sending"))
            if self._pictures():
                # Sending pictures takes its time: what others wrote meanwhile is read before it
                # could be overwritten, or a moment later where nothing will be.
                if not self._live.state.draft.unsent:
                    self._timer = self._live.runner.later(DEBOUNCE_SECONDS, self.in_background)
                elif not self._read():
                    return
            self._remove()  # what was taken out while it was on its way
            self._captions()
            self._pairs()
            self._config(self._live.state.model.type)
        kept_out = next((r for r in self._live.state.draft.images if r.ceiling is not None), None)
        self._live.show(sync=SyncState(message=kept_out.refusal if kept_out else ""))

    def _read(self) -> bool:
        """Read the model and merge it; return whether it may be written to."""
        model = self.service.get_model(self._live.model_id)
        self._live.show(model=model)
        draft = self._change(lambda d: merge(d, model))
        if model.status != "training":
            return True
        waits = SyncState(phase="blocked", message="Kept on this computer until the training ends")
        self._live.show(sync=waits if draft.unsent else SyncState())
        return False

    def _pictures(self) -> bool:
        """Send the pictures that are missing; return whether there were any."""
        sent = False
        for _ in range(2):  # an asset may be deleted there just when it was to be added
            ahead, last = 0, None
            for _ in self._uploads.send(self.service):
                if last != 0:  # else something is to be found out first
                    last = self._attaching.attach_ahead(self.service)
                    ahead += last
            sent = sent or ahead > 0
            self._remove()
            self._attaching.make_room()
            if all(r.attached or r.refusal for r in self._live.state.draft.images):
                break
            self._attaching.attach(self.service, ahead=ahead)
            sent = True
        return sent

    def _change(self, edit: Callable[[Draft], Draft]) -> Draft:
        return self._live.change(edit).result()

    def _remove(self) -> None:
        draft = self._live.state.draft
        # What is to be replaced stays until its successor is there to take the place.
        held = {row.replaces for row in draft.images if row.asset_id is None}
        for asset_id in sorted(draft.removed - held):
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
            except ENDING:
                raise
            except ServiceError as error:
                self._rows.refuse(row, reason(error))
            else:
                self._rows.set(row, served_caption=row.caption)

        all_done([self._live.runner.submit("io", send, row) for row in changed])

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
        except ENDING:
            raise
        except ServiceError as error:
            refusal = reason(error)
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
