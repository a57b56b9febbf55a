"""Small versions of a training's pictures, whether they are on this computer or there."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.errors import ImageError, shown
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.training.live import Live
from phoenix_nbtrain.training.service import Service
from phoenix_nbtrain.training.state import Thumbnail

__all__ = ["Thumbnails"]

CACHED_BYTES = 64 * 1024 * 1024
PX_MAX = 2048


class Thumbnails:
    """Makes thumbnails in the decoder's children and keeps the last ones."""

    def __init__(self, live: Live, service: Service, pictures: Contents) -> None:
        self._live = live
        self.service = service
        self._pictures = pictures
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[str, int], Thumbnail] = OrderedDict()
        self._size = 0

    def ask(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        """Return a future per picture; ids are image ids, or asset ids of samples."""
        px = max(16, min(PX_MAX, int(px)))
        return [self._live.runner.submit("thumbnails", self._make, str(i), px) for i in ids]

    def content(self, picture_id: str) -> bytes:
        """Return the whole file of a picture.

        Raises:
            ImageError: there is no such picture.
            ServiceUnreachable, ServiceError: it is on the service, which did not give it.
        """
        row = self._live.state.draft.image.get(picture_id)
        content = self._pictures.get(row.content_hash) if row and row.content_hash else None
        if content is not None:
            return content
        asset_id = row.asset_id if row else picture_id
        if asset_id is None or (row is None and not asset_id.startswith("asset_")):
            raise ImageError(
                f"There is no picture {shown(picture_id)}.", remedy="training.images lists the ids."
            )
        # The address is signed and short-lived, so it is read anew each time and kept nowhere.
        return self.service.fetch(self.service.get_asset(asset_id).url)

    def _make(self, picture_id: str, px: int) -> Thumbnail:
        row = self._live.state.draft.image.get(picture_id)
        key = ((row.content_hash or row.asset_id or picture_id) if row else picture_id, px)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        made = decoder.thumbnail(self.content(picture_id), px)
        thumbnail = Thumbnail(mime=made.mime, content=made.content)
        with self._lock:
            if key not in self._cache:
                self._cache[key] = thumbnail
                self._size += len(thumbnail.content)
            while self._size > CACHED_BYTES:
                self._size -= len(self._cache.popitem(last=False)[1].content)
        return thumbnail
