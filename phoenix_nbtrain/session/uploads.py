"""Images' way to the service: each is sent once, whatever interrupts it.

What was sent is in the journal under its content, and what was begun under its upload's id; both
are looked at before anything goes out. One case remains: a small image goes in a single request
whose reply alone names the asset, so where that reply is lost, nothing tells that it arrived.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import InputError, NotFound, PhoenixError, ServiceError
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.records import Asset, Signed
from phoenix_nbtrain.runner import all_done
from phoenix_nbtrain.session.merge import captioned
from phoenix_nbtrain.session.service import ASSETS_PER_CALL, ENDING, Service, reason
from phoenix_nbtrain.session.state import SyncState
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.text import shown

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s\"'<>]+")


class Uploads:
    """Makes assets of one draft's images."""

    def __init__(self, live: StateStore, *, journal: Journal, contents: Contents) -> None:
        self._live = live
        self._journal = journal
        self._contents = contents
        self._under_way: dict[str, Future[Future[Draft] | None]] = {}

    def send(self, service: Service) -> Iterator[None]:
        """Give every waiting image its asset: the one it had before, or a new one.

        Yields:
            Whenever the next few, in order, have theirs, while the others are on their way.

        Raises:
            ServiceUnreachable, ServiceError: what ended it early; what was sent is remembered.
        """
        self.verify(service, self._waiting())
        rows = [row for row in self._waiting() if row.asset_id is None]
        if not rows:
            return
        self._live.set_rows(rows, sending=True)
        self._live.show(sync=SyncState(phase="sending", total=len(rows)))
        done = itertools.count(1)
        flights = []
        for row in rows:
            # An interrupted cell leaves requests behind on their threads: they are waited for
            # here, not sent beside.
            key = row.upload_key or row.image_id
            flight = self._under_way.get(key)
            if flight is None or flight.done():
                flight = self._live.runner.submit("io", self._send, service, row)
                self._under_way[key] = flight
            flight.add_done_callback(partial(self._count, done, len(rows)))
            flights.append(flight)
        try:
            for start in range(0, len(flights), ASSETS_PER_CALL):
                some = flights[start : start + ASSETS_PER_CALL]
                all_done(some)
                all_done(edit for flight in some if (edit := flight.result()) is not None)
                yield
        except Exception:
            with suppress(Exception):  # the first failure is the one that is told
                all_done(flights)
            raise
        except BaseException:  # an interrupt, or the end of the wish for more
            for flight in flights:
                flight.cancel()
            raise
        self._under_way.clear()

    def verify(self, service: Service, rows: Sequence[ImageRow]) -> list[ImageRow]:
        """Ask whether the assets of ``rows`` still are, and forget those that are not.

        Returns:
            The rows whose asset is gone. Those that can be sent again have none now, the others
            are refused.
        """
        known = self._journal.uploads(**self._scope(service))
        ids = {row.image_id: row.asset_id or known.get(row.upload_key or "") for row in rows}
        wanted = [asset_id for asset_id in ids.values() if asset_id]
        found = {a.id: a for a in service.get_assets(wanted)} if wanted else {}
        gone = []
        for row in rows:
            asset_id = ids[row.image_id]
            if asset_id is None:
                continue
            if asset_id in found:
                self._live.edit_row(row, partial(_with_asset, found[asset_id]))
            else:
                gone.append(row)
                self._forget(service, row, asset_id)
        return gone

    # -- one image ----------------------------------------------------------------------------

    def _waiting(self) -> list[ImageRow]:
        return [r for r in self._live.state.draft.images if not r.attached and not r.refusal]

    def _scope(self, service: Service) -> dict[str, str]:
        return {
            "origin": self._live.origin,
            "project": service.project_id or "",
            "model_id": self._live.model_id,
        }

    def _send(self, service: Service, row: ImageRow) -> Future[Draft] | None:
        """Send one image; return the change of its row, if that is still being written."""
        scope, key = self._scope(service), row.upload_key
        if key is None:
            self._live.refuse_row(row, "Its file is gone from this computer. Add it again.")
            return None
        known = self._journal.uploads(**scope).get(key)
        if known is not None:  # a request that an interrupted flight left behind came home
            self._live.set_row(row, asset_id=known, url=None, sending=False)
            return None
        upload_id = self._journal.begun_uploads(**scope).get(key)

        def begun(upload_id: str) -> None:
            self._journal.begin_upload(**scope, content_hash=key, upload_id=upload_id)

        content = self._contents.get(row.content_hash) if row.content_hash else None
        # What is kept has no metadata any more, unless an older version kept it.
        content = metadata.strip(content) if content is not None else None
        if content is None and row.url is None:
            self._live.refuse_row(row, "Its file is gone from this computer. Add it again.")
            return None

        def send(upload_id: str | None) -> Asset:
            if content is not None:
                return service.upload_image(row.name, content, upload_id=upload_id, begun=begun)
            return service.import_image(Signed(row.url or ""), upload_id=upload_id, begun=begun)

        try:
            try:
                asset = send(upload_id)
            except NotFound:
                if upload_id is None:
                    raise
                asset = send(None)  # it was taken, and what it became is gone since
        except ENDING as error:
            raise _without_addresses(error) from None
        except (ServiceError, InputError) as error:
            # What was begun is kept in mind: it may have been taken all the same, and the next
            # try reads it before it sends anything.
            self._live.refuse_row(row, reason(_without_addresses(error)))
            return None
        self._journal.remember_upload(**scope, content_hash=key, asset_id=asset.id)
        # It is safe now: the next image need not wait until the draft says so, too.
        return self._live.edit_row_later(row, partial(_with_asset, asset))

    def _count(self, done: Iterator[int], total: int, _: Future[Any]) -> None:
        self._live.show(sync=SyncState(phase="sending", done=next(done), total=total))

    def _forget(self, service: Service, row: ImageRow, asset_id: str) -> None:
        scope = self._scope(service)
        self._journal.forget_upload(
            origin=scope["origin"], model_id=scope["model_id"], asset_id=asset_id
        )
        if row.content_hash is None and row.url is None:
            what = "add it by its URL again" if row.url_key else "check the id, or add the file"
            self._live.refuse_row(row, f"Phoenix has no {shown(asset_id, 40)}: {what}.")
        else:
            self._live.set_row(row, asset_id=None, served_caption=None, sending_caption=None)


def _with_asset(asset: Asset, row: ImageRow) -> ImageRow:
    """Return the row with what the service says of its asset."""
    row = replace(
        row,
        asset_id=asset.id,
        url=None,
        sending=False,
        automatic_caption=asset.automatic_captioning or row.automatic_caption,
        width=asset.width if row.width is None else row.width,
        height=asset.height if row.height is None else row.height,
        bytes=asset.size if row.bytes is None else row.bytes,
    )
    if row.upload_key and row.served_caption is None and row.caption:
        # An asset of ours from before: the caption it kept is ours, too, and this one is newer.
        return replace(row, served_caption=asset.description)
    return captioned(row, asset.description)


def _without_addresses(error: PhoenixError) -> PhoenixError:
    """Return the error without any address in its words: it may be signed."""
    error.message = _ADDRESS.sub("(the address)", error.message)
    error.remedy = _ADDRESS.sub("(the address)", error.remedy)
    error.args = (error.message,)
    return error
