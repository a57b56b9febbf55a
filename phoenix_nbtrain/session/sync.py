"""The draft's way to the service: debounced, one flight at a time, never while the model trains.

A flight reads the model first, merges, and sends only what is missing: images (`uploads`);
removals, so that there is room; images into the set (`attaching`); then, having read again,
captions, pairs and configuration.
Whatever it stops at, the next flight goes on from what the service then holds, so nothing is sent
twice and nothing lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset.edits import pair_problem
from phoenix_nbtrain.draft import Draft, ImageRow, PairTriple
from phoenix_nbtrain.errors import (
    PASSING,
    NotFound,
    PhoenixError,
    ServiceError,
    StoreError,
    Throttled,
)
from phoenix_nbtrain.locks import lease
from phoenix_nbtrain.records import Model, TrainingPair
from phoenix_nbtrain.runner import Timer, all_done
from phoenix_nbtrain.session.membership import Attaching
from phoenix_nbtrain.session.merge import merge
from phoenix_nbtrain.session.order import wire_parameters
from phoenix_nbtrain.session.service import ENDING, Service, reason
from phoenix_nbtrain.session.state import SyncState
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.uploads import Uploads
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.telling import tell

__all__ = ["Sync"]

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 1.0
RETRY_SECONDS = 30.0
"""How long after this computer's own disk failed it is tried again."""
RETRY_SECONDS_MAX = 300.0
"""The longest wait that the service may ask for and get."""


class Sync:
    """Keeps the service's copy of one draft up to date."""

    def __init__(
        self,
        live: StateStore,
        service: Service,
        *,
        journal: Journal,
        contents: Contents,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self._live = live
        self.service = service
        self._uploads = Uploads(live, journal=journal, contents=contents)
        self._attaching = Attaching(live, self._uploads)
        self._after = after
        self._timer: Timer | None = None
        self._waits = False
        """Whether a flight in the background waits for one under way: it will take all there is."""
        self._failures = 0
        self._kept_there: dict[str, str] = {}
        """Removals that the service refused in this flight, by asset, and why."""
        self._retry: Literal["", "texts", "all"] = ""
        """What of the refused rows the next flight sends again."""

    # -- when -----------------------------------------------------------------------------------

    def use(self, service: Service) -> None:
        """Send through another client from now on, at the first pace again."""
        self.service = service
        self._failures = 0

    def retry(self, *, images: bool = True) -> None:
        """Let the next flight send again what the service refused. Never blocks.

        Args:
            images: whether images are uploaded again, too, or only captions and pairs sent.
        """
        self._retry = "all" if images or self._retry == "all" else "texts"

    def send_again(self) -> None:
        """Send again what the service refused, now. Never blocks."""
        self.retry()
        self.in_background()

    def request(self) -> None:
        """Begin a flight once nobody has edited for a second. Never blocks."""
        if self._timer is not None:
            self._timer.cancel()
        if self._live.state.sync.phase in ("idle", "failed"):
            self._live.show(sync=SyncState(phase="waiting"))
        self._timer = self._live.runner.later(DEBOUNCE_SECONDS, self.in_background)

    def in_background(self) -> None:
        """Begin a flight now, on a thread of its own, unless one still waits to begin."""
        if not self._waits:
            self._waits = True
            self._live.runner.alone("sync", self._quietly)

    def now(self) -> None:
        """Fly now and wait.

        Raises:
            ServiceUnreachable, ServiceError: what ended the flight early; the draft stays here.
        """
        with self.landed():
            pass
        self._after()

    @contextmanager
    def landed(self, *, first: Callable[[], object] = lambda: None) -> Iterator[Model | None]:
        """Fly now, and let nobody on this computer begin another flight until the block ends.

        So what is priced in there is what is launched.

        Args:
            first: called once no other flight can begin, before this one reads the model.

        Yields:
            The model as the flight read it, unless it sent something after.

        Raises:
            ServiceUnreachable, ServiceError: as for `now`.
        """
        with ExitStack() as stack:
            with self._told():
                try:
                    stack.enter_context(self._alone())
                finally:
                    self._waits = False
                if self._timer is not None:
                    self._timer.cancel()  # what it was for is done here
                first()
                try:
                    model = self._fly()
                finally:
                    self._live.change(_landed).result()
                self._failures = 0
            yield model

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Show why a flight ended early, and let another follow."""
        try:
            yield
        except PhoenixError as error:
            self._failed(error)
            raise
        except KeyboardInterrupt:
            self._interrupted()
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that lets one kernel at a time send; others see that it gets on."""
        with lease(
            *("sync", self._live.origin, self._live.model_id),
            what="This training is being synced",
            say=self._say,
        ) as held:
            unsubscribe = self._live.subscribe(lambda _: held.progress())
            try:
                yield
            finally:
                unsubscribe()

    def _say(self, words: str) -> None:
        self._live.show(sync=SyncState(phase="waiting", message=words))
        tell(words)

    def _interrupted(self) -> None:
        """Go on in the background: who interrupts a cell wants the cell back, and the draft up."""
        self._live.show(sync=SyncState(phase="waiting"))
        self.request()

    def _quietly(self) -> None:
        try:
            self.now()
        except PhoenixError as error:
            # Shown as state by _failed, unless the disk failed before or after the flight.
            if isinstance(error, StoreError):
                self._again(RETRY_SECONDS)
        except Exception as error:
            log.exception("the sync of %s failed", self._live.model_id)
            self._live.show(
                problem=f"The sync failed: {error!r}"[:200],
                sync=SyncState(phase="failed", message="Saved locally; the sync failed"),
            )
            # A full disk, or a folder that is away for a while; and an accident may pass, too.
            self._failures += 1
            self._again(min(RETRY_SECONDS_MAX, RETRY_SECONDS * _doubled(self._failures - 1)))

    def _failed(self, error: PhoenixError) -> None:
        self._failures += 1
        wait = min(60.0, _doubled(self._failures))
        if isinstance(error, Throttled) and error.retry_after is not None:
            wait = max(wait, min(RETRY_SECONDS_MAX, error.retry_after))
        self._live.show(sync=SyncState(phase="failed", message=f"Saved locally. {error}"[:200]))
        if isinstance(error, (*PASSING, StoreError)):
            self._again(wait)

    def _again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._live.runner.later(seconds, self.in_background)

    # -- one flight -----------------------------------------------------------------------------

    def _fly(self) -> Model | None:
        """Send what the service lacks; return the model as read, if nothing was sent after."""
        self._kept_there = {}
        model = self._read()
        if model.status == "training":
            return model
        retry, self._retry = self._retry, ""
        if retry:
            self._change(partial(_tried_again, images=retry == "all"))
        sends = self._live.state.draft.unsent > 0
        if sends:
            self._live.show(sync=SyncState(phase="sending"))
            if self._images():
                # Sending images takes its time: what others wrote meanwhile is read before it
                # could be overwritten, or a moment later where nothing will be.
                if not self._live.state.draft.unsent:
                    self._timer = self._live.runner.later(DEBOUNCE_SECONDS, self.in_background)
                elif self._read().status == "training":
                    return None
            self._remove()  # what was taken out while it was on its way
            self._captions()
            self._pairs()
            self._config(self._live.state.model.type)
        kept_out = next((r for r in self._live.state.draft.images if r.ceiling is not None), None)
        message = kept_out.refusal if kept_out else ""
        for why in self._kept_there.values():
            message = f"A removed image is still in the dataset on Phoenix: {why}"[:200]
        self._live.show(sync=SyncState(message=message))
        return None if sends else model

    def _read(self) -> Model:
        """Read the model and bring it into the draft. While it trains, nothing may be sent."""
        model = self.service.get_model(self._live.model_id)
        self.take(model)
        return model

    def take(self, model: Model) -> None:
        """Bring what was read into the draft; nothing may have been sent since."""
        self._live.show(model=model)
        draft = self._change(lambda d: merge(d, model))
        if model.status == "training":
            words = "Saved locally until the training ends"
            waits = SyncState(phase="blocked", message=words)
            self._live.show(sync=waits if draft.unsent else SyncState())

    def _images(self) -> bool:
        """Send the images that are missing; return whether there were any."""
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
        for asset_id in sorted(draft.removed - held - self._kept_there.keys()):
            try:
                self._remove_one(asset_id)
            except ENDING:
                raise
            except ServiceError as error:
                self._kept_there[asset_id] = reason(error)  # the rest still goes its way
            else:
                self._change(partial(_gone, asset_id=asset_id))

    def _remove_one(self, asset_id: str) -> None:
        """Take one image out of the set there, and out of the pairs if those hold it back."""
        with suppress(NotFound):  # gone already, which is what was wanted
            try:
                self.service.delete_training_image(self._live.model_id, asset_id)
            except (*ENDING, NotFound):
                raise
            except ServiceError:
                draft = self._live.state.draft
                served = draft.served_pairs or ()
                without = tuple(triple for triple in served if _there(draft, triple))
                if without == served:
                    raise  # no pair is in its way
                self._put_pairs(draft, without)
                self.service.delete_training_image(self._live.model_id, asset_id)

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
                self._live.refuse_row(row, reason(error))
            else:
                self._live.set_row(row, served_caption=row.caption, sending_caption=None)

        if not changed:
            return
        # First on disk: where the reply is lost, the text is known for ours when it is read.
        self._change(partial(_sending_captions, rows=changed))
        all_done([self._live.runner.submit("io", send, row) for row in changed])

    def _pairs(self) -> None:
        draft = self._live.state.draft
        wanted: tuple[PairTriple, ...] = tuple(
            row.triple for row in draft.pairs if not row.refusal and _there(draft, row.triple)
        )
        if wanted == (draft.served_pairs or ()):
            return
        try:
            self._put_pairs(draft, wanted)
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

    def _put_pairs(self, draft: Draft, triples: tuple[PairTriple, ...]) -> None:
        """Replace the pairs there. They are noted first, to be known for ours if found there."""
        self._change(lambda d: replace(d, sending_pairs=triples))
        self.service.replace_pairs(
            self._live.model_id,
            [
                TrainingPair(
                    source_id=draft.image[source].asset_id or "",
                    target_id=draft.image[target].asset_id or "",
                    instruction=text,
                )
                for source, target, text in triples
            ],
        )
        self._change(lambda d: replace(d, served_pairs=triples, sending_pairs=None))

    def _config(self, type_name: str) -> None:
        draft = self._live.state.draft
        held: Mapping[str, Any] = MappingProxyType(draft.sendable_config)
        if held == (draft.served_config or {}):
            return
        self._change(lambda d: replace(d, sending_config=held))
        parameters = wire_parameters(replace(draft, config=held), type_name)
        self.service.update_model(self._live.model_id, parameters=parameters)
        self._change(lambda d: replace(d, served_config=held, sending_config=None))


def _tried_again(draft: Draft, *, images: bool) -> Draft:
    """Return the draft with what the service refused waiting to be sent once more.

    What waits for a person stays refused: a choice between two texts, a pair that lacks an image.
    """
    rows = {
        row.image_id: row.mended()
        for row in draft.images
        if row.refusal and not row.waits and (images or row.attached)
    }
    pairs = {
        row.pair_id: replace(row, refusal=pair_problem(row, draft.image))
        for row in draft.pairs
        if row.refusal and row.theirs is None
    }
    if not rows and all(pairs[i].refusal == draft.pair[i].refusal for i in pairs):
        return draft
    return draft.with_images(rows).with_pairs(pairs)


def _doubled(failures: int) -> float:
    """Return the seconds of a wait that doubles with each failure. Bounded, as floats are."""
    return 2.0 ** min(failures, 10)


def _there(draft: Draft, triple: PairTriple) -> bool:
    """Return whether the service has both images of a pair."""
    return all(i in draft.image and draft.image[i].attached for i in triple[:2])


def _sending_captions(draft: Draft, *, rows: Iterable[ImageRow]) -> Draft:
    """Return the draft with the captions noted that are about to be sent."""
    sending = {
        row.image_id: replace(draft.image[row.image_id], sending_caption=row.caption)
        for row in rows
        if row.image_id in draft.image and draft.image[row.image_id].asset_id == row.asset_id
    }
    return draft.with_images(sending) if sending else draft


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
