"""A training's pictures, whole and small, whether they are on this computer or there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from phoenix_nbtrain.arguments import texts
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import ImageRow
from phoenix_nbtrain.errors import ImageError, InputError, PhoenixError, shown
from phoenix_nbtrain.training.live import Live
from phoenix_nbtrain.training.service import Service
from phoenix_nbtrain.training.state import Thumbnail
from phoenix_nbtrain.training.thumbnailer import PX_MAX, PX_USUAL, Step, asked, thumbnailer

__all__ = ["Thumbnails"]

log = logging.getLogger(__name__)

AHEAD_SECONDS = 0.5
"""How long after pictures were added they are looked at ahead. A script that ends before has no
use for it."""


class Thumbnails:
    """The thumbnails and mean colours of one training's pictures, and the pictures themselves."""

    def __init__(self, live: Live, service: Service, pictures: Contents) -> None:
        self._live = live
        self.service = service
        self._pictures = pictures
        self._kept = thumbnailer()
        self._looked_ahead: set[str] = set()

    def ask(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        """Return a future per picture; ids are image ids, or asset ids of samples.

        Cancelling one ends its work with the next step, begun or not.
        """
        if not isinstance(px, int | float) or px != px:  # NaN
            raise InputError(f"px is {shown(px, 40)}.", remedy="Give a number of pixels.")
        px = int(max(16, min(PX_MAX, px)))
        return [self._one(i, px) for i in texts("ids", ids)]

    def colours(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return each picture's mean colour as ``#rrggbb``, where it is known. Never blocks."""
        return {i: self._kept.colours.get(self._key(i)) for i in texts("ids", ids)}

    def look_ahead(self) -> None:
        """Make thumbnails of what is new on this computer, behind what views ask for.

        One at a time: whoever asks for one waits for at most one of these. A picture's colour is
        there then before a view paints its place.
        """
        if self._next() is not None:
            self._live.runner.later(AHEAD_SECONDS, self._look)

    def content(self, picture_id: str) -> bytes:
        """Return the whole file of a picture.

        Raises:
            ImageError: there is no such picture.
            ServiceUnreachable, ServiceError: it is on the service, which did not give it.
        """
        if not isinstance(picture_id, str):
            raise _unknown(picture_id)
        row = self._live.state.draft.image.get(picture_id)
        content = self._pictures.get(row.content_hash) if row and row.content_hash else None
        if content is not None:
            return content
        asset_id = row.asset_id if row else picture_id
        if asset_id is None or (row is None and not asset_id.startswith("asset_")):
            raise _unknown(picture_id)
        return self._fetched(asset_id)

    def _fetched(self, asset_id: str) -> bytes:
        """Return a picture that the service has. What was fetched is kept, within bounds."""
        key = self._there(asset_id)
        content = None if self.service.is_local else self._kept.fetched.get(key)
        if content is None:
            # The address is signed and short-lived, so it is read anew and kept nowhere.
            content = self.service.fetch(self.service.get_asset(asset_id).url)
            if not self.service.is_local:  # the local Phoenix has it on this disk already
                self._kept.fetched.put(key, content)
        return content

    # -- one thumbnail --------------------------------------------------------------------------

    def _one(self, picture_id: str, px: int) -> Future[Thumbnail]:
        thumbnail = self._kept.at_hand(self._key(picture_id), px)
        if thumbnail is None:
            return asked(self._live.runner, partial(self._make, picture_id, px))
        done: Future[Thumbnail] = Future()
        done.set_result(thumbnail)
        return done

    def _make(self, picture_id: str, px: int, step: Step) -> Thumbnail:
        content = partial(self.content, picture_id)
        return self._kept.get(self._key(picture_id), px, content, step)

    def _key(self, picture_id: str) -> str:
        """Return what tells the picture from others, in every training and on every Phoenix."""
        row = self._live.state.draft.image.get(picture_id)
        if row is not None and row.content_hash:
            return row.content_hash
        return self._there((row.asset_id if row else None) or picture_id)

    def _there(self, asset_id: str) -> str:
        return f"{self._live.origin} {asset_id}"

    # -- looking ahead --------------------------------------------------------------------------

    def _next(self) -> ImageRow | None:
        for row in self._live.state.draft.images:
            key = row.content_hash
            if key and key not in self._looked_ahead and not self._kept.colours.get(key):
                return row
        return None

    def _look(self) -> None:
        row = self._next()
        if row is not None and row.content_hash is not None:
            self._looked_ahead.add(row.content_hash)
            looked = asked(self._live.runner, partial(self._make, row.image_id, PX_USUAL))
            looked.add_done_callback(self._looked)

    def _looked(self, looked: Future[Thumbnail]) -> None:
        error = looked.exception()
        if error is not None and not isinstance(error, PhoenixError):
            log.error("a picture could not be looked at ahead", exc_info=error)
        self._look()


def _unknown(picture_id: object) -> ImageError:
    return ImageError(
        f"There is no picture {shown(picture_id)}.", remedy="training.images lists the ids."
    )
